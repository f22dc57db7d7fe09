/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See aside.h.
 */
#include "aside.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>

#include "reload.h"
#include "run.h"
#include "signals.h"

#define NAP_MS 2

struct aside *aside_begin(struct run *run)
{
	struct aside *aside = &run->rollover.aside;

	if (aside->left)
		return NULL;
	*aside = (struct aside){.run = run};
	return aside;
}

static void *work_main(void *context)
{
	struct aside *aside = context;

	aside->rc = aside->work(aside);
	__atomic_store_n(&aside->done, true, __ATOMIC_RELEASE);
	return NULL;
}

/* A stop is control's to obey; a SIGHUP waits until it can be. */
static bool stop_asked(struct run *run)
{
	int number = signals_take(run->signals);

	if (number == SIGHUP)
		run->hang_up = true;
	else
		run->signal = number;
	return run->signal != 0;
}

int aside_do(struct run *run, struct aside *aside, int (*work)(struct aside *aside))
{
	aside->work = work;
	aside->done = false;
	if (pthread_create(&aside->thread, NULL, work_main, aside) != 0)
		return work(aside);
	while (!__atomic_load_n(&aside->done, __ATOMIC_ACQUIRE)) {
		if (stop_asked(run)) {
			aside->left = true;
			return -EINTR;
		}
		if (run_attend(run) == 0)
			(void)poll(NULL, 0, NAP_MS);
	}
	pthread_join(aside->thread, NULL);
	return aside->rc == -EINTR ? -EIO : aside->rc; /* whose meaning is another here */
}

void aside_close(struct aside *aside)
{
	if (!aside->left)
		return;
	pthread_join(aside->thread, NULL);
	reload_abandon(aside->next);
	free(aside->config);
	aside->left = false;
}
