/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the tests of a relay's links share: the control sides of nodes of a small topology, on a
 * virtual clock, without a network: the test hands over their messages.
 */
#pragma once

#include <string.h>

#include "links.h"
#include "sessions.h"
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

static inline void make_topology(void)
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

static inline void side_open(struct side *side, unsigned self, int folder)
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

static inline void side_close(struct side *side)
{
	lm_secret_free(side->memory);
	sessions_close(side->sessions);
}

static inline int prepare(struct side *side, unsigned self, const struct lm_point *client,
			  unsigned clients, struct lm_error *err)
{
	return sessions_prepare(side->sessions, &topology, &node[self], &side->links, client,
				clients, err);
}

static inline void take(struct side *side, unsigned self)
{
	struct lm_error err;

	assert_int_equal(prepare(side, self, NULL, 0, &err), 0);
	sessions_commit(side->sessions);
}

static inline bool everywhere(void *context, uint16_t link)
{
	(void)context;
	(void)link;
	return true;
}

static inline bool nowhere(void *context, uint16_t link)
{
	(void)context;
	(void)link;
	return false;
}

static inline bool next(struct side *side, struct sessions_message *message)
{
	return sessions_next(side->sessions, message, everywhere, NULL, now_us, wall_us);
}

static inline const struct lm_link_peer *peer_of(struct side *side, unsigned other)
{
	return sessions_peer(side->sessions, links_number(&side->links, node[other].id));
}

/* Hands a message from one to the other, and what comes of it back and forth. */
static inline enum lm_link_result converse(struct side *from, struct side *to,
					   const uint8_t *message, size_t len)
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
static inline void talk(struct side *a, unsigned a_node, struct side *b, unsigned b_node)
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

/* The topology, and in it node 1, a mix of layer 1, and node 3, that of layer 2, which know each
 * other and have said nothing yet. */
static inline void open_both(struct side *mix, struct side *last)
{
	make_topology();
	side_open(mix, 1, -1);
	side_open(last, 3, -1);
	take(mix, 1);
	take(last, 3);
}

/* The same with a session between them. */
static inline void meet(struct side *mix, struct side *last)
{
	open_both(mix, last);
	talk(mix, 1, last, 3);
}

static inline void close_both(struct side *mix, struct side *last)
{
	side_close(mix);
	side_close(last);
}

/* A frame from one side to the other; true if it arrives as what it is. */
static inline bool pass(struct side *from, unsigned from_node, struct side *to, unsigned to_node,
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
