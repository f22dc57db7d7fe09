/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The judge: a ring of bits, one a loop, and two limits with hysteresis.
 */
#include <string.h>

#include "lm_cover.h"

const char *lm_cover_verdict_name(enum lm_cover_verdict verdict)
{
	static const char *const name[] = {
		[LM_COVER_OK] = "ok", [LM_COVER_WARN] = "warn", [LM_COVER_PAUSE] = "pause"};

	return name[verdict];
}

static void forget(struct lm_cover_judge *judge)
{
	judge->n = 0;
	judge->lost = 0;
	judge->next = 0;
	memset(judge->bit, 0, sizeof(judge->bit));
}

void lm_cover_judge_init(struct lm_cover_judge *judge, const struct lm_cover_limits *limits,
			 uint64_t now_us)
{
	LM_ASSERT(limits->window >= LM_COVER_WINDOW_MIN && limits->window <= LM_COVER_WINDOW_MAX);
	memset(judge, 0, sizeof(*judge));
	judge->limits = *limits;
	judge->calm_us = now_us + limits->retry_us;
}

/* One loop enters the window; the oldest makes room. */
static void see(struct lm_cover_judge *judge, bool lost)
{
	uint64_t *word = &judge->bit[judge->next / 64];
	uint64_t bit = UINT64_C(1) << judge->next % 64;

	if (judge->n == judge->limits.window)
		judge->lost -= (*word & bit) != 0;
	else
		judge->n++;
	*word = lost ? *word | bit : *word & ~bit;
	judge->lost += lost;
	judge->next = (judge->next + 1) % judge->limits.window;
}

/* Is the share at the limit, or, where it was before, at three quarters of it? */
static bool reaches(const struct lm_cover_judge *judge, uint32_t percent, bool before)
{
	return percent > 0 && judge->lost * 400 >= judge->n * percent * (before ? 3 : 4);
}

static enum lm_cover_verdict weigh(const struct lm_cover_judge *judge, uint64_t now_us)
{
	const struct lm_cover_limits *limits = &judge->limits;

	if (judge->n < (limits->window + 3) / 4)
		return judge->verdict;
	if (reaches(judge, limits->pause_percent, judge->verdict == LM_COVER_PAUSE))
		return now_us < judge->calm_us ? LM_COVER_WARN : LM_COVER_PAUSE;
	return reaches(judge, limits->warn_percent, judge->verdict >= LM_COVER_WARN) ? LM_COVER_WARN
										     : LM_COVER_OK;
}

enum lm_cover_verdict lm_cover_judge(struct lm_cover_judge *judge, const struct lm_cover_news *news,
				     uint64_t now_us)
{
	enum lm_cover_verdict verdict;

	/* what is above a window would push itself out */
	for (uint32_t i = 0; i < news->back && i < judge->limits.window; i++)
		see(judge, false);
	for (uint32_t i = 0; i < news->lost && i < judge->limits.window; i++)
		see(judge, true);
	verdict = weigh(judge, now_us);
	if (verdict == LM_COVER_PAUSE && judge->verdict != LM_COVER_PAUSE) {
		judge->paused_us = now_us;
	} else if (verdict == LM_COVER_PAUSE && judge->limits.retry_us > 0 &&
		   now_us - judge->paused_us >= judge->limits.retry_us) {
		forget(judge);
		judge->calm_us = now_us + judge->limits.retry_us / 4;
		verdict = LM_COVER_WARN;
	}
	judge->verdict = verdict;
	return verdict;
}
