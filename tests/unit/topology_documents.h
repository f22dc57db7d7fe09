/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Topology documents for the tests of lib/topology: made node by node, changed, and parsed.
 */
#pragma once

#include <jansson.h>
#include <string.h>

#include "lm_topology.h"
#include "testing.h"

/* 64 digits that no other number, mark and kind have; small enough to be a public key. */
static inline json_t *make_hex(uint32_t number, uint32_t mark, uint8_t kind)
{
	uint8_t bytes[32] = {[31] = kind};
	char text[65];

	lm_store_u32(bytes, number);
	lm_store_u32(bytes + 4, mark);
	lm_hex_encode(text, bytes, sizeof(bytes));
	return json_string(text);
}

static inline json_t *make_keys(uint32_t number, uint32_t epoch)
{
	json_t *keys = json_object();

	for (uint32_t e = epoch; e < epoch + LM_TOPOLOGY_KEYS; e++) {
		char label[11];

		snprintf(label, sizeof(label), "%u", e);
		json_object_set_new(keys, label, make_hex(number, e, 0x11));
	}
	return keys;
}

/* Every node has an operator of its own. */
static inline json_t *make_node(uint32_t id, unsigned layer, uint32_t epoch)
{
	char ip[20], operator[20];
	json_t *node;

	snprintf(ip, sizeof(ip), "10.%u.%u.%u", id >> 16 & 0xff, id >> 8 & 0xff, id & 0xff);
	snprintf(operator, sizeof(operator), "operator %u", id);
	node = json_pack("{sI ss ss ss so so si s[{ss si}] so}", "id", (json_int_t)id, "role",
			 layer ? "mix" : "gateway", "operator", operator, "jurisdiction", "CH",
			 "identity", make_hex(id, 0, 0x22), "link", make_hex(id, 0, 0x33),
			 "capacity", 1000, "addresses", "ip", ip, "port", 7000, "keys",
			 make_keys(id, epoch));
	if (layer)
		json_object_set_new(node, "layer", json_integer(layer));
	return node;
}

#define FROM_S UINT64_C(1795608000) /* 2026-11-25T12:00:00Z */
#define SPAN_S 1200
#define ZEROS  "0000000000000000000000000000000000000000000000000000000000000000"

static inline json_t *make_document(uint32_t epoch, unsigned layers)
{
	return json_pack("{ss sI ss ss ss si s{ss si si si si} s{si si si} s{ss sb} si s[]}",
			 "format", "linemix-topology-v2", "epoch", (json_int_t)epoch, "from",
			 "2026-11-25T12:00:00Z", "until", "2026-11-25T12:20:00Z", "previous", ZEROS,
			 "profile", 1, "mixing", "strategy", "batch", "interval_us", 100000,
			 "min_batch", 16, "min_neighbours", 2, "max_wait_us", 1000000, "cover",
			 "loop_interval_us", 250000, "drop_interval_us", 500000, "link_interval_us",
			 0, "paths", "choice", "uniform", "jurisdictions", 0, "layers", (int)layers,
			 "nodes");
}

static inline void add_node(json_t *document, uint32_t id, unsigned layer)
{
	uint32_t epoch = (uint32_t)json_integer_value(json_object_get(document, "epoch"));

	json_array_append_new(json_object_get(document, "nodes"), make_node(id, layer, epoch));
}

/* Two layers of two mixes and two gateways, ids out of order; nodes[0] has everything. */
static inline json_t *good_document(void)
{
	json_t *document = make_document(7, 2);
	json_t *first;

	add_node(document, 500, 1);
	add_node(document, 20, 2);
	add_node(document, 4294967294, 0);
	add_node(document, 1, 2);
	add_node(document, 300, 0);
	add_node(document, 30, 1);
	first = json_array_get(json_object_get(document, "nodes"), 0);
	json_array_append_new(json_object_get(first, "addresses"),
			      json_pack("{ss si}", "ip", "2001:db8::5", "port", 7001));
	json_object_set_new(first, "mac", json_string("02:00:00:00:aB:5a"));
	return document;
}

/* Parses the document and gives it up. */
static inline int parse(struct lm_topology **topology, json_t *document, struct lm_error *err)
{
	char *text = json_dumps(document, JSON_COMPACT);
	int rc = lm_topology_parse(topology, text, strlen(text), "net.json", err);

	free(text);
	json_decref(document);
	return rc;
}

static inline struct lm_topology *parse_good(json_t *document)
{
	struct lm_topology *topology;
	struct lm_error err;
	int rc = parse(&topology, document, &err);

	if (rc)
		fail_msg("%s", err.text);
	return topology;
}

/* Sets the value at a path such as "nodes.0.keys.7" to some JSON; NULL takes it away. */
static inline void change(json_t *document, const char *path, const char *value)
{
	json_t *at = document;
	char word[64];

	for (;;) {
		size_t len = strcspn(path, ".");
		json_t *new = value ? json_loads(value, JSON_DECODE_ANY, NULL) : NULL;

		assert_true(len < sizeof(word));
		memcpy(word, path, len);
		word[len] = '\0';
		if (path[len] == '.') {
			json_decref(new);
			path += len + 1;
			at = json_is_array(at) ? json_array_get(at, strtoul(word, NULL, 10))
					       : json_object_get(at, word);
			assert_non_null(at);
		} else if (json_is_array(at)) {
			assert_int_equal(json_array_set_new(at, strtoul(word, NULL, 10), new), 0);
			return;
		} else {
			assert_int_equal(value ? json_object_set_new(at, word, new)
					       : json_object_del(at, word),
					 0);
			return;
		}
	}
}
