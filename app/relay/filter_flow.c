/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See filter_flow.h.
 */
#include "filter_flow.h"

#include <errno.h>
#include <rte_byteorder.h>
#include <string.h>

#define PRIORITY_PASS 0
#define PRIORITY_DROP 1

static void set_ipv4(struct filter_flow *flow, const struct filter_rule *rule)
{
	if (rule->pass) {
		memcpy(&flow->ipv4.hdr.src_addr, rule->source, 4);
		flow->ipv4_mask.hdr.src_addr = UINT32_MAX;
	} else {
		memcpy(&flow->ipv4.hdr.dst_addr, rule->destination, 4);
		flow->ipv4_mask.hdr.dst_addr = UINT32_MAX;
	}
}

static void set_ipv6(struct filter_flow *flow, const struct filter_rule *rule)
{
	if (rule->pass) {
		memcpy(&flow->ipv6.hdr.src_addr, rule->source, 16);
		memset(&flow->ipv6_mask.hdr.src_addr, 0xff, 16);
	} else {
		memcpy(&flow->ipv6.hdr.dst_addr, rule->destination, 16);
		memset(&flow->ipv6_mask.hdr.dst_addr, 0xff, 16);
	}
}

static void set_pattern(struct filter_flow *flow, const struct filter_rule *rule)
{
	struct rte_flow_item *item = flow->item;

	*item++ = (struct rte_flow_item){.type = RTE_FLOW_ITEM_TYPE_ETH};
	if (rule->vlan != FRAME_VLAN_ANY) {
		flow->vlan.tci = rte_cpu_to_be_16(rule->vlan);
		flow->vlan_mask.tci = RTE_BE16(0xfff);
		*item++ = (struct rte_flow_item){.type = RTE_FLOW_ITEM_TYPE_VLAN,
						 .spec = &flow->vlan,
						 .mask = &flow->vlan_mask};
	}
	if (rule->ipv6) {
		set_ipv6(flow, rule);
		*item++ = (struct rte_flow_item){.type = RTE_FLOW_ITEM_TYPE_IPV6,
						 .spec = &flow->ipv6,
						 .mask = &flow->ipv6_mask};
	} else {
		set_ipv4(flow, rule);
		*item++ = (struct rte_flow_item){.type = RTE_FLOW_ITEM_TYPE_IPV4,
						 .spec = &flow->ipv4,
						 .mask = &flow->ipv4_mask};
	}
	flow->udp.hdr.dst_port = rte_cpu_to_be_16(rule->port);
	flow->udp_mask.hdr.dst_port = UINT16_MAX;
	*item++ = (struct rte_flow_item){.type = RTE_FLOW_ITEM_TYPE_UDP,
					 .spec = &flow->udp,
					 .mask = &flow->udp_mask};
	*item = (struct rte_flow_item){.type = RTE_FLOW_ITEM_TYPE_END};
}

static void set_action(struct filter_flow *flow, const struct filter_rule *rule,
		       const struct filter_port *port)
{
	struct rte_flow_action *action = &flow->action[0];

	flow->action[1] = (struct rte_flow_action){.type = RTE_FLOW_ACTION_TYPE_END};
	if (!rule->pass) {
		*action = (struct rte_flow_action){.type = RTE_FLOW_ACTION_TYPE_DROP};
		return;
	}
	if (port->queues == 1) {
		*action = (struct rte_flow_action){.type = RTE_FLOW_ACTION_TYPE_QUEUE,
						   .conf = &flow->queue};
		return;
	}
	for (uint16_t i = 0; i < port->queues; i++)
		flow->queues[i] = i;
	flow->rss = (struct rte_flow_action_rss){.types = port->rss,
						 .queue_num = port->queues,
						 .queue = flow->queues};
	*action = (struct rte_flow_action){.type = RTE_FLOW_ACTION_TYPE_RSS, .conf = &flow->rss};
}

void filter_flow_make(struct filter_flow *flow, const struct filter_rule *rule,
		      const struct filter_port *port)
{
	LM_ASSERT(port->queues >= 1 && port->queues <= FILTER_QUEUES);
	memset(flow, 0, sizeof(*flow));
	flow->attr.ingress = 1;
	flow->attr.priority = rule->pass ? PRIORITY_PASS : PRIORITY_DROP;
	set_pattern(flow, rule);
	set_action(flow, rule, port);
}

static void say(struct lm_error *err, int code, const struct rte_flow_error *why)
{
	(void)lm_error_set(err, code, "%s",
			   why->message ? why->message
			   : code != 0  ? strerror(code)
					: "no reason is given");
}

static int validate(void *context, const struct filter_rule *rule, struct lm_error *err)
{
	const struct filter_port *port = context;
	struct rte_flow_error why = {0};
	struct filter_flow flow;
	int rc;

	filter_flow_make(&flow, rule, port);
	rc = rte_flow_validate(port->id, &flow.attr, flow.item, flow.action, &why);
	if (rc != 0)
		say(err, -rc, &why);
	return rc;
}

static void *create(void *context, const struct filter_rule *rule, struct lm_error *err)
{
	const struct filter_port *port = context;
	struct rte_flow_error why = {0};
	struct filter_flow flow;
	void *handle;

	filter_flow_make(&flow, rule, port);
	handle = rte_flow_create(port->id, &flow.attr, flow.item, flow.action, &why);
	if (!handle)
		say(err, ENOTSUP, &why);
	return handle;
}

static int destroy(void *context, void *handle)
{
	const struct filter_port *port = context;
	struct rte_flow_error why = {0};

	return rte_flow_destroy(port->id, handle, &why);
}

const struct filter_ops filter_flow_ops = {
	.validate = validate,
	.create = create,
	.destroy = destroy,
};
