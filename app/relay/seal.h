/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The sending end of links with sessions: packets become frames, on the lanes of their worker in
 * turn, each lane from its own UDP port. An item of the mixer without a packet is a dummy for its
 * link: it is made here, and where it cannot be sent, nothing is lost but it.
 */
#pragma once

#include "worker.h"

/* Why nothing can be sent to this one; LM_DROP_NONE: it can. NULL: the topology has changed while
 * the packet was held. */
enum lm_drop seal_check(const struct view_peer *peer);

/*
 * Makes frames with outer headers of 1 <= n <= LM_BURST items, which become worker->unsent; that is
 * empty before. Packets that cannot be sent are dropped.
 */
void seal_burst(struct worker *worker, const struct lm_mix_item *item, unsigned n);
