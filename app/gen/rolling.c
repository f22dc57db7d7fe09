/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See rolling.h.
 */
#include "rolling.h"

#include "rounds.h"

static int retire(struct rolling *rolling, struct lm_error *err)
{
	rolling->retiring = false;
	return gen_setup_retire(rolling->setup, err);
}

int rolling_begin(struct rolling *rolling, uint64_t now_us, struct lm_error *err)
{
	bool rolled = false;
	int rc = 0;

	if (rolling->retiring)
		rc = retire(rolling, err);
	if (rc == 0)
		rc = gen_setup_roll(&rolled, rolling->setup, now_us, err);
	return rc == 0 && rolled ? retire(rolling, err) : rc;
}

/*
 * A poller that began a round before the new keys were in use goes by the old ones until that round
 * ends. So rounds are read after the change, which itself may take as long as many of them.
 */
int rolling_turn(struct rolling *rolling, uint64_t now_us, struct lm_error *err)
{
	bool rolled;
	int rc;

	if (rolling->retiring)
		return rounds_passed(rolling->rounds, rolling->retire_round) ? retire(rolling, err)
									     : 0;
	rc = gen_setup_roll(&rolled, rolling->setup, now_us, err);
	rolling->retiring = rc == 0 && rolled;
	rolling->retire_round = rounds_after(rolling->rounds);
	return rc;
}
