/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * linemix-directory signer: its command line and its life.
 */
#include "signer.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "commands.h"
#include "confine.h"
#include "options.h"

#define LOOK_NS 50000000 /* between two looks at the inbox */

enum { OPTION_STATE = 256, OPTION_KEY, OPTION_PLAN };

static const struct argp_option rows[] = {
	{"state", OPTION_STATE, "DIR", 0, "The folder that the agent shares, which must be there",
	 0},
	{"key", OPTION_KEY, "FILE", 0, "The authority's key", 0},
	{"plan", OPTION_PLAN, "FILE", 0, "The plan of the network; read anew for each document", 0},
	{0},
};

struct options {
	const char *state, *key, *plan;
	struct options_authorities trust;
};

static volatile sig_atomic_t stopped;

static void on_stop(int number)
{
	(void)number;
	stopped = 1;
}

void signer_say(const char *format, ...)
{
	char text[640];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	fprintf(stderr, "linemix-directory signer: %s\n", text);
}

static void check(const struct options *options, struct argp_state *state)
{
	const struct lm_authorities *all = &options->trust.authorities;

	if (!options->state || !options->key || !options->plan || all->n == 0)
		argp_error(state, "--state, --key, --plan and the authorities are required");
	/* otherwise two halves could sign two documents */
	if (2 * all->threshold <= all->n)
		argp_error(state, "--threshold: must be more than half of the %u authorities",
			   all->n);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case OPTION_STATE:
		options->state = arg;
		return 0;
	case OPTION_KEY:
		options->key = arg;
		return 0;
	case OPTION_PLAN:
		options->plan = arg;
		return 0;
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &options->trust;
		return 0;
	case ARGP_KEY_END:
		check(options, state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int run(struct signer *signer, struct lm_error *err)
{
	const struct timespec nap = {.tv_nsec = LOOK_NS};
	const struct sigaction action = {.sa_handler = on_stop};
	int rc;

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	rc = confine_signer(err);
	if (rc != 0)
		return rc;
	signer_say("ready");
	while (!stopped) {
		signer_step(signer, lm_clock_wall_us() / 1000000);
		nanosleep(&nap, NULL);
	}
	return 0;
}

int signer_main(int argc, char **argv)
{
	static const struct argp_child children[] = {{&authorities_argp, 0, NULL, 0}, {0}};
	const struct argp argp = {
		.children = children,
		.options = rows,
		.parser = parse,
		.doc = "Signs an authority's documents: holds its key, has no network, and signs "
		       "nothing but what it has built itself from the descriptors that the agent "
		       "hands in, its plan and the document before.",
	};
	struct options options = {0};
	struct signer signer = {0};
	struct lm_error err;
	int rc;

	argp_parse(&argp, argc, argv, 0, NULL, &options);
	signer.authorities = options.trust.authorities;
	rc = signer_open(&signer, options.state, options.key, options.plan, &err);
	if (rc == 0)
		rc = run(&signer, &err);
	if (rc != 0)
		signer_say("%s", err.text);
	signer_close(&signer);
	return rc == 0 ? 0 : 1;
}
