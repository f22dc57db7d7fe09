/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where a node is: its addresses with their ports, and in laboratories its link-layer address.
 */
#include <arpa/inet.h>
#include <string.h>

#include "document.h"

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

static int read_ip(struct lm_topology_address *address, const struct reader *reader,
		   const struct place *place)
{
	static const char right[] = "as \"192.0.2.1\" or \"2001:db8::1\"";
	const char *text;
	int rc = lm_topology_read_text(&text, reader, place, "ip", right);

	if (rc)
		return rc;
	address->ipv6 = strchr(text, ':') != NULL;
	if (inet_pton(address->ipv6 ? AF_INET6 : AF_INET, text, address->ip) != 1)
		return lm_topology_fail(reader, place, "ip", "\"%.40s\" is no address; %s", text,
					right);
	if (address->ipv6 ? !is_unicast6(address->ip) : !is_unicast4(address->ip))
		return lm_topology_fail(reader, place, "ip",
					"%s is no host's address; a unicast address", text);
	return 0;
}

static int read_address(struct lm_topology_address *address, const struct reader *reader,
			const struct place *place)
{
	static const char *const fields[] = {"ip", "port", NULL};
	uint64_t port = 0;
	int rc;

	memset(address, 0, sizeof(*address));
	rc = lm_topology_read_only(reader, place, fields);
	rc = lm_topology_both(rc, read_ip(address, reader, place));
	rc = lm_topology_both(rc,
			      lm_topology_read_uint(&port, reader, place, "port", 1, UINT16_MAX));
	address->port = (uint16_t)port;
	if (rc)
		memset(address, 0, sizeof(*address));
	return rc;
}

int lm_topology_read_addresses(struct lm_topology_address *address, unsigned *n,
			       const struct reader *reader, const struct place *place)
{
	json_t *list = NULL;
	int rc = lm_topology_read_list(&list, reader, place, "addresses", 1, LM_TOPOLOGY_ADDRESSES);

	*n = rc ? 0 : (unsigned)json_array_size(list);
	for (unsigned i = 0; i < *n; i++) {
		struct place item = lm_topology_place_in_list(place, "addresses", list, i);

		rc = lm_topology_both(rc, read_address(&address[i], reader, &item));
	}
	return rc;
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

int lm_topology_read_mac(struct lm_topology_node *node, const struct reader *reader,
			 const struct place *place)
{
	static const char right[] = "aa:bb:cc:dd:ee:ff";
	const char *text;
	int rc;

	if (!json_object_get(place->json, "mac"))
		return 0;
	rc = lm_topology_read_text(&text, reader, place, "mac", right);
	if (rc)
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
