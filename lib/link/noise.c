/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See noise.h. Functions have the names of the framework's operations.
 */
#include "noise.h"

#include <sodium.h>
#include <string.h>

#define BLOCK 128 /* of BLAKE2b */

static const char protocol[] = "Noise_IK_25519_ChaChaPoly_BLAKE2b";

_Static_assert(sizeof(protocol) - 1 <= NOISE_HASH, "the name is h as it is, with zeros behind it");
_Static_assert(crypto_generichash_blake2b_BYTES_MAX == NOISE_HASH, "a whole BLAKE2b-512");

static void hash2(struct noise_hash *out, const uint8_t *a, size_t a_len, const uint8_t *b,
		  size_t b_len)
{
	crypto_generichash_blake2b_state state;

	crypto_generichash_blake2b_init(&state, NULL, 0, NOISE_HASH);
	crypto_generichash_blake2b_update(&state, a, a_len);
	crypto_generichash_blake2b_update(&state, b, b_len);
	crypto_generichash_blake2b_final(&state, out->b, NOISE_HASH);
	lm_wipe(&state, sizeof(state));
}

void noise_hmac(struct noise_hash *out, const uint8_t *key, size_t key_len, const uint8_t *data,
		size_t len)
{
	uint8_t inner[BLOCK], outer[BLOCK];

	memset(inner, 0x36, sizeof(inner));
	memset(outer, 0x5c, sizeof(outer));
	for (size_t i = 0; i < key_len; i++) {
		inner[i] ^= key[i];
		outer[i] ^= key[i];
	}
	hash2(out, inner, sizeof(inner), data, len);
	hash2(out, outer, sizeof(outer), out->b, NOISE_HASH);
	lm_wipe(inner, sizeof(inner));
	lm_wipe(outer, sizeof(outer));
}

/* The framework's HKDF with two outputs. */
static void hkdf2(struct noise_hash out[2], const uint8_t ck[NOISE_HASH], const uint8_t *input,
		  size_t len)
{
	uint8_t block[NOISE_HASH + 1];
	struct noise_hash temp;

	noise_hmac(&temp, ck, NOISE_HASH, input, len);
	block[0] = 1;
	noise_hmac(&out[0], temp.b, NOISE_HASH, block, 1);
	memcpy(block, out[0].b, NOISE_HASH);
	block[NOISE_HASH] = 2;
	noise_hmac(&out[1], temp.b, NOISE_HASH, block, sizeof(block));
	lm_wipe(block, sizeof(block));
	lm_wipe(&temp, sizeof(temp));
}

static void mix_hash(struct noise *noise, const uint8_t *data, size_t len)
{
	struct noise_hash h;

	hash2(&h, noise->h, sizeof(noise->h), data, len);
	memcpy(noise->h, h.b, sizeof(noise->h));
}

static void mix_key(struct noise *noise, const struct lm_point *input)
{
	struct noise_hash out[2];

	hkdf2(out, noise->ck, input->b, sizeof(input->b));
	memcpy(noise->ck, out[0].b, sizeof(noise->ck));
	memcpy(noise->k, out[1].b, sizeof(noise->k));
	noise->n = 0;
	lm_wipe(out, sizeof(out));
}

/* Mixes X25519(secret, point) into the key; false if the result is zero. */
static bool mix_dh(struct noise *noise, const struct lm_secret *secret,
		   const struct lm_point *point)
{
	struct lm_point shared;
	int zero = crypto_scalarmult_curve25519(shared.b, secret->b, point->b);

	lm_declassify(&zero, sizeof(zero));
	if (zero == 0)
		mix_key(noise, &shared);
	lm_wipe(&shared, sizeof(shared));
	return zero == 0;
}

/* 0^4 || n u64, little-endian. */
static void make_nonce(uint8_t nonce[12], uint64_t n)
{
	memset(nonce, 0, 4);
	lm_store_u32(nonce + 4, (uint32_t)n);
	lm_store_u32(nonce + 8, (uint32_t)(n >> 32));
}

static void encrypt_and_hash(struct noise *noise, uint8_t *out, const uint8_t *plain, size_t len)
{
	uint8_t nonce[12];

	make_nonce(nonce, noise->n++);
	crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, plain, len, noise->h, sizeof(noise->h),
						  NULL, nonce, noise->k);
	mix_hash(noise, out, len + NOISE_TAG);
}

static bool decrypt_and_hash(struct noise *noise, uint8_t *plain, const uint8_t *in, size_t len)
{
	uint8_t nonce[12];
	int forged;

	make_nonce(nonce, noise->n++);
	forged = crypto_aead_chacha20poly1305_ietf_decrypt(plain, NULL, NULL, in, len + NOISE_TAG,
							   noise->h, sizeof(noise->h), nonce,
							   noise->k);
	lm_declassify(&forged, sizeof(forged));
	if (forged != 0)
		return false;
	mix_hash(noise, in, len + NOISE_TAG);
	return true;
}

void noise_start(struct noise *noise, const uint8_t *prologue, size_t len,
		 const struct lm_point *responder)
{
	memset(noise, 0, sizeof(*noise));
	memcpy(noise->h, protocol, sizeof(protocol) - 1);
	memcpy(noise->ck, noise->h, sizeof(noise->ck));
	mix_hash(noise, prologue, len);
	mix_hash(noise, responder->b, sizeof(responder->b));
}

/* e: writes the public half. */
static void write_ephemeral(struct noise *noise, uint8_t *out, const struct lm_secret *ephemeral)
{
	crypto_scalarmult_curve25519_base(out, ephemeral->b);
	lm_declassify(out, 32);
	mix_hash(noise, out, 32);
}

bool noise_write_initiation(struct noise *noise, uint8_t *out, const struct lm_secret *ephemeral,
			    const struct lm_point *own, const struct lm_point *ss,
			    const struct lm_point *responder, const uint8_t *payload,
			    size_t payload_len)
{
	write_ephemeral(noise, out, ephemeral);
	if (!mix_dh(noise, ephemeral, responder))
		return false;
	encrypt_and_hash(noise, out + 32, own->b, sizeof(own->b));
	mix_key(noise, ss);
	encrypt_and_hash(noise, out + 32 + NOISE_STATIC, payload, payload_len);
	return true;
}

bool noise_read_static(struct noise *noise, struct lm_point *initiator, const uint8_t *in,
		       const struct lm_secret *own)
{
	struct lm_point ephemeral;

	memcpy(ephemeral.b, in, sizeof(ephemeral.b));
	mix_hash(noise, ephemeral.b, sizeof(ephemeral.b));
	return mix_dh(noise, own, &ephemeral) &&
	       decrypt_and_hash(noise, initiator->b, in + 32, sizeof(initiator->b));
}

bool noise_read_payload(struct noise *noise, uint8_t *payload, const uint8_t *in,
			size_t payload_len, const struct lm_point *ss)
{
	mix_key(noise, ss);
	return decrypt_and_hash(noise, payload, in, payload_len);
}

bool noise_write_response(struct noise *noise, uint8_t *out, const struct lm_secret *ephemeral,
			  const struct lm_point *initiator_ephemeral,
			  const struct lm_point *initiator, const uint8_t *payload,
			  size_t payload_len)
{
	write_ephemeral(noise, out, ephemeral);
	if (!mix_dh(noise, ephemeral, initiator_ephemeral) || !mix_dh(noise, ephemeral, initiator))
		return false;
	encrypt_and_hash(noise, out + 32, payload, payload_len);
	return true;
}

bool noise_read_response(struct noise *noise, uint8_t *payload, const uint8_t *in,
			 size_t payload_len, const struct lm_secret *ephemeral,
			 const struct lm_secret *own)
{
	struct lm_point responder_ephemeral;

	memcpy(responder_ephemeral.b, in, sizeof(responder_ephemeral.b));
	mix_hash(noise, responder_ephemeral.b, sizeof(responder_ephemeral.b));
	return mix_dh(noise, ephemeral, &responder_ephemeral) &&
	       mix_dh(noise, own, &responder_ephemeral) &&
	       decrypt_and_hash(noise, payload, in + 32, payload_len);
}

void noise_split(struct noise *noise, struct lm_secret *initiator, struct lm_secret *responder)
{
	struct noise_hash out[2];

	hkdf2(out, noise->ck, NULL, 0);
	memcpy(initiator->b, out[0].b, sizeof(initiator->b));
	memcpy(responder->b, out[1].b, sizeof(responder->b));
	lm_wipe(out, sizeof(out));
	lm_wipe(noise, sizeof(*noise));
}
