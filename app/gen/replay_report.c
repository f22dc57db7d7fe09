/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See replay_report.h.
 */
#include "replay_report.h"

#include <errno.h>
#include <inttypes.h>

#include "histogram_json.h"
#include "report.h"

#define NS      1e9
#define LATE_NS 100000

static const char *const paces[] = {"own", "rate", "flood"};

static double seconds(const struct replayer *replayer)
{
	return (double)(replayer->last_ns - replayer->first_ns) / NS;
}

static double a_second(double n, double seconds)
{
	return seconds > 0 ? n / seconds : 0;
}

/* ---- Text ---- */

static void print_late(FILE *to, const struct histogram *late)
{
	if (late->count == 0)
		return;
	fprintf(to,
		"late: median %.3f us, p99 %.3f us, max %.3f us; %" PRIu64
		" frames more than %.1f ms\n",
		(double)histogram_quantile(late, 500) / 1e3,
		(double)histogram_quantile(late, 990) / 1e3, (double)late->max / 1e3,
		histogram_above(late, LATE_NS), LATE_NS / 1e6);
}

bool replay_report_text(FILE *to, const struct replay_report *report)
{
	const struct replayer *replayer = report->replayer;
	const struct replayer_counts *counts = &replayer->counts;
	double s = seconds(replayer), cpu_s = (double)replayer->cpu_ns / NS;

	fprintf(to,
		"sent %" PRIu64 " frames in %.6f s: %.0f a second, %.3f Gb/s; %.3f s of the CPU\n",
		counts->sent, s, a_second((double)counts->sent, s),
		a_second((double)counts->sent_bytes * 8 / NS, s), cpu_s);
	print_late(to, &replayer->late_ns);
	if (counts->cut + counts->too_long > 0)
		fprintf(to,
			"not sent: %" PRIu64 " captured in part, %" PRIu64
			" longer than --longest\n",
			counts->cut, counts->too_long);
	fprintf(to,
		"next frame not read from the disk yet %" PRIu64 " times, port full %" PRIu64
		" times\n",
		counts->starved, counts->port_full);
	fprintf(to, "received %" PRIu64 " frames, %" PRIu64 " bytes\n", counts->received,
		counts->received_bytes);
	return fflush(to) == 0 && !ferror(to);
}

/* ---- JSON ---- */

static void put(json_t *json, const char *name, uint64_t value)
{
	json_object_set_new(json, name, json_integer((json_int_t)value));
}

bool replay_report_json(FILE *to, const struct replay_report *report)
{
	const struct replayer *replayer = report->replayer;
	const struct replayer_counts *counts = &replayer->counts;
	double s = seconds(replayer);
	json_t *all = json_pack("{s:s, s:s, s:b, s:f, s:f, s:f, s:f}", "capture", report->capture,
				"pace", paces[replayer->pace.kind], "complete",
				replayer->done && !replayer->broken, "seconds", s, "cpu_seconds",
				(double)replayer->cpu_ns / NS, "sent_pps",
				a_second((double)counts->sent, s), "sent_gbps",
				a_second((double)counts->sent_bytes * 8 / NS, s));

	put(all, "sent", counts->sent);
	put(all, "sent_bytes", counts->sent_bytes);
	put(all, "received", counts->received);
	put(all, "received_bytes", counts->received_bytes);
	put(all, "cut", counts->cut);
	put(all, "too_long", counts->too_long);
	put(all, "starved", counts->starved);
	put(all, "port_full", counts->port_full);
	put(all, "late", histogram_above(&replayer->late_ns, LATE_NS));
	json_object_set_new(all, "histograms",
			    json_pack("{s:o}", "late", histogram_to_json(&replayer->late_ns)));

	bool written = json_dumpf(all, to, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) == 0 &&
		       fputc('\n', to) != EOF && fflush(to) == 0;

	json_decref(all);
	return written;
}

/* ---- Times ---- */

static void write_times(FILE *to, const char *what, const struct replay_report *report,
			const struct replayer_times *times)
{
	for (uint64_t i = 0; i < times->n; i++) {
		const struct replayer_time *time = &times->time[i];

		fprintf(to, "%s,%" PRIu64 ",", what, i);
		if (time->due_ns > 0)
			fprintf(to, "%" PRIu64,
				tsc_wall_ns(time->due_ns, &report->before, &report->after));
		fprintf(to, ",%" PRIu64 ",%" PRIu32 "\n",
			tsc_wall_ns(time->at_ns, &report->before, &report->after), time->len);
	}
}

int replay_report_times(const char *path, const struct replay_report *report, struct lm_error *err)
{
	FILE *to = fopen(path, "w");

	if (!to)
		return lm_error_set(err, errno, "%s: %s", path, strerror(errno));
	fputs("what,number,due_ns,at_ns,bytes\n", to);
	write_times(to, "sent", report, &report->replayer->sent_times);
	write_times(to, "received", report, &report->replayer->received_times);
	return report_close(to, path, err);
}
