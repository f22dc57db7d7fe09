/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * When the poller has nothing in hand any more that it read before something was changed: it counts
 * the rounds that have begun (poller.h, with a fence after each), and keeps nothing over their
 * ends.
 *
 * The control thread's.
 */
#pragma once

#include "lm_base.h"

/* After a change: the round by which nobody goes by what was before. That under way ends, and one
 * more. */
static inline uint64_t rounds_after(const uint64_t *rounds)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* the change is seen before the number is read */
	return __atomic_load_n(rounds, __ATOMIC_RELAXED) + 2;
}

static inline bool rounds_passed(const uint64_t *rounds, uint64_t after)
{
	return __atomic_load_n(rounds, __ATOMIC_ACQUIRE) >= after;
}
