/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See run_json.h.
 */
#include "run_json.h"

static json_t *mixing_json(const struct lm_mix_params *mix)
{
	switch (mix->strategy) {
	case LM_MIX_BATCH:
		return json_pack("{sIsisisI}", "interval_us", (json_int_t)mix->interval_us,
				 "min_batch", (int)mix->min_batch, "min_neighbours",
				 (int)mix->min_neighbours, "max_wait_us",
				 (json_int_t)mix->max_wait_us);
	case LM_MIX_POOL:
		return json_pack("{sIsIsisi}", "interval_us", (json_int_t)mix->interval_us,
				 "threshold", (json_int_t)mix->threshold, "flush_ppm",
				 (int)mix->flush_ppm, "stay_ppm", (int)mix->stay_ppm);
	default:
		return json_pack("{sI}", "mean_delay_us", (json_int_t)mix->mean_delay_us);
	}
}

static json_t *nodes_json(const struct lm_topology *topology)
{
	json_t *nodes = json_array();

	for (uint32_t i = 0; i < topology->nodes; i++)
		json_array_append_new(nodes,
				      json_pack("{sIsi}", "id", (json_int_t)topology->node[i].id,
						"layer", (int)topology->node[i].layer));
	return nodes;
}

json_t *run_json_make(const struct lm_topology *topology)
{
	const struct lm_topology_cover *cover = &topology->cover;

	return json_pack("{sssosssfsos{sIsIsI}}", "format", "linemix-sim-run-1", "nodes",
			 nodes_json(topology), "strategy",
			 lm_mix_strategy_name(topology->mix.strategy), "mean_delay_s",
			 topology->mix.mean_delay_us / 1e6, "mixing", mixing_json(&topology->mix),
			 "cover", "loop_interval_us", (json_int_t)cover->loop_interval_us,
			 "drop_interval_us", (json_int_t)cover->drop_interval_us,
			 "link_interval_us", (json_int_t)cover->link_interval_us);
}
