/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What came of a run: which packets arrived, in which order, how late, and what else came.
 *
 * One thread uses a tally. Memory: 4 bytes for each packet of the run, 12 with times, taken when
 * the run is known, and its schedule.
 */
#pragma once

#include "schedule.h"
#include "stats.h"

#define TALLY_LATENCY_MAX_NS UINT64_C(3600000000000) /* longer: the two clocks are not one */

struct tally { /* all zero: empty, the run not known */
	bool known;
	struct gen_run run; /* the first that was seen, or the one that is being sent */
	uint32_t sent;      /* packets of it that were sent: run.count, or fewer */
	uint32_t elsewhere; /* run: kinds that go elsewhere and are not expected; mask */
	/* When packet 0 was due, on the clock of arrivals; 0: when its run says. */
	uint64_t start_ns;
	const uint64_t *sent_ns;    /* run: when each left; NULL: not known */
	uint32_t sent_room;         /* packets that it has room for */
	const struct schedule *due; /* of the run; NULL: it is made, as `schedule` */
	struct schedule schedule;
	bool times;        /* note came_ns; set before it starts */
	uint64_t *came_ns; /* by seq: when each came; 0: not */
	uint32_t *arrival; /* by seq: 1 + place in the order of arrival; 0: not arrived */
	uint32_t arrivals;
	uint64_t received[GEN_CMDS];
	uint64_t duplicated[GEN_CMDS]; /* arrived once more */
	uint64_t damaged;              /* for this node, but broken */
	uint64_t foreign;              /* for others, or not from this run */
	uint64_t drop[LM_DROP_COUNT];  /* why frames and packets were not taken */
	struct histogram
		latency_ns; /* from when a packet was due: also what waited to be sent counts */
	struct histogram transit_ns; /* from when it was sent, where that is known */
};

/* Makes the tally one of this run, all of it sent. -ENOMEM and a message if it is too long. */
LM_MUST_CHECK int tally_start(struct tally *tally, const struct gen_run *run, struct lm_error *err);
void tally_free(struct tally *tally);

/*
 * One message that arrived at when_ns. `again`: the replay filter has seen this very packet. The
 * first message makes its run known, if none is, and the first that is no DROP its times; -ENOMEM
 * is only possible then.
 */
LM_MUST_CHECK int tally_message(struct tally *tally, const struct gen_message *message,
				uint64_t when_ns, bool again, struct lm_error *err);

uint32_t tally_sent(const struct tally *tally, enum gen_cmd cmd);
uint64_t tally_lost(const struct tally *tally, enum gen_cmd cmd);
uint32_t tally_expected(const struct tally *tally); /* of all that were sent: those to come back */

/* When packet seq was sent or due, after packet 0; false if that is not known. */
LM_MUST_CHECK bool tally_sent_after_ns(uint64_t *after_ns, const struct tally *tally, uint32_t seq);

/* Something was sent, all of it arrived once, and nothing was damaged. */
LM_MUST_CHECK bool tally_complete(const struct tally *tally);
