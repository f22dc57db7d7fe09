/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See cover.h: what the control thread does for cover. Seeds, tokens and built packets are secret
 * until they are sent: lib/cover wipes the first two, the packets wait in the pool of buffers.
 */
#include "cover.h"

#include <errno.h>
#include <inttypes.h>
#include <rte_malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relay.h"

#define BEGIN_US   10000000 /* at the start neighbours get so long to be resolved */
#define COLLECT_US 10000    /* between two looks at the table */

static int no_memory(struct lm_error *err)
{
	return lm_error_set(err, ENOMEM,
			    "too little memory for cover: lower cover.stock and cover.loops, raise "
			    "memory.megabytes or reserve more huge pages");
}

void cover_describe(FILE *to, const struct relay *relay)
{
	const struct lm_topology *topology = relay->topology;
	const struct relay_config *config = relay->config;
	double loop_us = topology->cover.loop_interval_us,
	       drop_us = topology->cover.drop_interval_us;
	double path_us = (double)lm_cover_path_us(topology, config->cover.slack_us);
	double most;

	if (drop_us > 0)
		fprintf(to, "cover: a drop packet every %.3f ms\n", drop_us / 1000);
	if (loop_us == 0)
		return;
	/* the place of a lost loop is kept as long again as it was waited for */
	most = (double)config->cover.stock + 2 * path_us / loop_us;
	fprintf(to,
		"cover: a loop every %.3f ms, lost after %.1f s at most: cover.loops %" PRIu64
		" >= %.0f%s\n",
		loop_us / 1000, path_us / 1000000, config->cover.loops, most,
		most > (double)config->cover.loops ? ": NO, fewer may be sent; raise it" : "");
}

static int make_builder(struct cover *cover, const struct relay *relay, struct lm_error *err)
{
	void *memory = NULL;

	cover->build = calloc(LM_BURST, sizeof(*cover->build));
	if (!cover->build ||
	    posix_memalign(&memory, LM_PACKET_ALIGN, lm_packet_builder_size()) != 0)
		return no_memory(err);
	cover->builder = lm_packet_builder_init(memory, relay->topology->profile,
						relay->config->node.symmetric, err);
	if (cover->builder)
		return 0;
	free(memory);
	return -EINVAL;
}

static struct lm_cover_limits limits_of(const struct relay_config *config)
{
	return (struct lm_cover_limits){
		.window = (uint32_t)config->cover.window,
		.warn_percent = (uint32_t)config->cover.warn_percent,
		.pause_percent = (uint32_t)config->cover.pause_percent,
		.retry_us = config->cover.retry_us,
	};
}

static bool same_limits(const struct lm_cover_limits *a, const struct lm_cover_limits *b)
{
	return a->window == b->window && a->warn_percent == b->warn_percent &&
	       a->pause_percent == b->pause_percent && a->retry_us == b->retry_us;
}

int cover_open(struct relay *relay, int socket, uint64_t now_us, struct lm_error *err)
{
	static const char *const names[] = {
		[COVER_LOOP] = "cover-loops", [COVER_DROP] = "cover-drops"};
	struct cover *cover = &relay->cover;
	const struct relay_config *config = relay->config;
	const struct lm_cover_limits limits = limits_of(config);
	uint8_t seed[32];
	void *memory;

	cover->places = (uint32_t)config->cover.loops;
	cover->begin_us = now_us + BEGIN_US;
	cover->schedule[COVER_LOOP].next_us = cover->schedule[COVER_DROP].next_us = UINT64_MAX;
	lm_cover_judge_init(&cover->judge, &limits, now_us);
	for (unsigned kind = 0; kind < COVER_KINDS; kind++) {
		if (!cover_stock_make(&cover->stock[kind], names[kind],
				      (unsigned)config->cover.stock, socket))
			return no_memory(err);
	}
	memory = rte_malloc_socket("loops", lm_cover_table_size(cover->places), LM_COVER_ALIGN,
				   socket);
	if (!memory)
		return no_memory(err);
	cover->loops = lm_cover_table_init(memory, cover->places);
	relay->shared.loops = cover->loops;
	lm_rand(seed, sizeof(seed));
	lm_prng_init(&cover->ways, seed);
	lm_rand(seed, sizeof(seed));
	lm_prng_init(&cover->gaps, seed);
	lm_wipe(seed, sizeof(seed));
	return make_builder(cover, relay, err);
}

void cover_close(struct cover *cover)
{
	if (cover->builder)
		lm_wipe(cover->builder, lm_packet_builder_size());
	free(cover->builder);
	free(cover->build);
	lm_wipe(&cover->ways, sizeof(cover->ways));
	lm_wipe(&cover->gaps, sizeof(cover->gaps));
}

/* Draws a packet of this kind for the buffer in `item`. A loop has a place in the table. */
static void plan(struct relay *relay, enum cover_kind kind, struct cover_item *item,
		 struct lm_packet_build *build)
{
	struct cover *cover = &relay->cover;
	const struct lm_cover_maker maker = {
		.topology = relay->topology,
		.self = relay->node,
		.epoch = relay->epoch,
		.phase = cover->phase,
		.slack_us = relay->config->cover.slack_us,
		.prng = &cover->ways,
	};
	struct lm_cover_way way;

	item->loop = COVER_NO_LOOP;
	if (kind == COVER_LOOP) {
		LM_ASSERT(lm_cover_plan_loop(&maker, &way, build));
		LM_ASSERT(
			lm_cover_table_add(cover->loops, &item->loop, &build->token, way.wait_us));
	} else {
		LM_ASSERT(lm_cover_plan_drop(&maker, &way, build));
	}
	build->packet = rte_pktmbuf_mtod(item->mbuf, uint8_t *);
	item->delay_us = way.delay_us;
	item->to = links_number(&relay->links, way.first->id);
	LM_ASSERT(item->to != 0); /* a topology with more neighbours than numbers makes no view */
}

/* Builds n packets of a kind and puts them into its stock; 0 if the pool lacks buffers for them. */
static unsigned build(struct relay *relay, enum cover_kind kind, unsigned n)
{
	struct cover *cover = &relay->cover;
	struct rte_mbuf *mbuf[LM_BURST];
	struct cover_item item[LM_BURST] = {0};
	uint16_t len = (uint16_t)lm_packet_len(relay->topology->profile);

	if (rte_pktmbuf_alloc_bulk(relay->port.pool, mbuf, n) != 0)
		return 0;
	for (unsigned i = 0; i < n; i++) {
		LM_ASSERT(rte_pktmbuf_append(mbuf[i], len) != NULL);
		item[i].mbuf = mbuf[i];
		plan(relay, kind, &item[i], &cover->build[i]);
	}
	/* a topology has no keys of small order, the one reason for which a packet is not built */
	LM_ASSERT(lm_cover_build(cover->builder, cover->build, n) == UINT64_MAX >> (64 - n));
	cover_stock_put(&cover->stock[kind], item, n);
	return n;
}

/* How many more packets of this kind may be made; 0 for a kind that is not sent at all. */
static unsigned room(const struct relay *relay, enum cover_kind kind)
{
	const struct lm_topology *topology = relay->topology;
	const struct cover *cover = &relay->cover;
	unsigned places = cover_stock_room(&cover->stock[kind]), free;

	if (!cover->has_way[kind])
		return 0;
	if (kind == COVER_LOOP) {
		free = cover->places - lm_cover_table_loops(cover->loops);
		places = free < places ? free : places;
		return topology->cover.loop_interval_us > 0 ? places : 0;
	}
	/* batches may need drop packets for company even if none is scheduled */
	return topology->cover.drop_interval_us > 0 || (topology->mix.strategy == LM_MIX_BATCH &&
							topology->mix.min_batch > 1)
		       ? places
		       : 0;
}

/* A burst for the stock that lacks more, if one of them has room for a burst. */
static unsigned fill(struct relay *relay)
{
	unsigned loops = room(relay, COVER_LOOP), drops = room(relay, COVER_DROP);
	unsigned burst = relay->cover.stock[COVER_LOOP].capacity / 2;

	burst = burst < LM_BURST ? burst : LM_BURST;
	if ((loops > drops ? loops : drops) < burst)
		return 0;
	return build(relay, loops > drops ? COVER_LOOP : COVER_DROP, burst);
}

static void set_intervals(struct cover *cover, const struct lm_topology_cover *mean)
{
	__atomic_store_n(&cover->interval_us[COVER_LOOP], mean->loop_interval_us, __ATOMIC_RELAXED);
	__atomic_store_n(&cover->interval_us[COVER_DROP], mean->drop_interval_us, __ATOMIC_RELAXED);
}

void cover_end(struct cover *cover)
{
	static const struct lm_topology_cover none;

	cover->ended = true;
	set_intervals(cover, &none);
}

/* Looks whether there are ways for this node's cover at all, in a topology that is new. */
static void find_ways(struct relay *relay)
{
	struct cover *cover = &relay->cover;

	cover->has_way[COVER_LOOP] = lm_topology_has_loop(relay->topology, relay->node);
	cover->has_way[COVER_DROP] = lm_topology_has_drop(relay->topology, relay->node);
	if (!cover->has_way[COVER_LOOP] && relay->topology->cover.loop_interval_us > 0)
		fprintf(stderr,
			"linemix-relay: warning: node %" PRIu32
			" sends no loops: the topology has too few operators for one\n",
			relay->node->id);
}

/* Makes the stocks anew when their packets would not do any more, and gives the mixer its rates. */
static void follow(struct relay *relay, uint64_t now_us, uint64_t wall_us)
{
	struct cover *cover = &relay->cover;
	const struct lm_topology *topology = relay->topology;
	struct lm_topology_cover mean = topology->cover;
	enum lm_topology_phase phase =
		lm_topology_phase_at(topology, relay->epoch, wall_us,
				     lm_cover_path_us(topology, relay->config->cover.slack_us));
	/* by its hash: its address may be another's again */
	bool same = memcmp(&cover->topology, &topology->hash, sizeof(topology->hash)) == 0;
	bool other = !same || cover->epoch != relay->epoch;

	/* loops on their way may need keys that have just been erased, here and elsewhere */
	if (cover->followed && other)
		lm_cover_table_excuse(cover->loops);
	if (cover->followed && (other || cover->phase != phase)) {
		for (unsigned kind = 0; kind < COVER_KINDS; kind++)
			cover_stock_expire(&cover->stock[kind]);
	}
	if (!cover->followed || !same)
		find_ways(relay);
	cover->followed = true;
	cover->topology = topology->hash;
	cover->epoch = relay->epoch;
	cover->phase = phase;
	if (!cover->has_way[COVER_LOOP])
		mean.loop_interval_us = 0;
	if (!cover->has_way[COVER_DROP])
		mean.drop_interval_us = 0;
	cover->begun |=
		now_us >= cover->begin_us || __atomic_load_n(&relay->ready, __ATOMIC_RELAXED);
	if (cover->begun && !cover->ended)
		set_intervals(cover, &mean);
}

static void say_verdict(const struct relay *relay)
{
	static const char *const meaning[] = {
		[LM_COVER_OK] = "they come back",
		[LM_COVER_WARN] = "an attack, or relays and links that fail",
		[LM_COVER_PAUSE] = "what arrives is dropped until they come back",
	};
	const struct lm_cover_judge *judge = &relay->cover.judge;

	fprintf(stderr,
		"linemix-relay: node %u: loops: %s: %" PRIu32 " of the last %" PRIu32
		" were lost: %s\n",
		relay->node->id, lm_cover_verdict_name(judge->verdict), judge->lost, judge->n,
		meaning[judge->verdict]);
}

static void judge(struct relay *relay, uint64_t now_us)
{
	struct cover *cover = &relay->cover;
	struct lm_cover_news news = lm_cover_table_collect(cover->loops, now_us);
	const struct lm_cover_limits limits = limits_of(relay->config);
	bool loops = relay->topology->cover.loop_interval_us > 0;
	enum lm_cover_verdict before = cover->verdict, verdict = LM_COVER_OK;

	count_add(&cover->back, news.back);
	count_add(&cover->lost, news.lost);
	count_add(&cover->late, news.late);
	/* without loops nothing is known, and so all is well */
	if (!loops || !same_limits(&limits, &cover->judge.limits))
		lm_cover_judge_init(&cover->judge, &limits, now_us);
	if (loops)
		verdict = lm_cover_judge(&cover->judge, &news, now_us);
	if (verdict == before)
		return;
	__atomic_store_n(&cover->verdict, verdict, __ATOMIC_RELAXED);
	__atomic_store_n(&relay->shared.paused, verdict == LM_COVER_PAUSE, __ATOMIC_RELAXED);
	if (before == LM_COVER_OK)
		count_add(&cover->alarms, 1);
	say_verdict(relay);
}

unsigned cover_step(struct relay *relay, uint64_t now_us, uint64_t wall_us)
{
	struct cover *cover = &relay->cover;

	if (now_us >= cover->next_us) {
		judge(relay, now_us);
		cover->next_us = now_us + COLLECT_US;
	}
	follow(relay, now_us, wall_us);
	return fill(relay);
}
