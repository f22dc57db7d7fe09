/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * When the frames of a capture are due that is sent again: at its own times, a multiple as fast, at
 * a rate of one's own, or as soon as the port takes them.
 *
 * Pure arithmetic; no state but the struct.
 */
#pragma once

#include "message.h"

enum pace_kind { PACE_OWN, PACE_RATE, PACE_FLOOD };

struct pace {
	enum pace_kind kind;
	double speed; /* own times: so many times as fast; > 0 */
	double rate_pps;
	enum gen_arrivals arrivals; /* at a rate; with burst and peak as in struct gen_run */
	uint16_t burst, peak;
	/* private */
	uint64_t n, first_ns, last_ns;
	double at_ns;
	struct lm_prng prng;
};

/* The public members are set. Poisson arrivals are drawn from randomness. */
void pace_init(struct pace *pace);

/*
 * When the next frame is due, after the first one, which is due at 0; own_ns is its time in the
 * capture. Never before the frame before it: times of captures may go back.
 */
uint64_t pace_next_ns(struct pace *pace, uint64_t own_ns);
