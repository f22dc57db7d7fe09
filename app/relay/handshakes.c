/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See handshakes.h.
 */
#include "handshakes.h"

#include <errno.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <string.h>

#include "capacity.h"
#include "counters.h"

#define SECOND_US 1000000

_Static_assert(2 * HANDSHAKES_RING == CAPACITY_HANDSHAKES, "buffers for both rings");

/* ---- From workers ---- */

bool handshakes_offer(struct rte_ring *in, struct rte_mbuf *mbuf, bool known)
{
	if (!known && rte_ring_count(in) >= HANDSHAKES_RING / 2)
		return false;
	return rte_ring_mp_enqueue(in, mbuf) == 0;
}

/* ---- Control ---- */

int handshakes_open(struct handshakes *handshakes, int socket, struct lm_error *err)
{
	handshakes->in = rte_ring_create("handshakes-in", HANDSHAKES_RING, socket, RING_F_SC_DEQ);
	handshakes->out = rte_ring_create("handshakes-out", HANDSHAKES_RING, socket,
					  RING_F_SP_ENQ | RING_F_SC_DEQ);
	handshakes->budget =
		(struct ration){.per_second = HANDSHAKES_PER_SECOND, .most = HANDSHAKES_RING};
	handshakes->free =
		(struct ration){.per_second = HANDSHAKES_FREE_PER_SECOND, .most = HANDSHAKES_FREE};
	if (handshakes->in && handshakes->out)
		return 0;
	return lm_error_set(err, ENOMEM,
			    "too little memory for the rings of handshakes (%s): raise "
			    "memory.megabytes or reserve more huge pages",
			    rte_strerror(rte_errno));
}

/* Fills a bucket of time; an hour's absence is no more than a full one. */
static uint64_t left_us(const struct ration *ration, uint64_t now_us)
{
	uint64_t full_us = ration->most * SECOND_US / ration->per_second;
	uint64_t left =
		ration->then_us == 0 ? full_us : ration->left_us + (now_us - ration->then_us);

	return left < full_us ? left : full_us;
}

static bool ration_has_one(const struct ration *ration, uint64_t now_us)
{
	return left_us(ration, now_us) >= SECOND_US / ration->per_second;
}

bool ration_take(struct ration *ration, unsigned n, uint64_t now_us)
{
	uint64_t left = left_us(ration, now_us), each_us = SECOND_US / ration->per_second;

	ration->then_us = now_us;
	ration->left_us = left >= n * each_us ? left - n * each_us : 0;
	return left >= n * each_us;
}

/* Sends a message as a frame with this header. */
static void send(struct handshakes *handshakes, const struct frame_header *header,
		 const uint8_t *message, size_t len)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(handshakes->port->pool);

	if (mbuf) {
		memcpy(rte_pktmbuf_append(mbuf, (uint16_t)len), message, len);
		port_write_header(handshakes->port, mbuf, header);
	}
	if (mbuf && rte_ring_sp_enqueue(handshakes->out, mbuf) == 0) {
		count_add(&handshakes->out_count, 1);
		return;
	}
	rte_pktmbuf_free(mbuf);
	count_add(&handshakes->out_lost, 1);
}

/* Initiations and responses begin public-key work: they alone bring load. */
static bool begins_work(const uint8_t *message)
{
	return message[0] == 1 || message[0] == 2;
}

static void take(struct handshakes *handshakes, struct rte_mbuf *mbuf, uint64_t now_us)
{
	const uint8_t *frame = rte_pktmbuf_mtod(mbuf, const uint8_t *);
	struct frame_parsed parsed =
		frame_parse(handshakes->self, frame, rte_pktmbuf_data_len(mbuf),
			    (struct frame_checked){.ip = true, .udp = true});
	struct lm_link_received received;
	struct lm_link_source source;
	struct frame_header header;
	bool under_load;

	if (parsed.class != FRAME_PACKET || parsed.len == 0)
		return;
	frame_source(source.address, &source.port, frame);
	under_load =
		begins_work(frame + parsed.offset) && !ration_take(&handshakes->free, 1, now_us);
	count_add(&handshakes->under_load, under_load);
	sessions_receive(handshakes->sessions, &received, frame + parsed.offset, parsed.len,
			 &source, under_load, now_us);
	count_add(&handshakes->result[received.result], 1);
	if (sessions_costly(received.result))
		(void)ration_take(&handshakes->budget, HANDSHAKES_COSTLY - 1, now_us);
	if (received.reply_len == 0)
		return;
	frame_answer_init(&header, handshakes->self, frame);
	send(handshakes, &header, received.reply, received.reply_len);
}

static bool reachable(void *context, uint16_t link)
{
	const struct view_peer *peer = view_neighbour(context, link);

	return peer && peer->resolved;
}

static unsigned make(struct handshakes *handshakes, const struct view *view, uint64_t now_us,
		     uint64_t wall_us)
{
	struct sessions_message message;
	unsigned n = 0;

	while (n < HANDSHAKES_TURN && sessions_next(handshakes->sessions, &message, reachable,
						    (void *)(uintptr_t)view, now_us, wall_us)) {
		const struct view_peer *peer = view_neighbour(view, message.link);

		if (peer && peer->resolved)
			send(handshakes, &peer->header, message.bytes, message.len);
		else
			count_add(&handshakes->out_lost, 1);
		n++;
	}
	return n;
}

/* Erases what has ended, as soon as no worker can look at it. */
static void reclaim(struct handshakes *handshakes)
{
	const struct handshakes_quiet *quiet = &handshakes->quiet;

	if (handshakes->reclaiming) {
		if (!quiet->passed(quiet->context))
			return;
		(void)sessions_reclaim(handshakes->sessions, handshakes->mark);
	}
	handshakes->reclaiming = sessions_mark(handshakes->sessions) > handshakes->mark;
	handshakes->mark = sessions_mark(handshakes->sessions);
	if (handshakes->reclaiming)
		quiet->begin(quiet->context);
}

static void count_links(struct handshakes *handshakes, uint64_t now_us)
{
	uint32_t links, up;

	handshakes->count_us = now_us + SECOND_US;
	sessions_count(handshakes->sessions, &links, &up);
	__atomic_store_n(&handshakes->links, links, __ATOMIC_RELAXED);
	__atomic_store_n(&handshakes->links_up, up, __ATOMIC_RELAXED);
}

unsigned handshakes_turn(struct handshakes *handshakes, const struct view *view, uint64_t now_us,
			 uint64_t wall_us)
{
	struct rte_mbuf *mbuf;
	unsigned n = 0;

	while (n < HANDSHAKES_TURN && ration_has_one(&handshakes->budget, now_us) &&
	       rte_ring_sc_dequeue(handshakes->in, (void **)&mbuf) == 0) {
		(void)ration_take(&handshakes->budget, 1, now_us);
		take(handshakes, mbuf, now_us);
		rte_pktmbuf_free(mbuf);
		n++;
	}
	n += make(handshakes, view, now_us, wall_us);
	reclaim(handshakes);
	if (n > 0 || now_us >= handshakes->count_us)
		count_links(handshakes, now_us);
	return n;
}
