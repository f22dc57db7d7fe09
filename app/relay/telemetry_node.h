/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The node over telemetry: who it is, where it is in time, how much of each layer it reaches, and
 * how full its replay sets are. For telemetry.c, which keeps the relay and its view in place.
 */
#pragma once

#include "telemetry_names.h"

#include "relay.h"

/*
 * Version, id, role, layer, strategy; the epoch and its bounds in UTC; room for packets that are
 * held; and for each layer L of the network layer_L_nodes, of them layer_L_links neighbours of this
 * node, of them layer_L_up reached.
 */
void telemetry_add_node(const struct relay *relay, struct rte_tel_data *data);

/* Tags and room of the sets of the epoch before, the current and the next one, where there. */
void telemetry_add_replay(const struct relay *relay, struct rte_tel_data *data);
