/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The gateway's own keys change with the epochs while a poller reads them: new ones are taken into
 * use, and the old ones end when the poller can no longer have them in hand.
 *
 * The control thread's.
 */
#pragma once

#include "setup.h"

struct rolling {
	struct gen_setup *setup;
	const uint64_t
		*rounds; /* of the poller that have begun: it reads the keys in each; atomic */

	/* private */
	bool retiring; /* the old keys, once the poller has passed `retire_round` */
	uint64_t retire_round;
};

/* The same while no poller runs. -errno and a message. */
LM_MUST_CHECK int rolling_begin(struct rolling *rolling, uint64_t now_us, struct lm_error *err);

/* A turn: whatever is to be done at this time, UTC. -errno and a message: it cannot go on. */
LM_MUST_CHECK int rolling_turn(struct rolling *rolling, uint64_t now_us, struct lm_error *err);
