/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SIGHUP: what the configuration and the topology say now, made whole beside what runs. The control
 * thread swaps it in under the lcores, and then finishes with the old. Control thread only.
 */
#pragma once

#include "relay.h"

struct reload {
	struct relay_config config;
	struct lm_topology *topology;
	const struct lm_topology_node *node;
	uint32_t epoch;
	struct mix_keys keys; /* shares those that go on */
	struct services *services;
};

/*
 * Reads the relay's configuration and topology again and takes the keys that they need. *next is
 * for _finish or _abandon. -errno and a message if anything is wrong with them, or if something
 * differs that cannot change while the relay runs; nothing has changed then.
 */
LM_MUST_CHECK int reload_prepare(struct reload **next, const struct relay *relay,
				 struct lm_error *err);

/*
 * The lcores have gone over to next: it becomes the relay's own, and what they no longer read is
 * freed, but for keys: mix_keys_retire may take long.
 */
void reload_finish(struct relay *relay, struct reload *next);

/* Says on stderr what the relay is now. */
void reload_tell(const struct relay *relay);

/* Frees what was prepared. NULL is allowed. */
void reload_abandon(struct reload *next);
