/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Batched symmetric cryptography: many short messages under as many keys.
 *
 * Every call serves a burst of 1 to LM_BURST independent items; item i is element i of each array.
 * For a given backend the run time depends on n and the lengths alone. Working memory is one
 * context per lcore, given by the caller; one thread at a time uses it. Nothing here allocates.
 * Every call wipes what it leaves of keys and keystream in its context, on the stack and in
 * registers before it returns.
 *
 * Outputs may be the inputs themselves (in place) but must not overlap them otherwise.
 */
#pragma once

#include "lm_base.h"

struct lm_key { /* a ChaCha20, XChaCha20 or wide-block key */
	uint8_t b[32];
};

struct lm_mac_key { /* a one-time Poly1305 key: r || s */
	uint8_t b[32];
};

struct lm_mac { /* a Poly1305 tag */
	uint8_t b[16];
};

struct lm_block { /* one ChaCha20 block of keystream */
	uint8_t b[64];
};

struct lm_nonce { /* of ChaCha20-IETF */
	uint8_t b[12];
};

struct lm_u128 { /* 16 bytes: HChaCha20's input, an AES block */
	uint8_t b[16];
};

struct lm_symmetric; /* one context per lcore */

/* Bytes that a context takes, and their alignment. */
size_t lm_symmetric_size(void);
#define LM_SYMMETRIC_ALIGN 64

/*
 * Makes a context in memory of lm_symmetric_size() bytes for the backend of that name ("auto": the
 * best usable). NULL and a message if the name is unknown or the CPU cannot run it. Nothing to
 * free; wipe the memory at the end.
 */
LM_MUST_CHECK struct lm_symmetric *lm_symmetric_init(void *memory, const char *backend,
						     struct lm_error *err);

/*
 * Backends by name, best first: "avx512" (with IFMA and VAES: Ice Lake, Zen 4 and later), "avx2",
 * "scalar" (libsodium, and ipsec-mb with SSE). NULL past the last.
 */
const char *lm_symmetric_backend_name(unsigned i);
LM_MUST_CHECK bool lm_symmetric_backend_usable(unsigned i);
const char *lm_symmetric_selected(const struct lm_symmetric *symmetric);

/*
 * out[i] = the first block (counter 0) of ChaCha20-IETF under key[i] and nonce[i] (RFC 8439, 2.3).
 * nonce may be NULL: all zero.
 */
void lm_symmetric_chacha20_first(struct lm_symmetric *symmetric, struct lm_block *out,
				 const struct lm_key *key, const struct lm_nonce *nonce,
				 unsigned n);

/*
 * to[i][0..len) = from[i][0..len) ^ ChaCha20-IETF keystream under key[i] and nonce[i], from counter
 * 1 (RFC 8439, 2.4). nonce may be NULL: all zero. 1 <= len.
 */
void lm_symmetric_chacha20_rest(struct lm_symmetric *symmetric, uint8_t *const to[],
				const uint8_t *const from[], size_t len, const struct lm_key *key,
				const struct lm_nonce *nonce, unsigned n);

/*
 * out[i] = HChaCha20(key[i], input[i]) (draft-irtf-cfrg-xchacha-03, 2.2): the subkey with which
 * XChaCha20 goes on as ChaCha20-IETF, its nonce 0^4 || nonce24[16:24].
 */
void lm_symmetric_hchacha20(struct lm_symmetric *symmetric, struct lm_key *out,
			    const struct lm_key *key, const struct lm_u128 *input, unsigned n);

/* mac[i] = Poly1305(key[i], message[i][0..len)) (RFC 8439, 2.5; r is clamped inside). 1 <= len. */
void lm_symmetric_poly1305(struct lm_symmetric *symmetric, struct lm_mac *mac,
			   const struct lm_mac_key *key, const uint8_t *const message[], size_t len,
			   unsigned n);

/*
 * ChaCha20-Poly1305 without additional data (RFC 8439, 2.8), in place: encrypts text[i][0..len)
 * under key[i] and nonce[i] and sets mac[i] to the tag of the ciphertext. 1 <= len. mac must not
 * overlap the texts. The 16 bytes behind a text, where its tag belongs, must be readable: ipsec-mb
 * loads whole blocks.
 */
void lm_symmetric_aead_seal(struct lm_symmetric *symmetric, struct lm_mac *mac,
			    uint8_t *const text[], size_t len, const struct lm_key *key,
			    const struct lm_nonce *nonce, unsigned n);

/*
 * Looks at the first bytes of an authentic text, 64 or len of them, decrypted; true if the rest is
 * not worth decrypting.
 */
typedef bool lm_symmetric_skip(const uint8_t *text);

/*
 * Opens what _seal made: returns the mask of items whose tag is mac[i], and decrypts these in
 * place. Others are unchanged or zeroed. The widest bursts compare the tags first, so that a forged
 * item costs no decryption; their authentic items that `skip` turns down (NULL: none) are decrypted
 * in their first 64 bytes alone.
 */
LM_MUST_CHECK uint64_t lm_symmetric_aead_open(struct lm_symmetric *symmetric, uint8_t *const text[],
					      size_t len, const struct lm_mac *mac,
					      const struct lm_key *key,
					      const struct lm_nonce *nonce, lm_symmetric_skip *skip,
					      unsigned n);

/*
 * out[i][0..out_len) = BLAKE2b with digest length out_len of message[i][0..len), unkeyed, no salt,
 * with this personalisation (RFC 7693, parameter block of section 2.5 with the personalisation of
 * the BLAKE2 paper, section 2.8). Items stand one after the other: out_len and len bytes apart. 1
 * <= out_len <= 64, 1 <= len <= 128 (one compression).
 */
void lm_symmetric_blake2b(struct lm_symmetric *symmetric, uint8_t *out, size_t out_len,
			  const uint8_t *message, size_t len, const char person[16], unsigned n);

/*
 * The wide-block payload cipher WB of lib/packet/FORMAT.md, in place over text[i][0..len), the last
 * 16 bytes of which are the block cipher's half. 32 <= len. _encrypt is E (relays), _decrypt is D
 * (senders).
 */
void lm_symmetric_wb_encrypt(struct lm_symmetric *symmetric, uint8_t *const text[], size_t len,
			     const struct lm_key *key, unsigned n);
void lm_symmetric_wb_decrypt(struct lm_symmetric *symmetric, uint8_t *const text[], size_t len,
			     const struct lm_key *key, unsigned n);

/*
 * The same code with HPolyC's two other choices, for its published answers only: the block counter
 * that XChaCha20 starts at (0 or 1), and a tweak block (tweak_len bytes, a multiple of 16) that
 * every hash takes before L. counter 1 and tweak_len 0 are E and D. 17 <= len; with a tweak
 * 16 <= len <= LM_WB_VARIANT_LEN.
 */
#define LM_WB_VARIANT_LEN   4096
#define LM_WB_VARIANT_TWEAK 128 /* bytes at most */
struct lm_wb_variant {
	uint32_t counter;
	size_t tweak_len;
	uint8_t tweak[LM_WB_VARIANT_TWEAK];
};
void lm_symmetric_wb_variant(struct lm_symmetric *symmetric, uint8_t *const text[], size_t len,
			     const struct lm_key *key, const struct lm_wb_variant *variant,
			     bool decrypt, unsigned n);
