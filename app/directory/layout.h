/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where things lie in etcd, below the prefix of a network, and what they look like there. README.md
 * beside this file describes it. Every key is known by name beforehand: nobody who may write
 * elsewhere can get between. Values are hostile.
 */
#pragma once

#include "lm_topology_descriptor.h"

#define LAYOUT_PREFIX 96  /* bytes of a prefix, at most */
#define LAYOUT_KEY    256 /* room for a key */
#define LAYOUT_CHUNK                                                                       \
	(512u << 10)        /* bytes of a document in one value; the last has what is left \
			     */
#define LAYOUT_ATTEMPTS   8 /* at the document of one epoch */
#define LAYOUT_DESCRIPTOR LM_DESCRIPTOR_BYTES /* of a descriptor, at most */
#define LAYOUT_VOTE       224                 /* room for a vote as text */

void layout_descriptor(char key[LAYOUT_KEY], const char *prefix, uint32_t id);
void layout_round(char key[LAYOUT_KEY], const char *prefix, uint32_t epoch, unsigned attempt);
void layout_proposal(char key[LAYOUT_KEY], const char *prefix, uint32_t epoch, unsigned attempt,
		     const struct lm_verifier *authority);
void layout_vote(char key[LAYOUT_KEY], const char *prefix, uint32_t epoch,
		 const struct lm_verifier *authority);
void layout_chunk(char key[LAYOUT_KEY], const char *prefix, const struct lm_hash *hash,
		  unsigned number);

/* All votes lie in [from, to). */
void layout_votes(char from[LAYOUT_KEY], char to[LAYOUT_KEY], const char *prefix);
/* The epoch of a vote, from its key; false if it is the key of none. */
LM_MUST_CHECK bool layout_vote_epoch(uint32_t *epoch, const char *prefix, const char *key);

/* A proposal's value is a hash: 64 digits. */
void layout_put_hash(char text[65], const struct lm_hash *hash);
LM_MUST_CHECK bool layout_get_hash(struct lm_hash *hash, const char *text, size_t len);

/* What one authority has signed for an epoch: a document of this hash and length. */
struct vote {
	struct lm_hash hash;
	size_t len; /* 1 .. LM_SIGNED_BYTES */
	struct lm_signature signature;
};

/* "HASH LENGTH SIGNATURE\n", and back. The length of the text. */
size_t layout_put_vote(char text[LAYOUT_VOTE], const struct vote *vote);
LM_MUST_CHECK bool layout_get_vote(struct vote *vote, const char *text, size_t len);
