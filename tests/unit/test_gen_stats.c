/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * app/gen: the histogram and the rank correlation.
 */
#include <math.h>
#include <string.h>

#include "stats.h"
#include "testing.h"

static struct histogram *new_histogram(void)
{
	struct histogram *histogram = calloc(1, sizeof(*histogram));

	assert_non_null(histogram);
	return histogram;
}

static void small_values_are_exact(void **state)
{
	struct histogram *histogram = new_histogram();

	(void)state;
	for (uint64_t value = 1; value <= 100; value++)
		histogram_add(histogram, value);
	assert_int_equal(histogram->count, 100);
	assert_int_equal(histogram->min, 1);
	assert_int_equal(histogram->max, 100);
	assert_int_equal(histogram_quantile(histogram, 0), 1);
	assert_int_equal(histogram_quantile(histogram, 500), 50);
	assert_int_equal(histogram_quantile(histogram, 990), 99);
	assert_int_equal(histogram_quantile(histogram, 991), 100);
	assert_int_equal(histogram_quantile(histogram, 1000), 100);
	free(histogram);
}

static void every_value_is_found_within_a_64th_above_itself(void **state)
{
	(void)state;
	for (unsigned bits = 0; bits < 64; bits++) {
		for (int64_t beside = -2; beside <= 2; beside++) {
			struct histogram *histogram = new_histogram();
			uint64_t value = (UINT64_C(1) << bits) + (uint64_t)beside;

			/* larger ones above it, so that the maximum does not hide the bucket */
			histogram_add(histogram, value);
			histogram_add(histogram, value);
			histogram_add(histogram, UINT64_MAX);

			uint64_t found = histogram_quantile(histogram, 500);

			assert_true(found >= value);
			assert_true(found - value <= value / 64);
			free(histogram);
		}
	}
}

static void quantiles_of_many_values_are_near_the_sorted_ones(void **state)
{
	static const uint8_t seed[32] = {3};
	struct histogram *histogram = new_histogram();
	struct lm_prng prng;

	(void)state;
	lm_prng_init(&prng, seed);
	for (unsigned i = 0; i < 100000; i++)
		histogram_add(histogram, lm_prng_below(&prng, 10000000));
	assert_in_range(histogram_quantile(histogram, 500), 4900000, 5150000);
	assert_in_range(histogram_quantile(histogram, 990), 9870000, 10000000);
	free(histogram);
}

static void nothing_has_no_quantile(void **state)
{
	struct histogram *histogram = new_histogram();

	(void)state;
	assert_int_equal(histogram_quantile(histogram, 500), 0);
	free(histogram);
}

static void merged_is_as_if_all_had_been_added_to_one(void **state)
{
	struct histogram *a = new_histogram(), *b = new_histogram(), *both = new_histogram();

	(void)state;
	for (uint64_t value = 1; value < 1000000; value = value * 3 / 2 + 1) {
		histogram_add(value % 2 ? a : b, value);
		histogram_add(both, value);
	}
	histogram_merge(a, b);
	assert_memory_equal(a->bucket, both->bucket, sizeof(a->bucket));
	assert_int_equal(a->count, both->count);
	assert_int_equal(a->min, both->min);
	assert_int_equal(a->max, both->max);
	assert_true(histogram_mean(a) == histogram_mean(both));
	memset(b, 0, sizeof(*b));
	histogram_merge(a, b); /* the least value is not that of an empty one */
	assert_int_equal(a->min, 1);
	histogram_merge(b, a);
	assert_memory_equal(a, b, sizeof(*a));
	free(a);
	free(b);
	free(both);
}

static void buckets_cover_all_values_without_gap_or_overlap(void **state)
{
	uint64_t next = 0;

	(void)state;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		uint64_t lowest = histogram_bucket_lowest(i), highest = histogram_bucket_highest(i);

		assert_true(lowest == next && highest >= lowest);
		assert_true(highest - lowest <= lowest / 64);
		assert_int_equal(histogram_bucket_of(lowest), i);
		assert_int_equal(histogram_bucket_of(highest), i);
		next = highest + 1;
	}
	assert_true(next == 0); /* the last one ends with the largest number */
}

static void values_above_are_counted(void **state)
{
	struct histogram *histogram = new_histogram();

	(void)state;
	for (uint64_t value = 1; value <= 100; value++)
		histogram_add(histogram, value);
	assert_int_equal(histogram_above(histogram, 0), 100);
	assert_int_equal(histogram_above(histogram, 99), 1);
	assert_int_equal(histogram_above(histogram, 100), 0);
	assert_true(histogram_mean(histogram) == 50.5);
	free(histogram);
}

static double correlation_of(const uint32_t *arrival, uint32_t n)
{
	struct order order = {0};
	uint64_t scratch[16];

	assert_in_range(n, 0, 16);
	order_add(&order, arrival, scratch, n);
	return order_correlation(&order);
}

static void close_to(double got, double want)
{
	assert_true(fabs(got - want) < 1e-12);
}

static void order_kept_is_one_and_reversed_minus_one(void **state)
{
	static const uint32_t kept[] = {5, 6, 100, 4000000000};
	static const uint32_t reversed[] = {9, 7, 3, 2};

	(void)state;
	close_to(correlation_of(kept, 4), 1);
	close_to(correlation_of(reversed, 4), -1);
	close_to(correlation_of(kept, 1), 0);
	close_to(correlation_of(kept, 0), 0);
}

/* Worked by hand: ranks 2 1 4 3 5 against 1 .. 5 have squares 1 + 1 + 1 + 1 = 4: 1 - 24 / 120. */
static void known_order_has_known_correlation(void **state)
{
	static const uint32_t arrival[] = {20, 10, 40, 30, 50};

	(void)state;
	close_to(correlation_of(arrival, 5), 0.8);
}

static void windows_weigh_their_packets_less_one(void **state)
{
	static const uint32_t kept[] = {1, 2, 3, 4}, reversed[] = {2, 1};
	struct order order = {0};
	uint64_t scratch[4];

	(void)state;
	order_add(&order, kept, scratch, 4);
	order_add(&order, reversed, scratch, 2);
	assert_int_equal(order.windows, 2);
	close_to(order_correlation(&order), (3.0 - 1.0) / 4.0);
	assert_true(order_bound(&order) == 1);
}

/* 2000 windows of 20 in random order: the mean must lie within the bound, and not always at 0. */
static void random_order_stays_within_the_bound(void **state)
{
	static const uint8_t seed[32] = {9};
	uint32_t arrival[20];
	uint64_t scratch[20];
	struct order order = {0};
	struct lm_prng prng;

	(void)state;
	lm_prng_init(&prng, seed);
	for (unsigned w = 0; w < 2000; w++) {
		for (uint32_t i = 0; i < 20; i++) {
			uint32_t j = lm_prng_below(&prng, i + 1);

			arrival[i] = arrival[j];
			arrival[j] = i;
		}
		order_add(&order, arrival, scratch, 20);
	}
	close_to(order_bound(&order), 3.2905 / sqrt(2000 * 19));
	assert_true(fabs(order_correlation(&order)) < order_bound(&order));
	assert_true(order_correlation(&order) != 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_values_are_exact),
		cmocka_unit_test(every_value_is_found_within_a_64th_above_itself),
		cmocka_unit_test(quantiles_of_many_values_are_near_the_sorted_ones),
		cmocka_unit_test(nothing_has_no_quantile),
		cmocka_unit_test(merged_is_as_if_all_had_been_added_to_one),
		cmocka_unit_test(buckets_cover_all_values_without_gap_or_overlap),
		cmocka_unit_test(values_above_are_counted),
		cmocka_unit_test(order_kept_is_one_and_reversed_minus_one),
		cmocka_unit_test(known_order_has_known_correlation),
		cmocka_unit_test(windows_weigh_their_packets_less_one),
		cmocka_unit_test(random_order_stays_within_the_bound),
	};

	return RUN_TESTS(tests);
}
