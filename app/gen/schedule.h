/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * When the packets of a run are due: at even times; at those of a Poisson process, which the run's
 * nonce draws, so that whoever knows the run knows them; or in bursts of `burst` packets that begin
 * at even times, so far apart that rate_pps is the mean, with the packets of one burst at even
 * times too, `peak` times as fast.
 *
 * Memory: 8 bytes a packet for a Poisson process, from _make to _free. Read-only in between.
 */
#pragma once

#include "message.h"

struct schedule { /* all zero: empty, everything is due at once */
	struct gen_run run;
	uint64_t *due_ns; /* by seq, of a Poisson process */
};

/* -ENOMEM and a message if the run is too long. A run without a rate has no times: all are 0. */
LM_MUST_CHECK int schedule_make(struct schedule *schedule, const struct gen_run *run,
				struct lm_error *err);
void schedule_free(struct schedule *schedule);

/* After the run's start; packet 0 is due at 0. */
uint64_t schedule_due_ns(const struct schedule *schedule, uint32_t seq);

/*
 * How many packets are due when so much time has passed, if `known` of them are known to be; where
 * more than `most` beside those are, known + most.
 */
uint32_t schedule_due(const struct schedule *schedule, uint64_t passed_ns, uint32_t known,
		      uint32_t most);
