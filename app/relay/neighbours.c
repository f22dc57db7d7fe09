/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See neighbours.h.
 */
#include "neighbours.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#define HEAR                                                                                       \
	(RTMGRP_LINK | RTMGRP_NEIGH | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE | RTMGRP_IPV4_IFADDR | \
	 RTMGRP_IPV6_IFADDR)
#define KNOWN     (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT)
#define SECOND_US 1000000

/* What is remembered of one address. */
struct place {
	bool has_mac; /* has had one */
	uint8_t mac[6];
	uint64_t known_us; /* when the kernel last knew it */
	unsigned told_mtu; /* what a router said; 0: none did */
	uint64_t told_us;
};

struct neighbour {
	uint32_t id; /* 0: nothing yet */
	unsigned addresses;
	struct lm_topology_address address[LM_TOPOLOGY_ADDRESSES];
	struct place place[LM_TOPOLOGY_ADDRESSES];
	struct choice choice;
};

/* An address on the TAP's link. */
struct hop {
	uint8_t family;
	size_t len;
	uint8_t address[16];
};

struct route_answer {
	int ifindex;
	struct hop *hop; /* becomes the gateway if there is one */
	bool has_source; /* of the destination's family: */
	uint8_t source[16];
	unsigned mtu; /* 0: it says none */
};

struct neighbour_answer {
	uint16_t state; /* NUD_*; NUD_NONE: there is no entry */
	bool has_mac;
	uint8_t mac[6];
};

/* An address of a neighbour: one to be used, or only if there is no such one. */
enum worth {
	WORTH_NOTHING,
	WORTH_A_TRY, /* the kernel has asked in vain, a moment ago */
	WORTH_USING,
};

/* ---- Opening, hearing ---- */

int neighbours_open(struct neighbours *neighbours, int ifindex, int port_ifindex, unsigned port_mtu,
		    const struct frame_self *self, struct lm_error *err)
{
	memset(neighbours, 0, sizeof(*neighbours));
	neighbours->ifindex = ifindex;
	neighbours->port_ifindex = port_ifindex;
	neighbours->port_mtu = port_mtu;
	neighbours->self = self;
	int rc = netlink_open(&neighbours->ask, 0, err);

	if (rc == 0)
		rc = netlink_open(&neighbours->hear, HEAR, err);
	return rc;
}

void neighbours_close(struct neighbours *neighbours)
{
	netlink_close(&neighbours->ask);
	netlink_close(&neighbours->hear);
	free(neighbours->of_link);
	neighbours->of_link = NULL;
	neighbours->n = 0;
}

int neighbours_fd(const struct neighbours *neighbours)
{
	return mnl_socket_get_fd(neighbours->hear.socket);
}

bool neighbours_heard(struct neighbours *neighbours)
{
	uint8_t bytes[32768];
	bool heard = false;
	ssize_t n;

	/* ENOBUFS: the kernel has lost some; that is a change as well */
	while ((n = mnl_socket_recvfrom(neighbours->hear.socket, bytes, sizeof(bytes))) > 0 ||
	       (n < 0 && errno == ENOBUFS))
		heard = true;
	return heard;
}

static int on_link(const struct nlmsghdr *message, void *context)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, message, sizeof(struct ifinfomsg))
	{
		if (mnl_attr_get_type(attr) == IFLA_MTU)
			*(unsigned *)context = mnl_attr_get_u32(attr);
	}
	return MNL_CB_OK;
}

void neighbours_look(struct neighbours *neighbours)
{
	struct ifinfomsg link = {.ifi_index = neighbours->port_ifindex};
	struct netlink_request request;
	unsigned mtu = 0;

	if (neighbours->port_ifindex == 0)
		return;
	netlink_begin(&request, RTM_GETLINK, 0, &link, sizeof(link));
	if (netlink_ask(&neighbours->ask, &request, on_link, &mtu) == 0 && mtu > 0)
		neighbours->port_mtu = mtu;
}

/* ---- Routes ---- */

static unsigned mtu_of_metrics(const struct nlattr *metrics)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, metrics)
	{
		if (mnl_attr_get_type(attr) == RTAX_MTU &&
		    mnl_attr_get_payload_len(attr) == sizeof(uint32_t))
			return mnl_attr_get_u32(attr);
	}
	return 0;
}

/* A gateway of the other family (RFC 5549). */
static void take_via(struct hop *hop, const struct nlattr *attr)
{
	const struct rtvia *via = mnl_attr_get_payload(attr);
	size_t len = mnl_attr_get_payload_len(attr);

	if (len != sizeof(*via) + 16 || via->rtvia_family != AF_INET6)
		return;
	hop->family = AF_INET6;
	hop->len = 16;
	memcpy(hop->address, via->rtvia_addr, 16);
}

static int on_route(const struct nlmsghdr *message, void *context)
{
	struct route_answer *answer = context;
	const struct nlattr *attr;

	mnl_attr_for_each(attr, message, sizeof(struct rtmsg))
	{
		const void *bytes = mnl_attr_get_payload(attr);
		size_t len = mnl_attr_get_payload_len(attr);

		switch (mnl_attr_get_type(attr)) {
		case RTA_OIF:
			answer->ifindex = (int)mnl_attr_get_u32(attr);
			break;
		case RTA_GATEWAY:
			if (len == answer->hop->len)
				memcpy(answer->hop->address, bytes, len);
			break;
		case RTA_VIA:
			take_via(answer->hop, attr);
			break;
		case RTA_PREFSRC:
			answer->has_source = len <= sizeof(answer->source);
			if (answer->has_source)
				memcpy(answer->source, bytes, len);
			break;
		case RTA_METRICS:
			answer->mtu = mtu_of_metrics(attr);
			break;
		}
	}
	return MNL_CB_OK;
}

/* The own address that the kernel would send from, if it is one of the topology's. */
static void take_source(struct frame_way *way, const struct frame_self *self, bool ipv6,
			const uint8_t *source)
{
	for (unsigned i = 0; i < self->addresses; i++) {
		const struct lm_topology_address *own = &self->address[i];

		if (own->ipv6 != ipv6 || memcmp(own->ip, source, ipv6 ? 16 : 4) != 0)
			continue;
		way->from = (uint8_t)i;
		return;
	}
}

static void lower(uint16_t *mtu, unsigned other)
{
	if (other != 0 && (*mtu == 0 || other < *mtu))
		*mtu = other < UINT16_MAX ? (uint16_t)other : UINT16_MAX;
}

/* Turns a destination into its next hop on the TAP's link; false if the route leaves elsewhere. */
static bool find_route(struct neighbours *neighbours, struct hop *hop, struct frame_way *way,
		       const struct frame_self *self)
{
	struct rtmsg route = {.rtm_family = hop->family, .rtm_dst_len = (uint8_t)(8 * hop->len)};
	bool ipv6 = hop->family == AF_INET6;
	struct route_answer answer = {.hop = hop};
	struct netlink_request request;

	netlink_begin(&request, RTM_GETROUTE, 0, &route, sizeof(route));
	netlink_attr(&request, RTA_DST, hop->address, hop->len);
	if (netlink_ask(&neighbours->ask, &request, on_route, &answer) != 0 ||
	    answer.ifindex != neighbours->ifindex)
		return false;
	if (answer.has_source)
		take_source(way, self, ipv6, answer.source);
	lower(&way->mtu, answer.mtu);
	return true;
}

/* ---- Link-layer addresses ---- */

static int on_neighbour(const struct nlmsghdr *message, void *context)
{
	const struct ndmsg *entry = mnl_nlmsg_get_payload(message);
	struct neighbour_answer *answer = context;
	const struct nlattr *attr;

	answer->state = entry->ndm_state;
	mnl_attr_for_each(attr, message, sizeof(*entry))
	{
		if (mnl_attr_get_type(attr) == NDA_LLADDR &&
		    mnl_attr_get_payload_len(attr) == sizeof(answer->mac)) {
			memcpy(answer->mac, mnl_attr_get_payload(attr), sizeof(answer->mac));
			answer->has_mac = true;
		}
	}
	return MNL_CB_OK;
}

static void begin_neighbour(struct netlink_request *request, uint16_t type, uint16_t flags,
			    const struct neighbours *neighbours, const struct hop *hop,
			    uint8_t entry_flags)
{
	struct ndmsg entry = {.ndm_family = hop->family,
			      .ndm_ifindex = neighbours->ifindex,
			      .ndm_flags = entry_flags};

	netlink_begin(request, type, flags, &entry, sizeof(entry));
	netlink_attr(request, NDA_DST, hop->address, hop->len);
}

/* What the kernel knows; and it is made to find the address, or to confirm it if it is old. */
static struct neighbour_answer ask_neighbour(struct neighbours *neighbours, const struct hop *hop)
{
	struct neighbour_answer answer = {.state = NUD_NONE};
	struct netlink_request request;

	begin_neighbour(&request, RTM_GETNEIGH, 0, neighbours, hop, 0);
	if (netlink_ask(&neighbours->ask, &request, on_neighbour, &answer) != 0)
		answer = (struct neighbour_answer){.state = NUD_NONE};
	if (answer.state & (NUD_REACHABLE | NUD_PERMANENT | NUD_INCOMPLETE | NUD_DELAY | NUD_PROBE))
		return answer;
	begin_neighbour(&request, RTM_NEWNEIGH, NLM_F_CREATE, neighbours, hop, NTF_USE);
	/* who may not ask goes on with what is known */
	int ignored = netlink_do(&neighbours->ask, &request);

	(void)ignored;
	return answer;
}

/* The next hop's link-layer address: the kernel's, or for a while what it last was. */
static enum worth find_mac(struct neighbours *neighbours, const struct hop *hop,
			   struct place *place, uint8_t mac[6], uint64_t now_us)
{
	struct neighbour_answer answer = ask_neighbour(neighbours, hop);
	bool known = (answer.state & KNOWN) && answer.has_mac;
	uint64_t unknown_us;

	if (known) {
		memcpy(place->mac, answer.mac, sizeof(place->mac));
		place->known_us = now_us;
		place->has_mac = true;
	}
	memcpy(mac, place->mac, sizeof(place->mac));
	unknown_us = now_us - place->known_us;
	if (!place->has_mac || unknown_us >= NEIGHBOURS_LAST_US)
		return WORTH_NOTHING;
	if (!known && ((answer.state & NUD_FAILED) || unknown_us >= NEIGHBOURS_GRACE_US))
		return WORTH_A_TRY;
	return WORTH_USING;
}

/* ---- Ways ---- */

static enum worth find_way(struct neighbours *neighbours, struct frame_way *way,
			   const struct frame_self *self, const struct lm_topology_node *node,
			   struct neighbour *neighbour, unsigned i, uint64_t now_us)
{
	const struct lm_topology_address *to = &node->address[i];
	struct place *place = &neighbour->place[i];
	struct hop hop = {.family = to->ipv6 ? AF_INET6 : AF_INET, .len = to->ipv6 ? 16 : 4};
	int own = frame_own(self, to);

	if (own < 0)
		return WORTH_NOTHING;
	*way = (struct frame_way){.from = (uint8_t)own, .to = (uint8_t)i};
	lower(&way->mtu, neighbours->port_mtu);
	if (place->told_mtu != 0 && now_us - place->told_us < MTU_KEPT_US)
		lower(&way->mtu, place->told_mtu);
	if (node->has_mac) {
		memcpy(way->mac, node->mac, sizeof(node->mac));
		return WORTH_USING;
	}
	if (neighbours->ifindex == 0)
		return WORTH_NOTHING;
	memcpy(hop.address, to->ip, hop.len);
	if (!find_route(neighbours, &hop, way, self))
		return WORTH_NOTHING;
	return find_mac(neighbours, &hop, place, way->mac, now_us);
}

static bool same_address(const struct lm_topology_address *a, const struct lm_topology_address *b)
{
	return a->ipv6 == b->ipv6 && a->port == b->port && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

static bool same_addresses(const struct neighbour *neighbour, const struct lm_topology_node *node)
{
	if (neighbour->id != node->id || neighbour->addresses != node->addresses)
		return false;
	for (unsigned i = 0; i < node->addresses; i++) {
		if (!same_address(&neighbour->address[i], &node->address[i]))
			return false;
	}
	return true;
}

/* What is remembered of a link's node; NULL: too little memory. */
static struct neighbour *remember(struct neighbours *neighbours,
				  const struct lm_topology_node *node, uint16_t link)
{
	struct neighbour *neighbour;

	if (link >= neighbours->n) {
		uint32_t n = 2u * link + 8;
		struct neighbour *more = realloc(neighbours->of_link, n * sizeof(*more));

		if (!more)
			return NULL;
		memset(more + neighbours->n, 0, (n - neighbours->n) * sizeof(*more));
		neighbours->of_link = more;
		neighbours->n = n;
	}
	neighbour = &neighbours->of_link[link];
	if (!same_addresses(neighbour, node)) {
		*neighbour = (struct neighbour){.id = node->id, .addresses = node->addresses};
		memcpy(neighbour->address, node->address, sizeof(neighbour->address));
	}
	return neighbour;
}

bool neighbours_resolve(void *context, struct frame_way *way, const struct frame_self *self,
			const struct lm_topology_node *node, const struct view_peer *peer)
{
	struct neighbours *neighbours = context;
	struct neighbour *neighbour = remember(neighbours, node, peer->link);
	bool answered = !peer->session || lm_link_peer_sending(peer->session);
	struct frame_way found[LM_TOPOLOGY_ADDRESSES];
	uint64_t now_us = lm_clock_us();
	unsigned works = 0, might = 0;
	int chosen;

	if (!neighbour)
		return false;
	for (unsigned i = 0; i < node->addresses; i++) {
		enum worth worth =
			find_way(neighbours, &found[i], self, node, neighbour, i, now_us);

		works |= (unsigned)(worth == WORTH_USING) << i;
		might |= (unsigned)(worth == WORTH_A_TRY) << i;
	}
	chosen = choice_make(&neighbour->choice, works ? works : might, node->addresses, answered,
			     now_us);
	if (chosen == CHOICE_NONE)
		return false;
	*way = found[chosen];
	return true;
}

/* ---- What routers say ---- */

static bool is_own(const struct frame_self *self, const struct lm_topology_address *address)
{
	for (unsigned i = 0; i < self->addresses; i++) {
		if (self->address[i].ipv6 == address->ipv6 &&
		    memcmp(self->address[i].ip, address->ip, sizeof(address->ip)) == 0)
			return true;
	}
	return false;
}

static bool within_ration(struct neighbours *neighbours, uint64_t now_us)
{
	if (now_us >= neighbours->told_us) {
		neighbours->told_us = now_us + SECOND_US;
		neighbours->told = NEIGHBOURS_TOLD;
	}
	if (neighbours->told == 0)
		return false;
	neighbours->told--;
	return true;
}

/* The least that is said counts, until it is forgotten: who forges cannot make it go up and down.
 * True if that is another than before. */
static bool take_word(struct place *place, unsigned mtu, uint64_t now_us)
{
	bool kept = place->told_mtu != 0 && now_us - place->told_us < MTU_KEPT_US;

	if (kept && mtu > place->told_mtu)
		return false;
	place->told_us = now_us;
	if (kept && mtu == place->told_mtu)
		return false;
	place->told_mtu = mtu;
	return true;
}

bool neighbours_tell(struct neighbours *neighbours, const uint8_t *frame, size_t len)
{
	uint64_t now_us = lm_clock_us();
	struct mtu_report report;
	bool some = false;

	if (!mtu_read(&report, frame, len) || !is_own(neighbours->self, &report.from) ||
	    !within_ration(neighbours, now_us))
		return false;
	for (uint32_t link = 0; link < neighbours->n; link++) {
		struct neighbour *neighbour = &neighbours->of_link[link];

		for (unsigned i = 0; i < neighbour->addresses; i++) {
			if (same_address(&neighbour->address[i], &report.to))
				some |= take_word(&neighbour->place[i], report.mtu, now_us);
		}
	}
	return some;
}
