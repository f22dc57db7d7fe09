/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What must not stand twice in a document: ids, identities, link keys, addresses with their port,
 * mix keys. Each kind
 * is collected, sorted, and compared with its neighbour.
 */
#include <errno.h>
#include <string.h>

#include "document.h"

/* Something that a node has, padded with zeros, and the node's index in the document. */
struct entry {
	uint8_t bytes[32];
	uint32_t node;
};

#define ENTRIES LM_TOPOLOGY_ADDRESSES /* of one kind and node, at most */

/* One kind: collect writes what the node has of it (up to ENTRIES). */
struct kind {
	const char *field;
	unsigned (*collect)(struct entry *entry, const struct lm_topology_node *node);
};

static unsigned collect_id(struct entry *entry, const struct lm_topology_node *node)
{
	lm_store_u32(entry->bytes, node->id);
	return 1;
}

static unsigned collect_identity(struct entry *entry, const struct lm_topology_node *node)
{
	memcpy(entry->bytes, node->identity.b, sizeof(entry->bytes));
	return 1;
}

static unsigned collect_link(struct entry *entry, const struct lm_topology_node *node)
{
	memcpy(entry->bytes, node->link.b, sizeof(entry->bytes));
	return 1;
}

static unsigned collect_addresses(struct entry *entry, const struct lm_topology_node *node)
{
	for (unsigned i = 0; i < node->addresses; i++) {
		memcpy(entry[i].bytes, node->address[i].ip, sizeof(node->address[i].ip));
		lm_store_u32(entry[i].bytes + sizeof(node->address[i].ip), node->address[i].port);
		entry[i].bytes[31] = node->address[i].ipv6;
	}
	return node->addresses;
}

static unsigned collect_keys(struct entry *entry, const struct lm_topology_node *node)
{
	for (unsigned i = 0; i < node->keys; i++)
		memcpy(entry[i].bytes, node->key[i].pk.b, sizeof(entry[i].bytes));
	return node->keys;
}

static int compare(const void *a, const void *b)
{
	const struct entry *left = a, *right = b;
	int order = memcmp(left->bytes, right->bytes, sizeof(left->bytes));

	return order ? order : (left->node > right->node) - (left->node < right->node);
}

static int check_kind(const struct reader *reader, const struct lm_topology *topology,
		      const struct kind *kind, struct entry *entry)
{
	unsigned n = 0;
	int rc = 0;

	for (unsigned i = 0; i < topology->nodes; i++) {
		unsigned got;

		memset(&entry[n], 0, ENTRIES * sizeof(*entry));
		got = kind->collect(&entry[n], &topology->node[i]);
		for (unsigned end = n + got; n < end; n++)
			entry[n].node = i;
	}
	qsort(entry, n, sizeof(*entry), compare);
	for (unsigned i = 1; i < n; i++) {
		struct place place = lm_topology_place_of_node(entry[i].node);

		if (lm_is_zero(entry[i].bytes, sizeof(entry[i].bytes)) || /* could not be read */
		    memcmp(entry[i - 1].bytes, entry[i].bytes, sizeof(entry[i].bytes)) != 0)
			continue;
		rc = lm_topology_fail(reader, &place, kind->field,
				      "stands at nodes[%u] already; every node has its own",
				      entry[i - 1].node);
	}
	return rc;
}

int lm_topology_check_unique(const struct reader *reader, const struct lm_topology *topology)
{
	static const struct kind kinds[] = {
		{"id", collect_id},     {"identity", collect_identity},
		{"link", collect_link}, {"addresses", collect_addresses},
		{"keys", collect_keys},
	};
	/* One node's worth more, since an entry is cleared before it is known to be needed. */
	struct entry *entry = calloc((size_t)topology->nodes + 1, ENTRIES * sizeof(*entry));
	int rc = 0;

	if (!entry)
		return lm_error_set(reader->err, ENOMEM, "%s: out of memory", reader->file);
	for (size_t i = 0; i < LM_COUNT(kinds); i++)
		rc = lm_topology_both(rc, check_kind(reader, topology, &kinds[i], entry));
	free(entry);
	return rc;
}
