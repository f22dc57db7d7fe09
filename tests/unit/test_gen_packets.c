/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * app/gen: the packets of a run through a whole network in memory, and what is counted at its end.
 * The network is one that `linemix-gen network` makes.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mixing.h"
#include "network.h"
#include "receive.h"
#include "stock.h"
#include "testing.h"

#define COUNT     96
#define LAYERS    3
#define PER_LAYER 2
#define GATEWAY   1

/* A generator, and the mixes that its packets cross. */
struct world {
	char folder[32];
	struct gen_setup setup;
	struct gen_builder *builder;
	struct tally tally;
	struct gen_receiver *receiver;
	size_t packet_len;
	uint8_t *packet[LM_BURST];
	struct lm_packet_peeler *peeler;
	struct mix_keys mix[LAYERS][PER_LAYER];
};

static struct lm_error err;

static void write_network(struct world *world, unsigned profile)
{
	struct network network = {
		.layers = LAYERS,
		.per_layer = PER_LAYER,
		.profile = profile,
		.epoch = 7,
		.port = 7000,
		.mix = {.interval_us = 100000, .min_batch = 1, .max_wait_us = 1000000},
	};
	char path[64];
	FILE *config;

	strcpy(world->folder, "/tmp/linemix-gen-XXXXXX");
	assert_non_null(mkdtemp(world->folder));
	assert_true(network_parse_prefix(&network, "10.1.0.0/24"));
	assert_int_equal(network_write(&network, world->folder, &err), 0);
	snprintf(path, sizeof(path), "%s/gen.yaml", world->folder);
	config = fopen(path, "w");
	assert_non_null(config);
	fprintf(config,
		"node: %u\ntopology: topology.json\nkeys: keys-%u.json\nport:\n  device: "
		"net_null\ncpus:\n  workers: [0]\n"
		"file_prefix: test\n",
		GATEWAY, GATEWAY);
	assert_int_equal(fclose(config), 0);
	if (gen_setup_load(&world->setup, path, 1000, &err) != 0)
		fail_msg("%s", err.text);
}

static void load_mixes(struct world *world)
{
	for (unsigned layer = 1; layer <= LAYERS; layer++) {
		for (unsigned i = 1; i <= PER_LAYER; i++) {
			uint32_t id = layer * 10 + i;
			char path[64];

			snprintf(path, sizeof(path), "%s/keys-%u.json", world->folder, id);
			assert_int_equal(mix_keys_load(&world->mix[layer - 1][i - 1], path,
						       lm_topology_find(world->setup.topology, id),
						       1, &err),
					 0);
		}
	}
}

static struct world *make_world(unsigned profile, uint32_t cmds)
{
	struct world *world = calloc(1, sizeof(*world));
	void *memory = aligned_alloc(LM_PACKET_ALIGN, lm_packet_peeler_size());

	assert_non_null(world);
	assert_non_null(memory);
	write_network(world, profile);
	load_mixes(world);
	world->packet_len = lm_packet_len(profile);
	for (unsigned i = 0; i < LM_BURST; i++)
		world->packet[i] = guarded_alloc(world->packet_len, GUARD_AFTER);
	world->peeler = lm_packet_peeler_init(memory, profile, "auto", &err);
	assert_non_null(world->peeler);
	world->receiver = gen_receiver_make(&world->setup, &world->tally, &err);
	assert_non_null(world->receiver);
	world->builder = lm_secret_alloc(sizeof(*world->builder));
	assert_non_null(world->builder);
	world->builder->setup = &world->setup;
	world->builder->last = world->setup.self;
	world->builder->run =
		(struct gen_run){.count = COUNT, .rate_pps = 1000, .cmds = cmds, .start_ns = 5000};
	lm_rand(&world->builder->run.nonce, sizeof(world->builder->run.nonce));
	assert_int_equal(gen_builder_init(world->builder, "auto", &err), 0);
	return world;
}

static void remove_folder(const struct world *world)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -r %s", world->folder);
	assert_int_equal(system(command), 0);
}

static void free_world(struct world *world)
{
	gen_builder_free(world->builder);
	lm_secret_free(world->builder);
	gen_receiver_free(world->receiver);
	tally_free(&world->tally);
	free(world->peeler);
	for (unsigned i = 0; i < LM_BURST; i++)
		guarded_free(world->packet[i], world->packet_len, GUARD_AFTER);
	for (unsigned layer = 0; layer < LAYERS; layer++) {
		for (unsigned i = 0; i < PER_LAYER; i++)
			mix_keys_free(&world->mix[layer][i]);
	}
	gen_setup_free(&world->setup);
	remove_folder(world);
	free(world);
}

/* Peels at the mixes, from `first` until a gateway is next. */
static void cross(struct world *world, uint8_t *packet, uint32_t first)
{
	uint32_t id = first;

	for (unsigned layer = 1; id != GATEWAY; layer++) {
		struct lm_packet_peel item = {.packet = packet, .len = world->packet_len};
		struct lm_packet_peel *done;
		uint64_t authentic;

		assert_in_range(id, layer * 10 + 1, layer * 10 + PER_LAYER);
		assert_int_equal(
			lm_packet_peel_submit(world->peeler,
					      &world->mix[layer - 1][id - layer * 10 - 1].ring,
					      &item, 1),
			0);
		assert_int_equal(lm_packet_peel_collect(world->peeler, &done, &authentic), 1);
		assert_int_equal(item.drop, LM_DROP_NONE);
		assert_int_equal(item.cmd, LM_PACKET_FWD);
		id = item.next_id;
	}
}

/* Builds n packets from seq and takes them through the mixes. */
static void build_and_cross(struct world *world, uint32_t seq, unsigned n)
{
	const struct lm_topology_node *first[LM_BURST];

	assert_int_equal(gen_build_burst(world->builder, world->packet, first, seq, n, &err), 0);
	for (unsigned i = 0; i < n; i++)
		cross(world, world->packet[i], first[i]->id);
}

static void receive(struct world *world, uint8_t *const packet[], unsigned n)
{
	struct gen_arrival arrival[LM_BURST];

	for (unsigned i = 0; i < n; i++)
		arrival[i] = (struct gen_arrival){.packet = packet[i],
						  .len = world->packet_len,
						  .when_ns = 5000 + 1000000 * (uint64_t)i};
	assert_int_equal(gen_receive_burst(world->receiver, arrival, n, &err), 0);
}

static void every_kind_arrives_in_every_profile(void **state)
{
	(void)state;
	for (unsigned profile = 0; profile < LM_PACKET_PROFILES; profile++) {
		struct world *world = make_world(profile, 0xf);

		for (uint32_t seq = 0, n; seq < COUNT; seq += n) {
			n = COUNT - seq < LM_BURST ? COUNT - seq : LM_BURST;
			build_and_cross(world, seq, n);
			receive(world, world->packet, n);
		}
		assert_true(tally_complete(&world->tally));
		assert_memory_equal(&world->tally.run, &world->builder->run,
				    sizeof(world->tally.run));
		assert_int_equal(world->tally.arrivals, COUNT);
		for (unsigned i = 0; i < GEN_CMDS; i++)
			assert_int_equal(world->tally.received[i], COUNT / GEN_CMDS);
		assert_int_equal(world->tally.foreign, 0);
		free_world(world);
	}
}

static void what_is_missing_is_lost_by_its_kind(void **state)
{
	struct world *world = make_world(0, 0xf);

	(void)state;
	build_and_cross(world, 0, LM_BURST);
	receive(world, world->packet + 2, LM_BURST - 2); /* one EXIT and one MBOX less */
	assert_false(tally_complete(&world->tally));
	assert_int_equal(tally_lost(&world->tally, GEN_EXIT), 1 + (COUNT - LM_BURST) / 4);
	assert_int_equal(tally_lost(&world->tally, GEN_MBOX), 1 + (COUNT - LM_BURST) / 4);
	assert_int_equal(tally_lost(&world->tally, GEN_DROP), (COUNT - LM_BURST) / 4);
	world->tally.sent = LM_BURST;
	assert_int_equal(tally_lost(&world->tally, GEN_EXIT), 1);
	assert_int_equal(tally_lost(&world->tally, GEN_DROP), 0);
	assert_int_equal(tally_expected(&world->tally), LM_BURST);
	world->tally.elsewhere = 1u << GEN_EXIT;
	assert_int_equal(tally_lost(&world->tally, GEN_EXIT), 0);
	assert_int_equal(tally_expected(&world->tally), LM_BURST * 3 / 4);
	free_world(world);
}

static void what_comes_twice_is_duplicated_by_its_kind(void **state)
{
	struct world *world = make_world(0, 0xf);
	uint8_t *copy[4];

	(void)state;
	world->builder->run.count = 4;
	build_and_cross(world, 0, 4);
	for (unsigned i = 0; i < 4; i++) {
		copy[i] = malloc(world->packet_len);
		assert_non_null(copy[i]);
		memcpy(copy[i], world->packet[i], world->packet_len);
	}
	receive(world, world->packet, 4);
	assert_true(tally_complete(&world->tally));
	receive(world, copy, 3);
	assert_false(tally_complete(&world->tally));
	for (unsigned i = 0; i < GEN_CMDS; i++) {
		assert_int_equal(world->tally.received[i], 1);
		assert_int_equal(world->tally.duplicated[i], i < 3);
	}
	assert_int_equal(world->tally.drop[LM_DROP_REPLAY], 3);
	/* the same number in another packet is no better */
	world->builder->run.nonce.b[15] ^= 1;
	build_and_cross(world, 3, 1);
	receive(world, world->packet, 1);
	assert_int_equal(world->tally.duplicated[GEN_SURB], 1);
	assert_int_equal(world->tally.drop[LM_DROP_REPLAY], 3);
	for (unsigned i = 0; i < 4; i++)
		free(copy[i]);
	free_world(world);
}

/* One changed bit: in the header the tag fails, in the payload the command's own check does. */
static void what_is_changed_is_damaged(void **state)
{
	static const size_t at[] = {40, 100, LM_PACKET_HEADER, LM_PACKET_HEADER + 500};

	(void)state;
	for (unsigned i = 0; i < LM_COUNT(at); i++) {
		struct world *world =
			make_world(0, 1u << GEN_EXIT | 1u << GEN_MBOX | 1u << GEN_SURB);

		build_and_cross(world, 0, 6);
		for (unsigned j = 0; j < 3; j++)
			world->packet[j][at[i]] ^= 1;
		receive(world, world->packet, 6);
		assert_int_equal(world->tally.damaged, 3);
		assert_int_equal(world->tally.arrivals, 3);
		world->tally.sent = 6;
		assert_int_equal(tally_lost(&world->tally, GEN_SURB), 1);
		assert_false(tally_complete(&world->tally));
		free_world(world);
	}
}

/* The payload of DROP carries nothing: whoever changes it changes nothing that can be seen. */
static void payload_of_drop_is_not_looked_at(void **state)
{
	struct world *world = make_world(0, 1u << GEN_DROP);

	(void)state;
	build_and_cross(world, 0, 1);
	world->packet[0][LM_PACKET_HEADER] ^= 1;
	receive(world, world->packet, 1);
	assert_int_equal(world->tally.received[GEN_DROP], 1);
	assert_int_equal(world->tally.damaged, 0);
	free_world(world);
}

/* Another sender's packets for this gateway, a packet that should go on, and another run's. */
static void strangers_are_foreign(void **state)
{
	struct world *world = make_world(0, 0xf);
	struct gen_keys *own = world->setup.keys, *other = lm_secret_alloc(sizeof(*other));

	(void)state;
	world->builder->run.count = 4;
	build_and_cross(world, 0, 4);
	receive(world, world->packet, 4);
	assert_true(tally_complete(&world->tally));

	lm_rand(other, sizeof(*other));
	world->setup.keys = other;
	build_and_cross(world, 0, 4);
	world->setup.keys = own;
	receive(world, world->packet, 4);
	/* an EXIT begins with the generator's magic, so its key makes it damaged, not foreign */
	assert_int_equal(world->tally.foreign, 3);
	assert_int_equal(world->tally.damaged, 1);

	lm_rand(&world->builder->run.nonce, sizeof(world->builder->run.nonce));
	build_and_cross(world, 0, 4);
	receive(world, world->packet, 4);
	assert_int_equal(world->tally.foreign, 7);
	assert_int_equal(world->tally.arrivals, 4);
	lm_secret_free(other);
	free_world(world);
}

static void frames_that_hold_no_packet_are_foreign(void **state)
{
	struct world *world = make_world(0, 0xf);
	struct frame_parsed frame = {.class = FRAME_PACKET, .len = (uint16_t)world->packet_len};

	(void)state;
	assert_true(gen_receive_admit(world->receiver, frame));
	frame.len--;
	assert_false(gen_receive_admit(world->receiver, frame));
	assert_int_equal(world->tally.drop[LM_DROP_FORMAT], 1);
	frame = (struct frame_parsed){.class = FRAME_DROP, .drop = LM_DROP_UDP};
	assert_false(gen_receive_admit(world->receiver, frame));
	assert_int_equal(world->tally.drop[LM_DROP_UDP], 1);
	assert_int_equal(world->tally.foreign, 2);
	frame.class = FRAME_KERNEL;
	assert_false(gen_receive_admit(world->receiver, frame));
	assert_int_equal(world->tally.foreign, 2);
	free_world(world);
}

/* Packet i is due at 5000 ns + i ms and arrives then, but for the receiver's burst clock. */
static void latency_counts_from_the_time_that_a_packet_was_due(void **state)
{
	struct world *world = make_world(0, 1u << GEN_EXIT);
	uint64_t sent_ns[COUNT];

	(void)state;
	build_and_cross(world, 0, 10);
	receive(world, world->packet + 1, 9); /* packet i + 1 at the time of i: too early */
	assert_int_equal(world->tally.latency_ns.count, 0);
	build_and_cross(world, 10, 10);
	receive(world, world->packet, 10);
	assert_int_equal(world->tally.latency_ns.count, 0);
	for (unsigned i = 0; i < COUNT; i++)
		sent_ns[i] = 1000;
	world->tally.sent_ns = sent_ns;
	build_and_cross(world, 20, 10);
	receive(world, world->packet, 10);
	assert_int_equal(world->tally.latency_ns.count, 10);
	assert_int_equal(world->tally.latency_ns.min, 4000);
	assert_int_equal(world->tally.latency_ns.max, 9004000);
	free_world(world);
}

#define ORDERED 20000 /* packets at 1000 a second */

/* A run whose packets have all arrived, at these places in the order of arrival. */
static void set_arrivals(struct world *world, const uint32_t place[ORDERED])
{
	world->builder->run.count = ORDERED;
	assert_int_equal(tally_start(&world->tally, &world->builder->run, &err), 0);
	for (uint32_t seq = 0; seq < ORDERED; seq++)
		world->tally.arrival[seq] = place[seq];
}

static void order_as_sent_is_found(void **state)
{
	static uint32_t place[ORDERED];
	struct world *world = make_world(0, 0xf);
	struct order order;

	(void)state;
	for (uint32_t seq = 0; seq < ORDERED; seq++)
		place[seq] = seq + 1;
	set_arrivals(world, place);
	assert_int_equal(mixing_order(&order, &world->setup, &world->tally, &err), 0);
	assert_true(order_correlation(&order) == 1);
	/* one an interval for each of the two first mixes, and a piece before packet 0 */
	assert_in_range(order.windows, 2 * 200, 2 * 201);
	assert_true(order_bound(&order) < 0.03);
	free_world(world);
}

/*
 * As mixes do whose intervals of 100 ms begin 35 ms after packet 0: batches leave one after the
 * other, each shuffled. Windows that reached over two batches would show their order.
 */
static void order_of_batches_is_not_taken_for_order_in_them(void **state)
{
	static const uint8_t seed[32] = {5};
	static uint32_t place[ORDERED];
	struct world *world = make_world(0, 0xf);
	struct order order;
	struct lm_prng prng;

	(void)state;
	lm_prng_init(&prng, seed);
	for (uint32_t seq = 0, start = 0; seq < ORDERED; seq++) {
		uint32_t other;

		if (seq % 100 == 35)
			start = seq;
		other = start + lm_prng_below(&prng, seq - start + 1);
		place[seq] = place[other];
		place[other] = seq + 1;
	}
	set_arrivals(world, place);
	assert_int_equal(mixing_order(&order, &world->setup, &world->tally, &err), 0);
	assert_true(order_correlation(&order) < 2 * order_bound(&order));
	assert_true(order_correlation(&order) > -2 * order_bound(&order));
	free_world(world);
}

static void order_of_unknown_times_is_not_measured(void **state)
{
	struct world *world = make_world(0, 1u << GEN_DROP);
	struct order order;

	(void)state;
	assert_int_equal(mixing_order(&order, &world->setup, &world->tally, &err), 0);
	assert_int_equal(order.windows, 0);
	build_and_cross(world, 0, 20);
	receive(world, world->packet, 20);
	assert_int_equal(world->tally.run.rate_pps, 0);
	assert_int_equal(mixing_order(&order, &world->setup, &world->tally, &err), 0);
	assert_int_equal(order.windows, 0);
	free_world(world);
}

static void packets_have_fresh_paths_and_tokens(void **state)
{
	struct world *world = make_world(0, 0xf);
	const struct lm_topology_node *first[LM_BURST];
	unsigned to_first_mix = 0;

	(void)state;
	assert_int_equal(gen_build_burst(world->builder, world->packet, first, 0, LM_BURST, &err),
			 0);
	for (unsigned i = 0; i < LM_BURST; i++) {
		to_first_mix += first[i]->id == 11;
		for (unsigned j = 0; j < i; j++)
			assert_memory_not_equal(world->packet[i], world->packet[j],
						LM_PACKET_HEADER);
	}
	assert_in_range(to_first_mix, 12, 52); /* 32 expected, deviation 4 */
	free_world(world);
}

static void stock_gives_every_packet_in_order_and_stops_when_told(void **state)
{
	struct world *world = make_world(0, 0xf);
	struct stock stock;
	uint32_t got = 0;

	(void)state;
	assert_int_equal(stock_start(&stock, world->builder, LM_BURST, -1, &err), 0);
	while (got < COUNT) {
		const uint32_t *first_id;
		const uint8_t *packet;
		uint32_t n = stock_peek(&stock, &packet, &first_id, 7);

		assert_in_range(n, 0, 7);
		for (uint32_t i = 0; i < n; i++) {
			memcpy(world->packet[0], packet + i * world->packet_len, world->packet_len);
			cross(world, world->packet[0], first_id[i]);
			receive(world, world->packet, 1);
			assert_int_equal(world->tally.arrival[got + i], got + i + 1);
		}
		stock_release(&stock, n);
		got += n;
	}
	assert_true(stock_full(&stock));
	stock_stop(&stock);
	assert_true(tally_complete(&world->tally));
	/* and in the middle */
	assert_int_equal(stock_start(&stock, world->builder, LM_BURST, -1, &err), 0);
	stock_stop(&stock);
	free_world(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_arrives_in_every_profile),
		cmocka_unit_test(what_is_missing_is_lost_by_its_kind),
		cmocka_unit_test(what_comes_twice_is_duplicated_by_its_kind),
		cmocka_unit_test(what_is_changed_is_damaged),
		cmocka_unit_test(payload_of_drop_is_not_looked_at),
		cmocka_unit_test(strangers_are_foreign),
		cmocka_unit_test(frames_that_hold_no_packet_are_foreign),
		cmocka_unit_test(latency_counts_from_the_time_that_a_packet_was_due),
		cmocka_unit_test(order_as_sent_is_found),
		cmocka_unit_test(order_of_batches_is_not_taken_for_order_in_them),
		cmocka_unit_test(order_of_unknown_times_is_not_measured),
		cmocka_unit_test(packets_have_fresh_paths_and_tokens),
		cmocka_unit_test(stock_gives_every_packet_in_order_and_stops_when_told),
	};

	if (lm_base_init(&err) != 0)
		return 1;
	return RUN_TESTS(tests);
}
