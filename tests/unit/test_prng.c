/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/base, numbers from the fast-erasure generator: they are its stream, each once, and gone from
 * its state when they are handed out. Their laws are in mix_statistics.c.
 */
#include <math.h>

#include "testing.h"

static const uint8_t seed[32] = {9};

/* Numbers are the stream's bytes in order; what a stretch's end leaves too short is left out. */
static void numbers_are_the_stream(void **state)
{
	struct lm_prng numbers, bytes;
	uint8_t skipped[4];

	(void)state;
	lm_prng_init(&numbers, seed);
	lm_prng_init(&bytes, seed);
	lm_prng_bytes(&numbers, skipped, 2);
	lm_prng_bytes(&bytes, skipped, 2);
	for (unsigned i = 0; i < 1000; i++) {
		size_t left = sizeof(bytes.pool) - bytes.used;
		uint8_t next[4];

		if (left < 4)
			lm_prng_bytes(&bytes, skipped, left);
		lm_prng_bytes(&bytes, next, 4);
		assert_int_equal(lm_prng_u32(&numbers), lm_load_u32(next));
	}
}

static void numbers_are_erased(void **state)
{
	struct lm_prng prng;
	uint32_t value[4];

	(void)state;
	lm_prng_init(&prng, seed);
	for (unsigned i = 0; i < 1000; i++) {
		for (unsigned k = 0; k < 4; k++)
			value[k] = lm_prng_u32(&prng);
		assert_false(contains(&prng, sizeof(prng), &value[3], 4));
		assert_true(lm_is_zero(prng.pool, prng.used));
	}
}

/* The key that made a stretch is gone as soon as it is made. */
static void key_changes_with_every_stretch(void **state)
{
	struct lm_prng prng;
	uint8_t key[32];
	unsigned changes = 0;

	(void)state;
	lm_prng_init(&prng, seed);
	assert_false(contains(&prng, sizeof(prng), seed, 32));
	for (unsigned i = 0; i < 10 * sizeof(prng.pool) / 4 + 1; i++) {
		memcpy(key, prng.key, sizeof(key));
		(void)lm_prng_below(&prng, 1000);
		if (memcmp(key, prng.key, sizeof(key)) != 0) {
			assert_false(contains(&prng, sizeof(prng), key, 32));
			changes++;
		}
	}
	assert_int_equal(changes, 10);
}

static void small_bounds_are_exact(void **state)
{
	struct lm_prng prng;
	unsigned seen = 0;

	(void)state;
	lm_prng_init(&prng, seed);
	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(lm_prng_below(&prng, 1), 0);
		assert_true(lm_prng_below(&prng, UINT32_MAX) < UINT32_MAX);
		seen |= 1u << lm_prng_below(&prng, 3);
	}
	assert_int_equal(seen, 7);
}

static void exponentials_have_mean_and_tail(void **state)
{
	struct lm_prng prng;
	double sum = 0, square = 0;
	unsigned long long long_ones = 0;

	(void)state;
	lm_prng_init(&prng, seed);
	for (unsigned i = 0; i < 1000000; i++) {
		uint64_t time_us = lm_prng_exponential_us(&prng, UINT32_MAX);
		double times = (double)time_us / UINT32_MAX;

		assert_true(times <= 44.4);
		sum += times;
		square += times * times;
		long_ones += times > 7;
		assert_int_equal(lm_prng_exponential_us(&prng, 0), 0);
	}
	/* five standard deviations each: 1, sqrt(20) and sqrt(912) thousandths */
	assert_true(fabs(sum / 1e6 - 1) < 0.005);
	assert_true(fabs(square / 1e6 - 2) < 0.0224);
	assert_in_range(long_ones, 912 - 151, 912 + 151);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_the_stream),
		cmocka_unit_test(numbers_are_erased),
		cmocka_unit_test(key_changes_with_every_stretch),
		cmocka_unit_test(small_bounds_are_exact),
		cmocka_unit_test(exponentials_have_mean_and_tail),
	};

	return RUN_TESTS(tests);
}
