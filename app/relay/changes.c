/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See changes.h. The configuration is compared row by row of its table, so a new key is one that
 * must not change until it is named here.
 */
#include "changes.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static const char *const may_change[] = {
	"topology",       "services",     "mailboxes",          "cover.slack_us",
	"link.clients",   "cover.window", "cover.warn_percent", "cover.pause_percent",
	"cover.retry_us", "stages",
};

static bool row_may_change(const char *name)
{
	for (unsigned i = 0; i < LM_COUNT(may_change); i++) {
		if (strcmp(may_change[i], name) == 0)
			return true;
	}
	return false;
}

static unsigned count_of(const void *config, const struct lm_conf_key *row)
{
	return *(const unsigned *)((const char *)config + row->count_offset);
}

static bool rows_equal(const void *now, const void *next, const struct lm_conf_key *row)
{
	const char *a = (const char *)now + row->offset, *b = (const char *)next + row->offset;

	switch (row->type) {
	case LM_CONF_BOOL:
		return *(const bool *)a == *(const bool *)b;
	case LM_CONF_UINT:
		return *(const uint64_t *)a == *(const uint64_t *)b;
	case LM_CONF_STRING:
		return strcmp(a, b) == 0;
	case LM_CONF_CHOICE:
		return *(const unsigned *)a == *(const unsigned *)b;
	case LM_CONF_UINTS:
		return count_of(now, row) == count_of(next, row) &&
		       memcmp(a, b, count_of(now, row) * sizeof(uint32_t)) == 0;
	case LM_CONF_STRINGS:
		return count_of(now, row) == count_of(next, row) &&
		       memcmp(a, b, count_of(now, row) * (row->width + 1)) == 0;
	case LM_CONF_LIST:
		return count_of(now, row) == count_of(next, row) &&
		       memcmp(a, b, count_of(now, row) * row->element->size) == 0;
	}
	return false;
}

const char *changes_in_config(const struct relay_config *now, const struct relay_config *next)
{
	for (unsigned i = 0; i < relay_config_table.keys; i++) {
		const struct lm_conf_key *row = &relay_config_table.key[i];

		if (!row_may_change(row->name) && !rows_equal(now, next, row))
			return row->name;
	}
	return NULL;
}

static bool same_mixing(const struct lm_mix_params *a, const struct lm_mix_params *b)
{
	_Static_assert(sizeof(*a) == 48, "every parameter is compared");
	return a->strategy == b->strategy && a->interval_us == b->interval_us &&
	       a->max_wait_us == b->max_wait_us && a->min_batch == b->min_batch &&
	       a->min_neighbours == b->min_neighbours && a->threshold == b->threshold &&
	       a->flush_ppm == b->flush_ppm && a->stay_ppm == b->stay_ppm &&
	       a->mean_delay_us == b->mean_delay_us;
}

static bool same_addresses(const struct lm_topology_node *a, const struct lm_topology_node *b)
{
	if (a->addresses != b->addresses || a->has_mac != b->has_mac ||
	    memcmp(a->mac, b->mac, sizeof(a->mac)) != 0)
		return false;
	for (unsigned i = 0; i < a->addresses; i++) {
		const struct lm_topology_address *left = &a->address[i], *right = &b->address[i];

		if (left->ipv6 != right->ipv6 || left->port != right->port ||
		    memcmp(left->ip, right->ip, sizeof(left->ip)) != 0)
			return false;
	}
	return true;
}

int changes_in_topology(const struct lm_topology *now, const struct lm_topology_node *now_node,
			const struct lm_topology *next, const struct lm_topology_node *next_node,
			const char *name, struct lm_error *err)
{
	const char *what = NULL;

	if (next->epoch < now->epoch)
		return lm_error_set(err, EINVAL,
				    "%s: epoch %" PRIu32
				    " is over; this relay is in epoch %" PRIu32,
				    name, next->epoch, now->epoch);
	if (next->profile != now->profile)
		what = "profile";
	else if (!same_mixing(&now->mix, &next->mix))
		what = "mixing";
	else if (now->cover.loop_interval_us != next->cover.loop_interval_us ||
		 now->cover.drop_interval_us != next->cover.drop_interval_us ||
		 now->cover.link_interval_us != next->cover.link_interval_us)
		what = "cover";
	else if (next_node->role != now_node->role)
		what = "this node's role";
	else if (next_node->layer != now_node->layer)
		what = "this node's layer";
	else if (!same_addresses(now_node, next_node))
		what = "this node's addresses";
	else if (memcmp(&now_node->link, &next_node->link, sizeof(now_node->link)) != 0)
		what = "this node's link key";
	if (!what)
		return 0;
	return lm_error_set(err, EINVAL, "%s: %s: " CHANGES_RESTART, name, what);
}
