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

#define CHOICES 16 /* in a list, at most */
#define ROWS    128

enum {
	KEY_LATENCY = 512,
	KEY_BANDWIDTH,
	KEY_RELAY_BANDWIDTH,
	KEY_COVER,
	KEY_RELAY_COVER,
	KEY_PADDING
};

/* What is tried. */
struct choices {
	double value[CHOICES];
	unsigned n; /* 0: the configuration's */
};

struct arguments {
	const char *config, *out;
	bool json;
	struct plan_wish wish;
	struct choices cover, relay_cover, padding_ms;
};

static const struct argp_option options[] = {
	{"config", 'c', "FILE", 0, "Network, clients and links", 0},
	{"entropy", 'e', "BITS", 0, "The mean entropy that is wanted", 0},
	{"latency", KEY_LATENCY, "MS", 0, "The most that the mean latency may be", 0},
	{"bandwidth", KEY_BANDWIDTH, "BYTES", 0, "The most that a client may send in a second", 0},
	{"relay-bandwidth", KEY_RELAY_BANDWIDTH, "BYTES", 0,
	 "The most that a mix may send in a second, on the average", 0},
	{"cover", KEY_COVER, "LIST", 0,
	 "Packets of clients' cover for each of messages that are tried (default 0,0.5,1,2,4,8)",
	 0},
	{"relay-cover", KEY_RELAY_COVER, "LIST", 0,
	 "Packets of its own cover that a relay makes in a second (default: the configuration's)",
	 0},
	{"padding", KEY_PADDING, "LIST", 0,
	 "Milliseconds between two frames on each link; 0: no padding (default: the "
	 "configuration's)",
	 0},
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

static void parse_list(struct argp_state *state, struct choices *list, const char *option,
		       char *text, double most)
{
	char *rest = NULL;

	list->n = 0;
	for (char *word = strtok_r(text, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
		if (list->n == CHOICES)
			argp_error(state, "%s: more than %d", option, CHOICES);
		list->value[list->n++] = number(state, option, word, 0, most);
	}
	if (list->n == 0)
		argp_error(state, "%s: no number; as 0,0.5,1", option);
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
	case KEY_RELAY_BANDWIDTH:
		arguments->wish.relay_bytes = number(state, "relay-bandwidth", arg, 1, 1e12);
		return 0;
	case KEY_COVER:
		parse_list(state, &arguments->cover, "cover", arg, 1000);
		return 0;
	case KEY_RELAY_COVER:
		parse_list(state, &arguments->relay_cover, "relay-cover", arg, 1e6);
		return 0;
	case KEY_PADDING:
		parse_list(state, &arguments->padding_ms, "padding", arg, 3.6e6);
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
	if (!row->intact)
		return "loses packets";
	if (!row->hidden)
		return "hides too little";
	if (!row->fast)
		return row->cheap ? "too slow" : "too slow, too much";
	return row->cheap ? "fits" : "too much";
}

static const char *const delays[] = {"interval", "tick", "mean"}; /* by strategy */

static void print_row(const struct plan_row *row)
{
	printf("%7.2f %9.1f %9.2f %12.2f %7.3f %7.3f %7.3f %9.1f %9.1f %9.0f %9.0f  %s\n",
	       row->cover, row->relay_cover, row->link_interval_us / 1e3, row->delay_us / 1e3,
	       row->bits, row->law_bits, row->least_bits, row->latency_ms, row->p99_ms,
	       row->bytes_per_second, row->relay_bytes, verdict(row));
}

static void print_table(const struct plan_row *row, unsigned rows, const struct config *config)
{
	const struct plan_row *best = plan_best(row, rows);
	bool bound = false;

	printf("%7s %9s %9s %8s, ms %7s %7s %7s %9s %9s %9s %9s\n", "cover", "relay's/s", "pad, ms",
	       delays[config->mixing.strategy - 1], "bits", "law", "least", "mean, ms", "p99, ms",
	       "client/s", "mix/s");
	for (unsigned i = 0; i < rows; i++) {
		print_row(&row[i]);
		bound |= row[i].relay_cover > 0 || row[i].link_interval_us > 0;
	}
	puts("bits were measured in a simulation of each row, law is what its rates and delays "
	     "foretell;\nclient/s and mix/s are bytes a second");
	if (bound)
		puts("with own cover of relays or padding bits are a lower bound: for one who can "
		     "tell cover from packets");
	if (best)
		printf("least bandwidth that fits: %.2f packets of cover for each of messages, "
		       "%.1f a second of each relay, padding %.2f ms, %s %.2f ms\n",
		       best->cover, best->relay_cover, best->link_interval_us / 1e3,
		       delays[config->mixing.strategy - 1], best->delay_us / 1e3);
	else
		puts("nothing fits: allow more latency or bandwidth, or want less entropy");
}

static json_t *row_json(const struct plan_row *row)
{
	return json_pack("{sfsfsIsIsisfsfsfsfsfsfsfsfsfss}", "cover", row->cover,
			 "relay_cover_per_second", row->relay_cover, "link_interval_us",
			 (json_int_t)row->link_interval_us, "delay_us", (json_int_t)row->delay_us,
			 "trials", (int)row->trials, "bits", row->bits, "least_bits",
			 row->least_bits, "law_bits", row->law_bits, "latency_ms", row->latency_ms,
			 "p99_ms", row->p99_ms, "bytes_per_second", row->bytes_per_second,
			 "mix_bytes_per_second", row->relay_bytes, "network_bytes_per_second",
			 row->network_bytes, "lost", row->lost, "verdict", verdict(row));
}

static int print_json(const struct plan_row *row, unsigned rows)
{
	const struct plan_row *best = plan_best(row, rows);
	json_t *list = json_array(), *json;
	int rc;

	for (unsigned i = 0; i < rows; i++)
		json_array_append_new(list, row_json(&row[i]));
	json = json_pack("{soso}", "rows", list, "best",
			 best ? json_integer(best - row) : json_null());
	rc = json ? json_dumpf(json, stdout, JSON_INDENT(1)) : -1;
	putchar('\n');
	json_decref(json);
	return rc;
}

/* ---- The search ---- */

/* The i-th of what is tried; otherwise: what the configuration has. */
static double choice(const struct choices *list, unsigned i, double otherwise)
{
	return list->n > 0 ? list->value[i] : otherwise;
}

static unsigned count(const struct choices *list)
{
	return list->n > 0 ? list->n : 1;
}

/* Every padding with every own cover of relays with every cover of clients; 0: too many. */
static unsigned list_rows(struct plan_row row[ROWS], const struct arguments *arguments,
			  const struct config *config)
{
	unsigned rows = 0;
	struct plan_row first;

	plan_start(&first, config);
	for (unsigned p = 0; p < count(&arguments->padding_ms); p++)
		for (unsigned r = 0; r < count(&arguments->relay_cover); r++)
			for (unsigned c = 0; c < count(&arguments->cover); c++) {
				if (rows == ROWS)
					return 0;
				row[rows] = first;
				row[rows].cover = choice(&arguments->cover, c, first.cover);
				row[rows].relay_cover =
					choice(&arguments->relay_cover, r, first.relay_cover);
				row[rows++].link_interval_us =
					(uint32_t)(choice(&arguments->padding_ms, p,
							  first.link_interval_us / 1e3) *
							   1e3 +
						   0.5);
			}
	return rows;
}

static int find_all(struct plan_row *row, unsigned rows, const struct arguments *arguments,
		    const struct config *config, struct lm_error *err)
{
	struct progress progress;
	int rc = 0;

	progress_start(&progress, "choices of cover");
	for (unsigned i = 0; rc == 0 && i < rows; i++) {
		progress_show(&progress, i, rows);
		rc = plan_find(&row[i], config, &arguments->wish, err);
		if (rc == -EDOM) { /* the table says so */
			row[i].trials = 0;
			rc = 0;
		}
	}
	progress_end(&progress);
	return rc;
}

static int plan(const struct arguments *arguments, struct lm_error *err)
{
	struct plan_row row[ROWS];
	struct config config;
	unsigned rows;
	int rc = config_load(&config, arguments->config, err);

	if (rc != 0)
		return rc;
	rows = list_rows(row, arguments, &config);
	if (rows == 0)
		return lm_error_set(err, E2BIG, "more than %d choices of cover: shorter lists",
				    ROWS);
	rc = find_all(row, rows, arguments, &config, err);
	if (rc == 0 && arguments->json)
		rc = print_json(row, rows);
	else if (rc == 0)
		print_table(row, rows, &config);
	if (rc == 0 && arguments->out)
		rc = plot_plan(arguments->out, row, rows, &arguments->wish, err);
	return rc;
}

int plan_main(int argc, char **argv)
{
	const struct argp argp = {
		.options = options,
		.parser = parse,
		.doc = "Finds the delays that give a wanted entropy with more and more cover of "
		       "clients and relays, and what that costs in latency and bandwidth."};
	struct arguments arguments = {.wish = {.latency_ms = INFINITY,
					       .bytes_per_second = INFINITY,
					       .relay_bytes = INFINITY},
				      .cover = {{0, 0.5, 1, 2, 4, 8}, 6}};
	struct lm_error err = {0};
	int rc;

	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	rc = plan(&arguments, &err);
	if (rc != 0)
		fprintf(stderr, "%s: %s\n", argv[0], err.text);
	return rc == 0 ? 0 : 1;
}
