/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * app/gen: latency, and how much of the sending order is left.
 */
#include "gen_testing.h"
#include "mixing.h"

/* Packet i is due at START_NS + i ms: here packet 9 - i arrives at that time. */
static void latency_counts_from_when_a_packet_was_due(void **state)
{
	struct world *world = make_world(0, 1u << GEN_EXIT);
	uint8_t *reversed[10];

	(void)state;
	build_and_cross(world, 0, 10);
	for (unsigned i = 0; i < 10; i++)
		reversed[i] = world->packet[9 - i];
	receive(world, reversed, 10);
	/* five came before they were due: the clocks are not one */
	assert_int_equal(world->tally.arrivals, 10);
	assert_int_equal(world->tally.latency_ns.count, 5);
	assert_int_equal(world->tally.latency_ns.min, 1000000);
	assert_int_equal(world->tally.latency_ns.max, 9000000);
	free_world(world);
}

/* Each was due 4 us before it came, and sent 3 us late. */
static void transit_counts_from_when_a_packet_was_sent_and_latency_does_not(void **state)
{
	struct world *world = make_world(0, 1u << GEN_EXIT);
	uint64_t sent_ns[COUNT];

	(void)state;
	world->tally.start_ns = START_NS - 4000;
	for (unsigned i = 0; i < COUNT; i++)
		sent_ns[i] = world->tally.start_ns + i * UINT64_C(1000000) + 3000;
	world->tally.sent_ns = sent_ns;
	world->tally.sent_room = COUNT;
	build_and_cross(world, 0, 10);
	receive(world, world->packet, 10);
	assert_int_equal(world->tally.latency_ns.count, 10);
	assert_int_equal(world->tally.latency_ns.min, 4000);
	assert_int_equal(world->tally.latency_ns.max, 4000);
	assert_int_equal(world->tally.transit_ns.count, 10);
	assert_int_equal(world->tally.transit_ns.min, 1000);
	assert_int_equal(world->tally.transit_ns.max, 1000);
	free_world(world);
}

#define ORDERED 20000 /* packets at 1000 a second */

/* A run whose packets have all arrived, at these places in the order of arrival. */
static void set_arrivals(struct world *world, const uint32_t place[ORDERED])
{
	world->builder->run.count = ORDERED;
	assert_int_equal(tally_start(&world->tally, &world->builder->run, &world_err), 0);
	for (uint32_t seq = 0; seq < ORDERED; seq++)
		world->tally.arrival[seq] = place[seq];
}

static void without_a_start_there_is_no_latency(void **state)
{
	struct world *world = make_world(0, 1u << GEN_EXIT);

	(void)state;
	world->builder->run.start_ns = 0;
	build_and_cross(world, 0, 10);
	receive(world, world->packet, 10);
	assert_int_equal(world->tally.arrivals, 10);
	assert_int_equal(world->tally.latency_ns.count, 0);
	free_world(world);
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
	assert_int_equal(mixing_order(&order, &world->setup, &world->tally, &world_err), 0);
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
	assert_int_equal(mixing_order(&order, &world->setup, &world->tally, &world_err), 0);
	assert_true(order_correlation(&order) < 2 * order_bound(&order));
	assert_true(order_correlation(&order) > -2 * order_bound(&order));
	free_world(world);
}

/* Order is left by nature where packets have delays: none is reported. */
static void order_is_measured_in_batches_only(void **state)
{
	static uint32_t place[ORDERED];
	struct world *world = make_poisson_world(0xf, 100000);
	struct order order;

	(void)state;
	for (uint32_t seq = 0; seq < ORDERED; seq++)
		place[seq] = seq + 1;
	set_arrivals(world, place);
	assert_int_equal(mixing_order(&order, &world->setup, &world->tally, &world_err), 0);
	assert_int_equal(order.windows, 0);
	free_world(world);
}

/* DROPs know neither rate nor nonce: the times are known when another packet has come. */
static void times_of_poisson_arrivals_come_with_the_first_that_knows_them(void **state)
{
	struct world *world = make_world(0, 1u << GEN_DROP | 1u << GEN_EXIT);
	struct schedule schedule;
	uint64_t after_ns;

	(void)state;
	world->builder->run.arrivals = GEN_POISSON;
	assert_int_equal(schedule_make(&schedule, &world->builder->run, &world_err), 0);
	build_and_cross(world, 0, 20);
	receive(world, &world->packet[1], 1);
	assert_true(world->tally.run.arrivals == GEN_POISSON && world->tally.known);
	assert_false(tally_sent_after_ns(&after_ns, &world->tally, 5));
	receive(world, &world->packet[4], 1);
	for (uint32_t seq = 0; seq < COUNT; seq++) {
		assert_true(tally_sent_after_ns(&after_ns, &world->tally, seq));
		assert_int_equal(after_ns, schedule_due_ns(&schedule, seq));
	}
	schedule_free(&schedule);
	free_world(world);
}

static void order_of_unknown_times_is_not_measured(void **state)
{
	struct world *world = make_world(0, 1u << GEN_DROP);
	struct order order;

	(void)state;
	assert_int_equal(mixing_order(&order, &world->setup, &world->tally, &world_err), 0);
	assert_int_equal(order.windows, 0);
	build_and_cross(world, 0, 20);
	receive(world, world->packet, 20);
	assert_int_equal(world->tally.run.rate_pps, 0);
	assert_int_equal(mixing_order(&order, &world->setup, &world->tally, &world_err), 0);
	assert_int_equal(order.windows, 0);
	free_world(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(latency_counts_from_when_a_packet_was_due),
		cmocka_unit_test(transit_counts_from_when_a_packet_was_sent_and_latency_does_not),
		cmocka_unit_test(without_a_start_there_is_no_latency),
		cmocka_unit_test(order_as_sent_is_found),
		cmocka_unit_test(order_of_batches_is_not_taken_for_order_in_them),
		cmocka_unit_test(order_is_measured_in_batches_only),
		cmocka_unit_test(times_of_poisson_arrivals_come_with_the_first_that_knows_them),
		cmocka_unit_test(order_of_unknown_times_is_not_measured),
	};

	if (lm_base_init(&world_err) != 0)
		return 1;
	return RUN_TESTS(tests);
}
