/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A mix key and its replay set as one object with one life: made ahead, accepted for its three
 * epochs, erased together.
 *
 * A key that is not yet in use waits as a secret in the key file, on disk. When it is taken into
 * use it moves, for ever, into an object of its own in the runtime folder: one file of memory that
 * holds the key and the set of tags seen under it. The folder lies in memory (tmpfs without swap,
 * ramfs, hugetlbfs), so that what is in use survives the process and never the machine. A key whose
 * object is there is always taken from there; after a loss of the machine it is nowhere, and so
 * retired: no key ever meets an empty set after it has been used.
 *
 *   runtime folder  0700, its owner's alone, locked by the process that has it open
 *     epoch-E       0600, key and set of epoch E; appears complete, by a rename
 *     epoch-E.new   one that is being made, epoch-E.old one that is being erased: if the process
 *                   died there, the next one erases it
 *   key file        0600, JSON: {"format": "linemix-keys-v2", "id": NODE, "keys": {"E": "64
 *                   hexadecimal digits", ..}}, E the full number of the epoch, in decimal
 *
 * Secret: every key, in locked memory that core dumps leave out; messages quote nothing of a key
 * file. Control path: one thread at a time. What lm_epoch_take gives may be read by any thread
 * until the key is retired; the set is for all of them.
 */
#pragma once

#include "lm_base.h"
#include "lm_packet.h"

/*
 * As the runtime folder: keys in locked memory and sets in plain memory, which die with the
 * process; the key file is only read. A key then meets an empty set at every start: for generators,
 * captures and laboratories.
 */
#define LM_EPOCH_THROWAWAY "none"

#define LM_EPOCH_KEYS_MAX 512 /* in a key file */

/* A key in use. The first member is what lib/packet sees, so its pointer finds the set. */
struct lm_epoch_key {
	struct lm_packet_key key;
	uint32_t epoch; /* the full number */
	struct lm_replay *replay;
};

/* The replay set of a key that a peel item points to: packet path. */
static inline struct lm_replay *lm_epoch_replay(const struct lm_packet_key *key)
{
	return ((const struct lm_epoch_key *)key)->replay;
}

/* Where a node's keys are. Strings belong to the caller. */
struct lm_epoch_place {
	const char *runtime; /* a folder, made if its parent is there; or LM_EPOCH_THROWAWAY */
	const char *keys;    /* the key file */
	uint32_t node;
	uint64_t capacity; /* tags of the sets that are made from now on */
};

/* A key that the topology lists: what it must be. */
struct lm_epoch_wanted {
	uint32_t epoch;
	struct lm_point public;
};

struct lm_epoch; /* a node's keys, opened */

/*
 * Opens and locks the runtime folder and erases what a process left half done. Refused, with the
 * remedy in the message: a folder on a disk, on tmpfs with swap, of others, readable by others,
 * locked (for 3 s: a killed process takes a while to end); or too little memory for the sets
 * (lm_epoch_check_room). The key file is not looked at. *epoch is for lm_epoch_close; NULL on
 * failure.
 */
LM_MUST_CHECK int lm_epoch_open(struct lm_epoch **epoch, const struct lm_epoch_place *place,
				struct lm_error *err);

/* Unlocks; keys in use stay in the runtime folder for the next process. NULL is allowed. */
void lm_epoch_close(struct lm_epoch *epoch);

/* Sets that are made from now on take so many tags. */
void lm_epoch_set_capacity(struct lm_epoch *epoch, uint64_t capacity);

/*
 * Takes n keys into use: those that are in use already, from this process or one before it, come
 * from their objects; the others move from the key file into new ones. key[i] is NULL where neither
 * has it. A key belongs to `epoch` and stays where it is until it is retired or all is closed.
 * -errno and a message: a file that is not what it should be, a key that is not wanted[i].public,
 * no memory. Then no key file has changed but for secrets that have safely arrived in an object.
 */
LM_MUST_CHECK int lm_epoch_take(struct lm_epoch *epoch, const struct lm_epoch_key *key[],
				const struct lm_epoch_wanted *wanted, unsigned n,
				struct lm_error *err);

/*
 * Erases every key of an epoch before `first`, in use or waiting: memory, objects and lines of the
 * key file. When no thread reads them any more. On failure it goes on with the others, and gives
 * the last message.
 */
LM_MUST_CHECK int lm_epoch_retire(struct lm_epoch *epoch, uint32_t first, struct lm_error *err);

/* The open runtime folder, for other things that outlive the process; -1: throwaway. */
int lm_epoch_folder(const struct lm_epoch *epoch);

/* ---- Looking without touching: for checks, also while a relay runs ---- */

enum lm_epoch_where { LM_EPOCH_NOWHERE, LM_EPOCH_IN_USE, LM_EPOCH_WAITING };

/* Where each wanted key is. The same failures as lm_epoch_take; nothing is locked or changed. */
LM_MUST_CHECK int lm_epoch_look(enum lm_epoch_where where[], const struct lm_epoch_place *place,
				const struct lm_epoch_wanted *wanted, unsigned n,
				struct lm_error *err);

/* Sets that exist at once: three epochs, and the next while epochs change. */
#define LM_EPOCH_SETS (LM_PACKET_KIDS + 1)

/* Bytes of one key and its set; 0 if the capacity is 0 or too large to count. */
size_t lm_epoch_bytes(uint64_t capacity);

/*
 * Is there memory for LM_EPOCH_SETS objects, less those that exist: in the folder's file system, in
 * the machine, and under the limit of locked memory? -ENOMEM, and a message with the arithmetic.
 */
LM_MUST_CHECK int lm_epoch_check_room(const struct lm_epoch_place *place, struct lm_error *err);

/* ---- Making keys ahead ---- */

/*
 * Writes a new key file: n secrets of the epochs first .. first + n - 1, n <= LM_EPOCH_KEYS_MAX.
 * `name` is in the folder and must not be there. Synced to the disk when this returns 0.
 */
LM_MUST_CHECK int lm_epoch_write_keys(int folder, const char *name, uint32_t node, uint32_t first,
				      const struct lm_secret *secret, unsigned n,
				      struct lm_error *err);

/*
 * Makes the keys of the epochs first .. last that the key file lacks, and the file if it is not
 * there; at most LM_EPOCH_KEYS_MAX are in it then. Synced to the disk when this returns 0; -errno
 * and a message, and the file is as it was. The caller sees to it that none of these epochs ever
 * had another key.
 */
LM_MUST_CHECK int lm_epoch_make(const char *keys, uint32_t node, uint32_t first, uint32_t last,
				struct lm_error *err);

/* ---- Proving them ---- */

/*
 * Calls `take` for every key that waits in the key file, by rising epoch, up to `most`. The secret
 * is in locked memory, and there until `take` returns. -errno and a message.
 */
LM_MUST_CHECK int lm_epoch_each_waiting(const char *keys, uint32_t node, unsigned most,
					void (*take)(void *context, uint32_t epoch,
						     const struct lm_secret *secret),
					void *context, struct lm_error *err);
