/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One node of a document: who it is, who runs it, and its public keys.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "document.h"

#define LABEL_LEN 11 /* an epoch in decimal */

/* The canonical u of small order, on the curve and its twist: order 4, 2, 8, 8 and 4. */
static const struct lm_point small_order[] = {
	{{1}},
	{{0}},
	{{0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3,
	  0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32,
	  0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00}},
	{{0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1,
	  0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c,
	  0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57}},
	{{0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}},
};

static bool is_small_order(const struct lm_point *point)
{
	for (size_t i = 0; i < LM_COUNT(small_order); i++)
		if (memcmp(point, &small_order[i], sizeof(*point)) == 0)
			return true;
	return false;
}

/* ---- Who ---- */

static int read_layer(struct lm_topology_node *node, const struct reader *reader,
		      const struct place *place, unsigned layers)
{
	uint64_t layer = 0;
	int rc;

	if (node->role == LM_TOPOLOGY_MIX) {
		rc = lm_topology_read_uint(&layer, reader, place, "layer", 1, layers);
		node->layer = (unsigned)layer;
		return rc;
	}
	if (json_object_get(place->json, "layer"))
		return lm_topology_fail(reader, place, "layer",
					"stands at a gateway; only mixes have a layer");
	return 0;
}

static int read_role(struct lm_topology_node *node, const struct reader *reader,
		     const struct place *place, unsigned layers)
{
	const char *role;
	int rc = lm_topology_read_text(&role, reader, place, "role", "mix or gateway");

	if (rc)
		return rc;
	if (strcmp(role, "mix") == 0)
		node->role = LM_TOPOLOGY_MIX;
	else if (strcmp(role, "gateway") == 0)
		node->role = LM_TOPOLOGY_GATEWAY;
	else
		return lm_topology_fail(reader, place, "role",
					"\"%.40s\" is no role; mix or gateway", role);
	return read_layer(node, reader, place, layers);
}

/* ---- By whom ---- */

/* Printable, so that lists of operators can be read, and no two look alike by spaces. */
static bool is_name(const char *text)
{
	size_t len = strlen(text);

	if (len < 1 || len > LM_TOPOLOGY_NAME || text[0] == ' ' || text[len - 1] == ' ')
		return false;
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			return false;
	return true;
}

static bool is_jurisdiction(const char *text)
{
	return strlen(text) == 2 && text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'A' &&
	       text[1] <= 'Z';
}

static int read_operator(struct lm_topology_node *node, const struct reader *reader,
			 const struct place *place)
{
	static const char right[] = "1 to 63 printable ASCII characters, no space at either end";
	const char *text;
	int rc = lm_topology_read_text(&text, reader, place, "operator", right);

	if (rc)
		return rc;
	if (!is_name(text))
		return lm_topology_fail(reader, place, "operator", "\"%.40s\" is no name; %s", text,
					right);
	strcpy(node->operator, text);
	return 0;
}

static int read_jurisdiction(struct lm_topology_node *node, const struct reader *reader,
			     const struct place *place)
{
	static const char right[] = "two capital letters";
	const char *text;
	int rc = lm_topology_read_text(&text, reader, place, "jurisdiction", right);

	if (rc)
		return rc;
	if (!is_jurisdiction(text))
		return lm_topology_fail(reader, place, "jurisdiction", "\"%.40s\" is none; %s",
					text, right);
	strcpy(node->jurisdiction, text);
	return 0;
}

int lm_topology_read_who(struct lm_topology_node *node, const struct reader *reader,
			 const struct place *place, unsigned layers)
{
	uint64_t id = 0;
	int rc = lm_topology_read_uint(&id, reader, place, "id", 1, UINT32_MAX - 1);

	node->id = (uint32_t)id;
	rc = lm_topology_both(rc, read_role(node, reader, place, layers));
	rc = lm_topology_both(rc, read_operator(node, reader, place));
	rc = lm_topology_both(rc, read_jurisdiction(node, reader, place));
	return lm_topology_both(rc, lm_topology_read_hex(node->identity.b, sizeof(node->identity.b),
							 reader, place, "identity"));
}

/* ---- Keys ---- */

int lm_topology_read_point(struct lm_point *out, const struct reader *reader,
			   const struct place *place, const char *field)
{
	struct lm_point point;
	int rc = lm_topology_read_hex(point.b, sizeof(point.b), reader, place, field);

	if (rc)
		return rc;
	if (!lm_x25519_is_canonical(&point))
		return lm_topology_fail(reader, place, field,
					"is not canonical; a public key below 2^255 - 19");
	if (is_small_order(&point))
		return lm_topology_fail(reader, place, field,
					"has small order; a public key made from a secret");
	*out = point;
	return 0;
}

/* Refuses every key whose name is none of the epochs from `first` on. */
static int only_epochs(const struct reader *reader, const struct place *keys, uint32_t first)
{
	const char *name;
	json_t *value;
	int rc = 0;

	json_object_foreach(keys->json, name, value)
	{
		unsigned i = 0;
		char label[LABEL_LEN];

		while (i < LM_TOPOLOGY_KEYS) {
			snprintf(label, sizeof(label), "%" PRIu32, first + i);
			if (strcmp(label, name) == 0)
				break;
			i++;
		}
		if (i == LM_TOPOLOGY_KEYS)
			rc = lm_topology_fail(reader, keys, "",
					      "\"%.40s\" is no epoch of this document; %" PRIu32
					      " to %" PRIu32,
					      name, first, first + LM_TOPOLOGY_KEYS - 1);
	}
	return rc;
}

static int read_keys(struct lm_topology_node *node, const struct reader *reader,
		     const struct place *place, uint32_t epoch)
{
	struct place keys;
	int rc = lm_topology_read_object(&keys, reader, place, "keys");

	if (rc || epoch > LM_TOPOLOGY_EPOCH_MAX) /* that of the document is wrong */
		return rc;
	rc = only_epochs(reader, &keys, epoch);
	for (uint32_t i = 0; i < LM_TOPOLOGY_KEYS; i++) {
		char label[LABEL_LEN];

		snprintf(label, sizeof(label), "%" PRIu32, epoch + i);
		rc = lm_topology_both(rc, lm_topology_read_point(&node->key[i].pk, reader, &keys,
								 label));
		node->key[i].kid = (uint8_t)(epoch + i);
	}
	node->keys = LM_TOPOLOGY_KEYS;
	return rc;
}

int lm_topology_read_node(struct lm_topology_node *node, const struct reader *reader,
			  const struct place *place, const struct lm_topology *topology)
{
	static const char *const fields[] = {"id",           "role",     "layer", "operator",
					     "jurisdiction", "identity", "link",  "capacity",
					     "addresses",    "mac",      "keys",  NULL};
	uint64_t capacity = 0;
	int rc = lm_topology_read_only(reader, place, fields);

	rc = lm_topology_both(rc, lm_topology_read_who(node, reader, place, topology->layers));
	rc = lm_topology_both(rc, lm_topology_read_point(&node->link, reader, place, "link"));
	rc = lm_topology_both(rc, lm_topology_read_uint(&capacity, reader, place, "capacity", 1,
							UINT32_MAX));
	node->capacity = (uint32_t)capacity;
	rc = lm_topology_both(rc, lm_topology_read_addresses(node->address, &node->addresses,
							     reader, place));
	rc = lm_topology_both(rc, lm_topology_read_mac(node, reader, place));
	return lm_topology_both(rc, read_keys(node, reader, place, topology->epoch));
}
