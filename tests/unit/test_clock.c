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

static bool ask(int64_t *skew_us, const int64_t *skew, unsigned n, uint64_t age_us)
{
	struct clock_sample sample[CLOCK_SAMPLES + 8] = {{0}};

	for (unsigned i = 0; i < n; i++)
		sample[i] = (struct clock_sample){skew[i], NOW_US - age_us};
	return clock_skew(skew_us, sample, n, NOW_US);
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

/* The monotonic clock goes on and what was said stays right; the own clock's jump shows. */
static void a_jump_of_the_own_clock_shows_in_what_was_said_before(void **state)
{
	const uint64_t then_us = NOW_US - 100 * SECOND, wall_then_us = FROM_S * SECOND;
	const int64_t skew_us = (int64_t)(wall_then_us - then_us);
	const struct clock_sample sample[] = {{skew_us, then_us},
					      {skew_us + 200, then_us},
					      {skew_us - 100, then_us}};
	uint64_t wall_us = wall_then_us + 100 * SECOND;
	int64_t said_us, theirs_us;

	(void)state;
	assert_true(clock_skew(&said_us, sample, 3, NOW_US));
	theirs_us = said_us + (int64_t)NOW_US;
	assert_true(theirs_us == (int64_t)wall_us);
	assert_true(clock_reached_us(wall_us, theirs_us) == wall_us);
	/* an hour ahead: their time counts. An hour back: the own one, which it has reached too */
	assert_true(clock_reached_us(wall_us + 3600 * SECOND, theirs_us) == wall_us);
	assert_true(clock_reached_us(wall_us - 3600 * SECOND, theirs_us) ==
		    wall_us - 3600 * SECOND);
}

static void small_differences_leave_the_own_clock(void **state)
{
	const uint64_t wall_us = FROM_S * SECOND;

	(void)state;
	for (int64_t off = -CLOCK_LIMIT_US; off <= CLOCK_LIMIT_US; off += CLOCK_LIMIT_US / 4)
		assert_true(clock_reached_us(wall_us, (int64_t)wall_us + off) == wall_us);
	assert_true(clock_reached_us(wall_us, (int64_t)wall_us - CLOCK_LIMIT_US - 1) ==
		    wall_us - CLOCK_LIMIT_US - 1);
}

/* Zero would be the documents' own time, and before it there is none. */
static void a_majority_of_liars_makes_no_time_that_is_none(void **state)
{
	static const int64_t lies[] = {INT64_MIN, -1, 0, 1};
	int64_t said[3], skew_us;

	(void)state;
	for (unsigned i = 0; i < LM_COUNT(lies); i++) {
		said[0] = said[1] = said[2] = lies[i];
		assert_true(ask(&skew_us, said, 3, 0));
		assert_in_range(clock_reached_us(FROM_S * SECOND, skew_us + (int64_t)NOW_US),
				CLOCK_LEAST_US, FROM_S * SECOND);
		assert_true(clock_reached_us(FROM_S * SECOND, -(INT64_C(1) << 60)) ==
			    CLOCK_LEAST_US);
		assert_true(clock_reached_us(0, lies[i] < 0 ? 0 : lies[i]) == CLOCK_LEAST_US);
	}
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
		cmocka_unit_test(a_jump_of_the_own_clock_shows_in_what_was_said_before),
		cmocka_unit_test(small_differences_leave_the_own_clock),
		cmocka_unit_test(a_majority_of_liars_makes_no_time_that_is_none),
		cmocka_unit_test(a_clock_is_useless_outside_three_epochs),
	};

	return RUN_TESTS(tests);
}
