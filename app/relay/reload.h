/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a relay is to be next, made whole beside what runs: a topology and an epoch, the keys for
 * them, and, for SIGHUP, another configuration. The control thread swaps it in under the lcores,
 * and then finishes with the old.
 *
 * reload_prepare may run on a thread of its own while control attends to the rest; all else is the
 * control thread's.
 */
#pragma once

#include "relay.h"

struct reload {
	struct relay_config config;
	const struct lm_topology_node *node;
	struct lm_topology *topology; /* the documents own it */
	uint32_t epoch;
	struct mix_keys keys;      /* shares those that go on */
	struct services *services; /* NULL: as they are */
};

/* Reads the configuration again. -errno and a message; also if a value differs that must not. */
LM_MUST_CHECK int reload_read_config(struct relay_config *config, const struct relay *relay,
				     struct lm_error *err);

/*
 * Prepares the relay for `target`, with this configuration, or with its own if `config` is NULL.
 * *next is for _finish or _abandon. -errno and a message if anything is wrong with it, or if
 * something differs that cannot change while the relay runs; nothing has changed then.
 */
LM_MUST_CHECK int reload_prepare(struct reload **next, const struct relay *relay,
				 struct documents_target target, const struct relay_config *config,
				 struct lm_error *err);

/*
 * The lcores have gone over to next: it becomes the relay's own, and what they no longer read is
 * freed, but for keys: mix_keys_retire may take long.
 */
void reload_finish(struct relay *relay, struct reload *next);

/* Frees what was prepared. NULL is allowed. */
void reload_abandon(struct reload *next);
