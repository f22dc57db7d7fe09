/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/mix, batch strategy: every order is as likely as any other, nothing is lost or doubled,
 * nothing leaves in the interval in which it came, and the pace is even.
 *
 * Time is a number here and the seeds are fixed, so every run is the same.
 */
#include <math.h>
#include <string.h>

#include "lm_mix.h"
#include "testing.h"

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
	static const uint8_t seed[32] = "a seed that every run shares";
	void *memory = aligned_alloc(LM_MIX_ALIGN, (lm_mix_size(capacity) + 63) / 64 * 64);

	assert_non_null(memory);
	return lm_mix_init(memory, capacity, params, seed, 0);
}

/* An item that carries a number from 1 on; its other fields follow from it. */
static struct lm_mix_item numbered(uint64_t number)
{
	return (struct lm_mix_item){
		.packet = (void *)(uintptr_t)number,
		.delay_us = (uint32_t)(number * 3),
		.from = (uint16_t)(number * 5),
		.to = (uint16_t)(number * 7),
	};
}

static uint64_t number_of(const struct lm_mix_item *item)
{
	uint64_t number = (uintptr_t)item->packet;

	assert_int_equal(item->delay_us, (uint32_t)(number * 3));
	assert_int_equal(item->from, (uint16_t)(number * 5));
	assert_int_equal(item->to, (uint16_t)(number * 7));
	return number;
}

/* Adds items first .. first + n - 1, all of which must fit. */
static void add_range(struct lm_mix *mix, uint64_t first, unsigned n, uint64_t now_us)
{
	for (unsigned i = 0; i < n; i++) {
		struct lm_mix_item item = numbered(first + i);

		assert_int_equal(lm_mix_add(mix, &item, 1, now_us), 1);
	}
}

static unsigned take_all(struct lm_mix *mix, uint64_t now_us)
{
	struct lm_mix_item item[CAPACITY];

	return lm_mix_take(mix, item, CAPACITY, now_us);
}

/* A fair draw stays below this all but once in far more runs than will ever be made. */
static void assert_uniform(const unsigned *count, unsigned classes, unsigned draws)
{
	double expected = (double)draws / classes;
	double chi_square = 0;

	for (unsigned i = 0; i < classes; i++)
		chi_square += (count[i] - expected) * (count[i] - expected) / expected;
	assert_true(chi_square < (classes - 1) + 6 * sqrt(2.0 * (classes - 1)));
}

/* The rank of an order of 0 .. n - 1 among all n! orders. */
static unsigned rank_of(const struct lm_mix_item *item, unsigned n)
{
	unsigned rank = 0;

	for (unsigned i = 0; i < n; i++) {
		unsigned smaller_behind = 0;

		for (unsigned j = i + 1; j < n; j++)
			smaller_behind += number_of(&item[j]) < number_of(&item[i]);
		rank = rank * (n - i) + smaller_behind;
	}
	return rank;
}

static void strategies_have_names(void **state)
{
	enum lm_mix_strategy strategy;

	(void)state;
	assert_string_equal(lm_mix_strategy_name(LM_MIX_BATCH), "batch");
	assert_null(lm_mix_strategy_name((enum lm_mix_strategy)99));
	assert_true(lm_mix_strategy_parse(&strategy, "batch"));
	assert_int_equal(strategy, LM_MIX_BATCH);
	assert_false(lm_mix_strategy_parse(&strategy, "Batch"));
	assert_false(lm_mix_strategy_parse(&strategy, ""));
}

static void every_order_is_equally_likely(void **state)
{
	(void)state;
	for (unsigned n = 2, orders = 2; n <= 5; n++, orders *= n) {
		struct lm_mix *mix = make_mix(7, &usual);
		unsigned draws = orders * 400;
		unsigned count[120] = {0};

		for (unsigned draw = 0; draw < draws; draw++) {
			uint64_t start_us = (uint64_t)draw * 2 * INTERVAL;
			struct lm_mix_item item[5];

			add_range(mix, 1, n, start_us);
			assert_int_equal(lm_mix_take(mix, item, n, start_us + 2 * INTERVAL - 1), n);
			count[rank_of(item, n)]++;
		}
		assert_uniform(count, orders, draws);
		free(mix);
	}
}

static void order_within_a_paced_batch_is_equally_likely(void **state)
{
	struct lm_mix *mix = make_mix(5, &usual);
	unsigned count[24] = {0};

	(void)state;
	for (unsigned draw = 0; draw < 24 * 400; draw++) {
		uint64_t start_us = (2ull * draw + 1) * INTERVAL;
		struct lm_mix_item item[4];

		add_range(mix, 1, 4, start_us - 1);
		for (unsigned i = 0; i < 4; i++)
			assert_int_equal(lm_mix_take(mix, &item[i], 4, start_us + i * INTERVAL / 4),
					 1);
		count[rank_of(item, 4)]++;
	}
	assert_uniform(count, 24, 24 * 400);
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
		assert_false(seen[number_of(&item[i])]);
		seen[number_of(&item[i])] = true;
		sum += (i - (CAPACITY - 1) / 2.0) * (number_of(&item[i]) - (CAPACITY + 1) / 2.0);
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
	assert_int_equal(take_all(mix, INTERVAL - 1), 0);
	add_range(mix, 11, 10, INTERVAL - 1);
	assert_int_equal(take_all(mix, INTERVAL - 1), 0);
	add_range(mix, 21, 7, INTERVAL);
	assert_int_equal(take_all(mix, 2 * INTERVAL - 1), 20);
	assert_int_equal(take_all(mix, 3 * INTERVAL - 1), 7);
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
			left += take_all(mix, INTERVAL + t);
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
	assert_int_equal(take_all(mix, 2 * INTERVAL - 1), 0);
	assert_int_equal(take_all(mix, 5 * INTERVAL + 1), 0);
	add_range(mix, 5, 1, 5 * INTERVAL + 2);
	assert_int_equal(take_all(mix, 6 * INTERVAL - 1), 0);
	assert_int_equal(take_all(mix, 7 * INTERVAL - 1), 5);
	free(mix);
}

static void nobody_waits_longer_than_allowed(void **state)
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
			assert_int_equal(take_all(mix, start_us - 1), 0);
			assert_int_not_equal(take_all(mix, start_us), 0);
			free(mix);
		}
	}
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
	assert_int_equal(take_all(mix, UINT64_C(1) << 60), 0);
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
		old_in_first_half += number_of(&item[i]) <= 1000;
	assert_in_range(old_in_first_half, 400, 600);
	assert_int_equal(take_all(mix, 3 * INTERVAL - 1), 997);
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
	assert_int_equal(take_all(mix, INTERVAL), 1);
	add_range(mix, 11, 1, INTERVAL);
	assert_int_equal(take_all(mix, 2 * INTERVAL), 9);
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
		assert_int_equal(take_all(mix, now_us), 0);
		now_us += UINT64_C(1) << (2 * round + 12);
		assert_int_equal(take_all(mix, now_us), 10);
	}
	assert_int_equal(lm_mix_held(mix), 0);
	free(mix);
}

static void full_mix_refuses_at_random(void **state)
{
	struct lm_mix *mix = make_mix(5, &usual);
	unsigned refused[8] = {0};

	(void)state;
	add_range(mix, 100, 2, 0);
	for (unsigned draw = 0; draw < 8000; draw++) {
		uint64_t now_us = (uint64_t)draw * 2 * INTERVAL;
		struct lm_mix_item item[8], out[5];
		unsigned all = 0;

		if (draw > 0)
			add_range(mix, 100, 2, now_us);
		for (unsigned i = 0; i < 8; i++)
			item[i] = numbered(i + 1);
		assert_int_equal(lm_mix_add(mix, item, 8, now_us), 3);
		for (unsigned i = 0; i < 8; i++)
			all |= 1u << (number_of(&item[i]) - 1);
		assert_int_equal(all, 0xff);
		for (unsigned i = 3; i < 8; i++)
			refused[number_of(&item[i]) - 1]++;
		assert_int_equal(lm_mix_add(mix, item, 8, now_us), 0);
		assert_int_equal(lm_mix_take(mix, out, 5, now_us + 2 * INTERVAL - 1), 5);
	}
	assert_uniform(refused, 8, 8000 * 5);
	free(mix);
}

static void drain_makes_everything_due_in_mixed_order(void **state)
{
	unsigned count[24] = {0};
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
		count[rank_of(item, 4)]++;
	}
	assert_uniform(count, 24, 24 * 400);
	assert_true(lm_mix_next_us(mix) == UINT64_MAX);
	add_range(mix, 1, 3, INTERVAL);
	assert_int_equal(take_all(mix, INTERVAL), 3);
	free(mix);
}

/* ---- Long random runs ---- */

struct run {
	struct lm_mix *mix;
	struct lm_prng prng;
	uint64_t now_us;
	uint64_t came_us[1 << 16]; /* by number; UINT64_MAX: not held */
	uint64_t added, taken;
};

static void run_add(struct run *run)
{
	struct lm_mix_item item[LM_BURST];
	unsigned n = lm_prng_below(&run->prng, LM_BURST + 1);
	unsigned took;

	for (unsigned i = 0; i < n; i++)
		item[i] = numbered(run->added + 1 + i);
	took = lm_mix_add(run->mix, item, n, run->now_us);
	for (unsigned i = 0; i < took; i++)
		run->came_us[number_of(&item[i])] = run->now_us;
	run->added += n; /* refused numbers are not used again */
	run->taken += n - took;
}

static void run_take(struct run *run)
{
	struct lm_mix_item item[LM_BURST];
	unsigned n =
		lm_mix_take(run->mix, item, lm_prng_below(&run->prng, LM_BURST + 1), run->now_us);

	for (unsigned i = 0; i < n; i++) {
		uint64_t *came_us = &run->came_us[number_of(&item[i])];

		assert_true(*came_us != UINT64_MAX);
		assert_true(*came_us / INTERVAL < run->now_us / INTERVAL);
		*came_us = UINT64_MAX;
	}
	run->taken += n;
}

static void nothing_is_lost_or_doubled(void **state)
{
	static const uint32_t capacities[] = {1, 2, 63, 64, 65, 300, 4096};
	static struct run run;

	(void)state;
	for (size_t c = 0; c < LM_COUNT(capacities); c++) {
		uint8_t seed[32] = {(uint8_t)c};
		struct lm_mix_params params = usual;

		params.min_batch = 1 + capacities[c] / 3;
		params.max_wait_us = 3 * INTERVAL;
		run.mix = make_mix(capacities[c], &params);
		run.now_us = run.added = run.taken = 0;
		lm_prng_init(&run.prng, seed);
		memset(run.came_us, 0xff, sizeof(run.came_us));
		while (run.added + LM_BURST < LM_COUNT(run.came_us)) {
			run.now_us += lm_prng_below(&run.prng, INTERVAL / 4);
			if (lm_prng_below(&run.prng, 100) == 0)
				run.now_us += 10 * INTERVAL;
			run_add(&run);
			run_take(&run);
			assert_int_equal(lm_mix_held(run.mix), run.added - run.taken);
		}
		lm_mix_drain(run.mix);
		assert_int_equal(take_all(run.mix, run.now_us), run.added - run.taken);
		free(run.mix);
	}
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

		if (lm_mix_held(mix) < 80 && lm_prng_below(&prng, 4) == 0)
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
		assert_int_not_equal(lm_mix_take(mix, item, 3, now_us), 0);
	}
	free(mix);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(strategies_have_names),
		cmocka_unit_test(every_order_is_equally_likely),
		cmocka_unit_test(order_within_a_paced_batch_is_equally_likely),
		cmocka_unit_test(long_batch_is_a_permutation_without_trace_of_arrival),
		cmocka_unit_test(nothing_leaves_in_its_own_interval),
		cmocka_unit_test(batch_leaves_evenly_over_the_interval),
		cmocka_unit_test(small_batch_waits_for_company),
		cmocka_unit_test(nobody_waits_longer_than_allowed),
		cmocka_unit_test(endless_wait_never_ends),
		cmocka_unit_test(leftovers_join_the_next_batch),
		cmocka_unit_test(leftovers_without_new_batch_are_due_at_once),
		cmocka_unit_test(time_may_jump_over_any_number_of_intervals),
		cmocka_unit_test(full_mix_refuses_at_random),
		cmocka_unit_test(drain_makes_everything_due_in_mixed_order),
		cmocka_unit_test(nothing_is_lost_or_doubled),
		cmocka_unit_test(next_us_says_when_take_gives),
	};

	return RUN_TESTS(tests);
}
