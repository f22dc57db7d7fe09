/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control side of links: the node's endpoint, the table of sessions, and a peer for each
 * neighbour and client, made and ended as the topology changes. lib/link does the handshakes; this
 * says with whom, remembers their timestamps, and does what is due. No DPDK and no sockets: who
 * calls moves the messages (handshakes.h).
 *
 * A neighbour is whoever may send to this node or take from it. Both ends call each other, so that
 * a node that was restarted has its sessions again at once. Clients of a gateway are waited for.
 *
 * Bounds: a quarter of the table's sessions as peers; a turn of sessions_next looks at each peer
 * once at most. The table has room for any topology: locked memory is taken as peers come, about
 * 50 KiB for one (sessions_bytes_each), and for as many as there were at once at most. The control
 * thread alone uses this, but for the table and the peers that views carry to workers. Secret:
 * endpoint, table and peers, in locked memory, wiped at the end.
 */
#pragma once

#include <stdio.h>

#include "links.h"
#include "lm_link.h"
#include "lm_topology.h"

/* Numbers of peers: a neighbour has its link's, a client one from here on. */
#define SESSIONS_CLIENT (UINT32_C(1) << 16)

struct sessions;

struct sessions_config {
	const struct lm_secret *secret; /* the node's link key; copied */
	uint32_t sessions; /* places in the table, four for each peer, at most: where the kernel
			      locks less memory, it has fewer */
	uint32_t least;    /* but so many; the same: no fewer will do */
	unsigned lanes;
	size_t packet_len;
	int folder; /* where timestamps stay over a restart; negative: nowhere */
};

/* Sessions for so many peers: what lm_link_table_size asks for each. */
uint32_t sessions_for(uint32_t peers);

/* Bytes of locked memory that a table of that size can take, with its peers. */
size_t sessions_bytes(uint32_t sessions, unsigned lanes);

/* Those of a peer and its sessions. */
size_t sessions_bytes_each(unsigned lanes);

/* Peers that a node has in a topology, with its clients. */
uint32_t sessions_peers(const struct lm_topology *topology, const struct lm_topology_node *self,
			unsigned clients);

/* NULL and a message on failure. Warnings go to stderr. */
LM_MUST_CHECK struct sessions *sessions_open(const struct sessions_config *config, uint64_t now_us,
					     struct lm_error *err);
void sessions_close(struct sessions *sessions); /* NULL is allowed */

struct lm_link_table *sessions_table(struct sessions *sessions);
struct lm_link_endpoint *sessions_endpoint(struct sessions *sessions);
uint32_t sessions_room(const struct sessions *sessions); /* peers at most */

/* ---- With whom ---- */

/*
 * Whether there is room for the peers of this topology beside those that there are, which end only
 * after a change: 0, or -ENOSPC and a message with the remedy, which takes a restart. So it is
 * worth asking as soon as a document comes.
 */
LM_MUST_CHECK int sessions_fit(const struct sessions *sessions, const struct lm_topology *topology,
			       const struct lm_topology_node *self, const struct lm_point *client,
			       unsigned clients, struct lm_error *err);

/* A change in two steps, since views carry peers to workers. _prepare makes the peers of what is
 * new, and sessions_peer then gives those. When no worker has the old view any more, _commit ends
 * the others; _abandon ends the new ones instead. Neighbours that part (links->before, parting.h)
 * keep theirs. A neighbour whose link key is another than before gets a new peer. A client whose
 * key a neighbour has is left out, with a warning on stderr. -errno and a message if a key is bad,
 * two neighbours have one, or there is no room: nothing has changed then. */
LM_MUST_CHECK int sessions_prepare(struct sessions *sessions, const struct lm_topology *topology,
				   const struct lm_topology_node *self, struct links *links,
				   const struct lm_point *client, unsigned clients,
				   struct lm_error *err);
void sessions_commit(struct sessions *sessions);
void sessions_abandon(struct sessions *sessions);

/* The peer of a link's number; NULL: none. */
const struct lm_link_peer *sessions_peer(const struct sessions *sessions, uint16_t link);

/* Whether a link has a peer that the topology of the last _prepare or _commit wants. */
bool sessions_stays(const struct sessions *sessions, uint16_t link);

/*
 * What has ended stays until no worker can look at it any more: the caller takes the mark, waits
 * until every worker has passed a quiet moment, and reclaims. True if that erased anything.
 */
uint64_t sessions_mark(const struct sessions *sessions);
bool sessions_reclaim(struct sessions *sessions, uint64_t mark);

/* ---- Messages ---- */

/* True if a message can be sent to this link; the context is the caller's. */
typedef bool sessions_reachable(void *context, uint16_t link);

struct sessions_message {
	uint16_t link; /* whom it is for */
	size_t len;
	uint8_t bytes[LM_LINK_MESSAGE_MAX];
};

/*
 * Does what is due until there is a message to send: true. False: nothing more is due at now_us.
 * Peers that were never heard of and cannot be reached wait until they can.
 */
LM_MUST_CHECK bool sessions_next(struct sessions *sessions, struct sessions_message *message,
				 sessions_reachable *reachable, void *context, uint64_t now_us,
				 uint64_t wall_us);

/* Takes a message; as lm_link_receive. */
void sessions_receive(struct sessions *sessions, struct lm_link_received *out,
		      const uint8_t *message, size_t len, const struct lm_link_source *source,
		      bool under_load, uint64_t now_us);

/* True if work of this result has cost public-key operations. */
LM_MUST_CHECK bool sessions_costly(enum lm_link_result result);

/* ---- Time ---- */

/* A neighbour's clock less the monotonic one, at its latest authentic initiation: for an estimate
 * of how wrong the own clock is. */
struct sessions_skew {
	uint32_t id; /* the node */
	int64_t skew_us;
	uint64_t when_us; /* monotonic */
};

/* Writes what is known, up to max of it; returns how many. Clients are not asked for the time. */
unsigned sessions_skews(const struct sessions *sessions, struct sessions_skew *out, unsigned max);

/* ---- Looking ---- */

/* Peers, and those of them that have a session to send on. */
void sessions_count(const struct sessions *sessions, uint32_t *peers, uint32_t *up);
