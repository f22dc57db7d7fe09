/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the parts of vector-check share: the contexts of a run, and hops with what they must find.
 */
#pragma once

#include "check.h"
#include "lm_packet.h"

/* The contexts of one run, by profile. */
struct run {
	struct lm_packet_builder *builder[LM_PACKET_PROFILES];
	struct lm_packet_peeler *peeler[LM_PACKET_PROFILES];
};

/* One hop of a packet: what comes in, and everything that the peel must give. */
struct hop {
	const struct item *item; /* it belongs to */
	unsigned profile;
	struct lm_packet_key key;
	uint8_t in[LM_PACKET_MAX];
	struct lm_packet_peel want; /* outputs but `key` */
	uint8_t out[LM_PACKET_MAX]; /* the packet afterwards */
};

/* A list of hops that grows. */
struct hops {
	struct hop *hop;
	unsigned n;
};

unsigned get_profile(const struct node *object);

/* The relay of a hop, a reject or a sequence: id, kid, secret, public. */
void get_relay(const struct item *item, const struct node *object, struct lm_packet_key *key);

/* Peels n packets at once. Returns the mask of authentic ones. */
uint64_t peel(struct lm_packet_peeler *peeler, const struct lm_packet_key *const key[],
	      unsigned keys, struct lm_packet_peel *item, unsigned n);

/* Peels a packet along the `hops` of its object, one by one; the hops are appended to the list. */
void check_hops(const struct item *item, const struct run *run, struct hops *list,
		const struct node *hops, unsigned profile, const uint8_t *packet);

/* Peels every hop of the list again, in full bursts of three relays' packets. */
void check_hops_in_bursts(const struct run *run, const struct hops *list);

/* The parts of the file. */
void check_case(const struct item *item, const struct run *run, struct hops *list);
void check_surb(const struct item *item, const struct run *run, struct hops *list);
void check_reject(const struct item *item, const struct run *run);
void check_sequence(const struct item *item, const struct run *run);

/* The path of a case or a SURB. Returns its length. */
unsigned get_path(const struct node *object, struct lm_packet_hop path[LM_PACKET_HOPS]);
