/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the sub-commands share of the command line. What is not as it should be is a usage error
 * that names the option; argp then ends the process with status 2.
 */
#pragma once

#include <argp.h>

#include "lm_topology.h"

/* A decimal number in min .. max. */
uint64_t options_number(struct argp_state *state, const char *option, const char *text,
			uint64_t min, uint64_t max);

/* UTC, as 2026-11-25T12:00:00Z. */
uint64_t options_time(struct argp_state *state, const char *option, const char *text);

/* 192.0.2.1:7000 or [2001:db8::1]:7000. */
struct lm_topology_address options_address(struct argp_state *state, const char *option,
					   const char *text);

/* Whose signatures count: --authority, --authorities and --threshold. */
struct options_authorities {
	struct lm_authorities authorities; /* n 0: not given */
	bool has_threshold;
};

/*
 * A child parser for them; its input is a struct options_authorities. Without --threshold it takes
 * more than half of them.
 */
extern const struct argp authorities_argp;

/* Says "NAME: message" on stderr, NAME being argv[0] of the command; the exit status 1. */
int options_failed(const char *name, const struct lm_error *err);
