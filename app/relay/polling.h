/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What every polling lcore does: rest when a round moved nothing, and end so that others see its
 * work.
 */
#pragma once

#include "lm_base.h"

/*
 * Call after each empty round with the number of empty rounds before it. On a CPU of its own an
 * lcore spins; on a shared one it yields, and sleeps for a moment when it has been idle for long:
 * two lcores that spin on one CPU starve each other.
 */
void polling_rest(bool spin, unsigned empty_rounds);

/* Such a sleep lasts 20 us, the kernel's slack of 50, and until the CPU is given back: this, with
 * room for a round. */
#define POLLING_NAP_MAX_US 150

/* The last thing that an lcore does: sets its flag. */
void polling_return(bool *returned);

/* Waits until all lcores have returned; what the one with this flag wrote may then be read freely.
 */
void polling_join(const bool *returned);
