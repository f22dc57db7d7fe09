/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * linemix-gen check: which packets of a run stand in a capture of frames that reached the
 * generator. The capture is hostile: it is whatever the network delivered.
 */
#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "commands.h"
#include "mixing.h"
#include "options.h"
#include "progress.h"
#include "receive.h"
#include "report.h"

#define NS UINT64_C(1000000000)

struct options {
	const char *config, *capture;
	bool json;
};

static const struct argp_option rows[] = {
	{"config", 'c', "FILE", 0, "The generator's configuration (required)", 0},
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
		if (!options->capture)
			argp_error(state, "which capture?");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* A burst of packets on their way from the file to the receiver. */
struct burst {
	unsigned n;
	struct gen_arrival arrival[LM_BURST];
	uint8_t packet[LM_BURST][LM_PACKET_MAX];
};

static int flush(struct gen_receiver *receiver, struct burst *burst, struct lm_error *err)
{
	int rc = burst->n ? gen_receive_burst(receiver, burst->arrival, burst->n, err) : 0;

	burst->n = 0;
	return rc;
}

/* Puts the packet of one captured frame into the burst, or counts why not. */
static void add_frame(struct burst *burst, struct gen_receiver *receiver, const struct view *view,
		      const struct pcap_pkthdr *record, const uint8_t *frame)
{
	struct frame_parsed parsed =
		frame_parse(&view->self, frame, record->caplen, (struct frame_checked){0});

	if (!gen_receive_admit(receiver, parsed))
		return;

	struct gen_arrival *arrival = &burst->arrival[burst->n];

	arrival->packet = burst->packet[burst->n++];
	arrival->len = parsed.len;
	arrival->when_ns = (uint64_t)record->ts.tv_sec * NS + (uint64_t)record->ts.tv_usec;
	memcpy(arrival->packet, frame + parsed.offset, parsed.len);
}

static int read_capture(pcap_t *capture, const struct options *options,
			struct gen_receiver *receiver, const struct view *view, uint64_t bytes,
			struct lm_error *err)
{
	static struct burst burst;
	struct pcap_pkthdr *record;
	const u_char *frame;
	struct progress progress;
	uint64_t done = 0;
	int rc = 0, got = 0;

	progress_start(&progress, "checking bytes");
	while (rc == 0 && (got = pcap_next_ex(capture, &record, &frame)) == 1) {
		add_frame(&burst, receiver, view, record, frame);
		if (burst.n == LM_BURST)
			rc = flush(receiver, &burst, err);
		done += record->caplen;
		progress_show(&progress, done, bytes);
	}
	progress_end(&progress);
	if (rc == 0)
		rc = flush(receiver, &burst, err);
	if (rc == 0 && got != PCAP_ERROR_BREAK)
		rc = lm_error_set(err, EIO, "%s: %s", options->capture, pcap_geterr(capture));
	return rc;
}

static int open_capture(pcap_t **capture, uint64_t *bytes, const char *path, struct lm_error *err)
{
	char text[PCAP_ERRBUF_SIZE];
	struct stat info;

	if (stat(path, &info) != 0)
		return lm_error_set(err, errno, "%s: %s", path, strerror(errno));
	*bytes = (uint64_t)info.st_size;
	*capture = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, text);
	if (!*capture)
		return lm_error_set(err, EIO, "%s: %s", path, text);
	if (pcap_datalink(*capture) == DLT_EN10MB)
		return 0;
	pcap_close(*capture);
	*capture = NULL;
	return lm_error_set(err, EINVAL, "%s: not a capture of Ethernet frames", path);
}

static int report(const struct options *options, const struct gen_setup *setup,
		  const struct tally *tally, struct lm_error *err)
{
	struct report report = {.tally = tally};
	int rc = mixing_order(&report.order, setup, tally, err);

	if (rc != 0)
		return rc;
	if (!(options->json ? report_json : report_text)(stdout, &report))
		return lm_error_set(err, EIO, "the report cannot be written: %s", strerror(errno));
	return 0;
}

/* *complete: nothing lost, duplicated or damaged. */
static int check(bool *complete, const struct options *options, struct lm_error *err)
{
	struct gen_setup setup = {0};
	struct tally *tally = calloc(1, sizeof(*tally));
	struct gen_receiver *receiver = NULL;
	struct view *view = NULL;
	pcap_t *capture = NULL;
	uint64_t bytes = 0;
	int rc = tally ? open_capture(&capture, &bytes, options->capture, err)
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
	rc = read_capture(capture, options, receiver, view, bytes, err);
	if (rc == 0)
		rc = report(options, &setup, tally, err);
	*complete = tally_complete(tally);
out:
	gen_receiver_free(receiver);
	free(view);
	gen_setup_free(&setup);
	if (capture)
		pcap_close(capture);
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
		       "Status 0 "
		       "if all arrived once and undamaged, else 1.",
	};
	struct options options = {0};
	struct lm_error err;
	bool complete = false;

	argp_parse(&argp, argc, argv, 0, NULL, &options);
	if (check(&complete, &options, &err) == 0)
		return complete ? 0 : 1;
	fprintf(stderr, "%s: %s\n", argv[0], err.text);
	return 1;
}
