/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What people are told of the ways to neighbours: which address is in use, and whether the way
 * carries packets, whose length is fixed. What is counted here is for telemetry.
 *
 * The control thread alone uses this. Bound: WAYS_LINES lines for each change of a view.
 */
#pragma once

#include <stdio.h>

#include "view.h"

#define WAYS_LINES 32

struct ways {
	uint64_t low_mtu;       /* links whose MTU is too small for packets */
	uint64_t second_best;   /* links on another address than the first */
	uint64_t alarm_low_mtu; /* times at which a link's MTU turned out too small */
};

/* Bytes that the IP packets to a peer that is resolved have. */
unsigned ways_needed_mtu(const struct view *view, const struct view_peer *peer);

/* True if the MTU of the way to a peer is known, and smaller than that. */
bool ways_low_mtu(const struct view *view, const struct view_peer *peer);

/* Says what `next` changes in the ways of `old`, which may be NULL, and counts. */
void ways_change(struct ways *ways, FILE *to, const struct view *old, const struct view *next);
