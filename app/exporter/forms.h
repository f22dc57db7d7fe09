/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the exporter says of relays, in its three forms: Prometheus's text format (version 0.0.4),
 * and JSON for the page: what is now, and the last minutes.
 *
 * All of it is of the last round that is over, so of a second at least and of the whole relay.
 * Names, labels and how many there are of them are fixed here: nothing that a relay says becomes a
 * new one, but its version, its CPUs' numbers and the ids of neighbours that are down (JSON only).
 */
#pragma once

#include "collect.h"
#include "history.h"
#include "text.h"

/* The metrics of n relays. */
void form_metrics(struct text *text, const struct collect *relay, unsigned n);

/* {"time": .., "round": .., "relays": [..], ..}: all that the page shows of now. */
void form_state(struct text *text, const struct collect *relay, unsigned n, unsigned interval_s,
		uint64_t wall_s, uint64_t round);

/* {"interval": .., "relays": {NAME: {SERIES: [..]}}}: oldest first, null where not known. */
void form_history(struct text *text, const struct collect *relay, const struct history *history,
		  unsigned n, unsigned interval_s);

/* Do all relays, or the one of this name, answer and say that they are ready? -1: there is none of
 * that name. */
int form_ready(const struct collect *relay, unsigned n, const char *name);
