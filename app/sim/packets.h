/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The packets that are on their way: one cache line each, named by their place in a table. Nothing
 * of a packet exists but its way, its delays and what it is.
 *
 * Several threads make and remove packets at once, each with a stock of free places of its own. So
 * which place a packet gets is left to chance, and nothing that a run tells may depend on it.
 */
#pragma once

#include <pthread.h>

#include "lm_topology.h"
#include "records.h"

#define PACKET_HOPS (LM_TOPOLOGY_LAYERS + 1)

struct packet {
	uint64_t made_us;
	uint32_t sender, recipient; /* nodes and clients, numbered as in recorder.h */
	uint32_t number;            /* of all packets that were ever made; see stock_add */
	uint32_t next;              /* in a list of a client's messages */
	uint32_t delay_us[PACKET_HOPS];
	uint16_t path[PACKET_HOPS]; /* nodes */
	uint8_t hops, at;           /* path[at] is where it goes next; hops: it is at the last */
	uint8_t kind;
	bool exits;   /* the last hop holds it and gives it to the recipient; else it ends there */
	uint8_t seen; /* links that it has crossed */
	bool lives;   /* false: nobody has the place */
	uint32_t closed; /* see struct leaver; of the mix that it left last */
};

_Static_assert(sizeof(struct packet) == 64, "one cache line");

#define STOCK_BLOCK 2048 /* places that change hands at once */

struct packets {
	struct packet *packet;
	uint32_t room;
	uint32_t fresh;  /* places from here on have never been used */
	uint32_t *spare; /* free places that no stock has */
	uint32_t spares, spares_room;
	pthread_mutex_t lock; /* of the three above */
};

/* One thread's free places. */
struct stock {
	struct packets *packets;
	uint32_t *place;
	uint32_t places, room;
	uint32_t made;      /* since stock_number */
	uint32_t *newcomer; /* places of those, by number; NULL: nobody asks for numbers */
	uint32_t newcomers_room;
	int64_t live; /* made and not removed; one that others made counts down */
};

/* A table for `most` packets at a time and `stocks` stocks; 1 <= most <= 2^30. Memory is taken when
 * a place is used first. -ENOMEM. */
LM_MUST_CHECK int packets_init(struct packets *packets, uint32_t most, unsigned stocks);
void packets_free(struct packets *packets);

/* numbers: whether packets' numbers matter, which stock_number gives. */
LM_MUST_CHECK int stock_init(struct stock *stock, struct packets *packets, bool numbers);
void stock_free(struct stock *stock);

#define PACKET_NEW 0x80000000u /* in a number: of this stock's, and of this window */

/*
 * A place for a new packet, zeroed but for its time and its number, which is PACKET_NEW + i for the
 * i-th that the stock has made since stock_number. PACKET_NONE: there is no memory.
 */
LM_MUST_CHECK uint32_t stock_add(struct stock *stock, uint64_t made_us);
void stock_remove(struct stock *stock, uint32_t place);

/*
 * While no other thread is at work: packets made since the last call get the numbers from `first`
 * on, and free places beyond what the stock may need go back to the table. Returns how many packets
 * those were.
 */
uint32_t stock_number(struct stock *stock, uint32_t first);

/* The first place from this one on that has a packet; PACKET_NONE: there is none. */
uint32_t packets_next(const struct packets *packets, uint32_t place);
