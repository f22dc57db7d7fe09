/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See confined.h.
 */
#include "confined.h"

#include <jansson.h>
#include <sys/syscall.h>
#include <time.h>

#include "sandbox.h"

static const int allowed[] = {
	/* sockets that are open, and calls to relays */
	SYS_accept,
	SYS_accept4,
	SYS_connect,
	SYS_recvfrom,
	SYS_recvmsg,
	SYS_sendto,
	SYS_sendmsg,
	SYS_read,
	SYS_readv,
	SYS_write,
	SYS_writev,
	SYS_shutdown,
	SYS_close,
	SYS_fcntl,
	SYS_setsockopt,
	SYS_getsockopt,
	SYS_getsockname,
	/* waiting */
	SYS_poll,
	SYS_ppoll,
	SYS_epoll_wait,
	SYS_epoll_pwait,
	SYS_epoll_ctl,
	SYS_restart_syscall,
	SYS_futex,
	/* memory */
	SYS_brk,
	SYS_munmap,
	SYS_mremap,
	SYS_madvise,
	/* time, randomness, the end */
	SYS_clock_gettime,
	SYS_gettimeofday,
	SYS_time,
	SYS_getrandom,
	SYS_rt_sigreturn,
	SYS_rt_sigprocmask,
	SYS_getpid,
	SYS_gettid,
	SYS_exit,
	SYS_exit_group,
};

int confined_enter(const char *user, struct lm_error *err)
{
	static const struct sandbox_calls calls = {.allowed = allowed, .n = LM_COUNT(allowed)};
	const struct sandbox plan = {.program = "linemix-exporter", .user = user, .calls = &calls};

	uint32_t seed;

	/* what libraries would open a file for, later */
	lm_rand(&seed, sizeof(seed));
	json_object_seed(seed | 1);
	tzset();
	return sandbox_enter(&plan, err);
}
