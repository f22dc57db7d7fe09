/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/topology: the largest network is read, and one more node is refused. Says how large documents
 * are and how much CPU time reading them takes; none of it is judged but that it fits.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "topology_documents.h"

static const struct lm_signer signer = {{7}};

/* A document of n nodes in three layers and gateways. */
static char *make_text(unsigned n)
{
	json_t *document = make_document(7, 3);
	char *text;

	for (unsigned i = 0; i < n; i++)
		add_node(document, 4000000000u + i, i % 4);
	text = json_dumps(document, JSON_COMPACT);
	json_decref(document);
	assert_non_null(text);
	return text;
}

/* Of this process's own: other work on the machine does not count. */
static double since_ms(clock_t start)
{
	return (double)(clock() - start) * 1000 / CLOCKS_PER_SEC;
}

static void read_signed(unsigned n)
{
	struct lm_authorities authorities = {.n = 1, .threshold = 1};
	struct lm_topology *topology;
	struct lm_signed file = {.n = 1};
	struct lm_error err = {""};
	char *document = make_text(n), *text;
	double opened, checked;
	clock_t start;
	size_t len;

	file.bytes = document;
	file.len = strlen(document);
	lm_signer_public(&file.by[0], &signer);
	authorities.key[0] = file.by[0];
	lm_sign(&file.signature[0], &signer, document, file.len);
	assert_int_equal(lm_signed_format(&text, &len, &file), 0);
	start = clock();
	assert_int_equal(lm_signed_parse(&file, text, len, "large", NULL), 0);
	assert_int_equal(lm_signed_count(&file, &authorities), 1);
	checked = since_ms(start);
	start = clock();
	if (lm_topology_open(&topology, text, len, &authorities, "large", &err) != 0)
		fail_msg("%s", err.text);
	opened = since_ms(start);
	assert_int_equal(topology->nodes, n);
	assert_non_null(lm_topology_find(topology, 4000000000u + n - 1));
	printf("# %u nodes: %zu bytes, %.1f ms of CPU time to read, of which one signature is %.1f "
	       "ms\n",
	       n, len, opened, checked);
	lm_topology_free(topology);
	free(text);
	free(document);
}

static void large_networks_are_read(void **state)
{
	(void)state;
	read_signed(1000);
	read_signed(LM_TOPOLOGY_NODES);
}

static void one_node_too_many_is_refused(void **state)
{
	struct lm_topology *topology;
	struct lm_error err = {""};
	char *text = make_text(LM_TOPOLOGY_NODES + 1);

	(void)state;
	assert_int_equal(lm_topology_parse(&topology, text, strlen(text), "large", &err), -EINVAL);
	assert_string_equal(err.text, "large: nodes: is no list of 1 to 65536 nodes");
	free(text);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(large_networks_are_read),
		cmocka_unit_test(one_node_too_many_is_refused),
	};

	return RUN_TESTS(tests);
}
