/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * linemix-gen replay: sends the frames of any capture again, as they are, at their own speed, at a
 * multiple of it, at a rate, or as fast as the port takes them. It needs no network and no keys:
 * what the frames hold is not looked at.
 */
#include <argp.h>
#include <errno.h>
#include <poll.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "commands.h"
#include "eal.h"
#include "options.h"
#include "polling.h"
#include "port.h"
#include "progress.h"
#include "replay_report.h"
#include "signals.h"

#define BUFFERS         2048 /* beside those in queues: few, so that they stay in the cache */
#define DESCRIPTORS     1024
#define RING            64
#define LONGEST         1514
#define LONGEST_MAX     9000
#define MTU_OVER_PACKET 84 /* port.h: what an MTU has room for beside a packet */
#define ETHER_LEN       14
#define POLL_MS         2
#define WAIT_LIMIT_MS   3600000
#define RECORD_LEAST    30 /* bytes of a record with a shortest frame */

struct options {
	const char *capture, *times;
	struct node_config node;
	struct pace pace;
	uint32_t longest, wait_ms;
	bool json;
};

enum {
	KEY_DEVICE = 512,
	KEY_CPU,
	KEY_CONTROL,
	KEY_HUGE,
	KEY_MEGABYTES,
	KEY_EAL,
	KEY_PREFIX,
	KEY_IDLE,
	KEY_SPEED,
	KEY_RATE,
	KEY_ARRIVALS,
	KEY_BURST,
	KEY_PEAK,
	KEY_LONGEST,
	KEY_WAIT,
	KEY_TIMES,
};

static const struct argp_option rows[] = {
	{"device", KEY_DEVICE, "DEVICE", 0,
	 "PCI address, or DPDK virtual device with its arguments (required)", 0},
	{"cpu", KEY_CPU, "CPU", 0, "CPU that sends and receives (default 0)", 0},
	{"control-cpu", KEY_CONTROL, "CPU", 0,
	 "CPU that reads the file ahead; another one than --cpu, where there is (default 0)", 0},
	{"idle", KEY_IDLE, "HOW", 0,
	 "When nothing is due: spin, yield, or auto: spin on isolated CPUs only (default auto)", 0},
	{"huge-pages", KEY_HUGE, NULL, 0, "Take DPDK's memory from huge pages", 0},
	{"megabytes", KEY_MEGABYTES, "MIB", 0,
	 "DPDK's memory without huge pages (default 64; 64 to 1048576)", 0},
	{"file-prefix", KEY_PREFIX, "NAME", 0, "One per process (default linemix-gen-PID)", 0},
	{"eal-args", KEY_EAL, "ARGS", 0, "Further arguments for DPDK's EAL", 0},
	{"speed", KEY_SPEED, "X", 0,
	 "X times as fast as captured (default 1); max: as fast as the port takes them", 1},
	{"rate", KEY_RATE, "PPS", 0, "Frames a second, instead of the capture's times", 1},
	{"arrivals", KEY_ARRIVALS, "KIND", 0, "With --rate: constant (default), poisson, or bursty",
	 1},
	{"burst", KEY_BURST, "N", 0, "Bursty: frames of a burst (default 64)", 1},
	{"peak", KEY_PEAK, "X", 0,
	 "Bursty: the rate in a burst, as a multiple of --rate; 0: all at once (default 0)", 1},
	{"longest", KEY_LONGEST, "BYTES", 0,
	 "Longest frame; the port's MTU must take it, longer ones are passed over (default 1514)",
	 1},
	{"wait-ms", KEY_WAIT, "MS", 0, "Count what comes for so long after the last (default 0)",
	 1},
	{"times", KEY_TIMES, "FILE", 0,
	 "Write when each frame was due, was sent and came, as CSV; UTC in nanoseconds", 1},
	{"json", 'j', NULL, 0, "Report as JSON", 1},
	{0},
};

/* ---- The command line ---- */

static void set_defaults(struct options *options)
{
	struct node_config *node = &options->node;

	node->port.rx_descriptors = DESCRIPTORS;
	node->port.tx_descriptors = DESCRIPTORS;
	node->cpus.workers_count = 1;
	node->memory.megabytes = 64;
	node->limits.ring = RING;
	node->link.mode = CONFIG_LINK_NONE;
	snprintf(node->file_prefix, sizeof(node->file_prefix), "linemix-gen-%d", (int)getpid());
	options->pace = (struct pace){.speed = 1, .burst = 64};
	options->longest = LONGEST;
}

static void put_text(char *out, size_t room, struct argp_state *state, const char *option,
		     const char *text)
{
	if (snprintf(out, room, "%s", text) >= (int)room)
		argp_error(state, "--%s: longer than %zu bytes", option, room - 1);
}

static void parse_speed(struct pace *pace, const char *arg, struct argp_state *state)
{
	char *end;

	if (strcmp(arg, "max") == 0) {
		pace->kind = PACE_FLOOD;
		return;
	}
	pace->speed = strtod(arg, &end);
	if (end == arg || *end != '\0' || !(pace->speed >= 1e-6 && pace->speed <= 1e6))
		argp_error(state, "--speed: \"%s\" is neither max nor from 0.000001 to 1000000",
			   arg);
}

static unsigned parse_idle(const char *arg, struct argp_state *state)
{
	for (unsigned i = 0; config_idle_names[i]; i++) {
		if (strcmp(config_idle_names[i], arg) == 0)
			return i;
	}
	argp_error(state, "--idle: \"%s\" is not auto, spin or yield", arg);
	return 0;
}

/* Where it runs. */
static error_t parse_machine(int key, char *arg, struct argp_state *state, struct node_config *node)
{
	switch (key) {
	case KEY_DEVICE:
		put_text(node->port.device, sizeof(node->port.device), state, "device", arg);
		return 0;
	case KEY_CPU:
		node->cpus.workers[0] = (uint32_t)options_number(state, "cpu", arg, 0, 1023);
		node->cpus.mixer = node->cpus.workers[0]; /* no lcore of its own */
		return 0;
	case KEY_CONTROL:
		node->cpus.control = options_number(state, "control-cpu", arg, 0, 1023);
		return 0;
	case KEY_IDLE:
		node->cpus.idle = parse_idle(arg, state);
		return 0;
	case KEY_HUGE:
		node->memory.huge_pages = true;
		return 0;
	case KEY_MEGABYTES:
		node->memory.megabytes = options_number(state, "megabytes", arg, 64, 1048576);
		return 0;
	case KEY_EAL:
		put_text(node->eal_args, sizeof(node->eal_args), state, "eal-args", arg);
		return 0;
	case KEY_PREFIX:
		put_text(node->file_prefix, sizeof(node->file_prefix), state, "file-prefix", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* What is sent, and when. */
static error_t parse_sending(int key, char *arg, struct argp_state *state, struct options *options)
{
	struct pace *pace = &options->pace;

	switch (key) {
	case KEY_SPEED:
		parse_speed(pace, arg, state);
		return 0;
	case KEY_RATE:
		pace->kind = PACE_RATE;
		pace->rate_pps = (double)options_number(state, "rate", arg, 1, UINT32_MAX);
		return 0;
	case KEY_ARRIVALS:
		if (!gen_arrivals_parse(&pace->arrivals, arg))
			argp_error(state, "--arrivals: \"%s\" is not constant, poisson or bursty",
				   arg);
		return 0;
	case KEY_BURST:
		pace->burst = (uint16_t)options_number(state, "burst", arg, 1, GEN_BURST_MAX);
		return 0;
	case KEY_PEAK:
		pace->peak = (uint16_t)options_number(state, "peak", arg, 0, GEN_BURST_MAX);
		return 0;
	case KEY_LONGEST:
		options->longest =
			(uint32_t)options_number(state, "longest", arg, LONGEST, LONGEST_MAX);
		return 0;
	case KEY_WAIT:
		options->wait_ms =
			(uint32_t)options_number(state, "wait-ms", arg, 0, WAIT_LIMIT_MS);
		return 0;
	default:
		return parse_machine(key, arg, state, &options->node);
	}
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		set_defaults(options);
		return 0;
	case KEY_TIMES:
		options->times = arg;
		return 0;
	case 'j':
		options->json = true;
		return 0;
	case ARGP_KEY_ARG:
		if (options->capture)
			argp_error(state, "more than one capture");
		options->capture = arg;
		return 0;
	case ARGP_KEY_END:
		if (!options->capture)
			argp_error(state, "which capture?");
		if (options->node.port.device[0] == '\0')
			argp_error(state, "--device is required");
		if (options->pace.arrivals != GEN_CONSTANT && options->pace.kind != PACE_RATE)
			argp_error(state, "--arrivals: only with --rate");
		return 0;
	default:
		return parse_sending(key, arg, state, options);
	}
}

/* ---- The port ---- */

static int open_port(struct port *port, struct eal_plan *plan, const struct options *options,
		     struct lm_error *err)
{
	static const struct lm_topology_node nobody; /* has no address of its own */
	const struct node_config *node = &options->node;
	size_t packet_len = options->longest - ETHER_LEN - MTU_OVER_PACKET;
	int rc = eal_plan_make(plan, node, err);

	if (rc == 0)
		rc = eal_start(node, plan, "linemix-gen", true, err);
	if (rc == 0)
		rc = port_make_pool(port, node, BUFFERS, packet_len, port_socket(node), err);
	if (rc == 0)
		rc = port_open(port, node, &nobody, packet_len, err);
	if (rc == 0) /* what comes back is for whoever the capture's frames name */
		(void)rte_eth_promiscuous_enable(port->id);
	return rc;
}

/* ---- Times ---- */

/* Room for every frame that the capture can hold, which costs nothing before it is used. */
static int make_room(struct replayer_times *times, uint64_t bytes, struct lm_error *err)
{
	uint64_t room = bytes / RECORD_LEAST + 1;
	void *memory = mmap(NULL, room * sizeof(times->time[0]), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return lm_error_set(err, errno, "--times: no room for %llu frames: %s",
				    (unsigned long long)room, strerror(errno));
	*times = (struct replayer_times){.time = memory, .room = room};
	return 0;
}

static void free_room(struct replayer_times *times)
{
	if (times->time)
		(void)munmap(times->time, times->room * sizeof(times->time[0]));
}

/* ---- Sending ---- */

/* Until all is sent and what may come back has come, or a signal ends it. */
static void watch(struct replayer *replayer, const struct options *options, int signals)
{
	uint64_t until_us = UINT64_MAX;
	struct progress progress;

	progress_start(&progress, "sending bytes");
	while (lm_clock_us() < until_us && signals_take(signals) == 0) {
		(void)poll(NULL, 0, POLL_MS);
		if (until_us == UINT64_MAX && __atomic_load_n(&replayer->done, __ATOMIC_ACQUIRE))
			until_us = lm_clock_us() + options->wait_ms * UINT64_C(1000);
		progress_show(&progress, __atomic_load_n(&replayer->map->taken, __ATOMIC_RELAXED),
			      replayer->map->bytes);
	}
	progress_end(&progress);
	__atomic_store_n(&replayer->stop, true, __ATOMIC_RELEASE);
	polling_join(&replayer->returned);
}

static int launch(struct replayer *replayer, const struct eal_plan *plan, struct lm_error *err)
{
	unsigned lcore = plan->worker_lcore[0];
	int rc;

	replayer->spin = plan->spin[lcore];
	rc = rte_eal_remote_launch(replayer_main, replayer, lcore + 1);
	return rc == 0 ? 0
		       : lm_error_set(err, -rc, "the polling lcore does not start: %s",
				      strerror(-rc));
}

static int send_all(struct replayer *replayer, const struct options *options, int signals,
		    struct lm_error *err)
{
	struct replay_report report = {.capture = options->capture, .replayer = replayer};
	struct eal_plan plan;
	struct port port = {0};
	int rc = open_port(&port, &plan, options, err);

	if (rc == 0)
		rc = capture_map_start(replayer->map, (int)options->node.cpus.control, err);
	if (rc != 0)
		return rc;
	replayer->port = port.id;
	replayer->pool = port.pool;
	replayer->longest = options->longest;
	replayer->pace = options->pace;
	pace_init(&replayer->pace);
	(void)tsc_hz();
	tsc_sample(&report.before);
	rc = launch(replayer, &plan, err);
	if (rc != 0)
		return rc;
	watch(replayer, options, signals);
	tsc_sample(&report.after);
	if (!(options->json ? replay_report_json : replay_report_text)(stdout, &report))
		return lm_error_set(err, EIO, "the report cannot be written: %s", strerror(errno));
	if (options->times)
		rc = replay_report_times(options->times, &report, err);
	if (rc == 0 && replayer->broken)
		rc = capture_map_explain(replayer->map, err);
	return rc;
}

static int replay(bool *complete, const struct options *options, struct lm_error *err)
{
	static struct replayer replayer;
	struct capture_map map;
	int signals, rc;

	rc = capture_map_open(&map, options->capture, err);
	replayer.map = &map;
	if (rc == 0)
		rc = signals_open(&signals, err);
	if (rc == 0 && options->times)
		rc = make_room(&replayer.sent_times, map.bytes, err);
	if (rc == 0 && options->times)
		rc = make_room(&replayer.received_times, map.bytes, err);
	if (rc == 0)
		rc = send_all(&replayer, options, signals, err);
	*complete = replayer.done && replayer.counts.cut + replayer.counts.too_long == 0;
	capture_map_close(&map);
	free_room(&replayer.sent_times);
	free_room(&replayer.received_times);
	eal_stop();
	return rc;
}

int replay_main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = rows,
		.parser = parse,
		.args_doc = "CAPTURE",
		.doc = "Sends the frames of a pcap file as they are. Status 0 if all were sent, "
		       "else 1.",
	};
	static struct options options;
	struct lm_error err = {0};
	bool complete = false;
	int rc;

	argp_parse(&argp, argc, argv, 0, NULL, &options);
	rc = replay(&complete, &options, &err);
	if (rc != 0)
		fprintf(stderr, "%s: %s\n", argv[0], err.text);
	return rc == 0 && complete ? 0 : 1;
}
