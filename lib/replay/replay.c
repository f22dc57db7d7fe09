/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The replay set: an insert-only, lock-free hash table of 64-bit fingerprints.
 *
 * SipHash-2-4 with 128 bits of output, under the set's own random key, turns a tag into a home line
 * and a fingerprint. A line is one cache line of 8 slots; 0 is an empty slot. A tag looks at the
 * slots of its home line in order, then at those of the following lines, PROBE_LINES at most, and
 * goes into the first empty one by compare-and-swap.
 *
 * Why exactly one of equal tags is new. Equal tags walk the same slots in the same order, and a
 * slot changes only once in its life, from empty to a fingerprint, by a compare-and-swap that sees
 * its latest value. A walk passes a slot only after it read another fingerprint there, which is
 * then final. Suppose a tag was put into slot s by one walk and into slot r by another. If r = s,
 * the slot changed twice. If r comes before s, the first walk passed r, so r held another
 * fingerprint for ever; if r comes after s, the same holds of s for the second walk. All three
 * contradict. So at most one walk wins, and its compare-and-swap is the moment at which the tag
 * enters; a walk that says "seen" has read what that step wrote, so it comes later. The argument
 * uses the order of changes to single slots alone, and slots publish nothing else: relaxed atomics
 * are enough. A stale read of "empty" costs a failed compare-and-swap, which gives the latest
 * value.
 *
 * A walk that found an empty slot takes its share of the capacity before the compare-and-swap, and
 * gives it back if an equal tag was quicker. So the count never passes the capacity, and at the
 * very last shares a tag may be refused that would have fitted a moment later: a refusal is always
 * safe.
 *
 * Bounds. Lines are filled to 3/4 (6 slots of 8, 85 bits a tag) when the capacity is reached. A
 * walk of 32 lines without an empty slot then has a probability below 2^-190 (the excess over 8
 * slots a line is a queue with Poisson arrivals of mean 6 and decays by e^-4.3 a line); it would be
 * refused as if the set were full. Two different tags meet by chance with probability 2^-64 for
 * each slot that is read.
 *
 * Memory is the caller's. Any number of threads. The key is secret; the caller wipes the memory at
 * the end of the set's life.
 */
#include <sodium.h>
#include <stdatomic.h>

#include "lm_replay.h"

#define LINE_SLOTS  8
#define LINE_FILL   6 /* tags a line, on average, in a full set */
#define PROBE_LINES 32

struct line {
	_Atomic uint64_t slot[LINE_SLOTS];
} LM_CACHE_ALIGNED;

struct lm_replay {
	uint8_t key[crypto_shorthash_siphashx24_KEYBYTES];
	uint64_t capacity;
	uint64_t lines;
	_Atomic uint64_t count LM_CACHE_ALIGNED; /* written by all: a cache line of its own */
	struct line line[];
};

_Static_assert(sizeof(struct line) == LM_CACHE_LINE, "a line is one cache line");
_Static_assert(LM_REPLAY_ALIGN == LM_CACHE_LINE, "the header's alignment is that of a line");

/* Where a tag's walk begins, and what it looks for; fingerprint is never 0. */
struct probe {
	uint64_t home;
	uint64_t fingerprint;
};

enum outcome { OTHER /* another tag's slot: walk on */, SEEN, NEW, FULL };

static uint64_t lines_for(uint64_t capacity)
{
	return capacity / LINE_FILL + (capacity % LINE_FILL != 0);
}

size_t lm_replay_size(uint64_t capacity)
{
	uint64_t lines = lines_for(capacity);

	if (capacity == 0 || lines > (SIZE_MAX - sizeof(struct lm_replay)) / sizeof(struct line))
		return 0;
	return sizeof(struct lm_replay) + lines * sizeof(struct line);
}

struct lm_replay *lm_replay_init(void *memory, uint64_t capacity)
{
	struct lm_replay *replay = memory;

	LM_ASSERT(lm_replay_size(capacity) != 0);
	LM_ASSERT((uintptr_t)memory % LM_REPLAY_ALIGN == 0);
	lm_rand(replay->key, sizeof(replay->key));
	replay->capacity = capacity;
	replay->lines = lines_for(capacity);
	return replay;
}

static struct probe locate(const struct lm_replay *replay, const struct lm_replay_tag *tag)
{
	uint64_t hash[2];

	_Static_assert(sizeof(hash) == crypto_shorthash_siphashx24_BYTES, "128 bits of hash");
	crypto_shorthash_siphashx24((uint8_t *)hash, tag->b, sizeof(tag->b), replay->key);
	return (struct probe){
		/* 0 .. lines - 1: the high half of a 64 x 64 bit product */
		.home = (uint64_t)(((unsigned __int128)hash[0] * replay->lines) >> 64),
		.fingerprint = hash[1] ? hash[1] : 1,
	};
}

/* Takes one of the capacity's shares; false if none is left. */
static bool take_share(struct lm_replay *replay)
{
	uint64_t count = atomic_load_explicit(&replay->count, memory_order_relaxed);

	/* A failed exchange means that another thread got on, and gives the latest count. */
	do {
		if (count >= replay->capacity)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(&replay->count, &count, count + 1,
							memory_order_relaxed,
							memory_order_relaxed));
	return true;
}

static void return_share(struct lm_replay *replay)
{
	atomic_fetch_sub_explicit(&replay->count, 1, memory_order_relaxed);
}

/*
 * One slot of a walk. *share says whether the walk holds a share of the capacity, which a new tag
 * alone keeps.
 */
static enum outcome visit(struct lm_replay *replay, _Atomic uint64_t *slot, uint64_t fingerprint,
			  bool *share)
{
	uint64_t found = atomic_load_explicit(slot, memory_order_relaxed);

	if (found == 0) {
		if (!*share && !take_share(replay))
			return FULL;
		*share = true;
		if (atomic_compare_exchange_strong_explicit(slot, &found, fingerprint,
							    memory_order_relaxed,
							    memory_order_relaxed))
			return NEW;
	}
	return found == fingerprint ? SEEN : OTHER;
}

static enum outcome insert(struct lm_replay *replay, const struct probe *probe)
{
	uint64_t lines = replay->lines < PROBE_LINES ? replay->lines : PROBE_LINES;
	uint64_t at = probe->home * LINE_SLOTS;
	enum outcome outcome = OTHER;
	bool share = false;

	for (uint64_t left = lines * LINE_SLOTS; left > 0 && outcome == OTHER; left--) {
		outcome = visit(replay, &replay->line[at / LINE_SLOTS].slot[at % LINE_SLOTS],
				probe->fingerprint, &share);
		at = at + 1 == replay->lines * LINE_SLOTS ? 0 : at + 1;
	}
	if (share && outcome != NEW)
		return_share(replay);
	return outcome == OTHER ? FULL : outcome;
}

uint64_t lm_replay_insert(struct lm_replay *replay, const struct lm_replay_tag *tag, uint64_t which,
			  unsigned n, uint64_t *full)
{
	struct probe probe[LM_BURST];
	uint64_t fresh = 0;

	LM_ASSERT(n <= LM_BURST && (n == LM_BURST || which >> n == 0));
	*full = 0;
	for (uint64_t rest = which; rest; rest &= rest - 1) {
		unsigned i = (unsigned)__builtin_ctzll(rest);

		probe[i] = locate(replay, &tag[i]);
		__builtin_prefetch(&replay->line[probe[i].home], 1);
	}
	for (uint64_t rest = which; rest; rest &= rest - 1) {
		unsigned i = (unsigned)__builtin_ctzll(rest);
		enum outcome outcome = insert(replay, &probe[i]);

		fresh |= (uint64_t)(outcome == NEW) << i;
		*full |= (uint64_t)(outcome == FULL) << i;
	}
	return fresh;
}

uint64_t lm_replay_count(const struct lm_replay *replay)
{
	return atomic_load_explicit(&replay->count, memory_order_relaxed);
}

uint64_t lm_replay_capacity(const struct lm_replay *replay)
{
	return replay->capacity;
}
