/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See screen.h.
 */
#include "screen.h"

#include <stdarg.h>

#define LINE_MAX_BYTES 512

static bool is_full(const struct screen *screen)
{
	return screen->row >= screen->height;
}

void screen_begin(struct screen *screen)
{
	screen->column = screen->row = 0;
	fputs("\033[H", screen->to);
}

void screen_put(struct screen *screen, enum screen_style style, const char *format, ...)
{
	static const char *const coloured[] = {"",         "\033[1m",  "\033[2m",
					       "\033[32m", "\033[33m", "\033[31m"};
	static const char *const plain[] = {"", "\033[1m", "", "", "\033[1m", "\033[1m"};
	const char *start = screen->colour ? coloured[style] : plain[style];
	char text[LINE_MAX_BYTES];
	unsigned room = screen->width - screen->column;
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (n <= 0 || room == 0 || is_full(screen))
		return;
	n = n < (int)sizeof(text) ? n : (int)sizeof(text) - 1;
	n = n < (int)room ? n : (int)room;
	fprintf(screen->to, "%s%.*s%s", start, n, text, start[0] ? "\033[0m" : "");
	screen->column += (unsigned)n;
}

void screen_tab(struct screen *screen, unsigned column)
{
	if (column > screen->column)
		screen_put(screen, SCREEN_PLAIN, "%*s", (int)(column - screen->column), "");
}

void screen_bar(struct screen *screen, double share, unsigned cells)
{
	static const char full[] = "||||||||||||||||||||||||||||||||||||||||||||||||||";
	static const char none[] = "..................................................";
	unsigned most = sizeof(full) - 1, filled;

	cells = cells < most ? cells : most;
	share = share < 0 ? 0 : share > 1 ? 1 : share;
	filled = (unsigned)(share * cells + 0.5);
	screen_put(screen, SCREEN_PLAIN, "[");
	screen_put(screen,
		   share > 0.9   ? SCREEN_BAD
		   : share > 0.7 ? SCREEN_WARN
				 : SCREEN_GOOD,
		   "%.*s", (int)filled, full);
	screen_put(screen, SCREEN_SOFT, "%.*s", (int)(cells - filled), none);
	screen_put(screen, SCREEN_PLAIN, "]");
}

void screen_line(struct screen *screen)
{
	if (is_full(screen))
		return;
	screen->row++;
	screen->column = 0;
	/* a line end in the last row would scroll */
	fputs(is_full(screen) ? "\033[K" : "\033[K\r\n", screen->to);
}

void screen_end(struct screen *screen)
{
	if (!is_full(screen))
		fputs("\033[J", screen->to);
	fflush(screen->to);
}
