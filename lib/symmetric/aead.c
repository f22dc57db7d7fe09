/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ChaCha20-Poly1305 (RFC 8439, 2.8) without additional data, over bursts of texts of one length.
 *
 * Two ways. The lanes of a backend: first blocks of all items, whose halves are the one-time keys,
 * then tags and streams. Or ipsec-mb's AEAD jobs, item by item, for bursts that leave most lanes
 * idle. Texts belong to the caller; keys and first blocks live in the context and are wiped at the
 * end of the burst. Whether a tag is right is public, as is what `skip` says.
 */
#include <string.h>

#include "context.h"

#define BLOCK 64

static bool takes_lanes(const struct lm_symmetric *symmetric, unsigned n)
{
	return symmetric->backend->poly1305_aead && n >= symmetric->backend->aead_fewest;
}

/* The one-time keys: the first halves of the blocks with counter 0. */
static void make_mac_keys(struct lm_symmetric *symmetric, const struct lm_key *key,
			  const struct lm_nonce *nonce, unsigned n)
{
	struct lm_aead *aead = &symmetric->aead;
	struct lm_u128 *input = symmetric->input;

	for (unsigned i = 0; i < n; i++) {
		memset(input[i].b, 0, 4);
		memcpy(input[i].b + 4, nonce[i].b, sizeof(nonce[i].b));
	}
	symmetric->backend->chacha20_block(aead->first, key, input, n);
	for (unsigned i = 0; i < n; i++)
		memcpy(aead->mac_key[i].b, aead->first[i].b, sizeof(aead->mac_key[i].b));
}

static void wipe(struct lm_aead *aead, unsigned n)
{
	lm_wipe(aead->first, n * sizeof(aead->first[0]));
	lm_wipe(aead->mac_key, n * sizeof(aead->mac_key[0]));
	lm_wipe(aead->mac, n * sizeof(aead->mac[0]));
	lm_wipe(aead->key, n * sizeof(aead->key[0]));
}

/* A function of its own, because what it has on the stack is wiped after it. */
static __attribute__((noinline)) void seal(struct lm_symmetric *symmetric, struct lm_mac *mac,
					   uint8_t *const text[], size_t len,
					   const struct lm_key *key, const struct lm_nonce *nonce,
					   unsigned n)
{
	const uint8_t *const *from = (const uint8_t *const *)text;

	if (!takes_lanes(symmetric, n)) {
		lm_aead_imb(symmetric, mac, text, len, key, nonce, false, n);
		return;
	}
	make_mac_keys(symmetric, key, nonce, n);
	symmetric->backend->chacha20_xor(text, from, len, key, nonce, 1, n);
	symmetric->backend->poly1305_aead(mac, symmetric->aead.mac_key, from, len, n);
	wipe(&symmetric->aead, n);
}

void lm_symmetric_aead_seal(struct lm_symmetric *symmetric, struct lm_mac *mac,
			    uint8_t *const text[], size_t len, const struct lm_key *key,
			    const struct lm_nonce *nonce, unsigned n)
{
	LM_ASSERT(n >= 1 && n <= LM_BURST && len >= 1);
	seal(symmetric, mac, text, len, key, nonce, n);
	lm_symmetric_end();
}

/* The mask of items whose tag was computed as it was sent. */
static uint64_t compare(const struct lm_mac *computed, const struct lm_mac *sent, unsigned n)
{
	uint64_t good = 0;

	for (unsigned i = 0; i < n; i++)
		good |= (uint64_t)lm_equal16(computed[i].b, sent[i].b) << i;
	lm_declassify(&good, sizeof(good));
	return good;
}

static uint64_t open_jobs(struct lm_symmetric *symmetric, uint8_t *const text[], size_t len,
			  const struct lm_mac *mac, const struct lm_key *key,
			  const struct lm_nonce *nonce, unsigned n)
{
	struct lm_mac *computed = symmetric->aead.mac;
	uint64_t good;

	lm_aead_imb(symmetric, computed, text, len, key, nonce, true, n);
	good = compare(computed, mac, n);
	for (unsigned i = 0; i < n; i++)
		if (!(good >> i & 1))
			lm_wipe(text[i], len);
	lm_wipe(computed, n * sizeof(computed[0]));
	return good;
}

/* Gathers the items of the mask from the first `n` of these arrays; returns how many. */
static unsigned gather(struct lm_aead *aead, uint8_t *const text[], const struct lm_key *key,
		       const struct lm_nonce *nonce, uint64_t mask)
{
	unsigned kept = 0;

	for (; mask; mask &= mask - 1) {
		unsigned i = (unsigned)__builtin_ctzll(mask);

		aead->text[kept] = text[i];
		aead->key[kept] = key[i];
		aead->nonce[kept++] = nonce[i];
	}
	return kept;
}

/* Decrypts `kept` items: the first block of each, then what is left of those not to be skipped. */
static void decrypt(struct lm_symmetric *symmetric, size_t len, lm_symmetric_skip *skip,
		    unsigned kept)
{
	struct lm_aead *aead = &symmetric->aead;
	const uint8_t *const *from = (const uint8_t *const *)aead->text;
	size_t at = skip && len > BLOCK ? BLOCK : len;
	uint64_t wanted = 0;

	symmetric->backend->chacha20_xor(aead->text, from, at, aead->key, aead->nonce, 1, kept);
	if (at == len)
		return;
	for (unsigned i = 0; i < kept; i++) {
		wanted |= (uint64_t)!skip(aead->text[i]) << i;
		aead->text[i] += at;
	}
	kept = gather(aead, aead->text, aead->key, aead->nonce, wanted);
	if (kept > 0)
		symmetric->backend->chacha20_xor(aead->text, from, len - at, aead->key, aead->nonce,
						 2, kept);
}

static __attribute__((noinline)) uint64_t
open_burst(struct lm_symmetric *symmetric, uint8_t *const text[], size_t len,
	   const struct lm_mac *mac, const struct lm_key *key, const struct lm_nonce *nonce,
	   lm_symmetric_skip *skip, unsigned n)
{
	struct lm_aead *aead = &symmetric->aead;
	uint64_t good;
	unsigned kept;

	if (!takes_lanes(symmetric, n))
		return open_jobs(symmetric, text, len, mac, key, nonce, n);
	make_mac_keys(symmetric, key, nonce, n);
	symmetric->backend->poly1305_aead(aead->mac, aead->mac_key, (const uint8_t *const *)text,
					  len, n);
	good = compare(aead->mac, mac, n);
	kept = gather(aead, text, key, nonce, good);
	if (kept > 0)
		decrypt(symmetric, len, skip, kept);
	wipe(aead, n);
	return good;
}

uint64_t lm_symmetric_aead_open(struct lm_symmetric *symmetric, uint8_t *const text[], size_t len,
				const struct lm_mac *mac, const struct lm_key *key,
				const struct lm_nonce *nonce, lm_symmetric_skip *skip, unsigned n)
{
	uint64_t good;

	LM_ASSERT(n >= 1 && n <= LM_BURST && len >= 1);
	good = open_burst(symmetric, text, len, mac, key, nonce, skip, n);
	lm_symmetric_end();
	return good;
}
