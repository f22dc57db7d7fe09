/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The pacer: slots that nothing but time moves, queues that keep their order, and their bounds.
 */
#include "lm_cover.h"
#include "testing.h"

#include <stdlib.h>
#include <string.h>

#define INTERVAL_US 1000
#define LINKS       16

static const uint8_t seed[32] = "pacer";

static struct lm_pacer *make(uint32_t interval_us, uint32_t links, uint32_t capacity,
			     uint32_t share)
{
	struct lm_pacer_params params = {interval_us, links, capacity, share};
	size_t size = (lm_pacer_size(&params) + LM_PACER_ALIGN - 1) / LM_PACER_ALIGN;
	void *memory = aligned_alloc(LM_PACER_ALIGN, size * LM_PACER_ALIGN);

	assert_non_null(memory);
	memset(memory, 0xa5, size * LM_PACER_ALIGN);
	return lm_pacer_init(memory, &params, seed);
}

static enum lm_drop push(struct lm_pacer *pacer, uint16_t to, uintptr_t number)
{
	return lm_pacer_push(pacer,
			     &(struct lm_mix_item){.packet = (void *)number, .from = 7, .to = to});
}

static void each_link_has_one_slot_in_each_interval(void **state)
{
	struct lm_pacer *pacer = make(INTERVAL_US, LINKS, 1, 1);
	uint64_t last_us[LINKS + 1] = {0}, before_us = 0;
	struct lm_mix_item item;
	unsigned seen[LINKS + 1] = {0};

	(void)state;
	for (uint16_t link = 1; link <= LINKS; link++)
		lm_pacer_set(pacer, link, 5000);
	for (unsigned i = 0; i < 100 * LINKS; i++) {
		uint64_t at_us = lm_pacer_next_us(pacer);

		assert_true(at_us >= before_us);
		assert_int_equal(lm_pacer_due(pacer, &item, 1, at_us - 1), 0);
		assert_int_equal(lm_pacer_due(pacer, &item, 1, at_us), 1);
		assert_null(item.packet);
		if (seen[item.to]++ == 0)
			assert_in_range(at_us, 5000, 5000 + INTERVAL_US - 1);
		else
			assert_int_equal(at_us - last_us[item.to], INTERVAL_US);
		last_us[item.to] = at_us;
		before_us = at_us;
	}
	for (unsigned link = 1; link <= LINKS; link++)
		assert_int_equal(seen[link], 100);
	free(pacer);
}

static void phases_are_uniform(void **state)
{
	enum { MANY = 60000, BINS = 20 };
	struct lm_pacer *pacer = make(INTERVAL_US, MANY, 1, 1);
	unsigned count[BINS] = {0}, n = 0;
	struct lm_mix_item item;
	double chi_square = 0;

	(void)state;
	for (unsigned link = 1; link <= MANY; link++)
		lm_pacer_set(pacer, (uint16_t)link, 0);
	for (uint64_t us = 0; us < INTERVAL_US; us++) {
		while (lm_pacer_due(pacer, &item, 1, us) == 1)
			count[us * BINS / INTERVAL_US]++;
	}
	for (unsigned i = 0; i < BINS; i++) {
		double off = count[i] - (double)MANY / BINS;

		chi_square += off * off / ((double)MANY / BINS);
		n += count[i];
	}
	assert_int_equal(n, MANY);
	assert_true(chi_square < 43.8); /* 99.9 % for 19 degrees of freedom */
	free(pacer);
}

/* The same slots at the same times, whatever is pushed in between. */
static void packets_move_no_slot(void **state)
{
	struct lm_pacer *busy = make(INTERVAL_US, LINKS, 4096, 1024);
	struct lm_pacer *idle = make(INTERVAL_US, LINKS, 4096, 1024);
	struct lm_mix_item one[LM_BURST], other[LM_BURST];
	struct lm_prng prng;
	uint64_t now_us = 0;
	unsigned carried = 0;

	(void)state;
	lm_prng_init(&prng, seed);
	for (unsigned i = 0; i < 50000; i++) {
		uint16_t link = (uint16_t)(1 + lm_prng_below(&prng, LINKS));
		unsigned what = lm_prng_below(&prng, 1000), max = lm_prng_below(&prng, 65), n;

		now_us += lm_prng_below(&prng, what == 0 ? 300000 : 150);
		for (unsigned k = lm_prng_below(&prng, 4); k > 0; k--)
			(void)!push(busy, link, i + 1);
		if (what < 20) {
			lm_pacer_set(busy, link, now_us);
			lm_pacer_set(idle, link, now_us);
		} else if (what < 25) {
			lm_pacer_unset(busy, link);
			lm_pacer_unset(idle, link);
		}
		n = lm_pacer_due(busy, one, max, now_us);
		assert_int_equal(lm_pacer_due(idle, other, max, now_us), n);
		for (unsigned k = 0; k < n; k++) {
			assert_int_equal(one[k].to, other[k].to);
			assert_null(other[k].packet);
			carried += one[k].packet != NULL;
		}
		assert_true(lm_pacer_next_us(busy) == lm_pacer_next_us(idle));
		while (lm_pacer_orphans(busy, one, LM_BURST) > 0)
			;
	}
	assert_true(carried > 10000);
	assert_true(lm_pacer_forgotten(busy) > 0);
	assert_true(lm_pacer_forgotten(busy) == lm_pacer_forgotten(idle));
	free(busy);
	free(idle);
}

static void packets_of_a_link_keep_their_order_and_lose_nothing(void **state)
{
	struct lm_pacer *pacer = make(INTERVAL_US, LINKS, 1000, 1000);
	uintptr_t next[LINKS + 1], pushed[LINKS + 1] = {0};
	struct lm_mix_item item[LM_BURST];
	struct lm_prng prng;

	(void)state;
	lm_prng_init(&prng, seed);
	for (unsigned i = 0; i <= LINKS; i++)
		next[i] = 1;
	for (uint16_t link = 1; link <= LINKS; link++)
		lm_pacer_set(pacer, link, 0);
	for (uint64_t us = 0; us < 2000000; us += 100) {
		uint16_t link = (uint16_t)(1 + lm_prng_below(&prng, LINKS));
		unsigned n = lm_pacer_due(pacer, item, LM_BURST, us);

		if (push(pacer, link, pushed[link] + 1) == LM_DROP_NONE)
			pushed[link]++;
		for (unsigned k = 0; k < n; k++) {
			if (!item[k].packet)
				continue;
			assert_int_equal((uintptr_t)item[k].packet, next[item[k].to]++);
			assert_int_equal(item[k].from, 7);
		}
	}
	uint32_t held = 0;
	for (unsigned link = 1; link <= LINKS; link++)
		held += (uint32_t)(pushed[link] + 1 - next[link]);
	assert_int_equal(lm_pacer_held(pacer), held);
	assert_true(next[1] > 1000);
	free(pacer);
}

static void who_is_late_gets_what_was_missed_but_no_burst_after_an_absence(void **state)
{
	struct lm_pacer *pacer = make(INTERVAL_US, 1, 1, 1);
	struct lm_mix_item item[256];
	uint64_t first_us;

	(void)state;
	lm_pacer_set(pacer, 1, 0);
	first_us = lm_pacer_next_us(pacer);
	assert_int_equal(lm_pacer_due(pacer, item, 256, first_us + 50 * INTERVAL_US), 51);
	assert_int_equal(lm_pacer_forgotten(pacer), 0);
	first_us += 51 * INTERVAL_US;
	assert_int_equal(lm_pacer_due(pacer, item, 256, first_us + LM_COVER_CATCH_UP_US + 1), 0);
	assert_int_equal(lm_pacer_forgotten(pacer), LM_COVER_CATCH_UP_US / INTERVAL_US + 1);
	/* and the phase is what it was */
	assert_true(lm_pacer_next_us(pacer) == first_us + 101 * INTERVAL_US);
	free(pacer);

	pacer = make(3600000000, 1, 1, 1); /* an interval is longer than any catching up */
	lm_pacer_set(pacer, 1, 0);
	first_us = lm_pacer_next_us(pacer);
	assert_int_equal(lm_pacer_due(pacer, item, 256, first_us + 3600000000), 2);
	free(pacer);
}

static void lateness_is_counted_by_powers_of_two(void **state)
{
	static const struct {
		uint64_t late_us;
		unsigned bin;
	} cases[] = {{0, 0},      {1, 1},       {2, 2},      {3, 2},
		     {4, 3},      {1023, 10},   {1024, 11},  {65535, 16},
		     {65536, 17}, {131072, 17}, {90000, 17}, {3599999999, 17}};
	struct lm_pacer *pacer = make(3600000000, 1, 1, 1);
	uint64_t want[LM_PACER_LATE_BINS] = {0};
	struct lm_mix_item item;

	(void)state;
	lm_pacer_set(pacer, 1, 0);
	for (unsigned i = 0; i < LM_COUNT(cases); i++) {
		uint64_t at_us = lm_pacer_next_us(pacer);

		assert_int_equal(lm_pacer_due(pacer, &item, 1, at_us + cases[i].late_us), 1);
		want[cases[i].bin]++;
	}
	for (unsigned bin = 0; bin < LM_PACER_LATE_BINS; bin++)
		assert_int_equal(lm_pacer_late(pacer, bin), want[bin]);
	assert_int_equal(lm_pacer_due(pacer, &item, 1, lm_pacer_next_us(pacer) + 3600000001), 0);
	assert_int_equal(lm_pacer_late(pacer, LM_PACER_LATE_BINS - 1),
			 want[LM_PACER_LATE_BINS - 1]);
	assert_int_equal(lm_pacer_forgotten(pacer), 2);
	free(pacer);
}

static void a_full_link_leaves_places_for_the_others(void **state)
{
	struct lm_pacer *pacer = make(INTERVAL_US, LINKS, 100, 1000);
	unsigned full[4] = {0};

	(void)state;
	for (uint16_t link = 1; link <= LINKS; link++)
		lm_pacer_set(pacer, link, 0);
	for (unsigned i = 0; i < 1000; i++)
		full[1] += push(pacer, 1, 1) == LM_DROP_NONE;
	assert_int_equal(full[1], 50);
	for (unsigned i = 0; i < 1000; i++)
		full[2] += push(pacer, 2, 1) == LM_DROP_NONE;
	assert_int_equal(full[2], 25);
	assert_int_equal(push(pacer, 2, 1), LM_DROP_LINK_FULL);
	assert_int_equal(push(pacer, 3, 1), LM_DROP_NONE);
	assert_int_equal(lm_pacer_held(pacer), 76);
	free(pacer);

	pacer = make(INTERVAL_US, LINKS, 100, 10);
	lm_pacer_set(pacer, 1, 0);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(push(pacer, 1, 1), LM_DROP_NONE);
	assert_int_equal(push(pacer, 1, 1), LM_DROP_LINK_FULL);
	lm_pacer_lift(pacer);
	for (unsigned i = 0; i < 90; i++)
		assert_int_equal(push(pacer, 1, 1), LM_DROP_NONE);
	assert_int_equal(lm_pacer_room(pacer), 0);
	assert_int_equal(push(pacer, 1, 1), LM_DROP_LINK_FULL);
	free(pacer);
}

static void a_link_that_is_unset_leaves_orphans_and_no_slot(void **state)
{
	struct lm_pacer *pacer = make(INTERVAL_US, 3, 10, 10);
	struct lm_mix_item item[LM_BURST];

	(void)state;
	assert_int_equal(push(pacer, 2, 1), LM_DROP_NEXT_UNKNOWN);
	for (uint16_t link = 1; link <= 3; link++)
		lm_pacer_set(pacer, link, 0);
	for (uintptr_t i = 1; i <= 3; i++)
		assert_int_equal(push(pacer, (uint16_t)i, i), LM_DROP_NONE);
	lm_pacer_unset(pacer, 2);
	lm_pacer_unset(pacer, 2);
	assert_int_equal(push(pacer, 2, 1), LM_DROP_NEXT_UNKNOWN);
	assert_int_equal(lm_pacer_orphans(pacer, item, LM_BURST), 1);
	assert_int_equal((uintptr_t)item[0].packet, 2);
	assert_int_equal(lm_pacer_orphans(pacer, item, LM_BURST), 0);
	assert_int_equal(lm_pacer_due(pacer, item, LM_BURST, INTERVAL_US - 1), 2);
	assert_int_equal(item[0].to + item[1].to, 4);
	assert_int_equal(lm_pacer_held(pacer), 0);
	lm_pacer_unset(pacer, 1);
	lm_pacer_unset(pacer, 3);
	assert_true(lm_pacer_next_us(pacer) == UINT64_MAX);
	free(pacer);
}

static void evicting_gives_everything_that_waits(void **state)
{
	struct lm_pacer *pacer = make(INTERVAL_US, LINKS, 1000, 1000);
	struct lm_mix_item item[LM_BURST];
	unsigned n, all = 0;
	uint8_t seen[201] = {0};

	(void)state;
	for (uint16_t link = 1; link <= LINKS; link++)
		lm_pacer_set(pacer, link, 0);
	for (uintptr_t i = 1; i <= 200; i++)
		assert_int_equal(push(pacer, (uint16_t)(1 + i % LINKS), i), LM_DROP_NONE);
	lm_pacer_unset(pacer, 5);
	while ((n = lm_pacer_evict(pacer, item, 7)) > 0) {
		for (unsigned i = 0; i < n; i++)
			assert_int_equal(seen[(uintptr_t)item[i].packet]++, 0);
		all += n;
	}
	assert_int_equal(all, 200);
	assert_int_equal(lm_pacer_held(pacer), 0);
	assert_int_equal(lm_pacer_room(pacer), 1000);
	free(pacer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_link_has_one_slot_in_each_interval),
		cmocka_unit_test(phases_are_uniform),
		cmocka_unit_test(packets_move_no_slot),
		cmocka_unit_test(packets_of_a_link_keep_their_order_and_lose_nothing),
		cmocka_unit_test(who_is_late_gets_what_was_missed_but_no_burst_after_an_absence),
		cmocka_unit_test(lateness_is_counted_by_powers_of_two),
		cmocka_unit_test(a_full_link_leaves_places_for_the_others),
		cmocka_unit_test(a_link_that_is_unset_leaves_orphans_and_no_slot),
		cmocka_unit_test(evicting_gives_everything_that_waits),
	};

	return RUN_TESTS(tests);
}
