/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who may ask for the relay's telemetry: DPDK makes its socket for the relay's user alone, and
 * another program that shows it should be another user, who could not read the relay's keys.
 */
#pragma once

#include "lm_base.h"

/*
 * Lets a group find and use the telemetry socket in DPDK's folder for this process, and nothing
 * else there; "": nobody else. -errno and a message: there is no such group, or this process may
 * not give its files to it, which root and members may.
 */
LM_MUST_CHECK int telemetry_open(const char *folder, const char *group, struct lm_error *err);
