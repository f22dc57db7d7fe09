/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/topology: proofs of possession of mix and link keys. What is proved is checked against
 * libsodium's Ed25519 with the formulas of FORMAT.md written out again, and every way to a false
 * proof fails.
 */
#include <sodium.h>
#include <string.h>

#include "lm_topology_descriptor.h"
#include "testing.h"

/* The order of the base point, and a point of order 8 that libsodium knows as small. */
#define ORDER   "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010"
#define ORDER_8 "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"

/* (1 + y) / (1 - y) for the sum of the key whose secret is all sevens and that point. */
#define MIXED_U "5af8922e95b31b0d50d02e6811e0c4d8c7d76866dfd916d3ce7c151d9f36ad4d"

/* A proof that is good, and what it is about. */
struct proved {
	struct lm_secret secret;
	struct lm_point pk;
	struct lm_verifier identity;
	struct lm_key_proof proof;
	uint32_t id, epoch;
};

static struct proved prove(uint8_t fill)
{
	struct proved proved = {.id = 12, .epoch = 0x01020304};

	memset(proved.secret.b, fill, sizeof(proved.secret.b));
	memset(proved.identity.b, 0x77, sizeof(proved.identity.b));
	lm_key_prove(&proved.proof, &proved.pk, &proved.secret, proved.id, &proved.identity,
		     proved.epoch);
	return proved;
}

static bool is_good(const struct proved *proved)
{
	return lm_key_proved(&proved->proof, &proved->pk, proved->id, &proved->identity,
			     proved->epoch);
}

/* M of FORMAT.md, written out. */
static void write_message(uint8_t message[56], const struct proved *proved)
{
	memcpy(message, "linemix-mixkey-1", 16);
	for (unsigned i = 0; i < 4; i++) {
		message[16 + i] = (uint8_t)(proved->epoch >> 8 * i);
		message[20 + i] = (uint8_t)(proved->id >> 8 * i);
	}
	memcpy(message + 24, proved->identity.b, 32);
}

/* SHA-512(R || A || M) modulo the order. */
static void hash_challenge(uint8_t h[32], const uint8_t r[32], const uint8_t a[32],
			   const struct proved *proved)
{
	uint8_t text[120], hash[64];

	memcpy(text, r, 32);
	memcpy(text + 32, a, 32);
	write_message(text + 64, proved);
	crypto_hash_sha512(hash, text, sizeof(text));
	crypto_core_ed25519_scalar_reduce(h, hash);
}

static void proof_is_an_ed25519_signature_under_the_edwards_form(void **state)
{
	uint8_t message[56], montgomery[32];

	(void)state;
	for (unsigned fill = 0; fill < 64; fill++) {
		struct proved proved = prove((uint8_t)(fill * 5 + 1));

		assert_true(is_good(&proved));
		write_message(message, &proved);
		assert_int_equal(crypto_sign_verify_detached(proved.proof.b + 32, message,
							     sizeof(message), proved.proof.b),
				 0);
		assert_int_equal(crypto_sign_ed25519_pk_to_curve25519(montgomery, proved.proof.b),
				 0);
		assert_memory_equal(montgomery, proved.pk.b, 32);
		assert_int_equal(crypto_scalarmult_curve25519_base(montgomery, proved.secret.b), 0);
		assert_memory_equal(montgomery, proved.pk.b, 32);
	}
}

static void edges_of_secrets_are_proved(void **state)
{
	(void)state;
	for (unsigned fill = 0; fill < 2; fill++) {
		struct proved proved = prove(fill ? 0xff : 0);

		assert_true(is_good(&proved)); /* clamped: 2^254, and 2^255 - 8 */
	}
}

static void proof_of_another_claim_is_refused(void **state)
{
	struct proved proved = prove(3), other = prove(4), changed = proved;

	(void)state;
	changed.id++;
	assert_false(is_good(&changed));
	changed = proved;
	changed.epoch++;
	assert_false(is_good(&changed));
	changed = proved;
	changed.id = proved.epoch; /* nor do the two numbers change places */
	changed.epoch = proved.id;
	assert_false(is_good(&changed));
	changed = proved;
	changed.identity.b[31] ^= 0x80;
	assert_false(is_good(&changed));
	changed = proved;
	changed.pk = other.pk;
	assert_false(is_good(&changed));
	changed.proof = other.proof;
	assert_true(is_good(&changed)); /* both of the other key: good again */
}

static void every_bit_of_a_proof_counts(void **state)
{
	(void)state;
	for (unsigned bit = 0; bit < 8 * sizeof(struct lm_key_proof); bit++) {
		struct proved proved = prove(5);

		proved.proof.b[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (is_good(&proved))
			fail_msg("bit %u of the proof does not count", bit);
	}
}

/* s + L satisfies the same equation; there is one proof and not several. */
static void s_above_the_order_is_refused(void **state)
{
	struct proved proved = prove(6);
	uint8_t order[32];
	unsigned carry = 0;

	(void)state;
	unhex(order, ORDER, sizeof(order));
	for (unsigned i = 0; i < 32; i++) {
		carry += proved.proof.b[64 + i] + order[i];
		proved.proof.b[64 + i] = (uint8_t)carry;
		carry >>= 8;
	}
	assert_int_equal(carry, 0);
	assert_false(is_good(&proved));
}

/*
 * A with a point of small order added: with a challenge that is a multiple of 8 the equation holds,
 * though A is no multiple of the base point. Nonces are tried until the challenge is one.
 */
static void key_of_mixed_order_is_refused(void **state)
{
	struct proved proved = prove(7);
	uint8_t torsion[32], a[32], r[32], nonce[32] = {1}, h[32], scalar[32], wide[64] = {0};
	uint8_t message[56];

	(void)state;
	unhex(torsion, ORDER_8, sizeof(torsion));
	assert_int_equal(crypto_core_ed25519_add(a, proved.proof.b, torsion), 0);
	do {
		nonce[0]++;
		assert_int_equal(crypto_scalarmult_ed25519_base_noclamp(r, nonce), 0);
		hash_challenge(h, r, a, &proved);
	} while ((h[0] & 7) != 0);
	memset(wide, 7, 32);
	wide[0] &= 248;
	wide[31] = (uint8_t)((wide[31] & 127) | 64);
	crypto_core_ed25519_scalar_reduce(scalar, wide);
	crypto_core_ed25519_scalar_mul(h, h, scalar);
	crypto_core_ed25519_scalar_add(proved.proof.b + 64, h, nonce);
	memcpy(proved.proof.b, a, 32);
	memcpy(proved.proof.b + 32, r, 32);
	write_message(message, &proved);
	assert_int_equal(crypto_sign_verify_detached(proved.proof.b + 32, message, sizeof(message),
						     a),
			 0); /* the signature alone would do */
	unhex(proved.pk.b, MIXED_U, sizeof(proved.pk.b));
	assert_false(is_good(&proved));
}

static void key_of_small_order_is_refused(void **state)
{
	static const char *const points[] = {
		"0100000000000000000000000000000000000000000000000000000000000000",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0000000000000000000000000000000000000000000000000000000000000080",
		ORDER_8,
	};
	struct proved proved = prove(8);

	(void)state;
	for (unsigned i = 0; i < LM_COUNT(points); i++) {
		unhex(proved.proof.b, points[i], 32);
		memcpy(proved.proof.b + 32, proved.proof.b, 32);
		memset(proved.proof.b + 64, 0, 32);
		memset(proved.pk.b, 0, sizeof(proved.pk.b));
		assert_false(is_good(&proved));
		proved.pk.b[0] = 1;
		assert_false(is_good(&proved));
	}
}

static void fill_with_zeros(void *out, size_t n)
{
	memset(out, 0, n);
}

/*
 * With a generator that gives the same always, two messages must not be signed with one nonce: r
 * would be the same, and the secret the quotient of two differences.
 */
static void stuck_generator_gives_no_nonce_twice(void **state)
{
	struct proved first, same, other, changed;

	(void)state;
	lm_rand_replace(fill_with_zeros);
	first = prove(9);
	same = prove(9);
	other = prove(10);
	changed = first;
	lm_key_prove(&changed.proof, &changed.pk, &changed.secret, changed.id, &changed.identity,
		     changed.epoch + 1);
	lm_rand_replace(NULL);
	assert_memory_equal(&first.proof, &same.proof, sizeof(first.proof));
	assert_memory_not_equal(first.proof.b + 32, other.proof.b + 32, 32);
	assert_memory_not_equal(first.proof.b + 32, changed.proof.b + 32, 32);
}

static void nonce_is_drawn_afresh(void **state)
{
	struct proved first = prove(11), second = prove(11);

	(void)state;
	assert_memory_equal(first.proof.b, second.proof.b, 32);
	assert_memory_not_equal(first.proof.b + 32, second.proof.b + 32, 32);
}

static void link_key_is_proved_for_one_node(void **state)
{
	struct lm_secret secret = {{12}};
	struct lm_verifier identity = {{13}}, other = {{14}};
	struct lm_key_proof proof, second;
	struct lm_point pk, montgomery;
	uint8_t message[52] = "linemix-linkey-1";

	(void)state;
	lm_link_prove(&proof, &pk, &secret, 0x01020304, &identity);
	assert_true(lm_link_proved(&proof, &pk, 0x01020304, &identity));
	assert_int_equal(crypto_scalarmult_curve25519_base(montgomery.b, secret.b), 0);
	assert_memory_equal(montgomery.b, pk.b, 32);
	memcpy(message + 16, "\x04\x03\x02\x01", 4);
	memcpy(message + 20, identity.b, 32);
	assert_int_equal(crypto_sign_verify_detached(proof.b + 32, message, sizeof(message),
						     proof.b),
			 0);
	assert_false(lm_link_proved(&proof, &pk, 0x01020305, &identity));
	assert_false(lm_link_proved(&proof, &pk, 0x01020304, &other));
	for (unsigned bit = 0; bit < 8 * sizeof(proof); bit++) {
		second = proof;
		second.b[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(lm_link_proved(&second, &pk, 0x01020304, &identity));
	}
}

/* One secret in both places: what is proved for one is nothing for the other. */
static void proofs_of_link_and_mix_keys_are_no_proofs_of_each_other(void **state)
{
	struct proved proved = prove(15);
	struct lm_key_proof proof;
	struct lm_point pk;

	(void)state;
	lm_link_prove(&proof, &pk, &proved.secret, proved.id, &proved.identity);
	assert_memory_equal(&pk, &proved.pk, sizeof(pk));
	assert_false(lm_key_proved(&proof, &pk, proved.id, &proved.identity, proved.epoch));
	assert_false(lm_link_proved(&proved.proof, &pk, proved.id, &proved.identity));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(proof_is_an_ed25519_signature_under_the_edwards_form),
		cmocka_unit_test(edges_of_secrets_are_proved),
		cmocka_unit_test(proof_of_another_claim_is_refused),
		cmocka_unit_test(every_bit_of_a_proof_counts),
		cmocka_unit_test(s_above_the_order_is_refused),
		cmocka_unit_test(key_of_mixed_order_is_refused),
		cmocka_unit_test(key_of_small_order_is_refused),
		cmocka_unit_test(stuck_generator_gives_no_nonce_twice),
		cmocka_unit_test(nonce_is_drawn_afresh),
		cmocka_unit_test(link_key_is_proved_for_one_node),
		cmocka_unit_test(proofs_of_link_and_mix_keys_are_no_proofs_of_each_other),
	};

	if (lm_base_init(NULL) != 0)
		return 1;
	return RUN_TESTS(tests);
}
