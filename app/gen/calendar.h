/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which document and which key epoch a packet is built for: those of the time at which it is due,
 * not of the time at which it is built, as packets are built ahead.
 *
 * Document e is in force in epoch e and, while no next one has come, in epoch e + 1
 * (lib/topology/FORMAT.md). A packet that is due in an epoch whose document may still come waits to
 * be built until that has come, or until CALENDAR_LATEST_US before its epoch's first are needed;
 * then the document before it goes on, for that epoch alone: those of the epochs behind it wait for
 * theirs.
 *
 * Clocks differ. What an epoch c's beginning brings is kid c + 1, which a relay that is still in
 * c - 1 refuses, and what its end takes away is kid c - 1. So a sender goes over to c
 * lm_topology_skew_us late, and counts on c's end as much early: in between it draws b = c - 1,
 * whose kids relays take on both sides. Only in the first document there is no going over late:
 * its beginning is one.
 *
 * One thread adds documents, one builds; any number may look up what was built. What a reader finds
 * stays as it is until calendar_restart. Memory: owns its documents.
 */
#pragma once

#include "lm_topology.h"

#define CALENDAR_DOCUMENTS 1024 /* in one run, at most */
#define CALENDAR_SPANS     4096
#define CALENDAR_LATEST_US 2000000

struct view;

struct calendar_document {
	struct lm_topology *topology;
	const struct lm_topology_node *self;
	struct view *view; /* next hops; NULL where nothing is sent. Owned */
};

/* From packet `first` on, up to the next span. */
struct calendar_span {
	uint32_t first;
	const struct calendar_document *document;
	uint32_t epoch;               /* the document's or the next */
	enum lm_topology_phase phase; /* of the epoch, when the packets are due */
};

struct calendar {
	uint32_t node;     /* whose documents these are */
	uint64_t start_us; /* UTC, when packet 0 is due; 0: no clock, all is in the first epoch */
	uint64_t path_us;  /* the longest time that a packet takes */
	unsigned documents, spans; /* atomic */
	struct calendar_document document[CALENDAR_DOCUMENTS];
	struct calendar_span span[CALENDAR_SPANS];
};

/* An empty calendar with this first document, which it takes over. -ENOENT and a message if the
 * document does not have the node as a gateway; it is the caller's then. */
LM_MUST_CHECK int calendar_init(struct calendar *calendar, struct lm_topology *topology,
				uint32_t node, struct lm_error *err);
void calendar_free(struct calendar *calendar);

/*
 * For a run whose packet 0 is due at start_us: forgets all spans, and the documents before the one
 * that is then in force (0: before the newest), which becomes the first. Nobody else may look.
 */
void calendar_restart(struct calendar *calendar, uint64_t start_us, uint64_t path_us);

/* Packet 0 is due then, and nothing is built yet; documents stay. The builder does not run. */
void calendar_start(struct calendar *calendar, uint64_t start_us);

/*
 * May the document be added after the newest, at this time? 0; 1 if it is the newest itself; or
 * -errno and a message that begins with `name` and says why not: it does not succeed
 * (lm_topology_succeeds), or is of another packet profile.
 */
LM_MUST_CHECK int calendar_check(const struct calendar *calendar,
				 const struct lm_topology *topology, uint64_t now_us,
				 const char *name, struct lm_error *err);

/* Adds a document that passed; takes topology and view over. -errno and a message as _init. */
LM_MUST_CHECK int calendar_add(struct calendar *calendar, struct lm_topology *topology,
			       struct view *view, struct lm_error *err);

/* The newest document. */
const struct calendar_document *calendar_newest(const struct calendar *calendar);

/* May this node send to the calendar's by one of its documents? */
LM_MUST_CHECK bool calendar_may_send(const struct calendar *calendar, uint32_t id);

/* The network's epoch at this time, and the document in force. */
uint32_t calendar_epoch(const struct calendar *calendar, uint64_t at_us,
			const struct calendar_document **document);

/*
 * Looks up when packet seq is due, and notes its span; due_ns after packet 0. False: it cannot be
 * built yet, as the document of its epoch may still come. Packets are asked for in their order.
 */
LM_MUST_CHECK bool calendar_ready(struct calendar *calendar, uint32_t seq, uint64_t due_ns,
				  uint64_t now_us);

/* What packet seq was built for; of one that was not built, what the last one was. */
const struct calendar_span *calendar_find(const struct calendar *calendar, uint32_t seq);
