/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * linemix-directory retire: marks members of a plan, which is written anew in its one form. There
 * is no way back: who comes back comes with a new id.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "commands.h"
#include "files.h"
#include "options.h"

enum { KEY_PLAN = 256 };

struct retire_options {
	const char *plan;
	char **id;
	unsigned n;
};

static const struct argp_option rows[] = {
	{"plan", KEY_PLAN, "FILE", 0, "The plan, which is replaced (required)", 0},
	{0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct retire_options *options = state->input;

	switch (key) {
	case KEY_PLAN:
		options->plan = arg;
		return 0;
	case ARGP_KEY_ARGS:
		options->id = state->argv + state->next;
		options->n = (unsigned)(state->argc - state->next);
		for (unsigned i = 0; i < options->n; i++)
			(void)options_number(state, "ID", options->id[i], 1, UINT32_MAX - 1);
		return 0;
	case ARGP_KEY_END:
		if (!options->plan || options->n == 0)
			argp_error(state, "--plan and an ID are required");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int mark(struct lm_plan *plan, const struct retire_options *options, struct lm_error *err)
{
	for (unsigned i = 0; i < options->n; i++) {
		uint32_t id = (uint32_t)strtoull(options->id[i], NULL, 10);
		struct lm_member *member = lm_plan_find(plan, id);

		if (!member)
			return lm_error_set(err, ENOENT, "%s: there is no member %" PRIu32,
					    options->plan, id);
		if (member->retired)
			return lm_error_set(err, EALREADY, "%s: member %" PRIu32 " is retired",
					    options->plan, id);
		member->retired = true;
	}
	return 0;
}

static int retire(const struct retire_options *options, struct lm_error *err)
{
	struct lm_plan *plan;
	char *text = NULL;
	size_t len;
	int rc = lm_plan_load(&plan, options->plan, err);

	if (rc == 0)
		rc = mark(plan, options, err);
	if (rc == 0 && lm_plan_format(&text, &len, plan) != 0)
		rc = lm_error_set(err, ENOMEM, "no memory for the plan");
	if (rc == 0)
		rc = file_write(options->plan, text, len, err);
	free(text);
	lm_plan_free(plan);
	return rc;
}

int retire_main(int argc, char **argv)
{
	const struct argp argp = {
		.options = rows,
		.parser = parse,
		.args_doc = "ID...",
		.doc = "Marks members of a plan as retired: the next document is without them, and "
		       "their ids are never given to others.",
	};
	struct retire_options options = {0};
	struct lm_error err;

	argp_parse(&argp, argc, argv, 0, NULL, &options);
	return retire(&options, &err) == 0 ? 0 : options_failed(argv[0], &err);
}
