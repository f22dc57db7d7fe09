/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What run.json says of a network beside the records of a run (app/sim/README.md): all of it is in
 * the topology, which everybody knows.
 */
#pragma once

#include <jansson.h>

#include "lm_topology.h"

/* A new object: format, nodes in the order of their numbers, strategy, mixing, cover. */
json_t *run_json_make(const struct lm_topology *topology);
