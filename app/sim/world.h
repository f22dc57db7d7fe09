/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the parts of a simulation share, and how they call each other. Private to app/sim.
 */
#pragma once

#include "lm_cover.h"
#include "routes.h"
#include "sim.h"
#include "weakness.h"

enum own_cover { OWN_LOOP, OWN_DROP, OWN_COVERS };

/* A gateway or a mix. */
struct node {
	struct lm_mix *mix;
	struct lm_pacer *pacer; /* NULL: no padding */
	struct lm_cover_schedule schedule[OWN_COVERS];
	struct lm_prng prng;
	uint16_t number;
	uint16_t rank; /* in its layer */
	bool has_drop;
	uint64_t counted_us; /* up to where the occupancy has been summed */
	double held_sum, held_square;
	uint64_t came, left; /* after the settling */
	void *mix_memory, *pacer_memory;
	struct weakness weakness;
};

/* A Poisson process of all clients together, which is that of each, drawn uniformly each time. */
struct process {
	double mean_us; /* 0: never */
	double next_us;
};

enum { PROCESS_MESSAGE, PROCESS_SEND, PROCESS_LOOP, PROCESS_DROP, PROCESSES };

struct clients {
	struct process process[PROCESSES];
	struct lm_prng prng;
	uint16_t *gateway;      /* by client */
	uint32_t *contact;      /* `contacts` for each client; NULL: anybody */
	uint32_t *first, *last; /* by client: messages that wait to be sent; NULL: none ever */
};

/* Packets that have left the mix of the node that runs, and when: they are being fetched. */
struct leavers {
	unsigned n;
	uint32_t place[LM_BURST];
	uint64_t at_us[LM_BURST];
};

struct sim {
	struct sim_params params;
	const struct lm_topology *topology;
	uint64_t start_us, end_us, settled_us;
	struct packets packets;
	struct in_flight in_flight;
	struct clients clients;
	unsigned nodes;
	struct node *node;
	uint64_t *next_us; /* by node, dense: looked at in every window */
	struct leavers leavers;
	struct recorder *recorder;
	struct results results;
	int rc; /* the first error; the run ends with the window */
};

/* ---- node.c ---- */

LM_MUST_CHECK int node_init(struct sim *sim, struct node *node, struct lm_prng *seeds);
void node_free(struct node *node);

/* Handles all that happens at the node before until_us: n arrivals, by time, and its own. */
void node_run(struct sim *sim, struct node *node, const struct arrival *arrival, uint32_t n,
	      uint64_t until_us);
uint64_t node_next_us(const struct node *node);

/* Sums the occupancy up to now_us. */
void node_count(struct node *node, uint64_t now_us);

/* ---- clients.c ---- */

LM_MUST_CHECK int clients_init(struct sim *sim, struct lm_prng *seeds);
void clients_free(struct clients *clients);

/* Sends all that is due before until_us. */
void clients_run(struct sim *sim, uint64_t until_us);
uint64_t clients_next_us(const struct clients *clients);

/* ---- links.c ---- */

/* Sends a packet from a place to a node; `delay_us` is for that node's mix, or ARRIVAL_ENDS. */
void link_send(struct sim *sim, struct lm_prng *prng, uint32_t place, uint32_t from, uint16_t to,
	       uint32_t delay_us, uint64_t now_us);

/* A dummy, which the node at the other end throws away. */
void link_dummy(struct sim *sim, struct lm_prng *prng, uint32_t from, uint16_t to, uint64_t now_us);

/* From a gateway to the recipient, where the packet ends. */
void link_deliver(struct sim *sim, struct lm_prng *prng, uint32_t place, uint32_t from,
		  uint64_t now_us);

/* The packet is no more. */
void packet_done(struct sim *sim, uint32_t place, enum packet_end end, uint64_t now_us);
