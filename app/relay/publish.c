/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See publish.h.
 */
#include "publish.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lm_epoch.h"
#include "lm_x25519.h"
#include "measured.h"

#define PATH_LEN (CONFIG_PATH_MAX + sizeof("/" PUBLISH_FILE))

static int load_measured(struct publish *publish, struct lm_error *err)
{
	const struct relay_config *config = publish->config;
	struct measured measured;
	int rc;

	if (config->publish.capacity != CONFIG_CAPACITY_AUTO)
		return 0;
	rc = measured_read(&measured, &config->node, err);
	if (rc == 0)
		publish->measured = measured.capacity;
	if (rc != -ENOENT && rc != -ESTALE)
		return rc;
	fprintf(stderr,
		"linemix-relay: warning: publish.capacity: auto: %s; until linemix-relay "
		"--self-test has measured it, the topology's is published, or "
		"limits.max_packets_per_second\n",
		err->text);
	return 0;
}

int publish_open(struct publish *publish, const struct relay_config *config, struct lm_error *err)
{
	struct lm_secret *link;
	int rc;

	*publish = (struct publish){.config = config};
	if (config->identity[0] == '\0')
		return 0;
	publish->identity = lm_secret_alloc(sizeof(*publish->identity));
	link = lm_secret_alloc(sizeof(*link));
	if (!publish->identity || !link)
		rc = lm_error_set(err, ENOMEM,
				  "the kernel locks no memory for keys; raise the limit of locked "
				  "memory (ulimit -l)");
	else
		rc = lm_keyfile_load(publish->identity->b, publish->public.b, LM_KEYFILE_IDENTITY,
				     config->identity, err);
	if (rc == 0)
		rc = lm_keyfile_load(link->b, publish->link.b, LM_KEYFILE_LINK,
				     config->node.link.key, err);
	if (rc == 0)
		lm_link_prove(&publish->link_proof, &publish->link, link,
			      (uint32_t)config->node.node, &publish->public);
	lm_secret_free(link);
	if (rc == 0)
		rc = load_measured(publish, err);
	if (rc != 0)
		publish_close(publish);
	return rc;
}

void publish_close(struct publish *publish)
{
	lm_secret_free(publish->identity);
	publish->identity = NULL;
}

/* ---- Keys ---- */

struct gathering {
	const struct publish *publish;
	struct lm_descriptor *descriptor;
	uint32_t first; /* those before it are over */
};

/* Adds the key of an epoch behind those that are there; consecutive ones only. */
static void gather(void *context, uint32_t epoch, const struct lm_secret *secret)
{
	const struct gathering *gathering = context;
	const struct publish *publish = gathering->publish;
	struct lm_descriptor *descriptor = gathering->descriptor;
	struct lm_descriptor_key *key = &descriptor->key[descriptor->keys];

	if (epoch < gathering->first || descriptor->keys == LM_DESCRIPTOR_KEYS ||
	    (descriptor->keys > 0 && epoch != key[-1].epoch + 1))
		return;
	key->epoch = epoch;
	lm_key_prove(&key->proof, &key->pk, secret, descriptor->id, &publish->public, epoch);
	descriptor->keys++;
}

/* Keys of epochs that are over go. */
static void forget(struct lm_descriptor *descriptor, uint32_t epoch)
{
	unsigned gone = 0;

	while (gone < descriptor->keys && descriptor->key[gone].epoch < epoch)
		gone++;
	descriptor->keys -= gone;
	memmove(descriptor->key, descriptor->key + gone,
		descriptor->keys * sizeof(descriptor->key[0]));
}

/* The first epoch from `epoch` on of which the topology has no key of this relay. */
static uint32_t first_free(const struct lm_topology_node *node, uint32_t epoch)
{
	while (node && lm_topology_key(node, (uint8_t)epoch))
		epoch++;
	return epoch;
}

struct search {
	const struct lm_descriptor *descriptor;
	uint64_t found; /* a bit for each of its keys */
};

_Static_assert(LM_DESCRIPTOR_KEYS <= 64, "a bit each");

static void find(void *context, uint32_t epoch, const struct lm_secret *secret)
{
	struct search *search = context;
	uint32_t i = epoch - search->descriptor->key[0].epoch;
	struct lm_point public;

	if (i >= search->descriptor->keys)
		return;
	lm_x25519_base_burst(&public, secret, 1);
	if (memcmp(&public, &search->descriptor->key[i].pk, sizeof(public)) == 0)
		search->found |= UINT64_C(1) << i;
}

/*
 * Takes keys from the list whose secrets are lost with the key file, so that others are made. Those
 * stay listed that documents may have: of the epochs up to the last one of the next document, which
 * may have been made from the list already. They alone can have come into use, and left the file.
 */
static int cut_lost(struct lm_descriptor *descriptor, const struct publish *publish, uint32_t epoch,
		    struct lm_error *err)
{
	const char *keys = publish->config->node.keys;
	struct search search = {.descriptor = descriptor};
	int rc = 0;

	if (descriptor->keys > 0 && access(keys, F_OK) == 0)
		rc = lm_epoch_each_waiting(keys, descriptor->id, LM_EPOCH_KEYS_MAX, find, &search,
					   err);
	for (unsigned i = 0; rc == 0 && i < descriptor->keys; i++) {
		if (descriptor->key[i].epoch <= epoch + LM_TOPOLOGY_KEYS || search.found >> i & 1)
			continue;
		fprintf(stderr,
			"linemix-relay: warning: %s: keys that were published are lost; new ones "
			"begin with epoch %" PRIu32 "\n",
			keys, descriptor->key[i].epoch);
		descriptor->keys = i;
	}
	return rc;
}

/*
 * Makes what is missing up to the last epoch that is wanted, and lists it. Of an epoch for which
 * the topology has a key none is made, also if that was lost: senders use the one it has.
 */
static int extend(struct lm_descriptor *descriptor, const struct publish *publish,
		  const struct lm_topology_node *node, const struct publish_time *time,
		  struct lm_error *err)
{
	const struct node_config *config = &publish->config->node;
	uint32_t last = time->epoch + (uint32_t)publish->config->publish.epochs, first, begins;
	struct gathering gathering = {publish, descriptor, time->sure};
	int rc = 0;

	if (last > LM_TOPOLOGY_EPOCH_MAX + LM_TOPOLOGY_KEYS - 1)
		last = LM_TOPOLOGY_EPOCH_MAX + LM_TOPOLOGY_KEYS - 1;
	if (descriptor->keys == 0 && access(config->keys, F_OK) == 0)
		rc = lm_epoch_each_waiting(config->keys, descriptor->id, LM_EPOCH_KEYS_MAX, gather,
					   &gathering, err);
	first = descriptor->keys > 0 ? descriptor->key[descriptor->keys - 1].epoch + 1
				     : first_free(node, time->epoch);
	begins = descriptor->keys > 0 ? descriptor->key[0].epoch : first;
	if (last < begins + LM_TOPOLOGY_KEYS - 1) /* fewer keys are no descriptor */
		last = begins + LM_TOPOLOGY_KEYS - 1;
	if (rc == 0 && first <= last)
		rc = lm_epoch_make(config->keys, descriptor->id, first, last, err);
	if (rc == 0 && first <= last)
		rc = lm_epoch_each_waiting(config->keys, descriptor->id, LM_EPOCH_KEYS_MAX, gather,
					   &gathering, err);
	return rc;
}

/* ---- The rest ---- */

static struct lm_topology_address to_address(const char *text)
{
	struct lm_topology_address address = {0};
	struct endpoint endpoint;

	LM_ASSERT(endpoint_parse(&endpoint, text));
	address.ipv6 = endpoint.ipv6;
	address.port = endpoint.port;
	memcpy(address.ip, endpoint.address, endpoint.ipv6 ? 16 : 4);
	return address;
}

static uint32_t capacity(const struct publish *publish, const struct lm_topology_node *node)
{
	const struct relay_config *config = publish->config;
	uint64_t said = config->publish.capacity;

	if (said == CONFIG_CAPACITY_AUTO)
		said = publish->measured;
	if (said > 0)
		return (uint32_t)said;
	return node ? node->capacity : (uint32_t)config->node.limits.max_packets_per_second;
}

static int describe(struct lm_descriptor *descriptor, const struct publish *publish,
		    const struct lm_topology_node *node, struct lm_error *err)
{
	const struct relay_config *config = publish->config;

	descriptor->id = (uint32_t)config->node.node;
	descriptor->identity = publish->public;
	if (memcmp(&descriptor->link, &publish->link, sizeof(publish->link)) != 0) {
		descriptor->link = publish->link;
		descriptor->link_proof = publish->link_proof;
	}
	descriptor->capacity = capacity(publish, node);
	memset(descriptor->address, 0, sizeof(descriptor->address));
	descriptor->addresses = config->publish.addresses;
	for (unsigned i = 0; i < config->publish.addresses; i++)
		descriptor->address[i] = to_address(config->publish.address[i]);
	if (descriptor->addresses == 0 && node) {
		descriptor->addresses = node->addresses;
		memcpy(descriptor->address, node->address, sizeof(descriptor->address));
	}
	if (descriptor->addresses > 0)
		return 0;
	return lm_error_set(err, EINVAL,
			    "publish.addresses: this relay is in no topology yet, so nobody else "
			    "knows where it is; name its addresses");
}

/* What was published before, or nothing. */
static void read_before(struct lm_descriptor *descriptor, const struct publish *publish,
			const char *path)
{
	char *text;
	size_t len;

	memset(descriptor, 0, sizeof(*descriptor));
	if (lm_file_read(&text, &len, path, NULL) != 0)
		return;
	if (lm_descriptor_parse(descriptor, text, len, path, NULL) != 0 ||
	    descriptor->id != publish->config->node.node ||
	    memcmp(&descriptor->identity, &publish->public, sizeof(publish->public)) != 0)
		memset(descriptor, 0, sizeof(*descriptor));
	free(text);
}

static int write_descriptor(const struct publish *publish, struct lm_descriptor *descriptor,
			    const char *path, uint64_t now_s, struct lm_error *err)
{
	char *text;
	size_t len;
	int rc;

	/* of two the later counts, also after the clock was set back */
	descriptor->made_s = now_s > descriptor->made_s ? now_s : descriptor->made_s + 1;
	rc = lm_descriptor_format(&text, &len, descriptor, publish->identity, err);
	if (rc != 0)
		return rc;
	rc = lm_file_replace(path, text, len, 0644, err);
	free(text);
	return rc;
}

int publish_update(const struct publish *publish, const struct lm_topology_node *node,
		   const struct publish_time *time, struct lm_error *err)
{
	struct lm_descriptor *descriptor, *before;
	char path[PATH_LEN];
	int rc;

	if (!publish->identity)
		return 0;
	snprintf(path, sizeof(path), "%s/" PUBLISH_FILE, publish->config->node.state);
	descriptor = calloc(2, sizeof(*descriptor));
	if (!descriptor)
		return lm_error_set(err, ENOMEM, "too little memory");
	before = descriptor + 1;
	read_before(before, publish, path);
	*descriptor = *before;
	rc = describe(descriptor, publish, node, err);
	if (rc == 0) {
		forget(descriptor, time->sure);
		rc = cut_lost(descriptor, publish, time->epoch, err);
	}
	if (rc == 0)
		rc = extend(descriptor, publish, node, time, err);
	if (rc == 0 && memcmp(descriptor, before, sizeof(*descriptor)) != 0)
		rc = write_descriptor(publish, descriptor, path, time->now_s, err);
	free(descriptor);
	return rc;
}
