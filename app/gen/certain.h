/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Losses that are certain while a run is on its way: what was sent longer ago than a packet may
 * take and has not come is lost. So a trial whose verdict is clear need not go on.
 *
 * Pure arithmetic; the clock is the caller's, in microseconds.
 */
#pragma once

#include "lm_base.h"

#define CERTAIN_SAMPLES 64

struct certain {
	uint64_t wait_us; /* the longest that a packet may take; set before the first call */
	/* private */
	struct {
		uint64_t at_us;
		uint32_t sent;
	} sample[CERTAIN_SAMPLES];
	unsigned n, first;
	uint32_t old; /* packets that were sent longer ago than wait_us */
};

/* Notes how many packets were sent by now. Times do not go back. */
void certain_note(struct certain *certain, uint64_t now_us, uint32_t sent);

/* How many of them are lost at least, if so many have come by the last time that was noted. */
uint32_t certain_lost(const struct certain *certain, uint32_t received);
