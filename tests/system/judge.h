/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A relay's packets seen with lib/packet alone: what programs share that look at captures beside
 * the relay. They end the process with a word on stderr when something is missing.
 */
#pragma once

#include <pcap/pcap.h>

#include "config.h"
#include "frame.h"
#include "keys.h"

struct judge {
	const char *program;
	struct relay_config config;
	struct lm_topology *topology;
	const struct lm_topology_node *node;
	struct mix_keys keys; /* throwaway */
	struct frame_self self;
	struct lm_packet_peeler *peeler;
};

_Noreturn void judge_die(const struct judge *judge, const char *what);

/* n bytes, zeroed and aligned for lib/packet; for free(). */
void *judge_alloc(const struct judge *judge, size_t n);

/* Everything but `program`, from the configuration at path; "auto" or a backend of lib/symmetric.
 */
void judge_open(struct judge *judge, const char *path, const char *backend);
void judge_close(struct judge *judge);

/* Calls `each` with every frame of a capture. */
void judge_frames(const struct judge *judge, const char *path,
		  void (*each)(void *context, const struct pcap_pkthdr *, const u_char *),
		  void *context);
