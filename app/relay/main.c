/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * linemix-relay: a mix or a gateway on a NIC, or a capture through the same stages.
 */
#include <argp.h>
#include <errno.h>
#include <rte_cycles.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "feed.h"
#include "relay.h"
#include "sandbox.h"
#include "self_test.h"
#include "timed.h"
#include "top.h"

#define EXIT_USAGE   2
#define TOP_PREFIXES 16

const char *argp_program_version = "linemix-relay " LM_VERSION;

enum {
	OPTION_REPLAY = 256,
	OPTION_OUT,
	OPTION_FEED,
	OPTION_FEED_RATE,
	OPTION_FEED_SECONDS,
	OPTION_FEED_CPU,
	OPTION_FEED_PULL,
	OPTION_FEED_PLAIN,
	OPTION_FEED_UNKNOWN,
	OPTION_FEED_FORGED,
	OPTION_FEED_HANDSHAKES,
	OPTION_FEED_THROWN,
	OPTION_CHECK,
	OPTION_DESCRIBE,
	OPTION_SEED,
	OPTION_SELF_TEST,
	OPTION_STAGES,
	OPTION_JSON,
	OPTION_TOP,
	OPTION_TOP_FOLDER,
};

struct options {
	const char *config, *replay, *out, *seed;
	struct feed_options feed;
	bool check, describe, json, self_test, stages, top;
	const char *top_folder;
	const char *prefix[TOP_PREFIXES]; /* with --top */
	unsigned prefixes;
};

static const struct argp_option option_list[] = {
	{"config", 'c', "FILE", 0, "The relay's configuration (YAML)", 0},
	{"check-config", OPTION_CHECK, NULL, 0,
	 "Check configuration, topology and keys, print what they mean and the memory they take, "
	 "and "
	 "exit",
	 0},
	{"help-config", OPTION_DESCRIBE, NULL, 0, "Print every configuration key and exit", 0},
	{"replay", OPTION_REPLAY, "IN.pcap", 0,
	 "Run a capture through the relay on a virtual clock instead of opening the port", 0},
	{"out", OPTION_OUT, "OUT.pcap", 0, "With --replay: where to write what leaves", 0},
	{"feed", OPTION_FEED, "IN.pcap", 0,
	 "Offer a capture to the relay from memory, in real time, instead of opening the port; "
	 "print what became of it, and exit",
	 0},
	{"feed-rate", OPTION_FEED_RATE, "PPS", 0,
	 "With --feed: packets a second, missed where the relay does not take them (default: as "
	 "fast as it does)",
	 0},
	{"feed-seconds", OPTION_FEED_SECONDS, "S", 0,
	 "With --feed: stop after that time (default: at the capture's end)", 0},
	{"feed-cpu", OPTION_FEED_CPU, "CPU", 0,
	 "With --feed: where the feeder runs (default: the mixer's CPU)", 0},
	{"feed-pull", OPTION_FEED_PULL, NULL, 0,
	 "With --feed and no rate: as fast as the relay peels, which never has more than it can "
	 "(default: as fast as it receives, and what is over senders' shares is dropped)",
	 0},
	{"feed-plain", OPTION_FEED_PLAIN, NULL, 0,
	 "With --feed, for comparison: frames are forwarded as they are, neither peeled nor mixed",
	 0},
	{"feed-unknown", OPTION_FEED_UNKNOWN, "N", 0,
	 "With --feed and link.mode noise: so many frames under an unknown index for each packet",
	 0},
	{"feed-forged", OPTION_FEED_FORGED, "N", 0,
	 "The same: frames under a live index, with a forged tag", 0},
	{"feed-handshakes", OPTION_FEED_HANDSHAKES, "N", 0, "The same: initiations by a stranger",
	 0},
	{"feed-thrown", OPTION_FEED_THROWN, "N", 0,
	 "The same: frames that the feeder makes and throws away, for comparison", 0},
	{"self-test", OPTION_SELF_TEST, NULL, 0,
	 "Measure in a few seconds what this machine carries with this configuration, and keep it "
	 "for publish.capacity: auto; not while the relay runs",
	 0},
	{"stages", OPTION_STAGES, NULL, 0,
	 "With --feed or --replay: time the stages, as `stages: true` in the configuration", 0},
	{"top", OPTION_TOP, NULL, 0,
	 "Show relays that run on this machine, live: those with these file prefixes, or all", 0},
	{"top-folder", OPTION_TOP_FOLDER, "FOLDER", 0,
	 "With --top: where DPDK keeps their sockets (a service: its runtime folder's dpdk)", 0},
	{"json", OPTION_JSON, NULL, 0, "Print the balance as JSON", 0},
#ifdef LM_TEST_BUILD
	{"seed", OPTION_SEED, "HEX", 0,
	 "With --replay: take all randomness from these 32 bytes; with link.mode noise, make up "
	 "the neighbours' link keys, and seal the capture's packets as they would",
	 0},
#endif
	{0},
};

static double number(struct argp_state *state, const char *option, const char *text, double max)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end != '\0' || !(value >= 0 && value <= max))
		argp_error(state, "%s: \"%s\" is no number from 0 to %.0f", option, text, max);
	return value;
}

static error_t parse_feed(int key, char *argument, struct argp_state *state)
{
	struct feed_options *feed = &((struct options *)state->input)->feed;

	switch (key) {
	case OPTION_FEED:
		feed->path = argument;
		break;
	case OPTION_FEED_RATE:
		feed->rate_pps = (uint64_t)number(state, "--feed-rate", argument, 1e9);
		break;
	case OPTION_FEED_SECONDS:
		feed->seconds = number(state, "--feed-seconds", argument, 1e6);
		break;
	case OPTION_FEED_CPU:
		feed->cpu = (int)number(state, "--feed-cpu", argument, 1023);
		break;
	case OPTION_FEED_PULL:
		feed->pull = true;
		break;
	case OPTION_FEED_PLAIN:
		feed->plain = true;
		break;
	case OPTION_FEED_UNKNOWN:
		feed->garbage[FEED_UNKNOWN] = number(state, "--feed-unknown", argument, 1e6);
		break;
	case OPTION_FEED_FORGED:
		feed->garbage[FEED_FORGED] = number(state, "--feed-forged", argument, 1e6);
		break;
	case OPTION_FEED_THROWN:
		feed->garbage[FEED_THROWN] = number(state, "--feed-thrown", argument, 1e6);
		break;
	case OPTION_FEED_HANDSHAKES:
		feed->garbage[FEED_HANDSHAKE] = number(state, "--feed-handshakes", argument, 1e6);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case 'c':
		options->config = argument;
		break;
	case OPTION_CHECK:
		options->check = true;
		break;
	case OPTION_DESCRIBE:
		options->describe = true;
		break;
	case OPTION_REPLAY:
		options->replay = argument;
		break;
	case OPTION_OUT:
		options->out = argument;
		break;
	case OPTION_JSON:
		options->json = true;
		break;
	case OPTION_SELF_TEST:
		options->self_test = true;
		break;
	case OPTION_STAGES:
		options->stages = true;
		break;
	case OPTION_SEED:
		options->seed = argument;
		break;
	case OPTION_TOP:
		options->top = true;
		break;
	case OPTION_TOP_FOLDER:
		options->top_folder = argument;
		break;
	case ARGP_KEY_ARG:
		if (!options->top || options->prefixes == TOP_PREFIXES)
			argp_error(state, "unexpected argument \"%s\"", argument);
		options->prefix[options->prefixes++] = argument;
		break;
	case ARGP_KEY_END:
		if (!options->config && !options->describe && !options->top)
			argp_error(state, "--config FILE is missing");
		if ((options->replay != NULL) != (options->out != NULL))
			argp_error(state, "--replay IN.pcap and --out OUT.pcap go together");
		if (options->seed && !options->replay)
			argp_error(state, "--seed goes with --replay");
		if (options->feed.path && options->replay)
			argp_error(state, "--feed and --replay exclude each other");
		if (options->self_test && (options->feed.path || options->replay || options->check))
			argp_error(state, "--self-test goes with no --feed, --replay or "
					  "--check-config");
		if (options->feed.pull && options->feed.rate_pps > 0)
			argp_error(state, "--feed-pull and --feed-rate exclude each other");
		if (options->stages && !options->feed.path && !options->replay)
			argp_error(state, "--stages goes with --feed or --replay; a relay on its "
					  "port has `stages: true` in its configuration");
		break;
	default:
		return parse_feed(key, argument, state);
	}
	return 0;
}

#ifdef LM_TEST_BUILD
static struct lm_prng seeded;

static void fill_seeded(void *out, size_t n)
{
	lm_prng_bytes(&seeded, out, n);
}

static int use_seed(const char *hex, struct lm_error *err)
{
	uint8_t seed[32];

	if (!lm_hex_decode(seed, hex, sizeof(seed)))
		return lm_error_set(err, EINVAL, "--seed: expected 64 hexadecimal digits");
	lm_prng_init(&seeded, seed);
	lm_rand_replace(fill_seeded);
	return 0;
}
#else
static int use_seed(const char *hex, struct lm_error *err)
{
	(void)hex;
	return lm_error_set(err, ENOTSUP, "--seed: not in this build");
}
#endif

/* As one JSON object on a line, with the times of stages where they were taken. */
static bool print_books(const struct relay *relay, const struct counters *total, uint64_t held)
{
	struct stage_times times;
	bool closed;

	putchar('{');
	closed = counters_print_json(stdout, total, held);
	if (relay->shared.timed) {
		timed_all(&times, relay);
		printf(", \"stages\": ");
		stage_times_print_json(stdout, &times, rte_get_tsc_hz());
	}
	printf("}\n");
	return closed;
}

/* Prints the books; -EPROTO if they do not close. */
static int print_balance(const struct relay *relay, bool json, struct lm_error *err)
{
	struct counters total;
	uint64_t held;
	bool closed;

	relay_books(relay, &total, &held);
	closed = json ? print_books(relay, &total, held)
		      : counters_print_balance(stdout, &total, held);
	fflush(stdout);
	if (closed && __atomic_load_n(&relay->alarm_books, __ATOMIC_RELAXED) > 0)
		return lm_error_set(err, EPROTO,
				    "the books close now and did not while it ran: this is a "
				    "defect of linemix; please report it");
	return closed ? 0
		      : lm_error_set(err, EPROTO,
				     "the books do not close: this is a defect of "
				     "linemix; please report it with the line above");
}

static int run_feed(struct relay *relay, const struct options *options, struct lm_error *err)
{
	struct feed *feed = feed_load(relay, &options->feed, err);
	struct feed_result result;
	int rc = feed ? relay_run(relay, feed, err) : -EINVAL;

	if (rc == 0)
		rc = feed_result(&result, feed, err);
	if (rc == 0)
		feed_print(stdout, &result, relay, options->json);
	feed_free(feed);
	return rc;
}

static int check_keys(const struct relay *relay, struct lm_error *err)
{
	struct lm_epoch_place place = mix_keys_place(&relay->config->node, relay->topology);

	return mix_keys_check(stdout, &place, relay->node, relay->epoch, err);
}

/* Of a kernel interface; another device's is known when it is open. */
static int check_mtu(const struct relay *relay, struct lm_error *err)
{
	unsigned mtu;
	int rc = port_check_mtu(&mtu, &relay->config->node, lm_packet_len(relay->topology->profile),
				err);

	if (rc == 0 && mtu > 0)
		printf("port: an MTU of %u now\n", mtu);
	return rc;
}

/* Keys and their folder are those of the user that the relay becomes. */
static int load(struct relay *relay, struct relay_config *config, enum relay_purpose purpose,
		struct lm_error *err)
{
	const char *user = config->sandbox && purpose != RELAY_THROWAWAY ? config->user : "";
	int rc = sandbox_step_down(user, err);

	if (rc != 0)
		return rc;
	rc = relay_load(relay, config, purpose, err);
	if (purpose == RELAY_RUN)
		sandbox_step_up();
	return rc;
}

static int run(struct relay *relay, struct relay_config *config, const struct options *options,
	       struct lm_error *err)
{
	enum relay_purpose purpose = options->check                          ? RELAY_CHECK
				     : options->replay || options->feed.path ? RELAY_THROWAWAY
									     : RELAY_RUN;
	int rc = load(relay, config, purpose, err);

	if (rc != 0)
		return rc;
	if (options->check) {
		struct eal_plan plan;

		rc = eal_plan_make(&plan, &config->node, err);
		if (rc != 0)
			return rc;
		relay_describe(stdout, relay);
		rc = check_mtu(relay, err);
		return rc == 0 ? check_keys(relay, err) : rc;
	}
	if (options->replay)
		rc = relay_replay(relay, options->replay, options->out, options->seed != NULL, err);
	else if (options->feed.path)
		rc = run_feed(relay, options, err);
	else
		rc = relay_run(relay, NULL, err);
	return rc == 0 ? print_balance(relay, options->json, err) : rc;
}

static int watch(const struct options *options)
{
	const struct top_options top = {.folder = options->top_folder ? options->top_folder : "",
					.prefix = options->prefix,
					.prefixes = options->prefixes};
	struct lm_error err;

	if (top_run(&top, &err) == 0)
		return EXIT_SUCCESS;
	fprintf(stderr, "linemix-relay: %s\n", err.text);
	return EXIT_FAILURE;
}

static int test_self(struct relay *relay, struct relay_config *config, bool json,
		     struct lm_error *err)
{
	struct self_test test;
	int rc = self_test_run(&test, relay, config, err);

	if (rc == 0)
		self_test_print(stdout, &test, relay, json);
	return rc;
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = option_list,
		.parser = parse_option,
		.args_doc = "--config FILE\n--top [PREFIX...]",
		.doc = "A mix relay: peels one layer of each packet, mixes, and sends on.\v"
		       "SIGTERM stops receiving, hands what is held to the next start (in the "
		       "folder `runtime` of the configuration), prints the balance and exits. "
		       "SIGINT stops receiving and sends what is held by the rules of mixing, "
		       "within the longest time that a packet may stay; a second one drops what is "
		       "left, a SIGTERM then hands it over. SIGHUP reads the configuration and the "
		       "topology again.",
	};
	static struct relay relay;
	static struct relay_config config;
	struct options options = {.feed.cpu = -1};
	struct lm_error err = {0};
	int rc;

	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, &options);
	if (options.describe) {
		lm_conf_describe(stdout, &relay_config_table);
		return EXIT_SUCCESS;
	}
	if (options.top)
		return watch(&options);
	relay.config_path = options.config;
	relay.version = LM_VERSION;
	rc = sandbox_harden(&err);
	if (rc == 0)
		rc = lm_base_init(&err);
	if (rc == 0 && options.seed)
		rc = use_seed(options.seed, &err);
	if (rc == 0)
		rc = relay_config_load(&config, options.config, &err);
	config.stages |= options.stages;
	if (rc == 0 && options.self_test)
		rc = test_self(&relay, &config, options.json, &err);
	else if (rc == 0)
		rc = run(&relay, &config, &options, &err);
	if (rc != 0)
		fprintf(stderr, "linemix-relay: %s\n", err.text);
	relay_free(&relay);
	eal_stop();
	return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
