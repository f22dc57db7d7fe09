/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/symmetric: keys, texts, nonces and inputs are secret; lengths and numbers of items are not.
 */
#include "follow.h"
#include "lm_symmetric.h"

#define LEN 1000

struct question {
	unsigned n;
	size_t len;
};

static uint8_t memory[1 << 20] __attribute__((aligned(LM_SYMMETRIC_ALIGN)));
static struct lm_symmetric *context;
static struct lm_key key[LM_BURST], subkey[LM_BURST];
static struct lm_mac_key mac_key[LM_BURST];
static struct lm_mac mac[LM_BURST];
static struct lm_nonce nonce[LM_BURST];
static struct lm_u128 input[LM_BURST];
static struct lm_block block[LM_BURST];
static uint8_t text[LM_BURST][LEN];
static uint8_t *to[LM_BURST];
static const uint8_t *from[LM_BURST];

static void make_all_secret(void)
{
	for (unsigned i = 0; i < LM_BURST; i++)
		from[i] = to[i] = text[i];
	follow_secret(key, sizeof(key));
	follow_secret(mac_key, sizeof(mac_key));
	follow_secret(nonce, sizeof(nonce));
	follow_secret(input, sizeof(input));
	follow_secret(text, sizeof(text));
}

static void chacha20_first(const void *argument)
{
	const struct question *question = argument;

	make_all_secret();
	lm_symmetric_chacha20_first(context, block, key, nonce, question->n);
	FOLLOW_CHECK(follow_is_secret(block, question->n * sizeof(block[0])));
}

/* The key alone makes its stream secret. */
static void chacha20_rest(const void *argument)
{
	const struct question *question = argument;

	make_all_secret();
	lm_declassify(nonce, sizeof(nonce));
	lm_declassify(text, sizeof(text));
	lm_symmetric_chacha20_rest(context, to, from, question->len, key, nonce, question->n);
	for (unsigned i = 0; i < question->n; i++)
		FOLLOW_CHECK(follow_is_secret(text[i], question->len));
}

static void hchacha20(const void *argument)
{
	const struct question *question = argument;

	make_all_secret();
	lm_symmetric_hchacha20(context, subkey, key, input, question->n);
	FOLLOW_CHECK(follow_is_secret(subkey, question->n * sizeof(subkey[0])));
}

static void poly1305(const void *argument)
{
	const struct question *question = argument;

	make_all_secret();
	lm_declassify(text, sizeof(text));
	lm_symmetric_poly1305(context, mac, mac_key, from, question->len, question->n);
	FOLLOW_CHECK(follow_is_secret(mac, question->n * sizeof(mac[0])));
}

static void blake2b(const void *argument)
{
	const struct question *question = argument;
	size_t len = question->len <= 128 ? question->len : 104;

	make_all_secret();
	lm_symmetric_blake2b(context, block[0].b, sizeof(block[0]), text[0], len,
			     "sixteen letters!", question->n);
	FOLLOW_CHECK(follow_is_secret(block, question->n * sizeof(block[0])));
	lm_symmetric_blake2b(context, key[0].b, sizeof(key[0]), text[0], len, "sixteen letters!",
			     question->n);
	FOLLOW_CHECK(follow_is_secret(key, question->n * sizeof(key[0])));
}

static void wide_block(const struct question *question, bool decrypt)
{
	const struct lm_wb_variant plain = {.counter = 1}, tweaked = {.tweak_len = 16};
	size_t len = question->len < 32 ? 32 : question->len;

	make_all_secret();
	lm_declassify(text, sizeof(text));
	lm_symmetric_wb_variant(context, to, len, key, &plain, decrypt, question->n);
	for (unsigned i = 0; i < question->n; i++)
		FOLLOW_CHECK(follow_is_secret(text[i], len));
	lm_symmetric_wb_variant(context, to, len, key, &tweaked, decrypt, question->n);
}

/* A ciphertext and its tag are public: they were on the wire. */
static void aead(const void *argument)
{
	const struct question *question = argument;
	unsigned n = question->n;
	size_t len = question->len <= LEN - 16 ? question->len : LEN - 16;
	uint64_t good;

	make_all_secret();
	lm_declassify(nonce, sizeof(nonce));
	lm_declassify(text, sizeof(text));
	lm_symmetric_aead_seal(context, mac, to, len, key, nonce, n);
	FOLLOW_CHECK(follow_is_secret(mac, n * sizeof(mac[0])));
	for (unsigned i = 0; i < n; i++)
		FOLLOW_CHECK(follow_is_secret(text[i], len));
	lm_declassify(text, sizeof(text));
	lm_declassify(mac, sizeof(mac));
	mac[n / 2].b[5] ^= 1;
	good = lm_symmetric_aead_open(context, to, len, mac, key, nonce, NULL, n);
	FOLLOW_CHECK(good == (UINT64_MAX >> (64 - n) & ~(UINT64_C(1) << n / 2)));
	for (unsigned i = 0; i < n; i++)
		FOLLOW_CHECK(i == n / 2 || follow_is_secret(text[i], len));
}

static void wb_encrypt(const void *argument)
{
	wide_block(argument, false);
}

static void wb_decrypt(const void *argument)
{
	wide_block(argument, true);
}

static const struct {
	const char *name;
	void (*body)(const void *question);
} calls[] = {
	{"first ChaCha20 block", chacha20_first},
	{"ChaCha20 stream", chacha20_rest},
	{"HChaCha20", hchacha20},
	{"Poly1305", poly1305},
	{"BLAKE2b", blake2b},
	{"ChaCha20-Poly1305", aead},
	{"wide block, encrypt", wb_encrypt},
	{"wide block, decrypt", wb_decrypt},
};

/* Vectors that are full and that are not; lengths of whole blocks and of others. */
static const struct question sizes[] = {{1, 16}, {3, 976}, {19, 129}, {LM_BURST, 448}};

static void backend_cases(const char *backend)
{
	for (unsigned c = 0; c < LM_COUNT(calls); c++)
		for (unsigned s = 0; s < LM_COUNT(sizes); s++)
			follow_case(false, calls[c].body, &sizes[s],
				    "symmetric %s: %s, %u of %zu bytes", backend, calls[c].name,
				    sizes[s].n, sizes[s].len);
}

/* A context is made once, as ipsec-mb tests itself then, and every case gets a copy of it. */
void symmetric_cases(void)
{
	LM_ASSERT(lm_symmetric_size() <= sizeof(memory));
	for (unsigned b = 0; lm_symmetric_backend_name(b); b++) {
		const char *backend = lm_symmetric_backend_name(b);

		if (!lm_symmetric_backend_usable(b)) {
			follow_skip("symmetric", backend);
			continue;
		}
		context = lm_symmetric_init(memory, backend, NULL);
		LM_ASSERT(context != NULL);
		backend_cases(backend);
	}
}
