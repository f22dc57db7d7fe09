/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See certain.h. Few samples are kept, so far apart that they reach back over the wait: what was
 * sent since the last that is old enough is not counted yet.
 */
#include "certain.h"

static unsigned last(const struct certain *certain)
{
	return (certain->first + certain->n - 1) % CERTAIN_SAMPLES;
}

void certain_note(struct certain *certain, uint64_t now_us, uint32_t sent)
{
	uint64_t apart_us = certain->wait_us / (CERTAIN_SAMPLES / 2);

	while (certain->n > 0 &&
	       certain->sample[certain->first].at_us + certain->wait_us < now_us) {
		certain->old = certain->sample[certain->first].sent;
		certain->first = (certain->first + 1) % CERTAIN_SAMPLES;
		certain->n--;
	}
	if (certain->n == CERTAIN_SAMPLES ||
	    (certain->n > 0 && now_us < certain->sample[last(certain)].at_us + apart_us))
		return;
	certain->n++;
	certain->sample[last(certain)].at_us = now_us;
	certain->sample[last(certain)].sent = sent;
}

uint32_t certain_lost(const struct certain *certain, uint32_t received)
{
	return certain->old > received ? certain->old - received : 0;
}
