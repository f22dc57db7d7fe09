/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Work that takes as long as a replay set is large, or as a disk is slow: done on a thread of its
 * own, where there is one to be had, while control attends to the rest: neighbours get their
 * answers, cover is built, and the service manager sees life. Nothing that control attends to
 * touches keys or documents, or changes the relay.
 *
 * When a signal says stop, control goes on at once and leaves the work behind: the relay stops
 * while it ends. One piece of work at a time; control thread only.
 */
#pragma once

#include <pthread.h>

#include "documents.h"

struct run;

struct aside {
	const struct run *run;
	struct documents_target target;
	uint64_t now_s;
	uint32_t sure;
	struct relay_config *config; /* owned; NULL: the relay's own */
	struct reload *next;         /* what was made; the caller's when it is done */
	struct lm_error err;
	int (*work)(struct aside *aside);
	pthread_t thread;
	int rc;
	bool done, left;
};

/* Zeroed, for new work. NULL: some was left behind, and the relay is to stop: do nothing more. */
LM_MUST_CHECK struct aside *aside_begin(struct run *run);

/*
 * Does it and gives what it returns. -EINTR: it was left behind, and nothing in `aside` may be
 * looked at any more; run->signal says why.
 */
LM_MUST_CHECK int aside_do(struct run *run, struct aside *aside, int (*work)(struct aside *aside));

/* Waits for what was left behind, and frees what it has made. */
void aside_close(struct aside *aside);
