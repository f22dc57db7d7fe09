/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See lead.h.
 */
#include "lead.h"

#define SECOND_US 1e6
#define SPARE     1.5 /* of the time that it should take */

uint64_t lead_first_us(const struct lead *lead, uint32_t packets)
{
	double lead_us = lead->built_pps > 0 ? packets / lead->built_pps * SPARE * SECOND_US : 0;

	return lead_us > LEAD_LEAST_US ? (uint64_t)lead_us : LEAD_LEAST_US;
}

uint64_t lead_longer_us(uint64_t lead_us, uint32_t built, uint32_t packets)
{
	double wanted = built > 0 ? SPARE * packets / built : LEAD_GROWS;

	if (wanted < 2)
		wanted = 2;
	return (uint64_t)((double)lead_us * (wanted < LEAD_GROWS ? wanted : LEAD_GROWS));
}

void lead_note(struct lead *lead, uint32_t built, uint32_t packets, uint64_t took_us)
{
	if (took_us > 0 && built >= packets)
		lead->built_pps = built * SECOND_US / (double)took_us;
}
