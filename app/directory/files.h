/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files that the sub-commands take: documents, signed or not, and folders of descriptors.
 */
#pragma once

#include "lm_topology_build.h"
#include "lm_topology_check.h"

/* A file that has been read: all of it, and what is signed in it, which is all of it if it is no
 * signed file. */
struct file {
	const char *path;
	char *text;
	size_t len;
	bool is_signed;
	struct lm_signed parts; /* its bytes and len are there in any case */
};

/* -errno and a message. For file_free. */
LM_MUST_CHECK int file_read(struct file *file, const char *path, struct lm_error *err);
void file_free(struct file *file);

/*
 * A topology, from a signed file or its bare bytes. If authorities->n is not 0, enough of them must
 * have signed. *topology is for lm_topology_free.
 */
LM_MUST_CHECK int file_topology(struct lm_topology **topology, const char *path,
				const struct lm_authorities *authorities, struct lm_error *err);

/*
 * Whether a document is one to take after `previous` (NULL: there is none) at a time, as a reader
 * would (lib/topology/FORMAT.md): every reason against it goes to `take`. How many there are.
 */
unsigned order_explain(const struct lm_topology *topology, const struct lm_topology *previous,
		       uint64_t at_s, const char *name, lm_mistake_fn *take, void *context);

/* Descriptors from files and folders. */
struct descriptors {
	struct lm_build_file *file;
	unsigned n;
};

/*
 * Adds a file, or all files of a folder but those whose name begins with a dot or ends in .new. A
 * file that cannot be read is an error; what is in it, is not looked at.
 */
LM_MUST_CHECK int descriptors_add(struct descriptors *descriptors, const char *path,
				  struct lm_error *err);
void descriptors_free(struct descriptors *descriptors);

/* Writes to a path, or to stdout if it is NULL. -errno and a message. */
LM_MUST_CHECK int file_write(const char *path, const char *text, size_t len, struct lm_error *err);
