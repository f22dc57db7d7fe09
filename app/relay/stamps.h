/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The timestamps of the latest authentic handshakes, by static key, in a file of the runtime folder
 * that stays mapped: an update is one store and outlives the process, however that ends. It does
 * not outlive the machine: after a boot, initiations recorded before it would be answered once
 * more, which costs an answer each and gives nobody a session.
 *
 * Bound: a fixed number of keys; when they are used up, the key that was not heard for the longest
 * time goes. Public data: nothing here is secret. The control thread alone uses this.
 */
#pragma once

#include <stdio.h>

#include "lm_base.h"
#include "lm_x25519.h"

struct stamp {
	struct lm_point key;
	uint64_t timestamp_us; /* 0: the place is free */
};

struct stamps {
	struct stamp *stamp;
	uint32_t n, used; /* from `used` on all places are free */
	uint32_t *index;  /* a place + 1, by key; 0: empty */
	uint32_t index_n; /* a power of two */
	uint64_t salt;    /* so that nobody can choose keys that fall together */
	void *map;
	size_t size; /* of the map */
};

/*
 * Takes the file in the folder `dir` into use, with room for n keys, n >= 1; what a file of another
 * size holds is taken along. dir < 0: in memory of this process alone. A damaged file is replaced,
 * and said so on `to`.
 */
LM_MUST_CHECK int stamps_open(struct stamps *stamps, int dir, uint32_t n, FILE *to,
			      struct lm_error *err);
void stamps_close(struct stamps *stamps);

/* The latest timestamp of this key; 0: none is known. */
uint64_t stamps_find(const struct stamps *stamps, const struct lm_point *key);

void stamps_set(struct stamps *stamps, const struct lm_point *key, uint64_t timestamp_us);
