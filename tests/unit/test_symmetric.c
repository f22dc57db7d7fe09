/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/symmetric: the answers of RFC 8439, RFC 7693 and the XChaCha20 draft, every usable backend
 * against libsodium at every burst size, and the wide-block cipher.
 */
#include <sodium.h>

#include "symmetric_testing.h"

#define LEN_MAX 2048

/* ---- Published answers ---- */

static void check_chacha20(void)
{
	static const char text[] =
		"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for "
		"the future, sunscreen would be it.";
	uint8_t cipher[sizeof(text) - 1], out[sizeof(text) - 1], *to = out;
	const uint8_t *from = (const uint8_t *)text;
	struct lm_key key = {{0}};
	struct lm_nonce nonce = {{0}};
	struct lm_block first, want;

	unhex(&want,
	      "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
	      "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586",
	      sizeof(want));
	lm_symmetric_chacha20_first(context, &first, &key, NULL, 1);
	assert_memory_equal(&first, &want, sizeof(first));
	lm_symmetric_chacha20_first(context, &first, &key, &nonce, 1);
	assert_memory_equal(&first, &want, sizeof(first));

	for (unsigned i = 0; i < 32; i++)
		key.b[i] = (uint8_t)i;
	unhex(&nonce, "000000000000004a00000000", sizeof(nonce));
	unhex(cipher,
	      "6e2e359a2568f98041ba0728dd0d6981e97e7aec1d4360c20a27afccfd9fae0b"
	      "f91b65c5524733ab8f593dabcd62b3571639d624e65152ab8f530c359f0861d8"
	      "07ca0dbf500d6a6156a38e088a22b65e52bc514d16ccf806818ce91ab7793736"
	      "5af90bbf74a35be6b40b8eedf2785e42874d",
	      sizeof(cipher));
	lm_symmetric_chacha20_rest(context, &to, &from, sizeof(out), &key, &nonce, 1);
	assert_memory_equal(out, cipher, sizeof(cipher));
}

static void chacha20_gives_the_answers_of_rfc_8439(void **state)
{
	(void)state;
	on_every_backend(check_chacha20);
}

static void check_hchacha20(void)
{
	struct lm_key key, out, want;
	struct lm_u128 input;

	for (unsigned i = 0; i < 32; i++)
		key.b[i] = (uint8_t)i;
	unhex(&input, "000000090000004a0000000031415927", sizeof(input));
	unhex(&want, "82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc",
	      sizeof(want));
	lm_symmetric_hchacha20(context, &out, &key, &input, 1);
	assert_memory_equal(&out, &want, sizeof(out));
}

static void hchacha20_gives_the_answer_of_the_draft(void **state)
{
	(void)state;
	on_every_backend(check_hchacha20);
}

static void check_poly1305(void)
{
	static const char text[] = "Cryptographic Forum Research Group";
	const uint8_t *message = (const uint8_t *)text;
	struct lm_mac_key key;
	struct lm_mac mac, want;

	unhex(&key, "85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b",
	      sizeof(key));
	unhex(&want, "a8061dc1305136c6c22b8baf0c0127a9", sizeof(want));
	lm_symmetric_poly1305(context, &mac, &key, &message, sizeof(text) - 1, 1);
	assert_memory_equal(&mac, &want, sizeof(mac));
}

static void poly1305_gives_the_answer_of_rfc_8439(void **state)
{
	(void)state;
	on_every_backend(check_poly1305);
}

static void check_blake2b(void)
{
	static const char no_person[16];
	uint8_t out[64], want[64];

	unhex(want,
	      "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
	      "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923",
	      sizeof(want));
	lm_symmetric_blake2b(context, out, sizeof(out), (const uint8_t *)"abc", 3, no_person, 1);
	assert_memory_equal(out, want, sizeof(out));
}

static void blake2b_gives_the_answer_of_rfc_7693(void **state)
{
	(void)state;
	on_every_backend(check_blake2b);
}

/* ---- Every burst size against libsodium ---- */

static uint8_t text[N][LEN_MAX], other[N][LEN_MAX], want[LEN_MAX];
static uint8_t *to[N];
static const uint8_t *from[N];

static void check_streams(void)
{
	struct lm_key key[N];
	struct lm_nonce nonce[N];
	struct lm_block first[N];

	for (unsigned n = 1; n <= N; n++) {
		size_t len = 1 + n * 211 % LEN_MAX;

		lm_rand(key, sizeof(key));
		lm_rand(nonce, sizeof(nonce));
		lm_rand(text, sizeof(text));
		for (unsigned i = 0; i < n; i++) {
			from[i] = text[i];
			to[i] = other[i];
		}
		lm_symmetric_chacha20_first(context, first, key, nonce, n);
		lm_symmetric_chacha20_rest(context, to, from, len, key, nonce, n);
		for (unsigned i = 0; i < n; i++) {
			crypto_stream_chacha20_ietf(want, 64, nonce[i].b, key[i].b);
			assert_memory_equal(&first[i], want, 64);
			crypto_stream_chacha20_ietf_xor_ic(want, text[i], len, nonce[i].b, 1,
							   key[i].b);
			assert_memory_equal(other[i], want, len);
			to[i] = text[i];
		}
		lm_symmetric_chacha20_rest(context, to, from, len, key, nonce, n);
		for (unsigned i = 0; i < n; i++)
			assert_memory_equal(text[i], other[i], len);
	}
}

static void chacha20_equals_libsodium_at_every_burst_size_and_in_place(void **state)
{
	(void)state;
	on_every_backend(check_streams);
}

static void check_short(void)
{
	struct lm_key key[N], out[N];
	struct lm_u128 input[N];
	uint8_t message[N * 128], digest[N * 64];

	for (unsigned n = 1; n <= N; n++) {
		size_t out_len = 1 + n * 5 % 64, len = 2 * n;

		lm_rand(key, sizeof(key));
		lm_rand(input, sizeof(input));
		lm_rand(message, sizeof(message));
		lm_symmetric_hchacha20(context, out, key, input, n);
		lm_symmetric_blake2b(context, digest, out_len, message, len, "sixteen letters!", n);
		for (unsigned i = 0; i < n; i++) {
			crypto_core_hchacha20(want, input[i].b, key[i].b, NULL);
			assert_memory_equal(&out[i], want, 32);
			crypto_generichash_blake2b_salt_personal(
				want, out_len, message + i * len, len, NULL, 0, NULL,
				(const uint8_t *)"sixteen letters!");
			assert_memory_equal(digest + i * out_len, want, out_len);
		}
		lm_symmetric_hchacha20(context, key, key, input, n);
		assert_memory_equal(key, out, n * sizeof(out[0]));
	}
}

static void hchacha20_and_blake2b_equal_libsodium_at_every_burst_size(void **state)
{
	(void)state;
	on_every_backend(check_short);
}

static void check_macs(void)
{
	struct lm_mac_key key[N];
	struct lm_mac mac[N];

	for (unsigned n = 1; n <= N; n++) {
		size_t len = 1 + n * 193 % LEN_MAX;

		lm_rand(key, sizeof(key));
		lm_rand(text, sizeof(text));
		for (unsigned i = 0; i < n; i++)
			from[i] = text[i];
		memset(key, 0xff, sizeof(key[0])); /* an r that is far from clamped */
		lm_symmetric_poly1305(context, mac, key, from, len, n);
		for (unsigned i = 0; i < n; i++) {
			crypto_onetimeauth_poly1305(want, text[i], len, key[i].b);
			assert_memory_equal(&mac[i], want, 16);
		}
	}
}

static void poly1305_equals_libsodium_at_every_burst_size(void **state)
{
	(void)state;
	on_every_backend(check_macs);
}

/* Every length, on thirteen items: these take lanes as 8, 4 and 1, or as 8 and 5. */
static void check_lengths(void)
{
	struct lm_mac_key mac_key[13];
	struct lm_nonce nonce[13];
	struct lm_key key[13];
	struct lm_mac mac[13];

	lm_rand(mac_key, sizeof(mac_key));
	lm_rand(nonce, sizeof(nonce));
	lm_rand(key, sizeof(key));
	lm_rand(text, sizeof(text));
	for (size_t len = 1; len <= 1100; len++) {
		for (unsigned i = 0; i < 13; i++) {
			from[i] = text[i];
			to[i] = other[i];
			other[i][len] = 0x5a;
		}
		lm_symmetric_chacha20_rest(context, to, from, len, key, nonce, 13);
		lm_symmetric_poly1305(context, mac, mac_key, from, len, 13);
		for (unsigned i = 0; i < 13; i++) {
			crypto_stream_chacha20_ietf_xor_ic(want, text[i], len, nonce[i].b, 1,
							   key[i].b);
			assert_memory_equal(other[i], want, len);
			assert_int_equal(other[i][len], 0x5a);
			crypto_onetimeauth_poly1305(want, text[i], len, mac_key[i].b);
			assert_memory_equal(&mac[i], want, 16);
		}
	}
}

static void streams_and_macs_of_every_length_equal_libsodium(void **state)
{
	(void)state;
	on_every_backend(check_lengths);
}

/* r = 1, 2, .. and messages of ones, so that sums pass 2^130 - 5 by little, and s carries. */
static void check_mac_edges(void)
{
	struct lm_mac_key key[N] = {{{0}}};
	struct lm_mac mac[N];

	memset(text, 0xff, sizeof(text));
	for (unsigned i = 0; i < N; i++) {
		from[i] = text[i];
		key[i].b[0] = (uint8_t)(1 + i / 16);
		memset(key[i].b + 16, i % 2 ? 0xff : 0, 16);
		text[i][0] = (uint8_t)(0xff - i % 16);
	}
	for (size_t len = 1; len <= 200; len++) {
		lm_symmetric_poly1305(context, mac, key, from, len, N);
		for (unsigned i = 0; i < N; i++) {
			crypto_onetimeauth_poly1305(want, text[i], len, key[i].b);
			assert_memory_equal(&mac[i], want, 16);
		}
	}
}

static void poly1305_is_right_at_the_edges_of_its_field(void **state)
{
	(void)state;
	on_every_backend(check_mac_edges);
}

/* ---- The wide-block cipher ---- */

/* One backend's answers, kept for the others. */
static uint8_t first_answer[N][LEN_MAX];
static bool have_first_answer;

static void check_wide_block(void)
{
	struct lm_key key[N];

	testing_rand_seed(7);
	lm_rand(key, sizeof(key));
	lm_rand(text, sizeof(text));
	memcpy(other, text, sizeof(text));
	for (unsigned n = 1; n <= N; n++) {
		size_t len = 32 + n * 97 % (LEN_MAX - 32);

		for (unsigned i = 0; i < n; i++)
			to[i] = text[i];
		lm_symmetric_wb_encrypt(context, to, len, key, n);
		for (unsigned i = 0; i < n; i++)
			assert_memory_not_equal(text[i], other[i], len);
		if (n < N)
			lm_symmetric_wb_decrypt(context, to, len, key, n);
		if (n < N)
			assert_memory_equal(text, other, sizeof(text));
	}
	if (!have_first_answer)
		memcpy(first_answer, text, sizeof(text));
	have_first_answer = true;
	assert_memory_equal(text, first_answer, sizeof(text));
}

static void wide_block_decrypts_what_it_encrypted_alike_on_every_backend(void **state)
{
	(void)state;
	have_first_answer = false;
	on_every_backend(check_wide_block);
}

static unsigned differing_bits(const uint8_t *a, const uint8_t *b, size_t n)
{
	unsigned bits = 0;

	for (size_t i = 0; i < n; i++)
		bits += (unsigned)__builtin_popcount(a[i] ^ b[i]);
	return bits;
}

static void check_diffusion(void)
{
	struct lm_key key[2];

	lm_rand(&key[0], sizeof(key[0]));
	key[1] = key[0];
	for (size_t len = 32; len <= 976; len += 118)
		for (size_t bit = 0; bit < len * 8; bit += 41) {
			lm_rand(text[0], len);
			memcpy(text[1], text[0], len);
			text[1][bit / 8] ^= (uint8_t)(1 << bit % 8);
			to[0] = text[0];
			to[1] = text[1];
			lm_symmetric_wb_encrypt(context, to, len, key, 2);
			assert_in_range(differing_bits(text[0], text[1], len), len * 5 / 2,
					len * 11 / 2);
		}
}

static void one_changed_bit_changes_the_whole_block(void **state)
{
	(void)state;
	on_every_backend(check_diffusion);
}

/* ---- Choice of the backend ---- */

static void an_unknown_backend_is_refused_with_the_choices(void **state)
{
	void *memory = context_alloc();
	struct lm_error err = {""};

	(void)state;
	assert_null(lm_symmetric_init(memory, "abacus", &err));
	assert_non_null(strstr(err.text, "abacus"));
	assert_non_null(strstr(err.text, "scalar"));
	free(memory);
}

static void auto_takes_the_first_usable_backend(void **state)
{
	void *memory = context_alloc();
	unsigned i = 0;

	(void)state;
	while (!lm_symmetric_backend_usable(i))
		i++;
	assert_string_equal(lm_symmetric_selected(lm_symmetric_init(memory, "auto", NULL)),
			    lm_symmetric_backend_name(i));
	free(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(auto_takes_the_first_usable_backend),
		cmocka_unit_test(an_unknown_backend_is_refused_with_the_choices),
		cmocka_unit_test(chacha20_gives_the_answers_of_rfc_8439),
		cmocka_unit_test(hchacha20_gives_the_answer_of_the_draft),
		cmocka_unit_test(poly1305_gives_the_answer_of_rfc_8439),
		cmocka_unit_test(blake2b_gives_the_answer_of_rfc_7693),
		cmocka_unit_test(chacha20_equals_libsodium_at_every_burst_size_and_in_place),
		cmocka_unit_test(hchacha20_and_blake2b_equal_libsodium_at_every_burst_size),
		cmocka_unit_test(poly1305_equals_libsodium_at_every_burst_size),
		cmocka_unit_test(streams_and_macs_of_every_length_equal_libsodium),
		cmocka_unit_test(poly1305_is_right_at_the_edges_of_its_field),
		cmocka_unit_test(wide_block_decrypts_what_it_encrypted_alike_on_every_backend),
		cmocka_unit_test(one_changed_bit_changes_the_whole_block),
	};

	if (lm_base_init(NULL) != 0)
		return 1;
	testing_rand_seed(8439);
	return RUN_TESTS_AFTER(print_skipped_backends, tests);
}
