/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One document after another: when each is in force, which may follow, and what the next one takes
 * over from the one before.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lm_topology.h"

static bool same(const void *a, const void *b)
{
	return memcmp(a, b, 32) == 0;
}

static void prepend_key(struct lm_topology_node *node, uint8_t kid, const struct lm_point *pk)
{
	LM_ASSERT(node->keys < LM_TOPOLOGY_NODE_KEYS);
	memmove(&node->key[1], &node->key[0], node->keys * sizeof(node->key[0]));
	node->key[0].kid = kid;
	node->key[0].pk = *pk;
	node->keys++;
}

/* Whether `known` speaks for the keys of the epoch before `topology`'s. */
static bool knows_before(const struct lm_topology *known, const struct lm_topology *topology)
{
	if (known->epoch >= topology->epoch)
		return known->epoch == topology->epoch &&
		       same(known->previous.b, topology->previous.b);
	if (known->epoch == topology->epoch - 1)
		return same(known->hash.b, topology->previous.b);
	return topology->epoch - 1 - known->epoch < LM_TOPOLOGY_KEYS; /* it has promised them */
}

bool lm_topology_inherit(struct lm_topology *topology, const struct lm_topology *known)
{
	uint8_t kid = (uint8_t)(topology->epoch - 1);

	if (!knows_before(known, topology))
		return false;
	for (unsigned i = 0; i < topology->nodes; i++) {
		struct lm_topology_node *node = &topology->node[i];
		const struct lm_topology_node *old = lm_topology_find(known, node->id);
		const struct lm_point *pk = old ? lm_topology_key(old, kid) : NULL;

		if (pk && same(old->identity.b, node->identity.b) && node->keys == LM_TOPOLOGY_KEYS)
			prepend_key(node, kid, pk);
	}
	return true;
}

uint32_t lm_topology_epoch_at(const struct lm_topology *topology, uint64_t now_s)
{
	return topology->epoch + (now_s >= topology->until_s);
}

uint64_t lm_topology_skew_us(const struct lm_topology *topology)
{
	uint64_t tenth_us = (topology->until_s - topology->from_s) * 100000;

	return tenth_us < LM_TOPOLOGY_SKEW_US ? tenth_us : LM_TOPOLOGY_SKEW_US;
}

enum lm_topology_phase lm_topology_phase_at(const struct lm_topology *topology, uint32_t epoch,
					    uint64_t wall_us, uint64_t path_us)
{
	uint64_t span_s = topology->until_s - topology->from_s;
	uint64_t begin_s = epoch == topology->epoch ? topology->from_s : topology->until_s;
	uint64_t begin_us = begin_s * 1000000, end_us = (begin_s + span_s) * 1000000;

	if (wall_us < begin_us + lm_topology_skew_us(topology))
		return LM_TOPOLOGY_BEGINNING;
	if (wall_us < end_us && end_us - wall_us < path_us)
		return LM_TOPOLOGY_ENDING;
	return LM_TOPOLOGY_MIDDLE; /* also of an epoch that goes on for want of a document */
}

const char *lm_succession_name(enum lm_succession refusal)
{
	static const char *const names[] = {
		[LM_SUCCESSION_TAKEN] = "taken",     [LM_SUCCESSION_EXPIRED] = "expired",
		[LM_SUCCESSION_FUTURE] = "future",   [LM_SUCCESSION_OLDER] = "older",
		[LM_SUCCESSION_FORK] = "fork",       [LM_SUCCESSION_GAP] = "gap",
		[LM_SUCCESSION_PROMISE] = "promise",
	};

	return names[refusal];
}

/* ---- What a reader takes ---- */

struct judgement {
	const struct lm_topology *topology, *newest;
	const char *name;
	struct lm_error *err;
};

/* The reason with its message: "NAME: epoch 8: ...". */
LM_PRINTF(3, 4)
static enum lm_succession refuse(const struct judgement *judgement, enum lm_succession refusal,
				 const char *format, ...)
{
	char what[300];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	(void)lm_error_set(judgement->err, EINVAL, "%s: epoch %" PRIu32 ": %s", judgement->name,
			   judgement->topology->epoch, what);
	return refusal;
}

static enum lm_succession judge_time(const struct judgement *judgement, uint64_t now_s)
{
	const struct lm_topology *topology = judgement->topology;
	uint64_t span_s = topology->until_s - topology->from_s;
	char from[LM_TOPOLOGY_TIME], until[LM_TOPOLOGY_TIME];

	lm_topology_format_time(from, topology->from_s);
	lm_topology_format_time(until, topology->until_s);
	if (topology->from_s > now_s && topology->from_s - now_s > span_s)
		return refuse(judgement, LM_SUCCESSION_FUTURE,
			      "is from the future: begins %s, more than an epoch from now; is the "
			      "clock right?",
			      from);
	if (now_s > topology->until_s && now_s - topology->until_s > span_s)
		return refuse(judgement, LM_SUCCESSION_EXPIRED,
			      "has expired: ended %s, more than an epoch ago; get a newer one",
			      until);
	return LM_SUCCESSION_TAKEN;
}

/* A node that has, for an epoch that both documents list, another key than before; or NULL. */
static const struct lm_topology_node *find_change(const struct lm_topology *topology,
						  const struct lm_topology *before, uint32_t *epoch)
{
	for (unsigned i = 0; i < before->nodes; i++) {
		const struct lm_topology_node *node =
			lm_topology_find(topology, before->node[i].id);

		for (*epoch = topology->epoch; node && *epoch - before->epoch < LM_TOPOLOGY_KEYS;
		     ++*epoch) {
			const struct lm_point *old =
				lm_topology_key(&before->node[i], (uint8_t)*epoch);
			const struct lm_point *new = lm_topology_key(node, (uint8_t)*epoch);

			if (!same(old->b, new->b))
				return node;
		}
	}
	return NULL;
}

/* One of a later epoch than the newest. */
static enum lm_succession judge_successor(const struct judgement *judgement)
{
	const struct lm_topology *topology = judgement->topology, *newest = judgement->newest;
	uint32_t epochs = topology->epoch - newest->epoch, epoch;
	const struct lm_topology_node *node;
	char until[LM_TOPOLOGY_TIME];

	lm_topology_format_time(until, newest->until_s);
	if (epochs == 1 && !same(topology->previous.b, newest->hash.b))
		return refuse(judgement, LM_SUCCESSION_FORK,
			      "`previous` is not the hash of the document of epoch %" PRIu32
			      " that was taken: the authorities have signed two",
			      newest->epoch);
	/* an epoch between takes a second at least */
	if (epochs == 1 ? topology->from_s != newest->until_s
			: topology->from_s < newest->until_s + epochs - 1)
		return refuse(judgement, LM_SUCCESSION_GAP,
			      "does not begin when the one before ends; that of epoch %" PRIu32
			      " ends %s",
			      newest->epoch, until);
	node = find_change(topology, newest, &epoch);
	if (node)
		return refuse(judgement, LM_SUCCESSION_PROMISE,
			      "node %" PRIu32 " has another key of epoch %" PRIu32
			      " than the document of epoch %" PRIu32 " has promised",
			      node->id, epoch, newest->epoch);
	return LM_SUCCESSION_TAKEN;
}

enum lm_succession lm_topology_succeeds(const struct lm_topology *topology,
					const struct lm_topology *newest, uint64_t now_s,
					const char *name, struct lm_error *err)
{
	const struct judgement judgement = {topology, newest, name, err};
	enum lm_succession refusal;

	if (newest && same(topology->hash.b, newest->hash.b))
		return LM_SUCCESSION_TAKEN; /* the one in force, however old */
	if (newest && topology->epoch < newest->epoch)
		return refuse(&judgement, LM_SUCCESSION_OLDER,
			      "is older than that of epoch %" PRIu32 ", which was taken",
			      newest->epoch);
	if (newest && topology->epoch == newest->epoch)
		return refuse(&judgement, LM_SUCCESSION_FORK,
			      "is not the document of this epoch that was taken: the authorities "
			      "have signed two");
	refusal = judge_time(&judgement, now_s);
	if (refusal == LM_SUCCESSION_TAKEN && newest)
		refusal = judge_successor(&judgement);
	return refusal;
}
