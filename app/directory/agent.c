/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * linemix-directory agent: its command line, and the loop that looks into etcd again and again.
 *
 * It polls: one small request a few seconds apart, and none while there is nothing to wait for. A
 * watch would hold a stream open whose end a dead or hostile etcd need not show.
 */
#include "agent.h"

#include <argp.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <time.h>

#include "commands.h"
#include "confine.h"
#include "newest.h"

#define BACKOFF_DOUBLINGS 6
#define COMPLAINTS        3 /* while etcd is of no use */
#define EPOCH_PARTS       8 /* a pause is never longer than this part of an epoch */

enum { OPTION_CHECK = 256, OPTION_DESCRIBE };

static const struct argp_option rows[] = {
	{"config", 'c', "FILE", 0, "The agent's configuration (YAML)", 0},
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
		agent_config_describe(stdout);
		exit(0);
	case ARGP_KEY_END:
		if (!options->config)
			argp_error(state, "--config must be given");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

void agent_say(const char *format, ...)
{
	char text[768];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	fprintf(stderr, "linemix-directory agent: %s\n", text);
}

/* ---- The loop ---- */

struct agent {
	struct agent_config config;
	struct etcd_options options;
	struct etcd *etcd;
	struct follow follow;
	struct announce announce;
	struct round round;
	unsigned failures;    /* steps in a row in which etcd did not do as it should */
	unsigned complaints;  /* lines about them */
	struct lm_error last; /* what the last line said */
};

/* Says why etcd is of no use, and once more if the reason changes; a few lines in all. */
static void complain(struct agent *agent, const struct lm_error *err, uint64_t now_s)
{
	char left[96];

	agent->failures++;
	if (agent->complaints == COMPLAINTS || strcmp(agent->last.text, err->text) == 0)
		return;
	follow_left(left, &agent->follow, now_s);
	agent_say("etcd: %s; %s", err->text, left);
	agent->complaints++;
	agent->last = *err;
}

static void step(struct agent *agent, uint64_t now_s)
{
	struct lm_error err = {0};
	int rc = follow_step(&agent->follow, now_s, &err), other;
	struct lm_error later;

	other = announce_step(&agent->announce, rc == 0 ? &err : &later);
	rc = rc != 0 ? rc : other;
	other = round_step(&agent->round, now_s, rc == 0 ? &err : &later);
	rc = rc != 0 ? rc : other;
	if (rc != 0) {
		complain(agent, &err, now_s);
	} else if (agent->failures > 0) {
		agent_say("etcd is back");
		agent->failures = agent->complaints = 0;
		agent->last.text[0] = '\0';
	}
}

/* Doubles with each failure up to a bound, and differs from that of other agents. */
static uint64_t pause_ms(const struct agent *agent)
{
	const struct lm_topology *newest = agent->follow.newest;
	uint64_t pause = round_pause_ms(&agent->round), most = agent->config.backoff_s * 1000;
	uint64_t doubled =
		agent->failures < BACKOFF_DOUBLINGS ? agent->failures : BACKOFF_DOUBLINGS;
	uint32_t random;

	if (newest && most > newest_span_s(newest) * 1000 / EPOCH_PARTS)
		most = newest_span_s(newest) * 1000 / EPOCH_PARTS;
	if (agent->failures > 0)
		pause = pause << doubled > most ? (pause > most ? pause : most) : pause << doubled;
	lm_rand(&random, sizeof(random));
	return pause * 3 / 4 + random % (pause / 2 + 1);
}

/* True if it is time to stop. */
static bool sleep_ms(uint64_t ms, const sigset_t *signals)
{
	const struct timespec time = {.tv_sec = (time_t)(ms / 1000),
				      .tv_nsec = (long)(ms % 1000) * 1000000};

	return sigtimedwait(signals, NULL, &time) > 0;
}

static int run(struct agent *agent, struct lm_error *err)
{
	sigset_t signals;
	int rc = confine_agent(err);

	if (rc != 0)
		return rc;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	rc = etcd_open(&agent->etcd, &agent->options, err);
	if (rc == 0)
		rc = follow_open(&agent->follow, &agent->config, agent->etcd, err);
	announce_open(&agent->announce, &agent->config, agent->etcd);
	if (rc == 0)
		rc = round_open(&agent->round, &agent->config, agent->etcd, &agent->follow, err);
	if (rc != 0)
		return rc;
	agent_say("ready");
	do {
		etcd_turn(agent->etcd);
		step(agent, lm_clock_wall_us() / 1000000);
	} while (!sleep_ms(pause_ms(agent), &signals));
	return 0;
}

static void set_options(struct etcd_options *options, const struct agent_config *config)
{
	options->http.endpoints = config->endpoints;
	for (unsigned i = 0; i < config->endpoints; i++)
		options->http.endpoint[i] = config->endpoint[i];
	options->http.ca = config->tls.ca;
	options->http.cert = config->tls.cert;
	options->http.key = config->tls.key;
	options->http.timeout_ms = (unsigned)config->timeout_ms;
	options->user = config->auth.user;
	options->password = config->auth.password;
}

static void say_config(const struct agent_config *config)
{
	printf("etcd         %u endpoints, keys below %s%s%s\n", config->endpoints, config->prefix,
	       config->auth.user[0] ? ", as " : "", config->auth.user);
	printf("topology     %s, signed by %u of %u authorities\n", config->topology,
	       config->authorities.threshold, config->authorities.n);
	if (config->descriptor[0] != '\0')
		printf("descriptor   %s, gone %" PRIu64 " s after its agent\n", config->descriptor,
		       config->lease_s);
	if (config->authority.key[0] != '\0')
		printf("authority    %s, signer in %s\n", config->authority.key,
		       config->authority.signer);
}

int agent_main(int argc, char **argv)
{
	const struct argp argp = {
		.options = rows,
		.parser = parse,
		.doc = "Keeps a relay's topology file up to date from etcd and its descriptor "
		       "published there; for an authority, gathers what its signer needs and "
		       "publishes what it signs. Holds no key.",
	};
	struct options options = {0};
	struct agent *agent = calloc(1, sizeof(*agent));
	struct lm_error err;
	int rc;

	argp_parse(&argp, argc, argv, 0, NULL, &options);
	if (!agent)
		return 1;
	agent->round.inbox = agent->round.outbox = -1;
	rc = agent_config_load(&agent->config, options.config, &err);
	set_options(&agent->options, &agent->config);
	if (rc == 0 && options.check)
		say_config(&agent->config);
	else if (rc == 0)
		rc = run(agent, &err);
	if (rc != 0)
		agent_say("%s", err.text);
	round_close(&agent->round);
	announce_close(&agent->announce);
	follow_close(&agent->follow);
	etcd_close(agent->etcd);
	lm_wipe(&agent->config.auth, sizeof(agent->config.auth));
	free(agent);
	return rc == 0 ? 0 : 1;
}
