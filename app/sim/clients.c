/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Clients: who writes to whom, and when packets leave. The Poisson processes of all clients are
 * drawn as one of their summed rate, each event of which is any client's with equal probability
 * (Kingman, "Poisson Processes", 1993: superposition): so a million clients cost no more than one.
 */
#include <errno.h>
#include <math.h>

#include "world.h"

static double draw_gap(const struct process *process, struct lm_prng *prng)
{
	return -lm_prng_log_uniform(prng) * process->mean_us;
}

static void start_process(struct process *process, struct lm_prng *prng, uint32_t interval_us,
			  uint32_t clients, uint64_t now_us)
{
	*process = (struct process){.next_us = INFINITY};
	if (interval_us == 0 || clients == 0)
		return;
	process->mean_us = (double)interval_us / clients;
	process->next_us = (double)now_us + draw_gap(process, prng);
}

/* Somebody else, each with the same probability; a lone client writes to itself. */
static uint32_t draw_other(struct lm_prng *prng, uint32_t client, uint32_t count)
{
	uint32_t other;

	if (count == 1)
		return client;
	other = lm_prng_below(prng, count - 1);
	return other < client ? other : other + 1;
}

static int make_lists(struct clients *clients, const struct sim_clients *params)
{
	size_t count = params->count > 0 ? params->count : 1;

	clients->gateway = calloc(count, sizeof(*clients->gateway));
	if (params->contacts > 0)
		clients->contact = calloc(count * params->contacts, sizeof(*clients->contact));
	if (params->send_interval_us > 0) {
		clients->first = malloc(count * sizeof(*clients->first));
		clients->last = malloc(count * sizeof(*clients->last));
	}
	if (!clients->gateway || (params->contacts > 0 && !clients->contact) ||
	    (params->send_interval_us > 0 && (!clients->first || !clients->last)))
		return -ENOMEM;
	if (clients->first)
		memset(clients->first, 0xff, count * sizeof(*clients->first)); /* PACKET_NONE */
	return 0;
}

int clients_init(struct sim *sim, struct lm_prng *seeds)
{
	const struct sim_clients *params = &sim->params.clients;
	struct clients *clients = &sim->clients;
	const struct lm_topology *topology = sim->topology;
	const uint32_t interval_us[PROCESSES] = {
		[PROCESS_MESSAGE] = params->message_interval_us,
		[PROCESS_SEND] = params->send_interval_us,
		[PROCESS_LOOP] = params->loop_interval_us,
		[PROCESS_DROP] = params->drop_interval_us,
	};
	uint8_t seed[32];

	lm_prng_bytes(seeds, seed, sizeof(seed));
	lm_prng_init(&clients->prng, seed);
	if (make_lists(clients, params) != 0)
		return -ENOMEM;
	for (uint32_t c = 0; c < params->count; c++) {
		uint32_t rank = lm_prng_below(&clients->prng, topology->layer_nodes[0]);

		clients->gateway[c] = (uint16_t)topology->layer_node[0][rank];
		for (uint32_t i = 0; i < params->contacts; i++)
			clients->contact[(size_t)c * params->contacts + i] =
				draw_other(&clients->prng, c, params->count);
	}
	for (unsigned p = 0; p < PROCESSES; p++)
		start_process(&clients->process[p], &clients->prng, interval_us[p], params->count,
			      sim->start_us);
	return 0;
}

void clients_free(struct clients *clients)
{
	free(clients->gateway);
	free(clients->contact);
	free(clients->first);
	free(clients->last);
}

/* ---- Packets ---- */

/* Makes a packet of this kind; PACKET_NONE: there are too many. */
static uint32_t make(struct sim *sim, enum packet_kind kind, uint32_t client, uint32_t recipient,
		     uint64_t now_us)
{
	uint32_t place = packets_add(&sim->packets, now_us);
	struct packet *packet;

	if (place == PACKET_NONE) {
		sim->results.refused++;
		return PACKET_NONE;
	}
	packet = &sim->packets.packet[place];
	packet->kind = (uint8_t)kind;
	packet->exits = kind != PACKET_CLIENT_DROP;
	packet->sender = sim->nodes + client;
	packet->recipient = recipient;
	sim->results.made[kind]++;
	return place;
}

/* The gateway at which a packet's way ends. */
static const struct lm_topology_node *last_of(struct sim *sim, const struct packet *packet)
{
	const struct lm_topology *topology = sim->topology;

	if (!packet->exits) /* the recipient is the gateway itself */
		return &topology->node[packet->recipient];
	return &topology->node[sim->clients.gateway[packet->recipient - sim->nodes]];
}

/* A client gives its gateway a packet, which goes through the gateway's mix without a delay. */
static void send(struct sim *sim, uint32_t place, uint32_t client, uint64_t now_us)
{
	struct clients *clients = &sim->clients;
	struct packet *packet = &sim->packets.packet[place];

	route_message(packet, sim->topology, &clients->prng, last_of(sim, packet));
	if (now_us >= sim->settled_us) {
		sim->results.client_sent++;
		if (packet->kind == PACKET_MESSAGE)
			sim->results.queued_sum_us += (double)(now_us - packet->made_us);
	}
	link_send(sim, &clients->prng, place, sim->nodes + client, clients->gateway[client], 0,
		  now_us);
}

static void make_and_send(struct sim *sim, enum packet_kind kind, uint32_t client,
			  uint32_t recipient, uint64_t now_us)
{
	uint32_t place = make(sim, kind, client, recipient, now_us);

	if (place != PACKET_NONE)
		send(sim, place, client, now_us);
}

static void wait_to_send(struct sim *sim, uint32_t client, uint32_t place)
{
	struct clients *clients = &sim->clients;

	if (clients->first[client] == PACKET_NONE)
		clients->first[client] = place;
	else
		sim->packets.packet[clients->last[client]].next = place;
	clients->last[client] = place;
}

static void write_message(struct sim *sim, uint32_t client, uint64_t now_us)
{
	const struct sim_clients *params = &sim->params.clients;
	struct clients *clients = &sim->clients;
	uint32_t other;

	if (clients->contact)
		other = clients->contact[(size_t)client * params->contacts +
					 lm_prng_below(&clients->prng, params->contacts)];
	else
		other = draw_other(&clients->prng, client, params->count);
	for (uint32_t i = 0; i < params->parts; i++) {
		uint32_t place = make(sim, PACKET_MESSAGE, client, sim->nodes + other, now_us);

		if (place == PACKET_NONE)
			return;
		if (clients->first)
			wait_to_send(sim, client, place);
		else
			send(sim, place, client, now_us);
	}
}

static void make_drop(struct sim *sim, uint32_t client, uint64_t now_us)
{
	const struct lm_topology *topology = sim->topology;
	uint32_t rank = lm_prng_below(&sim->clients.prng, topology->layer_nodes[0]);

	make_and_send(sim, PACKET_CLIENT_DROP, client, topology->layer_node[0][rank], now_us);
}

/* A message's packet if one waits, else cover: who looks on cannot tell. */
static void use_slot(struct sim *sim, uint32_t client, uint64_t now_us)
{
	struct clients *clients = &sim->clients;
	uint32_t place = clients->first[client];

	if (place == PACKET_NONE) {
		make_drop(sim, client, now_us);
		return;
	}
	clients->first[client] = sim->packets.packet[place].next;
	send(sim, place, client, now_us);
}

/* ---- Time ---- */

static unsigned first_process(const struct clients *clients)
{
	unsigned first = 0;

	for (unsigned p = 1; p < PROCESSES; p++)
		if (clients->process[p].next_us < clients->process[first].next_us)
			first = p;
	return first;
}

uint64_t clients_next_us(const struct clients *clients)
{
	double next_us = clients->process[first_process(clients)].next_us;

	return isinf(next_us) ? UINT64_MAX : (uint64_t)next_us;
}

void clients_run(struct sim *sim, uint64_t until_us)
{
	struct clients *clients = &sim->clients;

	while (clients_next_us(clients) < until_us) {
		unsigned p = first_process(clients);
		uint64_t now_us = (uint64_t)clients->process[p].next_us;
		uint32_t client = lm_prng_below(&clients->prng, sim->params.clients.count);

		clients->process[p].next_us += draw_gap(&clients->process[p], &clients->prng);
		switch (p) {
		case PROCESS_MESSAGE:
			write_message(sim, client, now_us);
			break;
		case PROCESS_SEND:
			use_slot(sim, client, now_us);
			break;
		case PROCESS_LOOP:
			make_and_send(sim, PACKET_CLIENT_LOOP, client, sim->nodes + client, now_us);
			break;
		default:
			make_drop(sim, client, now_us);
		}
	}
}
