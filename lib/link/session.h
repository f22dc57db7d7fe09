/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sessions in their table. Private to this folder, and to tests that stand in for years of frames.
 *
 * The index of lane i of a session is its base + i; a base has random high bits, then the session's
 * place in the table, then zeros. So looking an index up reads one word, of `head`, which says what
 * base a place has now; what it costs does not depend on how many sessions there are. Places are
 * used from the lowest on, and the ones that were used go first, but for a few: memory follows what
 * a table holds, not what it could.
 *
 * The control side writes everything but counters and windows, before a session's base is in
 * `head` (a release) or a peer sends on it. Keys and windows are wiped when a place is reclaimed.
 */
#pragma once

#include <stdatomic.h>

#include "lm_link.h"

#define HEADER_LEN 16
#define TO_LEN     4
#define FRAME_TYPE 4
#define WORD_BITS  64
#define WINDOW_LEN (LM_LINK_WINDOW / WORD_BITS + 1) /* words: one more than is looked back */
#define HEAD_LIVE  (UINT64_C(1) << 32)

struct lm_link_rx_lane {
	struct lm_key key;
	_Atomic uint64_t
		end; /* one above the highest counter accepted; the control side reads it */
	uint64_t seen[WINDOW_LEN];
} LM_CACHE_ALIGNED;

struct lm_link_tx_lane {
	struct lm_key key;
	_Atomic uint64_t next; /* counter; written by the lane's worker alone */
} LM_CACHE_ALIGNED;

struct lm_link_lane {
	struct lm_link_rx_lane rx;
	struct lm_link_tx_lane tx;
};

enum session_state { SESSION_FREE, SESSION_RESERVED, SESSION_LIVE, SESSION_RETIRED };

struct lm_link_session {
	enum session_state state;
	uint32_t place;
	uint32_t base;   /* of the indices that are received on */
	uint32_t remote; /* of the indices that are sent to */
	unsigned lanes;  /* to send on */
	uint32_t number; /* the peer's */
	uint64_t made_us;
	uint64_t retired;              /* the how manieth */
	struct lm_link_session *after; /* the one retired after it */
	struct lm_link_peer *owner;

	/* the confirmations of both directions */
	struct lm_key confirm_tx, confirm_rx;
	uint64_t confirm_next, confirm_end;

	struct lm_link_lane lane[]; /* as many as the table says */
} LM_CACHE_ALIGNED;

struct lm_link_table {
	uint32_t sessions;
	unsigned lanes, lane_bits, place_bits;
	size_t packet_len;
	size_t session_size;
	_Atomic uint32_t opened; /* places below it have been used; workers look no further */
	uint32_t free;
	uint32_t *spare;  /* of these, `free` places; in the caller's memory as all of it */
	uint64_t retired; /* how many so far */
	struct lm_link_session *oldest, *newest; /* of those retired and not reclaimed */
	uint8_t *session;
	_Atomic uint64_t head[];
};

/*
 * A place for a handshake of this peer, with its base, which no frame finds yet. NULL if the table
 * is full.
 */
struct lm_link_session *lm_link_session_reserve(struct lm_link_table *table,
						struct lm_link_peer *owner, uint32_t number);

/* What a handshake has agreed on. */
struct lm_link_terms {
	uint32_t remote; /* the other end's base */
	unsigned lanes;  /* that the other end receives on */
	const struct lm_secret *send, *receive;
};

/* From here on frames find the session, and it can send. */
void lm_link_session_start(struct lm_link_table *table, struct lm_link_session *session,
			   const struct lm_link_terms *terms, uint64_t now_us);

/* No frame finds it any more. One that was live waits in memory for lm_link_table_reclaim. */
void lm_link_session_retire(struct lm_link_table *table, struct lm_link_session *session);

/* True if a frame has arrived on any lane. */
bool lm_link_session_heard(const struct lm_link_session *session, unsigned lanes);

/* True if a lane has sent so many frames that the session is to be renewed. */
bool lm_link_session_spent(const struct lm_link_session *session);

struct lm_link_session *lm_link_session_at(const struct lm_link_table *table, uint32_t place);

/* The reserved or live session with this base, for handshake messages. */
struct lm_link_session *lm_link_session_of_base(const struct lm_link_table *table, uint32_t base);

/* The place of an index; may be at or above `sessions`, for indices that nobody gave out. */
static inline uint32_t lm_link_place(const struct lm_link_table *table, uint32_t index)
{
	return (index >> table->lane_bits) & ((UINT32_C(1) << table->place_bits) - 1);
}

/* The end of every public function of the control side: nothing that it called left a secret. */
static inline void lm_link_end(void)
{
	lm_wipe_stack(8192);
	lm_wipe_registers();
}
