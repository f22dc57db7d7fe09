/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Threads that share pieces of work: whoever is free takes the next piece. Which thread does what
 * is left to chance, so a piece may depend on no other of the same run.
 */
#pragma once

#include "lm_base.h"

struct team;

/* Does piece number `piece`; several are done at once. */
typedef void team_work_fn(void *context, unsigned piece);

/* threads >= 1, the caller's own with them; one needs no other. -errno, and *team is NULL. */
LM_MUST_CHECK int team_make(struct team **team, unsigned threads);
void team_free(struct team *team);

/* Does the pieces 0 .. pieces - 1 and returns when all are done. */
void team_run(struct team *team, team_work_fn *work, void *context, unsigned pieces);

unsigned team_threads(const struct team *team);

/* Processors that this process may use, 1 at least. */
unsigned team_processors(void);
