/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A line on stderr that says how far long work is: at most one a second, none within the first, and
 * only on a terminal.
 */
#pragma once

#include "lm_base.h"

struct progress {
	const char *what;
	bool terminal, shown;
	uint64_t next_us;
};

void progress_start(struct progress *progress, const char *what);
void progress_show(struct progress *progress, uint64_t done, uint64_t total);
void progress_end(struct progress *progress); /* takes the line away */
