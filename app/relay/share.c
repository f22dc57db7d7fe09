/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See share.h. Two levels take turns: the members of `line` are links and the two groups (clients,
 * others), and a group's turn goes to its own queues in turn. Waiting packets are linked lists in
 * one array of slots.
 */
#include "share.h"

#include <string.h>

#include "lm_mix.h"

#define NO_SLOT UINT16_MAX
#define LINE    (2 * SHARE_BACKLOG) /* places for all links that can wait, and the groups */

/* The groups as members of the line, under numbers that no link has. */
enum { CLIENTS, OTHERS, GROUPS };
#define MEMBER_CLIENTS 0
#define MEMBER_OTHERS  LM_MIX_OWN

_Static_assert(LINKS_MAX<MEMBER_OTHERS && SHARE_QUEUE_CLIENTS> MEMBER_OTHERS,
	       "queues and members have numbers of their own");
_Static_assert(SHARE_BACKLOG < NO_SLOT && (LINE & (LINE - 1)) == 0, "slots, places");

struct queue {
	uint16_t first, last; /* slots */
	uint16_t waiting;     /* packets in slots */
	uint16_t fresh;       /* while adding: packets of the burst */
	uint16_t mark;        /* while adding: where the next one's mark is */
	uint16_t claimed;     /* before adding */
};

/* Who takes turns: a bounded queue of numbers. */
struct turns {
	uint32_t number[LINE];
	uint32_t first, n;
};

struct group {
	struct turns turns; /* its queues that have packets */
	unsigned weight;    /* packets in one turn of the line */
	unsigned left;      /* of the turn that it has now */
	unsigned waiting;   /* packets in slots */
	unsigned fresh;     /* while adding */
	unsigned room;      /* while adding */
};

/* A member that wants room: `waiting` it has already, `wanted` it would have. */
struct wish {
	uint16_t waiting, wanted;
	uint32_t weight;
};

struct share {
	struct lm_prng prng;
	struct source_key key;
	uint64_t looked; /* packets since the key was drawn */
	unsigned waiting;
	struct turns line;
	struct group group[GROUPS];
	uint16_t free; /* list of free slots */
	uint16_t next[SHARE_BACKLOG];
	void *packet[SHARE_BACKLOG];
	uint32_t touched[SHARE_LOOK]; /* while adding: queues with fresh packets */
	bool kept[SHARE_LOOK];        /* while adding: marks of packets, queue by queue */
	struct wish wish[LINE];       /* the same */
	unsigned claims;
	uint32_t claim[SHARE_LOOK]; /* before adding: queues */
	struct queue queue[SHARE_QUEUES];
};

static void draw_key(struct share *share)
{
	lm_prng_bytes(&share->prng, &share->key, sizeof(share->key));
	share->looked = 0;
}

size_t share_size(void)
{
	return sizeof(struct share);
}

struct share *share_init(void *memory, const uint8_t seed[32])
{
	struct share *share = memory;

	LM_ASSERT((uintptr_t)memory % LM_CACHE_LINE == 0);
	memset(share, 0, sizeof(*share));
	lm_prng_init(&share->prng, seed);
	draw_key(share);
	for (unsigned i = 0; i < GROUPS; i++)
		share->group[i].weight = 1;
	for (unsigned i = 0; i < SHARE_BACKLOG; i++)
		share->next[i] = (uint16_t)(i + 1 < SHARE_BACKLOG ? i + 1 : NO_SLOT);
	return share;
}

void share_weigh(struct share *share, unsigned clients)
{
	share->group[CLIENTS].weight = clients;
}

uint32_t share_queue(const struct share *share, const struct source *source, uint16_t link)
{
	uint64_t hash;

	if (source->udp && link != 0)
		return link;
	hash = source_hash(&share->key, source);
	if (source->udp)
		return SHARE_QUEUE_CLIENTS + (uint32_t)(hash * SHARE_CLIENTS >> 32);
	return SHARE_QUEUE_OTHERS + (uint32_t)(hash * SHARE_OTHERS >> 32);
}

/* The group that a queue is in; NULL: it is a link's. */
static struct group *group_of(struct share *share, uint32_t queue)
{
	if (queue < SHARE_QUEUE_CLIENTS)
		return NULL;
	return &share->group[queue < SHARE_QUEUE_OTHERS ? CLIENTS : OTHERS];
}

static void push(struct turns *turns, uint32_t number)
{
	turns->number[(turns->first + turns->n++) % LINE] = number;
}

static uint32_t pop(struct turns *turns)
{
	uint32_t number = turns->number[turns->first];

	turns->first = (turns->first + 1) % LINE;
	turns->n--;
	return number;
}

/* ---- Before adding ---- */

bool share_claim(struct share *share, uint32_t number)
{
	struct queue *queue = &share->queue[number];

	if (queue->waiting + queue->claimed >= SHARE_BACKLOG / 2)
		return false;
	LM_ASSERT(share->claims < SHARE_LOOK);
	queue->claimed++;
	share->claim[share->claims++] = number;
	return true;
}

void share_claims_end(struct share *share)
{
	for (; share->claims > 0; share->claims--)
		share->queue[share->claim[share->claims - 1]].claimed = 0;
}

/* ---- Adding ---- */

/* What all get together at this level, each at least what it has; one more wish is met as well. */
static unsigned used_at(const struct wish *wish, unsigned n, unsigned level)
{
	unsigned used = level;

	for (unsigned i = 0; i < n; i++) {
		unsigned most = level * wish[i].weight;
		unsigned get = wish[i].wanted < most ? wish[i].wanted : most;

		used += get > wish[i].waiting ? get : wish[i].waiting;
	}
	return used;
}

/* The highest level that fits into `room`; 0 fits always. */
static unsigned level_of(const struct wish *wish, unsigned n, unsigned room)
{
	unsigned low = 0, high = room;

	while (low < high) {
		unsigned middle = (low + high + 1) / 2;

		if (used_at(wish, n, middle) <= room)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

/* How many of `fresh` packets are kept beside those that wait, at most `most` in all. */
static unsigned fitting(unsigned waiting, unsigned fresh, unsigned most)
{
	unsigned room = most > waiting ? most - waiting : 0;

	return fresh < room ? fresh : room;
}

static void wish_queue(struct share *share, unsigned *n, uint32_t number)
{
	const struct queue *queue = &share->queue[number];

	share->wish[(*n)++] = (struct wish){.waiting = queue->waiting,
					    .wanted = (uint16_t)(queue->waiting + queue->fresh),
					    .weight = 1};
}

/* The wishes of those who wait in `turns`; groups have theirs with those who are new. */
static void wish_waiting(struct share *share, unsigned *n, const struct turns *turns)
{
	for (uint32_t i = 0; i < turns->n; i++) {
		uint32_t number = turns->number[(turns->first + i) % LINE];

		if (number != MEMBER_CLIENTS && number != MEMBER_OTHERS)
			wish_queue(share, n, number);
	}
}

/* The level of the queues inside a group; a level of 0 still lets an empty queue have one. */
static unsigned level_in_group(struct share *share, struct group *group, unsigned touched)
{
	unsigned n = 0;

	wish_waiting(share, &n, &group->turns);
	for (unsigned i = 0; i < touched; i++) {
		uint32_t number = share->touched[i];

		if (group_of(share, number) == group && share->queue[number].waiting == 0)
			wish_queue(share, &n, number);
	}
	return level_of(share->wish, n, group->waiting + group->room);
}

/* The level of the line: links and groups. */
static unsigned level_in_line(struct share *share, unsigned touched)
{
	unsigned n = 0;

	wish_waiting(share, &n, &share->line);
	for (unsigned i = 0; i < touched; i++) {
		uint32_t number = share->touched[i];

		if (number < SHARE_QUEUE_CLIENTS && share->queue[number].waiting == 0)
			wish_queue(share, &n, number);
	}
	for (unsigned i = 0; i < GROUPS; i++) {
		const struct group *group = &share->group[i];

		if (group->waiting + group->fresh > 0)
			share->wish[n++] =
				(struct wish){.waiting = (uint16_t)group->waiting,
					      .wanted = (uint16_t)(group->waiting + group->fresh),
					      .weight = group->weight};
	}
	return level_of(share->wish, n, SHARE_BACKLOG);
}

/*
 * Marks `keep` of the queue's fresh packets, all choices equally likely (Floyd's sampling: Bentley
 * & Floyd, "A sample of brilliance", 1987), or those that are not kept, whichever are fewer.
 */
static void mark(struct share *share, const struct queue *queue, unsigned keep)
{
	bool *kept = &share->kept[queue->mark];
	unsigned fresh = queue->fresh;
	bool few_kept = keep <= fresh / 2;

	memset(kept, !few_kept, fresh);
	for (unsigned i = few_kept ? fresh - keep : keep; i < fresh; i++) {
		unsigned at = lm_prng_below(&share->prng, i + 1);

		kept[kept[at] == few_kept ? i : at] = few_kept;
	}
}

/*
 * Decides which of each queue's fresh packets are kept. True if a level is 0: then there are
 * more queues than room, and chance must say who finds some.
 */
static bool allot(struct share *share, unsigned touched)
{
	unsigned line = level_in_line(share, touched), level[GROUPS];
	bool scarce = line == 0;

	for (unsigned i = 0; i < GROUPS; i++) {
		struct group *group = &share->group[i];
		unsigned most = (line > 0 ? line : 1) * group->weight;

		group->room = fitting(group->waiting, group->fresh, most);
		level[i] = SHARE_BACKLOG;
		if (group->room < group->fresh) {
			level[i] = level_in_group(share, group, touched);
			scarce |= level[i] == 0;
		}
	}
	for (unsigned i = 0; i < touched; i++) {
		struct queue *queue = &share->queue[share->touched[i]];
		const struct group *group = group_of(share, share->touched[i]);
		unsigned most = group ? level[group - share->group] : line;

		mark(share, queue, fitting(queue->waiting, queue->fresh, most > 0 ? most : 1));
	}
	return scarce;
}

/* Counts the burst by queue; returns how many queues have some of it. */
static unsigned count_fresh(struct share *share, const struct share_entry *entry, unsigned n)
{
	unsigned touched = 0, marks = 0;

	for (unsigned i = 0; i < n; i++) {
		struct queue *queue = &share->queue[entry[i].queue];
		struct group *group = group_of(share, entry[i].queue);

		if (queue->fresh++ == 0)
			share->touched[touched++] = entry[i].queue;
		if (group)
			group->fresh++;
	}
	for (unsigned i = 0; i < touched; i++) {
		struct queue *queue = &share->queue[share->touched[i]];

		queue->mark = (uint16_t)marks;
		marks += queue->fresh;
	}
	return touched;
}

static void keep_all(struct share *share, unsigned n)
{
	memset(share->kept, true, n);
	for (unsigned i = 0; i < GROUPS; i++)
		share->group[i].room = share->group[i].fresh;
}

/* Nothing is being added any more. */
static void forget_fresh(struct share *share, unsigned touched)
{
	for (unsigned i = 0; i < touched; i++)
		share->queue[share->touched[i]].fresh = 0;
	for (unsigned i = 0; i < GROUPS; i++)
		share->group[i].fresh = 0;
}

static void append(struct share *share, uint32_t number, void *packet)
{
	struct queue *queue = &share->queue[number];
	struct group *group = group_of(share, number);
	uint16_t slot = share->free;

	share->free = share->next[slot];
	share->packet[slot] = packet;
	share->next[slot] = NO_SLOT;
	if (queue->waiting++ == 0) {
		queue->first = slot;
		push(group ? &group->turns : &share->line, number);
	} else {
		share->next[queue->last] = slot;
	}
	queue->last = slot;
	share->waiting++;
	if (group && group->waiting++ == 0) {
		group->left = group->weight;
		push(&share->line,
		     group == &share->group[CLIENTS] ? MEMBER_CLIENTS : MEMBER_OTHERS);
	}
}

/* Keeps one packet of the burst, or says that it is to be thrown away. */
static bool keep(struct share *share, const struct share_entry *entry)
{
	struct group *group = group_of(share, entry->queue);

	if (!share->kept[share->queue[entry->queue].mark++] || share->waiting == SHARE_BACKLOG)
		return false;
	if (group && group->room == 0)
		return false;
	if (group)
		group->room--;
	append(share, entry->queue, entry->packet);
	return true;
}

unsigned share_add(struct share *share, const struct share_entry *entry, unsigned n, void **thrown,
		   unsigned *others)
{
	unsigned touched = count_fresh(share, entry, n), lost = 0, start = 0;

	LM_ASSERT(n <= SHARE_LOOK);
	*others = 0;
	/* with half the backlog free, no queue is above the level */
	if (share->waiting + n <= SHARE_BACKLOG / 2)
		keep_all(share, n);
	else if (allot(share, touched))
		start = lm_prng_below(&share->prng, n);
	for (unsigned i = 0; i < n; i++) {
		const struct share_entry *one = &entry[start + i < n ? start + i : start + i - n];

		if (keep(share, one))
			continue;
		thrown[lost++] = one->packet;
		*others += one->queue >= SHARE_QUEUE_OTHERS;
	}
	forget_fresh(share, touched);
	share->looked += n;
	if (share->looked >= SHARE_REKEY)
		draw_key(share);
	return lost;
}

/* ---- Taking ---- */

/* Takes the queue's first packet. */
static struct share_entry take(struct share *share, uint32_t number)
{
	struct queue *queue = &share->queue[number];
	uint16_t slot = queue->first;
	struct share_entry entry = {.packet = share->packet[slot], .queue = number};

	queue->first = share->next[slot];
	queue->waiting--;
	share->next[slot] = share->free;
	share->free = slot;
	share->waiting--;
	return entry;
}

/* Takes from the queue whose turn it is in `turns`, and lines it up again if more waits. */
static struct share_entry take_turn(struct share *share, struct turns *turns)
{
	uint32_t number = pop(turns);
	struct share_entry entry = take(share, number);

	if (share->queue[number].waiting > 0)
		push(turns, number);
	return entry;
}

/* The same for a group at the head of the line, which keeps its turn for `weight` packets. */
static struct share_entry take_group(struct share *share, struct group *group)
{
	struct share_entry entry = take_turn(share, &group->turns);

	if (--group->waiting == 0) {
		(void)pop(&share->line);
	} else if (--group->left == 0) {
		group->left = group->weight;
		push(&share->line, pop(&share->line));
	}
	return entry;
}

unsigned share_take(struct share *share, struct share_entry *entry, unsigned max)
{
	unsigned n = 0;

	for (; n < max && share->waiting > 0; n++) {
		switch (share->line.number[share->line.first]) {
		case MEMBER_CLIENTS:
			entry[n] = take_group(share, &share->group[CLIENTS]);
			break;
		case MEMBER_OTHERS:
			entry[n] = take_group(share, &share->group[OTHERS]);
			break;
		default:
			entry[n] = take_turn(share, &share->line);
		}
	}
	return n;
}

unsigned share_waiting(const struct share *share)
{
	return share->waiting;
}

unsigned share_waiting_udp(const struct share *share)
{
	return share->waiting - share->group[OTHERS].waiting;
}
