/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A relay on ports: starts the lcores, then is the control thread, which sleeps between signals,
 * the kernel's frames and changes of neighbours.
 */
#include <errno.h>
#include <poll.h>
#include <rte_eal.h>
#include <rte_launch.h>
#include <rte_malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "feed.h"
#include "filtering.h"
#include "plain.h"
#include "restart.h"
#include "run.h"
#include "sandbox.h"
#include "signals.h"
#include "telemetry.h"
#include "telemetry_open.h"

#define POLL_MS            2       /* frames for the kernel wait in a ring that wakes nobody */
#define REFRESH_HURRY_US   200000  /* while a next hop is unresolved */
#define REFRESH_US         3000000 /* to notice what the kernel lets grow old */
#define REFRESH_SHARE      20 /* of control's time at most goes into looks at neighbours: one in */
#define REST_SHARE         4  /* a look is followed by a rest so many times as long */
#define WATCH_US           1000000
#define UNRESOLVED_WARN_US 5000000
#define WAIT_US            3000000 /* that a relay which begins waits for next hops at most */
#define BOOKS_US           250000  /* between two times at which the books are checked */
#define BOOKS_LOOKS        3       /* each time */

/* rte_rcu_qsbr_synchronize, inline: so that tools which check memory see its order. */
void run_wait_for_round(const struct run *run)
{
	(void)rte_rcu_qsbr_check(run->qsbr, rte_rcu_qsbr_start(run->qsbr), true);
}

void run_set_phase(struct run *run, enum phase phase)
{
	__atomic_store_n(&run->relay->shared.phase, phase, __ATOMIC_RELEASE);
	/* every lcore has begun a new round, and so seen it */
	run_wait_for_round(run);
}

/* Next hops that have an address, and a session where links have those. */
static void see_ready(struct relay *relay)
{
	const struct view *view = relay->shared.view;
	bool ready = view->unresolved == 0 && view_without_session(view) == 0;

	if (ready && !relay->ready && relay->sessions)
		fprintf(stderr, "linemix-relay: node %u: sessions with all %u next hops\n",
			relay->node->id, view->peers);
	__atomic_store_n(&relay->ready, ready, __ATOMIC_RELAXED);
}

void run_swap_view(struct run *run, struct view *view)
{
	struct relay *relay = run->relay;
	const struct view *old = relay->shared.view;
	bool counts = !old || old->peers != view->peers || old->unresolved != view->unresolved;

	filtering_prepare(run, view);
	__atomic_store_n(&relay->shared.view, view, __ATOMIC_RELEASE);
	see_ready(relay);
	run_wait_for_round(run);
	filter_commit(&relay->filter, view);
	ways_change(&relay->ways, stderr, old, view);
	telemetry_pass();
	free((void *)(uintptr_t)old);
	if (counts)
		fprintf(stderr, "linemix-relay: node %u: %u of %u next hops resolved\n",
			relay->node->id, view->peers - view->unresolved, view->peers);
}

/* A feed has no kernel. */
view_resolve *run_resolver(const struct run *run)
{
	return run->feed ? view_resolve_static : neighbours_resolve;
}

/* Looks at the neighbours, and gives the lcores a new view if anything has changed. */
static int refresh_view(struct run *run, struct lm_error *err)
{
	struct relay *relay = run->relay;
	const struct view *old = relay->shared.view;
	struct view *view = view_make(relay->topology, relay->node, &run->self, &relay->keys.ring,
				      &relay->links, run_resolver(run), &run->neighbours);

	if (!view)
		return lm_error_set(err, ENOMEM, "too little memory for the table of next hops");
	if (old && view_same(old, view)) {
		free(view);
		return 0;
	}
	run_swap_view(run, view);
	return 0;
}

void run_refresh_soon(struct run *run)
{
	run->warn_us = lm_clock_us() + UNRESOLVED_WARN_US;
	run->refresh_us = 0;
	run->told_full = false;
}

static void warn_not_ready(const struct view *view)
{
	for (uint32_t i = 0; i < view->places; i++) {
		const struct view_peer *peer = &view->peer[i];

		if (peer->id == 0 || peer->parts)
			continue;
		if (!peer->resolved)
			fprintf(stderr,
				"linemix-relay: no link-layer address for node %u yet: is it up, "
				"and does the route to it leave through port.tap?\n",
				peer->id);
		else if (peer->session && !lm_link_peer_sending(peer->session))
			fprintf(stderr,
				"linemix-relay: no session with node %u yet: is it up, has it the "
				"link key that the topology gives it, and does it know the one of "
				"this node?\n",
				peer->id);
	}
}

/* A router's word on the MTU of a way is looked at like a change of the kernel's. */
static void on_kernel_frame(void *context, const uint8_t *frame, size_t len)
{
	struct run *run = context;

	run->heard |= neighbours_tell(&run->neighbours, frame, len);
}

static int open_all(struct run *run, struct lm_error *err)
{
	struct relay *relay = run->relay;
	const struct node_config *config = &relay->config->node;
	size_t packet_len = lm_packet_len(relay->topology->profile);
	int socket, rc;

	rc = eal_plan_make(&relay->plan, config, err);
	if (rc == 0 && run->feed)
		rc = eal_plan_place(&relay->plan, &run->feed_lcore, config, feed_cpu(run->feed),
				    "--feed-cpu", err);
	if (rc == 0)
		rc = eal_start(config, &relay->plan, "linemix-relay", !run->feed, err);
	if (rc != 0)
		return rc;
	socket = run->feed ? SOCKET_ID_ANY : port_socket(config);
	rc = port_make_pool(&relay->port, config, relay->held + relay->paced, packet_len, socket,
			    err);
	if (rc == 0)
		rc = run->feed
			     ? ring_port_open(&relay->rings, &relay->port, config, relay->node, err)
			     : port_open(&relay->port, config, relay->node, packet_len, err);
	if (rc == 0)
		rc = relay_build(relay, socket, lcore_clock_us(), err);
	if (rc != 0)
		return rc;
	view_self_init(&run->self, relay->node, relay->port.mac, (uint16_t)config->port.vlan);
	relay->handshakes.self = &run->self;
	if (config->port.tap[0] != '\0' && !run->feed)
		rc = tap_open(&relay->tap, config, &run->self, relay->port.mtu, err);
	relay->tap.show = on_kernel_frame;
	relay->tap.show_context = run;
	if (rc == 0)
		rc = neighbours_open(&run->neighbours, relay->tap.fd < 0 ? 0 : relay->tap.ifindex,
				     relay->port.ifindex, relay->port.mtu, &run->self, err);
	return rc;
}

static void begin_quiet(void *context)
{
	struct run *run = context;

	run->quiet_token = rte_rcu_qsbr_start(run->qsbr);
}

static bool quiet_passed(void *context)
{
	struct run *run = context;

	return rte_rcu_qsbr_check(run->qsbr, run->quiet_token, false) == 1;
}

static int make_qsbr(struct run *run, struct lm_error *err)
{
	unsigned lcores = run->relay->plan.lcores;

	run->qsbr = rte_zmalloc("qsbr", rte_rcu_qsbr_get_memsize(lcores), RTE_CACHE_LINE_SIZE);
	if (!run->qsbr || rte_rcu_qsbr_init(run->qsbr, lcores) != 0)
		return lm_error_set(err, ENOMEM, "too little memory for DPDK's RCU");
	for (unsigned i = 0; i < lcores; i++)
		(void)rte_rcu_qsbr_thread_register(run->qsbr, i);
	run->relay->handshakes.quiet = (struct handshakes_quiet){begin_quiet, quiet_passed, run};
	return 0;
}

typedef unsigned step(void *context, uint64_t now_us);

static void place(struct run *run, unsigned index, step *plain, step *timed, void *context)
{
	struct lcore *lcore = &run->lcore[index];

	lcore->step[lcore->steps].run = plain;
	lcore->step[lcore->steps].timed = timed;
	lcore->step[lcore->steps++].context = context;
}

static int launch(struct run *run, struct lm_error *err)
{
	struct relay *relay = run->relay;

	bool plain = run->feed && feed_plain(run->feed);

	for (unsigned i = 0; i < relay->workers; i++)
		place(run, relay->plan.worker_lcore[i], plain ? plain_step : worker_step,
		      plain ? plain_step_timed : worker_step_timed, relay->worker[i]);
	if (!plain)
		place(run, relay->plan.mixer_lcore, mixer_step, mixer_step_timed, &relay->mixer);
	if (run->feed) {
		place(run, run->feed_lcore, feed_step, feed_step_timed, run->feed);
	}
	for (unsigned i = 0; i < relay->plan.lcores; i++) {
		struct lcore *lcore = &run->lcore[i];

		lcore->index = i;
		lcore->spin = relay->plan.spin[i];
		lcore->time = &relay->lcore_time[i];
		lcore->slot_us = relay->mixer.pacer ? &relay->mixer.slot_us : NULL;
		lcore->shared = &relay->shared;
		lcore->qsbr = run->qsbr;
		int rc = rte_eal_remote_launch(lcore_main, lcore, i + 1);

		if (rc != 0)
			return lm_error_set(err, -rc, "lcore %u does not start: %s", i + 1,
					    strerror(-rc));
	}
	return 0;
}

static int maybe_refresh(struct run *run, struct lm_error *err)
{
	uint64_t now_us = lm_clock_us(), spent_us, pause_us;
	int rc;

	run->heard |= neighbours_heard(&run->neighbours);
	if (now_us < run->rest_us || (!run->heard && now_us < run->refresh_us))
		return 0;
	run->heard = false;
	neighbours_look(&run->neighbours);
	rc = refresh_view(run, err);
	spent_us = lm_clock_us() - now_us;
	pause_us = run->relay->shared.view->all_resolved ? REFRESH_US : REFRESH_HURRY_US;
	if (pause_us < REFRESH_SHARE * spent_us)
		pause_us = REFRESH_SHARE * spent_us;
	run->rest_us = now_us + spent_us + REST_SHARE * spent_us;
	run->refresh_us = now_us + pause_us;
	return rc;
}

/* Says once after a while whom this relay cannot reach yet. */
static void watch_ready(struct run *run)
{
	see_ready(run->relay);
	if (run->relay->ready || run->warn_us == 0 || lm_clock_us() <= run->warn_us)
		return;
	warn_not_ready(run->relay->shared.view);
	run->warn_us = 0;
}

/* Raises the alarm in every second in which a full replay set has refused packets. */
static void watch_sets(struct run *run)
{
	struct relay *relay = run->relay;
	struct counters total;
	uint64_t held;

	relay_books(relay, &total, &held);
	if (total.drop[LM_DROP_REPLAY_FULL] == run->refused)
		return;
	run->refused = total.drop[LM_DROP_REPLAY_FULL];
	count_add(&relay->alarm_replay_full, 1);
	if (!run->told_full)
		mix_keys_warn_full(stderr, &relay->keys);
	run->told_full = true;
}

/* Says when links fall behind their rate for long, and when they hold it again. */
static void watch_padding(struct run *run)
{
	struct relay *relay = run->relay;
	const struct lm_pacer *pacer = relay->mixer.pacer;
	uint64_t lost = pacer ? lm_pacer_forgotten(pacer) : 0;

	switch (padding_see(&run->padding, lost)) {
	case PADDING_BEHIND:
		count_add(&relay->alarm_padding, 1);
		fprintf(stderr,
			"linemix-relay: node %u: links do not hold the rate of their padding, "
			"which "
			"may show what they carry: %llu slots were lost so far; give the mixer and "
			"the workers CPUs that nothing else uses, or see why the port does not "
			"send\n",
			relay->node->id, (unsigned long long)lost);
		break;
	case PADDING_HOLDS:
		fprintf(stderr, "linemix-relay: node %u: links hold the rate of their padding\n",
			relay->node->id);
		break;
	case PADDING_NO_NEWS:
		break;
	}
}

/* -ENODEV and a message: there is nothing left to run on. */
static int watch(struct run *run, struct lm_error *err)
{
	uint64_t now_us = lm_clock_us();

	if (now_us < run->watch_us)
		return 0;
	run->watch_us = now_us + WATCH_US;
	watch_sets(run);
	watch_padding(run);
	return port_check_there(&run->relay->port, err);
}

/* The mixer gives nothing yet: the kernel has just begun to look for next hops. */
static void begin_to_wait(struct run *run)
{
	struct relay *relay = run->relay;

	relay->shared.waits = !relay->ready;
	run->wait_us = lm_clock_us() + WAIT_US;
}

/* Half of the room that is left for what comes may fill: no packet is lost for waiting. */
static void maybe_end_wait(struct run *run)
{
	const struct relay *relay = run->relay;
	uint64_t held = __atomic_load_n(&relay->mixer.held, __ATOMIC_RELAXED);
	uint64_t most = (relay->count.taken_over + relay->held) / 2;

	if (relay->ready || held > most || lm_clock_us() > run->wait_us)
		run_end_wait(run);
}

void run_end_wait(struct run *run)
{
	__atomic_store_n(&run->relay->shared.waits, false, __ATOMIC_RELAXED);
}

static void tell_ready(const struct relay *relay)
{
	const struct view *view = relay->shared.view;

	notify_ready("node %u: %u of %u next hops resolved", relay->node->id,
		     view->peers - view->unresolved, view->peers);
}

/* The signal that says stop, or 0; SIGHUP is obeyed on the way. */
static int stop_asked(struct run *run)
{
	int number = run->signal != 0 ? run->signal : signals_take(run->signals);

	if (number != SIGHUP && (number != 0 || !run->hang_up))
		return number;
	run->hang_up = false;
	notify_reloading();
	rollover_hang_up(run);
	tell_ready(run->relay);
	return run->signal;
}

/* ---- What control attends to all the time ---- */

/* Rounds of all lcores that moved something. */
static uint64_t busy_rounds(const struct run *run)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < run->relay->plan.lcores; i++)
		sum += __atomic_load_n(&run->lcore[i].busy_loops, __ATOMIC_RELAXED);
	return sum;
}

/* Dummies that went into rings and out: no round counts as busy for them, and yet they move. */
static uint64_t dummies_moved(const struct relay *relay)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < relay->workers; i++)
		sum += __atomic_load_n(&relay->worker[i]->dummies_put, __ATOMIC_RELAXED) +
		       __atomic_load_n(&relay->worker[i]->dummies_taken, __ATOMIC_RELAXED);
	return sum;
}

static void look(const struct run *run, struct books_look *look)
{
	uint64_t turn = __atomic_load_n(&run->relay->sink.turn, __ATOMIC_ACQUIRE);

	look->moving = turn % 2 != 0;
	look->moves = busy_rounds(run) + turn + dummies_moved(run->relay);
	relay_books(run->relay, &look->total, &look->held);
}

/* Books that do not close are told of once, and end in status 1. */
static void raise_alarm(struct relay *relay, int64_t off)
{
	if (relay->alarm_books == 0)
		fprintf(stderr,
			"linemix-relay: node %u: the books are off by %lld packets: this is a "
			"defect of linemix; please report it\n",
			relay->node->id, (long long)off);
	count_add(&relay->alarm_books, 1);
}

/* Looks three times in a row, a round of every lcore apart and without waiting for it, then rests.
 */
static void check_books(struct run *run)
{
	struct books_look now;
	uint64_t now_us = lm_clock_us();

	if (now_us < run->books_us || rte_rcu_qsbr_check(run->qsbr, run->books_token, false) != 1)
		return;
	look(run, &now);
	run->books_token = rte_rcu_qsbr_start(run->qsbr);

	int64_t off = books_see(&run->books, &now);

	if (off != 0)
		raise_alarm(run->relay, off);
	if (++run->books_looks % BOOKS_LOOKS == 0) {
		run->books = (struct books){0};
		run->books_us = now_us + BOOKS_US;
	}
}

static void show_life(struct run *run)
{
	uint64_t rounds[EAL_POLLING_MAX];
	unsigned n = run->relay->plan.lcores;

	for (unsigned i = 0; i < n; i++)
		rounds[i] = __atomic_load_n(&run->lcore[i].loops, __ATOMIC_RELAXED);
	if (notify_due(&run->notify, rounds, n, lm_clock_us()))
		notify_alive();
}

/* Handshakes with the neighbours, where links have sessions. */
static unsigned shake_hands(struct run *run)
{
	struct relay *relay = run->relay;

	if (!relay->sessions)
		return 0;
	return handshakes_turn(&relay->handshakes, relay->shared.view, lm_clock_us(),
			       lm_clock_wall_us());
}

unsigned run_attend(struct run *run)
{
	check_books(run);
	show_life(run);
	return tap_exchange(&run->relay->tap) + shake_hands(run) +
	       cover_step(run->relay, lcore_clock_us(),
			  run->feed ? relay_quiet_us(run->relay) : timing_now_us(run));
}

/* The control thread's life: until a signal says stop, or all is fed; gives the
 * signal's number. */
static int control(struct run *run, int *signal, struct lm_error *err)
{
	struct pollfd fds[] = {
		{.fd = run->signals, .events = POLLIN},
		{.fd = neighbours_fd(&run->neighbours), .events = POLLIN},
		{.fd = run->relay->tap.fd, .events = POLLIN}, /* a negative one is left out */
	};
	int rc = 0;

	run->warn_us = lm_clock_us() + UNRESOLVED_WARN_US;
	rollover_begin(&run->rollover);
	while (rc == 0 && (*signal = stop_asked(run)) == 0) {
		if (run->feed && feed_done(run->feed)) {
			*signal = SIGINT;
			break;
		}
		if (run_attend(run) == 0)
			(void)poll(fds, LM_COUNT(fds), POLL_MS);
		rc = maybe_refresh(run, err);
		watch_ready(run);
		if (run->relay->shared.waits)
			maybe_end_wait(run);
		if (rc == 0)
			rc = watch(run, err);
		if (rc == 0)
			rc = rollover_step(run, err);
	}
	return rc;
}

/* Everything that needs a right which the running relay does without has been done. */
static int enter_sandbox(const struct run *run, struct lm_error *err)
{
	const struct relay_config *config = run->relay->config;
	const struct sandbox plan = {
		.program = "linemix-relay",
		.user = config->user,
		.keep_net_admin = config->node.port.tap[0] != '\0',
	};
	/* DPDK's sockets, so that they can be taken away at the end */
	const char *folder = rte_eal_get_runtime_dir();
	int rc = config->sandbox ? sandbox_give_folder(folder, config->user, err) : 0;

	if (rc == 0)
		rc = telemetry_open(folder, config->telemetry_group, err);
	if (rc != 0 || !config->sandbox)
		return rc;
	return sandbox_enter(&plan, err);
}

/* Runs until a signal has ended it. */
static int run_relay(struct run *run, struct lm_error *err)
{
	int signal = 0, rc;

	/* the last thing before what it took may leave */
	restart_take_over(run->relay, run->runtime);
	begin_to_wait(run);
	rc = run->feed ? feed_connect(run->feed, err) : 0;
	if (rc == 0)
		rc = telemetry_start(run->relay, run->lcore, err);
	if (rc == 0 && run->feed)
		rc = feed_watch(run->feed, run->lcore, err);
	if (rc == 0)
		rc = launch(run, err);
	if (rc != 0)
		return rc;
	tell_ready(run->relay);
	rc = control(run, &signal, err);
	run_stop(run, signal != 0 ? signal : SIGTERM);
	return rc;
}

int relay_run(struct relay *relay, struct feed *feed, struct lm_error *err)
{
	struct run *run = calloc(1, sizeof(*run));
	int rc;

	if (!run)
		return lm_error_set(err, ENOMEM, "too little memory");
	run->relay = relay;
	run->feed = feed;
	run->runtime = lm_epoch_folder(relay->keys.epoch);
	notify_init(&run->notify);
	rc = signals_open(&run->signals, err);
	if (rc == 0)
		rc = open_all(run, err);
	if (rc == 0)
		rc = make_qsbr(run, err);
	if (rc == 0)
		rc = refresh_view(run, err);
	if (rc == 0)
		rc = sink_start(&relay->sink, err);
	run->sink_runs = rc == 0;
	if (rc == 0)
		rc = enter_sandbox(run, err);
	if (rc == 0)
		rc = run_relay(run, err);
	if (run->sink_runs)
		sink_stop(&relay->sink, SINK_LEAVE);
	telemetry_stop();
	rollover_close(&run->rollover);
	(void)filter_close(&relay->filter);
	neighbours_close(&run->neighbours); /* its sockets are NULL if it was never opened */
	rte_free(run->qsbr);
	free(run);
	return rc;
}
