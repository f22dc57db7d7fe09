/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is said of the time of stages: every figure once, under its own name, and all of it adds up.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "stage_samples.h"
#include "stages.h"
#include "testing.h"

static void a_call_that_moves_nothing_is_no_burst(void **state)
{
	struct stage_time time = {0};

	(void)state;
	stage_count(&time, 100, 3);
	stage_count(&time, 20, 0);
	stage_count(&time, 300, 5);
	assert_int_equal(time.cycles, 400);
	assert_int_equal(time.bursts, 2);
	assert_int_equal(time.packets, 8);
	assert_int_equal(time.empty_cycles, 20);
}

/* Figures that all differ: 1, 2, 3 ... */
static struct stage_times numbered(void)
{
	struct stage_times times;
	uint64_t *word = (uint64_t *)&times;

	for (unsigned i = 0; i < sizeof(times) / sizeof(*word); i++)
		word[i] = i + 1;
	return times;
}

static json_t *print(const struct stage_times *times)
{
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);
	json_t *json;

	assert_non_null(to);
	stage_times_print_json(to, times, 2000000000);
	fclose(to);
	json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(json);
	free(text);
	return json;
}

static uint64_t value(const json_t *json, const char *name)
{
	const json_t *member = json_object_get(json, name);

	assert_non_null(member);
	return (uint64_t)json_integer_value(member);
}

static void every_figure_has_a_name_of_its_own(void **state)
{
	struct stage_times times = numbered();
	json_t *json = print(&times);

	(void)state;
	assert_int_equal(json_object_size(json), 1 + 4 * STAGES + 3);
	assert_int_equal(value(json, "tsc_hz"), 2000000000);
	assert_int_equal(value(json, "rx_cycles"), times.of[STAGE_RX].cycles);
	assert_int_equal(value(json, "peel_bursts"), times.of[STAGE_PEEL].bursts);
	assert_int_equal(value(json, "kernel_packets"), times.of[STAGE_KERNEL].packets);
	assert_int_equal(value(json, "mix_take_empty_cycles"),
			 times.of[STAGE_MIX_TAKE].empty_cycles);
	assert_int_equal(value(json, "feed_cycles"), times.of[STAGE_FEED].cycles);
	assert_int_equal(value(json, "lcore_cycles"), times.lcore_cycles);
	assert_int_equal(value(json, "lcore_rest_cycles"), times.rest_cycles);
	json_decref(json);
}

static void stages_rest_and_the_other_are_all_the_time_there_is(void **state)
{
	struct stage_times times = {.lcore_cycles = 1000, .rest_cycles = 300};
	json_t *json;

	(void)state;
	times.of[STAGE_PEEL].cycles = 400;
	times.of[STAGE_MIX_GIVE].empty_cycles = 50;
	json = print(&times);
	assert_int_equal(value(json, "lcore_other_cycles"), 250);
	json_decref(json);
	times.of[STAGE_PEEL].cycles = 5000; /* read later than the whole */
	json = print(&times);
	assert_int_equal(value(json, "lcore_other_cycles"), 0);
	json_decref(json);
}

static void a_window_is_what_grew_in_it(void **state)
{
	struct stage_times before = numbered(), now = numbered();

	(void)state;
	now.of[STAGE_TX].packets += 64;
	now.rest_cycles += 7;
	stage_times_less(&now, &before);
	assert_int_equal(now.of[STAGE_TX].packets, 64);
	assert_int_equal(now.rest_cycles, 7);
	now.of[STAGE_TX].packets = now.rest_cycles = 0;
	memset(&before, 0, sizeof(before));
	assert_memory_equal(&now, &before, sizeof(now));
}

static void totals_add_up_over_workers(void **state)
{
	struct stage_time total = {1, 2, 3, 4}, one = {10, 20, 30, 40};

	(void)state;
	stage_time_add(&total, &one);
	assert_int_equal(total.cycles, 11);
	assert_int_equal(total.bursts, 22);
	assert_int_equal(total.packets, 33);
	assert_int_equal(total.empty_cycles, 44);
}

/* Steps of which the stage takes 10, 20, 30 ... cycles a packet. */
static struct stage_samples *sampled(unsigned n, unsigned packets)
{
	struct stage_samples *samples = stage_samples_make(n);

	assert_non_null(samples);
	for (unsigned i = 0; i < n; i++) {
		struct stage_sample sample = {0};

		sample.cycles[STAGE_PEEL] = (uint64_t)10 * (i + 1) * packets;
		sample.packets[STAGE_PEEL] = packets;
		stage_samples_add(samples, &sample);
	}
	return samples;
}

static void a_stage_costs_the_median_of_its_full_bursts(void **state)
{
	struct stage_samples *two[] = {sampled(20, 64), sampled(40, 7)};
	struct stage_sample extra = {.cycles[STAGE_PEEL] = 1, .packets[STAGE_PEEL] = 64};
	struct stage_figure figure;

	(void)state;
	stage_samples_add(two[0], &extra); /* no room */
	/* of 20 the first two are left out: 30, 40, .. 200 */
	assert_int_equal(stage_samples_figure(&figure, two, 2, STAGE_PEEL, 64), 0);
	assert_int_equal(figure.bursts, 18);
	assert_true(figure.least == 30);
	assert_true(figure.median == 120);
	assert_int_equal(stage_samples_figure(&figure, two, 2, STAGE_PEEL, 7), 0);
	assert_int_equal(figure.bursts, 36);
	assert_int_equal(stage_samples_figure(&figure, two, 2, STAGE_PEEL, 8), 0);
	assert_int_equal(figure.bursts, 0);
	assert_true(figure.median == 0);
	free(two[0]);
	free(two[1]);
}

static void steps_without_a_stage_do_not_age_it(void **state)
{
	struct stage_samples *samples = stage_samples_make(300);
	struct stage_sample peel = {.cycles[STAGE_PEEL] = 640, .packets[STAGE_PEEL] = 64},
			    other = {0};
	struct stage_figure figure;

	(void)state;
	assert_non_null(samples);
	for (unsigned i = 0; i < 10; i++)
		stage_samples_add(samples, &peel);
	for (unsigned i = 0; i < 290; i++)
		stage_samples_add(samples, &other);
	assert_int_equal(stage_samples_figure(&figure, &samples, 1, STAGE_PEEL, 64), 0);
	assert_int_equal(figure.bursts, 9);
	assert_true(figure.median == 10);
	free(samples);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_that_moves_nothing_is_no_burst),
		cmocka_unit_test(every_figure_has_a_name_of_its_own),
		cmocka_unit_test(stages_rest_and_the_other_are_all_the_time_there_is),
		cmocka_unit_test(a_window_is_what_grew_in_it),
		cmocka_unit_test(totals_add_up_over_workers),
		cmocka_unit_test(a_stage_costs_the_median_of_its_full_bursts),
		cmocka_unit_test(steps_without_a_stage_do_not_age_it),
	};

	return RUN_TESTS(tests);
}
