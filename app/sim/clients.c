/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Clients: who writes to whom, and when packets leave. The Poisson processes of all clients of a
 * gateway are drawn as one of their summed rate, each event of which is any client's with equal
 * probability (Kingman, "Poisson Processes", 1993: superposition): so a million clients cost no
 * more than one.
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

/* ---- Making ---- */

/* Clients are dealt out to gateways evenly, so that no table that is in no cache must be asked. */
static const struct lm_topology_node *gateway_of(const struct sim *sim, uint32_t client)
{
	const struct lm_topology *topology = sim->topology;

	return &topology->node[topology->layer_node[0][client % topology->layer_nodes[0]]];
}

static uint32_t draw_client(const struct crowd *crowd, struct lm_prng *prng)
{
	return crowd->first + crowd->step * lm_prng_below(prng, crowd->clients);
}

static int make_lists(struct clients *clients, const struct sim_clients *params, unsigned gateways)
{
	size_t count = params->count > 0 ? params->count : 1;

	clients->crowd = calloc(gateways, sizeof(*clients->crowd));
	if (params->contacts > 0)
		clients->contact = calloc(count * params->contacts, sizeof(*clients->contact));
	if (params->send_interval_us > 0) {
		clients->first = malloc(count * sizeof(*clients->first));
		clients->last = malloc(count * sizeof(*clients->last));
	}
	if (!clients->crowd || (params->contacts > 0 && !clients->contact) ||
	    (params->send_interval_us > 0 && (!clients->first || !clients->last)))
		return -ENOMEM;
	if (clients->first)
		memset(clients->first, 0xff, count * sizeof(*clients->first)); /* PACKET_NONE */
	return 0;
}

static void draw_contacts(struct clients *clients, const struct sim_clients *params,
			  struct lm_prng *prng)
{
	for (uint32_t c = 0; c < params->count; c++)
		for (uint32_t i = 0; i < params->contacts; i++)
			clients->contact[(size_t)c * params->contacts + i] =
				draw_other(prng, c, params->count);
}

static void start_crowd(const struct sim *sim, struct crowd *crowd, struct lm_prng *seeds)
{
	const struct sim_clients *params = &sim->params.clients;
	const uint32_t interval_us[PROCESSES] = {
		[PROCESS_MESSAGE] = params->message_interval_us,
		[PROCESS_SEND] = params->send_interval_us,
		[PROCESS_LOOP] = params->loop_interval_us,
		[PROCESS_DROP] = params->drop_interval_us,
	};
	uint8_t seed[32];

	lm_prng_bytes(seeds, seed, sizeof(seed));
	lm_prng_init(&crowd->prng, seed);
	for (unsigned p = 0; p < PROCESSES; p++)
		start_process(&crowd->process[p], &crowd->prng, interval_us[p], crowd->clients,
			      sim->start_us);
}

int clients_init(struct sim *sim, struct lm_prng *seeds)
{
	unsigned gateways = sim->topology->layer_nodes[0];
	struct lm_prng prng;
	uint8_t seed[32];

	if (make_lists(&sim->clients, &sim->params.clients, gateways) != 0)
		return -ENOMEM;
	lm_prng_bytes(seeds, seed, sizeof(seed));
	lm_prng_init(&prng, seed);
	draw_contacts(&sim->clients, &sim->params.clients, &prng);
	for (unsigned rank = 0; rank < gateways; rank++) {
		struct crowd *crowd = &sim->clients.crowd[rank];
		uint32_t count = sim->params.clients.count;

		crowd->first = rank;
		crowd->step = gateways;
		crowd->clients = count > rank ? (count - rank - 1) / gateways + 1 : 0;
		start_crowd(sim, crowd, seeds);
		sim->node[sim->topology->layer_node[0][rank]].crowd = crowd;
	}
	return 0;
}

void clients_free(struct clients *clients)
{
	free(clients->crowd);
	free(clients->contact);
	free(clients->first);
	free(clients->last);
}

/* ---- Packets ---- */

/* Makes a packet of this kind; PACKET_NONE: there are too many. */
static uint32_t make(struct shard *shard, struct node *gateway, enum packet_kind kind,
		     uint32_t client, uint32_t recipient, uint64_t now_us)
{
	uint32_t place = packet_make(shard, gateway, kind, now_us);
	struct packet *packet;

	if (place == PACKET_NONE)
		return PACKET_NONE;
	packet = &shard->sim->packets.packet[place];
	packet->exits = kind != PACKET_CLIENT_DROP;
	packet->sender = shard->sim->nodes + client;
	packet->recipient = recipient;
	return place;
}

/* The gateway at which a packet's way ends. */
static const struct lm_topology_node *last_of(struct sim *sim, const struct packet *packet)
{
	const struct lm_topology *topology = sim->topology;

	if (!packet->exits) /* the recipient is the gateway itself */
		return &topology->node[packet->recipient];
	return gateway_of(sim, packet->recipient - sim->nodes);
}

/* A client gives its gateway a packet, which goes through the gateway's mix without a delay. */
static void send(struct shard *shard, struct node *gateway, uint32_t place, uint64_t now_us)
{
	struct sim *sim = shard->sim;
	struct packet *packet = &sim->packets.packet[place];
	struct lm_prng *prng = &gateway->crowd->prng;

	route_message(packet, sim->topology, prng, last_of(sim, packet));
	if (now_us >= sim->settled_us) {
		shard->results.client_sent++;
		if (packet->kind == PACKET_MESSAGE)
			shard->results.queued_sum_us += now_us - packet->made_us;
	}
	link_send(shard, prng, place, packet->sender, gateway->number, 0, now_us);
}

static void make_and_send(struct shard *shard, struct node *gateway, enum packet_kind kind,
			  uint32_t client, uint32_t recipient, uint64_t now_us)
{
	uint32_t place = make(shard, gateway, kind, client, recipient, now_us);

	if (place != PACKET_NONE)
		send(shard, gateway, place, now_us);
}

static void wait_to_send(struct sim *sim, uint32_t client, uint32_t place)
{
	struct clients *clients = &sim->clients;

	sim->packets.packet[place].next = PACKET_NONE;
	if (clients->first[client] == PACKET_NONE)
		clients->first[client] = place;
	else
		sim->packets.packet[clients->last[client]].next = place;
	clients->last[client] = place;
}

static void write_message(struct shard *shard, struct node *gateway, uint32_t client,
			  uint64_t now_us)
{
	struct sim *sim = shard->sim;
	const struct sim_clients *params = &sim->params.clients;
	const struct clients *clients = &sim->clients;
	struct lm_prng *prng = &gateway->crowd->prng;
	uint32_t other;

	if (clients->contact)
		other = clients->contact[(size_t)client * params->contacts +
					 lm_prng_below(prng, params->contacts)];
	else
		other = draw_other(prng, client, params->count);
	for (uint32_t i = 0; i < params->parts; i++) {
		uint32_t place =
			make(shard, gateway, PACKET_MESSAGE, client, sim->nodes + other, now_us);

		if (place == PACKET_NONE)
			return;
		if (clients->first)
			wait_to_send(sim, client, place);
		else
			send(shard, gateway, place, now_us);
	}
}

static void make_drop(struct shard *shard, struct node *gateway, uint32_t client, uint64_t now_us)
{
	const struct lm_topology *topology = shard->sim->topology;
	uint32_t rank = lm_prng_below(&gateway->crowd->prng, topology->layer_nodes[0]);

	make_and_send(shard, gateway, PACKET_CLIENT_DROP, client, topology->layer_node[0][rank],
		      now_us);
}

/* A message's packet if one waits, else cover: who looks on cannot tell. */
static void use_slot(struct shard *shard, struct node *gateway, uint32_t client, uint64_t now_us)
{
	struct sim *sim = shard->sim;
	uint32_t place = sim->clients.first[client];

	if (place == PACKET_NONE) {
		make_drop(shard, gateway, client, now_us);
		return;
	}
	sim->clients.first[client] = sim->packets.packet[place].next;
	send(shard, gateway, place, now_us);
}

/* ---- Time ---- */

static unsigned first_process(const struct crowd *crowd)
{
	unsigned first = 0;

	for (unsigned p = 1; p < PROCESSES; p++)
		if (crowd->process[p].next_us < crowd->process[first].next_us)
			first = p;
	return first;
}

uint64_t crowd_next_us(const struct crowd *crowd)
{
	double next_us = crowd->process[first_process(crowd)].next_us;

	return isinf(next_us) ? UINT64_MAX : (uint64_t)next_us;
}

static void do_process(struct shard *shard, struct node *gateway, unsigned process, uint64_t now_us)
{
	struct crowd *crowd = gateway->crowd;
	uint32_t client = draw_client(crowd, &crowd->prng);

	switch (process) {
	case PROCESS_MESSAGE:
		write_message(shard, gateway, client, now_us);
		return;
	case PROCESS_SEND:
		use_slot(shard, gateway, client, now_us);
		return;
	case PROCESS_LOOP:
		make_and_send(shard, gateway, PACKET_CLIENT_LOOP, client,
			      shard->sim->nodes + client, now_us);
		return;
	default:
		make_drop(shard, gateway, client, now_us);
	}
}

void crowd_run(struct shard *shard, struct node *gateway)
{
	struct crowd *crowd = gateway->crowd;
	double until_us = (double)shard->sim->until_us;

	for (;;) {
		unsigned p = first_process(crowd);
		double now_us = crowd->process[p].next_us;

		if (now_us >= until_us)
			break;
		crowd->process[p].next_us += draw_gap(&crowd->process[p], &crowd->prng);
		do_process(shard, gateway, p, (uint64_t)now_us);
	}
}
