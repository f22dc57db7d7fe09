/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See observe.h. A packet is known by a hash of its header, which differs at every hop.
 */
#include "observe.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "datagram.h"
#include "lm_packet.h"

#define FIRST_ROOM 4096

struct sighting {
	uint8_t id[16];
	uint64_t at_ns;
	uint32_t mix;
	bool leaves;
};

/* ---- Sightings ---- */

int observer_make(struct observer *observer, const struct lm_topology *topology,
		  struct lm_error *err)
{
	*observer = (struct observer){.topology = topology, .book = datagram_book_make(topology)};
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

	if (!datagram_parse(&datagram, frame, len) ||
	    datagram.len != lm_packet_len(observer->topology->profile))
		return 0;
	from = datagram_node(observer->book, &datagram.from);
	to = datagram_node(observer->book, &datagram.to);
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
