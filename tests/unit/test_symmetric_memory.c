/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/symmetric and memory: unaligned buffers, no step outside the buffers, and contexts that hold
 * no key after a burst. tests/ct looks at the stack and the registers.
 */
#include <sodium.h>

#include "symmetric_testing.h"

#define LEN_MAX 1024

static uint8_t text[N][LEN_MAX], other[N][LEN_MAX], want[LEN_MAX];
static uint8_t *to[N];
static const uint8_t *from[N];

/* ---- Buffers ---- */

static void check_unaligned(void)
{
	static uint8_t raw[4096];
	struct lm_key *key = (struct lm_key *)(raw + 3);
	struct lm_mac_key *mac_key = (struct lm_mac_key *)(raw + 37);
	struct lm_mac *mac = (struct lm_mac *)(raw + 71);
	struct lm_block *block = (struct lm_block *)(raw + 101);
	struct lm_nonce *nonce = (struct lm_nonce *)(raw + 167);

	for (unsigned shift = 0; shift < 16; shift++) {
		uint8_t *at = raw + 1024 + shift;
		const uint8_t *read = at;
		size_t len = 976;

		lm_rand(raw, sizeof(raw));
		crypto_onetimeauth_poly1305(want, at, len, mac_key->b);
		lm_symmetric_poly1305(context, mac, mac_key, &read, len, 1);
		assert_memory_equal(mac, want, 16);
		lm_symmetric_chacha20_first(context, block, key, nonce, 1);
		crypto_stream_chacha20_ietf(want, 64, nonce->b, key->b);
		assert_memory_equal(block, want, 64);
		crypto_stream_chacha20_ietf_xor_ic(want, at, len, nonce->b, 1, key->b);
		lm_symmetric_chacha20_rest(context, &at, &read, len, key, nonce, 1);
		assert_memory_equal(at, want, len);
		lm_symmetric_wb_encrypt(context, &at, len, key, 1);
		lm_symmetric_wb_decrypt(context, &at, len, key, 1);
		assert_memory_equal(at, want, len);
	}
}

static void buffers_need_no_alignment(void **state)
{
	(void)state;
	on_every_backend(check_unaligned);
}

/* Arrays of n items, and n texts, each with a guard page at one side. */
static void check_guarded(enum guard_side side, size_t len, unsigned n)
{
	struct lm_key *key = guarded_alloc(n * sizeof(*key), side);
	struct lm_mac_key *mac_key = guarded_alloc(n * sizeof(*mac_key), side);
	struct lm_mac *mac = guarded_alloc(n * sizeof(*mac), side);
	struct lm_block *block = guarded_alloc(n * sizeof(*block), side);
	struct lm_u128 *input = guarded_alloc(n * sizeof(*input), side);
	struct lm_nonce *nonce = guarded_alloc(n * sizeof(*nonce), side);
	uint8_t *message = guarded_alloc(n * (len < 128 ? len : 128), side);

	for (unsigned i = 0; i < n; i++)
		from[i] = to[i] = guarded_alloc(len, side);
	lm_symmetric_chacha20_first(context, block, key, nonce, n);
	lm_symmetric_chacha20_rest(context, to, from, len, key, nonce, n);
	lm_symmetric_hchacha20(context, key, key, input, n);
	lm_symmetric_poly1305(context, mac, mac_key, from, len, n);
	lm_symmetric_blake2b(context, block->b, 64, message, len < 128 ? len : 128,
			     "sixteen letters!", n);
	if (len >= 32) {
		lm_symmetric_wb_encrypt(context, to, len, key, n);
		lm_symmetric_wb_decrypt(context, to, len, key, n);
	}
	guarded_free(key, n * sizeof(*key), side);
	guarded_free(mac_key, n * sizeof(*mac_key), side);
	guarded_free(mac, n * sizeof(*mac), side);
	guarded_free(block, n * sizeof(*block), side);
	guarded_free(input, n * sizeof(*input), side);
	guarded_free(nonce, n * sizeof(*nonce), side);
	guarded_free(message, n * (len < 128 ? len : 128), side);
	for (unsigned i = 0; i < n; i++)
		guarded_free(to[i], len, side);
}

/* Thirteen items take lanes in several ways: 8, 4 and 1, or 8 and 5. */
static void check_bounds(void)
{
	for (size_t len = 1; len <= 1024; len += len < 140 ? 1 : 73)
		for (unsigned n = 1; n <= 13; n += 12) {
			check_guarded(GUARD_AFTER, len, n);
			check_guarded(GUARD_BEFORE, len, n);
		}
}

static void touches_nothing_outside_its_buffers(void **state)
{
	(void)state;
	on_every_backend(check_bounds);
}

/* ---- Secrets ---- */

#define STRIDE 9 /* items looked at: every ninth, the first and the last among them */

/* No eight bytes in a row of a secret stand in the context. */
static void assert_gone(const void *secret, size_t n)
{
	for (size_t at = 0; at + 8 <= n; at++)
		assert_false(
			contains(context, lm_symmetric_size(), (const uint8_t *)secret + at, 8));
}

static void check_streams_wiped(const struct lm_key *key)
{
	struct lm_block block[N];

	lm_symmetric_chacha20_first(context, block, key, NULL, N);
	for (unsigned i = 0; i < N; i += STRIDE) {
		assert_gone(&key[i], sizeof(key[i]));
		assert_gone(&block[i], sizeof(block[i]));
	}
	memset(text, 0, sizeof(text));
	lm_symmetric_chacha20_rest(context, to, from, 500, key, NULL, N);
	for (unsigned i = 0; i < N; i += STRIDE) {
		assert_gone(&key[i], sizeof(key[i]));
		assert_gone(text[i], 16);
		assert_gone(text[i] + 500 - 16, 16);
	}
}

static void check_hashes_wiped(const struct lm_key *key)
{
	struct lm_mac_key mac_key[N];
	struct lm_mac mac[N];
	uint8_t digest[N][64];

	lm_rand(mac_key, sizeof(mac_key));
	lm_symmetric_poly1305(context, mac, mac_key, from, 500, N);
	lm_symmetric_blake2b(context, digest[0], 64, key[0].b, 32, "sixteen letters!", N);
	for (unsigned i = 0; i < N; i += STRIDE) {
		assert_gone(&mac_key[i], sizeof(mac_key[i]));
		assert_gone(&key[i], sizeof(key[i]));
		assert_gone(digest[i], sizeof(digest[i]));
	}
}

/* Also the keys in between: HChaCha20's, AES's (it heads its schedule) and Poly1305's. */
static void check_wide_block_wiped(const struct lm_key *key, const struct lm_wb_variant *variant,
				   bool decrypt)
{
	static const uint8_t zero_nonce[12], zero[64];
	struct lm_u128 input[N] = {{{0}}};
	struct lm_key sub[N];
	uint8_t km[64];

	for (unsigned i = 0; i < N; i++)
		input[i].b[0] = 1;
	lm_symmetric_hchacha20(context, sub, key, input, N);
	lm_rand(text, sizeof(text));
	memcpy(other, text, sizeof(text));
	lm_symmetric_wb_variant(context, to, 500, key, variant, decrypt, N);
	for (unsigned i = 0; i < N; i += STRIDE) {
		crypto_stream_chacha20_ietf_xor_ic(km, zero, sizeof(km), zero_nonce,
						   variant->counter, sub[i].b);
		assert_gone(&key[i], sizeof(key[i]));
		assert_gone(&sub[i], sizeof(sub[i]));
		assert_gone(km, 48);
		assert_gone(text[i], 32);
		assert_gone(other[i], 32);
	}
}

static void check_wiped(void)
{
	const struct lm_wb_variant plain = {.counter = 1};
	const struct lm_wb_variant tweaked = {.counter = 0, .tweak_len = 16};
	struct lm_key key[N];

	lm_rand(key, sizeof(key));
	for (unsigned i = 0; i < N; i++) {
		to[i] = text[i];
		from[i] = text[i];
	}
	check_streams_wiped(key);
	check_hashes_wiped(key);
	check_wide_block_wiped(key, &plain, false);
	check_wide_block_wiped(key, &plain, true);
	check_wide_block_wiped(key, &tweaked, false);
}

static void a_context_holds_no_key_after_a_burst(void **state)
{
	(void)state;
	on_every_backend(check_wiped);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buffers_need_no_alignment),
		cmocka_unit_test(touches_nothing_outside_its_buffers),
		cmocka_unit_test(a_context_holds_no_key_after_a_burst),
	};

	if (lm_base_init(NULL) != 0)
		return 1;
	testing_rand_seed(7539);
	return RUN_TESTS_AFTER(print_skipped_backends, tests);
}
