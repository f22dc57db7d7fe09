/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Text that grows up to a bound: what the exporter answers. One thread; the owner frees it.
 */
#pragma once

#include "lm_base.h"

#define TEXT_MOST (4u << 20)

struct text {
	char *bytes; /* NULL: empty; otherwise ended by a NUL */
	size_t len, room;
	bool failed; /* too little memory, or longer than TEXT_MOST: of no use any more */
};

/* Adds to the end; after a failure nothing happens. */
void text_add(struct text *text, const char *format, ...) LM_PRINTF(2, 3);

void text_free(struct text *text);
