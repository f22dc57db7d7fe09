/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The signer's folder, through which it and the agent pass files. The signer makes it, and in it:
 *
 *   inbox/   the agent writes, the signer only reads:
 *              document        the newest signed document
 *              EPOCH-ATTEMPT/  descriptors, each under its node's id: complete once it has that
 * name sign            "EPOCH HASH": which document to sign outbox/  the signer writes, the agent
 * only reads: EPOCH-ATTEMPT   the document that the signer builds from those descriptors
 *              EPOCH.signature the signer's signature alone, a signed file without a document
 *   keep/    the signer's own, for nobody else:
 *              document        the newest document that it has taken
 *              signed          what it has signed last
 *
 * Neither side trusts the other: names are fixed beforehand and no folder is listed for its
 * content, links are not followed, and what is no regular file or is too large is refused unread.
 * Files appear whole, by rename.
 */
#pragma once

#include "lm_topology_signed.h"

#define HANDOFF_NAME 32 /* room for a name */

void handoff_attempt(char name[HANDOFF_NAME], uint32_t epoch, unsigned attempt);
void handoff_descriptor(char name[HANDOFF_NAME], uint32_t id);
void handoff_signature(char name[HANDOFF_NAME], uint32_t epoch);

/* A folder below another, which must be one and no link: its descriptor, or -errno. */
LM_MUST_CHECK int handoff_open(int folder, const char *name);

/*
 * Reads a whole file of 1 .. `most` bytes in an open folder; *bytes, with a NUL behind, is for
 * free(). -ENOENT: there is none. Otherwise -errno and a message that begins with the name.
 */
LM_MUST_CHECK int handoff_read(char **bytes, size_t *len, int folder, const char *name, size_t most,
			       struct lm_error *err);

/*
 * Writes a file in an open folder that is the caller's own: beside it, then renamed; synced first
 * if it must outlast a power cut.
 */
LM_MUST_CHECK int handoff_write(int folder, const char *name, const void *bytes, size_t len,
				bool synced, struct lm_error *err);

/* Removes a name in a folder of the caller's own, with all that lies below if it is a folder. */
void handoff_remove(int folder, const char *name);

/*
 * Removes from a folder of the caller's own what belongs to epochs before `epoch`: names that begin
 * with ten digits, of a lesser number.
 */
void handoff_forget(int folder, uint32_t epoch);

/* Changes whenever a file is replaced; zero: there is none. */
struct handoff_mark {
	uint64_t inode, size;
	int64_t sec, nsec;
};
struct handoff_mark handoff_look(int folder, const char *name);
LM_MUST_CHECK bool handoff_same(const struct handoff_mark *a, const struct handoff_mark *b);
