/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the generator does with packets that reach it: peel, test for replay, recognise, count.
 *
 * One thread uses a receiver. It allocates at _make only, but for the tally's memory when the first
 * message makes its run known. Secret: keys, and the contexts while a burst is in them.
 */
#pragma once

#include "build.h"
#include "tally.h"

/* One packet, as it stood behind its UDP header. */
struct gen_arrival {
	uint8_t *packet; /* overwritten */
	size_t len;
	uint64_t when_ns; /* on the clock of the tally's sending times */
};

struct gen_receiver {
	const struct gen_setup *setup;
	struct tally *tally;
	struct lm_packet_peeler *peeler;
	struct lm_packet_builder *opener;
	struct lm_packet_peel item[LM_BURST];
};

/* NULL and a message on failure; setup and tally must outlive it. */
LM_MUST_CHECK struct gen_receiver *gen_receiver_make(const struct gen_setup *setup,
						     struct tally *tally, struct lm_error *err);
void gen_receiver_free(struct gen_receiver *receiver); /* NULL is allowed */

/* True if a frame holds what may be a packet for this node; else it counts as foreign, but for the
 * kernel's frames, which count as nothing. */
LM_MUST_CHECK bool gen_receive_admit(struct gen_receiver *receiver, struct frame_parsed parsed);

/*
 * Takes a burst of 1 <= n <= LM_BURST packets into the tally: each becomes a message, damaged or
 * foreign, and what was dropped also counts under the reason's name. -ENOMEM as tally_message.
 */
LM_MUST_CHECK int gen_receive_burst(struct gen_receiver *receiver,
				    const struct gen_arrival *arrival, unsigned n,
				    struct lm_error *err);
