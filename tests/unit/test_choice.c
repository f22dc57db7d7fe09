/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which of a neighbour's addresses is in use, as they come and go.
 */
#include "choice.h"
#include "testing.h"

#define S UINT64_C(1000000)

/* Chooses every second from `from` on, n times; the same must come out each time. */
static void assert_stays(struct choice *choice, unsigned works, bool answered, uint64_t from,
			 unsigned n, int used)
{
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(choice_make(choice, works, 3, answered, (from + i) * S), used);
}

static void the_first_that_works_is_taken(void **state)
{
	(void)state;
	for (unsigned works = 0; works < 8; works++) {
		struct choice choice = {0};

		assert_int_equal(choice_make(&choice, works, 3, true, S),
				 works == 0 ? CHOICE_NONE : __builtin_ctz(works));
	}
}

static void when_the_one_in_use_stops_the_best_other_is_taken_at_once(void **state)
{
	struct choice choice = {0};

	(void)state;
	assert_stays(&choice, 7, true, 1, 5, 0);
	assert_int_equal(choice_make(&choice, 6, 3, true, 6 * S), 1);
	assert_int_equal(choice_make(&choice, 4, 3, true, 6 * S + 1), 2);
	assert_int_equal(choice_make(&choice, 0, 3, true, 6 * S + 2), CHOICE_NONE);
	assert_int_equal(choice_make(&choice, 4, 3, true, 6 * S + 3), 2);
}

static void a_better_one_is_taken_again_when_it_has_worked_long_enough(void **state)
{
	struct choice choice = {0};
	uint64_t back = CHOICE_BACK_US / S;

	(void)state;
	assert_stays(&choice, 2, true, 1, 5, 1);
	assert_stays(&choice, 3, true, 6, (unsigned)back, 1);
	assert_int_equal(choice_make(&choice, 3, 3, true, (6 + back) * S), 0);
}

/* One that works nine seconds of ten is left alone; what is in use changes once, not ever again. */
static void one_that_comes_and_goes_is_not_followed(void **state)
{
	struct choice choice = {0};

	(void)state;
	assert_int_equal(choice_make(&choice, 3, 3, true, S), 0);
	assert_int_equal(choice_make(&choice, 2, 3, true, 2 * S), 1);
	for (unsigned i = 0; i < 600; i++)
		assert_int_equal(choice_make(&choice, i % 10 == 9 ? 2 : 3, 3, true, (3 + i) * S),
				 1);
}

static void where_no_session_answers_the_next_is_tried_in_a_circle(void **state)
{
	struct choice choice = {0};
	unsigned each = CHOICE_ANSWER_US / S;

	(void)state;
	for (unsigned i = 0; i < 9; i++)
		assert_stays(&choice, 7, false, 1 + i * each, each, (int)(i % 3));
}

/* It does not come back by itself, which could lose packets; it does when it has failed and works
 * again, or when the one in use is given up. */
static void one_that_did_not_answer_stays_given_up_while_another_does(void **state)
{
	struct choice choice = {0};
	unsigned each = CHOICE_ANSWER_US / S, back = CHOICE_BACK_US / S;

	(void)state;
	assert_stays(&choice, 3, false, 1, each, 0);
	assert_stays(&choice, 3, false, 1 + each, 1, 1);
	assert_stays(&choice, 3, true, 2 + each, 1000, 1);
	assert_int_equal(choice_make(&choice, 2, 3, true, 2000 * S), 1);
	assert_stays(&choice, 3, true, 2001, back, 1);
	assert_int_equal(choice_make(&choice, 3, 3, true, (2001 + back) * S), 0);

	choice = (struct choice){0};
	assert_stays(&choice, 3, false, 1, each, 0);
	assert_stays(&choice, 3, false, 1 + each, 1, 1);
	assert_stays(&choice, 3, true, 2 + each, 9, 1);
	assert_stays(&choice, 3, false, 11 + each, each - 1, 1);
	assert_int_equal(choice_make(&choice, 3, 3, false, (11 + 2 * each) * S), 0);
}

static void the_only_address_is_never_given_up(void **state)
{
	struct choice choice = {0};

	(void)state;
	assert_stays(&choice, 1, false, 1, 500, 0);
}

/* Whatever happens, what is chosen works; and something is chosen if anything works. */
static void what_is_chosen_always_works(void **state)
{
	struct choice choice = {0};
	uint8_t byte[2];

	(void)state;
	testing_rand_seed(3);
	for (uint64_t i = 1; i < 100000; i++) {
		unsigned works;
		int used;

		lm_rand(byte, sizeof(byte));
		works = byte[0];
		used = choice_make(&choice, works, 8, byte[1] & 1, i * S / 3);
		assert_true(used == CHOICE_NONE ? works == 0 : works >> used & 1);
	}
	testing_rand_restore();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_that_works_is_taken),
		cmocka_unit_test(when_the_one_in_use_stops_the_best_other_is_taken_at_once),
		cmocka_unit_test(a_better_one_is_taken_again_when_it_has_worked_long_enough),
		cmocka_unit_test(one_that_comes_and_goes_is_not_followed),
		cmocka_unit_test(where_no_session_answers_the_next_is_tried_in_a_circle),
		cmocka_unit_test(one_that_did_not_answer_stays_given_up_while_another_does),
		cmocka_unit_test(the_only_address_is_never_given_up),
		cmocka_unit_test(what_is_chosen_always_works),
	};

	return RUN_TESTS(tests);
}
