/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Randomness from the kernel. Every call asks getrandom, so a forked child never repeats its
 * parent.
 */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "lm_base.h"

static void (*replacement)(void *out, size_t n);

int lm_base_init(struct lm_error *err)
{
	uint8_t probe;

	if (sodium_init() < 0)
		return lm_error_set(err, ENOSYS, "libsodium does not start on this machine");
	if (getrandom(&probe, 1, 0) != 1)
		return lm_error_set(err, errno, "the kernel gives no randomness: getrandom: %s",
				    strerror(errno));
	return 0;
}

void lm_rand(void *out, size_t n)
{
	uint8_t *at = out;

	if (replacement) {
		replacement(out, n);
		return;
	}
	while (n > 0) {
		ssize_t got = getrandom(at, n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			fprintf(stderr, "linemix: the kernel gives no randomness any more: %s\n",
				strerror(errno));
			abort();
		}
		at += got;
		n -= (size_t)got;
	}
}

void lm_rand_replace(void (*fill)(void *out, size_t n))
{
	replacement = fill;
}
