/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The generator's links with sessions, seen from its control thread: like a relay's, it calls its
 * neighbours and answers them. With link.mode none there is nothing to do.
 */
#pragma once

#include "framing.h"
#include "handshakes.h"
#include "setup.h"

struct linking {
	struct lm_secret *secret; /* NULL: links carry bare packets */
	struct handshakes handshakes;
	const uint64_t *rounds; /* of the poller; atomic */
	uint64_t quiet_round;
};

/* Loads the key, and makes peers and rings; views that are made after this carry the peers. */
LM_MUST_CHECK int linking_open(struct linking *linking, struct framing *framing,
			       struct gen_setup *setup, const struct port *port,
			       const struct frame_self *self, const uint64_t *rounds, int socket,
			       struct lm_error *err);
void linking_close(struct linking *linking, struct framing *framing, struct gen_setup *setup);

/* The peers of the topology that setup goes by now. -errno and a message. */
LM_MUST_CHECK int linking_renew(struct linking *linking, struct gen_setup *setup,
				struct lm_error *err);

/*
 * A document that comes in the middle of a run: its peers are made, beside those that there are,
 * which its view carries. When no packet goes or comes by an older document any more, _settle ends
 * those that the last one added does not have; _abandon ends the new ones instead, before anything
 * has used them. -errno and a message: nothing has changed then.
 */
LM_MUST_CHECK int linking_add(struct linking *linking, struct gen_setup *setup,
			      const struct lm_topology *topology,
			      const struct lm_topology_node *self, struct lm_error *err);
void linking_settle(struct linking *linking);
void linking_abandon(struct linking *linking);

/* A turn of handshakes: with the neighbours of the document in force, and with those of the newest.
 * Returns how much it did. */
unsigned linking_turn(struct linking *linking, const struct calendar *calendar);

/* True if there is a session with every neighbour. */
LM_MUST_CHECK bool linking_ready(const struct linking *linking);
