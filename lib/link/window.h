/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The sliding window of a lane: which of the last LM_LINK_WINDOW counters were accepted. A ring of
 * words, of which one more is kept than is looked back, so that going on clears whole words (RFC
 * 6479). Packet path; the lane's worker alone.
 */
#pragma once

#include "session.h"

static inline uint64_t lm_link_window_end(const struct lm_link_rx_lane *lane)
{
	return atomic_load_explicit(&lane->end, memory_order_relaxed);
}

/* The counter may still be accepted: not seen, not too old to tell, not past the last. */
static inline bool lm_link_window_open(const struct lm_link_rx_lane *lane, uint64_t counter)
{
	uint64_t word = counter / WORD_BITS, end = lm_link_window_end(lane);

	if (counter >= LM_LINK_FRAMES_MAX)
		return false;
	if (counter >= end)
		return true;
	if (end - counter > LM_LINK_WINDOW)
		return false;
	return !(lane->seen[word % WINDOW_LEN] >> (counter % WORD_BITS) & 1);
}

/* Remembers a counter for which the window was open. */
static inline void lm_link_window_accept(struct lm_link_rx_lane *lane, uint64_t counter)
{
	uint64_t word = counter / WORD_BITS, end = lm_link_window_end(lane);

	if (counter >= end) {
		uint64_t top = end > 0 ? (end - 1) / WORD_BITS : 0;
		uint64_t fresh = word - top < WINDOW_LEN ? word - top : WINDOW_LEN;

		for (uint64_t i = 0; i < fresh; i++)
			lane->seen[(word - i) % WINDOW_LEN] = 0;
		atomic_store_explicit(&lane->end, counter + 1, memory_order_relaxed);
	}
	lane->seen[word % WINDOW_LEN] |= UINT64_C(1) << counter % WORD_BITS;
}
