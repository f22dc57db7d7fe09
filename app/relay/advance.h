/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How far a relay may go in time: which epoch it may go over to, and which epochs are over for
 * sure, so that their keys are erased. A clock that jumps ahead must not cost a key that the
 * network still uses.
 *
 * Two things bound what the clock says. A document is signed in the epoch before its own at the
 * earliest, so the network has reached the epoch before the newest document's. And where most
 * neighbours' clocks are known (clock.h) the time is what both they and the own one have reached.
 * Where neither tells, a clock is believed slowly: an epoch for each half of its span that has
 * passed on the monotonic clock.
 *
 * Pure: no clock is read here.
 */
#pragma once

#include "documents.h"

struct advance {
	uint32_t epoch;     /* that the relay is in */
	uint32_t newest;    /* of the newest document */
	uint64_t span_us;   /* of an epoch */
	uint64_t passed_us; /* monotonic time since the epoch was entered; or since the start */
	bool entered;       /* the relay has gone over to an epoch since its start */
	bool judged;        /* most neighbours' clocks are known, and the time is by them too */
};

/* The last epoch that the relay may go over to now. */
uint32_t advance_limit(const struct advance *advance);

/*
 * What documents_target says, but of no epoch before the relay's and none after the limit; `epoch`
 * goes by the document in force or by the next.
 */
struct documents_target advance_target(const struct documents *documents, uint64_t now_s,
				       uint32_t epoch, uint32_t limit);

/* The epoch of the network at this time, as far as the document knows; also before its own. */
uint32_t advance_epoch_at(const struct lm_topology *topology, uint64_t now_s);

/*
 * The epoch that the network has reached for sure, where the time says that it is in epoch_now; not
 * after the relay's own. Keys of epochs before the one before it are over.
 */
uint32_t advance_sure(const struct advance *advance, uint32_t epoch_now);
