/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Prefixes of addresses, as "192.0.2.0/24" or "2001:db8::/48": where a plan says that a member is.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "prefix.h"
#include "write.h"

static const char right[] = "as \"192.0.2.0/24\" or \"2001:db8::/48\"";

/* Are all bits of the address behind the first `len` zero? */
static bool is_bare(const uint8_t ip[16], unsigned len)
{
	for (unsigned bit = len; bit < 128; bit++)
		if (ip[bit / 8] & 0x80 >> bit % 8)
			return false;
	return true;
}

/* Decimal without leading zeros, 1 .. most; 0 if it is none. */
static unsigned parse_len(const char *text, unsigned most)
{
	unsigned len = 0;

	if (*text == '0' || strlen(text) > 3)
		return 0;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return 0;
		len = 10 * len + (unsigned)(*text - '0');
	}
	return len <= most ? len : 0;
}

static bool parse(struct lm_prefix *prefix, const char *text)
{
	const char *slash = strchr(text, '/');
	char ip[INET6_ADDRSTRLEN];

	*prefix = (struct lm_prefix){.ipv6 = strchr(text, ':') != NULL};
	if (!slash || (size_t)(slash - text) >= sizeof(ip))
		return false;
	snprintf(ip, sizeof(ip), "%.*s", (int)(slash - text), text);
	prefix->len = (uint8_t)parse_len(slash + 1, prefix->ipv6 ? 128 : 32);
	return prefix->len > 0 && inet_pton(prefix->ipv6 ? AF_INET6 : AF_INET, ip, prefix->ip) == 1;
}

static int read_one(struct lm_prefix *prefix, const struct reader *reader,
		    const struct place *place, json_t *json)
{
	const char *text = json_string_value(json);

	if (!text)
		return lm_topology_fail(reader, place, "", "is no text; %s", right);
	if (!parse(prefix, text))
		return lm_topology_fail(reader, place, "", "\"%.40s\" is no prefix; %s", text,
					right);
	if (!is_bare(prefix->ip, prefix->len))
		return lm_topology_fail(reader, place, "",
					"%.43s has digits behind its length; zeros there", text);
	return 0;
}

unsigned lm_topology_count_prefixes(const json_t *member)
{
	size_t n = json_array_size(json_object_get(member, "prefixes"));

	return n < LM_PLAN_PREFIXES ? (unsigned)n : LM_PLAN_PREFIXES;
}

int lm_topology_read_prefixes(struct lm_prefix *prefix, unsigned *n, const struct reader *reader,
			      const struct place *place)
{
	json_t *list = json_object_get(place->json, "prefixes");
	int rc = 0;

	*n = 0;
	if (!list)
		return 0;
	if (!json_is_array(list) || json_array_size(list) < 1 ||
	    json_array_size(list) > LM_PLAN_PREFIXES)
		return lm_topology_fail(reader, place, "prefixes", "is no list of 1 to %u",
					LM_PLAN_PREFIXES);
	for (; *n < json_array_size(list); ++*n) {
		struct place item = lm_topology_place_in_list(place, "prefixes", list, *n);

		/* the item's own name, without the dot behind it */
		rc = lm_topology_both(rc, read_one(&prefix[*n], reader, &item, item.json));
	}
	return rc;
}

bool lm_prefix_has(const struct lm_prefix *prefix, const struct lm_topology_address *address)
{
	unsigned bytes = prefix->len / 8, bits = prefix->len % 8;

	if (prefix->ipv6 != address->ipv6 || memcmp(prefix->ip, address->ip, bytes) != 0)
		return false;
	return bits == 0 || (prefix->ip[bytes] ^ address->ip[bytes]) >> (8 - bits) == 0;
}

void lm_prefix_format(char text[LM_PREFIX_TEXT], const struct lm_prefix *prefix)
{
	struct lm_topology_address address = {.ipv6 = prefix->ipv6};

	memcpy(address.ip, prefix->ip, sizeof(address.ip));
	sprintf(text + lm_write_ip(text, &address), "/%u", prefix->len);
}
