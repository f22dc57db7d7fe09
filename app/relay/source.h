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

#include "lm_base.h"

struct source {
	bool udp;            /* can be a packet; else only something for the kernel, or noise */
	uint64_t address[2]; /* IPv6, or IPv4 mapped into it (RFC 4291), or Ethernet's */
};

/* Reads the source of len bytes from the wire; reads nothing past them, whatever they hold. */
struct source source_read(const uint8_t *frame, size_t len);

/* The address of a node, in the same form. */
struct source source_ipv4(const uint8_t address[4]);
struct source source_ipv6(const uint8_t address[16]);

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
