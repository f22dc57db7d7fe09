/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * linemix-gen inspect: the keys to look into the packets of a capture with, for
 * scripts/linemix.lua. They come from the key files of all nodes, as they were made: a laboratory
 * has those.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "commands.h"
#include "datagram.h"
#include "lm_symmetric.h"
#include "lm_x25519.h"
#include "node_keys.h"
#include "options.h"
#include "setup.h"

#define KDF_PERSON "MIXPKT-v1-hopkdf"

struct options {
	const char *config, *keys, *capture;
};

static const struct argp_option rows[] = {
	{"config", 'c', "FILE", 0, "The generator's configuration (required)", 0},
	{"keys", 'k', "FOLDER", 0,
	 "Folder with the key file keys-ID.json of each node, as it was made (required); packets "
	 "to "
	 "nodes without one are passed over",
	 0},
	{0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case 'c':
		options->config = arg;
		return 0;
	case 'k':
		options->keys = arg;
		return 0;
	case ARGP_KEY_ARG:
		if (options->capture)
			argp_error(state, "more than one capture");
		options->capture = arg;
		return 0;
	case ARGP_KEY_END:
		if (!options->config)
			argp_error(state, "--config is required");
		if (!options->keys)
			argp_error(state, "--keys is required");
		if (!options->capture)
			argp_error(state, "which capture?");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* All that looks into packets. Secret: the keys. */
struct inspector {
	const struct lm_topology *topology;
	struct datagram_book *book;
	struct node_keys keys;
	struct lm_symmetric *symmetric;
	uint64_t packets, known;
};

/* ---- Packets ---- */

static const struct lm_packet_key *find_key(const struct lm_packet_keyring *ring, uint8_t kid)
{
	for (unsigned i = 0; ring && i < ring->n; i++) {
		if (ring->key[i]->kid == kid)
			return ring->key[i];
	}
	return NULL;
}

/* lib/packet/FORMAT.md, "Keys of one hop": the first half is kh. */
static bool derive(struct inspector *inspector, uint8_t okm[64], const struct lm_packet_key *key,
		   uint32_t id, const uint8_t *packet)
{
	struct lm_point epk, ss;
	uint8_t bound[104];

	memcpy(epk.b, packet + 4, sizeof(epk.b));
	if (!lm_x25519_burst(&ss, &key->secret, &epk, 1))
		return false;
	memcpy(bound, ss.b, 32);
	memcpy(bound + 32, epk.b, 32);
	memcpy(bound + 64, key->public.b, 32);
	memcpy(bound + 96, packet, 4);
	for (unsigned i = 0; i < 4; i++)
		bound[100 + i] = (uint8_t)(id >> (8 * i));
	lm_symmetric_blake2b(inspector->symmetric, okm, 64, bound, sizeof(bound), KDF_PERSON, 1);
	lm_wipe(&ss, sizeof(ss));
	lm_wipe(bound, sizeof(bound));
	return true;
}

static void print_hex(const uint8_t *bytes)
{
	char text[2 * 32 + 1];

	lm_hex_encode(text, bytes, 32);
	fputs(text, stdout);
}

static int take(void *context, uint64_t at_ns, const uint8_t *frame, size_t len,
		struct lm_error *err)
{
	struct inspector *inspector = context;
	const struct lm_topology_node *node;
	const struct lm_packet_key *key;
	struct datagram datagram;
	uint8_t okm[64];

	(void)at_ns;
	(void)err;
	if (!datagram_parse(&datagram, frame, len) ||
	    datagram.len != lm_packet_len(inspector->topology->profile))
		return 0;
	inspector->packets++;
	node = datagram_node(inspector->book, &datagram.to);
	key = node ? find_key(node_keys_ring(&inspector->keys,
					     (uint32_t)(node - inspector->topology->node)),
			      datagram.payload[2])
		   : NULL;
	if (!key || !derive(inspector, okm, key, node->id, datagram.payload))
		return 0;
	inspector->known++;
	fputs("hop ", stdout);
	print_hex(datagram.payload + 4);
	putchar(' ');
	print_hex(okm);
	putchar('\n');
	lm_wipe(okm, sizeof(okm));
	return 0;
}

static int inspect(const struct options *options, struct lm_error *err)
{
	struct gen_setup setup;
	struct inspector inspector = {0};
	void *memory = NULL;
	int rc = gen_setup_load(&setup, options->config, 1, err);

	if (rc != 0)
		return rc;
	inspector.topology = setup.topology;
	inspector.book = datagram_book_make(setup.topology);
	memory = aligned_alloc(LM_SYMMETRIC_ALIGN, lm_symmetric_size());
	if (!inspector.book || !memory)
		rc = lm_error_set(err, ENOMEM, "too little memory");
	if (rc == 0)
		inspector.symmetric = lm_symmetric_init(memory, "auto", err);
	if (rc == 0 && !inspector.symmetric)
		rc = -EINVAL;
	if (rc == 0)
		rc = node_keys_load(&inspector.keys, setup.topology, options->keys, err);
	if (rc == 0)
		rc = capture_read(options->capture, take, &inspector, err);
	if (rc == 0 && (fflush(stdout) != 0 || ferror(stdout)))
		rc = lm_error_set(err, EIO, "the keys cannot be written: %s", strerror(errno));
	if (rc == 0)
		fprintf(stderr, "linemix-gen: keys of %llu of %llu packets\n",
			(unsigned long long)inspector.known, (unsigned long long)inspector.packets);
	node_keys_free(&inspector.keys);
	free(memory);
	free(inspector.book);
	gen_setup_free(&setup);
	return rc;
}

int inspect_main(int argc, char **argv)
{
	const struct argp argp = {
		.options = rows,
		.parser = parse,
		.args_doc = "CAPTURE",
		.doc = "Prints the keys with which scripts/linemix.lua shows the commands inside "
		       "the "
		       "packets of a capture. They are secret.",
	};
	struct options options = {0};
	struct lm_error err;

	argp_parse(&argp, argc, argv, 0, NULL, &options);
	if (inspect(&options, &err) == 0)
		return 0;
	fprintf(stderr, "%s: %s\n", argv[0], err.text);
	return 1;
}
