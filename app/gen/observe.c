/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See observe.h. A packet is known by a hash of its header, which differs at every hop.
 */
#include "observe.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "lm_packet.h"

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
	FIRST_ROOM = 4096,
};

struct sighting {
	uint8_t id[16];
	uint64_t at_ns;
	uint32_t mix;
	bool leaves;
};

/* One end of a datagram: an IPv4 address is ::ffff:a.b.c.d (RFC 4291, 2.5.5.2). */
struct end {
	uint8_t address[16];
	uint16_t port;
};

struct entry {
	struct end end;
	uint32_t node;
};

struct observer_book {
	uint32_t n;
	struct entry entry[];
};

struct datagram {
	struct end from, to;
	const uint8_t *payload;
	size_t len;
};

/* ---- Addresses ---- */

static struct end make_end(const uint8_t *address, size_t len, uint16_t port)
{
	struct end end = {.address = {[10] = 0xff, [11] = 0xff}, .port = port};

	memcpy(end.address + sizeof(end.address) - len, address, len);
	return end;
}

static int compare_ends(const struct end *a, const struct end *b)
{
	int order = memcmp(a->address, b->address, sizeof(a->address));

	return order ? order : (a->port > b->port) - (a->port < b->port);
}

static int compare_entries(const void *a, const void *b)
{
	const struct entry *left = a, *right = b;

	return compare_ends(&left->end, &right->end);
}

static struct observer_book *make_book(const struct lm_topology *topology)
{
	struct observer_book *book =
		calloc(1, sizeof(*book) + LM_TOPOLOGY_ADDRESSES * (size_t)topology->nodes *
						  sizeof(book->entry[0]));

	if (!book)
		return NULL;
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

/* The node at one end, or NULL. */
static const struct lm_topology_node *find_node(const struct observer *observer,
						const struct end *end)
{
	const struct entry key = {.end = *end};
	const struct entry *found = bsearch(&key, observer->book->entry, observer->book->n,
					    sizeof(key), compare_entries);

	return found ? &observer->topology->node[found->node] : NULL;
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

/* What is no whole UDP datagram over IPv4 without options, or over IPv6, is none of the network's.
 */
static bool parse_frame(struct datagram *datagram, const uint8_t *frame, size_t len)
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

/* ---- Sightings ---- */

int observer_make(struct observer *observer, const struct lm_topology *topology,
		  struct lm_error *err)
{
	*observer = (struct observer){.topology = topology, .book = make_book(topology)};
	observer->mix_of = calloc(topology->nodes, sizeof(*observer->mix_of));
	observer->layer = calloc(topology->nodes, sizeof(*observer->layer));
	observer->mix_node = calloc(topology->nodes, sizeof(*observer->mix_node));
	observer->seen = calloc(topology->nodes, sizeof(*observer->seen));
	if (!observer->book || !observer->mix_of || !observer->layer || !observer->mix_node ||
	    !observer->seen) {
		observer_free(observer);
		return lm_error_set(err, ENOMEM, "no memory for %u nodes", topology->nodes);
	}
	for (uint32_t i = 0; i < topology->nodes; i++) {
		observer->mix_of[i] = ENTROPY_OUTSIDE;
		if (topology->node[i].role != LM_TOPOLOGY_MIX)
			continue;
		observer->mix_of[i] = observer->mixes;
		observer->mix_node[observer->mixes] = i;
		observer->layer[observer->mixes++] = topology->node[i].layer;
	}
	return 0;
}

void observer_free(struct observer *observer)
{
	free(observer->book);
	free(observer->mix_of);
	free(observer->layer);
	free(observer->mix_node);
	free(observer->seen);
	free(observer->sighting);
	memset(observer, 0, sizeof(*observer));
}

static int make_room(struct observer *observer, struct lm_error *err)
{
	uint32_t room = observer->room ? 2 * observer->room : FIRST_ROOM;
	struct sighting *sighting = NULL;

	if (observer->sightings < observer->room)
		return 0;
	if (observer->room <= UINT32_MAX / 4)
		sighting = realloc(observer->sighting, room * sizeof(*sighting));
	if (!sighting)
		return lm_error_set(err, ENOMEM, "no memory for more than %u packets seen",
				    observer->sightings);
	observer->sighting = sighting;
	observer->room = room;
	return 0;
}

int observer_frame(struct observer *observer, const struct lm_topology_node *mix, uint64_t at_ns,
		   const uint8_t *frame, size_t len, struct lm_error *err)
{
	const struct lm_topology_node *from, *to;
	struct sighting *sighting;
	struct datagram datagram;
	int rc;

	if (!parse_frame(&datagram, frame, len) ||
	    datagram.len != lm_packet_len(observer->topology->profile))
		return 0;
	from = find_node(observer, &datagram.from);
	to = find_node(observer, &datagram.to);
	if (to != mix && (from != mix || !to))
		return 0;
	rc = make_room(observer, err);
	if (rc != 0)
		return rc;
	sighting = &observer->sighting[observer->sightings++];
	*sighting = (struct sighting){
		.at_ns = at_ns,
		.mix = observer->mix_of[mix - observer->topology->node],
		.leaves = to != mix,
	};
	observer->seen[sighting->mix]++;
	LM_ASSERT(crypto_generichash(sighting->id, sizeof(sighting->id), datagram.payload,
				     LM_PACKET_HEADER, NULL, 0) == 0);
	return 0;
}

/* ---- Flights ---- */

/* By packet, then by time. */
static int compare_sightings(const void *a, const void *b)
{
	const struct sighting *left = a, *right = b;
	int order = memcmp(left->id, right->id, sizeof(left->id));

	if (order != 0)
		return order;
	return (left->at_ns > right->at_ns) - (left->at_ns < right->at_ns);
}

/* The first of n sightings of a packet that leaves a mix, or that comes to one; NULL: none. */
static const struct sighting *find_first(const struct sighting *sighting, uint32_t n, bool leaves)
{
	for (uint32_t i = 0; i < n; i++) {
		if (sighting[i].leaves == leaves)
			return &sighting[i];
	}
	return NULL;
}

/* Makes one flight or two of a packet, seen at either end or both. */
static uint32_t put_flights(struct entropy_flight *flight, const struct observer *observer,
			    const struct sighting *left, const struct sighting *came)
{
	uint32_t n = 0;

	if (left && came && observer->layer[left->mix] + 1 == observer->layer[came->mix]) {
		*flight = (struct entropy_flight){left->mix, came->mix, left->at_ns, came->at_ns};
		return 1;
	}
	if (left)
		flight[n++] = (struct entropy_flight){left->mix, ENTROPY_OUTSIDE, left->at_ns, 0};
	if (came)
		flight[n++] = (struct entropy_flight){ENTROPY_OUTSIDE, came->mix, 0, came->at_ns};
	return n;
}

int observer_flights(struct entropy_flight **flight, uint32_t *n, struct observer *observer,
		     struct lm_error *err)
{
	struct sighting *sighting = observer->sighting;
	uint32_t sightings = observer->sightings, same;

	*n = 0;
	observer->again = 0;
	*flight = calloc((size_t)sightings + 1, sizeof(**flight));
	if (!*flight)
		return lm_error_set(err, ENOMEM, "no memory for %u packets seen", sightings);
	if (sightings > 0)
		qsort(sighting, sightings, sizeof(*sighting), compare_sightings);
	for (uint32_t i = 0; i < sightings; i += same) {
		const struct sighting *left, *came;

		for (same = 1; i + same < sightings && memcmp(sighting[i].id, sighting[i + same].id,
							      sizeof(sighting[i].id)) == 0;)
			same++;
		/* a mix drops a copy that somebody sends later: only the first counts */
		left = find_first(sighting + i, same, true);
		came = find_first(sighting + i, same, false);
		*n += put_flights(*flight + *n, observer, left, came);
		observer->again += same - (left != NULL) - (came != NULL);
	}
	return 0;
}
