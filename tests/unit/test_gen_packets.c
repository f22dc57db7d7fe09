/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * app/gen: the packets of a run through a network, and what is counted at its end.
 */
#include <string.h>

#include "gen_testing.h"
#include "stock.h"

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

/* What no replay set has room for is not taken, and is no duplicate. */
static void full_replay_set_refuses(void **state)
{
	struct world *world = make_world_for(0, 1u << GEN_EXIT, 1);
	uint64_t full;

	(void)state;
	build_and_cross(world, 0, LM_BURST);
	receive(world, world->packet, LM_BURST);
	full = world->tally.drop[LM_DROP_REPLAY_FULL];
	assert_in_range(full, 1, LM_BURST - 1);
	assert_int_equal(world->tally.damaged, full);
	assert_int_equal(world->tally.arrivals, LM_BURST - full);
	assert_int_equal(world->tally.duplicated[GEN_EXIT], 0);
	free_world(world);
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

static void packets_have_fresh_paths_and_tokens(void **state)
{
	struct world *world = make_world(0, 0xf);
	const struct lm_topology_node *first[LM_BURST];
	unsigned to_first_mix = 0;

	(void)state;
	assert_int_equal(gen_build_burst(world->builder, world->packet, first, 0, LM_BURST,
					 &world_err),
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

/* Each kind, replies too: every layer's delays have the network's mean, and no two look alike. */
static void every_hop_has_a_delay_of_its_own_under_poisson(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < GEN_CMDS; kind++) {
		struct world *world = make_poisson_world(1u << kind, 50000);
		uint64_t all_us = 0;

		world->builder->run.count = 5 * LM_BURST;
		for (uint32_t seq = 0; seq < 5 * LM_BURST; seq += LM_BURST) {
			build_and_cross(world, seq, LM_BURST);
			receive(world, world->packet, LM_BURST);
		}
		assert_true(tally_complete(&world->tally));
		for (unsigned layer = 0; layer < LAYERS; layer++) {
			assert_int_equal(world->peeled[layer], 5 * LM_BURST);
			/* 320 of deviation 50000: five deviations of the mean */
			assert_in_range(world->delays_us[layer] / (5 * LM_BURST), 36000, 64000);
			assert_in_range(world->longest_us[layer], 150000, 27.6 * 50000);
			assert_true(world->delays_us[layer] != all_us);
			all_us = world->delays_us[layer];
		}
		free_world(world);
	}
}

static void no_hop_has_a_delay_in_batches(void **state)
{
	struct world *world = make_world(0, 0xf);

	(void)state;
	build_and_cross(world, 0, LM_BURST);
	for (unsigned layer = 0; layer < LAYERS; layer++) {
		assert_int_equal(world->peeled[layer], LM_BURST);
		assert_int_equal(world->longest_us[layer], 0);
	}
	free_world(world);
}

static void stock_gives_every_packet_in_order_and_stops_when_told(void **state)
{
	struct world *world = make_world(0, 0xf);
	struct stock stock;
	uint32_t got = 0;

	(void)state;
	assert_int_equal(stock_start(&stock, world->builder, LM_BURST, -1, &world_err), 0);
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
	assert_int_equal(stock_start(&stock, world->builder, LM_BURST, -1, &world_err), 0);
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
		cmocka_unit_test(full_replay_set_refuses),
		cmocka_unit_test(payload_of_drop_is_not_looked_at),
		cmocka_unit_test(strangers_are_foreign),
		cmocka_unit_test(frames_that_hold_no_packet_are_foreign),
		cmocka_unit_test(packets_have_fresh_paths_and_tokens),
		cmocka_unit_test(every_hop_has_a_delay_of_its_own_under_poisson),
		cmocka_unit_test(no_hop_has_a_delay_in_batches),
		cmocka_unit_test(stock_gives_every_packet_in_order_and_stops_when_told),
	};

	if (lm_base_init(&world_err) != 0)
		return 1;
	return RUN_TESTS(tests);
}
