/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The last minutes of a relay, for the page's curves: rates over a round each, and what was held.
 * Caller's memory, one thread.
 */
#pragma once

#include "collect.h"

#define HISTORY_POINTS 300

enum history_series {
	HISTORY_RECEIVED, /* packets a second */
	HISTORY_SENT,     /* sent and delivered */
	HISTORY_DROPPED,
	HISTORY_HELD,
	HISTORY_BUSY, /* of the busiest lcore, per cent */
	HISTORY_SERIES
};
extern const char *const history_name[HISTORY_SERIES];

struct history {
	unsigned n, first; /* points that are there; the place of the oldest */
	float point[HISTORY_POINTS][HISTORY_SERIES]; /* negative: not known */
};

/* The values of the round that is over. */
void history_now(float point[HISTORY_SERIES], const struct collect *relay);

/* Adds them as the newest; the oldest one goes. */
void history_add(struct history *history, const struct collect *relay);

/* The i-th point, from the oldest on. */
const float *history_point(const struct history *history, unsigned i);
