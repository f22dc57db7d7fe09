/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A timing wheel: items with a due time in microseconds go in, and come out in the order of their
 * due times, those of one microsecond in uniformly random order.
 *
 * Three levels of 2048 slots, of 1, 2^10 and 2^20 microseconds. A level's slots reach over the slot
 * of the level above in which the clock stands and over the next one; what is due later lies a
 * level higher. Before the clock enters a slot of a higher level its items are spread over the
 * level below: a share of them in every call (wheel_tidy), and what that left when the clock gets
 * there, so many at a call as WHEEL_SPREAD says; until that is done nothing is taken. So an item is
 * moved at most twice on its way.
 *
 * Items lie in piles, which are lists of chunks of seven, filled and emptied at the top: what is
 * put, spread or taken touches its memory in order. A pile of the lowest level that outgrows
 * WHEEL_LEAF becomes a node of sixteen piles, each item's drawn at random, and these split in turn:
 * the order stays uniform, and no number of items due at once makes a call long.
 *
 * An item's due time stands in its delay_us, modulo 2^32. All that is held is due at most
 * WHEEL_SPAN after the clock. Where items lie is secret; whatever is emptied is wiped.
 */
#pragma once

#include "lm_mix.h"

#define WHEEL_LEVELS 3
#define WHEEL_BITS   10 /* of a slot of one level in slots of the next below */
#define WHEEL_SLOTS  (2u << WHEEL_BITS)
#define WHEEL_SPAN   (UINT32_C(0x7fe) << 2 * WHEEL_BITS)
#define WHEEL_NODE   16    /* piles of a node */
#define WHEEL_SPREAD 16384 /* items of a level that one call spreads at most, and a chunk */

#define CHUNK_PLACES 8 /* one for the links, and seven items */

/* Items of one microsecond that are shuffled in one go, and the full chunks that they are. */
#define WHEEL_LEAF  259
#define LEAF_CHUNKS (WHEEL_LEAF / (CHUNK_PLACES - 1))

/* `places` counts eight for a full chunk; its last three bits are the next place in the top one. */
struct pile {
	uint32_t top;    /* chunk; of a node the one with its piles */
	uint32_t places; /* 0: empty; PILE_NODE for a node */
};

#define PILE_NODE UINT32_MAX
#define PILE_FULL (LEAF_CHUNKS * CHUNK_PLACES) /* WHEEL_LEAF items */

/* Two cache lines. */
union chunk {
	struct {
		uint32_t next; /* chunk below, or next free one */
		uint32_t skip; /* the one below that, if there is one: to fetch it early */
	};
	struct lm_mix_item item[CHUNK_PLACES]; /* from 1 on */
	struct pile pile[WHEEL_NODE];
};

struct slot {
	struct pile pile;
	uint32_t first; /* the earliest due time in it, if it is not empty */
};

struct wheel_level {
	uint64_t used[WHEEL_SLOTS / 64]; /* a bit for each slot that is not empty */
	uint32_t used_words;             /* a bit for each word that is not zero */
	struct slot slot[WHEEL_SLOTS];
};

struct wheel {
	union chunk *chunk;
	uint32_t chunks;
	uint32_t fresh; /* chunks from here on have never been used */
	uint32_t freed; /* list of those that are free again; CHUNK_NONE: empty */
	uint32_t nodes; /* piles that are nodes */
	uint32_t node_limit;
	uint64_t clock_us; /* everything due before has been taken; ready too is due now */
	uint32_t ready_count;
	bool behind; /* a slot in which the clock stands has not been spread yet */
	struct wheel_level level[WHEEL_LEVELS];
	struct lm_mix_item ready[WHEEL_LEAF]; /* what is due at the clock's time and leaves next */
};

#define CHUNK_NONE UINT32_MAX

/* Chunks for a wheel and queues beside it that hold `capacity` items together. */
uint32_t wheel_chunks(uint32_t capacity);

/* The chunks stay the caller's; they need not be cleared. */
void wheel_init(struct wheel *wheel, union chunk *chunk, uint32_t capacity, uint64_t now_us);

/* A chunk to fill. */
static inline uint32_t wheel_alloc(struct wheel *wheel)
{
	uint32_t index = wheel->freed;

	if (index == CHUNK_NONE) {
		LM_ASSERT(wheel->fresh < wheel->chunks);
		return wheel->fresh++;
	}
	wheel->freed = wheel->chunk[index].next;
	__builtin_prefetch(&wheel->chunk[wheel->freed], 1);
	return index;
}

/* Gives one back; what was in it has been wiped. */
static inline void wheel_free(struct wheel *wheel, uint32_t index)
{
	wheel->chunk[index].next = wheel->freed;
	wheel->freed = index;
}

/* Puts n <= LM_BURST items, each due from the clock's time to WHEEL_SPAN later. */
void wheel_put(struct wheel *wheel, struct lm_prng *prng, const struct lm_mix_item *item,
	       unsigned n);

/*
 * Takes up to max items that are due at until_us or before, and if there were fewer, lets the clock
 * go on until then; UINT64_MAX: any, and the clock stops at the last. Where more than WHEEL_SPREAD
 * items had to be spread first, it may take fewer or none, unless until_us is UINT64_MAX: there is
 * more as long as wheel_next_us is not after until_us.
 */
unsigned wheel_take(struct wheel *wheel, struct lm_prng *prng, struct lm_mix_item *item,
		    unsigned max, uint64_t until_us);

/* Spreads about n items of each higher level over the slots that are next. */
void wheel_tidy(struct wheel *wheel, struct lm_prng *prng, unsigned n);

/* When the first is due; UINT64_MAX if there is none. */
uint64_t wheel_next_us(const struct wheel *wheel);

/* The due time of an item that was taken; it is not after the clock, nor 2^32 before. */
static inline uint64_t wheel_due_us(const struct wheel *wheel, const struct lm_mix_item *item)
{
	return wheel->clock_us - ((uint32_t)wheel->clock_us - item->delay_us);
}
