/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a search for the no-drop rate came to, for people, or as JSON with every trial.
 */
#pragma once

#include <stdio.h>

#include "rate.h"

struct rate_report {
	struct rate_result result;
	const struct rate_trial *trial; /* in their order */
	unsigned trials;
	uint32_t tolerance_ppm;
};

/* One trial as a line, without its end. */
void rate_report_trial(FILE *to, const struct rate_trial *trial);

/* False if it could not be written. */
LM_MUST_CHECK bool rate_report_text(FILE *to, const struct rate_report *report);
LM_MUST_CHECK bool rate_report_json(FILE *to, const struct rate_report *report);
