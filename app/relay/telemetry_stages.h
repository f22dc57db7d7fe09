/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The answer to /linemix/stages (stages.h).
 */
#pragma once

#include "relay.h"
#include "telemetry_names.h"

/*
 * Puts the figures into *data, which has begun: "timed", whether they grow now, "tsc_hz" and
 * "workers", then those of all workers and the mixer; or, where `worker` is a number, of that
 * worker alone. Returns 0, or -1: there is no such worker.
 */
LM_MUST_CHECK int telemetry_add_stages(struct rte_tel_data *data, const struct relay *relay,
				       const char *worker);
