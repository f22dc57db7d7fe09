/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What may change while a relay runs: the topology's epoch, nodes and keys, the services of a
 * gateway, and the path of the topology. All else was built at the start.
 */
#pragma once

#include "config.h"
#include "lm_topology.h"

/* The end of every message about what must not change. */
#define CHANGES_RESTART \
	"cannot change while the relay runs: restart it (SIGTERM hands over what is held)"

/* The key of the first value that differs and must not, or NULL. */
const char *changes_in_config(const struct relay_config *now, const struct relay_config *next);

/*
 * May a relay that runs as `now` go on as `next`, its own node in the other document? -EINVAL and a
 * message that names the field; `name` stands for the document.
 */
LM_MUST_CHECK int changes_in_topology(const struct lm_topology *now,
				      const struct lm_topology_node *now_node,
				      const struct lm_topology *next,
				      const struct lm_topology_node *next_node, const char *name,
				      struct lm_error *err);
