/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a worker needs to know of the world, as one object that never changes: the control thread
 * makes a new one when a neighbour, a key or the topology changes, swaps the pointer, and frees the
 * old one when every worker has passed a quiescent state.
 */
#pragma once

#include "frame.h"
#include "links.h"
#include "lm_link.h"
#include "lm_packet.h"
#include "lm_topology.h"
#include "source.h"

/* A node that this one may send to; where links have sessions, also one that may only send here. */
struct view_peer {
	uint32_t id;   /* 0: empty place */
	uint16_t link; /* its number */
	bool resolved;
	bool after, before;                 /* it may be sent to; it may send here */
	bool parts;                         /* parting.h: it may be gone */
	const struct lm_link_peer *session; /* NULL: links have no sessions */
	struct frame_way way;               /* zero if not resolved */
	struct frame_header header;         /* valid if resolved */
};

/* An address of a node that may send to this one; where links have sessions, of any neighbour. */
struct view_source {
	struct source source;
	uint16_t link; /* the node's number; 0: empty place */
};

struct view {
	uint64_t serial; /* from 1 on, by links: an address may be another view's again */
	const struct lm_topology *topology;
	const struct lm_topology_node *node; /* this one */
	struct lm_packet_keyring keyring;    /* the keys themselves are lib/epoch's */
	struct frame_self self;
	size_t packet_len;
	unsigned peers, unresolved;   /* nodes that may be sent to, without those that part */
	unsigned before;              /* nodes that may send to this one */
	bool all_resolved;            /* these too, where links have sessions; but who parts */
	uint32_t links;               /* numbers of peers are 1 .. links at most */
	uint32_t places;              /* of the table of peers, a power of two */
	uint32_t source_places;       /* of the table of sources, the same */
	struct source_key source_key; /* that table's */
	struct view_peer peer[] __attribute__((aligned(8)));
	/* behind it struct view_source[source_places], then the place of each link's peer,
	 * uint32_t[links + 1] */
};

/* The way from `self` to a node, whose number and session stand in `peer`; false if none is known
 * (yet). */
typedef bool view_resolve(void *context, struct frame_way *way, const struct frame_self *self,
			  const struct lm_topology_node *node, const struct view_peer *peer);

/*
 * A view_resolve for where no kernel resolves, as in captures: to the first address that fits, and
 * a node without a link-layer address in the topology has the one made of its id. No context, and
 * `peer` may be NULL.
 */
bool view_resolve_static(void *unused, struct frame_way *way, const struct frame_self *self,
			 const struct lm_topology_node *node, const struct view_peer *peer);

/* That link-layer address. */
void view_static_mac(uint8_t mac[6], const struct lm_topology_node *node);

/*
 * A new view; topology, node and the keys of the ring must outlive it. `links` gives new
 * neighbours their numbers, and their peers if links have sessions; those that part (parting.h) are
 * neighbours too, if they have peers. Without a keyring there are no
 * keys. NULL if memory is short, or numbers are. Free with free().
 */
LM_MUST_CHECK struct view *view_make(const struct lm_topology *topology,
				     const struct lm_topology_node *node,
				     const struct frame_self *self,
				     const struct lm_packet_keyring *keyring, struct links *links,
				     view_resolve *resolve, void *context);

size_t view_bytes(const struct view *view);

/* Do both say the same? They do whatever their serials are. */
LM_MUST_CHECK bool view_same(const struct view *a, const struct view *b);

/* The node with this id, or with this link's number, that may be sent to; NULL: there is none.
 * Packet path. */
const struct view_peer *view_find(const struct view *view, uint32_t id);
const struct view_peer *view_link(const struct view *view, uint16_t link);

/* The same of all that links have sessions with. Packet path. */
const struct view_peer *view_neighbour(const struct view *view, uint16_t link);

/* Next hops without a session to send on, but those that part; 0 where links have none. */
unsigned view_without_session(const struct view *view);

/* The layer whose nodes may be sent to, and the one whose nodes may send here. */
unsigned view_layer_after(const struct lm_topology *topology, const struct lm_topology_node *node);
unsigned view_layer_before(const struct lm_topology *topology, const struct lm_topology_node *node);

/* The link of the node that has this address in the table of sources; 0: no such node. Of nodes
 * that share an address all have the link of one. Packet path. */
uint16_t view_source(const struct view *view, const struct source *source);

/* The table of sources itself: view->source_places of them, of which some are empty. */
const struct view_source *view_sources(const struct view *view);

/* The port's identity for a node: all its addresses with their UDP ports, and this MAC and VLAN. */
void view_self_init(struct frame_self *self, const struct lm_topology_node *node,
		    const uint8_t mac[6], uint16_t vlan);
