/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * replay-pairs CONFIG IN.pcap OUT.pcap: which packet of IN became which packet of OUT.
 *
 * Every packet of IN is peeled here with lib/packet, so this knows what a relay must hide. Prints
 * one line for each frame of OUT that is a forwarded packet of IN, in the order of OUT: the times
 * of both in microseconds, the number of the packet in IN from 0, and the delay that its sender
 * drew. For statistics: `replay-check` is what judges bytes.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "judge.h"

#define EPK_AT 4 /* of a packet: as good as its name, since no two are alike */

struct arrival {
	struct lm_point epk; /* that it has when it leaves */
	uint64_t us;
	uint32_t index, delay_us;
};

struct pairs {
	struct judge judge;
	struct arrival *arrival;
	size_t arrivals, room;
	uint32_t frames;
	/* the burst that is being filled */
	unsigned n;
	struct lm_packet_peel item[LM_BURST];
	struct arrival waiting[LM_BURST];
	uint8_t packet[LM_BURST][LM_PACKET_MAX];
};

static uint64_t time_us(const struct pcap_pkthdr *header)
{
	return (uint64_t)header->ts.tv_sec * 1000000 + (uint64_t)header->ts.tv_usec;
}

static void keep(struct pairs *pairs, const struct arrival *arrival)
{
	if (pairs->arrivals == pairs->room) {
		pairs->room = pairs->room ? 2 * pairs->room : 1024;
		pairs->arrival = realloc(pairs->arrival, pairs->room * sizeof(*arrival));
		if (!pairs->arrival)
			judge_die(&pairs->judge, "too little memory");
	}
	pairs->arrival[pairs->arrivals++] = *arrival;
}

static void peel(struct pairs *pairs)
{
	struct lm_packet_peel *item;
	uint64_t authentic;

	if (pairs->n == 0)
		return;
	if (lm_packet_peel_submit(pairs->judge.peeler, &pairs->judge.keys.ring, pairs->item,
				  pairs->n) != 0 ||
	    lm_packet_peel_collect(pairs->judge.peeler, &item, &authentic) != pairs->n)
		judge_die(&pairs->judge, "the peeler does not answer");
	for (unsigned i = 0; i < pairs->n; i++) {
		if (item[i].drop != LM_DROP_NONE || item[i].cmd != LM_PACKET_FWD)
			continue;
		memcpy(&pairs->waiting[i].epk, item[i].packet + EPK_AT, sizeof(struct lm_point));
		pairs->waiting[i].delay_us = item[i].delay_us;
		keep(pairs, &pairs->waiting[i]);
	}
	pairs->n = 0;
}

static void arrive(void *context, const struct pcap_pkthdr *header, const u_char *bytes)
{
	struct pairs *pairs = context;
	static const struct frame_checked unchecked;
	struct frame_parsed parsed =
		frame_parse(&pairs->judge.self, bytes, header->caplen, unchecked);
	uint32_t index = pairs->frames++;
	unsigned i = pairs->n;

	if (parsed.class != FRAME_PACKET || parsed.len > LM_PACKET_MAX)
		return;
	memcpy(pairs->packet[i], bytes + parsed.offset, parsed.len);
	pairs->item[i] = (struct lm_packet_peel){.packet = pairs->packet[i], .len = parsed.len};
	pairs->waiting[i] = (struct arrival){.us = time_us(header), .index = index};
	if (++pairs->n == LM_BURST)
		peel(pairs);
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct lm_point)); /* the first member */
}

static void leave(void *context, const struct pcap_pkthdr *header, const u_char *bytes)
{
	struct pairs *pairs = context;
	size_t at = header->caplen - lm_packet_len(pairs->judge.topology->profile) + EPK_AT;
	const struct arrival *found = NULL;

	if (header->caplen > at + sizeof(struct lm_point))
		found = bsearch(bytes + at, pairs->arrival, pairs->arrivals, sizeof(*found),
				compare);
	if (found)
		printf("%" PRIu64 " %" PRIu64 " %" PRIu32 " %" PRIu32 "\n", time_us(header),
		       found->us, found->index, found->delay_us);
}

int main(int argc, char **argv)
{
	static struct pairs pairs;

	if (argc != 4) {
		fprintf(stderr, "usage: replay-pairs CONFIG IN.pcap OUT.pcap\n");
		return 2;
	}
	pairs.judge.program = "replay-pairs";
	judge_open(&pairs.judge, argv[1], "auto");
	judge_frames(&pairs.judge, argv[2], arrive, &pairs);
	peel(&pairs);
	qsort(pairs.arrival, pairs.arrivals, sizeof(*pairs.arrival), compare);
	judge_frames(&pairs.judge, argv[3], leave, &pairs);
	free(pairs.arrival);
	judge_close(&pairs.judge);
	return 0;
}
