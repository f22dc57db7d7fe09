/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A terminal of any size that is drawn anew, line by line: what does not fit is cut, and nothing
 * is cleared first, so that nothing flickers. Plain ANSI. Text must be of one column a byte.
 */
#pragma once

#include <stdio.h>

#include "lm_base.h"

enum screen_style {
	SCREEN_PLAIN,
	SCREEN_STRONG,
	SCREEN_SOFT,
	SCREEN_GOOD,
	SCREEN_WARN,
	SCREEN_BAD
};

struct screen {
	FILE *to;
	unsigned width, height;
	bool colour; /* else bold and plain alone */
	unsigned column, row;
};

/* Goes to the upper left corner. */
void screen_begin(struct screen *screen);

/* Adds to the line. */
void screen_put(struct screen *screen, enum screen_style style, const char *format, ...)
	LM_PRINTF(3, 4);

/* Goes on at a column, if the line is not there yet. */
void screen_tab(struct screen *screen, unsigned column);

/* A bar of `cells` that is filled so far, 0 to 1; negative: not known. */
void screen_bar(struct screen *screen, double share, unsigned cells);

/* Ends the line. */
void screen_line(struct screen *screen);

/* Clears what is left of the screen. */
void screen_end(struct screen *screen);
