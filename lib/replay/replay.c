/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The replay set: an insert-only, lock-free hash table of 32-bit fingerprints.
 *
 * AES-128 under the set's own random key permutes a tag into a home line and a fingerprint. A
 * sender may choose tags, and learns nothing of where they go. A line is one cache line of 16
 * slots; 0 is an empty slot. A tag looks at its home line, then at the lines that follow, at most
 * LM_REPLAY_PROBE of them, until it finds its fingerprint or an empty slot. It goes into the first
 * empty one by compare-and-swap, so the slots of a line are filled in order.
 *
 * Why exactly one of equal tags is new. A slot changes only once in its life, from empty to a
 * fingerprint, by a compare-and-swap that sees its latest value. A walk passes a slot only after it
 * read another fingerprint there, which is then final; so a walk that puts its tag into a slot has
 * read another fingerprint in every slot before it, in the order of the walk, which is the same for
 * equal tags. Suppose a tag was put into slot s by one walk and into slot r by another. If r = s,
 * the slot changed twice. If r comes before s, the first walk passed r, so r held another
 * fingerprint for ever; if r comes after s, the same holds of s for the second walk. All three
 * contradict. So at most one walk wins, and its compare-and-swap is the moment at which the tag
 * enters; a walk that says "seen" has read what that step wrote, so it comes later. The argument
 * uses the order of changes to single slots alone, and slots publish nothing else: relaxed atomics
 * are enough. A stale read of "empty" costs a failed compare-and-swap and another look.
 *
 * A burst walks in rounds, one line a tag in each, so that the next line is on its way while other
 * tags visit theirs. Equal tags stay in their order: the first of them is the new one.
 *
 * Shares. A tag that found an empty slot needs a share of the capacity before its
 * compare-and-swap. A burst takes shares for all its tags that are left in one step, and gives back
 * what it did not need; the last LM_REPLAY_LAST shares are taken one by one. So the count never
 * passes the capacity, and while threads hold shares a tag may be refused that would have fitted a
 * moment later: a refusal is always safe.
 *
 * A crash. Every step that others can see is one atomic write, so a process that is killed has
 * taken it or not. Before taking shares nothing has happened. Between taking shares and the
 * compare-and-swap the count is too high, by at most LM_BURST for each thread; attaching
 * counts the slots anew. After the compare-and-swap the tag is in, though its packet is lost with
 * the process: it will be refused, never accepted twice. Setting up writes the magic number last.
 *
 * Bounds. A full set has 46 bits a tag: 512 / 46 = 11.13 tags a line on average, where 16 fit.
 * - False positives. A tag that is new is compared with every fingerprint of the lines it visits.
 *   In a full set 11.2 % of lines are full and a walk meets 12.9 fingerprints on average, so it is
 *   taken for seen with probability 12.9 / 2^32 = 3.0e-9; over a set's whole filling it is about
 *   half of that.
 * - Walks. L lines that begin at a tag's home can be full only if, for some j >= 0, the homes of
 *   at least 16 (L + j) tags lie in the L + j lines that end with them. These are Poisson with mean
 *   11.13 (L + j), so (Chernoff) that has probability at most e^-(0.935 (L + j)), and the sum over
 *   j is below 1.7 e^-(0.935 L). For 64 lines this is 2e-26: one tag in a set of 2^34 would be
 *   refused with probability 3e-16. It would be refused as if the set were full.
 *
 * Memory is the caller's. Any number of threads. The round keys are secret; the caller wipes the
 * memory at the end of the set's life.
 */
#include <immintrin.h>

#include "table.h"

#define LINE_BITS 512
#define TAG_BITS  46 /* of memory for each tag of a full set */
#define AHEAD     24 /* lines that are asked for before they are visited: as many as a core awaits */

/* Of a mark; fewer make false positives frequent enough to be counted by a test. */
#ifndef LM_REPLAY_PRINT_BITS
#define LM_REPLAY_PRINT_BITS 32
#endif

/* A tag on its walk. */
struct walk {
	uint64_t at; /* the line to visit next */
	uint32_t fingerprint;
	unsigned item; /* its number in the caller's burst */
};

/* The tags of a burst that still walk, in their order, and what has become of the others. */
struct burst {
	struct walk walk[LM_BURST];
	unsigned walks;
	uint64_t shares; /* of the capacity, taken and not yet used */
	uint64_t fresh, full;
};

/* What a look at a line has found: one bit for each slot. */
struct sight {
	unsigned same, empty;
};

enum outcome { OTHER /* a line full of other tags: walk on */, SEEN, NEW, FULL };

/* Exactly capacity * TAG_BITS / LINE_BITS, rounded up. */
static uint64_t lines_for(uint64_t capacity)
{
	return capacity / LINE_BITS * TAG_BITS +
	       (capacity % LINE_BITS * TAG_BITS + LINE_BITS - 1) / LINE_BITS;
}

size_t lm_replay_size(uint64_t capacity)
{
	uint64_t lines = lines_for(capacity);

	if (capacity == 0 ||
	    lines > (SIZE_MAX - sizeof(struct lm_replay)) / sizeof(struct lm_replay_line))
		return 0;
	return sizeof(struct lm_replay) + lines * sizeof(struct lm_replay_line);
}

struct lm_replay *lm_replay_init(void *memory, uint64_t capacity)
{
	struct lm_replay *replay = memory;
	uint8_t key[16];

	LM_ASSERT(lm_replay_size(capacity) != 0);
	LM_ASSERT((uintptr_t)memory % LM_REPLAY_ALIGN == 0);
	LM_ASSERT(lm_cpu_has(LM_CPU_SSE42)); /* and so AES-NI */
	lm_rand(key, sizeof(key));
	lm_replay_expand(replay->round_key, key);
	lm_wipe(key, sizeof(key));
	replay->version = LM_REPLAY_VERSION;
	replay->capacity = capacity;
	replay->lines = lines_for(capacity);
	atomic_store_explicit(&replay->magic, LM_REPLAY_MAGIC, memory_order_release);
	return replay;
}

/*
 * A look at a line. Vector loads, which C has no atomics for: the processor reads each aligned
 * slot whole, and no more is asked of it. The compiler is told that memory is read at this place.
 */
static inline struct sight look(const struct lm_replay_line *line, uint32_t fingerprint)
{
	const __m128i zero = _mm_setzero_si128(), wanted = _mm_set1_epi32((int)fingerprint);
	__m128i quad[4], same[4], empty[4];

#pragma GCC unroll 4
	for (unsigned i = 0; i < 4; i++) {
		__asm__ volatile("movdqa %1, %0"
				 : "=x"(quad[i])
				 : "m"(*(const __m128i *)&line->slot[i * 4]));
		same[i] = _mm_cmpeq_epi32(quad[i], wanted);
		empty[i] = _mm_cmpeq_epi32(quad[i], zero);
	}
	same[0] = _mm_packs_epi32(same[0], same[1]);
	same[2] = _mm_packs_epi32(same[2], same[3]);
	empty[0] = _mm_packs_epi32(empty[0], empty[1]);
	empty[2] = _mm_packs_epi32(empty[2], empty[3]);
	return (struct sight){
		.same = (unsigned)_mm_movemask_epi8(_mm_packs_epi16(same[0], same[2])),
		.empty = (unsigned)_mm_movemask_epi8(_mm_packs_epi16(empty[0], empty[2])),
	};
}

/* Takes a share of the capacity for each of `most` tags, or one; false if none is to be had. */
static bool take_shares(struct lm_replay *replay, uint64_t *shares, uint64_t most)
{
	uint64_t count = atomic_load_explicit(&replay->count, memory_order_relaxed), take;

	/* A failed exchange means that another thread got on, and gives the latest count. */
	do {
		if (count >= replay->capacity)
			return false;
		take = replay->capacity - count > LM_REPLAY_LAST ? most : 1;
	} while (!atomic_compare_exchange_weak_explicit(&replay->count, &count, count + take,
							memory_order_relaxed,
							memory_order_relaxed));
	*shares = take;
	return true;
}

/*
 * One line of a walk; `most` walks may still need a share. A failed exchange has seen a slot
 * filled, so there are 17 looks at most.
 */
static inline enum outcome visit(struct lm_replay *replay, const struct walk *walk,
				 uint64_t *shares, uint64_t most)
{
	struct lm_replay_line *line = &replay->line[walk->at];

	for (;;) {
		struct sight sight = look(line, walk->fingerprint);
		uint32_t found = 0;

		if (sight.same)
			return SEEN;
		if (!sight.empty)
			return OTHER;
		if (*shares == 0 && !take_shares(replay, shares, most))
			return FULL;
		if (atomic_compare_exchange_strong_explicit(&line->slot[__builtin_ctz(sight.empty)],
							    &found, walk->fingerprint,
							    memory_order_relaxed,
							    memory_order_relaxed)) {
			--*shares;
			return NEW;
		}
	}
}

/* Asks for a line, which is seldom in a cache. */
static inline void fetch(const struct lm_replay *replay, uint64_t line)
{
	__builtin_prefetch(&replay->line[line], 1);
}

/* Every walk visits one line. Those that must go on stay, in order, with their next line asked for.
 */
static void visit_all(struct lm_replay *replay, struct burst *burst)
{
	unsigned n = burst->walks, left = 0;

	for (unsigned j = 0; j < n; j++) {
		struct walk walk = burst->walk[j];
		enum outcome outcome;

		if (j + AHEAD < n)
			fetch(replay, burst->walk[j + AHEAD].at);
		outcome = visit(replay, &walk, &burst->shares, left + n - j);
		if (outcome == OTHER) {
			walk.at = walk.at + 1 == replay->lines ? 0 : walk.at + 1;
			if (left < AHEAD)
				fetch(replay, walk.at);
			burst->walk[left++] = walk;
		}
		burst->fresh |= (uint64_t)(outcome == NEW) << walk.item;
		burst->full |= (uint64_t)(outcome == FULL) << walk.item;
	}
	burst->walks = left;
}

/* 0 .. lines - 1: the high half of a 64 x 64 bit product. */
static inline uint64_t home_of(const struct lm_replay *replay, const struct lm_replay_mark *mark)
{
	return (uint64_t)(((unsigned __int128)mark->place * replay->lines) >> 64);
}

/* Never 0, which is an empty slot. */
static inline uint32_t fingerprint_of(const struct lm_replay_mark *mark)
{
	uint32_t print = (uint32_t)(mark->print >> (64 - LM_REPLAY_PRINT_BITS));

	return print ? print : 1;
}

/* Sets up the walks of the tags in `which`, and asks for the first lines. */
static void start_walks(const struct lm_replay *replay, struct burst *burst,
			const struct lm_replay_tag *tag, uint64_t which)
{
	struct lm_replay_mark mark[LM_BURST];
	uint8_t index[LM_BURST] = {0};
	unsigned n = 0;

	for (uint64_t rest = which; rest; rest &= rest - 1)
		index[n++] = (uint8_t)__builtin_ctzll(rest);
	lm_replay_permute(mark, replay->round_key, tag, index, n);
	for (unsigned j = 0; j < n; j++) {
		burst->walk[j] = (struct walk){
			.at = home_of(replay, &mark[j]),
			.fingerprint = fingerprint_of(&mark[j]),
			.item = index[j],
		};
		if (j < AHEAD)
			fetch(replay, burst->walk[j].at);
	}
	burst->walks = n;
}

uint64_t lm_replay_insert(struct lm_replay *replay, const struct lm_replay_tag *tag, uint64_t which,
			  unsigned n, uint64_t *full)
{
	uint64_t lines = replay->lines < LM_REPLAY_PROBE ? replay->lines : LM_REPLAY_PROBE;
	struct burst burst;

	LM_ASSERT(n <= LM_BURST && (n == LM_BURST || which >> n == 0));
	burst.shares = burst.fresh = burst.full = 0;
	start_walks(replay, &burst, tag, which);
	for (; burst.walks > 0 && lines > 0; lines--)
		visit_all(replay, &burst);
	for (unsigned j = 0; j < burst.walks; j++)
		burst.full |= UINT64_C(1) << burst.walk[j].item;
	if (burst.shares > 0)
		atomic_fetch_sub_explicit(&replay->count, burst.shares, memory_order_relaxed);
	*full = burst.full;
	return burst.fresh;
}

/* How many slots are filled; UINT64_MAX if they are not in order, which no insert leaves behind. */
static uint64_t count_slots(const struct lm_replay *replay)
{
	uint64_t count = 0;

	for (uint64_t i = 0; i < replay->lines; i++) {
		unsigned empty = look(&replay->line[i], 0).empty;
		unsigned filled = LM_REPLAY_SLOTS - (unsigned)__builtin_popcount(empty);

		if (empty != (0xffffu & 0xffffu << filled))
			return UINT64_MAX;
		count += filled;
	}
	return count;
}

struct lm_replay *lm_replay_attach(void *memory, size_t bytes, uint64_t capacity)
{
	struct lm_replay *replay = memory;
	size_t size = lm_replay_size(capacity);
	uint64_t count;

	LM_ASSERT((uintptr_t)memory % LM_REPLAY_ALIGN == 0);
	LM_ASSERT(lm_cpu_has(LM_CPU_SSE42));
	if (size == 0 || bytes < size)
		return NULL;
	if (atomic_load_explicit(&replay->magic, memory_order_acquire) != LM_REPLAY_MAGIC)
		return NULL;
	if (replay->version != LM_REPLAY_VERSION || replay->capacity != capacity ||
	    replay->lines != lines_for(capacity))
		return NULL;
	count = count_slots(replay);
	if (count > capacity)
		return NULL;
	atomic_store_explicit(&replay->count, count, memory_order_relaxed);
	return replay;
}

uint64_t lm_replay_count(const struct lm_replay *replay)
{
	return atomic_load_explicit(&replay->count, memory_order_relaxed);
}

uint64_t lm_replay_capacity(const struct lm_replay *replay)
{
	return replay->capacity;
}
