/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * linemix-gen make: the packets of a run as a capture of the frames that the generator would send,
 * from a fixed start.
 */
#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "options.h"
#include "progress.h"
#include "schedule.h"

#define START_NS  UINT64_C(1577836800000000000) /* 2020-01-01, so that captures compare */
#define NS        UINT64_C(1000000000)
#define FRAME_MAX (FRAME_HEADER_MAX + LM_PACKET_MAX)
#define PACKET_AT FRAME_HEADER_MAX /* in its buffer */

struct options {
	struct build_options build;
	const char *out;
};

enum { KEY_OUT = 'o', KEY_SEED = 512 };

static const struct argp_option rows[] = {
	{"out", KEY_OUT, "FILE", 0, "The capture to write (required)", 0},
#ifdef LM_TEST_BUILD
	{"seed", KEY_SEED, "HEX", 0, "64 digits instead of randomness: the same file every time",
	 0},
#endif
	{0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &options->build;
		return 0;
	case KEY_OUT:
		options->out = arg;
		return 0;
#ifdef LM_TEST_BUILD
	case KEY_SEED:
		options_seed(state, arg);
		return 0;
#endif
	case ARGP_KEY_END:
		if (!options->out)
			argp_error(state, "--out is required");
		if (options->build.count == 0)
			argp_error(state, "--count is required");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void write_frame(pcap_dumper_t *dump, const struct gen_builder *builder,
			const struct frame_header *header, uint8_t *packet, uint64_t due_ns)
{
	size_t len = lm_packet_len(builder->setup->topology->profile);
	uint64_t when_ns = builder->run.start_ns + due_ns;
	struct pcap_pkthdr record = {
		.ts = {.tv_sec = (time_t)(when_ns / NS), .tv_usec = (suseconds_t)(when_ns % NS)},
		.caplen = (bpf_u_int32)(header->len + len),
		.len = (bpf_u_int32)(header->len + len),
	};

	pcap_dump((u_char *)dump, &record, frame_write(header, packet, len, true));
}

static int write_packets(pcap_dumper_t *dump, struct gen_builder *builder, const struct view *view,
			 struct lm_error *err)
{
	static uint8_t buffer[LM_BURST][FRAME_MAX];
	const struct lm_topology_node *first[LM_BURST];
	uint8_t *packet[LM_BURST] = {NULL};
	struct progress progress;
	uint32_t count = builder->run.count;
	struct schedule schedule;
	int rc = schedule_make(&schedule, &builder->run, err);

	for (unsigned i = 0; i < LM_BURST; i++)
		packet[i] = buffer[i] + PACKET_AT;
	progress_start(&progress, "building packets");
	for (uint32_t seq = 0, n; rc == 0 && seq < count; seq += n) {
		n = count - seq < LM_BURST ? count - seq : LM_BURST;
		rc = gen_build_burst(builder, packet, first, seq, n, err);
		for (unsigned i = 0; rc == 0 && i < n; i++)
			write_frame(dump, builder, &view_find(view, first[i]->id)->header,
				    packet[i], schedule_due_ns(&schedule, seq + i));
		progress_show(&progress, seq + n, count);
	}
	progress_end(&progress);
	schedule_free(&schedule);
	return rc;
}

/* Writes the whole file, or none. */
static int write_capture(const char *path, struct gen_builder *builder, const struct view *view,
			 struct lm_error *err)
{
	pcap_t *format = pcap_open_dead_with_tstamp_precision(DLT_EN10MB, FRAME_MAX,
							      PCAP_TSTAMP_PRECISION_NANO);
	pcap_dumper_t *dump = format ? pcap_dump_open(format, path) : NULL;
	int rc;

	if (!dump) {
		rc = lm_error_set(err, EIO, "%s",
				  format ? pcap_geterr(format) : "libpcap: no memory");
		goto out;
	}
	rc = write_packets(dump, builder, view, err);
	if (rc == 0 && (pcap_dump_flush(dump) != 0 || ferror(pcap_dump_file(dump))))
		rc = lm_error_set(err, EIO, "%s: cannot be written: %s", path, strerror(errno));
	pcap_dump_close(dump);
	if (rc != 0)
		unlink(path);
out:
	if (format)
		pcap_close(format);
	return rc;
}

static int make(const struct options *options, struct lm_error *err)
{
	struct gen_setup setup;
	struct gen_builder *builder = NULL;
	struct view *view = NULL;
	int rc = gen_setup_load(&setup, options->build.config, 1, err);

	if (rc != 0)
		return rc;
	view = gen_setup_static_view(&setup, err);
	if (view)
		builder = build_start(&options->build, &setup, START_NS, err);
	rc = builder ? write_capture(options->out, builder, view, err) : -EINVAL;
	build_free(builder);
	free(view);
	gen_setup_free(&setup);
	return rc;
}

int make_main(int argc, char **argv)
{
	const struct argp_child children[] = {{&build_argp, 0, NULL, 0}, {0}};
	const struct argp argp = {
		.options = rows,
		.parser = parse,
		.doc = "Writes a capture of the packets of a run, as the generator would send "
		       "them.",
		.children = children,
	};
	struct options options = {0};
	struct lm_error err;

	argp_parse(&argp, argc, argv, 0, NULL, &options);
	if (make(&options, &err) == 0)
		return 0;
	fprintf(stderr, "%s: %s\n", argv[0], err.text);
	return 1;
}
