/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * linemix-directory descriptor: what a node says of itself, from its key files and the command
 * line, for nodes that do not write their own; or one that is there, shown.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "files.h"
#include "lm_epoch.h"
#include "options.h"

enum {
	KEY_ID = 256,
	KEY_IDENTITY,
	KEY_LINK,
	KEY_KEYS,
	KEY_FIRST,
	KEY_CAPACITY,
	KEY_ADDRESS,
	KEY_MADE,
	KEY_SHOW,
	KEY_JSON,
	KEY_OUT = 'o'
};

struct descriptor_options {
	const char *identity, *link, *keys, *show, *out;
	bool json;
	uint32_t first; /* epoch: earlier keys are not listed */
	struct lm_descriptor descriptor;
};

static const struct argp_option rows[] = {
	{"id", KEY_ID, "ID", 0, "The node", 0},
	{"identity", KEY_IDENTITY, "FILE", 0, "Its identity key, which signs", 0},
	{"link", KEY_LINK, "FILE", 0, "The key of its links", 0},
	{"keys", KEY_KEYS, "FILE", 0, "Its file of mix keys", 0},
	{"first", KEY_FIRST, "E", 0, "List keys from this epoch on (default: all, 64 at most)", 0},
	{"capacity", KEY_CAPACITY, "PPS", 0, "Packets a second", 0},
	{"address", KEY_ADDRESS, "IP:PORT", 0,
	 "Where it is, the best first: 192.0.2.1:7000 or [2001:db8::1]:7000", 0},
	{"made", KEY_MADE, "TIME", 0, "UTC, as 2026-11-25T12:00:00Z (default: now)", 0},
	{"out", KEY_OUT, "FILE", 0, "Where it goes (default: stdout)", 0},
	{"show", KEY_SHOW, "FILE", 0, "Check and show one instead", 0},
	{"json", KEY_JSON, NULL, 0, "Show it as JSON", 0},
	{0},
};

static error_t parse_node(int key, char *arg, struct argp_state *state,
			  struct lm_descriptor *descriptor)
{
	switch (key) {
	case KEY_ID:
		descriptor->id = (uint32_t)options_number(state, "id", arg, 1, UINT32_MAX - 1);
		return 0;
	case KEY_CAPACITY:
		descriptor->capacity =
			(uint32_t)options_number(state, "capacity", arg, 1, UINT32_MAX);
		return 0;
	case KEY_ADDRESS:
		if (descriptor->addresses == LM_TOPOLOGY_ADDRESSES)
			argp_error(state, "address: more than %u", LM_TOPOLOGY_ADDRESSES);
		descriptor->address[descriptor->addresses++] =
			options_address(state, "address", arg);
		return 0;
	case KEY_MADE:
		descriptor->made_s = options_time(state, "made", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void check_complete(struct argp_state *state, const struct descriptor_options *options)
{
	const struct lm_descriptor *descriptor = &options->descriptor;

	if (options->show)
		return;
	if (!options->identity || !options->link || !options->keys || !descriptor->id ||
	    !descriptor->capacity || !descriptor->addresses)
		argp_error(state, "--id, --identity, --link, --keys, --capacity and --address are "
				  "required");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct descriptor_options *options = state->input;

	switch (key) {
	case KEY_IDENTITY:
		options->identity = arg;
		return 0;
	case KEY_LINK:
		options->link = arg;
		return 0;
	case KEY_KEYS:
		options->keys = arg;
		return 0;
	case KEY_FIRST:
		options->first =
			(uint32_t)options_number(state, "first", arg, 0, LM_TOPOLOGY_EPOCH_MAX);
		return 0;
	case KEY_SHOW:
		options->show = arg;
		return 0;
	case KEY_JSON:
		options->json = true;
		return 0;
	case KEY_OUT:
		options->out = arg;
		return 0;
	case ARGP_KEY_END:
		check_complete(state, options);
		return 0;
	default:
		return parse_node(key, arg, state, &options->descriptor);
	}
}

/* ---- Making ---- */

static void take_key(void *context, uint32_t epoch, const struct lm_secret *secret)
{
	struct descriptor_options *options = context;
	struct lm_descriptor *descriptor = &options->descriptor;
	struct lm_descriptor_key *key = &descriptor->key[descriptor->keys];

	if (epoch < options->first || descriptor->keys == LM_DESCRIPTOR_KEYS)
		return;
	key->epoch = epoch;
	lm_key_prove(&key->proof, &key->pk, secret, descriptor->id, &descriptor->identity, epoch);
	descriptor->keys++;
}

/* Written, and read again as an authority would: so that what does not count is found here. */
static int write_checked(const struct descriptor_options *options, const struct lm_signer *signer,
			 struct lm_error *err)
{
	struct lm_descriptor again;
	char *text;
	size_t len;
	int rc = lm_descriptor_format(&text, &len, &options->descriptor, signer, err);

	if (rc == 0)
		rc = lm_descriptor_parse(&again, text, len, "descriptor", err);
	if (rc == 0)
		rc = file_write(options->out, text, len, err);
	free(text);
	return rc;
}

static int make(struct descriptor_options *options, struct lm_error *err)
{
	struct lm_descriptor *descriptor = &options->descriptor;
	uint8_t *secret = lm_secret_alloc(2 * 32);
	int rc;

	if (!secret)
		return lm_error_set(err, ENOMEM,
				    "the kernel locks no memory for keys; raise the limit of "
				    "locked memory (ulimit -l)");
	if (descriptor->made_s == 0)
		descriptor->made_s = lm_clock_wall_us() / 1000000;
	rc = lm_keyfile_load(secret, descriptor->identity.b, LM_KEYFILE_IDENTITY, options->identity,
			     err);
	if (rc == 0)
		rc = lm_keyfile_load(secret + 32, descriptor->link.b, LM_KEYFILE_LINK,
				     options->link, err);
	if (rc == 0)
		lm_link_prove(&descriptor->link_proof, &descriptor->link,
			      (const struct lm_secret *)(secret + 32), descriptor->id,
			      &descriptor->identity);
	if (rc == 0)
		rc = lm_epoch_each_waiting(options->keys, descriptor->id, LM_EPOCH_KEYS_MAX,
					   take_key, options, err);
	if (rc == 0)
		rc = write_checked(options, (const struct lm_signer *)secret, err);
	lm_secret_free(secret);
	return rc;
}

/* ---- Showing ---- */

static void show_text(const struct lm_descriptor *descriptor)
{
	char hex[65], made[LM_TOPOLOGY_TIME];

	lm_topology_format_time(made, descriptor->made_s);
	printf("node      %" PRIu32 "\nmade      %s\n", descriptor->id, made);
	lm_hex_encode(hex, descriptor->identity.b, sizeof(descriptor->identity.b));
	printf("identity  %s\n", hex);
	lm_hex_encode(hex, descriptor->link.b, sizeof(descriptor->link.b));
	printf("link      %s\ncapacity  %" PRIu32 " packets a second\n", hex, descriptor->capacity);
	for (unsigned i = 0; i < descriptor->addresses; i++) {
		char text[LM_TOPOLOGY_ADDRESS];

		lm_topology_format_address(text, &descriptor->address[i]);
		printf("address   %s\n", text);
	}
	printf("keys      epochs %" PRIu32 " to %" PRIu32 "\n", descriptor->key[0].epoch,
	       descriptor->key[descriptor->keys - 1].epoch);
}

static int show(const struct descriptor_options *options, struct lm_error *err)
{
	struct lm_descriptor descriptor;
	struct file file;
	int rc = file_read(&file, options->show, err);

	if (rc != 0)
		return rc;
	rc = lm_descriptor_parse(&descriptor, file.text, file.len, options->show, err);
	/* The document is JSON already. */
	if (rc == 0 && options->json)
		rc = file_write(NULL, file.parts.bytes, file.parts.len, err);
	else if (rc == 0)
		show_text(&descriptor);
	file_free(&file);
	return rc;
}

int descriptor_main(int argc, char **argv)
{
	const struct argp argp = {
		.options = rows,
		.parser = parse,
		.doc = "Makes the descriptor of a node, which its identity signs; or checks and "
		       "shows one.\v"
		       "A relay writes its own into its state folder; this is for the others.",
	};
	struct descriptor_options options = {0};
	struct lm_error err;
	int rc;

	argp_parse(&argp, argc, argv, 0, NULL, &options);
	rc = options.show ? show(&options, &err) : make(&options, &err);
	return rc == 0 ? 0 : options_failed(argv[0], &err);
}
