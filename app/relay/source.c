/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See source.h.
 */
#include "source.h"

#include <string.h>

enum {
	ETHER_LEN = 14,
	VLAN_LEN = 4,
	IPV4_LEN = 20,
	IPV6_LEN = 40,
	TYPE_IPV4 = 0x0800,
	TYPE_VLAN = 0x8100,
	TYPE_IPV6 = 0x86dd,
	PROTO_UDP = 17,
};

static unsigned type_at(const uint8_t *frame, size_t at)
{
	return (unsigned)(frame[at] << 8 | frame[at + 1]);
}

struct source source_ipv4(const uint8_t address[4])
{
	uint8_t mapped[16] = {[10] = 0xff, [11] = 0xff};

	memcpy(mapped + 12, address, 4);
	return source_ipv6(mapped);
}

struct source source_ipv6(const uint8_t address[16])
{
	struct source source = {.udp = true};

	memcpy(source.address, address, sizeof(source.address));
	return source;
}

/* Neither IPv4 nor IPv6: the sender's Ethernet address, where IPv6 has only zeros. */
static struct source source_ether(const uint8_t *frame)
{
	struct source source = {.udp = false};

	memcpy(source.address, frame + 6, 6);
	return source;
}

struct source source_read(const uint8_t *frame, size_t len)
{
	size_t at = ETHER_LEN;
	struct source source;
	unsigned type;

	if (len < ETHER_LEN)
		return (struct source){.udp = false};
	type = type_at(frame, 12);
	if (type == TYPE_VLAN && len >= ETHER_LEN + VLAN_LEN) {
		type = type_at(frame, 16);
		at += VLAN_LEN;
	}
	if (type == TYPE_IPV4 && len >= at + IPV4_LEN) {
		source = source_ipv4(frame + at + 12);
		source.udp = frame[at + 9] == PROTO_UDP;
		return source;
	}
	if (type == TYPE_IPV6 && len >= at + IPV6_LEN) {
		source = source_ipv6(frame + at + 8);
		source.udp = frame[at + 6] == PROTO_UDP;
		return source;
	}
	return source_ether(frame);
}
