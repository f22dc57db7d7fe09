/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See links.h. Open addressing; nothing is ever taken out.
 */
#include "links.h"

#include "lm_mix.h"

_Static_assert(LINKS_MAX < LM_MIX_OWN, "no link has the number of own cover");

void links_init(struct links *links)
{
	lm_rand(&links->source_key, sizeof(links->source_key));
}

uint16_t links_number(struct links *links, uint32_t id)
{
	uint32_t place = (id * 0x9e3779b1u) % LINKS_PLACES; /* Knuth's multiplicative hash */

	for (; links->place[place] != 0; place = (place + 1) % LINKS_PLACES) {
		if (links->id[links->place[place]] == id)
			return links->place[place];
	}
	if (links->n == LINKS_MAX)
		return 0;
	links->id[++links->n] = id;
	links->place[place] = (uint16_t)links->n;
	return (uint16_t)links->n;
}
