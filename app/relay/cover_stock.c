/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See cover_stock.h. The ring keeps order, so what is out of date is known by its number alone: the
 * first `stale` items that were ever put in.
 */
#include "cover_stock.h"

bool cover_stock_make(struct cover_stock *stock, const char *name, unsigned capacity, int socket)
{
	stock->ring = rte_ring_create_elem(name, sizeof(struct cover_item), capacity, socket,
					   RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ);
	stock->capacity = capacity;
	return stock->ring != NULL;
}

unsigned cover_stock_room(const struct cover_stock *stock)
{
	return stock->capacity -
	       (unsigned)(stock->put - __atomic_load_n(&stock->taken, __ATOMIC_ACQUIRE));
}

void cover_stock_put(struct cover_stock *stock, const struct cover_item *item, unsigned n)
{
	/* control alone puts in, so the room can only have grown */
	LM_ASSERT(rte_ring_sp_enqueue_bulk_elem(stock->ring, item, sizeof(*item), n, NULL) == n);
	stock->put += n;
}

void cover_stock_expire(struct cover_stock *stock)
{
	__atomic_store_n(&stock->stale, stock->put, __ATOMIC_RELEASE);
}

static unsigned dequeue(struct cover_stock *stock, struct cover_item *item, unsigned max)
{
	unsigned n = rte_ring_sc_dequeue_burst_elem(stock->ring, item, sizeof(*item), max, NULL);

	__atomic_store_n(&stock->taken, stock->taken + n, __ATOMIC_RELEASE);
	return n;
}

/* How many of the items in the ring are out of date. They stand first. */
static uint64_t expired(const struct cover_stock *stock)
{
	uint64_t stale = __atomic_load_n(&stock->stale, __ATOMIC_ACQUIRE);

	return stale > stock->taken ? stale - stock->taken : 0;
}

unsigned cover_stock_clear(struct cover_stock *stock, struct lm_cover_table *loops)
{
	uint64_t old = expired(stock);
	struct cover_item item[LM_BURST];
	unsigned n;

	if (old == 0)
		return 0;
	n = dequeue(stock, item, old < LM_BURST ? (unsigned)old : LM_BURST);
	for (unsigned i = 0; i < n; i++) {
		if (item[i].loop != COVER_NO_LOOP)
			lm_cover_table_discard(loops, item[i].loop);
		rte_pktmbuf_free(item[i].mbuf);
	}
	return n;
}

unsigned cover_stock_take(struct cover_stock *stock, struct cover_item *item, unsigned max)
{
	return expired(stock) > 0 ? 0 : dequeue(stock, item, max);
}
