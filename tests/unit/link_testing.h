/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the tests of lib/link share: two ends that know each other, their clocks, and messages
 * handed over by the test.
 */
#pragma once

#include <string.h>

#include "lm_link.h"
#include "peer.h"
#include "testing.h"

#define SESSIONS 4

/* One end, with the one peer that it knows. */
struct end {
	struct lm_link_table *table;
	struct lm_link_endpoint *endpoint;
	struct lm_link_peer *peer;
	struct lm_secret secret;
	struct lm_point public;
	struct lm_link_source source; /* of what it sends */
	uint32_t sessions;
	unsigned lanes;
	size_t packet_len;
};

static struct end a, b;
static uint64_t now_us, wall_us;
static struct lm_link_received received;

static inline void *aligned(size_t n)
{
	size_t rounded = (n + LM_LINK_ALIGN - 1) / LM_LINK_ALIGN * LM_LINK_ALIGN;
	void *memory = aligned_alloc(LM_LINK_ALIGN, rounded);

	assert_non_null(memory);
	memset(memory, 0, rounded);
	return memory;
}

static inline struct lm_link_peer *identify(void *context, const struct lm_point *key)
{
	struct end *end = context;

	return memcmp(key->b, end->peer->key.b, sizeof(key->b)) == 0 ? end->peer : NULL;
}

static inline void end_init(struct end *end, uint32_t sessions, unsigned lanes, size_t packet_len)
{
	struct lm_link_config config = {.identify = identify, .context = end};

	memset(end, 0, sizeof(*end));
	end->sessions = sessions;
	end->lanes = lanes;
	end->packet_len = packet_len;
	end->table = lm_link_table_init(aligned(lm_link_table_size(sessions, lanes)), sessions,
					lanes, packet_len);
	lm_rand(&end->secret, sizeof(end->secret));
	lm_rand(&end->source, sizeof(end->source));
	config.secret = end->secret;
	config.table = end->table;
	end->endpoint = lm_link_endpoint_init(aligned(lm_link_endpoint_size()), &config, now_us);
	lm_link_endpoint_public(end->endpoint, &end->public);
}

static inline void end_meet(struct end *end, const struct end *other, uint32_t number,
			    bool initiates, uint64_t timestamp_us)
{
	end->peer = lm_link_peer_init(aligned(lm_link_peer_size()), end->endpoint, &other->public,
				      number, initiates, timestamp_us);
	assert_non_null(end->peer);
}

static inline void end_free(struct end *end)
{
	free(end->peer);
	free(end->endpoint);
	free(end->table);
}

/* Two strangers who have each other's keys; only `a` calls. */
static inline void meet(unsigned lanes_a, unsigned lanes_b, size_t packet_len)
{
	now_us = 1000000;
	wall_us = UINT64_C(1700000000000000);
	end_init(&a, SESSIONS, lanes_a, packet_len);
	end_init(&b, SESSIONS, lanes_b, packet_len);
	end_meet(&a, &b, 11, true, 0);
	end_meet(&b, &a, 22, false, 0);
}

static inline void part(void)
{
	end_free(&a);
	end_free(&b);
}

/* Hands a message over; what comes of it is in `received`. */
static inline enum lm_link_result give(struct end *from, struct end *to, const uint8_t *message,
				       size_t len, bool under_load)
{
	lm_link_receive(to->endpoint, &received, message, len, &from->source, under_load, now_us);
	return received.result;
}

/* The reply that the last message got, handed back. */
static inline enum lm_link_result answer(struct end *from, struct end *to, bool under_load)
{
	uint8_t message[LM_LINK_MESSAGE_MAX];
	size_t len = received.reply_len;

	assert_int_not_equal(len, 0);
	memcpy(message, received.reply, len);
	return give(from, to, message, len, under_load);
}

/* What a peer has to say now; it must have something. */
static inline size_t say(struct end *end, uint8_t message[LM_LINK_MESSAGE_MAX])
{
	size_t len = lm_link_step(end->peer, message, now_us, wall_us);

	assert_int_not_equal(len, 0);
	return len;
}

/* A whole handshake, from `from`. */
static inline void shake(struct end *from, struct end *to)
{
	uint8_t message[LM_LINK_MESSAGE_MAX];
	size_t len = say(from, message);

	assert_int_equal(give(from, to, message, len, false), LM_LINK_RESPONDED);
	assert_ptr_equal(received.peer, to->peer);
	assert_int_equal(answer(to, from, false), LM_LINK_ESTABLISHED);
	assert_ptr_equal(received.peer, from->peer);
	assert_int_equal(answer(from, to, false), LM_LINK_CONFIRMED);
	assert_int_equal(answer(to, from, false), LM_LINK_CONFIRMED);
	assert_int_equal(received.reply_len, 0);
}

/* No worker is running: what has ended can go at once. */
static inline void reclaim(struct end *end)
{
	lm_link_table_reclaim(end->table, lm_link_table_mark(end->table));
}

static inline void pass_us(uint64_t us)
{
	now_us += us;
	wall_us += us;
}
