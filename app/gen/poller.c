/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See poller.h.
 */
#include "poller.h"

#include <rte_ethdev.h>
#include <rte_memcpy.h>
#include <string.h>

#include "polling.h"
#include "tsc.h"

#define NS           1000000000u
#define QUEUE        0
#define SEND_BURST   32 /* so that receiving never waits long for sending */
#define KERNEL_BURST 8

/* Where the next n packets go, each by the document that it was built for. */
static void find_peers(const struct view_peer *peer[SEND_BURST], const struct poller *poller,
		       const uint32_t *first_id, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct calendar_span *span =
			calendar_find(poller->receiver->setup->calendar, poller->sent + i);

		peer[i] = view_find(span->document->view, first_id[i]);
	}
}

/* When packet seq is due; the next one of the capture is number poller->sent. */
static uint64_t due_of(const struct poller *poller, uint32_t seq)
{
	const struct prepared *prepared = poller->prepared;

	if (poller->own_times)
		return poller->start_ns + prepared->own_ns[prepared->next + seq - poller->sent];
	return poller->start_ns + schedule_due_ns(&poller->schedule, seq);
}

static void note_sent(struct poller *poller, uint32_t n, uint64_t now_ns)
{
	for (uint32_t seq = poller->sent; seq < poller->sent + n; seq++) {
		uint64_t due_ns = due_of(poller, seq);

		histogram_add(&poller->sending.late_ns, now_ns > due_ns ? now_ns - due_ns : 0);
		poller->sent_ns[seq] = now_ns;
	}
	__atomic_store_n(&poller->sending.behind_us, poller->sending.late_ns.max / 1000,
			 __ATOMIC_RELAXED);
	__atomic_store_n(&poller->sent, poller->sent + n, __ATOMIC_RELEASE);
	poller->sending.seconds = (double)(now_ns - poller->start_ns) / NS;
}

/* Packets for neighbours that have no session count as sent, and are lost. */
static void lose(struct poller *poller, uint32_t n)
{
	stock_release(&poller->stock, n);
	note_sent(poller, n, tsc_ns());
	poller->sending.without_session += n;
}

/* Puts up to n packets of the stock into mbufs, with their outer headers. */
static void prepare(struct poller *poller, uint32_t n)
{
	struct lm_link_session *session[SEND_BURST];
	const struct view_peer *peer[SEND_BURST];
	size_t len = poller->stock.packet_len;
	const uint32_t *first_id;
	const uint8_t *packet;
	uint32_t lost;

	n = stock_peek(&poller->stock, &packet, &first_id, n < SEND_BURST ? n : SEND_BURST);
	poller->sending.starved += n == 0 && !poller->starving;
	poller->starving = n == 0;
	find_peers(peer, poller, first_id, n);
	lost = poller->framing->table && poller->without_dead ? framing_lost(peer, n) : 0;
	if (lost > 0) {
		lose(poller, lost);
		return;
	}
	/* what has no session to go by waits, and so does all behind it */
	if (poller->framing->table)
		n = framing_ready(session, peer, n);
	if (n == 0 || rte_pktmbuf_alloc_bulk(poller->port->pool, poller->unsent, n) != 0)
		return;
	for (uint32_t i = 0; i < n; i++) {
		char *data = rte_pktmbuf_append(poller->unsent[i], (uint16_t)len);

		LM_ASSERT(data != NULL); /* buffers are large enough for a packet */
		rte_memcpy(data, packet + i * len, len);
		if (!poller->framing->table)
			port_write_header(poller->port, poller->unsent[i], &peer[i]->header);
	}
	if (poller->framing->table)
		framing_seal(poller->framing, poller->port, poller->unsent, session, peer, n);
	poller->unsent_n = n;
	stock_release(&poller->stock, n);
}

static unsigned send_due(struct poller *poller)
{
	uint64_t now_ns = tsc_ns();
	uint32_t wanted;
	unsigned n;

	if (now_ns < poller->start_ns)
		return 0;
	wanted = schedule_due(&poller->schedule, now_ns - poller->start_ns, poller->sent,
			      SEND_BURST) -
		 poller->sent;
	if (wanted > 0 && poller->unsent_n == 0)
		prepare(poller, wanted);
	if (poller->unsent_n == 0)
		return 0;
	now_ns = tsc_ns(); /* building the frames took a while */
	n = rte_eth_tx_burst(poller->port->id, QUEUE, poller->unsent, (uint16_t)poller->unsent_n);
	poller->sending.port_full += n < poller->unsent_n && !poller->blocked;
	poller->blocked = n < poller->unsent_n;
	poller->unsent_n -= n;
	memmove(poller->unsent, poller->unsent + n, poller->unsent_n * sizeof(poller->unsent[0]));
	if (n > 0)
		note_sent(poller, n, now_ns);
	return n;
}

/* The same from a capture of prepared packets. */
static unsigned send_prepared(struct poller *poller)
{
	struct prepared *prepared = poller->prepared;
	const struct view *view = poller->receiver->setup->calendar->document[0].view;
	uint64_t now_ns;
	unsigned due = 0, left, n;

	if (!prepared_fill(prepared, poller->port, poller->framing, view)) {
		poller->err = prepared->err;
		__atomic_store_n(&poller->failed, true, __ATOMIC_RELEASE);
	}
	left = prepared->sealed ? prepared->n - prepared->next : 0;
	poller->sending.starved += left == 0 && !prepared->end && !poller->starving;
	poller->starving = left == 0;
	now_ns = tsc_ns();
	while (due < left && due_of(poller, poller->sent + due) <= now_ns)
		due++;
	if (due == 0)
		return 0;
	now_ns = tsc_ns(); /* right before they go */
	n = rte_eth_tx_burst(poller->port->id, QUEUE, prepared->mbuf + prepared->next,
			     (uint16_t)due);
	poller->sending.port_full += n < due && !poller->blocked;
	poller->blocked = n < due;
	if (n > 0)
		note_sent(poller, n, now_ns);
	prepared->next += n;
	return n;
}

static void give_to_kernel(struct poller *poller, struct rte_mbuf *mbuf)
{
	if (!poller->to_kernel || rte_ring_enqueue(poller->to_kernel, mbuf) != 0)
		rte_pktmbuf_free(mbuf);
}

/* The packet of a frame becomes an arrival; false if it is none, and the mbuf is gone. */
static bool admit(struct poller *poller, struct gen_arrival *arrival, struct rte_mbuf *mbuf,
		  uint64_t when_ns)
{
	uint8_t *frame = rte_pktmbuf_mtod(mbuf, uint8_t *);
	struct frame_parsed parsed = {.class = FRAME_DROP, .drop = LM_DROP_FRAME};

	if (mbuf->nb_segs == 1)
		parsed = frame_parse(poller->self, frame, rte_pktmbuf_data_len(mbuf),
				     port_checked(mbuf));
	if (parsed.class == FRAME_KERNEL) {
		give_to_kernel(poller, mbuf);
		return false;
	}
	if (poller->framing->table && parsed.class == FRAME_PACKET) {
		if (framing_handshake(poller->framing, mbuf, parsed))
			return false;
	} else if (!gen_receive_admit(poller->receiver, parsed)) {
		rte_pktmbuf_free(mbuf);
		return false;
	}
	*arrival = (struct gen_arrival){.packet = frame + parsed.offset,
					.len = parsed.len,
					.when_ns = when_ns};
	return true;
}

static unsigned receive(struct poller *poller)
{
	struct gen_arrival arrival[LM_BURST];
	struct rte_mbuf *mbuf[LM_BURST];
	unsigned kept = 0;
	unsigned n = rte_eth_rx_burst(poller->port->id, QUEUE, mbuf, LM_BURST);
	uint64_t when_ns = n ? tsc_ns() : 0;

	for (unsigned i = 0; i < n; i++) {
		if (admit(poller, &arrival[kept], mbuf[i], when_ns))
			mbuf[kept++] = mbuf[i];
	}
	if (kept > 0 && poller->framing->table)
		kept = framing_open(poller->framing, poller->receiver, arrival, mbuf, kept);
	if (kept > 0 && gen_receive_burst(poller->receiver, arrival, kept, &poller->err) != 0)
		__atomic_store_n(&poller->failed, true, __ATOMIC_RELEASE);
	rte_pktmbuf_free_bulk(mbuf, kept);
	__atomic_store_n(&poller->received, poller->receiver->tally->arrivals, __ATOMIC_RELAXED);
	return n;
}

/* From a ring of control's, which may be missing, to the port. */
static unsigned pass(struct poller *poller, struct rte_ring *ring)
{
	struct rte_mbuf *mbuf[KERNEL_BURST];
	unsigned n, sent;

	if (!ring)
		return 0;
	n = rte_ring_sc_dequeue_burst(ring, (void **)mbuf, KERNEL_BURST, NULL);
	if (n == 0)
		return 0;
	sent = rte_eth_tx_burst(poller->port->id, QUEUE, mbuf, (uint16_t)n);
	rte_pktmbuf_free_bulk(mbuf + sent, n - sent);
	return n;
}

int poller_main(void *argument)
{
	struct poller *poller = argument;
	enum poller_phase phase;
	unsigned empty_rounds = 0;

	while ((phase = __atomic_load_n(&poller->phase, __ATOMIC_ACQUIRE)) != POLLER_STOP) {
		__atomic_store_n(&poller->rounds, poller->rounds + 1, __ATOMIC_RELEASE);
		/* what is read from here on is not older than who sees the old number */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);

		unsigned moved = receive(poller) + pass(poller, poller->from_kernel) +
				 pass(poller, poller->framing->out);

		if (phase == POLLER_SEND)
			moved += poller->prepared ? send_prepared(poller) : send_due(poller);
		if (moved > 0)
			empty_rounds = 0;
		else
			polling_rest(poller->spin && phase != POLLER_WAIT, empty_rounds++);
	}
	rte_pktmbuf_free_bulk(poller->unsent, poller->unsent_n);
	polling_return(&poller->returned);
	return 0;
}
