/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See summary.h.
 */
#include "summary.h"

#include "lm_packet.h"

#define MS 1e3 /* microseconds */

double summary_client_bandwidth(const struct summary *summary)
{
	const struct results *results = summary->results;
	uint32_t clients = summary->params->clients.count;

	if (clients == 0)
		return 0;
	return (double)results->client_sent / results->measured_s / clients *
	       (double)lm_packet_len(summary->params->topology->profile);
}

double summary_mix_bandwidth(const struct summary *summary)
{
	const struct results *results = summary->results;
	const struct lm_topology *topology = summary->params->topology;

	return (double)results->mixes_sent / results->measured_s /
	       (topology->nodes - topology->layer_nodes[0]) *
	       (double)lm_packet_len(topology->profile);
}

double summary_mean_ms(const struct results *results)
{
	uint64_t count = results->latency_us.count;

	return count > 0 ? (double)results->latency_sum_us / (double)count / MS : 0;
}

static double quantile_ms(const struct results *results, unsigned permille)
{
	return (double)histogram_quantile(&results->latency_us, permille) / MS;
}

static double packets_made(const struct results *results)
{
	double made = 0;

	for (unsigned kind = 0; kind < PACKET_DUMMY; kind++)
		made += (double)results->made[kind];
	return made;
}

/* ---- JSON ---- */

static json_t *books_json(const struct results *results)
{
	json_t *books = json_object();

	for (unsigned kind = 0; kind < PACKET_DUMMY; kind++) {
		json_t *row = json_pack("{sI}", "made", (json_int_t)results->made[kind]);

		for (unsigned end = 0; end < PACKET_ENDS; end++)
			json_object_set_new(row, packet_end_name(end),
					    json_integer((json_int_t)results->count[kind][end]));
		json_object_set_new(books, packet_kind_name(kind), row);
	}
	return books;
}

static json_t *layers_json(const struct summary *summary)
{
	const struct results *results = summary->results;
	json_t *layers = json_array();

	for (unsigned i = 0; i <= summary->params->topology->layers; i++) {
		const struct layer_figures *layer = &results->layer[i];

		json_array_append_new(layers, json_pack("{sisisfsfsf}", "layer", i, "nodes",
							layer->nodes, "packets_per_second",
							(double)layer->left / results->measured_s /
								layer->nodes,
							"held_mean", layer->held_mean,
							"held_variance", layer->held_variance));
	}
	return layers;
}

static json_t *latency_json(const struct results *results)
{
	double count = (double)results->latency_us.count;

	return json_pack("{sIsfsfsfsfsf}", "messages", (json_int_t)results->latency_us.count,
			 "mean", summary_mean_ms(results), "p50", quantile_ms(results, 500), "p99",
			 quantile_ms(results, 990), "p999", quantile_ms(results, 999), "queued",
			 count > 0 ? (double)results->queued_sum_us / count / MS : 0);
}

static json_t *entropy_json(const struct entropy *entropy)
{
	if (!entropy || entropy->messages == 0)
		return json_null();
	return json_pack("{sIsfsfsfsf}", "messages", (json_int_t)entropy->messages, "bits",
			 entropy->bits, "least_bits", entropy->least_bits, "law_bits",
			 entropy->law_bits, "least_held", entropy->least_held);
}

json_t *summary_json(const struct summary *summary)
{
	const struct results *results = summary->results;
	json_t *json =
		json_pack("{sIsfsIsIsIsIsIsfsfso*so*so*so*}", "seed",
			  (json_int_t)summary->params->seed, "measured_s", results->measured_s,
			  "start_us", (json_int_t)summary->start_us, "flights",
			  (json_int_t)results->flights, "dummies", (json_int_t)results->dummies,
			  "refused", (json_int_t)results->refused, "starved",
			  (json_int_t)results->starved, "client_bytes_per_second",
			  summary_client_bandwidth(summary), "mix_bytes_per_second",
			  summary_mix_bandwidth(summary), "packets", books_json(results), "layers",
			  layers_json(summary), "latency_ms", latency_json(results), "entropy",
			  entropy_json(summary->entropy));

	if (json && summary->run_s >= 0)
		json_object_set_new(json, "run",
				    json_pack("{sisfsfsfsf}", "threads", (int)summary->threads,
					      "seconds", summary->run_s, "passed_seconds",
					      summary->passed_s, "packets_per_second",
					      packets_made(results) / summary->run_s,
					      "hops_per_second",
					      (double)results->hops / summary->run_s));
	return json;
}

/* ---- Text ---- */

static void print_books(FILE *to, const struct results *results)
{
	fprintf(to, "%-12s %12s %12s %12s %12s %12s\n", "packets", "made", "delivered", "ended",
		"lost", "on their way");
	for (unsigned kind = 0; kind < PACKET_DUMMY; kind++) {
		const uint64_t *count = results->count[kind];

		if (results->made[kind] == 0)
			continue;
		fprintf(to, "%-12s %12llu %12llu %12llu %12llu %12llu\n", packet_kind_name(kind),
			(unsigned long long)results->made[kind],
			(unsigned long long)count[PACKET_DELIVERED],
			(unsigned long long)count[PACKET_ENDED],
			(unsigned long long)count[PACKET_LOST],
			(unsigned long long)count[PACKET_ON_ITS_WAY]);
	}
	if (results->dummies > 0)
		fprintf(to, "dummies on padded links: %llu\n",
			(unsigned long long)results->dummies);
	if (results->refused > 0)
		fprintf(to, "not made, as limits.live packets were on their way: %llu\n",
			(unsigned long long)results->refused);
	if (results->starved > 0)
		fprintf(to, "batches that no own cover could fill: %llu\n",
			(unsigned long long)results->starved);
}

static void print_layers(FILE *to, const struct summary *summary)
{
	const struct results *results = summary->results;

	fprintf(to, "\n%-12s %12s %12s %12s %12s\n", "layer", "nodes", "packets/s", "held",
		"variance");
	for (unsigned i = 0; i <= summary->params->topology->layers; i++) {
		const struct layer_figures *layer = &results->layer[i];

		fprintf(to, "%-12u %12u %12.1f %12.2f %12.2f\n", i, layer->nodes,
			(double)layer->left / results->measured_s / layer->nodes, layer->held_mean,
			layer->held_variance);
	}
}

void summary_print(FILE *to, const struct summary *summary)
{
	const struct results *results = summary->results;

	print_books(to, results);
	print_layers(to, summary);
	fprintf(to,
		"\nlatency of %llu messages: mean %.1f ms, p50 %.1f, p99 %.1f, p99.9 %.1f\n"
		"a client sends %.0f bytes a second, a mix %.0f\n",
		(unsigned long long)results->latency_us.count, summary_mean_ms(results),
		quantile_ms(results, 500), quantile_ms(results, 990), quantile_ms(results, 999),
		summary_client_bandwidth(summary), summary_mix_bandwidth(summary));
	if (summary->entropy && summary->entropy->messages > 0)
		fprintf(to, "entropy of %u packets: mean %.3f bits, least %.3f; law %.3f\n",
			summary->entropy->messages, summary->entropy->bits,
			summary->entropy->least_bits, summary->entropy->law_bits);
	else if (summary->entropy)
		fputs("entropy: too short a time was simulated to tell\n", to);
	if (summary->run_s >= 0)
		fprintf(to,
			"simulated in %.2f s, %.2f s of processor time of %u threads; in a second "
			"of "
			"these %.2f million packets, %.2f million hops\n",
			summary->passed_s, summary->run_s, summary->threads,
			packets_made(results) / summary->run_s / 1e6,
			(double)results->hops / summary->run_s / 1e6);
}
