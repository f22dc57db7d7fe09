/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a process in the sandbox can no longer do, and what it still can. Each try runs in a process
 * of its own, with a thread that was there before, as DPDK's are.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox.h"
#include "testing.h"

static char said[4096]; /* what the last try wrote on stderr */

static const struct sandbox_calls *fewer; /* of the sandbox; NULL: a relay's */

static volatile bool inside; /* the first thread is in the sandbox */

static void *nap_until_inside(void *unused)
{
	static const struct timespec nap = {.tv_nsec = 1000000};

	while (!inside)
		nanosleep(&nap, NULL);
	(void)socket(AF_INET, SOCK_DGRAM, 0);
	return unused;
}

static void *nap_for_ever(void *unused)
{
	static const struct timespec nap = {.tv_nsec = 1000000};

	for (;;)
		nanosleep(&nap, NULL);
	return unused;
}

/* Runs `what` in the sandbox; its exit status, or minus the signal that ended it. */
static int try_with(void (*what)(void), void *(*other)(void *))
{
	int pipe_fd[2], status;
	ssize_t n;

	assert_int_equal(pipe2(pipe_fd, O_CLOEXEC), 0);

	pid_t child = fork();

	if (child == 0) {
		const struct sandbox plan = {.program = "test", .user = "", .calls = fewer};
		struct lm_error err = {0};
		pthread_t thread;

		dup2(pipe_fd[1], STDERR_FILENO);
		if (sandbox_harden(&err) != 0 || pthread_create(&thread, NULL, other, NULL) != 0 ||
		    sandbox_enter(&plan, &err) != 0) {
			fprintf(stderr, "%s\n", err.text);
			_exit(99);
		}
		what();
		_exit(0);
	}
	close(pipe_fd[1]);
	memset(said, 0, sizeof(said));
	for (size_t len = 0; (n = read(pipe_fd[0], said + len, sizeof(said) - 1 - len)) > 0;)
		len += (size_t)n;
	close(pipe_fd[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static int try(void (*what)(void))
{
	return try_with(what, nap_for_ever);
}

static void call_execve(void)
{
	char *arguments[] = {"true", NULL};

	execve("/bin/true", arguments, NULL);
}

static void call_fork(void)
{
	(void)syscall(
		SYS_fork); /* newer libcs block all signals in theirs, and so ours with its word */
}

static void call_ptrace(void)
{
	(void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static void call_raw_socket(void)
{
	(void)socket(AF_INET6, SOCK_RAW, 58);
}

static void call_inet_socket(void)
{
	(void)socket(AF_INET, SOCK_DGRAM, 0);
}

static void call_unshare(void)
{
	(void)unshare(CLONE_NEWUSER);
}

static void call_executable_mmap(void)
{
	(void)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void call_executable_mprotect(void)
{
	static uint8_t page[8192] __attribute__((aligned(4096)));

	(void)mprotect(page, 4096, PROT_READ | PROT_EXEC);
}

static void call_dumpable(void)
{
	(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static void call_core_limit(void)
{
	const struct rlimit limit = {1, 1};

	(void)setrlimit(RLIMIT_CORE, &limit);
}

static void call_kill_of_another(void)
{
	(void)syscall(SYS_tgkill, getppid(), getppid(), 0);
}

static void call_ignore_the_filter(void)
{
	signal(SIGSYS, SIG_IGN);
}

/* The kernel takes 32 bits of the number, the filter sees 64. */
static void call_ignore_the_filter_slyly(void)
{
	static const uint64_t ignore[4] = {1};

	(void)syscall(SYS_rt_sigaction, (UINT64_C(1) << 32) + SIGSYS, ignore, NULL, 8);
}

static void call_process_vm_readv(void)
{
	(void)syscall(SYS_process_vm_readv, getpid(), NULL, 0, NULL, 0, 0);
}

static void forbidden_calls_end_the_process_with_a_word(void **state)
{
	static void (*const calls[])(void) = {
		call_execve,
		call_fork,
		call_ptrace,
		call_raw_socket,
		call_inet_socket,
		call_unshare,
		call_dumpable,
		call_executable_mmap,
		call_core_limit,
		call_kill_of_another,
		call_process_vm_readv,
		call_executable_mprotect,
		call_ignore_the_filter,
		call_ignore_the_filter_slyly,
	};

	(void)state;
	for (size_t i = 0; i < LM_COUNT(calls); i++) {
		int status = try(calls[i]);

		if (status != -SIGSYS ||
		    !strstr(said, "test: ends here: the sandbox forbids system call "))
			fail_msg("call %zu ends with %d: %s", i, status, said);
	}
	(void)try(call_execve);
	assert_non_null(strstr(said, "system call 59 "));
}

static void call_interrupts(void)
{
	int fd = epoll_create(1);

	if (fd < 0 || close(fd) != 0)
		_exit(98);
}

static void a_nic_with_interrupts_can_be_closed(void **state)
{
	(void)state;
	assert_int_equal(try(call_interrupts), 0);
}

static void *in_thread(void *unused)
{
	call_execve();
	return unused;
}

static void start_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, in_thread, NULL) == 0)
		pthread_join(thread, NULL);
}

static void threads_made_later_are_inside_too(void **state)
{
	(void)state;
	assert_int_equal(try(start_thread), -SIGSYS);
}

static void let_the_other_try(void)
{
	static const struct timespec limit = {.tv_sec = 5};

	inside = true;
	nanosleep(&limit, NULL);
}

static void threads_made_earlier_are_inside_too(void **state)
{
	(void)state;
	assert_int_equal(try_with(let_the_other_try, nap_until_inside), -SIGSYS);
}

static void use_what_a_relay_needs(void)
{
	struct stat info;
	char text[8];
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *key = lm_secret_alloc(32);
	int local = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	lm_rand(text, sizeof(text));
	/* refused, but quietly: a driver tries them at its end (a sanitized build has no filter) */
	if (!UNDER_SANITIZER && (syscall(SYS_bpf, 0, NULL, 0) != -1 || errno != EPERM ||
				 socket(AF_NETLINK, SOCK_RAW, 0) != -1 || errno != EPERM))
		_exit(2);
	if (fd < 0 || read(fd, text, sizeof(text)) <= 0 || fstat(fd, &info) != 0 ||
	    page == MAP_FAILED || local < 0 || !key)
		_exit(1);
	lm_secret_free(key);
	free(malloc(1 << 20));
	_exit(42);
}

static void open_a_file(void)
{
	(void)open("/proc/self/status", O_RDONLY | O_CLOEXEC);
}

static void use_few_calls(void)
{
	if (write(STDERR_FILENO, "", 0) != 0)
		_exit(1);
	_exit(42);
}

static void a_program_with_fewer_calls_has_no_others(void **state)
{
	static const int few[] = {SYS_write, SYS_exit_group, SYS_nanosleep, SYS_clock_nanosleep};
	static const struct sandbox_calls list = {.allowed = few, .n = LM_COUNT(few)};

	(void)state;
	fewer = &list;
	assert_int_equal(try(use_few_calls), 42);
	assert_int_equal(try(open_a_file), -SIGSYS);
	fewer = NULL;
}

static void what_a_relay_needs_still_works(void **state)
{
	(void)state;
	assert_int_equal(try(use_what_a_relay_needs), 42);
	assert_null(strstr(said, "forbids"));
}

/* The line of a thread's status in the kernel's words. */
static bool has_line(const char *thread, const char *line)
{
	char path[80], text[8192];
	int fd;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/task/%s/status", thread);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return strstr(text, line) != NULL;
}

static void exit_unless_without_rights(void)
{
	static const char *const lines[] = {"\nNoNewPrivs:\t1\n", "\nSeccomp:\t2\n"};
	char thread[16];
	unsigned threads = 0;

	for (int id = getpid(); id < getpid() + 64; id++) {
		snprintf(thread, sizeof(thread), "%d", id);
		if (!has_line(thread, "\nPid:\t"))
			continue;
		threads++;
		/* IPC_LOCK may stay, so that later keys can be locked */
		if (!has_line(thread, "\nCapEff:\t0000000000000000\n") &&
		    !has_line(thread, "\nCapEff:\t0000000000004000\n"))
			_exit(1);
		for (size_t i = 0; i < LM_COUNT(lines); i++) {
			if (!has_line(thread, lines[i]))
				_exit(2);
		}
	}
	_exit(threads == 2 ? 42 : 3);
}

static void every_thread_has_lost_its_rights(void **state)
{
	(void)state;
	assert_int_equal(try(exit_unless_without_rights), 42);
}

/* Begins with all signals blocked: they pile up for a while, then come at once. */
static void *be_slow(void *ms)
{
	struct timespec pause = {.tv_sec = (long)ms / 1000, .tv_nsec = (long)ms % 1000 * 1000000};
	sigset_t all;

	nanosleep(&pause, NULL);
	sigfillset(&all);
	(void)pthread_sigmask(SIG_UNBLOCK, &all, NULL);
	return nap_for_ever(NULL);
}

static void *be_slow_and_not_alone(void *unused)
{
	pthread_t slower;

	(void)unused;
	if (pthread_create(&slower, NULL, be_slow, (void *)1800L) != 0)
		_exit(98);
	return be_slow((void *)1200L);
}

static void say_so(void)
{
	_exit(42);
}

static void slow_threads_are_waited_for(void **state)
{
	sigset_t all, before;

	(void)state;
	sigfillset(&all);
	assert_int_equal(pthread_sigmask(SIG_BLOCK, &all, &before), 0); /* threads inherit it */
	assert_int_equal(try_with(say_so, be_slow_and_not_alone), 42);
	assert_int_equal(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
}

static void exit_if_dumpable(void)
{
	struct rlimit limit;

	/* a sanitizer looks into its own process */
	if (!UNDER_SANITIZER && prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		_exit(1);
	_exit(getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_max == 0 ? 42 : 2);
}

static int hardened_only(void)
{
	struct lm_error err;
	pid_t child = fork();
	int status;

	if (child == 0) {
		if (sandbox_harden(&err) != 0)
			_exit(99);
		exit_if_dumpable();
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WEXITSTATUS(status);
}

static void nothing_of_it_is_ever_dumped(void **state)
{
	(void)state;
	assert_int_equal(hardened_only(), 42);
}

static void users_that_are_none_are_refused(void **state)
{
	struct lm_error err;
	uid_t uid;
	gid_t gid;

	(void)state;
	assert_int_equal(sandbox_find_user("no-such-user", &uid, &gid, &err), -ENOENT);
	assert_non_null(strstr(err.text, "no user \"no-such-user\""));
	assert_int_equal(sandbox_find_user("", &uid, &gid, &err), 0);
	assert_int_equal(uid, geteuid());
}

int main(void)
{
	/* sanitizers look at the process in ways that the rest of these would end */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(users_that_are_none_are_refused),
		cmocka_unit_test(nothing_of_it_is_ever_dumped),
		cmocka_unit_test(what_a_relay_needs_still_works),
		cmocka_unit_test(a_program_with_fewer_calls_has_no_others),
		cmocka_unit_test(every_thread_has_lost_its_rights),
		cmocka_unit_test(slow_threads_are_waited_for),
		cmocka_unit_test(forbidden_calls_end_the_process_with_a_word),
		cmocka_unit_test(a_nic_with_interrupts_can_be_closed),
		cmocka_unit_test(threads_made_later_are_inside_too),
		cmocka_unit_test(threads_made_earlier_are_inside_too),
	};
	struct lm_error err;

	if (lm_base_init(&err) != 0)
		return 1;
	return RUN_TESTS_MARKED(tests, 7);
}
