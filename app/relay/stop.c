/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The end of a relay's life. In either way nothing more is received, first of all.
 *
 * SIGINT drains. The strategy goes on as if nothing had happened: poisson packets leave at their
 * own times, batches and pools as their rules say, so that an observer who sees arrivals end learns
 * nothing that silence would not have told. What is left when the longest stay is over leaves at
 * once, in mixed order. A second SIGINT drops what is left; a SIGTERM hands it over.
 *
 * SIGTERM hands over. What workers have in hand goes to the mixer, which gives nothing more; what
 * it had given already is sent if the port takes it in time. All else goes to the runtime
 * directory.
 *
 * Bounds: the longest stay (lm_mix_stay_us), then as long as there is progress at least every
 * STALL_LIMIT_US; SETTLE_LIMIT_US before a hand-over.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>

#include "polling.h"
#include "restart.h"
#include "run.h"
#include "signals.h"

#define STALL_LIMIT_US  10000000
#define SETTLE_LIMIT_US 500000
#define NAP_MS          1
#define EXTEND_EVERY_US 1000000
#define EXTEND_BY_US    30000000 /* asked for every second: only a hang runs it out */

static void attend_while_stopping(struct run *run)
{
	uint64_t now_us = lm_clock_us();

	if (now_us >= run->extend_us) {
		notify_extend(EXTEND_BY_US);
		run->extend_us = now_us + EXTEND_EVERY_US;
	}
	if (run_attend(run) == 0)
		(void)poll(NULL, 0, NAP_MS);
}

static uint64_t held_by_books(const struct run *run)
{
	struct counters total;
	uint64_t held;

	relay_books(run->relay, &total, &held);
	return held;
}

/*
 * What is held, while only what is held moves. A step that runs may have packets in hand that it
 * has not told of yet, so nothing is believed only when a round later it is still so.
 */
static uint64_t held_now(const struct run *run)
{
	uint64_t held = held_by_books(run);

	if (held > 0)
		return held;
	run_wait_for_round(run);
	return held_by_books(run);
}

/* SIGHUP is too late now, and without a folder SIGTERM stops at once as SIGINT does. */
static int stop_signal(const struct run *run)
{
	int signal = signals_take(run->signals);

	if (signal == SIGHUP)
		return 0;
	return signal == SIGTERM && run->runtime < 0 ? SIGINT : signal;
}

/* Waits until nothing is held (0) or a signal comes (its number), or until limit_us (0). */
static int wait_until_empty(struct run *run, uint64_t limit_us)
{
	int signal = 0;

	while (signal == 0 && held_now(run) > 0 && lm_clock_us() < limit_us) {
		attend_while_stopping(run);
		signal = stop_signal(run);
	}
	return signal;
}

/* The same, as long as what is held becomes less. */
static int wait_while_less(struct run *run)
{
	uint64_t held, least = UINT64_MAX, limit_us = 0;
	int signal = 0;

	while (signal == 0 && (held = held_now(run)) > 0) {
		uint64_t now_us = lm_clock_us();

		if (held < least)
			limit_us = now_us + STALL_LIMIT_US;
		if (now_us > limit_us)
			break;
		least = held < least ? held : least;
		attend_while_stopping(run);
		signal = stop_signal(run);
	}
	return signal;
}

/* True if all that came has reached the mixer, and all that it gave is gone. */
static bool settled(const struct relay *relay)
{
	for (unsigned i = 0; i < relay->workers; i++) {
		const struct worker *worker = relay->worker[i];

		if (worker_held(worker) > 0)
			return false;
		if (worker->link.table && rte_ring_count(worker->link.from_others) > 0)
			return false;
	}
	return sink_held(&relay->sink) == 0;
}

/* Returns the signal that ends it early, or 0. */
static int drain(struct run *run)
{
	const struct lm_mix_params *params = &run->relay->topology->mix;
	uint64_t stay_us = lm_mix_stay_us(params, lm_mix_delay_max_us(params)), end_us;
	int signal;

	if (__builtin_add_overflow(lm_clock_us(), stay_us, &end_us))
		end_us = UINT64_MAX;
	signal = wait_until_empty(run, end_us);
	if (signal == 0 && held_now(run) > 0) {
		run_set_phase(run, PHASE_DRAIN);
		signal = wait_while_less(run);
	}
	return signal;
}

static void settle(struct run *run)
{
	uint64_t limit_us = lm_clock_us() + SETTLE_LIMIT_US;

	run_set_phase(run, PHASE_KEEP);
	while (!settled(run->relay) && lm_clock_us() < limit_us)
		attend_while_stopping(run);
}

static void join(struct run *run, enum sink_stop how)
{
	__atomic_store_n(&run->relay->shared.phase, PHASE_STOPPED, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < run->relay->plan.lcores; i++)
		polling_join(&run->lcore[i].returned);
	sink_stop(&run->relay->sink, how);
	run->sink_runs = false;
}

/* Writing takes seconds if much is held, and then no lcore runs that could show life. */
static void show_life(void *context)
{
	struct run *run = context;
	uint64_t now_us = lm_clock_us();

	if (now_us < run->extend_us)
		return;
	run->extend_us = now_us + EXTEND_EVERY_US;
	notify_extend(EXTEND_BY_US);
	notify_alive();
}

static void hand_over(struct run *run, uint64_t closed_us)
{
	struct relay *relay = run->relay;
	struct lm_error err = {0};

	if (restart_hand_over(relay, run->runtime, closed_us, show_life, run, &err) != 0)
		fprintf(stderr, "linemix-relay: %s; it is dropped\n", err.text);
	else
		fprintf(stderr,
			"linemix-relay: node %u: handed over %llu packets to the next start\n",
			relay->node->id, (unsigned long long)relay->handed_over);
}

void run_stop(struct run *run, int signal)
{
	uint64_t closed_us;

	if (signal == SIGTERM && run->runtime < 0) {
		fprintf(stderr, "linemix-relay: runtime: none: what is held is sent\n");
		signal = SIGINT;
	}

	notify_stopping("%s", signal == SIGINT ? "sends what is held" : "hands over what is held");
	if (signal == SIGINT)
		run_end_wait(run);
	run_set_phase(run, PHASE_CLOSED);
	closed_us = handover_clock_us();
	if (signal == SIGINT)
		signal = drain(run);
	if (signal == SIGTERM)
		settle(run);
	join(run, signal == 0 ? SINK_FINISH : SINK_LEAVE);
	if (signal == SIGTERM)
		hand_over(run, closed_us);
	relay_drop_held(run->relay);
}
