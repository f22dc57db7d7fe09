/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See timing.h.
 */
#include "timing.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "run.h"

#define SECOND_US 1000000
#define JUDGE_US  SECOND_US      /* between two looks at the clock */
#define JOIN_US   CLOCK_FRESH_US /* since the start: later, a relay that serves goes on */

/* ---- The clock ---- */

/* Asks what most neighbours' clocks say. */
static void hear(struct run *run, uint64_t now_us)
{
	struct sessions_skew heard[CLOCK_SAMPLES];
	struct clock_sample sample[CLOCK_SAMPLES];
	struct timing *timing = &run->rollover.timing;
	uint64_t fresh = 0;
	unsigned n;

	timing->judged_us = now_us;
	if (!run->relay->sessions)
		return;
	n = sessions_skews(run->relay->sessions, heard, CLOCK_SAMPLES);
	for (unsigned i = 0; i < n; i++) {
		sample[i] = (struct clock_sample){heard[i].skew_us, heard[i].when_us};
		fresh += now_us - heard[i].when_us <= CLOCK_FRESH_US;
	}
	__atomic_store_n(&run->relay->clock_heard, fresh, __ATOMIC_RELAXED);
	timing->judged = clock_skew(&timing->skew_us, sample, n, now_us);
}

void timing_judge(struct run *run)
{
	static const char *const words[] = {
		[CLOCK_WELL] = "is right again",
		[CLOCK_OFF] = "is wrong; set it (chrony, ...)",
		[CLOCK_USELESS] =
			"is so wrong that it shares no epoch with theirs; set it (chrony, ...)",
	};
	struct relay *relay = run->relay;
	const struct timing *timing = &run->rollover.timing;
	uint64_t wall_us = lm_clock_wall_us(), now_us = lm_clock_us();
	enum clock_verdict before = (enum clock_verdict)relay->alarm_clock, verdict;
	int64_t offset_us;

	hear(run, now_us);
	if (!timing->judged) /* what was wrong stays so until somebody says otherwise */
		return;
	offset_us = timing->skew_us + (int64_t)(now_us - wall_us);
	verdict = clock_judge(relay->topology, relay->epoch, wall_us, offset_us);
	__atomic_store_n(&relay->clock_offset_us, offset_us, __ATOMIC_RELAXED);
	__atomic_store_n(&relay->alarm_clock, verdict, __ATOMIC_RELAXED);
	if (verdict > before || (verdict == CLOCK_WELL && before != CLOCK_WELL))
		fprintf(stderr,
			"linemix-relay: %sthis machine's clock %s: most neighbours' are %.1f s "
			"ahead of it\n",
			verdict == CLOCK_WELL ? "" : "warning: ", words[verdict],
			(double)offset_us / 1e6);
}

int timing_step(struct run *run, struct lm_error *err)
{
	const struct relay *relay = run->relay;
	struct timing *timing = &run->rollover.timing;
	uint64_t now_us = lm_clock_us();

	if (now_us < timing->judged_us + JUDGE_US)
		return 0;
	timing_judge(run);
	if (!timing->judged || timing->joined)
		return 0;
	timing->joined = true;
	if (relay->alarm_clock != CLOCK_USELESS || now_us - timing->begun_us > JOIN_US)
		return 0;
	return lm_error_set(err, ETIME,
			    "most neighbours' clocks are %.1f s ahead of this machine's: it cannot "
			    "serve epoch %" PRIu32 "; set its clock (chrony, systemd-timesyncd)",
			    (double)relay->clock_offset_us / 1e6, relay->epoch);
}

uint64_t timing_now_us(const struct run *run)
{
	const struct timing *timing = &run->rollover.timing;
	uint64_t wall_us = lm_clock_wall_us();

	if (run->feed)
		return DOCUMENTS_OWN_TIME;
	if (!timing->judged)
		return wall_us;
	return clock_reached_us(wall_us, timing->skew_us + (int64_t)lm_clock_us());
}

uint64_t timing_now_s(const struct run *run)
{
	return timing_now_us(run) / SECOND_US;
}

/* ---- The epoch ---- */

void timing_begin(struct timing *timing)
{
	timing->begun_us = timing->entered_us = lm_clock_us();
}

void timing_enter(struct timing *timing)
{
	timing->entered = true;
	timing->entered_us = lm_clock_us();
}

/* What is known of it, or will be after so many seconds. */
static struct advance advance_in(const struct run *run, uint64_t seconds)
{
	const struct relay *relay = run->relay;
	const struct timing *timing = &run->rollover.timing;

	return (struct advance){
		.epoch = relay->epoch,
		.newest = documents_newest(&relay->documents)->epoch,
		.span_us = (relay->topology->until_s - relay->topology->from_s) * SECOND_US,
		.passed_us = lm_clock_us() - timing->entered_us + seconds * SECOND_US,
		.entered = timing->entered,
		.judged = timing->judged,
	};
}

struct documents_target timing_target_in(const struct run *run, uint64_t now_s, uint64_t seconds)
{
	const struct advance advance = advance_in(run, seconds);

	return advance_target(&run->relay->documents, now_s + seconds, run->relay->epoch,
			      advance_limit(&advance));
}

struct documents_target timing_target(const struct run *run, uint64_t now_s)
{
	return timing_target_in(run, now_s, 0);
}

uint32_t timing_sure(const struct run *run, uint64_t now_s)
{
	const struct advance advance = advance_in(run, 0);
	const struct lm_topology *by = documents_target(&run->relay->documents, now_s).topology;

	return advance_sure(&advance, advance_epoch_at(by, now_s));
}
