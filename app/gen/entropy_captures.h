/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Captures at every mix, and the entropy that messages had for who saw them.
 */
#pragma once

#include "entropy.h"
#include "lm_topology.h"

/*
 * Reads n captures, each "ID=FILE": what came to mix ID and what it sent, in one file or several.
 * Every mix of the topology must have one, the network mix by poisson, and have no cover: what a
 * mix makes itself enters it unseen. 0, or -errno and a message.
 */
LM_MUST_CHECK int entropy_of_captures(struct entropy *entropy, const struct lm_topology *topology,
				      const char *const *capture, unsigned n, struct lm_error *err);
