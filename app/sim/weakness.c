/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See weakness.h.
 */
#include "weakness.h"

#ifdef LM_TEST_BUILD

#include <errno.h>
#include <stdlib.h>

#define MS 1000 /* microseconds */

int weakness_init(struct weakness *weakness, enum weakness_kind kind, uint32_t room)
{
	*weakness = (struct weakness){.kind = kind, .room = room};
	if (kind != WEAKNESS_UNSHUFFLED && kind != WEAKNESS_ORDERED)
		return 0;
	weakness->item = malloc((size_t)room * sizeof(*weakness->item));
	return weakness->item ? 0 : -ENOMEM;
}

void weakness_free(struct weakness *weakness)
{
	free(weakness->item);
	weakness->item = NULL;
}

/* Whether its packets keep their order. */
static bool keeps(const struct weakness *weakness, uint16_t from)
{
	return weakness->item && (weakness->kind == WEAKNESS_UNSHUFFLED || from % 2 == 0);
}

void weakness_round(const struct weakness *weakness, struct lm_mix_item *item, unsigned n)
{
	if (weakness->kind != WEAKNESS_MILLISECONDS)
		return;
	for (unsigned i = 0; i < n; i++)
		item[i].delay_us = (item[i].delay_us + MS / 2) / MS * MS;
}

void weakness_add(struct weakness *weakness, const struct lm_mix_item *item, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (!keeps(weakness, item[i].from))
			continue;
		weakness->item[(weakness->first + weakness->held) % weakness->room] = item[i];
		weakness->held++;
	}
}

void weakness_swap(struct weakness *weakness, struct lm_mix_item *item, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (!keeps(weakness, item[i].from))
			continue;
		item[i] = weakness->item[weakness->first];
		item[i].delay_us = 0; /* as a mix gives it */
		weakness->first = (weakness->first + 1) % weakness->room;
		weakness->held--;
	}
}

#endif
