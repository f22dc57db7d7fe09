/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ethernet frames as a port receives them: the classifier of outer headers, and the glance at a
 * frame's source.
 *
 *   byte 0   bits 0, 1: IP and UDP checksums are said to be good; bit 2: a VLAN is configured
 *   the rest the frame
 */
#include "frame.h"
#include "fuzz.h"
#include "source.h"

static const struct frame_self plain = {
	.mac = {2, 0, 0, 0, 0, 1},
	.has_ipv4 = true,
	.has_ipv6 = true,
	.ipv4 = {192, 0, 2, 1},
	.ipv6 = {0x20, 0x01, 0x0d, 0xb8, [15] = 1},
	.port_ipv4 = 7000,
	.port_ipv6 = 7000,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	uint8_t mode = fuzz_byte(&input);
	struct frame_checked checked = {.ip = mode & 1, .udp = mode & 2};
	struct frame_self self = plain;
	struct frame_parsed parsed;
	struct source source;

	self.vlan = mode & 4 ? 5 : FRAME_VLAN_ANY;
	source = source_read(input.at, input.left);
	parsed = frame_parse(&self, input.at, input.left, checked);
	if (parsed.class == FRAME_PACKET) {
		LM_ASSERT(parsed.offset + (size_t)parsed.len <= input.left);
		LM_ASSERT(source.udp);
	}
	if (parsed.class == FRAME_DROP)
		LM_ASSERT(parsed.drop >= LM_DROP_FRAME && parsed.drop <= LM_DROP_UDP);
	return 0;
}
