/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * linemix-gen check --keys: who went where, from captures at the nodes of a network.
 */
#pragma once

#include <stdbool.h>

#include "setup.h"

struct truth_command {
	const char *keys;         /* folder */
	const char *capture;      /* at the generator itself; may be NULL */
	const char *const *relay; /* "ID=FILE" */
	unsigned relays;
	const char *out; /* folder for records; may be NULL */
	const char *csv; /* file; may be NULL */
	bool json;
};

/* 0, or -errno and a message. The report goes to stdout. */
LM_MUST_CHECK int truth_check(const struct truth_command *command, const struct gen_setup *setup,
			      struct lm_error *err);
