/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/replay: every tag is new exactly once, in one burst and across threads, up to the capacity
 * and not beyond it.
 */
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "replay_testing.h"

#define THREADS 4

static void size_refuses_what_cannot_be_counted(void **state)
{
	(void)state;
	assert_int_equal(lm_replay_size(0), 0);
	assert_int_equal(lm_replay_size(UINT64_MAX), 0);
	assert_int_equal(lm_replay_size(UINT64_MAX / 2), 0);
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
	static const uint64_t capacities[] = {1,   2,   11,  12,   16,   17,   22,    23,
					      100, 511, 513, 4095, 4096, 4097, 10000, 300000};
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
	assert_true(insert_range(set, 0, 1000, &refused) == 1000);
	assert_true(insert_range(set, 1000, 1000, &refused) == 0);
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

/* FIPS 197, appendix B. */
static void tags_go_through_aes128(void **state)
{
	uint8_t key[16], round_key[LM_REPLAY_ROUND_KEYS][16], last[16], answer[16];
	struct lm_replay_tag tag[LM_BURST] = {0};
	struct lm_replay_mark mark[LM_BURST + 1];
	uint8_t index[LM_BURST];

	(void)state;
	unhex(key, "2b7e151628aed2a6abf7158809cf4f3c", sizeof(key));
	lm_replay_expand(round_key, key);
	unhex(last, "d014f9a8c9ee2589e13f0cc8b6630ca6", sizeof(last));
	assert_memory_equal(round_key[10], last, sizeof(last));
	unhex(answer, "3925841d02dc09fbdc118597196a0b32", sizeof(answer));
	for (unsigned n = 1; n <= LM_BURST; n++) {
		memset(mark, 0xee, sizeof(mark));
		for (unsigned i = 0; i < n; i++)
			index[i] = (uint8_t)(n - 1 - i);
		unhex(tag[n - 1].b, "3243f6a8885a308d313198a2e0370734", 16);
		lm_replay_permute(mark, round_key, tag, index, n);
		for (unsigned i = 0; i < n; i++)
			assert_memory_equal(&mark[i], answer, sizeof(answer));
		assert_true(mark[n].place == UINT64_C(0xeeeeeeeeeeeeeeee));
	}
	for (unsigned i = 0; i < LM_BURST; i++)
		tag[i] = tag_of(i);
	lm_replay_permute(mark, round_key, tag, index, LM_BURST);
	for (unsigned i = 0; i < LM_BURST; i++) {
		struct lm_replay_mark alone;
		uint8_t one = (uint8_t)i;

		lm_replay_permute(&alone, round_key, tag, &one, 1);
		assert_memory_equal(&mark[LM_BURST - 1 - i], &alone, sizeof(alone));
	}
}

static void two_sets_place_equal_tags_differently(void **state)
{
	struct lm_replay *a = make_set(400), *b = make_set(400);
	uint64_t refused, equal = 0;

	(void)state;
	assert_memory_not_equal(a->round_key, b->round_key, sizeof(a->round_key));
	insert_range(a, 0, 100, &refused);
	insert_range(b, 0, 100, &refused);
	for (uint64_t i = 0; i < a->lines; i++)
		for (unsigned slot = 0; slot < LM_REPLAY_SLOTS; slot++)
			equal += a->line[i].slot[slot] != 0 &&
				 a->line[i].slot[slot] == b->line[i].slot[slot];
	assert_true(equal == 0);
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

/* ---- Several threads that want the last places of many small sets ---- */

#define SMALL_SETS     2000
#define SMALL_CAPACITY 100

struct scramble {
	struct lm_replay **set;
	pthread_barrier_t *start;
	unsigned thread;
};

static void *scramble(void *argument)
{
	struct scramble *run = argument;

	for (unsigned i = 0; i < SMALL_SETS; i++) {
		uint64_t refused;

		if (i % 16 == 0) /* seldom enough to be quick, often enough to stay together */
			pthread_barrier_wait(run->start);
		insert_range(run->set[i], run->thread * 1000u, LM_BURST, &refused);
	}
	return NULL;
}

static void last_places_are_never_given_twice(void **state)
{
	static struct lm_replay *set[SMALL_SETS];
	struct scramble run[THREADS];
	pthread_t thread[THREADS];
	pthread_barrier_t start;

	(void)state;
	for (unsigned i = 0; i < SMALL_SETS; i++)
		set[i] = make_set(SMALL_CAPACITY);
	assert_int_equal(pthread_barrier_init(&start, NULL, THREADS), 0);
	for (unsigned t = 0; t < THREADS; t++) {
		run[t] = (struct scramble){.set = set, .start = &start, .thread = t};
		assert_int_equal(pthread_create(&thread[t], NULL, scramble, &run[t]), 0);
	}
	for (unsigned t = 0; t < THREADS; t++)
		assert_int_equal(pthread_join(thread[t], NULL), 0);
	for (unsigned i = 0; i < SMALL_SETS; i++) {
		assert_true(lm_replay_count(set[i]) == SMALL_CAPACITY);
		assert_true(filled_slots(set[i]) == SMALL_CAPACITY);
		free(set[i]);
	}
	pthread_barrier_destroy(&start);
}

/* ---- Two threads in step through ten million tags ---- */

#define STEP_TAGS (UINT64_C(10000000) / (UNDER_SANITIZER ? 50 : 1) / LM_BURST * LM_BURST)

struct stepper {
	struct lm_replay *set;
	_Atomic uint8_t *accepted; /* how often, by tag */
	_Atomic uint64_t at;       /* bursts it has begun */
	const struct stepper *other;
	uint64_t refused;
} LM_CACHE_ALIGNED;

/* Begins no burst before the other has begun the one before it. */
static void *step(void *argument)
{
	struct stepper *self = argument;

	for (uint64_t first = 0; first < STEP_TAGS; first += LM_BURST) {
		struct lm_replay_tag tag[LM_BURST];
		uint64_t full, fresh;

		for (unsigned i = 0; i < LM_BURST; i++)
			tag[i] = tag_of(first + i);
		atomic_fetch_add(&self->at, 1);
		for (unsigned spins = 1; atomic_load(&self->other->at) < self->at; spins++)
			if (spins % 256 == 0)
				sched_yield();
		fresh = lm_replay_insert(self->set, tag, ALL, LM_BURST, &full);
		self->refused += full != 0;
		for (; fresh; fresh &= fresh - 1)
			atomic_fetch_add(&self->accepted[first + (unsigned)__builtin_ctzll(fresh)],
					 1);
	}
	return NULL;
}

static void two_threads_in_step_accept_each_tag_once(void **state)
{
	struct lm_replay *set = make_set(STEP_TAGS + 2 * LM_REPLAY_LAST);
	_Atomic uint8_t *accepted = calloc(STEP_TAGS, sizeof(*accepted));
	struct stepper stepper[2];
	pthread_t thread[2];

	(void)state;
	assert_non_null(accepted);
	for (unsigned t = 0; t < 2; t++)
		stepper[t] =
			(struct stepper){.set = set, .accepted = accepted, .other = &stepper[!t]};
	for (unsigned t = 0; t < 2; t++)
		assert_int_equal(pthread_create(&thread[t], NULL, step, &stepper[t]), 0);
	for (unsigned t = 0; t < 2; t++) {
		assert_int_equal(pthread_join(thread[t], NULL), 0);
		assert_true(stepper[t].refused == 0);
	}
	for (uint64_t i = 0; i < STEP_TAGS; i++)
		assert_int_equal(accepted[i], 1);
	assert_true(lm_replay_count(set) == STEP_TAGS);
	assert_true(filled_slots(set) == STEP_TAGS);
	free(accepted);
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
		cmocka_unit_test(tags_go_through_aes128),
		cmocka_unit_test(two_sets_place_equal_tags_differently),
		cmocka_unit_test(nothing_is_touched_outside_the_memory),
		cmocka_unit_test(equal_tags_of_many_threads_are_new_once),
		cmocka_unit_test(threads_fill_the_set_exactly),
		cmocka_unit_test(last_places_are_never_given_twice),
		cmocka_unit_test(two_threads_in_step_accept_each_tag_once),
	};

	testing_rand_seed(25); /* equal fingerprints of different tags come always or never */
	return RUN_TESTS(tests);
}
