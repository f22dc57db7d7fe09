/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What every command of the generator but `network` starts from: its configuration, the topology,
 * its place in it, and its keys.
 *
 * Owns all that it points to. Read-only after gen_setup_load, but for the calendar and mix_keys.
 * Secret: mix_keys and keys, in locked memory.
 */
#pragma once

#include "calendar.h"
#include "config.h"
#include "keys.h"
#include "message.h"
#include "view.h"

struct gen_config {
	struct node_config node;
	struct {
		uint64_t burst_packets, burst_peak;
	} arrivals; /* of --arrivals bursty */
};

struct gen_setup {
	struct gen_config config;
	struct calendar *calendar;           /* of the documents */
	const struct lm_topology *topology;  /* the first of them, */
	const struct lm_topology_node *self; /* and this node in it */
	struct mix_keys key_set[2]; /* of this epoch and, while keys change, of the last one */
	struct mix_keys *mix_keys;  /* the one of this epoch; atomic */
	uint32_t epoch;             /* this epoch */
	uint64_t replay_capacity;
	struct gen_keys *keys;
	struct links *links; /* of views */
};

/*
 * Reads the configuration at path and all that it names, and selects the X25519 backend. The node
 * must be a gateway. The replay sets take replay_capacity tags each. 0, or -errno and a message;
 * setup is then empty.
 */
LM_MUST_CHECK int gen_setup_load(struct gen_setup *setup, const char *path,
				 uint64_t replay_capacity, struct lm_error *err);
void gen_setup_free(struct gen_setup *setup);

/* For the next run: calendar_restart, and what follows from it. Nobody else may look. */
void gen_setup_restart(struct gen_setup *setup, uint64_t start_us);

/* The longest that mixing may take, through all layers, with slack for the wires. */
uint32_t gen_longest_ms(const struct lm_topology *topology);

/*
 * The keys of the epoch at this time (0: of the first document's), with new replay sets of this
 * capacity. -errno and a message; it has no keys then.
 */
LM_MUST_CHECK int gen_setup_renew(struct gen_setup *setup, uint64_t replay_capacity,
				  uint64_t now_us, struct lm_error *err);

/* The keys that others send by now. */
static inline const struct lm_packet_keyring *gen_setup_ring(const struct gen_setup *setup)
{
	return &__atomic_load_n(&setup->mix_keys, __ATOMIC_ACQUIRE)->ring;
}

/*
 * Takes the keys of the epoch at this time into use, beside those of the epoch before, which stay
 * until gen_setup_retire: when nobody reads them any more, and before the next roll. *rolled: it is
 * another epoch. -errno and a message; all is as before then.
 */
LM_MUST_CHECK int gen_setup_roll(bool *rolled, struct gen_setup *setup, uint64_t now_us,
				 struct lm_error *err);
LM_MUST_CHECK int gen_setup_retire(struct gen_setup *setup, struct lm_error *err);

/*
 * A view of the mixes of the first layer by addresses that need no network: the topology's MAC, or
 * frame_mac_of_id; the generator's own likewise. NULL and a message if there is no memory or if one
 * of them shares no address family with this node. For free().
 */
LM_MUST_CHECK struct view *gen_setup_static_view(struct gen_setup *setup, struct lm_error *err);

/* Prints the keys of the configuration file. */
void gen_setup_describe(FILE *to);
