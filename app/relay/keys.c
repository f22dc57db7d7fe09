/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See keys.h. The keys themselves never come here, only pointers to them.
 */
#include "keys.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>

/* What a topology lists of c - 1, c and c + 1, in epoch c; epoch 0 has no previous one. */
struct listed {
	unsigned n;
	struct lm_epoch_wanted key[LM_PACKET_KIDS];
};

static uint32_t first_epoch(uint32_t epoch)
{
	return epoch > 0 ? epoch - 1 : 0;
}

static struct listed list_keys(const struct lm_topology_node *node, uint32_t epoch)
{
	struct listed listed = {0};

	for (uint32_t e = first_epoch(epoch); e <= epoch + 1; e++) {
		const struct lm_point *public = lm_topology_key(node, (uint8_t)e);

		if (public)
			listed.key[listed.n++] = (struct lm_epoch_wanted){e, *public};
	}
	return listed;
}

struct lm_epoch_place mix_keys_place(const struct node_config *config,
				     const struct lm_topology *topology)
{
	return (struct lm_epoch_place){
		.runtime = config->runtime,
		.keys = config->keys,
		.node = (uint32_t)config->node,
		.capacity = node_config_replay(config, topology->until_s - topology->from_s),
	};
}

static int none_left(const struct lm_epoch_place *place, uint32_t epoch, struct lm_error *err)
{
	return lm_error_set(err, ENOKEY,
			    "node %" PRIu32 " has no key that the topology lists for epoch %" PRIu32
			    ": those in use are lost with the memory in %s, and %s has none "
			    "of epochs %" PRIu32 " to %" PRIu32
			    "; start again with a topology of a later epoch, for which keys wait",
			    place->node, epoch, place->runtime, place->keys, first_epoch(epoch),
			    epoch + 1);
}

static int take(struct mix_keys *keys, const struct lm_epoch_place *place,
		const struct lm_topology_node *node, uint32_t epoch, struct lm_error *err)
{
	struct listed listed = list_keys(node, epoch);
	const struct lm_epoch_key *key[LM_PACKET_KIDS];
	int rc = lm_epoch_take(keys->epoch, key, listed.key, listed.n, err);

	if (rc != 0)
		return rc;
	for (unsigned i = 0; i < listed.n; i++) {
		if (key[i])
			keys->ring.key[keys->ring.n++] = &key[i]->key;
		else
			keys->lost_epoch[keys->lost++] = listed.key[i].epoch;
	}
	return keys->ring.n > 0 ? 0 : none_left(place, epoch, err);
}

/*
 * Keys are locked in memory also when epochs change, long after privileges were given up: who may
 * raise the limit does it now.
 */
static void raise_lock_limit(void)
{
	struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};

	if (setrlimit(RLIMIT_MEMLOCK, &limit) == 0 || getrlimit(RLIMIT_MEMLOCK, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_MEMLOCK, &limit);
}

int mix_keys_load(struct mix_keys *keys, const struct lm_epoch_place *place,
		  const struct lm_topology_node *node, uint32_t epoch, struct lm_error *err)
{
	int rc;

	memset(keys, 0, sizeof(*keys));
	raise_lock_limit();
	rc = lm_epoch_open(&keys->epoch, place, err);
	if (rc == 0)
		rc = take(keys, place, node, epoch, err);
	if (rc != 0)
		mix_keys_free(keys);
	return rc;
}

int mix_keys_renew(struct mix_keys *next, const struct mix_keys *now,
		   const struct lm_epoch_place *place, const struct lm_topology_node *node,
		   uint32_t epoch, struct lm_error *err)
{
	*next = (struct mix_keys){.epoch = now->epoch};
	lm_epoch_set_capacity(next->epoch, place->capacity);
	return take(next, place, node, epoch, err);
}

int mix_keys_retire(struct mix_keys *keys, uint32_t epoch, struct lm_error *err)
{
	return lm_epoch_retire(keys->epoch, first_epoch(epoch), err);
}

int mix_keys_check(FILE *to, const struct lm_epoch_place *place,
		   const struct lm_topology_node *node, uint32_t epoch, struct lm_error *err)
{
	static const char *const words[] = {
		[LM_EPOCH_NOWHERE] = "lost",
		[LM_EPOCH_IN_USE] = "in use",
		[LM_EPOCH_WAITING] = "waits in the key file",
	};
	struct listed listed = list_keys(node, epoch);
	enum lm_epoch_where where[LM_PACKET_KIDS];
	unsigned found = 0;
	int rc = lm_epoch_look(where, place, listed.key, listed.n, err);

	if (rc == 0)
		rc = lm_epoch_check_room(place, err);
	if (rc != 0)
		return rc;
	fprintf(to, "keys:");
	for (unsigned i = 0; i < listed.n; i++) {
		fprintf(to, "%s epoch %" PRIu32 " %s", i ? "," : "", listed.key[i].epoch,
			words[where[i]]);
		found += where[i] != LM_EPOCH_NOWHERE;
	}
	fputc('\n', to);
	return found > 0 ? 0 : none_left(place, epoch, err);
}

void mix_keys_warn(FILE *to, const struct mix_keys *keys)
{
	if (keys->lost == 0)
		return;
	fprintf(to, "linemix-relay: warning: no key of epoch");
	for (unsigned i = 0; i < keys->lost; i++)
		fprintf(to, "%s %" PRIu32, i ? "," : "", keys->lost_epoch[i]);
	fprintf(to, ": lost with the machine, or never made; its packets are dropped (kid) until "
		    "senders use later epochs\n");
}

void mix_keys_warn_full(FILE *to, const struct mix_keys *keys)
{
	fprintf(to,
		"linemix-relay: warning: new packets are dropped (replay_full): full replay sets:");
	for (unsigned i = 0; i < keys->ring.n; i++) {
		const struct lm_packet_key *key = keys->ring.key[i];
		const struct lm_replay *replay = lm_epoch_replay(key);

		if (lm_replay_count(replay) >= lm_replay_capacity(replay))
			fprintf(to, " epoch %" PRIu32 " (%" PRIu64 " tags)",
				((const struct lm_epoch_key *)key)->epoch,
				lm_replay_capacity(replay));
	}
	fprintf(to, "; raise limits.max_packets_per_second, which counts for keys that come into "
		    "use after a restart\n");
}

void mix_keys_free(struct mix_keys *keys)
{
	lm_epoch_close(keys->epoch);
	memset(keys, 0, sizeof(*keys));
}
