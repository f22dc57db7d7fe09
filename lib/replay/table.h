/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How a replay set lies in memory, and the keyed permutation that places its tags. Private to this
 * folder and to the tests that look inside.
 *
 * The layout holds no pointer and depends on the capacity alone, so the memory may be a file that
 * another process maps elsewhere. The round keys are secret, and with them which tags share a line.
 */
#pragma once

#include <stdatomic.h>

#include "lm_replay.h"

#define LM_REPLAY_MAGIC      UINT64_C(0x79616c706572206d) /* "m replay" */
#define LM_REPLAY_VERSION    1                            /* of layout and permutation */
#define LM_REPLAY_SLOTS      16                           /* of a line */
#define LM_REPLAY_ROUND_KEYS 11
#define LM_REPLAY_PROBE      64   /* lines that a walk visits at most */
#define LM_REPLAY_LAST       4096 /* shares of the capacity that are taken one by one */

/* A slot is empty (0), or holds a fingerprint for ever. A line's slots are filled in order. */
struct lm_replay_line {
	_Atomic uint32_t slot[LM_REPLAY_SLOTS];
} LM_CACHE_ALIGNED;

struct lm_replay {
	_Atomic uint64_t magic; /* written last: the rest is there */
	uint64_t version;
	uint64_t capacity;
	uint64_t lines;
	uint8_t round_key[LM_REPLAY_ROUND_KEYS][16];
	_Atomic uint64_t count LM_CACHE_ALIGNED; /* written by all: a cache line of its own */
	struct lm_replay_line line[];
};

_Static_assert(sizeof(struct lm_replay_line) == LM_CACHE_LINE, "a line is one cache line");
_Static_assert(LM_REPLAY_ALIGN == LM_CACHE_LINE, "the header's alignment is that of a line");
_Static_assert(sizeof(struct lm_replay) == 5 * LM_CACHE_LINE, "the layout of version 1");

/* A tag under the permutation. */
struct lm_replay_mark {
	uint64_t place; /* says where the walk begins */
	uint64_t print; /* says what it looks for */
};

/* AES-128 (FIPS 197): the round keys of a key. */
void lm_replay_expand(uint8_t round_key[LM_REPLAY_ROUND_KEYS][16], const uint8_t key[16]);

/*
 * mark[j] = AES-128 of tag[index[j]] for every j < n. Constant time; round keys stay in no
 * register. n <= LM_BURST.
 */
void lm_replay_permute(struct lm_replay_mark *mark,
		       const uint8_t round_key[LM_REPLAY_ROUND_KEYS][16],
		       const struct lm_replay_tag *tag, const uint8_t *index, unsigned n);
