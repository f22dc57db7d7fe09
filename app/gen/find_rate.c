/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * linemix-gen find-rate: the no-drop rate of the network that the generator is a gateway of, by
 * trials (rate.h). Each trial is a run of its own, and the next one begins when all that the mixes
 * may still hold has left them.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "live.h"
#include "options.h"
#include "rate_report.h"

#define RATE_MAX    (UINT32_MAX / 2)
#define SECONDS_MAX 86400
#define PPM         1000000
#define MS_PER_DAY  86400000
#define US_PER_MS   1000

struct options {
	struct build_options build; /* rate_pps: where the search begins */
	struct live_options live;
	struct rate_params search;
	struct rate_criteria criteria;
	uint32_t seconds, long_seconds, warm_up_seconds;
	bool json;
};

/* A search on its way. */
struct finding {
	const struct options *options;
	struct live live;
	struct rate_search search;
	struct rate_trial trial[RATE_TRIALS_MAX];
	unsigned trials;
};

enum {
	KEY_SECONDS = 512,
	KEY_LONG,
	KEY_WARM_UP,
	KEY_MIN,
	KEY_MAX,
	KEY_RESOLUTION,
	KEY_TOLERANCE,
	KEY_TRIALS,
	KEY_LATE,
	KEY_WAIT,
	KEY_STOCK,
};

static const struct argp_option rows[] = {
	{"seconds", KEY_SECONDS, "S", 0, "Length of a trial of the search (default 5)", 0},
	{"long-seconds", KEY_LONG, "S", 0,
	 "Length of the trial that confirms the result; 0: none (default 60, as RFC 2544 says)", 0},
	{"warm-up-seconds", KEY_WARM_UP, "S", 0,
	 "Send so long at the first rate before the first trial (default 1)", 0},
	{"min-rate", KEY_MIN, "PPS", 0, "Lowest rate to try (default 1)", 0},
	{"max-rate", KEY_MAX, "PPS", 0, "Highest rate to try (default 10000000)", 0},
	{"resolution-ppm", KEY_RESOLUTION, "PPM", 0,
	 "How close to the no-drop rate to come, in millionths of it (default 20000)", 0},
	{"tolerance-ppm", KEY_TOLERANCE, "PPM", 0,
	 "What may be lost, in millionths of what was sent (default 0)", 0},
	{"trials", KEY_TRIALS, "N", 0, "So many at the most (default 40)", 0},
	{"late-ms", KEY_LATE, "MS", 0,
	 "A trial in which a packet leaves so much behind its time is none (default 100)", 0},
	{"wait-ms", KEY_WAIT, "MS", 0,
	 "Longest wait for packets after a trial (default: what the network's mixing may take)", 0},
	{"stock", KEY_STOCK, "N", 0, "Packets built ahead (default 65536)", 0},
	{"json", 'j', NULL, 0, "Report as JSON", 0},
	{0},
};

static void set_defaults(struct options *options)
{
	options->live = (struct live_options){.stock = LIVE_STOCK, .quiet = true};
	options->search = (struct rate_params){.min_pps = 1,
					       .max_pps = 10000000,
					       .resolution_ppm = 20000,
					       .trials = 40};
	options->criteria.late_us = 100 * US_PER_MS;
	options->seconds = 5;
	options->long_seconds = 60;
	options->warm_up_seconds = 1;
}

static void parse_end(struct options *options, struct argp_state *state)
{
	struct rate_params *search = &options->search;
	uint64_t seconds = options->seconds;

	if (options->build.count != 0)
		argp_error(state, "--count: trials last for --seconds");
	if (options->build.to != 0)
		argp_error(state, "--to: what does not come back says nothing of losses");
	if (seconds < options->long_seconds)
		seconds = options->long_seconds;
	if (seconds < options->warm_up_seconds)
		seconds = options->warm_up_seconds;
	if (search->max_pps > UINT32_MAX / seconds)
		argp_error(state, "--max-rate: %u a second for %u s are more than %u packets",
			   search->max_pps, (unsigned)seconds, UINT32_MAX);
	search->start_pps = options->build.rate_pps;
	if (search->start_pps < search->min_pps || search->start_pps > search->max_pps)
		argp_error(state, "--rate: the search begins between --min-rate and --max-rate");
	search->confirm = options->long_seconds > 0;
}

/* How trials are made. */
static error_t parse_trial(int key, char *arg, struct argp_state *state, struct options *options)
{
	switch (key) {
	case KEY_SECONDS:
		options->seconds = (uint32_t)options_number(state, "seconds", arg, 1, SECONDS_MAX);
		return 0;
	case KEY_LONG:
		options->long_seconds =
			(uint32_t)options_number(state, "long-seconds", arg, 0, SECONDS_MAX);
		return 0;
	case KEY_WARM_UP:
		options->warm_up_seconds =
			(uint32_t)options_number(state, "warm-up-seconds", arg, 0, SECONDS_MAX);
		return 0;
	case KEY_LATE:
		options->criteria.late_us =
			US_PER_MS * options_number(state, "late-ms", arg, 1, MS_PER_DAY);
		return 0;
	case KEY_WAIT:
		options->live.wait_ms =
			(uint32_t)options_number(state, "wait-ms", arg, 0, MS_PER_DAY);
		options->live.has_wait = true;
		return 0;
	case KEY_STOCK:
		options->live.stock =
			(uint32_t)options_number(state, "stock", arg, LM_BURST, 1u << 26);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;
	struct rate_params *search = &options->search;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &options->build;
		set_defaults(options);
		return 0;
	case KEY_MIN:
		search->min_pps = (uint32_t)options_number(state, "min-rate", arg, 1, RATE_MAX);
		return 0;
	case KEY_MAX:
		search->max_pps = (uint32_t)options_number(state, "max-rate", arg, 1, RATE_MAX);
		return 0;
	case KEY_RESOLUTION:
		search->resolution_ppm =
			(uint32_t)options_number(state, "resolution-ppm", arg, 1, PPM);
		return 0;
	case KEY_TOLERANCE:
		options->criteria.tolerance_ppm =
			(uint32_t)options_number(state, "tolerance-ppm", arg, 0, PPM);
		return 0;
	case KEY_TRIALS:
		search->trials = (unsigned)options_number(state, "trials", arg, 1, RATE_TRIALS_MAX);
		return 0;
	case 'j':
		options->json = true;
		return 0;
	case ARGP_KEY_END:
		parse_end(options, state);
		return 0;
	default:
		return parse_trial(key, arg, state, options);
	}
}

/*
 * Sends at a rate for so long, or until the verdict is clear; all that mixes hold has come back
 * afterwards, or is lost.
 */
static int send_for(struct finding *finding, uint32_t rate_pps, uint32_t seconds,
		    struct lm_error *err)
{
	const struct rate_criteria *criteria = &finding->options->criteria;
	struct live_options options = finding->options->live;
	struct build_options build = finding->options->build;
	struct live *live = &finding->live;
	struct gen_builder *builder;
	int rc;

	build.rate_pps = rate_pps;
	build.count = rate_pps * seconds;
	options.gives_up = true;
	options.late_us = criteria->late_us;
	options.most_lost = (uint32_t)((uint64_t)build.count * criteria->tolerance_ppm / PPM);
	rc = live_renew(live, build.count, err);
	if (rc != 0)
		return rc;
	builder = build_start(&build, &live->setup, 0, err);
	if (!builder)
		return -EINVAL;
	rc = live_run(live, builder, 0, &options, err);
	build_free(builder);
	if (rc == 0 && live->stopped)
		return lm_error_set(err, EINTR, "stopped in the middle of a trial");
	return rc;
}

static void take_trial(struct rate_trial *trial, const struct live *live)
{
	trial->wanted = live->tally.run.count;
	trial->sent = live->tally.sent;
	trial->ended = live->gave_up;
	trial->seconds = live->sending.seconds;
	trial->late_us = live->sending.behind_us;
	trial->port_missed = live->port_missed;
	trial->damaged = live->tally.damaged;
	trial->p50_ns = histogram_quantile(&live->tally.latency_ns, 500);
	trial->p99_ns = histogram_quantile(&live->tally.latency_ns, 990);
	trial->p999_ns = histogram_quantile(&live->tally.latency_ns, 999);
	trial->max_ns = live->tally.latency_ns.max;
	for (unsigned i = 0; i < GEN_CMDS; i++) {
		trial->lost += tally_lost(&live->tally, (enum gen_cmd)i);
		trial->damaged += live->tally.duplicated[i];
	}
}

static int try(struct finding *finding, struct lm_error *err)
{
	const struct options *options = finding->options;
	struct rate_search *search = &finding->search;
	struct rate_trial *trial = &finding->trial[finding->trials];
	int rc;

	*trial =
		(struct rate_trial){.rate_pps = search->next_pps, .confirming = search->confirming};
	rc = send_for(finding, search->next_pps,
		      search->confirming ? options->long_seconds : options->seconds, err);
	if (rc != 0)
		return rc;
	take_trial(trial, &finding->live);
	trial->verdict = rate_judge(trial, &options->criteria);
	if (isatty(STDERR_FILENO) == 1) {
		fprintf(stderr, "trial %2u: ", finding->trials + 1);
		rate_report_trial(stderr, trial);
		fputc('\n', stderr);
	}
	finding->trials++;
	rate_search_take(search, trial->verdict);
	return 0;
}

static int find(struct finding *finding, struct lm_error *err)
{
	const struct options *options = finding->options;
	uint32_t warm_up_s = options->warm_up_seconds;
	int rc = live_open(&finding->live, options->build.config, 1, err);

	if (rc == 0 && warm_up_s > 0)
		rc = send_for(finding, options->search.start_pps, warm_up_s, err);
	rate_search_init(&finding->search, &options->search);
	while (rc == 0 && rate_search_next(&finding->search))
		rc = try(finding, err);
	return rc;
}

static int report(const struct finding *finding, struct lm_error *err)
{
	const struct rate_report report = {
		.result = rate_search_result(&finding->search),
		.trial = finding->trial,
		.trials = finding->trials,
		.tolerance_ppm = finding->options->criteria.tolerance_ppm,
	};

	if (!(finding->options->json ? rate_report_json : rate_report_text)(stdout, &report))
		return lm_error_set(err, EIO, "the report cannot be written: %s", strerror(errno));
	return 0;
}

int find_rate_main(int argc, char **argv)
{
	static const struct argp_child children[] = {{&build_argp, 0, NULL, 0}, {0}};
	static const struct argp argp = {
		.options = rows,
		.parser = parse,
		.doc = "Finds the no-drop rate of the network: the highest at which it gives back "
		       "every packet, by trials from --rate on. A trial in which the generator "
		       "does "
		       "not keep the pace says nothing of the network. Status 0 if a rate was "
		       "found, else 1.",
		.children = children,
	};
	static struct finding finding;
	struct options options = {0};
	struct lm_error err = {0};
	int rc;

	argp_parse(&argp, argc, argv, 0, NULL, &options);
	finding.options = &options;
	rc = find(&finding, &err);
	if (rc == 0)
		rc = report(&finding, &err);
	if (rc != 0)
		fprintf(stderr, "%s: %s\n", argv[0], err.text);
	live_close(&finding.live);
	return rc == 0 && rate_search_result(&finding.search).rate_pps > 0 ? 0 : 1;
}
