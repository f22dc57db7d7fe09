/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Flights put together to packets: truth_finish.
 */
#include "truth_ways.h"

#include <errno.h>
#include <string.h>

#define NS_PER_US 1000
#define SLACK_NS  UINT64_C(1000000000) /* beside what mixing may take */

static int compare_flights(const void *a, const void *b)
{
	const struct truth_flight *left = a, *right = b;
	uint64_t left_ns = truth_left_ns(left), right_ns = truth_left_ns(right);

	if (left_ns != right_ns)
		return left_ns < right_ns ? -1 : 1;
	return memcmp(left->id, right->id, sizeof(left->id));
}

/*
 * Says of each flight which one it became. A node that made two of one, or one of itself, would
 * have broken the hash: the first counts, and no way is a circle, as each flight follows one.
 */
static void link_flights(struct truth *truth)
{
	for (uint32_t i = 0; i < truth->flights; i++) {
		struct truth_flight *flight = &truth->flight[i];
		uint32_t next;

		if (!flight->peeled || flight->drop != LM_DROP_NONE || flight->cmd != LM_PACKET_FWD)
			continue;
		next = truth_find(truth, flight->becomes);
		if (next == TRUTH_NONE || next == i || truth->flight[next].follows)
			continue;
		flight->next = next;
		truth->flight[next].follows = true;
	}
}

static bool is_gateway(const struct truth *truth, uint32_t place)
{
	return truth->topology->node[place].role == LM_TOPOLOGY_GATEWAY;
}

/* What ends with this flight, of which nothing more was seen. */
static enum packet_end end_of(const struct truth *truth, const struct truth_flight *flight)
{
	uint64_t stay_us = lm_mix_stay_us(&truth->topology->mix, flight->delay_us);
	uint64_t gone_ns;

	if (!flight->peeled)
		return is_gateway(truth, flight->to) ? PACKET_DELIVERED : PACKET_ON_ITS_WAY;
	if (flight->drop != LM_DROP_NONE)
		return PACKET_LOST;
	switch (flight->cmd) {
	case LM_PACKET_EXIT:
	case LM_PACKET_MBOX:
		return PACKET_DELIVERED;
	case LM_PACKET_DROP:
		return PACKET_ENDED;
	default:
		break;
	}
	/* nobody has looked at what leaves there, or it may stay for longer than anybody looks */
	if (truth->node[flight->to].left == 0 || stay_us > UINT64_MAX / NS_PER_US / 2)
		return PACKET_ON_ITS_WAY;
	gone_ns = truth_came_ns(flight) + stay_us * NS_PER_US + SLACK_NS;
	return gone_ns < truth->last_ns ? PACKET_LOST : PACKET_ON_ITS_WAY;
}

/* Own cover of which the end was not seen is taken for a loop, which most of it is. */
static enum packet_kind kind_of(const struct truth *truth, const struct truth_packet *packet)
{
	if (is_gateway(truth, packet->sender))
		return packet->end == PACKET_ENDED ? PACKET_CLIENT_DROP : PACKET_MESSAGE;
	return packet->end == PACKET_ENDED && packet->recipient != packet->sender
		       ? PACKET_RELAY_DROP
		       : PACKET_RELAY_LOOP;
}

/* The packet that begins with this flight. */
static void follow(struct truth *truth, uint32_t first)
{
	struct truth_packet *packet = &truth->packet[truth->packets];
	struct truth_flight *flight = &truth->flight[first];
	uint8_t hop = 0;

	*packet = (struct truth_packet){.first = first,
					.sender = flight->from,
					.made_ns = truth_left_ns(flight)};
	for (;; flight = &truth->flight[flight->next]) {
		flight->packet = truth->packets;
		flight->hop = hop < UINT8_MAX ? hop++ : hop;
		if (flight->next == TRUTH_NONE)
			break;
	}
	packet->recipient = flight->to;
	packet->end = (uint8_t)end_of(truth, flight);
	packet->kind = (uint8_t)kind_of(truth, packet);
	if (packet->end == PACKET_DELIVERED || packet->end == PACKET_ENDED)
		packet->done_ns = truth_came_ns(flight);
	truth->packets++;
}

/* What node `to` did with a flight that was seen to come. */
static void count_coming(struct truth *truth, const struct truth_flight *flight)
{
	struct truth_node *node = &truth->node[flight->to];

	node->came++;
	if (!flight->peeled)
		node->unknown++;
	else if (flight->drop != LM_DROP_NONE)
		node->refused++;
	else if (flight->cmd != LM_PACKET_FWD)
		node->ended++;
	else if (flight->next != TRUTH_NONE)
		node->forwarded++;
	else
		node->missing++;
}

static void count(struct truth *truth)
{
	for (uint32_t i = 0; i < truth->flights; i++) {
		const struct truth_flight *flight = &truth->flight[i];

		if (flight->came_ns)
			count_coming(truth, flight);
		if (flight->left_ns) {
			truth->node[flight->from].left++;
			truth->node[flight->from].made += !flight->follows;
		}
		truth->backwards += truth_came_ns(flight) < truth_left_ns(flight);
	}
}

int truth_finish(struct truth *truth, struct lm_error *err)
{
	truth_peel_all(truth);
	if (truth->flights > 0)
		qsort(truth->flight, truth->flights, sizeof(truth->flight[0]), compare_flights);
	truth_index(truth);
	link_flights(truth);
	truth->packet = calloc((size_t)truth->flights + 1, sizeof(*truth->packet));
	if (!truth->packet)
		return lm_error_set(err, ENOMEM, "no memory for %u packets", truth->flights);
	count(truth);
	for (uint32_t i = 0; i < truth->flights; i++) {
		if (!truth->flight[i].follows)
			follow(truth, i);
	}
	return 0;
}
