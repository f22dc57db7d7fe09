/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See packets.h. The table is address space, of which the kernel gives what is touched; freed
 * places are used again first, the last one first: it is still in the cache.
 */
#include "packets.h"

#include <errno.h>
#include <sys/mman.h>

#define HUGE_PAGE (2u << 20)

static size_t table_size(const struct packets *packets)
{
	return ((size_t)packets->room * sizeof(struct packet) + HUGE_PAGE - 1) / HUGE_PAGE *
	       HUGE_PAGE;
}

int packets_init(struct packets *packets, uint32_t most, unsigned stocks)
{
	LM_ASSERT(most >= 1 && most <= UINT32_C(1) << 30);
	/* a stock keeps three blocks at most, and one is on its way */
	*packets = (struct packets){.room = most + 4 * STOCK_BLOCK * stocks};
	pthread_mutex_init(&packets->lock, NULL);
	packets->packet = mmap(NULL, table_size(packets), PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (packets->packet == MAP_FAILED) {
		packets->packet = NULL;
		return -ENOMEM;
	}
	/* packets are touched at random: huge pages save half of what that costs */
	(void)madvise(packets->packet, table_size(packets), MADV_HUGEPAGE);
	return 0;
}

void packets_free(struct packets *packets)
{
	if (packets->packet)
		munmap(packets->packet, table_size(packets));
	free(packets->spare);
	if (packets->room > 0)
		pthread_mutex_destroy(&packets->lock);
	*packets = (struct packets){0};
}

uint32_t packets_next(const struct packets *packets, uint32_t place)
{
	for (; place < packets->fresh; place++)
		if (packets->packet[place].lives)
			return place;
	return PACKET_NONE;
}

/* ---- Stocks ---- */

int stock_init(struct stock *stock, struct packets *packets, bool numbers)
{
	*stock = (struct stock){.packets = packets, .room = 4 * STOCK_BLOCK};
	stock->place = malloc(stock->room * sizeof(*stock->place));
	if (numbers) {
		stock->newcomers_room = STOCK_BLOCK;
		stock->newcomer = malloc(STOCK_BLOCK * sizeof(*stock->newcomer));
	}
	return stock->place && (!numbers || stock->newcomer) ? 0 : -ENOMEM;
}

void stock_free(struct stock *stock)
{
	free(stock->place);
	free(stock->newcomer);
	*stock = (struct stock){0};
}

/* A block of places that others have freed, or of new ones. */
static bool fetch(struct stock *stock)
{
	struct packets *packets = stock->packets;
	uint32_t n = STOCK_BLOCK;

	pthread_mutex_lock(&packets->lock);
	if (packets->spares > 0) {
		n = packets->spares < n ? packets->spares : n;
		packets->spares -= n;
		memcpy(stock->place, packets->spare + packets->spares, n * sizeof(*stock->place));
	} else {
		n = packets->room - packets->fresh < n ? packets->room - packets->fresh : n;
		for (uint32_t i = 0; i < n; i++)
			stock->place[i] = packets->fresh + n - 1 - i;
		packets->fresh += n;
	}
	pthread_mutex_unlock(&packets->lock);
	stock->places = n;
	return n > 0;
}

/* Room for twice as many; false: there is no memory. */
static bool grow(uint32_t **list, uint32_t *room)
{
	uint32_t more = *room > 0 ? *room * 2 : STOCK_BLOCK;
	uint32_t *grown = realloc(*list, more * sizeof(*grown));

	if (!grown)
		return false;
	*list = grown;
	*room = more;
	return true;
}

uint32_t stock_add(struct stock *stock, uint64_t made_us)
{
	uint32_t place;

	if (stock->newcomer && stock->made == stock->newcomers_room &&
	    !grow(&stock->newcomer, &stock->newcomers_room))
		return PACKET_NONE;
	if (stock->places == 0 && !fetch(stock))
		return PACKET_NONE;
	place = stock->place[--stock->places];
	if (stock->newcomer)
		stock->newcomer[stock->made] = place;
	stock->packets->packet[place] = (struct packet){.made_us = made_us,
							.number = PACKET_NEW | stock->made++,
							.lives = true};
	stock->live++;
	return place;
}

void stock_remove(struct stock *stock, uint32_t place)
{
	stock->packets->packet[place].lives = false;
	stock->live--;
	/* a place that cannot be kept is not used again: the books close all the same */
	if (stock->places == stock->room && !grow(&stock->place, &stock->room))
		return;
	stock->place[stock->places++] = place;
}

/* All but two blocks. */
static void give_back(struct stock *stock)
{
	struct packets *packets = stock->packets;
	uint32_t n = stock->places - 2 * STOCK_BLOCK;

	while (packets->spares_room - packets->spares < n)
		if (!grow(&packets->spare, &packets->spares_room))
			return;
	memcpy(packets->spare + packets->spares, stock->place, n * sizeof(*stock->place));
	packets->spares += n;
	stock->places -= n;
	memmove(stock->place, stock->place + n, stock->places * sizeof(*stock->place));
}

uint32_t stock_number(struct stock *stock, uint32_t first)
{
	uint32_t made = stock->made;

	/* a place that was used twice is the later packet's */
	for (uint32_t i = 0; stock->newcomer && i < made; i++)
		stock->packets->packet[stock->newcomer[i]].number = first + i;
	stock->made = 0;
	if (stock->places > 3 * STOCK_BLOCK)
		give_back(stock);
	return made;
}
