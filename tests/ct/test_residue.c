/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * No key material stays in registers, on the stack or in a context after a call of lib/x25519 or
 * lib/symmetric, on every backend. Each call is made twice with other secrets and the same public
 * inputs. Optimised code only: what a compiler keeps on the stack at -O0 means nothing.
 */
#include <string.h>

#include "lm_symmetric.h"
#include "lm_x25519.h"
#include "residue.h"

#define N   LM_BURST
#define LEN 976

static struct residue first, second;

/* Everything that a call may need; what is secret is drawn anew before each. */
static struct {
	unsigned n;
	struct lm_secret secret[N];
	struct lm_key key[N];
	struct lm_mac_key mac_key[N];
	uint8_t text[N][LEN];

	struct lm_point point[N];
	struct lm_nonce nonce[N];
	struct lm_u128 input[N];

	struct lm_point out[N];
	struct lm_key subkey[N];
	struct lm_mac mac[N];
	struct lm_block block[N];
	uint64_t good;
} in;

static struct lm_symmetric *context;
static void *copy; /* of the context, after the first call */
static uint8_t *to[N];
static const uint8_t *from[N];

static void draw_secrets(void)
{
	lm_rand(in.secret, sizeof(in.secret));
	lm_rand(in.key, sizeof(in.key));
	lm_rand(in.mac_key, sizeof(in.mac_key));
	lm_rand(in.text, sizeof(in.text));
}

/* What differs after two calls that differ in their secrets alone. */
static const char *leaves(void (*call)(void *argument))
{
	size_t len = context ? lm_symmetric_size() : 0;

	draw_secrets();
	call(NULL); /* so that what happens once has happened */
	draw_secrets();
	residue_run(&first, call, NULL, context, len);
	if (len > 0)
		memcpy(copy, context, len);
	draw_secrets();
	residue_run(&second, call, NULL, context, len);
	return residue_compare(&second, &first, copy);
}

/* Says what is left at some numbers of items; all is said before a test fails. */
static unsigned count_left(const char *backend, const char *name, void (*call)(void *argument))
{
	static const unsigned sizes[] = {1, 13, N};
	unsigned found = 0;

	for (unsigned s = 0; s < LM_COUNT(sizes); s++) {
		const char *where;

		in.n = sizes[s];
		where = leaves(call);
		if (where)
			print_error("%s, %s, %u items: left in %s\n", backend, name, in.n, where);
		found += where != NULL;
	}
	return found;
}

/* ---- That it finds something ---- */

static void leave_on_stack(void *argument)
{
	struct lm_key key = in.key[0];

	(void)argument;
	__asm__ volatile("" : : "r"(&key) : "memory");
}

static void leave_in_register(void *argument)
{
	(void)argument;
	__asm__ volatile("movups %0, %%xmm11" : : "m"(in.key[0]) : "xmm11");
}

__attribute__((target("avx512f"))) static void leave_in_high_register(void *argument)
{
	(void)argument;
	__asm__ volatile("vpbroadcastq %0, %%zmm29" : : "m"(in.key[0]) : "xmm29");
}

static void leave_in_general_register(void *argument)
{
	(void)argument;
	__asm__ volatile("movq %0, %%r9" : : "m"(in.key[0]) : "r9");
}

/* Eight bytes in a row show nothing here. */
static void leave_in_pieces(void *argument)
{
	uint8_t piece[32];

	(void)argument;
	for (unsigned i = 0; i < sizeof(piece); i++)
		piece[i] = in.key[0].b[i] & 0x0f;
	__asm__ volatile("" : : "r"(piece) : "memory");
}

static void leave_in_context(void *argument)
{
	(void)argument;
	memcpy((uint8_t *)context + 1001, &in.key[0], sizeof(in.key[0]));
}

static struct lm_symmetric *context_new(const char *backend)
{
	size_t len = (lm_symmetric_size() + LM_SYMMETRIC_ALIGN - 1) / LM_SYMMETRIC_ALIGN *
		     LM_SYMMETRIC_ALIGN;
	void *memory = aligned_alloc(LM_SYMMETRIC_ALIGN, len);

	assert_non_null(memory);
	return lm_symmetric_init(memory, backend, NULL);
}

static void context_free(void)
{
	free(context);
	context = NULL;
}

static bool finds(void (*call)(void *argument))
{
	draw_secrets();
	residue_run(&first, call, NULL, context, context ? lm_symmetric_size() : 0);
	return residue_find(&first, &in.key[0], sizeof(in.key[0])) != NULL;
}

static void a_key_left_on_purpose_is_found(void **state)
{
	(void)state;
	assert_true(finds(leave_on_stack) && leaves(leave_on_stack));
	assert_true(finds(leave_in_register) && leaves(leave_in_register));
	assert_true(finds(leave_in_general_register) && leaves(leave_in_general_register));
	assert_false(finds(leave_in_pieces));
	assert_non_null(leaves(leave_in_pieces));
	if (lm_cpu_has(LM_CPU_AVX512))
		assert_true(finds(leave_in_high_register) && leaves(leave_in_high_register));
	context = context_new("auto");
	assert_true(finds(leave_in_context) && leaves(leave_in_context));
	context_free();
}

/* ---- lib/x25519 ---- */

static void burst(void *argument)
{
	(void)argument;
	in.good = lm_x25519_burst(in.out, in.secret, in.point, in.n);
}

static void each(void *argument)
{
	(void)argument;
	in.good = lm_x25519_each_burst(in.out, in.secret, in.point, in.n);
}

static void base(void *argument)
{
	(void)argument;
	lm_x25519_base_burst(in.out, in.secret, in.n);
}

static void x25519_leaves_nothing(void **state)
{
	unsigned found = 0;

	(void)state;
	for (unsigned b = 0; lm_x25519_backend_name(b); b++) {
		const char *backend = lm_x25519_backend_name(b);

		if (!lm_x25519_backend_usable(b))
			continue;
		assert_int_equal(lm_x25519_select(backend, NULL), 0);
		found += count_left(backend, "one secret", burst);
		found += count_left(backend, "a secret each", each);
		found += count_left(backend, "public keys", base);
	}
	assert_int_equal(found, 0);
}

/* ---- lib/symmetric ---- */

static void chacha20_first(void *argument)
{
	(void)argument;
	lm_symmetric_chacha20_first(context, in.block, in.key, in.nonce, in.n);
}

static void chacha20_rest(void *argument)
{
	(void)argument;
	lm_symmetric_chacha20_rest(context, to, from, LEN, in.key, in.nonce, in.n);
}

static void hchacha20(void *argument)
{
	(void)argument;
	lm_symmetric_hchacha20(context, in.subkey, in.key, in.input, in.n);
}

static void poly1305(void *argument)
{
	(void)argument;
	lm_symmetric_poly1305(context, in.mac, in.mac_key, from, LEN, in.n);
}

static void aead_seal(void *argument)
{
	(void)argument;
	lm_symmetric_aead_seal(context, in.mac, to, LEN - 16, in.key, in.nonce, in.n);
}

/* One of the burst is forged. */
static void aead_open(void *argument)
{
	uint64_t wanted = UINT64_MAX >> (64 - in.n) & ~(UINT64_C(1) << in.n / 2);

	aead_seal(argument);
	in.mac[in.n / 2].b[3] ^= 1;
	LM_ASSERT(lm_symmetric_aead_open(context, to, LEN - 16, in.mac, in.key, in.nonce, NULL,
					 in.n) == wanted);
}

static void blake2b(void *argument)
{
	(void)argument;
	lm_symmetric_blake2b(context, in.block[0].b, sizeof(in.block[0]), in.text[0], 104,
			     "sixteen letters!", in.n);
}

static void wb_encrypt(void *argument)
{
	(void)argument;
	lm_symmetric_wb_encrypt(context, to, LEN, in.key, in.n);
}

static void wb_decrypt(void *argument)
{
	(void)argument;
	lm_symmetric_wb_decrypt(context, to, LEN, in.key, in.n);
}

static void symmetric_leaves_nothing(void **state)
{
	unsigned found = 0;

	(void)state;
	for (unsigned b = 0; lm_symmetric_backend_name(b); b++) {
		const char *backend = lm_symmetric_backend_name(b);

		if (!lm_symmetric_backend_usable(b))
			continue;
		context = context_new(backend);
		found += count_left(backend, "first ChaCha20 block", chacha20_first);
		found += count_left(backend, "ChaCha20 stream", chacha20_rest);
		found += count_left(backend, "HChaCha20", hchacha20);
		found += count_left(backend, "Poly1305", poly1305);
		found += count_left(backend, "BLAKE2b", blake2b);
		found += count_left(backend, "ChaCha20-Poly1305, seal", aead_seal);
		found += count_left(backend, "ChaCha20-Poly1305, open", aead_open);
		found += count_left(backend, "wide block, encrypt", wb_encrypt);
		found += count_left(backend, "wide block, decrypt", wb_decrypt);
		context_free();
	}
	assert_int_equal(found, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_left_on_purpose_is_found),
		cmocka_unit_test(x25519_leaves_nothing),
		cmocka_unit_test(symmetric_leaves_nothing),
	};

	if (lm_base_init(NULL) != 0)
		return 1;
	copy = malloc(lm_symmetric_size());
	if (!copy)
		return 1;
	lm_rand(in.point, sizeof(in.point));
	lm_rand(in.nonce, sizeof(in.nonce));
	lm_rand(in.input, sizeof(in.input));
	for (unsigned i = 0; i < N; i++)
		from[i] = to[i] = in.text[i];
	return RUN_TESTS(tests);
}
