/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The loop of an lcore. Between two rounds it holds no reference to the view, and says so.
 */
#include "lcore.h"

#include <rte_cycles.h>

#include "polling.h"

static uint64_t cycles_us(uint64_t tsc)
{
	return (uint64_t)((unsigned __int128)tsc * 1000000 / rte_get_tsc_hz());
}

uint64_t lcore_clock_us(void)
{
	return cycles_us(rte_rdtsc());
}

/*
 * Who naps when a slot comes sends its frame late, and naps the more the less there is to do: that
 * would show traffic. True while the slot is nearer than a nap and its delays are long.
 */
static bool slot_is_near(const struct lcore *lcore, uint64_t now_us)
{
	return lcore->slot_us &&
	       __atomic_load_n(lcore->slot_us, __ATOMIC_RELAXED) <= now_us + POLLING_NAP_MAX_US;
}

/* The next round at TSC `tsc`: of what kind was the one before, which began at *last? */
static void count_cycles(struct lcore *lcore, uint64_t *last, uint64_t tsc, bool busy, bool timed)
{
	if (busy)
		count_add(&lcore->busy_cycles, tsc - *last);
	if (timed)
		count_add(&lcore->time->cycles, tsc - *last);
	*last = tsc;
}

static void rest(struct lcore *lcore, unsigned empty_rounds, bool timed)
{
	uint64_t from = timed ? rte_rdtsc() : 0;

	polling_rest(lcore->spin, empty_rounds);
	if (timed)
		count_add(&lcore->time->rest_cycles, rte_rdtsc() - from);
}

int lcore_main(void *argument)
{
	struct lcore *lcore = argument;
	unsigned empty_rounds = 0, moved = 0;
	uint64_t now_us = 0, last = rte_rdtsc();
	bool timed = false;

	__atomic_store_n(&lcore->thread, pthread_self(), __ATOMIC_RELEASE);
	rte_rcu_qsbr_thread_online(lcore->qsbr, lcore->index);
	while (__atomic_load_n(&lcore->shared->phase, __ATOMIC_ACQUIRE) != PHASE_STOPPED) {
		uint64_t tsc = rte_rdtsc(), clock_us = cycles_us(tsc);

		count_cycles(lcore, &last, tsc, moved > 0, timed);
		timed = __atomic_load_n(&lcore->shared->timed, __ATOMIC_RELAXED);
		moved = 0;
		/* a counter that was corrected backwards must not undo time for the steps */
		now_us = clock_us > now_us ? clock_us : now_us;
		for (unsigned i = 0; i < lcore->steps; i++)
			moved += (timed ? lcore->step[i].timed
					: lcore->step[i].run)(lcore->step[i].context, now_us);
		/* who has waited for the round knows whether it moved anything */
		count_add(&lcore->loops, 1);
		count_add(&lcore->busy_loops, moved > 0);
		rte_rcu_qsbr_quiescent(lcore->qsbr, lcore->index);
		if (moved > 0 || slot_is_near(lcore, now_us))
			empty_rounds = 0;
		if (moved == 0)
			rest(lcore, empty_rounds++, timed);
	}
	count_cycles(lcore, &last, rte_rdtsc(), moved > 0, timed); /* the last round counts too */
	rte_rcu_qsbr_thread_offline(lcore->qsbr, lcore->index);
	polling_return(&lcore->returned);
	return 0;
}
