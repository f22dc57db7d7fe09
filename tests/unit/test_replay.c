/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/replay: every tag is new exactly once, in one burst and across threads, up to the capacity
 * and not beyond it.
 */
#include <pthread.h>
#include <string.h>

#include "lm_replay.h"
#include "testing.h"

#define ALL     UINT64_MAX
#define THREADS 4

static struct lm_replay *make_set(uint64_t capacity)
{
	size_t size = lm_replay_size(capacity);
	void *memory = aligned_alloc(LM_REPLAY_ALIGN, size);

	assert_non_null(memory);
	memset(memory, 0, size);
	return lm_replay_init(memory, capacity);
}

/* The tag of a number; different numbers give different tags. */
static struct lm_replay_tag tag_of(uint64_t number)
{
	struct lm_replay_tag tag = {{0}};

	memcpy(tag.b, &number, sizeof(number));
	return tag;
}

/* Inserts the tags of n numbers from `first` on in bursts; returns how many were new. */
static uint64_t insert_range(struct lm_replay *set, uint64_t first, uint64_t n, uint64_t *refused)
{
	uint64_t fresh = 0;

	*refused = 0;
	for (uint64_t done = 0; done < n;) {
		struct lm_replay_tag tag[LM_BURST];
		unsigned burst = n - done < LM_BURST ? (unsigned)(n - done) : LM_BURST;
		uint64_t full;

		for (unsigned i = 0; i < burst; i++)
			tag[i] = tag_of(first + done + i);
		fresh += (unsigned)__builtin_popcountll(
			lm_replay_insert(set, tag, ALL >> (LM_BURST - burst), burst, &full));
		*refused += (unsigned)__builtin_popcountll(full);
		done += burst;
	}
	return fresh;
}

static void size_refuses_what_cannot_be_counted(void **state)
{
	(void)state;
	assert_int_equal(lm_replay_size(0), 0);
	assert_int_equal(lm_replay_size(UINT64_MAX), 0);
	assert_int_equal(lm_replay_size(UINT64_MAX / 8), 0);
	assert_int_not_equal(lm_replay_size(1), 0);
	assert_int_equal(lm_replay_size(1) % LM_REPLAY_ALIGN, 0);
}

static void tag_is_new_once(void **state)
{
	struct lm_replay *set = make_set(100);
	struct lm_replay_tag tag = tag_of(7);
	uint64_t full;

	(void)state;
	assert_true(lm_replay_insert(set, &tag, 1, 1, &full) == 1);
	assert_true(full == 0);
	assert_true(lm_replay_insert(set, &tag, 1, 1, &full) == 0);
	assert_true(full == 0);
	assert_true(lm_replay_count(set) == 1);
	free(set);
}

static void only_wanted_tags_are_touched(void **state)
{
	struct lm_replay *set = make_set(100);
	struct lm_replay_tag tag[LM_BURST];
	uint64_t full;

	(void)state;
	for (unsigned i = 0; i < LM_BURST; i++)
		tag[i] = tag_of(i);
	assert_true(lm_replay_insert(set, tag, 0, 0, &full) == 0);
	assert_true(lm_replay_insert(set, tag, 0x8000000000000005, LM_BURST, &full) ==
		    0x8000000000000005);
	assert_true(lm_replay_insert(set, tag, ALL, LM_BURST, &full) == ~0x8000000000000005);
	assert_true(lm_replay_count(set) == LM_BURST);
	free(set);
}

static void equal_tags_in_one_burst_are_new_once(void **state)
{
	struct lm_replay *set = make_set(100);
	struct lm_replay_tag tag[LM_BURST];
	uint64_t full;

	(void)state;
	for (unsigned i = 0; i < LM_BURST; i++)
		tag[i] = tag_of(i % 2);
	assert_true(lm_replay_insert(set, tag, ALL, LM_BURST, &full) == 3);
	assert_true(full == 0);
	assert_true(lm_replay_count(set) == 2);
	free(set);
}

static void every_bit_of_a_tag_counts(void **state)
{
	struct lm_replay *set = make_set(200);
	struct lm_replay_tag tag = tag_of(0);
	uint64_t full;

	(void)state;
	assert_true(lm_replay_insert(set, &tag, 1, 1, &full) == 1);
	for (unsigned bit = 0; bit < 128; bit++) {
		tag.b[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_true(lm_replay_insert(set, &tag, 1, 1, &full) == 1);
		tag.b[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_true(lm_replay_count(set) == 129);
	free(set);
}

static void capacity_is_reached_and_never_passed(void **state)
{
	static const uint64_t capacities[] = {1, 2, 5, 6, 7, 8, 9, 48, 100, 191, 193, 1000, 300000};
	uint64_t refused;

	(void)state;
	for (size_t i = 0; i < LM_COUNT(capacities); i++) {
		uint64_t capacity = capacities[i];
		struct lm_replay *set = make_set(capacity);

		assert_true(lm_replay_capacity(set) == capacity);
		assert_true(insert_range(set, 0, capacity, &refused) == capacity);
		assert_true(refused == 0);
		assert_true(lm_replay_count(set) == capacity);
		assert_true(insert_range(set, capacity, 1000, &refused) == 0);
		assert_true(refused == 1000);
		assert_true(lm_replay_count(set) == capacity);
		free(set);
	}
}

static void full_set_still_knows_old_tags(void **state)
{
	struct lm_replay *set = make_set(1000);
	uint64_t refused;

	(void)state;
	assert_true(insert_range(set, 0, 2000, &refused) == 1000);
	assert_true(refused == 1000);
	assert_true(insert_range(set, 0, 1000, &refused) == 0);
	assert_true(refused == 0);
	free(set);
}

static void last_place_goes_to_one_tag_of_a_burst(void **state)
{
	struct lm_replay *set = make_set(1);
	struct lm_replay_tag tag[4] = {tag_of(1), tag_of(1), tag_of(2), tag_of(1)};
	uint64_t full;

	(void)state;
	assert_true(lm_replay_insert(set, tag, 0xf, 4, &full) == 1);
	assert_true(full == 4);
	assert_true(lm_replay_count(set) == 1);
	free(set);
}

static void two_sets_have_different_keys(void **state)
{
	struct lm_replay *a = make_set(6 * 64);
	struct lm_replay *b = make_set(6 * 64);
	uint64_t refused;

	(void)state;
	insert_range(a, 0, 100, &refused);
	insert_range(b, 0, 100, &refused);
	assert_memory_not_equal(a, b, lm_replay_size(6 * 64));
	assert_memory_not_equal((uint8_t *)a + 128, (uint8_t *)b + 128,
				lm_replay_size(6 * 64) - 128);
	free(a);
	free(b);
}

static void nothing_is_touched_outside_the_memory(void **state)
{
	size_t size = lm_replay_size(13);
	void *memory = guarded_alloc(size, GUARD_AFTER);
	uint64_t refused;

	(void)state;
	assert_true(insert_range(lm_replay_init(memory, 13), 0, 500, &refused) == 13);
	guarded_free(memory, size, GUARD_AFTER);
}

/* ---- Several threads with the same tags, in step ---- */

struct race {
	struct lm_replay *set;
	pthread_barrier_t *start;
	unsigned thread;
	unsigned rounds;
	uint64_t own; /* each thread also inserts this many tags that no other has */
	uint64_t fresh, refused;
};

/* Every thread walks the same tags, each burst in another order, so that they collide. */
static void *race(void *argument)
{
	struct race *run = argument;
	uint64_t refused;

	for (unsigned round = 0; round < run->rounds; round++) {
		struct lm_replay_tag tag[LM_BURST];
		uint64_t full;

		for (unsigned i = 0; i < LM_BURST; i++)
			tag[i] = tag_of((uint64_t)round * LM_BURST +
					(i + run->thread * (round % 3)) % LM_BURST);
		pthread_barrier_wait(run->start);
		run->fresh += (unsigned)__builtin_popcountll(
			lm_replay_insert(run->set, tag, ALL, LM_BURST, &full));
		run->refused += (unsigned)__builtin_popcountll(full);
	}
	run->fresh += insert_range(run->set, (run->thread + 1ull) << 32, run->own, &refused);
	run->refused += refused;
	return NULL;
}

/* Runs the race; returns how many tags were new to any thread. */
static uint64_t run_race(struct lm_replay *set, unsigned rounds, uint64_t own, uint64_t *refused)
{
	pthread_barrier_t start;
	pthread_t thread[THREADS];
	struct race run[THREADS];
	uint64_t fresh = 0;

	*refused = 0;
	assert_int_equal(pthread_barrier_init(&start, NULL, THREADS), 0);
	for (unsigned t = 0; t < THREADS; t++) {
		run[t] = (struct race){
			.set = set, .start = &start, .thread = t, .rounds = rounds, .own = own};
		assert_int_equal(pthread_create(&thread[t], NULL, race, &run[t]), 0);
	}
	for (unsigned t = 0; t < THREADS; t++) {
		assert_int_equal(pthread_join(thread[t], NULL), 0);
		fresh += run[t].fresh;
		*refused += run[t].refused;
	}
	pthread_barrier_destroy(&start);
	return fresh;
}

static void equal_tags_of_many_threads_are_new_once(void **state)
{
	const uint64_t shared = 2000 * LM_BURST;
	struct lm_replay *set = make_set(shared);
	uint64_t refused;

	(void)state;
	assert_true(run_race(set, 2000, 0, &refused) == shared);
	assert_true(lm_replay_count(set) == shared);
	free(set);
}

static void threads_fill_the_set_exactly(void **state)
{
	const uint64_t capacity = 200 * LM_BURST + THREADS * 5000;
	struct lm_replay *set = make_set(capacity);
	uint64_t refused;

	(void)state;
	assert_true(run_race(set, 200, 6000, &refused) == capacity);
	assert_true(refused == THREADS * 1000);
	assert_true(lm_replay_count(set) == capacity);
	free(set);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(size_refuses_what_cannot_be_counted),
		cmocka_unit_test(tag_is_new_once),
		cmocka_unit_test(only_wanted_tags_are_touched),
		cmocka_unit_test(equal_tags_in_one_burst_are_new_once),
		cmocka_unit_test(every_bit_of_a_tag_counts),
		cmocka_unit_test(capacity_is_reached_and_never_passed),
		cmocka_unit_test(full_set_still_knows_old_tags),
		cmocka_unit_test(last_place_goes_to_one_tag_of_a_burst),
		cmocka_unit_test(two_sets_have_different_keys),
		cmocka_unit_test(nothing_is_touched_outside_the_memory),
		cmocka_unit_test(equal_tags_of_many_threads_are_new_once),
		cmocka_unit_test(threads_fill_the_set_exactly),
	};

	return RUN_TESTS(tests);
}
