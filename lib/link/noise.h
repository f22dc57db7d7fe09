/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Noise_IK_25519_ChaChaPoly_BLAKE2b (Perrin, "The Noise Protocol Framework", revision 34), with
 * prologue, payloads and ephemeral keys as parameters, so that published answers check it. Private
 * to this folder and to the programs that check answers.
 *
 * Pure functions over memory of the caller; any thread. All of the state is secret but h. What a
 * function leaves on the stack and in registers is wiped by lm_link_end at the end of the public
 * functions; a state is wiped by noise_split, and by its owner where it ends otherwise.
 */
#pragma once

#include "lm_x25519.h"

#define NOISE_HASH   64
#define NOISE_TAG    16
#define NOISE_STATIC (32 + NOISE_TAG) /* an encrypted static key */

struct noise {
	uint8_t ck[NOISE_HASH]; /* chaining key */
	uint8_t h[NOISE_HASH];  /* hash of the transcript */
	uint8_t k[32];
	uint64_t n; /* messages under k */
};

struct noise_hash { /* BLAKE2b-512 */
	uint8_t b[NOISE_HASH];
};

/* HMAC-BLAKE2b-512 (RFC 2104, block of 128 bytes). key_len <= 128. */
void noise_hmac(struct noise_hash *out, const uint8_t *key, size_t key_len, const uint8_t *data,
		size_t len);

void noise_start(struct noise *noise, const uint8_t *prologue, size_t len,
		 const struct lm_point *responder);

/*
 * -> e, es, s, ss, payload. `ss` is X25519 of the two static keys. Writes 32 + NOISE_STATIC +
 * payload_len + NOISE_TAG bytes. False if the responder's key has small order.
 */
LM_MUST_CHECK bool noise_write_initiation(struct noise *noise, uint8_t *out,
					  const struct lm_secret *ephemeral,
					  const struct lm_point *own, const struct lm_point *ss,
					  const struct lm_point *responder, const uint8_t *payload,
					  size_t payload_len);

/* The first half, which says who the initiator claims to be; 32 + NOISE_STATIC bytes. */
LM_MUST_CHECK bool noise_read_static(struct noise *noise, struct lm_point *initiator,
				     const uint8_t *in, const struct lm_secret *own);
/* The second half, which proves it; payload_len + NOISE_TAG bytes. */
LM_MUST_CHECK bool noise_read_payload(struct noise *noise, uint8_t *payload, const uint8_t *in,
				      size_t payload_len, const struct lm_point *ss);

/* <- e, ee, se, payload: 32 + payload_len + NOISE_TAG bytes. */
LM_MUST_CHECK bool noise_write_response(struct noise *noise, uint8_t *out,
					const struct lm_secret *ephemeral,
					const struct lm_point *initiator_ephemeral,
					const struct lm_point *initiator, const uint8_t *payload,
					size_t payload_len);
LM_MUST_CHECK bool noise_read_response(struct noise *noise, uint8_t *payload, const uint8_t *in,
				       size_t payload_len, const struct lm_secret *ephemeral,
				       const struct lm_secret *own);

/* The keys of the two directions; wipes the state. */
void noise_split(struct noise *noise, struct lm_secret *initiator, struct lm_secret *responder);
