/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See gen_testing.h.
 */
#include "gen_testing.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "network.h"

struct lm_error world_err;

static void write_network(struct world *world, unsigned profile, uint64_t replay_capacity,
			  const struct lm_mix_params *mix)
{
	struct network network = {
		.layers = LAYERS,
		.per_layer = world->per_layer,
		.profile = profile,
		.epoch = 7,
		.epochs_ahead = world->ahead,
		.from_s = 1795608000, /* 2026-11-25T12:00:00Z */
		.epoch_seconds = 1200,
		.authorities = 2,
		.threshold = 1,
		.capacity = 1000,
		.port = 7000,
		.mix = *mix,
	};
	char path[64], authorities[1024] = "";
	FILE *config, *from;

	strcpy(world->folder, "/tmp/linemix-gen-XXXXXX");
	assert_non_null(mkdtemp(world->folder));
	assert_true(network_parse_prefix(&network, "10.1.0.0/24"));
	assert_int_equal(network_write(&network, world->folder, &world_err), 0);
	snprintf(path, sizeof(path), "%s/authorities.yaml", world->folder);
	from = fopen(path, "r");
	assert_non_null(from);
	assert_true(fread(authorities, 1, sizeof(authorities) - 1, from) > 2 * 64);
	fclose(from);
	snprintf(path, sizeof(path), "%s/gen.yaml", world->folder);
	config = fopen(path, "w");
	assert_non_null(config);
	fprintf(config,
		"node: %u\ntopology: topology.json\nkeys: keys-%u.json\nport:\n  device: "
		"net_null\ncpus:\n  workers: [0]\n"
		"file_prefix: test\n%s",
		GATEWAY, GATEWAY, authorities);
	assert_int_equal(fclose(config), 0);
	if (gen_setup_load(&world->setup, path, replay_capacity, &world_err) != 0)
		fail_msg("%s", world_err.text);
}

static void load_mixes(struct world *world)
{
	for (unsigned layer = 1; layer <= LAYERS; layer++) {
		for (unsigned i = 1; i <= world->per_layer; i++) {
			uint32_t id = layer * 10 + i;
			char path[64];

			struct lm_epoch_place place = {.runtime = LM_EPOCH_THROWAWAY,
						       .keys = path,
						       .node = id,
						       .capacity = 1};

			snprintf(path, sizeof(path), "%s/keys-%u.json", world->folder, id);
			assert_int_equal(mix_keys_load(&world->mix[layer - 1][i - 1], &place,
						       lm_topology_find(world->setup.topology, id),
						       world->setup.epoch + (world->ahead > 0),
						       &world_err),
					 0);
		}
	}
}

static struct world *make_mixing_world(unsigned profile, uint32_t cmds, uint64_t replay_capacity,
				       const struct lm_mix_params *mix, unsigned per_layer,
				       unsigned ahead)
{
	struct world *world = calloc(1, sizeof(*world));
	void *memory = lm_secret_alloc(lm_packet_peeler_size());

	assert_non_null(world);
	assert_non_null(memory);
	assert_in_range(per_layer, 1, PER_LAYER_MAX);
	world->per_layer = per_layer;
	world->ahead = ahead;
	write_network(world, profile, replay_capacity, mix);
	load_mixes(world);
	world->packet_len = lm_packet_len(profile);
	for (unsigned i = 0; i < LM_BURST; i++)
		world->packet[i] = guarded_alloc(world->packet_len, GUARD_AFTER);
	world->peeler = lm_packet_peeler_init(memory, profile, "auto", &world_err);
	assert_non_null(world->peeler);
	world->receiver = gen_receiver_make(&world->setup, &world->tally, &world_err);
	assert_non_null(world->receiver);
	world->builder = lm_secret_alloc(sizeof(*world->builder));
	assert_non_null(world->builder);
	world->builder->setup = &world->setup;
	world->builder->last = world->setup.self;
	world->builder->run = (struct gen_run){.count = COUNT,
					       .rate_pps = 1000,
					       .cmds = cmds,
					       .start_ns = START_NS};
	lm_rand(&world->builder->run.nonce, sizeof(world->builder->run.nonce));
	assert_int_equal(gen_builder_init(world->builder, "auto", &world_err), 0);
	return world;
}

static const struct lm_mix_params batch = {.strategy = LM_MIX_BATCH,
					   .interval_us = 100000,
					   .min_batch = 1,
					   .min_neighbours = 1,
					   .max_wait_us = 1000000};

struct world *make_world_for(unsigned profile, uint32_t cmds, uint64_t replay_capacity)
{
	return make_mixing_world(profile, cmds, replay_capacity, &batch, PER_LAYER, 0);
}

struct world *make_world_ahead(uint32_t cmds, unsigned ahead)
{
	return make_mixing_world(0, cmds, 1000, &batch, PER_LAYER, ahead);
}

struct world *make_wide_world(uint32_t cmds, uint32_t mean_delay_us, unsigned per_layer)
{
	const struct lm_mix_params poisson = {.strategy = LM_MIX_POISSON,
					      .mean_delay_us = mean_delay_us};

	return make_mixing_world(0, cmds, 1000, &poisson, per_layer, 0);
}

struct world *make_poisson_world(uint32_t cmds, uint32_t mean_delay_us)
{
	return make_wide_world(cmds, mean_delay_us, PER_LAYER);
}

struct world *make_world(unsigned profile, uint32_t cmds)
{
	return make_world_for(profile, cmds, 1000);
}

static void remove_folder(const struct world *world)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -r %s", world->folder);
	assert_int_equal(system(command), 0);
}

void free_world(struct world *world)
{
	gen_builder_free(world->builder);
	lm_secret_free(world->builder);
	gen_receiver_free(world->receiver);
	tally_free(&world->tally);
	lm_secret_free(world->peeler);
	for (unsigned i = 0; i < LM_BURST; i++)
		guarded_free(world->packet[i], world->packet_len, GUARD_AFTER);
	for (unsigned layer = 0; layer < LAYERS; layer++) {
		for (unsigned i = 0; i < world->per_layer; i++)
			mix_keys_free(&world->mix[layer][i]);
	}
	gen_setup_free(&world->setup);
	remove_folder(world);
	free(world);
}

void cross(struct world *world, uint8_t *packet, uint32_t first)
{
	uint32_t id = first;

	for (unsigned layer = 1; id != GATEWAY; layer++) {
		struct lm_packet_peel item = {.packet = packet, .len = world->packet_len};
		struct lm_packet_peel *done;
		uint64_t authentic;

		assert_in_range(id, layer * 10 + 1, layer * 10 + world->per_layer);
		assert_int_equal(
			lm_packet_peel_submit(world->peeler,
					      &world->mix[layer - 1][id - layer * 10 - 1].ring,
					      &item, 1),
			0);
		assert_int_equal(lm_packet_peel_collect(world->peeler, &done, &authentic), 1);
		assert_int_equal(item.drop, LM_DROP_NONE);
		assert_int_equal(item.cmd, LM_PACKET_FWD);
		id = item.next_id;
		world->peeled[layer - 1]++;
		world->delays_us[layer - 1] += item.delay_us;
		if (item.delay_us > world->longest_us[layer - 1])
			world->longest_us[layer - 1] = item.delay_us;
	}
}

void build_and_cross(struct world *world, uint32_t seq, unsigned n)
{
	const struct lm_topology_node *first[LM_BURST];

	assert_int_equal(gen_build_burst(world->builder, world->packet, first, seq, n, &world_err),
			 0);
	for (unsigned i = 0; i < n; i++)
		cross(world, world->packet[i], first[i]->id);
}

void receive(struct world *world, uint8_t *const packet[], unsigned n)
{
	struct gen_arrival arrival[LM_BURST];

	for (unsigned i = 0; i < n; i++)
		arrival[i] = (struct gen_arrival){.packet = packet[i],
						  .len = world->packet_len,
						  .when_ns = START_NS + 1000000 * (uint64_t)i};
	assert_int_equal(gen_receive_burst(world->receiver, arrival, n, &world_err), 0);
}
