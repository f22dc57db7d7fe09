/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The own clock against the neighbours': what a majority says counts, and nobody alone.
 */
#include "clock.h"
#include "testing.h"

#define SECOND INT64_C(1000000)
#define NOW_US UINT64_C(1000000000000)
#define FROM_S UINT64_C(1700000000)
#define SPAN_S 1200

static bool ask(int64_t *offset_us, const int64_t *offset, unsigned n, uint64_t age_us)
{
	struct clock_sample sample[CLOCK_SAMPLES + 8] = {{0}};

	for (unsigned i = 0; i < n; i++)
		sample[i] = (struct clock_sample){offset[i], NOW_US - age_us};
	return clock_offset(offset_us, sample, n, NOW_US);
}

static void three_that_agree_are_believed(void **state)
{
	const int64_t said[] = {5 * SECOND, 5 * SECOND + 300, 5 * SECOND - 200};
	int64_t offset_us;

	(void)state;
	assert_true(ask(&offset_us, said, 3, 0));
	assert_int_equal(offset_us, 5 * SECOND);
	assert_true(ask(&offset_us, said, 3, CLOCK_FRESH_US));
	assert_false(ask(&offset_us, said, 3, CLOCK_FRESH_US + 1));
	assert_false(ask(&offset_us, said, 2, 0));
	assert_false(ask(&offset_us, said, 0, 0));
}

static void a_minority_of_liars_changes_nothing(void **state)
{
	static const int64_t lies[] = {INT64_MIN, INT64_MAX, 3600 * SECOND, -3600 * SECOND};
	int64_t said[5], offset_us;

	(void)state;
	for (unsigned i = 0; i < LM_COUNT(lies); i++) {
		for (unsigned j = 0; j < LM_COUNT(lies); j++) {
			said[0] = lies[i];
			said[1] = 200;
			said[2] = lies[j];
			said[3] = -100;
			said[4] = 100;
			assert_true(ask(&offset_us, said, 5, 0));
			assert_in_range(offset_us + 1000, 900, 1200);
		}
	}
}

static void where_no_majority_agrees_nothing_is_known(void **state)
{
	const int64_t said[] = {-9 * SECOND, 0, 9 * SECOND, 30 * SECOND};
	int64_t offset_us;

	(void)state;
	assert_false(ask(&offset_us, said, 3, 0));
	assert_false(ask(&offset_us, said, 4, 0));
}

static void more_samples_than_are_looked_at_do_no_harm(void **state)
{
	int64_t said[CLOCK_SAMPLES + 8] = {0}, offset_us;

	(void)state;
	assert_true(ask(&offset_us, said, CLOCK_SAMPLES + 8, 0));
	assert_int_equal(offset_us, 0);
}

static void a_clock_is_useless_outside_three_epochs(void **state)
{
	const struct lm_topology topology = {.epoch = 7,
					     .from_s = FROM_S,
					     .until_s = FROM_S + SPAN_S};
	const int64_t at = 10 * SECOND; /* in the epoch */
	const uint64_t wall_us = FROM_S * 1000000 + 10000000;
	static const struct {
		int64_t theirs_s; /* since the epoch's begin */
		enum clock_verdict verdict;
	} want[] = {
		{10, CLOCK_WELL},       {11, CLOCK_WELL},      {12, CLOCK_OFF},
		{8, CLOCK_OFF},         {-1200, CLOCK_OFF},    {-1201, CLOCK_USELESS},
		{2399, CLOCK_OFF},      {2400, CLOCK_USELESS}, {3610, CLOCK_USELESS},
		{-3590, CLOCK_USELESS},
	};

	(void)state;
	for (unsigned i = 0; i < LM_COUNT(want); i++) {
		int64_t offset_us = want[i].theirs_s * SECOND - at;

		assert_int_equal(clock_judge(&topology, 7, wall_us, offset_us), want[i].verdict);
		assert_int_equal(clock_judge(&topology, 8, wall_us + SPAN_S * UINT64_C(1000000),
					     offset_us),
				 want[i].verdict);
	}
	assert_int_equal(clock_judge(&topology, 7, wall_us, INT64_C(1) << 60), CLOCK_USELESS);
	assert_int_equal(clock_judge(&topology, 7, wall_us, -(INT64_C(1) << 60)), CLOCK_USELESS);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_that_agree_are_believed),
		cmocka_unit_test(a_minority_of_liars_changes_nothing),
		cmocka_unit_test(where_no_majority_agrees_nothing_is_known),
		cmocka_unit_test(more_samples_than_are_looked_at_do_no_harm),
		cmocka_unit_test(a_clock_is_useless_outside_three_epochs),
	};

	return RUN_TESTS(tests);
}
