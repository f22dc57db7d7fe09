/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The context of lib/symmetric: the chosen backend, its ipsec-mb manager, and working arrays of
 * one burst, which hold secrets during a call and zeros between calls. Private to this folder.
 */
#pragma once

#include "backend.h"

struct lm_aes_schedule {
	uint8_t encrypt[15][16];
	uint8_t decrypt[15][16];
};

/* The wide-block cipher's variables, by the names of lib/packet/FORMAT.md. */
struct lm_wide_block {
	struct lm_block km[LM_BURST];
	struct lm_key ak[LM_BURST];
	struct lm_key subkey[LM_BURST]; /* HChaCha20's output */
	struct lm_mac_key r[LM_BURST];  /* r || 0^16 */
	struct lm_mac h[LM_BURST];
	struct lm_u128 c[LM_BURST];
	struct lm_u128 input[LM_BURST];
	struct lm_nonce nonce[LM_BURST];
	uint8_t tweaked[LM_WB_VARIANT_TWEAK + LM_WB_VARIANT_LEN];
};

struct lm_symmetric {
	const struct lm_symmetric_backend *backend;
	IMB_MGR *imb; /* behind this struct */
	struct lm_u128 input[LM_BURST];
	struct lm_block block[LM_BURST];
	struct lm_key stream_key[LM_BURST + 1]; /* the last is never a key: see lm_imb_chacha20 */
	struct lm_aes_schedule schedule[LM_BURST] LM_CACHE_ALIGNED;
	struct lm_wide_block wb;
};

/*
 * to[i] = from[i] ^ ChaCha20-IETF keystream of key[i] and nonce[i] (NULL: zero) from `counter`,
 * which is 0 or 1. len may be 0. Registers are not wiped.
 */
void lm_chacha20_stream(struct lm_symmetric *symmetric, uint8_t *const to[],
			const uint8_t *const from[], size_t len, const struct lm_key *key,
			const struct lm_nonce *nonce, uint32_t counter, unsigned n);

/*
 * ipsec-mb bursts, registers not wiped. ChaCha20 is from counter 1, and len a multiple of 64:
 * ipsec-mb with SSE reads up to 15 bytes beyond texts of some other lengths.
 */
void lm_imb_chacha20(struct lm_symmetric *symmetric, uint8_t *const to[],
		     const uint8_t *const from[], size_t len, const struct lm_key *key,
		     const struct lm_nonce *nonce, unsigned n);
void lm_imb_poly1305(struct lm_symmetric *symmetric, struct lm_mac *mac,
		     const struct lm_mac_key *key, const uint8_t *const message[], size_t len,
		     unsigned n);
