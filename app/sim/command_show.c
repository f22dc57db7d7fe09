/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * linemix-sim show: the records of a run as CSV, for tools that read text. The truth only when it
 * is asked for, so that an attack that is fed with this cannot have seen it.
 */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "records.h"

struct arguments {
	const char *folder;
	bool truth, packets;
};

static const struct argp_option options[] = {
	{"truth", 't', NULL, 0, "With each flight, which packet it was", 0},
	{"packets", 'p', NULL, 0, "The packets instead: who sent them to whom", 0},
	{0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case 't':
		arguments->truth = true;
		return 0;
	case 'p':
		arguments->packets = true;
		return 0;
	case ARGP_KEY_ARG:
		if (arguments->folder)
			argp_error(state, "one FOLDER, not \"%s\" too", arg);
		arguments->folder = arg;
		return 0;
	case ARGP_KEY_END:
		if (!arguments->folder)
			argp_error(state, "FOLDER is needed: that of `run --out`");
		if (arguments->truth && arguments->packets)
			argp_error(state, "--truth or --packets, not both");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int show_packets(const char *folder, struct lm_error *err)
{
	struct record_packet packet;
	struct records packets;
	int rc = records_open(&packets, folder, &record_packets, err);

	if (rc != 0)
		return rc;
	puts("number,kind,end,sender,recipient,made_us,done_us");
	while ((rc = records_read(&packets, &packet, err)) > 0)
		printf("%" PRIu32 ",%s,%s,%" PRIu32 ",%" PRIu32 ",%" PRIu64 ",%" PRIu64 "\n",
		       packet.number, packet_kind_name(packet.kind), packet_end_name(packet.end),
		       packet.sender, packet.recipient, packet.made_us, packet.done_us);
	records_close(&packets);
	return rc;
}

static int show_flights(const char *folder, bool with_truth, struct lm_error *err)
{
	struct records flights = {0}, truths = {0};
	struct record_flight flight;
	struct record_truth truth;
	int rc = records_open(&flights, folder, &record_flights, err);

	if (rc == 0 && with_truth)
		rc = records_open(&truths, folder, &record_truths, err);
	if (rc == 0)
		printf("left_us,came_us,from,to%s\n", with_truth ? ",packet,kind,hop" : "");
	while (rc == 0 && (rc = records_read(&flights, &flight, err)) > 0) {
		printf("%" PRIu64 ",%" PRIu64 ",%" PRIu32 ",%" PRIu32, flight.left_us,
		       flight.came_us, flight.from, flight.to);
		rc = with_truth ? records_read(&truths, &truth, err) : 1;
		if (rc == 0)
			rc = lm_error_set(err, EINVAL, "%s/truth.bin: shorter than flights.bin",
					  folder);
		if (rc > 0 && with_truth)
			printf(",%" PRId64 ",%s,%u",
			       truth.number == PACKET_NONE ? -1 : (int64_t)truth.number,
			       packet_kind_name(truth.kind), truth.hop);
		putchar('\n');
		rc = rc < 0 ? rc : 0;
	}
	records_close(&flights);
	records_close(&truths);
	return rc;
}

int show_main(int argc, char **argv)
{
	const struct argp argp = {.options = options,
				  .parser = parse,
				  .args_doc = "FOLDER",
				  .doc = "Prints the flights of a run as CSV."};
	struct arguments arguments = {0};
	struct lm_error err;
	int rc;

	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	rc = arguments.packets ? show_packets(arguments.folder, &err)
			       : show_flights(arguments.folder, arguments.truth, &err);
	if (rc == 0 && fflush(stdout) != 0)
		rc = lm_error_set(&err, errno, "standard output: %s", strerror(errno));
	if (rc != 0)
		fprintf(stderr, "%s: %s\n", argv[0], err.text);
	return rc == 0 ? 0 : 1;
}
