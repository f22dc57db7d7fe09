/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/mix, poisson strategy: everything leaves in its microsecond, whatever the delays, the jumps
 * of time and the pace of the caller. The laws are in mix_statistics.c.
 */
#include "mix_testing.h"

#define CAPACITY  4096
#define SECOND_US UINT64_C(1000000)

static const struct lm_mix_params usual = {
	.strategy = LM_MIX_POISSON,
	.mean_delay_us = 500000,
};

static const struct lm_mix_params longest = {
	.strategy = LM_MIX_POISSON,
	.mean_delay_us = LM_MIX_MEAN_MAX_US,
};

#define LONGEST_US UINT32_C(1656000000)

static void delays_are_cut_to_the_longest(void **state)
{
	struct lm_mix_params params = usual;

	(void)state;
	assert_int_equal(lm_mix_delay_max_us(&usual), 13800000);
	assert_int_equal(lm_mix_delay_max_us(&longest), LONGEST_US);
	assert_int_equal(lm_mix_stay_us(&usual, 13799999), 13799999);
	assert_int_equal(lm_mix_stay_us(&usual, UINT32_MAX), 13800000);
	params.mean_delay_us = 1;
	assert_int_equal(lm_mix_delay_max_us(&params), 27);
	for (unsigned i = 0; i < 2; i++) {
		uint64_t now_us = i == 0 ? 5 : UINT64_C(0xffffff00);
		struct lm_mix *mix = mix_make(&longest, CAPACITY, now_us);

		mix_add_range(mix, 1, 3, UINT32_MAX, now_us);
		assert_true(lm_mix_next_us(mix) == now_us + LONGEST_US);
		assert_int_equal(mix_take_all(mix, now_us + LONGEST_US - 1), 0);
		assert_int_equal(mix_take_all(mix, now_us + LONGEST_US), 3);
		free(mix);
	}
}

static void no_delay_is_no_stay(void **state)
{
	struct lm_mix *mix = mix_make(&usual, CAPACITY, 0);

	(void)state;
	for (uint64_t now_us = 0; now_us < 5000; now_us += 7) {
		mix_add_range(mix, 1, 3, 0, now_us);
		mix_add_range(mix, 1, 1, 7, now_us);
		assert_true(lm_mix_next_us(mix) == now_us);
		assert_int_equal(mix_take_all(mix, now_us), now_us == 0 ? 3 : 4);
		assert_true(lm_mix_next_us(mix) == now_us + 7);
	}
	free(mix);
}

/* Every delay that lies at an edge of the wheel's levels, from starts at edges of the clock. */
static void every_item_leaves_in_its_microsecond(void **state)
{
	static const uint64_t starts[] = {
		0,
		1023,
		(1 << 20) - 1,
		(UINT64_C(1) << 31) - 1000,
		(UINT64_C(1) << 32) - 1,
		(UINT64_C(1) << 32) - 1000,
		(UINT64_C(1) << 63) - 12345,
		UINT64_MAX - 2 * LONGEST_US,
	};

	(void)state;
	for (size_t s = 0; s < LM_COUNT(starts); s++) {
		struct lm_mix *mix = mix_make(&longest, CAPACITY, starts[s]);
		uint32_t delay_us[3 * 31] = {0};
		uint64_t now_us = starts[s];
		unsigned n = 0;

		for (unsigned bit = 0; bit < 31; bit++) {
			uint32_t edge = UINT32_C(1) << bit;

			for (uint32_t d = edge - 1; d <= edge + 1; d++)
				if (d < LONGEST_US)
					delay_us[n++] = d;
		}
		for (unsigned i = n; i-- > 0;)
			mix_add_range(mix, i + 1, 1, delay_us[i], starts[s]);
		while (lm_mix_held(mix) > 0) {
			uint64_t next_us = lm_mix_next_us(mix);
			struct lm_mix_item item;

			if (next_us > now_us)
				assert_int_equal(lm_mix_take(mix, &item, 1, next_us - 1), 0);
			now_us = next_us;
			assert_int_equal(lm_mix_take(mix, &item, 1, next_us), 1);
			assert_true(next_us == starts[s] + delay_us[mix_number_of(&item) - 1]);
			assert_int_equal(item.delay_us, 0);
		}
		free(mix);
	}
}

static void late_caller_gets_everything_in_order(void **state)
{
	static const uint64_t late_us[] = {0, SECOND_US, 3600 * SECOND_US, UINT64_C(1) << 55};

	(void)state;
	for (size_t l = 0; l < LM_COUNT(late_us); l++) {
		struct lm_mix *mix = mix_make(&longest, CAPACITY, 77);
		struct lm_mix_item item[LM_BURST];
		uint64_t now_us = 77 + LONGEST_US + late_us[l], last_us = 0;
		uint32_t delay_us[CAPACITY + 1];
		struct lm_prng prng;
		unsigned left = 0, n;

		lm_prng_init(&prng, (const uint8_t[32]){5});
		for (unsigned i = 1; i <= CAPACITY / 2; i++) {
			delay_us[i] = lm_mix_draw_delay_us(&longest, &prng) / (1 + i % 1000);
			mix_add_range(mix, i, 1, delay_us[i], 77);
		}
		while ((n = lm_mix_take(mix, item, LM_BURST - 1, now_us)) > 0) {
			for (unsigned i = 0; i < n; i++) {
				assert_true(delay_us[mix_number_of(&item[i])] >= last_us);
				last_us = delay_us[mix_number_of(&item[i])];
			}
			left += n;
		}
		assert_int_equal(left, CAPACITY / 2);
		free(mix);
	}
}

/* Years without a take, a few items a minute: what comes still leaves in order and on time. */
static void caller_may_add_for_ever_and_not_take(void **state)
{
	struct lm_mix *mix = mix_make(&longest, CAPACITY, 0);
	uint64_t now_us = 0;
	struct lm_mix_item item;

	(void)state;
	for (unsigned i = 1; i < CAPACITY; i++) {
		mix_add_range(mix, i, 1, 5, now_us);
		now_us += i % 100 == 0 ? UINT64_C(1) << 40 : 20 * SECOND_US;
	}
	mix_add_range(mix, CAPACITY, 1, 30000000, now_us);
	for (unsigned i = 1; i < CAPACITY; i++) {
		assert_int_equal(lm_mix_take(mix, &item, 1, now_us), 1);
		assert_int_equal(mix_number_of(&item), i);
	}
	assert_true(lm_mix_next_us(mix) == now_us + 30000000);
	assert_int_equal(mix_take_all(mix, now_us + 29999999), 0);
	assert_int_equal(mix_take_all(mix, now_us + 30000000), 1);
	free(mix);
}

static void crowd_long_overdue_is_no_hindrance(void **state)
{
	enum { CROWD = 60000 };
	struct lm_mix *mix = mix_make(&longest, CROWD + 1, 0);
	uint64_t now_us = 3600 * SECOND_US;

	(void)state;
	mix_add_range(mix, 1, CROWD, 2000 * 1024 + 7, 0);
	mix_add_range(mix, CROWD + 1, 1, 30000000, now_us);
	assert_int_equal(mix_take_all(mix, now_us), CROWD);
	assert_true(lm_mix_next_us(mix) == now_us + 30000000);
	assert_int_equal(mix_take_all(mix, now_us + 30000000), 1);
	free(mix);
}

/* A million due at once: the same memory, every item once, no trace of the order of arrival. */
static void crowd_in_one_microsecond_is_shuffled(void **state)
{
	enum { CROWD = 1000000 };
	struct lm_mix *mix = mix_make(&usual, CROWD, 0);
	uint8_t *seen = calloc(CROWD + 1, 1);
	uint64_t late_half = 0, due_us = 2 * SECOND_US;
	struct lm_mix_item item[LM_BURST];
	unsigned left = 0;

	(void)state;
	assert_non_null(seen);
	for (unsigned i = 1; i <= CROWD; i++)
		mix_add_range(mix, i, 1, (uint32_t)(due_us - i), i);
	assert_int_equal(lm_mix_add(mix, item, 1, CROWD), 0);
	assert_true(lm_mix_next_us(mix) == due_us);
	while (lm_mix_held(mix) > 0) {
		unsigned n = lm_mix_take(mix, item, LM_BURST, due_us);

		for (unsigned i = 0; i < n; i++) {
			assert_false(seen[mix_number_of(&item[i])]);
			seen[mix_number_of(&item[i])] = 1;
			late_half += left < CROWD / 2 && mix_number_of(&item[i]) > CROWD / 2;
			left++;
		}
	}
	assert_int_equal(left, CROWD);
	assert_in_range(late_half, CROWD / 4 - 1250, CROWD / 4 + 1250); /* 5 deviations */
	free(seen);
	free(mix);
}

/* Many in one millisecond, and a jump over it: no call does all the work, and the order is right.
 */
static void jump_over_a_crowd_is_caught_up_with_in_steps(void **state)
{
	enum { CROWD = 200000 };
	struct lm_mix *mix = mix_make(&usual, CROWD, 0);
	struct lm_mix_item item[LM_BURST];
	uint64_t now_us = 3 * SECOND_US, last_us = 0;
	unsigned left = 0, empty = 0;

	(void)state;
	for (unsigned i = 0; i < CROWD; i++)
		mix_add_range(mix, i + 1, 1, 2500000 + i * 7919u % 500, 0);
	while (lm_mix_held(mix) > 0) {
		unsigned n = lm_mix_take(mix, item, LM_BURST, now_us);

		for (unsigned i = 0; i < n; i++) {
			uint64_t due_us = 2500000 + (mix_number_of(&item[i]) - 1) * 7919 % 500;

			assert_true(due_us >= last_us);
			last_us = due_us;
		}
		if (n < LM_BURST && left + n < CROWD) {
			assert_true(lm_mix_next_us(mix) <= now_us);
			empty++;
		}
		left += n;
	}
	assert_int_equal(left, CROWD);
	assert_in_range(empty, 2, 2 * CROWD / 16384 + 2);
	free(mix);
}

/* The first to leave lies lowest in what has still to be spread. */
static void next_us_is_exact_while_catching_up(void **state)
{
	enum { CROWD = 100000 };
	struct lm_mix *mix = mix_make(&usual, CROWD, 0);
	uint64_t block_us = 2000 * 1024, now_us = block_us + 10;

	(void)state;
	mix_add_range(mix, 1, 1, (uint32_t)block_us + 20, 0);
	mix_add_range(mix, 2, CROWD - 1, (uint32_t)block_us + 500, 0);
	assert_int_equal(mix_take_all(mix, now_us), 0);
	assert_true(lm_mix_next_us(mix) == block_us + 20);
	while (mix_take_all(mix, block_us + 20) == 0)
		assert_true(lm_mix_next_us(mix) == block_us + 20);
	assert_true(lm_mix_next_us(mix) == block_us + 500);
	assert_int_equal(mix_take_all(mix, block_us + 500), CROWD - 1);
	free(mix);
}

static void drain_and_evict_never_stop_early(void **state)
{
	enum { CROWD = 200000 };

	(void)state;
	for (unsigned evict = 0; evict < 2; evict++) {
		struct lm_mix *mix = mix_make(&usual, CROWD, 0);
		struct lm_mix_item item[LM_BURST];

		for (unsigned i = 0; i < CROWD; i++)
			mix_add_range(mix, i + 1, 1, 2500000 + i * 7919u % 500, 0);
		if (evict == 0)
			lm_mix_drain(mix);
		for (unsigned left = CROWD; left > 0; left -= LM_BURST)
			assert_int_equal(evict ? lm_mix_evict(mix, item, LM_BURST, 1)
					       : lm_mix_take(mix, item, LM_BURST, 1),
					 LM_BURST);
		free(mix);
	}
}

/* One item in each slot of every level, and crowds of the smallest size, fit in the memory. */
static void memory_is_enough_however_items_lie(void **state)
{
	enum { ROOM = 30000 };
	struct lm_mix *mix = mix_make(&longest, ROOM, 0);
	unsigned n = 0;

	(void)state;
	for (uint32_t i = 0; i < 2048; i++)
		mix_add_range(mix, ++n, 1, i, 0);
	for (uint32_t i = 2; i < 2048; i++)
		mix_add_range(mix, ++n, 1, i << 10, 0);
	for (uint32_t i = 2; i < LONGEST_US >> 20; i++)
		mix_add_range(mix, ++n, 1, i << 20, 0);
	for (uint32_t i = 1; n + 300 <= ROOM; i++) {
		mix_add_range(mix, n + 1, 260, i, 0);
		n += 260;
	}
	assert_int_equal(mix_take_all(mix, LONGEST_US), n);
	free(mix);
}

static void full_mix_takes_whatever_comes_when_there_is_room(void **state)
{
	struct lm_mix *mix = mix_make(&usual, 1, 0);

	(void)state;
	for (unsigned i = 0; i < 5000; i++) {
		struct lm_mix_item two[2] = {mix_numbered(1, i * 4096), mix_numbered(2, i * 4096)};
		uint64_t now_us = i * 16 * SECOND_US;

		assert_int_equal(lm_mix_add(mix, two, 2, now_us), 1);
		assert_int_equal(mix_number_of(&two[0]) + mix_number_of(&two[1]), 3);
		assert_int_equal(mix_take_all(mix, now_us + 15 * SECOND_US), 1);
	}
	free(mix);
}

static void drain_makes_everything_due(void **state)
{
	struct lm_mix *mix = mix_make(&longest, CAPACITY, 0);
	struct lm_mix_item item[20];

	(void)state;
	for (unsigned i = 1; i <= 10; i++)
		mix_add_range(mix, i, 1, i * 100000000, 0);
	lm_mix_drain(mix);
	assert_true(lm_mix_next_us(mix) == 0);
	assert_int_equal(lm_mix_take(mix, item, 5, 0), 5);
	mix_add_range(mix, 11, 5, 3000, 1);
	assert_true(lm_mix_next_us(mix) == 1);
	assert_int_equal(lm_mix_take(mix, item, 20, 1), 10);
	assert_true(lm_mix_next_us(mix) == UINT64_MAX);
	free(mix);
}

static void evict_gives_the_residual_delays(void **state)
{
	struct lm_mix *mix = mix_make(&longest, CAPACITY, 0), *heir;
	struct lm_mix_item item[CAPACITY];
	uint64_t now_us = 250000;
	unsigned n = 0, step;

	(void)state;
	for (unsigned i = 1; i <= 1000; i++)
		mix_add_range(mix, i, 1, i * 1000, 0);
	while ((step = lm_mix_evict(mix, item + n, 70, now_us)) > 0)
		n += step;
	assert_int_equal(n, 1000);
	heir = mix_make(&longest, CAPACITY, 9);
	assert_int_equal(lm_mix_add(heir, item, n, 9), n);
	assert_int_equal(mix_take_all(heir, 9), 250);
	for (unsigned i = 251; i <= 1000; i++) {
		uint64_t due_us = i * 1000 - now_us + 9;

		assert_true(lm_mix_next_us(heir) == due_us);
		assert_int_equal(lm_mix_take(heir, item, CAPACITY, due_us), 1);
		assert_int_equal(mix_number_of(&item[0]), i);
	}
	free(heir);
	/* what comes after is held on, and never due before what was given up */
	mix_add_range(mix, 1, 1, 5, now_us);
	assert_true(lm_mix_next_us(mix) >= now_us + 5);
	assert_int_equal(mix_take_all(mix, lm_mix_next_us(mix)), 1);
	free(mix);
}

static void evicting_a_part_leaves_the_rest_on_time(void **state)
{
	struct lm_mix *mix = mix_make(&usual, CAPACITY, 0);
	struct lm_mix_item item[10];

	(void)state;
	mix_add_range(mix, 1, 10, 5000, 0); /* all of one microsecond */
	assert_int_equal(lm_mix_evict(mix, item, 4, 100), 4);
	assert_int_equal(item[0].delay_us, 4900);
	assert_true(lm_mix_next_us(mix) == 5000);
	assert_int_equal(mix_take_all(mix, 4999), 0);
	assert_int_equal(mix_take_all(mix, 5000), 6);
	free(mix);
}

static bool holds(const struct lm_mix *mix, const void *secret, size_t n)
{
	return contains(mix, lm_mix_size(CAPACITY), secret, n);
}

/* Of what has left, neither packet nor due time is to be found. */
static void what_has_left_is_wiped(void **state)
{
	struct lm_mix *mix = mix_make(&usual, CAPACITY, 0);
	uint64_t now_us = UINT64_C(0x1234567800000000);
	struct lm_mix_item item[CAPACITY];

	(void)state;
	for (unsigned i = 0; i < CAPACITY; i++)
		item[i] = mix_numbered(UINT64_C(0x5ec7e75ec7e70000) + i,
				       i < 1000 ? 5000000 : i * 3000);
	assert_int_equal(lm_mix_add(mix, item, CAPACITY, now_us), CAPACITY);
	assert_true(holds(mix, &item[0].packet, 8));
	for (uint64_t step = 0; step < 14; step++) {
		struct lm_mix_item out[CAPACITY];
		unsigned n = lm_mix_take(mix, out, CAPACITY, now_us + step * SECOND_US);

		for (unsigned i = 0; i < n; i += 97)
			assert_false(holds(mix, &out[i].packet, 8));
	}
	assert_int_equal(lm_mix_held(mix), 0);
	for (unsigned i = 0; i < CAPACITY; i += 97) {
		struct lm_mix_item due = item[i];

		due.delay_us = (uint32_t)now_us + item[i].delay_us;
		assert_false(holds(mix, &due.delay_us, 8));
	}
	assert_false(holds(mix, "\xe7\xc7\x5e\xe7\xc7\x5e", 6)); /* of any packet */
	free(mix);
}

static void delays_of_senders_have_the_mean(void **state)
{
	struct lm_mix_params batch = {.strategy = LM_MIX_BATCH};
	struct lm_mix_params params = {.strategy = LM_MIX_POISSON, .mean_delay_us = 1};
	struct lm_prng prng;
	uint64_t sum = 0;

	(void)state;
	lm_prng_init(&prng, (const uint8_t[32]){3});
	assert_int_equal(lm_mix_draw_delay_us(&batch, &prng), 0);
	for (unsigned i = 0; i < 100000; i++)
		sum += lm_mix_draw_delay_us(&usual, &prng);
	assert_in_range(sum / 100000, 492000, 508000); /* 5 deviations */
	for (unsigned i = 0; i < 100000; i++)
		assert_true(lm_mix_draw_delay_us(&params, &prng) <= 27);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(delays_are_cut_to_the_longest),
		cmocka_unit_test(no_delay_is_no_stay),
		cmocka_unit_test(every_item_leaves_in_its_microsecond),
		cmocka_unit_test(late_caller_gets_everything_in_order),
		cmocka_unit_test(caller_may_add_for_ever_and_not_take),
		cmocka_unit_test(crowd_long_overdue_is_no_hindrance),
		cmocka_unit_test(crowd_in_one_microsecond_is_shuffled),
		cmocka_unit_test(jump_over_a_crowd_is_caught_up_with_in_steps),
		cmocka_unit_test(next_us_is_exact_while_catching_up),
		cmocka_unit_test(drain_and_evict_never_stop_early),
		cmocka_unit_test(memory_is_enough_however_items_lie),
		cmocka_unit_test(full_mix_takes_whatever_comes_when_there_is_room),
		cmocka_unit_test(drain_makes_everything_due),
		cmocka_unit_test(evict_gives_the_residual_delays),
		cmocka_unit_test(evicting_a_part_leaves_the_rest_on_time),
		cmocka_unit_test(what_has_left_is_wiped),
		cmocka_unit_test(delays_of_senders_have_the_mean),
	};

	return RUN_TESTS(tests);
}
