/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See report.h.
 */
#include "report.h"

#include <errno.h>

#include "histogram_json.h"

#define LATE_NS 100000 /* a packet that leaves so long after its time is said to be late */

/* Sums over all kinds of packets. */
struct sums {
	uint64_t sent, received, lost, duplicated;
};

static struct sums sums_of(const struct tally *tally, unsigned from, unsigned to)
{
	struct sums sums = {0};

	if (!tally->known && to - from == GEN_CMDS) /* prepared packets, of which none came back */
		sums.sent = sums.lost = tally->sent;
	for (unsigned i = from; i < to; i++) {
		sums.sent += tally_sent(tally, (enum gen_cmd)i);
		sums.received += tally->received[i];
		sums.lost += tally_lost(tally, (enum gen_cmd)i);
		sums.duplicated += tally->duplicated[i];
	}
	return sums;
}

static void print_sums(FILE *to, const char *name, struct sums sums)
{
	fprintf(to, "%-6s %10llu %10llu %10llu %10llu\n", name, (unsigned long long)sums.sent,
		(unsigned long long)sums.received, (unsigned long long)sums.lost,
		(unsigned long long)sums.duplicated);
}

static void print_drops(FILE *to, const struct tally *tally)
{
	const char *before = "drops: ";

	for (unsigned i = 1; i < LM_DROP_COUNT; i++) {
		if (tally->drop[i] == 0)
			continue;
		fprintf(to, "%s%s %llu", before, lm_drop_name((enum lm_drop)i),
			(unsigned long long)tally->drop[i]);
		before = ", ";
	}
	if (before[0] == ',')
		fputc('\n', to);
}

static double quantile_ms(const struct histogram *histogram, unsigned permille)
{
	return (double)histogram_quantile(histogram, permille) / 1e6;
}

static void print_histogram(FILE *to, const char *name, const struct histogram *histogram)
{
	if (histogram->count == 0)
		return;
	fprintf(to,
		"%s: min %.3f ms, median %.3f ms, p90 %.3f ms, p99 %.3f ms, p99.9 %.3f ms, max "
		"%.3f ms (%llu packets)\n",
		name, (double)histogram->min / 1e6, quantile_ms(histogram, 500),
		quantile_ms(histogram, 900), quantile_ms(histogram, 990),
		quantile_ms(histogram, 999), (double)histogram->max / 1e6,
		(unsigned long long)histogram->count);
}

static void print_order(FILE *to, const struct order *order)
{
	if (order->windows == 0)
		return;
	fprintf(to,
		"order: correlation %.4f over %u windows; random order lies within +-%.4f (99.9 "
		"%%)\n",
		order_correlation(order), order->windows, order_bound(order));
}

static void print_sending(FILE *to, const struct tally *tally, const struct sending *sending)
{
	if (!sending)
		return;
	fprintf(to, "sent %u of %u packets in %.3f s: %.1f", tally->sent, sending->wanted,
		sending->seconds, sending->seconds > 0 ? tally->sent / sending->seconds : 0);
	if (sending->rate_pps > 0)
		fprintf(to, " of %u", sending->rate_pps);
	fputs(" a second\n", to);
	fprintf(to,
		"latest %.3f ms behind its time, %llu packets more than %.1f ms; no packet ready "
		"%llu times, port full %llu times\n",
		(double)sending->late_ns.max / 1e6,
		(unsigned long long)histogram_above(&sending->late_ns, LATE_NS), LATE_NS / 1e6,
		(unsigned long long)sending->starved, (unsigned long long)sending->port_full);
	if (sending->without_session > 0)
		fprintf(to, "%llu of them lost here: their first mixes have no session\n",
			(unsigned long long)sending->without_session);
}

static void print_entropy(FILE *to, const struct entropy *entropy)
{
	if (!entropy)
		return;
	if (entropy->messages == 0) {
		fputs("entropy: nothing to measure; capture for longer\n", to);
		return;
	}
	fprintf(to,
		"entropy: %.3f bits over %u messages, the least %.3f; the law says %.3f at %.1f "
		"packets a second\n",
		entropy->bits, entropy->messages, entropy->least_bits, entropy->law_bits,
		entropy->rate_pps);
	fprintf(to, "held: at least %.1f in every mix; entered %u, strays %u\n",
		entropy->least_held, entropy->entered, entropy->strays);
}

static const char *arrivals(const struct tally *tally)
{
	return gen_arrivals_name(tally->run.arrivals);
}

bool report_text(FILE *to, const struct report *report)
{
	const struct tally *tally = report->tally;

	if (!tally->known)
		fputs("no packet of this generator found\n", to);
	else
		fprintf(to, "run %08x, %s arrivals\n", gen_run_id(&tally->run), arrivals(tally));
	print_sending(to, tally, report->sending);
	fprintf(to, "%-6s %10s %10s %10s %10s\n", "", "sent", "received", "lost", "duplicated");
	for (unsigned i = 0; i < GEN_CMDS; i++) {
		if (tally->run.cmds & 1u << i)
			print_sums(to, gen_cmd_name((enum gen_cmd)i), sums_of(tally, i, i + 1));
	}
	print_sums(to, "all", sums_of(tally, 0, GEN_CMDS));
	fprintf(to, "damaged %llu, foreign %llu\n", (unsigned long long)tally->damaged,
		(unsigned long long)tally->foreign);
	print_drops(to, tally);
	print_histogram(to, "latency", &tally->latency_ns);
	print_histogram(to, "transit", &tally->transit_ns);
	print_order(to, &report->order);
	print_entropy(to, report->entropy);
	return fflush(to) == 0 && !ferror(to);
}

static json_t *json_of_sums(struct sums sums)
{
	return json_pack("{s:I, s:I, s:I, s:I}", "sent", (json_int_t)sums.sent, "received",
			 (json_int_t)sums.received, "lost", (json_int_t)sums.lost, "duplicated",
			 (json_int_t)sums.duplicated);
}

static json_t *json_of_commands(const struct tally *tally)
{
	json_t *commands = json_object();

	for (unsigned i = 0; i < GEN_CMDS; i++) {
		if (tally->run.cmds & 1u << i)
			json_object_set_new(commands, gen_cmd_name((enum gen_cmd)i),
					    json_of_sums(sums_of(tally, i, i + 1)));
	}
	return commands;
}

static json_t *json_of_drops(const struct tally *tally)
{
	json_t *drops = json_object();

	for (unsigned i = 1; i < LM_DROP_COUNT; i++) {
		if (tally->drop[i] > 0)
			json_object_set_new(drops, lm_drop_name((enum lm_drop)i),
					    json_integer((json_int_t)tally->drop[i]));
	}
	return drops;
}

static json_t *json_of_latency(const struct histogram *latency)
{
	json_t *summary = histogram_summary_us(latency);

	if (latency->count > 0)
		json_object_set(summary, "median", json_object_get(summary, "p50"));
	return summary;
}

static json_t *json_of_histograms(const struct tally *tally, const struct sending *sending)
{
	json_t *all = json_object();

	json_object_set_new(all, "latency", histogram_to_json(&tally->latency_ns));
	json_object_set_new(all, "transit", histogram_to_json(&tally->transit_ns));
	json_object_set_new(all, "late",
			    sending ? histogram_to_json(&sending->late_ns) : json_null());
	return all;
}

static json_t *json_of_order(const struct order *order)
{
	if (order->windows == 0)
		return json_null();
	return json_pack("{s:f, s:f, s:i}", "correlation", order_correlation(order),
			 "random_within", order_bound(order), "windows", (int)order->windows);
}

static json_t *json_of_sending(const struct tally *tally, const struct sending *sending)
{
	if (!sending)
		return json_null();
	return json_pack("{s:I, s:f, s:f, s:I, s:I, s:I, s:I, s:I}", "wanted_pps",
			 (json_int_t)sending->rate_pps, "sent_pps",
			 sending->seconds > 0 ? tally->sent / sending->seconds : 0, "seconds",
			 sending->seconds, "starved", (json_int_t)sending->starved, "port_full",
			 (json_int_t)sending->port_full, "behind_us",
			 (json_int_t)sending->behind_us, "without_session",
			 (json_int_t)sending->without_session, "late",
			 (json_int_t)histogram_above(&sending->late_ns, LATE_NS));
}

static json_t *json_of_entropy(const struct entropy *entropy)
{
	if (!entropy || entropy->messages == 0)
		return json_null();
	return json_pack("{s:f, s:f, s:f, s:I, s:f, s:f, s:I, s:I}", "bits", entropy->bits,
			 "least_bits", entropy->least_bits, "law_bits", entropy->law_bits,
			 "messages", (json_int_t)entropy->messages, "rate_pps", entropy->rate_pps,
			 "least_held", entropy->least_held, "entered", (json_int_t)entropy->entered,
			 "strays", (json_int_t)entropy->strays);
}

bool report_json(FILE *to, const struct report *report)
{
	const struct tally *tally = report->tally;
	json_t *all = json_of_sums(sums_of(tally, 0, GEN_CMDS));
	char id[9] = "";

	if (tally->known)
		snprintf(id, sizeof(id), "%08x", gen_run_id(&tally->run));
	json_object_set_new(all, "run", json_string(id));
	json_object_set_new(all, "arrivals", json_string(arrivals(tally)));
	json_object_set_new(all, "damaged", json_integer((json_int_t)tally->damaged));
	json_object_set_new(all, "foreign", json_integer((json_int_t)tally->foreign));
	json_object_set_new(all, "commands", json_of_commands(tally));
	json_object_set_new(all, "drops", json_of_drops(tally));
	json_object_set_new(all, "latency_us", json_of_latency(&tally->latency_ns));
	json_object_set_new(all, "transit_us", json_of_latency(&tally->transit_ns));
	json_object_set_new(all, "histograms", json_of_histograms(tally, report->sending));
	json_object_set_new(all, "order", json_of_order(&report->order));
	json_object_set_new(all, "entropy", json_of_entropy(report->entropy));
	json_object_set_new(all, "sending", json_of_sending(tally, report->sending));

	bool written = json_dumpf(all, to, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) == 0 &&
		       fputc('\n', to) != EOF && fflush(to) == 0;

	json_decref(all);
	return written;
}

int report_close(FILE *to, const char *path, struct lm_error *err)
{
	bool failed = ferror(to) != 0;

	failed |= fclose(to) != 0;
	return failed ? lm_error_set(err, EIO, "%s: cannot be written", path) : 0;
}
