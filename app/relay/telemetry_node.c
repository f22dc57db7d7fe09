/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See telemetry_node.h.
 */
#include "telemetry_node.h"

#include <stdio.h>

#include "telemetry_links.h"

static const struct view *view_of(const struct relay *relay)
{
	return __atomic_load_n(&relay->shared.view, __ATOMIC_ACQUIRE);
}

/* The epoch may be the one beside the document's, and is then as long. */
static void add_epoch(const struct lm_topology *topology, uint32_t epoch, struct rte_tel_data *data)
{
	uint64_t span_s = topology->until_s - topology->from_s;
	int64_t away = (int64_t)epoch - topology->epoch;
	uint64_t from_s = topology->from_s + (uint64_t)away * span_s;

	rte_tel_data_add_dict_u64(data, "epoch", epoch);
	rte_tel_data_add_dict_u64(data, "epoch_from_s", from_s);
	rte_tel_data_add_dict_u64(data, "epoch_until_s", from_s + span_s);
}

static void add_layers(const struct view *view, struct rte_tel_data *data)
{
	const struct lm_topology *topology = view->topology;
	uint64_t links[LM_TOPOLOGY_LAYERS + 1] = {0}, up[LM_TOPOLOGY_LAYERS + 1] = {0};
	char name[32];

	for (uint32_t i = 0; i < view->places; i++) {
		const struct view_peer *peer = &view->peer[i];
		const struct lm_topology_node *node =
			peer->id ? lm_topology_find(topology, peer->id) : NULL;

		if (!node)
			continue;
		links[node->layer]++;
		up[node->layer] += telemetry_reached(peer);
	}
	for (unsigned layer = 0; layer <= topology->layers; layer++) {
		snprintf(name, sizeof(name), "layer_%u_nodes", layer);
		rte_tel_data_add_dict_u64(data, name, topology->layer_nodes[layer]);
		snprintf(name, sizeof(name), "layer_%u_links", layer);
		rte_tel_data_add_dict_u64(data, name, links[layer]);
		snprintf(name, sizeof(name), "layer_%u_up", layer);
		rte_tel_data_add_dict_u64(data, name, up[layer]);
	}
}

void telemetry_add_node(const struct relay *relay, struct rte_tel_data *data)
{
	const struct view *view = view_of(relay);
	uint32_t epoch = __atomic_load_n(&relay->epoch, __ATOMIC_RELAXED);

	rte_tel_data_add_dict_string(data, "version", relay->version ? relay->version : "");
	rte_tel_data_add_dict_u64(data, "held_room", relay->held + relay->paced);
	if (!view)
		return;
	rte_tel_data_add_dict_u64(data, "node", view->node->id);
	rte_tel_data_add_dict_string(data, "role",
				     view->node->role == LM_TOPOLOGY_GATEWAY ? "gateway" : "mix");
	rte_tel_data_add_dict_u64(data, "layer", view->node->layer);
	rte_tel_data_add_dict_u64(data, "layers", view->topology->layers);
	rte_tel_data_add_dict_string(data, "strategy",
				     lm_mix_strategy_name(view->topology->mix.strategy));
	add_epoch(view->topology, epoch, data);
	add_layers(view, data);
}

static const char *age(uint32_t epoch, uint32_t now)
{
	return epoch == now       ? "current"
	       : epoch == now - 1 ? "previous"
	       : epoch == now + 1 ? "next"
				  : NULL;
}

void telemetry_add_replay(const struct relay *relay, struct rte_tel_data *data)
{
	const struct view *view = view_of(relay);
	uint32_t now = __atomic_load_n(&relay->epoch, __ATOMIC_RELAXED);
	char name[32];

	for (unsigned i = 0; view && i < view->keyring.n; i++) {
		/* lib/epoch's object begins with what lib/packet sees */
		const struct lm_epoch_key *key = (const struct lm_epoch_key *)view->keyring.key[i];
		const char *which = age(key->epoch, now);

		if (!which)
			continue;
		snprintf(name, sizeof(name), "%s_tags", which);
		rte_tel_data_add_dict_u64(data, name, lm_replay_count(key->replay));
		snprintf(name, sizeof(name), "%s_room", which);
		rte_tel_data_add_dict_u64(data, name, lm_replay_capacity(key->replay));
	}
}
