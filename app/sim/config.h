/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The file that describes a simulation: a network, or a topology document; what it does with
 * packets; its clients and links.
 */
#pragma once

#include <stdio.h>

#include "sim.h"

#define CONFIG_PATH     1023
#define CONFIG_NODES    4096       /* of a synthesized network */
#define CONFIG_CLIENTS  10000000   /* at most */
#define CONFIG_CONTACTS (1u << 28) /* of all clients together */

struct config {
	uint64_t seed;
	uint64_t duration_ms, settle_ms;
	char topology[CONFIG_PATH + 1]; /* "": synthesized */
	struct {
		uint64_t layers, mixes, gateways, operators, profile;
	} network;
	struct {
		unsigned strategy; /* 0: the document's; else 1 + enum lm_mix_strategy */
		uint64_t mean_delay_us, interval_us, min_batch, min_neighbours, max_wait_us;
		uint64_t threshold, flush_ppm, stay_ppm;
	} mixing;
	struct {
		uint64_t loop_interval_us, drop_interval_us, link_interval_us;
	} cover;
	struct {
		uint64_t count, contacts, message_interval_us, parts;
		uint64_t send_interval_us, loop_interval_us, drop_interval_us;
	} clients;
	struct {
		uint64_t latency_us, jitter_us;
	} links;
	struct {
		uint64_t held, live;
	} limits;
	unsigned weakness; /* enum weakness_kind; test builds */
};

void config_describe(FILE *to);

/* -errno and a message "FILE:LINE: KEY: what is wrong; what would be right". A path of a topology
 * in the file is relative to the file's folder. */
LM_MUST_CHECK int config_load(struct config *config, const char *path, struct lm_error *err);

/* The same from memory; name stands for the file in messages. */
LM_MUST_CHECK int config_parse(struct config *config, const char *text, size_t len,
			       const char *name, struct lm_error *err);

/*
 * The network of a configuration: *topology is for lm_topology_free. Signatures of a topology
 * document are not checked: nobody's packets depend on it. -errno and a message.
 */
LM_MUST_CHECK int config_network(struct lm_topology **topology, const struct config *config,
				 struct lm_error *err);

/* The rest: how it is simulated. */
void config_params(struct sim_params *params, const struct config *config,
		   const struct lm_topology *topology);
