/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * linemix-sim plan: delays and cover for a wanted entropy, as a table and a plot.
 */
#include <argp.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "plot.h"
#include "progress.h"

#define COVERS 32 /* rates of cover, at most */

enum { KEY_LATENCY = 512, KEY_BANDWIDTH, KEY_COVER };

struct arguments {
	const char *config, *out;
	bool json;
	struct plan_wish wish;
	double cover[COVERS];
	unsigned covers;
};

static const struct argp_option options[] = {
	{"config", 'c', "FILE", 0, "Network, clients and links", 0},
	{"entropy", 'e', "BITS", 0, "The mean entropy that is wanted", 0},
	{"latency", KEY_LATENCY, "MS", 0, "The most that the mean latency may be", 0},
	{"bandwidth", KEY_BANDWIDTH, "BYTES", 0, "The most that a client may send in a second", 0},
	{"cover", KEY_COVER, "LIST", 0,
	 "Packets of cover for each of messages that are tried (default 0,0.5,1,2,4,8)", 0},
	{"out", 'o', "FOLDER", 0, "Plot it there, by gnuplot", 0},
	{"json", 'j', NULL, 0, "Print the table as JSON", 0},
	{0},
};

static double number(struct argp_state *state, const char *option, const char *text, double least,
		     double most)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end != '\0' || !(value >= least && value <= most))
		argp_error(state, "%s: \"%s\" is no number from %g to %g", option, text, least,
			   most);
	return value;
}

static void parse_covers(struct argp_state *state, struct arguments *arguments, char *list)
{
	char *rest = NULL;

	arguments->covers = 0;
	for (char *word = strtok_r(list, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
		if (arguments->covers == COVERS)
			argp_error(state, "cover: more than %d rates", COVERS);
		arguments->cover[arguments->covers++] = number(state, "cover", word, 0, 1000);
	}
	if (arguments->covers == 0)
		argp_error(state, "cover: no rate; as 0,0.5,1");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case 'c':
		arguments->config = arg;
		return 0;
	case 'e':
		arguments->wish.bits = number(state, "entropy", arg, 1, 40);
		return 0;
	case 'o':
		arguments->out = arg;
		return 0;
	case 'j':
		arguments->json = true;
		return 0;
	case KEY_LATENCY:
		arguments->wish.latency_ms = number(state, "latency", arg, 0.001, 1e9);
		return 0;
	case KEY_BANDWIDTH:
		arguments->wish.bytes_per_second = number(state, "bandwidth", arg, 1, 1e12);
		return 0;
	case KEY_COVER:
		parse_covers(state, arguments, arg);
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "\"%s\": what is that? Only options are taken", arg);
		return 0;
	case ARGP_KEY_END:
		if (!arguments->config || arguments->wish.bits == 0)
			argp_error(state, "--config FILE and --entropy BITS are needed");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* ---- The table ---- */

static const char *verdict(const struct plan_row *row)
{
	if (row->trials == 0)
		return "needs too long a delay";
	if (!row->hidden)
		return "hides too little";
	if (!row->fast)
		return row->cheap ? "too slow" : "too slow, too much";
	return row->cheap ? "fits" : "too much";
}

static void print_table(const struct plan_row *row, unsigned rows)
{
	const struct plan_row *best = plan_best(row, rows);

	printf("%8s %12s %9s %9s %12s %12s %12s  %s\n", "cover", "delay, ms", "bits", "least",
	       "latency, ms", "p99, ms", "bytes/s", "");
	for (unsigned i = 0; i < rows; i++)
		printf("%8.2f %12.2f %9.3f %9.3f %12.1f %12.1f %12.0f  %s\n", row[i].cover,
		       row[i].mean_delay_us / 1e3, row[i].bits, row[i].least_bits,
		       row[i].latency_ms, row[i].p99_ms, row[i].bytes_per_second, verdict(&row[i]));
	if (best)
		printf("least bandwidth that fits: %.2f packets of cover for each of messages, "
		       "mean "
		       "delay %.2f ms\n",
		       best->cover, best->mean_delay_us / 1e3);
	else
		puts("nothing fits: allow more latency or bandwidth, or want less entropy");
}

static int print_json(const struct plan_row *row, unsigned rows)
{
	const struct plan_row *best = plan_best(row, rows);
	json_t *list = json_array(), *json;
	int rc;

	for (unsigned i = 0; i < rows; i++)
		json_array_append_new(list,
				      json_pack("{sfsisisfsfsfsfsfsfss}", "cover", row[i].cover,
						"mean_delay_us", (int)row[i].mean_delay_us,
						"trials", (int)row[i].trials, "bits", row[i].bits,
						"least_bits", row[i].least_bits, "law_bits",
						row[i].law_bits, "latency_ms", row[i].latency_ms,
						"p99_ms", row[i].p99_ms, "bytes_per_second",
						row[i].bytes_per_second, "verdict",
						verdict(&row[i])));
	json = json_pack("{soso}", "rows", list, "best",
			 best ? json_integer(best - row) : json_null());
	rc = json ? json_dumpf(json, stdout, JSON_INDENT(1)) : -1;
	putchar('\n');
	json_decref(json);
	return rc;
}

/* ---- The search ---- */

static int find_all(struct plan_row *row, const struct arguments *arguments,
		    const struct config *config, struct lm_error *err)
{
	struct progress progress;
	int rc = 0;

	progress_start(&progress, "rates of cover");
	for (unsigned i = 0; rc == 0 && i < arguments->covers; i++) {
		progress_show(&progress, i, arguments->covers);
		row[i].cover = arguments->cover[i];
		rc = plan_find(&row[i], config, &arguments->wish, err);
		if (rc == -EDOM) { /* the table says so */
			row[i] = (struct plan_row){.cover = arguments->cover[i]};
			rc = 0;
		}
	}
	progress_end(&progress);
	return rc;
}

int plan_main(int argc, char **argv)
{
	const struct argp argp = {
		.options = options,
		.parser = parse,
		.doc = "Finds the delays that give a wanted entropy with more and more cover of "
		       "clients, and what that costs in latency and bandwidth."};
	struct arguments arguments = {.wish = {.latency_ms = INFINITY,
					       .bytes_per_second = INFINITY},
				      .cover = {0, 0.5, 1, 2, 4, 8},
				      .covers = 6};
	struct plan_row row[COVERS] = {{0}};
	struct config config;
	struct lm_error err;
	int rc;

	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	rc = config_load(&config, arguments.config, &err);
	if (rc == 0)
		rc = find_all(row, &arguments, &config, &err);
	if (rc == 0 && arguments.json)
		rc = print_json(row, arguments.covers);
	else if (rc == 0)
		print_table(row, arguments.covers);
	if (rc == 0 && arguments.out)
		rc = plot_plan(arguments.out, row, arguments.covers, &arguments.wish, &err);
	if (rc != 0)
		fprintf(stderr, "%s: %s\n", argv[0], err.text);
	return rc == 0 ? 0 : 1;
}
