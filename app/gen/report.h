/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A tally for people, or as JSON.
 */
#pragma once

#include <stdio.h>

#include "entropy.h"
#include "tally.h"

/* How the sending went; `run` only. */
struct sending {
	uint32_t wanted;          /* packets that should be sent */
	uint32_t rate_pps;        /* at this rate; 0: at the times of a capture */
	double seconds;           /* from the first packet to the last */
	uint64_t starved;         /* times that no packet was ready in time */
	uint64_t port_full;       /* times that the port took no packet at once */
	uint64_t without_session; /* packets that were lost here, as a neighbour was down */
	uint64_t behind_us;       /* how far the latest packet left after it was due */
	struct histogram late_ns; /* how far each did */
};

struct report {
	const struct tally *tally;
	struct order order;
	const struct sending *sending; /* or NULL */
	const struct entropy *entropy; /* or NULL: not measured */
};

/* False if it could not be written. */
LM_MUST_CHECK bool report_text(FILE *to, const struct report *report);
LM_MUST_CHECK bool report_json(FILE *to, const struct report *report);

/* Closes a table that was written to this file. 0, or -EIO if it did not get there whole. */
LM_MUST_CHECK int report_close(FILE *to, const char *path, struct lm_error *err);
