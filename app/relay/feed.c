/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See feed.h. Nothing in a step waits or allocates: buffers come in bulk from the relay's pool, and
 * the snapshots of the books are sums over counters that their lcores publish.
 */
#include "feed.h"

#include <errno.h>
#include <rte_cycles.h>
#include <rte_mbuf.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "feed_frames.h"
#include "timed.h"

#define STEP_FRAMES  (8 * LM_BURST) /* offered in a step at most */
#define STEP_GARBAGE (64 * LM_BURST)
#define SAMPLES_MAX  65536 /* bursts of a worker whose stages are kept */
#define WARM_UP      10    /* the window begins after one part in this of the feeding */

/* The relay at one moment. */
struct snapshot {
	bool taken;
	uint64_t time_us, cpu_us, offered, received, overload, good;
	struct stage_times stages;
};

struct feed {
	struct relay *relay;
	const struct lcore *lcores;
	struct feed_options options;
	struct feed_frames frames;

	uint64_t next; /* frame to offer */
	uint64_t start_us;
	uint64_t missed, missed_buffers; /* of the first `next` frames; buffers: for want of one */
	uint64_t sent;                   /* taken off the port */
	struct rte_mbuf *buffer[LM_BURST];
	unsigned buffers;
	struct snapshot from, to;
	bool done;                                     /* published */
	struct stage_samples *samples[CONFIG_WORKERS]; /* while stages are timed; else NULL */

	struct feed_link *link; /* NULL: links carry bare packets */
	double owed[FEED_GARBAGE];
	struct lm_prng prng;
	uint64_t garbage, garbage_missed;
};

/* ---- Making ---- */

static struct feed *make(struct relay *relay, const struct feed_options *options,
			 struct feed_link *(*make_link)(struct relay *, struct lm_error *),
			 struct lm_error *err)
{
	struct feed *feed = calloc(1, sizeof(*feed));

	if (!feed) {
		(void)lm_error_set(err, ENOMEM, "too little memory");
		return NULL;
	}
	feed->relay = relay;
	feed->options = *options;
	feed->frames.path = options->path;
	if (relay->config->node.link.mode == CONFIG_LINK_NOISE) {
		feed->link = make_link(relay, err);
		if (!feed->link) {
			feed_free(feed);
			return NULL;
		}
	}
	return feed;
}

struct feed *feed_load(struct relay *relay, const struct feed_options *options,
		       struct lm_error *err)
{
	struct feed *feed = make(relay, options, feed_link_make, err);
	unsigned workers = relay->config->node.cpus.workers_count;

	if (feed && feed_frames_read(&feed->frames, workers, err) == 0)
		return feed;
	feed_free(feed);
	return NULL;
}

struct feed *feed_make(struct relay *relay, const struct feed_options *options, size_t room,
		       struct lm_error *err)
{
	struct feed *feed = make(relay, options, feed_link_make_some, err);

	if (feed && feed_frames_reserve(&feed->frames, room, err) == 0)
		return feed;
	feed_free(feed);
	return NULL;
}

int feed_add(struct feed *feed, const uint8_t *frame, size_t len, uint32_t queue,
	     struct lm_error *err)
{
	return feed_frames_add(&feed->frames, frame, len, queue, err);
}

bool feed_has(const struct feed *feed, uint32_t id)
{
	return !feed->link || feed_link_has(feed->link, id);
}

void feed_free(struct feed *feed)
{
	if (!feed)
		return;
	feed_frames_free(&feed->frames);
	feed_link_free(feed->link);
	for (unsigned i = 0; i < CONFIG_WORKERS; i++)
		free(feed->samples[i]);
	free(feed);
}

int feed_connect(struct feed *feed, struct lm_error *err)
{
	uint8_t seed[32];
	int rc;

	if (!feed->link)
		return 0;
	lm_rand(seed, sizeof(seed));
	lm_prng_init(&feed->prng, seed);
	rc = feed_link_connect(feed->link, err);
	return rc == 0 ? feed_frames_seal(&feed->frames, feed->link, feed->relay->node->id,
					  feed->relay->workers, err)
		       : rc;
}

static int prepare_worker(struct feed *feed, struct worker *worker)
{
	uint64_t room = feed->frames.n < SAMPLES_MAX ? feed->frames.n : SAMPLES_MAX;

	if (feed->options.pull) {
		worker->pull = true;
		worker->look = worker->most;
	}
	if (!feed->relay->shared.timed)
		return 0;
	worker->samples = feed->samples[worker->index] = stage_samples_make((unsigned)room);
	return worker->samples ? 0 : -ENOMEM;
}

int feed_watch(struct feed *feed, const struct lcore *lcores, struct lm_error *err)
{
	int rc = 0;

	feed->lcores = lcores;
	for (unsigned i = 0; rc == 0 && i < feed->relay->workers; i++)
		rc = prepare_worker(feed, feed->relay->worker[i]);
	return rc == 0 ? 0 : lm_error_set(err, ENOMEM, "too little memory for samples of stages");
}

bool feed_plain(const struct feed *feed)
{
	return feed->options.plain;
}

unsigned feed_cpu(const struct feed *feed)
{
	return feed->options.cpu >= 0 ? (unsigned)feed->options.cpu
				      : (unsigned)feed->relay->config->node.cpus.mixer;
}

/* ---- Feeding ---- */

/* CPU time of the lcores that have workers. */
static uint64_t cpu_us(const struct feed *feed)
{
	const struct eal_plan *plan = &feed->relay->plan;
	bool counted[EAL_POLLING_MAX] = {false};
	uint64_t sum = 0;

	for (unsigned i = 0; feed->lcores && i < feed->relay->workers; i++) {
		unsigned lcore = plan->worker_lcore[i];
		pthread_t thread = __atomic_load_n(&feed->lcores[lcore].thread, __ATOMIC_ACQUIRE);
		struct timespec time;
		clockid_t clock;

		if (counted[lcore] || thread == 0 || pthread_getcpuclockid(thread, &clock) != 0 ||
		    clock_gettime(clock, &time) != 0)
			continue;
		counted[lcore] = true;
		sum += (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
	}
	return sum;
}

static void take_snapshot(const struct feed *feed, struct snapshot *snapshot, uint64_t now_us)
{
	const struct relay *relay = feed->relay;
	struct counters total;
	uint64_t held;

	relay_books(relay, &total, &held);
	for (unsigned i = 0; i < relay->workers; i++)
		held -= __atomic_load_n(&relay->worker[i]->unpeeled, __ATOMIC_RELAXED);
	*snapshot = (struct snapshot){
		.taken = true,
		.time_us = now_us,
		.cpu_us = cpu_us(feed),
		.offered = feed->next,
		.received = total.received,
		.overload = total.drop[LM_DROP_OVERLOAD],
		.good = total.sent + total.delivered + held - total.cover - total.taken_over,
	};
	timed_all(&snapshot->stages, relay);
}

static unsigned take_sent(struct feed *feed)
{
	struct rte_mbuf *mbuf[LM_BURST];
	unsigned all = 0;

	for (unsigned i = 0; i < feed->relay->workers; i++) {
		unsigned n = rte_ring_sc_dequeue_burst(feed->relay->rings.tx[i], (void **)mbuf,
						       LM_BURST, NULL);

		rte_pktmbuf_free_bulk(mbuf, n);
		all += n;
	}
	feed->sent += all;
	return all;
}

/* Whether the frame is short enough for a buffer; no NIC gives longer ones. */
static bool fits(const struct feed *feed, const struct feed_frame *frame)
{
	return frame->len + RTE_PKTMBUF_HEADROOM <=
	       rte_pktmbuf_data_room_size(feed->relay->port.pool);
}

/* An empty buffer; NULL: the pool is empty. */
static struct rte_mbuf *take_buffer(struct feed *feed)
{
	if (feed->buffers == 0) {
		if (rte_pktmbuf_alloc_bulk(feed->relay->port.pool, feed->buffer, LM_BURST) != 0)
			return NULL;
		feed->buffers = LM_BURST;
	}
	return feed->buffer[--feed->buffers];
}

/* A buffer with a frame that fits; NULL: the pool is empty. */
static struct rte_mbuf *make_buffer(struct feed *feed, const struct feed_frame *frame)
{
	struct rte_mbuf *mbuf = take_buffer(feed);

	if (!mbuf)
		return NULL;
	memcpy(rte_pktmbuf_append(mbuf, (uint16_t)frame->len), feed->frames.bytes + frame->offset,
	       frame->len);
	return mbuf;
}

/* Offers the next frame. False: it must wait, since none that fits may be missed. */
static bool offer_one(struct feed *feed)
{
	const struct feed_frame *frame = &feed->frames.frame[feed->next];
	struct rte_ring *ring = feed->relay->rings.rx[frame->queue];
	struct rte_mbuf *mbuf = NULL;
	bool room = rte_ring_free_count(ring) > 0, good = fits(feed, frame);

	if (room && good)
		mbuf = make_buffer(feed, frame);
	if (!mbuf && good && feed->options.rate_pps == 0)
		return false;
	if (mbuf)
		LM_ASSERT(rte_ring_sp_enqueue(ring, mbuf) == 0); /* nobody else puts in */
	feed->missed += !mbuf;
	feed->missed_buffers += room && good && !mbuf;
	feed->next++;
	return true;
}

/* Garbage that goes with one frame of the capture; what finds no room is missed. */
static void offer_garbage(struct feed *feed)
{
	for (unsigned kind = 0; feed->link && kind < FEED_GARBAGE; kind++) {
		feed->owed[kind] += feed->options.garbage[kind];
		for (; feed->owed[kind] >= 1; feed->owed[kind]--) {
			uint64_t random = (uint64_t)lm_prng_u32(&feed->prng) << 32;
			struct rte_ring *ring;
			struct rte_mbuf *mbuf;

			random |= lm_prng_u32(&feed->prng);
			ring = feed->relay->rings.rx[random % feed->relay->workers];
			mbuf = rte_ring_free_count(ring) > 0 ? take_buffer(feed) : NULL;
			feed->garbage++;
			feed->garbage_missed += !mbuf;
			if (!mbuf)
				continue;
			(void)rte_pktmbuf_append(
				mbuf, (uint16_t)feed_link_garbage(feed->link,
								  rte_pktmbuf_mtod(mbuf, uint8_t *),
								  kind, random));
			if (kind == FEED_THROWN)
				rte_pktmbuf_free(mbuf);
			else
				LM_ASSERT(rte_ring_sp_enqueue(ring, mbuf) == 0);
		}
	}
}

/* Frames to offer by now, of which a step does no more than STEP_FRAMES. */
static uint64_t due(const struct feed *feed, uint64_t now_us)
{
	uint64_t due = feed->frames.n;

	if (feed->options.rate_pps > 0)
		due = (uint64_t)((unsigned __int128)(now_us - feed->start_us) *
				 feed->options.rate_pps / 1000000);
	if (due > feed->frames.n)
		due = feed->frames.n;
	return due < feed->next + STEP_FRAMES ? due : feed->next + STEP_FRAMES;
}

/* Frames in the receive rings. */
static unsigned waiting(const struct feed *feed)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < feed->relay->workers; i++)
		sum += rte_ring_count(feed->relay->rings.rx[i]);
	return sum;
}

/* The part of the feeding that is done, in 0 .. 1; what waits counts as done at the end alone. */
static double progress(const struct feed *feed, uint64_t now_us)
{
	uint64_t left = feed->next < feed->frames.n ? waiting(feed) : 0;
	double frames = ((double)feed->next - (double)left) / (double)feed->frames.n, time = 0;

	if (feed->options.seconds > 0)
		time = (double)(now_us - feed->start_us) / 1e6 / feed->options.seconds;
	return frames > time ? frames : time;
}

unsigned feed_step(void *context, uint64_t now_us)
{
	struct feed *feed = context;
	unsigned moved = take_sent(feed);
	uint64_t before = feed->next;

	if (feed->start_us == 0)
		feed->start_us = now_us;
	if (feed->to.taken) {
		if (waiting(feed) == 0)
			__atomic_store_n(&feed->done, true, __ATOMIC_RELEASE);
		return moved;
	}
	for (uint64_t end = due(feed, now_us), most = feed->garbage + STEP_GARBAGE;
	     feed->next < end && feed->garbage < most;) {
		if (!offer_one(feed))
			break;
		offer_garbage(feed);
	}
	if (!feed->from.taken && progress(feed, now_us) >= 1.0 / WARM_UP)
		take_snapshot(feed, &feed->from, now_us);
	if (progress(feed, now_us) >= 1)
		take_snapshot(feed, &feed->to, now_us);
	return moved + (unsigned)(feed->next - before);
}

unsigned feed_step_timed(void *context, uint64_t now_us)
{
	struct feed *feed = context;
	uint64_t from = rte_rdtsc();
	unsigned moved = feed_step(feed, now_us);

	stage_count(&feed->relay->feed_time, rte_rdtsc() - from, moved);
	return moved;
}

bool feed_done(const struct feed *feed)
{
	return __atomic_load_n(&feed->done, __ATOMIC_ACQUIRE);
}

/* ---- Reporting ---- */

uint64_t feed_missed(const struct feed *feed, uint64_t *buffers)
{
	*buffers = feed->missed_buffers;
	return feed->missed;
}

static double seconds_of(uint64_t from_us, uint64_t to_us)
{
	return (double)(to_us - from_us) / 1e6;
}

static int result_of_stages(struct feed_result *out, const struct feed *feed)
{
	unsigned most = (unsigned)feed->relay->config->burst;
	int rc = 0;

	stage_times_less(&out->window.stages, &feed->from.stages);
	if (!feed->relay->shared.timed)
		return 0;
	for (unsigned i = 0; rc == 0 && i < STAGE_WORKER; i++)
		rc = stage_samples_figure(&out->figure[i], feed->samples, feed->relay->workers, i,
					  most);
	return rc;
}

/* Lcores go on while their counters are summed: a sum can be a few bursts behind an earlier one. */
static uint64_t grown(uint64_t from, uint64_t to)
{
	return to > from ? to - from : 0;
}

int feed_result(struct feed_result *out, const struct feed *feed, struct lm_error *err)
{
	const struct snapshot *a = &feed->from, *b = &feed->to;

	*out = (struct feed_result){
		.pull = feed->options.pull,
		.plain = feed->options.plain,
		.frames = feed->frames.n,
		.offered = feed->next,
		.missed = feed->missed,
		.missed_buffers = feed->missed_buffers,
		.sent = feed->sent,
		.garbage = feed->garbage,
		.garbage_missed = feed->garbage_missed,
		.frame_bytes = feed_frames_mean(&feed->frames),
		.seconds = seconds_of(feed->start_us, b->time_us),
		.window =
			{
				.seconds = seconds_of(a->time_us, b->time_us),
				.cpu_seconds = seconds_of(a->cpu_us, b->cpu_us),
				.offered = b->offered - a->offered,
				.received = b->received - a->received,
				.overload = b->overload - a->overload,
				.good = grown(a->good, b->good),
				.stages = b->stages,
			},
	};
	return result_of_stages(out, feed) == 0 ? 0
						: lm_error_set(err, ENOMEM, "too little memory");
}
