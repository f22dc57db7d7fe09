/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a relay holds, over a restart: out of rings, ports and the mix into the runtime directory's
 * file, and from there into the mix of the next start. Both run while no lcore does.
 */
#pragma once

#include "handover.h"
#include "relay.h"

/*
 * Hands over all that is held: counted in relay->handed_over, and so still held in the books. What
 * finds no room is dropped as LM_DROP_STOPPED. `progress`, which may be NULL, is called now and
 * then. On failure a message, and what had been taken out of the mix is dropped likewise.
 */
LM_MUST_CHECK int restart_hand_over(struct relay *relay, int dir, uint64_t closed_us,
				    void (*progress)(void *context), void *context,
				    struct lm_error *err);

/*
 * Puts what the process before held into the mix, with what is left of the delays, and tells on
 * stderr how many packets they are and for how long nobody received. A file that is refused is told
 * of in the same way: the relay starts without it. dir -1: there is none.
 */
void restart_take_over(struct relay *relay, int dir);
