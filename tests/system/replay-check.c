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

#include "config.h"
#include "frame.h"
#include "keys.h"
#include "lm_packet.h"
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
	struct relay_config config;
	struct lm_topology *topology;
	const struct lm_topology_node *node;
	struct mix_keys keys;
	struct services services;
	struct frame_self self;
	struct lm_packet_peeler *peeler;
	struct expected *expected;
	size_t expected_n, dropped, passed, failed;
};

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "replay-check: %s\n", what);
	exit(1);
}

static void *must_alloc(size_t n)
{
	void *memory = aligned_alloc(LM_CACHE_LINE, (n + 63) / 64 * 64);

	if (!memory)
		die("too little memory");
	memset(memory, 0, n);
	return memory;
}

static void expect(struct check *check, const struct frame_self *to, const uint8_t *bytes,
		   size_t len)
{
	struct expected *slot;

	check->expected =
		realloc(check->expected, (check->expected_n + 1) * sizeof(*check->expected));
	if (!check->expected)
		die("too little memory");
	slot = &check->expected[check->expected_n++];
	*slot = (struct expected){.to = *to, .bytes = must_alloc(len), .len = len};
	memcpy(slot->bytes, bytes, len);
}

static void expect_at_node(struct check *check, uint32_t id, const uint8_t *packet, size_t len)
{
	const struct lm_topology_node *node = lm_topology_find(check->topology, id);
	struct frame_self to;
	uint8_t mac[6];

	if (lm_topology_route(check->topology, check->node, id) != LM_DROP_NONE) {
		check->dropped++;
		return;
	}
	view_resolve_static(NULL, mac, node);
	view_self_init(&to, node, mac, (uint16_t)check->config.node.port.vlan);
	expect(check, &to, packet, len);
}

static void expect_delivery(struct check *check, const struct lm_packet_peel *item)
{
	const struct endpoint *endpoint = services_find(&check->services, item->cmd, &item->dest);
	size_t skip = LM_PACKET_HEADER + (item->cmd == LM_PACKET_EXIT ? 48 : 0);
	uint8_t datagram[SERVICE_HEADER + LM_PACKET_PAYLOAD_MAX];
	size_t body = item->len - skip;
	struct frame_self to = {.vlan = (uint16_t)check->config.node.port.vlan};

	if (check->node->role != LM_TOPOLOGY_GATEWAY || !endpoint) {
		check->dropped++;
		return;
	}
	to.has_ipv4 = !endpoint->ipv6;
	to.has_ipv6 = endpoint->ipv6;
	memcpy(endpoint->ipv6 ? to.ipv6 : to.ipv4, endpoint->address, endpoint->ipv6 ? 16 : 4);
	to.port = endpoint->port;
	service_header_write(datagram, item->cmd, &item->dest, &item->token);
	memcpy(datagram + SERVICE_HEADER, item->packet + skip, body);
	expect(check, &to, datagram, SERVICE_HEADER + body);
}

static void judge_packet(struct check *check, uint8_t *packet, size_t len)
{
	struct lm_packet_peel item = {.packet = packet, .len = len}, *back;
	uint64_t authentic, full, fresh = 1;

	if (lm_packet_peel_submit(check->peeler, &check->keys.ring, &item, 1) != 0 ||
	    lm_packet_peel_collect(check->peeler, &back, &authentic) != 1)
		die("the peeler does not answer");
	if (authentic)
		fresh = lm_replay_insert(lm_epoch_replay(item.key), &item.replay_tag, 1, 1, &full);
	if (!fresh || item.drop != LM_DROP_NONE || item.cmd == LM_PACKET_DROP)
		check->dropped++;
	else if (item.cmd == LM_PACKET_FWD)
		expect_at_node(check, item.next_id, packet, len);
	else
		expect_delivery(check, &item);
}

static void judge(struct check *check, const struct pcap_pkthdr *header, const u_char *bytes)
{
	static const struct frame_checked unchecked;
	struct frame_parsed parsed = frame_parse(&check->self, bytes, header->caplen, unchecked);
	size_t len = lm_packet_len(check->topology->profile);
	uint8_t packet[65536];

	if (parsed.class == FRAME_KERNEL)
		return;
	if (parsed.class == FRAME_DROP) {
		check->dropped++;
		return;
	}
	memcpy(packet, bytes + parsed.offset, parsed.len);
	if (check->node->role == LM_TOPOLOGY_GATEWAY && parsed.len == len + 4)
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

static void look_up(struct check *check, const struct pcap_pkthdr *header, const u_char *bytes)
{
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

static void each_frame(struct check *check, const char *path,
		       void (*each)(struct check *, const struct pcap_pkthdr *, const u_char *))
{
	char text[PCAP_ERRBUF_SIZE];
	pcap_t *in = pcap_open_offline(path, text);
	struct pcap_pkthdr *header;
	const u_char *bytes;

	if (!in)
		die(text);
	while (pcap_next_ex(in, &header, &bytes) == 1)
		each(check, header, bytes);
	pcap_close(in);
}

static void load(struct check *check, const char *config_path)
{
	const struct node_config *node = &check->config.node;
	struct lm_epoch_place place;
	struct lm_error err;
	uint8_t mac[6];

	if (lm_base_init(&err) != 0 || relay_config_load(&check->config, config_path, &err) != 0 ||
	    lm_topology_load(&check->topology, node->topology, &err) != 0)
		die(err.text);
	check->node = lm_topology_find(check->topology, (uint32_t)node->node);
	if (!check->node)
		die("no such node in the topology");
	place = mix_keys_place(node);
	place.runtime = LM_EPOCH_THROWAWAY;
	if (mix_keys_load(&check->keys, &place, check->topology, check->node, &err) != 0)
		die(err.text);
	services_init(&check->services, &check->config);
	view_resolve_static(NULL, mac, check->node);
	view_self_init(&check->self, check->node, mac, (uint16_t)node->port.vlan);
	check->peeler = lm_packet_peeler_init(must_alloc(lm_packet_peeler_size()),
					      check->topology->profile, "scalar", &err);
	if (!check->peeler)
		die(err.text);
}

int main(int argc, char **argv)
{
	static struct check check;

	if (argc != 4) {
		fprintf(stderr, "usage: replay-check CONFIG IN.pcap OUT.pcap\n");
		return 2;
	}
	load(&check, argv[1]);
	each_frame(&check, argv[2], judge);
	each_frame(&check, argv[3], look_up);
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
	lm_wipe(check.peeler, lm_packet_peeler_size());
	free(check.peeler);
	mix_keys_free(&check.keys);
	lm_topology_free(check.topology);
	return check.failed == 0 ? 0 : 1;
}
