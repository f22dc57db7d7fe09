/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See histogram_json.h.
 */
#include "histogram_json.h"

#include <errno.h>

#define NS_PER_US 1e3

static const struct point {
	const char *name;
	unsigned permille;
} points[] = {{"p50", 500}, {"p90", 900}, {"p99", 990}, {"p999", 999}};

static json_t *integer(uint64_t value)
{
	/* JSON has no more than these; no latency comes near */
	return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

static json_t *buckets_to_json(const struct histogram *histogram)
{
	json_t *buckets = json_array();

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		json_t *bucket;

		if (histogram->bucket[i] == 0)
			continue;
		bucket = json_array();
		json_array_append_new(bucket, integer(histogram_bucket_lowest(i)));
		json_array_append_new(bucket, integer(histogram_bucket_highest(i)));
		json_array_append_new(bucket, integer(histogram->bucket[i]));
		json_array_append_new(buckets, bucket);
	}
	return buckets;
}

json_t *histogram_to_json(const struct histogram *histogram)
{
	json_t *json = histogram->count ? json_object() : json_null();

	if (histogram->count == 0)
		return json;
	json_object_set_new(json, "unit", json_string("ns"));
	json_object_set_new(json, "count", integer(histogram->count));
	json_object_set_new(json, "min", integer(histogram->min));
	json_object_set_new(json, "mean", json_real(histogram_mean(histogram)));
	for (unsigned i = 0; i < LM_COUNT(points); i++)
		json_object_set_new(json, points[i].name,
				    integer(histogram_quantile(histogram, points[i].permille)));
	json_object_set_new(json, "max", integer(histogram->max));
	json_object_set_new(json, "buckets", buckets_to_json(histogram));
	return json;
}

json_t *histogram_summary_us(const struct histogram *histogram)
{
	json_t *json = histogram->count ? json_object() : json_null();

	if (histogram->count == 0)
		return json;
	json_object_set_new(json, "count", integer(histogram->count));
	json_object_set_new(json, "min", json_real((double)histogram->min / NS_PER_US));
	json_object_set_new(json, "mean", json_real(histogram_mean(histogram) / NS_PER_US));
	for (unsigned i = 0; i < LM_COUNT(points); i++)
		json_object_set_new(json, points[i].name,
				    json_real((double)histogram_quantile(histogram,
									 points[i].permille) /
					      NS_PER_US));
	json_object_set_new(json, "max", json_real((double)histogram->max / NS_PER_US));
	return json;
}

/* ---- Reading ---- */

/* A number that is not negative. */
static bool get(uint64_t *value, const json_t *json)
{
	*value = json_is_integer(json) ? (uint64_t)json_integer_value(json) : UINT64_MAX;
	return *value <= INT64_MAX;
}

/* One bucket; *next is the first that may follow the last one. */
static int read_bucket(struct histogram *histogram, unsigned *next, const json_t *json,
		       struct lm_error *err)
{
	uint64_t lowest, highest, count;
	unsigned i;

	if (json_array_size(json) != 3 || !get(&lowest, json_array_get(json, 0)) ||
	    !get(&highest, json_array_get(json, 1)) || !get(&count, json_array_get(json, 2)))
		return lm_error_set(err, EINVAL,
				    "histogram: a bucket is not [lowest, highest, count]");
	i = histogram_bucket_of(lowest);
	if (i < *next || histogram_bucket_lowest(i) != lowest ||
	    (histogram_bucket_highest(i) != highest && highest != INT64_MAX))
		return lm_error_set(err, EINVAL,
				    "histogram: no bucket from %llu to %llu may stand here",
				    (unsigned long long)lowest, (unsigned long long)highest);
	histogram->bucket[i] = count;
	histogram->count += count;
	*next = i + 1;
	return 0;
}

/* What stands beside the buckets must be what they say. */
static int read_ends(struct histogram *histogram, const json_t *json, struct lm_error *err)
{
	uint64_t count;
	unsigned first = 0, last = HISTOGRAM_BUCKETS - 1;

	if (!get(&count, json_object_get(json, "count")) || count != histogram->count ||
	    count == 0 || !get(&histogram->min, json_object_get(json, "min")) ||
	    !get(&histogram->max, json_object_get(json, "max")))
		return lm_error_set(err, EINVAL,
				    "histogram: count, min and max are not those of its buckets");
	while (histogram->bucket[first] == 0)
		first++;
	while (histogram->bucket[last] == 0)
		last--;
	if (histogram_bucket_of(histogram->min) != first ||
	    histogram_bucket_of(histogram->max) != last || histogram->min > histogram->max)
		return lm_error_set(err, EINVAL,
				    "histogram: min and max are not in its first and last bucket");
	histogram->sum = json_number_value(json_object_get(json, "mean")) * (double)count;
	return 0;
}

int histogram_from_json(struct histogram *histogram, const json_t *json, struct lm_error *err)
{
	const json_t *buckets = json_object_get(json, "buckets");
	const char *unit = json_string_value(json_object_get(json, "unit"));
	unsigned next = 0;
	int rc = 0;

	memset(histogram, 0, sizeof(*histogram));
	if (json_is_null(json))
		return 0;
	if (!unit || strcmp(unit, "ns") != 0 || !json_is_array(buckets))
		return lm_error_set(err, EINVAL,
				    "histogram: neither null nor an object with unit \"ns\" and "
				    "buckets");
	for (size_t i = 0; rc == 0 && i < json_array_size(buckets); i++)
		rc = read_bucket(histogram, &next, json_array_get(buckets, i), err);
	if (rc == 0)
		rc = read_ends(histogram, json, err);
	if (rc != 0)
		memset(histogram, 0, sizeof(*histogram));
	return rc;
}
