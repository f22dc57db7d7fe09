/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The signals that stop a program, SIGINT and SIGTERM, as a file: they come when they are asked
 * for, so nothing is cut off midway and DPDK's files do not stay behind.
 */
#pragma once

#include "lm_base.h"

/* Blocks them for this thread and every one made after it, and opens *fd, which never blocks. */
LM_MUST_CHECK int signals_open(int *fd, struct lm_error *err);

/* True if one has come; it is taken. */
LM_MUST_CHECK bool signals_take(int fd);
