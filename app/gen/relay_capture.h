/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * "ID=FILE", the captures of --relay.
 */
#pragma once

#include "lm_topology.h"

/* The node and the file. -EINVAL, or -ENOENT if there is no such node, and a message. */
LM_MUST_CHECK int relay_capture_parse(const struct lm_topology_node **node, const char **path,
				      const struct lm_topology *topology, const char *text,
				      struct lm_error *err);
