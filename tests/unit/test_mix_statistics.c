/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/mix: every statistic of mix_statistics.c lies between its bounds, on a fixed seed.
 * tests/long/mix-statistics computes the same on other seeds and more samples.
 */
#include <stdio.h>

#include "mix_testing.h"

static void lies_between_its_bounds(void **state)
{
	const struct mix_statistic_row *row = *state;
	struct mix_statistic got;
	struct lm_prng prng;

	lm_prng_init(&prng, (const uint8_t[32]){1});
	got = row->compute(&prng, row->least);
	printf("# %s: %g, within %g and %g\n", row->name, got.value, got.low, got.high);
	assert_true(got.value >= got.low && got.value <= got.high);
}

int main(void)
{
	struct CMUnitTest tests[64];

	LM_ASSERT(mix_statistics_count <= LM_COUNT(tests));
	for (unsigned i = 0; i < mix_statistics_count; i++)
		tests[i] = (struct CMUnitTest){
			.name = mix_statistics[i].name,
			.test_func = lies_between_its_bounds,
			.initial_state = (void *)(uintptr_t)&mix_statistics[i],
		};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return _cmocka_run_group_tests("statistics", tests, mix_statistics_count, NULL, NULL);
}
