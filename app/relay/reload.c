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

static int read_config(struct reload *next, const struct relay *relay, struct lm_error *err)
{
	int rc = relay_config_load(&next->config, relay->config_path, err);
	const char *key = rc == 0 ? changes_in_config(relay->config, &next->config) : NULL;

	if (key)
		return lm_error_set(err, EINVAL, "%s: %s: " CHANGES_RESTART, relay->config_path,
				    key);
	return rc;
}

static int read_topology(struct reload *next, const struct relay *relay, struct lm_error *err)
{
	const struct node_config *config = &next->config.node;
	int rc = lm_topology_load(&next->topology, config->topology, &config->authorities, err);

	if (rc != 0)
		return rc;
	next->epoch = next->topology->epoch;
	(void)lm_topology_inherit(next->topology, relay->topology);
	next->node = lm_topology_find(next->topology, (uint32_t)config->node);
	if (!next->node)
		return lm_error_set(err, ENOENT, "%s: has no node %" PRIu32 ", which is this one",
				    config->topology, (uint32_t)config->node);
	return changes_in_topology(relay->topology, relay->node, next->topology, next->node,
				   config->topology, err);
}

int reload_prepare(struct reload **out, const struct relay *relay, struct lm_error *err)
{
	struct reload *next = calloc(1, sizeof(*next));
	struct lm_epoch_place place;
	int rc;

	*out = NULL;
	if (!next)
		return lm_error_set(err, ENOMEM, "too little memory");
	rc = read_config(next, relay, err);
	if (rc == 0)
		rc = read_topology(next, relay, err);
	if (rc == 0)
		rc = relay_check_services(&next->config, next->node, err);
	if (rc == 0)
		next->services = relay_make_services(&next->config);
	if (rc == 0 && !next->services)
		rc = lm_error_set(err, ENOMEM, "too little memory");
	if (rc == 0) {
		place = mix_keys_place(&next->config.node);
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
	struct lm_topology *old = relay->topology;

	*relay->config = next->config;
	relay->topology = next->topology;
	relay->node = next->node;
	relay->epoch = next->epoch;
	relay->keys = next->keys;
	lm_topology_free(old);
	free(next);
}

void reload_tell(const struct relay *relay)
{
	mix_keys_warn(stderr, &relay->keys);
	fprintf(stderr, "linemix-relay: SIGHUP: epoch %" PRIu32 ", %u nodes, %u services\n",
		relay->epoch, relay->topology->nodes, relay->config->services);
}

void reload_abandon(struct reload *next)
{
	if (!next)
		return;
	lm_topology_free(next->topology);
	free(next->services);
	free(next);
}
