/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * linemix-sim run: one simulation. With --out its records, and run.json, which says what they are
 * of.
 */
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "config.h"
#include "progress.h"
#include "run_json.h"
#include "study.h"
#include "summary.h"
#include "team.h"

#define THREADS 64

enum { KEY_HELP_CONFIG = 512, KEY_SEED, KEY_THREADS };

struct arguments {
	const char *config, *out;
	bool json, entropy, has_seed;
	uint64_t seed;
	unsigned threads; /* 0: not said */
};

static const struct argp_option options[] = {
	{"config", 'c', "FILE", 0, "What is simulated", 0},
	{"out", 'o', "FOLDER", 0, "Write the records there", 0},
	{"entropy", 'e', NULL, 0, "Measure the entropy of packets", 0},
	{"seed", KEY_SEED, "N", 0, "Instead of the configuration's", 0},
	{"threads", KEY_THREADS, "N", 0,
	 "Simulate with so many (default: the processors there are); the run is the same", 0},
	{"json", 'j', NULL, 0, "Print the summary as JSON", 0},
	{"help-config", KEY_HELP_CONFIG, NULL, 0, "Print every key of the configuration", 0},
	{0},
};

static void parse_seed(struct argp_state *state, struct arguments *arguments, const char *text)
{
	char *end;

	errno = 0;
	arguments->seed = strtoull(text, &end, 10);
	arguments->has_seed = true;
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0)
		argp_error(state, "seed: \"%s\" is no number from 0 to 2^64 - 1", text);
}

static void parse_threads(struct argp_state *state, struct arguments *arguments, const char *text)
{
	char *end;
	unsigned long threads = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end != '\0' || threads < 1 || threads > THREADS)
		argp_error(state, "threads: \"%s\" is no number from 1 to %d", text, THREADS);
	arguments->threads = (unsigned)threads;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case 'c':
		arguments->config = arg;
		return 0;
	case 'o':
		arguments->out = arg;
		return 0;
	case 'e':
		arguments->entropy = true;
		return 0;
	case 'j':
		arguments->json = true;
		return 0;
	case KEY_SEED:
		parse_seed(state, arguments, arg);
		return 0;
	case KEY_THREADS:
		parse_threads(state, arguments, arg);
		return 0;
	case KEY_HELP_CONFIG:
		config_describe(stdout);
		exit(0);
	case ARGP_KEY_ARG:
		argp_error(state, "\"%s\": what is that? Only options are taken", arg);
		return 0;
	case ARGP_KEY_END:
		if (!arguments->config)
			argp_error(state, "--config FILE is needed");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* What everybody knows of the network, and the summary. */
static int write_run(const char *folder, const struct summary *summary,
		     const struct lm_topology *topology, struct lm_error *err)
{
	struct summary timeless = *summary;
	json_t *run = run_json_make(topology);
	char path[4096];
	int rc = 0;

	timeless.run_s = -1; /* so that one seed gives the same bytes */
	snprintf(path, sizeof(path), "%s/run.json", folder);
	json_object_set_new(run, "clients",
			    json_integer((json_int_t)summary->params->clients.count));
	json_object_set_new(run, "summary", summary_json(&timeless));
	if (!run)
		rc = lm_error_set(err, ENOMEM, "%s: no memory", path);
	else if (json_dump_file(run, path, JSON_INDENT(1)) != 0)
		rc = lm_error_set(err, errno, "%s: %s", path, strerror(errno));
	json_decref(run);
	return rc;
}

static void show_progress(void *context, uint64_t done_us, uint64_t duration_us)
{
	progress_show(context, done_us / 1000, duration_us / 1000);
}

static int show(const struct arguments *arguments, const struct study *study, struct lm_error *err)
{
	struct summary summary = {.params = &study->params,
				  .results = sim_results(study->sim),
				  .entropy = arguments->entropy ? &study->entropy : NULL,
				  .start_us = sim_start_us(study->sim),
				  .run_s = study->run_s,
				  .passed_s = study->passed_s,
				  .threads = study->threads};
	json_t *json;

	if (arguments->out && write_run(arguments->out, &summary, study->topology, err) != 0)
		return -1;
	if (!arguments->json) {
		summary_print(stdout, &summary);
		return 0;
	}
	json = summary_json(&summary);
	if (!json || json_dumpf(json, stdout, JSON_INDENT(1)) != 0)
		return lm_error_set(err, EIO, "the summary cannot be printed");
	putchar('\n');
	json_decref(json);
	return 0;
}

static unsigned default_threads(void)
{
	unsigned processors = team_processors();

	return processors < THREADS ? processors : THREADS;
}

int run_main(int argc, char **argv)
{
	const struct argp argp = {.options = options,
				  .parser = parse,
				  .doc = "Simulates a network on a virtual clock."};
	struct arguments arguments = {0};
	struct config config;
	struct study study = {0};
	struct progress progress;
	struct lm_error err;
	int rc;

	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	rc = config_load(&config, arguments.config, &err);
	if (arguments.has_seed)
		config.seed = arguments.seed;
	if (rc == 0)
		rc = study_make(&study, &config,
				arguments.threads > 0 ? arguments.threads : default_threads(),
				arguments.out, arguments.entropy, &err);
	progress_start(&progress, "milliseconds simulated");
	if (rc == 0)
		rc = study_run(&study, show_progress, &progress, &err);
	progress_end(&progress);
	if (rc == 0)
		rc = show(&arguments, &study, &err);
	study_free(&study);
	if (rc != 0)
		fprintf(stderr, "%s: %s\n", argv[0], err.text);
	return rc == 0 ? 0 : 1;
}
