/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The mixer: takes what workers hand over, holds and shuffles it, and gives what is due to a worker
 * drawn at random, or to the sink. It owns the pool of the whole relay, so the anonymity set is the
 * relay's.
 */
#pragma once

#include <rte_ring.h>

#include "counters.h"
#include "cover.h"
#include "lm_cover.h"
#include "lm_mix.h"
#include "worker.h"

struct mixer {
	const struct shared *shared;
	struct lm_mix *mix;
	struct lm_prng prng; /* draws the sending worker */
	struct worker *const *worker;
	unsigned workers;
	unsigned senders; /* workers 0 .. senders - 1 are given to: a link has no more lanes */
	struct rte_ring *to_sink; /* of mbufs */
	struct cover *cover;
	struct lm_pacer *pacer; /* NULL: no padding */
	uint64_t view;          /* the serial of that whose links have slots */
	uint32_t held;          /* published for readers: packets in mix and pacer */
	uint64_t slot_us;       /* the same: when the next slot comes; without a pacer nothing */
	bool draining;
	uint64_t now_us;  /* of the last step */
	enum phase phase; /* in it */
	struct counters count;
	struct stage_time time[STAGE_MIX_GIVE - STAGE_MIX_TAKE + 1];
};

/* One step at time now_us: take from the rings, give what is due. Returns how much it moved. */
unsigned mixer_step(void *mixer, uint64_t now_us);

/* The same, and counts the cycles that each part takes. */
unsigned mixer_step_timed(void *mixer, uint64_t now_us);

/* When mixer_step has something to do, if nothing is handed over: for a virtual clock. */
uint64_t mixer_next_us(const struct mixer *mixer);

/*
 * Takes up to max packets, whether they are due or not, each with the delay that it has still to
 * stay: those that wait for slots first. 0 when nothing is held. When no lcore runs any more.
 */
LM_MUST_CHECK unsigned mixer_evict(struct mixer *mixer, struct lm_mix_item *item, unsigned max,
				   uint64_t now_us);

/* Frees all that is still held, as LM_DROP_STOPPED: when no lcore runs any more. */
void mixer_stop(struct mixer *mixer);
