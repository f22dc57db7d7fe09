/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See confine.h. The relay's sandbox is made for DPDK and its threads; these two are small enough
 * to have filters that can be read at a glance.
 */
#include "confine.h"

#include <cap-ng.h>
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#ifndef __has_feature
#define __has_feature(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) ||           \
	__has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
	__has_feature(memory_sanitizer)
#define UNDER_SANITIZER true
#else
#define UNDER_SANITIZER false
#endif

#define CALL(name) SCMP_SYS(name)

/* ---- Core dumps, capabilities ---- */

static int give_up_rights(struct lm_error *err)
{
	const struct rlimit none = {0, 0};

	if (setrlimit(RLIMIT_CORE, &none) != 0 ||
	    (!UNDER_SANITIZER && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0))
		return lm_error_set(err, errno, "core dumps cannot be turned off: %s",
				    strerror(errno));
	capng_clear(CAPNG_SELECT_BOTH);
	if (capng_apply(CAPNG_SELECT_CAPS) != 0)
		return lm_error_set(err, EPERM, "capabilities cannot be dropped");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return lm_error_set(err, errno, "no_new_privs: %s", strerror(errno));
	return 0;
}

/* ---- The agent ---- */

static const int denied[] = {
	CALL(execve),
	CALL(execveat),
	CALL(ptrace),
	CALL(process_vm_readv),
	CALL(process_vm_writev),
	CALL(unshare),
	CALL(setns),
	CALL(mount),
	CALL(umount2),
	CALL(pivot_root),
	CALL(chroot),
	CALL(bpf),
	CALL(init_module),
	CALL(finit_module),
	CALL(delete_module),
	CALL(kexec_load),
	CALL(keyctl),
	CALL(add_key),
	CALL(request_key),
	CALL(perf_event_open),
	CALL(userfaultfd),
	CALL(io_uring_setup),
	CALL(open_by_handle_at),
	CALL(personality),
	CALL(kill),
	CALL(tkill),
	CALL(pidfd_open),
	CALL(pidfd_getfd),
};

int confine_agent(struct lm_error *err)
{
	scmp_filter_ctx filter;
	int rc = give_up_rights(err);

	if (rc != 0)
		return rc;
	filter = seccomp_init(SCMP_ACT_ALLOW);
	rc = filter ? 0 : -ENOMEM;
	for (size_t i = 0; rc == 0 && i < LM_COUNT(denied); i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), denied[i], 0);
	if (rc == 0)
		rc = seccomp_load(filter);
	seccomp_release(filter);
	if (rc != 0)
		return lm_error_set(err, -rc, "the kernel takes no filter of system calls: %s",
				    strerror(-rc));
	return 0;
}

/* ---- The signer ---- */

static const int allowed[] = {
	/* files */
	CALL(open),
	CALL(openat),
	CALL(close),
	CALL(read),
	CALL(write),
	CALL(readv),
	CALL(writev),
	CALL(lseek),
	CALL(stat),
	CALL(fstat),
	CALL(lstat),
	CALL(newfstatat),
	CALL(getdents64),
	CALL(fcntl),
	CALL(unlink),
	CALL(unlinkat),
	CALL(rename),
	CALL(renameat),
	CALL(renameat2),
	CALL(fsync),
	/* memory */
	CALL(brk),
	CALL(munmap),
	CALL(mremap),
	CALL(madvise),
	CALL(mlock),
	CALL(munlock),
	/* time, randomness, the end */
	CALL(nanosleep),
	CALL(clock_nanosleep),
	CALL(clock_gettime),
	CALL(gettimeofday),
	CALL(getrandom),
	CALL(rt_sigreturn),
	CALL(rt_sigprocmask),
	CALL(restart_syscall),
	CALL(futex),
	CALL(getpid),
	CALL(gettid),
	CALL(exit),
	CALL(exit_group),
};

static int filter_signer(void)
{
	const struct scmp_arg_cmp no_code = {.arg = 2,
					     .op = SCMP_CMP_MASKED_EQ,
					     .datum_a = PROT_EXEC,
					     .datum_b = 0};
	const struct scmp_arg_cmp self = {.arg = 0,
					  .op = SCMP_CMP_EQ,
					  .datum_a = (scmp_datum_t)getpid()};
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int rc = filter ? 0 : -ENOMEM;

	for (size_t i = 0; rc == 0 && i < LM_COUNT(allowed); i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	if (rc == 0)
		rc = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, CALL(mmap), 1, &no_code);
	if (rc == 0)
		rc = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, CALL(mprotect), 1, &no_code);
	/* an assertion that fails: abort() */
	if (rc == 0)
		rc = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, CALL(tgkill), 1, &self);
	if (rc == 0)
		rc = seccomp_load(filter);
	seccomp_release(filter);
	return rc;
}

int confine_signer(struct lm_error *err)
{
	/* root may; others may where users have namespaces of their own */
	bool alone = unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
	int rc = give_up_rights(err);
	int filtered;

	if (rc != 0)
		return rc;
	filtered = UNDER_SANITIZER ? -ENOTSUP : filter_signer();
	if (filtered != 0 && !alone)
		return lm_error_set(err, EPERM,
				    "neither a network namespace nor a filter of system calls (%s) "
				    "keeps this process from the network; start it as root, or in "
				    "a system with seccomp",
				    strerror(-filtered));
	if (filtered != 0)
		fprintf(stderr, "linemix-directory signer: system calls are not filtered: %s\n",
			strerror(-filtered));
	if (!alone)
		fprintf(stderr, "linemix-directory signer: has no network namespace of its own; "
				"the filter of system calls alone keeps it from the network\n");
	return 0;
}
