/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading a JSON document strictly: each helper takes one field of one object, or says in the
 * reader's message where it is, what is wrong and what would be right.
 */
#pragma once

#include <jansson.h>

#include "lm_topology.h"

struct reader {
	const char *file;
	struct lm_error *err;
};

/* One object of the document: its JSON and its place, "nodes[3]." or "" at the top. */
struct place {
	json_t *json;
	char prefix[32];
};

struct place lm_topology_place_of_node(unsigned i); /* without its JSON */

/* Replaces what must not reach a terminal: text of the document is hostile. */
void lm_topology_make_printable(char *text);

/* -EINVAL with "FILE: PLACE.FIELD: WRONG"; field "" stands for the object itself. */
int lm_topology_fail(const struct reader *reader, const struct place *place, const char *field,
		     const char *format, ...) LM_PRINTF(4, 5);

/* Refuses every field of the object that is not in the NULL-terminated list. */
LM_MUST_CHECK int lm_topology_read_only(const struct reader *reader, const struct place *place,
					const char *const *fields);

LM_MUST_CHECK int lm_topology_read_uint(uint64_t *out, const struct reader *reader,
					const struct place *place, const char *field, uint64_t min,
					uint64_t max);

/* *out lives as long as the document. `right` says what the text should be. */
LM_MUST_CHECK int lm_topology_read_text(const char **out, const struct reader *reader,
					const struct place *place, const char *field,
					const char *right);

/* An object inside this one. */
LM_MUST_CHECK int lm_topology_read_object(struct place *out, const struct reader *reader,
					  const struct place *place, const char *field);

/* The objects "mixing" and "cover" of the document; the fields of no other strategy are allowed. */
LM_MUST_CHECK int lm_topology_read_mixing(struct lm_mix_params *mix, const struct reader *reader,
					  const struct place *top);
LM_MUST_CHECK int lm_topology_read_cover(struct lm_topology_cover *cover,
					 const struct reader *reader, const struct place *top);

/* One node's object into *node. */
LM_MUST_CHECK int lm_topology_read_node(struct lm_topology_node *node, const struct reader *reader,
					const struct place *place,
					const struct lm_topology *topology);

/* Refuses ids, addresses and keys that stand twice; the nodes are in the document's order. */
LM_MUST_CHECK int lm_topology_check_unique(const struct reader *reader,
					   const struct lm_topology *topology);
