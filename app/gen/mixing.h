/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How much of the sending order a network leaves in the order of arrival.
 */
#pragma once

#include "setup.h"
#include "tally.h"

#define MIXING_PACKETS (1u << 20) /* of a run that are looked at: its first */

/*
 * For batches. A mix hides the order of what it receives in one interval, and of nothing else;
 * after the first mix the order within such a batch is random, whatever the next ones do. So the
 * packets of each first mix are cut into windows that lie within one of its intervals: 3/4 of an
 * interval long, one an interval, by the time at which they were sent; lost packets are left out.
 * Where a mix's intervals begin is not known, so this is done at 8 phases, of which one at least
 * fits for certain, and for each mix the one with the least order left counts. The figure is the
 * mean of Spearman's rank correlation of arrival with sending order over all windows (stats.h).
 *
 * The other strategies leave some of the order by their nature: a pool between its flushes, whose
 * times nobody outside knows, and delays between packets sent further apart than they scatter. No
 * correlation is then right or wrong, and none is measured; what poisson mixing hides is measured
 * by entropy.h.
 *
 * No windows if the network does not mix in batches, if it is not known when packets were sent, or
 * if no two share a window. -ENOMEM and a message, or 0.
 */
LM_MUST_CHECK int mixing_order(struct order *order, const struct gen_setup *setup,
			       const struct tally *tally, struct lm_error *err);
