/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A mixer on rings and no port, on a virtual clock, for tests of padding: gateways as neighbours,
 * workers that are nothing but their rings. One thread; one stage at a time.
 */
#pragma once

#include "mixer.h"

#define GATEWAYS 8 /* links 1 .. GATEWAYS, in this order, in the view of the start */
#define WORKERS  3

struct stage_params {
	uint32_t interval_us;   /* of a link's slots; 0: no padding */
	uint32_t mean_us;       /* in the mix, which is a poisson one */
	uint32_t held;          /* packets that the mix holds */
	uint32_t waiting, link; /* that wait for slots: in all, and of one link */
	uint32_t ring;          /* places of each ring, a power of two */
};

struct stage {
	struct lm_topology topology;
	struct lm_topology_node node[GATEWAYS + 1];
	uint32_t gateways[GATEWAYS];
	struct links links;
	struct shared shared;
	struct cover cover;
	struct worker worker[WORKERS];
	struct worker *workers[WORKERS];
	struct mixer mixer;
};

/* All randomness comes from the seed. It fails the test rather than to return NULL. */
struct stage *stage_make(const struct stage_params *params, uint8_t seed);
void stage_free(struct stage *stage);

/* A view of the gateways in this mask takes the place of the one before, which the caller frees
 * when the mixer has taken a step. A link that was there before has its number again. */
const struct view *stage_view(struct stage *stage, unsigned mask);

/* Zeroed memory on a cache line. */
void *stage_memory(size_t n);

/* Starts a generator from two bytes. */
void stage_prng(struct lm_prng *prng, uint8_t seed, uint8_t what);
