/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fair shares of a worker's peeling when more comes than it can peel.
 *
 * What was received and not yet peeled waits in a bounded backlog, in queues: one for each link,
 * and one for each of a number of buckets into which other sources fall by a secret hash (McKenney,
 * "Stochastic fairness queueing", 1990). Packets are equally long and cost the same, so taking them
 * in turn, one a queue, gives max-min fair shares: whoever sends less than its share loses nothing,
 * and the others get the same each. All clients (sources that are no neighbours) together have the
 * weight that share_weigh gives them, frames that are no UDP that of one link, so that neither
 * made-up sources nor noise weigh more by their number.
 *
 * The room in the backlog is shared by the same rule: when it runs short, the longest queues lose
 * what is above the level at which all fit and one more queue of that length would (the dynamic
 * threshold of Choudhury & Hahne, 1998): so who begins to send finds room. What waits already is
 * never thrown away, only packets of the burst that is added: which of a queue's is drawn at
 * random.
 *
 * Bounds: SHARE_BACKLOG packets wait; SHARE_LOOK are added at a time. Buckets change with their
 * secret after SHARE_REKEY packets, so that no two sources share one for long.
 *
 * Opaque pointers, no DPDK, nothing allocated. One thread uses a share. Packet path.
 */
#pragma once

#include "links.h"
#include "source.h"

#define SHARE_BACKLOG 2048
#define SHARE_LOOK    (11 * LM_BURST)
#define SHARE_CLIENTS 256 /* buckets of UDP from sources that are no neighbours */
#define SHARE_OTHERS  64  /* buckets of what is no UDP: frames for the kernel, and noise */
#define SHARE_REKEY   (UINT64_C(1) << 22)

/* Queues: a link's number; clients from SHARE_QUEUE_CLIENTS, others from SHARE_QUEUE_OTHERS on. */
#define SHARE_QUEUE_CLIENTS (UINT32_C(1) << 16)
#define SHARE_QUEUE_OTHERS  (SHARE_QUEUE_CLIENTS + SHARE_CLIENTS)
#define SHARE_QUEUES        (SHARE_QUEUE_OTHERS + SHARE_OTHERS)

struct share_entry {
	void *packet;
	uint32_t queue;
};

struct share;

size_t share_size(void);

/* Makes an empty one in memory of that size, aligned to a cache line; the seed is for its draws. */
struct share *share_init(void *memory, const uint8_t seed[32]);

/* Clients together weigh as much as `clients` links; >= 1. */
void share_weigh(struct share *share, unsigned clients);

/* The queue of a source: of its link if it has one (link > 0) and sends UDP, else of a bucket. */
uint32_t share_queue(const struct share *share, const struct source *source, uint16_t link);

/*
 * Before packets are added: claims room for one in a queue, as long as the queue and its claims
 * have no more than one queue alone can have, half of the backlog. What costs work before it can be
 * added, and may be found to be nothing, is not begun in vain so. share_claims_end forgets them;
 * no more than SHARE_LOOK before that.
 */
LM_MUST_CHECK bool share_claim(struct share *share, uint32_t queue);
void share_claims_end(struct share *share);

/*
 * Adds n entries, n <= SHARE_LOOK; their queues come from share_queue. Packets that find no room go
 * to `thrown`; returns how many, and in *others how many of them stood in queues of others.
 */
LM_MUST_CHECK unsigned share_add(struct share *share, const struct share_entry *entry, unsigned n,
				 void **thrown, unsigned *others);

/* Takes up to max entries, in turn. */
LM_MUST_CHECK unsigned share_take(struct share *share, struct share_entry *entry, unsigned max);

/* What waits: all of it, and what of it is UDP. */
unsigned share_waiting(const struct share *share);
unsigned share_waiting_udp(const struct share *share);
