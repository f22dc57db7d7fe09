/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading a JSON document strictly: each helper takes one field of one object, or says in the
 * reader's message where it is, what is wrong and what would be right.
 */
#pragma once

#include <jansson.h>

#include "lm_topology_check.h"

/* What was found so far: the first goes to the reader's err, all go to `take`, if there is one. */
struct mistakes {
	unsigned n;
	lm_mistake_fn *take; /* or NULL */
	/* Called beside it for each gateway to which no path leads; or NULL: then only the first of
	 * them is looked for. */
	void (*take_lonely)(void *context, uint32_t id);
	void *context;
};

/*
 * A mistake ends the reading of a field and of what depends on it, not of the document: it is read
 * to its end, so that everything wrong with it is found, and then refused. What could not be read
 * stays zero, which no field may be.
 */
struct reader {
	const char *file;
	struct lm_error *err;
	struct mistakes *mistakes;
};

/*
 * Of two readings, both done: 0, or what the first that failed gave. `a` is a variable and not a
 * call, since C does not say which argument is computed first, and mistakes come in order.
 */
static inline int lm_topology_both(int a, int b)
{
	return a ? a : b;
}

/* One object of the document: its JSON and its place, "nodes[3]." or "" at the top. */
struct place {
	json_t *json;
	char prefix[48];
};

struct place lm_topology_place_of_node(unsigned i); /* without its JSON */

/* Item i of the list in this field. */
struct place lm_topology_place_in_list(const struct place *place, const char *field, json_t *list,
				       unsigned i);

/* The whole text as a JSON object, which is for json_decref; NULL on failure. */
LM_MUST_CHECK int lm_topology_read_json(struct place *top, const struct reader *reader,
					const char *text, size_t len);

/* "format", which must be this one. */
LM_MUST_CHECK int lm_topology_read_format(const struct reader *reader, const struct place *top,
					  const char *format);

/* What an _explain returns after its reading gave rc: how many mistakes, -ENOMEM. */
LM_MUST_CHECK int lm_topology_explained(const struct reader *reader, int rc);

/* lm_topology_parse with a reader of one's own. */
LM_MUST_CHECK int lm_topology_read(struct lm_topology **topology, const struct reader *reader,
				   const char *text, size_t len);

/* Replaces what must not reach a terminal: text of the document is hostile. */
void lm_topology_make_printable(char *text);

/* -EINVAL with "FILE: PLACE.FIELD: WRONG"; field "" stands for the object itself. */
int lm_topology_fail(const struct reader *reader, const struct place *place, const char *field,
		     const char *format, ...) LM_PRINTF(4, 5);

/* The same of the file as a whole, whose name the message begins with: -code. */
int lm_topology_fail_file(const struct reader *reader, int code, const char *format, ...)
	LM_PRINTF(3, 4);

/* Refuses every field of the object that is not in the NULL-terminated list. */
LM_MUST_CHECK int lm_topology_read_only(const struct reader *reader, const struct place *place,
					const char *const *fields);

/* The readers below leave their outputs as they were if they fail. */
LM_MUST_CHECK int lm_topology_read_uint(uint64_t *out, const struct reader *reader,
					const struct place *place, const char *field, uint64_t min,
					uint64_t max);

LM_MUST_CHECK int lm_topology_read_bool(bool *out, const struct reader *reader,
					const struct place *place, const char *field);

/* *out lives as long as the document. `right` says what the text should be. */
LM_MUST_CHECK int lm_topology_read_text(const char **out, const struct reader *reader,
					const struct place *place, const char *field,
					const char *right);

/* Exactly 2 n hexadecimal digits into n bytes. */
LM_MUST_CHECK int lm_topology_read_hex(uint8_t *out, size_t n, const struct reader *reader,
				       const struct place *place, const char *field);

/* An X25519 public key: canonical, and not of small order. */
LM_MUST_CHECK int lm_topology_read_point(struct lm_point *out, const struct reader *reader,
					 const struct place *place, const char *field);

/* UTC, as 2026-11-25T12:00:00Z. */
LM_MUST_CHECK int lm_topology_read_time(uint64_t *out_s, const struct reader *reader,
					const struct place *place, const char *field);

/* An object inside this one. */
LM_MUST_CHECK int lm_topology_read_object(struct place *out, const struct reader *reader,
					  const struct place *place, const char *field);

/* A list of min .. max objects. */
LM_MUST_CHECK int lm_topology_read_list(json_t **out, const struct reader *reader,
					const struct place *place, const char *field, unsigned min,
					unsigned max);

/* "addresses", 1 .. LM_TOPOLOGY_ADDRESSES of them into address[]. */
LM_MUST_CHECK int lm_topology_read_addresses(struct lm_topology_address *address, unsigned *n,
					     const struct reader *reader,
					     const struct place *place);

/* "mac", if it is there. */
LM_MUST_CHECK int lm_topology_read_mac(struct lm_topology_node *node, const struct reader *reader,
				       const struct place *place);

/* The objects "mixing", "cover" and "paths"; the fields of no other strategy are allowed. */
LM_MUST_CHECK int lm_topology_read_mixing(struct lm_mix_params *mix, const struct reader *reader,
					  const struct place *top);
LM_MUST_CHECK int lm_topology_read_cover(struct lm_topology_cover *cover,
					 const struct reader *reader, const struct place *top);
LM_MUST_CHECK int lm_topology_read_paths(struct lm_topology_paths *paths,
					 const struct reader *reader, const struct place *top);

/* Who a node is: "id", "role", "layer", "operator", "jurisdiction" and "identity" into *node. */
LM_MUST_CHECK int lm_topology_read_who(struct lm_topology_node *node, const struct reader *reader,
				       const struct place *place, unsigned layers);

/* One node's object into *node. */
LM_MUST_CHECK int lm_topology_read_node(struct lm_topology_node *node, const struct reader *reader,
					const struct place *place,
					const struct lm_topology *topology);

/* Refuses ids, identities, addresses and keys that stand twice; the nodes are in the document's
 * order. */
LM_MUST_CHECK int lm_topology_check_unique(const struct reader *reader,
					   const struct lm_topology *topology);
