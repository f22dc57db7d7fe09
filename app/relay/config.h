/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The configuration of a node: what every DPDK program of linemix needs (struct node_config), and
 * what a relay needs beside it. One table of rows each says names, types, ranges and defaults.
 */
#pragma once

#include "lm_base.h"
#include "lm_conf.h"
#include "lm_topology.h"

#define CONFIG_PATH_MAX 1023
#define CONFIG_WORKERS  64
#define CONFIG_SERVICES 64
#define CONFIG_CLIENTS  4096
#define CONFIG_ENDPOINT 63 /* bytes of "address:port" */
#define CONFIG_HEX_KEY  64
#define CONFIG_RING_MIN 64
#define CONFIG_USER_MAX 31

enum config_link { CONFIG_LINK_NOISE, CONFIG_LINK_NONE };
enum config_idle { CONFIG_IDLE_AUTO, CONFIG_IDLE_SPIN, CONFIG_IDLE_YIELD };

enum config_filter { CONFIG_FILTER_AUTO, CONFIG_FILTER_OFF };

struct node_config {
	uint64_t node;
	char topology[CONFIG_PATH_MAX + 1];
	char authority[LM_SIGNED_SIGNATURES][CONFIG_HEX_KEY + 1];
	unsigned authority_count;
	uint64_t threshold;
	struct lm_authorities authorities; /* the three above; no row */
	char state[CONFIG_PATH_MAX + 1];
	char keys[CONFIG_PATH_MAX + 1];
	char runtime[CONFIG_PATH_MAX + 1];
	struct {
		char device[512];
		char tap[16];
		uint64_t prefix_ipv4, prefix_ipv6;
		uint64_t vlan;
		uint64_t rx_descriptors, tx_descriptors;
	} port;
	struct {
		uint32_t workers[CONFIG_WORKERS]; /* the CPU of each */
		unsigned workers_count;
		uint64_t mixer, control;
		unsigned idle; /* enum config_idle */
	} cpus;
	struct {
		bool huge_pages;
		uint64_t megabytes;
	} memory;
	struct {
		uint64_t held, ring;
		uint64_t max_packets_per_second, replay;
		uint64_t own; /* packets that the program itself keeps ready; no row */
	} limits;
	struct {
		unsigned mode; /* enum config_link */
		char key[CONFIG_PATH_MAX + 1];
		uint64_t sessions;
	} link;
	char x25519[32], symmetric[32];
	char file_prefix[64];
	char eal_args[1024];
};

struct config_service {
	char dest[CONFIG_HEX_KEY + 1];
	char address[CONFIG_ENDPOINT + 1];
};

struct relay_config {
	struct node_config node;
	struct config_service service[CONFIG_SERVICES];
	unsigned services;
	char mailboxes[CONFIG_ENDPOINT + 1];
	char client[CONFIG_CLIENTS][CONFIG_HEX_KEY + 1]; /* link keys */
	unsigned clients;
	struct {
		uint64_t stock, loops;
		uint64_t window, warn_percent, pause_percent;
		uint64_t slack_us, retry_us;
	} cover;
	char identity[CONFIG_PATH_MAX + 1];
	struct {
		uint64_t epochs, first_epoch, capacity;
		char address[LM_TOPOLOGY_ADDRESSES][CONFIG_ENDPOINT + 1];
		unsigned addresses;
	} publish;
	unsigned hardware_filter; /* enum config_filter */
	char user[CONFIG_USER_MAX + 1];
	char telemetry_group[CONFIG_USER_MAX + 1];
	bool sandbox;
	bool stages;    /* are timed */
	uint64_t burst; /* packets that are peeled together at most */
};

#define CONFIG_CAPACITY_AUTO (UINT64_C(1) << 32) /* publish.capacity: auto */

/* The rows of struct node_config, for the table of a program whose struct S has it as member M. */
#define NODE_CONFIG_ROWS(S, M)                                                                     \
	{                                                                                          \
		.name = "node",                                                                    \
		.type = LM_CONF_UINT,                                                              \
		.min = 1,                                                                          \
		.max = UINT32_MAX - 1,                                                             \
		.offset = offsetof(S, M.node),                                                     \
		.help = "id of this node in the topology",                                         \
	},                                                                                         \
		NODE_CONFIG_STRING(S, M, topology, "topology", 1, NULL, "the signed topology"),    \
		{                                                                                  \
			.name = "authorities",                                                     \
			.type = LM_CONF_STRINGS,                                                   \
			.min = 1,                                                                  \
			.max = LM_SIGNED_SIGNATURES,                                               \
			.width = CONFIG_HEX_KEY,                                                   \
			.offset = offsetof(S, M.authority),                                        \
			.count_offset = offsetof(S, M.authority_count),                            \
			.help = "public keys of those who sign topologies, 64 hexadecimal digits " \
				"each",                                                            \
		},                                                                                 \
		NODE_CONFIG_UINT(S, M, threshold, "threshold", 1, LM_SIGNED_SIGNATURES, NULL,      \
				 "how many of them must have signed a topology"),                  \
		NODE_CONFIG_STRING(S, M, state, "state", 0, "",                                    \
				   "folder on disk, this user's alone: topologies that were "      \
				   "taken, the descriptor; empty: a restart knows only the file"), \
		NODE_CONFIG_STRING(S, M, keys, "keys", 1, NULL,                                    \
				   "secret mix keys of epochs to come, mode 0600; rewritten when " \
				   "one comes into use"),                                          \
		NODE_CONFIG_STRING(S, M, runtime, "runtime", 0, "",                                \
				   "folder of the keys in use and their replay sets, on tmpfs "    \
				   "without swap, ramfs or hugetlbfs; empty: /dev/shm/"            \
				   "FILE_PREFIX; none: they die with the process"),                \
		NODE_CONFIG_STRING(S, M, port.device, "port.device", 1, NULL,                      \
				   "PCI address, or DPDK virtual device with its arguments"),      \
		NODE_CONFIG_STRING(S, M, port.tap, "port.tap", 0, "",                              \
				   "TAP behind which the kernel sits; empty: static MACs only"),   \
		NODE_CONFIG_UINT(S, M, port.prefix_ipv4, "port.prefix_ipv4", 1, 32, "24",          \
				 "prefix length of the node's IPv4 addresses"),                    \
		NODE_CONFIG_UINT(S, M, port.prefix_ipv6, "port.prefix_ipv6", 1, 128, "64",         \
				 "prefix length of the node's IPv6 addresses"),                    \
		NODE_CONFIG_UINT(S, M, port.vlan, "port.vlan", 0, 4094, "0",                       \
				 "VLAN id sent and required; 0: send untagged, take any one tag"), \
		NODE_CONFIG_UINT(S, M, port.rx_descriptors, "port.rx_descriptors", 64, 32768,      \
				 "1024", "receive descriptors of each queue"),                     \
		NODE_CONFIG_UINT(S, M, port.tx_descriptors, "port.tx_descriptors", 64, 32768,      \
				 "1024", "transmit descriptors of each queue"),                    \
		{                                                                                  \
			.name = "cpus.workers",                                                    \
			.type = LM_CONF_UINTS,                                                     \
			.min = 1,                                                                  \
			.max = CONFIG_WORKERS,                                                     \
			.offset = offsetof(S, M.cpus.workers),                                     \
			.count_offset = offsetof(S, M.cpus.workers_count),                         \
			.help = "the CPU of each worker",                                          \
		},                                                                                 \
		NODE_CONFIG_UINT(S, M, cpus.mixer, "cpus.mixer", 0, 1023, "0",                     \
				 "the CPU of the mixer"),                                          \
		NODE_CONFIG_UINT(S, M, cpus.control, "cpus.control", 0, 1023, "0",                 \
				 "the CPU of the sleeping control thread"),                        \
		{                                                                                  \
			.name = "cpus.idle",                                                       \
			.type = LM_CONF_CHOICE,                                                    \
			.fallback = "auto",                                                        \
			.offset = offsetof(S, M.cpus.idle),                                        \
			.choices = config_idle_names,                                              \
			.help = "what an lcore without work does; auto: spin on isolated CPUs "    \
				"only",                                                            \
		},                                                                                 \
		{                                                                                  \
			.name = "memory.huge_pages",                                               \
			.type = LM_CONF_BOOL,                                                      \
			.fallback = "false",                                                       \
			.offset = offsetof(S, M.memory.huge_pages),                                \
			.help = "take DPDK's memory from huge pages",                              \
		},                                                                                 \
		NODE_CONFIG_UINT(S, M, memory.megabytes, "memory.megabytes", 64, 1048576, "512",   \
				 "DPDK's memory without huge pages, in MiB"),                      \
		NODE_CONFIG_UINT(S, M, limits.max_packets_per_second,                              \
				 "limits.max_packets_per_second", 1, 1000000000, "10000",          \
				 "the rate that the relay has room for"),                          \
		NODE_CONFIG_UINT(S, M, limits.held, "limits.held", 0, 1u << 26, "0",               \
				 "packets that the mixer holds at most; 0: what comes at "         \
				 "max_packets_per_second while one stays"),                        \
		NODE_CONFIG_UINT(S, M, limits.ring, "limits.ring", CONFIG_RING_MIN, 65536, "1024", \
				 "places in each ring, a power of two"),                           \
		NODE_CONFIG_UINT(S, M, limits.replay, "limits.replay", 0, UINT64_C(1) << 36, "0",  \
				 "tags that the replay set of one key takes; 0: what comes at "    \
				 "max_packets_per_second in three of the topology's epochs"),      \
		{                                                                                  \
			.name = "link.mode",                                                       \
			.type = LM_CONF_CHOICE,                                                    \
			.fallback = "noise",                                                       \
			.offset = offsetof(S, M.link.mode),                                        \
			.choices = config_link_names,                                              \
			.help = "noise: sessions with all neighbours; none: bare packets, for "    \
				"benchmarks and captures",                                         \
		},                                                                                 \
		NODE_CONFIG_STRING(S, M, link.key, "link.key", 0, "",                              \
				   "secret link key of this node, mode 0600"),                     \
		NODE_CONFIG_UINT(S, M, link.sessions, "link.sessions", 0, 1u << 20, "0",           \
				 "room for so many sessions, four for each neighbour and client; " \
				 "0: for any topology, as far as memory can be locked"),           \
		NODE_CONFIG_STRING(S, M, x25519, "x25519", 1, "auto", "backend of lib/x25519"),    \
		NODE_CONFIG_STRING(S, M, symmetric, "symmetric", 1, "auto",                        \
				   "backend of lib/symmetric"),                                    \
		NODE_CONFIG_STRING(S, M, file_prefix, "file_prefix", 1, NULL,                      \
				   "names the telemetry socket; one per process"),                 \
		NODE_CONFIG_STRING(S, M, eal_args, "eal_args", 0, "",                              \
				   "further arguments for DPDK's EAL")

#define NODE_CONFIG_STRING(S, M, member, key, shortest, otherwise, text)        \
	{                                                                       \
		.name = (key), .type = LM_CONF_STRING, .min = (shortest),       \
		.max = sizeof(((S *)0)->M.member) - 1, .fallback = (otherwise), \
		.offset = offsetof(S, M.member), .help = (text),                \
	}

#define NODE_CONFIG_UINT(S, M, member, key, least, most, otherwise, text)                 \
	{                                                                                 \
		.name = (key), .type = LM_CONF_UINT, .min = (least), .max = (most),       \
		.fallback = (otherwise), .offset = offsetof(S, M.member), .help = (text), \
	}

extern const char *const config_idle_names[];
extern const char *const config_link_names[];
extern const struct lm_conf_table relay_config_table;

/* Reads and checks a relay's file; paths in it are then relative to the working directory. */
LM_MUST_CHECK int relay_config_load(struct relay_config *config, const char *path,
				    struct lm_error *err);

/*
 * What no table can say about a node's file: paths are made relative to the folder of `path`, ring
 * sizes must be powers of two, authorities are different keys and as many as the threshold, and the
 * runtime folder has a default.
 */
LM_MUST_CHECK int node_config_finish(struct node_config *config, const char *path,
				     struct lm_error *err);

/* The link keys of a gateway's clients, by their order in the file. */
void relay_config_clients(struct lm_point *key, const struct relay_config *config);

/* Tags that the replay set of one key takes: limits.replay, or rate times three epochs of so many
 * seconds. */
uint64_t node_config_replay(const struct node_config *config, uint64_t epoch_s);

/* "192.0.2.1:53" or "[2001:db8::1]:53" as a socket address. */
struct endpoint {
	bool ipv6;
	uint8_t address[16]; /* the first four bytes for IPv4 */
	uint16_t port;
};
LM_MUST_CHECK bool endpoint_parse(struct endpoint *endpoint, const char *text);
