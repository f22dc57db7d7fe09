/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The relay with a planted weakness: it is linked with --wrap, so that what its mixer adds to the
 * mix and takes from it comes by here (app/sim/weakness.h). LINEMIX_TEST_WEAKNESS names the
 * weakness. For tests of what measures anonymity, in test builds only; never installed.
 */
#include <stdio.h>
#include <stdlib.h>

#include "weakness.h"

#define ROOM (1u << 20) /* packets: more than such a relay holds */

unsigned __real_lm_mix_add(struct lm_mix *mix, struct lm_mix_item *item, unsigned n,
			   uint64_t now_us);
unsigned __real_lm_mix_take(struct lm_mix *mix, struct lm_mix_item *item, unsigned max,
			    uint64_t now_us);
unsigned __wrap_lm_mix_add(struct lm_mix *mix, struct lm_mix_item *item, unsigned n,
			   uint64_t now_us);
unsigned __wrap_lm_mix_take(struct lm_mix *mix, struct lm_mix_item *item, unsigned max,
			    uint64_t now_us);

static struct weakness weakness; /* of the one mix; the mixer's thread alone uses it */

__attribute__((constructor)) static void plant(void)
{
	static const char *const names[WEAKNESS_KINDS] = {"none", "unshuffled", "milliseconds",
							  "ordered"};
	const char *name = getenv("LINEMIX_TEST_WEAKNESS");
	unsigned kind = 0;

	while (name && kind < WEAKNESS_KINDS && strcmp(name, names[kind]) != 0)
		kind++;
	if (!name || kind == WEAKNESS_KINDS ||
	    weakness_init(&weakness, (enum weakness_kind)kind, ROOM) != 0) {
		fputs("weak-relay: LINEMIX_TEST_WEAKNESS must name a weakness\n", stderr);
		exit(2);
	}
}

unsigned __wrap_lm_mix_add(struct lm_mix *mix, struct lm_mix_item *item, unsigned n,
			   uint64_t now_us)
{
	unsigned taken;

	weakness_round(&weakness, item, n);
	taken = __real_lm_mix_add(mix, item, n, now_us);
	weakness_add(&weakness, item, taken);
	return taken;
}

unsigned __wrap_lm_mix_take(struct lm_mix *mix, struct lm_mix_item *item, unsigned max,
			    uint64_t now_us)
{
	unsigned n = __real_lm_mix_take(mix, item, max, now_us);

	weakness_swap(&weakness, item, n);
	return n;
}
