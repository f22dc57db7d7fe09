/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who may claim an address. What the plan says of addresses comes before what descriptors say: an
 * address belongs to those members that have the longest prefix in which it lies, and to nobody
 * else; who has prefixes has no other addresses. So nobody can claim an address of another, neither
 * before that one comes nor afterwards. What the plan is silent of is contested (build_contest.c).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "build.h"
#include "prefix.h"

#define NONE UINT32_MAX

/* A prefix, and the longest shorter one in which it lies. One that several members have stands here
 * for each. */
struct lm_build_place {
	struct lm_prefix prefix;
	uint32_t id;
	uint32_t around; /* NONE: there is none */
};

/* By family, address and length: what lies in a prefix comes behind it, with nothing else between.
 */
static int compare_places(const void *a, const void *b)
{
	const struct lm_build_place *left = a, *right = b;
	int order = left->prefix.ipv6 - right->prefix.ipv6;

	if (order == 0)
		order = memcmp(left->prefix.ip, right->prefix.ip, sizeof(left->prefix.ip));
	if (order == 0)
		order = left->prefix.len - right->prefix.len;
	if (order == 0)
		order = (left->id > right->id) - (left->id < right->id);
	return order;
}

/* The address without what a prefix leaves open: its first. */
static struct lm_topology_address first_of(const struct lm_prefix *prefix)
{
	struct lm_topology_address address = {.ipv6 = prefix->ipv6};

	memcpy(address.ip, prefix->ip, sizeof(address.ip));
	return address;
}

/* From place `at` outwards, the first in which an address lies; NONE: in none. */
static uint32_t outwards(const struct lm_build_place *place, uint32_t at,
			 const struct lm_topology_address *address)
{
	while (at != NONE && !lm_prefix_has(&place[at].prefix, address))
		at = place[at].around;
	return at;
}

bool lm_build_find_places(struct building *building)
{
	const struct lm_plan *plan = building->plan;
	struct lm_build_place *place;
	size_t n = 0;

	for (unsigned i = 0; i < plan->members; i++)
		n += plan->member[i].prefixes;
	place = calloc(n + 1, sizeof(*place));
	if (!place)
		return false;
	n = 0;
	for (unsigned i = 0; i < plan->members; i++) {
		const struct lm_member *member = &plan->member[i];

		for (unsigned j = 0; j < member->prefixes && !member->retired; j++)
			place[n++] = (struct lm_build_place){member->prefix[j], member->id, NONE};
	}
	qsort(place, n, sizeof(*place), compare_places);
	for (uint32_t i = 1; i < n; i++) {
		struct lm_topology_address first = first_of(&place[i].prefix);
		uint32_t at = outwards(place, i - 1, &first);

		if (at != NONE && place[at].prefix.len == place[i].prefix.len)
			at = place[at].around;
		place[i].around = at;
	}
	building->place = place;
	building->places = (uint32_t)n;
	return true;
}

/* The place whose prefix is the longest in which the address lies, or NULL. */
static const struct lm_build_place *owner(const struct building *building,
					  const struct lm_topology_address *address)
{
	uint32_t low = 0, high = building->places, at;
	struct lm_build_place key = {
		.prefix = {.ipv6 = address->ipv6, .len = 128},
		.id = UINT32_MAX,
	};

	memcpy(key.prefix.ip, address->ip, sizeof(key.prefix.ip));
	while (low < high) { /* places below `low` are not behind the address */
		uint32_t middle = low + (high - low) / 2;

		if (compare_places(&building->place[middle], &key) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	at = outwards(building->place, low > 0 ? low - 1 : NONE, address);
	return at == NONE ? NULL : &building->place[at];
}

/* The longest of the member's own prefixes in which the address lies; 0: in none. */
static unsigned own_len(const struct lm_member *member, const struct lm_topology_address *address)
{
	unsigned len = 0;

	for (unsigned i = 0; i < member->prefixes; i++)
		if (member->prefix[i].len > len && lm_prefix_has(&member->prefix[i], address))
			len = member->prefix[i].len;
	return len;
}

int lm_build_check_places(const struct building *building, const struct lm_member *member,
			  const struct lm_descriptor *descriptor, struct lm_error *err)
{
	for (unsigned i = 0; i < descriptor->addresses; i++) {
		const struct lm_topology_address *address = &descriptor->address[i];
		const struct lm_build_place *place = owner(building, address);
		unsigned own = own_len(member, address);
		char text[LM_TOPOLOGY_ADDRESS], prefix[LM_PREFIX_TEXT];

		if (place ? own == place->prefix.len : member->prefixes == 0)
			continue;
		lm_topology_format_address(text, address);
		if (member->prefixes > 0 && own == 0)
			return lm_error_set(err, EPERM,
					    "addresses[%u]: %s is in none of the prefixes that the "
					    "plan gives to %" PRIu32,
					    i, text, member->id);
		lm_prefix_format(prefix, &place->prefix);
		return lm_error_set(err, EPERM,
				    "addresses[%u]: %s is in %s, which the plan gives to %" PRIu32,
				    i, text, prefix, place->id);
	}
	return 0;
}
