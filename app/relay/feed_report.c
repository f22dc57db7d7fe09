/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a feed came to, for people and for programs.
 */
#include <inttypes.h>
#include <rte_cycles.h>

#include "feed.h"

static double per(double seconds, uint64_t n)
{
	return seconds > 0 ? (double)n / seconds : 0;
}

static void print_text(FILE *to, const struct feed_result *result)
{
	double seconds = result->window.seconds;

	fprintf(to,
		"feed: %" PRIu64 " frames, %" PRIu64 " offered, of them %" PRIu64
		" missed (%" PRIu64 " for want of buffers), %" PRIu64
		" sent, in %.3f s; a second: %.0f offered, %.0f received, %.0f over "
		"their share, %.0f %s (%.0f a second of CPU time); %" PRIu64
		" frames of garbage, of them %" PRIu64 " missed\n",
		result->frames, result->offered, result->missed, result->missed_buffers,
		result->sent, result->seconds, per(seconds, result->window.offered),
		per(seconds, result->window.received), per(seconds, result->window.overload),
		per(seconds, result->window.good), result->plain ? "forwarded" : "peeled and kept",
		per(result->window.cpu_seconds, result->window.good), result->garbage,
		result->garbage_missed);
}

static void print_window(FILE *to, const struct feed_result *result)
{
	double seconds = result->window.seconds;
	double good = per(seconds, result->window.good);

	fprintf(to,
		", \"window_seconds\": %.6f, \"window_cpu_seconds\": %.6f, \"offered_pps\": %.0f, "
		"\"received_pps\": %.0f, \"overload_pps\": %.0f, \"goodput_pps\": %.0f, "
		"\"goodput_per_cpu_second\": %.0f, \"goodput_gbps\": %.6f",
		seconds, result->window.cpu_seconds, per(seconds, result->window.offered),
		per(seconds, result->window.received), per(seconds, result->window.overload), good,
		per(result->window.cpu_seconds, result->window.good),
		good * (result->frame_bytes + FEED_ON_THE_WIRE) * 8 / 1e9);
}

/* A packet passes each stage once, so their sum is what it costs the worker. */
static struct stage_figure sum(const struct feed_result *result)
{
	struct stage_figure all = {0};

	for (unsigned i = 0; i < STAGE_WORKER; i++) {
		const struct stage_figure *one = &result->figure[i];

		all.median += one->median;
		all.least += one->least;
		if (one->bursts > 0 && (all.bursts == 0 || one->bursts < all.bursts))
			all.bursts = one->bursts;
	}
	return all;
}

static void print_figure(FILE *to, const char *name, struct stage_figure figure)
{
	fprintf(to, "\"%s\": {\"median\": %.2f, \"least\": %.2f, \"bursts\": %u}", name,
		figure.median, figure.least, figure.bursts);
}

static void print_stages(FILE *to, const struct feed_result *result)
{
	fprintf(to, ", \"cycles_per_packet\": {");
	for (unsigned i = 0; i < STAGE_WORKER; i++) {
		print_figure(to, stage_name(i), result->figure[i]);
		fprintf(to, ", ");
	}
	print_figure(to, "sum", sum(result));
	fprintf(to, "}, \"stages\": ");
	stage_times_print_json(to, &result->window.stages, rte_get_tsc_hz());
}

static void print_table(FILE *to, const struct feed_result *result, uint64_t burst)
{
	struct stage_figure all = sum(result);

	fprintf(to, "cycles a packet in bursts of %" PRIu64 ":  median     least    bursts\n",
		burst);
	for (unsigned i = 0; i < STAGE_WORKER; i++) {
		const struct stage_figure *one = &result->figure[i];

		if (one->bursts > 0)
			fprintf(to, "%-30s%9.1f %9.1f %9u\n", stage_name(i), one->median,
				one->least, one->bursts);
	}
	fprintf(to, "%-30s%9.1f %9.1f\n", "a worker, in all", all.median, all.least);
}

static void print_json(FILE *to, const struct feed_result *result, const struct relay *relay)
{
	const struct relay_config *config = relay->config;

	fprintf(to,
		"{\"mode\": \"%s\", \"pull\": %s, \"link\": \"%s\", \"profile\": %u, "
		"\"workers\": %u, \"burst\": %" PRIu64
		", \"frame_bytes\": %.1f, \"frames\": %" PRIu64 ", \"offered\": %" PRIu64
		", \"missed\": %" PRIu64 ", \"missed_buffers\": %" PRIu64 ", \"sent\": %" PRIu64
		", \"garbage\": %" PRIu64 ", \"garbage_missed\": %" PRIu64 ", \"seconds\": %.6f",
		result->plain ? "plain" : "mix", result->pull ? "true" : "false",
		config_link_names[config->node.link.mode], (unsigned)relay->topology->profile,
		relay->workers, config->burst, result->frame_bytes, result->frames, result->offered,
		result->missed, result->missed_buffers, result->sent, result->garbage,
		result->garbage_missed, result->seconds);
	print_window(to, result);
	if (relay->shared.timed)
		print_stages(to, result);
	fprintf(to, "}\n");
}

void feed_print(FILE *to, const struct feed_result *result, const struct relay *relay, bool json)
{
	if (json) {
		print_json(to, result, relay);
		return;
	}
	print_text(to, result);
	if (relay->shared.timed)
		print_table(to, result, relay->config->burst);
}
