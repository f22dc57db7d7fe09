/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See notify.h. A manager that does not listen changes nothing for the relay, so that nothing here
 * fails.
 */
#include "notify.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#define KEEP_ENVIRONMENT 0
#define STATUS_MAX       256
#define WAITING_US       UINT64_C(600000000) /* also for all that is opened once the wait is over */

static bool waiting; /* the watchdog's time is WAITING_US */

void notify_init(struct notify *notify)
{
	uint64_t limit_us = 0;

	memset(notify, 0, sizeof(*notify));
	if (sd_watchdog_enabled(KEEP_ENVIRONMENT, &limit_us) > 0)
		notify->every_us = limit_us / 2;
}

static void say_with_status(const char *state, const char *format, va_list list)
{
	char status[STATUS_MAX];

	vsnprintf(status, sizeof(status), format, list);
	(void)sd_notifyf(KEEP_ENVIRONMENT, "%s\nSTATUS=%s", state, status);
}

/* The watchdog's time is again what the unit says. */
static void end_wait(void)
{
	uint64_t limit_us;

	if (waiting && sd_watchdog_enabled(KEEP_ENVIRONMENT, &limit_us) > 0)
		(void)sd_notifyf(KEEP_ENVIRONMENT, "WATCHDOG_USEC=%" PRIu64, limit_us);
	waiting = false;
}

void notify_ready(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	say_with_status("READY=1", format, list);
	va_end(list);
	end_wait();
}

void notify_waiting(const char *status)
{
	waiting = true;
	(void)sd_notifyf(KEEP_ENVIRONMENT, "READY=1\nWATCHDOG_USEC=%" PRIu64 "\nSTATUS=%s",
			 WAITING_US, status);
}

void notify_status(const char *format, ...)
{
	char status[STATUS_MAX];
	va_list list;

	va_start(list, format);
	vsnprintf(status, sizeof(status), format, list);
	va_end(list);
	(void)sd_notifyf(KEEP_ENVIRONMENT, "STATUS=%s", status);
}

void notify_stopping(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	say_with_status("STOPPING=1", format, list);
	va_end(list);
}

void notify_reloading(void)
{
	(void)sd_notifyf(KEEP_ENVIRONMENT,
			 "RELOADING=1\nMONOTONIC_USEC=%" PRIu64
			 "\nSTATUS=reading the configuration",
			 lm_clock_us());
}

void notify_extend(uint64_t more_us)
{
	(void)sd_notifyf(KEEP_ENVIRONMENT, "EXTEND_TIMEOUT_USEC=%" PRIu64, more_us);
}

bool notify_due(struct notify *notify, const uint64_t *rounds, unsigned n, uint64_t now_us)
{
	LM_ASSERT(n <= NOTIFY_LCORES_MAX);
	if (notify->every_us == 0 || now_us < notify->next_us)
		return false;
	for (unsigned i = 0; i < n; i++) {
		if (rounds[i] == notify->rounds[i])
			return false;
	}
	memcpy(notify->rounds, rounds, n * sizeof(*rounds));
	notify->next_us = now_us + notify->every_us;
	return true;
}

void notify_alive(void)
{
	(void)sd_notify(KEEP_ENVIRONMENT, "WATCHDOG=1");
}
