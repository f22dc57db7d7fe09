/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The mix packet, version 1: building, wrapping, peeling and reply blocks. FORMAT.md beside this
 * file is the normative description of the bytes.
 *
 * Everything takes bursts of up to LM_BURST. A peeler or a builder is one context per lcore, in
 * memory that the caller gives; one thread at a time uses it; it serves one profile, since a
 * network has one. Nothing here allocates, except that SURB and body functions of the sender are
 * not for the packet path of a relay. Contexts hold secrets while a burst is in them and none after
 * it.
 */
#pragma once

#include "lm_base.h"
#include "lm_replay.h"
#include "lm_symmetric.h"
#include "lm_x25519.h"

#define LM_PACKET_VERSION     1
#define LM_PACKET_PROFILES    2
#define LM_PACKET_HOPS        5
#define LM_PACKET_COMMAND     64
#define LM_PACKET_BETA        320 /* LM_PACKET_HOPS command blocks */
#define LM_PACKET_HEADER      372
#define LM_PACKET_PAYLOAD_MAX 8208
#define LM_PACKET_MAX         8580
#define LM_PACKET_SURB        412
#define LM_PACKET_KIDS        3 /* previous, current and next key epoch */

/* Bytes by profile; 0 for an unknown profile. */
size_t lm_packet_len(unsigned profile);
size_t lm_packet_payload_len(unsigned profile);   /* P */
size_t lm_packet_exit_data_len(unsigned profile); /* P - 48 */
size_t lm_packet_mbox_data_len(unsigned profile); /* P - 16; also a reply's */

enum lm_packet_cmd {
	LM_PACKET_FWD = 1,
	LM_PACKET_EXIT = 2,
	LM_PACKET_MBOX = 3,
	LM_PACKET_DROP = 4,
};

const char *lm_packet_cmd_name(enum lm_packet_cmd cmd); /* "fwd", "exit", "mbox", "drop" */

struct lm_packet_dest { /* a service (EXIT) or a mailbox (MBOX) */
	uint8_t b[32];
};

struct lm_packet_token { /* recognised by whoever made it */
	uint8_t b[16];
};

/* ---- A relay's keys ---- */

/* One mix key of one node. Secret: keep it in memory from lm_secret_alloc. */
struct lm_packet_key {
	uint32_t id; /* the node's id */
	uint8_t kid;
	struct lm_secret secret;
	struct lm_point public;
};

/* Sets a key from its secret: the public half is computed. */
void lm_packet_key_init(struct lm_packet_key *key, uint32_t id, uint8_t kid,
			const struct lm_secret *secret);

/* The keys that a relay accepts now, at most one per kid. */
struct lm_packet_keyring {
	unsigned n;
	const struct lm_packet_key *key[LM_PACKET_KIDS];
};

/* ---- Peeling (steps 1 to 5 and 7 to 9 of the format's relay) ---- */

/* One packet of a burst. */
struct lm_packet_peel {
	/* in: the packet, writable, and its length as received */
	uint8_t *packet;
	size_t len;

	/* out: LM_DROP_NONE, or the first failing step but for the replay test, which is the
	 * caller's */
	enum lm_drop drop;

	/* out, set if the header's tag was right (steps 1 to 5 passed) */
	const struct lm_packet_key *key; /* whose replay set must see replay_tag */
	struct lm_replay_tag replay_tag;

	/* out, set if drop is LM_DROP_NONE; a field that the command does not have is zero */
	enum lm_packet_cmd cmd;
	uint32_t delay_us;
	uint32_t next_id;             /* FWD */
	struct lm_packet_dest dest;   /* EXIT, MBOX */
	struct lm_packet_token token; /* MBOX, DROP */
};

struct lm_packet_peeler;
#define LM_PACKET_ALIGN 64

size_t lm_packet_peeler_size(void);

/*
 * Makes a peeler for `profile` in memory of that size; `backend` is one of lib/symmetric's. NULL
 * and a message on failure. Wipe the memory at the end.
 */
LM_MUST_CHECK struct lm_packet_peeler *
lm_packet_peeler_init(void *memory, unsigned profile, const char *backend, struct lm_error *err);

/*
 * Gives a burst of n packets, 1 <= n <= LM_BURST, of mixed kids. Packets, items and keyring belong
 * to the peeler until the burst is collected. 0, or -EAGAIN if as many bursts are in flight as it
 * can hold.
 */
LM_MUST_CHECK int lm_packet_peel_submit(struct lm_packet_peeler *peeler,
					const struct lm_packet_keyring *keyring,
					struct lm_packet_peel *item, unsigned n);

/*
 * Takes back the oldest burst, peeled: *item and the count that were submitted; 0 if none is ready.
 * *authentic is the mask of items whose header tag was right: each of them must be tested and set
 * in its key's replay set, also if `drop` names a later step; a tag seen before makes the reason
 * LM_DROP_REPLAY whatever `drop` says.
 *
 * Of an item without drop the packet has been peeled in place: FWD holds the next hop's packet;
 * EXIT, MBOX and DROP hold the payload at LM_PACKET_HEADER (EXIT: 0^16 || dest || data) and a
 * zeroed header. Of a dropped item the packet is unchanged, or all zero if its exit payload was
 * damaged.
 */
LM_MUST_CHECK unsigned lm_packet_peel_collect(struct lm_packet_peeler *peeler,
					      struct lm_packet_peel **item, uint64_t *authentic);

/* Packets submitted and not yet collected. */
unsigned lm_packet_peel_in_flight(const struct lm_packet_peeler *peeler);

/* ---- Building ---- */

struct lm_packet_hop {
	uint32_t id;
	uint8_t kid;
	uint32_t delay_us;
	struct lm_point pk;
};

struct lm_packet_seed { /* 32 fresh random bytes for every packet: reusing one is catastrophic */
	uint8_t b[32];
};

/* One packet to build. */
struct lm_packet_build {
	/* in */
	struct lm_packet_seed seed;
	unsigned hops; /* 1 .. LM_PACKET_HOPS */
	struct lm_packet_hop path[LM_PACKET_HOPS];
	enum lm_packet_cmd cmd;       /* what the last hop does: EXIT, MBOX or DROP */
	struct lm_packet_dest dest;   /* MBOX */
	struct lm_packet_token token; /* MBOX, DROP */
	/* where the packet goes: lm_packet_len bytes, the body already at LM_PACKET_HEADER for
	 * _wrap */
	uint8_t *packet;

	/* out: the payload key of each hop; secret, wipe it */
	struct lm_key kp[LM_PACKET_HOPS];
};

struct lm_packet_builder;

size_t lm_packet_builder_size(void);
LM_MUST_CHECK struct lm_packet_builder *
lm_packet_builder_init(void *memory, unsigned profile, const char *backend, struct lm_error *err);

/*
 * BUILD: writes the header of each of n packets and its kp. 1 <= n <= LM_BURST. Returns a mask of
 * those built: a clear bit means that a hop's public key had small order; header and kp are then
 * zero.
 */
LM_MUST_CHECK uint64_t lm_packet_build_headers(struct lm_packet_builder *builder,
					       struct lm_packet_build *item, unsigned n);

/* WRAP: encrypts each body in place with its kp, after lm_packet_build_headers. */
void lm_packet_wrap(struct lm_packet_builder *builder, struct lm_packet_build *item, unsigned n);

/* Both: build, then wrap. Same result as lm_packet_build_headers; a packet not built is all zero.
 */
LM_MUST_CHECK uint64_t lm_packet_build(struct lm_packet_builder *builder,
				       struct lm_packet_build *item, unsigned n);

/*
 * Bodies, P bytes each. `data` always fills its field: lm_packet_exit_data_len or
 * lm_packet_mbox_data_len bytes, not inside `body`. `w` is the 32-byte secret of the recipient's
 * contact card.
 */
void lm_packet_body_exit(struct lm_packet_builder *builder, uint8_t *body,
			 const struct lm_packet_dest *dest, const uint8_t *data);
void lm_packet_body_mbox(struct lm_packet_builder *builder, uint8_t *body, const uint8_t w[32],
			 const struct lm_packet_token *token, const uint8_t *data);
void lm_packet_body_drop(struct lm_packet_builder *builder, uint8_t *body);

/*
 * What the recipient of a message does with a delivered mailbox payload that is no reply: opens it
 * in place, data then stands at payload + 16. -EBADMSG if it was not made with w and token, or
 * damaged; the payload is then zeroed.
 */
LM_MUST_CHECK int lm_packet_mbox_open(struct lm_packet_builder *builder, uint8_t *payload,
				      const uint8_t w[32], const struct lm_packet_token *token);

/* ---- Single-use reply blocks ---- */

/* What the owner of a SURB keeps until the reply is opened or the SURB has expired. Secret. */
struct lm_packet_surb_owner {
	struct lm_packet_seed seed;
	struct lm_packet_token token; /* the reply arrives under it */
	unsigned hops;
	struct lm_packet_hop path[LM_PACKET_HOPS];
};

/*
 * CREATE: writes the SURB and what its owner keeps. last_epoch is the full number of the last epoch
 * in which it may be used. -EINVAL if hops is out of range, -EKEYREJECTED if a hop's key has small
 * order; outputs are then zero.
 */
LM_MUST_CHECK int lm_packet_surb_create(struct lm_packet_builder *builder,
					uint8_t surb[LM_PACKET_SURB],
					struct lm_packet_surb_owner *owner,
					const struct lm_packet_seed *seed,
					const struct lm_packet_hop *path, unsigned hops,
					const struct lm_packet_dest *mailbox, uint32_t last_epoch);

/* What the user of a SURB knows of the network. */
struct lm_packet_surb_check {
	uint32_t epoch;         /* the current one, full number */
	uint64_t epoch_left_us; /* until its end */
	uint64_t path_time_us;  /* the longest that a packet may take */
	bool (*in_first_layer)(const void *topology, uint32_t id);
	const void *topology;
};

/*
 * USE: makes the packet that carries data (lm_packet_mbox_data_len bytes) along the SURB, and the
 * first_id to hand it over with. -EPROTO: not a SURB of this version and profile; -EHOSTUNREACH:
 * first_id is in no first layer; -ESTALE: expired, or within one path time of it. packet is then
 * unchanged.
 */
LM_MUST_CHECK int lm_packet_surb_use(struct lm_packet_builder *builder, uint8_t *packet,
				     uint32_t *first_id, const uint8_t surb[LM_PACKET_SURB],
				     const uint8_t *data, const struct lm_packet_surb_check *check);

/*
 * OPEN: turns the payload delivered under the owner's token back, in place; data then stands at
 * payload + 16. -EBADMSG if it is damaged; the payload is then zeroed and the SURB still open.
 */
LM_MUST_CHECK int lm_packet_surb_open(struct lm_packet_builder *builder, uint8_t *payload,
				      const struct lm_packet_surb_owner *owner);
