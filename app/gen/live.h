/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The generator on its port, for the commands that send: opened once, it carries out one run after
 * the other, each from building packets ahead to the last that comes back.
 *
 * One thread, the control thread, calls all of these. Secret: as struct gen_setup.
 */
#pragma once

#include "certain.h"
#include "eal.h"
#include "follow.h"
#include "lead.h"
#include "linking.h"
#include "neighbours.h"
#include "poller.h"
#include "tap.h"

#define LIVE_STOCK                                                                    \
	65536 /* packets built ahead, unless a command has reasons for another number \
	       */

struct live_options {
	uint32_t stock; /* packets built ahead; 1 at least */
	bool has_wait;  /* else as long as mixing may take, and on while packets come */
	uint32_t wait_ms;
	bool times; /* of each packet, in the tally */
	bool quiet; /* no line a second on stderr */
	/*
	 * Nothing more is sent when the run's verdict is clear: a packet left so far behind its
	 * time (0: never mind), or more than most_lost packets are lost for certain.
	 */
	bool gives_up;
	uint64_t late_us;
	uint32_t most_lost;
	/* Neighbours that are down are named on stderr, and packets for them are lost; else nothing
	 * is sent before all are up. */
	bool without_dead;
};

struct live {
	struct gen_setup setup; /* from live_open on */
	struct tally tally;     /* what came of the last run */
	struct sending sending; /* and how its sending went */
	uint64_t
		port_missed; /* frames that the port had no room for meanwhile, as it counts them */
	bool stopped;        /* by a signal, in the middle of the last run */
	bool gave_up;        /* as options->gives_up says */

	/* private */
	const struct live_options *options;
	struct gen_builder *builder;
	struct eal_plan plan;
	struct port port;
	struct frame_self self;
	struct tap tap;
	struct neighbours neighbours;
	struct follow follow;
	struct linking linking;
	struct framing framing;
	struct poller poller;
	struct prepared prepared;
	bool launched; /* to be undone */
	struct lead lead;
	int signals;
};

/*
 * Reads the configuration and opens the port, with replay sets for so many packets. 0, or -errno
 * and a message; live_close either way. *live is all zero before.
 */
LM_MUST_CHECK int live_open(struct live *live, const char *config, uint64_t packets,
			    struct lm_error *err);
void live_close(struct live *live);

/*
 * Sends the run of this builder, which was made for live->setup, and waits for what comes back.
 * `elsewhere` as in struct tally. A first signal ends the sending, a second one the waiting; -EINTR
 * if the first comes before anything is sent. -errno and a message if it cannot be sent.
 */
LM_MUST_CHECK int live_run(struct live *live, struct gen_builder *builder, uint32_t elsewhere,
			   const struct live_options *options, struct lm_error *err);

/*
 * The same with the packets of a capture that `make` has written for live->setup, at their own
 * times if run->rate_pps is 0, else at this rate, with these arrivals; what else stands in *run is
 * not used. The tally's run is known once a packet has come back. -EINVAL and a message if the
 * capture is not of a whole run.
 */
LM_MUST_CHECK int live_run_prepared(struct live *live, const char *path, const struct gen_run *run,
				    const struct live_options *options, struct lm_error *err);

/*
 * New replay sets, for so many packets: those of a run are of no use to the next one, and full some
 * day. Between two runs, and before the builder of the next is made.
 */
LM_MUST_CHECK int live_renew(struct live *live, uint64_t packets, struct lm_error *err);
