/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A worker: from its receive queue to the mixer's ring, and from its ring to its transmit queue.
 *
 * One step runs each stage once. A stage is one function over a burst and owns one file; it hands
 * its packets to the next stage or drops them with stage_drop, so a packet has one owner at any
 * time. A worker's memory is its own; it meets others only at rings, replay sets and the view.
 */
#pragma once

#include <rte_mbuf.h>
#include <rte_ring.h>

#include "counters.h"
#include "lm_cover.h"
#include "lm_link.h"
#include "lm_mix.h"
#include "lm_packet.h"
#include "port.h"
#include "services.h"
#include "sessions.h"
#include "share.h"
#include "stage_samples.h"
#include "stages.h"
#include "view.h"

#define WORKER_BURSTS                                                               \
	2 /* one being peeled while another is filled, when a backend answers later \
	   */

#define WORKER_SIZES 7 /* of bursts: up to 1, 2, 4, .. LM_BURST packets */

/* Packets that travel together through the stages of one worker. */
struct burst {
	bool in_use;
	unsigned n; /* packets to peel: mbuf[i] belongs to item[i] */
	struct rte_mbuf *mbuf[LM_BURST];
	struct lm_packet_peel item[LM_BURST];
	uint16_t from[LM_BURST]; /* the link that each came by; 0: no neighbour's */
	uint64_t received;       /* frames that are in the books already */
	uint64_t authentic;      /* items whose header tag was right */
	unsigned handed;         /* packets that clients hand to this gateway: not peeled here */
	struct rte_mbuf *handed_mbuf[LM_BURST];
	uint16_t handed_from[LM_BURST];
};

/* How far the relay is in its life; written by control. */
enum phase {
	PHASE_RUN,
	PHASE_CLOSED,  /* nothing is received any more */
	PHASE_DRAIN,   /* and what is held leaves at once */
	PHASE_KEEP,    /* or stays where it is */
	PHASE_STOPPED, /* lcores return */
};

/* What all lcores of a relay share. */
struct shared {
	const struct view *view;         /* read and swapped with atomic operations */
	enum phase phase;                /* the same */
	bool paused;                     /* own loops do not come back; the same, set by control */
	bool waits;                      /* at the start, for next hops to be ready; the same */
	bool timed;                      /* stages are timed; the same */
	const struct services *services; /* the same */
	struct lm_cover_table *loops;    /* own ones on their way */
};

/* What a worker has of links with sessions. */
struct worker_link {
	struct lm_link_table *table;    /* NULL: links carry bare packets */
	struct lm_link_worker *context; /* of this worker */
	struct worker *const *workers;  /* worker i owns the lanes that are i modulo n */
	unsigned n;
	unsigned turn;                   /* of its lanes, which take turns in sending */
	struct rte_ring *from_others;    /* mbufs: frames of its lanes that arrived elsewhere */
	struct rte_ring *handshakes_in;  /* mbufs; every worker puts in */
	struct rte_ring *handshakes_out; /* mbufs; worker 0 takes out, NULL for the others */
};

struct worker {
	unsigned index;
	const struct shared *shared;
	const struct port *port;
	struct rte_ring *to_mixer;    /* of struct lm_mix_item */
	struct rte_ring *from_mixer;  /* of struct lm_mix_item */
	struct rte_ring *to_kernel;   /* of mbufs; every worker puts in */
	struct rte_ring *from_kernel; /* of mbufs; worker 0 takes out, NULL for the others */
	struct lm_packet_peeler *peeler;
	struct worker_link link;
	struct share *share; /* what waits for its turn to be peeled */
	struct lm_prng prng;
	unsigned look; /* frames that a step takes from the NIC: at most SHARE_LOOK; with LM_BURST
			  nothing ever waits or is thrown away, and the NIC's queue does both */
	unsigned most; /* packets that are peeled together: 1 .. LM_BURST */
	bool pull;     /* nothing is taken from the NIC while anything waits: for measuring alone */

	uint64_t now_us;         /* of this step */
	const struct view *view; /* of this step */
	unsigned arrived;        /* in this step */
	struct rte_mbuf *arrived_mbuf[SHARE_LOOK];
	uint32_t arrived_queue[SHARE_LOOK]; /* only where links have sessions, as all below */
	unsigned opened_n;
	struct share_entry opened[SHARE_LOOK];
	struct burst burst[WORKER_BURSTS];
	struct burst *filling; /* of this step, between rx and peel; NULL: nothing came */
	struct burst *peeled;  /* of this step, between peel and route; NULL: nothing is ready */
	struct rte_mbuf *unsent[LM_BURST]; /* with their outer headers */
	uint16_t unsent_to[LM_BURST];      /* link of each */
	unsigned unsent_n;
	uint64_t unsent_dummies; /* a bit for each that is no packet */
	uint64_t dummies_put;   /* no packets in from_mixer: so many the mixer has put in; atomic */
	uint64_t dummies_taken; /* and so many were taken out */

	/* published for readers: packets that the worker itself owns between two steps, and those
	 * of them that are not peeled */
	unsigned held, unpeeled;
	uint64_t bursts[WORKER_SIZES]; /* that were peeled, by size: [i] of 2^i packets at most */
	uint64_t burst_packets;        /* in all of them */
	struct counters count;
	struct stage_time time[STAGE_WORKER];
	struct stage_samples *samples; /* of a feed that is timed; else NULL */
};

/* One step at time now_us. Returns how much it moved: 0 means idle. */
unsigned worker_step(void *worker, uint64_t now_us);

/* The same, and counts the cycles that each stage takes. */
unsigned worker_step_timed(void *worker, uint64_t now_us);

/* Publishes what the worker owns; every step ends with it. */
void worker_publish(struct worker *worker);

/* Packets in the worker and in its rings; exact when nothing moves. */
unsigned worker_held(const struct worker *worker);

/* Those of them that are on their way to the mixer. */
unsigned worker_inbound(const struct worker *worker);

/* The stages, in the order of a packet's way. Each returns how many packets it moved. */
unsigned stage_rx(struct worker *worker);
unsigned stage_open(struct worker *worker);
unsigned stage_share(struct worker *worker);
unsigned stage_admit(struct worker *worker);
unsigned stage_peel(struct worker *worker);
unsigned stage_replay(struct worker *worker);
unsigned stage_route(struct worker *worker);
unsigned stage_seal(struct worker *worker);
unsigned stage_tx(struct worker *worker);
unsigned stage_kernel(struct worker *worker);

/* The queue, of share.h, of an authenticated peer's number. */
uint32_t worker_queue(const struct worker *worker, uint32_t peer);

/* Moves the mbuf's data to the UDP payload. */
void worker_cut(struct rte_mbuf *mbuf, struct frame_parsed parsed);

/* Frees n buffers, those of the port's pool together. */
void worker_free(const struct worker *worker, void **mbuf, unsigned n);

/* Ends a packet for a reason: freed and counted, and nothing else happens. */
void stage_drop(struct worker *worker, struct rte_mbuf *mbuf, enum lm_drop reason);
