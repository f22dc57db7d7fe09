/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a relay says over telemetry, and what it may not say; and how rates follow.
 */
#include "reading.h"

#include <errno.h>
#include <stdio.h>

#include "testing.h"

#define STATS                                                                                      \
	"\"received\": 120, \"sent\": 90, \"delivered\": 5, \"held\": 15, \"dropped\": 10, "       \
	"\"drop_mac\": 4, \"drop_replay\": 6, \"uptime_us\": 2000000, \"loop_verdict\": \"warn\"," \
	"\"clock_offset_ms\": -250, \"ready\": 1"

static int take(struct reading *reading, enum reading_command command, const char *value)
{
	struct lm_error err = {""};
	char text[4096];
	int rc;

	snprintf(text, sizeof(text), "{\"%s\": %s}", reading_command_name[command], value);
	rc = reading_take(reading, command, text, strlen(text), &err);
	assert_true(rc == 0 || err.text[0] != '\0');
	return rc;
}

static void counters_are_taken_by_name(void **state)
{
	struct reading reading = {0};

	(void)state;
	assert_int_equal(take(&reading, READING_STATS, "{" STATS "}"), 0);
	assert_int_equal(reading.value[READING_RECEIVED], 120);
	assert_int_equal(reading.value[READING_HELD], 15);
	assert_int_equal(reading.drop[LM_DROP_MAC], 4);
	assert_int_equal(reading.drop[LM_DROP_REPLAY], 6);
	assert_int_equal(reading.clock_offset_ms, -250);
	assert_string_equal(reading.verdict, "warn");
}

static void what_is_not_told_is_absent(void **state)
{
	struct reading reading = {0};

	(void)state;
	assert_int_equal(take(&reading, READING_STATS, "{" STATS "}"), 0);
	assert_true(reading.has[READING_READY]);
	assert_false(reading.has[READING_LOOPS_SENT]);
	assert_int_equal(take(&reading, READING_OF_NODE, "null"), 0);
	assert_false(reading.has[READING_NODE]);
	assert_int_equal(take(&reading, READING_BURST, "null"), 0);
	assert_false(reading.has_bursts);
}

static void without_counters_there_is_no_relay(void **state)
{
	struct reading reading = {0};

	(void)state;
	assert_int_equal(take(&reading, READING_STATS, "null"), -EAGAIN);
	assert_int_equal(take(&reading, READING_STATS, "{\"received\": 1}"), -EPROTO);
}

static void lies_are_refused(void **state)
{
	static const struct {
		enum reading_command command;
		const char *value;
	} lies[] = {
		{READING_STATS, "[1, 2]"},
		{READING_STATS, "{" STATS ", \"cover\": -1}"},
		{READING_STATS, "{" STATS ", \"cover\": 1.5}"},
		{READING_STATS, "{" STATS ", \"cover\": \"1\"}"},
		{READING_STATS, "{" STATS ", \"drop_kid\": []}"},
		{READING_STATS, "{" STATS ", \"received\": 1}"}, /* twice */
		{READING_STATS, "{" STATS ", \"cover\": 99999999999999999999999}"},
		{READING_OF_NODE, "{\"version\": \"a\\u001b[31m\"}"},
		{READING_OF_NODE, "{\"version\": \"a\\\"b\"}"},
		{READING_OF_NODE, "{\"version\": \"a\\u0000b\"}"},
		{READING_OF_NODE, "{\"role\": \"<script>\"}"},
		{READING_OF_NODE, "{\"strategy\": 7}"},
		{READING_OF_NODE, "{\"version\": \"01234567890123456789012345678901\"}"},
		{READING_OF_NODE, "{\"layers\": 5}"},
		{READING_OF_NODE, "{\"layers\": 3, \"layer\": 4}"},
		{READING_OF_NODE, "{\"layer_1_nodes\": 70000}"},
		{READING_OF_NODE, "{\"layer_1_nodes\": 2, \"layer_1_links\": 3}"},
		{READING_OF_NODE,
		 "{\"layer_1_nodes\": 2, \"layer_1_links\": 2, \"layer_1_up\": 3}"},
		{READING_LCORES, "{\"cpu_1_loops\": true}"},
		{READING_REPLAY, "{\"current_tags\": -2}"},
		{READING_NOT_REACHED, "[0]"},
		{READING_NOT_REACHED, "[\"7\"]"},
		{READING_NOT_REACHED, "[4294967295]"},
	};

	(void)state;
	for (size_t i = 0; i < LM_COUNT(lies); i++) {
		struct reading reading = {0};
		int rc = take(&reading, lies[i].command, lies[i].value);

		if (rc != -EPROTO)
			print_error("taken: %s\n", lies[i].value);
		assert_int_equal(rc, -EPROTO);
	}
}

static void another_answer_is_none(void **state)
{
	static const char *const texts[] = {"",   "{",  "null",
					    "{}", "[]", "{\"/linemix/other\": {}}"};
	struct reading reading = {0};
	struct lm_error err;

	(void)state;
	for (size_t i = 0; i < LM_COUNT(texts); i++)
		assert_int_equal(reading_take(&reading, READING_STATS, texts[i], strlen(texts[i]),
					      &err),
				 -EPROTO);
}

static void the_greeting_is_of_dpdk(void **state)
{
	static const char good[] =
		"{\"version\":\"DPDK 22.11.11\",\"pid\":41,\"max_output_len\":9}";
	static const char *const bad[] = {"HTTP/1.1 200", "{}", "{\"version\": 1}",
					  "{\"version\":\"x\",\"pid\":-1}"};
	struct reading reading = {0};
	struct lm_error err;

	(void)state;
	assert_int_equal(reading_greet(&reading, good, strlen(good), &err), 0);
	assert_string_equal(reading.dpdk, "DPDK 22.11.11");
	assert_int_equal(reading.pid, 41);
	for (size_t i = 0; i < LM_COUNT(bad); i++)
		assert_int_equal(reading_greet(&reading, bad[i], strlen(bad[i]), &err), -EPROTO);
	assert_int_equal(reading.pid, 41);
}

static void lcores_stand_by_number_and_are_bounded(void **state)
{
	struct reading reading = {0};
	char text[4096] = "{\"cpu_7_loops\": 70";
	size_t len;

	(void)state;
	assert_int_equal(take(&reading, READING_LCORES,
			      "{\"tsc_hz\": 2000000, \"cpu_12_busy_cycles\": 4000000, "
			      "\"cpu_12_loops\": 9, \"cpu_3_loops\": 5, \"cpu_3_busy_loops\": 4, "
			      "\"cpu_3_new\": 1, \"other\": 2}"),
			 0);
	assert_int_equal(reading.cpus, 2);
	assert_int_equal(reading.cpu[0].cpu, 3);
	assert_int_equal(reading.cpu[0].busy_rounds, 4);
	assert_false(reading.cpu[0].timed);
	assert_int_equal(reading.cpu[1].cpu, 12);
	assert_int_equal(reading.cpu[1].busy_us, 2000000);
	len = strlen(text);
	for (unsigned i = 100; i < 100 + READING_CPUS; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, ", \"cpu_%u_loops\": 1", i);
	strcat(text, "}");
	reading = (struct reading){0};
	assert_int_equal(take(&reading, READING_LCORES, text), -EPROTO);
	assert_int_equal(reading.cpus, READING_CPUS);
}

static void sets_bursts_stages_and_layers_are_taken(void **state)
{
	struct reading reading = {0};

	(void)state;
	assert_int_equal(take(&reading, READING_REPLAY,
			      "{\"current_tags\": 5, \"current_room\": 10}"),
			 0);
	assert_true(reading.set[READING_CURRENT].there);
	assert_false(reading.set[READING_NEXT].there);
	assert_int_equal(reading.set[READING_CURRENT].room, 10);
	assert_int_equal(take(&reading, READING_BURST, "{\"up_to_64\": 3, \"packets\": 150}"), 0);
	assert_int_equal(reading.burst[6], 3);
	assert_int_equal(
		take(&reading, READING_OF_STAGES,
		     "{\"timed\": 1, \"tsc_hz\": 9, \"peel_cycles\": 100, \"peel_packets\": 2}"),
		0);
	assert_true(reading.timed);
	assert_int_equal(reading.stage[4].cycles, 100);
	assert_int_equal(take(&reading, READING_OF_NODE,
			      "{\"layers\": 3, \"layer\": 2, \"layer_3_nodes\": 4, "
			      "\"layer_3_links\": 4, \"layer_3_up\": 3, \"version\": \"0.1.0\"}"),
			 0);
	assert_int_equal(reading.layer[3].up, 3);
	assert_string_equal(reading.version, "0.1.0");
}

static void neighbours_that_are_down_are_named_up_to_a_bound(void **state)
{
	struct reading reading = {0};
	char text[4096] = "[1";
	size_t len = 2;

	(void)state;
	for (unsigned i = 2; i <= 100; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, ", %u", i);
	strcat(text, "]");
	assert_int_equal(take(&reading, READING_NOT_REACHED, text), 0);
	assert_int_equal(reading.downs, 100);
	assert_int_equal(reading.down[READING_DOWN - 1], READING_DOWN);
}

/* ---- Rates ---- */

static struct reading at(uint64_t uptime_us, uint64_t received, uint64_t busy_us)
{
	struct reading reading = {.pid = 1, .cpus = 1};

	reading.has[READING_RECEIVED] = reading.has[READING_UPTIME_US] = true;
	reading.value[READING_RECEIVED] = received;
	reading.value[READING_UPTIME_US] = uptime_us;
	reading.cpu[0] = (struct reading_cpu){.cpu = 4, .timed = true, .busy_us = busy_us};
	return reading;
}

static void rates_are_by_the_clock_of_the_relay(void **state)
{
	struct reading before = at(1000000, 1000, 0), now = at(1500000, 4000, 125000);

	(void)state;
	assert_true(reading_rate(&before, &now, READING_RECEIVED) == 6000);
	assert_true(reading_busy(&before, &now, 0) == 0.25);
	before.drop[LM_DROP_MAC] = 1;
	now.drop[LM_DROP_MAC] = 2;
	assert_true(reading_drop_rate(&before, &now, LM_DROP_MAC) == 2);
}

static void a_relay_that_started_anew_has_no_rates(void **state)
{
	struct reading before = at(2000000, 1000, 9), now = at(1000, 10, 1),
		       other = at(3000000, 2000, 9);

	(void)state;
	assert_true(reading_rate(&before, &now, READING_RECEIVED) < 0);
	assert_true(reading_busy(&before, &now, 0) < 0);
	other.pid = 2;
	assert_true(reading_rate(&before, &other, READING_RECEIVED) < 0);
	assert_true(reading_rate(&before, &other, READING_SENT) < 0); /* not told */
	other = at(3000000, 2000, 9);
	other.cpu[0].cpu = 5;
	assert_true(reading_busy(&before, &other, 0) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counters_are_taken_by_name),
		cmocka_unit_test(what_is_not_told_is_absent),
		cmocka_unit_test(without_counters_there_is_no_relay),
		cmocka_unit_test(lies_are_refused),
		cmocka_unit_test(another_answer_is_none),
		cmocka_unit_test(the_greeting_is_of_dpdk),
		cmocka_unit_test(lcores_stand_by_number_and_are_bounded),
		cmocka_unit_test(sets_bursts_stages_and_layers_are_taken),
		cmocka_unit_test(neighbours_that_are_down_are_named_up_to_a_bound),
		cmocka_unit_test(rates_are_by_the_clock_of_the_relay),
		cmocka_unit_test(a_relay_that_started_anew_has_no_rates),
	};

	return RUN_TESTS(tests);
}
