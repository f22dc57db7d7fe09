/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See mixer_testing.h.
 */
#include "mixer_testing.h"

#include <stdlib.h>
#include <string.h>

#include "testing.h"

void *stage_memory(size_t n)
{
	void *memory = aligned_alloc(LM_CACHE_LINE, (n + 63) / 64 * 64);

	assert_non_null(memory);
	return memset(memory, 0, (n + 63) / 64 * 64);
}

void stage_prng(struct lm_prng *prng, uint8_t seed, uint8_t what)
{
	uint8_t key[32] = {seed, what};

	lm_prng_init(prng, key);
}

static struct rte_ring *make_ring(size_t element, unsigned places)
{
	struct rte_ring *ring =
		stage_memory((size_t)rte_ring_get_memsize_elem((unsigned)element, places));

	assert_int_equal(rte_ring_init(ring, "test", places, RING_F_SP_ENQ | RING_F_SC_DEQ), 0);
	return ring;
}

static void make_nodes(struct stage *stage)
{
	stage->node[GATEWAYS] = (struct lm_topology_node){.id = 5000,
							  .layer = 1,
							  .addresses = 1,
							  .address = {{.ip = {10, 0, 0, 1}}}};
	for (unsigned i = 0; i < GATEWAYS; i++)
		stage->node[i] =
			(struct lm_topology_node){.id = 1 + i,
						  .role = LM_TOPOLOGY_GATEWAY,
						  .addresses = 1,
						  .address = {{.ip = {10, 0, 1, (uint8_t)i}}}};
	stage->topology.layers = 1;
	stage->topology.nodes = GATEWAYS + 1;
	stage->topology.node = stage->node;
	stage->topology.layer_node[0] = stage->gateways;
}

const struct view *stage_view(struct stage *stage, unsigned mask)
{
	static const uint8_t mac[6] = {2};
	const struct view *old = stage->shared.view;
	struct frame_self self;
	unsigned n = 0;

	for (unsigned i = 0; i < GATEWAYS; i++) {
		if (mask >> i & 1)
			stage->gateways[n++] = i;
	}
	stage->topology.layer_nodes[0] = n;
	view_self_init(&self, &stage->node[GATEWAYS], mac, 0);
	stage->shared.view = view_make(&stage->topology, &stage->node[GATEWAYS], &self, NULL,
				       &stage->links, view_resolve_static, NULL);
	assert_non_null(stage->shared.view);
	assert_int_equal(stage->shared.view->peers, n);
	return old;
}

static void make_pacer(struct stage *stage, const struct stage_params *params, uint8_t seed)
{
	struct lm_pacer_params pacer = {params->interval_us, LINKS_MAX, params->waiting,
					params->link};
	uint8_t key[32] = {seed, 1};

	stage->mixer.pacer = lm_pacer_init(stage_memory(lm_pacer_size(&pacer)), &pacer, key);
}

struct stage *stage_make(const struct stage_params *params, uint8_t seed)
{
	const struct lm_mix_params mix = {.strategy = LM_MIX_POISSON,
					  .mean_delay_us = params->mean_us};
	struct stage *stage = stage_memory(sizeof(*stage));
	struct mixer *mixer = &stage->mixer;
	uint8_t key[32] = {seed, 2};

	make_nodes(stage);
	assert_null(stage_view(stage, (1 << GATEWAYS) - 1));
	assert_int_equal(stage->shared.view->links, GATEWAYS);
	for (unsigned i = 0; i < WORKERS; i++) {
		stage->worker[i].to_mixer = make_ring(sizeof(struct lm_mix_item), params->ring);
		stage->worker[i].from_mixer = make_ring(sizeof(struct lm_mix_item), params->ring);
		stage->workers[i] = &stage->worker[i];
	}
	for (unsigned kind = 0; kind < COVER_KINDS; kind++)
		stage->cover.schedule[kind].next_us = UINT64_MAX;
	*mixer = (struct mixer){.shared = &stage->shared,
				.worker = stage->workers,
				.workers = WORKERS,
				.senders = WORKERS,
				.to_sink = make_ring(sizeof(void *), params->ring),
				.cover = &stage->cover};
	mixer->mix =
		lm_mix_init(stage_memory(lm_mix_size(params->held)), params->held, &mix, key, 0);
	stage_prng(&mixer->prng, seed, 3);
	if (params->interval_us > 0)
		make_pacer(stage, params, seed);
	return stage;
}

void stage_free(struct stage *stage)
{
	for (unsigned i = 0; i < WORKERS; i++) {
		free(stage->worker[i].to_mixer);
		free(stage->worker[i].from_mixer);
	}
	free(stage->mixer.to_sink);
	free(stage->mixer.mix);
	free(stage->mixer.pacer);
	free((void *)(uintptr_t)stage->shared.view);
	free(stage);
}
