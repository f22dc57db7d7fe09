/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * linemix-directory keys: long-term keys in files of their own, and files of mix keys for nodes
 * that do not make theirs themselves. Secrets go from the kernel's generator through locked memory
 * into the file; what is printed is public.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "lm_epoch.h"
#include "options.h"

#define PATH_LEN 4096

enum { KEY_SHOW = 256, KEY_JSON, KEY_ID, KEY_EPOCH, KEY_COUNT };

struct keys_options {
	const char *kind, *path;
	bool show, json;
	uint32_t id, epoch;
	unsigned count;
};

static const struct argp_option rows[] = {
	{"show", KEY_SHOW, NULL, 0, "Print the public key of a file that is there", 0},
	{"json", KEY_JSON, NULL, 0, "Print JSON", 0},
	{"id", KEY_ID, "ID", 0, "mix: the node", 0},
	{"epoch", KEY_EPOCH, "E", 0, "mix: the first epoch", 0},
	{"count", KEY_COUNT, "N", 0, "mix: for so many epochs (default 72, a day of 20 minutes)",
	 0},
	{0},
};

static error_t parse_more(int key, char *arg, struct argp_state *state,
			  struct keys_options *options)
{
	switch (key) {
	case KEY_ID:
		options->id = (uint32_t)options_number(state, "id", arg, 1, UINT32_MAX - 1);
		return 0;
	case KEY_EPOCH:
		options->epoch =
			(uint32_t)options_number(state, "epoch", arg, 0, LM_TOPOLOGY_EPOCH_MAX);
		return 0;
	case KEY_COUNT:
		options->count =
			(unsigned)options_number(state, "count", arg, 3, LM_EPOCH_KEYS_MAX);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct keys_options *options = state->input;

	switch (key) {
	case KEY_SHOW:
		options->show = true;
		return 0;
	case KEY_JSON:
		options->json = true;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num > 1)
			argp_error(state, "one kind and one file");
		*(state->arg_num ? &options->path : &options->kind) = arg;
		return 0;
	case ARGP_KEY_END:
		if (!options->path)
			argp_error(state, "a kind and a file are required");
		return 0;
	default:
		return parse_more(key, arg, state, options);
	}
}

static void print_public(const struct keys_options *options, const uint8_t public[32])
{
	char hex[65];

	lm_hex_encode(hex, public, 32);
	if (options->json)
		printf("{\"kind\": \"%s\", \"public\": \"%s\"}\n", options->kind, hex);
	else
		printf("%s\n", hex);
}

static int show(uint8_t public[32], enum lm_keyfile_kind kind, const char *path,
		struct lm_error *err)
{
	uint8_t *secret = lm_secret_alloc(32);
	int rc;

	if (!secret)
		return lm_error_set(err, ENOMEM,
				    "the kernel locks no memory for keys; raise the limit of "
				    "locked memory (ulimit -l)");
	rc = lm_keyfile_load(secret, public, kind, path, err);
	lm_secret_free(secret);
	return rc;
}

static int make_long_term(const struct keys_options *options, enum lm_keyfile_kind kind,
			  struct lm_error *err)
{
	uint8_t public[32];
	int rc = options->show ? show(public, kind, options->path, err)
			       : lm_keyfile_make(public, kind, options->path, err);

	if (rc == 0)
		print_public(options, public);
	return rc;
}

static int write_mix_keys(int folder, const char *name, const struct keys_options *options,
			  struct lm_error *err)
{
	struct lm_secret *secret = lm_secret_alloc(options->count * sizeof(*secret));
	int rc;

	if (!secret)
		return lm_error_set(err, ENOMEM,
				    "the kernel locks no memory for keys; raise the limit of "
				    "locked memory (ulimit -l)");
	lm_rand(secret, options->count * sizeof(*secret));
	rc = lm_epoch_write_keys(folder, name, options->id, options->epoch, secret, options->count,
				 err);
	lm_secret_free(secret);
	return rc;
}

static int make_mix_keys(const struct keys_options *options, struct lm_error *err)
{
	char path[PATH_LEN], copy[PATH_LEN];
	int folder, rc;

	if (snprintf(path, sizeof(path), "%s", options->path) >= PATH_LEN)
		return lm_error_set(err, ENAMETOOLONG, "%s: the path is too long", options->path);
	strcpy(copy, path);
	folder = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return lm_error_set(err, errno, "%s: its folder: %s", path, strerror(errno));
	rc = write_mix_keys(folder, basename(path), options, err);
	close(folder);
	return rc;
}

static bool find_kind(enum lm_keyfile_kind *kind, const char *name)
{
	for (*kind = LM_KEYFILE_AUTHORITY; *kind <= LM_KEYFILE_LINK; ++*kind)
		if (strcmp(lm_keyfile_kind_name(*kind), name) == 0)
			return true;
	return false;
}

int keys_main(int argc, char **argv)
{
	const struct argp argp = {
		.options = rows,
		.parser = parse,
		.args_doc = "KIND FILE",
		.doc = "Makes a key file, and prints the public key.\v"
		       "KIND is authority (signs topologies), identity (signs a node's "
		       "descriptors), link (a node's links), or mix (a file of mix keys, for a "
		       "node that does not make its own; --id and --epoch). No file is "
		       "overwritten.",
	};
	struct keys_options options = {.count = 72};
	enum lm_keyfile_kind kind;
	struct lm_error err;
	int rc;

	argp_parse(&argp, argc, argv, 0, NULL, &options);
	if (strcmp(options.kind, "mix") == 0 && !options.show && options.id != 0) {
		rc = make_mix_keys(&options, &err);
	} else if (find_kind(&kind, options.kind)) {
		rc = make_long_term(&options, kind, &err);
	} else {
		fprintf(stderr, "%s: \"%s\": authority, identity, link, or mix with --id\n",
			argv[0], options.kind);
		return 2;
	}
	return rc == 0 ? 0 : options_failed(argv[0], &err);
}
