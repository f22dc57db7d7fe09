/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Watches code that must neither allocate, lock nor make a system call. Not under sanitizers, whose
 * own run-time does all three.
 */
#pragma once

#include "lm_base.h"

/* What was seen. */
struct watch {
	bool finished;        /* false: a system call has ended it */
	unsigned allocations; /* malloc and its kin, and free */
	unsigned mutexes;     /* locked */
};

/*
 * Runs a function in a thread of its own, which the kernel kills at any system call but read and
 * write (seccomp's strict mode), while calls of malloc, free and pthread_mutex_lock are counted.
 */
struct watch watch_run(void (*run)(void *context), void *context);
