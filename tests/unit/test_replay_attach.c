/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/replay: a set in shared memory outlives the process that made it, wherever the next one maps
 * it and at whatever instruction the last one was killed.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "replay_testing.h"

/* ---- Memory that two mappings share ---- */

static void *map_shared(int fd, size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	assert_true(memory != MAP_FAILED);
	return memory;
}

static int shared_file(size_t bytes)
{
	int fd = memfd_create("replay", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
	return fd;
}

static void attached_set_goes_on_elsewhere(void **state)
{
	size_t bytes = lm_replay_size(1000);
	int fd = shared_file(bytes);
	void *first = map_shared(fd, bytes), *second = map_shared(fd, bytes);
	struct lm_replay *set = lm_replay_init(first, 1000);
	uint64_t refused;

	(void)state;
	assert_true(insert_range(set, 0, 600, &refused) == 600);
	munmap(first, bytes);
	set = lm_replay_attach(second, bytes, 1000);
	assert_non_null(set);
	assert_true(lm_replay_count(set) == 600);
	assert_true(lm_replay_capacity(set) == 1000);
	assert_true(insert_range(set, 0, 600, &refused) == 0);
	assert_true(refused == 0);
	assert_true(insert_range(set, 600, 1000, &refused) == 400);
	assert_true(refused == 600);
	munmap(second, bytes);
	close(fd);
}

/* ---- What is no set ---- */

static void attach_refuses_what_is_no_whole_set(void **state)
{
	struct lm_replay *set = make_set(1000);
	size_t bytes = lm_replay_size(1000);
	void *empty = aligned_alloc(LM_REPLAY_ALIGN, bytes);
	uint64_t refused;

	(void)state;
	memset(empty, 0, bytes);
	insert_range(set, 0, 500, &refused);
	assert_null(lm_replay_attach(empty, bytes, 1000));
	assert_null(lm_replay_attach(set, bytes - 1, 1000));
	assert_null(lm_replay_attach(set, 0, 1000));
	assert_null(lm_replay_attach(set, bytes, 0));
	assert_null(lm_replay_attach(set, bytes, 999));
	assert_null(lm_replay_attach(set, SIZE_MAX, 1001));
	assert_null(lm_replay_attach(set, SIZE_MAX, UINT64_MAX));
	assert_ptr_equal(lm_replay_attach(set, bytes + 1, 1000), set); /* files have whole pages */
	assert_ptr_equal(lm_replay_attach(set, bytes, 1000), set);
	free(empty);
	free(set);
}

static void attach_refuses_a_damaged_set(void **state)
{
	struct lm_replay *set = make_set(1000);
	size_t bytes = lm_replay_size(1000);
	uint64_t *words[] = {(uint64_t *)&set->magic, &set->version, &set->capacity, &set->lines};
	_Atomic uint32_t *slot = set->line[7].slot;
	uint64_t refused;
	uint32_t kept;

	(void)state;
	insert_range(set, 0, 1000, &refused);
	for (unsigned i = 0; i < LM_COUNT(words); i++) {
		++*words[i];
		assert_null(lm_replay_attach(set, bytes, 1000));
		--*words[i];
	}
	kept = slot[0];
	slot[0] = 0; /* a hole, which no insert leaves */
	assert_null(lm_replay_attach(set, bytes, 1000));
	slot[0] = kept;
	assert_ptr_equal(lm_replay_attach(set, bytes, 1000), set);
	for (unsigned i = 0; i < LM_REPLAY_SLOTS; i++) /* more tags than its capacity */
		slot[i] = slot[i] ? slot[i] : 1;
	assert_null(lm_replay_attach(set, bytes, 1000));
	free(set);
}

/* Shares that died with their threads come back; a count that lost some is put right as well. */
static void attach_counts_anew(void **state)
{
	struct lm_replay *set = make_set(1000);
	uint64_t refused;

	(void)state;
	insert_range(set, 0, 500, &refused);
	atomic_fetch_add(&set->count, 3 * LM_BURST);
	assert_ptr_equal(lm_replay_attach(set, lm_replay_size(1000), 1000), set);
	assert_true(lm_replay_count(set) == 500);
	atomic_store(&set->count, 1);
	assert_ptr_equal(lm_replay_attach(set, lm_replay_size(1000), 1000), set);
	assert_true(insert_range(set, 500, 1000, &refused) == 500);
	free(set);
}

/* ---- Killed while it inserts ---- */

struct life {
	_Atomic uint64_t told; /* tags 0 .. told - 1 were new, and their caller knows it */
	_Atomic bool made;     /* init has returned */
};

/* Inserts burst after burst until it is killed or has reached `tags`. */
static void live(struct life *life, struct lm_replay *set, uint64_t tags)
{
	for (uint64_t at = life->told; at < tags; at += LM_BURST) {
		uint64_t refused;

		if (insert_range(set, at, LM_BURST, &refused) != LM_BURST)
			_exit(1);
		atomic_store(&life->told, at + LM_BURST);
	}
	_exit(0);
}

static void set_survives_any_number_of_kills(void **state)
{
	const uint64_t capacity = 4000000;
	size_t bytes = lm_replay_size(capacity);
	struct life *life = mmap(NULL, sizeof(*life), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int fd = shared_file(bytes);
	struct lm_replay *set = lm_replay_init(map_shared(fd, bytes), capacity);
	uint64_t refused, told;

	(void)state;
	for (unsigned round = 0; round < 20; round++) {
		pid_t child = fork();
		int status;

		assert_true(child >= 0);
		if (child == 0)
			live(life, set, capacity);
		usleep(500 + round * 97);
		kill(child, SIGKILL);
		assert_true(waitpid(child, &status, 0) == child);
		assert_true(WIFSIGNALED(status));
		munmap(set, bytes);
		set = lm_replay_attach(map_shared(fd, bytes), bytes, capacity);
		assert_non_null(set);
		told = atomic_load(&life->told);
		assert_true(lm_replay_count(set) == filled_slots(set));
		assert_true(lm_replay_count(set) >= told);
		assert_true(insert_range(set, 0, told, &refused) == 0);
		/* what the killed burst had inserted and what it had not: both are now in */
		insert_range(set, told, LM_BURST, &refused);
		assert_true(refused == 0);
		assert_true(lm_replay_count(set) == told + LM_BURST);
		atomic_store(&life->told, told + LM_BURST);
	}
	assert_true(told > 0);
	munmap(set, bytes);
	munmap(life, sizeof(*life));
	close(fd);
}

/* ---- Killed at each instruction ---- */

#define STEP_CAPACITY (3 * LM_BURST)
#define STEP_TAGS     (2 * LM_BURST)

/* What the child's memory would be to the next process, had the child been killed here. */
static void check_as_if_killed(const struct life *life, const void *memory, void *copy,
			       size_t bytes)
{
	struct lm_replay *set;
	uint64_t refused, count, told = atomic_load(&life->told);

	memcpy(copy, memory, bytes);
	set = lm_replay_attach(copy, bytes, STEP_CAPACITY);
	if (!set) {
		assert_false(atomic_load(&life->made));
		return;
	}
	count = lm_replay_count(set);
	assert_true(count == filled_slots(set));
	assert_true(count >= told && count <= told + LM_BURST);
	assert_true(insert_range(set, 0, told, &refused) == 0);
	assert_true(refused == 0);
	assert_true(insert_range(set, 0, STEP_TAGS, &refused) == STEP_TAGS - count);
	assert_true(insert_range(set, STEP_TAGS, 1000, &refused) == STEP_CAPACITY - STEP_TAGS);
}

static void trace_me(struct life *life, void *memory)
{
	struct lm_replay *set;

	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
		_exit(2);
	raise(SIGSTOP);
	set = lm_replay_init(memory, STEP_CAPACITY);
	atomic_store(&life->made, true);
	live(life, set, STEP_TAGS);
}

static void set_survives_a_kill_at_any_instruction(void **state)
{
	size_t bytes = lm_replay_size(STEP_CAPACITY);
	struct life *life =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint8_t *memory =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	void *copy = aligned_alloc(LM_REPLAY_ALIGN, bytes);
	uint64_t steps = 0;
	int status;
	pid_t child;

	(void)state;
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		trace_me(life, memory);
	assert_true(waitpid(child, &status, 0) == child);
	while (WIFSTOPPED(status)) {
		check_as_if_killed(life, memory, copy, bytes);
		assert_int_equal(ptrace(PTRACE_SINGLESTEP, child, NULL, NULL), 0);
		assert_true(waitpid(child, &status, 0) == child);
		steps++;
	}
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_true(atomic_load(&life->told) == STEP_TAGS);
	assert_true(steps > 1000);
	printf("# %llu instructions\n", (unsigned long long)steps);
	free(copy);
	munmap(memory, bytes);
	munmap(life, 4096);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(attached_set_goes_on_elsewhere),
		cmocka_unit_test(attach_refuses_what_is_no_whole_set),
		cmocka_unit_test(attach_refuses_a_damaged_set),
		cmocka_unit_test(attach_counts_anew),
		cmocka_unit_test(set_survives_any_number_of_kills),
		/* a sanitizer's instructions are too many */
		cmocka_unit_test(set_survives_a_kill_at_any_instruction),
	};

	testing_rand_seed(27);
	return RUN_TESTS_MARKED(tests, 1);
}
