/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * app/sim, part by part: the queue of arrivals, the table of packets, records, and what is refused
 * in a configuration.
 */
#include <errno.h>

#include "in_flight.h"
#include "sim_testing.h"
#include "team.h"

/* ---- In flight ---- */

#define LATENCY_US 5000
#define JITTER_US  23000
#define MANY       3000

/* One that was added, as it must come. */
struct added {
	struct arrival arrival;
	uint64_t at_us;
	unsigned shard; /* that sent it */
};

static int as_they_come(const void *a, const void *b)
{
	const struct added *left = a, *right = b;

	if (left->arrival.node != right->arrival.node)
		return left->arrival.node < right->arrival.node ? -1 : 1;
	if (left->at_us != right->at_us)
		return left->at_us < right->at_us ? -1 : 1;
	if (left->arrival.from != right->arrival.from)
		return left->arrival.from < right->arrival.from ? -1 : 1;
	return (left->arrival.packet > right->arrival.packet) -
	       (left->arrival.packet < right->arrival.packet);
}

#define SHARDS      3
#define SHARD_NODES 1400 /* of a network of 4000 */

/* Opens the next window; returns the arrivals in it, which must be those of `all` that are in. */
static uint32_t open_next(struct in_flight *in_flight, const struct added *all, uint32_t n)
{
	uint64_t from_us = in_flight_next_us(in_flight);
	struct added *want = calloc(n + 1, sizeof(*want));
	uint32_t wanted = 0, seen = 0;

	assert_non_null(want);
	for (uint32_t i = 0; i < n; i++)
		if (all[i].at_us / LATENCY_US == from_us / LATENCY_US)
			want[wanted++] = all[i];
	qsort(want, wanted, sizeof(*want), as_they_come);
	in_flight_open(in_flight, from_us);
	assert_int_equal(in_flight_until_us(in_flight), from_us + LATENCY_US);
	assert_int_equal(in_flight_count(in_flight), wanted);
	for (unsigned shard = 0; shard < in_flight->shards; shard++) {
		const struct arrival *got;
		uint32_t count;

		assert_int_equal(in_flight_take(in_flight, shard, (uint16_t)(shard * SHARD_NODES),
						&got, &count),
				 0);
		for (uint32_t i = 0; i < count; i++, seen++) {
			assert_true(seen < wanted);
			assert_int_equal(got[i].node, want[seen].arrival.node);
			assert_int_equal(got[i].packet, want[seen].arrival.packet);
			assert_int_equal(from_us + got[i].at, want[seen].at_us);
		}
	}
	assert_int_equal(seen, wanted);
	free(want);
	return seen;
}

static void add_arrivals(struct in_flight *in_flight, struct added *all, uint32_t n,
			 struct lm_prng *prng, uint32_t nodes)
{
	for (uint32_t i = 0; i < n; i++) {
		uint16_t node = (uint16_t)lm_prng_below(prng, nodes);
		uint16_t from = (uint16_t)lm_prng_below(prng, 100);

		all[i] = (struct added){.arrival = {.packet = i, .node = node, .from = from},
					.at_us = 100000 + LATENCY_US +
						 lm_prng_below(prng, JITTER_US + 1),
					.shard = from % in_flight->shards};
		assert_int_equal(in_flight_add(in_flight, all[i].shard,
					       in_flight->shards == 1 ? 0 : node / SHARD_NODES,
					       all[i].at_us, &all[i].arrival),
				 0);
	}
}

static void arrivals_come_by_node_and_time_however_many(void **state)
{
	static struct added all[MANY];
	static const uint32_t sizes[] = {1, 2, 7, 40, 41, 200, MANY};
	struct lm_prng prng;

	(void)state;
	lm_prng_init(&prng, (const uint8_t[32]){9});
	for (size_t s = 0; s < LM_COUNT(sizes) * 2; s++) {
		uint32_t size = sizes[s / 2], opened = 0;
		struct in_flight in_flight;

		assert_int_equal(in_flight_init(&in_flight, s % 2 ? 1 : SHARDS, LATENCY_US,
						JITTER_US, 100000),
				 0);
		assert_int_equal(in_flight_next_us(&in_flight), UINT64_MAX);
		add_arrivals(&in_flight, all, size, &prng, s / 2 % 2 ? 3 : 4000);
		while (in_flight_next_us(&in_flight) != UINT64_MAX)
			opened += open_next(&in_flight, all, size);
		assert_int_equal(opened, size);
		in_flight_free(&in_flight);
	}
}

/* The latest that a link may take, from the last microsecond of a window. */
static void the_longest_link_still_has_a_window(void **state)
{
	struct in_flight in_flight;
	struct added late = {.at_us = LATENCY_US - 1 + LATENCY_US + JITTER_US};

	(void)state;
	assert_int_equal(in_flight_init(&in_flight, 1, LATENCY_US, JITTER_US, 0), 0);
	assert_int_equal(in_flight_add(&in_flight, 0, 0, late.at_us, &late.arrival), 0);
	assert_int_equal(open_next(&in_flight, &late, 1), 1);
	assert_int_equal(in_flight_next_us(&in_flight), UINT64_MAX);
	in_flight_free(&in_flight);
}

/* ---- Packets ---- */

#define PACKETS 10000

/* Packets that are made by one stock and removed by the other, in rounds: places come back. */
static void places_go_round_and_packets_keep_what_is_in_them(void **state)
{
	struct packets packets;
	struct stock stock[2];
	uint32_t place[PACKETS], first = 0, found = 0;

	(void)state;
	assert_int_equal(packets_init(&packets, PACKETS, 2), 0);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(stock_init(&stock[i], &packets, true), 0);
	for (unsigned round = 0; round < 20; round++) {
		for (uint32_t i = 0; i < PACKETS; i++) {
			place[i] = stock_add(&stock[0], i);
			assert_int_not_equal(place[i], PACKET_NONE);
			assert_int_equal(packets.packet[place[i]].number, PACKET_NEW | i);
		}
		assert_int_equal(stock_number(&stock[0], first), PACKETS);
		for (uint32_t i = 0; i < PACKETS; i++) {
			assert_int_equal(packets.packet[place[i]].number, first + i);
			assert_int_equal(packets.packet[place[i]].made_us, i);
			if (round < 19 || i % 3 == 0)
				stock_remove(&stock[1], place[i]);
		}
		first += PACKETS;
		assert_int_equal(stock_number(&stock[1], first), 0);
	}
	for (uint32_t at = 0; (at = packets_next(&packets, at)) != PACKET_NONE; at++, found++)
		assert_int_not_equal(packets.packet[at].made_us % 3, 0);
	assert_int_equal(found, PACKETS - (PACKETS + 2) / 3);
	assert_int_equal(found, stock[0].live + stock[1].live);
	for (unsigned i = 0; i < 2; i++)
		stock_free(&stock[i]);
	packets_free(&packets);
}

/* ---- Threads ---- */

#define PIECES 1000

static void count_piece(void *context, unsigned piece)
{
	unsigned *done = context;

	done[piece]++; /* nobody else has this piece */
}

static void a_team_does_every_piece_once(void **state)
{
	(void)state;
	for (unsigned threads = 1; threads <= 4; threads++) {
		unsigned done[PIECES] = {0};
		struct team *team;

		assert_int_equal(team_make(&team, threads), 0);
		assert_int_equal(team_threads(team), threads);
		for (unsigned run = 1; run <= 50; run++) {
			team_run(team, count_piece, done, run % 2 ? PIECES : 1);
			assert_int_equal(done[0], run);
			assert_int_equal(done[PIECES - 1], (run + 1) / 2);
		}
		for (unsigned i = 1; i < PIECES; i++)
			assert_int_equal(done[i], 25);
		team_free(team);
	}
}

/* ---- Records ---- */

static void write_text(const char *folder, const char *name, const void *bytes, size_t len)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static void assert_refused(const char *folder, const char *words)
{
	struct record_packet packet;
	struct records records;
	struct lm_error err;
	int rc = records_open(&records, folder, &record_packets, &err);

	while (rc == 0 && (rc = records_read(&records, &packet, &err)) > 0)
		rc = 0;
	assert_true(rc < 0);
	if (!strstr(err.text, words))
		fail_msg("%s, not: %s", words, err.text);
	records_close(&records);
}

static void records_that_are_none_are_refused(void **state)
{
	struct folder folder = folder_make();
	uint8_t bytes[RECORD_HEADER + sizeof(struct record_packet)] = "linemix-sim packets 1\n";

	(void)state;
	assert_refused(folder.path, "No such file");
	write_text(folder.path, "packets.bin", "", 0);
	assert_refused(folder.path, "does not begin as");
	write_text(folder.path, "packets.bin", "linemix-sim flights 1\n", RECORD_HEADER / 4);
	assert_refused(folder.path, "does not begin as");
	write_text(folder.path, "packets.bin", bytes, sizeof(bytes) - 1);
	assert_refused(folder.path, "record 1 is cut off");
	bytes[RECORD_HEADER + offsetof(struct record_packet, kind)] = PACKET_KINDS;
	write_text(folder.path, "packets.bin", bytes, sizeof(bytes));
	assert_refused(folder.path, "record 1 is none");
	folder_remove(&folder);
}

/* Every packet stands in packets.bin once, and the flights of one that arrived lead it there. */
static void records_tell_the_way_of_every_packet(void **state)
{
	struct folder folder = folder_make();
	struct study study = sim_study("duration_ms: 6000\nclients: {count: 50}\n"
				       "cover: {loop_interval_us: 500000}\n"
				       "mixing: {strategy: poisson, mean_delay_us: 50000}\n",
				       folder.path, false);
	uint32_t nodes = study.topology->nodes, all = 0;
	uint32_t *at, *hops;
	struct record_packet packet;
	struct record_flight flight;
	struct record_truth truth;
	struct records records, truths;
	struct lm_error err;

	(void)state;
	at = malloc(100000 * sizeof(*at));
	hops = calloc(100000, sizeof(*hops));
	assert_true(at && hops);
	memset(at, 0xff, 100000 * sizeof(*at));
	assert_int_equal(records_open(&records, folder.path, &record_flights, &err), 0);
	assert_int_equal(records_open(&truths, folder.path, &record_truths, &err), 0);
	while (records_read(&records, &flight, &err) == 1) {
		assert_int_equal(records_read(&truths, &truth, &err), 1);
		assert_true(truth.number < 100000);
		assert_true(at[truth.number] == UINT32_MAX || at[truth.number] == flight.from);
		assert_int_equal(truth.hop, hops[truth.number]++);
		assert_true(flight.came_us == flight.left_us + 10000);
		at[truth.number] = flight.to;
	}
	records_close(&records);
	records_close(&truths);
	assert_int_equal(records_open(&records, folder.path, &record_packets, &err), 0);
	for (; records_read(&records, &packet, &err) == 1; all++) {
		assert_true(packet.number < 100000);
		if (packet.end != PACKET_ON_ITS_WAY) {
			assert_int_equal(at[packet.number], packet.recipient);
			assert_int_equal(hops[packet.number],
					 packet.kind == PACKET_MESSAGE ? 6 : 4);
			assert_int_equal(packet.sender < nodes, packet.kind == PACKET_RELAY_LOOP);
		}
		hops[packet.number] = UINT32_MAX; /* a second time is seen */
	}
	records_close(&records);
	assert_int_equal(all, sim_results(study.sim)->made[PACKET_MESSAGE] +
				      sim_results(study.sim)->made[PACKET_RELAY_LOOP]);
	free(at);
	free(hops);
	study_free(&study);
	folder_remove(&folder);
}

/* ---- Configurations ---- */

static void mistakes_in_a_configuration_are_told(void **state)
{
	static const struct {
		const char *text, *words;
	} wrong[] = {
		{"{}", "sim.yaml: mixing.strategy: there is no document"},
		{"mixing: {strategy: random}", "sim.yaml:1: mixing.strategy"},
		{"mixing: {strategy: poisson, mean_delay_us: 0}", "mixing.mean_delay_us"},
		{"mixing: {strategy: batch, interval_us: 9, max_wait_us: 8}", "9 at least"},
		{"mixing: {strategy: poisson}\nsettle_ms: 60000", "less than duration_ms"},
		{"mixing: {strategy: poisson}\nlinks: {latency_us: 1, jitter_us: 2000}",
		 "links.jitter_us: 2000"},
		{"mixing: {strategy: poisson}\nlinks: {latency_us: 0}", "links.latency_us"},
		{"mixing: {strategy: poisson}\nnetwork: {mixes: 4000}", "4096 at most"},
		{"mixing: {strategy: poisson}\nclients: {count: 10000000, contacts: 100}",
		 "clients.contacts: 100 of each"},
	};

	(void)state;
	for (size_t i = 0; i < LM_COUNT(wrong); i++) {
		struct config config;
		struct lm_error err;

		assert_int_equal(config_parse(&config, wrong[i].text, strlen(wrong[i].text),
					      "sim.yaml", &err),
				 -EINVAL);
		if (!strstr(err.text, wrong[i].words))
			fail_msg("%s, not: %s", wrong[i].words, err.text);
	}
}

static void networks_that_cannot_be_are_refused(void **state)
{
	struct config config = sim_config("mixing: {strategy: poisson}\n"
					  "network: {operators: 2}\n");
	struct lm_topology *topology;
	struct lm_error err;

	(void)state;
	assert_int_equal(config_network(&topology, &config, &err), -EINVAL);
	assert_non_null(strstr(err.text, "list more operators"));
	config = sim_config("topology: /no/such/file\n");
	assert_int_equal(config_network(&topology, &config, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/no/such/file: "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arrivals_come_by_node_and_time_however_many),
		cmocka_unit_test(the_longest_link_still_has_a_window),
		cmocka_unit_test(places_go_round_and_packets_keep_what_is_in_them),
		cmocka_unit_test(a_team_does_every_piece_once),
		cmocka_unit_test(records_that_are_none_are_refused),
		cmocka_unit_test(records_tell_the_way_of_every_packet),
		cmocka_unit_test(mistakes_in_a_configuration_are_told),
		cmocka_unit_test(networks_that_cannot_be_are_refused),
	};

	return RUN_TESTS(tests);
}
