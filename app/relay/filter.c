/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See filter.h. Sets of rules are kept sorted; what is zero in a rule is zero in all its bytes.
 */
#include "filter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct filter_rule) == 38, "no padding: rules are compared as bytes");

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct filter_rule));
}

/* ---- The plan ---- */

struct plan {
	struct filter_rule *rule;
	unsigned n; /* FILTER_RULES + 1: too many */
};

static void add(struct plan *plan, const struct filter_rule *rule)
{
	for (unsigned i = 0; i < plan->n && i < FILTER_RULES; i++) {
		if (!rule->pass && compare(&plan->rule[i], rule) == 0)
			return;
	}
	if (plan->n < FILTER_RULES)
		plan->rule[plan->n] = *rule;
	if (plan->n <= FILTER_RULES)
		plan->n++;
}

/* The address of a source, as view.h keeps it. */
static void set_source(struct filter_rule *rule, const struct source *source)
{
	rule->ipv6 = source->address[0] != 0 ||
		     (uint32_t)source->address[1] != (uint32_t)SOURCE_IPV4_MAPPED;
	if (rule->ipv6)
		memcpy(rule->source, source->address, sizeof(rule->source));
	else
		memcpy(rule->source, (const uint8_t *)source->address + 12, 4);
}

static bool port_seen(const struct frame_self *self, unsigned i)
{
	for (unsigned j = 0; j < i; j++) {
		if (self->address[j].ipv6 == self->address[i].ipv6 &&
		    self->address[j].port == self->address[i].port)
			return true;
	}
	return false;
}

/* A source, at each own port of its family. */
static void add_passes(struct plan *plan, const struct frame_self *self,
		       const struct source *source)
{
	struct filter_rule rule = {.pass = true, .vlan = self->vlan};

	set_source(&rule, source);
	for (unsigned i = 0; i < self->addresses; i++) {
		if (self->address[i].ipv6 != rule.ipv6 || port_seen(self, i))
			continue;
		rule.port = self->address[i].port;
		add(plan, &rule);
	}
}

static void add_drop(struct plan *plan, const struct frame_self *self, unsigned i)
{
	const struct lm_topology_address *own = &self->address[i];
	struct filter_rule rule = {.ipv6 = own->ipv6, .vlan = self->vlan, .port = own->port};

	memcpy(rule.destination, own->ip, own->ipv6 ? 16 : 4);
	add(plan, &rule);
}

unsigned filter_plan(struct filter_rule rule[FILTER_RULES], const struct view *view)
{
	const struct view_source *table = view_sources(view);
	struct plan plan = {.rule = rule};

	for (unsigned i = 0; i < view->self.addresses; i++)
		add_drop(&plan, &view->self, i);
	for (uint32_t i = 0; i < view->source_places; i++) {
		if (table[i].link != 0)
			add_passes(&plan, &view->self, &table[i].source);
	}
	if (plan.n <= FILTER_RULES)
		qsort(rule, plan.n, sizeof(*rule), compare);
	return plan.n;
}

/* ---- What is in the NIC ---- */

static struct filter_entry *find(const struct filter *filter, const struct filter_rule *rule)
{
	return filter->n == 0 ? NULL
			      : bsearch(rule, filter->entry, filter->n, sizeof(*filter->entry),
					compare); /* the rule is an entry's first member */
}

static void insert(struct filter *filter, const struct filter_rule *rule, void *handle)
{
	unsigned at = filter->n;

	for (; at > 0 && compare(&filter->entry[at - 1].rule, rule) > 0; at--)
		filter->entry[at] = filter->entry[at - 1];
	filter->entry[at] = (struct filter_entry){*rule, handle};
	__atomic_store_n(&filter->n, filter->n + 1, __ATOMIC_RELAXED);
}

/* One that the NIC does not give up is forgotten; if it drops, it must not be left alone. */
static void take_out(struct filter *filter, unsigned at)
{
	const struct filter_entry *entry = &filter->entry[at];

	if (filter->ops->destroy(filter->context, entry->handle) != 0 && !entry->rule.pass)
		filter->stuck = true;
	memmove(&filter->entry[at], &filter->entry[at + 1],
		(filter->n - at - 1) * sizeof(*filter->entry));
	__atomic_store_n(&filter->n, filter->n - 1, __ATOMIC_RELAXED);
}

/* Takes out the rules that pass, or those that drop; but for those of a sorted plan. */
static void remove_rules(struct filter *filter, bool pass, const struct filter_rule *plan,
			 unsigned n)
{
	for (unsigned i = filter->n; i-- > 0;) {
		const struct filter_rule *rule = &filter->entry[i].rule;

		if (rule->pass == pass &&
		    (n == 0 || !bsearch(rule, plan, n, sizeof(*plan), compare)))
			take_out(filter, i);
	}
}

/* Puts in those rules of the plan that pass, or that drop, and are not there. */
static int put_in(struct filter *filter, bool pass, const struct filter_rule *plan, unsigned n,
		  struct lm_error *err)
{
	for (unsigned i = 0; i < n; i++) {
		void *handle;

		if (plan[i].pass != pass || find(filter, &plan[i]))
			continue;
		if (filter->n == 2 * FILTER_RULES)
			return lm_error_set(err, ENOSPC, "too many rules while they change");
		handle = filter->ops->create(filter->context, &plan[i], err);
		if (!handle)
			return -ENOTSUP;
		insert(filter, &plan[i], handle);
	}
	return 0;
}

/* ---- Life ---- */

bool filter_close(struct filter *filter)
{
	bool gone;

	if (filter->ops)
		remove_rules(filter, false, NULL, 0);
	gone = !filter->stuck;
	if (filter->ops && gone)
		remove_rules(filter, true, NULL, 0);
	free(filter->entry);
	*filter = (struct filter){0};
	return gone;
}

static int too_many(struct lm_error *err)
{
	return lm_error_set(err, ENOSPC,
			    "more than %u rules would be needed: one for each neighbour's address "
			    "and own port",
			    FILTER_RULES);
}

static bool same_kind(const struct filter_rule *a, const struct filter_rule *b)
{
	return a->pass == b->pass && a->ipv6 == b->ipv6;
}

static int validate(const struct filter *filter, const struct filter_rule *plan, unsigned n,
		    struct lm_error *err)
{
	for (unsigned i = 0; i < n; i++) {
		int rc = 0;

		/* sorted: rules of a kind stand together */
		if (i == 0 || !same_kind(&plan[i - 1], &plan[i]))
			rc = filter->ops->validate(filter->context, &plan[i], err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

int filter_open(struct filter *filter, const struct filter_ops *ops, void *context,
		const struct view *view, struct lm_error *err)
{
	struct filter_rule *plan = calloc(FILTER_RULES, sizeof(*plan));
	unsigned n;
	int rc;

	*filter = (struct filter){.ops = ops, .context = context};
	filter->entry = calloc((size_t)2 * FILTER_RULES, sizeof(*filter->entry));
	if (!plan || !filter->entry) {
		rc = lm_error_set(err, ENOMEM, "too little memory for rules");
	} else {
		n = filter_plan(plan, view);
		rc = n > FILTER_RULES ? too_many(err) : validate(filter, plan, n, err);
	}
	free(plan);
	if (rc != 0)
		(void)filter_close(filter); /* there are none yet */
	return rc;
}

int filter_prepare(struct filter *filter, const struct view *view, struct lm_error *err)
{
	struct filter_rule *plan;
	unsigned n;
	int rc;

	if (!filter->ops)
		return 0;
	plan = calloc(FILTER_RULES, sizeof(*plan));
	n = plan ? filter_plan(plan, view) : 0;
	if (!plan)
		rc = lm_error_set(err, ENOMEM, "too little memory for rules");
	else
		rc = n > FILTER_RULES ? too_many(err) : put_in(filter, true, plan, n, err);
	if (rc == 0)
		rc = put_in(filter, false, plan, n, err);
	free(plan);
	if (rc == 0 || filter_close(filter))
		return rc;
	return lm_error_set(err, EIO,
			    "it keeps rules that drop, and neighbours that are new do not pass: "
			    "restart the relay");
}

void filter_commit(struct filter *filter, const struct view *view)
{
	struct filter_rule *plan;
	unsigned n;

	if (!filter->ops)
		return;
	plan = calloc(FILTER_RULES, sizeof(*plan));
	if (!plan) /* what is old passes a little longer */
		return;
	n = filter_plan(plan, view);
	LM_ASSERT(n <= FILTER_RULES); /* _prepare took it */
	remove_rules(filter, false, plan, n);
	remove_rules(filter, true, plan, n);
	free(plan);
}
