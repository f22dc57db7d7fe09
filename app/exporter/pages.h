/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The files of page/ as they stand in the program; embed.py makes them.
 */
#pragma once

#include <stddef.h>

struct page {
	const char *path, *type; /* of the request; its Content-Type */
	const unsigned char *bytes;
	size_t len;
};

extern const struct page pages[];
extern const unsigned pages_n;
