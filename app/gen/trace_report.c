/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See trace_report.h.
 */
#include "trace_report.h"

#include <jansson.h>
#include <string.h>

#define PREFIX_LEN (LM_TOPOLOGY_LAYERS * 11 + 8)

static const struct lm_topology_node *subject(const struct trace_result *result, unsigned i)
{
	return &result->plan->topology->node[result->plan->subject[i]];
}

static void prefix_text(char text[PREFIX_LEN], const struct trace_result *result, unsigned mixes)
{
	size_t at = 0;

	strcpy(text, "(none)");
	for (unsigned i = 0; i < mixes; i++)
		at += (size_t)snprintf(text + at, PREFIX_LEN - at, "%s%u", i ? "," : "",
				       subject(result, i)->id);
}

static void print_series(FILE *to, const struct trace_result *result)
{
	char prefix[PREFIX_LEN];

	if (result->plan->all)
		return;
	fprintf(to, "%-24s %8s %8s %14s\n", "prefix", "sent", "lost", "median delay");
	for (unsigned j = 0; j <= result->plan->hops; j++) {
		const struct trace_series *series = &result->series[j];

		prefix_text(prefix, result, j);
		fprintf(to, "%-24s %8u %8u %11.1f ms\n", prefix, series->sent, series->lost,
			series->median_us / 1e3);
	}
	fputc('\n', to);
}

static const char *finding_name(const struct trace_finding *finding)
{
	if (finding->state == TRACE_ALONE)
		return "alone";
	if (finding->lossy)
		return finding->late ? "lossy and late" : "lossy";
	if (finding->late)
		return "late";
	return finding->state == TRACE_TOO_FEW ? "too few" : "good";
}

static void print_findings(FILE *to, const struct trace_result *result)
{
	fprintf(to, "%-10s %5s %9s %9s %12s  %s\n", "mix", "layer", "loss", "at most", "later",
		"finding");
	for (unsigned i = 0; i < result->plan->subjects; i++) {
		const struct trace_finding *finding = &result->finding[i];
		const struct lm_topology_node *mix = subject(result, i);

		if (finding->state == TRACE_ALONE)
			fprintf(to,
				"%-10u %5u %9s %9s %12s  alone in its layer: cannot be compared\n",
				mix->id, mix->layer, "-", "-", "-");
		else
			fprintf(to, "%-10u %5u %7.1f %% %7.1f %% %9.1f ms  %s (p %.2g, %.2g)\n",
				mix->id, mix->layer, 100 * finding->loss, 100 * finding->loss_most,
				finding->more_us / 1e3, finding_name(finding), finding->p_loss,
				finding->p_late);
	}
	fputc('\n', to);
}

/* The mixes in one of two states, in a line of their own; nothing if there are none. */
static void print_mixes(FILE *to, const struct trace_result *result, enum trace_state state,
			const char *what)
{
	const char *before = what;

	for (unsigned i = 0; i < result->plan->subjects; i++) {
		if (result->finding[i].state != state)
			continue;
		fprintf(to, "%s %u", before, subject(result, i)->id);
		before = ",";
	}
	if (before[0] == ',')
		fputc('\n', to);
}

static void print_verdict(FILE *to, const struct trace_result *result)
{
	double percent = 100 * result->params.confidence;

	for (unsigned i = 0; i < result->plan->subjects; i++) {
		const struct trace_finding *finding = &result->finding[i];

		if (finding->lossy)
			fprintf(to, "mix %u loses packets: about %.1f %% of what reaches it\n",
				subject(result, i)->id, 100 * finding->loss);
		if (finding->late)
			fprintf(to, "mix %u is late: by about %.1f ms\n", subject(result, i)->id,
				finding->more_us / 1e3);
	}
	switch (result->verdict) {
	case TRACE_FAULT:
		fprintf(to, "with %g %% confidence nothing above is chance\n", percent);
		break;
	case TRACE_NO_FAULT:
		fprintf(to,
			"no packet was lost and no mix is later than its fellows (with %g %% "
			"confidence no more than said above)\n",
			percent);
		break;
	case TRACE_UNCLEAR:
		fprintf(to,
			"packets are lost, and no mix can be named with %g %% confidence: send "
			"more (--rounds), or the fault is one that mixes share\n",
			percent);
		break;
	case TRACE_DEAD:
		fputs("not one loop came back: a layer passes nothing, or this gateway receives "
		      "nothing\n",
		      to);
		break;
	}
	print_mixes(to, result, TRACE_ALONE,
		    "alone in their layers, where losses cannot be told from their "
		    "neighbours':");
	print_mixes(to, result, TRACE_TOO_FEW, "too few loops came back to judge:");
}

bool trace_report_text(FILE *to, const struct trace_result *result)
{
	fprintf(to,
		"%u loops sent in %u rounds, %u lost; median delay %.1f ms, expected mean %.1f "
		"ms\n\n",
		result->all.sent, result->plan->rounds, result->all.lost,
		result->all.median_us / 1e3, result->expected_us / 1e3);
	print_series(to, result);
	print_findings(to, result);
	print_verdict(to, result);
	return fflush(to) == 0 && !ferror(to);
}

static json_t *json_of_series(const struct trace_result *result)
{
	json_t *list = json_array();

	for (unsigned j = 0; !result->plan->all && j <= result->plan->hops; j++)
		json_array_append_new(list, json_pack("{s:i, s:I, s:I, s:f}", "prefix", (int)j,
						      "sent", (json_int_t)result->series[j].sent,
						      "lost", (json_int_t)result->series[j].lost,
						      "median_us", result->series[j].median_us));
	return list;
}

static json_t *json_of_findings(const struct trace_result *result)
{
	static const char *const states[] = {"alone", "too few", "judged"};
	json_t *list = json_array();

	for (unsigned i = 0; i < result->plan->subjects; i++) {
		const struct trace_finding *finding = &result->finding[i];
		const struct lm_topology_node *mix = subject(result, i);

		json_array_append_new(
			list, json_pack("{s:I, s:i, s:s, s:b, s:b, s:f, s:f, s:f, s:f, s:f}", "id",
					(json_int_t)mix->id, "layer", (int)mix->layer, "state",
					states[finding->state], "lossy", finding->lossy, "late",
					finding->late, "loss", finding->loss, "loss_most",
					finding->loss_most, "more_us", finding->more_us, "p_loss",
					finding->p_loss, "p_late", finding->p_late));
	}
	return list;
}

bool trace_report_json(FILE *to, const struct trace_result *result)
{
	static const char *const verdicts[] = {"no fault", "fault", "unclear", "dead"};
	json_t *all =
		json_pack("{s:s, s:f, s:I, s:I, s:I, s:f, s:f, s:o, s:o}", "verdict",
			  verdicts[result->verdict], "confidence", result->params.confidence,
			  "rounds", (json_int_t)result->plan->rounds, "sent",
			  (json_int_t)result->all.sent, "lost", (json_int_t)result->all.lost,
			  "median_us", result->all.median_us, "expected_us", result->expected_us,
			  "prefixes", json_of_series(result), "mixes", json_of_findings(result));
	bool written = json_dumpf(all, to, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) == 0 &&
		       fputc('\n', to) != EOF && fflush(to) == 0;

	json_decref(all);
	return written;
}
