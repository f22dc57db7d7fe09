/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control side of links, without a network: two nodes on a virtual clock whose messages the
 * test hands over; whom a node has peers with as the topology changes; and the timestamps that
 * outlive a process.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "link_key.h"
#include "links.h"
#include "loaded.h"
#include "sessions.h"
#include "stamps.h"
#include "testing.h"

#define PACKET 1348
#define PEERS  6

/* A gateway, two mixes of layer 1 and one of layer 2. */
static const uint32_t gateways[] = {0}, first[] = {1, 2}, second[] = {3};
static struct lm_topology_node node[4];
static struct lm_secret secret[4];
static struct lm_topology topology;
static uint64_t now_us, wall_us;

/* A node's control side, with a worker. */
struct side {
	struct links links;
	struct sessions *sessions;
	struct lm_link_worker *worker;
	void *memory;
};

static void make_topology(void)
{
	static const unsigned layer[4] = {0, 1, 1, 2};

	now_us = 1000000;
	wall_us = UINT64_C(1700000000000000);
	lm_rand(secret, sizeof(secret));
	for (unsigned i = 0; i < 4; i++) {
		node[i] = (struct lm_topology_node){
			.id = 10 * layer[i] + i + 1,
			.role = layer[i] ? LM_TOPOLOGY_MIX : LM_TOPOLOGY_GATEWAY,
			.layer = layer[i],
		};
		lm_x25519_base_burst(&node[i].link, &secret[i], 1);
	}
	topology = (struct lm_topology){.layers = 2,
					.nodes = 4,
					.node = node,
					.layer_nodes = {1, 2, 1},
					.layer_node = {gateways, first, second}};
}

static void side_open(struct side *side, unsigned self, int folder)
{
	struct sessions_config config = {.secret = &secret[self],
					 .sessions = sessions_for(PEERS),
					 .least = sessions_for(PEERS),
					 .lanes = LM_LINK_LANES_MIN,
					 .packet_len = PACKET,
					 .folder = folder};
	struct lm_error err;

	memset(side, 0, sizeof(*side));
	links_init(&side->links);
	side->sessions = sessions_open(&config, now_us, &err);
	assert_non_null(side->sessions);
	side->memory = lm_secret_alloc(lm_link_worker_size());
	side->worker =
		lm_link_worker_init(side->memory, sessions_table(side->sessions), "auto", &err);
	assert_non_null(side->worker);
}

static void side_close(struct side *side)
{
	lm_secret_free(side->memory);
	sessions_close(side->sessions);
}

static int prepare(struct side *side, unsigned self, const struct lm_point *client,
		   unsigned clients, struct lm_error *err)
{
	return sessions_prepare(side->sessions, &topology, &node[self], &side->links, client,
				clients, err);
}

static void take(struct side *side, unsigned self)
{
	struct lm_error err;

	assert_int_equal(prepare(side, self, NULL, 0, &err), 0);
	sessions_commit(side->sessions);
}

static bool everywhere(void *context, uint16_t link)
{
	(void)context;
	(void)link;
	return true;
}

static bool nowhere(void *context, uint16_t link)
{
	(void)context;
	(void)link;
	return false;
}

static bool next(struct side *side, struct sessions_message *message)
{
	return sessions_next(side->sessions, message, everywhere, NULL, now_us, wall_us);
}

static const struct lm_link_peer *peer_of(struct side *side, unsigned other)
{
	return sessions_peer(side->sessions, links_number(&side->links, node[other].id));
}

/* Hands a message from one to the other, and what comes of it back and forth. */
static enum lm_link_result converse(struct side *from, struct side *to, const uint8_t *message,
				    size_t len)
{
	static const struct lm_link_source source = {.port = 1};
	uint8_t bytes[LM_LINK_MESSAGE_MAX];
	struct lm_link_received received = {.reply_len = 0};
	enum lm_link_result result = LM_LINK_RESULTS;

	memcpy(bytes, message, len);
	for (unsigned i = 0; len > 0; i++) {
		struct side *at = i % 2 == 0 ? to : from;

		sessions_receive(at->sessions, &received, bytes, len, &source, false, now_us);
		if (i == 0)
			result = received.result;
		len = received.reply_len;
		memcpy(bytes, received.reply, len);
	}
	return result;
}

/* All that is due between two sides that know each other at these indices. */
static void talk(struct side *a, unsigned a_node, struct side *b, unsigned b_node)
{
	struct sessions_message message;

	while (next(a, &message)) {
		if (message.link == links_number(&a->links, node[b_node].id))
			(void)converse(a, b, message.bytes, message.len);
	}
	while (next(b, &message)) {
		if (message.link == links_number(&b->links, node[a_node].id))
			(void)converse(b, a, message.bytes, message.len);
	}
}

/* A frame from one side to the other; true if it arrives as what it is. */
static bool pass(struct side *from, unsigned from_node, struct side *to, unsigned to_node,
		 unsigned lane)
{
	uint8_t buffer[PACKET + LM_LINK_OVERHEAD] = {[LM_LINK_HEADROOM] = 77};
	struct lm_link_seal seal = {
		.session = lm_link_peer_sending(peer_of(from, to_node)),
		.lane = lane,
		.to = node[to_node].id,
		.packet = buffer + LM_LINK_HEADROOM,
	};
	struct lm_link_open open = {.frame = buffer, .len = sizeof(buffer)};

	if (!seal.session || lm_link_seal(from->worker, &seal, 1) != 1)
		return false;
	return lm_link_open(to->worker, &open, 1) == 1 && open.to == node[to_node].id &&
	       open.peer == links_number(&to->links, node[from_node].id) && open.packet[0] == 77;
}

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
	make_topology();
	side_open(&mix, 1, -1);
	side_open(&last, 3, -1);
	take(&mix, 1);
	take(&last, 3);
	assert_false(pass(&mix, 1, &last, 3, 0));
	talk(&mix, 1, &last, 3);
	for (unsigned lane = 0; lane < LM_LINK_LANES_MIN; lane++) {
		assert_true(pass(&mix, 1, &last, 3, lane));
		assert_true(pass(&last, 3, &mix, 1, lane));
	}
	sessions_count(mix.sessions, &peers, &up);
	assert_int_equal(up, 1);
	side_close(&mix);
	side_close(&last);
}

/* Twenty minutes of frames over renewals, none of which is lost; what ends is reclaimed. */
static void renewals_under_traffic_lose_nothing(void **state)
{
	const struct lm_link_session *session = NULL;
	struct side mix, last;
	unsigned renewed = 0;

	(void)state;
	make_topology();
	side_open(&mix, 1, -1);
	side_open(&last, 3, -1);
	take(&mix, 1);
	take(&last, 3);
	talk(&mix, 1, &last, 3);
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
	side_close(&mix);
	side_close(&last);
}

/* A relay that dies and comes back has its sessions again by its own calls. */
static void a_restarted_node_is_back_at_once(void **state)
{
	struct side mix, last;

	(void)state;
	make_topology();
	side_open(&mix, 1, -1);
	side_open(&last, 3, -1);
	take(&mix, 1);
	take(&last, 3);
	talk(&mix, 1, &last, 3);
	side_close(&last);
	side_open(&last, 3, -1);
	take(&last, 3);
	now_us += 2000000;
	wall_us += 2000000;
	assert_false(pass(&mix, 1, &last, 3, 0)); /* it does not know yet */
	talk(&last, 3, &mix, 1);
	assert_true(pass(&mix, 1, &last, 3, 0));
	assert_true(pass(&last, 3, &mix, 1, 0));
	side_close(&mix);
	side_close(&last);
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

static void a_new_key_makes_a_new_peer_and_the_old_one_serves_until_the_change(void **state)
{
	const struct lm_link_peer *before, *after;
	struct side mix, last;
	struct lm_error err;

	(void)state;
	make_topology();
	side_open(&mix, 1, -1);
	side_open(&last, 3, -1);
	take(&mix, 1);
	take(&last, 3);
	talk(&mix, 1, &last, 3);
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
	side_close(&mix);
	side_close(&last);
}

static void a_neighbour_at_another_address_keeps_its_sessions(void **state)
{
	struct side mix, last;

	(void)state;
	make_topology();
	side_open(&mix, 1, -1);
	side_open(&last, 3, -1);
	take(&mix, 1);
	take(&last, 3);
	talk(&mix, 1, &last, 3);
	node[3].addresses = 1;
	node[3].address[0] = (struct lm_topology_address){.ip = {10, 9, 8, 7}, .port = 7001};
	take(&mix, 1);
	assert_true(pass(&mix, 1, &last, 3, 0));
	side_close(&mix);
	side_close(&last);
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

/* ---- Room ---- */

#define GROWN 3000 /* mixes in a layer */

/* A first layer of GROWN mixes with keys of their own, the first of which have sessions already. */
static void grow(struct lm_topology *grown, struct lm_topology_node *nodes, uint32_t *layer)
{
	struct lm_secret any[LM_X25519_BURST];
	struct lm_point key[LM_X25519_BURST];

	memcpy(nodes, node, sizeof(node));
	for (unsigned i = 0; i < GROWN; i++) {
		unsigned at = 4 + i;

		if (i % LM_X25519_BURST == 0) {
			lm_rand(any, sizeof(any));
			lm_x25519_base_burst(key, any, LM_X25519_BURST);
		}
		nodes[at] = (struct lm_topology_node){.id = 1000 + i,
						      .role = LM_TOPOLOGY_MIX,
						      .layer = 1,
						      .link = key[i % LM_X25519_BURST]};
		layer[2 + i] = at;
	}
	memcpy(layer, first, sizeof(first));
	*grown = topology;
	grown->nodes = 4 + GROWN;
	grown->node = nodes;
	grown->layer_node[1] = layer;
	grown->layer_nodes[1] = 2 + GROWN;
}

static void open_as_configured(struct side *side, unsigned self)
{
	const struct node_config none = {.link.mode = CONFIG_LINK_NOISE};
	struct sessions_config config = {.secret = &secret[self], .folder = -1};
	struct lm_error err;

	memset(side, 0, sizeof(*side));
	links_init(&side->links);
	link_sessions(&config, &none, &topology, &node[self], 0);
	config.packet_len = PACKET;
	side->sessions = sessions_open(&config, now_us, &err);
}

/* A small network grows by a thousand times at once, and what had sessions keeps them. */
static void a_network_grows_past_what_it_was_at_the_start(void **state)
{
	static struct lm_topology_node nodes[4 + GROWN];
	static uint32_t layer[2 + GROWN];
	const struct lm_link_session *before;
	struct lm_topology grown;
	struct lm_secret any;
	struct side last, mix;
	struct lm_error err;
	uint32_t peers, up;

	(void)state;
	make_topology();
	open_as_configured(&last, 3);
	assert_non_null(last.sessions);
	if (sessions_room(last.sessions) < GROWN) /* the limit on locked memory is low here */
		skip();
	assert_true(sessions_room(last.sessions) >= LM_TOPOLOGY_NODES);
	side_open(&mix, 1, -1);
	take(&last, 3);
	take(&mix, 1);
	talk(&mix, 1, &last, 3);
	before = lm_link_peer_sending(peer_of(&last, 1));
	assert_non_null(before);

	grow(&grown, nodes, layer);
	for (unsigned i = 0; i < 2; i++) { /* and again, with a mix less and a new one */
		assert_int_equal(sessions_prepare(last.sessions, &grown, &nodes[3], &last.links,
						  NULL, 0, &err),
				 0);
		sessions_commit(last.sessions);
		sessions_count(last.sessions, &peers, &up);
		assert_int_equal(peers, 1 + 2 + GROWN);
		assert_int_equal(up, 1);
		assert_ptr_equal(lm_link_peer_sending(peer_of(&last, 1)), before);
		nodes[4].id = 77777;
		lm_rand(&any, sizeof(any));
		lm_x25519_base_burst(&nodes[4].link, &any, 1);
	}
	assert_non_null(sessions_peer(last.sessions, links_number(&last.links, 77777)));
	assert_null(sessions_peer(last.sessions, links_number(&last.links, 1000)));
	side_close(&mix);
	sessions_close(last.sessions);
}

/* A table with room for everybody takes memory for those that there are, however often they renew
 * their sessions. */
static void memory_follows_what_a_table_holds(void **state)
{
	const size_t each = lm_link_table_size(128, LM_LINK_LANES_MIN) / 128;
	struct side mix, last;
	struct lm_error err;
	size_t first_written;

	(void)state;
	make_topology();
	side_open(&mix, 1, -1);
	open_as_configured(&last, 3);
	assert_non_null(last.sessions);
	assert_true(sessions_room(last.sessions) > 2 * PEERS);
	last.memory = lm_secret_alloc(lm_link_worker_size());
	last.worker = lm_link_worker_init(last.memory, sessions_table(last.sessions), "auto", &err);
	take(&mix, 1);
	take(&last, 3);
	talk(&mix, 1, &last, 3);
	first_written = lm_link_table_written(sessions_table(last.sessions));
	for (unsigned i = 0; i < 100; i++, now_us += 121000000, wall_us += 121000000) {
		talk(&mix, 1, &last, 3);
		assert_true(pass(&mix, 1, &last, 3, 0));
		(void)sessions_reclaim(mix.sessions, sessions_mark(mix.sessions));
		(void)sessions_reclaim(last.sessions, sessions_mark(last.sessions));
	}
	assert_true(lm_link_table_written(sessions_table(last.sessions)) <=
		    first_written + 4 * each);
	assert_true(lm_link_table_written(sessions_table(last.sessions)) <=
		    lm_link_table_size(4 * sessions_room(last.sessions), LM_LINK_LANES_MIN));
	side_close(&mix);
	side_close(&last);
}

/* What does not fit is told as soon as a document comes, with the number that would do. */
static void what_does_not_fit_is_told_before_it_is_taken(void **state)
{
	static struct lm_topology_node nodes[4 + GROWN];
	static uint32_t layer[2 + GROWN];
	struct lm_topology grown;
	struct lm_error err;
	struct side last;

	(void)state;
	make_topology();
	side_open(&last, 3, -1);
	take(&last, 3);
	grow(&grown, nodes, layer);
	assert_int_equal(sessions_fit(last.sessions, &topology, &node[3], NULL, 0, &err), 0);
	assert_int_equal(sessions_fit(last.sessions, &grown, &nodes[3], NULL, 0, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "no room for 3003 neighbours and clients, 3000 of them "
					 "new, beside the 3 that there are"));
	assert_non_null(strstr(err.text, "set link.sessions to 12012 or more"));
	assert_int_equal(sessions_prepare(last.sessions, &grown, &nodes[3], &last.links, NULL, 0,
					  &err),
			 -ENOSPC);
	side_close(&last);
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

/* Of root too, whom no limit stops. */
static bool drop_rights(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

	return syscall(SYS_capset, &head, none) == 0;
}

/* Where little memory may be locked there is room for fewer: no less than asked, and some is left
 * for other keys. */
static void a_low_limit_on_locked_memory_leaves_less_room(void **state)
{
	struct rlimit low;
	int status;
	pid_t pid;

	(void)state;
	make_topology();
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct side side;
		uint32_t room;

		getrlimit(RLIMIT_MEMLOCK, &low);
		low.rlim_cur = low.rlim_max = low.rlim_max < 8u << 20 ? low.rlim_max : 8u << 20;
		if (setrlimit(RLIMIT_MEMLOCK, &low) != 0 || !drop_rights())
			_exit(77);
		open_as_configured(&side, 3);
		room = side.sessions ? sessions_room(side.sessions) : 0;
		_exit(room < 8 || sessions_bytes(sessions_for(room), 32) > low.rlim_cur / 4);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* Slots come back when what had them is reclaimed, and not before. */
static void slots_are_used_again(void **state)
{
	struct lm_error err;
	struct side mix, last;

	(void)state;
	make_topology();
	side_open(&mix, 1, -1);
	side_open(&last, 3, -1);
	take(&mix, 1);
	for (unsigned i = 0; i < 20; i++) {
		take(&last, 3);
		talk(&mix, 1, &last, 3);
		assert_true(pass(&mix, 1, &last, 3, 0));
		lm_rand(&secret[3], sizeof(secret[3]));
		lm_x25519_base_burst(&node[3].link, &secret[3], 1);
		assert_int_equal(prepare(&mix, 1, NULL, 0, &err), 0);
		sessions_commit(mix.sessions);
		assert_true(sessions_reclaim(mix.sessions, sessions_mark(mix.sessions)));
		side_close(&last);
		side_open(&last, 3, -1);
		now_us += 1000000;
		wall_us += 1000000;
	}
	side_close(&mix);
	side_close(&last);
}

static void the_clock_of_a_neighbour_is_told_by_its_calls(void **state)
{
	struct sessions_skew skew[2];
	struct sessions_message message;
	struct side mix, last;

	(void)state;
	make_topology();
	side_open(&mix, 1, -1);
	side_open(&last, 3, -1);
	take(&mix, 1);
	take(&last, 3);
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
	side_close(&mix);
	side_close(&last);
}

/* ---- Timestamps ---- */

static int make_folder(char path[64])
{
	strcpy(path, "/tmp/linemix-sessions-XXXXXX");
	assert_non_null(mkdtemp(path));
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void remove_folder(const char *path, int folder)
{
	(void)unlinkat(folder, "links", 0);
	close(folder);
	assert_int_equal(rmdir(path), 0);
}

static void a_recorded_call_is_stale_after_a_restart(void **state)
{
	struct sessions_message message;
	struct side mix, last;
	char path[64];
	int folder = make_folder(path);

	(void)state;
	make_topology();
	side_open(&mix, 1, folder);
	side_open(&last, 3, -1);
	take(&mix, 1);
	take(&last, 3);
	while (next(&last, &message) && message.link != links_number(&last.links, node[1].id))
		continue;
	assert_int_equal(converse(&last, &mix, message.bytes, message.len), LM_LINK_RESPONDED);
	side_close(&mix);

	side_open(&mix, 1, folder);
	take(&mix, 1);
	assert_int_equal(converse(&last, &mix, message.bytes, message.len), LM_LINK_STALE);
	side_close(&mix);

	side_open(&mix, 1, -1); /* what the folder is for */
	take(&mix, 1);
	assert_int_equal(converse(&last, &mix, message.bytes, message.len), LM_LINK_RESPONDED);
	side_close(&mix);
	side_close(&last);
	remove_folder(path, folder);
}

static void stamps_are_kept_by_key_and_the_oldest_goes(void **state)
{
	struct lm_point key[5];
	struct stamps stamps;
	struct lm_error err;
	char path[64];
	int folder = make_folder(path);

	(void)state;
	lm_rand(key, sizeof(key));
	assert_int_equal(stamps_open(&stamps, folder, 4, stderr, &err), 0);
	for (unsigned i = 0; i < 4; i++)
		stamps_set(&stamps, &key[i], 100 + i);
	stamps_set(&stamps, &key[0], 200);
	assert_int_equal(stamps_find(&stamps, &key[0]), 200);
	stamps_set(&stamps, &key[4], 150);
	assert_int_equal(stamps_find(&stamps, &key[1]), 0);
	stamps_close(&stamps);

	/* another size takes along what fits */
	assert_int_equal(stamps_open(&stamps, folder, 2, stderr, &err), 0);
	assert_int_equal(stamps_find(&stamps, &key[0]), 200);
	assert_int_equal(stamps_find(&stamps, &key[4]), 150);
	assert_int_equal(stamps_find(&stamps, &key[2]), 0);
	stamps_close(&stamps);
	remove_folder(path, folder);
}

static void a_damaged_file_of_stamps_begins_anew_and_says_so(void **state)
{
	static const char *const damage[] = {"", "short", "linkstm1\xff\xff\xff\xff\0\0\0\0",
					     "anotherfile that is long enough"};
	struct lm_point key = {{1}};
	struct stamps stamps;
	struct lm_error err;
	char path[64], *text;
	size_t len;
	int folder = make_folder(path);

	(void)state;
	for (unsigned i = 0; i < LM_COUNT(damage); i++) {
		int fd = openat(folder, "links", O_WRONLY | O_CREAT | O_TRUNC, 0600);
		size_t n = i == 2 ? 16 : strlen(damage[i]);
		FILE *to = open_memstream(&text, &len);

		assert_int_equal(write(fd, damage[i], n), n);
		close(fd);
		assert_int_equal(stamps_open(&stamps, folder, 4, to, &err), 0);
		fclose(to);
		assert_non_null(strstr(text, "is damaged and begins anew"));
		free(text);
		assert_int_equal(stamps_find(&stamps, &key), 0);
		stamps_set(&stamps, &key, 7);
		stamps_close(&stamps);
		assert_int_equal(stamps_open(&stamps, folder, 4, stderr, &err), 0);
		assert_int_equal(stamps_find(&stamps, &key), 7);
		stamps_close(&stamps);
	}
	remove_folder(path, folder);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(neighbours_of_both_sides_are_called),
		cmocka_unit_test(a_session_carries_frames_both_ways),
		cmocka_unit_test(renewals_under_traffic_lose_nothing),
		cmocka_unit_test(a_restarted_node_is_back_at_once),
		cmocka_unit_test(who_was_never_heard_of_waits_until_it_can_be_reached),
		cmocka_unit_test(
			a_new_key_makes_a_new_peer_and_the_old_one_serves_until_the_change),
		cmocka_unit_test(a_neighbour_at_another_address_keeps_its_sessions),
		cmocka_unit_test(clients_are_answered_and_not_called),
		cmocka_unit_test(strangers_are_refused),
		cmocka_unit_test(bad_keys_and_too_many_peers_are_refused_and_change_nothing),
		cmocka_unit_test(a_client_with_a_neighbours_key_is_left_out_and_named),
		cmocka_unit_test(an_abandoned_change_leaves_the_client_as_it_was),
		cmocka_unit_test(a_network_grows_past_what_it_was_at_the_start),
		cmocka_unit_test(memory_follows_what_a_table_holds),
		cmocka_unit_test(what_does_not_fit_is_told_before_it_is_taken),
		cmocka_unit_test(who_parts_keeps_its_session_until_the_document_before_is_over),
		cmocka_unit_test(who_parts_takes_nothing_from_who_stays),
		cmocka_unit_test(a_low_limit_on_locked_memory_leaves_less_room),
		cmocka_unit_test(slots_are_used_again),
		cmocka_unit_test(the_clock_of_a_neighbour_is_told_by_its_calls),
		cmocka_unit_test(a_recorded_call_is_stale_after_a_restart),
		cmocka_unit_test(stamps_are_kept_by_key_and_the_oldest_goes),
		cmocka_unit_test(a_damaged_file_of_stamps_begins_anew_and_says_so),
	};
	struct lm_error err;

	if (lm_base_init(&err) != 0)
		return 1;
	return RUN_TESTS(tests);
}
