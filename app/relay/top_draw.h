/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What --top shows: relays as a table, and one of them in full. Totals and rates over a round of a
 * second at least, as everywhere.
 */
#pragma once

#include "collect.h"
#include "screen.h"

struct top_view {
	const struct collect *const *relay; /* those that are shown */
	unsigned n, selected;
	uint64_t wall_s;
};

/* The whole screen. */
void top_draw(struct screen *screen, const struct top_view *view);

/* For where no terminal is: the names of the columns, and a line for a relay. */
void top_print_head(FILE *to);
void top_print(FILE *to, const struct collect *relay);
