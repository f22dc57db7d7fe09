/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The set of packet tags seen under one mix key.
 *
 * Insert-only and shared by all workers without a lock: of equal tags inserted by any threads, at
 * any interleaving, also inside one burst, exactly one is told that it was new. A full set refuses
 * every new tag; it is never cleared. The set is keyed with its own random key, so nobody outside
 * can aim tags at one place of it. Tags are public to the relay and become memory addresses; see
 * FORMAT.md of lib/packet for why that is no leak.
 *
 * A full set takes 46 bits a tag. A tag that is new is taken for one that was seen with probability
 * 3.0e-9 when the set is full, and half of that over its whole filling: an honest packet lost.
 *
 * The memory is accessed at random, so page walks cost more than all the rest when a large set lies
 * in small pages: take hugetlbfs, or align to 2 MiB and madvise(MADV_HUGEPAGE); and touch all of it
 * ahead (MAP_POPULATE, or the zeroing), so that no packet waits for the kernel. The memory holds
 * the set's key: keep it from others, out of swap and core dumps, and wipe it at the end.
 *
 * Needs AES-NI, as ipsec-mb does.
 */
#pragma once

#include "lm_base.h"

struct lm_replay_tag {
	uint8_t b[16];
};

struct lm_replay; /* one set; memory given by the caller */

#define LM_REPLAY_ALIGN 64

/* Bytes for a set of `capacity` tags, exactly; 0 if capacity is 0 or too large to count. */
size_t lm_replay_size(uint64_t capacity);

/* Makes an empty set in zeroed memory of lm_replay_size(capacity) bytes, with a key from lm_rand.
 */
struct lm_replay *lm_replay_init(void *memory, uint64_t capacity);

/*
 * The set that _init made in this memory, perhaps in a process that is gone: it may be shared
 * memory, mapped at any address, and inserts that were cut off by a crash have happened or not.
 * NULL if `bytes` of memory hold no whole set of this layout and capacity. Nobody may insert during
 * the call: it reads the whole set, about 0.1 s for 2^26 tags, to count what is in it.
 */
LM_MUST_CHECK struct lm_replay *lm_replay_attach(void *memory, size_t bytes, uint64_t capacity);

/*
 * Test-and-set of tag[i] for every i whose bit is set in `which`. Returns the mask of those that
 * were new and are now remembered; *full gets the mask of those that were refused because the set
 * has no room. The others of `which` were seen before. Packet path; any number of threads.
 */
LM_MUST_CHECK uint64_t lm_replay_insert(struct lm_replay *replay, const struct lm_replay_tag *tag,
					uint64_t which, unsigned n, uint64_t *full);

/* Tags in the set; up to LM_BURST more for each thread that is inserting. */
uint64_t lm_replay_count(const struct lm_replay *replay);
uint64_t lm_replay_capacity(const struct lm_replay *replay);
