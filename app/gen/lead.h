/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How far ahead a run's start is set, so that the packets that are built for it are there by then:
 * from the pace at which earlier ones were built, as far as it is known.
 */
#pragma once

#include "lm_base.h"

#define LEAD_LEAST_US 100000

struct lead {
	double built_pps; /* 0: not known */
};

/* For so many packets, with half as much time again; the least where the pace is not known. */
uint64_t lead_first_us(const struct lead *lead, uint32_t packets);

/*
 * After one in which `built` of the packets were built: as that says, with half as much time again,
 * but twice as long at least, and at most LEAD_GROWS times, since the few packets of a short time
 * may say anything.
 */
#define LEAD_GROWS 8
uint64_t lead_longer_us(uint64_t lead_us, uint32_t built, uint32_t packets);

/*
 * So many of these packets were built in that time. Unless it was all of them the builder has
 * waited for something else, and nothing is learned.
 */
void lead_note(struct lead *lead, uint32_t built, uint32_t packets, uint64_t took_us);
