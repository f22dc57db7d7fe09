/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The frame of the programs that check known answers: options, files, one run for every pair of
 * usable backends, and the closing line.
 */
#include <argp.h>
#include <stdio.h>
#include <string.h>

#include "check.h"

enum verdict { PASSED, SKIPPED, FAILED };

static const char *file;       /* being checked */
static char run[64];           /* the backends in use, for messages */
static unsigned char *verdict; /* of each item of the file, over all runs */

const char *check_file_name(void)
{
	return file;
}

void item_failed(const struct item *item, const char *problem)
{
	fprintf(stderr, "%s: %s: %s (%s)\n", file, item->node.place, problem, run);
	verdict[item->number] = FAILED;
}

bool item_check(const struct item *item, bool condition, const char *problem)
{
	if (!condition)
		item_failed(item, problem);
	return condition;
}

void item_check_verdict(const struct item *item, const char *got, const char *want)
{
	char problem[80];

	snprintf(problem, sizeof(problem), "verdict is %.30s, not %.30s", got, want);
	item_check(item, strcmp(got, want) == 0, problem);
}

void item_skipped(const struct item *item)
{
	if (verdict[item->number] == PASSED)
		verdict[item->number] = SKIPPED;
}

void *check_alloc(size_t n)
{
	size_t rounded = (n / LM_CACHE_LINE + 1) * LM_CACHE_LINE;
	void *memory = aligned_alloc(LM_CACHE_LINE, rounded);

	if (!memory) {
		fprintf(stderr, "out of memory\n");
		exit(1);
	}
	memset(memory, 0, rounded);
	return memory;
}

/* ---- Options ---- */

struct options {
	const char *backend; /* NULL: all */
	char **files;
	int n_files;
};

static const struct argp_option argp_options[] = {
	{"backend", 'b', "NAME", 0,
	 "Use this backend alone, in each library that has one of the name", 0},
	{0},
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case 'b':
		options->backend = arg;
		return 0;
	case ARGP_KEY_ARGS:
		options->files = state->argv + state->next;
		options->n_files = state->argc - state->next;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_usage(state);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

typedef const char *(*backend_name)(unsigned i);
typedef bool (*backend_usable)(unsigned i);

/* -1: the library has no such backend, 0: this CPU cannot run it, 1: it can. */
static int look_up(backend_name name, backend_usable usable, const char *wanted)
{
	for (unsigned i = 0; name(i); i++)
		if (strcmp(name(i), wanted) == 0)
			return usable(i) ? 1 : 0;
	return -1;
}

/* Backend i is usable, and not excluded by --backend. */
static bool in_use(backend_name name, backend_usable usable, unsigned i, const char *wanted)
{
	if (!usable(i))
		return false;
	return !wanted || look_up(name, usable, wanted) < 0 || strcmp(name(i), wanted) == 0;
}

static void check_backend_option(const char *wanted)
{
	int of_x25519 = look_up(lm_x25519_backend_name, lm_x25519_backend_usable, wanted);
	int of_symmetric = look_up(lm_symmetric_backend_name, lm_symmetric_backend_usable, wanted);

	if (of_x25519 == 1 || of_symmetric == 1)
		return;
	if (of_x25519 < 0 && of_symmetric < 0) {
		fprintf(stderr, "--backend %s: no library has such a backend; they have:", wanted);
		for (unsigned i = 0; lm_x25519_backend_name(i); i++)
			fprintf(stderr, " %s", lm_x25519_backend_name(i));
		for (unsigned i = 0; lm_symmetric_backend_name(i); i++)
			fprintf(stderr, " %s", lm_symmetric_backend_name(i));
		fprintf(stderr, "\n");
		exit(2);
	}
	fprintf(stderr, "--backend %s: this CPU cannot run it\n", wanted);
	exit(1);
}

/* ---- Runs ---- */

static void one_run(const struct checker *checker, const struct node *root, const char *x25519,
		    const char *symmetric)
{
	void *memory = check_alloc(lm_symmetric_size());
	struct lm_error err = {""};
	struct lm_symmetric *context = lm_symmetric_init(memory, symmetric, &err);

	if (!context || lm_x25519_select(x25519, &err) != 0) {
		fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
	snprintf(run, sizeof(run), "x25519 %s, symmetric %s", x25519, symmetric);
	checker->check(root, context, symmetric);
	free(memory);
}

static void all_runs(const struct checker *checker, const struct node *root, const char *wanted)
{
	for (unsigned i = 0; lm_x25519_backend_name(i); i++) {
		if (!in_use(lm_x25519_backend_name, lm_x25519_backend_usable, i, wanted))
			continue;
		for (unsigned j = 0; lm_symmetric_backend_name(j); j++)
			if (in_use(lm_symmetric_backend_name, lm_symmetric_backend_usable, j,
				   wanted))
				one_run(checker, root, lm_x25519_backend_name(i),
					lm_symmetric_backend_name(j));
	}
}

static void print_backends(const char *library, backend_name name, backend_usable usable,
			   const char *wanted)
{
	printf("%s:", library);
	for (unsigned i = 0; name(i); i++)
		printf(" %s%s", name(i),
		       !usable(i)                        ? " (not on this CPU)"
		       : in_use(name, usable, i, wanted) ? ""
							 : " (not asked for)");
	printf("\n");
}

/* Adds the file's verdicts to the counts. */
static void check_file(const struct checker *checker, const char *wanted, unsigned count[3])
{
	struct node root = {0};
	json_error_t err;
	unsigned items;

	root.json = json_load_file(file, JSON_REJECT_DUPLICATES, &err);
	if (!root.json) {
		fprintf(stderr, "%s: line %d: %s\n", file, err.line < 1 ? 1 : err.line, err.text);
		exit(1);
	}
	items = checker->count(&root);
	if (items == 0)
		malformed(&root, "holds no answers");
	verdict = check_alloc(items + 1);
	all_runs(checker, &root, wanted);
	for (unsigned i = 0; i < items; i++)
		count[verdict[i]]++;
	free(verdict);
	json_decref(root.json);
}

int check_main(int argc, char **argv, const struct checker *checker)
{
	const struct argp argp = {argp_options, parse_option, "FILE...", checker->doc, 0, 0, 0};
	struct options options = {0};
	unsigned count[3] = {0};
	struct lm_error err;

	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, 0, NULL, &options);
	if (lm_base_init(&err) != 0) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	if (options.backend)
		check_backend_option(options.backend);
	print_backends("x25519", lm_x25519_backend_name, lm_x25519_backend_usable, options.backend);
	print_backends("symmetric", lm_symmetric_backend_name, lm_symmetric_backend_usable,
		       options.backend);
	for (int i = 0; i < options.n_files; i++) {
		file = options.files[i];
		check_file(checker, options.backend, count);
	}
	printf("%u passed, %u failed", count[PASSED], count[FAILED]);
	if (count[SKIPPED] > 0)
		printf(", %u skipped", count[SKIPPED]);
	printf("\n");
	return count[FAILED] > 0;
}
