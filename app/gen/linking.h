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
	uint64_t begun;
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

/* A turn of handshakes. Returns how much it did. */
unsigned linking_turn(struct linking *linking, const struct view *view);

/* True if there is a session with every neighbour. */
LM_MUST_CHECK bool linking_ready(const struct linking *linking);
