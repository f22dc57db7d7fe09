/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/mix, batch strategy: nothing leaves in the interval in which it came, the pace is even, and a
 * batch that is too small waits for company or cover. That every order is as likely as any other is
 * shown by mix_statistics.c.
 *
 * Time is a number here and the seeds are fixed, so every run is the same.
 */
#include <math.h>
#include <string.h>

#include "mix_testing.h"

#define INTERVAL 1000
#define CAPACITY 4096

static const struct lm_mix_params usual = {
	.strategy = LM_MIX_BATCH,
	.interval_us = INTERVAL,
	.min_batch = 1,
	.max_wait_us = INTERVAL,
};

static struct lm_mix *make_mix(uint32_t capacity, const struct lm_mix_params *params)
{
	return mix_make(params, capacity, 0);
}

static void add_range(struct lm_mix *mix, uint64_t first, unsigned n, uint64_t now_us)
{
	mix_add_range(mix, first, n, 0, now_us);
}

static void strategies_have_names(void **state)
{
	enum lm_mix_strategy strategy;

	(void)state;
	assert_string_equal(lm_mix_strategy_name(LM_MIX_BATCH), "batch");
	assert_string_equal(lm_mix_strategy_name(LM_MIX_POOL), "pool");
	assert_string_equal(lm_mix_strategy_name(LM_MIX_POISSON), "poisson");
	assert_null(lm_mix_strategy_name((enum lm_mix_strategy)99));
	assert_true(lm_mix_strategy_parse(&strategy, "batch"));
	assert_int_equal(strategy, LM_MIX_BATCH);
	assert_true(lm_mix_strategy_parse(&strategy, "poisson"));
	assert_int_equal(strategy, LM_MIX_POISSON);
	assert_false(lm_mix_strategy_parse(&strategy, "Batch"));
	assert_false(lm_mix_strategy_parse(&strategy, ""));
}

static void order_within_a_paced_batch_is_equally_likely(void **state)
{
	struct lm_mix *mix = make_mix(5, &usual);
	uint32_t count[24] = {0};

	(void)state;
	for (unsigned draw = 0; draw < 24 * 400; draw++) {
		uint64_t start_us = (2ull * draw + 1) * INTERVAL;
		struct lm_mix_item item[4];

		add_range(mix, 1, 4, start_us - 1);
		for (unsigned i = 0; i < 4; i++)
			assert_int_equal(lm_mix_take(mix, &item[i], 4, start_us + i * INTERVAL / 4),
					 1);
		count[mix_rank_of(item, 4)]++;
	}
	mix_assert_uniform(count, 24);
	free(mix);
}

static void long_batch_is_a_permutation_without_trace_of_arrival(void **state)
{
	struct lm_mix *mix = make_mix(CAPACITY, &usual);
	struct lm_mix_item item[CAPACITY];
	double sum = 0;
	bool seen[CAPACITY + 1] = {false};

	(void)state;
	add_range(mix, 1, CAPACITY, 0);
	assert_int_equal(lm_mix_take(mix, item, CAPACITY, 2 * INTERVAL - 1), CAPACITY);
	for (unsigned i = 0; i < CAPACITY; i++) {
		assert_false(seen[mix_number_of(&item[i])]);
		seen[mix_number_of(&item[i])] = true;
		sum += (i - (CAPACITY - 1) / 2.0) *
		       (mix_number_of(&item[i]) - (CAPACITY + 1) / 2.0);
	}
	/* Correlation of arrival and leaving: standard deviation 1 / sqrt(n - 1). */
	sum /= CAPACITY * ((double)CAPACITY * CAPACITY - 1) / 12;
	assert_true(fabs(sum) < 5 / sqrt(CAPACITY - 1));
	free(mix);
}

static void nothing_leaves_in_its_own_interval(void **state)
{
	struct lm_mix *mix = make_mix(CAPACITY, &usual);

	(void)state;
	add_range(mix, 1, 10, 0);
	assert_int_equal(mix_take_all(mix, INTERVAL - 1), 0);
	add_range(mix, 11, 10, INTERVAL - 1);
	assert_int_equal(mix_take_all(mix, INTERVAL - 1), 0);
	add_range(mix, 21, 7, INTERVAL);
	assert_int_equal(mix_take_all(mix, 2 * INTERVAL - 1), 20);
	assert_int_equal(mix_take_all(mix, 3 * INTERVAL - 1), 7);
	assert_int_equal(lm_mix_held(mix), 0);
	free(mix);
}

static void batch_leaves_evenly_over_the_interval(void **state)
{
	static const unsigned sizes[] = {1, 3, 7, 1000, 4096};

	(void)state;
	for (size_t s = 0; s < LM_COUNT(sizes); s++) {
		struct lm_mix *mix = make_mix(CAPACITY, &usual);
		unsigned left = 0;

		add_range(mix, 1, sizes[s], 0);
		for (unsigned t = 0; t < INTERVAL; t++) {
			left += mix_take_all(mix, INTERVAL + t);
			assert_int_equal(left, (sizes[s] * (t + 1) + INTERVAL - 1) / INTERVAL);
		}
		assert_int_equal(left, sizes[s]);
		free(mix);
	}
}

static void small_batch_waits_for_company(void **state)
{
	struct lm_mix_params params = usual;
	struct lm_mix *mix;

	(void)state;
	params.min_batch = 5;
	params.max_wait_us = 100 * INTERVAL;
	mix = make_mix(CAPACITY, &params);
	add_range(mix, 1, 4, 10);
	assert_int_equal(mix_take_all(mix, 2 * INTERVAL - 1), 0);
	assert_int_equal(mix_take_all(mix, 5 * INTERVAL + 1), 0);
	add_range(mix, 5, 1, 5 * INTERVAL + 2);
	assert_int_equal(mix_take_all(mix, 6 * INTERVAL - 1), 0);
	assert_int_equal(mix_take_all(mix, 7 * INTERVAL - 1), 5);
	free(mix);
}

/* Adds n items that came by one link. */
static void add_from(struct lm_mix *mix, uint16_t from, unsigned n, uint64_t now_us)
{
	for (unsigned i = 0; i < n; i++) {
		struct lm_mix_item item = {.packet = &item, .from = from, .to = 1};

		assert_int_equal(lm_mix_add(mix, &item, 1, now_us), 1);
	}
}

static void batch_waits_for_enough_neighbours(void **state)
{
	struct lm_mix_params params = usual;
	struct lm_mix *mix;

	(void)state;
	params.min_batch = 3;
	params.min_neighbours = 3;
	params.max_wait_us = 100 * INTERVAL;
	mix = make_mix(CAPACITY, &params);
	/* own cover is no neighbour, and none counts twice */
	add_from(mix, 7, 10, 0);
	add_from(mix, LM_MIX_OWN, 10, INTERVAL);
	add_from(mix, LM_MIX_OWN - 1, 10, 2 * INTERVAL);
	add_from(mix, 7, 10, 3 * INTERVAL);
	assert_int_equal(mix_take_all(mix, 5 * INTERVAL), 0);
	add_from(mix, 0, 1, 5 * INTERVAL + 1);
	assert_true(lm_mix_next_us(mix) == 6 * INTERVAL);
	assert_int_equal(mix_take_all(mix, 7 * INTERVAL - 1), 41);
	/* the next batch counts anew */
	add_from(mix, 7, 5, 7 * INTERVAL);
	add_from(mix, 0, 5, 7 * INTERVAL);
	assert_int_equal(mix_take_all(mix, 9 * INTERVAL), 0);
	assert_true(lm_mix_next_us(mix) == 107 * INTERVAL);
	add_from(mix, LM_MIX_OWN - 1, 1, 9 * INTERVAL);
	assert_true(lm_mix_next_us(mix) == 10 * INTERVAL);
	free(mix);
}

static void neighbours_no_longer_count_after_the_longest_wait(void **state)
{
	struct lm_mix_params params = usual;
	struct lm_mix *mix;

	(void)state;
	params.min_batch = 3;
	params.min_neighbours = 2;
	params.max_wait_us = 4 * INTERVAL;
	mix = make_mix(CAPACITY, &params);
	add_from(mix, 7, 5, 1);
	assert_true(lm_mix_next_us(mix) == 4 * INTERVAL);
	assert_int_equal(mix_take_all(mix, 4 * INTERVAL - 1), 0);
	assert_int_equal(lm_mix_wanted(mix, 4 * INTERVAL), 0);
	assert_int_equal(mix_take_all(mix, 5 * INTERVAL - 1), 5);
	free(mix);
}

/* From the last end that the oldest may wait for, and not before, cover is asked for. */
static void cover_is_wanted_after_the_longest_wait(void **state)
{
	(void)state;
	for (uint64_t came_us = 0; came_us < INTERVAL; came_us += 37) {
		for (uint64_t wait_us = INTERVAL; wait_us < 5 * INTERVAL; wait_us += 123) {
			struct lm_mix_params params = usual;
			uint64_t start_us = (came_us + wait_us) / INTERVAL * INTERVAL;
			struct lm_mix *mix;

			params.min_batch = 100;
			params.max_wait_us = wait_us;
			mix = make_mix(CAPACITY, &params);
			add_range(mix, 1, 1, came_us);
			if (start_us > INTERVAL)
				add_range(mix, 2, 1, INTERVAL); /* the oldest counts */
			assert_true(lm_mix_next_us(mix) == start_us);
			assert_int_equal(mix_take_all(mix, start_us - 1), 0);
			assert_int_equal(lm_mix_wanted(mix, start_us - 1), 0);
			assert_int_equal(lm_mix_wanted(mix, start_us), 100 - lm_mix_held(mix));
			free(mix);
		}
	}
}

static void planted_packet_never_leaves_alone(void **state)
{
	struct lm_mix_params params = usual;
	struct lm_mix *mix;

	(void)state;
	params.min_batch = 32;
	params.max_wait_us = 2 * INTERVAL;
	mix = make_mix(CAPACITY, &params);
	add_from(mix, 7, 1, 0);
	for (unsigned i = 1; i < 1000; i++) {
		assert_int_equal(mix_take_all(mix, i * INTERVAL), 0);
		assert_int_equal(lm_mix_wanted(mix, i * INTERVAL), i < 2 ? 0 : 31);
	}
	assert_true(lm_mix_next_us(mix) == UINT64_MAX);
	free(mix);
}

static void batch_filled_with_cover_leaves_from_then_on(void **state)
{
	struct lm_mix_params params = usual;
	uint64_t full_us = 5 * INTERVAL + 250;
	struct lm_mix *mix;

	(void)state;
	params.min_batch = 10;
	params.max_wait_us = 2 * INTERVAL;
	mix = make_mix(CAPACITY, &params);
	add_from(mix, 7, 1, 0);
	assert_int_equal(lm_mix_wanted(mix, 5 * INTERVAL), 9);
	add_from(mix, LM_MIX_OWN, 5, 5 * INTERVAL);
	add_from(mix, 8, 1, 5 * INTERVAL); /* company counts as well */
	assert_int_equal(lm_mix_wanted(mix, 5 * INTERVAL), 3);
	assert_int_equal(mix_take_all(mix, full_us), 0);
	add_from(mix, LM_MIX_OWN, 3, full_us);
	assert_int_equal(lm_mix_wanted(mix, full_us), 0);
	for (unsigned i = 0; i < 10; i++) {
		struct lm_mix_item item;

		assert_true(lm_mix_next_us(mix) == full_us + i * INTERVAL / 10);
		assert_int_equal(lm_mix_take(mix, &item, 10, full_us + i * INTERVAL / 10), 1);
	}
	free(mix);
}

static void next_batch_overtakes_one_filled_with_cover(void **state)
{
	struct lm_mix_params params = usual;
	struct lm_mix *mix;

	(void)state;
	params.min_batch = 2;
	params.max_wait_us = INTERVAL;
	mix = make_mix(CAPACITY, &params);
	add_from(mix, 7, 1, 0);
	assert_int_equal(lm_mix_wanted(mix, INTERVAL + 900), 1);
	add_from(mix, LM_MIX_OWN, 1, INTERVAL + 900);
	assert_int_equal(mix_take_all(mix, INTERVAL + 900), 1);
	/* the second is due at 2 INTERVAL + 400; a batch of 20 that starts before takes it along */
	add_from(mix, 7, 19, INTERVAL + 900);
	assert_true(lm_mix_next_us(mix) == 2 * INTERVAL);
	assert_int_equal(mix_take_all(mix, 2 * INTERVAL), 1);
	assert_true(lm_mix_next_us(mix) == 2 * INTERVAL + 50);
	assert_int_equal(mix_take_all(mix, 3 * INTERVAL - 1), 19);
	free(mix);
}

static void full_mix_waits_for_nobody(void **state)
{
	struct lm_mix_params params = usual;
	struct lm_mix *mix;

	(void)state;
	params.min_batch = 100;
	params.max_wait_us = 50 * INTERVAL;
	mix = make_mix(6, &params);
	add_range(mix, 1, 6, 0);
	assert_int_equal(mix_take_all(mix, 2 * INTERVAL - 1), 6);
	free(mix);
}

static void no_more_is_wanted_than_there_is_room_for(void **state)
{
	struct lm_mix_params params = usual;
	struct lm_mix *mix;

	(void)state;
	params.min_batch = 6;
	mix = make_mix(8, &params);
	add_range(mix, 1, 6, 0);
	assert_int_equal(mix_take_all(mix, INTERVAL), 1);
	add_range(mix, 1, 1, INTERVAL);
	assert_int_equal(lm_mix_wanted(mix, 2 * INTERVAL), 2); /* 5 are missing, 6 are held */
	free(mix);
}

static void stay_of_a_batch_is_bounded(void **state)
{
	struct lm_mix_params params = usual;

	(void)state;
	params.max_wait_us = 7 * INTERVAL;
	assert_int_equal(lm_mix_stay_us(&params, 12345), 9 * INTERVAL);
	params.max_wait_us = UINT64_MAX - 1;
	assert_true(lm_mix_stay_us(&params, 0) == UINT64_MAX);
	assert_int_equal(lm_mix_delay_max_us(&params), 0);
}

static void evict_gives_everything_in_mixed_order(void **state)
{
	uint32_t count[24] = {0};

	(void)state;
	for (unsigned draw = 0; draw < 24 * 400; draw++) {
		struct lm_mix *mix = mix_make(&usual, 9, 0);
		uint8_t seed[32] = {0};
		struct lm_mix_item item[5];

		lm_store_u32(seed, draw);
		assert_ptr_equal(lm_mix_init(mix, 9, &usual, seed, 0), mix);
		mix_add_range(mix, 1, 2, 77, 0);
		mix_add_range(mix, 3, 2, 77, INTERVAL);
		assert_int_equal(lm_mix_evict(mix, item, 3, INTERVAL), 3);
		assert_int_equal(lm_mix_evict(mix, item + 3, 2, INTERVAL), 1);
		assert_int_equal(lm_mix_evict(mix, item + 4, 1, INTERVAL), 0);
		for (unsigned i = 0; i < 4; i++)
			assert_int_equal(item[i].delay_us, 0);
		count[mix_rank_of(item, 4)]++;
		free(mix);
	}
	mix_assert_uniform(count, 24);
}

static void endless_wait_never_ends(void **state)
{
	struct lm_mix_params params = usual;
	struct lm_mix *mix;

	(void)state;
	params.min_batch = 2;
	params.max_wait_us = UINT64_MAX;
	mix = make_mix(4, &params);
	add_range(mix, 1, 1, 500);
	assert_int_equal(mix_take_all(mix, UINT64_C(1) << 60), 0);
	assert_true(lm_mix_next_us(mix) > UINT64_MAX - INTERVAL);
	free(mix);
}

static void leftovers_join_the_next_batch(void **state)
{
	struct lm_mix *mix = make_mix(CAPACITY, &usual);
	struct lm_mix_item item[CAPACITY];
	unsigned old_in_first_half = 0;

	(void)state;
	add_range(mix, 1, 1000, 0);
	add_range(mix, 1001, 1000, INTERVAL);
	assert_int_equal(lm_mix_take(mix, item, 1, 2 * INTERVAL - 1), 1);
	assert_int_equal(lm_mix_take(mix, item, CAPACITY, 2 * INTERVAL + INTERVAL / 2), 1002);
	for (unsigned i = 0; i < 1002; i++)
		old_in_first_half += mix_number_of(&item[i]) <= 1000;
	assert_in_range(old_in_first_half, 400, 600);
	assert_int_equal(mix_take_all(mix, 3 * INTERVAL - 1), 997);
	free(mix);
}

static void leftovers_without_new_batch_are_due_at_once(void **state)
{
	struct lm_mix_params params = usual;
	struct lm_mix *mix;

	(void)state;
	params.min_batch = 2;
	params.max_wait_us = 100 * INTERVAL;
	mix = make_mix(CAPACITY, &params);
	add_range(mix, 1, 10, 0);
	assert_int_equal(mix_take_all(mix, INTERVAL), 1);
	add_range(mix, 11, 1, INTERVAL);
	assert_int_equal(mix_take_all(mix, 2 * INTERVAL), 9);
	assert_int_equal(lm_mix_held(mix), 1);
	free(mix);
}

static void time_may_jump_over_any_number_of_intervals(void **state)
{
	struct lm_mix *mix = make_mix(CAPACITY, &usual);
	uint64_t now_us = 3;

	(void)state;
	for (unsigned round = 0; round < 20; round++) {
		add_range(mix, 1, 10, now_us);
		assert_int_equal(mix_take_all(mix, now_us), 0);
		now_us += UINT64_C(1) << (2 * round + 12);
		assert_int_equal(mix_take_all(mix, now_us), 10);
	}
	assert_int_equal(lm_mix_held(mix), 0);
	free(mix);
}

static void drain_makes_everything_due_in_mixed_order(void **state)
{
	uint32_t count[24] = {0};
	struct lm_mix *mix = NULL;

	(void)state;
	for (unsigned draw = 0; draw < 24 * 400; draw++) {
		uint8_t seed[32] = {0};
		struct lm_mix_item item[4];

		memcpy(seed, &draw, sizeof(draw));
		free(mix);
		mix = make_mix(9, &usual);
		assert_ptr_equal(lm_mix_init(mix, 9, &usual, seed, 0), mix);
		add_range(mix, 1, 2, 0);
		add_range(mix, 3, 2, INTERVAL); /* two leave, two are collected */
		lm_mix_drain(mix);
		assert_true(lm_mix_next_us(mix) == INTERVAL);
		assert_int_equal(lm_mix_take(mix, item, 4, INTERVAL), 4);
		count[mix_rank_of(item, 4)]++;
	}
	mix_assert_uniform(count, 24);
	assert_true(lm_mix_next_us(mix) == UINT64_MAX);
	add_range(mix, 1, 3, INTERVAL);
	assert_int_equal(mix_take_all(mix, INTERVAL), 3);
	free(mix);
}

static void next_us_says_when_take_gives(void **state)
{
	struct lm_mix_params params = usual;
	struct lm_mix_item item[3];
	struct lm_prng prng;
	uint64_t now_us = 0;
	struct lm_mix *mix;

	(void)state;
	params.min_batch = 20;
	params.max_wait_us = 4 * INTERVAL + 1;
	mix = make_mix(100, &params);
	lm_prng_init(&prng, (const uint8_t[32]){1});
	assert_true(lm_mix_next_us(mix) == UINT64_MAX);
	for (unsigned round = 0; round < 20000; round++) {
		uint64_t next_us;

		if (lm_mix_held(mix) < 60 && lm_prng_below(&prng, 4) == 0)
			add_range(mix, 1, lm_prng_below(&prng, 20), now_us);
		next_us = lm_mix_next_us(mix);
		assert_true((next_us == UINT64_MAX) == (lm_mix_held(mix) == 0));
		if (next_us == UINT64_MAX)
			continue;
		assert_true(next_us >= now_us);
		if (next_us > now_us)
			assert_int_equal(lm_mix_take(mix, item, 3, next_us - 1), 0);
		assert_true(lm_mix_next_us(mix) == next_us);
		now_us = next_us + (lm_prng_below(&prng, 3) ? 0 : lm_prng_below(&prng, 700));
		if (lm_mix_wanted(mix, now_us) > 0)
			add_range(mix, 1, lm_mix_wanted(mix, now_us), now_us);
		assert_int_not_equal(lm_mix_take(mix, item, 3, now_us), 0);
	}
	free(mix);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(strategies_have_names),
		cmocka_unit_test(order_within_a_paced_batch_is_equally_likely),
		cmocka_unit_test(long_batch_is_a_permutation_without_trace_of_arrival),
		cmocka_unit_test(nothing_leaves_in_its_own_interval),
		cmocka_unit_test(batch_leaves_evenly_over_the_interval),
		cmocka_unit_test(small_batch_waits_for_company),
		cmocka_unit_test(batch_waits_for_enough_neighbours),
		cmocka_unit_test(neighbours_no_longer_count_after_the_longest_wait),
		cmocka_unit_test(cover_is_wanted_after_the_longest_wait),
		cmocka_unit_test(planted_packet_never_leaves_alone),
		cmocka_unit_test(batch_filled_with_cover_leaves_from_then_on),
		cmocka_unit_test(next_batch_overtakes_one_filled_with_cover),
		cmocka_unit_test(full_mix_waits_for_nobody),
		cmocka_unit_test(no_more_is_wanted_than_there_is_room_for),
		cmocka_unit_test(stay_of_a_batch_is_bounded),
		cmocka_unit_test(evict_gives_everything_in_mixed_order),
		cmocka_unit_test(endless_wait_never_ends),
		cmocka_unit_test(leftovers_join_the_next_batch),
		cmocka_unit_test(leftovers_without_new_batch_are_due_at_once),
		cmocka_unit_test(time_may_jump_over_any_number_of_intervals),
		cmocka_unit_test(drain_makes_everything_due_in_mixed_order),
		cmocka_unit_test(next_us_says_when_take_gives),
	};

	return RUN_TESTS(tests);
}
