/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A stock of own cover: a bounded ring of built packets from the control thread to the mixer. The
 * packets are in no balance before the mixer takes them.
 */
#pragma once

#include <rte_mbuf.h>
#include <rte_ring.h>

#include "lm_cover.h"

/* A packet with all that the mixer needs to send it. */
struct cover_item {
	struct rte_mbuf *mbuf;
	uint32_t delay_us; /* for the own mix */
	uint32_t loop;     /* its place in the table of loops; COVER_NO_LOOP: a drop packet */
	uint32_t to;       /* link */
	uint32_t unused;   /* so that the size is a multiple of 8 */
};

#define COVER_NO_LOOP UINT32_MAX

struct cover_stock {
	struct rte_ring *ring;
	unsigned capacity;
	uint64_t put;   /* control: items put in so far */
	uint64_t stale; /* control writes: that many of them are out of date */
	/* the mixer writes: items taken out so far; control counts by it, not by the ring */
	uint64_t taken LM_CACHE_ALIGNED;
};

/* Places for `capacity` items on the NUMA node; false if memory is short. */
LM_MUST_CHECK bool cover_stock_make(struct cover_stock *stock, const char *name, unsigned capacity,
				    int socket);

/* control: how many can be put in now, and putting in no more than these. */
unsigned cover_stock_room(const struct cover_stock *stock);
void cover_stock_put(struct cover_stock *stock, const struct cover_item *item, unsigned n);

/* control: what is in the stock now is not to be sent any more. */
void cover_stock_expire(struct cover_stock *stock);

/*
 * mixer, in every step: frees what is out of date, at most a burst, and gives its loops' places
 * back. Returns how many items it freed.
 */
unsigned cover_stock_clear(struct cover_stock *stock, struct lm_cover_table *loops);

/* mixer: takes up to max items, none of them out of date; fewer if there are no more. */
LM_MUST_CHECK unsigned cover_stock_take(struct cover_stock *stock, struct cover_item *item,
					unsigned max);
