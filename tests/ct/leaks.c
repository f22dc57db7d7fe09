/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See leaks.h. The empty assembly keeps the compiler from making the code constant time.
 */
#include "leaks.h"

unsigned leak_by_branch(const uint8_t *secret)
{
	if (*secret & 1) {
		__asm__ volatile("");
		return 1;
	}
	return 2;
}

unsigned leak_by_index(const uint8_t *secret)
{
	static volatile uint8_t table[256];

	return table[*secret];
}

bool leak_by_early_exit(const uint8_t a[16], const uint8_t b[16])
{
	for (unsigned i = 0; i < 16; i++) {
		if (a[i] != b[i])
			return false;
		__asm__ volatile("");
	}
	return true;
}
