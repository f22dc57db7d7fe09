/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Histograms of nanoseconds as JSON, written and read: what linemix-gen reports, and what other
 * programs plot, add up and compare. The format stands in README.md, "Histograms".
 */
#pragma once

#include <jansson.h>

#include "stats.h"

/* A new object; null if the histogram is empty. NULL: no memory. */
json_t *histogram_to_json(const struct histogram *histogram);

/* Only count, min, mean, p50, p90, p99, p999 and max, in microseconds with fractions. */
json_t *histogram_summary_us(const struct histogram *histogram);

/*
 * Reads such an object, or null, back: all buckets, count, min and max, and the mean as it was
 * written. -EINVAL and a message that says what is wrong; *histogram is then empty. The object may
 * come from anybody.
 */
LM_MUST_CHECK int histogram_from_json(struct histogram *histogram, const json_t *json,
				      struct lm_error *err);
