/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Making views, and their table of peers: open addressing, at most half full.
 */
#include "view.h"

#include <stdlib.h>
#include <string.h>

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

static void add_peer(struct view *view, const struct lm_topology_node *node, view_resolve *resolve,
		     void *context)
{
	uint32_t place = place_of(view, node->id);
	struct view_peer *peer;
	uint8_t mac[6];

	do
		peer = &view->peer[place++ & (view->places - 1)];
	while (peer->id != 0);
	peer->id = node->id;
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

struct view *view_make(const struct lm_topology *topology, const struct lm_topology_node *node,
		       const struct frame_self *self, const struct lm_packet_keyring *keyring,
		       view_resolve *resolve, void *context)
{
	unsigned next = node->layer == topology->layers ? 0 : node->layer + 1;
	uint32_t places = 4;
	struct view *view;

	while (places < 2 * topology->layer_nodes[next])
		places *= 2;
	view = calloc(1, sizeof(*view) + places * sizeof(view->peer[0]));
	if (!view)
		return NULL;
	view->topology = topology;
	view->node = node;
	view->self = *self;
	view->keyring = keyring;
	view->packet_len = lm_packet_len(topology->profile);
	view->places = places;
	for (unsigned i = 0; i < topology->layer_nodes[next]; i++)
		add_peer(view, &topology->node[topology->layer_node[next][i]], resolve, context);
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
