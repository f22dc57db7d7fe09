/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * app/gen: frames seen at mixes become flights, and nothing else does.
 */
#include <string.h>

#include "gen_testing.h"
#include "observe.h"

#define SMALL_LEN 1348 /* a packet of profile 0 */

static struct observer observer;

/* A frame between two nodes of the world, with `number` in its payload. */
struct frame {
	uint8_t room[FRAME_HEADER_MAX + SMALL_LEN + 1];
	uint8_t *bytes;
	size_t len;
};

static const struct lm_topology_node *node(const struct world *world, uint32_t id)
{
	const struct lm_topology_node *found = lm_topology_find(world->setup.topology, id);

	assert_non_null(found);
	return found;
}

static void make_frame(struct frame *frame, const struct lm_topology_node *from,
		       const struct lm_topology_node *to, uint16_t vlan, uint32_t number,
		       size_t payload_len)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 9};
	uint8_t *payload = frame->room + FRAME_HEADER_MAX;
	struct frame_header header;
	struct frame_self self;
	struct frame_way way;

	memset(frame->room, 0, sizeof(frame->room));
	view_self_init(&self, from, mac, vlan);
	assert_true(frame_way_first(&way, &self, to));
	memcpy(way.mac, mac, sizeof(way.mac));
	frame_header_init(&header, &self, to, &way);
	lm_store_u32(payload + 4, number);
	frame->bytes = frame_write(&header, payload, payload_len, true);
	frame->len = header.len + payload_len;
}

static void see(const struct world *world, uint32_t at, uint64_t at_ns, uint32_t from, uint32_t to,
		uint32_t number)
{
	struct frame frame;

	make_frame(&frame, node(world, from), node(world, to), 0, number, SMALL_LEN);
	assert_int_equal(observer_frame(&observer, node(world, at), at_ns, frame.bytes, frame.len,
					&world_err),
			 0);
}

static struct world *start(void)
{
	struct world *world = make_world(0, 0xf);

	assert_int_equal(observer_make(&observer, world->setup.topology, &world_err), 0);
	return world;
}

static void stop(struct world *world)
{
	observer_free(&observer);
	free_world(world);
}

/* Flights in the order of their times, whatever the order in which hashes stand. */
static int compare_flights(const void *a, const void *b)
{
	const struct entropy_flight *left = a, *right = b;
	uint64_t left_ns = left->left_ns + left->came_ns,
		 right_ns = right->left_ns + right->came_ns;

	return (left_ns > right_ns) - (left_ns < right_ns);
}

static void assert_flights(const struct entropy_flight *want, uint32_t n, uint32_t again)
{
	struct entropy_flight *flight;
	uint32_t got;

	assert_int_equal(observer_flights(&flight, &got, &observer, &world_err), 0);
	assert_int_equal(got, n);
	qsort(flight, got, sizeof(*flight), compare_flights);
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(flight[i].from, want[i].from);
		assert_int_equal(flight[i].to, want[i].to);
		assert_true(flight[i].left_ns == want[i].left_ns);
		assert_true(flight[i].came_ns == want[i].came_ns);
	}
	assert_int_equal(observer.again, again);
	free(flight);
}

/* The mixes 11, 12, 21, 22, 31, 32 are 0 .. 5. */
static void a_packets_way_becomes_flights(void **state)
{
	static const struct entropy_flight want[] = {
		{ENTROPY_OUTSIDE, 0, 0, 10},
		{0, 3, 20, 21},
		{3, 4, 30, 31},
		{4, ENTROPY_OUTSIDE, 80, 0},
	};
	struct world *world = start();

	(void)state;
	assert_int_equal(observer.mixes, 6);
	for (uint32_t mix = 0; mix < 6; mix++)
		assert_int_equal(observer.layer[mix], mix / 2 + 1);
	see(world, 31, 80, 31, GATEWAY, 4);
	see(world, 11, 20, 11, 22, 2);
	see(world, 31, 31, 22, 31, 3);
	see(world, 11, 10, GATEWAY, 11, 1);
	see(world, 22, 21, 11, 22, 2);
	see(world, 22, 30, 22, 31, 3);
	assert_flights(want, LM_COUNT(want), 0);
	for (uint32_t mix = 0; mix < 6; mix++)
		assert_int_equal(observer.seen[mix], mix == 0 || mix == 3 || mix == 4 ? 2 : 0);
	assert_int_equal(world->setup.topology->node[observer.mix_node[3]].id, 22);
	stop(world);
}

static void packets_between_others_are_passed_over(void **state)
{
	struct world *world = start();

	(void)state;
	see(world, 12, 10, GATEWAY, 11, 1);
	see(world, 12, 20, 11, 22, 2);
	see(world, 21, 30, 22, 31, 3);
	assert_flights(NULL, 0, 0);
	stop(world);
}

/* Only the first of each end counts, also for a copy at another mix, or of another layer. */
static void copies_of_a_packet_count_once(void **state)
{
	static const struct entropy_flight want[] = {
		{0, 3, 20, 21},
		{ENTROPY_OUTSIDE, 1, 0, 50},
		{4, ENTROPY_OUTSIDE, 51, 0},
	};
	struct world *world = start();

	(void)state;
	see(world, 21, 26, 11, 21, 2);
	see(world, 22, 25, 11, 22, 2);
	see(world, 22, 21, 11, 22, 2);
	see(world, 11, 20, 11, 22, 2);
	see(world, 11, 24, 11, 22, 2);
	/* somebody brings to the first layer what he saw leave the last one */
	see(world, 12, 50, GATEWAY, 12, 9);
	see(world, 31, 51, 31, GATEWAY, 9);
	assert_flights(want, LM_COUNT(want), 3);
	stop(world);
}

static void other_lengths_addresses_and_ports_are_passed_over(void **state)
{
	struct world *world = start();
	struct lm_topology_node other = *node(world, GATEWAY);
	struct frame frame;

	(void)state;
	for (int more = -1; more <= 1; more += 2) {
		make_frame(&frame, node(world, GATEWAY), node(world, 11), 0, 1,
			   (size_t)(SMALL_LEN + more));
		assert_int_equal(observer_frame(&observer, node(world, 11), 1, frame.bytes,
						frame.len, &world_err),
				 0);
	}
	other.address[0].port++;
	make_frame(&frame, node(world, 11), &other, 0, 1, SMALL_LEN);
	assert_int_equal(observer_frame(&observer, node(world, 11), 1, frame.bytes, frame.len,
					&world_err),
			 0);
	assert_flights(NULL, 0, 0);
	/* who sends to a mix does not matter: what came, came */
	make_frame(&frame, &other, node(world, 11), 0, 1, SMALL_LEN);
	assert_int_equal(observer_frame(&observer, node(world, 11), 7, frame.bytes, frame.len,
					&world_err),
			 0);
	assert_flights(&(struct entropy_flight){ENTROPY_OUTSIDE, 0, 0, 7}, 1, 0);
	stop(world);
}

static void ipv6_and_tagged_frames_are_seen(void **state)
{
	struct world *world = start();
	struct lm_topology *topology = world->setup.calendar->document[0].topology;
	struct frame frame;

	(void)state;
	for (unsigned i = 0; i < topology->nodes; i++) {
		topology->node[i].addresses = 2;
		topology->node[i].address[1] = topology->node[i].address[0];
		topology->node[i].address[0] = (struct lm_topology_address){
			/* the better one */
			.ipv6 = true,
			.ip = {0x20, [15] = (uint8_t)topology->node[i].id},
			.port = 7001};
	}
	observer_free(&observer);
	assert_int_equal(observer_make(&observer, topology, &world_err), 0);
	make_frame(&frame, node(world, GATEWAY), node(world, 12), 5, 1, SMALL_LEN);
	assert_int_equal(frame.len, FRAME_HEADER_MAX + SMALL_LEN);
	assert_int_equal(observer_frame(&observer, node(world, 12), 7, frame.bytes, frame.len,
					&world_err),
			 0);
	assert_flights(&(struct entropy_flight){ENTROPY_OUTSIDE, 1, 0, 7}, 1, 0);
	stop(world);
}

/* Whatever the bytes: nothing is read behind them (guard page), and a cut packet is none. */
static void cut_and_changed_frames_do_no_harm(void **state)
{
	static const uint8_t seed[32] = {6};
	struct world *world = start();
	struct lm_prng prng;
	struct frame frame;
	uint8_t *guarded;

	(void)state;
	make_frame(&frame, node(world, GATEWAY), node(world, 11), 5, 1, SMALL_LEN);
	for (size_t len = 0; len < frame.len; len += len < 70 ? 1 : 97) {
		guarded = guarded_alloc(len, GUARD_AFTER);
		memcpy(guarded, frame.bytes, len);
		assert_int_equal(observer_frame(&observer, node(world, 11), 1, guarded, len,
						&world_err),
				 0);
		guarded_free(guarded, len, GUARD_AFTER);
	}
	assert_flights(NULL, 0, 0);
	lm_prng_init(&prng, seed);
	guarded = guarded_alloc(frame.len, GUARD_AFTER);
	for (unsigned i = 0; i < 20000; i++) {
		memcpy(guarded, frame.bytes, frame.len);
		for (unsigned k = 0; k < 3; k++)
			guarded[lm_prng_below(&prng, 50)] = (uint8_t)lm_prng_u32(&prng);
		assert_int_equal(observer_frame(&observer, node(world, 11), i, guarded, frame.len,
						&world_err),
				 0);
	}
	/* some were only changed where nobody looks; all of these are the same packet */
	assert_in_range(observer.sightings, 1, 19999);
	assert_int_equal(observer.seen[0], observer.sightings);
	guarded_free(guarded, frame.len, GUARD_AFTER);
	stop(world);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_packets_way_becomes_flights),
		cmocka_unit_test(packets_between_others_are_passed_over),
		cmocka_unit_test(copies_of_a_packet_count_once),
		cmocka_unit_test(other_lengths_addresses_and_ports_are_passed_over),
		cmocka_unit_test(ipv6_and_tagged_frames_are_seen),
		cmocka_unit_test(cut_and_changed_frames_do_no_harm),
	};

	if (lm_base_init(&world_err) != 0)
		return 1;
	return RUN_TESTS(tests);
}
