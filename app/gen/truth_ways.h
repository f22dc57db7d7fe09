/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * truth.c and truth_ways.c: what each needs of the other.
 */
#pragma once

#include "truth.h"

/* The flight of this id, or TRUTH_NONE. */
uint32_t truth_find(const struct truth *truth, const uint8_t id[16]);

/* Makes the table anew, after flights have moved. */
void truth_index(struct truth *truth);

/* Peels all that still waits. */
void truth_peel_all(struct truth *truth);
