/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An lcore: runs the steps that were placed on it, over and over, until the relay stops.
 */
#pragma once

#include <pthread.h>
#include <rte_rcu_qsbr.h>

#include "worker.h"

#define LCORE_STEPS (CONFIG_WORKERS + 2) /* the workers, the mixer and a feeder */

struct lcore {
	unsigned index; /* its thread id in qsbr */
	unsigned steps;
	struct {
		unsigned (*run)(void *context, uint64_t now_us);
		unsigned (*timed)(void *context, uint64_t now_us); /* while stages are timed */
		void *context;
	} step[LCORE_STEPS];
	bool spin;               /* when idle; else yield, and sleep a little when idle for long */
	const uint64_t *slot_us; /* when the mixer's next slot comes; NULL: no padding */
	const struct shared *shared;
	struct rte_rcu_qsbr *qsbr;
	/* written by the lcore, read by telemetry */
	uint64_t loops, busy_loops;
	uint64_t busy_cycles;    /* in rounds that moved something */
	struct lcore_time *time; /* while stages are timed */
	pthread_t thread;        /* 0 before the first round */
	bool returned;           /* for polling_join */
};

/* Microseconds of the time-stamp counter: what polling lcores use as now_us. */
uint64_t lcore_clock_us(void);

/* For rte_eal_remote_launch; the argument is a struct lcore. */
int lcore_main(void *lcore);
