/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a run is summed up with. Books are of the whole run; latencies and occupancy are of the time
 * after the settling.
 */
#pragma once

#include "packets.h"
#include "stats.h"

/* The nodes of one layer together; layer 0: gateways. */
struct layer_figures {
	unsigned nodes;
	uint64_t came, left;  /* packets into mixes, own cover with them, and out of them */
	double held_mean;     /* packets in a mix, over time and nodes */
	double held_variance; /* mean over the nodes of the variance over time */
};

struct results {
	uint64_t count[PACKET_KINDS][PACKET_ENDS];
	uint64_t made[PACKET_KINDS];
	uint64_t refused; /* packets that clients could not make: the table was full */
	uint64_t flights; /* packets and dummies on links */
	uint64_t dummies;
	uint64_t hops;               /* times that a packet left a mix */
	uint64_t starved;            /* batches that no own cover could fill */
	struct histogram latency_us; /* of messages, from made to delivered */
	uint64_t latency_sum_us;
	uint64_t queued_sum_us; /* of that, what they waited at the client to be sent */
	uint64_t client_sent;   /* packets of all kinds by clients, after the settling */
	uint64_t mixes_sent;    /* packets and dummies by mixes, after the settling */
	double measured_s;      /* the time after the settling */
	struct layer_figures layer[LM_TOPOLOGY_LAYERS + 1];
};
