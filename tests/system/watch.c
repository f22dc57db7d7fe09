/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See watch.h. The allocator and the mutex of the C library are replaced for the whole program, by
 * functions that count for the thread that is watched and pass everything on.
 */
#include "watch.h"

#include <dlfcn.h>
#include <errno.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "testing.h"

static _Thread_local struct watch *watched; /* NULL: this thread is not */

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *memory, size_t n);
void *__libc_memalign(size_t align, size_t n);
void __libc_free(void *memory);

static void count_allocation(void)
{
	if (watched)
		watched->allocations++;
}

void *malloc(size_t n)
{
	count_allocation();
	return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	count_allocation();
	return __libc_calloc(n, size);
}

void *realloc(void *memory, size_t n)
{
	count_allocation();
	return __libc_realloc(memory, n);
}

void *aligned_alloc(size_t align, size_t n)
{
	count_allocation();
	return __libc_memalign(align, n);
}

int posix_memalign(void **memory, size_t align, size_t n)
{
	count_allocation();
	*memory = __libc_memalign(align, n);
	return *memory ? 0 : ENOMEM;
}

void free(void *memory)
{
	count_allocation();
	__libc_free(memory);
}

int pthread_mutex_lock(pthread_mutex_t *mutex)
{
	static int (*lock)(pthread_mutex_t * mutex);

	if (!lock)
		lock = (int (*)(pthread_mutex_t *))dlsym(RTLD_NEXT, "pthread_mutex_lock");
	if (watched)
		watched->mutexes++;
	return lock(mutex);
}
#endif

struct task {
	struct watch watch;
	void (*run)(void *context);
	void *context;
};

static void *watched_main(void *argument)
{
	struct task *task = argument;

	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0)
		return NULL;
	watched = &task->watch;
	task->run(task->context);
	watched = NULL;
	__atomic_store_n(&task->watch.finished, true, __ATOMIC_RELEASE);
	for (;;)
		syscall(SYS_exit, 0); /* what pthread_exit does beside it is not allowed here */
}

struct watch watch_run(void (*run)(void *context), void *context)
{
	struct task task = {.run = run, .context = context};
	pthread_t thread;

	LM_ASSERT(!UNDER_SANITIZER);
	LM_ASSERT(pthread_create(&thread, NULL, watched_main, &task) == 0);
	LM_ASSERT(pthread_join(thread, NULL) == 0);
	return task.watch;
}
