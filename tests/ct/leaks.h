/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Functions that leak their secret by a branch, by an address, or by how long they run. Every check
 * of this folder must notice them.
 */
#pragma once

#include "lm_base.h"

/* Branches on the lowest bit. */
unsigned leak_by_branch(const uint8_t *secret);

/* Reads memory at a place that the secret names. */
unsigned leak_by_index(const uint8_t *secret);

/* Stops at the first difference, as memcmp does. */
bool leak_by_early_exit(const uint8_t a[16], const uint8_t b[16]);
