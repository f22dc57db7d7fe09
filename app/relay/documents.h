/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The topologies that a node goes by: the one in force, and the one that follows it once that has
 * come. They come from one signed file, which somebody else replaces. Of documents that are refused
 * the reason is told and counted; the last good one stays in force.
 *
 * Those that were taken are kept in the state folder, the newest two, as DOCUMENT-E: so a restart
 * neither forgets what was taken, nor the keys of the epoch before.
 *
 * Control path; one thread at a time. Owns all topologies. No DPDK, no sockets.
 */
#pragma once

#include "lm_topology.h"

#define DOCUMENTS_PATH 1024

/* As the time of those who run at the document's own: captures and laboratories. */
#define DOCUMENTS_OWN_TIME 0

/* What the file was when it was looked at. */
struct document_mark {
	uint64_t inode, size;
	int64_t changed_ns;
};

struct documents {
	char path[DOCUMENTS_PATH];
	char state[DOCUMENTS_PATH]; /* a folder; empty: nothing is kept */
	struct lm_authorities authorities;
	struct document_mark mark;
	bool again; /* what was refused in the file may be taken later: its time has not come, or it
		       could not be read or kept. For documents_read, now and then */

	enum lm_succession last; /* why it was refused */

	struct lm_topology *before; /* in force before; NULL: none is known */
	struct lm_topology *now;    /* in force; NULL: none was ever taken */
	struct lm_topology *next; /* its successor, whose time has not come or is being prepared */

	/* written by control, read by telemetry */
	uint64_t refused[LM_SUCCESSION_PROMISE + 1]; /* by reason; [TAKEN]: form or signatures */
};

/* What a node goes by at some time. */
struct documents_target {
	struct lm_topology *topology;
	uint32_t epoch; /* the topology's or the one after it */
};

/*
 * Takes what the state folder has, then the file. `documents` is for documents_close in any case.
 * `warn` gets a line where something is wrong that can be done without. -errno and a message if
 * there is no document at all; if the folder cannot be used; if it is not this user's alone.
 */
LM_MUST_CHECK int documents_open(struct documents *documents, const char *path, const char *state,
				 const struct lm_authorities *authorities, uint64_t now_s,
				 struct lm_error *warn, struct lm_error *err);
void documents_close(struct documents *documents);

/*
 * May what _open failed with, or -ENOENT for a node that no document lists, pass by itself: there
 * is no file yet, or one that too few have signed so far, has expired or is from the future?
 */
LM_MUST_CHECK bool documents_may_come(const struct documents *documents, int rc);

/*
 * When the document in force begins, if it is too early to go by it: the network goes by the one
 * before, which was never taken here. 0: it may be gone by; its epoch has come, or the network
 * begins with it.
 */
uint64_t documents_wait_s(const struct documents *documents, uint64_t now_s);

/* Has the file changed since it was read last? Cheap. */
LM_MUST_CHECK bool documents_changed(const struct documents *documents);

/*
 * Reads the file. 1: a document was taken; 0: it is the one that is there already; -errno and a
 * message: it is refused, and counted if the file was not refused for this before. The one in force
 * is as before.
 */
LM_MUST_CHECK int documents_read(struct documents *documents, uint64_t now_s, struct lm_error *err);

/* The newest that was taken; NULL: there is none. */
const struct lm_topology *documents_newest(const struct documents *documents);

/* What is to be in force at this time. There is a document. */
struct documents_target documents_target(const struct documents *documents, uint64_t now_s);

/*
 * Where a node stands that documents may leave out. One that the next document is without has been
 * retired, or has no descriptor: senders stop to use it when that begins, but those who have not
 * got it go on for an epoch by the one before, which is the last that lists the node.
 */
enum documents_place {
	DOCUMENTS_LISTED,
	DOCUMENTS_LEAVES, /* the next one, which has not begun, is without it */
	DOCUMENTS_LEFT,   /* it has begun */
	DOCUMENTS_OVER,   /* the epoch after the last that listed it is over: nothing comes */
};
enum documents_place documents_place(const struct documents *documents, uint32_t node,
				     uint64_t now_s);

/*
 * The document whose nodes part in that epoch if it goes by `topology`, which is the one in force
 * or the next: the one before, while keys of its epoch are accepted. NULL: none.
 */
const struct lm_topology *documents_parting(const struct documents *documents,
					    const struct lm_topology *topology, uint32_t epoch);

/* This topology is in force. Nobody reads others any more but the one before it: they are freed. */
void documents_go(struct documents *documents, struct lm_topology *topology);

/* The earliest later time at which the target is another one, in UTC seconds; UINT64_MAX: not
 * before a document comes. */
uint64_t documents_change_s(const struct documents *documents, uint64_t now_s);
