/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/conf: a good file fills the struct, and each kind of mistake is refused with its file, line,
 * key and what would be right.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lm_conf.h"
#include "testing.h"

struct neighbour {
	char address[16];
	uint64_t port;
	unsigned cores;
	uint32_t core[2];
};

struct settings {
	bool promiscuous;
	uint64_t queues, large;
	char device[9], label[5];
	unsigned strategy;
	unsigned neighbours;
	struct neighbour neighbour[2];
	unsigned lcores;
	uint32_t lcore[3];
	unsigned names;
	char name[2][5];
};

static const char *const strategies[] = {"batch", "pool", "poisson", NULL};

static const struct lm_conf_key neighbour_keys[] = {
	{
		.name = "address",
		.type = LM_CONF_STRING,
		.min = 1,
		.max = 15,
		.offset = offsetof(struct neighbour, address),
		.help = "where it is",
	},
	{
		.name = "link.port",
		.type = LM_CONF_UINT,
		.min = 1,
		.max = 65535,
		.fallback = "7000",
		.offset = offsetof(struct neighbour, port),
		.help = "UDP port",
	},
	{
		.name = "cores",
		.type = LM_CONF_UINTS,
		.max = 2,
		.fallback = "[]",
		.offset = offsetof(struct neighbour, core),
		.count_offset = offsetof(struct neighbour, cores),
	},
};

static const struct lm_conf_table neighbour_table = {
	.key = neighbour_keys,
	.keys = LM_COUNT(neighbour_keys),
	.size = sizeof(struct neighbour),
};

static const struct lm_conf_key settings_keys[] = {
	{
		.name = "port.mode.promiscuous",
		.type = LM_CONF_BOOL,
		.fallback = "true",
		.offset = offsetof(struct settings, promiscuous),
		.help = "take all frames",
	},
	{
		.name = "port.device",
		.type = LM_CONF_STRING,
		.min = 2,
		.max = 8,
		.offset = offsetof(struct settings, device),
		.help = "name of the device",
	},
	{
		.name = "port.queues",
		.type = LM_CONF_UINT,
		.min = 1,
		.max = 64,
		.fallback = "4",
		.offset = offsetof(struct settings, queues),
		.help = "receive queues",
	},
	{
		.name = "large",
		.type = LM_CONF_UINT,
		.max = UINT64_MAX,
		.fallback = "0",
		.offset = offsetof(struct settings, large),
	},
	{
		.name = "label",
		.type = LM_CONF_STRING,
		.max = 4,
		.fallback = "",
		.offset = offsetof(struct settings, label),
	},
	{
		.name = "strategy",
		.type = LM_CONF_CHOICE,
		.choices = strategies,
		.fallback = "pool",
		.offset = offsetof(struct settings, strategy),
		.help = "how to mix",
	},
	{
		.name = "neighbours",
		.type = LM_CONF_LIST,
		.max = 2,
		.fallback = "[]",
		.offset = offsetof(struct settings, neighbour),
		.count_offset = offsetof(struct settings, neighbours),
		.element = &neighbour_table,
		.help = "who is next to us",
	},
	{
		.name = "lcores",
		.type = LM_CONF_UINTS,
		.min = 1,
		.max = 3,
		.fallback = "[]",
		.offset = offsetof(struct settings, lcore),
		.count_offset = offsetof(struct settings, lcores),
		.help = "cores to poll on",
	},
	{
		.name = "names",
		.type = LM_CONF_STRINGS,
		.min = 1,
		.max = 2,
		.width = 4,
		.fallback = "[]",
		.offset = offsetof(struct settings, name),
		.count_offset = offsetof(struct settings, names),
		.help = "texts",
	},
};

static const struct lm_conf_table settings_table = {
	.key = settings_keys,
	.keys = LM_COUNT(settings_keys),
	.size = sizeof(struct settings),
};

static int parse(struct settings *out, const char *text, struct lm_error *err)
{
	return lm_conf_parse(out, &settings_table, text, strlen(text), "test.yaml", err);
}

/* The text is refused with exactly this message, and nothing half done stays behind. */
static void assert_refused(const char *text, const char *message)
{
	static const struct settings nothing;
	struct settings out;
	struct lm_error err = {""};

	memset(&out, 0xa5, sizeof(out));
	assert_int_equal(parse(&out, text, &err), -EINVAL);
	assert_string_equal(err.text, message);
	assert_memory_equal(&out, &nothing, sizeof(out));
}

#define OK_DEVICE "port: {device: eth0}\n"

static void full_file_fills_the_struct(void **state)
{
	static const char text[] = "# a comment\n"
				   "---\n"
				   "port:\n"
				   "  device: \"eth0:1\"\n"
				   "  queues: 64\n"
				   "  mode:\n"
				   "    promiscuous: false\n"
				   "large: 18446744073709551615\n"
				   "label: '12'\n"
				   "strategy: poisson\n"
				   "neighbours:\n"
				   "  - address: 10.0.0.1\n"
				   "    link: {port: 1}\n"
				   "    cores: [9]\n"
				   "  - {address: b}\n"
				   "lcores: [0, 4294967295]\n"
				   "names: [a, '~bcd']\n";
	struct settings out;
	struct lm_error err;

	(void)state;
	assert_int_equal(parse(&out, text, &err), 0);
	assert_string_equal(out.device, "eth0:1");
	assert_int_equal(out.queues, 64);
	assert_false(out.promiscuous);
	assert_true(out.large == UINT64_MAX);
	assert_string_equal(out.label, "12");
	assert_int_equal(out.strategy, 2);
	assert_int_equal(out.neighbours, 2);
	assert_string_equal(out.neighbour[0].address, "10.0.0.1");
	assert_int_equal(out.neighbour[0].port, 1);
	assert_int_equal(out.neighbour[0].cores, 1);
	assert_int_equal(out.neighbour[0].core[0], 9);
	assert_string_equal(out.neighbour[1].address, "b");
	assert_int_equal(out.neighbour[1].port, 7000);
	assert_int_equal(out.neighbour[1].cores, 0);
	assert_int_equal(out.lcores, 2);
	assert_int_equal(out.lcore[0], 0);
	assert_true(out.lcore[1] == UINT32_MAX);
	assert_int_equal(out.names, 2);
	assert_string_equal(out.name[0], "a");
	assert_string_equal(out.name[1], "~bcd");
}

static void absent_keys_get_their_defaults(void **state)
{
	struct settings out;
	struct lm_error err;

	(void)state;
	memset(&out, 0xa5, sizeof(out));
	assert_int_equal(parse(&out, OK_DEVICE, &err), 0);
	assert_int_equal(out.queues, 4);
	assert_true(out.promiscuous);
	assert_int_equal(out.large, 0);
	assert_string_equal(out.label, "");
	assert_int_equal(out.strategy, 1);
	assert_int_equal(out.neighbours, 0);
	assert_int_equal(out.lcores, 0);
	assert_int_equal(out.names, 0);
}

static void missing_required_key_is_named(void **state)
{
	static const char missing[] = "test.yaml:1: port.device: is missing; text of 2 to 8 bytes";

	(void)state;
	assert_refused("", missing);
	assert_refused("# nothing\n", "test.yaml:2: port.device: is missing; text of 2 to 8 bytes");
	assert_refused("large: 1\n", missing);
	assert_refused(OK_DEVICE "neighbours:\n  - address: a\n  - link: {port: 2}\n",
		       "test.yaml:4: neighbours[1].address: is missing; text of 1 to 15 bytes");
}

static void unknown_key_is_refused_with_the_nearest(void **state)
{
	(void)state;
	assert_refused("port:\n  devcie: eth0\n",
		       "test.yaml:2: port.devcie: is no key of this file; "
		       "did you mean port.device?");
	assert_refused("prt: {device: eth0}\n",
		       "test.yaml:1: prt: is no key of this file; did you mean port?");
	assert_refused(OK_DEVICE "neighbours:\n - adress: x\n",
		       "test.yaml:3: neighbours[0].adress: is no key of this file; "
		       "did you mean address?");
	assert_refused("colour: red\n", "test.yaml:1: colour: is no key of this file; known here: "
					"port large label strategy neighbours lcores names");
	assert_refused("port: {colour: red}\n",
		       "test.yaml:1: port.colour: is no key of this file; known here: "
		       "mode device queues");
	assert_refused("<<: {a: b}\n", "test.yaml:1: <<: is no key of this file; known here: "
				       "port large label strategy neighbours lcores names");
}

static void repeated_key_is_refused(void **state)
{
	(void)state;
	assert_refused(OK_DEVICE "large: 1\nlarge: 1\n",
		       "test.yaml:3: large: stands here a second time; keep one of them");
	assert_refused(OK_DEVICE "port: {queues: 3}\n",
		       "test.yaml:2: port: stands here a second time; keep one of them");
	assert_refused("port: {device: eth0, mode: {}, mode: {}}\n",
		       "test.yaml:1: port.mode: stands here a second time; keep one of them");
	assert_refused("lcores: [1]\nlcores: [1]\n",
		       "test.yaml:2: lcores: stands here a second time; keep one of them");
}

static void numbers_are_plain_decimals_in_range(void **state)
{
	static const char range[] = "; a number from 1 to 64";
	static const struct {
		const char *value, *wrong;
	} bad[] = {
		{"0", "\"0\" is out of range"},
		{"65", "\"65\" is out of range"},
		{"18446744073709551617", "\"18446744073709551617\" is out of range"},
		{"-1", "\"-1\" is no decimal number"},
		{"+1", "\"+1\" is no decimal number"},
		{"0x10", "\"0x10\" is no decimal number"},
		{"1_0", "\"1_0\" is no decimal number"},
		{"1.0", "\"1.0\" is no decimal number"},
		{"four", "\"four\" is no decimal number"},
		{"010", "\"010\" begins with a zero"},
		{"\"4\"", "\"4\" stands in quotes, so it is text"},
		{"'4'", "\"4\" stands in quotes, so it is text"},
		{"~", "has no value"},
		{"", "has no value"},
		{"null", "has no value"},
		{"[4]", "is a list or a mapping"},
		{"{a: 4}", "is a list or a mapping"},
	};

	(void)state;
	for (size_t i = 0; i < LM_COUNT(bad); i++) {
		char text[200], message[200];

		snprintf(text, sizeof(text), "port:\n  queues: %s\n", bad[i].value);
		snprintf(message, sizeof(message), "test.yaml:2: port.queues: %s%s", bad[i].wrong,
			 range);
		assert_refused(text, message);
	}
	assert_refused("large: 18446744073709551616\n",
		       "test.yaml:1: large: \"18446744073709551616\" is out of range; a number "
		       "from 0 to 18446744073709551615");
}

static void a_word_may_stand_for_a_number(void **state)
{
	static const struct lm_conf_key row = {
		.name = "rate", .type = LM_CONF_UINT, .max = 9, .fallback = "0", .word = "auto"};
	static const struct lm_conf_table table = {&row, 1, sizeof(uint64_t)};
	static const struct {
		const char *text;
		uint64_t value;
	} good[] = {{"rate: auto", 10}, {"rate: \"auto\"", 10}, {"rate: 9", 9}, {"{}", 0}};
	struct lm_error err;
	uint64_t rate;

	(void)state;
	for (size_t i = 0; i < LM_COUNT(good); i++) {
		assert_int_equal(lm_conf_parse(&rate, &table, good[i].text, strlen(good[i].text),
					       "test.yaml", &err),
				 0);
		assert_int_equal(rate, good[i].value);
	}
	assert_int_equal(lm_conf_parse(&rate, &table, "rate: 10", 8, "test.yaml", &err), -EINVAL);
	assert_string_equal(err.text, "test.yaml:1: rate: \"10\" is out of range; a number from 0 "
				      "to 9, or auto");
	assert_int_equal(lm_conf_parse(&rate, &table, "rate: Auto", 10, "test.yaml", &err),
			 -EINVAL);
}

static void truth_values_are_true_and_false_only(void **state)
{
	static const char *const bad[] = {"yes", "on", "True", "1", "truely"};

	(void)state;
	for (size_t i = 0; i < LM_COUNT(bad); i++) {
		char text[200], message[200];

		snprintf(text, sizeof(text), "port: {mode: {promiscuous: %s}}\n", bad[i]);
		snprintf(message, sizeof(message),
			 "test.yaml:1: port.mode.promiscuous: \"%s\" is no truth value; "
			 "true or false",
			 bad[i]);
		assert_refused(text, message);
	}
	assert_refused("port: {mode: {promiscuous: 'true'}}\n",
		       "test.yaml:1: port.mode.promiscuous: \"true\" stands in quotes, so it is "
		       "text; true or false");
}

static void text_has_bounds_and_no_zero_bytes(void **state)
{
	(void)state;
	assert_refused("port: {device: a}\n",
		       "test.yaml:1: port.device: \"a\" has 1 bytes; text of 2 to 8 bytes");
	assert_refused("port: {device: 123456789}\n",
		       "test.yaml:1: port.device: \"123456789\" has 9 bytes; text of 2 to 8 bytes");
	assert_refused("port: {device: \"\"}\n",
		       "test.yaml:1: port.device: \"\" has 0 bytes; text of 2 to 8 bytes");
	assert_refused("port: {device: \"ab\\0c\"}\n",
		       "test.yaml:1: port.device: \"ab?c\" has a zero byte in it; "
		       "text of 2 to 8 bytes");
	assert_refused("port: {device: }\n",
		       "test.yaml:1: port.device: has no value; text of 2 to 8 bytes");
	assert_refused("port: {device: [eth0]}\n", "test.yaml:1: port.device: is a list or a "
						   "mapping; text of 2 to 8 bytes");
}

static void choices_are_listed(void **state)
{
	struct settings out;
	struct lm_error err;

	(void)state;
	assert_refused("strategy: bath\n", "test.yaml:1: strategy: \"bath\" is no choice; one of "
					   "batch, pool, poisson");
	assert_refused("strategy: Pool\n", "test.yaml:1: strategy: \"Pool\" is no choice; one of "
					   "batch, pool, poisson");
	assert_int_equal(parse(&out, OK_DEVICE "strategy: \"batch\"\n", &err), 0);
	assert_int_equal(out.strategy, 0);
}

static void lists_of_texts_have_bounds_and_types(void **state)
{
	static const struct {
		const char *value, *wrong;
	} bad[] = {
		{"[]", "has too few items"},
		{"[a, b, c]", "has too many items"},
		{"[abcde]", "\"abcde\" has 5 bytes"},
		{"['']", "\"\" has 0 bytes"},
		{"[~]", "has no value"},
		{"[\"a\\0b\"]", "\"a?b\" has a zero byte in it"},
		{"[[a]]", "has a list or a mapping in it"},
		{"a", "is no list"},
	};

	(void)state;
	for (size_t i = 0; i < LM_COUNT(bad); i++) {
		char text[200], message[200];

		snprintf(text, sizeof(text), "names: %s\n", bad[i].value);
		snprintf(message, sizeof(message),
			 "test.yaml:1: names: %s; a list of 1 to 2 texts of 1 to 4 bytes",
			 bad[i].wrong);
		assert_refused(text, message);
	}
}

static void lists_have_bounds_and_types(void **state)
{
	static const char cores[] = "a list of 1 to 3 numbers, each 0 to 4294967295";
	static const struct {
		const char *value, *wrong;
	} bad[] = {
		{"[]", "has too few items"},
		{"[1, 2, 3, 4]", "has too many items"},
		{"[4294967296]", "\"4294967296\" is out of range"},
		{"['1']", "\"1\" stands in quotes, so it is text"},
		{"[[1]]", "has a list or a mapping in it"},
		{"1", "is no list"},
		{"{a: 1}", "is no list"},
	};

	(void)state;
	for (size_t i = 0; i < LM_COUNT(bad); i++) {
		char text[200], message[200];

		snprintf(text, sizeof(text), "lcores: %s\n", bad[i].value);
		snprintf(message, sizeof(message), "test.yaml:1: lcores: %s; %s", bad[i].wrong,
			 cores);
		assert_refused(text, message);
	}
	assert_refused("neighbours: [{address: a}, {address: b}, {address: c}]\n",
		       "test.yaml:1: neighbours: has too many items; a list of 0 to 2 mappings");
	assert_refused("neighbours: {address: a}\n",
		       "test.yaml:1: neighbours: is no list; a list of 0 to 2 mappings");
	assert_refused("neighbours:\n - a\n", "test.yaml:2: neighbours[0]: is no mapping; "
					      "write \"- key: value\"");
	assert_refused("neighbours:\n - address: a\n   link:\n     port: 0\n",
		       "test.yaml:4: neighbours[0].link.port: \"0\" is out of range; "
		       "a number from 1 to 65535");
}

static void sections_are_mappings_and_dots_do_not_nest(void **state)
{
	(void)state;
	assert_refused("port: 1\n", "test.yaml:1: port: is a section without keys; "
				    "write its keys below it, indented");
	assert_refused("port:\nlarge: 1\n", "test.yaml:1: port: is a section without keys; "
					    "write its keys below it, indented");
	assert_refused("port.device: eth0\n", "test.yaml:1: port.device: has a dot in it; "
					      "write nested mappings");
	assert_refused("[a, b]: 1\n", "test.yaml:1: has a list or a mapping as a key; "
				      "write a word");
}

static void aliases_tags_and_second_documents_are_refused(void **state)
{
	static const char fancy[] = "uses a YAML alias, anchor or tag; write the value itself";
	static const char *const bad[] = {
		"&a port",
		"port: &a {device: eth0}",
		"port: {device: &a eth0}",
		"port: {device: *a}",
		"port: {device: !!str eth0}",
		"port: {device: ! eth0}",
		"lcores: !!seq [1]",
		"lcores: &a [1]",
		"port: !!map {}",
	};

	(void)state;
	for (size_t i = 0; i < LM_COUNT(bad); i++) {
		struct settings out;
		struct lm_error err;

		assert_int_equal(parse(&out, bad[i], &err), -EINVAL);
		assert_non_null(strstr(err.text, "test.yaml:1: "));
		assert_non_null(strstr(err.text, fancy));
	}
	assert_refused(OK_DEVICE "---\nlarge: 1\n",
		       "test.yaml:2: a second document begins; keep one document in a file");
	assert_refused("just words\n",
		       "test.yaml:1: the file is no mapping; write \"key: value\" lines");
	assert_refused("- 1\n", "test.yaml:1: the file is no mapping; write \"key: value\" lines");
}

static void bad_syntax_has_a_line(void **state)
{
	struct settings out;
	struct lm_error err;

	(void)state;
	assert_int_equal(parse(&out, "large: 1\nport: {device: eth0\n", &err), -EINVAL);
	assert_non_null(strstr(err.text, "test.yaml:3: not YAML: "));
	assert_int_equal(parse(&out, "large: 1\n\tport: 2\n", &err), -EINVAL);
	assert_non_null(strstr(err.text, "test.yaml:2: not YAML: "));
	assert_int_equal(parse(&out, "large: \"\xff\xfe\"\n", &err), -EINVAL);
	assert_non_null(strstr(err.text, "not YAML: "));
}

static void hostile_names_stay_printable_and_bounded(void **state)
{
	char text[5000];
	struct settings out;
	struct lm_error err;

	(void)state;
	assert_refused("\"a\\e[31m\": 1\n",
		       "test.yaml:1: a?[31m: is no key of this file; known "
		       "here: port large label strategy neighbours lcores names");
	memset(text, 'x', sizeof(text));
	memcpy(text + sizeof(text) - 5, ": 1\n", 5);
	assert_int_equal(parse(&out, text, &err), -EINVAL);
	memset(text, '[', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	memcpy(text, "lcores: ", 8);
	assert_int_equal(parse(&out, text, &err), -EINVAL);
	memcpy(text, "unknown ", 8);
	assert_int_equal(parse(&out, text, &err), -EINVAL);
}

static void large_file_is_refused_unread(void **state)
{
	size_t len = (1u << 20) + 1;
	char *text = malloc(len);
	struct settings out;
	struct lm_error err;

	(void)state;
	assert_non_null(text);
	memset(text, '\n', len);
	assert_int_equal(lm_conf_parse(&out, &settings_table, text, len, "large.yaml", &err),
			 -EFBIG);
	assert_string_equal(err.text, "large.yaml: larger than 1048576 bytes; shorten it");
	free(text);
}

static void truncated_and_flipped_files_do_no_harm(void **state)
{
	static const char good[] = "port: {device: eth0, queues: 3, mode: {promiscuous: true}}\n"
				   "neighbours:\n  - {address: \"a\", cores: [1, 2]}\n"
				   "lcores: [1, 2, 3]\nstrategy: pool\n";
	struct settings out;

	(void)state;
	for (size_t len = 0; len < sizeof(good); len++)
		(void)!lm_conf_parse(&out, &settings_table, good, len, "cut", NULL);
	for (size_t i = 0; i < sizeof(good) - 1; i++) {
		for (unsigned flip = 1; flip < 256; flip++) {
			char text[sizeof(good)];

			memcpy(text, good, sizeof(good));
			text[i] = (char)(text[i] ^ flip);
			(void)!lm_conf_parse(&out, &settings_table, text, sizeof(good) - 1, "flip",
					     NULL);
			assert_true(out.neighbours <= 2 && out.lcores <= 3);
		}
	}
}

static void load_reads_a_file_and_names_it(void **state)
{
	char path[] = "test_conf_XXXXXX";
	int file = mkstemp(path);
	struct settings out;
	struct lm_error err;

	(void)state;
	assert_true(file >= 0);
	assert_int_equal(write(file, OK_DEVICE, strlen(OK_DEVICE)), strlen(OK_DEVICE));
	assert_int_equal(close(file), 0);
	assert_int_equal(lm_conf_load(&out, &settings_table, path, &err), 0);
	assert_string_equal(out.device, "eth0");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(lm_conf_load(&out, &settings_table, path, &err), -ENOENT);
	assert_non_null(strstr(err.text, path));
	assert_int_equal(lm_conf_load(&out, &settings_table, ".", &err), -EISDIR);
}

static void byte_order_mark_is_passed_over(void **state)
{
	struct settings out;
	struct lm_error err;

	(void)state;
	assert_int_equal(parse(&out, "\xef\xbb\xbf" OK_DEVICE, &err), 0);
	assert_string_equal(out.device, "eth0");
}

static void describe_names_every_key(void **state)
{
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	(void)state;
	assert_non_null(to);
	lm_conf_describe(to, &settings_table);
	assert_int_equal(fclose(to), 0);
	assert_non_null(strstr(text, "port.device\n\ttext of 2 to 8 bytes; required\n"
				     "\tname of the device\n"));
	assert_non_null(strstr(text, "port.queues\n\ta number from 1 to 64; default 4\n"));
	assert_non_null(strstr(text, "strategy\n\tone of batch, pool, poisson; default pool\n"));
	assert_non_null(strstr(text, "neighbours[].link.port\n\ta number from 1 to 65535; "
				     "default 7000\n\tUDP port\n"));
	assert_non_null(strstr(text, "label\n\ttext of 0 to 4 bytes; default \"\"\n"));
	free(text);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_file_fills_the_struct),
		cmocka_unit_test(absent_keys_get_their_defaults),
		cmocka_unit_test(missing_required_key_is_named),
		cmocka_unit_test(unknown_key_is_refused_with_the_nearest),
		cmocka_unit_test(repeated_key_is_refused),
		cmocka_unit_test(numbers_are_plain_decimals_in_range),
		cmocka_unit_test(a_word_may_stand_for_a_number),
		cmocka_unit_test(truth_values_are_true_and_false_only),
		cmocka_unit_test(text_has_bounds_and_no_zero_bytes),
		cmocka_unit_test(choices_are_listed),
		cmocka_unit_test(lists_have_bounds_and_types),
		cmocka_unit_test(lists_of_texts_have_bounds_and_types),
		cmocka_unit_test(sections_are_mappings_and_dots_do_not_nest),
		cmocka_unit_test(aliases_tags_and_second_documents_are_refused),
		cmocka_unit_test(bad_syntax_has_a_line),
		cmocka_unit_test(hostile_names_stay_printable_and_bounded),
		cmocka_unit_test(large_file_is_refused_unread),
		cmocka_unit_test(truncated_and_flipped_files_do_no_harm),
		cmocka_unit_test(load_reads_a_file_and_names_it),
		cmocka_unit_test(byte_order_mark_is_passed_over),
		cmocka_unit_test(describe_names_every_key),
	};

	return RUN_TESTS(tests);
}
