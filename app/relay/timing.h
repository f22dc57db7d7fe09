/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The time by which a relay that runs goes: its own clock, as far as most neighbours' confirm it,
 * and what follows from that for the epoch (clock.h, advance.h).
 *
 * Control thread only.
 */
#pragma once

#include "advance.h"
#include "clock.h"

struct run;

struct timing {
	uint64_t judged_us;  /* when the clock was judged last; monotonic, as all here */
	bool judged;         /* most neighbours' clocks are known */
	int64_t skew_us;     /* what they are ahead of the monotonic one, if so */
	bool joined;         /* it was judged, and the relay could join */
	uint64_t begun_us;   /* the start */
	bool entered;        /* an epoch since then */
	uint64_t entered_us; /* when the last one; or the start */
};

/*
 * Judges the clock by what neighbours have said, for telemetry and all below; says on stderr when
 * that gets worse, or well again.
 */
void timing_judge(struct run *run);

/*
 * The same, when it is due. -ETIME and a message: the first verdict, in the first minutes of the
 * relay, is that its clock is so wrong that it cannot serve its epoch.
 */
LM_MUST_CHECK int timing_step(struct run *run, struct lm_error *err);

/* The time that has come for sure, in UTC; of a feed DOCUMENTS_OWN_TIME. */
uint64_t timing_now_us(const struct run *run);
uint64_t timing_now_s(const struct run *run);

/* The relay has begun to run, or has gone over to another epoch. */
void timing_begin(struct timing *timing);
void timing_enter(struct timing *timing);

/* What is to be in force at now_s; and what so many seconds later, if the clock goes on well. */
struct documents_target timing_target(const struct run *run, uint64_t now_s);
struct documents_target timing_target_in(const struct run *run, uint64_t now_s, uint64_t seconds);

/* The epoch that the network has reached for sure (advance_sure). */
uint32_t timing_sure(const struct run *run, uint64_t now_s);
