/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the sub-commands share of the command line.
 */
#pragma once

#include <argp.h>

#include "build.h"
#include "setup.h"

/* A decimal number in min .. max, or a usage error that names the option and the range. */
uint64_t options_number(struct argp_state *state, const char *option, const char *text,
			uint64_t min, uint64_t max);

#ifdef LM_TEST_BUILD
/* --seed of test builds: from now on lm_rand repeats. A usage error if it is not 64 digits. */
void options_seed(struct argp_state *state, const char *text);
#endif

/* What packets to build: the options of `make` and `run`. */
struct build_options {
	const char *config;
	uint32_t rate_pps;
	bool has_rate;
	uint32_t count; /* 0: not given */
	uint32_t cmds;
	enum gen_arrivals arrivals;
	uint32_t to; /* 0: the generator itself */
	bool has_dest;
	struct lm_packet_dest dest;
};

/* A child parser for them; its input is a struct build_options, to which it gives its defaults. */
extern const struct argp build_argp;

/* Sets the arrivals of a run; of bursts as the configuration says. */
void build_arrivals(struct gen_run *run, const struct build_options *options,
		    const struct gen_setup *setup);

/*
 * Makes the builder of a run with these options and a fresh nonce; start_ns as in struct gen_run.
 * NULL and a message on failure. For build_free.
 */
LM_MUST_CHECK struct gen_builder *build_start(const struct build_options *options,
					      const struct gen_setup *setup, uint64_t start_ns,
					      struct lm_error *err);
void build_free(struct gen_builder *builder);
