/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table of loops. The life of a place, and who takes each step:
 *
 *   FREE -control-> BUILT -mixer-> SENT -worker-> BACK -control-> FREE
 *                     |             |  \-worker-> LATE -control-> FREE
 *                     |             \-control-> LOST -worker-> LATE; or -control-> FREE
 *                     \-mixer-> FREE
 *
 * The state is one word together with the number of the place's present life, and every step that
 * others may take at the same time is a compare-and-swap of the whole word. So a worker that read
 * the token of one life cannot mark another: its compare-and-swap sees the word of the life in
 * which it read. A life's number repeats after 2^29 loops through one place.
 *
 * Free places are taken in the order in which they were given back, so that a place rests as long
 * as possible. Which place a token names is no secret: it is the loop's number, not a random bit.
 */
#include <stdatomic.h>
#include <string.h>

#include "lm_cover.h"

enum state { FREE, BUILT, SENT, BACK, LATE, LOST };

#define STATE_BITS 3
#define STATE_MASK ((1u << STATE_BITS) - 1)
#define TRIES      3 /* SENT -> LOST -> FREE or LATE: no word changes more often under a worker */

struct place {
	_Atomic uint32_t word; /* life << STATE_BITS | state */
	_Atomic uint64_t token[2];
	_Atomic uint64_t deadline_us;
	uint64_t wait_us; /* control writes it before the mixer hears of the loop */
	bool told_lost;   /* control's */
	bool excused;     /* the same: nothing is told of it */
} LM_CACHE_ALIGNED;

struct lm_cover_table {
	uint32_t capacity;
	/* control's: places in use in any order, then a ring of free ones */
	uint32_t used, first_free;
	uint32_t *use, *free;
	struct place place[];
};

_Static_assert(sizeof(struct place) == LM_COVER_ALIGN, "a place is one cache line");

size_t lm_cover_table_size(uint32_t capacity)
{
	return sizeof(struct lm_cover_table) +
	       (size_t)capacity * (sizeof(struct place) + 2 * sizeof(uint32_t));
}

struct lm_cover_table *lm_cover_table_init(void *memory, uint32_t capacity)
{
	struct lm_cover_table *table = memory;

	LM_ASSERT((uintptr_t)memory % LM_COVER_ALIGN == 0);
	LM_ASSERT(capacity >= LM_COVER_LOOPS_MIN && capacity <= LM_COVER_LOOPS_MAX &&
		  (capacity & (capacity - 1)) == 0);
	memset(table, 0, lm_cover_table_size(capacity));
	table->capacity = capacity;
	table->use = (uint32_t *)&table->place[capacity];
	table->free = table->use + capacity;
	for (uint32_t i = 0; i < capacity; i++)
		table->free[i] = i;
	return table;
}

uint32_t lm_cover_table_loops(const struct lm_cover_table *table)
{
	return table->used;
}

/* The word's state becomes `to`, if it is still `from`, which otherwise gets what it is now. */
static bool step(struct place *place, uint32_t *from, enum state to)
{
	return atomic_compare_exchange_strong_explicit(&place->word, from,
						       (*from & ~STATE_MASK) | to,
						       memory_order_acq_rel, memory_order_acquire);
}

/* The same where nobody else may take a step. */
static void step_alone(struct place *place, enum state from, enum state to)
{
	uint32_t word = atomic_load_explicit(&place->word, memory_order_relaxed);

	LM_ASSERT((word & STATE_MASK) == from);
	atomic_store_explicit(&place->word, (word & ~STATE_MASK) | to, memory_order_release);
}

bool lm_cover_table_add(struct lm_cover_table *table, uint32_t *loop, struct lm_packet_token *token,
			uint64_t wait_us)
{
	struct place *place;
	uint64_t half[2];
	uint32_t word;

	if (table->used == table->capacity)
		return false;
	*loop = table->free[table->first_free];
	table->first_free = (table->first_free + 1) & (table->capacity - 1);
	table->use[table->used++] = *loop;
	memcpy(half, token->b, sizeof(half));
	half[0] = (half[0] & ~(uint64_t)(table->capacity - 1)) | *loop;
	memcpy(token->b, half, sizeof(half));
	place = &table->place[*loop];
	for (unsigned i = 0; i < 2; i++)
		atomic_store_explicit(&place->token[i], half[i], memory_order_relaxed);
	place->wait_us = wait_us;
	place->told_lost = false;
	place->excused = false;
	word = atomic_load_explicit(&place->word, memory_order_relaxed);
	LM_ASSERT((word & STATE_MASK) == FREE);
	atomic_store_explicit(&place->word, (word + (1u << STATE_BITS)) | BUILT,
			      memory_order_release);
	return true;
}

void lm_cover_table_sent(struct lm_cover_table *table, uint32_t loop, uint64_t now_us)
{
	struct place *place = &table->place[loop];
	uint64_t deadline_us;

	if (__builtin_add_overflow(now_us, place->wait_us, &deadline_us))
		deadline_us = UINT64_MAX;
	atomic_store_explicit(&place->deadline_us, deadline_us, memory_order_relaxed);
	step_alone(place, BUILT, SENT);
}

void lm_cover_table_discard(struct lm_cover_table *table, uint32_t loop)
{
	step_alone(&table->place[loop], BUILT, FREE);
}

/* Constant time: both halves are always looked at. */
static bool has_token(struct place *place, const struct lm_packet_token *token)
{
	uint64_t half[2];

	for (unsigned i = 0; i < 2; i++)
		half[i] = atomic_load_explicit(&place->token[i], memory_order_relaxed);
	return lm_equal16((const uint8_t *)half, token->b);
}

bool lm_cover_table_back(struct lm_cover_table *table, const struct lm_packet_token *token,
			 uint64_t now_us)
{
	struct place *place = &table->place[lm_load_u32(token->b) & (table->capacity - 1)];
	uint32_t word = atomic_load_explicit(&place->word, memory_order_acquire);

	for (unsigned i = 0; i < TRIES; i++) {
		enum state state = word & STATE_MASK;
		bool ours = has_token(place, token);
		uint64_t deadline_us =
			atomic_load_explicit(&place->deadline_us, memory_order_relaxed);

		if (!ours || (state != SENT && state != LOST))
			return false;
		if (step(place, &word, state == SENT && now_us <= deadline_us ? BACK : LATE))
			return true;
	}
	return false;
}

void lm_cover_table_excuse(struct lm_cover_table *table)
{
	for (uint32_t i = 0; i < table->used; i++)
		table->place[table->use[i]].excused = true;
}

/* Adds to the news what a place has to tell. True when its life is over. */
static bool settle(struct place *place, struct lm_cover_news *news, uint64_t now_us)
{
	uint32_t word = atomic_load_explicit(&place->word, memory_order_acquire);
	uint64_t deadline_us = atomic_load_explicit(&place->deadline_us, memory_order_relaxed);

	switch ((enum state)(word & STATE_MASK)) {
	case FREE:
		return true;
	case BUILT:
		return false;
	case SENT:
		if (now_us > deadline_us && step(place, &word, LOST)) {
			place->told_lost = true;
			news->lost++;
		}
		return false; /* what a worker was quicker with is seen next time */
	case LOST:
		return now_us - deadline_us > place->wait_us && step(place, &word, FREE);
	case BACK:
		news->back++;
		break;
	case LATE:
		news->late++;
		news->lost += !place->told_lost;
		break;
	}
	step_alone(place, word & STATE_MASK, FREE);
	return true;
}

struct lm_cover_news lm_cover_table_collect(struct lm_cover_table *table, uint64_t now_us)
{
	struct lm_cover_news news = {0}, unheard = {0};

	for (uint32_t i = 0; i < table->used;) {
		uint32_t loop = table->use[i];
		struct place *place = &table->place[loop];

		if (!settle(place, place->excused ? &unheard : &news, now_us)) {
			i++;
			continue;
		}
		table->use[i] = table->use[--table->used];
		table->free[(table->first_free + table->capacity - table->used - 1) &
			    (table->capacity - 1)] = loop;
	}
	return news;
}
