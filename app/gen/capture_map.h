/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Captures for senders: the frames of a pcap file, one after the other, straight from the mapped
 * file, at several million a second and also where the file is larger than memory.
 *
 * A thread brings pages in ahead of the reader, CAPTURE_MAP_AHEAD bytes of them, and lets go of
 * those behind it, so that no more than about that much is ever resident; what does not fit into
 * half of the machine's memory is also dropped from the page cache. The reader never waits for a
 * disk: a frame that is not there yet is CAPTURE_MAP_WAIT.
 *
 * The file is hostile, whatever stands in it, but must not get shorter while it is mapped. One
 * thread reads. Nothing is allocated after _open.
 */
#pragma once

#include <pthread.h>

#include "lm_base.h"

#define CAPTURE_MAP_AHEAD (64u << 20)

struct capture_map {
	const char *path;
	int fd;
	const uint8_t *base;
	uint64_t bytes;
	bool swapped;     /* the file's words are big-endian */
	bool nanoseconds; /* else its times are in microseconds */
	uint64_t at;      /* the reader's place */
	uint64_t taken;   /* what lies before this may go; atomic */
	uint64_t ready;   /* what lies before this is there; atomic */
	uint64_t gone;    /* the thread's: what it has let go */
	bool drop_cache;
	bool running, stop; /* stop: atomic */
	pthread_t thread;
};

struct capture_map_frame {
	const uint8_t *bytes; /* until capture_map_release */
	uint32_t len;         /* captured, */
	uint32_t whole_len;   /* of the frame on the wire */
	uint64_t at_ns;       /* since 1970 */
};

enum capture_map_got {
	CAPTURE_MAP_FRAME,
	CAPTURE_MAP_WAIT, /* not read from the disk yet */
	CAPTURE_MAP_END,
	CAPTURE_MAP_BROKEN, /* no record stands here, or it is cut off: see capture_map_explain */
};

/*
 * Maps a pcap file of Ethernet frames, of either byte order, with microseconds or nanoseconds. 0,
 * or -errno and a message. For _close in every case.
 */
LM_MUST_CHECK int capture_map_open(struct capture_map *map, const char *path, struct lm_error *err);
void capture_map_close(struct capture_map *map);

/*
 * Starts the thread, on this CPU (< 0: any), and waits until the first pages are there. Without it
 * nothing is ever CAPTURE_MAP_WAIT: the reader itself waits for the disk.
 */
LM_MUST_CHECK int capture_map_start(struct capture_map *map, int cpu, struct lm_error *err);

/* The next frame; its place does not move until there is one. */
enum capture_map_got capture_map_next(struct capture_map_frame *frame, struct capture_map *map);

/* Back to the first frame; before _start. */
void capture_map_rewind(struct capture_map *map);

/* What has been read so far is not needed any more. */
void capture_map_release(struct capture_map *map);

/* Says where the file is broken. */
int capture_map_explain(const struct capture_map *map, struct lm_error *err);

/*
 * How many records there are if all have the length of the first one, as in what `linemix-gen make`
 * writes; 0 if the size of the file does not fit that. Looks at the first record alone.
 */
uint64_t capture_map_equal_records(const struct capture_map *map);
