/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages for the user, and the end of a process that has a programming error.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lm_base.h"

int lm_error_set(struct lm_error *err, int code, const char *format, ...)
{
	if (err) {
		va_list args;

		va_start(args, format);
		vsnprintf(err->text, sizeof(err->text), format, args);
		va_end(args);
	}
	return -code;
}

void lm_error_prefix(struct lm_error *err, const char *prefix)
{
	struct lm_error old = *err;
	int used = snprintf(err->text, sizeof(err->text), "%s: ", prefix);

	if (used >= 0 && (size_t)used < sizeof(err->text))
		snprintf(err->text + used, sizeof(err->text) - (size_t)used, "%s", old.text);
}

void lm_assert_failed(const char *condition, const char *file, int line)
{
	fprintf(stderr, "linemix: %s:%d: programming error: %s does not hold\n", file, line,
		condition);
	abort();
}
