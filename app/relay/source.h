/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who sent a frame, as far as a glance tells: before checksums, lengths and addresses are looked
 * at. It decides whose turn it is when there is more than can be peeled, and nothing else; whoever
 * lies about it is found out, or dropped, by what comes after.
 *
 * This is the one place that says what a neighbour is: the outer source address.
 *
 * Pure functions over bytes: nothing allocated, any thread. The hash's key is secret.
 */
#pragma once

#include <string.h>

#include "lm_base.h"

enum {
	SOURCE_ETHER_LEN = 14,
	SOURCE_IPV4_LEN = 20,
	SOURCE_IPV6_LEN = 40,
	SOURCE_UDP = 17,
};

#define SOURCE_IPV4_MAPPED                                                    \
	UINT64_C(0xffff0000) /* ::ffff:0:0 (RFC 4291, 2.5.5.2), little-endian \
			      */

struct source {
	bool udp;            /* can be a packet; else only something for the kernel, or noise */
	uint64_t address[2]; /* IPv6, or IPv4 mapped into it (RFC 4291), or Ethernet's */
};

/* The address of a node, in the same form. Whole words: a store in parts would hold up the load. */
static inline struct source source_ipv6(const uint8_t address[16])
{
	uint64_t high, low;

	memcpy(&high, address, 8);
	memcpy(&low, address + 8, 8);
	return (struct source){.udp = true, .address = {high, low}};
}

static inline struct source source_ipv4(const uint8_t address[4])
{
	uint32_t low;

	memcpy(&low, address, 4);
	return (struct source){.udp = true, .address[1] = (uint64_t)low << 32 | SOURCE_IPV4_MAPPED};
}

/* The Ethernet address, where IPv6 has only zeros behind it. */
static inline struct source source_ether(const uint8_t *frame)
{
	uint64_t address = 0;

	memcpy(&address, frame + 6, 6);
	return (struct source){.udp = false, .address[0] = address};
}

/* Reads the source of len bytes from the wire; reads nothing past them, whatever they hold. Packet
 * path. */
static inline struct source source_read(const uint8_t *frame, size_t len)
{
	const uint8_t *ip = frame + SOURCE_ETHER_LEN;
	struct source source;

	if (len < SOURCE_ETHER_LEN)
		return (struct source){.udp = false};
	if (ip[-2] == 0x81 && ip[-1] == 0x00) /* a VLAN tag */
		ip += 4;
	if (len < (size_t)(ip - frame) + SOURCE_IPV4_LEN)
		return source_ether(frame);
	if (ip[-2] == 0x08 && ip[-1] == 0x00) {
		source = source_ipv4(ip + 12);
		source.udp = ip[9] == SOURCE_UDP;
		return source;
	}
	if (ip[-2] == 0x86 && ip[-1] == 0xdd && len >= (size_t)(ip - frame) + SOURCE_IPV6_LEN) {
		source = source_ipv6(ip + 8);
		source.udp = ip[6] == SOURCE_UDP;
		return source;
	}
	return source_ether(frame);
}

static inline bool source_equal(const struct source *a, const struct source *b)
{
	return a->address[0] == b->address[0] && a->address[1] == b->address[1];
}

/* Key of a strongly universal hash: for two sources, fixed before the key is drawn, all pairs of
 * values are equally likely (Thorup, "High speed hashing for integers and strings", 2015, 3.4). */
struct source_key {
	uint64_t word[5];
};

static inline uint32_t source_hash(const struct source_key *key, const struct source *source)
{
	const uint64_t *a = key->word;
	uint64_t x = source->address[0], y = source->address[1];

	return (uint32_t)(((a[0] + (uint32_t)x) * (a[1] + (x >> 32)) +
			   (a[2] + (uint32_t)y) * (a[3] + (y >> 32)) + a[4]) >>
			  32);
}
