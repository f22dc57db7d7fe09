/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A document on its way: what the steps of lm_build share. Private to this folder.
 */
#pragma once

#include "lm_topology_build.h"

/* What is taken from the descriptor that counts for a member. */
struct candidate {
	const struct lm_member *member;
	const char *file;
	uint32_t capacity;
	struct lm_point link;
	unsigned addresses;
	struct lm_topology_address address[LM_TOPOLOGY_ADDRESSES];
	struct lm_point key[LM_TOPOLOGY_KEYS]; /* of the document's epoch and the next two */
	bool out;
};

struct building {
	const struct lm_plan *plan;
	const struct lm_topology *previous; /* or NULL */
	uint32_t epoch;
	const struct lm_build_file *file;
	unsigned files;
	struct candidate *candidate; /* by rising id */
	unsigned candidates;
	struct lm_build_place *place; /* prefixes of the plan's members */
	uint32_t places;
	struct lm_build *built;
	bool no_memory; /* sticks: looked at once, at the end */
};

/* A line of the report; a name that is no text for a terminal is shown with ? instead. */
void lm_build_say(struct building *building, enum lm_build_verdict verdict, uint32_t id,
		  const char *file, const char *format, ...) LM_PRINTF(5, 6);

/* Fills building->candidate, and says which descriptors were refused. */
void lm_build_choose(struct building *building);

/* Fills building->place, which is for free(); false without memory. */
bool lm_build_find_places(struct building *building);

/* May the member be where its descriptor says? -EPERM and a message. */
LM_MUST_CHECK int lm_build_check_places(const struct building *building,
					const struct lm_member *member,
					const struct lm_descriptor *descriptor,
					struct lm_error *err);

/* Marks as out, and says of, all candidates that lose a contest for something that has one owner.
 */
void lm_build_contest(struct building *building);

/* The node in the document before, or NULL. */
const struct lm_topology_node *lm_build_before(const struct building *building, uint32_t id);
