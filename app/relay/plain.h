/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Plain forwarding, for measuring beside it what mixing costs: frames go from a worker's receive
 * queue to its transmit queue, unseen. A feed alone runs it, on its port of rings, in place of
 * worker_step and mixer_step; nothing of a relay on a NIC leads here.
 */
#pragma once

#include "worker.h"

/* One step of a worker: a burst of worker->most frames. Returns how much it moved. */
unsigned plain_step(void *worker, uint64_t now_us);

/* The same, and counts the cycles of rx and tx. */
unsigned plain_step_timed(void *worker, uint64_t now_us);
