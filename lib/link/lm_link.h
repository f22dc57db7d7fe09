/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Authenticated links: handshakes between neighbours, sessions of many lanes, and the frames that
 * carry packets. FORMAT.md beside this file is the normative description of the bytes.
 *
 * Two sides share a table of sessions. The control side (one thread) owns it: handshakes, timers,
 * which session sends. Workers look sessions up and seal and open frames, without a lock. A lane of
 * a session, counter and window with it, belongs to one worker at each end: the caller sees to it
 * that no two threads use one lane. Nothing here allocates, knows sockets or reads a clock; times
 * are the caller's (`now_us` monotonic, `wall_us` UTC since 1970), and randomness is lm_rand's,
 * which the control side alone asks.
 *
 * Tables, endpoints and peers hold keys: they belong in memory that is locked and left out of core
 * dumps, and are wiped at the end by their owner.
 */
#pragma once

#include "lm_symmetric.h"
#include "lm_x25519.h"

#define LM_LINK_ALIGN 64

/* ---- Frames on the wire ---- */

#define LM_LINK_HEADROOM  20 /* header and `to`, in front of a packet */
#define LM_LINK_TAILROOM  16 /* the tag, behind it */
#define LM_LINK_OVERHEAD  36
#define LM_LINK_DUMMY     0u /* as `to`: no packet */
#define LM_LINK_WINDOW    2048
#define LM_LINK_LANES_MIN 32
#define LM_LINK_LANES_MAX 128 /* a power of two, as every number of lanes is */

/* Frames of one lane at most, and from which on a session is renewed before its time. */
#define LM_LINK_FRAMES_MAX   (UINT64_C(1) << 60)
#define LM_LINK_FRAMES_RENEW (UINT64_C(1) << 48)

/* Times of a session. A frame that is older than the last is refused, whatever its tag says. */
#define LM_LINK_REKEY_US   (UINT64_C(120) * 1000000) /* a new handshake starts */
#define LM_LINK_EXPIRE_US  (UINT64_C(180) * 1000000) /* the session ends, renewed or not */
#define LM_LINK_OVERLAP_US (UINT64_C(10) * 1000000)  /* an old one is taken beside the new one */

/* ---- The table of sessions ---- */

struct lm_link_table;
struct lm_link_session;

/*
 * Bytes for a table of that many sessions, each with `lanes` lanes to receive on: four for each
 * neighbour, one in use, one that goes, one that comes, and one that waits to be reclaimed. 0 if
 * lanes is no power of two from LM_LINK_LANES_MIN to LM_LINK_LANES_MAX, or sessions * lanes is 0 or
 * above 2^28.
 */
size_t lm_link_table_size(uint32_t sessions, unsigned lanes);

/*
 * Makes an empty table in zeroed, aligned memory of that size, for packets of packet_len bytes.
 * Memory is written as sessions come about, those that ended being used again: so what is given as
 * it is written (lm_secret_reserve of lib/base) can hold a table for more neighbours than there
 * are. lm_link_table_written says how far that went: its first so many bytes.
 */
struct lm_link_table *lm_link_table_init(void *memory, uint32_t sessions, unsigned lanes,
					 size_t packet_len);
size_t lm_link_table_written(const struct lm_link_table *table);

/*
 * Sessions that ended stay in memory until no worker can still look at them. The caller takes a
 * mark, waits until every worker has passed a quiet moment, and reclaims: that erases the keys.
 * Marks grow; one that equals the last reclaimed says that there is nothing to wait for.
 */
uint64_t lm_link_table_mark(const struct lm_link_table *table);
void lm_link_table_reclaim(struct lm_link_table *table, uint64_t mark);
uint32_t lm_link_table_free(const struct lm_link_table *table); /* sessions that still fit */

unsigned lm_link_session_lanes(const struct lm_link_session *session); /* to send on */
uint32_t lm_link_session_peer(const struct lm_link_session *session);  /* the peer's number */

/* ---- Workers ---- */

enum lm_link_kind {
	LM_LINK_NEITHER,   /* not of this protocol: to be dropped */
	LM_LINK_FRAME,     /* for the worker that owns its lane */
	LM_LINK_HANDSHAKE, /* for the control side: lm_link_receive */
};

/* What a UDP payload looks like; packet path. */
enum lm_link_kind lm_link_kind(const struct lm_link_table *table, const uint8_t *bytes, size_t len);

/* The lane, below the table's lanes, of what lm_link_kind calls a frame. */
unsigned lm_link_lane(const struct lm_link_table *table, const uint8_t *frame);

/*
 * Whether somebody's session has the index of what lm_link_kind calls a frame: that peer's number
 * and the lane. A glance at who says to have sent it, and no proof. Packet path.
 */
LM_MUST_CHECK bool lm_link_glance(uint32_t *peer, unsigned *lane, const struct lm_link_table *table,
				  const uint8_t *frame);

struct lm_link_worker; /* one context per lcore */

size_t lm_link_worker_size(void);
/*
 * It opens frames of this table, and seals for sessions of any table of its packet length.
 * `backend` is one of lib/symmetric's. NULL and a message on failure. Wipe the memory at the end.
 */
LM_MUST_CHECK struct lm_link_worker *lm_link_worker_init(void *memory, struct lm_link_table *table,
							 const char *backend, struct lm_error *err);

struct lm_link_seal {
	/* in */
	struct lm_link_session *session; /* lm_link_peer_sending */
	unsigned lane;                   /* of this worker, below lm_link_session_lanes */
	uint32_t to;                     /* LM_LINK_DUMMY: the packet's bytes are made here */
	uint8_t *packet; /* LM_LINK_HEADROOM bytes of room before it, LM_LINK_TAILROOM after */

	/* out: where the frame begins, packet - LM_LINK_HEADROOM; NULL if it was not sealed */
	uint8_t *frame;
};

/*
 * Makes frames of n packets in place, 1 <= n <= LM_BURST, and counts each on its lane. Returns the
 * mask of those sealed; a clear bit means that the lane has sent LM_LINK_FRAMES_MAX frames, and the
 * packet is unchanged. Packet path.
 */
LM_MUST_CHECK uint64_t lm_link_seal(struct lm_link_worker *worker, struct lm_link_seal *item,
				    unsigned n);

struct lm_link_open {
	/* in: writable, as received */
	uint8_t *frame;
	size_t len;

	/* out: LM_DROP_NONE, LINK_FORMAT, LINK_INDEX, LINK_REPLAY or LINK_TAG. The rest is set if
	 * there is no drop: */
	enum lm_drop drop;
	uint32_t to;     /* LM_LINK_DUMMY: there is no packet */
	uint32_t peer;   /* number of the neighbour that sealed it */
	uint8_t *packet; /* frame + LM_LINK_HEADROOM; NULL for a dummy */
};

/*
 * Opens n frames in place, 1 <= n <= LM_BURST, of any lanes that belong to this worker. Returns the
 * mask of packets; what is neither a packet nor dropped is a dummy. A dropped frame changes nothing
 * but its own bytes. Packet path.
 */
LM_MUST_CHECK uint64_t lm_link_open(struct lm_link_worker *worker, struct lm_link_open *item,
				    unsigned n);

/* ---- Control: endpoints and peers ---- */

struct lm_link_source { /* where a message came from; IPv4 as ::ffff:a.b.c.d */
	uint8_t address[16];
	uint16_t port;
};

struct lm_link_peer;

/*
 * Who has this static key: a neighbour or client, or NULL to refuse it. The key is the initiator's
 * claim and not yet proved. It may make a peer; it must not end one.
 */
typedef struct lm_link_peer *lm_link_identify(void *context, const struct lm_point *key);

struct lm_link_config {
	struct lm_secret secret; /* the link key of this node, as the topology has it */
	struct lm_link_table *table;
	lm_link_identify *identify;
	void *context; /* of identify */
};

struct lm_link_endpoint;

size_t lm_link_endpoint_size(void);
struct lm_link_endpoint *lm_link_endpoint_init(void *memory, const struct lm_link_config *config,
					       uint64_t now_us);
void lm_link_endpoint_public(const struct lm_link_endpoint *endpoint, struct lm_point *key);

size_t lm_link_peer_size(void);

/*
 * Makes the peer with that static key, without sessions, in aligned memory of that size. `number`
 * is the caller's name for it, which opened frames carry. `initiates`: it is called upon, as a
 * neighbour; a client that is only waited for is not. timestamp_us is what
 * lm_link_peer_timestamp_us last gave for this key, 0 if nothing did. NULL if the key has small
 * order.
 */
LM_MUST_CHECK struct lm_link_peer *lm_link_peer_init(void *memory,
						     struct lm_link_endpoint *endpoint,
						     const struct lm_point *key, uint32_t number,
						     bool initiates, uint64_t timestamp_us);

/* Ends all sessions of a peer and wipes it; its memory is free once its mark is reclaimed. */
void lm_link_peer_end(struct lm_link_peer *peer);

/* The latest timestamp of an authentic initiation: later ones must be greater. */
uint64_t lm_link_peer_timestamp_us(const struct lm_link_peer *peer);

/*
 * The session to send on, or NULL. Any thread; good until the caller's next quiet moment. Packet
 * path.
 */
struct lm_link_session *lm_link_peer_sending(const struct lm_link_peer *peer);

/* When lm_link_step is due; UINT64_MAX: never, unless a message comes. */
uint64_t lm_link_peer_next_us(const struct lm_link_peer *peer);

#define LM_LINK_MESSAGE_MAX 152

/*
 * Does what is due for a peer: expires sessions, starts or repeats a handshake. Returns the length
 * of the message that it wrote for the peer, 0 for none. May be called early; call it again as long
 * as lm_link_peer_next_us is not later than now_us, and once a second, to see spent counters.
 */
LM_MUST_CHECK size_t lm_link_step(struct lm_link_peer *peer, uint8_t message[LM_LINK_MESSAGE_MAX],
				  uint64_t now_us, uint64_t wall_us);

/* What became of a handshake message; a row for each, and the name of its counter. */
#define LM_LINK_RESULT_TABLE(ROW)                                                               \
	ROW(MALFORMED, "malformed", "wrong length, type or reserved byte")                      \
	ROW(MAC1, "mac1", "not made for this node's key")                                       \
	ROW(UNEXPECTED, "unexpected", "answers nothing that was sent, or was answered already") \
	ROW(COOKIE_SENT, "cookie_sent", "under load: must come back with the cookie")           \
	ROW(LIMITED, "limited", "too many from this source under load")                         \
	ROW(FORGED, "forged", "authentication failed")                                          \
	ROW(REFUSED, "refused", "static key of no neighbour or client")                         \
	ROW(STALE, "stale", "timestamp not later than the last")                                \
	ROW(MISMATCH, "mismatch", "packets of another length, or a wrong number of lanes")      \
	ROW(CROSSED, "crossed", "both ends initiated, and the own initiation goes on")          \
	ROW(FULL, "full", "no room in the table of sessions")                                   \
	ROW(RESPONDED, "responded", "initiation answered")                                      \
	ROW(ESTABLISHED, "established", "response taken: a new session sends")                  \
	ROW(CONFIRMED, "confirmed", "the peer has shown that it has the session")               \
	ROW(COOKIE, "cookie", "cookie taken for the next message")

enum lm_link_result {
#define LM_LINK_RESULT_ENUM(id, name, meaning) LM_LINK_##id,
	LM_LINK_RESULT_TABLE(LM_LINK_RESULT_ENUM)
#undef LM_LINK_RESULT_ENUM
		LM_LINK_RESULTS
};

const char *lm_link_result_name(enum lm_link_result result);
const char *lm_link_result_meaning(enum lm_link_result result);

struct lm_link_received {
	enum lm_link_result result;
	struct lm_link_peer *peer; /* from RESPONDED on: who; NULL otherwise */
	size_t reply_len;          /* 0: no reply */
	uint8_t reply[LM_LINK_MESSAGE_MAX];
};

/*
 * Takes a message that lm_link_kind calls a handshake. `under_load`: initiations and responses must
 * bring a cookie for their source and pass its limit, before any public-key work. The reply goes to
 * where the message came from, or, from RESPONDED on, to wherever the caller knows the peer to be.
 */
void lm_link_receive(struct lm_link_endpoint *endpoint, struct lm_link_received *out,
		     const uint8_t *message, size_t len, const struct lm_link_source *source,
		     bool under_load, uint64_t now_us);
