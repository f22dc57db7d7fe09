/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/x25519: the answers of RFC 7748, every usable backend against libsodium at every burst size,
 * small-order and non-canonical points, aliasing, and no step outside the buffers.
 */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "lm_x25519.h"
#include "testing.h"

#define N LM_X25519_BURST

/* Runs a check on every backend that this CPU has. */
static void on_every_backend(void (*check)(void))
{
	for (unsigned i = 0; lm_x25519_backend_name(i); i++) {
		if (!lm_x25519_backend_usable(i))
			continue;
		assert_int_equal(lm_x25519_select(lm_x25519_backend_name(i), NULL), 0);
		check();
	}
	assert_int_equal(lm_x25519_select("auto", NULL), 0);
}

static struct lm_secret secret_of(const char *hex)
{
	struct lm_secret secret;

	unhex(&secret, hex, sizeof(secret));
	return secret;
}

static struct lm_point point_of(const char *hex)
{
	struct lm_point point;

	unhex(&point, hex, sizeof(point));
	return point;
}

/* The answer of libsodium: a mask bit and an all-zero point for a zero result. */
static bool reference(struct lm_point *out, const struct lm_secret *secret,
		      const struct lm_point *point)
{
	if (crypto_scalarmult_curve25519(out->b, secret->b, point->b) == 0)
		return true;
	memset(out, 0, sizeof(*out));
	return false;
}

/* ---- RFC 7748, section 5.2 and 6.1 ---- */

static void check_rfc7748_vectors(void)
{
	static const struct {
		const char *secret, *point, *out;
	} answers[] = {
		{"a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
		 "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
		 "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"},
		{"4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
		 "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
		 "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"},
	};

	for (unsigned i = 0; i < LM_COUNT(answers); i++) {
		struct lm_secret secret = secret_of(answers[i].secret);
		struct lm_point point = point_of(answers[i].point), out;
		struct lm_point want = point_of(answers[i].out);

		assert_int_equal(lm_x25519_burst(&out, &secret, &point, 1), 1);
		assert_memory_equal(&out, &want, sizeof(out));
	}
}

static void gives_the_answers_of_rfc_7748(void **state)
{
	(void)state;
	on_every_backend(check_rfc7748_vectors);
}

static void check_iterated(void)
{
	struct lm_secret k = {{9}};
	struct lm_point u = {{9}}, out;

	for (unsigned i = 1; i <= 1000; i++) {
		assert_int_equal(lm_x25519_burst(&out, &k, &u, 1), 1);
		memcpy(&u, &k, sizeof(u));
		memcpy(&k, &out, sizeof(k));
		if (i == 1)
			assert_memory_equal(
				&out,
				point_of("422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e8031"
					 "1ae3079")
					.b,
				sizeof(out));
	}
	assert_memory_equal(
		&out,
		point_of("684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51").b,
		sizeof(out));
}

static void a_thousand_iterations_give_the_answer_of_rfc_7748(void **state)
{
	(void)state;
	on_every_backend(check_iterated);
}

static void check_diffie_hellman(void)
{
	const struct lm_secret secret[2] = {
		secret_of("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"),
		secret_of("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"),
	};
	static const char *const answer[] = {
		"8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
		"de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
		"4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742",
	};
	struct lm_point public[2], other[2], shared[2], want;

	lm_x25519_base_burst(public, secret, 2);
	for (unsigned i = 0; i < 2; i++) {
		want = point_of(answer[i]);
		assert_memory_equal(&public[i], &want, sizeof(want));
		other[1 - i] = public[i];
	}
	assert_int_equal(lm_x25519_each_burst(shared, secret, other, 2), 3);
	want = point_of(answer[2]);
	assert_memory_equal(&shared[0], &want, sizeof(want));
	assert_memory_equal(&shared[1], &want, sizeof(want));
}

static void both_sides_agree_on_one_secret(void **state)
{
	(void)state;
	on_every_backend(check_diffie_hellman);
}

/* ---- Points at the edges ---- */

static void point_add(struct lm_point *point, int difference)
{
	int carry = difference;

	for (unsigned i = 0; i < sizeof(point->b); i++) {
		carry += point->b[i];
		point->b[i] = (uint8_t)carry;
		carry >>= 8;
	}
}

static const struct lm_point prime = {{0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
				       0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
				       0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
				       0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}};

/* All points of small order on the curve and its twist, canonical and not. */
static const char *const small_order[] = {
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
};

static void check_small_order(void)
{
	struct lm_secret secret;
	struct lm_point good[N], point[N], want[N], out[N];

	lm_rand(&secret, sizeof(secret));
	for (unsigned i = 0; i < N; i++) {
		lm_rand(&good[i], sizeof(good[i]));
		assert_true(reference(&want[i], &secret, &good[i]));
	}
	for (unsigned bad = 0; bad < N; bad++) {
		memcpy(point, good, sizeof(point));
		point[bad] = point_of(small_order[bad % LM_COUNT(small_order)]);
		memset(out, 0xaa, sizeof(out));
		assert_int_equal(lm_x25519_burst(out, &secret, point, N), ~(UINT64_C(1) << bad));
		for (unsigned i = 0; i < N; i++) {
			if (i == bad)
				assert_true(lm_is_zero(&out[i], sizeof(out[i])));
			else
				assert_memory_equal(&out[i], &want[i], sizeof(out[i]));
		}
	}
}

static void small_order_point_gives_zero_and_harms_no_neighbour(void **state)
{
	(void)state;
	on_every_backend(check_small_order);
}

/* Item i of a set of awkward points: near p, and at both ends of the limbs of likely radices. */
static struct lm_point awkward(unsigned i)
{
	static const unsigned limb_bits[] = {52, 51, 29, 26, 25, 64};
	struct lm_point point = {{0}};
	unsigned bits;

	if (i % 2 == 0) {
		point = prime;
		point_add(&point, (int)(i * 37 % 2019) - 2000);
		return point;
	}
	i /= 2;
	bits = i % 8 * limb_bits[i / 8 % LM_COUNT(limb_bits)];
	if (bits < 255)
		point.b[bits / 8] = (uint8_t)(1u << bits % 8);
	point_add(&point, (int)(i / 48 % 7) - 3);
	point.b[31] &= 0x7f;
	return point;
}

static void check_awkward_points(void)
{
	struct lm_secret secret;
	struct lm_point point[N], out[N], want;

	for (unsigned round = 0; round < 32; round++) {
		uint64_t good;

		lm_rand(&secret, sizeof(secret));
		for (unsigned i = 0; i < N; i++)
			point[i] = awkward(round * N + i);
		good = lm_x25519_burst(out, &secret, point, N);
		for (unsigned i = 0; i < N; i++) {
			assert_int_equal(good >> i & 1, reference(&want, &secret, &point[i]));
			assert_memory_equal(&out[i], &want, sizeof(want));
		}
	}
}

static void points_near_p_and_at_limb_ends_are_right(void **state)
{
	(void)state;
	on_every_backend(check_awkward_points);
}

static void points_are_canonical_up_to_p_minus_one(void **state)
{
	struct lm_point point;

	(void)state;
	for (int difference = -300; difference <= 18; difference++) {
		point = prime;
		point_add(&point, difference);
		assert_int_equal(lm_x25519_is_canonical(&point), difference < 0);
		point.b[31] |= 0x80;
		assert_false(lm_x25519_is_canonical(&point));
	}
	point = (struct lm_point){{0}};
	assert_true(lm_x25519_is_canonical(&point));
	for (unsigned i = 1; i < 32; i++) {
		point = prime;
		point.b[0] = 0xff;
		point.b[i]--;
		assert_true(lm_x25519_is_canonical(&point));
	}
}

static void check_bit_255(void)
{
	struct lm_secret secret;
	struct lm_point point[2], out[2];

	lm_rand(&secret, sizeof(secret));
	lm_rand(&point[0], sizeof(point[0]));
	point[0].b[31] &= 0x7f;
	point[1] = point[0];
	point[1].b[31] |= 0x80;
	assert_int_equal(lm_x25519_burst(out, &secret, point, 2), 3);
	assert_memory_equal(&out[0], &out[1], sizeof(out[0]));
}

static void bit_255_is_ignored(void **state)
{
	(void)state;
	on_every_backend(check_bit_255);
}

/* ---- Every size, aliasing, bounds ---- */

static void check_every_size(void)
{
	struct lm_secret secret[N];
	struct lm_point point[N], out[N], each[N], base[N], want;
	static const struct lm_point nine = {{9}};

	for (unsigned n = 1; n <= N; n++) {
		uint64_t all = n < 64 ? (UINT64_C(1) << n) - 1 : UINT64_MAX;

		lm_rand(secret, sizeof(secret));
		lm_rand(point, sizeof(point));
		assert_int_equal(lm_x25519_burst(out, &secret[0], point, n), all);
		assert_int_equal(lm_x25519_each_burst(each, secret, point, n), all);
		lm_x25519_base_burst(base, secret, n);
		for (unsigned i = 0; i < n; i++) {
			assert_true(reference(&want, &secret[0], &point[i]));
			assert_memory_equal(&out[i], &want, sizeof(want));
			assert_true(reference(&want, &secret[i], &point[i]));
			assert_memory_equal(&each[i], &want, sizeof(want));
			assert_true(reference(&want, &secret[i], &nine));
			assert_memory_equal(&base[i], &want, sizeof(want));
		}
	}
}

static void every_backend_equals_libsodium_at_every_burst_size(void **state)
{
	(void)state;
	on_every_backend(check_every_size);
}

static void check_aliasing(void)
{
	struct lm_secret secret[N];
	struct lm_point point[N], out[N], in_place[N];

	lm_rand(secret, sizeof(secret));
	lm_rand(point, sizeof(point));
	memcpy(in_place, point, sizeof(point));
	assert_int_equal(lm_x25519_burst(out, secret, point, N), UINT64_MAX);
	assert_int_equal(lm_x25519_burst(in_place, secret, in_place, N), UINT64_MAX);
	assert_memory_equal(in_place, out, sizeof(out));
	memcpy(in_place, point, sizeof(point));
	assert_int_equal(lm_x25519_each_burst(out, secret, point, N), UINT64_MAX);
	assert_int_equal(lm_x25519_each_burst(in_place, secret, in_place, N), UINT64_MAX);
	assert_memory_equal(in_place, out, sizeof(out));
}

static void the_result_may_replace_the_points(void **state)
{
	(void)state;
	on_every_backend(check_aliasing);
}

static void check_bounds(void)
{
	for (unsigned side = GUARD_AFTER; side <= GUARD_BEFORE; side++)
		for (unsigned n = 1; n <= N; n += 7) {
			struct lm_secret *secret = guarded_alloc(n * sizeof(*secret), side);
			struct lm_point *point = guarded_alloc(n * sizeof(*point), side);
			struct lm_point *out = guarded_alloc(n * sizeof(*out), side);

			lm_rand(secret, n * sizeof(*secret));
			lm_x25519_base_burst(point, secret, n);
			assert_int_not_equal(lm_x25519_burst(out, secret, point, n), 0);
			assert_int_not_equal(lm_x25519_each_burst(out, secret, point, n), 0);
			guarded_free(secret, n * sizeof(*secret), side);
			guarded_free(point, n * sizeof(*point), side);
			guarded_free(out, n * sizeof(*out), side);
		}
}

static void touches_nothing_outside_its_buffers(void **state)
{
	(void)state;
	on_every_backend(check_bounds);
}

/* ---- Choice of the backend ---- */

static void an_unknown_backend_is_refused_with_the_choices(void **state)
{
	struct lm_error err = {""};
	const char *before = lm_x25519_selected();

	(void)state;
	assert_int_equal(lm_x25519_select("abacus", &err), -EINVAL);
	assert_non_null(strstr(err.text, "abacus"));
	assert_non_null(strstr(err.text, "scalar"));
	assert_string_equal(lm_x25519_selected(), before);
}

static void auto_takes_the_first_usable_backend(void **state)
{
	unsigned i = 0;

	(void)state;
	while (!lm_x25519_backend_usable(i))
		i++;
	assert_string_equal(lm_x25519_selected(), lm_x25519_backend_name(i));
	assert_int_equal(lm_x25519_select("scalar", NULL), 0);
	assert_string_equal(lm_x25519_selected(), "scalar");
	assert_int_equal(lm_x25519_select("auto", NULL), 0);
	assert_string_equal(lm_x25519_selected(), lm_x25519_backend_name(i));
}

static int print_skipped_backends(void **state)
{
	(void)state;
	for (unsigned i = 0; lm_x25519_backend_name(i); i++)
		if (!lm_x25519_backend_usable(i))
			printf("# skipped on this CPU: %s\n", lm_x25519_backend_name(i));
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(auto_takes_the_first_usable_backend),
		cmocka_unit_test(an_unknown_backend_is_refused_with_the_choices),
		cmocka_unit_test(gives_the_answers_of_rfc_7748),
		cmocka_unit_test(a_thousand_iterations_give_the_answer_of_rfc_7748),
		cmocka_unit_test(both_sides_agree_on_one_secret),
		cmocka_unit_test(small_order_point_gives_zero_and_harms_no_neighbour),
		cmocka_unit_test(points_near_p_and_at_limb_ends_are_right),
		cmocka_unit_test(points_are_canonical_up_to_p_minus_one),
		cmocka_unit_test(bit_255_is_ignored),
		cmocka_unit_test(every_backend_equals_libsodium_at_every_burst_size),
		cmocka_unit_test(the_result_may_replace_the_points),
		cmocka_unit_test(touches_nothing_outside_its_buffers),
	};

	if (lm_base_init(NULL) != 0)
		return 1;
	testing_rand_seed(25519);
	return RUN_TESTS_AFTER(print_skipped_backends, tests);
}
