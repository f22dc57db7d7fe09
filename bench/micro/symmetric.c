/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Benchmarks of lib/symmetric, on the lengths that lib/packet asks for: a header's 448 bytes of
 * keystream and 320 under the tag, a key derivation's 104, a payload of each profile.
 */
#include "lm_symmetric.h"

#include "micro.h"

#define KEYSTREAM_LEN 384
#define MAC_LEN       320
#define HASH_LEN      104
#define SMALL_PAYLOAD 1024
#define LARGE_PAYLOAD 8208

struct symmetric_context {
	struct lm_symmetric *symmetric;
	struct lm_key key[LM_BURST];
	struct lm_mac_key mac_key[LM_BURST];
	struct lm_mac mac[LM_BURST];
	struct lm_block block[LM_BURST];
	uint8_t hashed[LM_BURST][64], message[LM_BURST][HASH_LEN];
	uint8_t payload[LM_BURST][LARGE_PAYLOAD];
	uint8_t *text[LM_BURST];
};

static void *setup(const char *backend)
{
	struct symmetric_context *c = calloc(1, sizeof(*c));
	size_t size = (lm_symmetric_size() + LM_SYMMETRIC_ALIGN - 1) / LM_SYMMETRIC_ALIGN;
	void *memory = aligned_alloc(LM_SYMMETRIC_ALIGN, size * LM_SYMMETRIC_ALIGN);

	LM_ASSERT(c && memory);
	c->symmetric = lm_symmetric_init(memory, backend, NULL);
	LM_ASSERT(c->symmetric);
	lm_rand(c->key, sizeof(c->key));
	lm_rand(c->mac_key, sizeof(c->mac_key));
	for (unsigned i = 0; i < LM_BURST; i++)
		c->text[i] = c->payload[i];
	return c;
}

static void teardown(void *context)
{
	struct symmetric_context *c = context;

	free(c->symmetric);
	free(c);
}

static const uint8_t *const *sources(const struct symmetric_context *c)
{
	return (const uint8_t *const *)c->text;
}

static void run_chacha20_first(void *context, unsigned n)
{
	struct symmetric_context *c = context;

	lm_symmetric_chacha20_first(c->symmetric, c->block, c->key, NULL, n);
}

static void run_chacha20_rest(void *context, unsigned n)
{
	struct symmetric_context *c = context;

	lm_symmetric_chacha20_rest(c->symmetric, c->text, sources(c), KEYSTREAM_LEN, c->key, NULL,
				   n);
}

static void run_poly1305(void *context, unsigned n)
{
	struct symmetric_context *c = context;

	lm_symmetric_poly1305(c->symmetric, c->mac, c->mac_key, sources(c), MAC_LEN, n);
}

static void run_blake2b(void *context, unsigned n)
{
	struct symmetric_context *c = context;

	lm_symmetric_blake2b(c->symmetric, c->hashed[0], 64, c->message[0], HASH_LEN,
			     "linemix-micro---", n);
}

static void run_wide_block_small(void *context, unsigned n)
{
	struct symmetric_context *c = context;

	lm_symmetric_wb_encrypt(c->symmetric, c->text, SMALL_PAYLOAD, c->key, n);
}

static void run_wide_block_large(void *context, unsigned n)
{
	struct symmetric_context *c = context;

	lm_symmetric_wb_encrypt(c->symmetric, c->text, LARGE_PAYLOAD, c->key, n);
}

static const struct benchmark benchmarks[] = {
	{"symmetric.chacha20_first", BASELINE_SHARED, setup, NULL, run_chacha20_first, teardown},
	{"symmetric.chacha20_rest", BASELINE_SHARED, setup, NULL, run_chacha20_rest, teardown},
	{"symmetric.poly1305", BASELINE_SHARED, setup, NULL, run_poly1305, teardown},
	{"symmetric.blake2b", BASELINE_SHARED, setup, NULL, run_blake2b, teardown},
	{"symmetric.wb_1024", BASELINE_SHARED, setup, NULL, run_wide_block_small, teardown},
	{"symmetric.wb_8208", BASELINE_SHARED, setup, NULL, run_wide_block_large, teardown},
};

const struct suite symmetric_suite = {
	benchmarks,
	LM_COUNT(benchmarks),
	lm_symmetric_backend_name,
	lm_symmetric_backend_usable,
};
