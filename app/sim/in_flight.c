/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See in_flight.h. A shard's part of a window is sorted when it is taken: few arrivals by
 * insertion, many by the digits of node and time as one number, the least first. Both keep the
 * order of equal ones.
 */
#include "in_flight.h"

#include <errno.h>

#define FEW        40
#define DIGIT_BITS 11 /* at most */
#define DIGITS     (1u << DIGIT_BITS)
#define PASSES     5 /* 30 bits of time and 16 of a node */
#define FIRST_ROOM 64

int in_flight_init(struct in_flight *in_flight, unsigned shards, uint32_t latency_us,
		   uint32_t jitter_us, uint64_t start_us)
{
	LM_ASSERT(latency_us >= 1 && latency_us < UINT32_C(1) << 30);
	LM_ASSERT(jitter_us / 1000 <= latency_us && shards >= 1);
	*in_flight = (struct in_flight){
		.latency_us = latency_us,
		.open = start_us / latency_us,
		/* the open one, the ones that a link may reach, and one that it begins in */
		.windows = 3 + jitter_us / latency_us,
		.shards = shards,
	};
	in_flight->open_us = in_flight->open * latency_us;
	in_flight->list =
		calloc((size_t)in_flight->windows * shards * shards, sizeof(*in_flight->list));
	in_flight->sorted = calloc((size_t)shards * 2, sizeof(*in_flight->sorted));
	return in_flight->list && in_flight->sorted ? 0 : -ENOMEM;
}

void in_flight_free(struct in_flight *in_flight)
{
	size_t lists = (size_t)in_flight->windows * in_flight->shards * in_flight->shards;

	for (size_t i = 0; in_flight->list && i < lists; i++)
		free(in_flight->list[i].arrival);
	for (unsigned i = 0; in_flight->sorted && i < in_flight->shards * 2; i++)
		free(in_flight->sorted[i].arrival);
	free(in_flight->list);
	free(in_flight->sorted);
	*in_flight = (struct in_flight){0};
}

static struct list *lists_of(const struct in_flight *in_flight, uint64_t window, unsigned to)
{
	return &in_flight->list[(window % in_flight->windows * in_flight->shards + to) *
				in_flight->shards];
}

static int make_room(struct list *list, uint32_t room)
{
	struct arrival *arrival;

	if (list->room >= room)
		return 0;
	if (room < FIRST_ROOM)
		room = FIRST_ROOM;
	if (room < list->room * 2)
		room = list->room * 2;
	arrival = realloc(list->arrival, (size_t)room * sizeof(*arrival));
	if (!arrival)
		return -ENOMEM;
	list->arrival = arrival;
	list->room = room;
	return 0;
}

int in_flight_add(struct in_flight *in_flight, unsigned from, unsigned to, uint64_t at_us,
		  const struct arrival *arrival)
{
	uint64_t offset = at_us - in_flight->open_us, ahead = 1;
	struct list *list;
	int rc = 0;

	LM_ASSERT(at_us >= in_flight->open_us && offset >= in_flight->latency_us);
	offset -= in_flight->latency_us;
	if (offset >= in_flight->latency_us) {
		ahead += offset / in_flight->latency_us;
		offset %= in_flight->latency_us;
	}
	LM_ASSERT(ahead < in_flight->windows);
	list = lists_of(in_flight, in_flight->open + ahead, to) + from;
	if (list->count == list->room)
		rc = make_room(list, list->count + 1);
	if (rc != 0)
		return rc;
	list->arrival[list->count] = *arrival;
	list->arrival[list->count++].at = (uint32_t)offset;
	return 0;
}

static uint64_t count_window(const struct in_flight *in_flight, uint64_t window)
{
	const struct list *list = lists_of(in_flight, window, 0);
	uint64_t count = 0;

	for (unsigned i = 0; i < in_flight->shards * in_flight->shards; i++)
		count += list[i].count;
	return count;
}

uint64_t in_flight_count(const struct in_flight *in_flight)
{
	return count_window(in_flight, in_flight->open);
}

uint64_t in_flight_next_us(const struct in_flight *in_flight)
{
	for (unsigned i = 1; i < in_flight->windows; i++)
		if (count_window(in_flight, in_flight->open + i) > 0)
			return (in_flight->open + i) * in_flight->latency_us;
	return UINT64_MAX;
}

uint64_t in_flight_until_us(const struct in_flight *in_flight)
{
	return in_flight->open_us + in_flight->latency_us;
}

void in_flight_open(struct in_flight *in_flight, uint64_t at_us)
{
	uint64_t number = at_us / in_flight->latency_us;
	struct list *last = lists_of(in_flight, in_flight->open, 0);

	LM_ASSERT(number >= in_flight->open);
	for (unsigned i = 0; i < in_flight->shards * in_flight->shards && number > in_flight->open;
	     i++)
		last[i].count = 0;
	in_flight->open = number;
	in_flight->open_us = number * in_flight->latency_us;
}

/* ---- Sorting ---- */

/* Numbers of arrivals: the node above the time. */
struct digits {
	unsigned time_bits, bits, passes, width;
	uint16_t first_node;
	uint32_t place[PASSES][DIGITS];
};

static uint64_t key_of(const struct digits *digits, const struct arrival *arrival)
{
	return (uint64_t)(arrival->node - digits->first_node) << digits->time_bits | arrival->at;
}

static unsigned bits_of(uint32_t most)
{
	return most > 0 ? 32 - (unsigned)__builtin_clz(most) : 0;
}

static bool is_before(const struct arrival *a, const struct arrival *b)
{
	return a->node != b->node ? a->node < b->node : a->at < b->at;
}

static void insert(struct arrival *arrival, uint32_t count)
{
	for (uint32_t i = 1; i < count; i++) {
		struct arrival moved = arrival[i];
		uint32_t at = i;

		for (; at > 0 && is_before(&moved, &arrival[at - 1]); at--)
			arrival[at] = arrival[at - 1];
		arrival[at] = moved;
	}
}

/* Counts the digits of a list for all passes at once. */
static void count_digits(struct digits *digits, const struct list *list)
{
	uint64_t mask = (1u << digits->width) - 1;

	for (uint32_t i = 0; i < list->count; i++) {
		uint64_t key = key_of(digits, &list->arrival[i]);

		for (unsigned p = 0; p < digits->passes; p++)
			digits->place[p][key >> p * digits->width & mask]++;
	}
}

static void place_digits(struct digits *digits)
{
	for (unsigned p = 0; p < digits->passes; p++) {
		uint32_t next = 0;

		for (unsigned digit = 0; digit < 1u << digits->width; digit++) {
			uint32_t here = digits->place[p][digit];

			digits->place[p][digit] = next;
			next += here;
		}
	}
}

static void deal_out(struct digits *digits, struct arrival *to, const struct list *from,
		     unsigned pass)
{
	uint64_t mask = (1u << digits->width) - 1;

	for (uint32_t i = 0; i < from->count; i++) {
		uint64_t key = key_of(digits, &from->arrival[i]);

		to[digits->place[pass][key >> pass * digits->width & mask]++] = from->arrival[i];
	}
}

/* The lists into sorted[0], with the help of sorted[1]. */
static void sort(const struct in_flight *in_flight, struct list *sorted, const struct list *list,
		 uint16_t first_node)
{
	struct digits digits = {.time_bits = bits_of(in_flight->latency_us - 1),
				.first_node = first_node};
	uint16_t last_node = first_node;

	for (unsigned from = 0; from < in_flight->shards; from++)
		for (uint32_t i = 0; i < list[from].count; i++)
			if (list[from].arrival[i].node > last_node)
				last_node = list[from].arrival[i].node;
	digits.bits = digits.time_bits + bits_of((uint32_t)(last_node - first_node));
	digits.passes = digits.bits > 0 ? (digits.bits + DIGIT_BITS - 1) / DIGIT_BITS : 1;
	digits.width = (digits.bits + digits.passes - 1) / digits.passes;
	for (unsigned from = 0; from < in_flight->shards; from++)
		count_digits(&digits, &list[from]);
	place_digits(&digits);
	for (unsigned from = 0; from < in_flight->shards; from++)
		deal_out(&digits, sorted[0].arrival, &list[from], 0);
	for (unsigned pass = 1; pass < digits.passes; pass++) {
		struct list swapped = sorted[0];

		swapped.count = sorted[0].count;
		deal_out(&digits, sorted[1].arrival, &swapped, pass);
		sorted[0].arrival = sorted[1].arrival;
		sorted[0].room = sorted[1].room;
		sorted[1].arrival = swapped.arrival;
		sorted[1].room = swapped.room;
	}
}

/* Brings those of one microsecond at one node in the order of the links that they come by. */
static void order_ties(struct arrival *arrival, uint32_t count)
{
	for (uint32_t i = 1; i < count; i++) {
		struct arrival moved = arrival[i];
		uint32_t at = i;

		if (arrival[i - 1].at != moved.at) /* nearly always */
			continue;
		for (; at > 0 && arrival[at - 1].at == moved.at &&
		       arrival[at - 1].node == moved.node && arrival[at - 1].from > moved.from;
		     at--)
			arrival[at] = arrival[at - 1];
		arrival[at] = moved;
	}
}

int in_flight_take(struct in_flight *in_flight, unsigned shard, uint16_t first_node,
		   const struct arrival **arrival, uint32_t *count)
{
	const struct list *list = lists_of(in_flight, in_flight->open, shard);
	struct list *sorted = &in_flight->sorted[(size_t)shard * 2];
	uint32_t all = 0;

	for (unsigned from = 0; from < in_flight->shards; from++)
		all += list[from].count;
	if (make_room(&sorted[0], all) != 0 || make_room(&sorted[1], all) != 0)
		return -ENOMEM;
	sorted[0].count = 0;
	if (all > FEW) {
		sorted[0].count = all;
		sort(in_flight, sorted, list, first_node);
	} else {
		for (unsigned from = 0; from < in_flight->shards; from++)
			for (uint32_t i = 0; i < list[from].count; i++)
				sorted[0].arrival[sorted[0].count++] = list[from].arrival[i];
		insert(sorted[0].arrival, all);
	}
	order_ties(sorted[0].arrival, all);
	*arrival = sorted[0].arrival;
	*count = all;
	return 0;
}
