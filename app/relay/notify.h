/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the service manager is told (sd_notify(3)): ready, reloading, stopping, and signs of life.
 * Without one all of this does nothing. The control thread alone uses this.
 */
#pragma once

#include "lm_base.h"

#define NOTIFY_LCORES_MAX 128

struct notify {
	uint64_t every_us;                  /* between two signs of life; 0: nobody waits for any */
	uint64_t next_us;                   /* when the next one is due */
	uint64_t rounds[NOTIFY_LCORES_MAX]; /* of each lcore at the last one */
};

/* Learns from the environment whether a watchdog waits, and for how long. */
void notify_init(struct notify *notify);

/* READY=1, with a line for people; also what ends a reload. */
void notify_ready(const char *format, ...) LM_PRINTF(1, 2);

/*
 * READY=1 as well, with a line for people: there is nothing to run yet, and who starts services
 * must not wait as long as this one does for others. Signs of life are asked for in minutes then,
 * until notify_ready.
 */
void notify_waiting(const char *status);

/* RELOADING=1: the configuration is read anew, until notify_ready. */
void notify_reloading(void);

/* A line for people alone. */
void notify_status(const char *format, ...) LM_PRINTF(1, 2);

/* STOPPING=1, with a line for people. */
void notify_stopping(const char *format, ...) LM_PRINTF(1, 2);

/* Asks for this much more time to start or stop, from now on. */
void notify_extend(uint64_t more_us);

/*
 * Whether a sign of life is to be given now: one is due, and each of the n lcores has made rounds
 * since the last. An lcore that is stuck so lets the watchdog run out.
 */
LM_MUST_CHECK bool notify_due(struct notify *notify, const uint64_t *rounds, unsigned n,
			      uint64_t now_us);

/* WATCHDOG=1. */
void notify_alive(void);
