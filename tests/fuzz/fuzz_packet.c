/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets at a relay: raw bytes, and packets whose header is authentic with a command block from
 * the input, which no honest sender would make. Beside its right neighbour in the burst, which must
 * come through whatever stands before it.
 *
 *   byte 0   bit 0: profile; bit 1: authentic, the input is a command block; else a packet
 *   byte 1   a raw packet's length less than the profile's
 *   the rest the bytes
 */
#include "fuzz.h"
#include "packet_testing.h"

static struct net *nets[LM_PACKET_PROFILES];
static uint8_t packet[2][LM_PACKET_MAX], good[LM_PACKET_PROFILES][LM_PACKET_MAX];

static void start(void)
{
	struct lm_packet_build build;

	if (nets[0])
		return;
	fuzz_start();
	for (unsigned profile = 0; profile < LM_PACKET_PROFILES; profile++) {
		nets[profile] = net_new(profile, "auto");
		net_build(nets[profile], &build, 3, LM_PACKET_EXIT, good[profile]);
	}
}

static void make(const struct net *net, struct fuzz_input *input, bool authentic)
{
	uint8_t command[LM_PACKET_COMMAND];

	if (authentic) {
		fuzz_bytes(input, command, sizeof(command));
		forge(net, packet[0], &net->key[0][0], command);
	} else {
		fuzz_bytes(input, packet[0], net->len);
	}
}

/* What may be said of any packet that has been peeled. */
static void check(const struct lm_packet_peel *item, bool authentic, size_t len)
{
	LM_ASSERT(item->drop < LM_DROP_COUNT);
	if (!authentic)
		LM_ASSERT(item->drop != LM_DROP_NONE);
	if (item->drop != LM_DROP_NONE)
		return;
	LM_ASSERT(item->cmd >= LM_PACKET_FWD && item->cmd <= LM_PACKET_DROP);
	if (item->cmd == LM_PACKET_FWD)
		LM_ASSERT(item->packet[0] == LM_PACKET_VERSION && item->packet[3] == 0 &&
			  item->len == len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	struct lm_packet_peel item[2] = {0};
	struct lm_packet_peel *ready;
	uint8_t mode = fuzz_byte(&input), shorter = fuzz_byte(&input);
	unsigned profile = mode & 1;
	bool authentic = (mode & 2) != 0;
	const struct net *net;
	uint64_t verdict;

	start();
	net = nets[profile];
	make(net, &input, authentic);
	memcpy(packet[1], good[profile], net->len);
	for (unsigned i = 0; i < 2; i++)
		item[i] = (struct lm_packet_peel){.packet = packet[i], .len = net->len};
	if (!authentic)
		item[0].len -= shorter;
	LM_ASSERT(lm_packet_peel_submit(net->peeler, &net->keyring[0], item, 2) == 0);
	LM_ASSERT(lm_packet_peel_collect(net->peeler, &ready, &verdict) == 2 && ready == item);
	LM_ASSERT((verdict >> 1 & 1) && item[1].drop == LM_DROP_NONE);
	LM_ASSERT((verdict & 1) == authentic);
	check(&item[0], authentic, net->len);
	return 0;
}
