/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The next document of a network, made from its plan, the document before, and whatever descriptors
 * nodes have sent. Every authority that gives the same input gets the same bytes, in whatever order
 * the descriptors come: nothing here asks for the time, randomness or the locale.
 *
 * Descriptors are hostile. What is wrong with one costs its node its place and nobody else's:
 *
 * - A descriptor counts if it is well-formed, signed by the identity that the plan gives to its id,
 *   not made after the epoch's end, has good proofs and keys for the epoch and the next two, keeps
 *   every key that the document before has promised for them, and claims no address that the plan
 *   gives to others. Of a member's descriptors that
 *   count the latest is taken; of two made in one second the one with the lesser hash.
 * - Of nodes that claim one address, link key or mix key, the one that has it in the document
 *   before stays and the others are left out; if none has it, all are.
 * - A gateway to which no allowed path leads is left out.
 *
 * The result is read and checked like any document that a relay takes, as the successor of the one
 * before, before it is given out.
 */
#pragma once

#include "lm_topology_descriptor.h"
#include "lm_topology_plan.h"

/* A signed file with a descriptor; the bytes stay the caller's. */
struct lm_build_file {
	const char *name; /* for messages */
	const char *text;
	size_t len;
};

enum lm_build_verdict {
	LM_BUILD_IN,      /* a member that is in the document */
	LM_BUILD_OUT,     /* one that is not, and why */
	LM_BUILD_RETIRED, /* one that the plan has retired */
	LM_BUILD_REFUSED, /* a descriptor that does not count, and why */
};

const char *lm_build_verdict_name(enum lm_build_verdict verdict); /* "in", ... */

struct lm_build_line {
	enum lm_build_verdict verdict;
	uint32_t id;    /* of the member; 0: a descriptor that names none */
	char file[128]; /* the descriptor's name; "" if there is none */
	char why[256];  /* "" for a member that is in */
};

struct lm_build {
	char *text; /* the document, not yet signed; NULL if there is none */
	size_t len;
	unsigned in, out, retired, refused; /* lines of each verdict */
	unsigned lines;
	struct lm_build_line *line; /* members by rising id, then refused descriptors */
};

/*
 * Builds the document of `epoch`. `previous` is the newest document before it, NULL only for the
 * first of a network. -EINVAL and a message if no valid document comes out: built->text is then
 * NULL, and the lines say who is missing. -ENOMEM. *built is for lm_build_free in every case.
 */
LM_MUST_CHECK int lm_build(struct lm_build *built, const struct lm_plan *plan,
			   const struct lm_topology *previous, uint32_t epoch,
			   const struct lm_build_file *file, unsigned files, struct lm_error *err);
void lm_build_free(struct lm_build *built);

/*
 * The document of a topology in its one form, nodes in the order that they have; not checked.
 * *text is for free(). -ENOMEM.
 */
LM_MUST_CHECK int lm_topology_format(char **text, size_t *len, const struct lm_topology *topology);

#define LM_TOPOLOGY_ADDRESS 56 /* bytes of an address with its port as text, with its NUL */

/* 192.0.2.1:7000 or [2001:db8::1]:7000. */
void lm_topology_format_address(char text[LM_TOPOLOGY_ADDRESS],
				const struct lm_topology_address *address);
