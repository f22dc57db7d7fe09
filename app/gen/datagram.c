/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See datagram.h.
 */
#include "datagram.h"

#include <stdlib.h>
#include <string.h>

enum {
	ETHER_LEN = 14,
	VLAN_LEN = 4,
	IPV4_LEN = 20,
	IPV6_LEN = 40,
	UDP_LEN = 8,
	TYPE_IPV4 = 0x0800,
	TYPE_IPV6 = 0x86dd,
	TYPE_VLAN = 0x8100,
	PROTO_UDP = 17,
};

struct entry {
	struct datagram_end end;
	uint32_t node;
};

struct datagram_book {
	const struct lm_topology *topology;
	uint32_t n;
	struct entry entry[];
};

/* ---- Addresses ---- */

static struct datagram_end make_end(const uint8_t *address, size_t len, uint16_t port)
{
	struct datagram_end end = {.address = {[10] = 0xff, [11] = 0xff}, .port = port};

	memcpy(end.address + sizeof(end.address) - len, address, len);
	return end;
}

static int compare_ends(const struct datagram_end *a, const struct datagram_end *b)
{
	int order = memcmp(a->address, b->address, sizeof(a->address));

	return order ? order : (a->port > b->port) - (a->port < b->port);
}

static int compare_entries(const void *a, const void *b)
{
	const struct entry *left = a, *right = b;

	return compare_ends(&left->end, &right->end);
}

struct datagram_book *datagram_book_make(const struct lm_topology *topology)
{
	struct datagram_book *book =
		calloc(1, sizeof(*book) + LM_TOPOLOGY_ADDRESSES * (size_t)topology->nodes *
						  sizeof(book->entry[0]));

	if (!book)
		return NULL;
	book->topology = topology;
	for (uint32_t i = 0; i < topology->nodes; i++) {
		const struct lm_topology_node *node = &topology->node[i];

		for (unsigned j = 0; j < node->addresses; j++) {
			const struct lm_topology_address *at = &node->address[j];

			book->entry[book->n++] =
				(struct entry){make_end(at->ip, at->ipv6 ? 16 : 4, at->port), i};
		}
	}
	qsort(book->entry, book->n, sizeof(book->entry[0]), compare_entries);
	return book;
}

const struct lm_topology_node *datagram_node(const struct datagram_book *book,
					     const struct datagram_end *end)
{
	const struct entry key = {.end = *end};
	const struct entry *found =
		bsearch(&key, book->entry, book->n, sizeof(key), compare_entries);

	return found ? &book->topology->node[found->node] : NULL;
}

/* ---- Frames ---- */

static uint16_t load_be16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static bool parse_udp(struct datagram *datagram, const uint8_t *udp, size_t len)
{
	if (len < UDP_LEN || load_be16(udp + 4) < UDP_LEN || load_be16(udp + 4) > len)
		return false;
	datagram->from.port = load_be16(udp);
	datagram->to.port = load_be16(udp + 2);
	datagram->payload = udp + UDP_LEN;
	datagram->len = load_be16(udp + 4) - (size_t)UDP_LEN;
	return true;
}

bool datagram_parse(struct datagram *datagram, const uint8_t *frame, size_t len)
{
	size_t at = ETHER_LEN;

	if (len >= ETHER_LEN && load_be16(frame + 12) == TYPE_VLAN)
		at += VLAN_LEN;
	if (len < at)
		return false;

	const uint8_t *ip = frame + at;

	len -= at;
	switch (load_be16(ip - 2)) {
	case TYPE_IPV4:
		if (len < IPV4_LEN || ip[0] != 0x45 || ip[9] != PROTO_UDP ||
		    load_be16(ip + 6) & 0x3fff)
			return false;
		datagram->from = make_end(ip + 12, 4, 0);
		datagram->to = make_end(ip + 16, 4, 0);
		return parse_udp(datagram, ip + IPV4_LEN, len - IPV4_LEN);
	case TYPE_IPV6:
		if (len < IPV6_LEN || ip[6] != PROTO_UDP)
			return false;
		datagram->from = make_end(ip + 8, 16, 0);
		datagram->to = make_end(ip + 24, 16, 0);
		return parse_udp(datagram, ip + IPV6_LEN, len - IPV6_LEN);
	default:
		return false;
	}
}
