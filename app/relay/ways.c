/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See ways.h.
 */
#include "ways.h"

#include <string.h>

#include "counters.h"
#include "mtu.h"

unsigned ways_needed_mtu(const struct view *view, const struct view_peer *peer)
{
	return mtu_needed(view->packet_len, peer->session != NULL, peer->header.ipv6);
}

bool ways_low_mtu(const struct view *view, const struct view_peer *peer)
{
	return peer->resolved && peer->way.mtu != 0 && peer->way.mtu < ways_needed_mtu(view, peer);
}

/* A line for people, if there are not too many yet. */
static bool line(unsigned *lines, FILE *to, const struct view *view)
{
	if (++*lines == WAYS_LINES)
		fprintf(to, "linemix-relay: node %u: more ways have changed\n", view->node->id);
	return *lines < WAYS_LINES;
}

static void tell_address(unsigned *lines, FILE *to, const struct view *view,
			 const struct view_peer *was, const struct view_peer *is)
{
	struct lm_topology_address then = frame_header_to(&was->header),
				   now = frame_header_to(&is->header);
	char from_text[FRAME_ADDRESS_TEXT], to_text[FRAME_ADDRESS_TEXT];

	if (memcmp(&then, &now, sizeof(then)) == 0 || !line(lines, to, view))
		return;
	frame_address_text(from_text, &then);
	frame_address_text(to_text, &now);
	fprintf(to, "linemix-relay: node %u: node %u is sent to at %s from now on, not at %s\n",
		view->node->id, is->id, to_text, from_text);
}

static void tell_lost(unsigned *lines, FILE *to, const struct view *view,
		      const struct view_peer *was)
{
	struct lm_topology_address then = frame_header_to(&was->header);
	char text[FRAME_ADDRESS_TEXT];

	if (!line(lines, to, view))
		return;
	frame_address_text(text, &then);
	fprintf(to,
		"linemix-relay: node %u: no way to node %u any more, which was sent to at %s: no "
		"route through port.tap, or the next hop does not answer\n",
		view->node->id, was->id, text);
}

static void tell_low_mtu(unsigned *lines, FILE *to, const struct view *view,
			 const struct view_peer *is)
{
	struct lm_topology_address now = frame_header_to(&is->header);
	char text[FRAME_ADDRESS_TEXT];

	if (!line(lines, to, view))
		return;
	frame_address_text(text, &now);
	fprintf(to,
		"linemix-relay: node %u: alarm: the link to node %u (%s) needs an MTU of %u, and "
		"the way there has %u (by the port, a route, or a router's ICMP, which can be "
		"forged): packets are lost there, and are not made smaller; raise the MTU of every "
		"interface and tunnel on the way, or take a profile with smaller packets\n",
		view->node->id, is->id, text, ways_needed_mtu(view, is), is->way.mtu);
}

static void tell_good_mtu(unsigned *lines, FILE *to, const struct view *view,
			  const struct view_peer *is)
{
	if (line(lines, to, view))
		fprintf(to,
			"linemix-relay: node %u: the MTU on the way to node %u is large enough "
			"again\n",
			view->node->id, is->id);
}

static void change(struct ways *ways, unsigned *lines, FILE *to, const struct view *old,
		   const struct view *next, const struct view_peer *is)
{
	const struct view_peer *was = old ? view_neighbour(old, is->link) : NULL;
	bool was_low = was && ways_low_mtu(old, was), is_low = ways_low_mtu(next, is);

	if (was && was->resolved && is->resolved)
		tell_address(lines, to, next, was, is);
	if (was && was->resolved && !is->resolved)
		tell_lost(lines, to, next, was);
	if (is_low && !was_low) {
		count_add(&ways->alarm_low_mtu, 1);
		tell_low_mtu(lines, to, next, is);
	}
	if (was_low && is->resolved && !is_low)
		tell_good_mtu(lines, to, next, is);
}

void ways_change(struct ways *ways, FILE *to, const struct view *old, const struct view *next)
{
	uint64_t low_mtu = 0, second_best = 0;
	unsigned lines = 0;

	for (uint32_t i = 0; i < next->places; i++) {
		const struct view_peer *is = &next->peer[i];

		if (is->id == 0)
			continue;
		change(ways, &lines, to, old, next, is);
		low_mtu += ways_low_mtu(next, is);
		second_best += is->resolved && is->way.to > 0;
	}
	__atomic_store_n(&ways->low_mtu, low_mtu, __ATOMIC_RELAXED);
	__atomic_store_n(&ways->second_best, second_best, __ATOMIC_RELAXED);
}
