/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The relay's counters over DPDK telemetry: totals only, never anything about one packet.
 *
 *   /linemix/stats    the books, own loops, frames of the kernel, missed frames, readiness
 *   /linemix/lcores   what runs where; of each lcore rounds, busy ones and cycles in those
 *   /linemix/stages   cycles by stage, of all workers and the mixer; with a number: of one worker
 *   /linemix/bursts   how large the bursts are that are peeled together
 *   /linemix/node     who the node is, its epoch, and how many neighbours of each layer are reached
 *   /linemix/replay   how full the replay sets are
 *   /linemix/down     the neighbours that are not reached
 *   /linemix/links    the neighbours; with a place: from there on
 *   /linemix/link,ID  one of them: address in use, MTU, session
 */
#pragma once

#include "lcore.h"
#include "relay.h"

/* Registers the commands. The relay and its lcores must live until telemetry_stop. */
LM_MUST_CHECK int telemetry_start(const struct relay *relay, const struct lcore *lcore,
				  struct lm_error *err);

/* When it returns, no answer reads what the relay had before any more. */
void telemetry_pass(void);

/* From now on nobody is answered. */
void telemetry_stop(void);
