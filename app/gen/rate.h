/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The search for the no-drop rate: the highest rate at which a network gives back every packet (RFC
 * 2544, section 26.1, throughput), found by trials.
 *
 * The first trials double or halve the rate until one has passed and one has not; then each halves
 * what lies between, on the scale of ratios, until the two are close. As section 24 says, trials of
 * the search may be short and the last one is long: what the search has found is confirmed by a
 * trial of its own, and if that fails, the search goes on below it with long trials alone. A trial
 * in which the sender could not keep the pace says nothing of the network: it only bounds the
 * search from above.
 *
 * A network need not be monotone: one that loses at 100 a second and not at 200, or now and then.
 * The result is then still a rate whose confirmation passed, with the lowest rate above it that did
 * not.
 *
 * Pure arithmetic; no state but the struct.
 */
#pragma once

#include "lm_base.h"

#define RATE_TRIALS_MAX 200

struct rate_params {
	uint32_t start_pps;      /* of the first trial; min .. max */
	uint32_t min_pps;        /* 1 at least */
	uint32_t max_pps;        /* as much as can be asked for: min .. UINT32_MAX / 2 */
	uint32_t resolution_ppm; /* how close the result is, of itself; 1 .. 10^6 */
	bool confirm;            /* else what the search finds is the result */
	unsigned trials;         /* at most; 1 .. RATE_TRIALS_MAX */
};

enum rate_verdict {
	RATE_PASSED,
	RATE_LOST,  /* the network lost more than is tolerated */
	RATE_SHORT, /* the sender did not keep the pace */
};

const char *rate_verdict_name(enum rate_verdict verdict); /* "passed", "lost", "short" */

/* What keeps the result from being higher. */
enum rate_limit {
	RATE_BY_NETWORK, /* it loses packets at rate_search.above_pps */
	RATE_BY_SENDER,  /* the sender cannot send above_pps: the network may carry more */
	RATE_BY_MAX,     /* max_pps passed */
	RATE_BY_TRIALS,  /* there were no trials left; the network may carry more */
};

const char *rate_limit_name(enum rate_limit limit); /* "network", "sender", "max", "trials" */

struct rate_search {
	struct rate_params params;
	unsigned trials;         /* so far */
	uint32_t passed_pps;     /* the highest that passed below above_pps; 0: none */
	uint32_t above_pps;      /* the lowest that did not; 0: none */
	enum rate_verdict above; /* and why */
	uint32_t confirmed_pps;  /* the highest that was confirmed; 0: none */
	uint32_t next_pps;       /* of the trial on its way */
	bool doubtful;           /* a confirmation has failed: only long trials count from now on */
	bool confirming;         /* that trial is a confirmation: a long one */
};

/* What a search came to. */
struct rate_result {
	uint32_t rate_pps;  /* the no-drop rate; 0: none was found */
	uint32_t above_pps; /* the lowest rate that did not pass, above it; 0: none */
	enum rate_limit limit;
	bool confirmed; /* by a trial of its own */
	bool close;     /* above_pps is as close as the resolution asks, or max_pps is reached */
};

void rate_search_init(struct rate_search *search, const struct rate_params *params);

/* Sets next_pps and confirming for the next trial; false: there is none, see rate_search_result. */
LM_MUST_CHECK bool rate_search_next(struct rate_search *search);

/* What came of the trial that rate_search_next asked for. */
void rate_search_take(struct rate_search *search, enum rate_verdict verdict);

struct rate_result rate_search_result(const struct rate_search *search);

/* ---- One trial ---- */

struct rate_trial {
	uint32_t rate_pps;
	bool confirming;
	double seconds;       /* of sending */
	uint64_t wanted;      /* packets that should be sent */
	uint64_t sent;        /* in time or not */
	bool ended;           /* before its time, as its verdict was clear */
	uint64_t lost;        /* of these */
	uint64_t damaged;     /* and duplicated ones */
	uint64_t late_us;     /* how far the latest packet left after its time */
	uint64_t port_missed; /* frames that the generator's own port lost */
	enum rate_verdict verdict;
	uint64_t p50_ns, p99_ns, p999_ns, max_ns; /* of latency, from when packets were due */
};

struct rate_criteria {
	uint32_t tolerance_ppm; /* of what was sent may be lost; 0 of RFC 2544 */
	uint64_t late_us;       /* a packet that leaves later than this did not keep the pace */
};

/*
 * Judges a trial. The sender kept the pace if it sent all that it should, or ended before with more
 * lost than all of them may lose; each packet no later than criteria.late_us after its time, and
 * all within 1.01 of the time that this should take and criteria.late_us. Where packets are missing
 * and the sender's own port has lost frames, nobody knows who lost what: that is short, too.
 * Damaged and duplicated packets count as lost.
 */
enum rate_verdict rate_judge(const struct rate_trial *trial, const struct rate_criteria *criteria);
