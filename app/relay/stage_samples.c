/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See stage_samples.h.
 */
#include "stage_samples.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WARM_UP 10 /* one part in this is left out */

struct stage_samples {
	unsigned n, room;
	struct stage_sample at[];
};

struct stage_samples *stage_samples_make(unsigned room)
{
	size_t size = sizeof(struct stage_samples) + room * sizeof(struct stage_sample);
	struct stage_samples *samples = malloc(size);

	if (!samples)
		return NULL;
	memset(samples, 0, size); /* so that its pages are there before it is used */
	samples->room = room;
	return samples;
}

void stage_samples_add(struct stage_samples *samples, const struct stage_sample *sample)
{
	if (samples->n < samples->room)
		samples->at[samples->n++] = *sample;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Writes those of one worker; returns how many. */
static size_t gather(double *out, const struct stage_samples *samples, enum stage_id stage,
		     unsigned packets)
{
	size_t n = 0, early;

	for (unsigned i = 0; i < samples->n; i++) {
		const struct stage_sample *sample = &samples->at[i];

		if (sample->packets[stage] == packets)
			out[n++] = (double)sample->cycles[stage] / packets;
	}
	early = n / WARM_UP;
	memmove(out, out + early, (n - early) * sizeof(*out));
	return n - early;
}

int stage_samples_figure(struct stage_figure *out, struct stage_samples *const *samples, unsigned n,
			 enum stage_id stage, unsigned packets)
{
	size_t all = 0, kept = 0;
	double *value;

	LM_ASSERT(packets > 0);
	for (unsigned i = 0; i < n; i++)
		all += samples[i]->n;
	*out = (struct stage_figure){0};
	value = calloc(all + 1, sizeof(*value));
	if (!value)
		return -ENOMEM;
	for (unsigned i = 0; i < n; i++)
		kept += gather(value + kept, samples[i], stage, packets);
	if (kept > 0) {
		qsort(value, kept, sizeof(*value), compare);
		*out = (struct stage_figure){(unsigned)kept, value[kept / 2], value[0]};
	}
	free(value);
	return 0;
}
