/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How far a relay goes in time: neither a clock that jumps nor a majority of liars costs a key that
 * the network uses, and a clock that is right loses no time.
 */
#include "advance.h"
#include "testing.h"

#define FROM_S UINT64_C(1700000000)
#define SPAN_S 1200
#define EPOCH  7
#define US     UINT64_C(1000000)

/* The documents of epochs 7 and 8, as they stand during 7. */
struct two {
	struct lm_topology now, next;
	struct documents documents;
};

static void make_two(struct two *two)
{
	memset(two, 0, sizeof(*two));
	two->now =
		(struct lm_topology){.epoch = EPOCH, .from_s = FROM_S, .until_s = FROM_S + SPAN_S};
	two->next = (struct lm_topology){.epoch = EPOCH + 1,
					 .from_s = FROM_S + SPAN_S,
					 .until_s = FROM_S + 2 * SPAN_S};
	two->documents.now = &two->now;
	two->documents.next = &two->next;
}

static struct advance in_epoch(uint32_t epoch, uint64_t passed_s)
{
	return (struct advance){.epoch = epoch,
				.newest = EPOCH + 1,
				.span_us = SPAN_S * US,
				.passed_us = passed_s * US,
				.entered = true};
}

/* ---- How far it may go ---- */

static void by_the_neighbours_clocks_nothing_holds_back(void **state)
{
	struct advance advance = in_epoch(EPOCH, 0);

	(void)state;
	advance.judged = true;
	assert_int_equal(advance_limit(&advance), UINT32_MAX);
}

static void a_clock_that_nobody_confirms_gains_an_epoch_in_half_of_one(void **state)
{
	struct advance advance = in_epoch(EPOCH, 0);

	(void)state;
	assert_int_equal(advance_limit(&advance), EPOCH);
	advance.passed_us = SPAN_S / 2 * US - 1;
	assert_int_equal(advance_limit(&advance), EPOCH);
	advance.passed_us++;
	assert_int_equal(advance_limit(&advance), EPOCH + 1);
	advance.passed_us = 100 * SPAN_S * US; /* one, however long it was */
	assert_int_equal(advance_limit(&advance), EPOCH + 1);
	advance = in_epoch(EPOCH, 0);
	advance.entered = false; /* who starts late in an epoch */
	assert_int_equal(advance_limit(&advance), EPOCH + 1);
}

static void documents_say_how_late_it_is_at_least(void **state)
{
	struct advance advance = in_epoch(EPOCH, 0);

	(void)state;
	advance.newest = EPOCH + 5;
	assert_int_equal(advance_limit(&advance), EPOCH + 4);
	advance.passed_us = SPAN_S * US;
	assert_int_equal(advance_limit(&advance), EPOCH + 5);
	advance = (struct advance){.span_us = US}; /* at the very first */
	assert_int_equal(advance_limit(&advance), 1);
	assert_int_equal(advance_sure(&advance, 0), 0);
}

static void assert_target(const struct two *two, uint64_t now_s, uint32_t epoch, uint32_t limit,
			  const struct lm_topology *topology, uint32_t wanted)
{
	struct documents_target target = advance_target(&two->documents, now_s, epoch, limit);

	assert_ptr_equal(target.topology, topology);
	assert_int_equal(target.epoch, wanted);
}

static void a_target_is_within_the_relays_epoch_and_the_limit(void **state)
{
	const uint64_t hour_ahead_s = FROM_S + 10 + 3600;
	struct two two;

	(void)state;
	make_two(&two);
	/* without a limit as documents_target says */
	assert_target(&two, FROM_S, EPOCH, UINT32_MAX, &two.now, EPOCH);
	assert_target(&two, FROM_S + SPAN_S, EPOCH, UINT32_MAX, &two.next, EPOCH + 1);
	assert_target(&two, hour_ahead_s, EPOCH, UINT32_MAX, &two.next, EPOCH + 2);
	/* never back */
	assert_target(&two, FROM_S, EPOCH + 1, UINT32_MAX, &two.now, EPOCH + 1);
	/* the limit, by the document that fits */
	assert_target(&two, hour_ahead_s, EPOCH, EPOCH + 1, &two.next, EPOCH + 1);
	assert_target(&two, hour_ahead_s, EPOCH, EPOCH, &two.now, EPOCH);
	assert_target(&two, hour_ahead_s, EPOCH + 1, EPOCH + 1, &two.next, EPOCH + 1);
	two.next.epoch = EPOCH + 3; /* who was away finds no other */
	two.next.from_s = FROM_S + 3 * SPAN_S;
	two.next.until_s = FROM_S + 4 * SPAN_S;
	assert_target(&two, hour_ahead_s, EPOCH, EPOCH + 2, &two.now, EPOCH + 1);
	assert_target(&two, hour_ahead_s, EPOCH, EPOCH + 3, &two.next, EPOCH + 3);
	two.documents.next = NULL;
	assert_target(&two, hour_ahead_s, EPOCH, EPOCH, &two.now, EPOCH);
	assert_target(&two, hour_ahead_s, EPOCH, UINT32_MAX, &two.now, EPOCH + 1);
}

/* ---- What is over ---- */

static void an_epoch_is_reckoned_before_a_documents_own_too(void **state)
{
	struct two two;

	(void)state;
	make_two(&two);
	assert_int_equal(advance_epoch_at(&two.now, FROM_S), EPOCH);
	assert_int_equal(advance_epoch_at(&two.now, FROM_S + SPAN_S - 1), EPOCH);
	assert_int_equal(advance_epoch_at(&two.now, FROM_S + SPAN_S), EPOCH + 1);
	assert_int_equal(advance_epoch_at(&two.now, FROM_S - 1), EPOCH - 1);
	assert_int_equal(advance_epoch_at(&two.now, FROM_S - SPAN_S), EPOCH - 1);
	assert_int_equal(advance_epoch_at(&two.now, FROM_S - SPAN_S - 1), EPOCH - 2);
	assert_int_equal(advance_epoch_at(&two.now, FROM_S - EPOCH * SPAN_S), 0);
	assert_int_equal(advance_epoch_at(&two.now, 1), 0);
}

static void what_the_neighbours_confirm_is_sure_at_once(void **state)
{
	struct advance advance = in_epoch(EPOCH + 1, 0);

	(void)state;
	advance.judged = true;
	assert_int_equal(advance_sure(&advance, EPOCH + 1), EPOCH + 1);
	/* the relay went over too early, and its time says so: nothing more is over */
	assert_int_equal(advance_sure(&advance, EPOCH), EPOCH);
	/* keys that the relay itself takes are never over */
	assert_int_equal(advance_sure(&advance, EPOCH + 9), EPOCH + 1);
}

static void what_nobody_confirms_is_sure_after_half_an_epoch(void **state)
{
	struct advance advance = in_epoch(EPOCH + 2, SPAN_S / 2 - 1);

	(void)state;
	assert_int_equal(advance_sure(&advance, EPOCH + 2), EPOCH); /* by the newest document */
	advance.passed_us = SPAN_S / 2 * US;
	assert_int_equal(advance_sure(&advance, EPOCH + 2), EPOCH + 2);
	assert_int_equal(advance_sure(&advance, EPOCH), EPOCH); /* the clock was set back */
}

static void a_document_makes_sure_what_no_clock_does(void **state)
{
	struct advance advance = in_epoch(EPOCH + 4, 0);

	(void)state;
	advance.newest = EPOCH + 4;
	assert_int_equal(advance_sure(&advance, EPOCH), EPOCH + 3);
	advance.epoch = EPOCH;
	assert_int_equal(advance_sure(&advance, EPOCH), EPOCH);
}

/* Goes through an hour of a relay's life by the second; what it lost by the end. */
struct life {
	uint32_t epoch, sure, network; /* network: the true epoch */
	uint64_t entered_s;
	bool entered;
};

static void live(struct life *life, uint64_t second, uint64_t own_s, bool judged)
{
	struct lm_topology now = {.epoch = life->network,
				  .from_s = FROM_S + (life->network - EPOCH) * SPAN_S};
	struct lm_topology next;
	struct documents documents = {.now = &now, .next = &next};
	struct advance advance = {.newest = life->network + 1, .span_us = SPAN_S * US};
	uint32_t limit, sure;

	now.until_s = now.from_s + SPAN_S;
	next = (struct lm_topology){.epoch = now.epoch + 1,
				    .from_s = now.until_s,
				    .until_s = now.until_s + SPAN_S};
	advance.judged = judged;
	advance.epoch = life->epoch;
	advance.entered = life->entered;
	advance.passed_us = (second - life->entered_s) * US;
	limit = advance_limit(&advance);
	life->epoch = advance_target(&documents, own_s, life->epoch, limit).epoch;
	if (life->epoch != advance.epoch) {
		life->entered = true;
		life->entered_s = second;
	}
	advance.epoch = life->epoch;
	advance.entered = life->entered;
	advance.passed_us = (second - life->entered_s) * US;
	sure = advance_sure(&advance,
			    advance_epoch_at(documents_target(&documents, own_s).topology, own_s));
	life->sure = sure > life->sure ? sure : life->sure;
}

static void a_right_clock_loses_no_time(void **state)
{
	for (unsigned judged = 0; judged < 2; judged++) {
		struct life life = {.epoch = EPOCH, .sure = EPOCH};

		(void)state;
		for (uint64_t second = 0; second < 5 * SPAN_S; second++) {
			life.network = EPOCH + (uint32_t)(second / SPAN_S);
			live(&life, second, FROM_S + second, judged);
			assert_int_equal(life.epoch, life.network);
			assert_in_range(life.sure, life.network - 1, life.network);
			/* keys die with their epoch, or half of one later */
			if (judged || second % SPAN_S >= SPAN_S / 2)
				assert_int_equal(life.sure, life.network);
		}
	}
}

/* Nobody confirms it, and it is set back before half an epoch has passed: no key is erased. */
static void a_jump_that_is_mended_soon_costs_no_key(void **state)
{
	struct life life = {.epoch = EPOCH, .sure = EPOCH, .network = EPOCH};
	uint64_t second;

	(void)state;
	for (second = 0; second < SPAN_S / 2; second++)
		live(&life, second, FROM_S + second, false);
	for (; second < SPAN_S - 1; second++)
		live(&life, second, FROM_S + second + 3600, false);
	assert_int_equal(life.epoch, EPOCH + 1); /* one, and not three */
	assert_int_equal(life.sure, EPOCH);
	for (; second < SPAN_S; second++)
		live(&life, second, FROM_S + second, false);
	assert_int_equal(life.sure, EPOCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_the_neighbours_clocks_nothing_holds_back),
		cmocka_unit_test(a_clock_that_nobody_confirms_gains_an_epoch_in_half_of_one),
		cmocka_unit_test(documents_say_how_late_it_is_at_least),
		cmocka_unit_test(a_target_is_within_the_relays_epoch_and_the_limit),
		cmocka_unit_test(an_epoch_is_reckoned_before_a_documents_own_too),
		cmocka_unit_test(what_the_neighbours_confirm_is_sure_at_once),
		cmocka_unit_test(what_nobody_confirms_is_sure_after_half_an_epoch),
		cmocka_unit_test(a_document_makes_sure_what_no_clock_does),
		cmocka_unit_test(a_right_clock_loses_no_time),
		cmocka_unit_test(a_jump_that_is_mended_soon_costs_no_key),
	};

	return RUN_TESTS(tests);
}
