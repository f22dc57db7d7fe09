/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a packet of cover is: drawn and built as senders draw and build, so that no relay but the
 * one that made it can tell. Seeds and tokens come from lm_rand; `build` is wiped after its use.
 */
#include "lm_cover.h"

_Static_assert(LM_TOPOLOGY_LAYERS + 1 <= LM_PACKET_HOPS, "a loop fits into a header");

static uint64_t add_saturating(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

/* Draws kids and delays for the path, and sets all of way and build that follows from it. */
static void plan(const struct lm_cover_maker *maker, struct lm_cover_way *way,
		 struct lm_packet_build *build, const struct lm_topology_node *const *path,
		 unsigned hops)
{
	uint32_t delay_us[LM_PACKET_HOPS + 1]; /* this relay's first */
	uint8_t kid[LM_PACKET_HOPS];

	lm_topology_draw_kids(maker->topology, maker->prng, maker->epoch, maker->phase, path, kid,
			      hops);
	lm_topology_draw_delays(maker->topology, maker->prng, delay_us, hops + 1);
	*build = (struct lm_packet_build){.hops = hops, .cmd = LM_PACKET_DROP};
	lm_rand(&build->seed, sizeof(build->seed));
	lm_rand(&build->token, sizeof(build->token));
	*way = (struct lm_cover_way){.first = path[0], .delay_us = delay_us[0]};
	for (unsigned i = 0; i < hops; i++) {
		const struct lm_point *pk = lm_topology_key(path[i], kid[i]);
		uint64_t stay_us = lm_mix_stay_us(&maker->topology->mix, delay_us[i]);

		LM_ASSERT(pk);
		build->path[i] = (struct lm_packet_hop){
			.id = path[i]->id,
			.kid = kid[i],
			.delay_us = delay_us[i + 1],
			.pk = *pk,
		};
		/* the stay before hop i, and the way there; the last hop holds nothing back */
		way->wait_us = add_saturating(way->wait_us, stay_us);
		way->wait_us = add_saturating(way->wait_us, maker->slack_us);
	}
}

bool lm_cover_plan_loop(const struct lm_cover_maker *maker, struct lm_cover_way *way,
			struct lm_packet_build *build)
{
	const struct lm_topology_node *path[LM_TOPOLOGY_LAYERS + 1];
	unsigned hops;

	if (!lm_topology_draw_loop(maker->topology, maker->prng, maker->self, path, &hops))
		return false;
	plan(maker, way, build, path, hops);
	return true;
}

bool lm_cover_plan_drop(const struct lm_cover_maker *maker, struct lm_cover_way *way,
			struct lm_packet_build *build)
{
	const struct lm_topology_node *path[LM_TOPOLOGY_LAYERS + 1];
	unsigned hops;

	if (!lm_topology_draw_drop(maker->topology, maker->prng, maker->self, path, &hops))
		return false;
	plan(maker, way, build, path, hops);
	return true;
}

uint64_t lm_cover_build(struct lm_packet_builder *builder, struct lm_packet_build *build,
			unsigned n)
{
	uint64_t built;

	for (unsigned i = 0; i < n; i++)
		lm_packet_body_drop(builder, build[i].packet + LM_PACKET_HEADER);
	built = lm_packet_build(builder, build, n);
	lm_wipe(build, n * sizeof(*build));
	return built;
}

uint64_t lm_cover_path_us(const struct lm_topology *topology, uint64_t slack_us)
{
	const struct lm_mix_params *mix = &topology->mix;
	uint64_t hop_us = add_saturating(lm_mix_stay_us(mix, lm_mix_delay_max_us(mix)), slack_us);
	uint64_t path_us = 0;

	for (unsigned i = 0; i <= topology->layers; i++)
		path_us = add_saturating(path_us, hop_us);
	return path_us;
}
