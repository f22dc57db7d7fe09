/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a trace came to: which mixes are named, and how sure that is; for people, or as JSON.
 */
#pragma once

#include <stdio.h>

#include "trace.h"
#include "trace_plan.h"

/* Loops with the same prefix of the path. */
struct trace_series {
	uint32_t sent, lost;
	double median_us; /* delay of those that came; 0: none */
};

enum trace_verdict {
	TRACE_NO_FAULT, /* nothing was lost, no mix is named */
	TRACE_FAULT,    /* a mix is named */
	TRACE_UNCLEAR,  /* packets are lost, and no mix can be named */
	TRACE_DEAD,     /* not one loop came back */
};

struct trace_result {
	const struct trace_plan *plan;
	struct trace_params params;
	struct trace_finding *finding;                      /* of each subject; owned */
	struct trace_series series[LM_TOPOLOGY_LAYERS + 1]; /* of a path: by length of prefix */
	struct trace_series all;
	double expected_us; /* mean delay of a loop, by the network's mixing */
	enum trace_verdict verdict;
	unsigned named;
};

/* A loop as it was seen. */
struct trace_seen {
	bool sent, came;
	double delay_us; /* from the generator to the generator */
	double drawn_us; /* of this, what its sender asked the mixes for */
};

/*
 * Judges all subjects of the plan from the loops seen, by their numbers; rounds that were not sent
 * whole are left out. confidence and late_us are as in struct trace_params. -ENOMEM and a message.
 * For trace_result_free.
 */
LM_MUST_CHECK int trace_result_make(struct trace_result *result, const struct trace_plan *plan,
				    const struct trace_seen *seen, double confidence,
				    double late_us, struct lm_error *err);
void trace_result_free(struct trace_result *result);

/* The mean delay of a loop through all layers, if batches and pools do not wait for more packets.
 */
double trace_expected_us(const struct lm_topology *topology);

/* False if it could not be written. */
LM_MUST_CHECK bool trace_report_text(FILE *to, const struct trace_result *result);
LM_MUST_CHECK bool trace_report_json(FILE *to, const struct trace_result *result);
