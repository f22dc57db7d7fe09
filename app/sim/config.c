/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See config.h. The table says what each key alone may be; what keys must be together is checked
 * behind it.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>

#include "lm_conf.h"
#include "network.h"

#define HOUR_US    3600000000u
#define DAY_MS     86400000u
#define NEIGHBOURS (LM_MIX_OWN - 1)

#define NUMBER(member, key, least, most, otherwise, text)                                          \
	{                                                                                          \
		.name = (key), .type = LM_CONF_UINT, .min = (least), .max = (most),                \
		.fallback = (otherwise), .offset = offsetof(struct config, member), .help = (text) \
	}

static const char *const strategies[] = {"document", "batch", "pool", "poisson", NULL};

#ifdef LM_TEST_BUILD
static const char *const weaknesses[] = {"none", "unshuffled", "milliseconds", "ordered", NULL};
#endif

static const struct lm_conf_key rows[] = {
	NUMBER(seed, "seed", 0, UINT64_MAX, "1", "the same seed gives the same run"),
	NUMBER(duration_ms, "duration_ms", 1, DAY_MS, "60000", "virtual time that is simulated"),
	NUMBER(settle_ms, "settle_ms", 0, DAY_MS, "5000",
	       "of that, what passes before anything is measured: mixes fill"),
	{.name = "topology",
	 .type = LM_CONF_STRING,
	 .max = CONFIG_PATH,
	 .fallback = "",
	 .offset = offsetof(struct config, topology),
	 .help = "a topology document, signed or not; empty: made as `network` says"},
	NUMBER(network.layers, "network.layers", 1, LM_TOPOLOGY_LAYERS, "3", "layers of mixes"),
	NUMBER(network.mixes, "network.mixes", 1, CONFIG_NODES, "3", "mixes of each layer"),
	NUMBER(network.gateways, "network.gateways", 1, CONFIG_NODES, "2", "gateways"),
	NUMBER(network.operators, "network.operators", 0, CONFIG_NODES, "0",
	       "nodes are dealt out to so many operators; 0: each has its own"),
	NUMBER(network.profile, "network.profile", 0, 1, "0",
	       "of packets: 0 small, 1 large; for bandwidths only"),
	{.name = "mixing.strategy",
	 .type = LM_CONF_CHOICE,
	 .fallback = "document",
	 .offset = offsetof(struct config, mixing.strategy),
	 .choices = strategies,
	 .help = "document: mixing and cover as the topology says; else as said here"},
	NUMBER(mixing.mean_delay_us, "mixing.mean_delay_us", 1, LM_MIX_MEAN_MAX_US, "200000",
	       "poisson: mean of the delay at each hop"),
	NUMBER(mixing.interval_us, "mixing.interval_us", 1, HOUR_US, "100000",
	       "batch: the interval; pool: the tick"),
	NUMBER(mixing.min_batch, "mixing.min_batch", 1, UINT32_C(1) << 31, "32",
	       "batch: packets below which it waits"),
	NUMBER(mixing.min_neighbours, "mixing.min_neighbours", 1, NEIGHBOURS, "1",
	       "batch: links below which it waits"),
	NUMBER(mixing.max_wait_us, "mixing.max_wait_us", 1, 24 * (uint64_t)HOUR_US, "1000000",
	       "batch: longest wait before own cover fills it; interval_us at least"),
	NUMBER(mixing.threshold, "mixing.threshold", 1, UINT32_C(1) << 31, "1000",
	       "pool: packets above which it flushes"),
	NUMBER(mixing.flush_ppm, "mixing.flush_ppm", 1, 1000000, "500000",
	       "pool: chance of a flush at each tick, in millionths"),
	NUMBER(mixing.stay_ppm, "mixing.stay_ppm", 0, 999999, "500000",
	       "pool: chance of each packet to stay in a flush, in millionths"),
	NUMBER(cover.loop_interval_us, "cover.loop_interval_us", 0, HOUR_US, "0",
	       "mean time between two loops of a relay; 0: none"),
	NUMBER(cover.drop_interval_us, "cover.drop_interval_us", 0, HOUR_US, "0",
	       "mean time between two drop packets of a relay; 0: none"),
	NUMBER(cover.link_interval_us, "cover.link_interval_us", 0, HOUR_US, "0",
	       "a packet or a dummy on each link between nodes in each; 0: no padding"),
	NUMBER(clients.count, "clients.count", 0, CONFIG_CLIENTS, "1000", "clients"),
	NUMBER(clients.contacts, "clients.contacts", 0, 100000, "0",
	       "others that each client writes to; 0: anybody"),
	NUMBER(clients.message_interval_us, "clients.message_interval_us", 0, UINT32_MAX, "1000000",
	       "mean time between two messages of a client; 0: none"),
	NUMBER(clients.parts, "clients.parts", 1, 1000, "1", "packets of a message"),
	NUMBER(clients.send_interval_us, "clients.send_interval_us", 0, UINT32_MAX, "0",
	       "mean time between two packets, of a message or else a drop; 0: sent at once"),
	NUMBER(clients.loop_interval_us, "clients.loop_interval_us", 0, UINT32_MAX, "0",
	       "mean time between two loops of a client; 0: none"),
	NUMBER(clients.drop_interval_us, "clients.drop_interval_us", 0, UINT32_MAX, "0",
	       "mean time between two more drop packets of a client; 0: none"),
	NUMBER(links.latency_us, "links.latency_us", 1, 60000000, "10000",
	       "least time on a link; short ones slow the simulation down"),
	NUMBER(links.jitter_us, "links.jitter_us", 0, 60000000, "0",
	       "and uniformly up to so much more; 1000 latencies at most"),
	NUMBER(limits.held, "limits.held", 1, UINT32_C(1) << 24, "65536",
	       "packets that a node holds at most; others are lost"),
	NUMBER(limits.live, "limits.live", 1, UINT32_C(1) << 30, "16777216",
	       "packets on their way in the whole network at most; others are not made"),
#ifdef LM_TEST_BUILD
	{.name = "weakness",
	 .type = LM_CONF_CHOICE,
	 .fallback = "none",
	 .offset = offsetof(struct config, weakness),
	 .choices = weaknesses,
	 .help = "a fault of every node, for tests of what measures anonymity"},
#endif
};

static const struct lm_conf_table table = {rows, LM_COUNT(rows), sizeof(struct config)};

void config_describe(FILE *to)
{
	lm_conf_describe(to, &table);
}

/* ---- What keys must be together ---- */

static int check_time(const struct config *config, const char *name, struct lm_error *err)
{
	if (config->settle_ms >= config->duration_ms)
		return lm_error_set(err, EINVAL,
				    "%s: settle_ms: %" PRIu64 " leaves nothing of the %" PRIu64
				    " ms to measure; less than duration_ms",
				    name, config->settle_ms, config->duration_ms);
	if (config->links.jitter_us / 1000 > config->links.latency_us)
		return lm_error_set(err, EINVAL,
				    "%s: links.jitter_us: %" PRIu64
				    " is more than 1000 times links.latency_us; %" PRIu64
				    " at most",
				    name, config->links.jitter_us, config->links.latency_us * 1000);
	return 0;
}

static int check_mixing(const struct config *config, const char *name, struct lm_error *err)
{
	if (config->mixing.strategy == 0 && config->topology[0] == '\0')
		return lm_error_set(err, EINVAL,
				    "%s: mixing.strategy: there is no document; batch, pool or "
				    "poisson, or name one in `topology`",
				    name);
	if (config->mixing.strategy == 1 + LM_MIX_BATCH &&
	    config->mixing.max_wait_us < config->mixing.interval_us)
		return lm_error_set(err, EINVAL,
				    "%s: mixing.max_wait_us: %" PRIu64
				    " is less than mixing.interval_us; %" PRIu64 " at least",
				    name, config->mixing.max_wait_us, config->mixing.interval_us);
	return 0;
}

static int check_size(const struct config *config, const char *name, struct lm_error *err)
{
	uint64_t nodes = config->network.gateways + config->network.layers * config->network.mixes;

	if (config->topology[0] == '\0' && nodes > CONFIG_NODES)
		return lm_error_set(err, EINVAL,
				    "%s: network: %" PRIu64 " nodes; %u at most, gateways too",
				    name, nodes, CONFIG_NODES);
	if (config->clients.count * config->clients.contacts > CONFIG_CONTACTS)
		return lm_error_set(err, EINVAL,
				    "%s: clients.contacts: %" PRIu64 " of each of %" PRIu64
				    " clients are too many; %u together, or 0: anybody",
				    name, config->clients.contacts, config->clients.count,
				    CONFIG_CONTACTS);
	return 0;
}

static int check(const struct config *config, const char *name, struct lm_error *err)
{
	int rc = check_time(config, name, err);

	if (rc == 0)
		rc = check_mixing(config, name, err);
	return rc == 0 ? check_size(config, name, err) : rc;
}

int config_parse(struct config *config, const char *text, size_t len, const char *name,
		 struct lm_error *err)
{
	int rc = lm_conf_parse(config, &table, text, len, name, err);

	return rc == 0 ? check(config, name, err) : rc;
}

/* A path in the file is relative to its folder. */
static int resolve(struct config *config, const char *path, struct lm_error *err)
{
	const char *slash = strrchr(path, '/');
	int folder = slash ? (int)(slash - path + 1) : 0, len;
	char whole[CONFIG_PATH + 1];

	if (config->topology[0] == '\0' || config->topology[0] == '/' || folder == 0)
		return 0;
	len = snprintf(whole, sizeof(whole), "%.*s%s", folder, path, config->topology);
	if (len < 0 || (size_t)len >= sizeof(whole))
		return lm_error_set(err, ENAMETOOLONG, "%s: topology: the path is too long", path);
	memcpy(config->topology, whole, sizeof(whole));
	return 0;
}

int config_load(struct config *config, const char *path, struct lm_error *err)
{
	int rc = lm_conf_load(config, &table, path, err);

	if (rc == 0)
		rc = check(config, path, err);
	return rc == 0 ? resolve(config, path, err) : rc;
}

/* ---- What it means ---- */

static void set_mixing(struct lm_mix_params *mix, struct lm_topology_cover *cover,
		       const struct config *config)
{
	*mix = (struct lm_mix_params){.strategy =
					      (enum lm_mix_strategy)(config->mixing.strategy - 1)};
	switch (mix->strategy) {
	case LM_MIX_BATCH:
		mix->interval_us = config->mixing.interval_us;
		mix->min_batch = (uint32_t)config->mixing.min_batch;
		mix->min_neighbours = (uint32_t)config->mixing.min_neighbours;
		mix->max_wait_us = config->mixing.max_wait_us;
		break;
	case LM_MIX_POOL:
		mix->interval_us = config->mixing.interval_us;
		mix->threshold = (uint32_t)config->mixing.threshold;
		mix->flush_ppm = (uint32_t)config->mixing.flush_ppm;
		mix->stay_ppm = (uint32_t)config->mixing.stay_ppm;
		break;
	case LM_MIX_POISSON:
		mix->mean_delay_us = (uint32_t)config->mixing.mean_delay_us;
	}
	*cover = (struct lm_topology_cover){
		.loop_interval_us = (uint32_t)config->cover.loop_interval_us,
		.drop_interval_us = (uint32_t)config->cover.drop_interval_us,
		.link_interval_us = (uint32_t)config->cover.link_interval_us,
	};
}

int config_network(struct lm_topology **topology, const struct config *config, struct lm_error *err)
{
	struct synthesis synthesis = {
		.layers = (unsigned)config->network.layers,
		.mixes = (unsigned)config->network.mixes,
		.gateways = (unsigned)config->network.gateways,
		.operators = (unsigned)config->network.operators,
		.profile = (unsigned)config->network.profile,
	};
	int rc;

	if (config->topology[0] != '\0') {
		rc = network_load(topology, config->topology, err);
		if (rc == 0 && config->mixing.strategy != 0)
			set_mixing(&(*topology)->mix, &(*topology)->cover, config);
		return rc;
	}
	set_mixing(&synthesis.mix, &synthesis.cover, config);
	return synthesize(topology, &synthesis, err);
}

void config_params(struct sim_params *params, const struct config *config,
		   const struct lm_topology *topology)
{
	*params = (struct sim_params){
		.topology = topology,
		.seed = config->seed,
		.duration_us = config->duration_ms * 1000,
		.settle_us = config->settle_ms * 1000,
		.latency_us = (uint32_t)config->links.latency_us,
		.jitter_us = (uint32_t)config->links.jitter_us,
		.held_max = (uint32_t)config->limits.held,
		.live_max = (uint32_t)config->limits.live,
		.weakness = config->weakness,
		.clients = {.count = (uint32_t)config->clients.count,
			    .contacts = (uint32_t)config->clients.contacts,
			    .message_interval_us = (uint32_t)config->clients.message_interval_us,
			    .parts = (uint32_t)config->clients.parts,
			    .send_interval_us = (uint32_t)config->clients.send_interval_us,
			    .loop_interval_us = (uint32_t)config->clients.loop_interval_us,
			    .drop_interval_us = (uint32_t)config->clients.drop_interval_us},
	};
}
