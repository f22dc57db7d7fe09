/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a run leaves behind: who saw which packet when, and beside it, in files of their own, the
 * truth that no observer has. README.md describes the files.
 *
 * Places are numbered: nodes 0 .. nodes - 1 as they stand in the topology, by rising id; client c
 * is nodes + c. A flight is one packet on one link, seen at both ends. What a recorder keeps in
 * memory is for app/gen's entropy, which takes mixes alone: see recorder_seen.
 */
#pragma once

#include "entropy.h"
#include "packets.h"
#include "records.h"

/* Where own cover of a relay comes from that enters its mix: no link, so no line in the files. */
#define RECORDER_NOWHERE UINT32_MAX

struct flight {
	uint64_t left_us, came_us;
	uint64_t
		closed_us; /* lm_mix_closed_us when the mix of `from` gave it; any for a client's */
	uint32_t from, to;
	uint32_t number; /* of the packet; PACKET_NONE: a dummy */
	uint8_t kind;    /* enum packet_kind */
	uint8_t hop;     /* links that the packet has crossed before */
	bool ends;       /* cover of a relay that ends where it comes to, in front of the mix */
};

/* What one thread has seen in a window, until recorder_collect. */
struct tape {
	const struct recorder *recorder;
	struct record_flight *flight;
	struct record_truth *truth;
	struct record_packet *packet;
	struct entropy_flight *kept;
	uint32_t flights, flights_room, packets, packets_room, keeps, kept_room;
	bool failed; /* no memory */
};

struct recorder {
	bool writes;
	struct records flights, truth, packets;
	bool remembers;
	bool failed; /* a write or an allocation; errno is `code` */
	int code;
	const struct lm_topology *topology;
	uint32_t *mix_of; /* number of a mix by node; ENTROPY_OUTSIDE: a gateway */
	unsigned *layer;  /* by mix */
	uint32_t mixes;
	struct entropy_flight *kept;
	uint32_t kept_count, kept_room;
};

/*
 * A recorder that writes into the folder, which it makes if it is missing (NULL: it writes
 * nothing), and, with remembers, keeps what recorder_seen tells. -errno and a message.
 */
LM_MUST_CHECK int recorder_init(struct recorder *recorder, const struct lm_topology *topology,
				const char *folder, bool remembers, struct lm_error *err);

/* ---- Tapes: one thread each ---- */

void tape_init(struct tape *tape, const struct recorder *recorder);
void tape_free(struct tape *tape);

/* For tape_flight alone. */
void tape_add_flight(struct tape *tape, const struct flight *flight);

static inline void tape_flight(struct tape *tape, const struct flight *flight)
{
	if (tape->recorder->writes || tape->recorder->remembers)
		tape_add_flight(tape, flight);
}

/* What became of a packet; done_us is 0 while it is on its way. */
void tape_packet(struct tape *tape, const struct packet *packet, enum packet_end end,
		 uint64_t done_us);

/* ---- The recorder: while no tape is written ---- */

/* Takes what is on the tape. Packets that are new in the window have the numbers from first_new on.
 */
void recorder_collect(struct recorder *recorder, struct tape *tape, uint32_t first_new);

/*
 * What an observer of every link knows who is told of relays' own cover where it begins and ends,
 * and on padded links which frames are packets and since when they waited: somebody who sees less
 * is less sure, so the entropy is a lower bound, and exact without both. Packets leave a mix when
 * it chose them: under batch mixing all of a batch when it was closed. Valid until the recorder is
 * freed.
 */
void recorder_seen(struct entropy_seen *seen, const struct recorder *recorder);

/* Writes out and closes. -errno and a message if anything was not written or kept. */
LM_MUST_CHECK int recorder_close(struct recorder *recorder, struct lm_error *err);
void recorder_free(struct recorder *recorder);
