/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See recorder.h.
 */
#include "recorder.h"

#include "law.h"

#include <errno.h>
#include <sys/stat.h>

#define NS_PER_US  1000
#define US_PER_S   1e6
#define FIRST_ROOM 4096 /* of a list */

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

/* ---- Tapes ---- */

void tape_init(struct tape *tape, const struct recorder *recorder)
{
	*tape = (struct tape){.recorder = recorder};
}

void tape_free(struct tape *tape)
{
	free(tape->flight);
	free(tape->truth);
	free(tape->packet);
	free(tape->kept);
	*tape = (struct tape){0};
}

static uint32_t mix_of(const struct recorder *recorder, uint32_t place)
{
	return place < recorder->topology->nodes ? recorder->mix_of[place] : ENTROPY_OUTSIDE;
}

/* The list with twice its room, `wanted` at least. NULL: no memory, and the old list stays. */
static void *grow(void *list, uint32_t *room, size_t len, uint32_t wanted)
{
	uint64_t more = *room > 0 ? (uint64_t)*room * 2 : FIRST_ROOM;
	void *grown;

	while (more < wanted)
		more *= 2;
	grown = more < INT32_MAX ? realloc(list, more * len) : NULL;
	if (grown)
		*room = (uint32_t)more;
	return grown;
}

/* Flights and truths have one room. */
static bool grow_flights(struct tape *tape)
{
	uint32_t room = tape->flights_room;
	void *flight = grow(tape->flight, &room, sizeof(*tape->flight), 0), *truth;

	if (!flight)
		return false;
	tape->flight = flight;
	truth = grow(tape->truth, &tape->flights_room, sizeof(*tape->truth), 0);
	if (truth)
		tape->truth = truth;
	return truth != NULL;
}

static bool grow_kept(struct tape *tape)
{
	void *kept = grow(tape->kept, &tape->kept_room, sizeof(*tape->kept), 0);

	if (kept)
		tape->kept = kept;
	return kept != NULL;
}

static bool grow_packets(struct tape *tape)
{
	void *packet = grow(tape->packet, &tape->packets_room, sizeof(*tape->packet), 0);

	if (packet)
		tape->packet = packet;
	return packet != NULL;
}

static void keep(struct tape *tape, const struct flight *flight)
{
	uint32_t from = mix_of(tape->recorder, flight->from);
	uint32_t to = flight->ends ? ENTROPY_OUTSIDE : mix_of(tape->recorder, flight->to);

	if (from == ENTROPY_OUTSIDE && to == ENTROPY_OUTSIDE)
		return;
	if (tape->keeps == tape->kept_room && !grow_kept(tape)) {
		tape->failed = true;
		return;
	}
	tape->kept[tape->keeps++] =
		(struct entropy_flight){.from = from,
					.to = to,
					.left_ns = flight->closed_us * NS_PER_US,
					.came_ns = flight->came_us * NS_PER_US};
}

void tape_add_flight(struct tape *tape, const struct flight *flight)
{
	if (tape->recorder->remembers && flight->kind != PACKET_DUMMY)
		keep(tape, flight);
	if (!tape->recorder->writes || flight->from == RECORDER_NOWHERE)
		return;
	if (tape->flights == tape->flights_room && !grow_flights(tape)) {
		tape->failed = true;
		return;
	}
	tape->flight[tape->flights] = (struct record_flight){.left_us = flight->left_us,
							     .came_us = flight->came_us,
							     .from = flight->from,
							     .to = flight->to};
	tape->truth[tape->flights++] = (struct record_truth){.number = flight->number,
							     .kind = flight->kind,
							     .hop = flight->hop};
}

void tape_packet(struct tape *tape, const struct packet *packet, enum packet_end end,
		 uint64_t done_us)
{
	if (!tape->recorder->writes)
		return;
	if (tape->packets == tape->packets_room && !grow_packets(tape)) {
		tape->failed = true;
		return;
	}
	tape->packet[tape->packets++] = (struct record_packet){.number = packet->number,
							       .kind = packet->kind,
							       .end = (uint8_t)end,
							       .sender = packet->sender,
							       .recipient = packet->recipient,
							       .made_us = packet->made_us,
							       .done_us = done_us};
}

/* ---- Collecting ---- */

static void fail(struct recorder *recorder, int code)
{
	if (!recorder->failed)
		recorder->code = code;
	recorder->failed = true;
}

static void put(struct recorder *recorder, struct records *records, const void *record, uint32_t n)
{
	int rc = records_write(records, record, n);

	if (rc != 0)
		fail(recorder, -rc);
}

/* PACKET_NONE, a dummy's, is no number of a new packet. */
static void set_number(uint32_t *number, uint32_t first_new)
{
	if (*number & PACKET_NEW && *number != PACKET_NONE)
		*number = first_new + (*number & ~PACKET_NEW);
}

static void collect_kept(struct recorder *recorder, const struct tape *tape)
{
	uint32_t count = recorder->kept_count + tape->keeps;
	void *kept = recorder->kept;

	if (count < tape->keeps || tape->keeps == 0)
		return;
	if (recorder->kept_room < count)
		kept = grow(kept, &recorder->kept_room, sizeof(*recorder->kept), count);
	if (!kept) {
		fail(recorder, ENOMEM);
		return;
	}
	recorder->kept = kept;
	memcpy(recorder->kept + recorder->kept_count, tape->kept,
	       tape->keeps * sizeof(*tape->kept));
	recorder->kept_count = count;
}

void recorder_collect(struct recorder *recorder, struct tape *tape, uint32_t first_new)
{
	if (tape->failed)
		fail(recorder, ENOMEM);
	for (uint32_t i = 0; i < tape->flights; i++)
		set_number(&tape->truth[i].number, first_new);
	for (uint32_t i = 0; i < tape->packets; i++)
		set_number(&tape->packet[i].number, first_new);
	if (recorder->writes) {
		put(recorder, &recorder->flights, tape->flight, tape->flights);
		put(recorder, &recorder->truth, tape->truth, tape->flights);
		put(recorder, &recorder->packets, tape->packet, tape->packets);
	}
	if (recorder->remembers)
		collect_kept(recorder, tape);
	tape->flights = tape->packets = tape->keeps = 0;
}

void recorder_seen(struct entropy_seen *seen, const struct recorder *recorder)
{
	*seen = (struct entropy_seen){.flight = recorder->kept,
				      .flights = recorder->kept_count,
				      .layer = recorder->layer,
				      .mixes = recorder->mixes,
				      .layers = recorder->topology->layers,
				      .mean_s = law_stay_us(&recorder->topology->mix) / US_PER_S};
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
