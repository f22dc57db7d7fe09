/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What came of a replay, for people, as JSON, and frame by frame.
 */
#pragma once

#include <stdio.h>

#include "replayer.h"
#include "tsc.h"

struct replay_report {
	const char *capture;
	const struct replayer *replayer;
	struct tsc_sample before, after; /* the clock, around all of it */
};

/* False if it could not be written. */
LM_MUST_CHECK bool replay_report_text(FILE *to, const struct replay_report *report);
LM_MUST_CHECK bool replay_report_json(FILE *to, const struct replay_report *report);

/* Writes the file of --times (README.md). -errno and a message. */
LM_MUST_CHECK int replay_report_times(const char *path, const struct replay_report *report,
				      struct lm_error *err);
