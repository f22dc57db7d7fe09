/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The exporter without sockets: its configuration, whose requests it answers, and its forms.
 */
#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>

#include "exporter_config.h"
#include "forms.h"
#include "server.h"
#include "testing.h"

/* ---- Configuration ---- */

static int parse(struct exporter_config *config, const char *text, struct lm_error *err)
{
	*err = (struct lm_error){""};
	return exporter_config_parse(config, text, strlen(text), "e.yaml", err);
}

static void it_listens_on_loopback_unless_told(void **state)
{
	static struct exporter_config config;
	struct lm_error err;

	(void)state;
	assert_int_equal(parse(&config, "relays: [{name: a, socket: /run/s}]\n", &err), 0);
	assert_string_equal(config.listen.address, "127.0.0.1");
	assert_true(config.listen.loopback);
	assert_true(config.sandbox);
	assert_int_equal(config.interval_s, 1);
	assert_int_equal(parse(&config,
			       "listen: {address: \"::1\"}\nrelays: [{name: a, socket: s}]\n",
			       &err),
			 0);
	assert_true(config.listen.loopback);
	assert_int_equal(parse(&config,
			       "listen: {address: 192.0.2.1}\nrelays: [{name: a, socket: s}]\n",
			       &err),
			 0);
	assert_false(config.listen.loopback);
}

static void mistakes_are_named(void **state)
{
	static const struct {
		const char *text, *says;
	} mistakes[] = {
		{"relays: []\n", "relays"},
		{"listen: {address: example.org}\nrelays: [{name: a, socket: s}]\n", "no IPv4"},
		{"relays: [{name: a, socket: s}, {name: a, socket: t}]\n", "stands there twice"},
		{"relays: [{name: \"a\\\"b\", socket: s}]\n", "other characters"},
		{"interval_seconds: 0\nrelays: [{name: a, socket: s}]\n", "interval_seconds"},
		{"relays: [{name: a}]\n", "socket"},
	};
	static struct exporter_config config;
	struct lm_error err;

	(void)state;
	for (size_t i = 0; i < LM_COUNT(mistakes); i++) {
		assert_true(parse(&config, mistakes[i].text, &err) < 0);
		assert_non_null(strstr(err.text, mistakes[i].says));
	}
}

static void only_known_hosts_are_answered(void **state)
{
	static const char *const known[] = {"127.0.0.1",    "127.0.0.1:9471",    "localhost",
					    "LOCALHOST:1",  "[::1]:9471",        "[2001:db8::1]",
					    "192.0.2.7:80", "Relay.example:9471"};
	static const char *const others[] = {
		"",
		"evil.example",
		"127.0.0.1.evil.example",
		"localhost.evil.example",
		"relay.example.evil",
		"localhost:1:2",
		"localhost:80x",
		"[localhost]",
		"[::1",
		"[::1]x",
		"::1",
		":80",
		"127.0.0.1@evil",
		"relay.example ",
	};
	static const struct exporter_config config = {
		.listen = {.host = {"relay.example"}, .hosts = 1}};
	char longest[600];

	(void)state;
	for (size_t i = 0; i < LM_COUNT(known); i++)
		assert_true(server_knows_host(&config, known[i]));
	for (size_t i = 0; i < LM_COUNT(others); i++)
		assert_false(server_knows_host(&config, others[i]));
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_false(server_knows_host(&config, longest));
	assert_false(server_knows_host(&config, NULL));
}

/* ---- Forms ---- */

static struct collect relay_that_is_up(void)
{
	struct collect relay = {.name = "a", .up = true, .rounds = 1};

	relay.now.has[READING_RECEIVED] = relay.now.has[READING_READY] = true;
	relay.now.value[READING_RECEIVED] = 12345678901;
	relay.now.value[READING_READY] = 1;
	relay.now.drop[LM_DROP_MAC] = 7;
	relay.now.has_bursts = true;
	relay.now.burst[0] = 2;
	relay.now.burst[6] = 3;
	relay.now.burst_packets = 194;
	return relay;
}

static void metrics_have_values_where_relays_answer(void **state)
{
	struct collect relay[2] = {relay_that_is_up(), {.name = "b"}};
	struct text text = {0};

	(void)state;
	form_metrics(&text, relay, 2);
	assert_false(text.failed);
	assert_non_null(
		strstr(text.bytes, "\nlinemix_up{relay=\"a\"} 1\nlinemix_up{relay=\"b\"} 0\n"));
	assert_non_null(
		strstr(text.bytes, "\nlinemix_packets_received_total{relay=\"a\"} 12345678901\n"));
	assert_null(strstr(text.bytes, "linemix_packets_received_total{relay=\"b\"}"));
	assert_null(strstr(text.bytes, "linemix_packets_sent_total{relay=")); /* not told */
	assert_non_null(strstr(text.bytes,
			       "\nlinemix_packets_dropped_total{relay=\"a\",reason=\"mac\"} 7\n"));
	assert_non_null(strstr(text.bytes, "_bucket{relay=\"a\",le=\"1\"} 2\n"));
	assert_non_null(strstr(text.bytes, "_bucket{relay=\"a\",le=\"32\"} 2\n"));
	assert_non_null(strstr(text.bytes, "_bucket{relay=\"a\",le=\"64\"} 5\n"));
	assert_non_null(strstr(text.bytes, "_bucket{relay=\"a\",le=\"+Inf\"} 5\n"));
	text_free(&text);
}

static void each_drop_has_a_line(void **state)
{
	struct collect relay = relay_that_is_up();
	struct text text = {0};
	char line[128];

	(void)state;
	form_metrics(&text, &relay, 1);
	for (unsigned i = LM_DROP_NONE + 1; i < LM_DROP_COUNT; i++) {
		snprintf(line, sizeof(line), "_dropped_total{relay=\"a\",reason=\"%s\"} ",
			 lm_drop_name((enum lm_drop)i));
		assert_non_null(strstr(text.bytes, line));
	}
	text_free(&text);
}

static void the_state_is_json_and_says_why(void **state)
{
	struct collect relay[2] = {relay_that_is_up(), {.name = "b"}};
	struct text text = {0};
	json_t *root;

	(void)state;
	lm_error_set(&relay[1].why, EPROTO, "says \"</script>\"\n");
	form_state(&text, relay, 2, 1, 1000, 3);
	root = json_loads(text.bytes, 0, NULL);
	assert_non_null(root);
	assert_string_equal(json_string_value(json_object_get(
				    json_array_get(json_object_get(root, "relays"), 1), "why")),
			    "says \"</script>\"\n");
	json_decref(root);
	text_free(&text);
}

static void the_history_forgets_the_oldest(void **state)
{
	static struct history history;
	struct collect relay = relay_that_is_up();

	(void)state;
	for (unsigned i = 0; i < HISTORY_POINTS + 5; i++) {
		relay.now.value[READING_HELD] = i;
		history_add(&history, &relay);
	}
	assert_int_equal(history.n, HISTORY_POINTS);
	assert_true(history_point(&history, 0)[HISTORY_HELD] == 5);
	assert_true(history_point(&history, HISTORY_POINTS - 1)[HISTORY_HELD] ==
		    HISTORY_POINTS + 4);
	assert_true(history_point(&history, 0)[HISTORY_RECEIVED] < 0); /* of one round no rates */
}

static void ready_means_all_of_them(void **state)
{
	struct collect relay[2] = {relay_that_is_up(), {.name = "b"}};

	(void)state;
	assert_int_equal(form_ready(relay, 2, ""), 0);
	assert_int_equal(form_ready(relay, 2, "a"), 1);
	assert_int_equal(form_ready(relay, 2, "b"), 0);
	assert_int_equal(form_ready(relay, 2, "c"), -1);
	relay[0].now.value[READING_READY] = 0;
	assert_int_equal(form_ready(relay, 2, "a"), 0);
}

static void text_stops_at_its_bound(void **state)
{
	struct text text = {0};
	char part[4097];

	(void)state;
	memset(part, 'x', sizeof(part) - 1);
	part[sizeof(part) - 1] = '\0';
	for (unsigned i = 0; i <= TEXT_MOST / 4096; i++)
		text_add(&text, "%s", part);
	assert_true(text.failed);
	assert_true(text.len <= TEXT_MOST);
	text_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_listens_on_loopback_unless_told),
		cmocka_unit_test(mistakes_are_named),
		cmocka_unit_test(only_known_hosts_are_answered),
		cmocka_unit_test(metrics_have_values_where_relays_answer),
		cmocka_unit_test(each_drop_has_a_line),
		cmocka_unit_test(the_state_is_json_and_says_why),
		cmocka_unit_test(the_history_forgets_the_oldest),
		cmocka_unit_test(ready_means_all_of_them),
		cmocka_unit_test(text_stops_at_its_bound),
	};

	return RUN_TESTS(tests);
}
