/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Proofs of possession of mix and link keys. An X25519 secret is used as an Ed25519 scalar
 * (FORMAT.md): what is proved is knowledge of the logarithm of A, whose Montgomery form is the key;
 * either sign of A will do, since A stands in the proof.
 *
 * The nonce is random and hedged: it is hashed from fresh randomness, the secret and the message,
 * so that a generator that repeats itself gives the same proof again and never two proofs that
 * share a nonce, from which the secret could be solved. Secrets are on the stack and wiped.
 */
#include <sodium.h>
#include <string.h>

#include "lm_topology_descriptor.h"

#define LABEL_LEN 16
#define MIX_KEY   "linemix-mixkey-1"
#define LINK_KEY  "linemix-linkey-1"
#define NONCE     "linemix-mixkey-nonce-1"
#define BODY_LEN  (LABEL_LEN + 4 + 4 + 32)

_Static_assert(sizeof(MIX_KEY) - 1 == LABEL_LEN && sizeof(LINK_KEY) - 1 == LABEL_LEN,
	       "the length of M in FORMAT.md");

/* M of FORMAT.md. */
struct message {
	uint8_t b[BODY_LEN];
	size_t len;
};

/* A proof taken apart. */
struct parts {
	uint8_t a[32], r[32], s[32];
};

static struct message message_of_mix_key(uint32_t id, const struct lm_verifier *identity,
					 uint32_t epoch)
{
	struct message message = {.len = BODY_LEN};
	struct lm_cursor cursor = lm_cursor_write(message.b, message.len);

	lm_put_bytes(&cursor, MIX_KEY, LABEL_LEN);
	lm_put_u32(&cursor, epoch);
	lm_put_u32(&cursor, id);
	lm_put_bytes(&cursor, identity->b, sizeof(identity->b));
	LM_ASSERT(lm_cursor_done(&cursor));
	return message;
}

static struct message message_of_link_key(uint32_t id, const struct lm_verifier *identity)
{
	struct message message = {.len = BODY_LEN - 4};
	struct lm_cursor cursor = lm_cursor_write(message.b, message.len);

	lm_put_bytes(&cursor, LINK_KEY, LABEL_LEN);
	lm_put_u32(&cursor, id);
	lm_put_bytes(&cursor, identity->b, sizeof(identity->b));
	LM_ASSERT(lm_cursor_done(&cursor));
	return message;
}

/* The clamped secret modulo the order of the base point; never 0, being a multiple of 8 below 8 L.
 */
static void scalar_of(uint8_t scalar[32], const struct lm_secret *secret)
{
	uint8_t wide[64] = {0};

	memcpy(wide, secret->b, sizeof(secret->b));
	wide[0] &= 248;
	wide[31] = (uint8_t)((wide[31] & 127) | 64);
	crypto_core_ed25519_scalar_reduce(scalar, wide);
	lm_wipe(wide, sizeof(wide));
}

static void draw_nonce(uint8_t nonce[32], const uint8_t scalar[32], const struct message *message)
{
	crypto_hash_sha512_state state;
	uint8_t fresh[64], hash[64];

	lm_rand(fresh, sizeof(fresh));
	crypto_hash_sha512_init(&state);
	crypto_hash_sha512_update(&state, (const uint8_t *)NONCE, sizeof(NONCE) - 1);
	crypto_hash_sha512_update(&state, scalar, 32);
	crypto_hash_sha512_update(&state, fresh, sizeof(fresh));
	crypto_hash_sha512_update(&state, message->b, message->len);
	crypto_hash_sha512_final(&state, hash);
	crypto_core_ed25519_scalar_reduce(nonce, hash);
	lm_wipe(&state, sizeof(state));
	lm_wipe(fresh, sizeof(fresh));
	lm_wipe(hash, sizeof(hash));
}

/* SHA-512(R || A || M) modulo L: public. */
static void challenge(uint8_t scalar[32], const struct parts *parts, const struct message *message)
{
	crypto_hash_sha512_state state;
	uint8_t hash[64];

	crypto_hash_sha512_init(&state);
	crypto_hash_sha512_update(&state, parts->r, sizeof(parts->r));
	crypto_hash_sha512_update(&state, parts->a, sizeof(parts->a));
	crypto_hash_sha512_update(&state, message->b, message->len);
	crypto_hash_sha512_final(&state, hash);
	crypto_core_ed25519_scalar_reduce(scalar, hash);
}

static void prove(struct lm_key_proof *proof, struct lm_point *pk, const struct lm_secret *secret,
		  const struct message *message)
{
	uint8_t scalar[32], nonce[32], h[32];
	struct parts parts;

	scalar_of(scalar, secret);
	draw_nonce(nonce, scalar, message);
	/* Neither is the neutral element: the scalar never, the nonce with probability 2^-252. */
	LM_ASSERT(crypto_scalarmult_ed25519_base_noclamp(parts.a, scalar) == 0);
	LM_ASSERT(crypto_scalarmult_ed25519_base_noclamp(parts.r, nonce) == 0);
	challenge(h, &parts, message);
	crypto_core_ed25519_scalar_mul(h, h, scalar);
	crypto_core_ed25519_scalar_add(parts.s, h, nonce);
	memcpy(proof->b, &parts, sizeof(proof->b));
	lm_x25519_base_burst(pk, secret, 1);
	lm_wipe(scalar, sizeof(scalar));
	lm_wipe(nonce, sizeof(nonce));
	lm_wipe(h, sizeof(h));
}

static bool proved(const struct lm_key_proof *proof, const struct lm_point *pk,
		   const struct message *message)
{
	struct lm_point montgomery;
	struct parts parts;

	_Static_assert(sizeof(parts) == sizeof(proof->b), "A || R || s");
	memcpy(&parts, proof->b, sizeof(parts));
	/* The first refuses what is no point, has small order, or is not in the main subgroup; the
	 * last, what is not canonical. */
	if (crypto_sign_ed25519_pk_to_curve25519(montgomery.b, parts.a) != 0 ||
	    memcmp(montgomery.b, pk->b, sizeof(pk->b)) != 0)
		return false;
	return crypto_sign_verify_detached(proof->b + sizeof(parts.a), message->b, message->len,
					   parts.a) == 0;
}

/* ---- Mix keys ---- */

void lm_key_prove(struct lm_key_proof *proof, struct lm_point *pk, const struct lm_secret *secret,
		  uint32_t id, const struct lm_verifier *identity, uint32_t epoch)
{
	struct message message = message_of_mix_key(id, identity, epoch);

	prove(proof, pk, secret, &message);
}

bool lm_key_proved(const struct lm_key_proof *proof, const struct lm_point *pk, uint32_t id,
		   const struct lm_verifier *identity, uint32_t epoch)
{
	struct message message = message_of_mix_key(id, identity, epoch);

	return proved(proof, pk, &message);
}

/* ---- Link keys ---- */

void lm_link_prove(struct lm_key_proof *proof, struct lm_point *pk, const struct lm_secret *secret,
		   uint32_t id, const struct lm_verifier *identity)
{
	struct message message = message_of_link_key(id, identity);

	prove(proof, pk, secret, &message);
}

bool lm_link_proved(const struct lm_key_proof *proof, const struct lm_point *pk, uint32_t id,
		    const struct lm_verifier *identity)
{
	struct message message = message_of_link_key(id, identity);

	return proved(proof, pk, &message);
}
