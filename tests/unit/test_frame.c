/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Outer headers: what is written is taken again, everything else has its named reason, and nothing
 * is read past the frame's end.
 */
#include <string.h>

#include "frame.h"
#include "testing.h"

#define PAYLOAD 301 /* odd, so that the checksum's last byte is tested */

static const struct frame_checked unchecked;

static const struct frame_self me = {
	.mac = {2, 0, 0, 0, 0, 1},
	.addresses = 2,
	.address = {{.ipv6 = true, .ip = {0xfd, 0, [15] = 1}, .port = 4242},
		    {.ip = {10, 7, 0, 1}, .port = 4242}},
};

static const struct frame_self peer = {
	.mac = {2, 0, 0, 0, 0, 2},
	.addresses = 2,
	.address = {{.ipv6 = true, .ip = {0xfd, 0, [15] = 2}, .port = 4343},
		    {.ip = {10, 7, 0, 2}, .port = 4343}},
};

#define IPV6 0 /* its place among the addresses of both */
#define IPV4 1

static struct lm_topology_node node_of(const struct frame_self *self)
{
	struct lm_topology_node node = {.addresses = self->addresses};

	memcpy(node.address, self->address, sizeof(node.address));
	return node;
}

/* From an own address to one of a node, whose link-layer address is mine. */
static void header_to(struct frame_header *header, const struct frame_self *self,
		      const struct lm_topology_node *node, unsigned from, unsigned to)
{
	struct frame_way way = {.from = (uint8_t)from, .to = (uint8_t)to};

	memcpy(way.mac, me.mac, sizeof(way.mac));
	frame_header_init(header, self, node, &way);
}

/* A frame from the peer to me, ending at a guard page. */
struct sample {
	uint8_t *frame;
	size_t len, ip, udp;
};

static struct sample make_tagged(bool ipv6, uint16_t vlan)
{
	struct lm_topology_node node = node_of(&me);
	struct frame_self from = peer;
	struct frame_header header;
	struct sample sample;

	from.vlan = vlan;
	header_to(&header, &from, &node, ipv6 ? IPV6 : IPV4, ipv6 ? IPV6 : IPV4);
	sample.len = header.len + PAYLOAD;
	sample.frame = guarded_alloc(sample.len, GUARD_AFTER);
	for (unsigned i = 0; i < PAYLOAD; i++)
		sample.frame[header.len + i] = (uint8_t)(i * 7);
	assert_ptr_equal(frame_write(&header, sample.frame + header.len, PAYLOAD, true),
			 sample.frame);
	sample.ip = header.ip_offset;
	sample.udp = header.len - 8u;
	return sample;
}

static struct sample make(bool ipv6)
{
	return make_tagged(ipv6, FRAME_VLAN_ANY);
}

static void unmake(struct sample *sample)
{
	guarded_free(sample->frame, sample->len, GUARD_AFTER);
}

static void assert_drop(const uint8_t *frame, size_t len, enum lm_drop reason)
{
	struct frame_parsed parsed = frame_parse(&me, frame, len, unchecked);

	assert_int_equal(parsed.class, FRAME_DROP);
	assert_string_equal(lm_drop_name(parsed.drop), lm_drop_name(reason));
}

static void assert_taken(const struct frame_self *self, const struct sample *sample)
{
	struct frame_parsed parsed = frame_parse(self, sample->frame, sample->len, unchecked);

	assert_int_equal(parsed.class, FRAME_PACKET);
	assert_int_equal(parsed.offset, sample->udp + 8);
	assert_int_equal(parsed.len, PAYLOAD);
}

static void put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* The IPv4 header checksum, word by word as RFC 791 says it. */
static void fix_ipv4(const struct sample *sample)
{
	uint8_t *ip = sample->frame + sample->ip;
	unsigned sum = 0;

	put16(ip + 10, 0);
	for (unsigned i = 0; i < 20; i += 2)
		sum += (unsigned)(ip[i] << 8 | ip[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	put16(ip + 10, ~sum & 0xffff);
}

static void what_is_written_is_taken(void **state)
{
	(void)state;
	for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
		struct sample sample = make(ipv6);

		assert_taken(&me, &sample);
		assert_int_equal(sample.frame[sample.udp + 8 + 1], 7);
		unmake(&sample);
	}
}

/* Everything in front of the ports is a constant of the relay, whatever the packet. */
static void nothing_of_a_host_shows_in_the_headers(void **state)
{
	static const uint8_t want4[] = {0x45, 0, 1, 0x49, 0, 0, 0x40, 0, 64, 17};
	static const uint8_t want6[] = {0x60, 0, 0, 0, 1, 0x35, 17, 64};
	struct sample v4 = make(false), v6 = make(true);

	(void)state;
	assert_memory_equal(v4.frame + v4.ip, want4, sizeof(want4));
	assert_memory_equal(v6.frame + v6.ip, want6, sizeof(want6));
	unmake(&v4);
	unmake(&v6);
}

static struct lm_topology_address ipv4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port)
{
	return (struct lm_topology_address){.ip = {a, b, c, d}, .port = port};
}

static void the_first_address_of_a_shared_family_is_sent_to(void **state)
{
	struct lm_topology_node node = node_of(&me);
	struct frame_self from = peer;
	struct frame_way way;

	(void)state;
	assert_true(frame_way_first(&way, &from, &node));
	assert_int_equal(way.to, IPV6);
	assert_int_equal(way.from, IPV6);
	node.address[0] = me.address[IPV4];
	node.address[1] = me.address[IPV6];
	assert_true(frame_way_first(&way, &from, &node));
	assert_int_equal(way.to, 0);
	assert_int_equal(way.from, IPV4);
	from.addresses = 1; /* IPv6 alone */
	assert_true(frame_way_first(&way, &from, &node));
	assert_int_equal(way.to, 1);
	assert_int_equal(way.from, IPV6);
	node.addresses = 1;
	assert_false(frame_way_first(&way, &from, &node));
	assert_int_equal(frame_own(&from, &node.address[0]), -1);
}

static void what_is_sent_comes_from_the_own_address_that_is_nearest(void **state)
{
	const struct frame_self self = {
		.addresses = 5,
		.address = {ipv4(192, 0, 2, 1, 1),
			    ipv4(10, 1, 0, 1, 2),
			    ipv4(10, 2, 0, 1, 3),
			    ipv4(10, 2, 0, 1, 4),
			    {.ipv6 = true, .ip = {0x20, 1}, .port = 5}},
	};
	const struct {
		struct lm_topology_address to;
		int from;
	} expected[] = {
		{ipv4(192, 0, 2, 99, 9), 0}, {ipv4(10, 1, 7, 7, 9), 1},
		{ipv4(10, 2, 7, 7, 9), 2},   {ipv4(10, 2, 0, 1, 9), 2},
		{ipv4(1, 1, 1, 1, 9), 1},    {{.ipv6 = true, .ip = {0xfd}}, 4},
	};

	(void)state;
	for (unsigned i = 0; i < LM_COUNT(expected); i++)
		assert_int_equal(frame_own(&self, &expected[i].to), expected[i].from);
}

/* Each own address is taken with its own ports and no other's. */
static void every_own_address_is_taken_at_its_own_port(void **state)
{
	struct frame_self self = {.mac = {2, 0, 0, 0, 0, 1}, .addresses = 4};

	(void)state;
	self.address[0] = ipv4(10, 0, 0, 1, 1000);
	self.address[1] = ipv4(10, 0, 0, 1, 1001);
	self.address[2] = ipv4(10, 0, 0, 2, 1002);
	self.address[3] = (struct lm_topology_address){.ipv6 = true, .ip = {0xfd}, .port = 1003};
	for (unsigned i = 0; i < 4; i++) {
		for (uint16_t port = 1000; port < 1005; port++) {
			struct lm_topology_node node = node_of(&self);
			uint8_t bytes[FRAME_HEADER_MAX + 3] = {0}, *frame;
			bool good = port == self.address[i].port ||
				    (i < 2 && (port == 1000 || port == 1001));
			struct frame_header header, answer;
			struct frame_parsed parsed;

			node.address[i].port = port;
			header_to(&header, &peer, &node, i == 3 ? IPV6 : IPV4, i);
			frame = frame_write(&header, bytes + FRAME_HEADER_MAX, 3, true);
			parsed = frame_parse(&self, frame, header.len + 3u, unchecked);
			assert_int_equal(parsed.class, good ? FRAME_PACKET : FRAME_DROP);
			if (!good) {
				assert_int_equal(parsed.drop, LM_DROP_FOREIGN);
				continue;
			}
			frame_answer_init(&answer, &self, frame);
			frame = frame_write(&answer, bytes + FRAME_HEADER_MAX, 3, true);
			assert_memory_equal(frame + answer.ip_offset + (i == 3 ? 8 : 12),
					    self.address[i].ip, i == 3 ? 16 : 4);
			assert_int_equal(frame[answer.len - 8] << 8 | frame[answer.len - 7], port);
		}
	}
}

static void any_single_bit_of_header_or_payload_matters(void **state)
{
	(void)state;
	for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
		struct sample sample = make(ipv6);

		for (size_t bit = 0; bit < sample.len * 8; bit++) {
			size_t byte = bit / 8;

			/* not covered by any checksum: source MAC; IPv6 traffic class, flow label,
			 * hop limit */
			if ((byte >= 6 && byte < 12) ||
			    (ipv6 &&
			     ((byte >= 14 && byte < 18 && bit != 14 * 8 + 4 && bit != 14 * 8 + 5 &&
			       bit != 14 * 8 + 6 && bit != 14 * 8 + 7) ||
			      byte == 21)))
				continue;
			sample.frame[byte] ^= (uint8_t)(1u << bit % 8);
			struct frame_parsed parsed =
				frame_parse(&me, sample.frame, sample.len, unchecked);

			assert_int_not_equal(parsed.class, FRAME_PACKET);
			sample.frame[byte] ^= (uint8_t)(1u << bit % 8);
		}
		assert_taken(&me, &sample);
		unmake(&sample);
	}
}

static void no_truncation_is_taken_or_read_past(void **state)
{
	(void)state;
	for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
		struct sample sample = make(ipv6);

		for (size_t cut = 1; cut <= sample.len; cut++) {
			uint8_t *start = sample.frame + cut;

			memmove(start, sample.frame, sample.len - cut);
			struct frame_parsed parsed =
				frame_parse(&me, start, sample.len - cut, unchecked);

			assert_int_equal(parsed.class, FRAME_DROP);
			unmake(&sample);
			sample = make(ipv6);
		}
		unmake(&sample);
	}
}

static void ethernet_padding_is_cut_off(void **state)
{
	struct sample sample = make(false);
	uint8_t padded[600] = {0};

	(void)state;
	memcpy(padded, sample.frame, sample.len);
	struct frame_parsed parsed = frame_parse(&me, padded, sample.len + 18, unchecked);

	assert_int_equal(parsed.class, FRAME_PACKET);
	assert_int_equal(parsed.len, PAYLOAD);
	unmake(&sample);
}

static void each_wrong_field_has_its_reason(void **state)
{
	const struct {
		bool ipv6;
		int layer; /* 0 Ethernet, 1 IP, 2 UDP */
		unsigned at, value;
		enum lm_drop reason;
	} wrong[] = {
		{false, 0, 5, 9, LM_DROP_FOREIGN},     /* another MAC */
		{false, 0, 12, 0x86, LM_DROP_FRAME},   /* another type */
		{false, 1, 0, 0x46, LM_DROP_IP},       /* options */
		{false, 1, 0, 0x65, LM_DROP_IP},       /* version */
		{false, 1, 2, 0, LM_DROP_UDP},         /* total length shorter than UDP says */
		{false, 1, 2, 9, LM_DROP_IP},          /* total length past the frame */
		{false, 1, 6, 0x20, LM_DROP_FRAGMENT}, /* more fragments */
		{false, 1, 7, 1, LM_DROP_FRAGMENT},    /* offset */
		{false, 1, 9, 6, LM_DROP_FOREIGN},     /* TCP */
		{false, 1, 12, 127, LM_DROP_IP},       /* from loopback */
		{false, 1, 12, 0, LM_DROP_IP},         /* from nowhere */
		{false, 1, 12, 224, LM_DROP_IP},       /* from multicast */
		{false, 1, 19, 9, LM_DROP_FOREIGN},    /* to another host */
		{false, 2, 3, 9, LM_DROP_FOREIGN},     /* to another port */
		{false, 2, 5, 9, LM_DROP_UDP},         /* length */
		{false, 2, 6, 9, LM_DROP_UDP},         /* checksum */
		{true, 1, 0, 0x40, LM_DROP_IP},        /* version */
		{true, 1, 4, 9, LM_DROP_IP},           /* past the frame */
		{true, 1, 6, 44, LM_DROP_FRAGMENT},    /* fragment header */
		{true, 1, 6, 6, LM_DROP_FOREIGN},      /* TCP */
		{true, 1, 6, 60, LM_DROP_FOREIGN},     /* destination options */
		{true, 1, 8, 0xff, LM_DROP_IP},        /* from multicast */
		{true, 1, 39, 9, LM_DROP_FOREIGN},     /* to another host */
		{true, 2, 3, 9, LM_DROP_FOREIGN},      /* to another port */
		{true, 2, 7, 9, LM_DROP_UDP},          /* checksum */
	};

	(void)state;
	for (unsigned i = 0; i < LM_COUNT(wrong); i++) {
		struct sample sample = make(wrong[i].ipv6);
		size_t layer[] = {0, sample.ip, sample.udp};

		sample.frame[layer[wrong[i].layer] + wrong[i].at] = (uint8_t)wrong[i].value;
		if (!wrong[i].ipv6)
			fix_ipv4(&sample);
		assert_drop(sample.frame, sample.len, wrong[i].reason);
		unmake(&sample);
	}
}

static void wrong_ipv4_header_checksum_is_dropped_unless_checked(void **state)
{
	struct sample sample = make(false);
	const struct frame_checked by_nic = {.ip = true, .udp = true};

	(void)state;
	sample.frame[sample.ip + 10] ^= 1;
	assert_drop(sample.frame, sample.len, LM_DROP_IP);
	sample.frame[sample.udp + 6] ^= 1;
	assert_int_equal(frame_parse(&me, sample.frame, sample.len, by_nic).class, FRAME_PACKET);
	unmake(&sample);
}

/* RFC 768 allows UDP without a checksum over IPv4, RFC 8200 (8.1) does not over IPv6. */
static void zero_udp_checksum_is_for_ipv4_only(void **state)
{
	(void)state;
	for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
		struct sample sample = make(ipv6);

		put16(sample.frame + sample.udp + 6, 0);
		if (ipv6)
			assert_drop(sample.frame, sample.len, LM_DROP_UDP);
		else
			assert_taken(&me, &sample);
		unmake(&sample);
	}
}

static void vlan_tags_are_taken_as_configured(void **state)
{
	struct frame_self any = me, only = me;
	struct sample plain = make(false), tagged = make_tagged(true, 100),
		      other = make_tagged(false, 101);

	(void)state;
	only.vlan = 100;
	assert_taken(&any, &plain);
	assert_taken(&any, &tagged);
	assert_taken(&any, &other);
	assert_taken(&only, &tagged);
	assert_int_equal(frame_parse(&only, other.frame, other.len, unchecked).drop,
			 LM_DROP_FOREIGN);
	assert_int_equal(frame_parse(&only, plain.frame, plain.len, unchecked).drop,
			 LM_DROP_FOREIGN);
	/* a second tag is no IP packet */
	put16(tagged.frame + 16, 0x8100);
	assert_drop(tagged.frame, tagged.len, LM_DROP_FRAME);
	unmake(&plain);
	unmake(&tagged);
	unmake(&other);
}

static enum frame_class class_of(const uint8_t *frame, size_t len)
{
	return frame_parse(&me, frame, len, unchecked).class;
}

static void the_kernel_gets_arp_ping_and_neighbour_discovery(void **state)
{
	struct sample v4 = make(false), v6 = make(true);
	uint8_t arp[60] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, [12] = 0x08, 0x06};

	(void)state;
	assert_int_equal(class_of(arp, sizeof(arp)), FRAME_KERNEL);
	memcpy(arp, me.mac, 6);
	assert_int_equal(class_of(arp, sizeof(arp)), FRAME_KERNEL);
	memcpy(arp, peer.mac, 6);
	assert_drop(arp, sizeof(arp), LM_DROP_FOREIGN);

	v4.frame[v4.ip + 9] = 1; /* ping */
	v4.frame[v4.ip + 20] = 8;
	fix_ipv4(&v4);
	assert_int_equal(class_of(v4.frame, v4.len), FRAME_KERNEL);
	v6.frame[v6.ip + 6] = 58;
	v6.frame[v6.ip + 40] = 135;
	assert_int_equal(class_of(v6.frame, v6.len), FRAME_KERNEL);

	/* a neighbour solicitation goes to a multicast address of both layers */
	v6.frame[0] = 0x33;
	assert_drop(v6.frame, v6.len, LM_DROP_FOREIGN);
	v6.frame[v6.ip + 24] = 0xff;
	v6.frame[v6.ip + 25] = 0x02;
	assert_int_equal(class_of(v6.frame, v6.len), FRAME_KERNEL);
	/* only with link scope */
	v6.frame[v6.ip + 25] = 0x0e;
	assert_drop(v6.frame, v6.len, LM_DROP_FOREIGN);
	unmake(&v4);
	unmake(&v6);
}

/* What changes routes or addresses on anybody's word is dropped: redirects, routers'
 * advertisements. */
static void the_kernel_gets_no_words_that_change_routes(void **state)
{
	static const uint8_t good4[] = {0, 3, 8},
			     good6[] = {2, 128, 129, 130, 131, 132, 135, 136, 143};
	struct sample v4 = make(false), v6 = make(true);

	(void)state;
	v4.frame[v4.ip + 9] = 1;
	fix_ipv4(&v4);
	v6.frame[v6.ip + 6] = 58;
	for (unsigned type = 0; type < 256; type++) {
		bool takes4 = memchr(good4, (int)type, sizeof(good4)) != NULL;
		bool takes6 = memchr(good6, (int)type, sizeof(good6)) != NULL;

		v4.frame[v4.ip + 20] = (uint8_t)type;
		v6.frame[v6.ip + 40] = (uint8_t)type;
		assert_int_equal(class_of(v4.frame, v4.len), takes4 ? FRAME_KERNEL : FRAME_DROP);
		assert_int_equal(class_of(v6.frame, v6.len), takes6 ? FRAME_KERNEL : FRAME_DROP);
		/* what is too large control alone hears of */
		assert_int_equal(frame_is_word(v4.frame, v4.len), type == 3);
		assert_int_equal(frame_is_word(v6.frame, v6.len), type == 2);
	}
	/* behind a hop-by-hop header too */
	v6.frame[v6.ip + 6] = 0;
	v6.frame[v6.ip + 40] = 58;
	v6.frame[v6.ip + 41] = 0;
	v6.frame[v6.ip + 48] = 143;
	assert_int_equal(class_of(v6.frame, v6.len), FRAME_KERNEL);
	v6.frame[v6.ip + 48] = 134;
	assert_drop(v6.frame, v6.len, LM_DROP_FOREIGN);
	v6.frame[v6.ip + 48] = 143;
	v6.frame[v6.ip + 41] = 1;
	assert_drop(v6.frame, v6.len, LM_DROP_FOREIGN);
	unmake(&v4);
	unmake(&v6);
}

/* The pseudo-header sum that is left for a NIC is what completes to the right checksum. */
static void checksum_offload_gets_the_pseudo_header_sum(void **state)
{
	struct sample whole = make(true), left = make(true);
	struct lm_topology_node node = node_of(&me);
	struct frame_header header;

	(void)state;
	header_to(&header, &peer, &node, IPV6, IPV6);
	frame_write(&header, left.frame + header.len, PAYLOAD, false);

	unsigned sum = 0;
	const uint8_t *udp = left.frame + left.udp;

	for (unsigned i = 0; i < 8 + PAYLOAD; i++)
		sum += i % 2 ? udp[i] : (unsigned)udp[i] << 8;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	put16(left.frame + left.udp + 6, ~sum & 0xffff);
	assert_memory_equal(left.frame, whole.frame, whole.len);
	unmake(&whole);
	unmake(&left);
}

static void noise_is_never_taken(void **state)
{
	uint8_t noise[200];

	(void)state;
	testing_rand_seed(1);
	for (unsigned i = 0; i < 100000; i++) {
		lm_rand(noise, sizeof(noise));
		memcpy(noise, me.mac, 6);
		put16(noise + 12, i % 2 ? 0x0800 : 0x86dd);
		noise[14] = i % 2 ? 0x45 : 0x60;
		assert_int_not_equal(class_of(noise, noise[20] % sizeof(noise)), FRAME_PACKET);
	}
	testing_rand_restore();
}

/* What answers a frame reaches who sent it, whoever that is, and says who answers. */
static void an_answer_goes_where_the_frame_came_from(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		bool ipv6 = i % 2 != 0;
		uint16_t vlan = i < 2 ? 0 : 7, port;
		struct sample sample = make_tagged(ipv6, vlan);
		struct frame_self here = me, there = peer;
		struct frame_parsed parsed;
		struct frame_header header;
		uint8_t bytes[FRAME_HEADER_MAX + PAYLOAD] = {0}, address[16];
		uint8_t *answer;

		here.vlan = there.vlan = vlan;
		frame_answer_init(&header, &here, sample.frame);
		answer = frame_write(&header, bytes + FRAME_HEADER_MAX, PAYLOAD, true);
		parsed = frame_parse(&there, answer, header.len + PAYLOAD, unchecked);
		assert_int_equal(parsed.class, FRAME_PACKET);
		assert_int_equal(parsed.len, PAYLOAD);
		frame_source(address, &port, answer);
		assert_int_equal(port, 4242);
		if (ipv6)
			assert_memory_equal(address, me.address[IPV6].ip, 16);
		else
			assert_memory_equal(address, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\x07\0\1",
					    16);
		frame_header_from_port(&header, 49160);
		answer = frame_write(&header, bytes + FRAME_HEADER_MAX, PAYLOAD, true);
		frame_source(address, &port, answer);
		assert_int_equal(port, 49160);
		guarded_free(sample.frame, sample.len, GUARD_AFTER);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_taken),
		cmocka_unit_test(nothing_of_a_host_shows_in_the_headers),
		cmocka_unit_test(the_first_address_of_a_shared_family_is_sent_to),
		cmocka_unit_test(what_is_sent_comes_from_the_own_address_that_is_nearest),
		cmocka_unit_test(every_own_address_is_taken_at_its_own_port),
		cmocka_unit_test(any_single_bit_of_header_or_payload_matters),
		cmocka_unit_test(no_truncation_is_taken_or_read_past),
		cmocka_unit_test(ethernet_padding_is_cut_off),
		cmocka_unit_test(each_wrong_field_has_its_reason),
		cmocka_unit_test(wrong_ipv4_header_checksum_is_dropped_unless_checked),
		cmocka_unit_test(zero_udp_checksum_is_for_ipv4_only),
		cmocka_unit_test(vlan_tags_are_taken_as_configured),
		cmocka_unit_test(the_kernel_gets_arp_ping_and_neighbour_discovery),
		cmocka_unit_test(the_kernel_gets_no_words_that_change_routes),
		cmocka_unit_test(checksum_offload_gets_the_pseudo_header_sum),
		cmocka_unit_test(an_answer_goes_where_the_frame_came_from),
		cmocka_unit_test(noise_is_never_taken),
	};

	return RUN_TESTS(tests);
}
