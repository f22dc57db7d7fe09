/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whether links hold their rate: a look once a second at the slots that the pacer has forgotten. A
 * single pause, such as a machine that stood still, is counted and no alarm; seconds with forgotten
 * slots that outnumber those without are.
 *
 * The control thread alone uses this.
 */
#pragma once

#include "lm_base.h"

#define PADDING_BEHIND_S 5 /* so many seconds more with forgotten slots than without */

struct padding_watch {
	uint64_t forgotten; /* at the last look */
	unsigned behind_s;
	bool told;
};

enum padding_news {
	PADDING_NO_NEWS,
	PADDING_BEHIND, /* links do not hold their rate */
	PADDING_HOLDS,  /* they do again: as many seconds without as there were with */
};

/* Once a second, with the slots forgotten since the start. `watch` starts zeroed. */
LM_MUST_CHECK enum padding_news padding_see(struct padding_watch *watch, uint64_t forgotten);
