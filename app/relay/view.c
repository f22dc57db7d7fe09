/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Making views, and their table of peers: open addressing, at most half full.
 */
#include "view.h"

#include <stdlib.h>
#include <string.h>

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
			return peer;
		if (peer->id == 0)
			return NULL;
	}
	return NULL;
}

static const uint32_t *places_of_links(const struct view *view)
{
	return (const uint32_t *)&view->peer[view->places];
}

const struct view_peer *view_link(const struct view *view, uint16_t link)
{
	uint32_t place = link <= view->links ? places_of_links(view)[link] : NOWHERE;

	return place == NOWHERE ? NULL : &view->peer[place];
}

size_t view_bytes(const struct view *view)
{
	return sizeof(*view) + view->places * sizeof(view->peer[0]) +
	       (view->links + 1) * sizeof(uint32_t);
}

static void add_peer(struct view *view, const struct lm_topology_node *node, uint16_t link,
		     view_resolve *resolve, void *context)
{
	uint32_t *place_of_link = (uint32_t *)&view->peer[view->places];
	uint32_t place = place_of(view, node->id);
	struct view_peer *peer;
	uint8_t mac[6];

	while (view->peer[place].id != 0)
		place = (place + 1) & (view->places - 1);
	peer = &view->peer[place];
	place_of_link[link] = place;
	peer->id = node->id;
	peer->link = link;
	peer->resolved = resolve(context, mac, node) &&
			 frame_header_init(&peer->header, &view->self, node, mac);
	view->peers++;
	view->unresolved += !peer->resolved;
}

bool view_resolve_static(void *unused, uint8_t mac[6], const struct lm_topology_node *node)
{
	(void)unused;
	if (node->has_mac)
		memcpy(mac, node->mac, sizeof(node->mac));
	else
		frame_mac_of_id(mac, node->id);
	return true;
}

/* The i-th node that this one may send to. */
static const struct lm_topology_node *next_node(const struct lm_topology *topology,
						const struct lm_topology_node *node, unsigned i)
{
	unsigned next = node->layer == topology->layers ? 0 : node->layer + 1;

	return i < topology->layer_nodes[next] ? &topology->node[topology->layer_node[next][i]]
					       : NULL;
}

/* A view with empty tables for n peers; every one of them has its link's number after this. */
static struct view *view_alloc(const struct lm_topology *topology,
			       const struct lm_topology_node *node, struct links *links)
{
	const struct lm_topology_node *next;
	uint32_t places = 4, n = 0;
	struct view *view;
	size_t tables;

	while ((next = next_node(topology, node, n)) != NULL) {
		if (links_number(links, next->id) == 0)
			return NULL;
		n++;
	}
	while (places < 2 * n)
		places *= 2;
	tables = places * sizeof(view->peer[0]);
	view = calloc(1, sizeof(*view) + tables + (links->n + 1) * sizeof(uint32_t));
	if (!view)
		return NULL;
	view->places = places;
	view->links = links->n;
	memset(&view->peer[places], 0xff, (links->n + 1) * sizeof(uint32_t)); /* NOWHERE */
	return view;
}

struct view *view_make(const struct lm_topology *topology, const struct lm_topology_node *node,
		       const struct frame_self *self, const struct lm_packet_keyring *keyring,
		       struct links *links, view_resolve *resolve, void *context)
{
	struct view *view = view_alloc(topology, node, links);
	const struct lm_topology_node *next;

	if (!view)
		return NULL;
	view->topology = topology;
	view->node = node;
	view->self = *self;
	if (keyring)
		view->keyring = *keyring;
	view->packet_len = lm_packet_len(topology->profile);
	for (unsigned i = 0; (next = next_node(topology, node, i)) != NULL; i++)
		add_peer(view, next, links_number(links, next->id), resolve, context);
	return view;
}

void view_self_init(struct frame_self *self, const struct lm_topology_node *node,
		    const uint8_t mac[6], uint16_t vlan)
{
	memset(self, 0, sizeof(*self));
	memcpy(self->mac, mac, sizeof(self->mac));
	self->vlan = vlan;
	self->has_ipv4 = node->has_ipv4;
	self->has_ipv6 = node->has_ipv6;
	memcpy(self->ipv4, node->ipv4, sizeof(self->ipv4));
	memcpy(self->ipv6, node->ipv6, sizeof(self->ipv6));
	self->port = node->port;
}
