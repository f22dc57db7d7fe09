/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The mix keys that a topology lists for a node in epoch c, taken from lib/epoch: those of c - 1, c
 * and c + 1 (that of c - 1 stands there if lm_topology_inherit has found it), and what becomes of
 * those that are nowhere.
 */
#pragma once

#include <stdio.h>

#include "config.h"
#include "lm_epoch.h"
#include "lm_topology.h"

struct mix_keys {
	struct lm_epoch *epoch;        /* owns the keys */
	struct lm_packet_keyring ring; /* those of its epochs that are there */
	unsigned lost;                 /* those that are not */
	uint32_t lost_epoch[LM_PACKET_KIDS];
};

/*
 * Where a node's configuration says that its keys are, and how many tags their sets take in epochs
 * as long as the topology's. Points into config.
 */
struct lm_epoch_place mix_keys_place(const struct node_config *config,
				     const struct lm_topology *topology);

/*
 * Opens the place and takes the keys into use that the topology lists for the node. Older ones stay
 * until mix_keys_retire: nobody has confirmed the epoch yet. A key that is lost is no failure while
 * there is another; packets of its kid are then dropped. -errno and a message; keys is then empty.
 */
LM_MUST_CHECK int mix_keys_load(struct mix_keys *keys, const struct lm_epoch_place *place,
				const struct lm_topology_node *node, uint32_t epoch,
				struct lm_error *err);

/*
 * The keys for another topology, or epoch, beside those of `now`, with which they share all that
 * both list. `now` is as before; mix_keys_retire when it is no longer read. Sets that are made from
 * now on have place->capacity; what else `place` says is for messages.
 */
LM_MUST_CHECK int mix_keys_renew(struct mix_keys *next, const struct mix_keys *now,
				 const struct lm_epoch_place *place,
				 const struct lm_topology_node *node, uint32_t epoch,
				 struct lm_error *err);

/* Erases all keys of epochs before epoch - 1: no lcore reads one of them. */
LM_MUST_CHECK int mix_keys_retire(struct mix_keys *keys, uint32_t epoch, struct lm_error *err);

/* Looks where the keys are and prints it, changing nothing. Fails as mix_keys_load would. */
LM_MUST_CHECK int mix_keys_check(FILE *to, const struct lm_epoch_place *place,
				 const struct lm_topology_node *node, uint32_t epoch,
				 struct lm_error *err);

/* Names the epochs of lost keys and what that means; nothing if there are none. */
void mix_keys_warn(FILE *to, const struct mix_keys *keys);

/* Names the epochs whose replay sets are full, and the remedy. */
void mix_keys_warn_full(FILE *to, const struct mix_keys *keys);

/* Gives the keys back: what is in use stays in the runtime folder. */
void mix_keys_free(struct mix_keys *keys);
