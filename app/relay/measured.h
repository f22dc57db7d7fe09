/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The file `capacity` in the state folder: what --self-test has found that this machine carries
 * with this configuration. publish.capacity: auto puts it into the descriptor.
 *
 *     {"format": "linemix-capacity-v1", "capacity": 48000, "measured": 60000, "margin_percent": 20,
 *      "workers": 1, "link": "noise", "profile": 0}
 *
 * Control path; nothing here is secret.
 */
#pragma once

#include "config.h"

#define MEASURED_FILE   "capacity"
#define MEASURED_MARGIN 20 /* percent of what was measured that are not promised to senders */

struct measured {
	uint32_t capacity;     /* packets a second, 1 at least */
	uint64_t measured_pps; /* before the margin, and before other limits */
	unsigned workers, profile;
	unsigned link; /* enum config_link */
};

/* The capacity of a machine that carries so many packets a second: less the margin, 1 at least, and
 * no more than limits.max_packets_per_second has room for. */
uint32_t measured_capacity(uint64_t pps, const struct node_config *config);

/* Replaces the file. -errno and a message. */
LM_MUST_CHECK int measured_write(const struct measured *measured, const char *state,
				 struct lm_error *err);

/*
 * Reads it. -ENOENT: nothing was measured. -EINVAL and a message: it is not such a file. -ESTALE
 * and a message: it was measured with another number of workers or another link mode than config
 * has.
 */
LM_MUST_CHECK int measured_read(struct measured *measured, const struct node_config *config,
				struct lm_error *err);
