/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Adds up what stages.h counts in a relay. Any thread, at any time; what is still being written is
 * read as it stands.
 */
#pragma once

#include "relay.h"

/* Of all workers, the mixer and a feeder, and the whole of the lcores' time. */
void timed_all(struct stage_times *out, const struct relay *relay);

/* Of one worker alone, < relay->workers; nothing of the lcores. */
void timed_worker(struct stage_times *out, const struct relay *relay, unsigned worker);
