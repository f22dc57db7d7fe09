/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules for the NIC: a NIC made of a table here takes them, may refuse, and judges frames by the
 * same bits of rte_flow that a driver reads.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "filter_flow.h"
#include "source.h"
#include "testing.h"

#define NIC_RULES (2 * FILTER_RULES)

/* ---- A NIC ---- */

struct rule {
	struct filter_flow flow;
	bool used;
};

struct nic {
	struct filter_port port;
	struct rule *rule;
	unsigned n, creations;
	unsigned refuse_at; /* the creation that fails, counted from 1; 0: none */
	bool no_drops;      /* is asked to drop and cannot */
	bool keeps_drops;   /* does not take them out */
	/* after each step these must pass */
	const struct lm_topology_address *must_pass;
	unsigned must_pass_n;
	const struct lm_topology_address *to;
	unsigned steps;
};

static struct nic nic;

/* UDP as a NIC sees it. */
struct udp {
	struct lm_topology_address from, to;
	uint16_t vlan; /* 0: untagged */
};

static bool equal_masked(const void *spec, const void *mask, const void *value, size_t len)
{
	const uint8_t *s = spec, *m = mask, *v = value;

	for (size_t i = 0; i < len; i++) {
		if ((s[i] ^ v[i]) & m[i])
			return false;
	}
	return true;
}

static bool item_matches(const struct rte_flow_item *item, const struct udp *udp)
{
	struct rte_flow_item_vlan vlan = {.tci = rte_cpu_to_be_16(udp->vlan)};
	struct rte_flow_item_ipv4 ipv4 = {0};
	struct rte_flow_item_ipv6 ipv6 = {0};
	struct rte_flow_item_udp ports = {.hdr.dst_port = rte_cpu_to_be_16(udp->to.port),
					  .hdr.src_port = rte_cpu_to_be_16(udp->from.port)};

	switch (item->type) {
	case RTE_FLOW_ITEM_TYPE_ETH:
		return item->spec == NULL;
	case RTE_FLOW_ITEM_TYPE_VLAN:
		return udp->vlan != 0 && equal_masked(item->spec, item->mask, &vlan, sizeof(vlan));
	case RTE_FLOW_ITEM_TYPE_IPV4:
		memcpy(&ipv4.hdr.src_addr, udp->from.ip, 4);
		memcpy(&ipv4.hdr.dst_addr, udp->to.ip, 4);
		return !udp->to.ipv6 && equal_masked(item->spec, item->mask, &ipv4, sizeof(ipv4));
	case RTE_FLOW_ITEM_TYPE_IPV6:
		memcpy(&ipv6.hdr.src_addr, udp->from.ip, 16);
		memcpy(&ipv6.hdr.dst_addr, udp->to.ip, 16);
		return udp->to.ipv6 && equal_masked(item->spec, item->mask, &ipv6, sizeof(ipv6));
	case RTE_FLOW_ITEM_TYPE_UDP:
		return equal_masked(item->spec, item->mask, &ports, sizeof(ports));
	default:
		fail_msg("item of type %d", item->type);
		return false;
	}
}

static bool flow_matches(const struct filter_flow *flow, const struct udp *udp)
{
	const struct rte_flow_item *item = flow->item;
	bool tagged = false;

	for (; item->type != RTE_FLOW_ITEM_TYPE_END; item++) {
		tagged |= item->type == RTE_FLOW_ITEM_TYPE_VLAN;
		if (!item_matches(item, udp))
			return false;
	}
	return tagged || udp->vlan == 0;
}

/* Whether the frame comes in: by the rule of the highest priority, or as ever if there is none. */
static bool comes_in(const struct udp *udp)
{
	bool in = true;

	for (uint32_t priority = 2; priority-- > 0;) {
		for (unsigned i = 0; i < nic.n; i++) {
			const struct filter_flow *flow = &nic.rule[i].flow;

			if (nic.rule[i].used && flow->attr.ingress && flow->attr.group == 0 &&
			    flow->attr.priority == priority && flow_matches(flow, udp))
				in = flow->action[0].type != RTE_FLOW_ACTION_TYPE_DROP;
		}
	}
	return in;
}

static void check_step(void)
{
	nic.steps++;
	for (unsigned i = 0; i < nic.must_pass_n; i++) {
		const struct udp udp = {.from = nic.must_pass[i], .to = *nic.to};

		assert_true(comes_in(&udp));
	}
}

static int nic_validate(void *context, const struct filter_rule *rule, struct lm_error *err)
{
	assert_ptr_equal(context, &nic.port);
	return nic.no_drops && !rule->pass ? lm_error_set(err, ENOTSUP, "no drops") : 0;
}

static void *nic_create(void *context, const struct filter_rule *rule, struct lm_error *err)
{
	struct rule *slot = &nic.rule[nic.n];

	if (++nic.creations == nic.refuse_at) {
		(void)lm_error_set(err, ENOSPC, "the table is full");
		return NULL;
	}
	assert_in_range(nic.n, 0, NIC_RULES - 1);
	nic.n++;
	filter_flow_make(&slot->flow, rule, context);
	slot->used = true;
	check_step();
	return slot;
}

static int nic_destroy(void *context, void *handle)
{
	struct rule *slot = handle;

	(void)context;
	assert_true(slot->used);
	if (nic.keeps_drops && slot->flow.action[0].type == RTE_FLOW_ACTION_TYPE_DROP)
		return -EIO;
	slot->used = false;
	check_step();
	return 0;
}

static const struct filter_ops ops = {nic_validate, nic_create, nic_destroy};

static unsigned rules_in_nic(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < nic.n; i++)
		n += nic.rule[i].used;
	return n;
}

static int reset(void **state)
{
	(void)state;
	free(nic.rule);
	nic = (struct nic){.port = {.queues = 1}};
	nic.rule = calloc(NIC_RULES, sizeof(*nic.rule));
	return nic.rule ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	free(nic.rule);
	nic.rule = NULL;
	return 0;
}

/* ---- Views ---- */

static struct lm_topology_address ipv4(uint8_t d, uint16_t port)
{
	return (struct lm_topology_address){.ip = {10, 0, 0, d}, .port = port};
}

static struct lm_topology_address ipv6(uint8_t last, uint16_t port)
{
	return (struct lm_topology_address){.ipv6 = true, .ip = {0xfd, [15] = last}, .port = port};
}

/* A mix at `own`, and gateways that may send to it, one for each address. */
static struct view *view_of(const struct lm_topology_address *own, unsigned owns,
			    const struct lm_topology_address *sender, unsigned senders,
			    uint16_t vlan)
{
	static const uint8_t mac[6] = {2};
	static struct links links;
	struct lm_topology_node *node = calloc(senders + 1, sizeof(*node));
	uint32_t *gateways = calloc(senders, sizeof(*gateways)), mix = senders;
	struct lm_topology topology = {.layers = 1,
				       .nodes = senders + 1,
				       .node = node,
				       .layer_nodes = {senders, 1},
				       .layer_node = {gateways, &mix}};
	struct frame_self self;
	struct view *view;

	node[senders] = (struct lm_topology_node){.id = 1, .layer = 1, .addresses = owns};
	memcpy(node[senders].address, own, owns * sizeof(*own));
	for (uint32_t i = 0; i < senders; i++) {
		gateways[i] = i;
		node[i] = (struct lm_topology_node){.id = i + 2,
						    .role = LM_TOPOLOGY_GATEWAY,
						    .addresses = 1,
						    .address = {sender[i]}};
	}
	memset(&links, 0, sizeof(links));
	links_init(&links);
	view_self_init(&self, &node[senders], mac, vlan);
	view = view_make(&topology, &node[senders], &self, NULL, &links, view_resolve_static, NULL);
	free(node);
	free(gateways);
	return view; /* its topology is gone: only its addresses are looked at */
}

static void start(struct filter *filter, struct view *view)
{
	struct lm_error err;

	assert_int_equal(filter_open(filter, &ops, &nic.port, view, &err), 0);
	assert_int_equal(filter_prepare(filter, view, &err), 0);
	filter_commit(filter, view);
}

/* ---- Tests ---- */

static void neighbours_pass_and_strangers_do_not(void **state)
{
	const struct lm_topology_address own[] = {ipv4(1, 7000), ipv4(1, 7001), ipv6(1, 7000)};
	const struct lm_topology_address sender[] = {ipv4(8, 5), ipv4(9, 5), ipv6(9, 5)};
	struct filter filter;

	(void)state;
	for (uint16_t vlan = 0; vlan < 10; vlan += 5) {
		struct view *view = view_of(own, 3, sender, 3, vlan);

		reset(NULL);
		start(&filter, view);
		assert_int_equal(filter.n, 3 + 2 * 2 + 1); /* drops, IPv4 at two ports, IPv6 */
		assert_int_equal(rules_in_nic(), filter.n);
		for (unsigned to = 0; to < 3; to++) {
			for (unsigned from = 0; from < 3; from++) {
				struct udp udp = {sender[from], own[to], vlan};

				if (udp.from.ipv6 != udp.to.ipv6)
					continue;
				udp.from.port = (uint16_t)(40000 + from); /* any */
				assert_true(comes_in(&udp));
				udp.from.ip[3] ^= 0x10;
				assert_false(comes_in(&udp));
				udp.to.port = 9; /* not ours: for the CPUs to see */
				assert_true(comes_in(&udp));
				udp.to.port = own[to].port;
				udp.to.ip[1] ^= 1;
				assert_true(comes_in(&udp));
			}
		}
		assert_true(filter_close(&filter));
		assert_int_equal(rules_in_nic(), 0);
		free(view);
	}
}

static void another_vlan_is_in_no_rule(void **state)
{
	const struct lm_topology_address own = ipv4(1, 7000), sender = ipv4(8, 5);
	const struct udp tagged = {ipv4(77, 1), own, 6}, mine = {ipv4(77, 1), own, 5},
			 plain = {ipv4(77, 1), own, 0};
	struct view *view = view_of(&own, 1, &sender, 1, 5);
	struct filter filter;

	(void)state;
	start(&filter, view);
	assert_true(comes_in(&tagged));
	assert_true(comes_in(&plain));
	assert_false(comes_in(&mine));
	(void)filter_close(&filter);
	free(view);
}

/* Whoever may send before and after a change passes at every step of it. */
static void a_change_leaves_no_gap(void **state)
{
	const struct lm_topology_address own = ipv4(1, 7000);
	struct lm_topology_address old[20], next[20];
	const struct udp gone = {ipv4(100, 5), own, 0}, come = {ipv4(120, 5), own, 0};
	struct filter filter;
	struct view *before, *after;
	struct lm_error err;

	(void)state;
	for (uint8_t i = 0; i < 20; i++) {
		old[i] = ipv4((uint8_t)(100 + i), 5);
		next[i] = ipv4((uint8_t)(110 + i), 5);
	}
	before = view_of(&own, 1, old, 20, 0);
	after = view_of(&own, 1, next, 20, 0);
	nic.must_pass = old;
	nic.must_pass_n = 20;
	nic.to = &own;
	start(&filter, before);
	assert_int_equal(nic.steps, 21);

	assert_int_equal(filter_prepare(&filter, after, &err), 0);
	assert_int_equal(nic.steps, 31);
	assert_true(comes_in(&come)); /* before any worker knows it */
	nic.must_pass = next;         /* workers have the new view */
	filter_commit(&filter, after);
	assert_int_equal(nic.steps, 41);
	assert_false(comes_in(&gone));
	assert_int_equal(filter.n, 21);

	assert_int_equal(filter_prepare(&filter, after, &err), 0); /* the same again: no step */
	filter_commit(&filter, after);
	assert_int_equal(nic.steps, 41);
	assert_true(filter_close(&filter));
	assert_int_equal(rules_in_nic(), 0);
	free(before);
	free(after);
}

/* Whichever rule the NIC refuses: nobody is shut out, at any step. */
static void a_nic_that_refuses_a_rule_is_left_without_any(void **state)
{
	const struct lm_topology_address own = ipv4(1, 7000);
	const struct lm_topology_address all[] = {ipv4(8, 5), ipv4(9, 5), ipv4(10, 5), ipv4(11, 5)};
	struct view *first = view_of(&own, 1, all, 2, 0), *second = view_of(&own, 1, all, 4, 0);
	struct lm_error err;

	(void)state;
	for (unsigned refuse = 1; refuse <= 6; refuse++) {
		struct filter filter;
		int rc;

		reset(NULL);
		nic.refuse_at = refuse;
		nic.must_pass = all;
		nic.must_pass_n = 2;
		nic.to = &own;
		assert_int_equal(filter_open(&filter, &ops, &nic.port, first, &err), 0);
		rc = filter_prepare(&filter, first, &err);
		filter_commit(&filter, first);
		assert_int_equal(rc == 0, refuse > 3); /* two that pass, one that drops */
		rc = filter_prepare(&filter, second, &err);
		filter_commit(&filter, second);
		assert_int_equal(rc == 0, refuse <= 3 || refuse > 5);
		assert_int_equal(rules_in_nic(), refuse > 5 ? 5 : 0);
		assert_int_equal(filter.n, rules_in_nic());
		(void)filter_close(&filter);
		assert_int_equal(rules_in_nic(), 0);
	}
	free(first);
	free(second);
}

static void a_nic_that_keeps_a_drop_keeps_what_passes(void **state)
{
	const struct lm_topology_address own = ipv4(1, 7000), sender = ipv4(8, 5);
	const struct udp udp = {sender, own, 0};
	struct view *view = view_of(&own, 1, &sender, 1, 0);
	struct filter filter;

	(void)state;
	start(&filter, view);
	nic.keeps_drops = true;
	assert_false(filter_close(&filter));
	assert_true(comes_in(&udp));
	free(view);
}

static void a_nic_that_cannot_is_asked_and_gets_nothing(void **state)
{
	const struct lm_topology_address own = ipv4(1, 7000), sender = ipv4(8, 5);
	struct view *view = view_of(&own, 1, &sender, 1, 0);
	struct filter filter;
	struct lm_error err;

	(void)state;
	nic.no_drops = true;
	assert_int_equal(filter_open(&filter, &ops, &nic.port, view, &err), -ENOTSUP);
	assert_string_equal(err.text, "no drops");
	assert_int_equal(filter_prepare(&filter, view, &err), 0);
	filter_commit(&filter, view);
	assert_int_equal(nic.creations, 0);
	free(view);
}

static void too_many_rules_are_refused_as_a_whole(void **state)
{
	const struct lm_topology_address own = ipv4(1, 7000);
	struct lm_topology_address *sender = calloc(FILTER_RULES, sizeof(*sender));
	struct filter filter;
	struct lm_error err;

	(void)state;
	for (unsigned i = 0; i < FILTER_RULES; i++)
		sender[i] =
			(struct lm_topology_address){.ip = {11, 0, (uint8_t)(i >> 8), (uint8_t)i},
						     .port = 5};
	for (unsigned n = FILTER_RULES - 1; n <= FILTER_RULES; n++) {
		struct view *view = view_of(&own, 1, sender, n, 0);
		int rc = filter_open(&filter, &ops, &nic.port, view, &err);

		assert_int_equal(rc, n < FILTER_RULES ? 0 : -ENOSPC);
		(void)filter_close(&filter);
		free(view);
	}
	assert_int_equal(nic.creations, 0);
	free(sender);
}

/* What passes is spread over the queues as without rules; what a driver reads, word by word. */
static void rules_in_the_words_of_rte_flow(void **state)
{
	const struct filter_port port = {.queues = 3, .rss = 0x70};
	const struct filter_rule pass = {.pass = true, .port = 7000, .source = {10, 0, 0, 8}};
	const struct filter_rule drop = {.ipv6 = true,
					 .port = 7000,
					 .vlan = 5,
					 .destination = {0xfd, [15] = 1}};
	struct filter_flow flow;

	(void)state;
	filter_flow_make(&flow, &pass, &port);
	assert_int_equal(flow.item[0].type, RTE_FLOW_ITEM_TYPE_ETH);
	assert_int_equal(flow.item[1].type, RTE_FLOW_ITEM_TYPE_IPV4);
	assert_int_equal(flow.item[2].type, RTE_FLOW_ITEM_TYPE_UDP);
	assert_int_equal(flow.item[3].type, RTE_FLOW_ITEM_TYPE_END);
	assert_memory_equal(&flow.ipv4.hdr.src_addr, "\x0a\0\0\x08", 4);
	assert_memory_equal(&flow.udp.hdr.dst_port, "\x1b\x58", 2);
	assert_int_equal(flow.udp_mask.hdr.src_port, 0);
	assert_int_equal(flow.action[0].type, RTE_FLOW_ACTION_TYPE_RSS);
	assert_int_equal(flow.rss.queue_num, 3);
	assert_int_equal(flow.rss.types, 0x70);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(flow.rss.queue[i], i);
	assert_int_equal(flow.action[1].type, RTE_FLOW_ACTION_TYPE_END);

	filter_flow_make(&flow, &drop, &port);
	assert_int_equal(flow.item[1].type, RTE_FLOW_ITEM_TYPE_VLAN);
	assert_memory_equal(&flow.vlan.tci, "\0\5", 2);
	assert_memory_equal(&flow.vlan_mask.tci, "\x0f\xff", 2);
	assert_int_equal(flow.item[2].type, RTE_FLOW_ITEM_TYPE_IPV6);
	assert_memory_equal(&flow.ipv6.hdr.dst_addr, drop.destination, 16);
	assert_int_equal(flow.item[4].type, RTE_FLOW_ITEM_TYPE_END);
	assert_int_equal(flow.action[0].type, RTE_FLOW_ACTION_TYPE_DROP);
	assert_true(flow.attr.priority > 0); /* below those that pass */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(neighbours_pass_and_strangers_do_not, reset, end),
		cmocka_unit_test_setup_teardown(another_vlan_is_in_no_rule, reset, end),
		cmocka_unit_test_setup_teardown(a_change_leaves_no_gap, reset, end),
		cmocka_unit_test_setup_teardown(a_nic_that_refuses_a_rule_is_left_without_any,
						reset, end),
		cmocka_unit_test_setup_teardown(a_nic_that_keeps_a_drop_keeps_what_passes, reset,
						end),
		cmocka_unit_test_setup_teardown(a_nic_that_cannot_is_asked_and_gets_nothing, reset,
						end),
		cmocka_unit_test_setup_teardown(too_many_rules_are_refused_as_a_whole, reset, end),
		cmocka_unit_test_setup_teardown(rules_in_the_words_of_rte_flow, reset, end),
	};

	return RUN_TESTS(tests);
}
