/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See in_flight.h. A window is sorted when it is opened: few arrivals by insertion, many by their
 * digits, the least first. Both keep the order of equal ones.
 */
#include "in_flight.h"

#include <errno.h>

#define FEW        40
#define DIGIT_BITS 11
#define DIGITS     (1u << DIGIT_BITS)
#define FIRST_ROOM 64

int in_flight_init(struct in_flight *in_flight, uint32_t latency_us, uint32_t jitter_us,
		   uint64_t start_us)
{
	LM_ASSERT(latency_us >= 1 && jitter_us / 1000 <= latency_us);
	*in_flight = (struct in_flight){
		.latency_us = latency_us,
		.open = start_us / latency_us,
		/* the open one, the ones that a link may reach, and one that it begins in */
		.windows = 3 + jitter_us / latency_us,
	};
	in_flight->window = calloc(in_flight->windows, sizeof(*in_flight->window));
	return in_flight->window ? 0 : -ENOMEM;
}

void in_flight_free(struct in_flight *in_flight)
{
	for (unsigned i = 0; in_flight->window && i < in_flight->windows; i++)
		free(in_flight->window[i].arrival);
	free(in_flight->window);
	free(in_flight->scratch.arrival);
	*in_flight = (struct in_flight){0};
}

static struct window *window_of(const struct in_flight *in_flight, uint64_t number)
{
	return &in_flight->window[number % in_flight->windows];
}

static int make_room(struct window *window, uint32_t room)
{
	struct arrival *arrival;

	if (window->room >= room)
		return 0;
	if (room < FIRST_ROOM)
		room = FIRST_ROOM;
	if (room < window->room * 2)
		room = window->room * 2;
	arrival = realloc(window->arrival, (size_t)room * sizeof(*arrival));
	if (!arrival)
		return -ENOMEM;
	window->arrival = arrival;
	window->room = room;
	return 0;
}

int in_flight_add(struct in_flight *in_flight, const struct arrival *arrival)
{
	uint64_t number = arrival->at_us / in_flight->latency_us;
	struct window *window = window_of(in_flight, number);
	int rc = 0;

	LM_ASSERT(number > in_flight->open && number - in_flight->open < in_flight->windows);
	if (window->count == window->room)
		rc = make_room(window, window->count + 1);
	if (rc != 0)
		return rc;
	window->arrival[window->count++] = *arrival;
	in_flight->count++;
	return 0;
}

uint64_t in_flight_next_us(const struct in_flight *in_flight)
{
	if (in_flight->count == 0)
		return UINT64_MAX;
	for (unsigned i = 1; i < in_flight->windows; i++)
		if (window_of(in_flight, in_flight->open + i)->count > 0)
			return (in_flight->open + i) * in_flight->latency_us;
	return UINT64_MAX;
}

/* ---- Sorting ---- */

static bool is_before(const struct arrival *a, const struct arrival *b)
{
	return a->node != b->node ? a->node < b->node : a->at_us < b->at_us;
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

static uint64_t key_of(const struct arrival *arrival, bool by_node, uint64_t base_us)
{
	return by_node ? arrival->node : arrival->at_us - base_us;
}

/* One digit; afterwards the arrivals stand in the scratch, which changes places with the window. */
static void pass(struct window *window, struct window *scratch, bool by_node, uint64_t base_us,
		 unsigned shift)
{
	uint32_t place[DIGITS] = {0}, next = 0;
	struct window swapped = *window;

	for (uint32_t i = 0; i < window->count; i++)
		place[key_of(&window->arrival[i], by_node, base_us) >> shift & (DIGITS - 1)]++;
	for (unsigned digit = 0; digit < DIGITS; digit++) {
		uint32_t here = place[digit];

		place[digit] = next;
		next += here;
	}
	for (uint32_t i = 0; i < window->count; i++) {
		const struct arrival *arrival = &window->arrival[i];
		uint64_t digit = key_of(arrival, by_node, base_us) >> shift & (DIGITS - 1);

		scratch->arrival[place[digit]++] = *arrival;
	}
	scratch->count = window->count;
	*window = *scratch;
	*scratch = swapped;
}

static int sort(struct in_flight *in_flight, struct window *window, uint64_t base_us)
{
	uint64_t last = in_flight->latency_us - 1;
	uint16_t last_node = 0;

	if (window->count <= FEW) {
		insert(window->arrival, window->count);
		return 0;
	}
	if (make_room(&in_flight->scratch, window->count) != 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < window->count; i++)
		last_node =
			window->arrival[i].node > last_node ? window->arrival[i].node : last_node;
	for (unsigned shift = 0; shift < 32 && last >> shift > 0; shift += DIGIT_BITS)
		pass(window, &in_flight->scratch, false, base_us, shift);
	for (unsigned shift = 0; shift < 16 && last_node >> shift > 0; shift += DIGIT_BITS)
		pass(window, &in_flight->scratch, true, base_us, shift);
	return 0;
}

int in_flight_open(struct in_flight *in_flight, const struct arrival **arrival, uint32_t *count,
		   uint64_t at_us)
{
	struct window *window = window_of(in_flight, in_flight->open);
	uint64_t number = at_us / in_flight->latency_us;

	LM_ASSERT(number >= in_flight->open);
	if (number > in_flight->open) { /* the last one has been handled */
		in_flight->count -= window->count;
		window->count = 0;
	}
	in_flight->open = number;
	window = window_of(in_flight, number);
	if (sort(in_flight, window, number * in_flight->latency_us) != 0)
		return -ENOMEM;
	*arrival = window->arrival;
	*count = window->count;
	return 0;
}

uint64_t in_flight_until_us(const struct in_flight *in_flight)
{
	return (in_flight->open + 1) * in_flight->latency_us;
}
