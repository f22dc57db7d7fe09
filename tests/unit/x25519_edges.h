/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Points on which fast implementations of X25519 have failed: shared by the unit test and the long
 * one. All of it is public.
 */
#pragma once

#include "lm_x25519.h"

/* How many there are. */
unsigned x25519_edge_count(void);

/*
 * Point i: within 2000 of p, at both ends of every limb of the usual radices, limbs all zeros or
 * all ones in every combination, of small order, and translates of others by points of small order.
 */
struct lm_point x25519_edge(unsigned i);

/* translate j of group i: 8 (curve) or 4 (twist) points whose multiples by a clamped secret agree.
 */
#define X25519_TORSION_GROUPS 4
unsigned x25519_torsion_size(unsigned group);
struct lm_point x25519_torsion(unsigned group, unsigned j);
