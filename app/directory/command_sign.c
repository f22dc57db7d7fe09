/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * linemix-directory sign: signatures of one document, gathered from files, and the caller's own
 * added. A document with a mistake is not signed, whoever else has.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "files.h"
#include "options.h"

enum { KEY_KEY = 256, KEY_PREVIOUS, KEY_DETACHED, KEY_OUT = 'o' };

struct sign_options {
	const char *key, *previous, *out;
	bool detached;
	char **from;
	unsigned n;
	struct options_authorities authorities;
};

static const struct argp_option rows[] = {
	{"key", KEY_KEY, "FILE", 0, "Sign with this authority's key (default: only merge)", 0},
	{"previous", KEY_PREVIOUS, "FILE", 0, "The document before: this one must be its successor",
	 0},
	{"detached", KEY_DETACHED, NULL, 0, "Write the signatures without the document", 0},
	{"out", KEY_OUT, "FILE", 0, "Where the signed file goes (default: stdout)", 0},
	{0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct sign_options *options = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &options->authorities;
		return 0;
	case KEY_KEY:
		options->key = arg;
		return 0;
	case KEY_PREVIOUS:
		options->previous = arg;
		return 0;
	case KEY_DETACHED:
		options->detached = true;
		return 0;
	case KEY_OUT:
		options->out = arg;
		return 0;
	case ARGP_KEY_ARGS:
		options->from = state->argv + state->next;
		options->n = (unsigned)(state->argc - state->next);
		return 0;
	case ARGP_KEY_END:
		if (options->n == 0)
			argp_error(state, "a document is required");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* ---- Gathering ---- */

/* Adds the file's signatures to `merged`: those that are right, of its bytes. */
static int merge(struct lm_signed *merged, const struct file *file, const char *name,
		 struct lm_error *err)
{
	const struct lm_signed *parts = &file->parts;

	if (parts->len != 0 &&
	    (parts->len != merged->len || memcmp(parts->bytes, merged->bytes, merged->len) != 0))
		return lm_error_set(err, EINVAL,
				    "%s: is another document than the first one; signatures of "
				    "one document can be merged",
				    file->path);
	for (unsigned i = 0; i < parts->n; i++) {
		char hex[65];
		int rc;

		lm_hex_encode(hex, parts->by[i].b, sizeof(parts->by[i].b));
		if (!lm_verify(&parts->signature[i], &parts->by[i], merged->bytes, merged->len)) {
			fprintf(stderr, "%s: %s: the signature by %s is wrong; left out\n", name,
				file->path, hex);
			continue;
		}
		rc = lm_signed_add(merged, &parts->by[i], &parts->signature[i]);
		if (rc != 0 && rc != -EEXIST)
			return lm_error_set(err, -rc, "%s: more than %u signatures", file->path,
					    LM_SIGNED_SIGNATURES);
	}
	return 0;
}

static int merge_all(struct lm_signed *merged, const struct sign_options *options, const char *name,
		     struct lm_error *err)
{
	int rc = 0;

	for (unsigned i = 0; i < options->n && rc == 0; i++) {
		struct file file;

		rc = file_read(&file, options->from[i], err);
		if (rc != 0)
			return rc;
		if (i > 0 && !file.is_signed)
			rc = lm_error_set(err, EINVAL, "%s: is no signed file", file.path);
		else
			rc = merge(merged, &file, name, err);
		file_free(&file);
	}
	return rc;
}

/* ---- Signing ---- */

static void keep_first(void *context, const char *message)
{
	struct lm_error *err = context;

	if (!err->text[0])
		(void)lm_error_set(err, EINVAL, "%s", message);
}

/* Everything that a relay would refuse is refused here. */
static int check(const struct lm_signed *merged, const struct sign_options *options,
		 struct lm_error *err)
{
	struct lm_topology *topology, *previous = NULL;
	int rc = lm_topology_parse(&topology, merged->bytes, merged->len, options->from[0], err);

	if (rc == 0 && options->previous)
		rc = file_topology(&previous, options->previous, &options->authorities.authorities,
				   err);
	if (rc == 0 && previous) {
		err->text[0] = '\0';
		if (order_explain(topology, previous, topology->from_s, options->from[0],
				  keep_first, err) > 0)
			rc = -EINVAL;
	}
	lm_topology_free(topology);
	lm_topology_free(previous);
	return rc;
}

static int add_own(struct lm_signed *merged, const char *path, struct lm_error *err)
{
	struct lm_signer *signer = lm_secret_alloc(sizeof(*signer));
	struct lm_signature signature;
	struct lm_verifier public;
	int rc;

	if (!signer)
		return lm_error_set(err, ENOMEM,
				    "the kernel locks no memory for keys; raise the limit of "
				    "locked memory (ulimit -l)");
	rc = lm_keyfile_load(signer->b, public.b, LM_KEYFILE_AUTHORITY, path, err);
	if (rc == 0) {
		lm_sign(&signature, signer, merged->bytes, merged->len);
		rc = lm_signed_add(merged, &public, &signature);
		if (rc == -EEXIST)
			rc = 0;
		else if (rc != 0)
			rc = lm_error_set(err, -rc, "%s: more than %u signatures", path,
					  LM_SIGNED_SIGNATURES);
	}
	lm_secret_free(signer);
	return rc;
}

static int write_out(const struct lm_signed *merged, const struct sign_options *options,
		     struct lm_error *err)
{
	struct lm_signed file = *merged;
	char *text;
	size_t len;
	int rc;

	if (options->detached)
		file.len = 0;
	if (lm_signed_format(&text, &len, &file) != 0)
		return lm_error_set(err, ENOMEM, "no memory for the signed file");
	rc = file_write(options->out, text, len, err);
	free(text);
	return rc;
}

static int sign(const struct sign_options *options, const char *name, struct lm_error *err)
{
	struct lm_signed merged = {0};
	struct file first;
	int rc = file_read(&first, options->from[0], err);

	if (rc != 0)
		return rc;
	merged.bytes = first.parts.bytes;
	merged.len = first.parts.len;
	rc = check(&merged, options, err);
	if (rc == 0)
		rc = merge_all(&merged, options, name, err);
	if (rc == 0 && options->key)
		rc = add_own(&merged, options->key, err);
	if (rc == 0)
		rc = write_out(&merged, options, err);
	file_free(&first);
	return rc;
}

int sign_main(int argc, char **argv)
{
	static const struct argp_child children[] = {{&authorities_argp, 0, NULL, 0}, {0}};
	const struct argp argp = {
		.options = rows,
		.parser = parse,
		.children = children,
		.args_doc = "DOCUMENT [SIGNED...]",
		.doc = "Signs a document as an authority, and merges the signatures of signed "
		       "files.\v"
		       "DOCUMENT, signed or not, is checked first: with a mistake, or not the "
		       "successor of --previous, it is refused. Further files are of the same "
		       "document, or signatures alone (--detached). Wrong signatures are left out. "
		       "Authorities are those whose signatures --previous needs.",
	};
	struct sign_options options = {0};
	struct lm_error err;

	argp_parse(&argp, argc, argv, 0, NULL, &options);
	return sign(&options, argv[0], &err) == 0 ? 0 : options_failed(argv[0], &err);
}
