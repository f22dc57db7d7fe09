/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The runtime folder: memory that looks like files. Private to this folder.
 */
#pragma once

#include "lm_epoch.h"

struct folder {
	const char *path;
	int fd;       /* -1: there is none, and memory is anonymous */
	bool absent;  /* what is open is its parent */
	bool huge;    /* hugetlbfs: never swapped; sizes are multiples of block */
	size_t block; /* bytes that its files grow by */
};

/*
 * Opens the folder, made if need be, and makes sure of what it is: in memory, never swapped, this
 * user's alone.
 */
LM_MUST_CHECK int folder_open(struct folder *folder, const char *path, struct lm_error *err);

/* The same without making it: where it is not there yet its parent is opened, and absent is set. */
LM_MUST_CHECK int folder_look(struct folder *folder, const char *path, struct lm_error *err);

/* No other process may have it, until it is closed: waits 3 s for it, then -EBUSY and a message. */
LM_MUST_CHECK int folder_lock(const struct folder *folder, struct lm_error *err);
void folder_close(struct folder *folder);

/*
 * Calls each(context, epoch, name) for every object, or for every one half done. 0, what `each`
 * gave last if not 0, or -errno and a message.
 */
enum folder_files { FOLDER_OBJECTS, FOLDER_HALF_DONE };
LM_MUST_CHECK int folder_each(const struct folder *folder, enum folder_files which,
			      int (*each)(void *context, uint32_t epoch, const char *name),
			      void *context, struct lm_error *err);
