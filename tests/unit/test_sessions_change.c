/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control side of links as the topology and the list of clients change: who keeps a session,
 * who is left out, and what is refused and changes nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loaded.h"
#include "sessions_testing.h"

static void a_new_key_makes_a_new_peer_and_the_old_one_serves_until_the_change(void **state)
{
	const struct lm_link_peer *before, *after;
	struct side mix, last;
	struct lm_error err;

	(void)state;
	meet(&mix, &last);
	before = peer_of(&mix, 3);
	lm_rand(&secret[3], sizeof(secret[3]));
	lm_x25519_base_burst(&node[3].link, &secret[3], 1);
	assert_int_equal(prepare(&mix, 1, NULL, 0, &err), 0);
	after = peer_of(&mix, 3);
	assert_ptr_not_equal(after, before);
	assert_non_null(lm_link_peer_sending(before)); /* views that workers still have */

	sessions_abandon(mix.sessions);
	assert_ptr_equal(peer_of(&mix, 3), before);
	assert_true(pass(&mix, 1, &last, 3, 0));

	assert_int_equal(prepare(&mix, 1, NULL, 0, &err), 0);
	sessions_commit(mix.sessions);
	assert_ptr_not_equal(peer_of(&mix, 3), before);
	assert_false(pass(&mix, 1, &last, 3, 0));
	assert_false(pass(&last, 3, &mix, 1, 0)); /* its session has ended here */
	side_close(&last);
	side_open(&last, 3, -1);
	take(&last, 3);
	talk(&mix, 1, &last, 3);
	assert_true(pass(&mix, 1, &last, 3, 0));
	close_both(&mix, &last);
}

static void a_neighbour_at_another_address_keeps_its_sessions(void **state)
{
	struct side mix, last;

	(void)state;
	meet(&mix, &last);
	node[3].addresses = 1;
	node[3].address[0] = (struct lm_topology_address){.ip = {10, 9, 8, 7}, .port = 7001};
	take(&mix, 1);
	assert_true(pass(&mix, 1, &last, 3, 0));
	close_both(&mix, &last);
}

static void bad_keys_and_too_many_peers_are_refused_and_change_nothing(void **state)
{
	struct lm_point client[PEERS] = {{{0}}};
	struct lm_error err;
	struct side gateway;
	uint32_t peers, up;

	(void)state;
	make_topology();
	side_open(&gateway, 0, -1);
	take(&gateway, 0);
	assert_int_equal(prepare(&gateway, 0, client, 1, &err), -EINVAL);
	assert_non_null(strstr(err.text, "link.clients: a key has small order"));
	for (unsigned i = 0; i < PEERS; i++) {
		struct lm_secret any;

		lm_rand(&any, sizeof(any));
		lm_x25519_base_burst(&client[i], &any, 1);
	}
	assert_int_equal(prepare(&gateway, 0, client, PEERS, &err), -ENOSPC);
	assert_non_null(strstr(err.text,
			       "link.sessions: no room for 9 neighbours and clients, 6 of "
			       "them new, beside the 3 that there are: there is room for "
			       "6; set link.sessions to 36 or more"));
	node[2].link = node[1].link;
	assert_int_equal(prepare(&gateway, 0, NULL, 0, &err), -EINVAL);
	assert_non_null(strstr(err.text, "node 13 has the link key of another"));
	sessions_count(gateway.sessions, &peers, &up);
	assert_int_equal(peers, 3);
	side_close(&gateway);
}

/* A member that publishes a client's key does not stop the gateway: its client is left out. */
static void a_client_with_a_neighbours_key_is_left_out_and_named(void **state)
{
	struct lm_point client[2], stolen;
	struct lm_error err;
	struct lm_secret any[2];
	struct side gateway;
	uint32_t peers, up;
	FILE *said, *const was = stderr;
	char hex[65], *text;
	size_t len;

	(void)state;
	make_topology();
	lm_rand(any, sizeof(any));
	lm_x25519_base_burst(client, any, 2);
	side_open(&gateway, 0, -1);
	assert_int_equal(prepare(&gateway, 0, client, 2, &err), 0);
	sessions_commit(gateway.sessions);
	sessions_count(gateway.sessions, &peers, &up);
	assert_int_equal(peers, 5);

	stolen = node[1].link;
	node[1].link = client[0];
	said = open_memstream(&text, &len);
	assert_non_null(said);
	stderr = said;
	for (unsigned i = 0; i < 3; i++) { /* told once */
		assert_int_equal(prepare(&gateway, 0, client, 2, &err), 0);
		sessions_commit(gateway.sessions);
		(void)sessions_reclaim(gateway.sessions, sessions_mark(gateway.sessions));
	}
	stderr = was;
	assert_int_equal(fclose(said), 0);
	lm_hex_encode(hex, client[0].b, sizeof(client[0].b));
	assert_non_null(strstr(text, "link.clients: the client with the key "));
	assert_non_null(strstr(text, hex));
	assert_non_null(strstr(text, "node 12 of the topology has that link key"));
	assert_null(strstr(strstr(text, hex) + 1, hex));
	free(text);
	sessions_count(gateway.sessions, &peers, &up);
	assert_int_equal(peers, 4);
	assert_non_null(peer_of(&gateway, 1)); /* the node, as one to be called */

	node[1].link = stolen; /* and the client is back when that is over */
	assert_int_equal(prepare(&gateway, 0, client, 2, &err), 0);
	sessions_commit(gateway.sessions);
	sessions_count(gateway.sessions, &peers, &up);
	assert_int_equal(peers, 5);
	side_close(&gateway);
}

/* A member with a client's key that is gone again before the change, as where a view fails. */
static void an_abandoned_change_leaves_the_client_as_it_was(void **state)
{
	const struct lm_link_peer *before;
	struct lm_error err;
	struct side gateway;
	struct lm_secret any;
	struct lm_point client;
	uint32_t peers, up;

	(void)state;
	make_topology();
	lm_rand(&any, sizeof(any));
	lm_x25519_base_burst(&client, &any, 1);
	side_open(&gateway, 0, -1);
	assert_int_equal(prepare(&gateway, 0, &client, 1, &err), 0);
	sessions_commit(gateway.sessions);
	before = peer_of(&gateway, 1);
	node[1].link = client;
	assert_int_equal(prepare(&gateway, 0, &client, 1, &err), 0);
	assert_ptr_not_equal(peer_of(&gateway, 1), before);
	sessions_abandon(gateway.sessions);
	assert_ptr_equal(peer_of(&gateway, 1), before);
	sessions_count(gateway.sessions, &peers, &up);
	assert_int_equal(peers, 4);
	side_close(&gateway);
}

/* ---- Who parts ---- */

static const uint32_t first_less[] = {1}, second_less[] = {2};
static struct lm_topology_node node_less[3];
static uint32_t ids[4], ids_less[3];
static struct loaded before, less; /* in both a node can be looked up */

/* The topology, and one without node 2, of layer 1. */
static void make_before_and_less(void)
{
	make_topology();
	node_less[0] = node[0];
	node_less[1] = node[1];
	node_less[2] = node[3];
	for (unsigned i = 0; i < 4; i++)
		ids[i] = node[i].id;
	for (unsigned i = 0; i < 3; i++)
		ids_less[i] = node_less[i].id;
	before = (struct loaded){.topology = topology, .id = ids};
	less = (struct loaded){.topology = {.layers = 2,
					    .nodes = 3,
					    .node = node_less,
					    .layer_nodes = {1, 1, 1},
					    .layer_node = {gateways, first_less, second_less}},
			       .id = ids_less};
}

/* The gateway goes over. */
static int prepare_less(struct side *side, const struct lm_point *client, unsigned clients)
{
	struct lm_error err;

	return sessions_prepare(side->sessions, &less.topology, &node_less[0], &side->links, client,
				clients, &err);
}

/* A node that the next document is without sends and is sent to as before, while the one before
 * counts, also over a change within that time. */
static void who_parts_keeps_its_session_until_the_document_before_is_over(void **state)
{
	struct side gateway, mix;
	uint16_t link;

	(void)state;
	make_before_and_less();
	side_open(&gateway, 0, -1);
	side_open(&mix, 2, -1);
	take(&gateway, 0);
	take(&mix, 2);
	talk(&gateway, 0, &mix, 2);
	link = links_number(&gateway.links, node[2].id);
	gateway.links.before = &before.topology;
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(prepare_less(&gateway, NULL, 0), 0);
		assert_true(sessions_stays(gateway.sessions, link));
		sessions_commit(gateway.sessions);
		assert_true(pass(&gateway, 0, &mix, 2, i));
		assert_true(pass(&mix, 2, &gateway, 0, i));
	}
	now_us += 121000000; /* the session is renewed too */
	wall_us += 121000000;
	talk(&gateway, 0, &mix, 2);
	assert_true(pass(&gateway, 0, &mix, 2, 0));

	gateway.links.before = NULL;
	assert_int_equal(prepare_less(&gateway, NULL, 0), 0);
	assert_false(sessions_stays(gateway.sessions, link));
	sessions_commit(gateway.sessions);
	assert_null(peer_of(&gateway, 2));
	assert_false(pass(&mix, 2, &gateway, 0, 0));
	side_close(&gateway);
	side_close(&mix);
}

/* Whoever has its key now has the link, and only where there is room does it get one anew. */
static void who_parts_takes_nothing_from_who_stays(void **state)
{
	struct lm_secret secrets[PEERS - 2];
	struct lm_point client[PEERS - 2];
	struct side gateway;
	uint32_t peers, up;
	uint16_t link;

	(void)state;
	make_before_and_less();
	lm_rand(secrets, sizeof(secrets));
	for (unsigned i = 0; i < LM_COUNT(client); i++)
		lm_x25519_base_burst(&client[i], &secrets[i], 1);
	side_open(&gateway, 0, -1);
	gateway.links.before = &before.topology;
	link = links_number(&gateway.links, node[2].id);
	assert_int_equal(prepare_less(&gateway, client, PEERS - 2), 0); /* after a start */
	assert_null(sessions_peer(gateway.sessions, link));
	sessions_commit(gateway.sessions);
	side_close(&gateway);

	side_open(&gateway, 0, -1);
	gateway.links.before = &before.topology;
	link = links_number(&gateway.links, node[2].id);
	assert_int_equal(prepare_less(&gateway, client, PEERS - 4), 0);
	assert_true(sessions_stays(gateway.sessions, link));
	sessions_commit(gateway.sessions);
	node_less[1].link = node[2].link;
	assert_int_equal(prepare_less(&gateway, NULL, 0), 0);
	assert_false(sessions_stays(gateway.sessions, link));
	assert_true(sessions_stays(gateway.sessions, links_number(&gateway.links, node[1].id)));
	sessions_commit(gateway.sessions);
	sessions_count(gateway.sessions, &peers, &up);
	assert_int_equal(peers, 2);
	side_close(&gateway);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_new_key_makes_a_new_peer_and_the_old_one_serves_until_the_change),
		cmocka_unit_test(a_neighbour_at_another_address_keeps_its_sessions),
		cmocka_unit_test(bad_keys_and_too_many_peers_are_refused_and_change_nothing),
		cmocka_unit_test(a_client_with_a_neighbours_key_is_left_out_and_named),
		cmocka_unit_test(an_abandoned_change_leaves_the_client_as_it_was),
		cmocka_unit_test(who_parts_keeps_its_session_until_the_document_before_is_over),
		cmocka_unit_test(who_parts_takes_nothing_from_who_stays),
	};
	struct lm_error err;

	if (lm_base_init(&err) != 0)
		return 1;
	return RUN_TESTS(tests);
}
