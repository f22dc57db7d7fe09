/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * linemix-exporter: its command line, and the loop that asks relays and answers HTTP. One thread:
 * neither waits for the other.
 */
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "confined.h"
#include "notify.h"
#include "sandbox.h"
#include "server.h"

#define EXIT_USAGE 2

const char *argp_program_version = "linemix-exporter " LM_VERSION;

enum { OPTION_CHECK = 256, OPTION_DESCRIBE };

static const struct argp_option rows[] = {
	{"config", 'c', "FILE", 0, "The exporter's configuration (YAML)", 0},
	{"check-config", OPTION_CHECK, NULL, 0, "Check the configuration, say what it means, exit",
	 0},
	{"help-config", OPTION_DESCRIBE, NULL, 0, "Print every configuration key and exit", 0},
	{0},
};

struct options {
	const char *config;
	bool check;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case 'c':
		options->config = arg;
		return 0;
	case OPTION_CHECK:
		options->check = true;
		return 0;
	case OPTION_DESCRIBE:
		exporter_config_describe(stdout);
		exit(0);
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument \"%s\"", arg);
		return 0;
	case ARGP_KEY_END:
		if (!options->config)
			argp_error(state, "--config FILE is missing");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

struct exporter {
	struct exporter_config config;
	struct collect relay[COLLECT_RELAYS];
	struct history history[COLLECT_RELAYS];
	bool was_up[COLLECT_RELAYS];
	struct server server;
	struct notify notify;
	int signals;
	char buffer[COLLECT_ANSWER];
};

/* Says when a relay answers and when it no longer does: once each. */
static void tell(struct exporter *exporter, unsigned i, bool first)
{
	const struct collect *one = &exporter->relay[i];

	if (one->up == exporter->was_up[i] && !first)
		return;
	if (one->up)
		fprintf(stderr, "linemix-exporter: %s answers\n", one->name);
	else
		fprintf(stderr, "linemix-exporter: %s does not answer: %s\n", one->name,
			one->why.text);
	exporter->was_up[i] = one->up;
}

/* What is shown changes at the end of a round, for all relays at once. */
static void end_round(struct exporter *exporter, bool first)
{
	for (unsigned i = 0; i < exporter->config.relays; i++) {
		tell(exporter, i, first);
		history_add(&exporter->history[i], &exporter->relay[i]);
	}
	server_refresh(&exporter->server);
}

/*
 * Attends to relays and clients until a time, or, if `round`, until every relay has answered; true:
 * a signal says that it is enough.
 */
static bool attend(struct exporter *exporter, uint64_t until_us, bool round)
{
	struct pollfd other[] = {
		{.fd = server_fd(&exporter->server), .events = POLLIN},
		{.fd = exporter->signals, .events = POLLIN},
	};
	uint64_t now_us = lm_clock_us();

	while (now_us < until_us &&
	       !(round && collect_done(exporter->relay, exporter->config.relays))) {
		uint64_t wait_us = server_wait_us(&exporter->server, until_us - now_us);

		collect_wait(exporter->relay, exporter->config.relays, exporter->buffer, other,
			     LM_COUNT(other), now_us + wait_us, round);
		if (other[1].revents != 0)
			return true;
		now_us = lm_clock_us();
		server_run(&exporter->server, now_us);
	}
	return false;
}

/*
 * Rounds begin an interval apart; what is shown in between is that of the last one, so nobody sees
 * more than its totals, however often it asks.
 */
static void serve(struct exporter *exporter)
{
	const uint64_t interval_us = exporter->config.interval_s * 1000000;
	bool first = true, stop = false;

	while (!stop) {
		uint64_t begun_us = lm_clock_us();

		collect_begin(exporter->relay, exporter->config.relays, begun_us);
		stop = attend(exporter, begun_us + COLLECT_ROUND_US, true);
		if (!stop)
			end_round(exporter, first);
		if (first && !stop)
			notify_ready("asks %u relays, answers at port %u", exporter->config.relays,
				     server_port(&exporter->server));
		first = false;
		stop = stop || attend(exporter, begun_us + interval_us, false);
		notify_alive();
	}
}

static int open_signals(struct lm_error *err)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return fd >= 0 ? fd : lm_error_set(err, errno, "signals: %s", strerror(errno));
}

static int run(struct exporter *exporter, struct lm_error *err)
{
	const struct exporter_config *config = &exporter->config;
	int rc;

	for (unsigned i = 0; i < config->relays; i++) {
		memcpy(exporter->relay[i].name, config->relay[i].name, COLLECT_NAME + 1);
		memcpy(exporter->relay[i].path, config->relay[i].socket, COLLECT_PATH + 1);
	}
	notify_init(&exporter->notify);
	exporter->signals = open_signals(err);
	if (exporter->signals < 0)
		return exporter->signals;
	rc = server_open(&exporter->server, config, exporter->relay, exporter->history, err);
	if (rc == 0 && config->sandbox)
		rc = confined_enter(config->user, err);
	if (rc != 0)
		return rc;
	fprintf(stderr, "linemix-exporter: http://%s%s%s:%u/ for %u relays\n",
		config->listen.at.ss_family == AF_INET6 ? "[" : "", config->listen.address,
		config->listen.at.ss_family == AF_INET6 ? "]" : "", server_port(&exporter->server),
		config->relays);
	if (!config->listen.loopback)
		fprintf(stderr,
			"linemix-exporter: warning: %s is no loopback address: whoever "
			"reaches it reads the metrics of all relays\n",
			config->listen.address);
	serve(exporter);
	notify_stopping("stops");
	return 0;
}

static void say_config(const struct exporter_config *config)
{
	printf("listens   %s port %u%s\n", config->listen.address, (unsigned)config->listen.port,
	       config->listen.loopback ? "" : ": not loopback");
	printf("asks      every %u s\n", (unsigned)config->interval_s);
	for (unsigned i = 0; i < config->relays; i++)
		printf("relay     %s: %s\n", config->relay[i].name, config->relay[i].socket);
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = rows,
		.parser = parse,
		.doc = "Metrics of relays on this machine for Prometheus, and a page that shows "
		       "them live. Holds no key, and once it has begun opens no file.",
	};
	static struct exporter exporter;
	struct options options = {0};
	struct lm_error err = {0};
	int rc;

	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, &options);
	rc = sandbox_harden(&err);
	if (rc == 0)
		rc = lm_base_init(&err);
	if (rc == 0)
		rc = exporter_config_load(&exporter.config, options.config, &err);
	if (rc == 0 && options.check)
		say_config(&exporter.config);
	else if (rc == 0)
		rc = run(&exporter, &err);
	if (rc != 0)
		fprintf(stderr, "linemix-exporter: %s\n", err.text);
	server_close(&exporter.server);
	collect_end(exporter.relay, exporter.config.relays);
	return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
