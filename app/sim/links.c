/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Links: a latency, a line in the records, an arrival in a later window. And the end of packets.
 */
#include "world.h"

#include <errno.h>

static uint64_t crossing(const struct sim *sim, struct lm_prng *prng, uint64_t now_us)
{
	uint32_t jitter_us = sim->params.jitter_us;

	return now_us + sim->params.latency_us +
	       (jitter_us > 0 ? lm_prng_below(prng, jitter_us + 1) : 0);
}

/* The link's number at the node that it leads to: clients share what nodes leave. */
static uint16_t link_from(const struct sim *sim, uint32_t from)
{
	uint32_t links = LM_MIX_OWN - 1 - sim->nodes;

	return (uint16_t)(from < sim->nodes ? from : sim->nodes + (from - sim->nodes) % links);
}

void link_send(struct sim *sim, struct lm_prng *prng, uint32_t place, uint32_t from, uint16_t to,
	       uint32_t delay_us, uint64_t now_us)
{
	struct packet *packet = &sim->packets.packet[place];
	const struct arrival arrival = {.at_us = crossing(sim, prng, now_us),
					.packet = place,
					.delay_us = delay_us,
					.node = to,
					.from = link_from(sim, from)};
	const struct flight flight = {.left_us = now_us,
				      .came_us = arrival.at_us,
				      .from = from,
				      .to = to,
				      .number = packet->number,
				      .kind = packet->kind,
				      .hop = packet->seen,
				      .ends = delay_us == ARRIVAL_ENDS};

	packet->seen++;
	sim->results.flights++;
	recorder_flight(sim->recorder, &flight);
	if (in_flight_add(&sim->in_flight, &arrival) != 0)
		sim->rc = -ENOMEM;
}

void link_dummy(struct sim *sim, struct lm_prng *prng, uint32_t from, uint16_t to, uint64_t now_us)
{
	const struct flight flight = {.left_us = now_us,
				      .came_us = crossing(sim, prng, now_us),
				      .from = from,
				      .to = to,
				      .number = PACKET_NONE,
				      .kind = PACKET_DUMMY};

	sim->results.flights++;
	sim->results.dummies++;
	recorder_flight(sim->recorder, &flight);
}

void link_deliver(struct sim *sim, struct lm_prng *prng, uint32_t place, uint32_t from,
		  uint64_t now_us)
{
	struct packet *packet = &sim->packets.packet[place];
	const struct flight flight = {.left_us = now_us,
				      .came_us = crossing(sim, prng, now_us),
				      .from = from,
				      .to = packet->recipient,
				      .number = packet->number,
				      .kind = packet->kind,
				      .hop = packet->seen};
	uint64_t took_us = flight.came_us - packet->made_us;

	sim->results.flights++;
	recorder_flight(sim->recorder, &flight);
	if (packet->kind == PACKET_MESSAGE && flight.came_us >= sim->settled_us) {
		histogram_add(&sim->results.latency_us, took_us);
		sim->results.latency_sum_us += (double)took_us;
	}
	packet_done(sim, place, PACKET_DELIVERED, flight.came_us);
}

void packet_done(struct sim *sim, uint32_t place, enum packet_end end, uint64_t now_us)
{
	const struct packet *packet = &sim->packets.packet[place];

	sim->results.count[packet->kind][end]++;
	recorder_packet(sim->recorder, packet, end, now_us);
	packets_remove(&sim->packets, place);
}
