/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See mtu.h. ICMP's checksum is not looked at: who forges the rest can compute it too.
 */
#include "mtu.h"

#include <string.h>

#include "lm_link.h"

enum {
	ETHER_LEN = 14,
	IPV4_LEN = 20,
	IPV6_LEN = 40,
	UDP_LEN = 8,
	ICMP_LEN = 8,
	PROTO_ICMP = 1,
	PROTO_UDP = 17,
	PROTO_ICMPV6 = 58,
	ICMP_UNREACHABLE = 3,
	ICMP_FRAGMENTATION_NEEDED = 4,
	ICMPV6_TOO_BIG = 2,
	IPV4_MTU_MIN = 68,
	IPV6_MTU_MIN = 1280,
};

unsigned mtu_needed(size_t packet_len, bool sessions, bool ipv6)
{
	return (unsigned)(packet_len + (sessions ? LM_LINK_OVERHEAD : 0) + UDP_LEN +
			  (ipv6 ? IPV6_LEN : IPV4_LEN));
}

static unsigned load_be16(const uint8_t *bytes)
{
	return (unsigned)bytes[0] << 8 | bytes[1];
}

static struct lm_topology_address address(const uint8_t *ip, const uint8_t *port, bool ipv6)
{
	struct lm_topology_address address = {.ipv6 = ipv6, .port = (uint16_t)load_be16(port)};

	memcpy(address.ip, ip, ipv6 ? 16 : 4);
	return address;
}

/* ICMP at `at`: its header, then the head of the packet that was too large. */
static bool read_ipv4(struct mtu_report *report, const uint8_t *at, size_t len)
{
	const uint8_t *inner, *udp;

	if (len < ICMP_LEN + IPV4_LEN + UDP_LEN || at[0] != ICMP_UNREACHABLE ||
	    at[1] != ICMP_FRAGMENTATION_NEEDED)
		return false;
	inner = at + ICMP_LEN;
	udp = inner + IPV4_LEN;
	if (inner[0] != 0x45 || inner[9] != PROTO_UDP)
		return false;
	report->mtu = load_be16(at + 6);
	report->from = address(inner + 12, udp, false);
	report->to = address(inner + 16, udp + 2, false);
	return report->mtu >= IPV4_MTU_MIN;
}

static bool read_ipv6(struct mtu_report *report, const uint8_t *at, size_t len)
{
	const uint8_t *inner, *udp;

	if (len < ICMP_LEN + IPV6_LEN + UDP_LEN || at[0] != ICMPV6_TOO_BIG)
		return false;
	inner = at + ICMP_LEN;
	udp = inner + IPV6_LEN;
	if (inner[0] >> 4 != 6 || inner[6] != PROTO_UDP || load_be16(at + 4) != 0)
		return false;
	report->mtu = load_be16(at + 6);
	report->from = address(inner + 8, udp, true);
	report->to = address(inner + 24, udp + 2, true);
	return report->mtu >= IPV6_MTU_MIN;
}

bool mtu_read(struct mtu_report *report, const uint8_t *frame, size_t len)
{
	const uint8_t *ip;

	if (len < ETHER_LEN + IPV4_LEN)
		return false;
	ip = frame + ETHER_LEN;
	if (load_be16(frame + 12) == 0x0800 && ip[0] == 0x45 && ip[9] == PROTO_ICMP)
		return read_ipv4(report, ip + IPV4_LEN, len - ETHER_LEN - IPV4_LEN);
	if (load_be16(frame + 12) == 0x86dd && len >= ETHER_LEN + IPV6_LEN && ip[6] == PROTO_ICMPV6)
		return read_ipv6(report, ip + IPV6_LEN, len - ETHER_LEN - IPV6_LEN);
	return false;
}
