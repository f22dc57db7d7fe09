/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the parts of a simulation share, and how they call each other. Private to app/sim.
 *
 * Nodes are dealt out to shards. Within a window a shard is one thread's, and no two shards touch
 * the same memory but the table of packets, in which a packet is at one node at a time. What a
 * window does to the whole is put together behind it, shard by shard. So the result depends neither
 * on the number of threads nor on how the nodes were dealt out.
 */
#pragma once

#include "lm_cover.h"
#include "routes.h"
#include "sim.h"
#include "team.h"
#include "weakness.h"

enum own_cover { OWN_LOOP, OWN_DROP, OWN_COVERS };

/* A Poisson process of a gateway's clients together, which is that of each, drawn uniformly each
 * time. */
struct process {
	double mean_us; /* 0: never */
	double next_us;
};

enum { PROCESS_MESSAGE, PROCESS_SEND, PROCESS_LOOP, PROCESS_DROP, PROCESSES };

/* The clients of one gateway. */
struct crowd {
	struct process process[PROCESSES];
	struct lm_prng prng;
	uint32_t first, step, clients; /* first, first + step, .. */
};

struct clients {
	uint32_t *contact;      /* `contacts` for each client; NULL: anybody */
	uint32_t *first, *last; /* by client: messages that wait to be sent; NULL: none ever */
	struct crowd *crowd;    /* by gateway's rank */
};

/* A gateway or a mix. */
struct node {
	struct lm_mix *mix;
	struct lm_pacer *pacer; /* NULL: no padding */
	struct crowd *crowd;    /* NULL: a mix */
	struct lm_cover_schedule schedule[OWN_COVERS];
	struct lm_prng prng;
	uint16_t number;
	uint16_t rank; /* in its layer */
	bool has_drop;
	uint32_t may_make;   /* packets in this window */
	uint64_t counted_us; /* up to where the occupancy has been summed */
	double held_sum, held_square;
	uint64_t came, left; /* after the settling */
	void *mix_memory, *pacer_memory;
	struct weakness weakness;
};

/* Packets that have left the mix of the node that runs, and when. */
struct leaver {
	uint32_t place;
	uint32_t at;     /* microseconds from the beginning of the window */
	uint32_t closed; /* lm_mix_closed_us, modulo 2^32 */
};

struct shard {
	struct sim *sim;
	unsigned number;
	unsigned first, end; /* nodes */
	struct stock stock;
	struct tape tape;
	struct results results;
	struct leaver *leaver;
	uint32_t leavers, leavers_room;
	uint32_t *comer; /* when packets came to the mix of the node that runs, as of a leaver */
	uint32_t comers, comers_room;
	int rc; /* the first error; the run ends with the window */
} LM_CACHE_ALIGNED;

struct sim {
	struct sim_params params;
	const struct lm_topology *topology;
	struct lm_mix_params mix;
	bool at_once; /* poisson: a node's window in one go, see flow.c */
	uint64_t start_us, end_us, settled_us;
	uint64_t from_us, until_us; /* of the window */
	struct packets packets;
	struct in_flight in_flight;
	struct clients clients;
	unsigned nodes;
	struct node *node;
	uint64_t *next_us; /* by node, dense: looked at in every window */
	uint8_t *shard_of; /* by node */
	unsigned shards;
	struct shard *shard;
	struct team *team;
	struct recorder *recorder;
	uint32_t made;     /* packets, which are numbered so far */
	uint32_t may_make; /* packets that each node may make in the window, its clients with it */
	struct results results;
	int rc;
};

/* ---- node.c ---- */

LM_MUST_CHECK int node_init(struct sim *sim, struct node *node, struct lm_prng *seeds);
void node_free(struct node *node);

/* Handles all that happens at the node and its clients in the window: n arrivals, by time, and its
 * own. */
void node_run(struct shard *shard, struct node *node, const struct arrival *arrival, uint32_t n);
uint64_t node_next_us(const struct node *node);

/* Sums the occupancy up to now_us. */
void node_count(struct node *node, double held, uint64_t now_us);

/* An item for the mix: the place, and when it is due for who asks. */
static inline void *node_item(uint32_t place, uint64_t due_us)
{
	/* never NULL, which is a dummy */
	return (void *)((uintptr_t)(uint32_t)due_us << 32 | (place + 1));
}

static inline uint32_t node_place(const struct lm_mix_item *item)
{
	return (uint32_t)(uintptr_t)item->packet - 1;
}

static inline uint32_t node_due(const struct lm_mix_item *item) /* modulo 2^32 */
{
	return (uint32_t)((uintptr_t)item->packet >> 32);
}

/* When the next packet of own cover is due; UINT64_MAX: never. */
uint64_t node_cover_us(const struct node *node);

/* Makes the own cover that is due at now_us: up to max items for the own mix. Call it again while
 * it gives max. */
unsigned node_cover(struct shard *shard, struct node *node, struct lm_mix_item *item, unsigned max,
		    uint64_t now_us);

/* A packet that has left the mix: to the recipient, the next node, or where it waits for a slot. */
void node_leave(struct shard *shard, struct node *node, const struct leaver *leaver);

/* Uses the slots of padded links that are due before until_us. */
void node_use_slots(struct shard *shard, struct node *node, uint64_t until_us);

/* Takes items into the mix; those that it has no room for are lost. */
void node_add(struct shard *shard, struct node *node, struct lm_mix_item *item, unsigned n,
	      uint64_t now_us);

/* ---- flow.c ---- */

/* As node_run, under poisson mixing, in bursts; false: nothing was done, the mix may get full. */
bool flow_run(struct shard *shard, struct node *node, const struct arrival *arrival, uint32_t n);

/* The parameters of mixes that flow_run needs; false: there are none. */
LM_MUST_CHECK bool flow_params(struct lm_mix_params *params, uint32_t window_us);

/* ---- clients.c ---- */

LM_MUST_CHECK int clients_init(struct sim *sim, struct lm_prng *seeds);
void clients_free(struct clients *clients);

/* Sends all that is due at a gateway's clients in the window. */
void crowd_run(struct shard *shard, struct node *gateway);
uint64_t crowd_next_us(const struct crowd *crowd);

/* ---- links.c ---- */

/* Sends a packet from a place to a node; `delay_us` is for that node's mix, or ARRIVAL_ENDS. */
void link_send(struct shard *shard, struct lm_prng *prng, uint32_t place, uint32_t from,
	       uint16_t to, uint32_t delay_us, uint64_t now_us);

/* A dummy, which the node at the other end throws away. */
void link_dummy(struct shard *shard, struct lm_prng *prng, uint32_t from, uint16_t to,
		uint64_t now_us);

/* From a gateway to the recipient, where the packet ends. */
void link_deliver(struct shard *shard, struct lm_prng *prng, uint32_t place, uint32_t from,
		  uint64_t now_us);

/* A place for a new packet that a node or one of its clients makes; PACKET_NONE: it is not made. */
LM_MUST_CHECK uint32_t packet_make(struct shard *shard, struct node *node, enum packet_kind kind,
				   uint64_t now_us);

/* The packet is no more. */
void packet_done(struct shard *shard, uint32_t place, enum packet_end end, uint64_t now_us);
