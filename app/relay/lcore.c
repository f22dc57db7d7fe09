/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The loop of an lcore. Between two rounds it holds no reference to the view, and says so.
 */
#include "lcore.h"

#include <rte_cycles.h>

#include "polling.h"

uint64_t lcore_clock_us(void)
{
	return (uint64_t)((unsigned __int128)rte_rdtsc() * 1000000 / rte_get_tsc_hz());
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

int lcore_main(void *argument)
{
	struct lcore *lcore = argument;
	unsigned empty_rounds = 0;
	uint64_t now_us = 0;

	__atomic_store_n(&lcore->thread, pthread_self(), __ATOMIC_RELEASE);
	rte_rcu_qsbr_thread_online(lcore->qsbr, lcore->index);
	while (__atomic_load_n(&lcore->shared->phase, __ATOMIC_ACQUIRE) != PHASE_STOPPED) {
		uint64_t clock_us = lcore_clock_us();
		unsigned moved = 0;

		/* a counter that was corrected backwards must not undo time for the steps */
		now_us = clock_us > now_us ? clock_us : now_us;
		for (unsigned i = 0; i < lcore->steps; i++)
			moved += lcore->step[i].run(lcore->step[i].context, now_us);
		/* who has waited for the round knows whether it moved anything */
		count_add(&lcore->loops, 1);
		count_add(&lcore->busy_loops, moved > 0);
		rte_rcu_qsbr_quiescent(lcore->qsbr, lcore->index);
		if (moved > 0 || slot_is_near(lcore, now_us))
			empty_rounds = 0;
		if (moved == 0)
			polling_rest(lcore->spin, empty_rounds++);
	}
	rte_rcu_qsbr_thread_offline(lcore->qsbr, lcore->index);
	polling_return(&lcore->returned);
	return 0;
}
