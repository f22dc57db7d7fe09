/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What arrives where links have sessions, and is worth opening: the rest ends, at the cost of a
 * look at its first bytes. A stranger's frame so takes no room, and no turn, from anybody's.
 *
 * A step goes on receiving until SHARE_LOOK frames are kept or SIFT_LOOK were looked at.
 */
#pragma once

#include "worker.h"

#define SIFT_LOOK 4096 /* frames that a step looks at, at most */

/*
 * From the NIC's queue to worker->arrived_mbuf: frames under a live index, of this worker's lanes,
 * cut to their UDP payload; and whole ones for the kernel. Frames of other lanes go to their
 * workers, handshakes to control. Returns how many it looked at.
 */
unsigned sift_receive(struct worker *worker);

/*
 * The queue of a frame's sender if there is still room for what it sends; else the frame has ended
 * and is in thrown[*n], its drop counted, and not yet that it was received.
 */
LM_MUST_CHECK bool sift_claim(struct worker *worker, uint32_t *queue, struct rte_mbuf *frame,
			      void **thrown, unsigned *n);
