/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * replay: every packet whose header was right is tested and set in the replay set of its key, also
 * one that a later step of the peel has refused. A tag seen before names the drop, whatever else
 * was wrong.
 */
#include "lm_epoch.h"
#include "worker.h"

/* The items of `which` that were made for the key of item `first`. */
static uint64_t same_key(const struct burst *burst, uint64_t which, unsigned first)
{
	uint64_t mask = 0;

	for (unsigned i = first; i < burst->n; i++) {
		if ((which >> i & 1) && burst->item[i].key == burst->item[first].key)
			mask |= UINT64_C(1) << i;
	}
	return mask;
}

unsigned stage_replay(struct worker *worker)
{
	struct burst *burst = worker->peeled;
	struct lm_replay_tag tag[LM_BURST];

	if (!burst)
		return 0;
	for (unsigned i = 0; i < burst->n; i++)
		tag[i] = burst->item[i].replay_tag;
	for (uint64_t left = burst->authentic; left != 0;) {
		unsigned first = (unsigned)__builtin_ctzll(left);
		uint64_t which = same_key(burst, left, first), full = 0;
		uint64_t fresh = lm_replay_insert(lm_epoch_replay(burst->item[first].key), tag,
						  which, burst->n, &full);

		for (uint64_t bad = which & ~fresh; bad != 0; bad &= bad - 1) {
			unsigned i = (unsigned)__builtin_ctzll(bad);

			burst->item[i].drop = full >> i & 1 ? LM_DROP_REPLAY_FULL : LM_DROP_REPLAY;
		}
		left &= ~which;
	}
	return burst->n;
}
