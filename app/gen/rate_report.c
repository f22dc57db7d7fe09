/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See rate_report.h.
 */
#include "rate_report.h"

#include <jansson.h>

void rate_report_trial(FILE *to, const struct rate_trial *trial)
{
	fprintf(to, "%10u a second, %7.2f s: %-6s  sent %llu of %llu, lost %llu", trial->rate_pps,
		trial->seconds, rate_verdict_name(trial->verdict), (unsigned long long)trial->sent,
		(unsigned long long)trial->wanted, (unsigned long long)trial->lost);
	if (trial->damaged > 0)
		fprintf(to, ", damaged or duplicated %llu", (unsigned long long)trial->damaged);
	if (trial->port_missed > 0)
		fprintf(to, ", missed by the own port %llu",
			(unsigned long long)trial->port_missed);
	fprintf(to, ", latest %.1f ms behind%s", (double)trial->late_us / 1e3,
		trial->confirming ? " (long trial)" : "");
}

static void print_result(FILE *to, const struct rate_result *result)
{
	if (result->rate_pps == 0) {
		fprintf(to, "no-drop rate: none found; %s at %u a second\n",
			result->limit == RATE_BY_SENDER ? "the generator does not keep the pace"
							: "packets are lost",
			result->above_pps);
		return;
	}
	fprintf(to, "no-drop rate: %u packets a second, %s; ", result->rate_pps,
		result->confirmed ? "confirmed by a long trial" : "not confirmed");
	switch (result->limit) {
	case RATE_BY_NETWORK:
		fprintf(to, "the network loses packets at %u\n", result->above_pps);
		break;
	case RATE_BY_SENDER:
		fprintf(to,
			"the generator does not keep the pace at %u: the network may carry more\n",
			result->above_pps);
		break;
	case RATE_BY_MAX:
		fputs("no more was asked for\n", to);
		break;
	case RATE_BY_TRIALS:
		fputs("the trials were over before the network lost any: it may carry more\n", to);
		break;
	}
	if (!result->close)
		fputs("the trials were over before the search was: raise --trials\n", to);
}

bool rate_report_text(FILE *to, const struct rate_report *report)
{
	for (unsigned i = 0; i < report->trials; i++) {
		rate_report_trial(to, &report->trial[i]);
		fputc('\n', to);
	}
	print_result(to, &report->result);
	return fflush(to) == 0 && !ferror(to);
}

static json_t *json_of_trial(const struct rate_trial *trial)
{
	json_t *latency =
		json_pack("{s:f, s:f, s:f, s:f}", "p50", (double)trial->p50_ns / 1e3, "p99",
			  (double)trial->p99_ns / 1e3, "p999", (double)trial->p999_ns / 1e3, "max",
			  (double)trial->max_ns / 1e3);

	return json_pack("{s:I, s:b, s:b, s:s, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "rate_pps",
			 (json_int_t)trial->rate_pps, "long", trial->confirming, "ended",
			 trial->ended, "verdict", rate_verdict_name(trial->verdict), "seconds",
			 trial->seconds, "wanted", (json_int_t)trial->wanted, "sent",
			 (json_int_t)trial->sent, "lost", (json_int_t)trial->lost, "damaged",
			 (json_int_t)trial->damaged, "behind_us", (json_int_t)trial->late_us,
			 "port_missed", (json_int_t)trial->port_missed, "latency_us", latency);
}

bool rate_report_json(FILE *to, const struct rate_report *report)
{
	const struct rate_result *result = &report->result;
	json_t *trials = json_array();
	json_t *all =
		json_pack("{s:I, s:I, s:s, s:b, s:b, s:I, s:o}", "rate_pps",
			  (json_int_t)result->rate_pps, "above_pps", (json_int_t)result->above_pps,
			  "limit", rate_limit_name(result->limit), "confirmed", result->confirmed,
			  "close", result->close, "tolerance_ppm",
			  (json_int_t)report->tolerance_ppm, "trials", trials);

	for (unsigned i = 0; i < report->trials; i++)
		json_array_append_new(trials, json_of_trial(&report->trial[i]));

	bool written = json_dumpf(all, to, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) == 0 &&
		       fputc('\n', to) != EOF && fflush(to) == 0;

	json_decref(all);
	return written;
}
