/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The clocks of the control path.
 */
#include <time.h>

#include "lm_base.h"

static uint64_t read_us(clockid_t id)
{
	struct timespec now;

	LM_ASSERT(clock_gettime(id, &now) == 0);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t lm_clock_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}

uint64_t lm_clock_wall_us(void)
{
	return read_us(CLOCK_REALTIME);
}
