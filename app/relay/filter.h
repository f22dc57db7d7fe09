/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules for the NIC: UDP to this node's ports passes from the addresses of who may send here, and
 * from no other; such frames end in hardware. What is no UDP to these ports (ARP, neighbour
 * discovery, ICMP) is in no rule and comes in as ever, and so do fragments, which have no ports.
 *
 * This is no protection of its own: addresses can be forged, and every frame that comes in is
 * looked at as if there were no rules. It keeps floods from foreign addresses off the CPUs.
 *
 * No packet of a neighbour in both sets is dropped for the change: of a new set the rules that pass
 * are made first and those that drop last; of an old set the rules that pass go last. If the NIC
 * refuses a rule all of them go, those that drop first, and the relay goes on without.
 *
 * No DPDK here: struct filter_ops carries rules to the NIC (filter_flow.h). The control thread
 * alone uses this. Bound: FILTER_RULES rules; a larger set is refused as a whole.
 */
#pragma once

#include "view.h"

#define FILTER_RULES 4096

struct filter_rule {
	bool pass;     /* from `source`; else drop what is for `destination` */
	bool ipv6;     /* else IPv4, in the first four bytes of both */
	uint16_t vlan; /* FRAME_VLAN_ANY: untagged */
	uint16_t port; /* UDP, of the destination */
	uint8_t source[16], destination[16];
};

struct filter_ops {
	/* Whether the NIC would take it: 0 or -errno. */
	int (*validate)(void *context, const struct filter_rule *rule, struct lm_error *err);
	/* A handle, or NULL and a message. */
	void *(*create)(void *context, const struct filter_rule *rule, struct lm_error *err);
	int (*destroy)(void *context, void *handle);
};

struct filter_entry {
	struct filter_rule rule;
	void *handle;
};

struct filter {
	const struct filter_ops *ops; /* NULL: there is no filter */
	void *context;
	bool stuck; /* a rule that drops could not be taken out: those that pass stay */
	unsigned n; /* rules in the NIC, in the order of filter_plan; read by telemetry */
	struct filter_entry *entry;
};

/*
 * The rules for a view, in a fixed order, no two alike: at most FILTER_RULES. Their number, or
 * FILTER_RULES + 1 if there would be more.
 */
unsigned filter_plan(struct filter_rule rule[FILTER_RULES], const struct view *view);

/*
 * Begins with no rules: asks the NIC about one rule of each kind that the view needs. -errno and a
 * message if it takes them not, or memory is short; there is no filter then.
 */
LM_MUST_CHECK int filter_open(struct filter *filter, const struct filter_ops *ops, void *context,
			      const struct view *view, struct lm_error *err);

/*
 * A change in two steps: _prepare before workers see the view, _commit when none sees the one
 * before. -errno and a message if the NIC refuses a rule: there is no filter any more. Without a
 * filter both do nothing.
 */
LM_MUST_CHECK int filter_prepare(struct filter *filter, const struct view *view,
				 struct lm_error *err);
void filter_commit(struct filter *filter, const struct view *view);

/*
 * Takes all rules out, those that drop first. False: the NIC has kept one of these, and so those
 * that pass have been left there too.
 */
bool filter_close(struct filter *filter);
