/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Naming the mix at which packets are lost or late, from pairs of loops.
 *
 * A mix of layer l sends to layer l + 1 alone, so no packet turns round at a hop that is under
 * suspicion: every loop passes all layers. What can be compared is two loops whose ways are the
 * same but for one mix: the one in question, and another of its layer. Whatever else is wrong on
 * the way is wrong for both, so it cancels; that is what a pair is.
 *
 * Losses: of the pairs of which exactly one loop came back, half should have lost the one and half
 * the other, if the mix loses no more than its fellows. The exact test of McNemar (1947) says how
 * likely at least so many here are. Lateness: of the pairs of which both came back, the differences
 * of delay should lie evenly about zero; the signed-rank test of Wilcoxon (1945) says how likely
 * ranks at least so much in favour of "later here" are. Both are one-sided. With `tests` of them in
 * one trace each is held to (1 - confidence) / tests (Bonferroni), so that with that confidence no
 * mix is named that is no worse than its fellows.
 *
 * So a fault that all mixes of a layer share, or the only mix of a layer has, shows in the losses
 * of every loop and cannot be told from one at its neighbours.
 *
 * Pure arithmetic; the caller gives all memory.
 */
#pragma once

#include "lm_base.h"

/* What is known of the pairs of one mix. */
struct trace_pairs { /* all zero but more_us: no pairs */
	uint32_t pairs;
	uint32_t came, other_came; /* loops through this mix, and through its fellows, that came */
	uint32_t lost_here;        /* pairs of which only the other loop came */
	uint32_t lost_there;       /* and only this one */
	uint32_t both;             /* and both: */
	double *more_us;           /* how much longer this one took; room for all pairs */
};

/* What became of one loop. */
struct trace_loop {
	bool came;
	double late_us; /* its delay, without what its sender drew for it */
};

void trace_pairs_add(struct trace_pairs *pairs, const struct trace_loop *here,
		     const struct trace_loop *other);

struct trace_params {
	double confidence; /* 0 .. 1, both excluded */
	unsigned tests;    /* in the whole trace; 1 at least */
	double late_us;    /* a mix that takes less than this longer is not late, however sure */
};

enum trace_state {
	TRACE_ALONE,   /* no pairs: the only mix of its layer that may stand there */
	TRACE_TOO_FEW, /* even if all that are missing had been lost here, none could be sure */
	TRACE_JUDGED,
};

/* What is said of one mix. */
struct trace_finding {
	enum trace_state state;
	bool lossy, late; /* judged: named, with the confidence that was asked for */
	double loss;      /* of what reaches it, more than at its fellows; an estimate, 0 .. 1 */
	double loss_most; /* the loss that it stays below, with that confidence */
	double more_us;   /* how much longer it takes; the median over pairs, an estimate */
	double p_loss, p_late; /* probability of as much by chance; 1 without pairs */
};

/* Judges one mix. Sorts pairs->more_us. */
void trace_judge(struct trace_finding *finding, struct trace_pairs *pairs,
		 const struct trace_params *params);

/* ---- The tests, for tests ---- */

/* P(X >= k) of a binomial X with n trials of probability p, 0 < p < 1. */
double trace_binomial_tail(uint32_t n, uint32_t k, double p);

/* One-sided signed-rank test that the n values lie above zero, in the normal approximation with
 * ties; 1 for less than 10 that are not zero. Sorts them by size. */
double trace_signed_rank(double *value, uint32_t n);
