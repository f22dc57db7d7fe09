/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A whole network in memory for the tests of app/gen, made as `linemix-gen network` makes it.
 */
#pragma once

#include "receive.h"
#include "testing.h"

#define COUNT         96 /* packets of a run, at 1000 a second from START_NS */
#define START_NS      5000
#define LAYERS        3
#define PER_LAYER     2 /* mixes in each, unless said otherwise */
#define PER_LAYER_MAX 4
#define GATEWAY       1

/* A generator, and the mixes that its packets cross. */
struct world {
	char folder[32];
	struct gen_setup setup;
	struct gen_builder *builder;
	struct tally tally;
	struct gen_receiver *receiver;
	size_t packet_len;
	uint8_t *packet[LM_BURST];
	struct lm_packet_peeler *peeler;
	unsigned per_layer, ahead;
	struct mix_keys mix[LAYERS][PER_LAYER_MAX];
	uint32_t peeled[LAYERS];     /* packets that have crossed a layer, */
	uint64_t delays_us[LAYERS];  /* and the delays in them, together */
	uint32_t longest_us[LAYERS]; /* and the longest one */
};

extern struct lm_error world_err;

/* A world for packets of these kinds; the generator's replay sets take replay_capacity tags. */
struct world *make_world(unsigned profile, uint32_t cmds);
struct world *make_world_for(unsigned profile, uint32_t cmds, uint64_t replay_capacity);
/* The same with poisson mixing, delays of this mean. */
struct world *make_poisson_world(uint32_t cmds, uint32_t mean_delay_us);
/* One with the documents of so many epochs more; its mixes are one epoch ahead. */
struct world *make_world_ahead(uint32_t cmds, unsigned ahead);
/* A poisson world with so many mixes in each layer. */
struct world *make_wide_world(uint32_t cmds, uint32_t mean_delay_us, unsigned per_layer);
void free_world(struct world *world);

/* Peels a packet at the mixes, from `first` until a gateway is next. */
void cross(struct world *world, uint8_t *packet, uint32_t first);

/* Builds n packets from seq into world->packet, and takes them through the mixes. */
void build_and_cross(struct world *world, uint32_t seq, unsigned n);

/* Gives n packets to the receiver, packet[i] at START_NS + i ms. */
void receive(struct world *world, uint8_t *const packet[], unsigned n);
