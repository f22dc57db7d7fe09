/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Parsing and writing outer headers. Every byte that is read here comes from whoever can reach the
 * port: lengths are checked before fields, fields before checksums.
 */
#include "frame.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

enum {
	ETHER_LEN = 14,
	VLAN_LEN = 4,
	IPV4_LEN = 20,
	IPV6_LEN = 40,
	UDP_LEN = 8,
	ICMP_LEN = 8,
	HOP_BY_HOP_LEN = 8,
	TYPE_IPV4 = 0x0800,
	TYPE_ARP = 0x0806,
	TYPE_VLAN = 0x8100,
	TYPE_IPV6 = 0x86dd,
	PROTO_HOP_BY_HOP = 0,
	PROTO_ICMP = 1,
	PROTO_UDP = 17,
	PROTO_FRAGMENT = 44,
	PROTO_ICMPV6 = 58,
	ICMP_REPLY = 0,
	ICMP_UNREACHABLE = 3,
	ICMP_ECHO = 8,
	ICMPV6_TOO_BIG = 2,
	ICMPV6_ECHO = 128,
	ICMPV6_REPLY = 129,
	HOP_LIMIT = 64,
};

/* What is being parsed: the bytes that are left, and how far they lie in the frame. */
struct rest {
	const uint8_t *at;
	size_t len;
	size_t offset;
};

static uint16_t load_be16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static void store_be16(uint8_t *bytes, size_t value)
{
	bytes[0] = (uint8_t)(value >> 8);
	bytes[1] = (uint8_t)value;
}

typedef uint64_t vec __attribute__((vector_size(16)));

/* Sum of 16-bit words (RFC 1071) in memory order, not folded; an odd last byte counts as a low one.
 * Four sums that do not wait for one another take halves of 64 bits. */
static uint64_t sum_words(uint64_t sum, const uint8_t *bytes, size_t n)
{
	vec part[4] = {{0}}, word64[2];

	for (; n >= sizeof(word64); n -= sizeof(word64), bytes += sizeof(word64)) {
		memcpy(word64, bytes, sizeof(word64));
		part[0] += word64[0] & UINT32_MAX;
		part[1] += word64[0] >> 32;
		part[2] += word64[1] & UINT32_MAX;
		part[3] += word64[1] >> 32;
	}
	part[0] += part[1] + part[2] + part[3];
	sum += part[0][0] + part[0][1];
	for (; n >= 4; n -= 4, bytes += 4) {
		uint32_t word;

		memcpy(&word, bytes, 4);
		sum += word;
	}
	if (n > 0) {
		uint32_t word = 0;

		memcpy(&word, bytes, n);
		sum += word;
	}
	return sum;
}

/* Folds to 16 bits, in memory order. */
static uint16_t sum_fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* The pseudo header of RFC 768 and RFC 8200, 8.1, over two addresses that stand together. */
static uint64_t sum_pseudo(const uint8_t *addresses, size_t addresses_len, size_t udp_len)
{
	uint8_t tail[4] = {0, PROTO_UDP, (uint8_t)(udp_len >> 8), (uint8_t)udp_len};

	return sum_words(sum_words(0, addresses, addresses_len), tail, sizeof(tail));
}

static struct frame_parsed drop(enum lm_drop reason)
{
	return (struct frame_parsed){.class = FRAME_DROP, .drop = reason};
}

static struct frame_parsed to_kernel(void)
{
	return (struct frame_parsed){.class = FRAME_KERNEL};
}

static void skip(struct rest *rest, size_t n)
{
	rest->at += n;
	rest->len -= n;
	rest->offset += n;
}

/* ---- Whose addresses ---- */

static size_t ip_len(bool ipv6)
{
	return ipv6 ? 16 : 4;
}

/* With lengths that the compiler knows: every frame is looked at so. */
static bool same_ip(bool ipv6, const uint8_t *a, const uint8_t *b)
{
	return ipv6 ? memcmp(a, b, 16) == 0 : memcmp(a, b, 4) == 0;
}

bool frame_has_family(const struct frame_self *self, bool ipv6)
{
	for (unsigned i = 0; i < self->addresses; i++) {
		if (self->address[i].ipv6 == ipv6)
			return true;
	}
	return false;
}

static bool is_own_ip(const struct frame_self *self, bool ipv6, const uint8_t *ip)
{
	for (unsigned i = 0; i < self->addresses; i++) {
		const struct lm_topology_address *own = &self->address[i];

		if (own->ipv6 == ipv6 && same_ip(ipv6, own->ip, ip))
			return true;
	}
	return false;
}

/* The own address with this port, or NULL. */
static const struct lm_topology_address *find_own(const struct frame_self *self, bool ipv6,
						  const uint8_t *ip, uint16_t port)
{
	for (unsigned i = 0; i < self->addresses; i++) {
		const struct lm_topology_address *own = &self->address[i];

		if (own->ipv6 == ipv6 && own->port == port && same_ip(ipv6, own->ip, ip))
			return own;
	}
	return NULL;
}

/* Bits that both begin with. */
static unsigned common_bits(const uint8_t *a, const uint8_t *b, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned differ = a[i] ^ b[i];

		if (differ != 0)
			return (unsigned)(8 * i) + (unsigned)__builtin_clz(differ) - 24;
	}
	return (unsigned)(8 * len);
}

int frame_own(const struct frame_self *self, const struct lm_topology_address *to)
{
	unsigned most = 0;
	int best = -1;

	for (unsigned i = 0; i < self->addresses; i++) {
		const struct lm_topology_address *own = &self->address[i];
		unsigned bits;

		if (own->ipv6 != to->ipv6)
			continue;
		bits = common_bits(own->ip, to->ip, ip_len(to->ipv6));
		if (best >= 0 && bits <= most)
			continue;
		most = bits;
		best = (int)i;
	}
	return best;
}

bool frame_way_first(struct frame_way *way, const struct frame_self *self,
		     const struct lm_topology_node *node)
{
	memset(way, 0, sizeof(*way));
	for (unsigned i = 0; i < node->addresses; i++) {
		int own = frame_own(self, &node->address[i]);

		if (own < 0)
			continue;
		way->from = (uint8_t)own;
		way->to = (uint8_t)i;
		return true;
	}
	return false;
}

/* ---- What comes in ---- */

static bool udp_sum_right(bool ipv6, const uint8_t *destination, struct rest udp)
{
	size_t each = ip_len(ipv6);
	uint64_t pseudo = sum_pseudo(destination - each, 2 * each, udp.len);

	return sum_fold(sum_words(pseudo, udp.at, udp.len)) == 0xffff;
}

/* UDP to an own address; `ip` is that, behind the source's, and whether it is IPv6 says whether
 * zero is a checksum. */
static struct frame_parsed parse_udp(const struct frame_self *self, bool ipv6, const uint8_t *ip,
				     struct rest udp, bool checked)
{
	if (udp.len < UDP_LEN || load_be16(udp.at + 4) != udp.len)
		return drop(LM_DROP_UDP);
	if (!find_own(self, ipv6, ip, load_be16(udp.at + 2)))
		return drop(LM_DROP_FOREIGN);
	if (load_be16(udp.at + 6) == 0) {
		if (ipv6)
			return drop(LM_DROP_UDP);
	} else if (!checked && !udp_sum_right(ipv6, ip, udp)) {
		return drop(LM_DROP_UDP);
	}
	return (struct frame_parsed){.class = FRAME_PACKET,
				     .offset = (uint16_t)(udp.offset + UDP_LEN),
				     .len = (uint16_t)(udp.len - UDP_LEN)};
}

/* An address that nobody can send from: unspecified, loopback, multicast, broadcast. */
static bool bad_source_ipv4(const uint8_t address[4])
{
	return address[0] == 0 || address[0] == 127 || address[0] >= 224;
}

/*
 * Ping and its answer, and a router's word on what is too large. What would change routes or
 * addresses anybody can forge (redirects, RFC 792): the kernel does not get it.
 */
static bool takes_icmp(const struct rest *ip)
{
	uint8_t type = ip->len >= IPV4_LEN + ICMP_LEN ? ip->at[IPV4_LEN] : 0xff;

	return type == ICMP_REPLY || type == ICMP_ECHO || type == ICMP_UNREACHABLE;
}

static struct frame_parsed parse_ipv4(const struct frame_self *self, struct rest ip, bool my_mac,
				      struct frame_checked checked)
{
	if (ip.len < IPV4_LEN || ip.at[0] != 0x45)
		return drop(LM_DROP_IP);

	size_t total = load_be16(ip.at + 2);

	if (total < IPV4_LEN || total > ip.len)
		return drop(LM_DROP_IP);
	if (!checked.ip && sum_fold(sum_words(0, ip.at, IPV4_LEN)) != 0xffff)
		return drop(LM_DROP_IP);
	const uint8_t *destination = ip.at + 16;

	if (!my_mac || !is_own_ip(self, false, destination))
		return drop(LM_DROP_FOREIGN);
	if (bad_source_ipv4(ip.at + 12))
		return drop(LM_DROP_IP);
	if (load_be16(ip.at + 6) & 0x3fff)
		return drop(LM_DROP_FRAGMENT);
	ip.len = total;
	if (ip.at[9] == PROTO_ICMP)
		return takes_icmp(&ip) ? to_kernel() : drop(LM_DROP_FOREIGN);
	if (ip.at[9] != PROTO_UDP)
		return drop(LM_DROP_FOREIGN);

	skip(&ip, IPV4_LEN);
	return parse_udp(self, false, destination, ip, checked.udp);
}

/* The type of ICMPv6, also behind the one hop-by-hop header that multicast listening has; 0: none.
 */
static uint8_t icmpv6_type(const struct rest *ip, size_t payload)
{
	size_t at = IPV6_LEN;

	if (ip->at[6] == PROTO_HOP_BY_HOP && payload > HOP_BY_HOP_LEN &&
	    ip->at[at] == PROTO_ICMPV6 && ip->at[at + 1] == 0)
		at += HOP_BY_HOP_LEN;
	else if (ip->at[6] != PROTO_ICMPV6)
		return 0;
	return IPV6_LEN + payload >= at + ICMP_LEN ? ip->at[at] : 0;
}

/*
 * As for IPv4, and what keeps addresses working on the link: neighbour discovery (RFC 4861) without
 * redirects and without routers' advertisements, and multicast listening (RFC 2710, 3810).
 */
static bool takes_icmpv6(const struct rest *ip, size_t payload)
{
	switch (icmpv6_type(ip, payload)) {
	case ICMPV6_TOO_BIG:
	case ICMPV6_ECHO:
	case ICMPV6_REPLY:
	case 130: /* multicast listening: query, */
	case 131: /* report, */
	case 132: /* done, */
	case 143: /* report of version 2 */
	case 135: /* neighbour solicitation, */
	case 136: /* advertisement */
		return true;
	default:
		return false;
	}
}

static struct frame_parsed parse_ipv6(const struct frame_self *self, struct rest ip, bool my_mac,
				      bool multicast_mac, struct frame_checked checked)
{
	if (ip.len < IPV6_LEN || ip.at[0] >> 4 != 6)
		return drop(LM_DROP_IP);

	size_t payload = load_be16(ip.at + 4);
	const uint8_t *source = ip.at + 8, *destination = ip.at + 24;

	if (payload > ip.len - IPV6_LEN || source[0] == 0xff)
		return drop(LM_DROP_IP);
	if (!frame_has_family(self, true))
		return drop(LM_DROP_FOREIGN);

	bool mine = my_mac && is_own_ip(self, true, destination);
	bool link_local = (my_mac && destination[0] == 0xfe && (destination[1] & 0xc0) == 0x80) ||
			  (multicast_mac && destination[0] == 0xff && destination[1] == 0x02);

	if ((mine || link_local) && takes_icmpv6(&ip, payload))
		return to_kernel();
	if (!mine)
		return drop(LM_DROP_FOREIGN);
	if (ip.at[6] == PROTO_FRAGMENT)
		return drop(LM_DROP_FRAGMENT);
	if (ip.at[6] != PROTO_UDP)
		return drop(LM_DROP_FOREIGN);

	ip.len = IPV6_LEN + payload;
	skip(&ip, IPV6_LEN);
	return parse_udp(self, true, destination, ip, checked.udp);
}

bool frame_is_word(const uint8_t *frame, size_t len)
{
	const uint8_t *ip = frame + ETHER_LEN;

	if (len <= ETHER_LEN + IPV4_LEN)
		return false;
	if (load_be16(frame + 12) == TYPE_IPV4)
		return ip[9] == PROTO_ICMP && ip[IPV4_LEN] == ICMP_UNREACHABLE;
	return load_be16(frame + 12) == TYPE_IPV6 && len > ETHER_LEN + IPV6_LEN &&
	       ip[6] == PROTO_ICMPV6 && ip[IPV6_LEN] == ICMPV6_TOO_BIG;
}

struct frame_parsed frame_parse(const struct frame_self *self, const uint8_t *frame, size_t len,
				struct frame_checked checked)
{
	static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	struct rest rest = {.at = frame, .len = len};

	if (len < ETHER_LEN)
		return drop(LM_DROP_FRAME);

	bool my_mac = memcmp(frame, self->mac, 6) == 0;
	bool tagged = load_be16(frame + 12) == TYPE_VLAN;

	if (tagged) {
		if (len < ETHER_LEN + VLAN_LEN)
			return drop(LM_DROP_FRAME);
		skip(&rest, VLAN_LEN);
	}
	if (self->vlan != FRAME_VLAN_ANY &&
	    (!tagged || (load_be16(frame + ETHER_LEN) & 0xfff) != self->vlan))
		return drop(LM_DROP_FOREIGN);

	uint16_t type = load_be16(rest.at + 12);

	skip(&rest, ETHER_LEN);
	switch (type) {
	case TYPE_IPV4:
		return parse_ipv4(self, rest, my_mac, checked);
	case TYPE_IPV6:
		return parse_ipv6(self, rest, my_mac, (frame[0] & 1) != 0, checked);
	case TYPE_ARP:
		return my_mac || memcmp(frame, broadcast, 6) == 0 ? to_kernel()
								  : drop(LM_DROP_FOREIGN);
	default:
		return drop(LM_DROP_FRAME);
	}
}

/* ---- What goes out ---- */

static void put_ipv4(uint8_t *ip, const uint8_t from[4], const uint8_t to[4])
{
	ip[0] = 0x45;
	ip[6] = 0x40; /* don't fragment */
	ip[8] = HOP_LIMIT;
	ip[9] = PROTO_UDP;
	memcpy(ip + 12, from, 4);
	memcpy(ip + 16, to, 4);
}

static void put_ipv6(uint8_t *ip, const uint8_t from[16], const uint8_t to[16])
{
	ip[0] = 0x60;
	ip[6] = PROTO_UDP;
	ip[7] = HOP_LIMIT;
	memcpy(ip + 8, from, 16);
	memcpy(ip + 24, to, 16);
}

/* From an own address to this one and port, of its family. */
static void write_header(struct frame_header *header, const struct frame_self *self,
			 const struct lm_topology_address *from, const uint8_t mac[6],
			 const uint8_t *address, uint16_t port)
{
	uint8_t *at = header->bytes;

	memset(header, 0, sizeof(*header));
	header->ipv6 = from->ipv6;
	memcpy(at, mac, 6);
	memcpy(at + 6, self->mac, 6);
	at += 12;
	if (self->vlan != FRAME_VLAN_ANY) {
		store_be16(at, TYPE_VLAN);
		store_be16(at + 2, self->vlan);
		at += VLAN_LEN;
	}
	store_be16(at, header->ipv6 ? TYPE_IPV6 : TYPE_IPV4);
	at += 2;
	header->ip_offset = (uint16_t)(at - header->bytes);
	if (header->ipv6)
		put_ipv6(at, from->ip, address);
	else
		put_ipv4(at, from->ip, address);
	at += header->ipv6 ? IPV6_LEN : IPV4_LEN;
	store_be16(at, from->port);
	store_be16(at + 2, port);
	at += UDP_LEN;
	header->len = (uint16_t)(at - header->bytes);
}

void frame_header_init(struct frame_header *header, const struct frame_self *self,
		       const struct lm_topology_node *node, const struct frame_way *way)
{
	const struct lm_topology_address *from = &self->address[way->from];
	const struct lm_topology_address *to = &node->address[way->to];

	LM_ASSERT(way->from < self->addresses && way->to < node->addresses &&
		  from->ipv6 == to->ipv6);
	write_header(header, self, from, way->mac, to->ip, to->port);
}

/* The IP header of a frame that is good. */
static const uint8_t *ip_of(const uint8_t *frame)
{
	return frame + ETHER_LEN + (load_be16(frame + 12) == TYPE_VLAN ? VLAN_LEN : 0);
}

static bool is_ipv6(const uint8_t *ip)
{
	return ip[0] >> 4 == 6;
}

static const uint8_t *source_of(const uint8_t *ip)
{
	return ip + (is_ipv6(ip) ? 8 : 12);
}

static const uint8_t *destination_of(const uint8_t *ip)
{
	return ip + (is_ipv6(ip) ? 24 : 16);
}

static uint16_t source_port(const uint8_t *ip)
{
	return load_be16(ip + (is_ipv6(ip) ? IPV6_LEN : IPV4_LEN));
}

void frame_answer_init(struct frame_header *header, const struct frame_self *self,
		       const uint8_t *frame)
{
	const uint8_t *ip = ip_of(frame);
	uint16_t port = load_be16(ip + (is_ipv6(ip) ? IPV6_LEN : IPV4_LEN) + 2);
	const struct lm_topology_address *own =
		find_own(self, is_ipv6(ip), destination_of(ip), port);

	LM_ASSERT(own != NULL);
	write_header(header, self, own, frame + 6, source_of(ip), source_port(ip));
}

void frame_source(uint8_t address[16], uint16_t *port, const uint8_t *frame)
{
	const uint8_t *ip = ip_of(frame);

	*port = source_port(ip);
	if (is_ipv6(ip)) {
		memcpy(address, source_of(ip), 16);
		return;
	}
	memset(address, 0, 10);
	memset(address + 10, 0xff, 2);
	memcpy(address + 12, source_of(ip), 4);
}

void frame_address_text(char text[FRAME_ADDRESS_TEXT], const struct lm_topology_address *address)
{
	char ip[INET6_ADDRSTRLEN] = "?";

	(void)inet_ntop(address->ipv6 ? AF_INET6 : AF_INET, address->ip, ip, sizeof(ip));
	snprintf(text, FRAME_ADDRESS_TEXT, address->ipv6 ? "[%s]:%u" : "%s:%u", ip, address->port);
}

struct lm_topology_address frame_header_to(const struct frame_header *header)
{
	struct lm_topology_address to = {.ipv6 = header->ipv6};
	const uint8_t *ip = header->bytes + header->ip_offset;

	memcpy(to.ip, destination_of(ip), ip_len(to.ipv6));
	to.port = load_be16(ip + (to.ipv6 ? IPV6_LEN : IPV4_LEN) + 2);
	return to;
}

void frame_header_from_port(struct frame_header *header, uint16_t port)
{
	store_be16(header->bytes + header->len - UDP_LEN, port);
}

uint8_t *frame_write(const struct frame_header *header, uint8_t *payload, size_t payload_len,
		     bool udp_checksum)
{
	uint8_t *frame = payload - header->len;
	uint8_t *ip = frame + header->ip_offset;
	uint8_t *udp = payload - UDP_LEN;
	size_t udp_len = UDP_LEN + payload_len;
	uint64_t sum;

	memcpy(frame, header->bytes, header->len);
	store_be16(udp + 4, udp_len);
	if (header->ipv6) {
		store_be16(ip + 4, udp_len);
		sum = sum_pseudo(ip + 8, 32, udp_len);
	} else {
		store_be16(ip + 2, IPV4_LEN + udp_len);
		uint16_t ip_sum = (uint16_t)~sum_fold(sum_words(0, ip, IPV4_LEN));

		memcpy(ip + 10, &ip_sum, 2);
		sum = sum_pseudo(ip + 12, 8, udp_len);
	}

	uint16_t folded = sum_fold(sum);

	if (udp_checksum) {
		folded = (uint16_t)~sum_fold(sum_words(sum, udp, udp_len));
		if (folded == 0)
			folded = 0xffff; /* zero would say "no checksum" */
	}
	memcpy(udp + 6, &folded, 2);
	return frame;
}

void frame_mac_of_id(uint8_t mac[6], uint32_t id)
{
	mac[0] = 0x02;
	mac[1] = 0x00;
	mac[2] = (uint8_t)(id >> 24);
	mac[3] = (uint8_t)(id >> 16);
	mac[4] = (uint8_t)(id >> 8);
	mac[5] = (uint8_t)id;
}
