/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a relay gives up so that whoever takes it over gains little: core dumps and being looked at,
 * the rights it needed to open its port, and system calls that it never makes.
 *
 * Keys are always in locked memory (lm_secret_alloc). All other memory is locked as well, page by
 * page as it is used, where the limit on locked memory is lifted (LimitMEMLOCK=infinity), or by the
 * capability IPC_LOCK, which is then kept. Otherwise only keys are locked, and a line says so:
 * DPDK's address space alone is far beyond any limit, and what is locked counts for later keys too.
 */
#pragma once

#include <sys/types.h>

#include "lm_base.h"

/*
 * The first thing a process does: no core dumps, and undumpable, so that nobody of the same user
 * may trace it or read its memory. Built with a sanitizer, which looks at the process itself, only
 * the core dumps end.
 */
LM_MUST_CHECK int sandbox_harden(struct lm_error *err);

/* The ids of a user by name; of this process for "". -ENOENT and a message if there is none. */
LM_MUST_CHECK int sandbox_find_user(const char *user, uid_t *uid, gid_t *gid, struct lm_error *err);

/*
 * For a while takes the rights of this user, so that what is made then is the user's; "" changes
 * nothing. Before there are threads.
 */
LM_MUST_CHECK int sandbox_step_down(const char *user, struct lm_error *err);
void sandbox_step_up(void);

/* The system calls of a program that needs fewer than a relay, beside what every program makes: no
 * memory becomes code, sockets are this machine's, signals go to itself. */
struct sandbox_calls {
	const int *allowed; /* with any arguments, as of seccomp_syscall_resolve_name */
	unsigned n;
};

struct sandbox {
	const char *program; /* for messages; must stay valid */
	const char *user;    /* to become; "": stay */
	bool keep_net_admin; /* the kernel is asked to resolve neighbours, which takes CAP_NET_ADMIN
			      */
	const struct sandbox_calls *calls; /* NULL: a relay's. Without keys no memory is locked */
};

/* Gives a folder and the files in it to the user that sandbox_enter will become. */
LM_MUST_CHECK int sandbox_give_folder(const char *path, const char *user, struct lm_error *err);

/*
 * For good, and for every thread that there is: locks memory, becomes the user, drops all
 * capabilities but what is kept, gains no privilege ever again, and installs the filter of system
 * calls. One that is not on the list never happens: the process says on stderr which it was and
 * dies of SIGSYS. Call it while the other threads are idle. Built with a sanitizer there is no
 * filter, and a line says so.
 */
LM_MUST_CHECK int sandbox_enter(const struct sandbox *plan, struct lm_error *err);
