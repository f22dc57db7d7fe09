/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The object of one key: its file in the runtime folder, or anonymous memory. Private to this
 * folder.
 */
#pragma once

#include "folder.h"

#define OBJECT_NAME 24 /* bytes of "epoch-4294967295.new" */
#define OBJECT_NEW  ".new"
#define OBJECT_OLD  ".old"

/* A key in use, as lib/epoch keeps it; in locked memory. */
struct object {
	struct lm_epoch_key key; /* first, so that a pointer to it is one to the whole */
	void *memory;            /* the object's, mapped */
	size_t bytes;
	struct object *next;
};

void object_name(char name[OBJECT_NAME], uint32_t epoch, const char *suffix);

/* Bytes of the file, whole blocks of the folder; 0: too large to count. */
size_t object_bytes(uint64_t capacity, size_t block);

/*
 * Makes the object of a key with an empty set, complete before it has its name. With a folder of
 * descriptor -1 it is of anonymous memory. NULL and a message on failure; there is then no file.
 */
LM_MUST_CHECK struct object *object_make(const struct folder *folder, uint32_t node, uint32_t epoch,
					 const struct lm_secret *secret, uint64_t capacity,
					 struct lm_error *err);

/*
 * The object of an epoch that is there; everything about it is checked. 0, -ENOENT without a
 * message where there is none, or -errno and a message. With `look` it is mapped to be read only,
 * and not locked in memory.
 */
LM_MUST_CHECK int object_open(struct object **object, const struct folder *folder, uint32_t node,
			      uint32_t epoch, bool look, struct lm_error *err);

/* Gives back the memory; a file stays. NULL is allowed. */
void object_close(struct object *object);

/* Wipes the key and the set and removes the file, in an order that a crash does not undo. */
LM_MUST_CHECK int object_erase(struct object *object, const struct folder *folder,
			       struct lm_error *err);

/* Wipes and removes a file that is not open: of an old epoch, or half done. */
LM_MUST_CHECK int object_erase_file(const struct folder *folder, uint32_t epoch, const char *name,
				    struct lm_error *err);
