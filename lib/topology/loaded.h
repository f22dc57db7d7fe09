/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What stands in memory behind the public struct: one allocation, with the nodes and the indices
 * behind it.
 */
#pragma once

#include "lm_topology.h"

struct loaded {
	struct lm_topology topology; /* first, so that a pointer to it is one to the whole */
	const uint32_t *id;          /* by rising id, dense: a search touches few cache lines */
};
