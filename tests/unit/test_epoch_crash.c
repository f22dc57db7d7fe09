/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/epoch when the process dies: a child that takes a key into use and erases an old one is
 * killed before and after every one of its system calls in turn, and so before and after all that
 * it writes to memory in between. After each the next process must find every key it needs, and no
 * key without what was seen under it; and if the machine goes too, no key that may have been used.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "epoch_testing.h"

#define STOPS_MAX 4000 /* far more than the child has: two for each system call */

/* Epochs 5, 6 and 7 are in use, with one tag seen under each. */
static void home_in_use(struct home *home)
{
	const struct lm_epoch_key *key[3];
	struct lm_epoch *epoch;

	home_make(home);
	epoch = open_home(home);
	take(epoch, key, 5, 3);
	for (unsigned i = 0; i < 3; i++)
		assert_true(see(key[i]));
	lm_epoch_close(epoch);
}

/* What is killed. Says through the pipe when it has used the new key, and when all is done. */
static _Noreturn void go_to_the_next_epoch(const struct home *home, int told)
{
	const struct lm_epoch_key *key[4];
	struct lm_epoch *epoch;
	struct lm_error err;

	(void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	epoch = open_home(home);
	take(epoch, key, 5, 4);
	if (!see(key[3]) || write(told, "u", 1) != 1 || lm_epoch_retire(epoch, 6, &err) != 0)
		_exit(1);
	lm_epoch_close(epoch);
	_exit(write(told, "d", 1) == 1 ? 0 : 1);
}

struct told {
	bool used, done;
};

/* Kills the child at its stop n, even: after a system call, odd: before one. True if it ended. */
static bool run_until(const struct home *home, unsigned n, struct told *told)
{
	int pipes[2], status;
	pid_t child;
	char c;

	assert_int_equal(pipe(pipes), 0);
	child = fork();
	if (child == 0)
		go_to_the_next_epoch(home, pipes[1]);
	close(pipes[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSTOPPED(status));
	for (unsigned i = 0; i < n && !WIFEXITED(status); i++) {
		assert_int_equal(ptrace(PTRACE_SYSCALL, child, NULL, NULL), 0);
		assert_int_equal(waitpid(child, &status, 0), child);
	}
	if (!WIFEXITED(status)) {
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, &status, 0), child);
	}
	*told = (struct told){false, false};
	while (read(pipes[0], &c, 1) == 1) {
		told->used |= c == 'u';
		told->done |= c == 'd';
	}
	close(pipes[0]);
	if (WIFEXITED(status))
		assert_int_equal(WEXITSTATUS(status), 0);
	return WIFEXITED(status);
}

/* The next process has every key, and all that was seen under each. */
static void assert_goes_on(const struct home *home, const struct told *told)
{
	const struct lm_epoch_key *key[3], *old;
	struct lm_epoch *epoch = open_home(home);
	struct lm_error err;

	take(epoch, &old, 5, 1); /* whole, or not there any more */
	if (old)
		assert_false(see(old));
	take(epoch, key, 6, 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_non_null(key[i]);
		assert_false(waits(home, 6 + i));
	}
	assert_false(see(key[0]));
	assert_false(see(key[1]));
	if (told->used)
		assert_false(see(key[2]));
	for (uint32_t e = 9; e < FIRST + KEYS; e++)
		assert_true(waits(home, e));
	if (told->done)
		assert_null(old);
	assert_int_equal(lm_epoch_retire(epoch, 6, &err), 0);
	assert_false(exists(in_runtime(home, "epoch-5")));
	assert_false(exists(in_runtime(home, "epoch-5"
					     ".old")));
	lm_epoch_close(epoch);
}

/* The machine goes with it: what may have been used is gone for ever. */
static void assert_retired(const struct home *home, const struct told *told)
{
	const struct lm_epoch_key *key[4];
	struct lm_epoch *epoch;
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", home->runtime);
	assert_int_equal(system(command), 0);
	epoch = open_home(home);
	take(epoch, key, 5, 4);
	for (unsigned i = 0; i < 3; i++)
		assert_null(key[i]);
	if (told->used)
		assert_null(key[3]);
	for (uint32_t e = 9; e < FIRST + KEYS; e++)
		assert_true(waits(home, e));
	lm_epoch_close(epoch);
}

static void kill_at_every(unsigned step, void (*check)(const struct home *, const struct told *))
{
	struct told told, ever = {false, false};
	bool ended = false;
	unsigned n = 0;

	for (; !ended && n < STOPS_MAX; n += step) {
		struct home home;

		home_in_use(&home);
		ended = run_until(&home, n, &told);
		ever.used |= told.used;
		check(&home, &told);
		home_remove(&home);
	}
	assert_true(ended && told.done && ever.used);
	assert_in_range(n, 80, STOPS_MAX - 1);
}

static void killed_at_any_system_call_no_key_and_no_tag_is_lost(void **state)
{
	(void)state;
	kill_at_every(1, assert_goes_on);
}

static void if_the_machine_goes_too_no_used_key_comes_back(void **state)
{
	(void)state;
	kill_at_every(2, assert_retired); /* what is in memory alone is lost anyway */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_at_any_system_call_no_key_and_no_tag_is_lost),
		cmocka_unit_test(if_the_machine_goes_too_no_used_key_comes_back),
	};
	struct lm_error err;

	if (lm_base_init(&err) != 0)
		return 1;
	if (has_swap()) {
		puts("1..0 # SKIP no folder on tmpfs is good enough where there is swap");
		return 0;
	}
	return RUN_TESTS(tests);
}
