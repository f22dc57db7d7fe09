/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See wheel.h. Times inside are 32 bits that wrap: only differences to the clock are looked at.
 * Memory: a pile that is no node has at most one chunk that is not full, and below a node of the
 * lowest level there were more than WHEEL_LEAF items when it was made.
 */
#include "wheel.h"

/*
 * Room for nodes: there are about 244 items for each, since each was made for more than WHEEL_LEAF
 * that are below no other, and a sixteenth more are above such nodes. Only those that are being
 * emptied, one below the other, may have fewer. Were there no room, a pile would stay a large leaf.
 */
#define ITEMS_PER_NODE 192
#define NODES_EMPTIED  8

/* The two ends of a queue beside the wheel. */
#define LOOSE_CHUNKS 2

static uint32_t node_limit(uint32_t capacity)
{
	return capacity > WHEEL_LEAF ? capacity / ITEMS_PER_NODE + NODES_EMPTIED : 0;
}

/* Full ones, one that is not full for each pile, and a node with its piles. */
uint32_t wheel_chunks(uint32_t capacity)
{
	uint32_t piles = WHEEL_LEVELS * WHEEL_SLOTS + LOOSE_CHUNKS;

	return capacity / (CHUNK_PLACES - 1) + (capacity < piles ? capacity : piles) +
	       node_limit(capacity) * (1 + WHEEL_NODE);
}

void wheel_init(struct wheel *wheel, union chunk *chunk, uint32_t capacity, uint64_t now_us)
{
	wheel->chunk = chunk;
	wheel->freed = CHUNK_NONE;
	wheel->chunks = wheel_chunks(capacity);
	wheel->node_limit = node_limit(capacity);
	wheel->clock_us = now_us;
}

/* ---- Chunks and piles ---- */

static inline void push(struct wheel *wheel, struct pile *pile, const struct lm_mix_item *item)
{
	if (pile->places % CHUNK_PLACES == 0) {
		uint32_t index = wheel_alloc(wheel);

		wheel->chunk[index].next = pile->top;
		wheel->chunk[index].skip = wheel->chunk[pile->top].next;
		pile->top = index;
		pile->places++;
	}
	wheel->chunk[pile->top].item[pile->places++ % CHUNK_PLACES] = *item;
}

/*
 * Takes the items in the top chunk of a pile that is neither empty nor a node. Returns how many,
 * from 1 to 7.
 */
static inline uint32_t pop(struct wheel *wheel, struct lm_mix_item *item, struct pile *pile)
{
	uint32_t index = pile->top, n = (pile->places - 1) % CHUNK_PLACES;
	union chunk *chunk = &wheel->chunk[index];

	pile->top = chunk->next;
	pile->places -= n + 1;
	for (uint32_t i = 0; i < n; i++) {
		item[i] = chunk->item[i + 1];
		chunk->item[i + 1] = (struct lm_mix_item){0};
	}
	wheel_free(wheel, index);
	return n;
}

/* ---- Crowds: piles of more than WHEEL_LEAF ---- */

static struct pile *draw_pile(struct wheel *wheel, struct lm_prng *prng, const struct pile *node)
{
	return &wheel->chunk[node->top].pile[lm_prng_below(prng, WHEEL_NODE)];
}

/* Makes a node of a full leaf. The item beyond the leaf may find a full one again. */
static void split(struct wheel *wheel, struct lm_prng *prng, struct pile *pile)
{
	struct pile node = {wheel_alloc(wheel), PILE_NODE};

	memset(wheel->chunk[node.top].pile, 0, sizeof(wheel->chunk[node.top].pile));
	while (pile->places > 0) {
		struct lm_mix_item item[CHUNK_PLACES - 1];
		uint32_t popped = pop(wheel, item, pile);

		for (uint32_t i = 0; i < popped; i++)
			push(wheel, draw_pile(wheel, prng, &node), &item[i]);
		lm_wipe(item, sizeof(item));
	}
	*pile = node;
	wheel->nodes++;
}

static void push_crowded(struct wheel *wheel, struct lm_prng *prng, struct pile *pile,
			 const struct lm_mix_item *item)
{
	while (pile->places >= PILE_FULL) {
		if (pile->places != PILE_NODE) {
			if (wheel->nodes >= wheel->node_limit)
				break;
			split(wheel, prng, pile);
		}
		pile = draw_pile(wheel, prng, pile);
	}
	push(wheel, pile, item);
}

/* Makes a leaf's items ready. */
static void open_leaf(struct wheel *wheel, struct pile *pile)
{
	do
		wheel->ready_count += pop(wheel, &wheel->ready[wheel->ready_count], pile);
	while (pile->places > 0 && wheel->ready_count <= WHEEL_LEAF - (CHUNK_PLACES - 1));
}

/* Makes the first leaf below a node ready, and takes away what is empty then. */
static void open_node(struct wheel *wheel, struct pile *node)
{
	struct pile *pile = wheel->chunk[node->top].pile, *end = pile + WHEEL_NODE;

	while (pile->places == 0)
		pile++;
	if (pile->places == PILE_NODE)
		open_node(wheel, pile);
	else
		open_leaf(wheel, pile);
	while (pile < end && pile->places == 0)
		pile++;
	if (pile < end)
		return;
	memset(pile - WHEEL_NODE, 0, sizeof(union chunk));
	wheel_free(wheel, node->top);
	wheel->nodes--;
	*node = (struct pile){0, 0};
}

/* ---- Slots ---- */

static inline uint32_t slot_number(uint32_t time, unsigned level)
{
	return time >> WHEEL_BITS * level & (WHEEL_SLOTS - 1);
}

static inline void mark_used(struct wheel_level *level, uint32_t number)
{
	level->used[number / 64] |= UINT64_C(1) << number % 64;
	level->used_words |= UINT32_C(1) << number / 64;
}

static inline void mark_empty(struct wheel_level *level, uint32_t number)
{
	level->used[number / 64] &= ~(UINT64_C(1) << number % 64);
	if (level->used[number / 64] == 0)
		level->used_words &= ~(UINT32_C(1) << number / 64);
}

#define SLOT_NONE UINT32_MAX

/* The first slot from this one on, around the level's end, that is not empty. */
static inline uint32_t find_used(const struct wheel_level *level, uint32_t from)
{
	uint32_t word = from / 64, turn = (word + 1) % 32, words;
	uint64_t bits = level->used[word] & UINT64_MAX << from % 64;

	if (bits == 0) {
		words = level->used_words >> turn | level->used_words << (32 - turn) % 32;
		if (words == 0)
			return SLOT_NONE;
		word = (turn + (uint32_t)__builtin_ctz(words)) % 32;
		bits = level->used[word];
	}
	return word * 64 + (uint32_t)__builtin_ctzll(bits);
}

/* The lowest level that reaches as far as an item that is due then. */
static inline unsigned level_of(uint32_t clock, uint32_t due)
{
	for (unsigned level = 0; level < WHEEL_LEVELS - 1; level++) {
		uint32_t above = UINT32_C(1) << WHEEL_BITS * (level + 1);

		if (due - (clock & -above) < 2 * above)
			return level;
	}
	return WHEEL_LEVELS - 1;
}

static inline void place(struct wheel *wheel, struct lm_prng *prng, const struct lm_mix_item *item,
			 unsigned at)
{
	struct wheel_level *level = &wheel->level[at];
	uint32_t due = item->delay_us, number = slot_number(due, at);
	struct slot *slot = &level->slot[number];

	if (slot->pile.places == 0)
		mark_used(level, number);
	if (slot->pile.places == 0 || due < slot->first) /* no slot reaches over the 32 bits' end */
		slot->first = due;
	if (at == 0 && slot->pile.places >= PILE_FULL)
		push_crowded(wheel, prng, &slot->pile, item);
	else
		push(wheel, &slot->pile, item);
}

static inline void prefetch_slot(const struct wheel *wheel, uint32_t due, unsigned at)
{
	__builtin_prefetch(&wheel->level[at].slot[slot_number(due, at)], 1);
}

static inline void prefetch_place(const struct wheel *wheel, uint32_t due, unsigned at)
{
	const struct pile *pile = &wheel->level[at].slot[slot_number(due, at)].pile;

	__builtin_prefetch(&wheel->chunk[pile->top].item[pile->places % CHUNK_PLACES], 1);
}

void wheel_put(struct wheel *wheel, struct lm_prng *prng, const struct lm_mix_item *item,
	       unsigned n)
{
	uint32_t clock = (uint32_t)wheel->clock_us;
	uint8_t level[LM_BURST];

	/* Where one goes depends little on where the others go: fetch all lines first. */
	for (unsigned i = 0; i < n; i++) {
		level[i] = (uint8_t)level_of(clock, item[i].delay_us);
		prefetch_slot(wheel, item[i].delay_us, level[i]);
	}
	for (unsigned i = 0; i < n; i++)
		prefetch_place(wheel, item[i].delay_us, level[i]);
	for (unsigned i = 0; i < n; i++)
		place(wheel, prng, &item[i], level[i]);
	lm_wipe(level, n);
}

static void prefetch_chunk(const struct wheel *wheel, uint32_t index)
{
	__builtin_prefetch(&wheel->chunk[index].item[0], 1);
	__builtin_prefetch(&wheel->chunk[index].item[CHUNK_PLACES - 1], 1);
}

/* The first chunk of a slot that is spread soon. */
static void prefetch_top(const struct wheel *wheel, unsigned at, uint32_t number)
{
	const struct slot *slot = &wheel->level[at].slot[number & (WHEEL_SLOTS - 1)];

	__builtin_prefetch(&wheel->chunk[slot->pile.top], 1);
}

/* Spreads n items of a slot of a higher level, and the rest of a chunk, over the levels below. */
static void spread(struct wheel *wheel, struct lm_prng *prng, unsigned at, uint32_t number,
		   uint32_t n)
{
	uint32_t clock = (uint32_t)wheel->clock_us;
	struct wheel_level *level = &wheel->level[at];
	struct slot *slot = &level->slot[number];
	struct lm_mix_item item[CHUNK_PLACES - 1];

	if (slot->pile.places == 0)
		return;
	for (uint32_t done = 0; done < n && slot->pile.places > 0;) {
		uint32_t popped = pop(wheel, item, &slot->pile);

		prefetch_chunk(wheel, wheel->chunk[slot->pile.top].skip);
		for (uint32_t i = 0; i < popped; i++) /* most go to the level below */
			prefetch_slot(wheel, item[i].delay_us, at - 1);
		done += popped;
		for (uint32_t i = 0; i < popped; i++) {
			if (at == 1)
				place(wheel, prng, &item[i], 0);
			else
				place(wheel, prng, &item[i], level_of(clock, item[i].delay_us));
		}
	}
	lm_wipe(item, sizeof(item));
	if (slot->pile.places > 0)
		return;
	mark_empty(level, number);
	*slot = (struct slot){0};
}

void wheel_tidy(struct wheel *wheel, struct lm_prng *prng, unsigned n)
{
	uint32_t clock = (uint32_t)wheel->clock_us;

	for (unsigned level = WHEEL_LEVELS - 1; level > 0; level--)
		spread(wheel, prng, level, slot_number(clock + (1u << WHEEL_BITS * level), level),
		       n);
}

/* Spreads what is left in the slots in which the clock stands, up to n items of each level. */
static void catch_up(struct wheel *wheel, struct lm_prng *prng, uint32_t n)
{
	wheel->behind = false;
	for (unsigned level = WHEEL_LEVELS - 1; level > 0; level--) {
		uint32_t number = slot_number((uint32_t)wheel->clock_us, level);

		prefetch_top(wheel, level, number + 1);
		spread(wheel, prng, level, number, n);
		wheel->behind |= wheel->level[level].slot[number].pile.places > 0;
	}
}

/* Lets the clock go on; nothing is due before. */
static void move_clock(struct wheel *wheel, struct lm_prng *prng, uint64_t to_us, uint32_t n)
{
	uint64_t passed = wheel->clock_us ^ to_us;

	wheel->clock_us = to_us;
	if (passed >> WHEEL_BITS != 0)
		catch_up(wheel, prng, n);
}

/*
 * Slots of different levels may overlap where one is being spread, and its `first` may be of an
 * item that has moved down already; that one is still in the wheel. But where the wheel is not
 * behind, what the lowest level has before the end of the clock's slot on the next is first.
 */
static uint64_t first_due_us(const struct wheel *wheel)
{
	uint32_t clock = (uint32_t)wheel->clock_us, nearest = UINT32_MAX, first;
	uint32_t end = (clock | ((1u << WHEEL_BITS) - 1)) - clock;

	/* a slot of the lowest level is one microsecond: its number says all */
	first = find_used(&wheel->level[0], slot_number(clock, 0));
	if (first != SLOT_NONE)
		nearest = (first - clock) & (WHEEL_SLOTS - 1);
	for (unsigned level = 1; level < WHEEL_LEVELS && (nearest > end || wheel->behind);
	     level++) {
		const struct wheel_level *at = &wheel->level[level];
		uint32_t number = find_used(at, slot_number(clock, level));

		if (number != SLOT_NONE && at->slot[number].first - clock < nearest)
			nearest = at->slot[number].first - clock;
	}
	return nearest == UINT32_MAX ? UINT64_MAX : wheel->clock_us + nearest;
}

uint64_t wheel_next_us(const struct wheel *wheel)
{
	return wheel->ready_count > 0 ? wheel->clock_us : first_due_us(wheel);
}

/* Slots between the one that is emptied and the next whose chunk is fetched, at least. */
#define AHEAD 4

/* Fetches the chunk of a slot that is emptied soon, and the slot of one that is after it. */
static void prefetch_ahead(const struct wheel *wheel, uint32_t number)
{
	const struct wheel_level *level = &wheel->level[0];
	uint32_t soon = find_used(level, (number + AHEAD) % WHEEL_SLOTS), then;

	if (soon == SLOT_NONE)
		return;
	__builtin_prefetch(&wheel->chunk[level->slot[soon].pile.top], 1);
	then = find_used(level, (soon + AHEAD) % WHEEL_SLOTS);
	if (then != SLOT_NONE)
		__builtin_prefetch(&level->slot[then], 1);
}

/* Makes ready what is due first, if that is not after until_us and n items to spread suffice. */
static bool open_next(struct wheel *wheel, struct lm_prng *prng, uint64_t until_us, uint32_t n)
{
	struct wheel_level *level = &wheel->level[0];
	uint64_t due_us = first_due_us(wheel);
	uint32_t number = slot_number((uint32_t)due_us, 0);
	struct pile *pile = &level->slot[number].pile;

	if (due_us == UINT64_MAX || due_us > until_us)
		return false;
	prefetch_ahead(wheel, number);
	move_clock(wheel, prng, due_us, n);
	if (wheel->behind)
		return false;
	if (pile->places == PILE_NODE)
		open_node(wheel, pile);
	else
		open_leaf(wheel, pile);
	if (pile->places > 0)
		return true;
	mark_empty(level, number);
	level->slot[number] = (struct slot){0};
	return true;
}

static inline struct lm_mix_item draw_ready(struct wheel *wheel, struct lm_prng *prng)
{
	struct lm_mix_item *drawn = &wheel->ready[lm_prng_below(prng, wheel->ready_count)];
	struct lm_mix_item *last = &wheel->ready[--wheel->ready_count], item = *drawn;

	*drawn = *last;
	*last = (struct lm_mix_item){0};
	return item;
}

unsigned wheel_take(struct wheel *wheel, struct lm_prng *prng, struct lm_mix_item *item,
		    unsigned max, uint64_t until_us)
{
	uint32_t spread_max = until_us == UINT64_MAX ? UINT32_MAX : WHEEL_SPREAD;
	unsigned taken = 0;

	if (wheel->ready_count > 0 && wheel->clock_us > until_us)
		return 0;
	if (wheel->behind)
		catch_up(wheel, prng, spread_max);
	while (taken < max && !wheel->behind) {
		if (wheel->ready_count == 0 && !open_next(wheel, prng, until_us, spread_max))
			break;
		item[taken++] = draw_ready(wheel, prng);
	}
	if (taken < max && !wheel->behind && until_us != UINT64_MAX && until_us > wheel->clock_us)
		move_clock(wheel, prng, until_us, spread_max);
	return taken;
}
