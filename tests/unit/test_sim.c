/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * app/sim: whole runs against what theory says of them.
 */
#include <math.h>

#include "law.h"
#include "lm_packet.h"
#include "plan.h"
#include "sim_testing.h"
#include "summary.h"

#define CHAIN "network: {layers: 1, mixes: 1, gateways: 1}\n"

/* ---- The stay of every packet in the first mix of a run ---- */

struct stays {
	double *us;
	unsigned n;
};

static int compare(const void *a, const void *b)
{
	const double *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

/* Joins flights by the truth; in a chain the gateway is node 0 and the mix node 1. */
static struct stays read_stays(const char *folder, const struct results *results)
{
	uint64_t made = results->made[PACKET_MESSAGE];
	uint64_t *came_us = calloc(made + 1, sizeof(*came_us));
	struct stays stays = {.us = calloc(made + 1, sizeof(double))};
	struct records flights, truths;
	struct record_flight flight;
	struct record_truth truth;
	struct lm_error err;

	assert_non_null(came_us);
	assert_non_null(stays.us);
	assert_int_equal(records_open(&flights, folder, &record_flights, &err), 0);
	assert_int_equal(records_open(&truths, folder, &record_truths, &err), 0);
	while (records_read(&flights, &flight, &err) == 1) {
		assert_int_equal(records_read(&truths, &truth, &err), 1);
		assert_true(truth.number < made);
		if (flight.to == 1)
			came_us[truth.number] = flight.came_us;
		else if (flight.from == 1)
			stays.us[stays.n++] = (double)(flight.left_us - came_us[truth.number]);
	}
	records_close(&flights);
	records_close(&truths);
	free(came_us);
	qsort(stays.us, stays.n, sizeof(double), compare);
	return stays;
}

/* Kolmogorov's distance from a law; below 1.95 / sqrt(n) in 999 of 1000 samples of it. */
static double distance(const struct stays *stays, double (*law)(double us, double scale),
		       double scale)
{
	double most = 0;

	for (unsigned i = 0; i < stays->n; i++) {
		double at = law(stays->us[i], scale);

		most = fmax(most, fmax(at - (double)i / stays->n, (i + 1.0) / stays->n - at));
	}
	return most;
}

static double exponential(double us, double mean)
{
	return 1 - exp(-us / mean);
}

/* The sum of two independent ones that are uniform in 0 .. scale. */
static double triangular(double us, double scale)
{
	double x = us / scale;

	if (x >= 2)
		return 1;
	return x < 1 ? x * x / 2 : 1 - (2 - x) * (2 - x) / 2;
}

static double mean_of(const struct stays *stays)
{
	double sum = 0;

	for (unsigned i = 0; i < stays->n; i++)
		sum += stays->us[i];
	return sum / stays->n;
}

/* ---- Poisson ---- */

/* An M/M/inf queue holds a Poisson number: rate times mean delay, and as much variance. */
static void poisson_mixes_hold_what_the_queue_with_infinitely_many_servers_does(void **state)
{
	struct study study = sim_study("duration_ms: 400000\nsettle_ms: 4000\nseed: 7\n"
				       "mixing: {strategy: poisson, mean_delay_us: 100000}\n"
				       "clients: {count: 1000, message_interval_us: 1000000}\n",
				       NULL, false);
	const struct results *results = sim_results(study.sim);

	(void)state;
	for (unsigned layer = 1; layer <= 3; layer++) {
		const struct layer_figures *figures = &results->layer[layer];
		double rate = (double)figures->left / results->measured_s / figures->nodes;

		/* of 1000 packets a second a third; their number has a deviation of 1.6 in all */
		assert_true(fabs(rate - 1000.0 / 3) < 5);
		/* 3 nodes, 396 s, correlated over 0.1 s: deviations of 0.1 and 0.75 */
		assert_true(fabs(figures->held_mean - 100.0 / 3) < 0.5);
		assert_true(fabs(figures->held_variance - 100.0 / 3) < 3);
	}
	assert_true(fabs(summary_mean_ms(results) - 4 * 100 - 6 * 10) < 3);
	study_free(&study);
}

static void poisson_stays_are_exponential(void **state)
{
	struct folder folder = folder_make();
	struct study study = sim_study(CHAIN "duration_ms: 30000\nmixing: {strategy: poisson, "
					     "mean_delay_us: 20000}\nclients: {count: 1000}\n",
				       folder.path, false);
	struct stays stays = read_stays(folder.path, sim_results(study.sim));
	double bound = 1.95 / sqrt(stays.n);

	(void)state;
	assert_true(stays.n > 25000);
	assert_true(distance(&stays, exponential, 20000) < bound);
	assert_true(distance(&stays, exponential, 21500) > bound); /* the measure sees that */
	free(stays.us);
	study_free(&study);
	folder_remove(&folder);
}

static void assert_entropy(const char *text, double rate, double mean_s)
{
	struct study study = sim_study(text, NULL, true);
	double law = log2(rate * mean_s) + 2.665;

	assert_true(study.entropy.messages > 2000);
	assert_true(study.entropy.least_held > 20);
	assert_int_equal(study.entropy.strays, 0);
	assert_true(fabs(study.entropy.bits - law) < 0.08);
	study_free(&study);
}

static void entropy_follows_the_law_of_three_layers(void **state)
{
	(void)state;
	assert_entropy("network: {mixes: 1}\nduration_ms: 10000\n"
		       "mixing: {strategy: poisson, mean_delay_us: 50000}\n"
		       "clients: {count: 1000}\n",
		       1000, 0.05);
	assert_entropy("network: {mixes: 4}\nduration_ms: 10000\n"
		       "mixing: {strategy: poisson, mean_delay_us: 100000}\n"
		       "clients: {count: 1000}\n",
		       1000, 0.1);
	/* cover of clients hides as well as messages do */
	assert_entropy("network: {mixes: 4}\nduration_ms: 10000\n"
		       "mixing: {strategy: poisson, mean_delay_us: 100000}\n"
		       "clients: {count: 500, loop_interval_us: 2000000, "
		       "drop_interval_us: 2000000}\n",
		       1000, 0.1);
}

static void own_cover_of_relays_adds_to_the_entropy(void **state)
{
	static const char without[] = "network: {mixes: 2}\nduration_ms: 10000\n"
				      "mixing: {strategy: poisson, mean_delay_us: 100000}\n"
				      "clients: {count: 300}\n";
	struct study plain = sim_study(without, NULL, true), covered;
	char with[sizeof(without) + 64];

	(void)state;
	snprintf(with, sizeof(with), "%scover: {loop_interval_us: 10000}\n", without);
	covered = sim_study(with, NULL, true);
	/* 100 loops a second of each of 8 nodes on 300 messages a second */
	assert_true(covered.entropy.bits > plain.entropy.bits + 0.5);
	assert_true(sim_results(covered.sim)->count[PACKET_RELAY_LOOP][PACKET_ENDED] > 5000);
	/* what is traced holds what the mixes held: loops that have returned are in none of them */
	for (unsigned layer = 1; layer <= 3; layer++) {
		double held = sim_results(covered.sim)->layer[layer].held_mean;

		assert_true(covered.entropy.least_held > held * 0.8);
		assert_true(covered.entropy.least_held < held * 1.1);
	}
	study_free(&plain);
	study_free(&covered);
}

/* ---- Batch and pool ---- */

#define BATCH                                                                                 \
	CHAIN                                                                                 \
	"duration_ms: 60000\nsettle_ms: 1000\n"                                               \
	"mixing: {strategy: batch, interval_us: 100000, min_batch: 1, max_wait_us: 100000}\n" \
	"clients: {count: 1000}\n"

/*
 * What came somewhere in one interval leaves somewhere in the next: where is independent in a
 * uniformly random order, and the stay has the law of a sum of two; in the order of arrival it
 * would be an interval for all.
 */
static void batches_leave_in_the_next_interval_in_random_order(void **state)
{
	struct folder folder = folder_make();
	struct study study = sim_study(BATCH, folder.path, false);
	struct stays stays = read_stays(folder.path, sim_results(study.sim));

	(void)state;
	assert_true(stays.n > 50000);
	assert_true(stays.us[0] >= 0);
	assert_true(stays.us[stays.n - 1] < 2 * 100000);
	assert_true(fabs(mean_of(&stays) - 100000) < 1000);
	assert_true(distance(&stays, triangular, 100000) < 1.95 / sqrt(stays.n));
	free(stays.us);
	study_free(&study);
	folder_remove(&folder);
}

static void small_batches_wait_and_are_filled(void **state)
{
	struct study study = sim_study(
		"network: {mixes: 2}\nduration_ms: 60000\nmixing: {strategy: batch, interval_us: "
		"100000, min_batch: 50, max_wait_us: 500000}\nclients: {count: 20}\n",
		NULL, false);
	const struct results *results = sim_results(study.sim);
	uint64_t latest = results->latency_us.max;

	(void)state;
	/* two a tenth of a second are never fifty: relays fill up with drop packets */
	assert_true(results->made[PACKET_RELAY_DROP] > 1000);
	assert_int_equal(results->made[PACKET_RELAY_LOOP], 0);
	assert_int_equal(results->starved, 0);
	assert_true(latest <= 5 * 700000 + 5 * 10000);
	assert_true(summary_mean_ms(results) > 5 * 100);
	study_free(&study);
}

/*
 * A packet comes somewhere in a tick and leaves at each tick's end with q = flush * (1 - stay): on
 * average after interval * (1 / q - 1 / 2), if links take up to a tick more, so that the ticks of
 * the gateway do not tell when packets come. Little's law gives what is held.
 */
static void pools_hold_for_their_mean_delay(void **state)
{
	struct folder folder = folder_make();
	struct study study =
		sim_study(CHAIN "duration_ms: 100000\nsettle_ms: 5000\nmixing: {strategy: pool, "
				"interval_us: 10000, threshold: 1000000, flush_ppm: 500000, "
				"stay_ppm: 600000}\nlinks: {jitter_us: 9999}\n"
				"clients: {count: 1000}\n",
			  folder.path, false);
	const struct results *results = sim_results(study.sim);
	struct stays stays = read_stays(folder.path, results);
	double mean_us = 10000 * (1 / (0.5 * 0.4) - 0.5);

	(void)state;
	assert_true(stays.n > 90000);
	assert_true(fabs(mean_of(&stays) / mean_us - 1) < 0.03);
	assert_true(fabs(results->layer[1].held_mean / (1000 * mean_us / 1e6) - 1) < 0.04);
	free(stays.us);
	study_free(&study);
	folder_remove(&folder);
}

/* ---- Clients, links, bounds ---- */

/* What a client sends does not tell whether it writes. */
static void clients_with_slots_send_at_one_rate_whatever_they_write(void **state)
{
	static const char text[] = "duration_ms: 60000\nmixing: {strategy: poisson, mean_delay_us: "
				   "1000}\nclients: {count: 200, send_interval_us: 100000, "
				   "message_interval_us: %u}\n";
	uint64_t sent[2];

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		char config[sizeof(text) + 16];
		struct study study;
		const struct results *results;

		snprintf(config, sizeof(config), text, i == 0 ? 10000000 : 200000);
		study = sim_study(config, NULL, false);
		results = sim_results(study.sim);
		sent[i] = results->client_sent;
		/* an M/M/1 queue: 10 slots and 5 messages a second wait for 1 / (10 - 5) s */
		if (i == 1)
			assert_true(fabs((double)results->queued_sum_us / 1e6 /
						 (double)results->latency_us.count -
					 0.2) < 0.02);
		assert_true(results->made[PACKET_CLIENT_DROP] > 0);
		study_free(&study);
	}
	/* 2000 a second over 55 s: a deviation of 332 each */
	assert_true(fabs((double)sent[0] - 110000) < 1500);
	assert_true(fabs((double)sent[1] - 110000) < 1500);
}

static void padded_links_carry_the_same_with_and_without_packets(void **state)
{
	static const char text[] = "network: {mixes: 2, gateways: 2}\nduration_ms: 10000\n"
				   "mixing: {strategy: poisson, mean_delay_us: 20000}\n"
				   "cover: {link_interval_us: 1000}\nclients: {count: %u}\n";

	(void)state;
	for (unsigned clients = 0; clients <= 400; clients += 400) {
		char config[sizeof(text) + 16];
		struct study study;
		const struct results *results;
		uint64_t delivered, sent;

		snprintf(config, sizeof(config), text, clients);
		study = sim_study(config, NULL, false);
		results = sim_results(study.sim);
		delivered = results->count[PACKET_MESSAGE][PACKET_DELIVERED];
		sent = results->made[PACKET_MESSAGE];
		/* 16 links between nodes, 1000 slots a second each, but for the first phase */
		assert_in_range(results->flights - sent - delivered, 159968, 160000);
		assert_true(clients == 0 || delivered > 3500);
		assert_true(results->dummies > 140000);
		study_free(&study);
	}
}

static void a_full_mix_loses_and_the_books_say_so(void **state)
{
	struct study study = sim_study("duration_ms: 20000\nlimits: {held: 20}\n"
				       "mixing: {strategy: poisson, mean_delay_us: 100000}\n"
				       "clients: {count: 1000}\n",
				       NULL, false);
	const struct results *results = sim_results(study.sim);
	const uint64_t *count = results->count[PACKET_MESSAGE];

	(void)state;
	assert_true(count[PACKET_LOST] > 1000);
	assert_true(count[PACKET_DELIVERED] > 1000);
	assert_true(results->layer[1].held_mean <= 20);
	assert_int_equal(results->made[PACKET_MESSAGE],
			 count[PACKET_LOST] + count[PACKET_DELIVERED] + count[PACKET_ENDED] +
				 count[PACKET_ON_ITS_WAY]);
	study_free(&study);

	study = sim_study("duration_ms: 20000\nlimits: {live: 50}\n"
			  "mixing: {strategy: poisson, mean_delay_us: 100000}\n"
			  "clients: {count: 1000}\n",
			  NULL, false);
	results = sim_results(study.sim);
	assert_true(results->refused > 1000);
	assert_true(results->count[PACKET_MESSAGE][PACKET_ON_ITS_WAY] <= 50);
	study_free(&study);
}

static void a_seed_repeats_and_another_does_not(void **state)
{
	static const char text[] = "seed: %u\nduration_ms: 6000\nlinks: {latency_us: 700, "
				   "jitter_us: 5000}\nclients: {count: 100, contacts: 3}\n"
				   "cover: {loop_interval_us: 100000, drop_interval_us: 100000}\n"
				   "mixing: {strategy: poisson, mean_delay_us: 50000}\n";
	char config[3][sizeof(text) + 16];
	struct study study[3];

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		snprintf(config[i], sizeof(config[i]), text, i == 2 ? 2 : 1);
		study[i] = sim_study(config[i], NULL, true);
	}
	assert_true(study[0].recorder.kept_count > 1000);
	assert_int_equal(study[0].recorder.kept_count, study[1].recorder.kept_count);
	assert_memory_equal(study[0].recorder.kept, study[1].recorder.kept,
			    study[0].recorder.kept_count * sizeof(*study[0].recorder.kept));
	assert_memory_equal(sim_results(study[0].sim), sim_results(study[1].sim),
			    sizeof(struct results));
	assert_memory_not_equal(study[0].recorder.kept, study[2].recorder.kept, 4096);
	for (unsigned i = 0; i < 3; i++)
		study_free(&study[i]);
}

/* ---- Threads ---- */

/* The bytes of a file. */
static char *read_all(size_t *len, const char *folder, const char *name)
{
	char path[128], *bytes = malloc(1 << 24);
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "rb");
	assert_true(file && bytes);
	*len = fread(bytes, 1, 1 << 24, file);
	assert_true(*len > RECORD_HEADER && *len < 1 << 24);
	fclose(file);
	return bytes;
}

static void assert_same_records(const char *first, const char *second)
{
	static const char *const names[] = {"flights.bin", "truth.bin", "packets.bin"};

	for (size_t i = 0; i < LM_COUNT(names); i++) {
		size_t lens[2];
		char *bytes[2] = {read_all(&lens[0], first, names[i]),
				  read_all(&lens[1], second, names[i])};

		assert_int_equal(lens[0], lens[1]);
		assert_memory_equal(bytes[0], bytes[1], lens[0]);
		free(bytes[0]);
		free(bytes[1]);
	}
}

/* With own cover, which numbers its packets, and a full mix or too many packets, which end them. */
static void any_number_of_threads_gives_the_same_bytes(void **state)
{
	static const char *const mixings[] = {
		"mixing: {strategy: poisson, mean_delay_us: 20000}\n",
		"mixing: {strategy: poisson, mean_delay_us: 20000}\nlimits: {held: 40}\n",
		"mixing: {strategy: poisson, mean_delay_us: 20000}\nlimits: {live: 300}\n",
		("mixing: {strategy: batch, interval_us: 20000, min_batch: 50, max_wait_us: "
		 "50000}\n"),
		"mixing: {strategy: pool, interval_us: 10000, threshold: 100}\n",
	};

	(void)state;
	for (size_t i = 0; i < LM_COUNT(mixings); i++) {
		struct folder folder[2] = {folder_make(), folder_make()};
		struct study study[2];
		char text[1024];

		snprintf(text, sizeof(text),
			 "duration_ms: 1500\nsettle_ms: 300\nlinks: {jitter_us: 3000}\n"
			 "cover: {loop_interval_us: 20000, drop_interval_us: 20000%s}\n"
			 "clients: {count: 3000, loop_interval_us: 2000000}\n%s",
			 i == 0 ? ", link_interval_us: 2000" : "", mixings[i]);
		for (unsigned k = 0; k < 2; k++)
			study[k] = sim_study_by(k == 0 ? 1 : 3, text, folder[k].path,
						i == 1 || i == 2);
		assert_memory_equal(sim_results(study[0].sim), sim_results(study[1].sim),
				    sizeof(struct results));
		assert_same_records(folder[0].path, folder[1].path);
		if (i == 1)
			assert_true(sim_results(study[0].sim)->count[0][PACKET_LOST] > 0);
		if (i == 2)
			assert_true(sim_results(study[0].sim)->refused > 0);
		for (unsigned k = 0; k < 2; k++) {
			study_free(&study[k]);
			folder_remove(&folder[k]);
		}
	}
}

/* ---- Plans ---- */

#define PLANNED "mixing: {strategy: poisson}\nclients: {count: 500, message_interval_us: 1000000}\n"

/* log2(rate * mean) + 2.665 = 9 with 500 packets a second and as many of cover: 80.7 ms. */
static void a_plan_finds_the_delay_of_the_law_and_what_it_costs(void **state)
{
	struct config config = sim_config(PLANNED);
	struct plan_wish wish = {9, 400, 2 * 1.05 * (double)lm_packet_len(0), INFINITY};
	struct plan_row row[3] = {{.cover = 0}, {.cover = 1}, {.cover = 4}};
	struct lm_error err;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		double mean_ms = 161.4 / (1 + row[i].cover);

		assert_int_equal(plan_find(&row[i], &config, &wish, &err), 0);
		assert_true(fabs(row[i].bits - 9) <= PLAN_TOLERANCE);
		assert_true(fabs(row[i].delay_us / 1e3 / mean_ms - 1) < 0.1);
		assert_true(fabs(row[i].latency_ms / (4 * mean_ms + 60) - 1) < 0.15);
		assert_true(row[i].p99_ms > row[i].latency_ms);
		assert_true(row[i].hidden);
	}
	assert_false(row[0].fast);
	assert_true(row[0].cheap);
	assert_true(row[2].fast);
	assert_false(row[2].cheap);
	assert_ptr_equal(plan_best(row, 3), &row[1]);
	assert_null(plan_best(row, 1));
}

/* One row of a plan for 8.5 bits, which must fit. */
static struct plan_row planned(const char *text, double relay_cover, uint32_t link_interval_us)
{
	struct config config = sim_config(text);
	struct plan_wish wish = {8.5, INFINITY, INFINITY, INFINITY};
	struct plan_row row;
	struct lm_error err;

	plan_start(&row, &config);
	row.relay_cover = relay_cover;
	row.link_interval_us = link_interval_us;
	if (plan_find(&row, &config, &wish, &err) != 0)
		fail_msg("%s", err.text);
	assert_true(row.hidden && row.fast && row.cheap && row.intact);
	assert_true(fabs(row.bits - 8.5) <= PLAN_TOLERANCE);
	return row;
}

/* Relays' own cover saves delay as the law says, and costs them bandwidth, padding still more. */
static void a_plan_has_cover_of_relays_and_padding_in_it(void **state)
{
	static const char text[] = "mixing: {strategy: poisson}\nclients: {count: 300}\n";
	struct plan_row plain = planned(text, 0, 0), covered = planned(text, 100, 0);
	struct plan_row padded = planned(text, 0, 5000);
	double len = (double)lm_packet_len(0);

	(void)state;
	assert_true(fabs(plain.law_bits - plain.bits) < 0.1);
	assert_true(fabs(covered.law_bits - covered.bits) < 0.1);
	assert_true(fabs(padded.law_bits - padded.bits) < 0.1);
	assert_true(covered.delay_us < plain.delay_us / 2);
	assert_true(covered.bytes_per_second < plain.bytes_per_second * 1.05);
	/* 100 a second, 2 or 3 mixes and gateways in a layer: twice as much passes each */
	assert_true(covered.relay_bytes > 2 * plain.relay_bytes);
	/* 8 links from a layer of 3 mixes to 3, 3 and 2 nodes, 200 slots a second each */
	assert_true(fabs(padded.relay_bytes / (8.0 / 3 * 200 * len) - 1) < 0.01);
	assert_true(fabs(padded.network_bytes /
				 (padded.bytes_per_second * 300 + padded.relay_bytes * 9) -
			 1) < 1e-9);
}

/* The measure and the law of each strategy are of one kind; few mixes make the law too high. */
static void a_plan_is_for_every_strategy(void **state)
{
	static const char *const mixings[] = {
		"mixing: {strategy: batch, min_batch: 1}\n",
		"mixing: {strategy: pool, threshold: 100000}\n",
	};

	(void)state;
	for (size_t i = 0; i < LM_COUNT(mixings); i++) {
		char text[256];
		struct plan_row row;

		snprintf(text, sizeof(text), "%snetwork: {mixes: 8}\nclients: {count: 600}\n",
			 mixings[i]);
		row = planned(text, 0, 0);
		assert_true(row.law_bits > row.bits);
		assert_true(row.law_bits < row.bits + 0.5);
	}
}

/* Links that carry less than comes lose it: no entropy makes up for that. */
static void a_plan_that_loses_packets_does_not_fit(void **state)
{
	struct config config = sim_config(PLANNED);
	struct plan_wish wish = {7, INFINITY, INFINITY, INFINITY};
	struct plan_row row = {.link_interval_us = 100000};
	struct lm_error err;

	(void)state;
	assert_int_equal(plan_find(&row, &config, &wish, &err), 0);
	assert_false(row.intact);
	assert_null(plan_best(&row, 1));
}

/* ---- The law ---- */

static void the_law_is_that_of_loopix_and_of_batches(void **state)
{
	struct law law = {.layers = 3,
			  .nodes = {2, 1, 1, 1},
			  .mix = {.strategy = LM_MIX_POISSON, .mean_delay_us = 200000},
			  .clients = 1000};
	double rest = 0.97;

	(void)state;
	assert_true(fabs(law_bits(&law) - entropy_law(1000, 0.2, 3)) < 1e-9);
	law.layers = 1;
	assert_true(fabs(law_bits(&law) - log2(1000 * 0.2 * exp(1))) < 1e-9);
	law.nodes[1] = 4; /* the mix that a packet left is seen, and has a quarter */
	assert_true(fabs(law_bits(&law) - log2(250 * 0.2 * exp(1))) < 1e-9);

	/* one batch: it is any packet of an interval */
	law.nodes[1] = 1;
	law.mix = (struct lm_mix_params){.strategy = LM_MIX_BATCH, .interval_us = 100000};
	assert_true(fabs(law_bits(&law) - log2(100)) < 1e-3);
	assert_true(fabs(law_stay_us(&law.mix) - 100000) < 1e-6);
	/* two: the sum of three that are uniform, whose entropy is 1.0377 bits by quadrature */
	law.layers = 2;
	assert_true(fabs(law_bits(&law) - log2(100) - 1.037723) < 1e-3);
	/* a pool whose packets all leave at each tick is a batch of one tick */
	law.layers = 1;
	law.mix = (struct lm_mix_params){.strategy = LM_MIX_POOL,
					 .interval_us = 100000,
					 .flush_ppm = 1000000};
	assert_true(fabs(law_bits(&law) - log2(100)) < 1e-3);
	/* one that keeps most: a geometric number of ticks; nearly all: as good as exponential */
	law.mix.stay_ppm = 970000;
	assert_true(fabs(law_bits(&law) - log2(100) +
			 (rest * log2(rest) + (1 - rest) * log2(1 - rest)) / (1 - rest)) < 1e-3);
	law.mix.stay_ppm = 985000;
	assert_true(fabs(law_bits(&law) - log2(1000 * 0.1 / 0.015 * exp(1))) < 1e-9);
}

static void what_cannot_be_planned_is_told(void **state)
{
	static const struct {
		const char *text, *words;
		double bits;
	} wrong[] = {
		{"topology: /no/such/file", "for one strategy", 9},
		{"mixing: {strategy: poisson}\nclients: {count: 0}", "a plan is for messages", 9},
		{"mixing: {strategy: poisson}\nclients: {send_interval_us: 9}", "leave at once", 9},
		{PLANNED, "more cover or more clients", 30},
		{"mixing: {strategy: poisson}\nclients: {count: 5000000}", "fewer clients", 25},
	};

	(void)state;
	for (size_t i = 0; i < LM_COUNT(wrong); i++) {
		struct config config = sim_config(wrong[i].text);
		struct plan_wish wish = {wrong[i].bits, INFINITY, INFINITY, INFINITY};
		struct plan_row row = {.cover = 0};
		struct lm_error err;

		assert_true(plan_find(&row, &config, &wish, &err) < 0);
		if (!strstr(err.text, wrong[i].words))
			fail_msg("%s, not: %s", wrong[i].words, err.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			poisson_mixes_hold_what_the_queue_with_infinitely_many_servers_does),
		cmocka_unit_test(poisson_stays_are_exponential),
		cmocka_unit_test(entropy_follows_the_law_of_three_layers),
		cmocka_unit_test(own_cover_of_relays_adds_to_the_entropy),
		cmocka_unit_test(batches_leave_in_the_next_interval_in_random_order),
		cmocka_unit_test(small_batches_wait_and_are_filled),
		cmocka_unit_test(pools_hold_for_their_mean_delay),
		cmocka_unit_test(clients_with_slots_send_at_one_rate_whatever_they_write),
		cmocka_unit_test(padded_links_carry_the_same_with_and_without_packets),
		cmocka_unit_test(a_full_mix_loses_and_the_books_say_so),
		cmocka_unit_test(a_seed_repeats_and_another_does_not),
		cmocka_unit_test(any_number_of_threads_gives_the_same_bytes),
		cmocka_unit_test(a_plan_finds_the_delay_of_the_law_and_what_it_costs),
		cmocka_unit_test(a_plan_has_cover_of_relays_and_padding_in_it),
		cmocka_unit_test(a_plan_is_for_every_strategy),
		cmocka_unit_test(a_plan_that_loses_packets_does_not_fit),
		cmocka_unit_test(the_law_is_that_of_loopix_and_of_batches),
		cmocka_unit_test(what_cannot_be_planned_is_told),
	};

	return RUN_TESTS(tests);
}
