/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One configuration from its network to its figures: made, run once, and freed.
 */
#pragma once

#include "config.h"
#include "entropy.h"

struct study {
	struct lm_topology *topology;
	struct sim_params params;
	struct recorder recorder;
	struct sim *sim;
	bool measures;          /* the entropy */
	struct entropy entropy; /* after the run; messages 0: too short a time */
	unsigned threads;
	double run_s;    /* processor time that the simulation took, without the entropy */
	double passed_s; /* and the time that passed meanwhile */
};

/*
 * Makes all parts; threads simulate, >= 1. out is a folder for records, or NULL. measures: the
 * entropy too, which asks for poisson mixing and links without padding. -errno and a message; _free
 * is due in every case.
 */
LM_MUST_CHECK int study_make(struct study *study, const struct config *config, unsigned threads,
			     const char *out, bool measures, struct lm_error *err);

/* Runs it, closes the records and measures. progress may be NULL. -errno and a message. */
LM_MUST_CHECK int study_run(struct study *study, sim_progress_fn *progress, void *context,
			    struct lm_error *err);
void study_free(struct study *study);
