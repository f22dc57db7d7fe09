/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a backend of lib/symmetric gives: ipsec-mb initialised for an instruction set, which does
 * everything long, and kernels for what is short and comes many at once. Private to this folder.
 *
 * A kernel gets 1 <= n <= LM_BURST items and keeps nothing: what it leaves in vector registers is
 * wiped by `wipe_registers`, which the public functions call once at their end. Kernels of an
 * instruction set are a static library of their own, compiled with its flags; `usable` is not.
 */
#pragma once

#include <intel-ipsec-mb.h>

#include "lm_symmetric.h"

struct lm_symmetric_backend {
	const char *name;
	bool (*usable)(void);
	void (*init_imb)(IMB_MGR *imb);

	/* out[i] = the ChaCha20 block of key[i] whose state words 12 to 15 are input[i]. */
	void (*chacha20_block)(struct lm_block *out, const struct lm_key *key,
			       const struct lm_u128 *input, unsigned n);
	void (*hchacha20)(struct lm_key *out, const struct lm_key *key, const struct lm_u128 *input,
			  unsigned n);
	/* As lm_symmetric_blake2b. */
	void (*blake2b)(uint8_t *out, size_t out_len, const uint8_t *message, size_t len,
			const char person[16], unsigned n);
	/* One AES-256 block each, in place; the context is there for ipsec-mb. */
	void (*aes256)(struct lm_symmetric *symmetric, struct lm_u128 *text,
		       const struct lm_key *key, bool decrypt, unsigned n);
	void (*wipe_registers)(void);
};

/* Kernels that run everywhere. */
void lm_chacha20_block_scalar(struct lm_block *out, const struct lm_key *key,
			      const struct lm_u128 *input, unsigned n);
void lm_hchacha20_scalar(struct lm_key *out, const struct lm_key *key, const struct lm_u128 *input,
			 unsigned n);
void lm_blake2b_scalar(uint8_t *out, size_t out_len, const uint8_t *message, size_t len,
		       const char person[16], unsigned n);
void lm_aes256_imb(struct lm_symmetric *symmetric, struct lm_u128 *text, const struct lm_key *key,
		   bool decrypt, unsigned n);

/* Vector registers to zero: 16 of 128 bits, 16 of 256 bits, 32 of 512 bits. */
void lm_wipe_registers_sse(void);
void lm_wipe_registers_avx2(void);
void lm_wipe_registers_avx512(void);
