/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hexadecimal, over libsodium's constant-time coder: keys pass through here.
 */
#include <sodium.h>
#include <string.h>

#include "lm_base.h"

void lm_hex_encode(char *text, const void *bytes, size_t n)
{
	sodium_bin2hex(text, 2 * n + 1, bytes, n);
}

bool lm_hex_decode(void *out, const char *text, size_t n)
{
	size_t got = 0;
	size_t digits = strlen(text);
	const char *end = NULL;

	if (digits == 2 * n && sodium_hex2bin(out, n, text, digits, NULL, &got, &end) == 0 &&
	    got == n && *end == '\0')
		return true;
	memset(out, 0, n);
	return false;
}
