/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The key file: secrets of epochs to come. Private to this folder.
 */
#pragma once

#include "lm_epoch.h"

struct keyfile_entry {
	uint32_t epoch;
	struct lm_secret secret;
};

/* What a key file says, in its order. In locked memory. */
struct keyfile {
	unsigned n;
	struct keyfile_entry entry[LM_EPOCH_KEYS_MAX];
};

/* A key file held open, so that nobody else takes keys from it meanwhile. */
struct keyfile_open {
	const char *path;
	int fd;              /* locked, unless opened to look only; -1: none */
	int folder;          /* where it lies; -1: opened to look only */
	const char *name;    /* in the folder */
	uint32_t node;       /* whose keys */
	struct keyfile *now; /* what it says */
};

enum keyfile_use { KEYFILE_LOOK, KEYFILE_CHANGE };

/*
 * Opens and reads the key file of a node. For KEYFILE_CHANGE it is locked too. -errno and a message
 * that quotes nothing of it; *file is then closed.
 */
LM_MUST_CHECK int keyfile_open(struct keyfile_open *file, const char *path, uint32_t node,
			       enum keyfile_use use, struct lm_error *err);
void keyfile_close(struct keyfile_open *file);

/* The secret of an epoch, or NULL. */
const struct lm_secret *keyfile_find(const struct keyfile *keyfile, uint32_t epoch);

/* Leaves out the entries of which `leaves` is true; how many. */
unsigned keyfile_drop(struct keyfile *keyfile, bool (*leaves)(void *context, uint32_t epoch),
		      void *context);

/*
 * Puts file->now in the place of what the file says, in one step that a crash does not cut: when it
 * returns 0 the old text is gone from the folder for good, and overwritten.
 */
LM_MUST_CHECK int keyfile_replace(struct keyfile_open *file, struct lm_error *err);

/*
 * Makes sure that the disk has what the file says: a process that died just after it replaced the
 * file may not have come so far.
 */
LM_MUST_CHECK int keyfile_sync(const struct keyfile_open *file, struct lm_error *err);
