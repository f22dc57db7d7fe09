/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the tests of lib/mix share: mixes in memory of their own, items that carry a number, and a
 * table of statistics, which the unit tests look at with a fixed seed and a long run with any.
 */
#pragma once

#include "lm_mix.h"
#include "testing.h"

/* A mix with a seed that every run shares, made at now_us; freed with free(). */
struct lm_mix *mix_make(const struct lm_mix_params *params, uint32_t capacity, uint64_t now_us);

/* An item that carries a number from 1 on; where it came from and goes to follow from it. */
struct lm_mix_item mix_numbered(uint64_t number, uint32_t delay_us);
/* The number; the test fails if another field was changed. */
uint64_t mix_number_of(const struct lm_mix_item *item);

/* Adds items first .. first + n - 1, all of which must fit. */
void mix_add_range(struct lm_mix *mix, uint64_t first, unsigned n, uint32_t delay_us,
		   uint64_t now_us);

/* Takes all that is due, and says only how many. */
uint32_t mix_take_all(struct lm_mix *mix, uint64_t now_us);

/* The rank of an order of n numbered items among all n! orders of theirs. */
unsigned mix_rank_of(const struct lm_mix_item *item, unsigned n);

/* A number computed from samples, which a right mix keeps between two bounds. */
struct mix_statistic {
	double value, low, high;
};

/* Of the counts of classes that are equally likely. */
struct mix_statistic mix_uniform(const uint32_t *count, unsigned classes);

struct mix_statistic_row {
	const char *name; /* strategy.property */
	uint32_t least;   /* samples, for the unit test */
	struct mix_statistic (*compute)(struct lm_prng *prng, uint32_t samples);
};

extern const struct mix_statistic_row mix_statistics[];
extern const unsigned mix_statistics_count;

#define mix_assert_uniform(count, classes)                                   \
	do {                                                                 \
		struct mix_statistic deviate_ = mix_uniform(count, classes); \
		assert_true(deviate_.value >= deviate_.low);                 \
		assert_true(deviate_.value <= deviate_.high);                \
	} while (0)
