/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Following the network while a run goes on: documents that replace the topology file are added to
 * the calendar, with the headers of their first layer and the sessions of their links, and the
 * gateway's own keys change with the epochs.
 *
 * The control thread's. A document that is no good is said on stderr, once, and the last good one
 * goes on.
 */
#pragma once

#include <sys/stat.h>

#include "linking.h"
#include "neighbours.h"
#include "rolling.h"

struct follow {
	struct gen_setup *setup;
	const struct frame_self *self;
	struct neighbours *neighbours;
	struct linking *linking;
	struct rolling rolling;
	const uint32_t *sent; /* the number of the packet that the poller sends next; atomic */

	/* private */
	struct stat seen;         /* the file that was looked at last */
	struct lm_topology *next; /* a document whose first layer is not resolved yet */
	uint64_t look_us, resolve_us, press_us;
	bool linked;        /* `next` has its peers */
	bool settling;      /* sessions: neighbours of older documents still have theirs, */
	uint64_t settle_us; /* until then; 0: packets of those documents are still to be sent */
};

/* The first members are set, and the topology file has just been read: so is its state. */
void follow_start(struct follow *follow);
void follow_stop(struct follow *follow);

/* A view_resolve over struct neighbours: frames for a mix that the kernel does not find go to an
 * address that nobody has, and its name to stderr. */
bool follow_resolve_or_lose(void *neighbours, struct frame_way *way, const struct frame_self *self,
			    const struct lm_topology_node *node, const struct view_peer *peer);

/* A turn of it: looks whether anything is to be done. An error ends the run. */
LM_MUST_CHECK int follow_turn(struct follow *follow, struct lm_error *err);
