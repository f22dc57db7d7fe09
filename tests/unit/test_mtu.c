/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What packets need of a way, what routers say of it, and when people are told.
 */
#include "mtu.h"

#include <stdlib.h>
#include <string.h>

#include "lm_link.h"
#include "lm_packet.h"
#include "testing.h"
#include "ways.h"

/* By hand from the formats: packets of 1348 and 8580 bytes, frame 36, UDP 8, IPv4 20, IPv6 40. */
static void each_profile_and_family_needs_what_its_bytes_say(void **state)
{
	static const struct {
		unsigned profile, bare_ipv4, bare_ipv6, link_ipv4, link_ipv6;
	} need[] = {{0, 1376, 1396, 1412, 1432}, {1, 8608, 8628, 8644, 8664}};

	(void)state;
	for (unsigned i = 0; i < LM_COUNT(need); i++) {
		size_t len = lm_packet_len(need[i].profile);

		assert_int_equal(mtu_needed(len, false, false), need[i].bare_ipv4);
		assert_int_equal(mtu_needed(len, false, true), need[i].bare_ipv6);
		assert_int_equal(mtu_needed(len, true, false), need[i].link_ipv4);
		assert_int_equal(mtu_needed(len, true, true), need[i].link_ipv6);
	}
}

/* The frame that carries a packet has as many bytes as are said to be needed. */
static void a_written_frame_is_as_long_as_is_said(void **state)
{
	const struct frame_self self = {.addresses = 2,
					.address = {{.ip = {10, 1}, .port = 1},
						    {.ipv6 = true, .port = 1}}};
	struct lm_topology_node node = {.addresses = 2};

	(void)state;
	memcpy(node.address, self.address, sizeof(node.address));
	for (uint8_t i = 0; i < 2; i++) {
		struct frame_way way = {.from = i, .to = i};
		struct frame_header header;

		frame_header_init(&header, &self, &node, &way);
		assert_int_equal(mtu_needed(1000, false, i == 1),
				 header.len - header.ip_offset + 1000);
	}
}

/* ---- ICMP ---- */

struct icmp {
	uint8_t bytes[128];
	size_t len;
};

static void put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* A router's word on UDP from 10.0.0.1:7000 to 10.0.9.2:7001. */
static struct icmp icmp_ipv4(unsigned mtu)
{
	struct icmp icmp = {.len = 14 + 20 + 8 + 20 + 8};
	uint8_t *ip = icmp.bytes + 14, *at = ip + 20, *inner = at + 8;

	put16(icmp.bytes + 12, 0x0800);
	ip[0] = 0x45;
	ip[9] = 1;
	at[0] = 3;
	at[1] = 4;
	put16(at + 6, mtu);
	inner[0] = 0x45;
	inner[9] = 17;
	memcpy(inner + 12, "\x0a\0\0\1\x0a\0\x09\2", 8);
	put16(inner + 20, 7000);
	put16(inner + 22, 7001);
	return icmp;
}

static struct icmp icmp_ipv6(unsigned mtu)
{
	struct icmp icmp = {.len = 14 + 40 + 8 + 40 + 8};
	uint8_t *ip = icmp.bytes + 14, *at = ip + 40, *inner = at + 8;

	put16(icmp.bytes + 12, 0x86dd);
	ip[0] = 0x60;
	ip[6] = 58;
	at[0] = 2;
	put16(at + 6, mtu);
	inner[0] = 0x60;
	inner[6] = 17;
	inner[8] = inner[24] = 0xfd;
	inner[39] = 2;
	put16(inner + 40, 7000);
	put16(inner + 42, 7001);
	return icmp;
}

static bool read_icmp(struct mtu_report *report, const struct icmp *icmp, size_t len)
{
	uint8_t *guarded = guarded_alloc(len, GUARD_AFTER);
	bool read;

	memcpy(guarded, icmp->bytes, len);
	read = mtu_read(report, guarded, len);
	guarded_free(guarded, len, GUARD_AFTER);
	return read;
}

static void what_routers_say_is_read(void **state)
{
	struct icmp four = icmp_ipv4(1300), six = icmp_ipv6(1300);
	struct mtu_report report;

	(void)state;
	assert_true(read_icmp(&report, &four, four.len));
	assert_int_equal(report.mtu, 1300);
	assert_memory_equal(report.from.ip, "\x0a\0\0\1", 4);
	assert_memory_equal(report.to.ip, "\x0a\0\x09\2\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	assert_int_equal(report.to.port, 7001);
	assert_false(report.to.ipv6);
	assert_true(read_icmp(&report, &six, six.len));
	assert_int_equal(report.mtu, 1300);
	assert_true(report.to.ipv6);
	assert_int_equal(report.to.ip[15], 2);
	assert_int_equal(report.from.port, 7000);
}

static void nothing_else_is_read_nor_read_past(void **state)
{
	const struct {
		bool ipv6;
		unsigned at;
		uint8_t value;
	} wrong[] = {
		{false, 12, 0x86}, /* another protocol */
		{false, 14, 0x46}, /* options */
		{false, 23, 17},   /* no ICMP */
		{false, 34, 11},   /* time exceeded */
		{false, 35, 3},    /* port unreachable */
		{false, 42, 0x46}, /* about a packet with options: not ours */
		{false, 51, 6},    /* about TCP */
		{true, 20, 17},    /* no ICMPv6 */
		{true, 54, 1},     /* unreachable */
		{true, 58, 1},     /* an MTU beyond all */
		{true, 62, 0x45},  /* about IPv4 */
		{true, 68, 6},     /* about TCP */
	};
	struct mtu_report report;

	(void)state;
	for (unsigned i = 0; i < LM_COUNT(wrong); i++) {
		struct icmp icmp = wrong[i].ipv6 ? icmp_ipv6(1300) : icmp_ipv4(1300);

		icmp.bytes[wrong[i].at] = wrong[i].value;
		assert_false(read_icmp(&report, &icmp, icmp.len));
	}
	for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
		struct icmp icmp = ipv6 ? icmp_ipv6(1300) : icmp_ipv4(1300);
		struct icmp small = ipv6 ? icmp_ipv6(1279) : icmp_ipv4(67);

		for (size_t len = 0; len < icmp.len; len++)
			assert_false(read_icmp(&report, &icmp, len));
		assert_false(read_icmp(&report, &small, small.len));
	}
}

/* ---- What people are told ---- */

/* A view of one neighbour, node 7, that is sent to at 10.0.0.`host`. */
static struct view *view_with(uint8_t host, uint16_t mtu, bool resolved)
{
	static const struct lm_topology_node self = {.id = 3};
	struct frame_self from = {.addresses = 1, .address = {{.ip = {10, 0, 0, 9}, .port = 5}}};
	struct lm_topology_node node = {.id = 7,
					.addresses = 1,
					.address = {{.ip = {10, 0, 0, host}, .port = 6}}};
	struct view *view = calloc(1, sizeof(*view) + 4 * sizeof(view->peer[0]) + 64);
	struct frame_way way = {.mtu = mtu};
	uint32_t places[2] = {UINT32_MAX, 1};

	view->node = &self;
	view->self = from;
	view->packet_len = 1000;
	view->places = 2;
	view->links = 1;
	view->peer[1] = (struct view_peer){.id = 7, .link = 1, .after = true};
	if (resolved) {
		view->peer[1].resolved = true;
		view->peer[1].way = way;
		frame_header_init(&view->peer[1].header, &from, &node, &way);
	}
	memcpy(&view->peer[view->places], places, sizeof(places));
	return view;
}

static void assert_told(struct ways *ways, struct view *old, struct view *next, const char *what)
{
	char text[2048] = "";
	FILE *to = fmemopen(text, sizeof(text), "w");

	assert_non_null(to);
	ways_change(ways, to, old, next);
	fclose(to);
	if (what)
		assert_non_null(strstr(text, what));
	else
		assert_string_equal(text, "");
	free(old);
	free(next);
}

static void people_are_told_what_changes_and_nothing_else(void **state)
{
	struct ways ways = {0};

	(void)state;
	assert_told(&ways, NULL, view_with(1, 1500, true), NULL);
	assert_told(&ways, view_with(1, 1500, true), view_with(1, 1500, true), NULL);
	assert_told(&ways, view_with(1, 0, true), view_with(2, 0, true),
		    "node 7 is sent to at 10.0.0.2:6 from now on, not at 10.0.0.1:6");
	assert_told(&ways, view_with(1, 0, true), view_with(1, 0, false),
		    "no way to node 7 any more, which was sent to at 10.0.0.1:6");
	assert_told(&ways, view_with(1, 0, false), view_with(1, 1028, true), NULL);
	assert_int_equal(ways.low_mtu, 0);
	assert_int_equal(ways.alarm_low_mtu, 0);
}

static void a_small_mtu_is_told_once_with_link_need_and_remedy(void **state)
{
	struct ways ways = {0};

	(void)state;
	assert_told(&ways, NULL, view_with(1, 1027, true),
		    "the link to node 7 (10.0.0.1:6) needs an MTU of 1028, and the way there has "
		    "1027");
	assert_int_equal(ways.low_mtu, 1);
	assert_int_equal(ways.alarm_low_mtu, 1);
	assert_told(&ways, view_with(1, 1027, true), view_with(1, 900, true), NULL);
	assert_int_equal(ways.alarm_low_mtu, 1);
	assert_told(&ways, view_with(1, 900, true), view_with(1, 1500, true), "large enough again");
	assert_int_equal(ways.low_mtu, 0);
	assert_told(&ways, view_with(1, 1500, true), view_with(1, 900, true), "raise the MTU");
	assert_int_equal(ways.alarm_low_mtu, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_profile_and_family_needs_what_its_bytes_say),
		cmocka_unit_test(a_written_frame_is_as_long_as_is_said),
		cmocka_unit_test(what_routers_say_is_read),
		cmocka_unit_test(nothing_else_is_read_nor_read_past),
		cmocka_unit_test(people_are_told_what_changes_and_nothing_else),
		cmocka_unit_test(a_small_mtu_is_told_once_with_link_need_and_remedy),
	};

	return RUN_TESTS(tests);
}
