/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One node of a document: who it is, where it is, and its public keys.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "document.h"

#define WINDOW 3 /* key epochs: the previous, the current and the next */

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

static int read_who(struct lm_topology_node *node, const struct reader *reader,
		    const struct place *place, unsigned layers)
{
	const char *role;
	uint64_t id;
	int rc = lm_topology_read_uint(&id, reader, place, "id", 1, UINT32_MAX - 1);

	if (!rc)
		rc = lm_topology_read_text(&role, reader, place, "role", "mix or gateway");
	if (rc)
		return rc;
	node->id = (uint32_t)id;
	if (strcmp(role, "mix") == 0)
		node->role = LM_TOPOLOGY_MIX;
	else if (strcmp(role, "gateway") == 0)
		node->role = LM_TOPOLOGY_GATEWAY;
	else
		return lm_topology_fail(reader, place, "role",
					"\"%.40s\" is no role; mix or gateway", role);
	return read_layer(node, reader, place, layers);
}

/* ---- Where ---- */

/* 0.0.0.0/8, multicast and everything above it. */
static bool is_unicast4(const uint8_t address[4])
{
	return address[0] != 0 && address[0] < 224;
}

/* Neither unspecified, nor multicast, nor an IPv4 address in disguise. */
static bool is_unicast6(const uint8_t address[16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	return !lm_is_zero(address, 16) && address[0] != 0xff &&
	       memcmp(address, mapped, sizeof(mapped)) != 0;
}

static int read_address(bool *has, uint8_t *out, const struct reader *reader,
			const struct place *place, int family)
{
	const char *field = family == AF_INET ? "ipv4" : "ipv6";
	const char *text;
	int rc;

	*has = json_object_get(place->json, field) != NULL;
	if (!*has)
		return 0;
	rc = lm_topology_read_text(&text, reader, place, field, "an address in quotes");
	if (rc)
		return rc;
	if (inet_pton(family, text, out) != 1)
		return lm_topology_fail(reader, place, field, "\"%.40s\" is no address; %s", text,
					family == AF_INET ? "as 192.0.2.1" : "as 2001:db8::1");
	if (family == AF_INET ? !is_unicast4(out) : !is_unicast6(out))
		return lm_topology_fail(reader, place, field,
					"%s is no host's address; a unicast address", text);
	return 0;
}

/* Six pairs of hexadecimal digits with colons. */
static bool parse_mac(uint8_t mac[6], const char *text)
{
	char digits[13] = {0};

	if (strlen(text) != 17)
		return false;
	for (unsigned i = 0; i < 6; i++) {
		memcpy(digits + 2 * i, text + 3 * i, 2);
		if (i < 5 && text[3 * i + 2] != ':')
			return false;
	}
	return lm_hex_decode(mac, digits, 6);
}

static int read_mac(struct lm_topology_node *node, const struct reader *reader,
		    const struct place *place)
{
	static const char right[] = "aa:bb:cc:dd:ee:ff or resolve";
	const char *text;
	int rc = lm_topology_read_text(&text, reader, place, "mac", right);

	if (rc || strcmp(text, "resolve") == 0)
		return rc;
	if (!parse_mac(node->mac, text))
		return lm_topology_fail(reader, place, "mac", "\"%.40s\" is no MAC address; %s",
					text, right);
	if (node->mac[0] & 1 || lm_is_zero(node->mac, sizeof(node->mac)))
		return lm_topology_fail(reader, place, "mac",
					"%s is no host's address; a unicast address", text);
	node->has_mac = true;
	return 0;
}

static int read_where(struct lm_topology_node *node, const struct reader *reader,
		      const struct place *place)
{
	uint64_t port;
	int rc = read_address(&node->has_ipv4, node->ipv4, reader, place, AF_INET);

	if (!rc)
		rc = read_address(&node->has_ipv6, node->ipv6, reader, place, AF_INET6);
	if (!rc && !node->has_ipv4 && !node->has_ipv6)
		rc = lm_topology_fail(reader, place, "ipv4",
				      "neither ipv4 nor ipv6 is there; give at least one");
	if (!rc)
		rc = lm_topology_read_uint(&port, reader, place, "port", 1, UINT16_MAX);
	if (rc)
		return rc;
	node->port = (uint16_t)port;
	return read_mac(node, reader, place);
}

/* ---- Keys ---- */

/* The key of one kid of the window. */
static int read_key(struct lm_topology_node *node, const struct reader *reader,
		    const struct place *keys, uint8_t kid)
{
	struct lm_point *pk = &node->key[node->keys].pk;
	const char *text;
	char field[4];
	int rc;

	snprintf(field, sizeof(field), "%u", kid);
	rc = lm_topology_read_text(&text, reader, keys, field, "a public key for this kid");
	if (rc)
		return rc;
	if (!lm_hex_decode(pk->b, text, sizeof(pk->b)))
		return lm_topology_fail(reader, keys, field, "is no key; 64 hexadecimal digits");
	if (!lm_x25519_is_canonical(pk))
		return lm_topology_fail(reader, keys, field,
					"is not canonical; a public key below 2^255 - 19");
	if (is_small_order(pk))
		return lm_topology_fail(reader, keys, field,
					"has small order; a public key made from a secret");
	node->key[node->keys++].kid = kid;
	return 0;
}

/* Refuses every key whose name is none of the kids from `first` on. */
static int only_kids(const struct reader *reader, const struct place *keys, uint32_t first,
		     unsigned kids)
{
	const char *name;
	json_t *value;

	json_object_foreach(keys->json, name, value)
	{
		unsigned i = 0;
		char kid[4];

		while (i < kids) {
			snprintf(kid, sizeof(kid), "%u", (uint8_t)(first + i));
			if (strcmp(kid, name) == 0)
				break;
			i++;
		}
		if (i == kids)
			return lm_topology_fail(
				reader, keys, "",
				"\"%.40s\" is no kid of this epoch; %u to %u modulo 256", name,
				(uint8_t)first, (uint8_t)(first + kids - 1));
	}
	return 0;
}

static int read_keys(struct lm_topology_node *node, const struct reader *reader,
		     const struct place *place, uint32_t epoch)
{
	uint32_t first = epoch > 0 ? epoch - 1 : 0;
	unsigned kids = epoch > 0 ? WINDOW : WINDOW - 1;
	struct place keys;
	int rc = lm_topology_read_object(&keys, reader, place, "keys");

	if (!rc)
		rc = only_kids(reader, &keys, first, kids);
	for (unsigned i = 0; i < kids && !rc; i++)
		rc = read_key(node, reader, &keys, (uint8_t)(first + i));
	return rc;
}

int lm_topology_read_node(struct lm_topology_node *node, const struct reader *reader,
			  const struct place *place, const struct lm_topology *topology)
{
	static const char *const fields[] = {"id",   "role", "layer", "ipv4", "ipv6",
					     "port", "mac",  "keys",  NULL};
	int rc = lm_topology_read_only(reader, place, fields);

	if (!rc)
		rc = read_who(node, reader, place, topology->layers);
	if (!rc)
		rc = read_where(node, reader, place);
	if (!rc)
		rc = read_keys(node, reader, place, topology->epoch);
	return rc;
}
