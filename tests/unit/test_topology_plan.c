/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/topology: plans are read as they were written, and every mistake in one is refused by name.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "directory_testing.h"

static char *format(const struct lm_plan *plan)
{
	char *text;
	size_t len;

	assert_int_equal(lm_plan_format(&text, &len, plan), 0);
	assert_int_equal(strlen(text), len);
	return text;
}

static void plan_comes_back_as_it_was(void **state)
{
	static struct lm_prefix prefix[] = {
		{.len = 32, .ip = {192, 0, 2, 1}},
		{.len = 1, .ip = {128}},
		{.ipv6 = true, .len = 47, .ip = {0x20, 1, 0xd, 0xb8, 0, 2}},
		{.ipv6 = true, .len = 128, .ip = {0x20, 1, 0xd, 0xb8, [15] = 1}},
	};
	struct net *net = net_make(2, 2, 1, 0);
	struct lm_plan *plan;
	struct lm_error err = {""};
	char *text, *again;

	(void)state;
	net->plan.mix = (struct lm_mix_params){.strategy = LM_MIX_BATCH,
					       .interval_us = 3000,
					       .min_batch = 4,
					       .min_neighbours = 5,
					       .max_wait_us = 60000};
	net->plan.cover = (struct lm_topology_cover){1, 2, 3};
	net->plan.paths = (struct lm_topology_paths){true, true};
	net->plan.profile = 1;
	net->member[1].capacity = 7;
	net->member[1].retired = true;
	net->member[2].has_mac = true;
	memcpy(net->member[2].mac, "\x02\0\0\0\0\x07", 6);
	strcpy(net->member[2].operator, "A \"b\" \\c, Ltd.");
	net->member[2].prefixes = 3;
	net->member[2].prefix = prefix;
	net->member[3].prefixes = 1;
	net->member[3].prefix = prefix + 3;
	text = format(&net->plan);
	if (lm_plan_parse(&plan, text, strlen(text), "plan", &err) != 0)
		fail_msg("%s", err.text);
	again = format(plan);
	assert_string_equal(text, again);
	assert_int_equal(plan->start_s, NET_START_S);
	assert_int_equal(plan->epoch_s, NET_EPOCH_S);
	assert_int_equal(plan->profile, 1);
	assert_int_equal(plan->mix.max_wait_us, 60000);
	assert_int_equal(plan->mix.min_neighbours, 5);
	assert_memory_equal(&plan->cover, &net->plan.cover, sizeof(plan->cover));
	assert_true(plan->paths.by_capacity && plan->paths.jurisdictions);
	assert_int_equal(plan->members, 5);
	for (unsigned i = 0; i < plan->members; i++) {
		const struct lm_member *is = &plan->member[i], *was = &net->member[i];

		assert_int_equal(is->id, was->id);
		assert_int_equal(is->role, was->role);
		assert_int_equal(is->layer, was->layer);
		assert_string_equal(is->operator, was->operator);
		assert_string_equal(is->jurisdiction, was->jurisdiction);
		assert_memory_equal(&is->identity, &was->identity, 32);
		assert_int_equal(is->capacity, was->capacity);
		assert_int_equal(is->has_mac, was->has_mac);
		assert_memory_equal(is->mac, was->mac, 6);
		assert_int_equal(is->prefixes, was->prefixes);
		if (was->prefixes > 0)
			assert_memory_equal(is->prefix, was->prefix,
					    was->prefixes * sizeof(*was->prefix));
		assert_int_equal(is->retired, was->retired);
	}
	free(text);
	free(again);
	lm_plan_free(plan);
	free(net);
}

static void all_strategies_come_back(void **state)
{
	static const struct lm_mix_params mixes[] = {
		{.strategy = LM_MIX_POOL,
		 .interval_us = 3000,
		 .threshold = 44,
		 .flush_ppm = 55,
		 .stay_ppm = 66},
		{.strategy = LM_MIX_POISSON, .mean_delay_us = 77},
	};
	struct net *net = net_make(1, 1, 1, 0);

	(void)state;
	for (size_t i = 0; i < LM_COUNT(mixes); i++) {
		struct lm_plan *plan;
		char *text;

		net->plan.mix = mixes[i];
		text = format(&net->plan);
		assert_int_equal(lm_plan_parse(&plan, text, strlen(text), "plan", NULL), 0);
		assert_memory_equal(&plan->mix, &mixes[i], sizeof(plan->mix));
		free(text);
		lm_plan_free(plan);
	}
	free(net);
}

static void members_stand_in_any_order(void **state)
{
	struct net *net = net_make(1, 3, 1, 0);
	struct lm_member old = net->member[0];
	struct lm_plan *plan;
	char *text;

	(void)state;
	net->member[0] = net->member[2];
	net->member[2] = old;
	text = format(&net->plan);
	assert_int_equal(lm_plan_parse(&plan, text, strlen(text), "plan", NULL), 0);
	for (uint32_t id = 1001; id <= 1003; id++) {
		assert_non_null(lm_plan_find(plan, id));
		assert_int_equal(lm_plan_find(plan, id)->id, id);
	}
	assert_null(lm_plan_find(plan, 1000));
	assert_null(lm_plan_find(plan, 9002));
	free(text);
	lm_plan_free(plan);
	free(net);
}

#define BAD_PREFIX(text)                                                            \
	{                                                                           \
		"\"id\": 1002", "\"id\": 1002, \"prefixes\": [\"" text "\"]",       \
			"members[1].prefixes[0]: \"" text                           \
			"\" is no prefix; as \"192.0.2.0/24\" or \"2001:db8::/48\"" \
	}

struct mistake {
	const char *what, *with, *message;
};

/* Each in an otherwise good plan. */
static void refuse_each(const struct mistake *mistake, size_t n)
{
	struct net *net = net_make(2, 2, 1, 0);
	char *good = format(&net->plan);

	for (size_t i = 0; i < n; i++) {
		char *text = replaced(good, mistake[i].what, mistake[i].with);
		struct lm_plan *plan = (struct lm_plan *)net;
		struct lm_error err = {""};
		char expected[512];

		snprintf(expected, sizeof(expected), "plan: %s",
			 mistake[i].message ? mistake[i].message : "");
		assert_int_equal(lm_plan_parse(&plan, text, strlen(text), "plan", &err), -EINVAL);
		if (mistake[i].message && strcmp(err.text, expected) != 0)
			fail_msg("%s: \"%s\"", mistake[i].with, err.text);
		assert_null(plan);
		free(text);
	}
	free(good);
	free(net);
}

static void mistakes_are_refused_by_name(void **state)
{
	static const struct mistake mistakes[] = {
		{"linemix-plan-v1", "linemix-plan-v2",
		 "format: \"linemix-plan-v2\" is no known format; linemix-plan-v1"},
		{"\"layers\": 2", "\"layers\": 2, \"nodes\": []",
		 "unknown field \"nodes\"; see FORMAT.md for the fields"},
		{"\"start\": \"2026-11-25T10:00:00Z\", ", "",
		 "start: is missing; UTC as 2026-11-25T12:00:00Z"},
		{"2026-11-25T10:00:00Z", "2026-11-25 10:00:00",
		 "start: \"2026-11-25 10:00:00\" is no time; UTC as 2026-11-25T12:00:00Z"},
		{"\"epoch_seconds\": 1200", "\"epoch_seconds\": 0",
		 "epoch_seconds: 0 is out of range; a number from 1 to 2592000"},
		{"\"profile\": 0", "\"profile\": 2",
		 "profile: 2 is out of range; a number from 0 to 1"},
		{"\"mean_delay_us\": 200000", "\"mean_delay_us\": 0",
		 "mixing.mean_delay_us: 0 is out of range; a number from 1 to 60000000"},
		{"\"layers\": 2", "\"layers\": 1",
		 "members[2].layer: 2 is out of range; a number from 1 to 1"},
		{"\"role\": \"mix\", ", "", "members[0].role: is missing; mix or gateway"},
		{"\"id\": 1002", "\"id\": 1001",
		 "members: id 1001 stands twice; an id is never given to another, retired or not"},
		{"\"id\": 1002", "\"id\": 1002, \"link\": \"\"",
		 "members[1]: unknown field \"link\"; see FORMAT.md for the fields"},
		{"\"id\": 1002", "\"id\": 1002, \"retired\": 1",
		 "members[1].retired: is neither; true or false"},
		{"\"id\": 1002", "\"id\": 1002, \"capacity\": 0",
		 "members[1].capacity: 0 is out of range; a number from 1 to 4294967295"},
		{"\"id\": 1002", "\"id\": 1002, \"mac\": \"resolve\"",
		 "members[1].mac: \"resolve\" is no MAC address; aa:bb:cc:dd:ee:ff"},
		{"\"CH\"", "\"ch\"",
		 "members[0].jurisdiction: \"ch\" is none; two capital letters"},
		{"Operator 1001", " Operator",
		 "members[0].operator: \" Operator\" is no name; 1 to 63 printable ASCII "
		 "characters, no space at either end"},
		{"\"members\": [", "\"members\": [], \"layers\": [",
		 NULL}, /* a field twice: the parser's own words */
		{"\"members\": [", "\"members\": [3,", "members[0]: is no object; write {...}"},
	};

	(void)state;
	refuse_each(mistakes, LM_COUNT(mistakes));
}

static void mistakes_in_prefixes_are_refused_by_name(void **state)
{
	static const struct mistake mistakes[] = {
		{"\"id\": 1002", "\"id\": 1002, \"prefixes\": []",
		 "members[1].prefixes: is no list of 1 to 8"},
		{"\"id\": 1002", "\"id\": 1002, \"prefixes\": \"10.0.0.0/8\"",
		 "members[1].prefixes: is no list of 1 to 8"},
		{"\"id\": 1002", "\"id\": 1002, \"prefixes\": [1, 2, 3, 4, 5, 6, 7, 8, 9]",
		 "members[1].prefixes: is no list of 1 to 8"},
		{"\"id\": 1002", "\"id\": 1002, \"prefixes\": [\"10.0.0.0/8\", 3]",
		 "members[1].prefixes[1]: is no text; as \"192.0.2.0/24\" or \"2001:db8::/48\""},
		BAD_PREFIX("10.0.0.0"),
		BAD_PREFIX("10.0.0.0/"),
		BAD_PREFIX("10.0.0.0/0"),
		BAD_PREFIX("10.0.0.0/08"),
		BAD_PREFIX("10.0.0.0/33"),
		BAD_PREFIX("10.0.0.0/8 "),
		BAD_PREFIX("10.0.0/8"),
		BAD_PREFIX("/8"),
		BAD_PREFIX("2001:db8::/129"),
		BAD_PREFIX("2001:db8::/4294967312"),
		BAD_PREFIX("2001:db8::g/48"),
		BAD_PREFIX("[2001:db8::]/48"),
		BAD_PREFIX("2001:db8::1234567890123456789012345/4"),
		{"\"id\": 1002", "\"id\": 1002, \"prefixes\": [\"192.0.2.65/26\"]",
		 "members[1].prefixes[0]: 192.0.2.65/26 has digits behind its length; zeros there"},
		{"\"id\": 1002", "\"id\": 1002, \"prefixes\": [\"2001:db8::1/127\"]",
		 "members[1].prefixes[0]: 2001:db8::1/127 has digits behind its length; zeros "
		 "there"},
	};

	(void)state;
	refuse_each(mistakes, LM_COUNT(mistakes));
}

/* Not even that of a member who has left. */
static void identity_is_of_one_member(void **state)
{
	struct net *net = net_make(1, 2, 1, 0);
	struct lm_plan *plan;
	struct lm_error err = {""};
	char *text;

	(void)state;
	net->member[1].identity = net->member[0].identity;
	net->member[0].retired = true;
	text = format(&net->plan);
	assert_int_equal(lm_plan_parse(&plan, text, strlen(text), "plan", &err), -EINVAL);
	assert_non_null(strstr(err.text, "1001"));
	assert_non_null(strstr(err.text, "1002"));
	assert_non_null(strstr(err.text, "have one identity"));
	free(text);
	free(net);
}

static void epochs_begin_where_the_plan_says(void **state)
{
	struct net *net = net_make(1, 1, 1, 0);
	uint32_t epoch;

	(void)state;
	assert_int_equal(lm_plan_epoch(&epoch, &net->plan, NET_START_S - 1), -ERANGE);
	assert_int_equal(lm_plan_epoch(&epoch, &net->plan, NET_START_S), 0);
	assert_int_equal(epoch, 0);
	assert_int_equal(lm_plan_epoch(&epoch, &net->plan, NET_START_S + 1199), 0);
	assert_int_equal(epoch, 0);
	assert_int_equal(lm_plan_epoch(&epoch, &net->plan, NET_START_S + 1200), 0);
	assert_int_equal(epoch, 1);
	assert_int_equal(lm_plan_from(&net->plan, 3), NET_START_S + 3600);
	assert_int_equal(lm_plan_until(&net->plan, 3), NET_START_S + 4800);
	net->plan.epoch_s = 1;
	assert_int_equal(lm_plan_epoch(&epoch, &net->plan, NET_START_S + LM_TOPOLOGY_EPOCH_MAX), 0);
	assert_int_equal(epoch, LM_TOPOLOGY_EPOCH_MAX);
	assert_int_equal(lm_plan_epoch(&epoch, &net->plan, NET_START_S + LM_TOPOLOGY_EPOCH_MAX + 1),
			 -ERANGE);
	free(net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plan_comes_back_as_it_was),
		cmocka_unit_test(all_strategies_come_back),
		cmocka_unit_test(members_stand_in_any_order),
		cmocka_unit_test(mistakes_are_refused_by_name),
		cmocka_unit_test(mistakes_in_prefixes_are_refused_by_name),
		cmocka_unit_test(identity_is_of_one_member),
		cmocka_unit_test(epochs_begin_where_the_plan_says),
	};

	if (lm_base_init(NULL) != 0)
		return 1;
	return RUN_TESTS(tests);
}
