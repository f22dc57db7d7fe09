/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/mix, pool strategy: what begins a flush and what it leaves alone, whatever the pace of the
 * caller. The laws of flushes are in mix_statistics.c. Seeds are fixed, so every run is the same.
 */
#include "mix_testing.h"

#define TICK     1000
#define CAPACITY 4096

/* Flushes only by the threshold, and in these everything leaves. */
static const struct lm_mix_params by_threshold = {
	.strategy = LM_MIX_POOL,
	.interval_us = UINT64_C(1) << 60,
	.threshold = 100,
	.flush_ppm = 1,
};

/* Every tick is a flush; half of the items stay. */
static const struct lm_mix_params by_tick = {
	.strategy = LM_MIX_POOL,
	.interval_us = TICK,
	.threshold = CAPACITY,
	.flush_ppm = 1000000,
	.stay_ppm = 500000,
};

static void pool_beyond_its_threshold_is_flushed_at_once(void **state)
{
	struct lm_mix *mix = mix_make(&by_threshold, CAPACITY, 0);

	(void)state;
	mix_add_range(mix, 1, 100, 0, 5);
	assert_int_equal(mix_take_all(mix, 50), 0);
	assert_true(lm_mix_next_us(mix) > 50);
	mix_add_range(mix, 101, 1, 0, 60);
	assert_true(lm_mix_next_us(mix) == 60);
	assert_int_equal(mix_take_all(mix, 60), 101);
	assert_true(lm_mix_next_us(mix) == UINT64_MAX);
	free(mix);
}

static void share_stays_back_until_the_pool_grows_again(void **state)
{
	struct lm_mix_params params = by_threshold;
	struct lm_mix *mix;
	uint32_t left;

	(void)state;
	params.stay_ppm = 900000;
	params.threshold = 50;
	mix = mix_make(&params, CAPACITY, 0);
	mix_add_range(mix, 1, 50, 0, 0);
	for (unsigned i = 0; i < 5; i++) {
		struct lm_mix_item item[200];

		for (unsigned j = 0; j < 200; j++)
			item[j] = mix_numbered(100, 0);
		assert_int_equal(lm_mix_add(mix, item, 200, i), 200);
		left = mix_take_all(mix, i);
		assert_in_range(left, 5, lm_mix_held(mix) / 4);
		/* still beyond the threshold, but nothing came */
		assert_int_equal(mix_take_all(mix, i), 0);
		assert_int_equal(lm_mix_add(mix, item, 0, i), 0);
		assert_int_equal(mix_take_all(mix, i), 0);
	}
	free(mix);
}

static void tick_flushes_what_came_before_it(void **state)
{
	struct lm_mix_params params = by_tick;
	struct lm_mix *mix;
	struct lm_mix_item item[100];

	(void)state;
	params.stay_ppm = 0;
	mix = mix_make(&params, CAPACITY, 0);
	mix_add_range(mix, 1, 50, 0, 999);
	assert_true(lm_mix_next_us(mix) == TICK);
	assert_int_equal(mix_take_all(mix, 999), 0);
	/* the caller is late, and adds before it takes */
	mix_add_range(mix, 51, 50, 0, TICK);
	assert_int_equal(lm_mix_take(mix, item, 100, TICK), 50);
	for (unsigned i = 0; i < 50; i++)
		assert_in_range(mix_number_of(&item[i]), 1, 50);
	assert_true(lm_mix_next_us(mix) == 2 * TICK);
	assert_int_equal(mix_take_all(mix, 2 * TICK), 50);
	free(mix);
}

/* One item at a time, with newcomers between: the flush is of those who were there. */
static void flush_goes_on_over_many_calls(void **state)
{
	struct lm_mix_params params = by_tick;
	struct lm_mix *mix;
	unsigned left = 0;

	(void)state;
	params.interval_us = 1000 * TICK;
	mix = mix_make(&params, CAPACITY, 0);
	mix_add_range(mix, 1, 1000, 0, 0);
	for (uint64_t now_us = 1000 * TICK;; now_us++) {
		struct lm_mix_item item;

		if (lm_mix_next_us(mix) > now_us)
			break;
		assert_int_equal(lm_mix_take(mix, &item, 1, now_us), 1);
		assert_in_range(mix_number_of(&item), 1, 1000);
		mix_add_range(mix, 1001 + left, 1, 0, now_us);
		left++;
	}
	assert_in_range(left, 420, 580); /* 5 standard deviations */
	assert_int_equal(lm_mix_held(mix), 1000);
	assert_true(lm_mix_next_us(mix) == 2000 * TICK);
	free(mix);
}

/* A flush that is asked for while another is on follows it, over all that is held then. */
static void next_flush_waits_for_the_last(void **state)
{
	struct lm_mix_params params = by_tick;
	struct lm_mix_item item[100];
	struct lm_mix *mix;

	(void)state;
	params.stay_ppm = 0;
	mix = mix_make(&params, CAPACITY, 0);
	mix_add_range(mix, 1, 50, 0, 0);
	assert_int_equal(lm_mix_take(mix, item, 10, TICK), 10);
	mix_add_range(mix, 51, 20, 0, TICK);
	assert_int_equal(lm_mix_take(mix, item, 30, 2 * TICK), 30);
	for (unsigned i = 0; i < 30; i++)
		assert_in_range(mix_number_of(&item[i]), 1, 50);
	mix_add_range(mix, 71, 5, 0, 2 * TICK);
	assert_int_equal(lm_mix_take(mix, item, 100, 2 * TICK), 35);
	assert_int_equal(lm_mix_held(mix), 0);
	free(mix);
}

static void any_number_of_ticks_may_pass(void **state)
{
	struct lm_mix_params params = by_tick;
	struct lm_mix *mix;
	uint64_t now_us = 3;

	(void)state;
	mix = mix_make(&params, CAPACITY, 0);
	for (unsigned round = 6; round < 50; round++) {
		mix_add_range(mix, 1, 100, 0, now_us);
		now_us += UINT64_C(1) << (round + 10);
		assert_int_equal(mix_take_all(mix, now_us), 100); /* 2^-64 each to stay */
		assert_true(lm_mix_next_us(mix) == UINT64_MAX);
	}
	/* rare flushes: some come in a jump of 10^6 ticks, and the next tick lies ahead */
	params.flush_ppm = 10;
	params.stay_ppm = 999999;
	free(mix);
	mix = mix_make(&params, CAPACITY, 0);
	mix_add_range(mix, 1, CAPACITY, 0, 0);
	assert_true(lm_mix_next_us(mix) > TICK);
	assert_true(mix_take_all(mix, UINT64_C(1000000) * TICK) < 10);
	assert_true(lm_mix_next_us(mix) > UINT64_C(1000000) * TICK);
	assert_int_equal(lm_mix_next_us(mix) % TICK, 0);
	/* and by the end of time all has gone */
	assert_int_not_equal(mix_take_all(mix, UINT64_MAX), 0);
	assert_int_equal(lm_mix_held(mix), 0);
	free(mix);
}

static void drain_makes_everything_due_in_mixed_order(void **state)
{
	uint32_t count[24] = {0};

	(void)state;
	for (unsigned draw = 0; draw < 24 * 400; draw++) {
		struct lm_mix *mix = mix_make(&by_tick, 5, 0);
		uint8_t seed[32] = {0};
		struct lm_mix_item item[5];

		lm_store_u32(seed, draw);
		assert_ptr_equal(lm_mix_init(mix, 5, &by_tick, seed, 0), mix);
		mix_add_range(mix, 1, 3, 0, 0);
		lm_mix_drain(mix);
		assert_true(lm_mix_next_us(mix) == 0);
		mix_add_range(mix, 4, 1, 0, 1);
		assert_int_equal(lm_mix_take(mix, item, 4, 1), 4);
		count[mix_rank_of(item, 4)]++;
		mix_add_range(mix, 4, 2, 0, 2);
		assert_int_equal(mix_take_all(mix, 2), 2);
		free(mix);
	}
	mix_assert_uniform(count, 24);
}

static void drain_takes_along_what_a_flush_has_begun(void **state)
{
	struct lm_mix *mix = mix_make(&by_tick, CAPACITY, 0);
	struct lm_mix_item item[10];

	(void)state;
	mix_add_range(mix, 1, 1000, 0, 0);
	assert_int_equal(lm_mix_take(mix, item, 10, TICK), 10);
	mix_add_range(mix, 1001, 10, 0, TICK);
	lm_mix_drain(mix);
	assert_int_equal(mix_take_all(mix, TICK), 1000);
	free(mix);
}

static void evict_gives_everything(void **state)
{
	struct lm_mix *mix = mix_make(&by_tick, CAPACITY, 0);
	struct lm_mix_item item[CAPACITY];
	bool seen[101] = {false};

	(void)state;
	mix_add_range(mix, 1, 100, 5555, 0);
	assert_int_equal(lm_mix_evict(mix, item, 60, 10), 60);
	assert_int_equal(lm_mix_evict(mix, item + 60, CAPACITY, 10), 40);
	for (unsigned i = 0; i < 100; i++) {
		assert_false(seen[mix_number_of(&item[i])]);
		seen[mix_number_of(&item[i])] = true;
		assert_int_equal(item[i].delay_us, 0);
	}
	assert_int_equal(lm_mix_evict(mix, item, CAPACITY, 10), 0);
	free(mix);
}

static void stay_is_the_quantile_of_one_in_a_million(void **state)
{
	struct lm_mix_params params = by_tick;

	(void)state;
	assert_int_equal(lm_mix_stay_us(&params, 7), 20 * TICK); /* 2^-20 < 10^-6 < 2^-19 */
	params.flush_ppm = 500000;
	assert_int_equal(lm_mix_stay_us(&params, 7), 49 * TICK); /* 0.75^49 < 10^-6 */
	params.flush_ppm = 1000000;
	params.stay_ppm = 0;
	assert_int_equal(lm_mix_stay_us(&params, 7), TICK);
	params.interval_us = UINT64_MAX / 2;
	params.stay_ppm = 999999;
	assert_true(lm_mix_stay_us(&params, 7) == UINT64_MAX);
	assert_int_equal(lm_mix_delay_max_us(&params), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(pool_beyond_its_threshold_is_flushed_at_once),
		cmocka_unit_test(share_stays_back_until_the_pool_grows_again),
		cmocka_unit_test(tick_flushes_what_came_before_it),
		cmocka_unit_test(flush_goes_on_over_many_calls),
		cmocka_unit_test(next_flush_waits_for_the_last),
		cmocka_unit_test(any_number_of_ticks_may_pass),
		cmocka_unit_test(drain_makes_everything_due_in_mixed_order),
		cmocka_unit_test(drain_takes_along_what_a_flush_has_begun),
		cmocka_unit_test(evict_gives_everything),
		cmocka_unit_test(stay_is_the_quantile_of_one_in_a_million),
	};

	return RUN_TESTS(tests);
}
