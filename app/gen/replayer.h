/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The one lcore of `replay` that touches the port: sends the frames of a capture as they are, each
 * at its time, and counts what comes.
 *
 * Sending is open-loop: a frame is due when the pace says, whatever became of those before it; what
 * is late is sent at once. Frames are copied into buffers ahead of their time. Control sets the
 * first part before the launch, moves `stop`, and reads `done` and `counts` while it runs, all
 * else after replayer_main has returned.
 */
#pragma once

#include <rte_mbuf.h>

#include "capture_map.h"
#include "pace.h"
#include "stats.h"

#define REPLAYER_BURST 32

/* One frame that was sent or came; `number` of those. */
struct replayer_time {
	uint64_t due_ns; /* of one that was sent; tsc_ns */
	uint64_t at_ns;  /* tsc_ns */
	uint32_t len;
};

struct replayer_times {
	struct replayer_time *time; /* NULL: not wanted */
	uint64_t n, room;
};

struct replayer_counts {
	uint64_t sent, sent_bytes;
	uint64_t received, received_bytes;
	uint64_t cut;       /* not sent: captured in part */
	uint64_t too_long;  /* not sent: longer than `longest` */
	uint64_t starved;   /* times that the next frame was not read from the disk yet */
	uint64_t port_full; /* times that the port took no frame at once */
};

struct replayer {
	uint16_t port;
	struct rte_mempool *pool;
	struct capture_map *map;
	struct pace pace;
	uint32_t longest; /* bytes of a frame */
	bool spin;
	uint64_t start_ns; /* when the first frame is due, by tsc_ns; 0: as soon as it runs */
	struct replayer_times sent_times, received_times;

	bool stop, done; /* atomic; done: all is sent, or broken */
	bool returned;   /* for polling_join */
	bool broken;     /* the capture */
	struct replayer_counts counts;
	struct histogram late_ns;   /* but for a flood, in which nothing is due */
	uint64_t first_ns, last_ns; /* when the first and the last frame were sent */
	uint64_t cpu_ns;            /* processor time of the lcore until then */

	/* private */
	struct rte_mbuf *mbuf[REPLAYER_BURST];
	uint64_t due_ns[REPLAYER_BURST];
	unsigned n, next; /* of the burst, frames that there are and that were sent */
	bool end, starving, blocked;
};

/* For rte_eal_remote_launch; the argument is a struct replayer. */
int replayer_main(void *replayer);
