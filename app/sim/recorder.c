/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See recorder.h.
 */
#include "recorder.h"

#include <errno.h>
#include <sys/stat.h>

#define NS_PER_US 1000
#define US_PER_S  1e6

/* ---- Opening ---- */

static int open_all(struct recorder *recorder, const char *folder, struct lm_error *err)
{
	int rc;

	if (mkdir(folder, 0777) != 0 && errno != EEXIST)
		return lm_error_set(err, errno, "%s: cannot make the folder: %s", folder,
				    strerror(errno));
	recorder->writes = true;
	rc = records_make(&recorder->flights, folder, &record_flights, err);
	if (rc == 0)
		rc = records_make(&recorder->truth, folder, &record_truths, err);
	if (rc == 0)
		rc = records_make(&recorder->packets, folder, &record_packets, err);
	return rc;
}

static bool number_mixes(struct recorder *recorder)
{
	const struct lm_topology *topology = recorder->topology;

	recorder->mix_of = calloc(topology->nodes, sizeof(*recorder->mix_of));
	recorder->layer = calloc(topology->nodes, sizeof(*recorder->layer));
	if (!recorder->mix_of || !recorder->layer)
		return false;
	for (unsigned i = 0; i < topology->nodes; i++) {
		recorder->mix_of[i] = ENTROPY_OUTSIDE;
		if (topology->node[i].layer == 0)
			continue;
		recorder->mix_of[i] = recorder->mixes;
		recorder->layer[recorder->mixes++] = topology->node[i].layer;
	}
	return true;
}

int recorder_init(struct recorder *recorder, const struct lm_topology *topology, const char *folder,
		  bool remembers, struct lm_error *err)
{
	int rc = 0;

	*recorder = (struct recorder){.topology = topology, .remembers = remembers};
	if (!number_mixes(recorder))
		rc = lm_error_set(err, ENOMEM, "no memory for a recorder");
	if (rc == 0 && folder)
		rc = open_all(recorder, folder, err);
	if (rc != 0)
		recorder_free(recorder);
	return rc;
}

/* ---- Recording ---- */

static void fail(struct recorder *recorder, int code)
{
	if (!recorder->failed)
		recorder->code = code;
	recorder->failed = true;
}

static void put(struct recorder *recorder, struct records *records, const void *record)
{
	int rc = records_write(records, record);

	if (rc != 0)
		fail(recorder, -rc);
}

static uint32_t mix_of(const struct recorder *recorder, uint32_t place)
{
	return place < recorder->topology->nodes ? recorder->mix_of[place] : ENTROPY_OUTSIDE;
}

static void keep(struct recorder *recorder, const struct flight *flight)
{
	uint32_t from = mix_of(recorder, flight->from);
	uint32_t to = flight->ends ? ENTROPY_OUTSIDE : mix_of(recorder, flight->to);

	if (from == ENTROPY_OUTSIDE && to == ENTROPY_OUTSIDE)
		return;
	if (recorder->kept_count == recorder->kept_room) {
		uint32_t room = recorder->kept_room > 0 ? recorder->kept_room * 2 : 4096;
		struct entropy_flight *kept =
			room < INT32_MAX ? realloc(recorder->kept, room * sizeof(*kept)) : NULL;

		if (!kept) {
			fail(recorder, ENOMEM);
			return;
		}
		recorder->kept = kept;
		recorder->kept_room = room;
	}
	recorder->kept[recorder->kept_count++] =
		(struct entropy_flight){.from = from,
					.to = to,
					.left_ns = flight->left_us * NS_PER_US,
					.came_ns = flight->came_us * NS_PER_US};
}

void recorder_flight(struct recorder *recorder, const struct flight *flight)
{
	const struct record_flight seen = {.left_us = flight->left_us,
					   .came_us = flight->came_us,
					   .from = flight->from,
					   .to = flight->to};
	const struct record_truth truth = {.number = flight->number,
					   .kind = flight->kind,
					   .hop = flight->hop};

	if (recorder->remembers && flight->kind != PACKET_DUMMY)
		keep(recorder, flight);
	if (!recorder->writes || flight->from == RECORDER_NOWHERE)
		return;
	put(recorder, &recorder->flights, &seen);
	put(recorder, &recorder->truth, &truth);
}

void recorder_packet(struct recorder *recorder, const struct packet *packet, enum packet_end end,
		     uint64_t done_us)
{
	const struct record_packet record = {.number = packet->number,
					     .kind = packet->kind,
					     .end = (uint8_t)end,
					     .sender = packet->sender,
					     .recipient = packet->recipient,
					     .made_us = packet->made_us,
					     .done_us = done_us};

	if (recorder->writes)
		put(recorder, &recorder->packets, &record);
}

void recorder_seen(struct entropy_seen *seen, const struct recorder *recorder)
{
	*seen = (struct entropy_seen){.flight = recorder->kept,
				      .flights = recorder->kept_count,
				      .layer = recorder->layer,
				      .mixes = recorder->mixes,
				      .layers = recorder->topology->layers,
				      .mean_s = recorder->topology->mix.mean_delay_us / US_PER_S};
}

/* ---- Closing ---- */

static void close_all(struct recorder *recorder)
{
	struct records *all[] = {&recorder->flights, &recorder->truth, &recorder->packets};

	for (size_t i = 0; i < LM_COUNT(all); i++) {
		int rc = records_close(all[i]);

		if (rc != 0)
			fail(recorder, -rc);
	}
}

int recorder_close(struct recorder *recorder, struct lm_error *err)
{
	close_all(recorder);
	if (!recorder->failed)
		return 0;
	if (recorder->code == ENOMEM)
		return lm_error_set(err, ENOMEM,
				    "no memory for %u flights; simulate a shorter time or less "
				    "traffic",
				    recorder->kept_count);
	return lm_error_set(err, recorder->code, "writing the records: %s",
			    strerror(recorder->code));
}

void recorder_free(struct recorder *recorder)
{
	close_all(recorder);
	free(recorder->mix_of);
	free(recorder->layer);
	free(recorder->kept);
	*recorder = (struct recorder){0};
}
