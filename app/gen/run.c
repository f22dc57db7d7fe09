/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * linemix-gen run: sends packets through a network at a rate, and measures what comes back.
 * This file is the control thread: it opens all that is needed, resolves the next hops, watches the
 * run, and reports.
 */
#include <errno.h>
#include <poll.h>
#include <rte_errno.h>
#include <rte_launch.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "eal.h"
#include "mixing.h"
#include "neighbours.h"
#include "options.h"
#include "poller.h"
#include "polling.h"
#include "progress.h"
#include "signals.h"
#include "tap.h"

#define BUFFERS 65536 /* beside those in queues and rings, where limits.held says nothing */

#define POLL_MS          2 /* frames for the kernel wait in a ring that wakes nobody */
#define RESOLVE_AGAIN_US 200000
#define RESOLVE_LIMIT_US 10000000
#define STALL_LIMIT_US   10000000
#define STOCK_DEFAULT    65536
#define WAIT_LIMIT_MS    3600000
#define SECOND_US        1000000
#define POLLING_LCORE    1 /* eal.h: the first after control's */
#define NETWORK_SLACK_MS 500

struct options {
	struct build_options build;
	uint32_t seconds; /* 0: not given */
	uint32_t stock;
	bool has_wait, json;
	uint32_t wait_ms;
};

struct run {
	const struct options *options;
	struct gen_setup setup;
	struct eal_plan plan;
	struct port port;
	struct frame_self self;
	struct tap tap;
	struct neighbours neighbours;
	struct view *view;
	struct gen_builder *builder;
	struct tally tally;
	struct poller poller;
	bool launched; /* to be undone */
	int signals;
};

enum { KEY_SECONDS = 512, KEY_WAIT, KEY_STOCK };

static const struct argp_option rows[] = {
	{"seconds", KEY_SECONDS, "S", 0, "Send for so long, instead of --count", 0},
	{"wait-ms", KEY_WAIT, "MS", 0,
	 "Longest wait for packets after the last was sent (default: what the network's mixing may "
	 "take)",
	 0},
	{"stock", KEY_STOCK, "N", 0, "Packets built ahead (default 65536)", 0},
	{"json", 'j', NULL, 0, "Report as JSON", 0},
	{0},
};

static void parse_end(struct options *options, struct argp_state *state)
{
	uint64_t count = (uint64_t)options->seconds * options->build.rate_pps;

	if ((options->build.count != 0) == (options->seconds != 0))
		argp_error(state, "either --count or --seconds is required");
	if (count > UINT32_MAX)
		argp_error(state, "--seconds: more than %u packets", UINT32_MAX);
	if (options->build.count == 0)
		options->build.count = (uint32_t)count;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &options->build;
		options->stock = STOCK_DEFAULT;
		return 0;
	case KEY_SECONDS:
		options->seconds = (uint32_t)options_number(state, "seconds", arg, 1, UINT32_MAX);
		return 0;
	case KEY_WAIT:
		options->wait_ms =
			(uint32_t)options_number(state, "wait-ms", arg, 0, WAIT_LIMIT_MS);
		options->has_wait = true;
		return 0;
	case KEY_STOCK:
		options->stock = (uint32_t)options_number(state, "stock", arg, LM_BURST, 1u << 26);
		return 0;
	case 'j':
		options->json = true;
		return 0;
	case ARGP_KEY_END:
		parse_end(options, state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* ---- Opening ---- */

static int open_port(struct run *run, struct lm_error *err)
{
	const struct node_config *config = &run->setup.config.node;
	size_t packet_len = lm_packet_len(run->setup.topology->profile);
	int rc;

	if (config->cpus.workers_count != 1)
		return lm_error_set(err, EINVAL,
				    "cpus.workers: the generator polls on one CPU; name one");
	rc = eal_plan_make(&run->plan, config, err);
	if (rc == 0)
		rc = eal_start(config, &run->plan, "linemix-gen", true, err);
	if (rc == 0)
		rc = port_make_pool(&run->port, config,
				    config->limits.held > 0 ? config->limits.held : BUFFERS,
				    packet_len, port_socket(config), err);
	if (rc == 0)
		rc = port_open(&run->port, config, run->setup.self, packet_len, err);
	if (rc == 0)
		view_self_init(&run->self, run->setup.self, run->port.mac,
			       (uint16_t)config->port.vlan);
	return rc;
}

static struct rte_ring *make_ring(const struct run *run, const char *name)
{
	return rte_ring_create(name, (unsigned)run->setup.config.node.limits.ring,
			       port_socket(&run->setup.config.node), RING_F_SP_ENQ | RING_F_SC_DEQ);
}

static int open_kernel(struct run *run, struct lm_error *err)
{
	const struct node_config *config = &run->setup.config.node;
	int rc = 0;

	if (config->port.tap[0] != '\0') {
		run->tap.pool = run->port.pool;
		run->tap.to_kernel = make_ring(run, "to-kernel");
		run->tap.from_kernel = make_ring(run, "from-kernel");
		if (!run->tap.to_kernel || !run->tap.from_kernel)
			return lm_error_set(err, ENOMEM,
					    "too little memory for rings (%s); raise "
					    "memory.megabytes",
					    rte_strerror(rte_errno));
		rc = tap_open(&run->tap, config, &run->self, err);
	}
	if (rc == 0)
		rc = neighbours_open(&run->neighbours, run->tap.fd < 0 ? 0 : run->tap.ifindex,
				     &run->self, err);
	return rc;
}

static int launch(struct run *run, struct lm_error *err)
{
	struct poller *poller = &run->poller;

	poller->port = &run->port;
	poller->self = &run->self;
	poller->to_kernel = run->tap.to_kernel;
	poller->from_kernel = run->tap.from_kernel;
	poller->spin = run->plan.spin[run->plan.worker_lcore[0]];
	poller->run = run->builder->run;
	poller->sent_ns = calloc(poller->run.count, sizeof(*poller->sent_ns));
	if (!poller->sent_ns)
		return lm_error_set(err, ENOMEM, "no memory to time %u packets; send fewer",
				    poller->run.count);
	if (schedule_make(&poller->schedule, &poller->run, err) != 0)
		return -ENOMEM;
	run->tally.sent_ns = poller->sent_ns;
	if (tally_start(&run->tally, &poller->run, err) != 0)
		return -ENOMEM;
	poller->receiver = gen_receiver_make(&run->setup, &run->tally, err);
	if (!poller->receiver)
		return -EINVAL;

	int rc = rte_eal_remote_launch(poller_main, poller,
				       POLLING_LCORE + run->plan.worker_lcore[0]);

	if (rc != 0)
		return lm_error_set(err, -rc, "the polling lcore does not start: %s",
				    strerror(-rc));
	run->launched = true;
	return 0;
}

/* ---- Control ---- */

/*
 * Moves the kernel's frames, and sleeps a little if there are none. True if neighbours may have
 * changed.
 */
static bool serve_kernel(struct run *run)
{
	struct pollfd fds[] = {
		{.fd = run->signals, .events = POLLIN},
		{.fd = neighbours_fd(&run->neighbours), .events = POLLIN},
		{.fd = run->tap.fd, .events = POLLIN}, /* a negative one is left out */
	};

	if (tap_exchange(&run->tap) == 0)
		(void)poll(fds, LM_COUNT(fds), POLL_MS);
	return neighbours_heard(&run->neighbours);
}

static int unresolved(const struct run *run, struct lm_error *err)
{
	uint32_t i = 0;

	while (run->view->peer[i].id == 0 || run->view->peer[i].resolved)
		i++;
	return lm_error_set(
		err, EHOSTUNREACH,
		"no link-layer address for node %u (%u of %u mixes of layer 1): is it up, "
		"and does the route to it leave through port.tap (%s)? Or give it a mac in "
		"the topology",
		run->view->peer[i].id, run->view->unresolved, run->view->peers,
		run->tap.fd < 0 ? "there is none" : run->setup.config.node.port.tap);
}

/* Until every mix of the first layer has a link-layer address; -EINTR if a signal came. */
static int resolve(struct run *run, struct lm_error *err)
{
	/* without a TAP nobody can ask, and nothing will change */
	uint64_t limit_us = run->tap.fd < 0 ? 0 : lm_clock_us() + RESOLVE_LIMIT_US, again_us = 0;

	while (!signals_take(run->signals)) {
		uint64_t now_us = lm_clock_us();

		if (!serve_kernel(run) && now_us < again_us)
			continue;
		free(run->view);
		run->view = view_make(run->setup.topology, run->setup.self, &run->self,
				      &run->setup.mix_keys.ring, run->setup.links,
				      neighbours_resolve, &run->neighbours);
		if (!run->view)
			return lm_error_set(err, ENOMEM, "too little memory for next hops");
		if (run->view->unresolved == 0)
			return 0;
		if (now_us > limit_us)
			return unresolved(run, err);
		again_us = now_us + RESOLVE_AGAIN_US;
	}
	return lm_error_set(err, EINTR, "stopped before anything was sent");
}

static int check_threads(const struct run *run, struct lm_error *err)
{
	const struct poller *poller = &run->poller;
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

/* Builds packets ahead until the stock is full. */
static int fill_stock(struct run *run, struct lm_error *err)
{
	struct stock *stock = &run->poller.stock;
	struct progress progress;
	bool failed;
	int rc = stock_start(stock, run->builder, run->options->stock,
			     (int)run->setup.config.node.cpus.mixer, err);

	progress_start(&progress, "building packets ahead");
	while (rc == 0 && !stock_full(stock)) {
		(void)serve_kernel(run);
		progress_show(&progress, stock_built(stock, &failed), stock->places);
		rc = signals_take(run->signals) != 0
			     ? lm_error_set(err, EINTR, "stopped before anything was sent")
			     : check_threads(run, err);
	}
	progress_end(&progress);
	return rc;
}

/* The longest that mixing may take, through all layers, with slack for the wires. */
static uint32_t longest_wait_ms(const struct run *run)
{
	const struct lm_topology *topology = run->setup.topology;
	uint64_t hop_us = lm_mix_stay_us(&topology->mix, lm_mix_delay_max_us(&topology->mix));
	uint64_t all_ms = topology->layers * hop_us / 1000 + NETWORK_SLACK_MS;

	return all_ms < WAIT_LIMIT_MS ? (uint32_t)all_ms : WAIT_LIMIT_MS;
}

/* What control knows of a run on its way. */
struct watch {
	uint32_t received;
	bool ending; /* nothing more is sent */
	uint64_t now_us, show_us, stalled_us, end_us;
};

static void show_second(const struct run *run, struct watch *watch)
{
	if (watch->now_us < watch->show_us)
		return;
	watch->show_us += SECOND_US;
	if (isatty(STDERR_FILENO) == 1)
		fprintf(stderr, "sent %u of %u, received %u\n", run->tally.sent,
			run->poller.run.count, watch->received);
}

/* Looks at the other threads. An error if one has failed, or the port takes nothing any more. */
static int look(struct run *run, struct watch *watch, struct lm_error *err)
{
	const struct poller *poller = &run->poller;
	uint32_t wait_ms = run->options->has_wait ? run->options->wait_ms : longest_wait_ms(run);
	uint32_t sent = __atomic_load_n(&poller->sent, __ATOMIC_ACQUIRE);

	watch->received = __atomic_load_n(&poller->received, __ATOMIC_RELAXED);
	watch->now_us = lm_clock_us();
	if (sent != run->tally.sent || watch->ending)
		watch->stalled_us = watch->now_us + STALL_LIMIT_US;
	run->tally.sent = sent;
	watch->ending |= sent == poller->run.count;
	if (watch->ending && watch->end_us == UINT64_MAX)
		watch->end_us = watch->now_us + UINT64_C(1000) * wait_ms;
	show_second(run, watch);
	if (watch->now_us >= watch->stalled_us)
		return lm_error_set(err, EIO,
				    "nothing could be sent for %u s, after %u packets: is the link "
				    "up, and does port.device take frames of %zu bytes?",
				    STALL_LIMIT_US / SECOND_US, sent,
				    lm_packet_len(run->setup.topology->profile) + FRAME_HEADER_MAX);
	return check_threads(run, err);
}

/*
 * Sends all, and waits for what comes back. A signal ends the sending early, a second one the
 * waiting.
 */
static int send_and_wait(struct run *run, struct lm_error *err)
{
	uint64_t now_us = lm_clock_us();
	struct watch watch = {.now_us = now_us,
			      .show_us = now_us + SECOND_US,
			      .stalled_us = now_us + STALL_LIMIT_US,
			      .end_us = UINT64_MAX};
	int rc = 0;

	run->tally.sent = 0;
	run->poller.view = run->view;
	__atomic_store_n(&run->poller.phase, POLLER_SEND, __ATOMIC_RELEASE);
	while (rc == 0 && watch.now_us < watch.end_us &&
	       !(watch.ending && watch.received >= tally_expected(&run->tally))) {
		(void)serve_kernel(run);
		if (signals_take(run->signals) != 0) {
			if (watch.ending)
				break;
			__atomic_store_n(&run->poller.phase, POLLER_LISTEN, __ATOMIC_RELEASE);
			watch.ending = true;
		}
		rc = look(run, &watch, err);
	}
	return rc;
}

static void stop_poller(struct run *run)
{
	if (!run->launched)
		return;
	__atomic_store_n(&run->poller.phase, POLLER_STOP, __ATOMIC_RELEASE);
	polling_join(&run->poller.returned);
	run->launched = false;
	run->tally.sent = run->poller.sent;
}

static int report(const struct run *run, struct lm_error *err)
{
	struct report report = {.tally = &run->tally, .sending = &run->poller.sending};
	int rc = mixing_order(&report.order, &run->setup, &run->tally, err);

	if (rc != 0)
		return rc;
	if (!(run->options->json ? report_json : report_text)(stdout, &report))
		return lm_error_set(err, EIO, "the report cannot be written: %s", strerror(errno));
	return 0;
}

static int open_and_run(struct run *run, struct lm_error *err)
{
	int rc = gen_setup_load(&run->setup, run->options->build.config, run->options->build.count,
				err);

	if (rc != 0)
		return rc;
	run->builder = build_start(&run->options->build, &run->setup, 0, err);
	if (!run->builder)
		return -EINVAL;
	if (run->builder->last != run->setup.self)
		run->tally.elsewhere = (1u << GEN_CMDS) - 1 - (1u << GEN_SURB);
	rc = signals_open(&run->signals, err);
	if (rc == 0)
		rc = open_port(run, err);
	if (rc == 0)
		rc = open_kernel(run, err);
	if (rc == 0)
		rc = launch(run, err);
	if (rc == 0)
		rc = resolve(run, err);
	if (rc == 0)
		rc = fill_stock(run, err);
	if (rc == 0)
		rc = send_and_wait(run, err);
	stop_poller(run);
	return rc == 0 ? report(run, err) : rc;
}

static void close_all(struct run *run)
{
	stop_poller(run);
	stock_stop(&run->poller.stock);
	build_free(run->builder);
	gen_receiver_free(run->poller.receiver);
	tally_free(&run->tally);
	free(run->poller.sent_ns);
	schedule_free(&run->poller.schedule);
	free(run->view);
	tap_close(&run->tap);
	gen_setup_free(&run->setup);
	eal_stop();
}

int run_main(int argc, char **argv)
{
	static const struct argp_child children[] = {{&build_argp, 0, NULL, 0}, {0}};
	static const struct argp argp = {
		.options = rows,
		.parser = parse,
		.doc = "Sends packets at a rate and measures what comes back. Status 0 if "
		       "all "
		       "came back once and undamaged, else 1.",
		.children = children,
	};
	static struct run run;
	struct options options = {0};
	struct lm_error err = {0};
	bool complete;
	int rc;

	argp_parse(&argp, argc, argv, 0, NULL, &options);
	run.options = &options;
	run.tap.fd = -1;
	rc = open_and_run(&run, &err);
	complete = rc == 0 && tally_complete(&run.tally);
	if (rc != 0)
		fprintf(stderr, "%s: %s\n", argv[0], err.text);
	close_all(&run);
	return complete ? 0 : 1;
}
