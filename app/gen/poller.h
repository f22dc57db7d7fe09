/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The one lcore of `run` that touches the port: sends what is due, takes what comes, and passes the
 * kernel's frames both ways.
 *
 * Sending is open-loop: each packet is due when the schedule says, whatever became of those before
 * it; what is late is sent at once. Control sets the first part before the launch, moves `phase`,
 * and reads `sent`, `received` and `failed` while it runs, all else after poller_main has returned.
 */
#pragma once

#include <rte_mbuf.h>
#include <rte_ring.h>

#include "framing.h"
#include "port.h"
#include "prepared.h"
#include "receive.h"
#include "report.h"
#include "stock.h"

enum poller_phase {
	POLLER_WAIT,   /* nothing is under way: receive only, and leave the CPU to who builds */
	POLLER_LISTEN, /* receive only */
	POLLER_SEND,   /* stock and start_ns are set */
	POLLER_STOP,
};

struct poller {
	const struct port *port;
	const struct frame_self *self;
	struct gen_receiver *receiver;
	struct rte_ring *to_kernel, *from_kernel;
	struct framing *framing;   /* control's, for all runs */
	bool returned;             /* for polling_join */
	bool without_dead;         /* packets without a session are lost; else they wait */
	bool spin;                 /* when idle; else yield and sleep */
	struct prepared *prepared; /* NULL: packets are built */
	bool own_times;     /* prepared: they are due at those of the capture; else as scheduled */
	struct stock stock; /* as of POLLER_SEND */
	uint64_t *sent_ns;  /* by seq: when it was handed to the port, by tsc_ns */
	struct gen_run run; /* what is being sent */
	struct schedule schedule; /* and when */

	enum poller_phase phase; /* atomic */
	uint32_t sent, received; /* atomic */
	uint64_t rounds;         /* that have begun; atomic */
	bool failed;             /* atomic: err says why */
	struct lm_error err;

	uint64_t start_ns; /* when packet 0 is due, by tsc_ns; as of POLLER_SEND */
	struct sending sending;
	bool starving, blocked; /* in the last round */
	struct rte_mbuf *unsent[LM_BURST];
	unsigned unsent_n;
};

/* For rte_eal_remote_launch; the argument is a struct poller. */
int poller_main(void *poller);
