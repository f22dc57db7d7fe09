/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See self_test.h. Packets have two hops, this relay and the next: what it peels is as long and
 * takes as long as any other. Each is delayed by a millisecond at most, so that what is held
 * stays small whatever the network's delays are.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lm_epoch.h"
#include "lm_x25519.h"
#include "self_test.h"

#define KEY_FILE   "keys.json"
#define BUILD_US   3000000 /* of building at most */
#define DELAY_US   1000
#define PACKET_MAX 20000
#define NEIGHBOURS 64 /* that are taken as senders, and as next hops */
#define KEYS_TEMP  "/dev/shm/linemix-self-test-XXXXXX"

/* ---- Keys ---- */

/* The node's public halves become those of the secrets. */
static void set_public(struct lm_topology_node *node, const struct lm_secret *secret)
{
	for (unsigned i = 0; i < node->keys; i++)
		lm_x25519_base_burst(&node->key[i].pk, &secret[i], 1);
}

/* Through a key file, which lib/epoch reads keys from; it lives for this call. */
static int load(struct relay *relay, const struct lm_secret *secret, uint32_t first, unsigned n,
		struct lm_error *err)
{
	char folder[] = KEYS_TEMP, path[sizeof(folder) + sizeof(KEY_FILE)];
	struct lm_epoch_place place = mix_keys_place(&relay->config->node, relay->topology);
	int fd, rc;

	if (!mkdtemp(folder))
		return lm_error_set(err, errno, KEYS_TEMP ": %s", strerror(errno));
	snprintf(path, sizeof(path), "%s/" KEY_FILE, folder);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	rc = fd >= 0 ? lm_epoch_write_keys(fd, KEY_FILE, relay->node->id, first, secret, n, err)
		     : lm_error_set(err, errno, "%s: %s", folder, strerror(errno));
	place.runtime = LM_EPOCH_THROWAWAY;
	place.keys = path;
	if (rc == 0)
		rc = mix_keys_load(&relay->keys, &place, relay->node, relay->epoch, err);
	(void)unlink(path);
	if (fd >= 0)
		close(fd);
	(void)rmdir(folder);
	return rc;
}

int self_test_keys(struct relay *relay, struct lm_error *err)
{
	struct lm_topology_node *node = &relay->topology->node[relay->node - relay->topology->node];
	/* those of consecutive epochs, the last two epochs ahead of the document's */
	uint32_t first = relay->topology->epoch + LM_TOPOLOGY_KEYS - node->keys;
	struct lm_secret *secret = lm_secret_alloc(LM_TOPOLOGY_NODE_KEYS * sizeof(*secret));
	int rc;

	if (!secret)
		return lm_error_set(err, ENOMEM,
				    "the kernel locks no memory for keys; raise the "
				    "limit of locked memory (ulimit -l)");
	lm_rand(secret, LM_TOPOLOGY_NODE_KEYS * sizeof(*secret));
	set_public(node, secret);
	rc = load(relay, secret, first, node->keys, err);
	lm_secret_free(secret);
	return rc;
}

/* ---- Frames ---- */

struct maker {
	const struct relay *relay;
	struct feed *feed;
	struct lm_packet_builder *builder;
	size_t packet_len;
	unsigned froms, tos, made;
	struct frame_header from[NEIGHBOURS];
	const struct lm_topology_node *to[NEIGHBOURS];
	struct lm_packet_build build[LM_BURST];
	uint8_t frame[LM_BURST][FRAME_HEADER_MAX + PACKET_MAX];
};

/* The header of frames from a neighbour to the relay; false: they share no address family. */
static bool header_from(struct frame_header *header, const struct relay *relay,
			const struct lm_topology_node *node)
{
	struct frame_self self;
	struct frame_way way;
	uint8_t mac[6];

	view_static_mac(mac, node);
	view_self_init(&self, node, mac, (uint16_t)relay->config->node.port.vlan);
	if (!frame_way_first(&way, &self, relay->node))
		return false;
	view_static_mac(way.mac, relay->node);
	frame_header_init(header, &self, relay->node, &way);
	return true;
}

static int find_neighbours(struct maker *maker, struct lm_error *err)
{
	const struct relay *relay = maker->relay;
	const struct lm_topology *topology = relay->topology;

	for (unsigned i = 0; i < topology->nodes; i++) {
		const struct lm_topology_node *node = &topology->node[i];

		if (!feed_has(maker->feed, node->id))
			continue;
		if (maker->froms < NEIGHBOURS &&
		    lm_topology_may_follow(topology, node, relay->node))
			maker->froms += header_from(&maker->from[maker->froms], relay, node);
		if (maker->tos < NEIGHBOURS && lm_topology_may_follow(topology, relay->node, node))
			maker->to[maker->tos++] = node;
	}
	if (maker->froms > 0 && maker->tos > 0)
		return 0;
	return lm_error_set(err, ENOENT,
			    "--self-test: the topology has no node that sends to node %u, or none "
			    "that it sends to",
			    relay->node->id);
}

/* The way of one packet, by this relay to one of those after it. */
static void describe(struct maker *maker, unsigned i)
{
	const struct relay *relay = maker->relay;
	const struct lm_topology_node *next = maker->to[(maker->made + i) % maker->tos];
	uint8_t kid = (uint8_t)relay->topology->epoch;
	struct lm_packet_build *build = &maker->build[i];

	memset(build, 0, sizeof(*build));
	lm_rand(&build->seed, sizeof(build->seed));
	build->hops = 2;
	build->path[0] = (struct lm_packet_hop){relay->node->id, kid, DELAY_US,
						*lm_topology_key(relay->node, kid)};
	build->path[1] =
		(struct lm_packet_hop){next->id, kid, DELAY_US, *lm_topology_key(next, kid)};
	build->cmd = LM_PACKET_DROP;
	build->packet = maker->frame[i] + FRAME_HEADER_MAX;
	lm_packet_body_drop(maker->builder, build->packet + LM_PACKET_HEADER);
}

/* Builds a burst and adds those that a key was not wrong for. */
static int add_burst(struct maker *maker, struct lm_error *err)
{
	uint64_t built;
	int rc = 0;

	for (unsigned i = 0; i < LM_BURST; i++)
		describe(maker, i);
	built = lm_packet_build(maker->builder, maker->build, LM_BURST);
	for (unsigned i = 0; rc == 0 && i < LM_BURST; i++) {
		const struct frame_header *header = &maker->from[maker->made % maker->froms];
		uint8_t *packet = maker->build[i].packet;
		unsigned workers = maker->relay->config->node.cpus.workers_count;

		if (!(built >> i & 1))
			continue;
		(void)frame_write(header, packet, maker->packet_len, true);
		rc = feed_add(maker->feed, packet - header->len, header->len + maker->packet_len,
			      maker->made++ % workers, err);
	}
	lm_wipe(maker->build, sizeof(maker->build));
	return rc;
}

static int fill(struct maker *maker, unsigned frames, struct lm_error *err)
{
	uint64_t until_us = lm_clock_us() + BUILD_US;
	int rc = find_neighbours(maker, err);

	while (rc == 0 && maker->made + LM_BURST <= frames && lm_clock_us() < until_us)
		rc = add_burst(maker, err);
	if (rc == 0 && maker->made == 0)
		rc = lm_error_set(err, ENOKEY, "--self-test: no packet can be built for node %u",
				  maker->relay->node->id);
	return rc;
}

int self_test_fill(struct feed *feed, const struct relay *relay, unsigned frames,
		   struct lm_error *err)
{
	const unsigned profile = relay->topology->profile;
	size_t size = (lm_packet_builder_size() + LM_PACKET_ALIGN - 1) / LM_PACKET_ALIGN;
	void *memory = aligned_alloc(LM_PACKET_ALIGN, size * LM_PACKET_ALIGN);
	struct maker *maker = calloc(1, sizeof(*maker));
	int rc = memory && maker ? 0 : lm_error_set(err, ENOMEM, "too little memory");

	if (rc == 0) {
		maker->relay = relay;
		maker->feed = feed;
		maker->packet_len = lm_packet_len(profile);
		LM_ASSERT(maker->packet_len <= PACKET_MAX);
		maker->builder =
			lm_packet_builder_init(memory, profile, relay->config->node.symmetric, err);
		rc = maker->builder ? fill(maker, frames, err) : -EINVAL;
	}
	if (memory)
		lm_wipe(memory, lm_packet_builder_size());
	free(memory);
	free(maker);
	return rc;
}
