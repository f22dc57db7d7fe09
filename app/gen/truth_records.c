/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Captures as the files of a simulated run: truth_write_records. A generator is a gateway and its
 * own client; linemix-sim has clients apart. So each gateway has one client here, to and from which
 * its packets cross a link in no time.
 */
#include <errno.h>
#include <sys/stat.h>

#include "run_json.h"
#include "truth_report.h"

/* hops that a client's way is longer: to its gateway, and from the last one */
#define CLIENT_END 2

struct writing {
	const struct truth *truth;
	struct records flights, truths, packets;
	bool failed;
};

static uint64_t run_us(const struct truth *truth, uint64_t at_ns)
{
	return (at_ns - truth->first_ns) / 1000;
}

/* The client of the gateway at this place. */
static uint32_t client_of(const struct truth *truth, uint32_t place)
{
	uint32_t gateways = 0;

	for (uint32_t i = 0; i < place; i++)
		gateways += truth->topology->node[i].layer == 0;
	return truth->topology->nodes + gateways;
}

static void put_flight(struct writing *writing, uint64_t left_us, uint64_t came_us, uint32_t from,
		       uint32_t to, uint32_t number, unsigned hop)
{
	const struct truth_packet *packet = &writing->truth->packet[number];
	const struct record_flight flight = {.left_us = left_us,
					     .came_us = came_us > left_us ? came_us : left_us,
					     .from = from,
					     .to = to};
	const struct record_truth truth = {.number = number,
					   .kind = packet->kind,
					   .hop = (uint8_t)hop};

	writing->failed |= records_write(&writing->flights, &flight, 1) != 0;
	writing->failed |= records_write(&writing->truths, &truth, 1) != 0;
}

/* From a client to its gateway, which sends at once, and from a gateway to its client. */
static void put_client_flight(struct writing *writing, const struct truth_flight *flight, bool to)
{
	const struct truth *truth = writing->truth;
	uint32_t place = to ? flight->to : flight->from;
	uint64_t at_us = run_us(truth, to ? truth_came_ns(flight) : truth_left_ns(flight));
	uint32_t client = client_of(truth, place);

	put_flight(writing, at_us, at_us, to ? place : client, to ? client : place, flight->packet,
		   to ? flight->hop + CLIENT_END : 0);
}

static bool by_client(const struct truth_packet *packet)
{
	return packet->kind < PACKET_RELAY_LOOP;
}

static void put_flights(struct writing *writing)
{
	const struct truth *truth = writing->truth;

	for (uint32_t i = 0; i < truth->flights; i++) {
		const struct truth_flight *flight = &truth->flight[i];
		const struct truth_packet *packet = &truth->packet[flight->packet];

		if (by_client(packet) && flight->hop == 0)
			put_client_flight(writing, flight, false);
		put_flight(writing, run_us(truth, truth_left_ns(flight)),
			   run_us(truth, truth_came_ns(flight)), flight->from, flight->to,
			   flight->packet, flight->hop + by_client(packet));
		if (packet->end == PACKET_DELIVERED && flight->next == TRUTH_NONE)
			put_client_flight(writing, flight, true);
	}
}

static void put_packets(struct writing *writing)
{
	const struct truth *truth = writing->truth;

	for (uint32_t i = 0; i < truth->packets; i++) {
		const struct truth_packet *packet = &truth->packet[i];
		struct record_packet record = {.number = i,
					       .kind = packet->kind,
					       .end = packet->end,
					       .sender = packet->sender,
					       .recipient = packet->recipient,
					       .made_us = run_us(truth, packet->made_ns),
					       .done_us = packet->done_ns
								  ? run_us(truth, packet->done_ns)
								  : 0};

		if (by_client(packet))
			record.sender = client_of(truth, packet->sender);
		if (packet->end == PACKET_DELIVERED)
			record.recipient = client_of(truth, packet->recipient);
		writing->failed |= records_write(&writing->packets, &record, 1) != 0;
	}
}

static int write_files(struct writing *writing, const char *folder, struct lm_error *err)
{
	int rc = records_make(&writing->flights, folder, &record_flights, err);

	if (rc == 0)
		rc = records_make(&writing->truths, folder, &record_truths, err);
	if (rc == 0)
		rc = records_make(&writing->packets, folder, &record_packets, err);
	if (rc == 0) {
		put_flights(writing);
		put_packets(writing);
	}
	writing->failed |= records_close(&writing->flights) != 0;
	writing->failed |= records_close(&writing->truths) != 0;
	writing->failed |= records_close(&writing->packets) != 0;
	if (rc == 0 && writing->failed)
		rc = lm_error_set(err, EIO, "%s: the records cannot be written", folder);
	return rc;
}

/* ---- The run ---- */

static int write_run(const char *folder, const struct truth *truth, struct lm_error *err)
{
	json_t *run = run_json_make(truth->topology);
	uint32_t gateways = client_of(truth, truth->topology->nodes) - truth->topology->nodes;
	char path[4096];
	int rc = 0;

	json_object_set_new(run, "clients", json_integer(gateways));
	json_object_set_new(run, "start_ns", json_integer((json_int_t)truth->first_ns));
	snprintf(path, sizeof(path), "%s/run.json", folder);
	if (json_dump_file(run, path, JSON_INDENT(1)) != 0)
		rc = lm_error_set(err, errno ? errno : EIO, "%s: cannot be written", path);
	json_decref(run);
	return rc;
}

int truth_write_records(const char *folder, const struct truth *truth, struct lm_error *err)
{
	struct writing writing = {.truth = truth};
	int rc;

	if (truth->flights == 0)
		return lm_error_set(err, ENODATA, "--out: no packet was captured");
	if (mkdir(folder, 0777) != 0 && errno != EEXIST)
		return lm_error_set(err, errno, "%s: cannot make the folder: %s", folder,
				    strerror(errno));
	rc = write_files(&writing, folder, err);
	return rc == 0 ? write_run(folder, truth, err) : rc;
}
