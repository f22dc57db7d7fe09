/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Computes the statistics of lib/mix: mix-statistics [TIMES [SEED]], with TIMES as many samples of
 * each as the unit tests take (10 if not said). Prints each with its bounds; exit status 1 if one
 * is outside. Bounds that one run in a thousand passes are passed now and then: look at another
 * seed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "mix_testing.h"

static uint32_t parse(const char *text, uint32_t most)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || end == text || *end || value < 1 || value > most) {
		fprintf(stderr, "mix-statistics: \"%s\" is no number from 1 to %u\n", text, most);
		exit(2);
	}
	return (uint32_t)value;
}

int main(int argc, char **argv)
{
	uint32_t times = argc > 1 ? parse(argv[1], 1000) : 10;
	uint32_t number = argc > 2 ? parse(argv[2], UINT32_MAX) : 1;
	unsigned outside = 0;

	for (unsigned i = 0; i < mix_statistics_count; i++) {
		const struct mix_statistic_row *row = &mix_statistics[i];
		uint8_t seed[32] = {0};
		struct lm_prng prng;
		struct mix_statistic got;
		bool within;

		lm_store_u32(seed, number);
		lm_prng_init(&prng, seed);
		got = row->compute(&prng, row->least * times);
		within = got.value >= got.low && got.value <= got.high;
		printf("%-28s %10u samples %12.6f  %9.6f to %9.6f  %s\n", row->name,
		       row->least * times, got.value, got.low, got.high, within ? "" : "OUTSIDE");
		fflush(stdout);
		outside += !within;
	}
	return outside > 0 ? 1 : 0;
}
