/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of filter.h as DPDK's rte_flow, which carries them to the NIC.
 */
#pragma once

#include <rte_flow.h>

#include "filter.h"

#define FILTER_QUEUES 64

struct filter_port {
	uint16_t id;
	unsigned queues;
	uint64_t rss; /* what the port spreads by: rules that pass must spread the same way */
};

/* A rule in DPDK's words. It points into itself: it must stay where it is. */
struct filter_flow {
	struct rte_flow_attr attr;
	struct rte_flow_item item[5];     /* Ethernet, VLAN, IP, UDP, end */
	struct rte_flow_action action[2]; /* to the queues, or drop; end */
	struct rte_flow_item_vlan vlan, vlan_mask;
	struct rte_flow_item_ipv4 ipv4, ipv4_mask;
	struct rte_flow_item_ipv6 ipv6, ipv6_mask;
	struct rte_flow_item_udp udp, udp_mask;
	struct rte_flow_action_queue queue;
	struct rte_flow_action_rss rss;
	uint16_t queues[FILTER_QUEUES];
};

void filter_flow_make(struct filter_flow *flow, const struct filter_rule *rule,
		      const struct filter_port *port);

/* Rules that pass come before those that drop. The context is a struct filter_port. */
extern const struct filter_ops filter_flow_ops;
