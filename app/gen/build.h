/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Building the packets of a run: packet seq is a function of the run, the topology and the
 * generator's keys alone, but for the random payload of DROP.
 *
 * One thread uses a builder. It allocates at _init only. Secret: keys, and seeds and payload keys
 * while a burst is built, which are wiped before _burst returns.
 */
#pragma once

#include "schedule.h"
#include "setup.h"

/* The mixes that packet seq passes, one of each layer, by their places in the setup's topology. */
typedef const uint32_t *gen_way(const void *context, uint32_t seq);

struct gen_builder {
	const struct gen_setup *setup;
	const struct lm_topology_node *last; /* where all but replies go: a gateway, mostly this;
						in the setup's topology */
	struct gen_run run;
	bool has_dest; /* dest stands in every EXIT and MBOX; else each has one of its own */
	struct lm_packet_dest dest;
	gen_way *way; /* of packets that are no replies; NULL: drawn, as any sender's */
	const void *way_context;
	const struct schedule *schedule; /* when packets are due; NULL: no clock */
	/* from here on: private, set by _init */
	struct lm_packet_builder *packets;
	struct lm_packet_build item[LM_BURST];
	uint8_t data[LM_PACKET_PAYLOAD_MAX];
};

/* The public members are set. `backend` is one of lib/symmetric's. */
LM_MUST_CHECK int gen_builder_init(struct gen_builder *builder, const char *backend,
				   struct lm_error *err);
void gen_builder_free(struct gen_builder *builder);

/*
 * How many of packets seq .. seq + n - 1 can be built at this time: the document of the next one's
 * epoch may not have come yet (calendar.h). They are asked for in their order, and then built.
 */
LM_MUST_CHECK unsigned gen_builder_ready(struct gen_builder *builder, uint32_t seq, unsigned n,
					 uint64_t now_us);

/*
 * Builds packets seq .. seq + n - 1 of the run, 1 <= n <= LM_BURST, into packet[], lm_packet_len
 * bytes each; first[i] is the mix that takes packet[i]. -EKEYREJECTED or -EPROTO with a message if
 * the topology holds a key that no packet can be built for.
 */
LM_MUST_CHECK int gen_build_burst(struct gen_builder *builder, uint8_t *const packet[],
				  const struct lm_topology_node *first[], uint32_t seq, unsigned n,
				  struct lm_error *err);

/* What the mixes were asked to hold packet seq for, together; the packet is no reply. */
uint64_t gen_packet_delay_us(const struct gen_builder *builder, uint32_t seq);

/* What the owner keeps of the reply block that this message came by; token: as it arrived. */
void gen_reply_owner(struct lm_packet_surb_owner *owner, const struct gen_setup *setup,
		     const struct gen_message *message, const struct lm_packet_token *token);

/* The mix that took a packet first which has arrived here; message->run with its whole nonce. */
const struct lm_topology_node *gen_first_hop(const struct gen_setup *setup,
					     const struct gen_message *message);
