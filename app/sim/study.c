/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See study.h.
 */
#include "study.h"

#include "law.h"

#include <errno.h>
#include <time.h>

int study_make(struct study *study, const struct config *config, unsigned threads, const char *out,
	       bool measures, struct lm_error *err)
{
	int rc;

	*study = (struct study){.measures = measures, .threads = threads};
	rc = config_network(&study->topology, config, err);
	if (rc != 0)
		return rc;
	config_params(&study->params, config, study->topology);
	study->params.threads = threads;
	rc = recorder_init(&study->recorder, study->topology, out, measures, err);
	if (rc == 0)
		rc = sim_make(&study->sim, &study->params, &study->recorder, err);
	return rc;
}

static double seconds(clockid_t clock)
{
	struct timespec now;

	LM_ASSERT(clock_gettime(clock, &now) == 0);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int measure(struct study *study, struct lm_error *err)
{
	struct entropy_seen seen;
	struct law law;
	int rc;

	recorder_seen(&seen, &study->recorder);
	rc = entropy_measure(&study->entropy, &seen);
	LM_ASSERT(rc != -EDOM); /* no mix of ours sends what it has not received */
	law_set(&law, &study->params);
	study->entropy.law_bits = law_bits(&law);
	return rc == 0 ? 0 : lm_error_set(err, -rc, "no memory to trace %u flights", seen.flights);
}

int study_run(struct study *study, sim_progress_fn *progress, void *context, struct lm_error *err)
{
	/* of this process: what others do on the machine is no part of it */
	double began_s = seconds(CLOCK_PROCESS_CPUTIME_ID), at_s = seconds(CLOCK_MONOTONIC);
	int rc = sim_run(study->sim, progress, context, err);

	study->run_s = seconds(CLOCK_PROCESS_CPUTIME_ID) - began_s;
	study->passed_s = seconds(CLOCK_MONOTONIC) - at_s;
	if (rc == 0)
		rc = recorder_close(&study->recorder, err);
	if (rc == 0 && study->measures)
		rc = measure(study, err);
	return rc;
}

void study_free(struct study *study)
{
	sim_free(study->sim);
	recorder_free(&study->recorder);
	lm_topology_free(study->topology);
	*study = (struct study){0};
}
