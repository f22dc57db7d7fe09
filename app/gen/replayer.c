/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See replayer.h.
 */
#include "replayer.h"

#include <rte_ethdev.h>
#include <rte_memcpy.h>
#include <time.h>

#include "polling.h"
#include "tsc.h"

#define QUEUE   0
#define RECEIVE 64
#define NS      UINT64_C(1000000000)

/* ---- From the file into buffers ---- */

/* True if the frame can go out as it was. */
static bool whole(struct replayer *replayer, const struct capture_map_frame *frame)
{
	if (frame->len < frame->whole_len || frame->len == 0) {
		replayer->counts.cut++;
		return false;
	}
	if (frame->len > replayer->longest) {
		replayer->counts.too_long++;
		return false;
	}
	return true;
}

/*
 * Copies a frame into the next buffer. Right after its record was looked at, not a burst later: so
 * the file is read in one stream, which the CPU fetches ahead.
 */
static void copy(struct replayer *replayer, const struct capture_map_frame *frame)
{
	struct rte_mbuf *mbuf = replayer->mbuf[replayer->n];

	rte_memcpy(rte_pktmbuf_mtod(mbuf, void *), frame->bytes, frame->len);
	mbuf->data_len = (uint16_t)frame->len;
	mbuf->pkt_len = frame->len;
	replayer->due_ns[replayer->n++] = pace_next_ns(&replayer->pace, frame->at_ns);
}

/* Buffers for a burst: those that the last burst had no frames for are still there. */
static bool take_buffers(struct replayer *replayer)
{
	unsigned used = replayer->n;

	if (used > 0 && rte_pktmbuf_alloc_bulk(replayer->pool, replayer->mbuf, used) != 0)
		return false;
	replayer->n = replayer->next = 0;
	return true;
}

/* Copies the next frames of the file into buffers: a burst, or as many as are there. */
static void prepare(struct replayer *replayer)
{
	enum capture_map_got got = CAPTURE_MAP_FRAME;
	struct capture_map_frame frame;

	if (!take_buffers(replayer))
		return;
	while (replayer->n < REPLAYER_BURST) {
		got = capture_map_next(&frame, replayer->map);
		if (got != CAPTURE_MAP_FRAME)
			break;
		if (whole(replayer, &frame))
			copy(replayer, &frame);
	}
	capture_map_release(replayer->map);
	replayer->broken |= got == CAPTURE_MAP_BROKEN;
	replayer->end = got == CAPTURE_MAP_END || got == CAPTURE_MAP_BROKEN;
	replayer->counts.starved += replayer->n == 0 && !replayer->end && !replayer->starving;
	replayer->starving = replayer->n == 0;
}

/* ---- To the port ---- */

static void note_time(struct replayer_times *times, uint64_t due_ns, uint64_t at_ns, uint32_t len)
{
	if (times->n < times->room)
		times->time[times->n++] = (struct replayer_time){due_ns, at_ns, len};
}

static void note_sent(struct replayer *replayer, unsigned n, uint64_t now_ns, uint64_t bytes)
{
	if (replayer->counts.sent == 0)
		replayer->first_ns = now_ns;
	replayer->last_ns = now_ns;
	replayer->counts.sent += n;
	replayer->counts.sent_bytes += bytes;
}

/* How many of the burst are due by now. */
static unsigned due(const struct replayer *replayer, uint64_t now_ns)
{
	unsigned i = replayer->next;

	if (replayer->pace.kind == PACE_FLOOD)
		return replayer->n - i;
	while (i < replayer->n && replayer->start_ns + replayer->due_ns[i] <= now_ns)
		i++;
	return i - replayer->next;
}

static unsigned send_due(struct replayer *replayer)
{
	uint32_t len[REPLAYER_BURST];
	uint64_t now_ns, bytes = 0;
	unsigned wanted, n;

	if (replayer->next == replayer->n)
		prepare(replayer);
	now_ns = tsc_ns();
	if (replayer->start_ns == 0)
		replayer->start_ns = now_ns;
	wanted = due(replayer, now_ns);
	if (wanted == 0)
		return 0;
	for (unsigned i = 0; i < wanted; i++) /* the port's, once they are sent */
		len[i] = replayer->mbuf[replayer->next + i]->data_len;
	now_ns = tsc_ns(); /* right before they go */
	n = rte_eth_tx_burst(replayer->port, QUEUE, replayer->mbuf + replayer->next,
			     (uint16_t)wanted);
	replayer->counts.port_full += n < wanted && !replayer->blocked;
	replayer->blocked = n < wanted;
	for (unsigned i = 0; i < n; i++) {
		uint64_t due_ns = replayer->start_ns + replayer->due_ns[replayer->next + i];

		bytes += len[i];
		if (replayer->pace.kind != PACE_FLOOD)
			histogram_add(&replayer->late_ns, now_ns - due_ns);
		note_time(&replayer->sent_times, due_ns, now_ns, len[i]);
	}
	if (n > 0)
		note_sent(replayer, n, now_ns, bytes);
	replayer->next += n;
	return n;
}

/* ---- From the port ---- */

static unsigned receive(struct replayer *replayer)
{
	struct rte_mbuf *mbuf[RECEIVE];
	unsigned n = rte_eth_rx_burst(replayer->port, QUEUE, mbuf, RECEIVE);
	uint64_t now_ns = n > 0 ? tsc_ns() : 0;

	for (unsigned i = 0; i < n; i++) {
		replayer->counts.received_bytes += mbuf[i]->pkt_len;
		note_time(&replayer->received_times, 0, now_ns, mbuf[i]->pkt_len);
	}
	replayer->counts.received += n;
	if (n > 0)
		rte_pktmbuf_free_bulk(mbuf, n);
	return n;
}

static uint64_t cpu_ns(void)
{
	struct timespec used;

	LM_ASSERT(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used) == 0);
	return (uint64_t)used.tv_sec * NS + (uint64_t)used.tv_nsec;
}

static void finish(struct replayer *replayer, uint64_t cpu_before_ns)
{
	if (replayer->done)
		return;
	replayer->cpu_ns = cpu_ns() - cpu_before_ns;
	__atomic_store_n(&replayer->done, true, __ATOMIC_RELEASE);
}

int replayer_main(void *argument)
{
	struct replayer *replayer = argument;
	uint64_t cpu_before_ns = cpu_ns();
	unsigned empty_rounds = 0;

	replayer->n = replayer->next = REPLAYER_BURST; /* none has a buffer yet */

	while (!__atomic_load_n(&replayer->stop, __ATOMIC_ACQUIRE)) {
		unsigned moved = receive(replayer);

		if (!(replayer->end && replayer->next == replayer->n))
			moved += send_due(replayer);
		else
			finish(replayer, cpu_before_ns);
		if (moved > 0)
			empty_rounds = 0;
		else
			polling_rest(replayer->spin, empty_rounds++);
	}
	rte_pktmbuf_free_bulk(replayer->mbuf + replayer->next, REPLAYER_BURST - replayer->next);
	polling_return(&replayer->returned);
	return 0;
}
