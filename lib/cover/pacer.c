/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The pacer: a heap of slots, one a link, by their times, and queues of packets in one pool of
 * nodes. Nothing that moves a slot ever looks at a queue. Memory is the caller's; one thread.
 */
#include "lm_cover.h"

#include <string.h>

#define NONE UINT32_MAX

struct slot {
	uint64_t at_us;
	uint16_t link;
};

struct queue {
	uint32_t head, tail, n; /* head and tail are nodes; without meaning if n is 0 */
};

struct link {
	struct queue queue;
	uint32_t place; /* of its slot in the heap; NONE: not set */
};

struct node {
	struct lm_mix_item item;
	uint32_t next;
} __attribute__((packed, aligned(8)));

_Static_assert(sizeof(struct slot) == 16 && sizeof(struct link) == 16 && sizeof(struct node) == 24,
	       "what the header says of memory");

struct lm_pacer {
	struct lm_pacer_params params;
	struct lm_prng prng;
	uint32_t slots, held;
	uint32_t free; /* the first free node */
	bool lifted;
	uint64_t limit_us;                            /* what was missed by more is forgotten */
	uint64_t forgotten, late[LM_PACER_LATE_BINS]; /* read by other threads */
	struct queue orphans;
	struct slot *heap;
	struct node *node;
	struct link link[]; /* by number; [0] is none */
};

_Static_assert(sizeof(struct lm_pacer) % _Alignof(struct slot) == 0,
	       "slots behind links are aligned");

size_t lm_pacer_size(const struct lm_pacer_params *params)
{
	return sizeof(struct lm_pacer) + (params->links + (size_t)1) * sizeof(struct link) +
	       params->links * sizeof(struct slot) + params->capacity * sizeof(struct node);
}

struct lm_pacer *lm_pacer_init(void *memory, const struct lm_pacer_params *params,
			       const uint8_t seed[32])
{
	struct lm_pacer *pacer = memory;

	LM_ASSERT((uintptr_t)memory % LM_PACER_ALIGN == 0);
	LM_ASSERT(params->interval_us >= 1 && params->share >= 1);
	LM_ASSERT(params->links >= 1 && params->links <= LM_PACER_LINKS_MAX);
	LM_ASSERT(params->capacity >= 1 && params->capacity <= UINT32_C(1) << 31);
	memset(pacer, 0, sizeof(*pacer));
	pacer->params = *params;
	pacer->limit_us = params->interval_us > LM_COVER_CATCH_UP_US ? params->interval_us
								     : LM_COVER_CATCH_UP_US;
	pacer->heap = (struct slot *)&pacer->link[params->links + 1];
	pacer->node = (struct node *)&pacer->heap[params->links];
	for (uint32_t i = 0; i <= params->links; i++)
		pacer->link[i] = (struct link){.place = NONE};
	for (uint32_t i = 0; i < params->capacity; i++)
		pacer->node[i].next = i + 1;
	lm_prng_init(&pacer->prng, seed);
	return pacer;
}

/* ---- Slots: a binary heap, the earliest first ---- */

static void put(struct lm_pacer *pacer, uint32_t place, struct slot slot)
{
	pacer->heap[place] = slot;
	pacer->link[slot.link].place = place;
}

static void sift_up(struct lm_pacer *pacer, uint32_t place, struct slot slot)
{
	while (place > 0 && pacer->heap[(place - 1) / 2].at_us > slot.at_us) {
		put(pacer, place, pacer->heap[(place - 1) / 2]);
		place = (place - 1) / 2;
	}
	put(pacer, place, slot);
}

static void sift_down(struct lm_pacer *pacer, uint32_t place, struct slot slot)
{
	for (;;) {
		uint32_t child = 2 * place + 1;

		if (child + 1 < pacer->slots &&
		    pacer->heap[child + 1].at_us < pacer->heap[child].at_us)
			child++;
		if (child >= pacer->slots || pacer->heap[child].at_us >= slot.at_us)
			break;
		put(pacer, place, pacer->heap[child]);
		place = child;
	}
	put(pacer, place, slot);
}

static struct link *link_of(struct lm_pacer *pacer, uint16_t link)
{
	LM_ASSERT(link >= 1 && link <= pacer->params.links);
	return &pacer->link[link];
}

void lm_pacer_set(struct lm_pacer *pacer, uint16_t link, uint64_t now_us)
{
	struct slot slot = {.link = link};

	if (link_of(pacer, link)->place != NONE)
		return;
	slot.at_us = now_us + lm_prng_below(&pacer->prng, pacer->params.interval_us);
	sift_up(pacer, pacer->slots++, slot);
}

/* ---- Queues ---- */

static void append(struct lm_pacer *pacer, struct queue *queue, uint32_t node)
{
	if (queue->n == 0)
		queue->head = node;
	else
		pacer->node[queue->tail].next = node;
	queue->tail = node;
	queue->n++;
}

static struct lm_mix_item pop(struct lm_pacer *pacer, struct queue *queue)
{
	uint32_t at = queue->head;
	struct node *node = &pacer->node[at];
	struct lm_mix_item item = node->item;

	queue->head = node->next;
	queue->n--;
	node->item = (struct lm_mix_item){0};
	node->next = pacer->free;
	pacer->free = at;
	pacer->held--;
	return item;
}

static unsigned pop_many(struct lm_pacer *pacer, struct queue *queue, struct lm_mix_item *item,
			 unsigned max)
{
	unsigned n = 0;

	while (n < max && queue->n > 0)
		item[n++] = pop(pacer, queue);
	return n;
}

void lm_pacer_unset(struct lm_pacer *pacer, uint16_t link)
{
	struct link *from = link_of(pacer, link);
	struct queue *orphans = &pacer->orphans;
	uint32_t place = from->place;
	struct slot last;

	if (place == NONE)
		return;
	last = pacer->heap[--pacer->slots];
	from->place = NONE;
	if (last.link != link) {
		sift_down(pacer, place, last);
		sift_up(pacer, pacer->link[last.link].place, last);
	}
	if (from->queue.n == 0)
		return;
	if (orphans->n == 0)
		orphans->head = from->queue.head;
	else
		pacer->node[orphans->tail].next = from->queue.head;
	orphans->tail = from->queue.tail;
	orphans->n += from->queue.n;
	from->queue.n = 0;
}

enum lm_drop lm_pacer_push(struct lm_pacer *pacer, const struct lm_mix_item *item)
{
	struct link *link = link_of(pacer, item->to);
	uint32_t room = lm_pacer_room(pacer);
	uint32_t most = room < pacer->params.share ? room : pacer->params.share;
	uint32_t at = pacer->free;

	LM_ASSERT(item->packet != NULL);
	if (link->place == NONE)
		return LM_DROP_NEXT_UNKNOWN;
	if (pacer->lifted ? room == 0 : link->queue.n >= most)
		return LM_DROP_LINK_FULL;
	pacer->free = pacer->node[at].next;
	pacer->node[at].item = *item;
	append(pacer, &link->queue, at);
	pacer->held++;
	return LM_DROP_NONE;
}

/* ---- Slots and queues ---- */

/* One writer, any number of readers. */
static void count(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

static void count_late(struct lm_pacer *pacer, uint64_t late_us)
{
	unsigned bin = late_us > 0 ? 64 - (unsigned)__builtin_clzll(late_us) : 0;

	count(&pacer->late[bin < LM_PACER_LATE_BINS ? bin : LM_PACER_LATE_BINS - 1], 1);
}

/* Moves the earliest slot on past what has been missed for too long; false: it is not so late. */
static bool forget(struct lm_pacer *pacer, struct slot slot, uint64_t now_us)
{
	uint64_t late_us = now_us - slot.at_us, missed;

	if (late_us <= pacer->limit_us)
		return false;
	missed = late_us / pacer->params.interval_us + 1;
	slot.at_us += missed * pacer->params.interval_us;
	count(&pacer->forgotten, missed);
	sift_down(pacer, 0, slot);
	return true;
}

unsigned lm_pacer_due(struct lm_pacer *pacer, struct lm_mix_item *item, unsigned max,
		      uint64_t now_us)
{
	unsigned n = 0;

	while (n < max && pacer->slots > 0 && pacer->heap[0].at_us <= now_us) {
		struct slot slot = pacer->heap[0];
		struct queue *queue = &pacer->link[slot.link].queue;

		if (forget(pacer, slot, now_us))
			continue;
		count_late(pacer, now_us - slot.at_us);
		slot.at_us += pacer->params.interval_us;
		sift_down(pacer, 0, slot);
		item[n++] =
			queue->n > 0 ? pop(pacer, queue) : (struct lm_mix_item){.to = slot.link};
	}
	return n;
}

uint64_t lm_pacer_next_us(const struct lm_pacer *pacer)
{
	return pacer->slots > 0 ? pacer->heap[0].at_us : UINT64_MAX;
}

unsigned lm_pacer_orphans(struct lm_pacer *pacer, struct lm_mix_item *item, unsigned max)
{
	return pop_many(pacer, &pacer->orphans, item, max);
}

unsigned lm_pacer_evict(struct lm_pacer *pacer, struct lm_mix_item *item, unsigned max)
{
	unsigned n = pop_many(pacer, &pacer->orphans, item, max);

	for (uint32_t i = 1; n < max && pacer->held > 0 && i <= pacer->params.links; i++)
		n += pop_many(pacer, &pacer->link[i].queue, item + n, max - n);
	return n;
}

void lm_pacer_lift(struct lm_pacer *pacer)
{
	pacer->lifted = true;
}

uint32_t lm_pacer_room(const struct lm_pacer *pacer)
{
	return pacer->params.capacity - pacer->held;
}

uint32_t lm_pacer_held(const struct lm_pacer *pacer)
{
	return pacer->held;
}

uint64_t lm_pacer_forgotten(const struct lm_pacer *pacer)
{
	return __atomic_load_n(&pacer->forgotten, __ATOMIC_RELAXED);
}

uint64_t lm_pacer_late(const struct lm_pacer *pacer, unsigned bin)
{
	LM_ASSERT(bin < LM_PACER_LATE_BINS);
	return __atomic_load_n(&pacer->late[bin], __ATOMIC_RELAXED);
}
