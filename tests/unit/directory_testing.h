/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A made-up network for the tests of plans, descriptors and the builder: members with identities
 * and mix keys that depend on their ids alone, so that the same network has the same bytes
 * everywhere.
 */
#pragma once

#include "lm_topology_build.h"
#include "testing.h"

#define NET_NODES   1200                 /* at most */
#define NET_KEYS    6                    /* epochs in a descriptor */
#define NET_START_S UINT64_C(1795600800) /* 2026-11-25T10:00:00Z */
#define NET_EPOCH_S 1200

struct net_node {
	struct lm_signer identity;
	struct lm_descriptor descriptor;
};

struct net {
	struct lm_plan plan;
	struct lm_member member[NET_NODES];
	struct net_node node[NET_NODES]; /* of member[i] */
};

/*
 * Mixes layer * 1000 + 1, .., then gateways 9001, ..: by rising id. Keys from epoch `first` on,
 * with fresh proofs. For free().
 */
struct net *net_make(unsigned layers, unsigned per_layer, unsigned gateways, uint32_t first);

/* Its index; the test fails if there is none. */
unsigned net_index(const struct net *net, uint32_t id);

/* Gives the node the key of a number, and its proof, for descriptor.key[i]. */
void net_set_key(struct net *net, unsigned index, unsigned i, uint32_t number);

/* The same of the link key. */
void net_set_link(struct net *net, unsigned index, uint32_t number);

/* The node's signed descriptor as a file for the builder; file->text is for free(). */
void net_write(struct lm_build_file *file, const struct net *net, unsigned index, const char *name);

/* The descriptors of all nodes; *files for net_free_files. */
struct lm_build_file *net_write_all(const struct net *net);
void net_free_files(struct lm_build_file *file, unsigned n);

/* The text with the first `what`, which must be there, replaced; for free(). */
char *replaced(const char *text, const char *what, const char *with);

/* A signed file of any bytes by an identity; for free(). */
char *net_sign(size_t *len, const struct lm_signer *identity, const char *bytes);
