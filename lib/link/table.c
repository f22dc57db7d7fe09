/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table of sessions: places, indices, keys of lanes. See session.h. The caller owns the memory;
 * the control side alone calls what is here, but for the getters.
 */
#include <string.h>

#include "noise.h"
#include "session.h"

#define PLACED_MAX 28 /* bits of place and lane; the others are random */
#define SPARE      16 /* used places that are free at once, to draw from, before a new one is used */

static unsigned bits_for(uint32_t n)
{
	return n > 1 ? 32 - (unsigned)__builtin_clz(n - 1) : 0;
}

static size_t session_size(unsigned lanes)
{
	return sizeof(struct lm_link_session) + lanes * sizeof(struct lm_link_lane);
}

/* The table and its arrays, up to where the sessions begin. */
static size_t heads_size(uint32_t sessions)
{
	size_t size = sizeof(struct lm_link_table) +
		      sessions * (sizeof(_Atomic uint64_t) + sizeof(uint32_t));

	return (size + LM_LINK_ALIGN - 1) / LM_LINK_ALIGN * LM_LINK_ALIGN;
}

size_t lm_link_table_size(uint32_t sessions, unsigned lanes)
{
	if (lanes < LM_LINK_LANES_MIN || lanes > LM_LINK_LANES_MAX || (lanes & (lanes - 1)) != 0)
		return 0;
	if (sessions == 0 || sessions > (UINT32_C(1) << PLACED_MAX) / lanes)
		return 0;
	return heads_size(sessions) + sessions * session_size(lanes);
}

struct lm_link_table *lm_link_table_init(void *memory, uint32_t sessions, unsigned lanes,
					 size_t packet_len)
{
	struct lm_link_table *table = memory;

	LM_ASSERT(lm_link_table_size(sessions, lanes) != 0 && packet_len >= 1);
	LM_ASSERT((uintptr_t)memory % LM_LINK_ALIGN == 0);
	table->sessions = sessions;
	table->lanes = lanes;
	table->lane_bits = bits_for(lanes);
	table->place_bits = bits_for(sessions);
	table->packet_len = packet_len;
	table->session_size = session_size(lanes);
	table->spare = (uint32_t *)(table->head + sessions);
	table->session = (uint8_t *)memory + heads_size(sessions);
	return table;
}

static uint32_t opened(const struct lm_link_table *table)
{
	return atomic_load_explicit(&table->opened, memory_order_relaxed);
}

size_t lm_link_table_written(const struct lm_link_table *table)
{
	return heads_size(table->sessions) + opened(table) * table->session_size;
}

struct lm_link_session *lm_link_session_at(const struct lm_link_table *table, uint32_t place)
{
	return (struct lm_link_session *)(table->session + place * table->session_size);
}

uint32_t lm_link_table_free(const struct lm_link_table *table)
{
	return table->free + table->sessions - opened(table);
}

/* A place for a session, drawn among some; the table is not full. */
static uint32_t take_place(struct lm_link_table *table, uint32_t random)
{
	uint32_t *spare, place;

	while (table->free < SPARE && opened(table) < table->sessions) {
		/* written here, that no worker waits for a page */
		atomic_store_explicit(&table->head[opened(table)], 0, memory_order_relaxed);
		table->spare[table->free++] = opened(table);
		atomic_store_explicit(&table->opened, opened(table) + 1, memory_order_relaxed);
	}
	spare = &table->spare[random % table->free];
	place = *spare;
	*spare = table->spare[--table->free];
	return place;
}

struct lm_link_session *lm_link_session_reserve(struct lm_link_table *table,
						struct lm_link_peer *owner, uint32_t number)
{
	unsigned placed = table->lane_bits + table->place_bits;
	struct lm_link_session *session;
	uint32_t random[2], place;

	if (lm_link_table_free(table) == 0)
		return NULL;
	lm_rand(random, sizeof(random));
	place = take_place(table, random[0]);
	session = lm_link_session_at(table, place);
	session->place = place;
	session->state = SESSION_RESERVED;
	session->base = (random[1] << placed) | (session->place << table->lane_bits);
	session->owner = owner;
	session->number = number;
	return session;
}

/* HKDF-Expand (RFC 5869, 2.3) of a direction's key, one block: HMAC(key, label || u8(n) || 01). */
static void expand(struct lm_key *out, const struct lm_secret *key, const char label[16],
		   unsigned n)
{
	struct noise_hash block;
	uint8_t info[18];

	memcpy(info, label, 16);
	info[16] = (uint8_t)n;
	info[17] = 1;
	noise_hmac(&block, key->b, sizeof(key->b), info, sizeof(info));
	memcpy(out->b, block.b, sizeof(out->b));
	lm_wipe(&block, sizeof(block));
}

#define LANE_LABEL    "linemix-linklane"
#define CONFIRM_LABEL "linemix-linkconf"

void lm_link_session_start(struct lm_link_table *table, struct lm_link_session *session,
			   const struct lm_link_terms *terms, uint64_t now_us)
{
	session->remote = terms->remote;
	session->lanes = terms->lanes < table->lanes ? terms->lanes : table->lanes;
	session->made_us = now_us;
	/* All that frames can name: a lane without a key would be open to everybody. */
	for (unsigned i = 0; i < table->lanes; i++) {
		expand(&session->lane[i].tx.key, terms->send, LANE_LABEL, i);
		expand(&session->lane[i].rx.key, terms->receive, LANE_LABEL, i);
	}
	expand(&session->confirm_tx, terms->send, CONFIRM_LABEL, 0);
	expand(&session->confirm_rx, terms->receive, CONFIRM_LABEL, 0);
	session->state = SESSION_LIVE;
	atomic_store_explicit(&table->head[session->place], HEAD_LIVE | session->base,
			      memory_order_release);
}

static void free_session(struct lm_link_table *table, struct lm_link_session *session)
{
	table->spare[table->free++] = session->place;
	lm_wipe(session, table->session_size);
}

void lm_link_session_retire(struct lm_link_table *table, struct lm_link_session *session)
{
	if (session->state == SESSION_RESERVED) {
		free_session(table, session);
		return;
	}
	LM_ASSERT(session->state == SESSION_LIVE);
	session->state = SESSION_RETIRED;
	session->owner = NULL;
	session->retired = ++table->retired;
	if (table->newest)
		table->newest->after = session;
	else
		table->oldest = session;
	table->newest = session;
	atomic_store_explicit(&table->head[session->place], 0, memory_order_release);
}

uint64_t lm_link_table_mark(const struct lm_link_table *table)
{
	return table->retired;
}

void lm_link_table_reclaim(struct lm_link_table *table, uint64_t mark)
{
	LM_ASSERT(mark <= table->retired);
	while (table->oldest && table->oldest->retired <= mark) {
		struct lm_link_session *session = table->oldest;

		table->oldest = session->after;
		free_session(table, session);
	}
	if (!table->oldest)
		table->newest = NULL;
}

bool lm_link_session_heard(const struct lm_link_session *session, unsigned lanes)
{
	for (unsigned i = 0; i < lanes; i++)
		if (atomic_load_explicit(&session->lane[i].rx.end, memory_order_relaxed) > 0)
			return true;
	return false;
}

bool lm_link_session_spent(const struct lm_link_session *session)
{
	for (unsigned i = 0; i < session->lanes; i++)
		if (atomic_load_explicit(&session->lane[i].tx.next, memory_order_relaxed) >=
		    LM_LINK_FRAMES_RENEW)
			return true;
	return false;
}

struct lm_link_session *lm_link_session_of_base(const struct lm_link_table *table, uint32_t base)
{
	uint32_t place = lm_link_place(table, base);
	struct lm_link_session *session;

	if (place >= opened(table))
		return NULL;
	session = lm_link_session_at(table, place);
	if (session->state != SESSION_RESERVED && session->state != SESSION_LIVE)
		return NULL;
	return session->base == base ? session : NULL;
}

unsigned lm_link_session_lanes(const struct lm_link_session *session)
{
	return session->lanes;
}

uint32_t lm_link_session_peer(const struct lm_link_session *session)
{
	return session->number;
}
