/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A small network for the tests of lib/packet: LM_PACKET_HOPS relays with three kids each, a
 * builder and a peeler for one profile; and packets made by hand, which the library would not make.
 */
#pragma once

#include "lm_packet.h"
#include "testing.h"

struct net {
	unsigned profile;
	size_t len, payload_len;
	struct lm_packet_builder *builder;
	struct lm_packet_peeler *peeler;
	struct lm_packet_key key[LM_PACKET_HOPS][LM_PACKET_KIDS]; /* by relay */
	struct lm_packet_keyring keyring[LM_PACKET_HOPS];
};

/* Every usable backend of lib/symmetric can be asked for; lib/x25519 keeps what is selected. */
struct net *net_new(unsigned profile, const char *backend);
void net_free(struct net *net);

/*
 * Prepares a packet for the first `hops` relays, with random kids, delays, dest and token, and a
 * random payload (EXIT: with its zero tag). It is not built yet.
 */
void net_prepare(const struct net *net, struct lm_packet_build *build, unsigned hops,
		 enum lm_packet_cmd cmd, uint8_t packet[LM_PACKET_MAX]);

/* Prepares and builds one. */
void net_build(const struct net *net, struct lm_packet_build *build, unsigned hops,
	       enum lm_packet_cmd cmd, uint8_t packet[LM_PACKET_MAX]);

/* Peels n packets of the profile's length at a relay, submit and collect. Returns `authentic`. */
uint64_t net_peel(const struct net *net, unsigned relay, struct lm_packet_peel *item,
		  uint8_t packet[][LM_PACKET_MAX], unsigned n);

/*
 * A packet for a key whose tag is right and whose command block is the given bytes; the payload is
 * random. Made with libsodium alone.
 */
void forge(const struct net *net, uint8_t packet[LM_PACKET_MAX], const struct lm_packet_key *key,
	   const uint8_t command[LM_PACKET_COMMAND]);

/* The same with the ephemeral key and shared secret given. */
void forge_with(const struct net *net, uint8_t packet[LM_PACKET_MAX],
		const struct lm_packet_key *key, const struct lm_point *epk,
		const struct lm_point *ss, const uint8_t command[LM_PACKET_COMMAND]);
