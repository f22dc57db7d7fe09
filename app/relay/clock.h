/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How wrong the own clock is, by what authentic handshakes of neighbours say of theirs. What they
 * said is kept against the monotonic clock, which never jumps: so a jump of the own clock shows at
 * once, and not when they are heard again. One neighbour proves nothing: it takes three that were
 * heard of late, and more than half of all that were must agree within CLOCK_LIMIT_US of their
 * median. A majority of liars is believed; what it gains is that this relay holds its epoch and
 * says so.
 *
 * Pure: no clock is read here.
 */
#pragma once

#include "lm_topology.h"

#define CLOCK_LIMIT_US   1000000
#define CLOCK_FRESH_US   (UINT64_C(300) * 1000000) /* neighbours initiate every two minutes or so */
#define CLOCK_SAMPLES    256
#define CLOCK_NEIGHBOURS 3

struct clock_sample {
	int64_t skew_us;  /* a neighbour's clock less the monotonic one */
	uint64_t when_us; /* monotonic */
};

/*
 * What most neighbours' clocks are ahead of the monotonic one, within 2^60 us; false if that cannot
 * be told.
 */
LM_MUST_CHECK bool clock_skew(int64_t *skew_us, const struct clock_sample *sample, unsigned n,
			      uint64_t now_us);

/*
 * The time that both the own clock, which shows wall_us, and most neighbours', which show
 * theirs_us, have reached; the own one's if they differ by CLOCK_LIMIT_US at most. Never before
 * CLOCK_LEAST_US, since 0 is no time (DOCUMENTS_OWN_TIME).
 */
#define CLOCK_LEAST_US 1000000
uint64_t clock_reached_us(uint64_t wall_us, int64_t theirs_us);

enum clock_verdict {
	CLOCK_WELL,    /* or not known */
	CLOCK_OFF,     /* by more than CLOCK_LIMIT_US */
	CLOCK_USELESS, /* by so much that this relay and the network do not share an epoch */
};

/*
 * A clock that shows wall_us and is off by that much, at a node that is in `epoch` of the topology.
 * Useless: the neighbours' time lies outside of the epochs before, now and after.
 */
enum clock_verdict clock_judge(const struct lm_topology *topology, uint32_t epoch, uint64_t wall_us,
			       int64_t offset_us);
