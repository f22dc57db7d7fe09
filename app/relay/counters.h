/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The books: every packet that was received, made here as cover, or taken over from the process
 * before, is sent, delivered, held or dropped for a named reason.
 *
 * Each lcore and the sink write counters of their own; anybody may read them at any time, and they
 * add up exactly whenever nothing moves.
 */
#pragma once

#include <stdio.h>

#include "lm_base.h"

struct counters {
	uint64_t received;   /* frames from the port but those for the kernel */
	uint64_t cover;      /* own cover that has entered the mix */
	uint64_t taken_over; /* packets that the process before had held */
	uint64_t sent;       /* packets given to the port */
	uint64_t delivered;  /* packets that a service or the mailbox writer took */
	uint64_t drop[LM_DROP_COUNT];
	/* no packets, and so in no balance */
	uint64_t kernel_in, kernel_out, kernel_lost;
	uint64_t handshake_in, handshake_out, handshake_lost; /* messages of links */
	uint64_t dummy_in, dummy_out, dummy_lost;             /* frames of links without a packet */
} LM_CACHE_ALIGNED;

/* One writer a counter, any number of readers. */
static inline void count_add(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

/* total += one, counter by counter; `one` may be changing. */
void counters_add(struct counters *total, const struct counters *one);

/* All named drops together. */
uint64_t counters_dropped(const struct counters *counters);

/* What came in less what went out, is held or was dropped: zero if the books close. */
int64_t counters_off(const struct counters *counters, uint64_t held);

/* Prints the balance as one line; returns true if it closes. */
LM_MUST_CHECK bool counters_print_balance(FILE *to, const struct counters *counters, uint64_t held);

/* The same as the members of a JSON object, without its braces. */
LM_MUST_CHECK bool counters_print_json(FILE *to, const struct counters *counters, uint64_t held);
