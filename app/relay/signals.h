/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The signals to a program, SIGINT, SIGTERM and SIGHUP, as a file: they come when they are asked
 * for, so nothing is cut off midway and DPDK's files do not stay behind.
 */
#pragma once

#include "lm_base.h"

/* Blocks them for this thread and every one made after it, and opens *fd, which never blocks. */
LM_MUST_CHECK int signals_open(int *fd, struct lm_error *err);

/* The number of one that has come, which is then taken; 0: none. */
LM_MUST_CHECK int signals_take(int fd);
