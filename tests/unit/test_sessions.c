/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control side of links: whom a node calls and answers, what comes of it on the workers' side,
 * and what it learns of its neighbours' clocks.
 */
#include "sessions_testing.h"

static void neighbours_of_both_sides_are_called(void **state)
{
	struct sessions_message message;
	bool called[4] = {false};
	struct side mix;
	unsigned n = 0;
	uint32_t peers, up;

	(void)state;
	make_topology();
	side_open(&mix, 1, -1);
	take(&mix, 1);
	for (; next(&mix, &message); n++) {
		for (unsigned i = 0; i < 4; i++)
			called[i] |= links_number(&mix.links, node[i].id) == message.link;
	}
	assert_int_equal(n, 2);
	assert_true(called[0] && called[3] && !called[1] && !called[2]);
	assert_null(peer_of(&mix, 2)); /* of its own layer */
	sessions_count(mix.sessions, &peers, &up);
	assert_int_equal(peers, 2);
	assert_int_equal(up, 0);
	side_close(&mix);
}

static void a_session_carries_frames_both_ways(void **state)
{
	struct side mix, last;
	uint32_t peers, up;

	(void)state;
	open_both(&mix, &last);
	assert_false(pass(&mix, 1, &last, 3, 0));
	talk(&mix, 1, &last, 3);
	for (unsigned lane = 0; lane < LM_LINK_LANES_MIN; lane++) {
		assert_true(pass(&mix, 1, &last, 3, lane));
		assert_true(pass(&last, 3, &mix, 1, lane));
	}
	sessions_count(mix.sessions, &peers, &up);
	assert_int_equal(up, 1);
	close_both(&mix, &last);
}

/* Twenty minutes of frames over renewals, none of which is lost; what ends is reclaimed. */
static void renewals_under_traffic_lose_nothing(void **state)
{
	const struct lm_link_session *session = NULL;
	struct side mix, last;
	unsigned renewed = 0;

	(void)state;
	meet(&mix, &last);
	for (unsigned i = 0; i < 12000; i++, now_us += 100000, wall_us += 100000) {
		talk(&mix, 1, &last, 3);
		assert_true(pass(&mix, 1, &last, 3, i % LM_LINK_LANES_MIN));
		assert_true(pass(&last, 3, &mix, 1, i % LM_LINK_LANES_MIN));
		renewed += lm_link_peer_sending(peer_of(&mix, 3)) != session;
		session = lm_link_peer_sending(peer_of(&mix, 3));
		(void)sessions_reclaim(mix.sessions, sessions_mark(mix.sessions));
		(void)sessions_reclaim(last.sessions, sessions_mark(last.sessions));
	}
	assert_in_range(renewed, 9, 12);
	assert_true(lm_link_table_free(sessions_table(mix.sessions)) >= sessions_for(PEERS) - 4);
	close_both(&mix, &last);
}

/* A relay that dies and comes back has its sessions again by its own calls. */
static void a_restarted_node_is_back_at_once(void **state)
{
	struct side mix, last;

	(void)state;
	meet(&mix, &last);
	side_close(&last);
	side_open(&last, 3, -1);
	take(&last, 3);
	now_us += 2000000;
	wall_us += 2000000;
	assert_false(pass(&mix, 1, &last, 3, 0)); /* it does not know yet */
	talk(&last, 3, &mix, 1);
	assert_true(pass(&mix, 1, &last, 3, 0));
	assert_true(pass(&last, 3, &mix, 1, 0));
	close_both(&mix, &last);
}

static void who_was_never_heard_of_waits_until_it_can_be_reached(void **state)
{
	struct sessions_message message;
	struct side mix;

	(void)state;
	make_topology();
	side_open(&mix, 1, -1);
	take(&mix, 1);
	for (unsigned i = 0; i < 100; i++, now_us += 1000000)
		assert_false(sessions_next(mix.sessions, &message, nowhere, NULL, now_us, wall_us));
	assert_true(next(&mix, &message)); /* and then it is called at once */
	side_close(&mix);
}

static void clients_are_answered_and_not_called(void **state)
{
	struct lm_secret client_secret;
	struct sessions_message message;
	struct lm_point client;
	struct side gateway, other;
	struct lm_error err;
	uint32_t peers, up;
	unsigned called = 0;

	(void)state;
	make_topology();
	lm_rand(&client_secret, sizeof(client_secret));
	lm_x25519_base_burst(&client, &client_secret, 1);
	side_open(&gateway, 0, -1);
	assert_int_equal(prepare(&gateway, 0, &client, 1, &err), 0);
	sessions_commit(gateway.sessions);
	while (next(&gateway, &message))
		called++;
	assert_int_equal(called, 3); /* both mixes of layer 1, and that of layer 2 */

	/* the client: a node that knows the gateway alone */
	secret[1] = client_secret;
	side_open(&other, 1, -1);
	topology.layer_nodes[2] = 0;
	take(&other, 1);
	assert_true(next(&other, &message));
	assert_int_equal(converse(&other, &gateway, message.bytes, message.len), LM_LINK_RESPONDED);
	sessions_count(gateway.sessions, &peers, &up);
	assert_int_equal(peers, 4);
	assert_int_equal(up, 1);

	topology.layer_nodes[2] = 1;
	take(&gateway, 0); /* it is removed */
	sessions_count(gateway.sessions, &peers, &up);
	assert_int_equal(peers, 3);
	assert_int_equal(up, 0);
	side_close(&other);
	side_close(&gateway);
}

static void strangers_are_refused(void **state)
{
	struct sessions_message message;
	struct side mix, stranger;

	(void)state;
	make_topology();
	side_open(&mix, 1, -1);
	take(&mix, 1);
	lm_rand(&secret[3], sizeof(secret[3])); /* says it is node 3, with another key */
	side_open(&stranger, 3, -1);
	take(&stranger, 3);
	while (next(&stranger, &message) &&
	       message.link != links_number(&stranger.links, node[1].id))
		continue;
	assert_int_equal(converse(&stranger, &mix, message.bytes, message.len), LM_LINK_REFUSED);
	side_close(&stranger);
	side_close(&mix);
}

static void the_clock_of_a_neighbour_is_told_by_its_calls(void **state)
{
	struct sessions_skew skew[2];
	struct sessions_message message;
	struct side mix, last;

	(void)state;
	open_both(&mix, &last);
	assert_int_equal(sessions_skews(mix.sessions, skew, 2), 0);
	wall_us += 5000000; /* the caller's clock is fast */
	while (next(&last, &message) && message.link != links_number(&last.links, node[1].id))
		continue;
	wall_us -= 5000000;
	(void)converse(&last, &mix, message.bytes, message.len);
	assert_int_equal(sessions_skews(mix.sessions, skew, 2), 1);
	assert_int_equal(skew[0].id, node[3].id);
	assert_true(skew[0].skew_us == (int64_t)(wall_us + 5000000 - now_us));
	assert_true(skew[0].when_us == now_us);
	close_both(&mix, &last);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(neighbours_of_both_sides_are_called),
		cmocka_unit_test(a_session_carries_frames_both_ways),
		cmocka_unit_test(renewals_under_traffic_lose_nothing),
		cmocka_unit_test(a_restarted_node_is_back_at_once),
		cmocka_unit_test(who_was_never_heard_of_waits_until_it_can_be_reached),
		cmocka_unit_test(clients_are_answered_and_not_called),
		cmocka_unit_test(strangers_are_refused),
		cmocka_unit_test(the_clock_of_a_neighbour_is_told_by_its_calls),
	};
	struct lm_error err;

	if (lm_base_init(&err) != 0)
		return 1;
	return RUN_TESTS(tests);
}
