/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Prefixes of addresses in a plan: read, written, asked. Private to this folder.
 */
#pragma once

#include "document.h"
#include "lm_topology_plan.h"

#define LM_PREFIX_TEXT 48 /* bytes of a prefix as text, with its NUL */

/* How many prefixes reading this member can give, at most LM_PLAN_PREFIXES. */
unsigned lm_topology_count_prefixes(const json_t *member);

/* "prefixes", if it is there: as many as were counted. */
LM_MUST_CHECK int lm_topology_read_prefixes(struct lm_prefix *prefix, unsigned *n,
					    const struct reader *reader, const struct place *place);

/* Does the address lie in it? */
bool lm_prefix_has(const struct lm_prefix *prefix, const struct lm_topology_address *address);

void lm_prefix_format(char text[LM_PREFIX_TEXT], const struct lm_prefix *prefix);
