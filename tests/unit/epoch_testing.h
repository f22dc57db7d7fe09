/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A node's keys in a folder of memory, for the tests of lib/epoch.
 */
#pragma once

#include "lm_epoch.h"
#include "testing.h"

#define NODE     11
#define FIRST    5 /* the epoch of the first key in a new key file */
#define KEYS     8
#define CAPACITY 1000

struct home {
	char root[64]; /* on tmpfs */
	char runtime[80], keys[80];
	struct lm_epoch_place place;
};

/* A new folder with a key file of the epochs FIRST .. FIRST + KEYS - 1, and no runtime folder. */
void home_make(struct home *home);
void home_remove(struct home *home);

/* The secret and the public key of an epoch, the same in every test. */
struct lm_secret secret_of(uint32_t epoch);
struct lm_epoch_wanted wanted_of(uint32_t epoch);

/* The path of a file in the runtime folder. Valid until the next call. */
const char *in_runtime(const struct home *home, const char *name);

/* Opens the place and takes the epochs first .. first + n - 1; the test fails if that fails. */
struct lm_epoch *open_home(const struct home *home);
void take(struct lm_epoch *epoch, const struct lm_epoch_key *key[], uint32_t first, unsigned n);

/* Puts a tag that is the epoch's alone into the set of a key; true if it was new. */
bool see(const struct lm_epoch_key *key);

/* Is there an entry of this epoch in the key file? */
bool waits(const struct home *home, uint32_t epoch);
bool exists(const char *path);

void write_text(const char *path, const char *text, mode_t mode);
