/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/topology: who corrects a document is told of every mistake in it, and of nothing that is
 * none.
 */
#include <errno.h>

#include "lm_topology_check.h"
#include "topology_documents.h"

#define HEARD_MAX 64

/* What was said of a document. */
struct heard {
	unsigned n;
	char text[HEARD_MAX][512];
};

static void hear(void *context, const char *message)
{
	struct heard *heard = context;

	assert_true(heard->n < HEARD_MAX);
	snprintf(heard->text[heard->n++], sizeof(heard->text[0]), "%s", message);
}

/* Explains the document, and holds that against what the parser says. */
static struct heard explain(json_t *document)
{
	char *text = json_dumps(document, 0);
	struct heard heard = {0};
	struct lm_topology *topology;
	struct lm_error err = {""};
	int n = lm_topology_explain(text, strlen(text), "net", hear, &heard);
	int rc = lm_topology_parse(&topology, text, strlen(text), "net", &err);

	assert_int_equal(n, heard.n);
	assert_int_equal(rc == 0, n == 0);
	if (n > 0)
		assert_string_equal(err.text, heard.text[0]);
	lm_topology_free(topology);
	free(text);
	json_decref(document);
	return heard;
}

static void assert_heard(const struct heard *heard, const char *const *expected, unsigned n)
{
	for (unsigned i = 0; i < n || i < heard->n; i++) {
		if (i >= n)
			fail_msg("also: %s", heard->text[i]);
		else if (i >= heard->n)
			fail_msg("not said: %s", expected[i]);
		else
			assert_string_equal(heard->text[i], expected[i]);
	}
}

static void good_document_has_no_mistake(void **state)
{
	struct heard heard = explain(good_document());

	(void)state;
	assert_int_equal(heard.n, 0);
}

static void every_mistake_is_said_once(void **state)
{
	static const char *const expected[] = {
		"net: unknown field \"colour\"; see FORMAT.md for the fields",
		"net: unknown field \"taste\"; see FORMAT.md for the fields",
		"net: until: \"soon\" is no time; UTC as 2026-11-25T12:00:00Z",
		"net: previous: is missing; 64 hexadecimal digits",
		"net: profile: 7 is out of range; a number from 0 to 1",
		"net: mixing.min_batch: 0 is out of range; a number from 1 to 2147483648",
		"net: mixing.min_neighbours: is missing; a number from 1 to 65534",
		"net: cover.loop_interval_us: -1 is out of range; a number from 0 to 3600000000",
		"net: cover.link_interval_us: is no integer; a number from 0 to 3600000000",
		"net: paths.choice: \"best\" is no choice; uniform or capacity",
		"net: paths.jurisdictions: is neither; true or false",
		"net: nodes[0].id: 0 is out of range; a number from 1 to 4294967294",
		"net: nodes[0].layer: 3 is out of range; a number from 1 to 2",
		"net: nodes[0].operator: \"\" is no name; 1 to 63 printable ASCII characters, no "
		"space at either end",
		"net: nodes[0].jurisdiction: \"Switzerland\" is none; two capital letters",
		"net: nodes[0].addresses[0].ip: \"here\" is no address; as \"192.0.2.1\" or "
		"\"2001:db8::1\"",
		"net: nodes[0].addresses[1].port: is missing; a number from 1 to 65535",
		"net: nodes[0].mac: \"resolve\" is no MAC address; aa:bb:cc:dd:ee:ff",
		"net: nodes[0].keys.7: is missing; 64 hexadecimal digits",
		"net: nodes[0].keys.9: has small order; a public key made from a secret",
		"net: nodes[2]: is no object; write {...}",
		"net: nodes[4].capacity: is missing; a number from 1 to 4294967295",
		"net: nodes[5].id: stands at nodes[3] already; every node has its own",
	};
	json_t *document = good_document();
	struct heard heard;

	(void)state;
	change(document, "colour", "1");
	change(document, "taste", "1");
	change(document, "until", "\"soon\"");
	change(document, "previous", NULL);
	change(document, "profile", "7");
	change(document, "mixing.min_batch", "0");
	change(document, "mixing.min_neighbours", NULL);
	change(document, "cover.loop_interval_us", "-1");
	change(document, "cover.link_interval_us", "\"never\"");
	change(document, "paths.choice", "\"best\"");
	change(document, "paths.jurisdictions", "1");
	change(document, "nodes.0.id", "0");
	change(document, "nodes.0.layer", "3");
	change(document, "nodes.0.operator", "\"\"");
	change(document, "nodes.0.jurisdiction", "\"Switzerland\"");
	change(document, "nodes.0.addresses.0.ip", "\"here\"");
	change(document, "nodes.0.addresses.1.port", NULL);
	change(document, "nodes.0.mac", "\"resolve\"");
	change(document, "nodes.0.keys.7", NULL);
	change(document, "nodes.0.keys.9", "\"" ZEROS "\"");
	change(document, "nodes.2", "3");
	change(document, "nodes.4.capacity", NULL);
	change(document, "nodes.5.id", "1");
	heard = explain(document);
	assert_heard(&heard, expected, LM_COUNT(expected));
}

/* A node that cannot be read is not the twin of another, nor is its layer missed. */
static void what_depends_on_a_mistake_is_not_said(void **state)
{
	static const char *const expected[] = {
		"net: epoch: is missing; a number from 0 to 4294967292",
		"net: layers: 9 is out of range; a number from 1 to 4",
		"net: nodes[0].id: is missing; a number from 1 to 4294967294",
		"net: nodes[0].link: is missing; 64 hexadecimal digits",
		"net: nodes[1].id: is missing; a number from 1 to 4294967294",
		"net: nodes[1].link: is missing; 64 hexadecimal digits",
	};
	json_t *document = good_document();
	struct heard heard;

	(void)state;
	change(document, "epoch", NULL);
	change(document, "layers", "9");
	for (unsigned i = 0; i < 2; i++) {
		change(document, i ? "nodes.1.id" : "nodes.0.id", NULL);
		change(document, i ? "nodes.1.link" : "nodes.0.link", NULL);
	}
	heard = explain(document);
	assert_heard(&heard, expected, LM_COUNT(expected));
}

static void every_twin_is_said(void **state)
{
	static const char *const expected[] = {
		"net: nodes[1].identity: stands at nodes[0] already; every node has its own",
		"net: nodes[3].link: stands at nodes[2] already; every node has its own",
		"net: nodes[4].addresses: stands at nodes[0] already; every node has its own",
	};
	json_t *document = good_document(), *nodes = json_object_get(document, "nodes");
	struct heard heard;

	(void)state;
	json_object_set(json_array_get(nodes, 1), "identity",
			json_object_get(json_array_get(nodes, 0), "identity"));
	json_object_set(json_array_get(nodes, 3), "link",
			json_object_get(json_array_get(nodes, 2), "link"));
	change(document, "nodes.4.addresses.0.ip", "\"10.0.1.244\"");
	heard = explain(document);
	assert_heard(&heard, expected, LM_COUNT(expected));
}

static void every_empty_layer_and_lonely_gateway_is_said(void **state)
{
	static const char *const empty[] = {
		"net: nodes: no gateway is there; one at least",
		"net: nodes: layer 1 has no mix; one at least",
	};
	static const char *const lonely[] = {
		"net: nodes: no path leads to gateway 300 over 2 layers without two nodes of one "
		"operator; list more operators",
		"net: nodes: no path leads to gateway 4294967294 over 2 layers without two nodes "
		"of "
		"one operator; list more operators",
	};
	json_t *document = make_document(7, 2);
	struct heard heard;

	(void)state;
	add_node(document, 1, 2);
	heard = explain(document);
	assert_heard(&heard, empty, LM_COUNT(empty));
	document = good_document();
	for (unsigned i = 1; i < 5; i++) {
		char path[32];

		snprintf(path, sizeof(path), "nodes.%u.operator", i);
		change(document, path, "\"one\"");
	}
	heard = explain(document);
	assert_heard(&heard, lonely, LM_COUNT(lonely));
}

static void other_files_are_one_mistake(void **state)
{
	static const struct {
		const char *text, *message;
	} files[] = {
		{"", "net:1: not JSON: end of file expected near end of file; correct the syntax"},
		{"[1]", "net: the document is no object; write {...}"},
		{"{\"format\": \"linemix-plan-v1\"}",
		 "net: format: \"linemix-plan-v1\" is no known format; linemix-topology-v2"},
	};

	(void)state;
	for (size_t i = 0; i < LM_COUNT(files); i++) {
		struct heard heard = {0};

		assert_int_equal(lm_topology_explain(files[i].text, strlen(files[i].text), "net",
						     hear, &heard),
				 1);
		if (i > 0) /* the first is the parser's own */
			assert_string_equal(heard.text[0], files[i].message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_document_has_no_mistake),
		cmocka_unit_test(every_mistake_is_said_once),
		cmocka_unit_test(what_depends_on_a_mistake_is_not_said),
		cmocka_unit_test(every_twin_is_said),
		cmocka_unit_test(every_empty_layer_and_lonely_gateway_is_said),
		cmocka_unit_test(other_files_are_one_mistake),
	};

	return RUN_TESTS(tests);
}
