/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See reload.h. Keys that were taken for a reload that then fails stay in the runtime folder, with
 * sets that are empty: the next one finds them there.
 */
#include "reload.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "changes.h"

int reload_read_config(struct relay_config *config, const struct relay *relay, struct lm_error *err)
{
	int rc = relay_config_load(config, relay->config_path, err);
	const char *key = rc == 0 ? changes_in_config(relay->config, config) : NULL;

	if (key)
		return lm_error_set(err, EINVAL, "%s: %s: " CHANGES_RESTART, relay->config_path,
				    key);
	return rc;
}

static int find_node(struct reload *next, const struct relay *relay, struct lm_error *err)
{
	const struct node_config *config = &next->config.node;

	next->node = lm_topology_find(next->topology, (uint32_t)config->node);
	if (!next->node)
		return lm_error_set(err, ENOENT,
				    "%s: epoch %" PRIu32 ": has no node %" PRIu32
				    ", which is this one; it goes on by the topology of epoch "
				    "%" PRIu32,
				    config->topology, next->topology->epoch, (uint32_t)config->node,
				    relay->topology->epoch);
	return changes_in_topology(relay->topology, relay->node, next->topology, next->node,
				   config->topology, err);
}

static int make_services(struct reload *next, struct lm_error *err)
{
	int rc = relay_check_services(&next->config, next->node, err);

	if (rc != 0)
		return rc;
	next->services = relay_make_services(&next->config);
	return next->services ? 0 : lm_error_set(err, ENOMEM, "too little memory");
}

int reload_prepare(struct reload **out, const struct relay *relay, struct documents_target target,
		   const struct relay_config *config, struct lm_error *err)
{
	struct reload *next = calloc(1, sizeof(*next));
	struct lm_epoch_place place;
	int rc;

	*out = NULL;
	if (!next)
		return lm_error_set(err, ENOMEM, "too little memory");
	next->config = config ? *config : *relay->config;
	next->topology = target.topology;
	next->epoch = target.epoch;
	rc = find_node(next, relay, err);
	if (rc == 0 && config)
		rc = make_services(next, err);
	if (rc == 0) {
		place = mix_keys_place(&next->config.node, next->topology);
		rc = mix_keys_renew(&next->keys, &relay->keys, &place, next->node, next->epoch,
				    err);
	}
	if (rc == 0)
		*out = next;
	else
		reload_abandon(next);
	return rc;
}

void reload_finish(struct relay *relay, struct reload *next)
{
	*relay->config = next->config;
	relay->topology = next->topology;
	relay->node = next->node;
	__atomic_store_n(&relay->epoch, next->epoch, __ATOMIC_RELAXED); /* for telemetry */
	relay->keys = next->keys;
	documents_go(&relay->documents, relay->topology);
	free(next);
}

void reload_abandon(struct reload *next)
{
	if (!next)
		return;
	free(next->services);
	free(next);
}
