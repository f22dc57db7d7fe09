/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading a relay's configuration.
 */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lm_cover.h"
#include "lm_epoch.h"

const char *const config_idle_names[] = {"auto", "spin", "yield", NULL};

const char *const config_link_names[] = {"noise", "none", NULL};

static const char *const filter_names[] = {"auto", "off", NULL};

static const struct lm_conf_key service_keys[] = {
	{
		.name = "dest",
		.type = LM_CONF_STRING,
		.min = CONFIG_HEX_KEY,
		.max = CONFIG_HEX_KEY,
		.offset = offsetof(struct config_service, dest),
		.help = "64 hexadecimal digits",
	},
	{
		.name = "address",
		.type = LM_CONF_STRING,
		.min = 1,
		.max = CONFIG_ENDPOINT,
		.offset = offsetof(struct config_service, address),
		.help = "UDP address:port of the service",
	},
};

static const struct lm_conf_table service_table = {
	.key = service_keys,
	.keys = LM_COUNT(service_keys),
	.size = sizeof(struct config_service),
};

#define COVER_UINT(member, least, most, otherwise, text)                                    \
	NODE_CONFIG_UINT(struct relay_config, cover, member, "cover." #member, least, most, \
			 otherwise, text)

#define PUBLISH_UINT(member, least, most, otherwise, text)                                      \
	NODE_CONFIG_UINT(struct relay_config, publish, member, "publish." #member, least, most, \
			 otherwise, text)

static const struct lm_conf_key relay_keys[] = {
	NODE_CONFIG_ROWS(struct relay_config, node),
	{
		.name = "services",
		.type = LM_CONF_LIST,
		.max = CONFIG_SERVICES,
		.fallback = "[]",
		.offset = offsetof(struct relay_config, service),
		.count_offset = offsetof(struct relay_config, services),
		.element = &service_table,
		.help = "gateway: where EXIT packets go, by dest",
	},
	{
		.name = "mailboxes",
		.type = LM_CONF_STRING,
		.max = CONFIG_ENDPOINT,
		.fallback = "",
		.offset = offsetof(struct relay_config, mailboxes),
		.help = "gateway: UDP address:port that takes every MBOX packet; empty: none",
	},
	{
		.name = "link.clients",
		.type = LM_CONF_STRINGS,
		.max = CONFIG_CLIENTS,
		.width = CONFIG_HEX_KEY,
		.fallback = "[]",
		.offset = offsetof(struct relay_config, client),
		.count_offset = offsetof(struct relay_config, clients),
		.help = "gateway: link keys of the clients that may connect, 64 hexadecimal digits "
			"each",
	},
	COVER_UINT(stock, 16, 16384, "256",
		   "own loops, and drop packets, that are built ahead: of each so many"),
	COVER_UINT(loops, LM_COVER_LOOPS_MIN, LM_COVER_LOOPS_MAX, "8192",
		   "own loops ready and on their way at most, a power of two"),
	COVER_UINT(slack_us, 0, 60000000, "100000",
		   "what a loop may take at each hop beside its delay, before it is lost"),
	COVER_UINT(window, LM_COVER_WINDOW_MIN, LM_COVER_WINDOW_MAX, "128",
		   "latest loops by which the share of lost ones is judged"),
	COVER_UINT(warn_percent, 0, 100, "10",
		   "share of lost loops that raises the alarm; 0: none"),
	COVER_UINT(
		pause_percent, 0, 100, "0",
		"share of lost loops at which all that arrives is dropped until loops come back; "
		"more than the share that passes any one relay; 0: none"),
	COVER_UINT(
		retry_us, 0, UINT64_C(86400000000), "60000000",
		"no pause so long after the start, and one that has lasted so long ends for a try; "
		"0: it begins at once and only loops end it"),
	{
		.name = "identity",
		.type = LM_CONF_STRING,
		.max = CONFIG_PATH_MAX,
		.fallback = "",
		.offset = offsetof(struct relay_config, identity),
		.help = "identity key: the relay makes its mix keys ahead and keeps its descriptor "
			"in STATE/descriptor; empty: others do",
	},
	PUBLISH_UINT(epochs, LM_TOPOLOGY_KEYS, 60, "24",
		     "epochs for which mix keys are made ahead"),
	PUBLISH_UINT(first_epoch, 0, LM_TOPOLOGY_EPOCH_MAX, "0",
		     "the first epoch of a network that has no topology yet"),
	{
		.name = "publish.capacity",
		.type = LM_CONF_UINT,
		.max = CONFIG_CAPACITY_AUTO - 1,
		.word = "auto",
		.fallback = "0",
		.offset = offsetof(struct relay_config, publish.capacity),
		.help = "packets a second; 0: as the topology has it, or "
			"limits.max_packets_per_second; auto: what --self-test has found",
	},
	{
		.name = "publish.addresses",
		.type = LM_CONF_STRINGS,
		.max = LM_TOPOLOGY_ADDRESSES,
		.width = CONFIG_ENDPOINT,
		.fallback = "[]",
		.offset = offsetof(struct relay_config, publish.address),
		.count_offset = offsetof(struct relay_config, publish.addresses),
		.help = "192.0.2.1:7000 or [2001:db8::1]:7000, the best first; none: as the "
			"topology "
			"has them",
	},
	{
		.name = "port.hardware_filter",
		.type = LM_CONF_CHOICE,
		.fallback = "auto",
		.offset = offsetof(struct relay_config, hardware_filter),
		.choices = filter_names,
		.help = "auto: where the NIC can, it drops UDP to a mix from addresses of no "
			"neighbour",
	},
	{
		.name = "telemetry.group",
		.type = LM_CONF_STRING,
		.max = CONFIG_USER_MAX,
		.fallback = "",
		.offset = offsetof(struct relay_config, telemetry_group),
		.help = "group that may ask for telemetry beside the relay's own user; empty: none",
	},
	{
		.name = "user",
		.type = LM_CONF_STRING,
		.max = CONFIG_USER_MAX,
		.fallback = "",
		.offset = offsetof(struct relay_config, user),
		.help = "with sandbox: user whose keys and topology these are, and to become once "
			"the port is open; empty: stay",
	},
	{
		.name = "sandbox",
		.type = LM_CONF_BOOL,
		.fallback = "true",
		.offset = offsetof(struct relay_config, sandbox),
		.help = "give up capabilities and unneeded system calls once the port is open",
	},
	{
		.name = "limits.burst",
		.type = LM_CONF_UINT,
		.min = 1,
		.max = LM_BURST,
		.fallback = "64",
		.offset = offsetof(struct relay_config, burst),
		.help = "packets that are peeled together at most; none waits for others",
	},
	{
		.name = "stages",
		.type = LM_CONF_BOOL,
		.fallback = "false",
		.offset = offsetof(struct relay_config, stages),
		.help = "time the stages of workers and mixer, for /linemix/stages; SIGHUP "
			"switches it",
	},
};

const struct lm_conf_table relay_config_table = {
	.key = relay_keys,
	.keys = LM_COUNT(relay_keys),
	.size = sizeof(struct relay_config),
};

bool endpoint_parse(struct endpoint *endpoint, const char *text)
{
	char host[CONFIG_ENDPOINT + 1];
	const char *colon = strrchr(text, ':');
	char *end;

	memset(endpoint, 0, sizeof(*endpoint));
	if (!colon || colon == text || (size_t)(colon - text) >= sizeof(host))
		return false;
	if (colon[1] < '0' || colon[1] > '9')
		return false;

	unsigned long port = strtoul(colon + 1, &end, 10);

	if (*end != '\0' || port < 1 || port > 65535)
		return false;
	endpoint->port = (uint16_t)port;
	endpoint->ipv6 = text[0] == '[' && colon[-1] == ']';
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	if (!endpoint->ipv6)
		return inet_pton(AF_INET, host, endpoint->address) == 1;
	host[colon - text - 1] = '\0';
	return inet_pton(AF_INET6, host + 1, endpoint->address) == 1;
}

/* Puts the folder of the configuration file before a path that is not absolute. */
static int resolve_path(char file[CONFIG_PATH_MAX + 1], const char *config_path, const char *key,
			struct lm_error *err)
{
	const char *slash = strrchr(config_path, '/');
	char whole[2 * CONFIG_PATH_MAX + 2];

	if (file[0] == '/' || !slash)
		return 0;

	int n = snprintf(whole, sizeof(whole), "%.*s%s", (int)(slash - config_path + 1),
			 config_path, file);

	if (n < 0 || n > CONFIG_PATH_MAX)
		return lm_error_set(err, ENAMETOOLONG, "%s: %s: path longer than %d bytes",
				    config_path, key, CONFIG_PATH_MAX);
	memcpy(file, whole, (size_t)n + 1);
	return 0;
}

/* DPDK makes a folder of this name, which is emptied at the end: it must be one of its own. */
static bool is_file_prefix(const char *text)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
		"-_.";

	return text[0] != '.' && text[0] != '-' && text[strspn(text, allowed)] == '\0';
}

/* The default needs a file prefix that is a plain name. */
static int finish_runtime(struct node_config *config, const char *path, struct lm_error *err)
{
	if (config->runtime[0] == '\0')
		snprintf(config->runtime, sizeof(config->runtime), "/dev/shm/%s",
			 config->file_prefix);
	if (strcmp(config->runtime, LM_EPOCH_THROWAWAY) == 0)
		return 0;
	return resolve_path(config->runtime, path, "runtime", err);
}

static int finish_authorities(struct node_config *config, const char *path, struct lm_error *err)
{
	struct lm_authorities *out = &config->authorities;

	for (unsigned i = 0; i < config->authority_count; i++) {
		if (!lm_hex_decode(out->key[i].b, config->authority[i], sizeof(out->key[i].b)))
			return lm_error_set(err, EINVAL,
					    "%s: authorities: \"%s\" is not 64 hexadecimal digits",
					    path, config->authority[i]);
		for (unsigned j = 0; j < i; j++) {
			if (memcmp(&out->key[i], &out->key[j], sizeof(out->key[i])) == 0)
				return lm_error_set(err, EINVAL,
						    "%s: authorities: %s stands there twice; keep "
						    "one of them",
						    path, config->authority[i]);
		}
	}
	out->n = config->authority_count;
	out->threshold = (unsigned)config->threshold;
	if (out->threshold > out->n)
		return lm_error_set(err, EINVAL,
				    "%s: threshold: %u of %u authorities cannot sign; lower it, or "
				    "name more in `authorities`",
				    path, out->threshold, out->n);
	return 0;
}

uint64_t node_config_replay(const struct node_config *config, uint64_t epoch_s)
{
	if (config->limits.replay > 0)
		return config->limits.replay;
	return LM_PACKET_KIDS * epoch_s * config->limits.max_packets_per_second;
}

int node_config_finish(struct node_config *config, const char *path, struct lm_error *err)
{
	int rc = resolve_path(config->topology, path, "topology", err);

	if (rc == 0)
		rc = resolve_path(config->keys, path, "keys", err);
	if (rc == 0 && config->state[0] != '\0')
		rc = resolve_path(config->state, path, "state", err);
	if (rc == 0)
		rc = finish_authorities(config, path, err);
	if (rc == 0 && config->link.key[0] != '\0')
		rc = resolve_path(config->link.key, path, "link.key", err);
	if (rc != 0)
		return rc;
	if (config->link.sessions % 4 != 0)
		return lm_error_set(err, EINVAL,
				    "%s: link.sessions: %llu is no multiple of 4, which each "
				    "neighbour takes",
				    path, (unsigned long long)config->link.sessions);
	if (!is_file_prefix(config->file_prefix))
		return lm_error_set(err, EINVAL,
				    "%s: file_prefix: is no plain name; use letters, digits and "
				    "\"-\", \"_\" or \".\" within",
				    path);
	rc = finish_runtime(config, path, err);
	if (rc != 0)
		return rc;
	if (config->limits.ring & (config->limits.ring - 1))
		return lm_error_set(err, EINVAL, "%s: limits.ring: %llu is no power of two; try %u",
				    path, (unsigned long long)config->limits.ring,
				    2u << (31 - __builtin_clz((unsigned)config->limits.ring)));
	return 0;
}

static int check_services(const struct relay_config *config, const char *path, struct lm_error *err)
{
	struct lm_packet_dest dest[CONFIG_SERVICES];
	struct endpoint endpoint;

	for (unsigned i = 0; i < config->services; i++) {
		if (!lm_hex_decode(dest[i].b, config->service[i].dest, sizeof(dest[i].b)))
			return lm_error_set(err, EINVAL,
					    "%s: services[%u].dest: not 64 hexadecimal digits",
					    path, i);
		for (unsigned j = 0; j < i; j++) {
			if (memcmp(&dest[i], &dest[j], sizeof(dest[i])) == 0)
				return lm_error_set(err, EINVAL,
						    "%s: services[%u].dest: stands at services[%u] "
						    "already; keep one of them",
						    path, i, j);
		}
		if (!endpoint_parse(&endpoint, config->service[i].address))
			return lm_error_set(err, EINVAL,
					    "%s: services[%u].address: \"%s\" is no UDP address; "
					    "write 192.0.2.1:53 or [2001:db8::1]:53",
					    path, i, config->service[i].address);
	}
	if (config->mailboxes[0] != '\0' && !endpoint_parse(&endpoint, config->mailboxes))
		return lm_error_set(
			err, EINVAL,
			"%s: mailboxes: \"%s\" is no UDP address; write 192.0.2.1:53 or "
			"[2001:db8::1]:53",
			path, config->mailboxes);
	return 0;
}

void relay_config_clients(struct lm_point *key, const struct relay_config *config)
{
	for (unsigned i = 0; i < config->clients; i++)
		LM_ASSERT(lm_hex_decode(key[i].b, config->client[i], sizeof(key[i].b)));
}

static int check_clients(const struct relay_config *config, const char *path, struct lm_error *err)
{
	struct lm_point key;

	for (unsigned i = 0; i < config->clients; i++) {
		if (!lm_hex_decode(key.b, config->client[i], sizeof(key.b)))
			return lm_error_set(err, EINVAL,
					    "%s: link.clients[%u]: not 64 hexadecimal digits", path,
					    i);
	}
	if (config->clients > 0 && config->node.link.mode == CONFIG_LINK_NONE)
		return lm_error_set(err, EINVAL,
				    "%s: link.clients: link.mode is none, where every sender is a "
				    "client; remove one of the two",
				    path);
	return 0;
}

static int check_publish(struct relay_config *config, const char *path, struct lm_error *err)
{
	struct endpoint endpoint;

	for (unsigned i = 0; i < config->publish.addresses; i++) {
		if (!endpoint_parse(&endpoint, config->publish.address[i]))
			return lm_error_set(
				err, EINVAL,
				"%s: publish.addresses: \"%s\" is no UDP address; write "
				"192.0.2.1:7000 or [2001:db8::1]:7000",
				path, config->publish.address[i]);
	}
	if (config->identity[0] == '\0')
		return 0;
	if (config->node.state[0] == '\0' || config->node.link.key[0] == '\0')
		return lm_error_set(err, EINVAL,
				    "%s: identity: a descriptor needs `state` and `link.key` too; "
				    "name them",
				    path);
	return resolve_path(config->identity, path, "identity", err);
}

static int check_cover(struct relay_config *config, const char *path, struct lm_error *err)
{
	uint64_t loops = config->cover.loops;

	if (loops & (loops - 1))
		return lm_error_set(err, EINVAL, "%s: cover.loops: %llu is no power of two; try %u",
				    path, (unsigned long long)loops,
				    2u << (31 - __builtin_clz((unsigned)loops)));
	if (config->cover.pause_percent > 0 &&
	    config->cover.pause_percent < config->cover.warn_percent)
		return lm_error_set(err, EINVAL,
				    "%s: cover.pause_percent: below cover.warn_percent; make it at "
				    "least %llu, or 0 for no pause",
				    path, (unsigned long long)config->cover.warn_percent);
	config->node.limits.own = 2 * config->cover.stock + LM_BURST;
	return 0;
}

int relay_config_load(struct relay_config *config, const char *path, struct lm_error *err)
{
	int rc = lm_conf_load(config, &relay_config_table, path, err);

	if (rc == 0)
		rc = node_config_finish(&config->node, path, err);
	if (rc == 0)
		rc = check_services(config, path, err);
	if (rc == 0)
		rc = check_clients(config, path, err);
	if (rc == 0)
		rc = check_publish(config, path, err);
	if (rc == 0)
		rc = check_cover(config, path, err);
	return rc;
}
