/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See neighbours.h.
 */
#include "neighbours.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>

#define HEAR (RTMGRP_NEIGH | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE)

/* An address on the TAP's link. */
struct hop {
	uint8_t family;
	size_t len;
	uint8_t address[16];
};

struct route_answer {
	int ifindex;
	struct hop *hop; /* becomes the gateway if there is one */
};

struct neighbour_answer {
	bool found;
	uint8_t mac[6];
};

int neighbours_open(struct neighbours *neighbours, int ifindex, const struct frame_self *self,
		    struct lm_error *err)
{
	memset(neighbours, 0, sizeof(*neighbours));
	neighbours->ifindex = ifindex;
	neighbours->ipv4 = self->has_ipv4;
	neighbours->ipv6 = self->has_ipv6;
	int rc = netlink_open(&neighbours->ask, 0, err);

	if (rc == 0)
		rc = netlink_open(&neighbours->hear, HEAR, err);
	return rc;
}

void neighbours_close(struct neighbours *neighbours)
{
	netlink_close(&neighbours->ask);
	netlink_close(&neighbours->hear);
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

static int on_route(const struct nlmsghdr *message, void *context)
{
	struct route_answer *answer = context;
	const struct nlattr *attr;

	mnl_attr_for_each(attr, message, sizeof(struct rtmsg))
	{
		if (mnl_attr_get_type(attr) == RTA_OIF)
			answer->ifindex = (int)mnl_attr_get_u32(attr);
		if (mnl_attr_get_type(attr) == RTA_GATEWAY &&
		    mnl_attr_get_payload_len(attr) == answer->hop->len)
			memcpy(answer->hop->address, mnl_attr_get_payload(attr), answer->hop->len);
	}
	return MNL_CB_OK;
}

/* Turns a destination into its next hop on the TAP's link; false if the route leaves elsewhere. */
static bool find_route(struct neighbours *neighbours, struct hop *hop)
{
	struct rtmsg route = {.rtm_family = hop->family, .rtm_dst_len = (uint8_t)(8 * hop->len)};
	struct route_answer answer = {.hop = hop};
	struct netlink_request request;

	netlink_begin(&request, RTM_GETROUTE, 0, &route, sizeof(route));
	netlink_attr(&request, RTA_DST, hop->address, hop->len);
	return netlink_ask(&neighbours->ask, &request, on_route, &answer) == 0 &&
	       answer.ifindex == neighbours->ifindex;
}

static int on_neighbour(const struct nlmsghdr *message, void *context)
{
	const struct ndmsg *entry = mnl_nlmsg_get_payload(message);
	struct neighbour_answer *answer = context;
	const struct nlattr *attr;

	if (!(entry->ndm_state &
	      (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT)))
		return MNL_CB_OK;
	mnl_attr_for_each(attr, message, sizeof(*entry))
	{
		if (mnl_attr_get_type(attr) == NDA_LLADDR &&
		    mnl_attr_get_payload_len(attr) == sizeof(answer->mac)) {
			memcpy(answer->mac, mnl_attr_get_payload(attr), sizeof(answer->mac));
			answer->found = true;
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

bool neighbours_resolve(void *context, uint8_t mac[6], const struct lm_topology_node *node)
{
	struct neighbours *neighbours = context;
	const struct lm_topology_address *to =
		neighbours->ipv6 ? lm_topology_address(node, true) : NULL;
	struct hop hop;
	struct neighbour_answer answer = {0};
	struct netlink_request request;

	if (node->has_mac) {
		memcpy(mac, node->mac, sizeof(node->mac));
		return true;
	}
	if (!to && neighbours->ipv4)
		to = lm_topology_address(node, false);
	if (neighbours->ifindex == 0 || !to)
		return false;
	hop = (struct hop){.family = to->ipv6 ? AF_INET6 : AF_INET, .len = to->ipv6 ? 16 : 4};
	memcpy(hop.address, to->ip, hop.len);
	if (!find_route(neighbours, &hop))
		return false;

	/* "use" makes the kernel find the address, or confirm it again if it is old */
	begin_neighbour(&request, RTM_NEWNEIGH, NLM_F_CREATE, neighbours, &hop, NTF_USE);
	if (netlink_do(&neighbours->ask, &request) != 0)
		return false;
	begin_neighbour(&request, RTM_GETNEIGH, 0, neighbours, &hop, 0);
	if (netlink_ask(&neighbours->ask, &request, on_neighbour, &answer) != 0 || !answer.found)
		return false;
	memcpy(mac, answer.mac, sizeof(answer.mac));
	return true;
}
