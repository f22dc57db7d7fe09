/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * relay-bounds: the relay under test, and what its cases do with it.
 */
#pragma once

#include <pcap/pcap.h>
#include <stdio.h>
#include <string.h>

#include "feed.h"
#include "testing.h"
#include "watch.h"

#define FRAMES_MAX 20000
#define FRAME_ROOM 1600

struct bounds {
	struct relay relay;
	struct relay_config config;
	struct frame_self self;
	struct worker *worker;  /* the first, and as a rule the only one */
	struct feed_link *link; /* the neighbours' ends; NULL: links carry bare packets */
	unsigned frames, next;
	uint64_t now_us;
	struct {
		unsigned len;
		uint8_t bytes[FRAME_ROOM];
	} frame[FRAMES_MAX];
};

extern struct bounds bounds;

#define CHECK(condition) check((condition), #condition, __LINE__)
void check(bool good, const char *text, int line);

/* Packets dropped for a reason, dropped at all, and held; the books must close. */
uint64_t dropped(enum lm_drop reason);
uint64_t all_dropped(void);
uint64_t held(void);

/* Onto the receive ring: these bytes; the next n frames of the capture; n questions of a kernel. */
void offer_bytes(const uint8_t *bytes, unsigned len);
void offer(unsigned n);
void ask(unsigned n);

/* One step, a microsecond after the last: of the worker, and of the mixer. */
unsigned work(void);
unsigned mix(void);

/* Frees what has left; returns how many frames. */
unsigned take_sent(void);

/* Steps of both, and a wire that takes what leaves; for watch_run. */
void busy(void *unused);

/* ---- relay-bounds-links.c ---- */

void link_drops(void);
void link_sends(void);
void no_session(void);
void lane_ring(void);
void handshake_ring(void);
void load(void);
void clients(void);
void forged(void);
void flooder(void);
void quiet_links(void);
void padded(void);
void garbage_cost(void);
