/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * linemix-directory check: everything that is wrong with plans, descriptors and documents, with
 * their signatures, and with a document as the successor of another.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "files.h"
#include "options.h"

enum { KEY_PREVIOUS = 256, KEY_AT, KEY_JSON };

struct check_options {
	const char *previous;
	bool has_at, json;
	uint64_t at_s;
	char **path;
	unsigned n;
	struct options_authorities authorities;
};

static const struct argp_option rows[] = {
	{"previous", KEY_PREVIOUS, "FILE", 0,
	 "The document before: a topology must be its successor", 0},
	{"at", KEY_AT, "TIME", 0,
	 "A topology must be one to take at this time: UTC, as 2026-11-25T12:00:00Z, or now", 0},
	{"json", KEY_JSON, NULL, 0, "Print JSON", 0},
	{0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct check_options *options = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &options->authorities;
		return 0;
	case KEY_PREVIOUS:
		options->previous = arg;
		return 0;
	case KEY_AT:
		options->has_at = true;
		options->at_s = strcmp(arg, "now") == 0 ? lm_clock_wall_us() / 1000000
							: options_time(state, "at", arg);
		return 0;
	case KEY_JSON:
		options->json = true;
		return 0;
	case ARGP_KEY_ARGS:
		options->path = state->argv + state->next;
		options->n = (unsigned)(state->argc - state->next);
		return 0;
	case ARGP_KEY_END:
		if (options->n == 0)
			argp_error(state, "a file is required");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* ---- What is found ---- */

/* Of one file. */
struct findings {
	const char *path;
	const char *kind; /* plan, descriptor, topology */
	unsigned mistakes;
	json_t *json; /* the messages; NULL for text */
};

static void add(void *context, const char *message)
{
	struct findings *findings = context;

	findings->mistakes++;
	if (findings->json)
		json_array_append_new(findings->json, json_string(message));
	else
		printf("%s\n", message);
}

static void add_failure(struct findings *findings, const struct lm_error *err)
{
	add(findings, err->text);
}

/* ---- Signatures ---- */

static bool is_authority(const struct lm_authorities *authorities, const struct lm_verifier *key)
{
	for (unsigned i = 0; i < authorities->n; i++)
		if (memcmp(&authorities->key[i], key, sizeof(*key)) == 0)
			return true;
	return false;
}

/* Wrong signatures are mistakes; those of others, and too few, if authorities were named. */
static void check_signatures(struct findings *findings, const struct file *file,
			     const struct lm_authorities *authorities)
{
	const struct lm_signed *parts = &file->parts;
	struct lm_error err;
	char hex[65];

	for (unsigned i = 0; i < parts->n; i++) {
		lm_hex_encode(hex, parts->by[i].b, sizeof(parts->by[i].b));
		if (!lm_verify(&parts->signature[i], &parts->by[i], parts->bytes, parts->len))
			(void)lm_error_set(&err, EBADMSG,
					   "%s: the signature by %s is wrong; sign again",
					   file->path, hex);
		else if (authorities->n > 0 && !is_authority(authorities, &parts->by[i]))
			(void)lm_error_set(&err, EBADMSG, "%s: %s has signed, and is no authority",
					   file->path, hex);
		else
			continue;
		add_failure(findings, &err);
	}
	if (authorities->n == 0 || lm_signed_count(parts, authorities) >= authorities->threshold)
		return;
	(void)lm_error_set(&err, EBADMSG,
			   "%s: has %u good signatures by authorities; %u are needed", file->path,
			   lm_signed_count(parts, authorities), authorities->threshold);
	add_failure(findings, &err);
}

/* ---- Kinds ---- */

static void check_order(struct findings *findings, const struct file *file,
			const struct check_options *options, const struct lm_topology *previous)
{
	struct lm_topology *topology;
	struct lm_error err;
	int rc = lm_topology_parse(&topology, file->parts.bytes, file->parts.len, file->path, &err);

	if (rc != 0)
		add_failure(findings, &err);
	else if (previous || options->has_at)
		order_explain(topology, previous,
			      options->has_at ? options->at_s : topology->from_s, file->path, add,
			      findings);
	lm_topology_free(topology);
}

static int check_topology(struct findings *findings, const struct file *file,
			  const struct check_options *options, const struct lm_topology *previous)
{
	int rc = lm_topology_explain(file->parts.bytes, file->parts.len, file->path, add, findings);

	check_signatures(findings, file, &options->authorities.authorities);
	if (rc == 0)
		check_order(findings, file, options, previous);
	return rc < 0 ? rc : 0;
}

/* What the document says that it is; a signed file without any is taken for a topology. */
static const char *kind_of(const struct file *file)
{
	static const char *const kinds[] = {"plan", "descriptor", "topology"};
	json_t *json = json_loadb(file->parts.bytes, file->parts.len, 0, NULL);
	const char *format = json_string_value(json_object_get(json, "format"));
	const char *kind = "topology";

	for (size_t i = 0; format && i < LM_COUNT(kinds); i++) {
		char start[32];

		snprintf(start, sizeof(start), "linemix-%s-v", kinds[i]);
		if (strncmp(format, start, strlen(start)) == 0)
			kind = kinds[i];
	}
	json_decref(json);
	return kind;
}

static int check_file(struct findings *findings, const struct check_options *options,
		      const struct lm_topology *previous)
{
	struct lm_error err;
	struct file file;
	int rc;

	if (file_read(&file, findings->path, &err) != 0) {
		findings->kind = "unknown";
		add_failure(findings, &err);
		return 0;
	}
	findings->kind = kind_of(&file);
	if (strcmp(findings->kind, "plan") == 0)
		rc = lm_plan_explain(file.text, file.len, file.path, add, findings);
	else if (strcmp(findings->kind, "descriptor") == 0)
		rc = lm_descriptor_explain(file.text, file.len, file.path, add, findings);
	else
		rc = check_topology(findings, &file, options, previous);
	file_free(&file);
	return rc < 0 ? rc : 0;
}

/* ---- The report ---- */

static int check_all(unsigned *mistakes, const struct check_options *options,
		     const struct lm_topology *previous)
{
	json_t *files = options->json ? json_array() : NULL;
	int rc = 0;

	for (unsigned i = 0; i < options->n && rc == 0; i++) {
		struct findings findings = {.path = options->path[i],
					    .json = files ? json_array() : NULL};

		rc = check_file(&findings, options, previous);
		*mistakes += findings.mistakes;
		if (files)
			json_array_append_new(files, json_pack("{s:s, s:s, s:o}", "file",
							       findings.path, "kind", findings.kind,
							       "mistakes", findings.json));
		else if (findings.mistakes == 0)
			printf("%s: ok, a %s\n", findings.path, findings.kind);
	}
	if (files) {
		json_dumpf(files, stdout, JSON_INDENT(2));
		putchar('\n');
		json_decref(files);
	}
	return rc;
}

int check_main(int argc, char **argv)
{
	static const struct argp_child children[] = {{&authorities_argp, 0, NULL, 0}, {0}};
	const struct argp argp = {
		.options = rows,
		.parser = parse,
		.children = children,
		.args_doc = "FILE...",
		.doc = "Explains everything that is wrong with plans, descriptors and topologies, "
		       "signed or not.\v"
		       "With authorities a topology needs enough of their signatures. Exit status: "
		       "0 no mistake, 1 mistakes, 2 usage.",
	};
	struct check_options options = {0};
	struct lm_topology *previous = NULL;
	unsigned mistakes = 0;
	struct lm_error err;
	int rc = 0;

	argp_parse(&argp, argc, argv, 0, NULL, &options);
	if (options.previous)
		rc = file_topology(&previous, options.previous, &options.authorities.authorities,
				   &err);
	if (rc == 0 && check_all(&mistakes, &options, previous) != 0)
		rc = lm_error_set(&err, ENOMEM, "out of memory");
	lm_topology_free(previous);
	if (rc != 0)
		return options_failed(argv[0], &err);
	return mistakes == 0 ? 0 : 1;
}
