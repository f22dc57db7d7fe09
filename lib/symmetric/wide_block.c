/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The wide-block cipher WB of lib/packet/FORMAT.md: HBSH with Poly1305, XChaCha20 and one AES-256
 * block, after HPolyC (Crowley & Biggers, "Adiantum", ToSC 2018). Each step runs over the whole
 * burst. Texts belong to the caller; all keys live in the context's working arrays and are wiped
 * at the end of the burst.
 */
#include <string.h>

#include "context.h"

#define HALF 16 /* R, the block cipher's half of the text */

typedef unsigned __int128 u128;

static u128 load_u128(const uint8_t bytes[16])
{
	u128 value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

static void store_u128(uint8_t bytes[16], u128 value)
{
	memcpy(bytes, &value, sizeof(value));
}

/* km = XChaCha20(key, 01 || 0^23, counter)[0:48];  ak = km[0:32], r = km[32:48] || 0^16. */
static void derive(struct lm_symmetric *symmetric, const struct lm_key *key, uint32_t counter,
		   unsigned n)
{
	struct lm_wide_block *wb = &symmetric->wb;

	for (unsigned i = 0; i < n; i++)
		wb->input[i] = (struct lm_u128){{1}};
	symmetric->backend->hchacha20(wb->subkey, key, wb->input, n);
	for (unsigned i = 0; i < n; i++) {
		wb->input[i] = (struct lm_u128){{0}};
		lm_store_u32(wb->input[i].b, counter);
	}
	symmetric->backend->chacha20_block(wb->km, wb->subkey, wb->input, n);
	for (unsigned i = 0; i < n; i++) {
		memcpy(wb->ak[i].b, wb->km[i].b, sizeof(wb->ak[i].b));
		memcpy(wb->r[i].b, wb->km[i].b + 32, 16);
		memset(wb->r[i].b + 16, 0, 16);
	}
}

/* h[i] = H(tweak block || L). With a tweak the message is put together first, one by one. */
static void hash(struct lm_symmetric *symmetric, uint8_t *const text[], size_t len,
		 const struct lm_wb_variant *variant, unsigned n)
{
	struct lm_wide_block *wb = &symmetric->wb;
	const uint8_t *message = wb->tweaked;

	if (variant->tweak_len == 0) {
		symmetric->backend->poly1305(symmetric, wb->h, wb->r, (const uint8_t *const *)text,
					     len, n);
		return;
	}
	memcpy(wb->tweaked, variant->tweak, variant->tweak_len);
	for (unsigned i = 0; i < n; i++) {
		memcpy(wb->tweaked + variant->tweak_len, text[i], len);
		symmetric->backend->poly1305(symmetric, &wb->h[i], &wb->r[i], &message,
					     variant->tweak_len + len, 1);
	}
}

/* L ^= XChaCha20(key, C || 01 || 0^7, counter). */
static void stream(struct lm_symmetric *symmetric, uint8_t *const text[], size_t len,
		   const struct lm_key *key, uint32_t counter, unsigned n)
{
	struct lm_wide_block *wb = &symmetric->wb;

	symmetric->backend->hchacha20(wb->subkey, key, wb->c, n);
	for (unsigned i = 0; i < n; i++)
		wb->nonce[i] = (struct lm_nonce){{[4] = 1}};
	symmetric->backend->chacha20_xor(text, (const uint8_t *const *)text, len, wb->subkey,
					 wb->nonce, counter, n);
}

/* E: M = R + H(L), C = AES(M);  D: C = R' + H(L'). */
static void absorb(struct lm_symmetric *symmetric, uint8_t *const text[], size_t len, bool decrypt,
		   unsigned n)
{
	struct lm_wide_block *wb = &symmetric->wb;

	for (unsigned i = 0; i < n; i++)
		store_u128(wb->c[i].b, load_u128(text[i] + len) + load_u128(wb->h[i].b));
	if (!decrypt)
		symmetric->backend->aes256(symmetric, wb->c, wb->ak, false, n);
}

/* E: R' = C - H(L');  D: R = AES^-1(C) - H(L). */
static void release(struct lm_symmetric *symmetric, uint8_t *const text[], size_t len, bool decrypt,
		    unsigned n)
{
	struct lm_wide_block *wb = &symmetric->wb;

	if (decrypt)
		symmetric->backend->aes256(symmetric, wb->c, wb->ak, true, n);
	for (unsigned i = 0; i < n; i++)
		store_u128(text[i] + len, load_u128(wb->c[i].b) - load_u128(wb->h[i].b));
}

/* What a burst of n texts has left in the working arrays. */
static void wipe(struct lm_wide_block *wb, const struct lm_wb_variant *variant, unsigned n)
{
	lm_wipe(wb->km, n * sizeof(wb->km[0]));
	lm_wipe(wb->ak, n * sizeof(wb->ak[0]));
	lm_wipe(wb->subkey, n * sizeof(wb->subkey[0]));
	lm_wipe(wb->r, n * sizeof(wb->r[0]));
	lm_wipe(wb->h, n * sizeof(wb->h[0]));
	lm_wipe(wb->c, n * sizeof(wb->c[0]));
	if (variant->tweak_len != 0)
		lm_wipe(wb->tweaked, sizeof(wb->tweaked));
}

/* A function of its own, because what it has on the stack is wiped after it. */
static __attribute__((noinline)) void
transform(struct lm_symmetric *symmetric, uint8_t *const text[], size_t len,
	  const struct lm_key *key, const struct lm_wb_variant *variant, bool decrypt, unsigned n)
{
	size_t left = len - HALF;

	derive(symmetric, key, variant->counter, n);
	hash(symmetric, text, left, variant, n);
	absorb(symmetric, text, left, decrypt, n);
	stream(symmetric, text, left, key, variant->counter, n);
	hash(symmetric, text, left, variant, n);
	release(symmetric, text, left, decrypt, n);
	wipe(&symmetric->wb, variant, n);
}

void lm_symmetric_wb_variant(struct lm_symmetric *symmetric, uint8_t *const text[], size_t len,
			     const struct lm_key *key, const struct lm_wb_variant *variant,
			     bool decrypt, unsigned n)
{
	LM_ASSERT(n >= 1 && n <= LM_BURST && variant->counter <= 1);
	if (variant->tweak_len == 0)
		LM_ASSERT(len > HALF);
	else
		LM_ASSERT(len >= HALF && len <= LM_WB_VARIANT_LEN &&
			  variant->tweak_len <= sizeof(variant->tweak));
	transform(symmetric, text, len, key, variant, decrypt, n);
	lm_symmetric_end();
}

static const struct lm_wb_variant packet_variant = {.counter = 1};

void lm_symmetric_wb_encrypt(struct lm_symmetric *symmetric, uint8_t *const text[], size_t len,
			     const struct lm_key *key, unsigned n)
{
	LM_ASSERT(len >= 2 * HALF);
	lm_symmetric_wb_variant(symmetric, text, len, key, &packet_variant, false, n);
}

void lm_symmetric_wb_decrypt(struct lm_symmetric *symmetric, uint8_t *const text[], size_t len,
			     const struct lm_key *key, unsigned n)
{
	LM_ASSERT(len >= 2 * HALF);
	lm_symmetric_wb_variant(symmetric, text, len, key, &packet_variant, true, n);
}
