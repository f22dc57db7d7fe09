/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * When an operator hears that links do not hold their rate.
 */
#include "padding.h"
#include "testing.h"

static enum padding_news see(struct padding_watch *watch, uint64_t *forgotten, uint64_t more)
{
	*forgotten += more;
	return padding_see(watch, *forgotten);
}

static void a_pause_now_and_then_is_no_alarm(void **state)
{
	struct padding_watch watch = {0};
	uint64_t forgotten = 0;

	(void)state;
	for (unsigned second = 0; second < 1000; second++)
		assert_int_equal(see(&watch, &forgotten, second % 2 == 0 ? 900 : 0),
				 PADDING_NO_NEWS);
}

static void a_lasting_lack_is_told_once_and_its_end_once(void **state)
{
	struct padding_watch watch = {0};
	uint64_t forgotten = 0;

	(void)state;
	for (unsigned turn = 0; turn < 3; turn++) {
		for (unsigned second = 1; second < PADDING_BEHIND_S; second++)
			assert_int_equal(see(&watch, &forgotten, 1), PADDING_NO_NEWS);
		assert_int_equal(see(&watch, &forgotten, 1), PADDING_BEHIND);
		for (unsigned second = 0; second < 1000; second++)
			assert_int_equal(see(&watch, &forgotten, 1), PADDING_NO_NEWS);
		/* however long it lasted, the end is as near */
		for (unsigned second = 1; second < PADDING_BEHIND_S; second++)
			assert_int_equal(see(&watch, &forgotten, 0), PADDING_NO_NEWS);
		assert_int_equal(see(&watch, &forgotten, 0), PADDING_HOLDS);
		for (unsigned second = 0; second < 100; second++)
			assert_int_equal(see(&watch, &forgotten, 0), PADDING_NO_NEWS);
	}
}

static void two_seconds_of_three_are_an_alarm(void **state)
{
	struct padding_watch watch = {0};
	uint64_t forgotten = 0;
	unsigned told = 0, held = 0;

	(void)state;
	for (unsigned second = 0; second < 300; second++) {
		enum padding_news news = see(&watch, &forgotten, second % 3 != 0);

		told += news == PADDING_BEHIND;
		held += news == PADDING_HOLDS;
	}
	assert_int_equal(told, 1);
	assert_int_equal(held, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pause_now_and_then_is_no_alarm),
		cmocka_unit_test(a_lasting_lack_is_told_once_and_its_end_once),
		cmocka_unit_test(two_seconds_of_three_are_an_alarm),
	};

	return RUN_TESTS(tests);
}
