/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See truth.h.
 */
#include "truth.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "truth_ways.h"

#define FIRST_ROOM 4096

/* Packets for one node, until there is a burst of them. */
struct truth_waiting {
	unsigned n;
	uint32_t flight[LM_BURST];
	uint8_t *packet; /* LM_BURST, one after the other */
};

/* ---- Making ---- */

int truth_make(struct truth *truth, const struct lm_topology *topology,
	       const struct node_keys *keys, const char *backend, struct lm_error *err)
{
	void *memory = lm_secret_alloc(lm_packet_peeler_size());

	*truth = (struct truth){.topology = topology,
				.keys = keys,
				.book = datagram_book_make(topology),
				.waiting = calloc(topology->nodes, sizeof(*truth->waiting)),
				.node = calloc(topology->nodes, sizeof(*truth->node))};
	if (!memory || !truth->book || !truth->waiting || !truth->node) {
		lm_secret_free(memory);
		return lm_error_set(err, ENOMEM, "no memory for %u nodes", topology->nodes);
	}
	truth->peeler = lm_packet_peeler_init(memory, topology->profile, backend, err);
	if (truth->peeler)
		return 0;
	lm_secret_free(memory);
	return -EINVAL;
}

void truth_free(struct truth *truth)
{
	for (uint32_t i = 0; truth->waiting && i < truth->topology->nodes; i++)
		free(truth->waiting[i].packet);
	lm_secret_free(truth->peeler);
	free(truth->book);
	free(truth->waiting);
	free(truth->node);
	free(truth->flight);
	free(truth->table);
	free(truth->packet);
	*truth = (struct truth){0};
}

/* ---- The table ---- */

/* The slot of this id, or the empty one where it belongs. */
static uint32_t *find_slot(const struct truth *truth, const uint8_t id[16])
{
	uint32_t at = lm_load_u32(id);

	for (;; at++) {
		uint32_t *slot = &truth->table[at & (truth->slots - 1)];

		if (*slot == TRUTH_NONE || memcmp(truth->flight[*slot].id, id, 16) == 0)
			return slot;
	}
}

uint32_t truth_find(const struct truth *truth, const uint8_t id[16])
{
	return truth->slots > 0 ? *find_slot(truth, id) : TRUTH_NONE;
}

void truth_index(struct truth *truth)
{
	for (uint32_t i = 0; i < truth->slots; i++)
		truth->table[i] = TRUTH_NONE;
	for (uint32_t i = 0; i < truth->flights; i++)
		*find_slot(truth, truth->flight[i].id) = i;
}

static int make_room(struct truth *truth, struct lm_error *err)
{
	uint32_t room = truth->room ? 2 * truth->room : FIRST_ROOM;
	struct truth_flight *flight = NULL;
	uint32_t *table = NULL;

	if (truth->flights < truth->room)
		return 0;
	if (room <= UINT32_MAX / 4) {
		flight = realloc(truth->flight, room * sizeof(*flight));
		truth->flight = flight ? flight : truth->flight;
		table = realloc(truth->table, 2 * (size_t)room * sizeof(*table));
		truth->table = table ? table : truth->table;
	}
	if (!flight || !table)
		return lm_error_set(err, ENOMEM, "no memory for more than %u packets on links",
				    truth->flights);
	truth->room = room;
	truth->slots = 2 * room;
	truth_index(truth);
	return 0;
}

/* ---- Peeling ---- */

static void hash_header(uint8_t id[16], const uint8_t *packet)
{
	LM_ASSERT(crypto_generichash(id, 16, packet, LM_PACKET_HEADER, NULL, 0) == 0);
}

/* Peels all that waits for a node, as the node does. */
static void peel(struct truth *truth, uint32_t place)
{
	struct truth_waiting *waiting = &truth->waiting[place];
	size_t len = lm_packet_len(truth->topology->profile);
	struct lm_packet_peel item[LM_BURST] = {0}, *done = NULL;
	uint64_t authentic;

	if (waiting->n == 0)
		return;
	for (unsigned i = 0; i < waiting->n; i++) {
		item[i].packet = waiting->packet + i * len;
		item[i].len = len;
	}
	LM_ASSERT(lm_packet_peel_submit(truth->peeler, node_keys_ring(truth->keys, place), item,
					waiting->n) == 0);
	while (lm_packet_peel_collect(truth->peeler, &done, &authentic) == 0)
		;
	for (unsigned i = 0; i < waiting->n; i++) {
		struct truth_flight *flight = &truth->flight[waiting->flight[i]];

		flight->peeled = true;
		flight->drop = (uint16_t)item[i].drop;
		flight->cmd = (uint8_t)item[i].cmd;
		flight->delay_us = item[i].delay_us;
		if (item[i].drop == LM_DROP_NONE && item[i].cmd == LM_PACKET_FWD)
			hash_header(flight->becomes, item[i].packet);
	}
	lm_wipe(waiting->packet, waiting->n * len);
	waiting->n = 0;
}

void truth_peel_all(struct truth *truth)
{
	for (uint32_t i = 0; i < truth->topology->nodes; i++)
		peel(truth, i);
}

/* Puts the packet of a new flight to those that wait for its node, if there are keys. */
static int wait_for_peeling(struct truth *truth, uint32_t number, const uint8_t *packet,
			    struct lm_error *err)
{
	uint32_t place = truth->flight[number].to;
	struct truth_waiting *waiting = &truth->waiting[place];
	size_t len = lm_packet_len(truth->topology->profile);

	if (!node_keys_ring(truth->keys, place))
		return 0;
	if (!waiting->packet)
		waiting->packet = calloc(LM_BURST, len);
	if (!waiting->packet)
		return lm_error_set(err, ENOMEM, "no memory for peeling");
	memcpy(waiting->packet + waiting->n * len, packet, len);
	waiting->flight[waiting->n++] = number;
	if (waiting->n == LM_BURST)
		peel(truth, place);
	return 0;
}

/* ---- Frames ---- */

/* The flight of a packet, made if it is new. */
static int find_or_make(uint32_t *number, struct truth *truth, const struct datagram *datagram,
			uint32_t from, uint32_t to, struct lm_error *err)
{
	uint8_t id[16];
	int rc = make_room(truth, err);
	uint32_t *slot;

	if (rc != 0)
		return rc;
	hash_header(id, datagram->payload);
	slot = find_slot(truth, id);
	*number = *slot;
	if (*slot != TRUTH_NONE)
		return 0;
	*number = *slot = truth->flights++;
	truth->flight[*number] = (struct truth_flight){.from = from,
						       .to = to,
						       .next = TRUTH_NONE,
						       .packet = PACKET_NONE};
	memcpy(truth->flight[*number].id, id, sizeof(id));
	return wait_for_peeling(truth, *number, datagram->payload, err);
}

static void see(struct truth *truth, uint32_t place, uint32_t number, uint64_t at_ns)
{
	struct truth_flight *flight = &truth->flight[number];
	uint64_t *end_ns = flight->to == place ? &flight->came_ns : &flight->left_ns;

	if (truth->first_ns == 0 || at_ns < truth->first_ns)
		truth->first_ns = at_ns;
	if (at_ns > truth->last_ns)
		truth->last_ns = at_ns;
	/* the first one counts: what comes again is a replay, or another capture of the same */
	if (*end_ns != 0 || (flight->from != place && flight->to != place)) {
		truth->node[place].again++;
		return;
	}
	*end_ns = at_ns;
}

int truth_frame(struct truth *truth, uint32_t place, uint64_t at_ns, const uint8_t *frame,
		size_t len, struct lm_error *err)
{
	const struct lm_topology_node *nodes = truth->topology->node, *from, *to;
	struct datagram datagram;
	uint32_t number;
	int rc;

	truth->node[place].captured = true;
	if (!datagram_parse(&datagram, frame, len))
		return 0;
	from = datagram_node(truth->book, &datagram.from);
	to = datagram_node(truth->book, &datagram.to);
	if (!from || !to || from == to || (from != &nodes[place] && to != &nodes[place]))
		return 0;
	if (datagram.len != lm_packet_len(truth->topology->profile)) {
		truth->node[place].other++;
		return 0;
	}
	rc = find_or_make(&number, truth, &datagram, (uint32_t)(from - nodes),
			  (uint32_t)(to - nodes), err);
	if (rc == 0)
		see(truth, place, number, at_ns);
	return rc;
}

/* ---- Times ---- */

uint64_t truth_left_ns(const struct truth_flight *flight)
{
	return flight->left_ns ? flight->left_ns : flight->came_ns;
}

uint64_t truth_came_ns(const struct truth_flight *flight)
{
	return flight->came_ns ? flight->came_ns : flight->left_ns;
}
