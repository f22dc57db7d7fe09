/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A relay put together: port, workers, mixer, sink and rings, and the view they share.
 *
 * Memory of the lcores comes from DPDK on the port's NUMA node and is given back when the process
 * ends. After relay_build only the control thread changes anything here, through `shared`.
 */
#pragma once

#include "cover.h"
#include "documents.h"
#include "eal.h"
#include "filter_flow.h"
#include "handshakes.h"
#include "keys.h"
#include "mixer.h"
#include "publish.h"
#include "ring_port.h"
#include "sink.h"
#include "tap.h"
#include "ways.h"
#include "worker.h"

struct relay {
	const char *config_path; /* where config was read, for SIGHUP */
	const char *version;     /* of the program; NULL: not told */
	struct relay_config *config;
	struct eal_plan plan;
	struct documents documents;
	struct publish publish;
	struct lm_topology *topology; /* in force; the documents own it */
	const struct lm_topology_node *node;
	uint32_t epoch; /* of the network: the topology's or the next */
	uint64_t held;  /* packets that the mixer may hold */
	uint64_t paced; /* that may wait for slots of their links besides; 0: no padding */
	struct mix_keys keys;
	struct port port;
	struct ring_port rings; /* if the port is made of rings */
	struct shared shared;
	struct links links;
	unsigned workers;
	struct worker *worker[CONFIG_WORKERS];
	struct mixer mixer;
	struct cover cover;
	struct lcore_time lcore_time[EAL_POLLING_MAX]; /* of polling lcore i + 1 */
	struct stage_time feed_time;                   /* of a feeder's lcore */
	struct sink sink;
	struct tap tap;
	struct lm_secret *link_secret; /* NULL: links carry bare packets */
	struct sessions *sessions;     /* the same */
	struct handshakes handshakes;
	struct ways ways;
	struct filter filter; /* in the NIC */
	struct filter_port filter_port;
	uint64_t alarm_replay_full; /* seconds in which a full replay set refused packets */
	bool ready;              /* every next hop has a link-layer address; written by control */
	struct counters count;   /* control's own: what was taken over, and lost in between */
	uint64_t handed_over;    /* packets left to the next start */
	uint64_t away_us;        /* that nobody received, between the process before and this one */
	int64_t clock_offset_us; /* of most neighbours against the own clock; 0: not known */
	uint64_t clock_heard;    /* neighbours whose clocks are known, and were told of late */
	uint64_t alarm_clock;    /* enum clock_verdict */
	uint64_t alarm_disk;     /* 1: what must be written is not, as a disk is full */
	uint64_t alarm_topology; /* 0: well; 1 to 3: its end is near, has come, an epoch ago */
	uint64_t retired;        /* enum documents_place of this node */
	uint64_t alarm_padding;  /* times at which links began to fall behind their rate */
	uint64_t alarm_books;    /* quiet moments at which the books did not close */
};

/*
 * What a relay is loaded for: its port; keys of this process alone, for captures; a look; or a test
 * that makes up all keys itself, at the document's own time.
 */
enum relay_purpose { RELAY_RUN, RELAY_THROWAWAY, RELAY_CHECK, RELAY_SELF_TEST };

static inline bool relay_is_own_time(enum relay_purpose purpose)
{
	return purpose == RELAY_THROWAWAY || purpose == RELAY_SELF_TEST;
}

/*
 * Topology, keys, backends: all that can be checked without DPDK; for RELAY_CHECK without the keys.
 * `relay` starts zeroed but for config_path.
 */
LM_MUST_CHECK int relay_load(struct relay *relay, struct relay_config *config,
			     enum relay_purpose purpose, struct lm_error *err);

/*
 * Prints what the configuration means: placement, queues, and the arithmetic of memory; what
 * --check-config shows.
 */
void relay_describe(FILE *to, const struct relay *relay);

/*
 * Makes workers, mixer and rings; the EAL runs and relay->port has its pool. Randomness of the
 * mixer and the workers comes from lm_rand. now_us is the time of the first step.
 */
LM_MUST_CHECK int relay_build(struct relay *relay, int socket, uint64_t now_us,
			      struct lm_error *err);

/*
 * The books at this moment, and what is held in `held`, with what was handed over. Exact when
 * nothing moves.
 */
void relay_books(const struct relay *relay, struct counters *total, uint64_t *held);

/* Drops all that is still held, as LM_DROP_STOPPED; when no lcore runs any more. */
void relay_drop_held(struct relay *relay);

/* Runs on the configured port until a signal says stop; or on a feed, if it is not NULL, until that
 * is done. */
struct feed;
LM_MUST_CHECK int relay_run(struct relay *relay, struct feed *feed, struct lm_error *err);

/*
 * Runs a capture through the stages on a virtual clock. Where links have sessions, it must be told
 * to make up their other ends: what leaves is then link frames that nobody can open.
 */
LM_MUST_CHECK int relay_replay(struct relay *relay, const char *in_path, const char *out_path,
			       bool made_up_links, struct lm_error *err);

/* A table of services for workers, from a configuration; NULL: too little memory. For free(). */
LM_MUST_CHECK struct services *relay_make_services(const struct relay_config *config);

/* Services and mailboxes are a gateway's. */
LM_MUST_CHECK int relay_check_services(const struct relay_config *config,
				       const struct lm_topology_node *node, struct lm_error *err);

/*
 * Prepares the peers of a topology and of the clients in a configuration, as sessions_prepare does;
 * nothing where links have no sessions.
 */
LM_MUST_CHECK int relay_prepare_sessions(struct relay *relay, const struct lm_topology *topology,
					 const struct lm_topology_node *node,
					 const struct relay_config *config, struct lm_error *err);

/* Whether there is room for the peers of a topology that is not in force yet; as sessions_fit. */
LM_MUST_CHECK int relay_fit_sessions(const struct relay *relay, const struct lm_topology *topology,
				     struct lm_error *err);

/*
 * A time of UTC in the epoch of the topology at which senders go by that epoch alone, for those who
 * run at the document's own time.
 */
uint64_t relay_quiet_us(const struct relay *relay);

/* Frees what is not DPDK's, and wipes the keys. */
void relay_free(struct relay *relay);
