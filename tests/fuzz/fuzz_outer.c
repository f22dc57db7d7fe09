/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ethernet frames as a port receives them: the classifier of outer headers, the glance at a
 * frame's source, and what routers say of MTUs.
 *
 *   byte 0   bits 0, 1: IP and UDP checksums are said to be good; bit 2: a VLAN is configured
 *   the rest the frame
 */
#include "frame.h"
#include "fuzz.h"
#include "mtu.h"
#include "source.h"

static const struct frame_self plain = {
	.mac = {2, 0, 0, 0, 0, 1},
	.addresses = 2,
	.address = {{.ipv6 = true, .ip = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}, .port = 7000},
		    {.ip = {192, 0, 2, 1}, .port = 7000}},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	uint8_t mode = fuzz_byte(&input);
	struct frame_checked checked = {.ip = mode & 1, .udp = mode & 2};
	struct frame_self self = plain;
	struct frame_parsed parsed;
	struct mtu_report report;
	struct source source;

	self.vlan = mode & 4 ? 5 : FRAME_VLAN_ANY;
	source = source_read(input.at, input.left);
	parsed = frame_parse(&self, input.at, input.left, checked);
	if (parsed.class == FRAME_PACKET) {
		LM_ASSERT(parsed.offset + (size_t)parsed.len <= input.left);
		LM_ASSERT(source.udp);
	}
	if (mtu_read(&report, input.at, input.left)) {
		LM_ASSERT(report.mtu >= (report.to.ipv6 ? 1280 : 68));
		LM_ASSERT(report.mtu <= UINT16_MAX && report.from.ipv6 == report.to.ipv6);
	}
	if (parsed.class == FRAME_DROP)
		LM_ASSERT(parsed.drop >= LM_DROP_FRAME && parsed.drop <= LM_DROP_UDP);
	return 0;
}
