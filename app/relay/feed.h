/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The feeder: offers a capture to a relay whose port is made of rings (relay->rings), from memory,
 * in real time, and takes what the relay sends off the port. For measuring: the relay's lcores,
 * stages and rings are those of a relay on a NIC; keys, replay sets and what is held are thrown
 * away at the end.
 *
 * Frames are offered in the capture's order, whatever its times: at a rate, where a frame whose
 * receive ring is full, or for which there is no buffer, is missed as a NIC would miss it; or as
 * fast as the rings take them, where none is. Then the relay has more than it can peel and throws
 * away what is over senders' shares; or, with `pull`, its workers take no more than a burst a step,
 * as at exactly their capacity. Each source's frames go to one worker, as with receive-side
 * scaling. What is missed was never received, and is in no book.
 *
 * Where links have sessions, the capture's packets are sealed before the feeding begins, each as
 * its source would have (feed_link.h), and garbage can be mixed in: it is offered, and missed, like
 * all else, but counted apart. It lasts no longer than a session.
 *
 * One lcore calls feed_step; what it counts may be read when that has returned.
 */
#pragma once

#include "feed_link.h"
#include "lcore.h"
#include "relay.h"

#define FEED_ON_THE_WIRE 24 /* FCS, preamble, start and gap of an Ethernet frame (IEEE 802.3) */

struct feed_options {
	const char *path;
	uint64_t rate_pps;            /* 0: as fast as the rings take them */
	bool pull;                    /* as fast as it is peeled: nothing waits for its share */
	bool plain;                   /* frames are forwarded, not peeled and mixed (plain.h) */
	double seconds;               /* of feeding at most; 0: to the capture's end */
	int cpu;                      /* of the feeder; negative: the mixer's */
	double garbage[FEED_GARBAGE]; /* frames of each kind for each one of the capture */
};

struct feed;

/* Reads the capture into memory. For feed_free. */
LM_MUST_CHECK struct feed *feed_load(struct relay *relay, const struct feed_options *options,
				     struct lm_error *err);
void feed_free(struct feed *feed); /* NULL is allowed */

/*
 * Or without a capture: an empty feed with room for so many bytes of frames, whose links have some
 * of the neighbours at their ends (feed_link_make_some); then frames, each for one of the workers'
 * queues where links have no sessions. options->path stands for it in messages. -ENOMEM.
 */
LM_MUST_CHECK struct feed *feed_make(struct relay *relay, const struct feed_options *options,
				     size_t room, struct lm_error *err);
LM_MUST_CHECK int feed_add(struct feed *feed, const uint8_t *frame, size_t len, uint32_t queue,
			   struct lm_error *err);

/* Whether frames from and to this neighbour can be fed. */
LM_MUST_CHECK bool feed_has(const struct feed *feed, uint32_t id);

/* Seals the capture; the relay is built and no lcore runs. */
LM_MUST_CHECK int feed_connect(struct feed *feed, struct lm_error *err);

/* Whether frames are forwarded alone. */
bool feed_plain(const struct feed *feed);

/* The CPU that the options name. */
unsigned feed_cpu(const struct feed *feed);

/*
 * The last thing before lcores run; -ENOMEM. Whose CPU time is measured: the lcores by the relay's
 * plan, which run when feed_step is called.
 */
LM_MUST_CHECK int feed_watch(struct feed *feed, const struct lcore *lcores, struct lm_error *err);

/* One step at time now_us: takes what was sent, offers what is due. Returns how much it moved. */
unsigned feed_step(void *feed, uint64_t now_us);

/* The same, and counts the cycles it takes in relay->feed_time. */
unsigned feed_step_timed(void *feed, uint64_t now_us);

/* True when all has been offered and the receive rings are empty. */
LM_MUST_CHECK bool feed_done(const struct feed *feed);

/* Frames that were missed, and in *buffers how many of them for want of a buffer. */
uint64_t feed_missed(const struct feed *feed, uint64_t *buffers);

/*
 * What was offered and what became of it: in all, and in a window that leaves out the first tenth.
 * Good is what was peeled and not dropped, or was forwarded: sent, delivered or held.
 */
struct feed_result {
	bool pull, plain;
	uint64_t frames, offered, missed, missed_buffers, sent, garbage, garbage_missed;
	double frame_bytes; /* mean, as offered, from Ethernet's header on */
	double seconds;
	struct {
		double seconds;
		double cpu_seconds; /* that the workers' lcores got */
		uint64_t offered, received, overload, good;
		struct stage_times stages; /* while they are timed */
	} window;
	struct stage_figure figure[STAGE_WORKER]; /* the same; of bursts as large as they may be */
};

/* When no lcore runs any more. -ENOMEM. */
LM_MUST_CHECK int feed_result(struct feed_result *out, const struct feed *feed,
			      struct lm_error *err);

/* ---- feed_report.c ---- */

/*
 * Prints it, with rates by the second, and by the second of CPU time that the workers' lcores got,
 * which on a machine that others use too is less. README.md has the members of the JSON object.
 */
void feed_print(FILE *to, const struct feed_result *result, const struct relay *relay, bool json);
