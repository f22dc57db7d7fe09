/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Links over telemetry: how each neighbour is reached. For telemetry.c, which keeps the relay and
 * its view in place meanwhile.
 */
#pragma once

#include "telemetry_names.h"

#include "relay.h"

/* The ids of neighbours from a place of the view's table on, as many as an answer takes: an array
 * that begins with the place to go on at, 0 if these were the last. */
void telemetry_add_links(struct rte_tel_data *data, const struct view *view, uint32_t place);

/* Can packets go to this neighbour now? */
bool telemetry_reached(const struct view_peer *peer);

/* The ids of neighbours that are not reached, as many as an answer takes. */
void telemetry_add_down(struct rte_tel_data *data, const struct view *view);

/* One neighbour; -1: there is none of that id. */
int telemetry_add_link(struct rte_tel_data *data, const struct view *view, uint32_t id);
