/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the control thread keeps of a relay on ports, from its start to its stop.
 */
#pragma once

#include "books.h"
#include "lcore.h"
#include "neighbours.h"
#include "notify.h"
#include "padding.h"
#include "relay.h"
#include "rollover.h"

struct run {
	struct relay *relay;
	struct feed *feed; /* NULL: the port is the configured device */
	unsigned feed_lcore;
	struct rte_rcu_qsbr *qsbr;
	struct lcore lcore[EAL_POLLING_MAX];
	struct neighbours neighbours;
	struct frame_self self;
	int signals;
	int signal;          /* a stop that came while other work was done; 0: none */
	bool hang_up;        /* a SIGHUP that did */
	int runtime;         /* the runtime folder; -1: none, and so nothing is handed over */
	uint64_t refresh_us; /* when neighbours are looked at again */
	uint64_t rest_us;    /* but not before this */
	bool heard;          /* they may have changed since */
	uint64_t wait_us;    /* until then what came waits for next hops */
	uint64_t warn_us;    /* when those not ready are named; 0: they have been */
	uint64_t watch_us;   /* when replay sets and padding are looked at again */
	uint64_t refused;    /* packets that full ones have refused */
	bool told_full;
	struct padding_watch padding;
	bool sink_runs;
	struct rollover rollover;
	struct notify notify;
	struct books books;
	unsigned books_looks;
	uint64_t books_us;    /* when they are looked at again */
	uint64_t books_token; /* of the round that the next look waits for */
	uint64_t quiet_token; /* of the round after which ended sessions are erased */
	uint64_t extend_us;   /* while stopping: when the service manager is asked for time again */
};

/*
 * What control does between two naps whatever the relay does: frames for and from the kernel,
 * handshakes, own cover, signs of life, a look at the books. Returns how much it moved.
 */
unsigned run_attend(struct run *run);

/* What was taken over leaves from now on, to next hops that are resolved. */
void run_end_wait(struct run *run);

/*
 * Gives the lcores a new view, which becomes theirs; none reads the old one, or what belongs to it,
 * after this.
 */
void run_swap_view(struct run *run, struct view *view);

/* How next hops are resolved here. */
view_resolve *run_resolver(const struct run *run);

/* Next hops may have changed: they are looked at at once, and those not ready named in a while. */
void run_refresh_soon(struct run *run);

/* Returns when every lcore has begun a new round. */
void run_wait_for_round(const struct run *run);

/* Sets the phase; when it returns, every lcore has begun a new round and so seen it. */
void run_set_phase(struct run *run, enum phase phase);

/*
 * Ends what runs. SIGINT sends what is held, within the longest time that it may stay; SIGTERM
 * hands it to the next start. Sooner or later every lcore and the sink have stopped, and nothing is
 * held that is not handed over.
 */
void run_stop(struct run *run, int signal);
