/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Faults that a mix may have, planted for tests of bench/anonymity, which must see them. They exist
 * in test builds only (-Dtest_build=true); elsewhere all of this is nothing.
 *
 * What leaves when is left to the mix; who leaves is what a fault changes. So a fault shows in no
 * count and no time of a link, as the real ones would not.
 */
#pragma once

#include "lm_mix.h"

enum weakness_kind {
	WEAKNESS_NONE,
	WEAKNESS_UNSHUFFLED,   /* packets leave in the order in which they came */
	WEAKNESS_MILLISECONDS, /* delays are rounded to milliseconds; poisson */
	WEAKNESS_ORDERED,      /* as unshuffled, among the packets of every second link alone */
	WEAKNESS_KINDS
};

#ifdef LM_TEST_BUILD

/* Of one node. */
struct weakness {
	enum weakness_kind kind;
	uint32_t room, first, held; /* a ring of packets, in the order in which they came */
	struct lm_mix_item *item;
};

/* For a node that holds up to `room` packets. *weakness is for _free in every case. -ENOMEM. */
LM_MUST_CHECK int weakness_init(struct weakness *weakness, enum weakness_kind kind, uint32_t room);
void weakness_free(struct weakness *weakness);

/* Before these are added to the mix: what becomes of their delays. */
void weakness_round(const struct weakness *weakness, struct lm_mix_item *item, unsigned n);

/* The mix has taken these. */
void weakness_add(struct weakness *weakness, const struct lm_mix_item *item, unsigned n);

/* The mix has given these: puts those in their places that leave instead. */
void weakness_swap(struct weakness *weakness, struct lm_mix_item *item, unsigned n);

#else

struct weakness {
	char none[0];
};

static inline int weakness_init(struct weakness *weakness, enum weakness_kind kind, uint32_t room)
{
	(void)weakness, (void)kind, (void)room;
	return 0;
}

static inline void weakness_free(struct weakness *weakness)
{
	(void)weakness;
}

static inline void weakness_round(const struct weakness *weakness, struct lm_mix_item *item,
				  unsigned n)
{
	(void)weakness, (void)item, (void)n;
}

static inline void weakness_add(struct weakness *weakness, const struct lm_mix_item *item,
				unsigned n)
{
	(void)weakness, (void)item, (void)n;
}

static inline void weakness_swap(struct weakness *weakness, struct lm_mix_item *item, unsigned n)
{
	(void)weakness, (void)item, (void)n;
}

#endif
