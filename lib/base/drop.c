/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The names of the drop reasons, made from the one table.
 */
#include <string.h>

#include "lm_base.h"

static const struct {
	const char *name;
	const char *meaning;
} reasons[LM_DROP_COUNT] = {
#define ROW(id, label, phrase) [LM_DROP_##id] = {.name = label, .meaning = phrase},
	LM_DROP_TABLE(ROW)
#undef ROW
};

const char *lm_drop_name(enum lm_drop drop)
{
	LM_ASSERT((unsigned)drop < LM_DROP_COUNT);
	return reasons[drop].name;
}

const char *lm_drop_meaning(enum lm_drop drop)
{
	LM_ASSERT((unsigned)drop < LM_DROP_COUNT);
	return reasons[drop].meaning;
}

bool lm_drop_parse(enum lm_drop *drop, const char *name)
{
	for (unsigned i = 0; i < LM_DROP_COUNT; i++) {
		if (strcmp(reasons[i].name, name) == 0) {
			*drop = (enum lm_drop)i;
			return true;
		}
	}
	return false;
}
