/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See feed.h. Nothing in a step waits or allocates: buffers come in bulk from the relay's pool, and
 * the snapshots of the books are sums over counters that their lcores publish.
 */
#include "feed.h"

#include <errno.h>
#include <inttypes.h>
#include <pcap/pcap.h>
#include <rte_cycles.h>
#include <rte_mbuf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "timed.h"

#define STEP_FRAMES     (8 * LM_BURST) /* offered in a step at most */
#define STEP_GARBAGE    (64 * LM_BURST)
#define FRAMES_AT_FIRST 65536
#define SAMPLES_MAX     65536 /* bursts of a worker whose stages are kept */
#define WARM_UP         10    /* the window begins after one part in this of the feeding */

struct feed_frame {
	uint64_t offset; /* in bytes[] */
	uint32_t len;
	uint32_t queue;
};

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
	uint8_t *bytes; /* mapped */
	size_t bytes_room, bytes_used;
	struct feed_frame *frame;
	uint64_t frames, frames_room;

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

/* ---- Loading ---- */

int feed_add(struct feed *feed, const uint8_t *frame, size_t len, uint32_t queue,
	     struct lm_error *err)
{
	struct feed_frame *all;

	if (feed->frames == feed->frames_room) {
		feed->frames_room = feed->frames_room ? 2 * feed->frames_room : FRAMES_AT_FIRST;
		all = realloc(feed->frame, feed->frames_room * sizeof(*all));
		if (!all)
			return lm_error_set(err, ENOMEM, "%s: too little memory",
					    feed->options.path);
		feed->frame = all;
	}
	if (len > feed->bytes_room - feed->bytes_used)
		return lm_error_set(err, EIO, "%s: grows while it is read", feed->options.path);
	feed->frame[feed->frames++] = (struct feed_frame){
		.offset = feed->bytes_used,
		.len = (uint32_t)len,
		.queue = queue,
	};
	memcpy(feed->bytes + feed->bytes_used, frame, len);
	feed->bytes_used += len;
	return 0;
}

/* Where receive-side scaling takes the frames of a source. */
static uint32_t queue_of_source(const struct feed *feed, const uint8_t *frame, size_t len)
{
	struct source source = source_read(frame, len);
	uint64_t mixed = (source.address[0] ^ source.address[1]) * 0x9e3779b97f4a7c15u;

	return (uint32_t)((mixed >> 32) * feed->relay->config->node.cpus.workers_count >> 32);
}

static uint8_t *take_memory(size_t n)
{
	void *memory = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	(void)madvise(memory, n, MADV_HUGEPAGE);
	return memory;
}

static int read_all(struct feed *feed, pcap_t *in, struct lm_error *err)
{
	struct pcap_pkthdr *header;
	const u_char *bytes;
	struct stat file;
	int rc = 0, read;

	if (pcap_datalink(in) != DLT_EN10MB)
		return lm_error_set(err, EINVAL, "%s: not a capture of Ethernet frames",
				    feed->options.path);
	if (fstat(fileno(pcap_file(in)), &file) != 0 || !S_ISREG(file.st_mode))
		return lm_error_set(err, EINVAL,
				    "%s: --feed wants a file, so that its size says "
				    "what memory to take",
				    feed->options.path);
	feed->bytes_room = (size_t)file.st_size;
	feed->bytes = take_memory(feed->bytes_room);
	if (!feed->bytes)
		return lm_error_set(err, ENOMEM, "%s: too little memory", feed->options.path);
	while (rc == 0 && (read = pcap_next_ex(in, &header, &bytes)) == 1)
		rc = feed_add(feed, bytes, header->caplen,
			      queue_of_source(feed, bytes, header->caplen), err);
	if (rc == 0 && read != PCAP_ERROR_BREAK)
		rc = lm_error_set(err, EIO, "%s: breaks off after %" PRIu64 " frames: %s",
				  feed->options.path, feed->frames, pcap_geterr(in));
	if (rc == 0 && feed->frames == 0)
		rc = lm_error_set(err, EINVAL, "%s: holds no frames", feed->options.path);
	return rc;
}

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
	char text[PCAP_ERRBUF_SIZE];
	pcap_t *in;
	int rc;

	if (!feed)
		return NULL;
	in = pcap_open_offline(options->path, text);
	rc = in ? read_all(feed, in, err)
		: lm_error_set(err, EINVAL, "%s: not a readable capture: %s", options->path, text);
	if (in)
		pcap_close(in);
	if (rc == 0)
		return feed;
	feed_free(feed);
	return NULL;
}

struct feed *feed_make(struct relay *relay, const struct feed_options *options, size_t room,
		       struct lm_error *err)
{
	struct feed *feed = make(relay, options, feed_link_make_some, err);

	if (!feed)
		return NULL;
	feed->bytes_room = room;
	feed->bytes = take_memory(room);
	if (feed->bytes)
		return feed;
	(void)lm_error_set(err, ENOMEM, "%s: too little memory", options->path);
	feed_free(feed);
	return NULL;
}

bool feed_has(const struct feed *feed, uint32_t id)
{
	return !feed->link || feed_link_has(feed->link, id);
}

void feed_free(struct feed *feed)
{
	if (!feed)
		return;
	if (feed->bytes)
		munmap(feed->bytes, feed->bytes_room);
	feed_link_free(feed->link);
	for (unsigned i = 0; i < CONFIG_WORKERS; i++)
		free(feed->samples[i]);
	free(feed->frame);
	free(feed);
}

/* Where receive-side scaling takes the frames of a lane, which have a port of their own. */
static uint32_t queue_of_lane(const struct feed *feed, unsigned lane)
{
	return ((lane * 0x9e3779b1u) >> 16) % feed->relay->workers;
}

int feed_connect(struct feed *feed, struct lm_error *err)
{
	size_t room, used = 0;
	uint8_t seed[32];
	uint8_t *sealed;
	int rc;

	if (!feed->link)
		return 0;
	lm_rand(seed, sizeof(seed));
	lm_prng_init(&feed->prng, seed);
	rc = feed_link_connect(feed->link, err);
	if (rc != 0)
		return rc;
	room = feed->bytes_used + feed->frames * feed_link_room(feed->link);
	sealed = take_memory(room);
	if (!sealed)
		return lm_error_set(err, ENOMEM, "%s: too little memory to seal it",
				    feed->options.path);
	for (uint64_t i = 0; i < feed->frames; i++) {
		struct feed_frame *frame = &feed->frame[i];
		const uint8_t *bytes = feed->bytes + frame->offset;
		unsigned lane;
		size_t len = feed_link_seal(feed->link, sealed + used, &lane, bytes, frame->len,
					    feed->relay->node->id);

		if (len > 0) {
			frame->queue = queue_of_lane(feed, lane);
			frame->len = (uint32_t)len;
		} else { /* no packet of a neighbour's: as it is */
			memcpy(sealed + used, bytes, frame->len);
		}
		frame->offset = used;
		used += frame->len;
	}
	munmap(feed->bytes, feed->bytes_room);
	feed->bytes = sealed;
	feed->bytes_room = room;
	return 0;
}

static int prepare_worker(struct feed *feed, struct worker *worker)
{
	uint64_t room = feed->frames < SAMPLES_MAX ? feed->frames : SAMPLES_MAX;

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
	memcpy(rte_pktmbuf_append(mbuf, (uint16_t)frame->len), feed->bytes + frame->offset,
	       frame->len);
	return mbuf;
}

/* Offers the next frame. False: it must wait, since none that fits may be missed. */
static bool offer_one(struct feed *feed)
{
	const struct feed_frame *frame = &feed->frame[feed->next];
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
	uint64_t due = feed->frames;

	if (feed->options.rate_pps > 0)
		due = (uint64_t)((unsigned __int128)(now_us - feed->start_us) *
				 feed->options.rate_pps / 1000000);
	if (due > feed->frames)
		due = feed->frames;
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
	uint64_t left = feed->next < feed->frames ? waiting(feed) : 0;
	double frames = ((double)feed->next - (double)left) / (double)feed->frames, time = 0;

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

static double mean_frame(const struct feed *feed)
{
	double bytes = 0;

	for (uint64_t i = 0; i < feed->frames; i++)
		bytes += feed->frame[i].len;
	return bytes / (double)feed->frames;
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

int feed_result(struct feed_result *out, const struct feed *feed, struct lm_error *err)
{
	const struct snapshot *a = &feed->from, *b = &feed->to;

	*out = (struct feed_result){
		.pull = feed->options.pull,
		.plain = feed->options.plain,
		.frames = feed->frames,
		.offered = feed->next,
		.missed = feed->missed,
		.missed_buffers = feed->missed_buffers,
		.sent = feed->sent,
		.garbage = feed->garbage,
		.garbage_missed = feed->garbage_missed,
		.frame_bytes = mean_frame(feed),
		.seconds = seconds_of(feed->start_us, b->time_us),
		.window =
			{
				.seconds = seconds_of(a->time_us, b->time_us),
				.cpu_seconds = seconds_of(a->cpu_us, b->cpu_us),
				.offered = b->offered - a->offered,
				.received = b->received - a->received,
				.overload = b->overload - a->overload,
				.good = b->good - a->good,
				.stages = b->stages,
			},
	};
	return result_of_stages(out, feed) == 0 ? 0
						: lm_error_set(err, ENOMEM, "too little memory");
}
