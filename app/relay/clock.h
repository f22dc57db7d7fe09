/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How wrong the own clock is, by what authentic handshakes of neighbours say of theirs. One
 * neighbour proves nothing: it takes three that were heard of late, and more than half of all that
 * were must agree within CLOCK_LIMIT_US of their median. A majority of liars is believed; what it
 * gains is that this relay holds its epoch and says so.
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
	int64_t offset_us; /* a neighbour's clock less the own one */
	uint64_t when_us;  /* monotonic */
};

/* What most neighbours' clocks are ahead of the own one; false if that cannot be told. */
LM_MUST_CHECK bool clock_offset(int64_t *offset_us, const struct clock_sample *sample, unsigned n,
				uint64_t now_us);

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
