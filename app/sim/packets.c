/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See packets.h. Freed places are used again first, the last one first: it is still in the cache.
 */
#include "packets.h"

#include <sys/mman.h>

#define FIRST_ROOM 4096
#define HUGE_PAGE  (2u << 20)

void packets_init(struct packets *packets, uint32_t most)
{
	LM_ASSERT(most >= 1 && most < UINT32_C(1) << 31);
	*packets = (struct packets){.most = most, .freed = PACKET_NONE};
}

void packets_free(struct packets *packets)
{
	free(packets->packet);
	*packets = (struct packets){.freed = PACKET_NONE};
}

static size_t round_up(size_t n)
{
	return (n + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
}

/* Packets are touched at random: huge pages save half of what that costs. */
static bool grow(struct packets *packets)
{
	uint32_t room = packets->room > 0 ? packets->room * 2 : FIRST_ROOM;
	struct packet *packet;

	if (room > packets->most)
		room = packets->most;
	if (room == packets->room)
		return false;
	packet = aligned_alloc(HUGE_PAGE, round_up((size_t)room * sizeof(*packet)));
	if (!packet)
		return false;
	(void)madvise(packet, round_up((size_t)room * sizeof(*packet)), MADV_HUGEPAGE);
	if (packets->room > 0)
		memcpy(packet, packets->packet, (size_t)packets->room * sizeof(*packet));
	free(packets->packet);
	packets->packet = packet;
	packets->room = room;
	return true;
}

uint32_t packets_add(struct packets *packets, uint64_t made_us)
{
	uint32_t place = packets->freed;

	if (packets->made == UINT32_MAX)
		return PACKET_NONE;
	if (place != PACKET_NONE)
		packets->freed = packets->packet[place].next;
	else if (packets->fresh < packets->room || grow(packets))
		place = packets->fresh++;
	else
		return PACKET_NONE;
	packets->packet[place] =
		(struct packet){.made_us = made_us, .number = packets->made++, .next = PACKET_NONE};
	packets->live++;
	return place;
}

void packets_remove(struct packets *packets, uint32_t place)
{
	packets->packet[place].kind = PACKET_KINDS;
	packets->packet[place].next = packets->freed;
	packets->freed = place;
	packets->live--;
}

uint32_t packets_next(const struct packets *packets, uint32_t place)
{
	for (; place < packets->fresh; place++)
		if (packets->packet[place].kind != PACKET_KINDS)
			return place;
	return PACKET_NONE;
}
