/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets that `make` has prepared, sent from its capture instead of being built as they are due:
 * the poller's other source beside its stock.
 *
 * The frame at place i holds packet i of the run. A frame whose outer header is the one that its
 * way needs now goes as it is, and else the packet gets a new one, or becomes a link frame. Packets
 * are of the first document's epoch. The poller alone uses it between _open and _close.
 */
#pragma once

#include "capture_map.h"
#include "datagram.h"
#include "framing.h"

#define PREPARED_BURST 32

struct prepared {
	struct capture_map map;
	struct datagram_book *book; /* of the topology that it was opened with */
	const struct lm_topology *topology;
	size_t packet_len;
	uint32_t count;    /* of packets */
	uint64_t first_ns; /* the time of packet 0 in the capture */
	bool broken, end;  /* no more comes; broken: err says why */
	struct lm_error err;
	/* the burst that is being sent */
	struct rte_mbuf *mbuf[PREPARED_BURST];
	const struct view_peer *peer[PREPARED_BURST];
	uint64_t own_ns[PREPARED_BURST]; /* when it is due by the capture, after packet 0 */
	unsigned n, next;
	bool sealed; /* links have sessions: the burst's packets are in frames */
};

/*
 * Opens a capture that `make` has written for this topology, which must outlive it, and starts to
 * read it ahead on this CPU. 0, or -errno and a message. *prepared is all zero before; for _close
 * in every case.
 */
LM_MUST_CHECK int prepared_open(struct prepared *prepared, const char *path,
				const struct lm_topology *topology, int cpu, struct lm_error *err);
void prepared_close(struct prepared *prepared);

/*
 * If the burst is all sent, fills the next one: buffers with the frames that go to the port now,
 * mbuf[next .. n), or none yet. False if the capture is broken.
 */
LM_MUST_CHECK bool prepared_fill(struct prepared *prepared, const struct port *port,
				 struct framing *framing, const struct view *view);
