/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A window of one node under poisson mixing, in bursts. When a packet leaves is decided when it
 * comes, and nothing that happens at the node changes it: so all that comes in the window is put
 * into the mix at its beginning, with a delay that is longer by as much as it comes later, and all
 * that is due before its end is taken at once. The mix orders and shuffles as it would packet by
 * packet; but calls into it, and looks at what is not in the cache, go by bursts.
 *
 * An item carries its due time, since the mix does not give it back. Only what the mix holds is
 * more than it should be within the window: where it might get full, node_run goes event by event.
 */
#include <errno.h>

#include "world.h"

#define MARGIN (4 * LM_BURST) /* own cover of a window, for which there must be room as well */
#define AHEAD  24             /* packets that are fetched before they are looked at */

bool flow_params(struct lm_mix_params *params, uint32_t window_us)
{
	/* the longest delay is 27.6 means: with a window it must not be cut */
	uint64_t mean_us = params->mean_delay_us + (uint64_t)window_us * 10 / 276 + 1;

	if (params->strategy != LM_MIX_POISSON || mean_us > LM_MIX_MEAN_MAX_US)
		return false;
	params->mean_delay_us = (uint32_t)mean_us;
	return true;
}

/* ---- Lists of the window ---- */

static bool make_room(struct shard *shard, uint32_t comers, uint32_t leavers)
{
	void *list;

	if (comers > shard->comers_room) {
		list = realloc(shard->comer, (size_t)comers * 2 * sizeof(*shard->comer));
		if (!list)
			return false;
		shard->comer = list;
		shard->comers_room = comers * 2;
	}
	if (leavers > shard->leavers_room) {
		list = realloc(shard->leaver, (size_t)leavers * 2 * sizeof(*shard->leaver));
		if (!list)
			return false;
		shard->leaver = list;
		shard->leavers_room = leavers * 2;
	}
	return true;
}

/* ---- Into the mix ---- */

struct burst {
	struct lm_mix_item item[LM_BURST];
	unsigned n;
};

static void flush(struct shard *shard, struct node *node, struct burst *burst)
{
	node_add(shard, node, burst->item, burst->n, shard->sim->from_us);
	burst->n = 0;
}

/* Notes n newcomers at a time of the window; the items of them that are in the burst wait longer by
 * as much. */
static void note(struct shard *shard, struct burst *burst, unsigned n, uint32_t at)
{
	if (!make_room(shard, shard->comers + n, 0)) {
		shard->rc = -ENOMEM;
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		shard->comer[shard->comers++] = at;
		burst->item[burst->n++].delay_us += at;
	}
}

static void take_arrival(struct shard *shard, struct burst *burst, const struct arrival *arrival)
{
	uint64_t now_us = shard->sim->from_us + arrival->at;

	if (arrival->delay_us == ARRIVAL_ENDS) {
		packet_done(shard, arrival->packet, PACKET_ENDED, now_us);
		return;
	}
	burst->item[burst->n] =
		(struct lm_mix_item){.packet =
					     node_item(arrival->packet, now_us + arrival->delay_us),
				     .delay_us = arrival->delay_us,
				     .from = arrival->from,
				     .to = 1};
	note(shard, burst, 1, arrival->at);
}

static void put_all(struct shard *shard, struct node *node, const struct arrival *arrival,
		    uint32_t n)
{
	uint64_t from_us = shard->sim->from_us, until_us = shard->sim->until_us;
	uint64_t cover_us = node_cover_us(node);
	struct burst burst = {.n = 0};
	uint32_t i = 0;

	while (shard->rc == 0) {
		if (i < n && from_us + arrival[i].at <= cover_us) {
			if (from_us + arrival[i].at >= until_us)
				break;
			take_arrival(shard, &burst, &arrival[i++]);
		} else if (cover_us < until_us) {
			unsigned made = node_cover(shard, node, burst.item + burst.n,
						   LM_BURST - burst.n, cover_us);

			note(shard, &burst, made, (uint32_t)(cover_us - from_us));
			cover_us = node_cover_us(node);
		} else {
			break;
		}
		if (burst.n == LM_BURST)
			flush(shard, node, &burst);
	}
	if (burst.n > 0)
		flush(shard, node, &burst);
}

/* ---- Out of it ---- */

static void take_all(struct shard *shard, struct node *node)
{
	uint64_t until_us = shard->sim->until_us;
	uint32_t from = (uint32_t)shard->sim->from_us;
	struct lm_mix_item item[LM_BURST];
	unsigned n;

	do {
		n = lm_mix_take(node->mix, item, LM_BURST, until_us - 1);
		if (!make_room(shard, 0, shard->leavers + n)) {
			shard->rc = -ENOMEM;
			return;
		}
		for (unsigned i = 0; i < n; i++) {
			uint32_t place = node_place(&item[i]);

			if (shard->leavers < AHEAD)
				__builtin_prefetch(&shard->sim->packets.packet[place], 1);
			shard->leaver[shard->leavers++] =
				(struct leaver){place, node_due(&item[i]) - from,
						node_due(&item[i])};
		}
	} while (n == LM_BURST || lm_mix_next_us(node->mix) < until_us);
}

static void send_all(struct shard *shard, struct node *node)
{
	uint64_t from_us = shard->sim->from_us;

	for (uint32_t i = 0; i < shard->leavers; i++) {
		const struct leaver *leaver = &shard->leaver[i];

		if (i + AHEAD < shard->leavers)
			__builtin_prefetch(&shard->sim->packets.packet[leaver[AHEAD].place], 1);
		if (node->pacer) /* slots of before come first */
			node_use_slots(shard, node, from_us + leaver->at);
		node_leave(shard, node, leaver);
	}
	if (node->pacer)
		node_use_slots(shard, node, shard->sim->until_us);
}

/* ---- The occupancy ---- */

/* What came and what left, in the order of time, as node_count would have seen it. */
static void count(struct shard *shard, struct node *node, uint32_t held)
{
	const struct leaver *leaver = shard->leaver, *last = leaver + shard->leavers;
	const uint32_t *comer = shard->comer, *end = comer + shard->comers;
	uint64_t from_us = shard->sim->from_us, settled_us = shard->sim->settled_us;

	while (comer < end || leaver < last) {
		bool comes = comer < end && (leaver == last || *comer <= leaver->at);
		uint64_t now_us = from_us + (comes ? *comer++ : leaver++->at);

		node_count(node, held, now_us);
		held += comes ? 1 : -1;
		node->came += comes && now_us >= settled_us;
	}
}

bool flow_run(struct shard *shard, struct node *node, const struct arrival *arrival, uint32_t n)
{
	uint32_t held = lm_mix_held(node->mix);

	if (shard->sim->params.held_max - held < (uint64_t)n + MARGIN)
		return false;
	shard->comers = shard->leavers = 0;
	put_all(shard, node, arrival, n);
	take_all(shard, node);
	if (shard->rc != 0)
		return true;
	if (shard->sim->until_us > shard->sim->settled_us)
		count(shard, node, held);
	send_all(shard, node);
	return true;
}
