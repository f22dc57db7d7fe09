/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See sandbox.h. Capabilities belong to threads, and DPDK has started some of its own before this:
 * a signal makes each of them drop what the first one drops. The filter of system calls is for all
 * threads at once (TSYNC).
 *
 * The filter's action is a trap and not a silent kill, so that an operator reads what happened. It
 * protects as much: the call is not carried out in either case, the handler resets itself before it
 * runs, and the filter forbids to install another.
 */
#include "sandbox.h"

#include <cap-ng.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
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

#define DROP_SIGNAL   (SIGRTMAX - 1) /* DPDK's vhost library and glibc use none this high */
#define DROP_LIMIT_MS 5000
#define THREADS_MAX   512

/* ---- Core dumps and memory ---- */

/* Locks all memory, now and later. *by_right is set if that takes CAP_IPC_LOCK from now on. */
static void lock_memory(const struct sandbox *plan, bool *by_right)
{
	struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
	bool lifted;

	(void)setrlimit(RLIMIT_MEMLOCK, &limit); /* CAP_SYS_RESOURCE may */
	lifted = getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY;
	/* threads that change their user keep no right */
	*by_right = !lifted && plan->user[0] == '\0' &&
		    capng_have_capability(CAPNG_EFFECTIVE, CAP_IPC_LOCK) == 1;
	if ((lifted || *by_right) && mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0)
		return;
	*by_right = false;
	fprintf(stderr,
		"%s: of its memory only keys are locked: the limit on locked memory is not lifted "
		"(LimitMEMLOCK=infinity)\n",
		plan->program);
}

int sandbox_harden(struct lm_error *err)
{
	const struct rlimit none = {0, 0};

	if (setrlimit(RLIMIT_CORE, &none) != 0)
		return lm_error_set(err, errno, "core dumps cannot be turned off: %s",
				    strerror(errno));
	if (UNDER_SANITIZER)
		return 0;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return lm_error_set(err, errno, "this process cannot be made undumpable: %s",
				    strerror(errno));
	return 0;
}

/* ---- The user ---- */

int sandbox_find_user(const char *user, uid_t *uid, gid_t *gid, struct lm_error *err)
{
	const struct passwd *entry;

	*uid = geteuid();
	*gid = getegid();
	if (user[0] == '\0')
		return 0;
	entry = getpwnam(user);
	if (!entry)
		return lm_error_set(err, ENOENT, "user: there is no user \"%s\" on this machine",
				    user);
	*uid = entry->pw_uid;
	*gid = entry->pw_gid;
	return 0;
}

int sandbox_step_down(const char *user, struct lm_error *err)
{
	uid_t uid;
	gid_t gid;
	int rc = sandbox_find_user(user, &uid, &gid, err);

	if (rc != 0 || user[0] == '\0' || uid == geteuid())
		return rc;
	if (setegid(gid) == 0 && seteuid(uid) == 0)
		return 0;
	return lm_error_set(err, errno,
			    "user: cannot become %s: %s; start as root, or leave `user` empty",
			    user, strerror(errno));
}

void sandbox_step_up(void)
{
	if (geteuid() == getuid() && getegid() == getgid())
		return; /* a service manager may forbid even to ask */
	LM_ASSERT(seteuid(getuid()) == 0 && setegid(getgid()) == 0);
}

int sandbox_give_folder(const char *path, const char *user, struct lm_error *err)
{
	struct dirent *entry;
	DIR *folder;
	uid_t uid;
	gid_t gid;
	int rc = sandbox_find_user(user, &uid, &gid, err);

	if (rc != 0 || user[0] == '\0' || uid == geteuid())
		return rc;
	folder = opendir(path);
	if (!folder)
		return lm_error_set(err, errno, "user: %s: %s", path, strerror(errno));
	if (fchown(dirfd(folder), uid, gid) != 0)
		rc = -errno;
	while (rc == 0 && (entry = readdir(folder)) != NULL) {
		if (entry->d_type != DT_DIR &&
		    fchownat(dirfd(folder), entry->d_name, uid, gid, AT_SYMLINK_NOFOLLOW) != 0)
			rc = -errno;
	}
	closedir(folder);
	if (rc != 0)
		return lm_error_set(err, -rc, "user: %s cannot be given to %s: %s", path, user,
				    strerror(-rc));
	return 0;
}

static int become(const char *user, struct lm_error *err)
{
	uid_t uid;
	gid_t gid;
	int rc = sandbox_find_user(user, &uid, &gid, err);

	if (rc != 0 || user[0] == '\0' || uid == geteuid())
		return rc;
	rc = capng_change_id((int)uid, (int)gid, CAPNG_INIT_SUPP_GRP);
	if (rc != 0)
		return lm_error_set(err, EPERM,
				    "user: cannot become %s (%d): start as root, or leave `user` "
				    "empty",
				    user, rc);
	/* a change of user makes dumpable again what the machine's settings say */
	if (!UNDER_SANITIZER)
		(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	return 0;
}

/* ---- Capabilities ---- */

static struct __user_cap_data_struct kept[2]; /* what each thread keeps */
static pid_t dropped[THREADS_MAX];            /* threads that have, told by themselves */
static unsigned dropped_n;

static int drop_in_this_thread(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {kept[0], kept[1]}, have[2];

	/* a thread that changed its user has lost them already, and gains none */
	if (syscall(SYS_capget, &header, have) != 0)
		return -1;
	for (unsigned i = 0; i < 2; i++) {
		data[i].permitted &= have[i].permitted;
		data[i].effective &= have[i].permitted;
	}
	return (int)syscall(SYS_capset, &header, data);
}

static bool has_dropped(pid_t thread)
{
	for (unsigned i = 0; i < THREADS_MAX; i++) {
		if (__atomic_load_n(&dropped[i], __ATOMIC_ACQUIRE) == thread)
			return true;
	}
	return false;
}

static void on_drop_signal(int number)
{
	int code = errno;

	(void)number;
	/* signals of this kind queue up: a thread that was slow gets many, and tells once */
	if (!has_dropped(gettid()) && drop_in_this_thread() == 0) {
		unsigned place = __atomic_fetch_add(&dropped_n, 1, __ATOMIC_RELAXED);

		if (place < THREADS_MAX)
			__atomic_store_n(&dropped[place], gettid(), __ATOMIC_RELEASE);
	}
	errno = code;
}

/* Signals every other thread that has not dropped yet; how many those are, or -errno. */
static int signal_threads(void)
{
	DIR *folder = opendir("/proc/self/task");
	struct dirent *entry;
	int n = 0;

	if (!folder)
		return -errno;
	while ((entry = readdir(folder)) != NULL) {
		pid_t thread = (pid_t)strtol(entry->d_name, NULL, 10);

		/* one that ends meanwhile is not in the way */
		if (thread > 0 && thread != gettid() && !has_dropped(thread) &&
		    (syscall(SYS_tgkill, getpid(), thread, DROP_SIGNAL) == 0 || errno != ESRCH))
			n++;
	}
	closedir(folder);
	return n;
}

/* Threads may come and go: repeated until none is left, twice in a row. */
static int drop_in_other_threads(void)
{
	static const struct timespec nap = {.tv_nsec = 1000000};
	struct sigaction action = {.sa_handler = on_drop_signal, .sa_flags = SA_RESTART};
	unsigned clean = 0;
	int n = 0;

	if (sigaction(DROP_SIGNAL, &action, NULL) != 0)
		return -errno;
	for (unsigned i = 0; n >= 0 && clean < 2 && i < DROP_LIMIT_MS; i++) {
		n = signal_threads();
		clean = n == 0 ? clean + 1 : 0;
		if (n > 0)
			nanosleep(&nap, NULL);
	}
	/* a slow thread may still have a second one to come */
	action.sa_handler = SIG_IGN;
	(void)sigaction(DROP_SIGNAL, &action, NULL);
	if (n < 0)
		return n;
	return clean == 2 ? 0 : -ETIMEDOUT;
}

static void keep(unsigned capability)
{
	if (capng_have_capability(CAPNG_PERMITTED, capability) != 1)
		return;
	kept[CAP_TO_INDEX(capability)].permitted |= CAP_TO_MASK(capability);
	kept[CAP_TO_INDEX(capability)].effective |= CAP_TO_MASK(capability);
}

static int drop_capabilities(struct lm_error *err)
{
	bool bounds = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) == 1;
	int rc;

	capng_clear(CAPNG_SELECT_ALL);
	for (unsigned i = 0; i <= CAP_LAST_CAP; i++) {
		if (kept[CAP_TO_INDEX(i)].permitted & CAP_TO_MASK(i))
			(void)capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, i);
	}
	/* a sanitizer has a thread of its own, which takes no signals */
	rc = UNDER_SANITIZER ? 0 : drop_in_other_threads();
	if (rc == 0 && capng_apply(bounds ? CAPNG_SELECT_ALL : CAPNG_SELECT_CAPS) != 0)
		rc = -EPERM;
	if (rc != 0)
		return lm_error_set(err, -rc,
				    "capabilities cannot be dropped (%s); set sandbox: false to "
				    "run with them",
				    strerror(-rc));
	return 0;
}

/* ---- System calls ---- */

#define CALL(name) SCMP_SYS(name)

/* What is allowed with any arguments. Open files stay open: sockets, the TAP, the port's device. */
static const int allowed[] = {
	/* memory */
	CALL(brk),
	CALL(munmap),
	CALL(mremap),
	CALL(madvise),
	CALL(mlock),
	CALL(mlock2),
	CALL(munlock),
	CALL(mbind),
	CALL(get_mempolicy),
	CALL(set_mempolicy),
	/* files: topology and keys at a reload, the runtime directory, sysfs for drivers */
	CALL(open),
	CALL(openat),
	CALL(close),
	CALL(read),
	CALL(write),
	CALL(readv),
	CALL(writev),
	CALL(pread64),
	CALL(pwrite64),
	CALL(lseek),
	CALL(stat),
	CALL(fstat),
	CALL(lstat),
	CALL(newfstatat),
	CALL(statx),
	CALL(statfs),
	CALL(fstatfs),
	CALL(access),
	CALL(faccessat),
	CALL(faccessat2),
	CALL(readlink),
	CALL(readlinkat),
	CALL(getdents64),
	CALL(fcntl),
	CALL(flock),
	CALL(ftruncate),
	CALL(fallocate),
	CALL(fsync),
	CALL(fdatasync),
	CALL(fchmod),
	CALL(fchown),
	CALL(mkdir),
	CALL(mkdirat),
	CALL(rmdir),
	CALL(unlink),
	CALL(unlinkat),
	CALL(rename),
	CALL(renameat),
	CALL(renameat2),
	CALL(dup),
	CALL(ioctl),
	CALL(umask),
	CALL(getcwd),
	CALL(inotify_init1),
	CALL(inotify_add_watch),
	CALL(inotify_rm_watch),
	/* sockets that are open, telemetry's clients, vhost's */
	CALL(accept),
	CALL(accept4),
	CALL(connect),
	CALL(bind),
	CALL(listen),
	CALL(shutdown),
	CALL(sendto),
	CALL(sendmsg),
	CALL(sendmmsg),
	CALL(recvfrom),
	CALL(recvmsg),
	CALL(recvmmsg),
	CALL(getsockname),
	CALL(getpeername),
	CALL(getsockopt),
	CALL(setsockopt),
	/* waiting, and time */
	CALL(poll),
	CALL(ppoll),
	CALL(select),
	CALL(pselect6),
	CALL(epoll_wait),
	CALL(epoll_pwait),
	CALL(epoll_ctl),
	CALL(epoll_create1),
	CALL(epoll_create), /* DPDK's thread for interrupts, when a NIC on vfio or uio is closed */
	CALL(eventfd2),
	CALL(pipe2),
	CALL(nanosleep),
	CALL(clock_nanosleep),
	CALL(clock_gettime),
	CALL(clock_getres),
	CALL(gettimeofday),
	CALL(timerfd_create),
	CALL(timerfd_settime),
	CALL(timerfd_gettime),
	/* threads and signals */
	CALL(futex),
	CALL(set_robust_list),
	CALL(rseq),
	CALL(gettid),
	CALL(getpid),
	CALL(getppid),
	CALL(sched_yield),
	CALL(sched_getaffinity),
	CALL(sched_setaffinity),
	CALL(getcpu),
	CALL(rt_sigprocmask),
	CALL(rt_sigreturn),
	CALL(sigaltstack),
	CALL(restart_syscall),
	CALL(membarrier),
	CALL(exit),
	CALL(exit_group),
	/* who and where we are */
	CALL(getuid),
	CALL(geteuid),
	CALL(getgid),
	CALL(getegid),
	CALL(getrandom),
	CALL(uname),
	CALL(sysinfo),
	CALL(getrlimit),
	CALL(getrusage),
};

static struct scmp_arg_cmp compared(unsigned argument, enum scmp_compare how, scmp_datum_t a,
				    scmp_datum_t b)
{
	return (struct scmp_arg_cmp){.arg = argument, .op = how, .datum_a = a, .datum_b = b};
}

static int allow_if(scmp_filter_ctx filter, int call, struct scmp_arg_cmp holds)
{
	return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, 1, &holds);
}

/*
 * What every program may do with some arguments only. The filter sees 64 bits where the kernel may
 * take 32 of them: what is compared so here fails when the others are set.
 */
static int allow_common(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp no_code = compared(2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	int rc = 0;

	/* nothing becomes code that was not code at the start */
	rc |= allow_if(filter, CALL(mmap), no_code);
	rc |= allow_if(filter, CALL(mprotect), no_code);
	/* new sockets only to other programs of this machine: the log, the service manager */
	rc |= allow_if(filter, CALL(socket), compared(0, SCMP_CMP_EQ, AF_UNIX, 0));
	/* signals to oneself, and handlers for all but what the filter itself sends */
	rc |= allow_if(filter, CALL(tgkill), compared(0, SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
	rc |= allow_if(filter, CALL(rt_sigaction), compared(0, SCMP_CMP_LT, SIGSYS, 0));
	return rc;
}

/* What a relay may besides. */
static int allow_with_care(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp netlink = compared(0, SCMP_CMP_EQ, AF_NETLINK, 0);
	int rc = 0;

	/* threads, and no processes; clone3's arguments are out of sight, so libc takes clone */
	rc |= allow_if(filter, CALL(clone),
		       compared(0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
	rc |= seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), CALL(clone3), 0);
	/*
	 * DPDK's af_xdp driver tries to take its program off the interface at the end. It stays:
	 * it passes on to the kernel what no socket takes, and the next start takes it up.
	 */
	rc |= seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), CALL(bpf), 0);
	rc |= seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EPERM), CALL(socket), 1, &netlink);
	rc |= allow_if(filter, CALL(rt_sigaction), compared(0, SCMP_CMP_MASKED_EQ, ~31ull, 32));
	rc |= allow_if(filter, CALL(prctl), compared(0, SCMP_CMP_EQ, PR_SET_NAME, 0));
	/* limits are read, not changed */
	rc |= allow_if(filter, CALL(prlimit64), compared(2, SCMP_CMP_EQ, 0, 0));
	return rc;
}

static int allow(scmp_filter_ctx filter, const struct sandbox_calls *calls)
{
	const int *list = calls ? calls->allowed : allowed;
	size_t n = calls ? calls->n : LM_COUNT(allowed);
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, list[i], 0);
	if (rc != 0)
		return rc;
	return allow_common(filter) != 0 || (!calls && allow_with_care(filter) != 0) ? -EINVAL : 0;
}

static const char *program_name;

/* Writes a number without anything that a signal handler must not call. */
static size_t number_text(char text[12], int number)
{
	char digits[12];
	size_t n = 0, len = 0;

	do
		digits[n++] = (char)('0' + number % 10);
	while ((number /= 10) > 0);
	while (n > 0)
		text[len++] = digits[--n];
	return len;
}

static void on_forbidden_call(int number, siginfo_t *info, void *context)
{
	static const char what[] = ": ends here: the sandbox forbids system call ";
	static const char remedy[] = " (x86-64; ausyscall knows its name). If nobody is attacking, "
				     "report this; until then, sandbox: false\n";
	char text[sizeof(what) + sizeof(remedy) + 64];
	size_t len = strnlen(program_name, 48);

	(void)context;
	memcpy(text, program_name, len);
	memcpy(text + len, what, sizeof(what) - 1);
	len += sizeof(what) - 1;
	len += number_text(text + len, info->si_syscall);
	memcpy(text + len, remedy, sizeof(remedy) - 1);
	len += sizeof(remedy) - 1;

	ssize_t ignored = write(STDERR_FILENO, text, len);

	(void)ignored;
	raise(number); /* now by its default action, which ends the process */
	_exit(128 + number);
}

static int filter_calls(const struct sandbox *plan, struct lm_error *err)
{
	/* reset on entry, and not blocked meanwhile: a second one ends the process at once */
	struct sigaction action = {.sa_sigaction = on_forbidden_call,
				   .sa_flags = SA_SIGINFO | SA_RESETHAND | SA_NODEFER};
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_TRAP);
	int rc = filter ? 0 : -ENOMEM;

	program_name = plan->program;
	if (rc == 0)
		rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	if (rc == 0)
		rc = allow(filter, plan->calls);
	if (rc == 0 && sigaction(SIGSYS, &action, NULL) != 0)
		rc = -errno;
	if (rc == 0)
		rc = seccomp_load(filter);
	seccomp_release(filter);
	if (rc != 0)
		return lm_error_set(err, -rc,
				    "the kernel takes no filter of system calls (%s); set "
				    "sandbox: false to run without one",
				    strerror(-rc));
	return 0;
}

int sandbox_enter(const struct sandbox *plan, struct lm_error *err)
{
	bool lock_by_right = false;
	int rc;

	if (capng_get_caps_process() != 0)
		return lm_error_set(err, EPERM, "the kernel does not tell our capabilities");
	if (!plan->calls)
		lock_memory(plan, &lock_by_right);
	memset(kept, 0, sizeof(kept));
	if (plan->keep_net_admin)
		keep(CAP_NET_ADMIN);
	if (lock_by_right)
		keep(CAP_IPC_LOCK);
	/* libc loads this when a thread is cancelled, and the filter lets no new code in */
	(void)dlopen("libgcc_s.so.1", RTLD_NOW);
	rc = become(plan->user, err);
	if (rc == 0)
		rc = drop_capabilities(err);
	if (rc == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		rc = lm_error_set(err, errno, "no_new_privs: %s", strerror(errno));
	if (rc != 0)
		return rc;
	if (UNDER_SANITIZER) {
		fprintf(stderr, "%s: built with a sanitizer: system calls are not filtered\n",
			plan->program);
		return 0;
	}
	return filter_calls(plan, err);
}
