/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See setup.h.
 */
#include "setup.h"

#include <errno.h>
#include <string.h>

static const struct lm_conf_key rows[] = {NODE_CONFIG_ROWS(struct gen_config, node)};

static const struct lm_conf_table table = {
	.key = rows,
	.keys = LM_COUNT(rows),
	.size = sizeof(struct gen_config),
};

void gen_setup_describe(FILE *to)
{
	lm_conf_describe(to, &table);
}

static int find_self(struct gen_setup *setup, struct lm_error *err)
{
	const struct node_config *config = &setup->config.node;

	setup->epoch = setup->topology->epoch;
	setup->self = lm_topology_find(setup->topology, (uint32_t)config->node);
	if (!setup->self)
		return lm_error_set(err, ENOENT, "node: there is no node %u in %s",
				    (unsigned)config->node, config->topology);
	if (setup->self->role != LM_TOPOLOGY_GATEWAY)
		return lm_error_set(err, EINVAL,
				    "node: node %u is a mix in %s; the generator must be a gateway",
				    setup->self->id, config->topology);
	return 0;
}

static int load_keys(struct gen_setup *setup, uint64_t replay_capacity, struct lm_error *err)
{
	struct lm_epoch_place place = mix_keys_place(&setup->config.node);
	int rc;

	place.runtime = LM_EPOCH_THROWAWAY;
	place.capacity = replay_capacity;
	rc = mix_keys_load(&setup->mix_keys, &place, setup->self, setup->epoch, err);
	if (rc != 0)
		return rc;
	if (setup->mix_keys.lost > 0)
		return lm_error_set(err, ENOKEY, "%s: has no key of epoch %u", place.keys,
				    (unsigned)setup->mix_keys.lost_epoch[0]);
	return 0;
}

/* The keys of messages, which stay the same for as long as the generator runs. */
static int derive_keys(struct gen_setup *setup, struct lm_error *err)
{
	setup->keys = lm_secret_alloc(sizeof(*setup->keys));
	if (!setup->keys)
		return lm_error_set(err, ENOMEM,
				    "the kernel locks no memory for keys; raise the limit of "
				    "locked memory (ulimit -l)");
	gen_keys_derive(setup->keys, &setup->mix_keys.ring.key[0]->secret);
	return 0;
}

int gen_setup_load(struct gen_setup *setup, const char *path, uint64_t replay_capacity,
		   struct lm_error *err)
{
	struct node_config *config = &setup->config.node;
	int rc;

	memset(setup, 0, sizeof(*setup));
	setup->links = calloc(1, sizeof(*setup->links));
	if (!setup->links)
		return lm_error_set(err, ENOMEM, "no memory for the numbers of neighbours");
	rc = lm_conf_load(&setup->config, &table, path, err);
	if (rc == 0)
		rc = node_config_finish(config, path, err);
	if (rc == 0)
		rc = lm_x25519_select(config->x25519, err);
	if (rc == 0)
		rc = lm_topology_load(&setup->topology, config->topology, &config->authorities,
				      err);
	if (rc == 0)
		rc = find_self(setup, err);
	if (rc == 0)
		rc = load_keys(setup, replay_capacity, err);
	if (rc == 0)
		rc = derive_keys(setup, err);
	if (rc != 0)
		gen_setup_free(setup);
	return rc;
}

int gen_setup_renew(struct gen_setup *setup, uint64_t replay_capacity, struct lm_error *err)
{
	mix_keys_free(&setup->mix_keys);
	return load_keys(setup, replay_capacity, err);
}

void gen_setup_free(struct gen_setup *setup)
{
	lm_secret_free(setup->keys);
	free(setup->links);
	mix_keys_free(&setup->mix_keys);
	lm_topology_free(setup->topology);
	memset(setup, 0, sizeof(*setup));
}

struct view *gen_setup_static_view(struct gen_setup *setup, struct lm_error *err)
{
	struct frame_self self;
	struct view *view;
	uint8_t mac[6];

	(void)view_resolve_static(NULL, mac, setup->self);
	view_self_init(&self, setup->self, mac, (uint16_t)setup->config.node.port.vlan);
	view = view_make(setup->topology, setup->self, &self, &setup->mix_keys.ring, setup->links,
			 view_resolve_static, NULL);
	if (!view) {
		(void)lm_error_set(err, ENOMEM, "no memory for the headers of the first layer");
		return NULL;
	}
	if (view->unresolved > 0) {
		(void)lm_error_set(err, EADDRNOTAVAIL,
				   "%s: %u mixes of layer 1 have neither IPv4 nor IPv6 in common "
				   "with node %u",
				   setup->config.node.topology, view->unresolved, setup->self->id);
		free(view);
		return NULL;
	}
	return view;
}
