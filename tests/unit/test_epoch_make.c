/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/epoch: keys made ahead, also by a process that is killed at any system call on the way.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "epoch_testing.h"

#define LAST      (FIRST + KEYS - 1) /* that home_make makes */
#define STOPS_MAX 1000

static void make(const struct home *home, uint32_t first, uint32_t last)
{
	struct lm_error err;

	if (lm_epoch_make(home->keys, NODE, first, last, &err) != 0)
		fail_msg("%s", err.text);
}

struct seen {
	unsigned n;
	uint32_t epoch[LM_EPOCH_KEYS_MAX];
	struct lm_secret secret[LM_EPOCH_KEYS_MAX];
};

static void see_key(void *context, uint32_t epoch, const struct lm_secret *secret)
{
	struct seen *seen = context;

	seen->epoch[seen->n] = epoch;
	seen->secret[seen->n++] = *secret;
}

static struct seen look(const struct home *home)
{
	struct seen seen = {0};
	struct lm_error err;

	if (lm_epoch_each_waiting(home->keys, NODE, LM_EPOCH_KEYS_MAX, see_key, &seen, &err) != 0)
		fail_msg("%s", err.text);
	return seen;
}

static void only_keys_that_are_missing_are_made(void **state)
{
	struct stat before, after;
	struct home home;
	struct seen seen;

	(void)state;
	home_make(&home);
	make(&home, FIRST - 1, LAST + 3);
	seen = look(&home);
	assert_int_equal(seen.n, KEYS + 4);
	for (unsigned i = 0; i < seen.n; i++) {
		struct lm_secret old = secret_of(seen.epoch[i]);
		bool was_there = seen.epoch[i] >= FIRST && seen.epoch[i] <= LAST;

		assert_int_equal(seen.epoch[i], FIRST - 1 + i);
		assert_int_equal(memcmp(&old, &seen.secret[i], sizeof(old)) == 0, was_there);
		for (unsigned j = 0; j < i; j++)
			assert_memory_not_equal(&seen.secret[j], &seen.secret[i], sizeof(old));
	}
	assert_int_equal(stat(home.keys, &before), 0);
	make(&home, FIRST, LAST + 3); /* nothing is missing, nothing written */
	assert_int_equal(stat(home.keys, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	home_remove(&home);
}

static void a_file_is_made_for_its_owner_alone(void **state)
{
	struct stat status;
	struct home home;
	mode_t mask = umask(0);

	(void)state;
	home_make(&home);
	assert_int_equal(unlink(home.keys), 0);
	make(&home, 100, 139);
	assert_int_equal(look(&home).n, 40);
	assert_int_equal(stat(home.keys, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_int_equal(status.st_nlink, 1);
	umask(mask);
	home_remove(&home);
}

static void the_last_epoch_is_no_overflow(void **state)
{
	struct home home;

	(void)state;
	home_make(&home);
	make(&home, UINT32_MAX - 1, UINT32_MAX);
	assert_true(waits(&home, UINT32_MAX));
	home_remove(&home);
}

/* Refused with this code and message; the file is as it was. */
static void assert_refused(const struct home *home, uint32_t node, uint32_t first, uint32_t last,
			   int code, const char *message)
{
	struct stat before, after;
	struct lm_error err;

	assert_int_equal(stat(home->keys, &before), 0);
	assert_int_equal(lm_epoch_make(home->keys, node, first, last, &err), code);
	if (!strstr(err.text, message))
		fail_msg("%s", err.text);
	assert_int_equal(stat(home->keys, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(before.st_size, after.st_size);
}

static void a_full_foreign_or_broken_file_stays_as_it_is(void **state)
{
	struct lm_error err;
	struct home home;

	(void)state;
	home_make(&home);
	assert_refused(&home, NODE, 100, 100 + LM_EPOCH_KEYS_MAX - KEYS, -ENOSPC, "holds 8 keys");
	assert_refused(&home, NODE + 1, 100, 101, -EINVAL, "not the keys of node 12");
	make(&home, 100, 99 + LM_EPOCH_KEYS_MAX - KEYS); /* just full */
	assert_int_equal(look(&home).n, LM_EPOCH_KEYS_MAX);
	assert_refused(&home, NODE, 5000, 5000, -ENOSPC, "holds 512 keys");
	assert_int_equal(chmod(home.keys, 0640), 0);
	assert_refused(&home, NODE, 100, 101, -EACCES, "others may read");
	write_text(home.keys, "{", 0600);
	assert_refused(&home, NODE, 100, 101, -EINVAL, "not a key file");
	assert_int_equal(unlink(home.keys), 0);
	assert_int_equal(symlink("/dev/null", home.keys), 0);
	assert_refused(&home, NODE, 100, 101, -ELOOP, "symbolic link");
	assert_int_equal(lm_epoch_make("/dev/shm/linemix-none/such/keys.json", NODE, 1, 2, &err),
			 -ENOENT);
	assert_non_null(strstr(err.text, "/dev/shm/linemix-none/such"));
	home_remove(&home);
}

/* ---- Killed on the way ---- */

static _Noreturn void make_and_end(const struct home *home)
{
	struct lm_error err;

	(void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	_exit(lm_epoch_make(home->keys, NODE, LAST + 1, LAST + 4, &err) == 0 ? 0 : 1);
}

/* Kills the child at its stop n, before or after a system call. True if it ended first. */
static bool run_until(const struct home *home, unsigned n)
{
	int status;
	pid_t child = fork();

	if (child == 0)
		make_and_end(home);
	assert_int_equal(waitpid(child, &status, 0), child);
	for (unsigned i = 0; i < n && !WIFEXITED(status); i++) {
		assert_int_equal(ptrace(PTRACE_SYSCALL, child, NULL, NULL), 0);
		assert_int_equal(waitpid(child, &status, 0), child);
	}
	if (WIFEXITED(status)) {
		assert_int_equal(WEXITSTATUS(status), 0);
		return true;
	}
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	return false;
}

/* How many of the child's keys are there; the next process goes on, whatever was left. */
static unsigned count_made(const struct home *home)
{
	struct seen seen = {0}, after;
	unsigned n = 0;

	if (exists(home->keys))
		seen = look(home);
	for (unsigned i = 0; i < seen.n; i++)
		n += seen.epoch[i] > LAST;
	make(home, LAST + 1, LAST + 4);
	after = look(home);
	assert_int_equal(after.n, seen.n + 4 - n);
	/* those that were there, in whose place no others are made */
	assert_memory_equal(after.secret, seen.secret, seen.n * sizeof(seen.secret[0]));
	return n;
}

/* `anew`: there is no key file before. */
static void kill_at_every(bool anew)
{
	bool ended = false;
	unsigned n = 0, seen[5] = {0};

	for (; !ended && n < STOPS_MAX; n++) {
		struct home home;

		home_make(&home);
		if (anew)
			assert_int_equal(unlink(home.keys), 0);
		ended = run_until(&home, n);
		seen[count_made(&home)]++;
		for (uint32_t e = FIRST; !anew && e <= LAST; e++)
			assert_true(waits(&home, e));
		home_remove(&home);
	}
	assert_true(ended && seen[0] > 0 && seen[4] > 0);
	assert_int_equal(seen[1] + seen[2] + seen[3], 0);
	assert_in_range(n, 30, STOPS_MAX - 1);
}

static void killed_at_any_system_call_all_keys_are_there_or_none(void **state)
{
	(void)state;
	kill_at_every(false);
}

static void killed_at_any_system_call_a_new_file_is_whole_or_not_there(void **state)
{
	(void)state;
	kill_at_every(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_keys_that_are_missing_are_made),
		cmocka_unit_test(a_file_is_made_for_its_owner_alone),
		cmocka_unit_test(the_last_epoch_is_no_overflow),
		cmocka_unit_test(a_full_foreign_or_broken_file_stays_as_it_is),
		cmocka_unit_test(killed_at_any_system_call_all_keys_are_there_or_none),
		cmocka_unit_test(killed_at_any_system_call_a_new_file_is_whole_or_not_there),
	};
	struct lm_error err;

	if (lm_base_init(&err) != 0)
		return 1;
	return RUN_TESTS(tests);
}
