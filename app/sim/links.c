/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Links: a latency, a line in the records, an arrival in a later window. And the end of packets.
 */
#include "world.h"

#include <errno.h>

static uint64_t crossing(const struct shard *shard, struct lm_prng *prng, uint64_t now_us)
{
	const struct sim_params *params = &shard->sim->params;
	uint32_t jitter_us = params->jitter_us;

	return now_us + params->latency_us +
	       (jitter_us > 0 ? lm_prng_below(prng, jitter_us + 1) : 0);
}

/* The link's number at the node that it leads to: clients share what nodes leave. */
static uint16_t link_from(const struct sim *sim, uint32_t from)
{
	uint32_t links = LM_MIX_OWN - 1 - sim->nodes;

	return (uint16_t)(from < sim->nodes ? from : sim->nodes + (from - sim->nodes) % links);
}

/* When the mix chose a packet that goes on its link now. */
static uint64_t closed_us(const struct packet *packet, uint64_t now_us)
{
	return now_us - ((uint32_t)now_us - packet->closed);
}

void link_send(struct shard *shard, struct lm_prng *prng, uint32_t place, uint32_t from,
	       uint16_t to, uint32_t delay_us, uint64_t now_us)
{
	struct sim *sim = shard->sim;
	struct packet *packet = &sim->packets.packet[place];
	uint64_t at_us = crossing(shard, prng, now_us);
	const struct arrival arrival = {.packet = place,
					.delay_us = delay_us,
					.node = to,
					.from = link_from(sim, from)};
	const struct flight flight = {.left_us = now_us,
				      .came_us = at_us,
				      .closed_us = closed_us(packet, now_us),
				      .from = from,
				      .to = to,
				      .number = packet->number,
				      .kind = packet->kind,
				      .hop = packet->seen,
				      .ends = delay_us == ARRIVAL_ENDS};

	packet->seen++;
	shard->results.flights++;
	tape_flight(&shard->tape, &flight);
	if (in_flight_add(&sim->in_flight, shard->number, sim->shard_of[to], at_us, &arrival) != 0)
		shard->rc = -ENOMEM;
}

void link_dummy(struct shard *shard, struct lm_prng *prng, uint32_t from, uint16_t to,
		uint64_t now_us)
{
	const struct flight flight = {.left_us = now_us,
				      .came_us = crossing(shard, prng, now_us),
				      .from = from,
				      .to = to,
				      .number = PACKET_NONE,
				      .kind = PACKET_DUMMY};

	shard->results.flights++;
	shard->results.dummies++;
	tape_flight(&shard->tape, &flight);
}

void link_deliver(struct shard *shard, struct lm_prng *prng, uint32_t place, uint32_t from,
		  uint64_t now_us)
{
	struct sim *sim = shard->sim;
	struct packet *packet = &sim->packets.packet[place];
	const struct flight flight = {.left_us = now_us,
				      .came_us = crossing(shard, prng, now_us),
				      .from = from,
				      .to = packet->recipient,
				      .closed_us = closed_us(packet, now_us),
				      .number = packet->number,
				      .kind = packet->kind,
				      .hop = packet->seen};
	uint64_t took_us = flight.came_us - packet->made_us;

	shard->results.flights++;
	tape_flight(&shard->tape, &flight);
	if (packet->kind == PACKET_MESSAGE && flight.came_us >= sim->settled_us) {
		histogram_add(&shard->results.latency_us, took_us);
		shard->results.latency_sum_us += took_us;
	}
	packet_done(shard, place, PACKET_DELIVERED, flight.came_us);
}

uint32_t packet_make(struct shard *shard, struct node *node, enum packet_kind kind, uint64_t now_us)
{
	uint32_t place = node->may_make > 0 ? stock_add(&shard->stock, now_us) : PACKET_NONE;

	if (place == PACKET_NONE) {
		shard->results.refused++;
		return PACKET_NONE;
	}
	node->may_make--;
	shard->sim->packets.packet[place].kind = (uint8_t)kind;
	shard->results.made[kind]++;
	return place;
}

void packet_done(struct shard *shard, uint32_t place, enum packet_end end, uint64_t now_us)
{
	const struct packet *packet = &shard->sim->packets.packet[place];

	shard->results.count[packet->kind][end]++;
	tape_packet(&shard->tape, packet, end, now_us);
	stock_remove(&shard->stock, place);
}
