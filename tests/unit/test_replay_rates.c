/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/replay: the figures of a full set that replay.c computes. False positives are too rare to be
 * counted in a test, so this links a set whose fingerprints have 16 bits: all else is the same, and
 * they are 2^16 times as many.
 */
#include <math.h>
#include <string.h>

#include "replay_testing.h"

#define CAPACITY    (UINT64_C(1) << 20)
#define PRINTS      65536.0
#define COMPARED    12.9  /* fingerprints that a new tag is compared with in a full set */
#define FULL_SHARE  0.112 /* of lines in a full set */
#define WALK_DECAY  0.935 /* a walk of more than L lines: at most 1.7 e^-(0.935 L) */
#define WALK_FACTOR 1.7

/* Bounds beyond which a right program gets once in a million runs; the runs repeat one seed. */
#define SIGMAS 5.0

/* The number of a tag that no test has used. */
static uint64_t next_number;

/* Inserts new tags until the set is full. Returns how many were taken for seen. */
static uint64_t fill(struct lm_replay *set)
{
	uint64_t inserted = 0, missing;

	while ((missing = lm_replay_capacity(set) - lm_replay_count(set)) > 0) {
		uint64_t refused;

		insert_range(set, next_number, missing, &refused);
		assert_true(refused == 0);
		next_number += missing;
		inserted += missing;
	}
	return inserted - lm_replay_count(set);
}

/* Lines that a walk from `home` visits before an empty slot; *compared counts what it meets. */
static unsigned walk(const struct lm_replay *set, uint64_t home, uint64_t *compared)
{
	unsigned lines = 0, filled;

	do {
		filled = filled_in_line(&set->line[(home + lines) % set->lines]);
		*compared += filled;
		lines++;
	} while (filled == LM_REPLAY_SLOTS);
	return lines;
}

static void size_is_46_bits_a_tag(void **state)
{
	(void)state;
	assert_true(lm_replay_size(512) == 320 + 46 * 64);
	assert_true(lm_replay_size(513) == 320 + 47 * 64);
	assert_true(lm_replay_size(UINT64_C(1) << 26) == 320 + (UINT64_C(46) << 26) / 8);
	assert_true(lm_replay_size(UINT64_C(1) << 40) == 320 + (UINT64_C(46) << 40) / 8);
}

static void false_positives_are_as_many_as_computed(void **state)
{
	struct lm_replay *set = make_set(CAPACITY);
	uint64_t filling = fill(set), refused, fresh, seen;
	const uint64_t tries = 2 * CAPACITY;
	double expected = (double)tries * COMPARED / PRINTS;

	(void)state;
	fresh = insert_range(set, next_number, tries, &refused);
	next_number += tries;
	seen = tries - refused;
	assert_true(fresh == 0);
	assert_true(fabs((double)seen - expected) < SIGMAS * sqrt(expected));
	/* and at most half of that over the filling */
	assert_true((double)filling / CAPACITY < COMPARED / PRINTS / 2);
	assert_true((double)filling / CAPACITY > COMPARED / PRINTS / 4);
	free(set);
}

static void full_set_looks_as_computed(void **state)
{
	struct lm_replay *set = make_set(CAPACITY);
	uint64_t full = 0, compared = 0;

	(void)state;
	fill(set);
	for (uint64_t home = 0; home < set->lines; home++) {
		full += filled_in_line(&set->line[home]) == LM_REPLAY_SLOTS;
		walk(set, home, &compared);
	}
	assert_true(fabs((double)full / (double)set->lines - FULL_SHARE) < 0.01 * FULL_SHARE * 2);
	assert_true(fabs((double)compared / (double)set->lines - COMPARED) < 0.01 * COMPARED);
	free(set);
}

/* fill() has seen that none was refused; here, how far from their bound the walks stay. */
static void walks_stay_within_the_computed_tail(void **state)
{
	struct lm_replay *set = make_set(4 * CAPACITY);
	uint64_t longer[LM_REPLAY_PROBE] = {0}, compared;

	(void)state;
	fill(set);
	for (uint64_t home = 0; home < set->lines; home++) {
		unsigned lines = walk(set, home, &compared);

		assert_true(lines < LM_REPLAY_PROBE / 2);
		for (unsigned i = 0; i < lines; i++)
			longer[i]++;
	}
	for (unsigned lines = 1; lines < LM_REPLAY_PROBE; lines++) {
		double most = (double)set->lines * WALK_FACTOR * exp(-WALK_DECAY * lines);

		assert_true((double)longer[lines] <= most + SIGMAS * sqrt(most));
	}
	assert_true(longer[3] > 0); /* that a bound of a few lines would not do */
	free(set);
}

/* Memory that no inserts have made: every slot that a walk may reach is another tag's. */
static void walk_without_an_end_is_refused(void **state)
{
	struct lm_replay *set = make_set(16 * 200);
	uint64_t refused;

	(void)state;
	assert_true(set->lines > 2 * LM_REPLAY_PROBE);
	for (uint64_t i = 0; i < set->lines; i++)
		for (unsigned slot = 0; slot < LM_REPLAY_SLOTS; slot++)
			atomic_store(&set->line[i].slot[slot], UINT32_MAX);
	assert_true(insert_range(set, 0, 1000, &refused) == 0);
	assert_true(refused == 1000);
	assert_true(lm_replay_count(set) == 0);
	/* one line is free, and fills from those whose walk gets there */
	memset(&set->line[set->lines - 1], 0, sizeof(set->line[0]));
	assert_true(insert_range(set, 0, 1000, &refused) == LM_REPLAY_SLOTS);
	assert_true(refused == 1000 - LM_REPLAY_SLOTS);
	assert_true(lm_replay_count(set) == LM_REPLAY_SLOTS);
	free(set);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(size_is_46_bits_a_tag),
		cmocka_unit_test(false_positives_are_as_many_as_computed),
		cmocka_unit_test(full_set_looks_as_computed),
		cmocka_unit_test(walks_stay_within_the_computed_tail),
		cmocka_unit_test(walk_without_an_end_is_refused),
	};

	testing_rand_seed(26);
	return RUN_TESTS(tests);
}
