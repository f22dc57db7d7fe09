/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See padding.h.
 */
#include "padding.h"

enum padding_news padding_see(struct padding_watch *watch, uint64_t forgotten)
{
	bool bad = forgotten != watch->forgotten;

	watch->forgotten = forgotten;
	if (bad)
		watch->behind_s += watch->behind_s < PADDING_BEHIND_S;
	else
		watch->behind_s -= watch->behind_s > 0;
	if (!watch->told && watch->behind_s == PADDING_BEHIND_S) {
		watch->told = true;
		return PADDING_BEHIND;
	}
	if (watch->told && watch->behind_s == 0) {
		watch->told = false;
		return PADDING_HOLDS;
	}
	return PADDING_NO_NEWS;
}
