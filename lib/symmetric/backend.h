/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a backend of lib/symmetric gives: kernels that work on many items at once, one a lane, and
 * an ipsec-mb manager for what it leaves to that library. Private to this folder.
 *
 * A kernel gets 1 <= n <= LM_BURST items and keeps nothing: what it leaves on the stack and in
 * registers is wiped by lm_symmetric_end, which the public functions call once at their end.
 * Kernels of an instruction set are a static library of their own, compiled with its flags;
 * `usable` is not.
 */
#pragma once

#include <intel-ipsec-mb.h>

#include "lm_symmetric.h"

struct lm_symmetric_backend {
	const char *name;
	bool (*usable)(void);
	void (*init_imb)(IMB_MGR *imb);

	/* to[i] = from[i] ^ ChaCha20-IETF keystream from the block `counter` on; nonce NULL: zero.
	 */
	void (*chacha20_xor)(uint8_t *const to[], const uint8_t *const from[], size_t len,
			     const struct lm_key *key, const struct lm_nonce *nonce,
			     uint32_t counter, unsigned n);
	/* out[i] = the ChaCha20 block of key[i] whose state words 12 to 15 are input[i]. */
	void (*chacha20_block)(struct lm_block *out, const struct lm_key *key,
			       const struct lm_u128 *input, unsigned n);
	void (*hchacha20)(struct lm_key *out, const struct lm_key *key, const struct lm_u128 *input,
			  unsigned n);
	/* As lm_symmetric_blake2b. */
	void (*blake2b)(uint8_t *out, size_t out_len, const uint8_t *message, size_t len,
			const char person[16], unsigned n);

	/* These have the context for its ipsec-mb manager. AES: one AES-256 block each, in place.
	 */
	void (*poly1305)(struct lm_symmetric *symmetric, struct lm_mac *mac,
			 const struct lm_mac_key *key, const uint8_t *const message[], size_t len,
			 unsigned n);
	void (*aes256)(struct lm_symmetric *symmetric, struct lm_u128 *text,
		       const struct lm_key *key, bool decrypt, unsigned n);

	/* The tag of an AEAD without additional data (RFC 8439, 2.8) over ciphertexts. Bursts of
	 * fewer than aead_fewest items, and all where this is NULL, are ipsec-mb's AEAD jobs. */
	void (*poly1305_aead)(struct lm_mac *mac, const struct lm_mac_key *key,
			      const uint8_t *const message[], size_t len, unsigned n);
	unsigned aead_fewest;
};

/* Kernels that run everywhere. */
void lm_chacha20_xor_scalar(uint8_t *const to[], const uint8_t *const from[], size_t len,
			    const struct lm_key *key, const struct lm_nonce *nonce,
			    uint32_t counter, unsigned n);
void lm_chacha20_block_scalar(struct lm_block *out, const struct lm_key *key,
			      const struct lm_u128 *input, unsigned n);
void lm_hchacha20_scalar(struct lm_key *out, const struct lm_key *key, const struct lm_u128 *input,
			 unsigned n);
void lm_blake2b_scalar(uint8_t *out, size_t out_len, const uint8_t *message, size_t len,
		       const char person[16], unsigned n);
void lm_poly1305_imb(struct lm_symmetric *symmetric, struct lm_mac *mac,
		     const struct lm_mac_key *key, const uint8_t *const message[], size_t len,
		     unsigned n);
void lm_aes256_imb(struct lm_symmetric *symmetric, struct lm_u128 *text, const struct lm_key *key,
		   bool decrypt, unsigned n);
/* En- or decrypts in place; mac gets the ciphertexts' tags. */
void lm_aead_imb(struct lm_symmetric *symmetric, struct lm_mac *mac, uint8_t *const text[],
		 size_t len, const struct lm_key *key, const struct lm_nonce *nonce, bool decrypt,
		 unsigned n);

/* AVX2 */
void lm_chacha20_xor_avx2(uint8_t *const to[], const uint8_t *const from[], size_t len,
			  const struct lm_key *key, const struct lm_nonce *nonce, uint32_t counter,
			  unsigned n);
void lm_chacha20_block_avx2(struct lm_block *out, const struct lm_key *key,
			    const struct lm_u128 *input, unsigned n);
void lm_hchacha20_avx2(struct lm_key *out, const struct lm_key *key, const struct lm_u128 *input,
		       unsigned n);
void lm_blake2b_avx2(uint8_t *out, size_t out_len, const uint8_t *message, size_t len,
		     const char person[16], unsigned n);
void lm_poly1305_avx2(struct lm_symmetric *symmetric, struct lm_mac *mac,
		      const struct lm_mac_key *key, const uint8_t *const message[], size_t len,
		      unsigned n);
void lm_poly1305_aead_avx2(struct lm_mac *mac, const struct lm_mac_key *key,
			   const uint8_t *const message[], size_t len, unsigned n);

/* AVX-512 with IFMA and VAES */
void lm_chacha20_xor_avx512(uint8_t *const to[], const uint8_t *const from[], size_t len,
			    const struct lm_key *key, const struct lm_nonce *nonce,
			    uint32_t counter, unsigned n);
void lm_chacha20_block_avx512(struct lm_block *out, const struct lm_key *key,
			      const struct lm_u128 *input, unsigned n);
void lm_hchacha20_avx512(struct lm_key *out, const struct lm_key *key, const struct lm_u128 *input,
			 unsigned n);
void lm_blake2b_avx512(uint8_t *out, size_t out_len, const uint8_t *message, size_t len,
		       const char person[16], unsigned n);
void lm_poly1305_avx512(struct lm_symmetric *symmetric, struct lm_mac *mac,
			const struct lm_mac_key *key, const uint8_t *const message[], size_t len,
			unsigned n);
void lm_poly1305_aead_avx512(struct lm_mac *mac, const struct lm_mac_key *key,
			     const uint8_t *const message[], size_t len, unsigned n);
void lm_aes256_avx512(struct lm_symmetric *symmetric, struct lm_u128 *text,
		      const struct lm_key *key, bool decrypt, unsigned n);
