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

/* An AEAD burst's: those of the items that are still in the running, closed up. */
struct lm_aead {
	struct lm_block first[LM_BURST]; /* block 0 of each item's keystream */
	struct lm_mac_key mac_key[LM_BURST];
	struct lm_mac mac[LM_BURST];
	struct lm_key key[LM_BURST];
	struct lm_nonce nonce[LM_BURST];
	uint8_t *text[LM_BURST];
};

struct lm_symmetric {
	const struct lm_symmetric_backend *backend;
	IMB_MGR *imb; /* behind this struct */
	struct lm_u128 input[LM_BURST];
	struct lm_aes_schedule schedule[LM_BURST] LM_CACHE_ALIGNED;
	struct lm_wide_block wb;
	struct lm_aead aead;
};

/* What kernels may use of the stack below their caller's frame; tests/ct looks for more. */
#define STACK_USED 8192

/* The end of every public function: nothing that it called has left a secret. */
static inline void lm_symmetric_end(void)
{
	lm_wipe_stack(STACK_USED);
	lm_wipe_registers();
}
