/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libsodium under MemorySanitizer, which does not see into it: the linker (--wrap) puts these in
 * front of each function that the library calls with secrets. An output is secret if any input is,
 * and public otherwise. What happens inside libsodium is not checked here.
 */
#include <sanitizer/msan_interface.h>
#include <sodium.h>

#include "shims.h"

bool shim_any_secret(const void *memory, size_t n)
{
	return memory != NULL && __msan_test_shadow(memory, n) >= 0;
}

void shim_mark(void *memory, size_t n, bool secret)
{
	if (secret)
		__msan_poison(memory, n);
	else
		__msan_unpoison(memory, n);
}

WRAPPED(int, crypto_scalarmult_curve25519, (uint8_t * q, const uint8_t *n, const uint8_t *p))
{
	bool secret = shim_any_secret(n, 32) || shim_any_secret(p, 32);
	int result = __real_crypto_scalarmult_curve25519(q, n, p);

	shim_mark(q, 32, secret);
	shim_mark(&result, sizeof(result), secret);
	return result;
}

/* The result is always 0. */
WRAPPED(int, crypto_scalarmult_curve25519_base, (uint8_t * q, const uint8_t *n))
{
	bool secret = shim_any_secret(n, 32);
	int result = __real_crypto_scalarmult_curve25519_base(q, n);

	shim_mark(q, 32, secret);
	return result;
}

WRAPPED(int, crypto_stream_chacha20_ietf,
	(uint8_t * out, unsigned long long len, const uint8_t *nonce, const uint8_t *key))
{
	bool secret = shim_any_secret(nonce, 12) || shim_any_secret(key, 32);
	int result = __real_crypto_stream_chacha20_ietf(out, len, nonce, key);

	shim_mark(out, len, secret);
	return result;
}

WRAPPED(int, crypto_stream_chacha20_ietf_xor_ic,
	(uint8_t * out, const uint8_t *in, unsigned long long len, const uint8_t *nonce,
	 uint32_t counter, const uint8_t *key))
{
	bool secret = shim_any_secret(nonce, 12) || shim_any_secret(key, 32) ||
		      shim_any_secret(&counter, sizeof(counter)) || shim_any_secret(in, len);
	int result = __real_crypto_stream_chacha20_ietf_xor_ic(out, in, len, nonce, counter, key);

	shim_mark(out, len, secret);
	return result;
}

WRAPPED(int, crypto_core_hchacha20,
	(uint8_t * out, const uint8_t *in, const uint8_t *key, const uint8_t *constant))
{
	bool secret = shim_any_secret(in, 16) || shim_any_secret(key, 32);
	int result = __real_crypto_core_hchacha20(out, in, key, constant);

	shim_mark(out, 32, secret);
	return result;
}

WRAPPED(int, crypto_generichash_blake2b_salt_personal,
	(uint8_t * out, size_t out_len, const uint8_t *in, unsigned long long len,
	 const uint8_t *key, size_t key_len, const uint8_t *salt, const uint8_t *person))
{
	bool secret = shim_any_secret(in, len) || shim_any_secret(key, key_len);
	int result = __real_crypto_generichash_blake2b_salt_personal(out, out_len, in, len, key,
								     key_len, salt, person);

	shim_mark(out, out_len, secret);
	return result;
}

WRAPPED(int, crypto_verify_16, (const uint8_t *a, const uint8_t *b))
{
	bool secret = shim_any_secret(a, 16) || shim_any_secret(b, 16);
	int result = __real_crypto_verify_16(a, b);

	shim_mark(&result, sizeof(result), secret);
	return result;
}

WRAPPED(int, sodium_is_zero, (const uint8_t *memory, size_t n))
{
	bool secret = shim_any_secret(memory, n);
	int result = __real_sodium_is_zero(memory, n);

	shim_mark(&result, sizeof(result), secret);
	return result;
}

WRAPPED(void, sodium_memzero, (void *memory, size_t n))
{
	__real_sodium_memzero(memory, n);
	shim_mark(memory, n, false);
}
