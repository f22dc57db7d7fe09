/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packet replay: a capture goes through the real stages in a fixed order, on one lcore, on a
 * virtual clock that follows the capture's times. State is throwaway, sockets and interfaces are
 * not touched, and what would have left the port, or gone to a service, is written to another
 * capture.
 *
 * With made-up links the capture's packets are sealed by the other ends of feed_link.h before they
 * come, and frames that are no packet of a neighbour's come as they are; what leaves is link
 * frames.
 */
#include <errno.h>
#include <pcap/pcap.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "feed_link.h"
#include "relay.h"
#include "signals.h"

#define PROGRESS_US  500000
#define SIGNAL_EVERY 1024                   /* frames, between two looks for a signal */
#define TIME_MAX_S   UINT64_C(100000000000) /* the year 5138 */

struct replay {
	struct relay *relay;
	struct frame_self self;
	int signals;
	pcap_t *in;
	struct pcap_pkthdr *header; /* of the frame that was read last */
	const u_char *bytes;
	int read; /* what pcap_next_ex said: 1, there is one */
	pcap_t *out_type;
	pcap_dumper_t *out;
	uint64_t now_us; /* the virtual clock */
	uint64_t frames; /* read so far */
	uint64_t next_progress_us;
	struct feed_link *link; /* NULL: links carry bare packets */
	uint8_t *sealed;        /* a frame of one */
};

static void read_frame(struct replay *replay)
{
	replay->read = pcap_next_ex(replay->in, &replay->header, &replay->bytes);
}

/*
 * The time of the frame that was read last. One before 1970 or after the year 5000 becomes 0, at
 * which the clock stands still: nothing on it comes near the end of 64 bits.
 */
static uint64_t frame_us(const struct replay *replay)
{
	const struct timeval *time = &replay->header->ts;

	if (time->tv_sec < 0 || (uint64_t)time->tv_sec > TIME_MAX_S || time->tv_usec < 0)
		return 0;
	return (uint64_t)time->tv_sec * 1000000 + (uint64_t)time->tv_usec;
}

/* Opens what is to be read; its first frame says where the virtual clock starts. */
static int open_in(struct replay *replay, const char *path, struct lm_error *err)
{
	char text[PCAP_ERRBUF_SIZE];

	replay->in = pcap_open_offline(path, text);
	if (!replay->in)
		return lm_error_set(err, EINVAL, "%s: not a readable capture: %s", path, text);
	if (pcap_datalink(replay->in) != DLT_EN10MB)
		return lm_error_set(err, EINVAL, "%s: not a capture of Ethernet frames", path);
	read_frame(replay);
	if (replay->read == 1)
		replay->now_us = frame_us(replay);
	return 0;
}

/* Whether a path leads to the file that is being read; writing would empty it. */
static bool is_open(pcap_t *in, const char *path)
{
	struct stat one, other;

	return fstat(fileno(pcap_file(in)), &one) == 0 && stat(path, &other) == 0 &&
	       S_ISREG(one.st_mode) && one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

static int open_out(struct replay *replay, const char *out_path, struct lm_error *err)
{
	if (is_open(replay->in, out_path))
		return lm_error_set(err, EINVAL,
				    "%s: --replay reads this very file; let --out name another",
				    out_path);
	replay->out_type = pcap_open_dead(DLT_EN10MB, 65535);
	if (replay->out_type)
		replay->out = pcap_dump_open(replay->out_type, out_path);
	if (!replay->out)
		return lm_error_set(err, EIO, "%s: cannot be written: %s", out_path,
				    replay->out_type ? pcap_geterr(replay->out_type)
						     : "too little memory");
	return 0;
}

static int set_view(struct replay *replay, struct lm_error *err)
{
	struct relay *relay = replay->relay;

	view_self_init(&replay->self, relay->node, relay->port.mac,
		       (uint16_t)relay->config->node.port.vlan);
	relay->shared.view = view_make(relay->topology, relay->node, &replay->self,
				       &relay->keys.ring, &relay->links, view_resolve_static, NULL);
	relay->ready = relay->shared.view != NULL;
	return relay->ready ? 0 : lm_error_set(err, ENOMEM, "too little memory");
}

static void write_frame(struct replay *replay, struct rte_mbuf *mbuf)
{
	struct pcap_pkthdr header = {
		.ts = {.tv_sec = (time_t)(replay->now_us / 1000000),
		       .tv_usec = (suseconds_t)(replay->now_us % 1000000)},
		.caplen = rte_pktmbuf_data_len(mbuf),
		.len = rte_pktmbuf_data_len(mbuf),
	};

	pcap_dump((u_char *)replay->out, &header, rte_pktmbuf_mtod(mbuf, const u_char *));
	rte_pktmbuf_free(mbuf);
}

/* A delivery becomes a UDP datagram to the service, from this node's address. */
static void write_delivery(struct replay *replay, struct rte_mbuf *mbuf)
{
	struct sink *sink = &replay->relay->sink;
	const struct endpoint *endpoint =
		services_find_header(&sink->services, rte_pktmbuf_mtod(mbuf, const uint8_t *));
	struct lm_topology_node service = {.addresses = 1,
					   .address = {{.ipv6 = endpoint->ipv6,
							.port = endpoint->port}}};
	struct frame_header header;
	struct frame_way way; /* to nobody's link-layer address */

	memcpy(service.address[0].ip, endpoint->address, sizeof(endpoint->address));
	if (!frame_way_first(&way, &replay->self, &service)) {
		count_add(&sink->count.drop[LM_DROP_SINK_ERROR], 1);
		rte_pktmbuf_free(mbuf);
		return;
	}
	frame_header_init(&header, &replay->self, &service, &way);
	port_write_header(&replay->relay->port, mbuf, &header);
	count_add(&sink->count.delivered, 1);
	write_frame(replay, mbuf);
}

/* Runs all steps in a fixed order until nothing moves at this time. */
static void settle(struct replay *replay)
{
	struct relay *relay = replay->relay;
	bool timed = relay->shared.timed;
	struct rte_mbuf *mbuf;
	unsigned moved;

	do {
		moved = cover_step(relay, replay->now_us, relay_quiet_us(relay));
		moved += (timed ? mixer_step_timed : mixer_step)(&relay->mixer, replay->now_us);
		for (unsigned i = 0; i < relay->workers; i++) {
			moved += (timed ? worker_step_timed : worker_step)(relay->worker[i],
									   replay->now_us);
			while (rte_ring_dequeue(relay->rings.tx[i], (void **)&mbuf) == 0)
				write_frame(replay, mbuf);
		}
		while (rte_ring_dequeue(relay->sink.ring, (void **)&mbuf) == 0)
			write_delivery(replay, mbuf);
		while (rte_ring_dequeue(relay->tap.to_kernel, (void **)&mbuf) == 0)
			rte_pktmbuf_free(mbuf);
		/* nobody answers a handshake: all links have sessions */
		while (replay->link && rte_ring_dequeue(relay->handshakes.in, (void **)&mbuf) == 0)
			rte_pktmbuf_free(mbuf);
	} while (moved > 0);
}

/* Lets the virtual clock run to `until_us`, stopping wherever the mixer has something to do. */
static void advance(struct replay *replay, uint64_t until_us)
{
	uint64_t next_us;

	while ((next_us = mixer_next_us(&replay->relay->mixer)) <= until_us) {
		if (next_us > replay->now_us)
			replay->now_us = next_us;
		settle(replay);
	}
	if (until_us > replay->now_us)
		replay->now_us = until_us;
}

/* Lets it run until nothing is held. Links that pad send for ever: once nothing waits, they end. */
static void run_out(struct replay *replay)
{
	const struct mixer *mixer = &replay->relay->mixer;
	uint64_t next_us;

	while ((next_us = mixer_next_us(mixer)) < UINT64_MAX &&
	       (!mixer->pacer || mixer->held > 0)) {
		if (next_us > replay->now_us)
			replay->now_us = next_us;
		settle(replay);
	}
}

/* The frame that was read last, or the link frame that carries its packet; returns its length. */
static size_t frame_that_comes(struct replay *replay, const uint8_t **bytes)
{
	unsigned lane;
	size_t len = replay->link
			     ? feed_link_seal(replay->link, replay->sealed, &lane, replay->bytes,
					      replay->header->caplen, replay->relay->node->id)
			     : 0;

	*bytes = len > 0 ? replay->sealed : replay->bytes;
	return len > 0 ? len : replay->header->caplen;
}

/* Puts the frame that was read last on the receive ring of the next worker in turn. */
static void receive(struct replay *replay)
{
	struct relay *relay = replay->relay;
	unsigned queue = (unsigned)(replay->frames++ % relay->workers);
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(relay->port.pool);
	struct worker *worker = relay->worker[queue];
	const uint8_t *bytes;
	size_t len = frame_that_comes(replay, &bytes);

	if (!mbuf || len > rte_pktmbuf_tailroom(mbuf)) {
		/* larger than any frame that a NIC would take at this MTU */
		rte_pktmbuf_free(mbuf);
		count_add(&worker->count.received, 1);
		count_add(&worker->count.drop[LM_DROP_FRAME], 1);
		return;
	}
	memcpy(rte_pktmbuf_append(mbuf, (uint16_t)len), bytes, len);
	if (rte_ring_enqueue(relay->rings.rx[queue], mbuf) == 0)
		return;
	settle(replay);
	LM_ASSERT(rte_ring_enqueue(relay->rings.rx[queue], mbuf) == 0);
}

static void show_progress(struct replay *replay)
{
	uint64_t now_us = lm_clock_us();

	if (replay->next_progress_us == 0)
		replay->next_progress_us = now_us + 2 * PROGRESS_US;
	if (now_us < replay->next_progress_us || !isatty(STDERR_FILENO))
		return;
	replay->next_progress_us = now_us + PROGRESS_US;
	fprintf(stderr, "\rreplayed %llu frames ", (unsigned long long)replay->frames);
}

static bool stopped(const struct replay *replay)
{
	return replay->frames % SIGNAL_EVERY == 0 && signals_take(replay->signals) != 0;
}

static int run_capture(struct replay *replay, struct lm_error *err)
{
	for (; replay->read == 1; read_frame(replay)) {
		uint64_t time_us = frame_us(replay);

		/* frames of one microsecond are one burst; a clock that runs back stands still */
		if (time_us > replay->now_us) {
			settle(replay);
			advance(replay, time_us);
		}
		if (stopped(replay))
			return lm_error_set(err, EINTR, "interrupted after %llu frames",
					    (unsigned long long)replay->frames);
		receive(replay);
		show_progress(replay);
	}
	settle(replay);
	cover_end(&replay->relay->cover);
	settle(replay);
	run_out(replay);
	if (replay->read == PCAP_ERROR_BREAK)
		return 0;
	return lm_error_set(err, EIO, "the capture breaks off after %llu frames: %s",
			    (unsigned long long)replay->frames, pcap_geterr(replay->in));
}

/* The other ends of the links; before relay_build. */
static int make_links(struct replay *replay, struct lm_error *err)
{
	replay->link = feed_link_make(replay->relay, err);
	if (!replay->link)
		return -EINVAL;
	replay->sealed = malloc(feed_link_room(replay->link));
	return replay->sealed ? 0 : lm_error_set(err, ENOMEM, "too little memory");
}

static int start(struct replay *replay, const char *in_path, const char *out_path,
		 struct lm_error *err)
{
	struct relay *relay = replay->relay;
	struct node_config config = relay->config->node;
	int rc;

	/* a file prefix of its own: a relay may run, and other replays */
	snprintf(config.file_prefix, sizeof(config.file_prefix), "linemix-replay-%d", getpid());
	config.memory.huge_pages = false;
	rc = open_in(replay, in_path, err);
	if (rc == 0)
		rc = open_out(replay, out_path, err);
	if (rc == 0)
		rc = signals_open(&replay->signals, err);
	if (rc == 0)
		rc = eal_start(&config, &relay->plan, "linemix-relay", false, err);
	if (rc == 0)
		rc = port_make_pool(&relay->port, &config, relay->held + relay->paced,
				    lm_packet_len(relay->topology->profile), SOCKET_ID_ANY, err);
	if (rc == 0)
		rc = ring_port_open(&relay->rings, &relay->port, &config, relay->node, err);
	if (rc == 0 && config.link.mode != CONFIG_LINK_NONE)
		rc = make_links(replay, err);
	if (rc == 0)
		rc = relay_build(relay, SOCKET_ID_ANY, replay->now_us, err);
	if (rc == 0)
		rc = set_view(replay, err);
	if (rc == 0 && replay->link)
		rc = feed_link_connect(replay->link, err);
	/* time stands still while a burst is peeled: there is no overload */
	for (unsigned i = 0; rc == 0 && i < relay->workers; i++)
		relay->worker[i]->look = LM_BURST;
	return rc;
}

int relay_replay(struct relay *relay, const char *in_path, const char *out_path, bool made_up_links,
		 struct lm_error *err)
{
	struct replay replay = {.relay = relay};
	int rc;

	if (!made_up_links && relay->config->node.link.mode != CONFIG_LINK_NONE)
		return lm_error_set(
			err, EINVAL,
			"--replay: a capture holds bare packets, and the sessions of links "
			"live in no capture; set link.mode to none");
	rc = start(&replay, in_path, out_path, err);

	if (rc == 0)
		rc = run_capture(&replay, err);
	if (replay.out &&
	    (pcap_dump_flush(replay.out) != 0 || ferror(pcap_dump_file(replay.out))) && rc == 0)
		rc = lm_error_set(err, EIO, "%s: not written to its end; is the disk full?",
				  out_path);
	if (replay.out)
		pcap_dump_close(replay.out);
	if (replay.out_type)
		pcap_close(replay.out_type);
	if (replay.in)
		pcap_close(replay.in);
	feed_link_free(replay.link);
	free(replay.sealed);
	return rc;
}
