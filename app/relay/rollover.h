/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a relay goes over to while it runs: the next epoch when its time has come, a new topology,
 * and what SIGHUP asks for. All of it is made whole beside what runs, on a thread of its own, and
 * then swapped in under the lcores: no packet is lost and nothing waits.
 *
 * Control thread only.
 */
#pragma once

#include "aside.h"
#include "timing.h"

struct run;
struct reload;

/* What a relay must be able to write: else it goes on by what it has. */
enum unwritten {
	UNWRITTEN_DOCUMENT = 1 << 0, /* one that is good, so it is not taken */
	UNWRITTEN_KEYS = 1 << 1,     /* a key that comes into use, so no epoch begins */
	UNWRITTEN_NEW_KEYS = 1 << 2, /* those of epochs to come, and the descriptor */
};

struct rollover {
	struct reload *prepared; /* for the next change, ahead of its time; or NULL */
	uint64_t look_us;        /* when the topology file is looked at again */
	uint64_t again_us;       /* when what was refused in it is read once more, if it may pass */
	uint64_t retry_us;       /* not before this is tried again what failed */
	struct timing timing;
	struct aside aside; /* what is done beside */
	uint32_t sure;      /* keys of epochs before the one before this one are erased */
	bool due;           /* or something to publish has changed */
	unsigned stage;     /* of the topology's end, that was told of last */
	unsigned unwritten; /* enum unwritten, as mask: what a full disk holds up */
	uint64_t settle_us; /* when what it held up is published again */
	char told[sizeof(((struct lm_error *)0)->text)]; /* the failure that was told of last */
};

/* When the lcores run: what has passed of an epoch is counted from here. */
void rollover_begin(struct rollover *rollover);

/*
 * Often: does what is due. -ETIME and a message: the own clock is so wrong that this relay, which
 * was never ready, cannot join.
 */
LM_MUST_CHECK int rollover_step(struct run *run, struct lm_error *err);

/* Takes what the configuration and the topology say now into use, whole or not at all. */
void rollover_hang_up(struct run *run);

/* Waits for work that was left behind, and frees what was prepared; at the end. */
void rollover_close(struct rollover *rollover);
