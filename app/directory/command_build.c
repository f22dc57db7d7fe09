/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * linemix-directory build: the command line of lm_topology_build.h.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "files.h"
#include "options.h"

enum { KEY_PLAN = 256, KEY_PREVIOUS, KEY_EPOCH, KEY_JSON, KEY_OUT = 'o' };

struct build_options {
	const char *plan, *previous, *out;
	bool has_epoch, json;
	uint32_t epoch;
	char **from; /* files and folders */
	unsigned n;
	struct options_authorities authorities;
};

static const struct argp_option rows[] = {
	{"plan", KEY_PLAN, "FILE", 0, "The plan of the network (required)", 0},
	{"previous", KEY_PREVIOUS, "FILE", 0,
	 "The document before, signed or not; none only for a network's first", 0},
	{"epoch", KEY_EPOCH, "E", 0,
	 "Its number, or next (default): the one after the document before; without one, the "
	 "epoch in which we are",
	 0},
	{"out", KEY_OUT, "FILE", 0, "Where the document goes (required)", 0},
	{"json", KEY_JSON, NULL, 0, "Report on stdout as JSON", 0},
	{0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct build_options *options = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &options->authorities;
		return 0;
	case KEY_PLAN:
		options->plan = arg;
		return 0;
	case KEY_PREVIOUS:
		options->previous = arg;
		return 0;
	case KEY_EPOCH:
		options->has_epoch = strcmp(arg, "next") != 0;
		if (options->has_epoch)
			options->epoch = (uint32_t)options_number(state, "epoch", arg, 0,
								  LM_TOPOLOGY_EPOCH_MAX);
		return 0;
	case KEY_JSON:
		options->json = true;
		return 0;
	case KEY_OUT:
		options->out = arg;
		return 0;
	case ARGP_KEY_ARGS:
		options->from = state->argv + state->next;
		options->n = (unsigned)(state->argc - state->next);
		return 0;
	case ARGP_KEY_END:
		if (!options->plan || !options->out)
			argp_error(state, "--plan and --out are required");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* ---- The report ---- */

static void report_lines(const struct lm_build *built)
{
	for (unsigned i = 0; i < built->lines; i++) {
		const struct lm_build_line *line = &built->line[i];

		if (line->verdict == LM_BUILD_IN || line->verdict == LM_BUILD_RETIRED)
			continue;
		fprintf(stderr, "%-8s", lm_build_verdict_name(line->verdict));
		if (line->id)
			fprintf(stderr, "%" PRIu32 ": ", line->id);
		if (line->file[0])
			fprintf(stderr, "%s: ", line->file);
		fprintf(stderr, "%s\n", line->why);
	}
	fprintf(stderr, "%u in, %u out, %u retired; %u descriptors refused\n", built->in,
		built->out, built->retired, built->refused);
}

static void report_json(const struct lm_build *built, uint32_t epoch)
{
	json_t *lines = json_array(), *report;
	struct lm_hash hash;
	char hex[65] = "";

	if (built->text) {
		lm_hash_bytes(&hash, built->text, built->len);
		lm_hex_encode(hex, hash.b, sizeof(hash.b));
	}
	for (unsigned i = 0; i < built->lines; i++) {
		const struct lm_build_line *line = &built->line[i];

		json_array_append_new(lines, json_pack("{s:s, s:I, s:s, s:s}", "verdict",
						       lm_build_verdict_name(line->verdict), "id",
						       (json_int_t)line->id, "file", line->file,
						       "why", line->why));
	}
	report =
		json_pack("{s:I, s:s, s:I, s:I, s:I, s:I, s:I, s:o}", "epoch", (json_int_t)epoch,
			  "hash", hex, "bytes", (json_int_t)built->len, "in", (json_int_t)built->in,
			  "out", (json_int_t)built->out, "retired", (json_int_t)built->retired,
			  "refused", (json_int_t)built->refused, "lines", lines);
	json_dumpf(report, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(report);
}

/* ---- Building ---- */

static int choose_epoch(uint32_t *epoch, const struct build_options *options,
			const struct lm_plan *plan, const struct lm_topology *previous,
			struct lm_error *err)
{
	uint64_t now_s = lm_clock_wall_us() / 1000000;
	char start[LM_TOPOLOGY_TIME];

	if (options->has_epoch) {
		*epoch = options->epoch;
		return 0;
	}
	if (previous) {
		*epoch = previous->epoch + 1;
		return 0;
	}
	if (lm_plan_epoch(epoch, plan, now_s) == 0)
		return 0;
	lm_topology_format_time(start, plan->start_s);
	return lm_error_set(err, ERANGE,
			    "%s: the network is in no epoch now; start is %s: give --epoch",
			    options->plan, start);
}

static int build(struct lm_build *built, uint32_t *epoch, const struct build_options *options,
		 struct lm_error *err)
{
	struct descriptors descriptors = {0};
	struct lm_topology *previous = NULL;
	struct lm_plan *plan;
	int rc = lm_plan_load(&plan, options->plan, err);

	if (rc == 0 && options->previous)
		rc = file_topology(&previous, options->previous, &options->authorities.authorities,
				   err);
	for (unsigned i = 0; i < options->n && rc == 0; i++)
		rc = descriptors_add(&descriptors, options->from[i], err);
	if (rc == 0)
		rc = choose_epoch(epoch, options, plan, previous, err);
	if (rc == 0)
		rc = lm_build(built, plan, previous, *epoch, descriptors.file, descriptors.n, err);
	if (rc == 0)
		rc = file_write(options->out, built->text, built->len, err);
	descriptors_free(&descriptors);
	lm_topology_free(previous);
	lm_plan_free(plan);
	return rc;
}

int build_main(int argc, char **argv)
{
	static const struct argp_child children[] = {{&authorities_argp, 0, NULL, 0}, {0}};
	const struct argp argp = {
		.options = rows,
		.parser = parse,
		.children = children,
		.args_doc = "DESCRIPTOR...",
		.doc = "Makes the next document of a network from its plan, the document before, "
		       "and descriptors: files, or folders of them.\v"
		       "Whoever gives the same input gets the same bytes. With authorities, enough "
		       "of them must have signed the document before. Who is left out, and which "
		       "descriptors were refused, is said on stderr with the reason.",
	};
	struct build_options options = {0};
	struct lm_build built = {0};
	struct lm_error err;
	uint32_t epoch = 0;
	int rc;

	argp_parse(&argp, argc, argv, 0, NULL, &options);
	rc = build(&built, &epoch, &options, &err);
	if (options.json)
		report_json(&built, epoch);
	else if (built.lines > 0)
		report_lines(&built);
	lm_build_free(&built);
	return rc == 0 ? 0 : options_failed(argv[0], &err);
}
