/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See polling.h.
 */
#include "polling.h"

#include <rte_launch.h>
#include <rte_pause.h>
#include <sched.h>
#include <time.h>

#define EMPTY_ROUNDS 64 /* in a row, after which a yielding lcore sleeps */
#define NAP_NS       20000
#define LONG_NAP_NS  160000
#define LONG_EMPTY   (4 * EMPTY_ROUNDS) /* in a row, after which it sleeps for longer */

void polling_rest(bool spin, unsigned empty_rounds)
{
	static const struct timespec nap = {.tv_nsec = NAP_NS}, long_nap = {.tv_nsec = LONG_NAP_NS};

	if (spin)
		rte_pause();
	else if (empty_rounds < EMPTY_ROUNDS)
		sched_yield();
	else
		nanosleep(empty_rounds < LONG_EMPTY ? &nap : &long_nap, NULL);
}

void polling_return(bool *returned)
{
	__atomic_store_n(returned, true, __ATOMIC_RELEASE);
}

void polling_join(const bool *returned)
{
	rte_eal_mp_wait_lcore();
	/* the EAL orders memory too, but out of sight of the tools that check it */
	LM_ASSERT(__atomic_load_n(returned, __ATOMIC_ACQUIRE));
}
