/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See text.h.
 */
#include "text.h"

#include <stdarg.h>
#include <stdio.h>

static bool grow(struct text *text, size_t need)
{
	size_t room = text->room ? text->room : 4096;
	char *bytes;

	while (room < need)
		room *= 2;
	if (room <= text->room)
		return true;
	bytes = room <= TEXT_MOST ? realloc(text->bytes, room) : NULL;
	if (!bytes)
		return false;
	text->bytes = bytes;
	text->room = room;
	return true;
}

void text_add(struct text *text, const char *format, ...)
{
	va_list arguments;
	int n;

	if (text->failed)
		return;
	va_start(arguments, format);
	n = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	if (n < 0 || !grow(text, text->len + (size_t)n + 1)) {
		text->failed = true;
		return;
	}
	va_start(arguments, format);
	vsnprintf(text->bytes + text->len, text->room - text->len, format, arguments);
	va_end(arguments);
	text->len += (size_t)n;
}

void text_free(struct text *text)
{
	free(text->bytes);
	*text = (struct text){0};
}
