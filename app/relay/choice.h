/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * To which of a neighbour's addresses packets are sent: the best, which is the first, that works.
 *
 * An address works while the caller says so. When the one in use stops, the best of the others is
 * taken at once; a better one is taken again after it has worked for CHOICE_BACK_US without a
 * break, so that one that comes and goes is not followed. Where links have sessions, one at which
 * no session comes about for CHOICE_ANSWER_US is given up for the next, in a circle if none
 * answers. It is not taken again before it has stopped to work and works again, or the one in use
 * is given up: nothing else would say that it answers, and each try could lose what is sent.
 *
 * Pure functions: the caller brings the time.
 */
#pragma once

#include "lm_topology.h"

#define CHOICE_BACK_US   (UINT64_C(10) * 1000000)
#define CHOICE_ANSWER_US (UINT64_C(15) * 1000000)
#define CHOICE_NONE      (-1)

/* Of one neighbour. Starts zeroed. */
struct choice {
	bool chosen;                              /* one is in use: */
	uint8_t used;                             /* its place */
	uint8_t given_up;                         /* a bit for each, while it works */
	uint64_t silent_us;                       /* since when the one in use has no session */
	uint64_t works_us[LM_TOPOLOGY_ADDRESSES]; /* since when each works; 0: it does not */
};

/*
 * Chooses at now_us, not 0, among the n addresses of which `works` has a bit set. `answered`: there
 * is a session, or links have none. CHOICE_NONE: none works.
 */
LM_MUST_CHECK int choice_make(struct choice *choice, unsigned works, unsigned n, bool answered,
			      uint64_t now_us);
