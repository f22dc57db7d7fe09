/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * app/gen: histograms as JSON.
 */
#include <math.h>
#include <string.h>

#include "histogram_json.h"
#include "testing.h"

static struct lm_error err;

static struct histogram *make(const uint64_t *value, unsigned n)
{
	struct histogram *histogram = calloc(1, sizeof(*histogram));

	assert_non_null(histogram);
	for (unsigned i = 0; i < n; i++)
		histogram_add(histogram, value[i]);
	return histogram;
}

static void what_is_written_is_read_back(void **state)
{
	static const uint64_t value[] = {0,    1,       127,
					 128,  129,     1000,
					 1000, 5000000, UINT64_C(1) << 40};
	struct histogram *histogram = make(value, LM_COUNT(value)), *got = make(NULL, 0);
	json_t *json = histogram_to_json(histogram);
	char *text = json_dumps(json, JSON_COMPACT);

	(void)state;
	json_decref(json);
	json = json_loads(text, 0, NULL);
	assert_int_equal(histogram_from_json(got, json, &err), 0);
	assert_memory_equal(got->bucket, histogram->bucket, sizeof(got->bucket));
	assert_int_equal(got->count, histogram->count);
	assert_int_equal(got->min, histogram->min);
	assert_int_equal(got->max, histogram->max);
	assert_true(fabs(histogram_mean(got) - histogram_mean(histogram)) < 1);
	json_decref(json);
	free(text);
	free(histogram);
	free(got);
}

static void the_object_is_as_the_readme_says(void **state)
{
	static const uint64_t value[] = {5, 300, 300};
	struct histogram *histogram = make(value, LM_COUNT(value));
	json_t *json = histogram_to_json(histogram);
	json_t *want =
		json_loads("{\"unit\": \"ns\", \"count\": 3, \"min\": 5, \"mean\": "
			   "201.66666666666666, \"p50\": 300, \"p90\": 300, \"p99\": 300, "
			   "\"p999\": 300, \"max\": 300, \"buckets\": [[5, 5, 1], [300, 303, "
			   "2]]}",
			   0, NULL);

	(void)state;
	assert_non_null(want);
	assert_true(json_equal(json, want));
	json_decref(json);
	json_decref(want);
	free(histogram);
}

static void nothing_is_null(void **state)
{
	struct histogram *histogram = make(NULL, 0);
	json_t *json = histogram_to_json(histogram);

	(void)state;
	assert_true(json_is_null(json));
	assert_int_equal(histogram_from_json(histogram, json, &err), 0);
	assert_int_equal(histogram->count, 0);
	json_decref(json);
	json = histogram_summary_us(histogram);
	assert_true(json_is_null(json));
	json_decref(json);
	free(histogram);
}

static void what_is_no_histogram_is_refused(void **state)
{
	static const char *const bad[] = {
		"[]",
		"{}",
		"{\"unit\": \"us\", \"count\": 1, \"min\": 5, \"max\": 5, \"buckets\": [[5, 5, "
		"1]]}",
		"{\"unit\": \"ns\", \"count\": 0, \"min\": 0, \"max\": 0, \"buckets\": []}",
		"{\"unit\": \"ns\", \"count\": 2, \"min\": 5, \"max\": 5, \"buckets\": [[5, 5, "
		"1]]}",
		"{\"unit\": \"ns\", \"count\": 1, \"min\": 4, \"max\": 5, \"buckets\": [[5, 5, "
		"1]]}",
		"{\"unit\": \"ns\", \"count\": 1, \"min\": 5, \"max\": 6, \"buckets\": [[5, 5, "
		"1]]}",
		"{\"unit\": \"ns\", \"count\": 1, \"min\": 5, \"max\": 5, \"buckets\": [[5, 6, "
		"1]]}",
		"{\"unit\": \"ns\", \"count\": 1, \"min\": 5, \"max\": 5, \"buckets\": [[5, 5, "
		"-1]]}",
		"{\"unit\": \"ns\", \"count\": 1, \"min\": 5, \"max\": 5, \"buckets\": [[5, 5]]}",
		"{\"unit\": \"ns\", \"count\": 1, \"min\": 5, \"max\": 5, \"buckets\": [5]}",
		"{\"unit\": \"ns\", \"count\": 1, \"min\": 301, \"max\": 301, \"buckets\": [[301, "
		"303, 1]]}",
		"{\"unit\": \"ns\", \"count\": 2, \"min\": 5, \"max\": 6, \"buckets\": [[6, 6, 1], "
		"[5, 5, 1]]}",
	};
	struct histogram *histogram = make(NULL, 0);

	(void)state;
	for (unsigned i = 0; i < LM_COUNT(bad); i++) {
		json_t *json = json_loads(bad[i], 0, NULL);

		assert_non_null(json);
		err.text[0] = '\0';
		assert_int_equal(histogram_from_json(histogram, json, &err), -22);
		assert_non_null(strstr(err.text, "histogram: "));
		assert_int_equal(histogram->count, 0);
		json_decref(json);
	}
	free(histogram);
}

static void a_summary_is_in_microseconds(void **state)
{
	static const uint64_t value[] = {1000, 3000};
	struct histogram *histogram = make(value, LM_COUNT(value));
	json_t *json = histogram_summary_us(histogram);

	(void)state;
	assert_true(json_real_value(json_object_get(json, "min")) == 1);
	assert_true(json_real_value(json_object_get(json, "mean")) == 2);
	assert_true(json_real_value(json_object_get(json, "max")) == 3);
	json_decref(json);
	free(histogram);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read_back),
		cmocka_unit_test(the_object_is_as_the_readme_says),
		cmocka_unit_test(nothing_is_null),
		cmocka_unit_test(what_is_no_histogram_is_refused),
		cmocka_unit_test(a_summary_is_in_microseconds),
	};

	return RUN_TESTS(tests);
}
