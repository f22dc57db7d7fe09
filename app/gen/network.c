/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See network.h. Secret keys pass through locked memory and lib/epoch, which writes them; jansson
 * sees public keys only.
 */
#include "network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "frame.h"
#include "lm_epoch.h"
#include "lm_packet.h"

#define NAME_LEN     32
#define KEYS_MAX     (LM_PACKET_KIDS + NETWORK_AHEAD_MAX)
#define TOPOLOGY     "topology"
#define LABEL_LEN    12
#define HEX_LEN      (2 * 32 + 1)
#define GENERATOR_ID 1

/* A network on its way into its folder. */
struct writing {
	const struct network *network;
	int folder;
	json_t *nodes; /* as in the document, with keys by full epoch: `keys_of` picks */
};

_Static_assert(KEYS_MAX <= LM_X25519_BURST && KEYS_MAX <= LM_EPOCH_KEYS_MAX, "one burst");

bool network_parse_prefix(struct network *network, const char *text)
{
	bool ipv6 = strchr(text, ':') != NULL;
	struct network_prefix prefix = {.given = true};
	const char *slash = strchr(text, '/');
	char address[INET6_ADDRSTRLEN], *end;

	if (!slash || (size_t)(slash - text) >= sizeof(address) || slash[1] < '0' || slash[1] > '9')
		return false;
	memcpy(address, text, (size_t)(slash - text));
	address[slash - text] = '\0';
	prefix.len = (unsigned)strtoul(slash + 1, &end, 10);
	if (*end != '\0' || prefix.len > (ipv6 ? 126 : 30) ||
	    inet_pton(ipv6 ? AF_INET6 : AF_INET, address, prefix.address) != 1)
		return false;
	*(ipv6 ? &network->ipv6 : &network->ipv4) = prefix;
	return true;
}

uint32_t network_mix_id(const struct network *network, unsigned layer, unsigned index)
{
	uint32_t stride = 10;

	while (stride <= network->per_layer || stride <= network->gateways + 1)
		stride *= 10;
	return layer * stride + index;
}

/*
 * The prefix with the id in its low bits, as text. -ERANGE if the id does not fit, or would be the
 * broadcast address.
 */
static int put_address(char text[INET6_ADDRSTRLEN], int family, const struct network_prefix *prefix,
		       uint32_t id, struct lm_error *err)
{
	size_t len = family == AF_INET6 ? 16 : 4;
	uint64_t host_bits = 8 * len - prefix->len;
	uint8_t address[16];
	uint64_t carry = id;

	if (host_bits < 32 && id >= (UINT64_C(1) << host_bits) - 1)
		return lm_error_set(err, ERANGE, "--subnet: no address for node %u in a /%u", id,
				    prefix->len);
	memcpy(address, prefix->address, len);
	for (size_t i = len; i-- > 0; carry >>= 8) {
		carry += address[i];
		address[i] = (uint8_t)carry;
	}
	LM_ASSERT(inet_ntop(family, address, text, INET6_ADDRSTRLEN) != NULL);
	return 0;
}

static int write_file(int folder, const char *name, mode_t mode, const char *text, size_t len,
		      struct lm_error *err)
{
	int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	ssize_t wrote = 0;

	if (fd < 0 && errno == EEXIST)
		return lm_error_set(err, EEXIST, "%s: is there already; choose an empty folder",
				    name);
	if (fd < 0)
		return lm_error_set(err, errno, "%s: %s", name, strerror(errno));
	for (size_t done = 0; done < len && wrote >= 0; done += (size_t)wrote)
		wrote = write(fd, text + done, len - done);
	if (wrote >= 0 && fsync(fd) == 0 && close(fd) == 0)
		return 0;

	int code = errno;

	close(fd);
	unlinkat(folder, name, 0);
	return lm_error_set(err, code, "%s: %s", name, strerror(code));
}

/* The previous epoch, or epoch 0, which has none. */
static uint32_t epoch_before(uint32_t epoch)
{
	return epoch ? epoch - 1 : 0;
}

static void keys_name(char name[NAME_LEN], uint32_t id)
{
	snprintf(name, NAME_LEN, "keys-%u.json", id);
}

/* Draws a node's keys, writes the secret halves, and puts the public ones into *public. */
static int make_keys(json_t *public, const struct writing *writing, uint32_t id,
		     struct lm_error *err)
{
	const struct network *network = writing->network;
	struct lm_secret *secret = lm_secret_alloc(KEYS_MAX * sizeof(*secret));
	uint32_t first = epoch_before(network->epoch);
	unsigned n = network->epoch - first + 2 + network->epochs_ahead;
	char hex[HEX_LEN], name[NAME_LEN], label[LABEL_LEN];
	struct lm_point point[KEYS_MAX];
	int rc;

	if (!secret)
		return lm_error_set(err, ENOMEM,
				    "the kernel locks no memory for keys; raise the limit of "
				    "locked memory (ulimit -l)");
	lm_rand(secret, n * sizeof(*secret));
	lm_x25519_base_burst(point, secret, n);
	keys_name(name, id);
	rc = lm_epoch_write_keys(writing->folder, name, id, first, secret, n, err);
	lm_secret_free(secret);
	for (unsigned i = 0; rc == 0 && i < n; i++) { /* none: there is no file of ours */
		snprintf(label, sizeof(label), "%u", first + i);
		lm_hex_encode(hex, point[i].b, sizeof(point[i].b));
		json_object_set_new(public, label, json_string(hex));
	}
	return rc;
}

static int put_addresses(json_t *node, const struct network *network, uint32_t id,
			 struct lm_error *err)
{
	char text[INET6_ADDRSTRLEN];
	int rc = 0;

	if (network->ipv4.given) {
		rc = put_address(text, AF_INET, &network->ipv4, id, err);
		json_object_set_new(node, "ipv4", json_string(rc == 0 ? text : ""));
	}
	if (rc == 0 && network->ipv6.given) {
		rc = put_address(text, AF_INET6, &network->ipv6, id, err);
		json_object_set_new(node, "ipv6", json_string(rc == 0 ? text : ""));
	}
	return rc;
}

/* layer 0: a gateway. */
static int add_node(struct writing *writing, uint32_t id, unsigned layer, struct lm_error *err)
{
	const struct network *network = writing->network;
	json_t *node = json_object(), *keys = json_object();
	uint8_t mac[6];
	int rc;

	json_array_append_new(writing->nodes, node);
	json_object_set_new(node, "id", json_integer(id));
	json_object_set_new(node, "role", json_string(layer ? "mix" : "gateway"));
	if (layer)
		json_object_set_new(node, "layer", json_integer(layer));
	json_object_set_new(node, "port", json_integer(network->port));
	frame_mac_of_id(mac, id);
	json_object_set_new(node, "mac",
			    network->static_macs
				    ? json_sprintf("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1],
						   mac[2], mac[3], mac[4], mac[5])
				    : json_string("resolve"));
	json_object_set_new(node, "keys", keys);
	rc = put_addresses(node, network, id, err);
	return rc == 0 ? make_keys(keys, writing, id, err) : rc;
}

static int add_nodes(struct writing *writing, struct lm_error *err)
{
	const struct network *network = writing->network;
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i <= network->gateways; i++)
		rc = add_node(writing, GENERATOR_ID + i, 0, err);
	for (unsigned layer = 1; layer <= network->layers; layer++) {
		for (unsigned i = 1; rc == 0 && i <= network->per_layer; i++)
			rc = add_node(writing, network_mix_id(network, layer, i), layer, err);
	}
	return rc;
}

static json_t *mixing_object(const struct lm_mix_params *mix)
{
	const char *name = lm_mix_strategy_name(mix->strategy);

	switch (mix->strategy) {
	case LM_MIX_BATCH:
		return json_pack("{s:s, s:I, s:I, s:I, s:I}", "strategy", name, "interval_us",
				 (json_int_t)mix->interval_us, "min_batch",
				 (json_int_t)mix->min_batch, "min_neighbours",
				 (json_int_t)mix->min_neighbours, "max_wait_us",
				 (json_int_t)mix->max_wait_us);
	case LM_MIX_POOL:
		return json_pack("{s:s, s:I, s:I, s:I, s:I}", "strategy", name, "interval_us",
				 (json_int_t)mix->interval_us, "threshold",
				 (json_int_t)mix->threshold, "flush_ppm",
				 (json_int_t)mix->flush_ppm, "stay_ppm", (json_int_t)mix->stay_ppm);
	case LM_MIX_POISSON:
		break;
	}
	return json_pack("{s:s, s:I}", "strategy", name, "mean_delay_us",
			 (json_int_t)mix->mean_delay_us);
}

/* The nodes with the keys that a document of this epoch lists, by kid. */
static json_t *nodes_in_epoch(const json_t *nodes, uint32_t epoch)
{
	json_t *picked = json_deep_copy(nodes), *node;
	char label[LABEL_LEN];
	size_t i;

	json_array_foreach(picked, i, node)
	{
		const json_t *all = json_object_get(json_array_get(nodes, i), "keys");
		json_t *keys = json_object();

		for (uint64_t e = epoch_before(epoch); e <= (uint64_t)epoch + 1; e++) {
			snprintf(label, sizeof(label), "%u", (unsigned)e);
			json_t *key = json_object_get(all, label);

			snprintf(label, sizeof(label), "%u", (uint8_t)e);
			json_object_set(keys, label, key);
		}
		json_object_set_new(node, "keys", keys);
	}
	return picked;
}

static json_t *topology_document(const struct writing *writing, uint32_t epoch)
{
	const struct network *network = writing->network;

	return json_pack("{s:s, s:I, s:i, s:o, s:{s:I, s:I}, s:i, s:o}", "format",
			 "linemix-topology-v1", "epoch", (json_int_t)epoch, "profile",
			 (int)network->profile, "mixing", mixing_object(&network->mix), "cover",
			 "loop_interval_us", (json_int_t)network->cover.loop_interval_us,
			 "drop_interval_us", (json_int_t)network->cover.drop_interval_us, "layers",
			 (int)network->layers, "nodes", nodes_in_epoch(writing->nodes, epoch));
}

static void topology_name(char name[NAME_LEN], const struct network *network, uint32_t epoch)
{
	if (epoch == network->epoch)
		snprintf(name, NAME_LEN, TOPOLOGY ".json");
	else
		snprintf(name, NAME_LEN, TOPOLOGY "-%u.json", epoch);
}

/* What was asked for may make no valid network: that is found by reading it before writing it. */
static int write_topology(const struct writing *writing, uint32_t epoch, struct lm_error *err)
{
	json_t *document = topology_document(writing, epoch);
	char *text = json_dumps(document, JSON_INDENT(2));
	struct lm_topology *topology = NULL;
	char name[NAME_LEN];
	int rc;

	topology_name(name, writing->network, epoch);
	rc = text ? lm_topology_parse(&topology, text, strlen(text), name, err)
		  : lm_error_set(err, ENOMEM, "no memory for the topology");
	if (rc == 0)
		rc = write_file(writing->folder, name, 0644, text, strlen(text), err);
	lm_topology_free(topology);
	free(text);
	json_decref(document);
	return rc;
}

/* That of this epoch and those of the epochs ahead; on failure none is left. */
static int write_topologies(const struct writing *writing, struct lm_error *err)
{
	uint32_t epoch = writing->network->epoch, last = epoch + writing->network->epochs_ahead;
	char name[NAME_LEN];
	uint32_t e = epoch;
	int rc = 0;

	for (; rc == 0 && e <= last; e++)
		rc = write_topology(writing, e, err);
	for (e -= 1; rc != 0 && e-- > epoch;) { /* all before the one that failed */
		topology_name(name, writing->network, e);
		unlinkat(writing->folder, name, 0);
	}
	return rc;
}

/* Takes away the key files that were written; never one that was there before. */
static void remove_keys(const struct writing *writing)
{
	size_t made = json_array_size(writing->nodes);
	char name[NAME_LEN];

	for (size_t i = 0; i < made; i++) {
		const json_t *node = json_array_get(writing->nodes, i);

		keys_name(name, (uint32_t)json_integer_value(json_object_get(node, "id")));
		if (json_object_size(json_object_get(node, "keys")) > 0)
			unlinkat(writing->folder, name, 0);
	}
}

int network_write(const struct network *network, const char *out, struct lm_error *err)
{
	struct writing writing = {.network = network};
	int rc;

	if (network->epoch > UINT32_MAX - 1 - network->epochs_ahead)
		return lm_error_set(err, ERANGE, "--epoch: no epoch follows the last one");
	if (mkdir(out, 0755) != 0 && errno != EEXIST)
		return lm_error_set(err, errno, "%s: %s", out, strerror(errno));
	writing.folder = open(out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (writing.folder < 0)
		return lm_error_set(err, errno, "%s: %s", out, strerror(errno));
	writing.nodes = json_array();
	rc = add_nodes(&writing, err);
	if (rc == 0)
		rc = write_topologies(&writing, err);
	if (rc != 0) {
		remove_keys(&writing);
		lm_error_prefix(err, out);
	}
	json_decref(writing.nodes);
	close(writing.folder);
	return rc;
}
