/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A gateway or a mix: what the relay's mixer does, step by step in the same order (arrivals, own
 * cover that is due, what the mix gives, company for a batch, the slots of padded links), but at
 * the very microsecond at which each is due.
 */
#include <errno.h>

#include "world.h"

#define PACER_SHARE 256 /* packets that wait for one padded link at most */

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
	node->mix = lm_mix_init(node->mix_memory, sim->params.held_max, &sim->mix, seed,
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

void node_add(struct shard *shard, struct node *node, struct lm_mix_item *item, unsigned n,
	      uint64_t now_us)
{
	unsigned taken;

	weakness_round(&node->weakness, item, n);
	taken = lm_mix_add(node->mix, item, n, now_us);
	weakness_add(&node->weakness, item, taken);
	for (unsigned i = taken; i < n; i++)
		packet_done(shard, node_place(&item[i]), PACKET_LOST, now_us);
}

/* As node_add; counts what the mix took. */
static void add(struct shard *shard, struct node *node, struct lm_mix_item *item, unsigned n,
		uint64_t now_us)
{
	uint32_t before = lm_mix_held(node->mix);

	node_add(shard, node, item, n, now_us);
	if (now_us >= shard->sim->settled_us)
		node->came += lm_mix_held(node->mix) - before;
}

/* What came at now_us. Returns how many of the arrivals that were. */
static uint32_t take_arrivals(struct shard *shard, struct node *node, const struct arrival *arrival,
			      uint32_t n, uint64_t now_us)
{
	struct lm_mix_item item[LM_BURST];
	uint32_t at = arrival->at, i = 0;
	unsigned held = 0;

	for (; i < n && arrival[i].at == at && held < LM_BURST; i++) {
		if (arrival[i].delay_us == ARRIVAL_ENDS)
			packet_done(shard, arrival[i].packet, PACKET_ENDED, now_us);
		else
			item[held++] = (struct lm_mix_item){
				.packet =
					node_item(arrival[i].packet, now_us + arrival[i].delay_us),
				.delay_us = arrival[i].delay_us,
				.from = arrival[i].from,
				.to = 1};
	}
	if (held > 0)
		add(shard, node, item, held, now_us);
	return i;
}

/* One packet of own cover, an item for the own mix like any other. False: it is not made. */
static bool make_cover(struct shard *shard, struct node *node, struct lm_mix_item *item,
		       enum own_cover cover, uint64_t now_us)
{
	struct sim *sim = shard->sim;
	const struct lm_topology_node *self = &sim->topology->node[node->number];
	enum packet_kind kind = cover == OWN_LOOP ? PACKET_RELAY_LOOP : PACKET_RELAY_DROP;
	uint32_t place = packet_make(shard, node, kind, now_us);
	struct packet *packet;
	bool routed;

	if (place == PACKET_NONE)
		return false;
	packet = &sim->packets.packet[place];
	packet->sender = node->number;
	routed = cover == OWN_LOOP ? route_loop(packet, sim->topology, &node->prng, self)
				   : route_drop(packet, sim->topology, &node->prng, self);
	LM_ASSERT(routed); /* whether there is a way was asked at the start */
	packet->recipient = packet->path[packet->hops - 1];
	tape_flight(&shard->tape, &(struct flight){.left_us = now_us,
						   .came_us = now_us,
						   .from = RECORDER_NOWHERE,
						   .to = node->number,
						   .number = packet->number,
						   .kind = packet->kind});
	*item = (struct lm_mix_item){.delay_us =
					     lm_mix_draw_delay_us(&sim->topology->mix, &node->prng),
				     .from = LM_MIX_OWN,
				     .to = 1};
	item->packet = node_item(place, now_us + item->delay_us);
	return true;
}

uint64_t node_cover_us(const struct node *node)
{
	uint64_t next_us = node->schedule[OWN_LOOP].next_us;

	return next_us < node->schedule[OWN_DROP].next_us ? next_us
							  : node->schedule[OWN_DROP].next_us;
}

unsigned node_cover(struct shard *shard, struct node *node, struct lm_mix_item *item, unsigned max,
		    uint64_t now_us)
{
	unsigned n = 0;

	for (unsigned cover = 0; cover < OWN_COVERS; cover++) {
		unsigned due = lm_cover_due(&node->schedule[cover], &node->prng, now_us, max - n);

		for (unsigned i = 0; i < due; i++)
			n += make_cover(shard, node, &item[n], (enum own_cover)cover, now_us);
	}
	return n;
}

static void add_due(struct shard *shard, struct node *node, uint64_t now_us)
{
	while (node_cover_us(node) <= now_us) {
		struct lm_mix_item item[LM_BURST];
		unsigned n = node_cover(shard, node, item, LM_BURST, now_us);

		if (n > 0)
			add(shard, node, item, n, now_us);
	}
}

/* Company for a batch that has waited for it as long as it may. */
static void add_company(struct shard *shard, struct node *node, uint64_t now_us)
{
	uint32_t wanted = lm_mix_wanted(node->mix, now_us);
	struct lm_mix_item item;

	if (wanted > 0 && !node->has_drop) {
		shard->results.starved++;
		return;
	}
	for (uint32_t i = 0; i < wanted; i++)
		if (make_cover(shard, node, &item, OWN_DROP, now_us))
			add(shard, node, &item, 1, now_us);
}

/* ---- Out of it ---- */

static void count_sent(struct shard *shard, const struct node *node, uint64_t now_us)
{
	shard->results.mixes_sent += !node->crowd && now_us >= shard->sim->settled_us;
}

static void send_on(struct shard *shard, struct node *node, uint32_t place, uint64_t now_us)
{
	struct packet *packet = &shard->sim->packets.packet[place];
	unsigned at = packet->at++;
	bool last = at + 1 == packet->hops;

	count_sent(shard, node, now_us);
	link_send(shard, &node->prng, place, node->number, packet->path[at],
		  last && !packet->exits ? ARRIVAL_ENDS : packet->delay_us[at], now_us);
}

void node_leave(struct shard *shard, struct node *node, const struct leaver *leaver)
{
	struct packet *packet = &shard->sim->packets.packet[leaver->place];
	struct lm_mix_item item = {.packet = node_item(leaver->place, 0)};
	uint64_t now_us = shard->sim->from_us + leaver->at;

	shard->results.hops++;
	node->left += now_us >= shard->sim->settled_us;
	packet->closed = leaver->closed;
	if (packet->at == packet->hops) {
		link_deliver(shard, &node->prng, leaver->place, node->number, now_us);
		return;
	}
	if (!node->pacer) {
		send_on(shard, node, leaver->place, now_us);
		return;
	}
	item.to = (uint16_t)(shard->sim->node[packet->path[packet->at]].rank + 1);
	if (lm_pacer_push(node->pacer, &item) != LM_DROP_NONE)
		packet_done(shard, leaver->place, PACKET_LOST, now_us);
}

static void leave_all(struct shard *shard, struct node *node)
{
	for (uint32_t i = 0; i < shard->leavers; i++)
		node_leave(shard, node, &shard->leaver[i]);
	shard->leavers = 0;
}

/*
 * What the mix gives. Packets are in memory that is not in the cache: they are fetched, and looked
 * at when there is a burst of them, the window ends, or the pacer must know of them.
 */
static void take_due(struct shard *shard, struct node *node, uint64_t now_us)
{
	struct lm_mix_item item[LM_BURST];
	uint32_t closed;
	unsigned n;

	do {
		n = lm_mix_take(node->mix, item, LM_BURST, now_us);
		weakness_swap(&node->weakness, item, n);
		closed = (uint32_t)lm_mix_closed_us(node->mix);
		for (unsigned i = 0; i < n; i++) {
			uint32_t place = node_place(&item[i]);

			__builtin_prefetch(&shard->sim->packets.packet[place], 1);
			shard->leaver[shard->leavers++] =
				(struct leaver){place, (uint32_t)(now_us - shard->sim->from_us),
						closed};
			if (shard->leavers == LM_BURST)
				leave_all(shard, node);
		}
	} while (n == LM_BURST);
	if (node->pacer)
		leave_all(shard, node);
}

void node_use_slots(struct shard *shard, struct node *node, uint64_t until_us)
{
	const struct sim *sim = shard->sim;
	const uint32_t *next = sim->topology->layer_node[next_layer(sim, node)];
	struct lm_mix_item item[LM_BURST];
	uint64_t now_us;

	while ((now_us = lm_pacer_next_us(node->pacer)) < until_us) {
		unsigned n = lm_pacer_due(node->pacer, item, LM_BURST, now_us);

		for (unsigned i = 0; i < n; i++) {
			if (item[i].packet) {
				send_on(shard, node, node_place(&item[i]), now_us);
				continue;
			}
			count_sent(shard, node, now_us);
			link_dummy(shard, &node->prng, node->number, (uint16_t)next[item[i].to - 1],
				   now_us);
		}
	}
}

/* ---- Time ---- */

/* Of the node itself, without its clients. */
static uint64_t own_next_us(const struct node *node)
{
	uint64_t next_us = lm_mix_next_us(node->mix), cover_us = node_cover_us(node);

	next_us = cover_us < next_us ? cover_us : next_us;
	if (node->pacer && lm_pacer_next_us(node->pacer) < next_us)
		next_us = lm_pacer_next_us(node->pacer);
	return next_us;
}

uint64_t node_next_us(const struct node *node)
{
	uint64_t next_us = own_next_us(node);

	if (node->crowd && crowd_next_us(node->crowd) < next_us)
		next_us = crowd_next_us(node->crowd);
	return next_us;
}

void node_count(struct node *node, double held, uint64_t now_us)
{
	if (now_us <= node->counted_us)
		return;
	node->held_sum += held * (double)(now_us - node->counted_us);
	node->held_square += held * held * (double)(now_us - node->counted_us);
	node->counted_us = now_us;
}

/* The mix and what it gives at now_us; it may have more to give at the same time. */
static void run_mix(struct shard *shard, struct node *node, uint64_t now_us)
{
	if (lm_mix_next_us(node->mix) > now_us)
		return;
	take_due(shard, node, now_us);
	add_company(shard, node, now_us);
}

static void run_events(struct shard *shard, struct node *node, const struct arrival *arrival,
		       uint32_t n)
{
	const struct sim *sim = shard->sim;
	uint32_t i = 0;

	shard->leavers = 0;
	for (;;) {
		uint64_t now_us = own_next_us(node);

		if (i < n && sim->from_us + arrival[i].at < now_us)
			now_us = sim->from_us + arrival[i].at;
		if (now_us >= sim->until_us)
			break;
		node_count(node, lm_mix_held(node->mix), now_us);
		while (i < n && sim->from_us + arrival[i].at == now_us)
			i += take_arrivals(shard, node, arrival + i, n - i, now_us);
		add_due(shard, node, now_us);
		run_mix(shard, node, now_us);
		if (node->pacer)
			node_use_slots(shard, node, now_us + 1);
	}
	leave_all(shard, node);
}

void node_run(struct shard *shard, struct node *node, const struct arrival *arrival, uint32_t n)
{
	node->may_make = shard->sim->may_make;
	if (node->crowd)
		crowd_run(shard, node);
	if (shard->sim->at_once && flow_run(shard, node, arrival, n))
		return;
	run_events(shard, node, arrival, n);
}
