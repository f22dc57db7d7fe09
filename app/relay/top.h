/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * linemix-relay --top: relays of this machine, live in a terminal, or as lines where none is. Needs
 * no configuration, no DPDK and no right but to open the sockets.
 */
#pragma once

#include "lm_base.h"

struct top_options {
	const char *folder;        /* DPDK's, with the relays' sockets; "": by its own rule */
	const char *const *prefix; /* file prefixes; none: all that begin with linemix */
	unsigned prefixes;
};

/* Until q, SIGINT or SIGTERM, or until nobody reads the output any more. */
LM_MUST_CHECK int top_run(const struct top_options *options, struct lm_error *err);
