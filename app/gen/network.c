/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See network.h. Secret keys pass through locked memory; lib/epoch writes mix keys, and
 * lib/topology the long-term ones. jansson sees public keys only.
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
#define PATH_LEN     4096
#define KEYS_MAX     (LM_TOPOLOGY_KEYS + NETWORK_AHEAD_MAX)
#define TOPOLOGY     "topology"
#define LABEL_LEN    12
#define HEX_LEN      (2 * 32 + 1)
#define GENERATOR_ID 1
#define LAST_S       UINT64_C(253402300799) /* the last second that a document can name */

/* A network on its way into its folder. */
struct writing {
	const struct network *network;
	const char *out;
	int folder;
	json_t *made;                   /* names of files that were written */
	json_t *nodes;                  /* as in the document, but with the keys of all epochs */
	struct lm_signer *signer;       /* of each authority, in locked memory */
	struct lm_authorities verifier; /* their public keys */
	struct lm_hash previous;        /* of the document before */
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

static int is_there(const char *name, struct lm_error *err)
{
	return lm_error_set(err, EEXIST, "%s: is there already; choose an empty folder", name);
}

static void remember(struct writing *writing, const char *name)
{
	json_array_append_new(writing->made, json_string(name));
}

static int write_file(struct writing *writing, const char *name, const char *text, size_t len,
		      struct lm_error *err)
{
	int fd = openat(writing->folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	ssize_t wrote = 0;

	if (fd < 0 && errno == EEXIST)
		return is_there(name, err);
	if (fd < 0)
		return lm_error_set(err, errno, "%s: %s", name, strerror(errno));
	remember(writing, name);
	for (size_t done = 0; done < len && wrote >= 0; done += (size_t)wrote)
		wrote = write(fd, text + done, len - done);
	if (wrote >= 0 && fsync(fd) == 0 && close(fd) == 0)
		return 0;

	int code = errno;

	close(fd);
	return lm_error_set(err, code, "%s: %s", name, strerror(code));
}

/* ---- Keys ---- */

/* A new key file KIND-NUMBER.key; its public key, and its path. */
static int make_keyfile(uint8_t public[32], char path[PATH_LEN], struct writing *writing,
			enum lm_keyfile_kind kind, uint32_t number, struct lm_error *err)
{
	char name[NAME_LEN];
	int rc;

	snprintf(name, sizeof(name), "%s-%u.key", lm_keyfile_kind_name(kind), number);
	if (snprintf(path, PATH_LEN, "%s/%s", writing->out, name) >= PATH_LEN)
		return lm_error_set(err, ENAMETOOLONG, "%s: the path is too long", name);
	rc = lm_keyfile_make(public, kind, path, err);
	if (rc == -EEXIST)
		return is_there(name, err);
	if (rc == 0)
		remember(writing, name);
	return rc;
}

/* Makes a long-term key of a node and puts its public half into the node. */
static int put_keyfile(json_t *node, struct writing *writing, enum lm_keyfile_kind kind,
		       uint32_t id, struct lm_error *err)
{
	char hex[HEX_LEN], path[PATH_LEN];
	uint8_t public[32];
	int rc = make_keyfile(public, path, writing, kind, id, err);

	if (rc != 0)
		return rc;
	lm_hex_encode(hex, public, sizeof(public));
	json_object_set_new(node, lm_keyfile_kind_name(kind), json_string(hex));
	return 0;
}

/* Draws a node's mix keys, writes the secret halves, and puts the public ones into *public. */
static int make_keys(json_t *public, struct writing *writing, uint32_t id, struct lm_error *err)
{
	const struct network *network = writing->network;
	struct lm_secret *secret = lm_secret_alloc(KEYS_MAX * sizeof(*secret));
	unsigned n = LM_TOPOLOGY_KEYS + network->epochs_ahead;
	char hex[HEX_LEN], name[NAME_LEN], label[LABEL_LEN];
	struct lm_point point[KEYS_MAX];
	int rc;

	if (!secret)
		return lm_error_set(err, ENOMEM,
				    "the kernel locks no memory for keys; raise the limit of "
				    "locked memory (ulimit -l)");
	lm_rand(secret, n * sizeof(*secret));
	lm_x25519_base_burst(point, secret, n);
	snprintf(name, sizeof(name), "keys-%u.json", id);
	rc = lm_epoch_write_keys(writing->folder, name, id, network->epoch, secret, n, err);
	lm_secret_free(secret);
	if (rc == 0)
		remember(writing, name);
	for (unsigned i = 0; rc == 0 && i < n; i++) {
		snprintf(label, sizeof(label), "%u", network->epoch + i);
		lm_hex_encode(hex, point[i].b, sizeof(point[i].b));
		json_object_set_new(public, label, json_string(hex));
	}
	return rc;
}

static int make_authorities(struct writing *writing, struct lm_error *err)
{
	struct lm_authorities *verifier = &writing->verifier;
	char path[PATH_LEN];
	int rc = 0;

	verifier->n = writing->network->authorities;
	verifier->threshold = writing->network->threshold;
	writing->signer = lm_secret_alloc(verifier->n * sizeof(*writing->signer));
	if (!writing->signer)
		return lm_error_set(err, ENOMEM,
				    "the kernel locks no memory for keys; raise the limit of "
				    "locked memory (ulimit -l)");
	for (unsigned i = 0; rc == 0 && i < verifier->n; i++) {
		rc = make_keyfile(verifier->key[i].b, path, writing, LM_KEYFILE_AUTHORITY, i + 1,
				  err);
		if (rc == 0)
			rc = lm_keyfile_load(writing->signer[i].b, verifier->key[i].b,
					     LM_KEYFILE_AUTHORITY, path, err);
	}
	return rc;
}

/* The lines of a configuration that say whom to trust. */
static int write_authorities(struct writing *writing, struct lm_error *err)
{
	const struct lm_authorities *verifier = &writing->verifier;
	char text[LM_SIGNED_SIGNATURES * (HEX_LEN + 4) + 64], hex[HEX_LEN];
	int n = sprintf(text, "authorities:\n");

	for (unsigned i = 0; i < verifier->n; i++) {
		lm_hex_encode(hex, verifier->key[i].b, sizeof(verifier->key[i].b));
		n += sprintf(text + n, "- %s\n", hex);
	}
	n += sprintf(text + n, "threshold: %u\n", verifier->threshold);
	return write_file(writing, "authorities.yaml", text, (size_t)n, err);
}

/* ---- Nodes ---- */

static int put_address_of(json_t *list, int family, const struct network *network, uint32_t id,
			  struct lm_error *err)
{
	const struct network_prefix *prefix = family == AF_INET6 ? &network->ipv6 : &network->ipv4;
	char text[INET6_ADDRSTRLEN];
	int rc;

	if (!prefix->given)
		return 0;
	rc = put_address(text, family, prefix, id, err);
	if (rc == 0)
		json_array_append_new(list, json_pack("{s:s, s:i}", "ip", text, "port",
						      (int)network->port));
	return rc;
}

static json_t *mac_of(uint32_t id)
{
	uint8_t mac[6];

	frame_mac_of_id(mac, id);
	return json_sprintf("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
			    mac[5]);
}

/* Every node has an operator of its own, or they take turns; a jurisdiction is a layer's. */
static void put_who(json_t *node, const struct network *network, uint32_t id, unsigned layer,
		    size_t place)
{
	unsigned turn = network->operators ? (unsigned)(place % network->operators) + 1 : id;

	json_object_set_new(node, "id", json_integer(id));
	json_object_set_new(node, "role", json_string(layer ? "mix" : "gateway"));
	if (layer)
		json_object_set_new(node, "layer", json_integer(layer));
	json_object_set_new(node, "operator", json_sprintf("operator %u", turn));
	json_object_set_new(node, "jurisdiction", json_sprintf("X%c", 'A' + (int)layer));
	json_object_set_new(node, "capacity", json_integer(network->capacity));
}

/* layer 0: a gateway. */
static int add_node(struct writing *writing, uint32_t id, unsigned layer, struct lm_error *err)
{
	const struct network *network = writing->network;
	json_t *node = json_object(), *keys = json_object(), *addresses = json_array();
	int rc;

	put_who(node, network, id, layer, json_array_size(writing->nodes));
	json_array_append_new(writing->nodes, node);
	json_object_set_new(node, "addresses", addresses);
	if (network->static_macs)
		json_object_set_new(node, "mac", mac_of(id));
	json_object_set_new(node, "keys", keys);
	rc = put_address_of(addresses, AF_INET, network, id, err);
	if (rc == 0)
		rc = put_address_of(addresses, AF_INET6, network, id, err);
	if (rc == 0)
		rc = put_keyfile(node, writing, LM_KEYFILE_IDENTITY, id, err);
	if (rc == 0)
		rc = put_keyfile(node, writing, LM_KEYFILE_LINK, id, err);
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

/* ---- Documents ---- */

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

/* The nodes with the keys that a document of this epoch lists. */
static json_t *nodes_in_epoch(const json_t *nodes, uint32_t epoch)
{
	json_t *picked = json_deep_copy(nodes), *node;
	char label[LABEL_LEN];
	size_t i;

	json_array_foreach(picked, i, node)
	{
		const json_t *all = json_object_get(json_array_get(nodes, i), "keys");
		json_t *keys = json_object();

		for (uint32_t e = epoch; e < epoch + LM_TOPOLOGY_KEYS; e++) {
			snprintf(label, sizeof(label), "%u", e);
			json_object_set(keys, label, json_object_get(all, label));
		}
		json_object_set_new(node, "keys", keys);
	}
	return picked;
}

static json_t *topology_document(const struct writing *writing, uint32_t epoch)
{
	const struct network *network = writing->network;
	uint64_t from_s =
		network->from_s + (uint64_t)(epoch - network->epoch) * network->epoch_seconds;
	char from[LM_TOPOLOGY_TIME], until[LM_TOPOLOGY_TIME], previous[HEX_LEN];

	lm_topology_format_time(from, from_s);
	lm_topology_format_time(until, from_s + network->epoch_seconds);
	lm_hex_encode(previous, writing->previous.b, sizeof(writing->previous.b));
	return json_pack("{s:s, s:I, s:s, s:s, s:s, s:i, s:o, s:{s:I, s:I, s:I}, s:{s:s, s:b}, "
			 "s:i, s:o}",
			 "format", "linemix-topology-v2", "epoch", (json_int_t)epoch, "from", from,
			 "until", until, "previous", previous, "profile", (int)network->profile,
			 "mixing", mixing_object(&network->mix), "cover", "loop_interval_us",
			 (json_int_t)network->cover.loop_interval_us, "drop_interval_us",
			 (json_int_t)network->cover.drop_interval_us, "link_interval_us",
			 (json_int_t)network->cover.link_interval_us, "paths", "choice",
			 network->paths.by_capacity ? "capacity" : "uniform", "jurisdictions",
			 (int)network->paths.jurisdictions, "layers", (int)network->layers, "nodes",
			 nodes_in_epoch(writing->nodes, epoch));
}

static void topology_name(char name[NAME_LEN], const struct network *network, uint32_t epoch)
{
	if (epoch == network->epoch)
		snprintf(name, NAME_LEN, TOPOLOGY ".json");
	else
		snprintf(name, NAME_LEN, TOPOLOGY "-%u.json", epoch);
}

/* Signs the document by every authority and writes it. */
static int write_signed(struct writing *writing, const char *name, const char *document, size_t len,
			struct lm_error *err)
{
	struct lm_signed file = {.n = writing->verifier.n, .bytes = document, .len = len};
	char *text;
	size_t text_len;
	int rc;

	for (unsigned i = 0; i < file.n; i++) {
		file.by[i] = writing->verifier.key[i];
		lm_sign(&file.signature[i], &writing->signer[i], document, len);
	}
	if (lm_signed_format(&text, &text_len, &file) != 0)
		return lm_error_set(err, ENOMEM, "no memory for the topology");
	rc = write_file(writing, name, text, text_len, err);
	free(text);
	return rc;
}

/* What was asked for may make no valid network: that is found by reading it before writing it. */
static int write_topology(struct writing *writing, uint32_t epoch, struct lm_error *err)
{
	json_t *document = topology_document(writing, epoch);
	char *text = json_dumps(document, JSON_INDENT(1));
	struct lm_topology *topology = NULL;
	char name[NAME_LEN];
	int rc;

	topology_name(name, writing->network, epoch);
	rc = text ? lm_topology_parse(&topology, text, strlen(text), name, err)
		  : lm_error_set(err, ENOMEM, "no memory for the topology");
	if (rc == 0) {
		writing->previous = topology->hash;
		rc = write_signed(writing, name, text, strlen(text), err);
	}
	lm_topology_free(topology);
	free(text);
	json_decref(document);
	return rc;
}

/* That of this epoch and those of the epochs ahead. */
static int write_topologies(struct writing *writing, struct lm_error *err)
{
	uint32_t epoch = writing->network->epoch;
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i <= writing->network->epochs_ahead; i++)
		rc = write_topology(writing, epoch + i, err);
	return rc;
}

/* Takes away what was written; never what was there before. */
static void remove_made(const struct writing *writing)
{
	const json_t *name;
	size_t i;

	json_array_foreach(writing->made, i, name)
		unlinkat(writing->folder, json_string_value(name), 0);
}

static int check_numbers(const struct network *network, struct lm_error *err)
{
	uint64_t span_s = ((uint64_t)network->epochs_ahead + 1) * network->epoch_seconds;

	if (network->epoch > LM_TOPOLOGY_EPOCH_MAX - network->epochs_ahead)
		return lm_error_set(err, ERANGE, "--epoch: the last one is %u",
				    LM_TOPOLOGY_EPOCH_MAX);
	if (network->from_s > LAST_S - span_s)
		return lm_error_set(err, ERANGE, "--from: the last epoch ends after the year 9999");
	if (network->threshold > network->authorities)
		return lm_error_set(err, ERANGE, "--threshold: %u of %u authorities cannot sign",
				    network->threshold, network->authorities);
	return 0;
}

int network_write(const struct network *network, const char *out, struct lm_error *err)
{
	struct writing writing = {.network = network, .out = out};
	int rc = check_numbers(network, err);

	if (rc != 0)
		return rc;
	if (mkdir(out, 0755) != 0 && errno != EEXIST)
		return lm_error_set(err, errno, "%s: %s", out, strerror(errno));
	writing.folder = open(out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (writing.folder < 0)
		return lm_error_set(err, errno, "%s: %s", out, strerror(errno));
	writing.made = json_array();
	writing.nodes = json_array();
	rc = make_authorities(&writing, err);
	if (rc == 0)
		rc = write_authorities(&writing, err);
	if (rc == 0)
		rc = add_nodes(&writing, err);
	if (rc == 0)
		rc = write_topologies(&writing, err);
	if (rc != 0) {
		remove_made(&writing);
		lm_error_prefix(err, out);
	}
	lm_secret_free(writing.signer);
	json_decref(writing.nodes);
	json_decref(writing.made);
	close(writing.folder);
	return rc;
}
