/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Peeling: one test for every named drop, bursts of mixed kids with bad packets at every place,
 * what a drop may change, and a peeler without secrets afterwards.
 */
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "packet_testing.h"

static struct net *net;
static uint8_t packet[LM_BURST][LM_PACKET_MAX], before[LM_BURST][LM_PACKET_MAX];

/* Peels packet[0] alone; the packet must be unchanged and nothing of its command visible. */
static void assert_dropped_at_length(enum lm_drop reason, size_t len, bool authentic)
{
	struct lm_packet_peel item, *back;
	uint64_t mask;

	memset(&item, 0xaa, sizeof(item));
	item.packet = packet[0];
	item.len = len;
	memcpy(before[0], packet[0], LM_PACKET_MAX);
	assert_int_equal(lm_packet_peel_submit(net->peeler, &net->keyring[0], &item, 1), 0);
	assert_int_equal(lm_packet_peel_collect(net->peeler, &back, &mask), 1);
	assert_string_equal(lm_drop_name(item.drop), lm_drop_name(reason));
	assert_int_equal(mask, authentic);
	assert_int_equal(item.key != NULL, authentic);
	assert_int_equal(lm_is_zero(&item.replay_tag, sizeof(item.replay_tag)), !authentic);
	assert_int_equal(item.cmd, 0);
	assert_int_equal(item.delay_us, 0);
	assert_int_equal(item.next_id, 0);
	assert_true(lm_is_zero(&item.dest, sizeof(item.dest)));
	assert_true(lm_is_zero(&item.token, sizeof(item.token)));
	assert_memory_equal(packet[0], before[0], LM_PACKET_MAX);
}

static void assert_dropped(enum lm_drop reason)
{
	assert_dropped_at_length(reason, net->len, reason == LM_DROP_CMD);
}

static void build_one(enum lm_packet_cmd cmd, unsigned hops)
{
	struct lm_packet_build build;

	net_build(net, &build, hops, cmd, packet[0]);
}

/* ---- One test for every drop ---- */

static void another_length_is_a_format_drop(void **state)
{
	static const int differences[] = {-1, 1, 16, -16, -371};

	(void)state;
	for (unsigned i = 0; i < LM_COUNT(differences); i++) {
		build_one(LM_PACKET_MBOX, 3);
		assert_dropped_at_length(LM_DROP_FORMAT, net->len + (size_t)differences[i], false);
	}
	assert_dropped_at_length(LM_DROP_FORMAT, 0, false);
	assert_dropped_at_length(LM_DROP_FORMAT, 3, false);
	assert_dropped_at_length(LM_DROP_FORMAT, lm_packet_len(1), false);
}

static void a_short_packet_is_not_read_at_all(void **state)
{
	struct lm_packet_peel item = {.packet = guarded_alloc(1, GUARD_AFTER), .len = 1}, *back;
	struct lm_packet_peel empty = {.packet = NULL, .len = 0};
	uint64_t authentic;

	(void)state;
	assert_int_equal(lm_packet_peel_submit(net->peeler, &net->keyring[0], &item, 1), 0);
	assert_int_equal(lm_packet_peel_collect(net->peeler, &back, &authentic), 1);
	assert_int_equal(item.drop, LM_DROP_FORMAT);
	assert_int_equal(lm_packet_peel_submit(net->peeler, &net->keyring[0], &empty, 1), 0);
	assert_int_equal(lm_packet_peel_collect(net->peeler, &back, &authentic), 1);
	assert_int_equal(empty.drop, LM_DROP_FORMAT);
	guarded_free(item.packet, 1, GUARD_AFTER);
}

static void version_profile_and_byte_3_are_format_drops(void **state)
{
	static const struct {
		unsigned at, value;
	} changes[] = {{0, 0}, {0, 2}, {1, 1}, {1, 2}, {1, 255}, {3, 1}, {3, 128}};

	(void)state;
	for (unsigned i = 0; i < LM_COUNT(changes); i++) {
		build_one(LM_PACKET_MBOX, 3);
		packet[0][changes[i].at] = (uint8_t)changes[i].value;
		assert_dropped(LM_DROP_FORMAT);
	}
}

static void a_kid_without_key_is_a_kid_drop(void **state)
{
	(void)state;
	build_one(LM_PACKET_MBOX, 3);
	packet[0][2] = 253;
	assert_dropped(LM_DROP_KID);
	packet[0][2] = 1;
	assert_dropped(LM_DROP_KID);
}

static void format_comes_before_kid_and_kid_before_noncanonical(void **state)
{
	(void)state;
	build_one(LM_PACKET_MBOX, 3);
	memset(packet[0] + 4, 0xff, 32);
	packet[0][2] = 77;
	packet[0][3] = 1;
	assert_dropped(LM_DROP_FORMAT);
	packet[0][3] = 0;
	assert_dropped(LM_DROP_KID);
	packet[0][2] = 255;
	assert_dropped(LM_DROP_NONCANONICAL);
}

/*
 * A set bit 255, p itself, p + 9 for 9 and 2^255 - 1: each with the tag that a sender would make
 * who takes the point modulo p.
 */
static void an_epk_not_below_p_is_a_noncanonical_drop(void **state)
{
	static const uint8_t command[LM_PACKET_COMMAND] = {LM_PACKET_DROP};
	static const char *const points[] = {
		"0900000000000000000000000000000000000000000000000000000000000080",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"f6ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	};

	(void)state;
	for (unsigned i = 0; i < LM_COUNT(points); i++) {
		const struct lm_packet_key *key = &net->key[0][1];
		struct lm_point epk, ss = {{0}};

		unhex(&epk, points[i], sizeof(epk));
		if (crypto_scalarmult_curve25519(ss.b, key->secret.b, epk.b) != 0)
			memset(&ss, 0, sizeof(ss));
		forge_with(net, packet[0], key, &epk, &ss, command);
		assert_dropped(LM_DROP_NONCANONICAL);
	}
}

/* Each with the tag that everybody can make who knows that ss is zero. */
static void an_epk_of_small_order_is_a_loworder_drop(void **state)
{
	static const uint8_t command[LM_PACKET_COMMAND] = {LM_PACKET_DROP};
	static const char *const points[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};

	(void)state;
	for (unsigned i = 0; i < LM_COUNT(points); i++) {
		struct lm_point epk, ss = {{0}};

		unhex(&epk, points[i], sizeof(epk));
		forge_with(net, packet[0], &net->key[0][i % LM_PACKET_KIDS], &epk, &ss, command);
		assert_dropped(LM_DROP_LOWORDER);
	}
}

static void any_changed_byte_of_the_header_is_a_mac_drop(void **state)
{
	(void)state;
	for (unsigned at = 4; at < LM_PACKET_HEADER; at++) {
		build_one(LM_PACKET_EXIT, 2);
		packet[0][at] ^= at == 35 ? 1 : 0x80;
		assert_dropped(LM_DROP_MAC);
	}
	build_one(LM_PACKET_EXIT, 2);
	packet[0][2] = packet[0][2] == 255 ? 254 : 255;
	assert_dropped(LM_DROP_MAC);
}

static void a_key_of_another_node_id_is_a_mac_drop(void **state)
{
	uint32_t id = net->key[0][0].id;

	(void)state;
	build_one(LM_PACKET_EXIT, 2);
	for (unsigned i = 0; i < LM_PACKET_KIDS; i++)
		net->key[0][i].id ^= 1;
	assert_dropped(LM_DROP_MAC);
	for (unsigned i = 0; i < LM_PACKET_KIDS; i++)
		net->key[0][i].id = id;
}

static bool field_exists(unsigned cmd, unsigned at)
{
	bool next = at == 1 || (at >= 4 && at < 8);
	bool wide = at >= 16 && at < 48;

	if (at == 0 || (at >= 8 && at < 12))
		return true;
	if (at == 2 || at == 3 || (at >= 12 && at < 16))
		return false;
	if (next)
		return cmd == LM_PACKET_FWD;
	if (wide)
		return cmd == LM_PACKET_FWD || cmd == LM_PACKET_MBOX;
	return cmd != LM_PACKET_EXIT;
}

static void a_nonzero_byte_that_the_command_does_not_have_is_a_cmd_drop(void **state)
{
	(void)state;
	for (unsigned cmd = LM_PACKET_FWD; cmd <= LM_PACKET_DROP; cmd++)
		for (unsigned at = 1; at < LM_PACKET_COMMAND; at++) {
			uint8_t command[LM_PACKET_COMMAND] = {(uint8_t)cmd};
			struct lm_packet_peel item;

			command[at] = (uint8_t)(1 << at % 8);
			forge(net, packet[0], &net->key[0][at % LM_PACKET_KIDS], command);
			if (!field_exists(cmd, at)) {
				assert_dropped(LM_DROP_CMD);
				continue;
			}
			assert_int_equal(net_peel(net, 0, &item, packet, 1), 1);
			assert_int_equal(item.drop,
					 cmd == LM_PACKET_EXIT ? LM_DROP_PAYLOAD : LM_DROP_NONE);
		}
}

static void an_unknown_command_is_a_cmd_drop(void **state)
{
	(void)state;
	for (unsigned cmd = 0; cmd < 256; cmd++) {
		const uint8_t command[LM_PACKET_COMMAND] = {(uint8_t)cmd};

		if (cmd >= LM_PACKET_FWD && cmd <= LM_PACKET_DROP)
			continue;
		forge(net, packet[0], &net->key[0][0], command);
		assert_dropped(LM_DROP_CMD);
	}
}

static void a_damaged_exit_payload_is_a_payload_drop_and_zeroed(void **state)
{
	(void)state;
	for (size_t at = LM_PACKET_HEADER; at < net->len; at += 61) {
		struct lm_packet_peel item;

		build_one(LM_PACKET_EXIT, 1);
		packet[0][at] ^= 4;
		assert_int_equal(net_peel(net, 0, &item, packet, 1), 1);
		assert_int_equal(item.drop, LM_DROP_PAYLOAD);
		assert_non_null(item.key);
		assert_false(lm_is_zero(&item.replay_tag, sizeof(item.replay_tag)));
		assert_int_equal(item.cmd, 0);
		assert_int_equal(item.delay_us, 0);
		assert_true(lm_is_zero(&item.dest, sizeof(item.dest)));
		assert_true(lm_is_zero(packet[0], net->len));
	}
}

static void a_damaged_mailbox_payload_is_delivered_all_the_same(void **state)
{
	struct lm_packet_peel item;

	(void)state;
	build_one(LM_PACKET_MBOX, 1);
	packet[0][LM_PACKET_HEADER + 100] ^= 1;
	assert_int_equal(net_peel(net, 0, &item, packet, 1), 1);
	assert_int_equal(item.drop, LM_DROP_NONE);
	assert_int_equal(item.cmd, LM_PACKET_MBOX);
}

/* ---- Bursts ---- */

enum fault { LENGTH, KID, NONCANONICAL, LOWORDER, MAC, CMD, PAYLOAD, FAULTS };

static const enum lm_drop fault_drop[FAULTS] = {
	LM_DROP_FORMAT, LM_DROP_KID, LM_DROP_NONCANONICAL, LM_DROP_LOWORDER,
	LM_DROP_MAC,    LM_DROP_CMD, LM_DROP_PAYLOAD,
};

static void make_bad(uint8_t bad[LM_PACKET_MAX], enum fault fault)
{
	static const uint8_t command[LM_PACKET_COMMAND] = {99};
	struct lm_packet_build build;

	net_build(net, &build, 2, LM_PACKET_MBOX, bad);
	switch (fault) {
	case LENGTH:
		bad[0] = 9;
		break;
	case KID:
		bad[2] = 9;
		break;
	case NONCANONICAL:
		bad[35] |= 0x80;
		break;
	case LOWORDER:
		memset(bad + 4, 0, 32);
		break;
	case MAC:
		bad[40] ^= 1;
		break;
	case CMD:
		forge(net, bad, &net->key[0][2], command);
		break;
	default:
		net_build(net, &build, 1, LM_PACKET_EXIT, bad);
		bad[net->len - 1] ^= 1;
	}
}

static void one_bad_packet_harms_no_neighbour_at_any_place(void **state)
{
	enum { N = 6 };
	struct lm_packet_peel alone[N], item[N];
	struct lm_packet_build build;
	uint8_t good[N][LM_PACKET_MAX];

	(void)state;
	for (unsigned i = 0; i < N; i++) {
		net_build(net, &build, 1 + i % 5, LM_PACKET_EXIT + i % 3, good[i]);
		memcpy(before[i], good[i], LM_PACKET_MAX);
		assert_int_equal(net_peel(net, 0, &alone[i], &good[i], 1), 1);
	}
	for (unsigned fault = 0; fault < FAULTS; fault++)
		for (unsigned bad = 0; bad < N; bad++) {
			bool remembered = fault == CMD || fault == PAYLOAD;
			uint64_t authentic;

			memcpy(packet, before, N * sizeof(packet[0]));
			make_bad(packet[bad], fault);
			authentic = net_peel(net, 0, item, packet, N);
			assert_int_equal(authentic, 0x3f & ~((uint64_t)!remembered << bad));
			for (unsigned i = 0; i < N; i++) {
				if (i == bad) {
					assert_int_equal(item[i].drop, fault_drop[fault]);
					continue;
				}
				item[i].packet = alone[i].packet;
				assert_memory_equal(&item[i], &alone[i], sizeof(item[i]));
				assert_memory_equal(packet[i], good[i], net->len);
			}
		}
}

static void a_burst_of_all_faults_gives_every_packet_its_own(void **state)
{
	struct lm_packet_peel item[LM_BURST];

	(void)state;
	for (unsigned round = 0; round < FAULTS; round++) {
		uint64_t authentic;

		for (unsigned i = 0; i < LM_BURST; i++)
			make_bad(packet[i], (i * (round + 1) + i / FAULTS) % FAULTS);
		authentic = net_peel(net, 0, item, packet, LM_BURST);
		for (unsigned i = 0; i < LM_BURST; i++) {
			enum fault fault = (i * (round + 1) + i / FAULTS) % FAULTS;

			assert_int_equal(item[i].drop, fault_drop[fault]);
			assert_int_equal(authentic >> i & 1, fault == CMD || fault == PAYLOAD);
		}
	}
}

static void submitted_packets_are_in_flight_until_collected(void **state)
{
	struct lm_packet_peel item[3] = {{0}}, other = {0}, *back;
	uint64_t authentic;

	(void)state;
	assert_int_equal(lm_packet_peel_in_flight(net->peeler), 0);
	assert_int_equal(lm_packet_peel_collect(net->peeler, &back, &authentic), 0);
	assert_int_equal(authentic, 0);
	assert_int_equal(lm_packet_peel_submit(net->peeler, &net->keyring[0], item, 3), 0);
	assert_int_equal(lm_packet_peel_in_flight(net->peeler), 3);
	assert_int_equal(lm_packet_peel_submit(net->peeler, &net->keyring[0], &other, 1), -EAGAIN);
	assert_int_equal(lm_packet_peel_collect(net->peeler, &back, &authentic), 3);
	assert_ptr_equal(back, item);
	assert_int_equal(lm_packet_peel_in_flight(net->peeler), 0);
	assert_int_equal(lm_packet_peel_collect(net->peeler, &back, &authentic), 0);
}

/* ---- Secrets ---- */

/* No sixteen bytes in a row of a secret stand in the peeler. */
static void assert_gone(const void *secret, size_t n)
{
	for (size_t at = 0; at + 16 <= n; at++)
		assert_false(contains(net->peeler, lm_packet_peeler_size(),
				      (const uint8_t *)secret + at, 16));
}

static void a_peeler_holds_no_secret_after_a_burst(void **state)
{
	struct lm_packet_peel item[LM_BURST];
	struct lm_packet_build build[LM_BURST];
	struct lm_point epk, ss;

	(void)state;
	for (unsigned i = 0; i < LM_BURST; i++)
		net_build(net, &build[i], 5, LM_PACKET_MBOX, packet[i]);
	memcpy(before, packet, sizeof(packet));
	assert_int_equal(net_peel(net, 0, item, packet, LM_BURST), UINT64_MAX);
	for (unsigned i = 0; i < LM_BURST; i++) {
		memcpy(&epk, before[i] + 4, sizeof(epk));
		assert_int_equal(crypto_scalarmult_curve25519(ss.b, item[i].key->secret.b, epk.b),
				 0);
		assert_gone(&ss, sizeof(ss));
		assert_gone(&build[i].kp[0], sizeof(build[i].kp[0]));
		assert_gone(&item[i].key->secret, sizeof(item[i].key->secret));
		assert_gone(packet[i] + 52, 64); /* the next header, which nobody may link */
		assert_gone(packet[i] + LM_PACKET_HEADER, 64);
	}
}

/* ---- Control path ---- */

static void an_unknown_profile_or_backend_is_refused(void **state)
{
	struct lm_error err = {""};

	(void)state;
	assert_null(lm_packet_peeler_init(net->peeler, 2, "auto", &err));
	assert_non_null(strstr(err.text, "2"));
	assert_null(lm_packet_builder_init(net->builder, 2, "auto", &err));
	assert_null(lm_packet_peeler_init(net->peeler, 0, "abacus", &err));
	assert_non_null(strstr(err.text, "abacus"));
	assert_non_null(lm_packet_peeler_init(net->peeler, 0, "auto", &err));
	assert_non_null(lm_packet_builder_init(net->builder, 0, "auto", &err));
}

static void sizes_are_those_of_the_format(void **state)
{
	(void)state;
	assert_int_equal(lm_packet_len(0), 1348);
	assert_int_equal(lm_packet_len(1), 8580);
	assert_int_equal(lm_packet_len(2), 0);
	assert_int_equal(lm_packet_payload_len(0), 976);
	assert_int_equal(lm_packet_payload_len(2), 0);
	assert_int_equal(lm_packet_exit_data_len(0), 928);
	assert_int_equal(lm_packet_exit_data_len(2), 0);
	assert_int_equal(lm_packet_mbox_data_len(1), 8192);
	assert_int_equal(lm_packet_mbox_data_len(2), 0);
	assert_string_equal(lm_packet_cmd_name(LM_PACKET_FWD), "fwd");
	assert_string_equal(lm_packet_cmd_name(LM_PACKET_DROP), "drop");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_those_of_the_format),
		cmocka_unit_test(an_unknown_profile_or_backend_is_refused),
		cmocka_unit_test(another_length_is_a_format_drop),
		cmocka_unit_test(a_short_packet_is_not_read_at_all),
		cmocka_unit_test(version_profile_and_byte_3_are_format_drops),
		cmocka_unit_test(a_kid_without_key_is_a_kid_drop),
		cmocka_unit_test(format_comes_before_kid_and_kid_before_noncanonical),
		cmocka_unit_test(an_epk_not_below_p_is_a_noncanonical_drop),
		cmocka_unit_test(an_epk_of_small_order_is_a_loworder_drop),
		cmocka_unit_test(any_changed_byte_of_the_header_is_a_mac_drop),
		cmocka_unit_test(a_key_of_another_node_id_is_a_mac_drop),
		cmocka_unit_test(a_nonzero_byte_that_the_command_does_not_have_is_a_cmd_drop),
		cmocka_unit_test(an_unknown_command_is_a_cmd_drop),
		cmocka_unit_test(a_damaged_exit_payload_is_a_payload_drop_and_zeroed),
		cmocka_unit_test(a_damaged_mailbox_payload_is_delivered_all_the_same),
		cmocka_unit_test(one_bad_packet_harms_no_neighbour_at_any_place),
		cmocka_unit_test(a_burst_of_all_faults_gives_every_packet_its_own),
		cmocka_unit_test(submitted_packets_are_in_flight_until_collected),
		cmocka_unit_test(a_peeler_holds_no_secret_after_a_burst),
	};
	int result;

	if (lm_base_init(NULL) != 0)
		return 1;
	testing_rand_seed(1);
	net = net_new(0, "auto");
	result = RUN_TESTS(tests);
	net_free(net);
	return result;
}
