/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the generator puts into a packet so that it knows the packet again when it comes back: no
 * table of packets is kept, everything is in the packet or derived from it.
 *
 * - EXIT, and MBOX and replies once opened, carry data: a head in the clear, then a pattern derived
 *   from the head, under a key of the generator's own; so damage is seen, and nobody can forge it.
 * - DROP carries its number in the token, and the others in dest (a reply: in the mailbox address
 *   that its reply block named): encrypted, so that both look as random as anybody else's.
 *
 * Head of data, little-endian: magic "linemix1" 8, nonce 16, seq u32, count u32, rate u32, cmds
 * u32, start u64 (ns since 1970 at which seq 0 is sent; 0 where that is not known when the packet
 * is built): 48 bytes. With the kinds in bits 0 to 3, cmds has the arrivals: bit 31 poisson, bit 30
 * bursty; then bits 4 to 16 are the packets of a burst and bits 17 to 29 its peak.
 *
 * Keys are secret. Nothing here allocates or keeps state.
 */
#pragma once

#include "lm_packet.h"

#define MESSAGE_HEAD  48
#define MESSAGE_LEAST 80 /* head, and enough of the pattern that nobody guesses it */

/* The kinds of packets: three commands, and a message over a reply block. */
enum gen_cmd { GEN_EXIT, GEN_MBOX, GEN_DROP, GEN_SURB, GEN_CMDS };

const char *gen_cmd_name(enum gen_cmd cmd); /* "exit", "mbox", "drop", "surb" */

/* "exit,drop" as a mask with bit 1 << cmd each; false if a word is unknown or there is none. */
LM_MUST_CHECK bool gen_cmds_parse(uint32_t *cmds, const char *text);

/*
 * A run's random number, 16 bytes, not secret: with the generator's keys it gives the seed and the
 * path of each packet, so that a reply is opened without a table of reply blocks.
 */
struct gen_nonce {
	uint8_t b[16];
};

enum gen_arrivals { GEN_CONSTANT, GEN_POISSON, GEN_BURSTY, GEN_ARRIVALS };

const char *gen_arrivals_name(enum gen_arrivals arrivals); /* "constant", "poisson", "bursty" */

/* False if there are none of this name. */
LM_MUST_CHECK bool gen_arrivals_parse(enum gen_arrivals *arrivals, const char *name);

#define GEN_BURST_MAX 8191 /* packets of a burst, and its peak */

/* What all packets of a run share; schedule.h says when each is due. */
struct gen_run {
	struct gen_nonce nonce; /* its first 4 bytes are the run's id, all that is in a token */
	uint32_t count;         /* of packets: seq is 0 .. count - 1 */
	uint32_t rate_pps;      /* 0 if only tokens have been seen */
	uint32_t cmds;          /* mask; they take turns in the order of enum gen_cmd */
	enum gen_arrivals arrivals;
	uint16_t burst;    /* bursty: packets of a burst, 1 .. GEN_BURST_MAX; else 0 */
	uint16_t peak;     /* bursty: their rate within it, in rate_pps; 0: all at once */
	uint64_t start_ns; /* 0: not known */
};

struct gen_message {
	struct gen_run run;
	uint32_t seq;
};

uint32_t gen_run_id(const struct gen_run *run);
enum gen_cmd gen_run_cmd(const struct gen_run *run, uint32_t seq);
uint32_t gen_run_count(const struct gen_run *run, enum gen_cmd cmd); /* packets of this kind */

/* The generator that draws what concerns the whole run: from its nonce, and so no secret. */
void gen_run_prng(struct lm_prng *prng, const struct gen_run *run);

/*
 * The generator's own secrets, each BLAKE2b-256 of its first mix key's secret half (the first key
 * that the topology lists for it) with a personalisation of its own: "linemix-gen-mbox" for w of
 * lib/packet's mailbox messages, "linemix-gen-hide" for tokens, addresses and patterns, and
 * "linemix-gen-seed" for the seeds of packets.
 */
struct gen_keys {
	uint8_t w[32];
	uint8_t hide[32];
	uint8_t seed[32];
};

void gen_keys_derive(struct gen_keys *keys, const struct lm_secret *mix_secret);

/* Fills the len bytes of a data field, len >= MESSAGE_LEAST. */
void message_write(uint8_t *data, size_t len, const struct gen_keys *keys,
		   const struct gen_message *message);

enum message_verdict {
	MESSAGE_GOOD,
	MESSAGE_DAMAGED, /* begins like ours, but some byte is wrong */
	MESSAGE_FOREIGN, /* not of a generator */
};

/* Reads and checks a data field, which is overwritten. *message is set if good. */
enum message_verdict message_read(struct gen_message *message, uint8_t *data, size_t len,
				  const struct gen_keys *keys);

/*
 * DROP: token to message and back. rate_pps, start_ns and the nonce but for its first 4 bytes are
 * not in it, and read as 0.
 */
void message_to_token(struct lm_packet_token *token, const struct gen_keys *keys,
		      const struct gen_message *message);
LM_MUST_CHECK bool message_from_token(struct gen_message *message, const struct gen_keys *keys,
				      const struct lm_packet_token *token);

/* Mailbox and service addresses, which hold the whole nonce; else like tokens. */
void message_to_dest(struct lm_packet_dest *dest, const struct gen_keys *keys,
		     const struct gen_message *message);
LM_MUST_CHECK bool message_from_dest(struct gen_message *message, const struct gen_keys *keys,
				     const struct lm_packet_dest *dest);

/* The generator that draws everything about one packet. */
void message_prng(struct lm_prng *prng, const struct gen_keys *keys,
		  const struct gen_message *message);
