/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Numbers for neighbours, small enough for the mixer's 16-byte items: a node that has once been a
 * neighbour keeps its number as long as the process lives, whatever becomes of the topology. What
 * is held over a change of the topology so never takes another node's way.
 *
 * The control thread alone uses this; views carry the numbers to the lcores.
 */
#pragma once

#include "lm_base.h"
#include "source.h"

#define LINKS_MAX    65534      /* 0 is no link, and the last number means own cover (LM_MIX_OWN) */
#define LINKS_PLACES (1u << 17) /* of the table: at most half full */

struct lm_topology;
struct sessions;

struct links {
	struct sessions *sessions;        /* NULL: links carry bare packets */
	uint64_t views;                   /* that were made with them */
	const struct lm_topology *before; /* neighbours that it alone lists part (parting.h);
					     NULL: none do */
	uint32_t n;                       /* numbers 1 .. n are given */
	uint32_t id[LINKS_MAX + 1];       /* by number */
	uint16_t place[LINKS_PLACES];     /* a number; 0: empty */
	struct source_key source_key; /* of the views' tables of sources: secret, so that nobody can
					 choose addresses that fall together */
};

/* Draws the key; the rest starts zeroed. */
void links_init(struct links *links);

/* The number of node `id`, given now if it has none. 0 when all numbers are given. */
uint16_t links_number(struct links *links, uint32_t id);
