/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Addresses, link keys and mix keys have one owner each. Where several members claim one, the
 * document before decides (round 1), and what it does not decide costs all of them their place
 * (round 2): so that whoever copies from another gains nothing by it. A round looks at all claims
 * before it marks anybody; no outcome depends on an order.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "build.h"

/* Something that a candidate claims, padded with zeros. */
struct claim {
	uint8_t bytes[32];
	unsigned candidate;
};

#define CLAIMS LM_TOPOLOGY_ADDRESSES /* of one kind by one candidate, at most */

struct claim_kind {
	const char *name;
	unsigned (*of_candidate)(struct claim *claim, const struct candidate *candidate);
	unsigned (*of_node)(struct claim *claim, const struct lm_topology_node *node);
};

struct contest {
	struct building *building;
	const struct claim_kind *kind;
	bool only_held;    /* round 1: only where one has it already */
	bool *lost;        /* by candidate */
	unsigned *against; /* by candidate: a member that claims the same */
	const char **what; /* by candidate: the name of the kind */
};

/* ---- What is claimed ---- */

static unsigned claim_addresses(struct claim *claim, const struct lm_topology_address *address,
				unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		memset(claim[i].bytes, 0, sizeof(claim[i].bytes));
		memcpy(claim[i].bytes, address[i].ip, sizeof(address[i].ip));
		lm_store_u32(claim[i].bytes + 16, address[i].port);
		claim[i].bytes[20] = address[i].ipv6;
	}
	return n;
}

static unsigned candidate_addresses(struct claim *claim, const struct candidate *candidate)
{
	return claim_addresses(claim, candidate->address, candidate->addresses);
}

static unsigned node_addresses(struct claim *claim, const struct lm_topology_node *node)
{
	return claim_addresses(claim, node->address, node->addresses);
}

static unsigned candidate_link(struct claim *claim, const struct candidate *candidate)
{
	memcpy(claim->bytes, candidate->link.b, sizeof(claim->bytes));
	return 1;
}

static unsigned node_link(struct claim *claim, const struct lm_topology_node *node)
{
	memcpy(claim->bytes, node->link.b, sizeof(claim->bytes));
	return 1;
}

static unsigned candidate_keys(struct claim *claim, const struct candidate *candidate)
{
	for (unsigned i = 0; i < LM_TOPOLOGY_KEYS; i++)
		memcpy(claim[i].bytes, candidate->key[i].b, sizeof(claim[i].bytes));
	return LM_TOPOLOGY_KEYS;
}

static unsigned node_keys(struct claim *claim, const struct lm_topology_node *node)
{
	for (unsigned i = 0; i < node->keys; i++)
		memcpy(claim[i].bytes, node->key[i].pk.b, sizeof(claim[i].bytes));
	return node->keys;
}

static const struct claim_kind kinds[] = {
	{"address", candidate_addresses, node_addresses},
	{"link key", candidate_link, node_link},
	{"mix key", candidate_keys, node_keys},
};

_Static_assert(LM_TOPOLOGY_KEYS <= CLAIMS && LM_TOPOLOGY_NODE_KEYS <= CLAIMS, "room for all kinds");

/* ---- Who has it ---- */

/* Did this member have it in the document before? */
static bool had(const struct contest *contest, const struct claim *claim)
{
	const struct candidate *candidate = &contest->building->candidate[claim->candidate];
	const struct lm_topology_node *node =
		lm_build_before(contest->building, candidate->member->id);
	struct claim old[CLAIMS];
	unsigned n = node ? contest->kind->of_node(old, node) : 0;

	for (unsigned i = 0; i < n; i++)
		if (memcmp(old[i].bytes, claim->bytes, sizeof(claim->bytes)) == 0)
			return true;
	return false;
}

static void lose(const struct contest *contest, unsigned candidate, unsigned against)
{
	if (contest->lost[candidate])
		return; /* the first reason is as good */
	contest->lost[candidate] = true;
	contest->against[candidate] = against;
	contest->what[candidate] = contest->kind->name;
}

/* n claims to the same thing, 2 at least. */
static void decide(const struct contest *contest, const struct claim *claim, unsigned n)
{
	unsigned holder = n;

	for (unsigned i = 0; i < n; i++)
		if (had(contest, &claim[i]))
			holder = i; /* one at most: nothing stands twice in a document */
	if (holder == n && contest->only_held)
		return;
	for (unsigned i = 0; i < n; i++)
		if (i != holder)
			lose(contest, claim[i].candidate,
			     claim[holder < n ? holder
				   : i == 0   ? 1
					      : 0]
				     .candidate);
}

static int compare_claims(const void *a, const void *b)
{
	const struct claim *left = a, *right = b;
	int order = memcmp(left->bytes, right->bytes, sizeof(left->bytes));

	return order ? order
		     : (left->candidate > right->candidate) - (left->candidate < right->candidate);
}

static void hold_contests(const struct contest *contest, struct claim *claim)
{
	const struct building *building = contest->building;
	unsigned n = 0;

	for (unsigned i = 0; i < building->candidates; i++) {
		unsigned got;

		if (building->candidate[i].out)
			continue;
		got = contest->kind->of_candidate(&claim[n], &building->candidate[i]);
		for (unsigned end = n + got; n < end; n++)
			claim[n].candidate = i;
	}
	qsort(claim, n, sizeof(*claim), compare_claims);
	for (unsigned i = 0, run; i < n; i += run) {
		for (run = 1; i + run < n; run++)
			if (memcmp(claim[i].bytes, claim[i + run].bytes, sizeof(claim->bytes)) != 0)
				break;
		if (run > 1)
			decide(contest, &claim[i], run);
	}
}

/* ---- Rounds ---- */

static void put_out(struct contest *contest)
{
	struct building *building = contest->building;

	for (unsigned i = 0; i < building->candidates; i++) {
		struct candidate *candidate = &building->candidate[i];

		if (!contest->lost[i])
			continue;
		contest->lost[i] = false;
		candidate->out = true;
		lm_build_say(building, LM_BUILD_OUT, candidate->member->id, candidate->file,
			     contest->only_held
				     ? "claims the %s of node %u, which has it already"
				     : "claims the same %s as node %u, and neither had it before",
			     contest->what[i], building->candidate[contest->against[i]].member->id);
	}
}

void lm_build_contest(struct building *building)
{
	size_t n = building->candidates;
	struct claim *claim = calloc(n + 1, CLAIMS * sizeof(*claim));
	struct contest contest = {
		.building = building,
		.lost = calloc(n + 1, sizeof(*contest.lost)),
		.against = calloc(n + 1, sizeof(*contest.against)),
		.what = calloc(n + 1, sizeof(*contest.what)),
	};

	if (!claim || !contest.lost || !contest.against || !contest.what) {
		building->no_memory = true;
		goto out;
	}
	for (unsigned round = 1; round <= 2; round++) {
		contest.only_held = round == 1;
		for (size_t i = 0; i < LM_COUNT(kinds); i++) {
			contest.kind = &kinds[i];
			hold_contests(&contest, claim);
		}
		put_out(&contest);
	}
out:
	free(claim);
	free(contest.lost);
	free(contest.against);
	free(contest.what);
}
