/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * replay-check CONFIG IN.pcap OUT.pcap: did the relay of this configuration, replaying IN, write
 * exactly what lib/packet says it must?
 *
 * Every frame of IN is judged again here, one by one, with lib/packet and lib/topology alone; every
 * frame of OUT must then be one of the expected packets, complete, with the right outer headers,
 * and none may be missing. Order and times are the mixer's and not looked at. Ends with "N passed,
 * M failed".
 */
#include <pcap/pcap.h>
#include <stdio.h>
#include <string.h>

#include "judge.h"
#include "services.h"
#include "view.h"

/* A packet that must come out. */
struct expected {
	struct frame_self to; /* who must be able to take it */
	uint8_t *bytes;
	size_t len;
	bool seen;
};

struct check {
	struct judge judge;
	struct services services;
	struct expected *expected;
	size_t expected_n, dropped, passed, failed;
};

static void expect(struct check *check, const struct frame_self *to, const uint8_t *bytes,
		   size_t len)
{
	struct expected *slot;

	check->expected =
		realloc(check->expected, (check->expected_n + 1) * sizeof(*check->expected));
	if (!check->expected)
		judge_die(&check->judge, "too little memory");
	slot = &check->expected[check->expected_n++];
	*slot = (struct expected){.to = *to, .bytes = judge_alloc(&check->judge, len), .len = len};
	memcpy(slot->bytes, bytes, len);
}

static void expect_at_node(struct check *check, uint32_t id, const uint8_t *packet, size_t len)
{
	const struct lm_topology_node *node = lm_topology_find(check->judge.topology, id);
	struct frame_self to;
	uint8_t mac[6];

	if (lm_topology_route(check->judge.topology, check->judge.node, id) != LM_DROP_NONE) {
		check->dropped++;
		return;
	}
	view_static_mac(mac, node);
	view_self_init(&to, node, mac, (uint16_t)check->judge.config.node.port.vlan);
	expect(check, &to, packet, len);
}

static void expect_delivery(struct check *check, const struct lm_packet_peel *item)
{
	const struct endpoint *endpoint = services_find(&check->services, item->cmd, &item->dest);
	size_t skip = LM_PACKET_HEADER + (item->cmd == LM_PACKET_EXIT ? 48 : 0);
	uint8_t datagram[SERVICE_HEADER + LM_PACKET_PAYLOAD_MAX];
	size_t body = item->len - skip;
	struct frame_self to = {.vlan = (uint16_t)check->judge.config.node.port.vlan};

	if (check->judge.node->role != LM_TOPOLOGY_GATEWAY || !endpoint) {
		check->dropped++;
		return;
	}
	to.addresses = 1;
	to.address[0].ipv6 = endpoint->ipv6;
	to.address[0].port = endpoint->port;
	memcpy(to.address[0].ip, endpoint->address, endpoint->ipv6 ? 16 : 4);
	service_header_write(datagram, item->cmd, &item->dest, &item->token);
	memcpy(datagram + SERVICE_HEADER, item->packet + skip, body);
	expect(check, &to, datagram, SERVICE_HEADER + body);
}

static void judge_packet(struct check *check, uint8_t *packet, size_t len)
{
	struct lm_packet_peel item = {.packet = packet, .len = len}, *back;
	uint64_t authentic, full, fresh = 1;

	if (lm_packet_peel_submit(check->judge.peeler, &check->judge.keys.ring, &item, 1) != 0 ||
	    lm_packet_peel_collect(check->judge.peeler, &back, &authentic) != 1)
		judge_die(&check->judge, "the peeler does not answer");
	if (authentic)
		fresh = lm_replay_insert(lm_epoch_replay(item.key), &item.replay_tag, 1, 1, &full);
	if (!fresh || item.drop != LM_DROP_NONE || item.cmd == LM_PACKET_DROP)
		check->dropped++;
	else if (item.cmd == LM_PACKET_FWD)
		expect_at_node(check, item.next_id, packet, len);
	else
		expect_delivery(check, &item);
}

static void judge_frame(void *context, const struct pcap_pkthdr *header, const u_char *bytes)
{
	struct check *check = context;
	static const struct frame_checked unchecked;
	struct frame_parsed parsed =
		frame_parse(&check->judge.self, bytes, header->caplen, unchecked);
	size_t len = lm_packet_len(check->judge.topology->profile);
	uint8_t packet[65536];

	if (parsed.class == FRAME_KERNEL)
		return;
	if (parsed.class == FRAME_DROP) {
		check->dropped++;
		return;
	}
	memcpy(packet, bytes + parsed.offset, parsed.len);
	if (check->judge.node->role == LM_TOPOLOGY_GATEWAY && parsed.len == len + 4)
		expect_at_node(check, lm_load_u32(packet), packet + 4, len);
	else
		judge_packet(check, packet, parsed.len);
}

static bool is_expected(const struct expected *expected, const struct pcap_pkthdr *header,
			const u_char *bytes)
{
	static const struct frame_checked unchecked;
	struct frame_parsed parsed;

	if (expected->seen)
		return false;
	parsed = frame_parse(&expected->to, bytes, header->caplen, unchecked);
	return parsed.class == FRAME_PACKET && parsed.len == expected->len &&
	       memcmp(bytes + parsed.offset, expected->bytes, expected->len) == 0;
}

static void look_up(void *context, const struct pcap_pkthdr *header, const u_char *bytes)
{
	struct check *check = context;

	for (size_t i = 0; i < check->expected_n; i++) {
		if (is_expected(&check->expected[i], header, bytes)) {
			check->expected[i].seen = true;
			check->passed++;
			return;
		}
	}
	check->failed++;
	fprintf(stderr, "replay-check: a frame of %u bytes came out that nobody expects\n",
		header->caplen);
}

int main(int argc, char **argv)
{
	static struct check check;

	if (argc != 4) {
		fprintf(stderr, "usage: replay-check CONFIG IN.pcap OUT.pcap\n");
		return 2;
	}
	check.judge.program = "replay-check";
	judge_open(&check.judge, argv[1], "scalar");
	services_init(&check.services, &check.judge.config);
	judge_frames(&check.judge, argv[2], judge_frame, &check);
	judge_frames(&check.judge, argv[3], look_up, &check);
	for (size_t i = 0; i < check.expected_n; i++) {
		if (!check.expected[i].seen) {
			check.failed++;
			fprintf(stderr, "replay-check: expected packet %zu never came out\n", i);
		}
		free(check.expected[i].bytes);
	}
	free(check.expected);
	printf("%zu frames dropped\n%zu passed, %zu failed\n", check.dropped, check.passed,
	       check.failed);
	judge_close(&check.judge);
	return check.failed == 0 ? 0 : 1;
}
