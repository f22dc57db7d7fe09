/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Making views, and their tables of peers and of sources: open addressing, at most half full.
 */
#include "view.h"

#include <stdlib.h>
#include <string.h>

#include "parting.h"
#include "sessions.h"

#define NOWHERE UINT32_MAX

static uint32_t place_of(const struct view *view, uint32_t id)
{
	return (id * 0x9e3779b1u) & (view->places - 1); /* Knuth's multiplicative hash */
}

const struct view_peer *view_find(const struct view *view, uint32_t id)
{
	uint32_t place = place_of(view, id);

	for (uint32_t i = 0; i < view->places; i++) {
		const struct view_peer *peer = &view->peer[(place + i) & (view->places - 1)];

		if (peer->id == id)
			return peer->after ? peer : NULL;
		if (peer->id == 0)
			return NULL;
	}
	return NULL;
}

const struct view_source *view_sources(const struct view *view)
{
	return (const struct view_source *)&view->peer[view->places];
}

static struct view_source *sources(const struct view *view)
{
	return (struct view_source *)(uintptr_t)view_sources(view);
}

static uint32_t *places_of_links(const struct view *view)
{
	return (uint32_t *)&sources(view)[view->source_places];
}

const struct view_peer *view_neighbour(const struct view *view, uint16_t link)
{
	uint32_t place = link <= view->links ? places_of_links(view)[link] : NOWHERE;

	return place == NOWHERE ? NULL : &view->peer[place];
}

const struct view_peer *view_link(const struct view *view, uint16_t link)
{
	const struct view_peer *peer = view_neighbour(view, link);

	return peer && peer->after ? peer : NULL;
}

unsigned view_without_session(const struct view *view)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < view->places; i++) {
		const struct view_peer *peer = &view->peer[i];

		n += peer->after && !peer->parts && peer->session &&
		     !lm_link_peer_sending(peer->session);
	}
	return n;
}

/* Where a source stands in the table, or would. */
static struct view_source *find_source(const struct view *view, const struct source *source)
{
	uint32_t place = source_hash(&view->source_key, source);
	struct view_source *at;

	for (;; place++) {
		at = &sources(view)[place & (view->source_places - 1)];
		if (at->link == 0 || source_equal(&at->source, source))
			return at;
	}
}

uint16_t view_source(const struct view *view, const struct source *source)
{
	return find_source(view, source)->link;
}

/* Sizes of the tables after the struct; each keeps the next one aligned. */
static size_t tables_bytes(uint32_t places, uint32_t source_places, uint32_t links)
{
	return places * sizeof(struct view_peer) + source_places * sizeof(struct view_source) +
	       (links + 1) * sizeof(uint32_t);
}

size_t view_bytes(const struct view *view)
{
	return sizeof(*view) + tables_bytes(view->places, view->source_places, view->links);
}

bool view_same(const struct view *a, const struct view *b)
{
	const size_t from = offsetof(struct view, topology), len = view_bytes(a);

	return view_bytes(b) == len &&
	       memcmp((const char *)a + from, (const char *)b + from, len - from) == 0;
}

/* The place of a node, which is new or, in a network of one layer, there already. */
static struct view_peer *add_peer(struct view *view, const struct lm_topology_node *node,
				  const struct links *links, uint16_t link, view_resolve *resolve,
				  void *context)
{
	uint32_t place = place_of(view, node->id);
	struct view_peer *peer;
	struct frame_way way;

	while (view->peer[place].id != 0 && view->peer[place].id != node->id)
		place = (place + 1) & (view->places - 1);
	peer = &view->peer[place];
	if (peer->id != 0)
		return peer;
	places_of_links(view)[link] = place;
	peer->id = node->id;
	peer->link = link;
	peer->session = links->sessions ? sessions_peer(links->sessions, link) : NULL;
	peer->resolved = resolve(context, &way, &view->self, node, peer);
	if (!peer->resolved)
		return peer;
	peer->way = way;
	frame_header_init(&peer->header, &view->self, node, &way);
	return peer;
}

void view_static_mac(uint8_t mac[6], const struct lm_topology_node *node)
{
	if (node->has_mac)
		memcpy(mac, node->mac, sizeof(node->mac));
	else
		frame_mac_of_id(mac, node->id);
}

bool view_resolve_static(void *unused, struct frame_way *way, const struct frame_self *self,
			 const struct lm_topology_node *node, const struct view_peer *peer)
{
	(void)unused;
	(void)peer;
	if (!frame_way_first(way, self, node))
		return false;
	view_static_mac(way->mac, node);
	return true;
}

static void add_source(struct view *view, struct source source, uint16_t link)
{
	struct view_source *at = find_source(view, &source);

	if (at->link == 0)
		*at = (struct view_source){.source = source, .link = link};
}

static void add_sources(struct view *view, const struct lm_topology_node *node, uint16_t link)
{
	for (unsigned i = 0; i < node->addresses; i++) {
		const struct lm_topology_address *at = &node->address[i];

		add_source(view, at->ipv6 ? source_ipv6(at->ip) : source_ipv4(at->ip), link);
	}
}

/* The i-th node of a layer, or NULL. */
static const struct lm_topology_node *node_in(const struct lm_topology *topology, unsigned layer,
					      unsigned i)
{
	return i < topology->layer_nodes[layer] ? &topology->node[topology->layer_node[layer][i]]
						: NULL;
}

unsigned view_layer_after(const struct lm_topology *topology, const struct lm_topology_node *node)
{
	return node->layer == topology->layers ? 0 : node->layer + 1;
}

unsigned view_layer_before(const struct lm_topology *topology, const struct lm_topology_node *node)
{
	return node->layer == 0 ? topology->layers : node->layer - 1;
}

/* Gives every node of a layer its link's number; false if there are no more. */
static bool number(struct links *links, const struct lm_topology *topology, unsigned layer)
{
	const struct lm_topology_node *node;

	for (unsigned i = 0; (node = node_in(topology, layer, i)) != NULL; i++) {
		if (links_number(links, node->id) == 0)
			return false;
	}
	return true;
}

/* Gives those that part numbers, where there are any; room that they take in the tables. */
static void count_parting(unsigned *peers, unsigned *addresses, const struct lm_topology *topology,
			  const struct lm_topology_node *self, struct links *links)
{
	const struct lm_topology_node *node;

	*peers = *addresses = 0;
	for (unsigned after = 0; after < 2; after++) {
		unsigned place = 0;

		while ((node = parting_next(links, topology, self, after, &place)) != NULL) {
			*peers += links_number(links, node->id) != 0;
			*addresses += node->addresses;
		}
	}
}

static unsigned addresses_in(const struct lm_topology *topology, unsigned layer)
{
	const struct lm_topology_node *node;
	unsigned n = 0;

	for (unsigned i = 0; (node = node_in(topology, layer, i)) != NULL; i++)
		n += node->addresses;
	return n;
}

static uint32_t places_for(unsigned n)
{
	uint32_t places = 4;

	while (places < 2 * n)
		places *= 2;
	return places;
}

/* A view with empty tables; every neighbour has its link's number after this. */
static struct view *view_alloc(const struct lm_topology *topology,
			       const struct lm_topology_node *node, struct links *links)
{
	unsigned after = view_layer_after(topology, node),
		 before = view_layer_before(topology, node);
	uint32_t places, source_places;
	unsigned peers, addresses;
	struct view *view;

	if (!number(links, topology, after) || !number(links, topology, before))
		return NULL;
	count_parting(&peers, &addresses, topology, node, links);
	peers += topology->layer_nodes[after];
	addresses += addresses_in(topology, before);
	if (links->sessions) {
		peers += topology->layer_nodes[before];
		addresses += addresses_in(topology, after);
	}
	places = places_for(peers);
	source_places = places_for(addresses);
	view = calloc(1, sizeof(*view) + tables_bytes(places, source_places, links->n));
	if (!view)
		return NULL;
	view->places = places;
	view->source_places = source_places;
	view->source_key = links->source_key;
	view->links = links->n;
	memset(places_of_links(view), 0xff, (links->n + 1) * sizeof(uint32_t)); /* NOWHERE */
	return view;
}

static struct view_peer *add_after(struct view *view, const struct lm_topology_node *node,
				   struct links *links, view_resolve *resolve, void *context)
{
	uint16_t link = links_number(links, node->id);
	struct view_peer *peer = add_peer(view, node, links, link, resolve, context);

	peer->after = true;
	if (links->sessions) /* it answers from there */
		add_sources(view, node, link);
	return peer;
}

/* A node that may send here. Who has no session with it knows it by its addresses alone. */
static void add_before(struct view *view, const struct lm_topology_node *node, struct links *links,
		       view_resolve *resolve, void *context)
{
	uint16_t link = links_number(links, node->id);

	add_sources(view, node, link);
	view->before++;
	if (links->sessions)
		add_peer(view, node, links, link, resolve, context)->before = true;
}

/* After all others: addresses that are another's now are not theirs. */
static void add_parting(struct view *view, struct links *links, bool after, view_resolve *resolve,
			void *context)
{
	const struct lm_topology_node *node;
	unsigned place = 0;

	while ((node = parting_next(links, view->topology, view->node, after, &place)) != NULL) {
		uint16_t link = links_number(links, node->id);

		if (link == 0 || (links->sessions && !sessions_stays(links->sessions, link)))
			continue;
		if (after)
			(void)add_after(view, node, links, resolve, context);
		else
			add_before(view, node, links, resolve, context);
		if (after || links->sessions)
			view->peer[places_of_links(view)[link]].parts = true;
	}
}

struct view *view_make(const struct lm_topology *topology, const struct lm_topology_node *node,
		       const struct frame_self *self, const struct lm_packet_keyring *keyring,
		       struct links *links, view_resolve *resolve, void *context)
{
	struct view *view = view_alloc(topology, node, links);
	const struct lm_topology_node *next;

	if (!view)
		return NULL;
	view->serial = ++links->views;
	view->topology = topology;
	view->node = node;
	view->self = *self;
	if (keyring)
		view->keyring = *keyring;
	view->packet_len = lm_packet_len(topology->profile);
	for (unsigned i = 0; (next = node_in(topology, view_layer_after(topology, node), i)); i++) {
		view->peers++;
		view->unresolved += !add_after(view, next, links, resolve, context)->resolved;
	}
	for (unsigned i = 0; (next = node_in(topology, view_layer_before(topology, node), i)); i++)
		add_before(view, next, links, resolve, context);
	for (unsigned after = 0; after < 2; after++)
		add_parting(view, links, after, resolve, context);
	view->all_resolved = true;
	for (uint32_t i = 0; i < view->places; i++)
		view->all_resolved &=
			view->peer[i].id == 0 || view->peer[i].parts || view->peer[i].resolved;
	return view;
}

void view_self_init(struct frame_self *self, const struct lm_topology_node *node,
		    const uint8_t mac[6], uint16_t vlan)
{
	memset(self, 0, sizeof(*self));
	memcpy(self->mac, mac, sizeof(self->mac));
	self->vlan = vlan;
	self->addresses = node->addresses;
	memcpy(self->address, node->address, sizeof(self->address));
}
