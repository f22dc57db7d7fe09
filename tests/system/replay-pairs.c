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
#include <pcap/pcap.h>
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "frame.h"
#include "keys.h"
#include "view.h"

#define EPK_AT 4 /* of a packet: as good as its name, since no two are alike */

struct arrival {
	struct lm_point epk; /* that it has when it leaves */
	uint64_t us;
	uint32_t index, delay_us;
};

struct pairs {
	struct relay_config config;
	struct lm_topology *topology;
	const struct lm_topology_node *node;
	struct mix_keys keys;
	struct frame_self self;
	struct lm_packet_peeler *peeler;
	struct arrival *arrival;
	size_t arrivals, room;
	uint32_t frames;
	/* the burst that is being filled */
	unsigned n;
	struct lm_packet_peel item[LM_BURST];
	struct arrival waiting[LM_BURST];
	uint8_t packet[LM_BURST][LM_PACKET_MAX];
};

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "replay-pairs: %s\n", what);
	exit(1);
}

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
			die("too little memory");
	}
	pairs->arrival[pairs->arrivals++] = *arrival;
}

static void peel(struct pairs *pairs)
{
	struct lm_packet_peel *item;
	uint64_t authentic;

	if (pairs->n == 0)
		return;
	if (lm_packet_peel_submit(pairs->peeler, &pairs->keys.ring, pairs->item, pairs->n) != 0 ||
	    lm_packet_peel_collect(pairs->peeler, &item, &authentic) != pairs->n)
		die("the peeler does not answer");
	for (unsigned i = 0; i < pairs->n; i++) {
		if (item[i].drop != LM_DROP_NONE || item[i].cmd != LM_PACKET_FWD)
			continue;
		memcpy(&pairs->waiting[i].epk, item[i].packet + EPK_AT, sizeof(struct lm_point));
		pairs->waiting[i].delay_us = item[i].delay_us;
		keep(pairs, &pairs->waiting[i]);
	}
	pairs->n = 0;
}

static void arrive(struct pairs *pairs, const struct pcap_pkthdr *header, const u_char *bytes)
{
	static const struct frame_checked unchecked;
	struct frame_parsed parsed = frame_parse(&pairs->self, bytes, header->caplen, unchecked);
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

static void leave(struct pairs *pairs, const struct pcap_pkthdr *header, const u_char *bytes)
{
	size_t at = header->caplen - lm_packet_len(pairs->topology->profile) + EPK_AT;
	const struct arrival *found = NULL;

	if (header->caplen > at + sizeof(struct lm_point))
		found = bsearch(bytes + at, pairs->arrival, pairs->arrivals, sizeof(*found),
				compare);
	if (found)
		printf("%" PRIu64 " %" PRIu64 " %" PRIu32 " %" PRIu32 "\n", time_us(header),
		       found->us, found->index, found->delay_us);
}

static void each_frame(struct pairs *pairs, const char *path,
		       void (*each)(struct pairs *, const struct pcap_pkthdr *, const u_char *))
{
	char text[PCAP_ERRBUF_SIZE];
	pcap_t *in = pcap_open_offline(path, text);
	struct pcap_pkthdr *header;
	const u_char *bytes;

	if (!in)
		die(text);
	while (pcap_next_ex(in, &header, &bytes) == 1)
		each(pairs, header, bytes);
	pcap_close(in);
}

static void load(struct pairs *pairs, const char *config_path)
{
	const struct node_config *node = &pairs->config.node;
	void *memory = aligned_alloc(LM_PACKET_ALIGN, (lm_packet_peeler_size() + 63) / 64 * 64);
	struct lm_epoch_place place;
	struct lm_error err;
	uint8_t mac[6];

	if (!memory)
		die("too little memory");
	if (lm_base_init(&err) != 0 || relay_config_load(&pairs->config, config_path, &err) != 0 ||
	    lm_topology_load(&pairs->topology, node->topology, &err) != 0)
		die(err.text);
	pairs->node = lm_topology_find(pairs->topology, (uint32_t)node->node);
	if (!pairs->node)
		die("no such node in the topology");
	place = mix_keys_place(node);
	place.runtime = LM_EPOCH_THROWAWAY;
	if (mix_keys_load(&pairs->keys, &place, pairs->topology, pairs->node, &err) != 0)
		die(err.text);
	view_resolve_static(NULL, mac, pairs->node);
	view_self_init(&pairs->self, pairs->node, mac, (uint16_t)node->port.vlan);
	pairs->peeler =
		lm_packet_peeler_init(memory, pairs->topology->profile, node->symmetric, &err);
	if (!pairs->peeler)
		die(err.text);
}

int main(int argc, char **argv)
{
	static struct pairs pairs;

	if (argc != 4) {
		fprintf(stderr, "usage: replay-pairs CONFIG IN.pcap OUT.pcap\n");
		return 2;
	}
	load(&pairs, argv[1]);
	each_frame(&pairs, argv[2], arrive);
	peel(&pairs);
	qsort(pairs.arrival, pairs.arrivals, sizeof(*pairs.arrival), compare);
	each_frame(&pairs, argv[3], leave);
	free(pairs.arrival);
	lm_wipe(pairs.peeler, lm_packet_peeler_size());
	free(pairs.peeler);
	mix_keys_free(&pairs.keys);
	lm_topology_free(pairs.topology);
	return 0;
}
