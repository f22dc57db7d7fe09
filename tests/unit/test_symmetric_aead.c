/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/symmetric's ChaCha20-Poly1305 bursts, on every usable backend, against libsodium.
 */
#include <sodium.h>

#include "symmetric_testing.h"

#define LEN_MAX 1500

static uint8_t plain[N][LEN_MAX], text[N][LEN_MAX], want[LEN_MAX + 16];
static uint8_t *to[N];
static struct lm_key key[N];
static struct lm_nonce nonce[N];
static struct lm_mac mac[N];

static void draw(void)
{
	lm_rand(key, sizeof(key));
	lm_rand(nonce, sizeof(nonce));
	lm_rand(plain, sizeof(plain));
	memcpy(text, plain, sizeof(text));
	for (unsigned i = 0; i < N; i++)
		to[i] = text[i];
}

static uint64_t all(unsigned n)
{
	return UINT64_MAX >> (64 - n);
}

static void check_item(unsigned i, size_t len)
{
	crypto_aead_chacha20poly1305_ietf_encrypt(want, NULL, plain[i], len, NULL, 0, NULL,
						  nonce[i].b, key[i].b);
	assert_memory_equal(text[i], want, len);
	assert_memory_equal(&mac[i], want + len, 16);
	assert_memory_equal(text[i] + len, plain[i] + len, LEN_MAX - len);
}

static void check_equal(unsigned n, size_t len)
{
	draw();
	lm_symmetric_aead_seal(context, mac, to, len, key, nonce, n);
	for (unsigned i = 0; i < n; i++)
		check_item(i, len);
	assert_int_equal(lm_symmetric_aead_open(context, to, len, mac, key, nonce, NULL, n),
			 all(n));
	assert_memory_equal(text, plain, sizeof(text));
}

static void check_bursts(void)
{
	for (unsigned n = 1; n <= N; n++)
		check_equal(n, 1352);
}

static void bursts_of_every_size_equal_libsodium(void **state)
{
	(void)state;
	on_every_backend(check_bursts);
}

/* Ends of every form: the lengths' block stands behind whole blocks and cut ones. */
static void check_lengths(void)
{
	for (size_t len = 1; len <= 260; len++)
		check_equal(13, len);
}

static void texts_of_every_length_equal_libsodium(void **state)
{
	(void)state;
	on_every_backend(check_lengths);
}

static bool is_zero_or(const uint8_t *bytes, const uint8_t *other, size_t n)
{
	return lm_is_zero(bytes, n) || memcmp(bytes, other, n) == 0;
}

/* A random half of the burst is forged: in the text, or in the tag. */
static void check_forged_among_good(void)
{
	static uint8_t sealed[N][LEN_MAX];
	size_t len = 500;

	for (unsigned n = 1; n <= N; n++) {
		uint64_t bad;

		draw();
		lm_rand(&bad, sizeof(bad));
		lm_symmetric_aead_seal(context, mac, to, len, key, nonce, n);
		for (unsigned i = 0; i < n; i++) {
			if (!(bad >> i & 1))
				continue;
			if (i % 2)
				text[i][(i * 37) % len] ^= 0x10;
			else
				mac[i].b[i % 16] ^= 1;
		}
		memcpy(sealed, text, sizeof(sealed));
		assert_int_equal(lm_symmetric_aead_open(context, to, len, mac, key, nonce, NULL, n),
				 ~bad & all(n));
		for (unsigned i = 0; i < n; i++)
			if (bad >> i & 1)
				assert_true(is_zero_or(text[i], sealed[i], len));
			else
				assert_memory_equal(text[i], plain[i], len);
	}
}

static void forged_items_are_refused_and_harm_no_neighbour(void **state)
{
	(void)state;
	on_every_backend(check_forged_among_good);
}

static bool skip_odd(const uint8_t *first)
{
	return first[0] & 1;
}

static void check_skip(void)
{
	static const size_t lengths[] = {1, 63, 64, 65, 128, 1352};

	for (unsigned l = 0; l < LM_COUNT(lengths); l++)
		for (unsigned n = 1; n <= N; n += 7) {
			size_t len = lengths[l], head = len < 64 ? len : 64;

			draw();
			lm_symmetric_aead_seal(context, mac, to, len, key, nonce, n);
			assert_int_equal(lm_symmetric_aead_open(context, to, len, mac, key, nonce,
								skip_odd, n),
					 all(n));
			for (unsigned i = 0; i < n; i++)
				assert_memory_equal(text[i], plain[i],
						    plain[i][0] & 1 ? head : len);
		}
}

static void what_is_skipped_is_decrypted_at_its_beginning(void **state)
{
	(void)state;
	on_every_backend(check_skip);
}

/* With the room for a tag that may be read. */
static void check_guarded(size_t len, unsigned n, enum guard_side side)
{
	size_t room = len + sizeof(mac[0]);

	draw();
	for (unsigned i = 0; i < n; i++) {
		to[i] = guarded_alloc(room, side);
		memcpy(to[i], plain[i], len);
	}
	lm_symmetric_aead_seal(context, mac, to, len, key, nonce, n);
	assert_int_equal(lm_symmetric_aead_open(context, to, len, mac, key, nonce, NULL, n),
			 all(n));
	for (unsigned i = 0; i < n; i++) {
		assert_memory_equal(to[i], plain[i], len);
		guarded_free(to[i], room, side);
	}
}

static void check_bounds(void)
{
	for (size_t len = 1; len <= 140; len++)
		for (unsigned n = 1; n <= 13; n += 12) {
			check_guarded(len, n, GUARD_AFTER);
			check_guarded(len, n, GUARD_BEFORE);
		}
}

static void touches_nothing_outside_its_texts(void **state)
{
	(void)state;
	on_every_backend(check_bounds);
}

/* No eight bytes in a row of a secret stand in the context. */
static void assert_gone(const void *secret, size_t n)
{
	for (size_t at = 0; at + 8 <= n; at++)
		assert_false(
			contains(context, lm_symmetric_size(), (const uint8_t *)secret + at, 8));
}

static void check_wiped(void)
{
	uint8_t first[64];

	for (unsigned n = 1; n <= N; n += 21) {
		draw();
		lm_symmetric_aead_seal(context, mac, to, 600, key, nonce, n);
		for (unsigned i = 0; i < n; i += 9) {
			crypto_stream_chacha20_ietf(first, 64, nonce[i].b, key[i].b);
			assert_gone(&key[i], 32);
			assert_gone(first, 64);
		}
		mac[n - 1].b[0] ^= 1;
		assert_int_equal(lm_symmetric_aead_open(context, to, 600, mac, key, nonce, skip_odd,
							n),
				 all(n) >> 1);
		mac[n - 1].b[0] ^= 1;
		for (unsigned i = 0; i < n; i += 9) {
			crypto_stream_chacha20_ietf(first, 64, nonce[i].b, key[i].b);
			assert_gone(&key[i], 32);
			assert_gone(first, 64);
			assert_gone(&mac[n - 1], 16);
		}
	}
}

static void a_context_holds_no_key_after_a_burst(void **state)
{
	(void)state;
	on_every_backend(check_wiped);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bursts_of_every_size_equal_libsodium),
		cmocka_unit_test(texts_of_every_length_equal_libsodium),
		cmocka_unit_test(forged_items_are_refused_and_harm_no_neighbour),
		cmocka_unit_test(what_is_skipped_is_decrypted_at_its_beginning),
		cmocka_unit_test(touches_nothing_outside_its_texts),
		cmocka_unit_test(a_context_holds_no_key_after_a_burst),
	};

	if (lm_base_init(NULL) != 0)
		return 1;
	testing_rand_seed(84392);
	return RUN_TESTS_AFTER(print_skipped_backends, tests);
}
