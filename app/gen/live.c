/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See live.h. The control thread opens all that is needed, resolves the next hops, and watches the
 * run; the polling lcore and the thread that builds packets live as long as one run.
 */
#include "live.h"

#include <errno.h>
#include <poll.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "polling.h"
#include "progress.h"
#include "signals.h"
#include "tsc.h"

#define BUFFERS 65536 /* beside those in queues and rings, where limits.held says nothing */

#define POLL_MS          2 /* frames for the kernel wait in a ring that wakes nobody */
#define RESOLVE_AGAIN_US 200000
#define RESOLVE_LIMIT_US 10000000
#define SESSION_LIMIT_US 20000000
#define DEAD_LIMIT_US    4000000 /* Linux asks three times, a second apart; so do handshakes */
#define STALL_LIMIT_US   10000000
#define WAIT_LIMIT_MS    3600000
#define SECOND_US        1000000
#define NS_PER_US        1000
#define POLLING_LCORE    1 /* eal.h: the first after control's */
#define START_SLACK_US   10000
#define NETWORK_SLACK_MS 500 /* between the last packets of a run */

/* ---- Opening ---- */

static int open_port(struct live *live, struct lm_error *err)
{
	const struct node_config *config = &live->setup.config.node;
	size_t packet_len = lm_packet_len(live->setup.topology->profile);
	int rc;

	if (config->cpus.workers_count != 1)
		return lm_error_set(err, EINVAL,
				    "cpus.workers: the generator polls on one CPU; name one");
	rc = eal_plan_make(&live->plan, config, err);
	if (rc == 0)
		rc = eal_start(config, &live->plan, "linemix-gen", true, err);
	if (rc == 0)
		rc = port_make_pool(&live->port, config,
				    config->limits.held > 0 ? config->limits.held : BUFFERS,
				    packet_len, port_socket(config), err);
	if (rc == 0)
		rc = port_open(&live->port, config, live->setup.self, packet_len, err);
	if (rc == 0)
		view_self_init(&live->self, live->setup.self, live->port.mac,
			       (uint16_t)config->port.vlan);
	return rc;
}

static struct rte_ring *make_ring(const struct live *live, const char *name)
{
	return rte_ring_create(name, (unsigned)live->setup.config.node.limits.ring,
			       port_socket(&live->setup.config.node),
			       RING_F_SP_ENQ | RING_F_SC_DEQ);
}

static int open_kernel(struct live *live, struct lm_error *err)
{
	const struct node_config *config = &live->setup.config.node;
	int rc = 0;

	if (config->port.tap[0] != '\0') {
		live->tap.pool = live->port.pool;
		live->tap.to_kernel = make_ring(live, "to-kernel");
		live->tap.from_kernel = make_ring(live, "from-kernel");
		if (!live->tap.to_kernel || !live->tap.from_kernel)
			return lm_error_set(err, ENOMEM,
					    "too little memory for rings (%s); raise "
					    "memory.megabytes",
					    rte_strerror(rte_errno));
		rc = tap_open(&live->tap, config, &live->self, live->port.mtu, err);
	}
	if (rc == 0)
		rc = neighbours_open(&live->neighbours, live->tap.fd < 0 ? 0 : live->tap.ifindex,
				     live->port.ifindex, live->port.mtu, &live->self, err);
	return rc;
}

/* What is noted of the packets of a run. */
static int make_notes(struct live *live, struct lm_error *err)
{
	struct poller *poller = &live->poller;

	poller->sent_ns = calloc(poller->run.count, sizeof(*poller->sent_ns));
	if (!poller->sent_ns)
		return lm_error_set(err, ENOMEM, "no memory to time %u packets; send fewer",
				    poller->run.count);
	if (!poller->own_times && schedule_make(&poller->schedule, &poller->run, err) != 0)
		return -ENOMEM;
	live->tally.sent_ns = poller->sent_ns;
	live->tally.sent_room = poller->run.count;
	live->tally.due = poller->own_times ? NULL : &poller->schedule;
	/* the run of prepared packets is known when one comes back */
	return poller->prepared ? 0 : tally_start(&live->tally, &poller->run, err);
}

/* poller->run is set. */
static int launch(struct live *live, struct lm_error *err)
{
	struct poller *poller = &live->poller;

	if (make_notes(live, err) != 0)
		return -ENOMEM;
	poller->framing = &live->framing;
	poller->port = &live->port;
	poller->self = &live->self;
	poller->to_kernel = live->tap.to_kernel;
	poller->from_kernel = live->tap.from_kernel;
	poller->without_dead = live->options->without_dead;
	poller->spin = live->plan.spin[live->plan.worker_lcore[0]];
	poller->receiver = gen_receiver_make(&live->setup, &live->tally, err);
	if (!poller->receiver)
		return -EINVAL;

	int rc = rte_eal_remote_launch(poller_main, poller,
				       POLLING_LCORE + live->plan.worker_lcore[0]);

	if (rc != 0)
		return lm_error_set(err, -rc, "the polling lcore does not start: %s",
				    strerror(-rc));
	live->launched = true;
	return 0;
}

/* ---- Control ---- */

/*
 * Moves the kernel's frames, and sleeps a little if there are none. True if neighbours may have
 * changed.
 */
static bool serve_kernel(struct live *live)
{
	const struct calendar *calendar = live->setup.calendar;
	struct pollfd fds[] = {
		{.fd = live->signals, .events = POLLIN},
		{.fd = neighbours_fd(&live->neighbours), .events = POLLIN},
		{.fd = live->tap.fd, .events = POLLIN}, /* a negative one is left out */
	};

	if (tap_exchange(&live->tap) + linking_turn(&live->linking, calendar) == 0)
		(void)poll(fds, LM_COUNT(fds), POLL_MS);
	return neighbours_heard(&live->neighbours);
}

static int unresolved(const struct live *live, const struct view *view, struct lm_error *err)
{
	uint32_t i = 0;

	while (view->peer[i].id == 0 || view->peer[i].resolved)
		i++;
	return lm_error_set(
		err, EHOSTUNREACH,
		"no link-layer address for node %u (%u of %u mixes of layer 1 have none): is it "
		"up, and does the route to it leave through port.tap (%s)? Or give it a mac in "
		"the topology",
		view->peer[i].id, view->unresolved, view->peers,
		live->tap.fd < 0 ? "there is none" : live->setup.config.node.port.tap);
}

/* How long a neighbour is waited for. */
static uint64_t limit_of(const struct live *live, uint64_t limit_us)
{
	return live->options->without_dead ? DEAD_LIMIT_US : limit_us;
}

/* Until every neighbour has a link-layer address; -EINTR if a signal came. */
static int resolve(struct live *live, struct lm_error *err)
{
	struct calendar_document *document = &live->setup.calendar->document[0];
	/* without a TAP nobody can ask, and nothing will change */
	uint64_t limit_us = live->tap.fd < 0 ? 0 : lm_clock_us() + limit_of(live, RESOLVE_LIMIT_US);
	uint64_t again_us = 0;

	while (!signals_take(live->signals)) {
		bool lose;
		uint64_t now_us = lm_clock_us();

		if (!serve_kernel(live) && now_us < again_us)
			continue;
		lose = live->options->without_dead && live->tap.fd >= 0 && now_us > limit_us;
		free(document->view);
		document->view = view_make(document->topology, document->self, &live->self, NULL,
					   live->setup.links,
					   lose ? follow_resolve_or_lose : neighbours_resolve,
					   &live->neighbours);
		if (!document->view)
			return lm_error_set(err, ENOMEM, "too little memory for next hops");
		if (document->view->all_resolved)
			return 0;
		if (now_us > limit_us && lose)
			return 0;
		if (now_us > limit_us)
			return unresolved(live, document->view, err);
		again_us = now_us + RESOLVE_AGAIN_US;
	}
	return lm_error_set(err, EINTR, "stopped before anything was sent");
}

static int no_session(const struct live *live, struct lm_error *err)
{
	const struct view *view = calendar_newest(live->setup.calendar)->view;

	for (uint32_t i = 0; view && i < view->places; i++) {
		const struct view_peer *peer = &view->peer[i];

		if (peer->id != 0 && !(peer->session && lm_link_peer_sending(peer->session)))
			return lm_error_set(
				err, EHOSTUNREACH,
				"no session with node %u: is it up, has it the link key that the "
				"topology gives it, and does it know the one of node %u?",
				peer->id, live->setup.self->id);
	}
	return lm_error_set(err, EHOSTUNREACH, "a session has ended before anything was sent");
}

static void tell_dead(const struct live *live)
{
	const struct view *view = live->setup.calendar->document[0].view;

	for (uint32_t i = 0; i < view->places; i++) {
		const struct view_peer *peer = &view->peer[i];

		if (peer->id != 0 && !(peer->session && lm_link_peer_sending(peer->session)))
			fprintf(stderr,
				"linemix-gen: no session with node %u: what goes through it is "
				"lost\n",
				peer->id);
	}
}

/* Until there is a session with every neighbour: only then does the clock start. */
static int link_up(struct live *live, struct lm_error *err)
{
	uint64_t limit_us = lm_clock_us() + limit_of(live, SESSION_LIMIT_US);

	while (!linking_ready(&live->linking)) {
		(void)serve_kernel(live);
		if (signals_take(live->signals))
			return lm_error_set(err, EINTR, "stopped before anything was sent");
		if (lm_clock_us() <= limit_us)
			continue;
		if (!live->options->without_dead)
			return no_session(live, err);
		tell_dead(live);
		break;
	}
	return 0;
}

static int check_threads(const struct live *live, struct lm_error *err)
{
	const struct poller *poller = &live->poller;
	bool failed;

	(void)stock_built(&poller->stock, &failed);
	if (failed)
		*err = poller->stock.err;
	if (__atomic_load_n(&poller->failed, __ATOMIC_ACQUIRE)) {
		*err = poller->err;
		failed = true;
	}
	return failed ? -EIO : 0;
}

/* ---- The start ---- */

/*
 * When packet 0 is due must be known before it is built. So the start is set a while ahead, long
 * enough for filling the stock as far as the builder's pace is known; and if it comes before the
 * stock is full, all is built again for a later one.
 */
struct start {
	uint64_t lead_us; /* how far ahead */
	uint64_t at_us;   /* UTC */
};

/* What is sent as the first document begins would be of an epoch that some relays are not in. */
static uint64_t no_earlier(uint64_t time_us, const struct lm_topology *topology)
{
	uint64_t begun_us = topology->from_s * SECOND_US + lm_topology_skew_us(topology);

	return time_us > begun_us ? time_us : begun_us;
}

/* Prepared packets need no time ahead, but that the first is not late. */
static int start_prepared(struct live *live, struct start *start, struct lm_error *err)
{
	start->at_us = no_earlier(lm_clock_wall_us() + LEAD_LEAST_US, live->setup.topology);
	calendar_start(live->setup.calendar, start->at_us);
	return follow_turn(&live->follow, err);
}

static int start_stock(struct live *live, struct start *start, struct lm_error *err)
{
	uint64_t now_us = lm_clock_wall_us();

	stock_stop(&live->poller.stock);
	start->at_us = no_earlier(now_us + start->lead_us, live->setup.topology);
	calendar_start(live->setup.calendar, start->at_us);
	return stock_start(&live->poller.stock, live->builder, live->options->stock,
			   (int)live->setup.config.node.cpus.mixer, err);
}

/* Moves frames and looks around while the stock is filled, or the start is waited for. */
static int attend(struct live *live, struct lm_error *err)
{
	int rc;

	(void)serve_kernel(live);
	if (signals_take(live->signals) != 0)
		return lm_error_set(err, EINTR, "stopped before anything was sent");
	rc = follow_turn(&live->follow, err);
	return rc == 0 ? check_threads(live, err) : rc;
}

/* What is built ahead at most. */
static uint32_t places_of(const struct live *live)
{
	uint32_t count = live->builder->run.count, stock = live->options->stock;

	return count < stock ? count : stock;
}

/* Builds packets ahead until the stock is full, and waits for the start. */
static int fill_stock(struct live *live, struct start *start, struct lm_error *err)
{
	const struct stock *stock = &live->poller.stock;
	uint64_t began_us = lm_clock_us();
	uint32_t places = places_of(live);
	struct progress progress;
	bool failed, full = false;
	int rc;

	start->lead_us = lead_first_us(&live->lead, places);
	rc = start_stock(live, start, err);
	progress_start(&progress, "building packets ahead");
	while (rc == 0 && !(full && lm_clock_wall_us() + START_SLACK_US >= start->at_us)) {
		if (!full && stock_full(stock)) {
			full = true;
			lead_note(&live->lead, stock_built(stock, &failed), places,
				  lm_clock_us() - began_us);
		}
		progress_show(&progress, stock_built(stock, &failed), stock->places);
		rc = attend(live, err);
		if (rc == 0 && !full && lm_clock_wall_us() + START_SLACK_US >= start->at_us) {
			start->lead_us =
				lead_longer_us(start->lead_us, stock_built(stock, &failed), places);
			began_us = lm_clock_us();
			rc = start_stock(live, start, err);
		}
	}
	progress_end(&progress);
	return rc;
}

/* What control knows of a run on its way. */
struct watch {
	uint32_t received;
	struct certain certain;
	bool ending; /* nothing more is sent */
	uint64_t now_us, show_us, stalled_us, end_us;
};

static void show_second(const struct live *live, struct watch *watch)
{
	if (watch->now_us < watch->show_us)
		return;
	watch->show_us += SECOND_US;
	if (!live->options->quiet && isatty(STDERR_FILENO) == 1)
		fprintf(stderr, "sent %u of %u, received %u\n", live->tally.sent,
			live->poller.run.count, watch->received);
}

/* How long a packet is waited for. */
static uint32_t wait_ms_of(const struct live *live)
{
	const struct live_options *options = live->options;

	return options->has_wait ? options->wait_ms : gen_longest_ms(live->setup.topology);
}

/* When the waiting ends: later with every packet that comes, where no time was given. */
static void set_end(const struct live *live, struct watch *watch, uint32_t received)
{
	const struct live_options *options = live->options;
	uint64_t slack_us = watch->now_us + UINT64_C(1000) * NETWORK_SLACK_MS;
	uint32_t wait_ms = wait_ms_of(live);

	if (watch->end_us == UINT64_MAX)
		watch->end_us = watch->now_us + UINT64_C(1000) * wait_ms;
	if (received != watch->received && !options->has_wait && watch->end_us < slack_us)
		watch->end_us = slack_us;
}

/* True if more packets would not change what the run shows. */
static bool is_clear(const struct live *live, struct watch *watch, uint32_t sent, uint32_t received)
{
	const struct live_options *options = live->options;
	uint64_t behind_us = __atomic_load_n(&live->poller.sending.behind_us, __ATOMIC_RELAXED);

	certain_note(&watch->certain, watch->now_us, sent);
	return options->gives_up && ((options->late_us > 0 && behind_us > options->late_us) ||
				     certain_lost(&watch->certain, received) > options->most_lost);
}

static void stop_sending(struct live *live, struct watch *watch)
{
	__atomic_store_n(&live->poller.phase, POLLER_LISTEN, __ATOMIC_RELEASE);
	watch->ending = true;
}

/* Looks at the other threads. An error if one has failed, or the port takes nothing any more. */
static int look(struct live *live, struct watch *watch, struct lm_error *err)
{
	const struct poller *poller = &live->poller;
	uint32_t sent = __atomic_load_n(&poller->sent, __ATOMIC_ACQUIRE);
	uint32_t received = __atomic_load_n(&poller->received, __ATOMIC_RELAXED);

	watch->now_us = lm_clock_us();
	if (sent != live->tally.sent || watch->ending)
		watch->stalled_us = watch->now_us + STALL_LIMIT_US;
	live->tally.sent = sent;
	watch->ending |= sent == poller->run.count;
	if (!watch->ending && is_clear(live, watch, sent, received)) {
		live->gave_up = true;
		stop_sending(live, watch);
	}
	if (watch->ending)
		set_end(live, watch, received);
	watch->received = received;
	show_second(live, watch);
	if (watch->now_us >= watch->stalled_us)
		return lm_error_set(err, EIO,
				    "nothing could be sent for %u s, after %u packets: is the link "
				    "up, and does port.device take frames of %zu bytes?",
				    STALL_LIMIT_US / SECOND_US, sent,
				    lm_packet_len(live->setup.topology->profile) +
					    FRAME_HEADER_MAX);
	return check_threads(live, err);
}

/* Of what was sent, what comes back: all that was prepared, whatever the tally knows by now. */
static uint32_t expected(const struct live *live)
{
	return live->poller.prepared ? live->tally.sent : tally_expected(&live->tally);
}

/*
 * Sends all, and waits for what comes back. A signal ends the sending early, a second one the
 * waiting.
 */
static int send_and_wait(struct live *live, uint64_t at_us, struct lm_error *err)
{
	uint64_t wall_us = lm_clock_wall_us();
	uint64_t now_us = lm_clock_us();
	struct watch watch = {.now_us = now_us,
			      .show_us = now_us + SECOND_US,
			      .stalled_us = now_us + STALL_LIMIT_US,
			      .certain.wait_us = wait_ms_of(live) * UINT64_C(1000),
			      .end_us = UINT64_MAX};
	int rc = 0;

	live->tally.sent = 0;
	live->poller.start_ns = tsc_ns() + (at_us > wall_us ? (at_us - wall_us) * NS_PER_US : 0);
	live->tally.start_ns = live->poller.start_ns;
	__atomic_store_n(&live->poller.phase, POLLER_SEND, __ATOMIC_RELEASE);
	while (rc == 0 && watch.now_us < watch.end_us &&
	       !(watch.ending && watch.received >= expected(live))) {
		(void)serve_kernel(live);
		if (signals_take(live->signals) != 0) {
			live->stopped = true;
			if (watch.ending)
				break;
			stop_sending(live, &watch);
		}
		rc = look(live, &watch, err);
		if (rc == 0)
			rc = follow_turn(&live->follow, err);
	}
	return rc;
}

static void stop_poller(struct live *live)
{
	if (!live->launched)
		return;
	__atomic_store_n(&live->poller.phase, POLLER_STOP, __ATOMIC_RELEASE);
	polling_join(&live->poller.returned);
	live->launched = false;
	live->tally.sent = live->poller.sent;
	live->sending = live->poller.sending;
	live->sending.wanted = live->poller.run.count;
	live->sending.rate_pps = live->poller.run.rate_pps;
}

/* ---- Runs ---- */

/* Frames that the port had no room or no buffer for, since it was opened. */
static uint64_t missed(const struct live *live)
{
	struct rte_eth_stats stats;

	return rte_eth_stats_get(live->port.id, &stats) == 0 ? stats.imissed + stats.rx_nombuf : 0;
}

/* Forgets the last run. */
static void clear_run(struct live *live)
{
	uint64_t rounds = live->poller.rounds;

	stock_stop(&live->poller.stock);
	gen_receiver_free(live->poller.receiver);
	tally_free(&live->tally);
	free(live->poller.sent_ns);
	schedule_free(&live->poller.schedule);
	/* rounds go on: what waits for one of them to end may wait over a run's end */
	memset(&live->poller, 0, sizeof(live->poller));
	live->poller.rounds = rounds;
	memset(&live->tally, 0, sizeof(live->tally));
	memset(&live->sending, 0, sizeof(live->sending));
}

/* Nobody else runs now: all is brought up to the time. */
static int begin(struct live *live, struct lm_error *err)
{
	int rc = rolling_begin(&live->follow.rolling, lm_clock_wall_us(), err);

	/* the views of further documents carry the peers that they were given */
	live->follow.settling = live->setup.calendar->documents > 1;
	live->follow.settle_us = 0;
	if (rc == 0 && !live->follow.settling) {
		rc = linking_renew(&live->linking, &live->setup, err);
		live->follow.linked = false;
	}
	live->follow.sent = &live->poller.sent;
	return rc;
}

/* One run; the last one is forgotten, and live->poller says what to send. */
static int carry_out(struct live *live, const struct live_options *options, struct lm_error *err)
{
	uint64_t missed_before = missed(live);
	struct start start = {0};
	int rc;

	live->options = options;
	live->stopped = false;
	live->gave_up = false;
	live->tally.times = options->times;
	rc = begin(live, err);
	if (rc == 0)
		rc = launch(live, err);
	if (rc == 0)
		rc = resolve(live, err);
	if (rc == 0)
		rc = link_up(live, err);
	if (rc == 0)
		rc = live->poller.prepared ? start_prepared(live, &start, err)
					   : fill_stock(live, &start, err);
	if (rc == 0)
		rc = send_and_wait(live, start.at_us, err);
	stop_poller(live);
	stock_stop(&live->poller.stock); /* the builder is the caller's again */
	live->port_missed = missed(live) - missed_before;
	return rc;
}

int live_run(struct live *live, struct gen_builder *builder, uint32_t elsewhere,
	     const struct live_options *options, struct lm_error *err)
{
	clear_run(live);
	live->builder = builder;
	builder->schedule = &live->poller.schedule;
	live->poller.run = builder->run;
	live->tally.elsewhere = elsewhere;
	return carry_out(live, options, err);
}

int live_run_prepared(struct live *live, const char *path, const struct gen_run *run,
		      const struct live_options *options, struct lm_error *err)
{
	struct poller *poller = &live->poller;
	uint32_t count;
	int rc;

	clear_run(live);
	rc = prepared_open(&live->prepared, path, live->setup.topology,
			   (int)live->setup.config.node.cpus.control, err);
	count = live->prepared.count;
	poller->prepared = &live->prepared;
	poller->run = *run;
	poller->run.count = count;
	poller->own_times = run->rate_pps == 0;
	lm_rand(poller->run.nonce.b, sizeof(poller->run.nonce.b)); /* of Poisson arrivals */
	if (rc == 0)
		rc = carry_out(live, options, err);
	prepared_close(&live->prepared);
	if (rc == 0 && live->tally.known && live->tally.run.count != count)
		rc = lm_error_set(err, EINVAL,
				  "%s: has %u packets of a run of %u; send all of them, in their "
				  "order",
				  path, count, live->tally.run.count);
	return rc;
}

int live_renew(struct live *live, uint64_t packets, struct lm_error *err)
{
	clear_run(live); /* its receiver reads the old keys */
	gen_setup_restart(&live->setup, lm_clock_wall_us());
	return gen_setup_renew(&live->setup, packets, lm_clock_wall_us(), err);
}

int live_open(struct live *live, const char *config, uint64_t packets, struct lm_error *err)
{
	int rc;

	live->tap.fd = -1;
	(void)tsc_hz();
	rc = gen_setup_load(&live->setup, config, packets, err);
	if (rc == 0 &&
	    lm_topology_succeeds(live->setup.topology, NULL, lm_clock_wall_us() / SECOND_US,
				 live->setup.config.node.topology, err) != LM_SUCCESSION_TAKEN)
		rc = -EINVAL;
	if (rc == 0)
		gen_setup_restart(&live->setup, lm_clock_wall_us());
	live->follow.setup = &live->setup;
	live->follow.rolling.setup = &live->setup;
	live->follow.rolling.rounds = &live->poller.rounds;
	live->follow.self = &live->self;
	live->follow.neighbours = &live->neighbours;
	live->follow.linking = &live->linking;
	if (rc == 0)
		follow_start(&live->follow);
	if (rc == 0)
		rc = signals_open(&live->signals, err);
	if (rc == 0)
		rc = open_port(live, err);
	if (rc == 0)
		rc = open_kernel(live, err);
	if (rc == 0)
		rc = linking_open(&live->linking, &live->framing, &live->setup, &live->port,
				  &live->self, &live->poller.rounds,
				  port_socket(&live->setup.config.node), err);
	return rc;
}

void live_close(struct live *live)
{
	stop_poller(live);
	clear_run(live);
	follow_stop(&live->follow);
	linking_close(&live->linking, &live->framing, &live->setup);
	tap_close(&live->tap);
	gen_setup_free(&live->setup);
	eal_stop();
}
