/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whether the books close while the relay runs. Counters of many threads cannot be read at one
 * moment, so they are believed only when nothing has moved meanwhile: not in the round of any lcore
 * before the look, nor in the one after it. Then the design's equation must hold exactly.
 *
 * The control thread alone uses this.
 */
#pragma once

#include "counters.h"

/* One look at a relay. */
struct books_look {
	uint64_t moves; /* rounds that moved anything, of all lcores and the sink; only grows */
	bool moving;    /* the sink has packets in hand just now */
	struct counters total;
	uint64_t held;
};

struct books {
	struct books_look last;
	unsigned still; /* looks before the last since which nothing has moved */
	bool looked;
};

/*
 * Takes in one more look; every lcore has begun and ended a round since the last. Returns what the
 * books are off by at the look before this one if nothing moved around it: 0 when they close, and
 * when nobody can tell. `books` starts zeroed.
 */
LM_MUST_CHECK int64_t books_see(struct books *books, const struct books_look *look);
