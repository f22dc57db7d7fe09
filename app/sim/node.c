/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A gateway or a mix: what the relay's mixer does, step by step in the same order (arrivals, own
 * cover that is due, what the mix gives, company for a batch, the slots of padded links), but at
 * the very microsecond at which each is due.
 */
#include <errno.h>

#include "world.h"

#define PACER_SHARE 256 /* packets that wait for one padded link at most */

static void *place_of(uint32_t place)
{
	return (void *)((uintptr_t)place + 1); /* NULL is a dummy */
}

static uint32_t place_in(const struct lm_mix_item *item)
{
	return (uint32_t)((uintptr_t)item->packet - 1);
}

/* ---- Making ---- */

static unsigned next_layer(const struct sim *sim, const struct node *node)
{
	return (sim->topology->node[node->number].layer + 1) % (sim->topology->layers + 1);
}

/* Batches and pools lie on a grid from the time at which they were made: of each node its own. */
static uint64_t draw_start_us(const struct sim *sim, struct lm_prng *prng)
{
	const struct lm_mix_params *mix = &sim->topology->mix;

	if (mix->strategy == LM_MIX_POISSON)
		return sim->start_us;
	return sim->start_us - lm_prng_below(prng, (uint32_t)mix->interval_us);
}

static int make_mix(struct sim *sim, struct node *node)
{
	size_t size = lm_mix_size(sim->params.held_max);
	uint8_t seed[32];

	node->mix_memory = aligned_alloc(LM_MIX_ALIGN,
					 (size + LM_MIX_ALIGN - 1) / LM_MIX_ALIGN * LM_MIX_ALIGN);
	if (!node->mix_memory)
		return -ENOMEM;
	lm_prng_bytes(&node->prng, seed, sizeof(seed));
	node->mix = lm_mix_init(node->mix_memory, sim->params.held_max, &sim->topology->mix, seed,
				draw_start_us(sim, &node->prng));
	return 0;
}

/* Every link to the next layer is padded. */
static int make_pacer(struct sim *sim, struct node *node)
{
	unsigned links = sim->topology->layer_nodes[next_layer(sim, node)];
	struct lm_pacer_params params = {.interval_us = sim->topology->cover.link_interval_us,
					 .links = links,
					 .capacity = sim->params.held_max,
					 .share = PACER_SHARE};
	uint8_t seed[32];
	size_t size;

	if (params.interval_us == 0)
		return 0;
	size = lm_pacer_size(&params);
	node->pacer_memory = aligned_alloc(LM_PACER_ALIGN, (size + LM_PACER_ALIGN - 1) /
								   LM_PACER_ALIGN * LM_PACER_ALIGN);
	if (!node->pacer_memory)
		return -ENOMEM;
	lm_prng_bytes(&node->prng, seed, sizeof(seed));
	node->pacer = lm_pacer_init(node->pacer_memory, &params, seed);
	for (unsigned link = 1; link <= links; link++)
		lm_pacer_set(node->pacer, (uint16_t)link, sim->start_us);
	return 0;
}

int node_init(struct sim *sim, struct node *node, struct lm_prng *seeds)
{
	const struct lm_topology_node *self = &sim->topology->node[node->number];
	const struct lm_topology_cover *cover = &sim->topology->cover;
	uint8_t seed[32];

	lm_prng_bytes(seeds, seed, sizeof(seed));
	lm_prng_init(&node->prng, seed);
	node->has_drop = lm_topology_has_drop(sim->topology, self);
	lm_cover_schedule_init(&node->schedule[OWN_LOOP], &node->prng,
			       lm_topology_has_loop(sim->topology, self) ? cover->loop_interval_us
									 : 0,
			       sim->start_us);
	lm_cover_schedule_init(&node->schedule[OWN_DROP], &node->prng,
			       node->has_drop ? cover->drop_interval_us : 0, sim->start_us);
	node->counted_us = sim->settled_us;
	if (weakness_init(&node->weakness, sim->params.weakness, sim->params.held_max) != 0 ||
	    make_mix(sim, node) != 0)
		return -ENOMEM;
	return make_pacer(sim, node);
}

void node_free(struct node *node)
{
	free(node->mix_memory);
	free(node->pacer_memory);
	weakness_free(&node->weakness);
}

/* ---- Into the mix ---- */

static void add(struct sim *sim, struct node *node, struct lm_mix_item *item, unsigned n,
		uint64_t now_us)
{
	unsigned taken;

	weakness_round(&node->weakness, item, n);
	taken = lm_mix_add(node->mix, item, n, now_us);
	weakness_add(&node->weakness, item, taken);
	node->came += now_us >= sim->settled_us ? taken : 0;
	for (unsigned i = taken; i < n; i++)
		packet_done(sim, place_in(&item[i]), PACKET_LOST, now_us);
}

/* What came at now_us. Returns how many of the arrivals that were. */
static uint32_t take_arrivals(struct sim *sim, struct node *node, const struct arrival *arrival,
			      uint32_t n, uint64_t now_us)
{
	struct lm_mix_item item[LM_BURST];
	unsigned held = 0;
	uint32_t i = 0;

	for (; i < n && arrival[i].at_us == now_us && held < LM_BURST; i++) {
		if (arrival[i].delay_us == ARRIVAL_ENDS)
			packet_done(sim, arrival[i].packet, PACKET_ENDED, now_us);
		else
			item[held++] = (struct lm_mix_item){.packet = place_of(arrival[i].packet),
							    .delay_us = arrival[i].delay_us,
							    .from = arrival[i].from,
							    .to = 1};
	}
	if (held > 0)
		add(sim, node, item, held, now_us);
	return i;
}

/* One packet of own cover, into the own mix like any other. */
static void make_cover(struct sim *sim, struct node *node, enum own_cover cover, uint64_t now_us)
{
	const struct lm_topology_node *self = &sim->topology->node[node->number];
	uint32_t place = packets_add(&sim->packets, now_us);
	struct lm_mix_item item = {.from = LM_MIX_OWN, .to = 1};
	struct packet *packet;
	bool routed;

	if (place == PACKET_NONE) {
		sim->results.refused++;
		return;
	}
	packet = &sim->packets.packet[place];
	packet->kind = cover == OWN_LOOP ? PACKET_RELAY_LOOP : PACKET_RELAY_DROP;
	packet->sender = node->number;
	routed = cover == OWN_LOOP ? route_loop(packet, sim->topology, &node->prng, self)
				   : route_drop(packet, sim->topology, &node->prng, self);
	LM_ASSERT(routed); /* whether there is a way was asked at the start */
	packet->recipient = packet->path[packet->hops - 1];
	sim->results.made[packet->kind]++;
	recorder_flight(sim->recorder, &(struct flight){.left_us = now_us,
							.came_us = now_us,
							.from = RECORDER_NOWHERE,
							.to = node->number,
							.number = packet->number,
							.kind = packet->kind});
	item.packet = place_of(place);
	item.delay_us = lm_mix_draw_delay_us(&sim->topology->mix, &node->prng);
	add(sim, node, &item, 1, now_us);
}

static void add_due(struct sim *sim, struct node *node, uint64_t now_us)
{
	for (unsigned cover = 0; cover < OWN_COVERS; cover++) {
		unsigned due =
			lm_cover_due(&node->schedule[cover], &node->prng, now_us, UINT32_MAX);

		for (unsigned i = 0; i < due; i++)
			make_cover(sim, node, (enum own_cover)cover, now_us);
	}
}

/* Company for a batch that has waited for it as long as it may. */
static void add_company(struct sim *sim, struct node *node, uint64_t now_us)
{
	uint32_t wanted = lm_mix_wanted(node->mix, now_us);

	if (wanted > 0 && !node->has_drop) {
		sim->results.starved++;
		return;
	}
	for (uint32_t i = 0; i < wanted; i++)
		make_cover(sim, node, OWN_DROP, now_us);
}

/* ---- Out of it ---- */

static void send_on(struct sim *sim, struct node *node, uint32_t place, uint64_t now_us)
{
	struct packet *packet = &sim->packets.packet[place];
	unsigned at = packet->at++;
	bool last = at + 1 == packet->hops;

	link_send(sim, &node->prng, place, node->number, packet->path[at],
		  last && !packet->exits ? ARRIVAL_ENDS : packet->delay_us[at], now_us);
}

/* Out of the mix: to the recipient, to the next node, or to where it waits for a slot. */
static void leave(struct sim *sim, struct node *node, uint32_t place, uint64_t now_us)
{
	const struct packet *packet = &sim->packets.packet[place];
	struct lm_mix_item item = {.packet = place_of(place)};

	sim->results.hops++;
	node->left += now_us >= sim->settled_us;
	if (packet->at == packet->hops) {
		link_deliver(sim, &node->prng, place, node->number, now_us);
		return;
	}
	if (!node->pacer) {
		send_on(sim, node, place, now_us);
		return;
	}
	item.to = (uint16_t)(sim->node[packet->path[packet->at]].rank + 1);
	if (lm_pacer_push(node->pacer, &item) != LM_DROP_NONE)
		packet_done(sim, place, PACKET_LOST, now_us);
}

static void leave_all(struct sim *sim, struct node *node)
{
	struct leavers *leavers = &sim->leavers;

	for (unsigned i = 0; i < leavers->n; i++)
		leave(sim, node, leavers->place[i], leavers->at_us[i]);
	leavers->n = 0;
}

/*
 * What the mix gives. Packets are in memory that is not in the cache: they are fetched, and looked
 * at when there is a burst of them, the window ends, or the pacer must know of them.
 */
static void take_due(struct sim *sim, struct node *node, uint64_t now_us)
{
	struct leavers *leavers = &sim->leavers;
	struct lm_mix_item item[LM_BURST];
	unsigned n;

	do {
		n = lm_mix_take(node->mix, item, LM_BURST, now_us);
		weakness_swap(&node->weakness, item, n);
		for (unsigned i = 0; i < n; i++) {
			uint32_t place = place_in(&item[i]);

			__builtin_prefetch(&sim->packets.packet[place], 1);
			leavers->place[leavers->n] = place;
			leavers->at_us[leavers->n++] = now_us;
			if (leavers->n == LM_BURST)
				leave_all(sim, node);
		}
	} while (n == LM_BURST);
	if (node->pacer)
		leave_all(sim, node);
}

static void use_slots(struct sim *sim, struct node *node, uint64_t now_us)
{
	const uint32_t *next = sim->topology->layer_node[next_layer(sim, node)];
	struct lm_mix_item item[LM_BURST];
	unsigned n;

	while ((n = lm_pacer_due(node->pacer, item, LM_BURST, now_us)) > 0) {
		for (unsigned i = 0; i < n; i++) {
			if (item[i].packet)
				send_on(sim, node, place_in(&item[i]), now_us);
			else
				link_dummy(sim, &node->prng, node->number,
					   (uint16_t)next[item[i].to - 1], now_us);
		}
	}
}

/* ---- Time ---- */

uint64_t node_next_us(const struct node *node)
{
	uint64_t next_us = lm_mix_next_us(node->mix);

	for (unsigned cover = 0; cover < OWN_COVERS; cover++)
		if (node->schedule[cover].next_us < next_us)
			next_us = node->schedule[cover].next_us;
	if (node->pacer && lm_pacer_next_us(node->pacer) < next_us)
		next_us = lm_pacer_next_us(node->pacer);
	return next_us;
}

void node_count(struct node *node, uint64_t now_us)
{
	double held = lm_mix_held(node->mix);

	if (now_us <= node->counted_us)
		return;
	node->held_sum += held * (double)(now_us - node->counted_us);
	node->held_square += held * held * (double)(now_us - node->counted_us);
	node->counted_us = now_us;
}

/* The mix and what it gives at now_us; it may have more to give at the same time. */
static void run_mix(struct sim *sim, struct node *node, uint64_t now_us)
{
	if (lm_mix_next_us(node->mix) > now_us)
		return;
	take_due(sim, node, now_us);
	add_company(sim, node, now_us);
}

void node_run(struct sim *sim, struct node *node, const struct arrival *arrival, uint32_t n,
	      uint64_t until_us)
{
	uint32_t i = 0;

	for (;;) {
		uint64_t now_us = node_next_us(node);

		if (i < n && arrival[i].at_us < now_us)
			now_us = arrival[i].at_us;
		if (now_us >= until_us)
			break;
		node_count(node, now_us);
		while (i < n && arrival[i].at_us == now_us)
			i += take_arrivals(sim, node, arrival + i, n - i, now_us);
		add_due(sim, node, now_us);
		run_mix(sim, node, now_us);
		if (node->pacer)
			use_slots(sim, node, now_us);
	}
	leave_all(sim, node);
}
