/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * linemix-gen check: which packets of a run stand in a capture of frames that reached the
 * generator, and, from captures at every mix, how well messages were hidden. Captures are hostile:
 * they are whatever the network delivered.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "capture.h"
#include "commands.h"
#include "entropy_captures.h"
#include "mixing.h"
#include "options.h"
#include "receive.h"
#include "report.h"
#include "truth_command.h"

struct options {
	const char *config, *capture;
	const char **relay; /* "ID=FILE"; room for all arguments */
	unsigned relays;
	const char *keys, *out, *csv;
	bool json;
};

enum { KEY_OUT = 512, KEY_CSV };

static const struct argp_option rows[] = {
	{"config", 'c', "FILE", 0, "The generator's configuration (required)", 0},
	{"relay", 'r', "ID=FILE", 0,
	 "A capture at mix ID, of what came and what left; one or more of every mix, from before "
	 "anything was sent: gives the entropy of messages under poisson mixing",
	 0},
	{"keys", 'k', "FOLDER", 0,
	 "Instead, with the key file keys-ID.json of each node as it was made: who went where, "
	 "from "
	 "captures at any nodes (--relay, and CAPTURE at the generator)",
	 0},
	{"csv", KEY_CSV, "FILE", 0, "With --keys: every packet on every link", 0},
	{"out", KEY_OUT, "FOLDER", 0, "With --keys: records as linemix-sim writes them", 0},
	{"json", 'j', NULL, 0, "Report as JSON", 0},
	{0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case 'c':
		options->config = arg;
		return 0;
	case 'r':
		options->relay[options->relays++] = arg;
		return 0;
	case 'k':
		options->keys = arg;
		return 0;
	case KEY_OUT:
		options->out = arg;
		return 0;
	case KEY_CSV:
		options->csv = arg;
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
		if (!options->config)
			argp_error(state, "--config is required");
		if (!options->capture && !(options->keys && options->relays > 0))
			argp_error(state, "which capture?");
		if ((options->out || options->csv) && !options->keys)
			argp_error(state, "--out and --csv: only with --keys");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Packets on their way from the file to the receiver, a burst at a time. */
struct burst {
	struct gen_receiver *receiver;
	const struct view *view;
	unsigned n;
	struct gen_arrival arrival[LM_BURST];
	uint8_t packet[LM_BURST][LM_PACKET_MAX];
};

static int flush(struct burst *burst, struct lm_error *err)
{
	int rc = burst->n ? gen_receive_burst(burst->receiver, burst->arrival, burst->n, err) : 0;

	burst->n = 0;
	return rc;
}

/* Puts the packet of one captured frame into the burst, or counts why not. */
static int add_frame(void *context, uint64_t at_ns, const uint8_t *frame, size_t len,
		     struct lm_error *err)
{
	struct burst *burst = context;
	struct frame_parsed parsed =
		frame_parse(&burst->view->self, frame, len, (struct frame_checked){0});
	struct gen_arrival *arrival = &burst->arrival[burst->n];

	if (!gen_receive_admit(burst->receiver, parsed))
		return 0;
	arrival->packet = burst->packet[burst->n++];
	arrival->len = parsed.len;
	arrival->when_ns = at_ns;
	memcpy(arrival->packet, frame + parsed.offset, parsed.len);
	return burst->n == LM_BURST ? flush(burst, err) : 0;
}

static int read_capture(struct gen_receiver *receiver, const struct view *view, const char *path,
			struct lm_error *err)
{
	static struct burst burst;
	int rc;

	burst.receiver = receiver;
	burst.view = view;
	rc = capture_read(path, add_frame, &burst, err);
	return rc == 0 ? flush(&burst, err) : rc;
}

static int report(const struct options *options, const struct gen_setup *setup,
		  const struct tally *tally, struct lm_error *err)
{
	struct report report = {.tally = tally};
	struct entropy entropy;
	int rc = mixing_order(&report.order, setup, tally, err);

	if (rc == 0 && options->relays > 0) {
		rc = entropy_of_captures(&entropy, setup->topology, options->relay, options->relays,
					 err);
		report.entropy = &entropy;
	}
	if (rc != 0)
		return rc;
	if (!(options->json ? report_json : report_text)(stdout, &report))
		return lm_error_set(err, EIO, "the report cannot be written: %s", strerror(errno));
	return 0;
}

static int check_ways(const struct options *options, struct lm_error *err)
{
	const struct truth_command command = {
		.keys = options->keys,
		.capture = options->capture,
		.relay = options->relay,
		.relays = options->relays,
		.out = options->out,
		.csv = options->csv,
		.json = options->json,
	};
	struct gen_setup setup;
	int rc = gen_setup_load(&setup, options->config, 1, err);

	if (rc != 0)
		return rc;
	rc = truth_check(&command, &setup, err);
	gen_setup_free(&setup);
	return rc;
}

/* *complete: nothing lost, duplicated or damaged. */
static int check(bool *complete, const struct options *options, struct lm_error *err)
{
	struct gen_setup setup = {0};
	struct tally *tally = calloc(1, sizeof(*tally));
	struct gen_receiver *receiver = NULL;
	struct view *view = NULL;
	uint64_t bytes = 0;
	int rc = tally ? capture_bytes(&bytes, options->capture, err)
		       : lm_error_set(err, ENOMEM, "no memory for checking");

	/* no more tags than there is room for packets in the capture */
	if (rc == 0)
		rc = gen_setup_load(&setup, options->config, bytes / lm_packet_len(0) + 1, err);
	if (rc != 0)
		goto out;
	view = gen_setup_static_view(&setup, err);
	receiver = gen_receiver_make(&setup, tally, err);
	if (!view || !receiver) {
		rc = -EINVAL;
		goto out;
	}
	rc = read_capture(receiver, view, options->capture, err);
	if (rc == 0)
		rc = report(options, &setup, tally, err);
	*complete = tally_complete(tally);
out:
	gen_receiver_free(receiver);
	free(view);
	gen_setup_free(&setup);
	if (tally)
		tally_free(tally);
	free(tally);
	return rc;
}

int check_main(int argc, char **argv)
{
	const struct argp argp = {
		.options = rows,
		.parser = parse,
		.args_doc = "CAPTURE",
		.doc = "Finds the packets of a run in a capture of what reached the generator. "
		       "Status 0 if all arrived once and undamaged, else 1. With captures at every "
		       "mix it says how many bits of entropy a message had for an observer of all "
		       "links; with all nodes' keys, who went where.",
	};
	struct options options = {.relay = calloc((size_t)argc, sizeof(*options.relay))};
	struct lm_error err;
	bool complete = false;
	int rc;

	if (!options.relay) {
		fprintf(stderr, "%s: no memory\n", argv[0]);
		return 1;
	}
	argp_parse(&argp, argc, argv, 0, NULL, &options);
	complete = options.keys != NULL; /* what is missing there is not judged */
	rc = options.keys ? check_ways(&options, &err) : check(&complete, &options, &err);
	if (rc != 0)
		fprintf(stderr, "%s: %s\n", argv[0], err.text);
	free(options.relay);
	return rc == 0 && complete ? 0 : 1;
}
