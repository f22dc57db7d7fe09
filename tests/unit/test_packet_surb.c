/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reply blocks: made, used, carried and opened for every path length and profile; refused when
 * malformed, misdirected or late; damaged replies are noticed and leave the block open.
 */
#include <errno.h>
#include <string.h>

#include "packet_testing.h"

static struct net *net; /* profile 0 */
static const uint32_t last_epoch = 700;

/* Owner and user of one reply block. */
struct reply {
	struct lm_packet_build path; /* only its path is used */
	struct lm_packet_surb_owner owner;
	struct lm_packet_dest mailbox;
	uint8_t surb[LM_PACKET_SURB];
	uint8_t data[LM_PACKET_PAYLOAD_MAX];
	uint8_t packet[1][LM_PACKET_MAX];
};

static bool is_first(const void *topology, uint32_t id)
{
	return *(const uint32_t *)topology == id;
}

static const uint32_t first_layer = 1000; /* the id of relay 0 */

static struct lm_packet_surb_check check_at(uint32_t epoch, uint64_t left_us)
{
	return (struct lm_packet_surb_check){
		.epoch = epoch,
		.epoch_left_us = left_us,
		.path_time_us = 5000,
		.in_first_layer = is_first,
		.topology = &first_layer,
	};
}

static void make(const struct net *at, struct reply *reply, unsigned hops)
{
	net_prepare(at, &reply->path, hops, LM_PACKET_MBOX, reply->packet[0]);
	lm_rand(&reply->mailbox, sizeof(reply->mailbox));
	lm_rand(reply->data, sizeof(reply->data));
	assert_int_equal(lm_packet_surb_create(at->builder, reply->surb, &reply->owner,
					       &reply->path.seed, reply->path.path, hops,
					       &reply->mailbox, last_epoch),
			 0);
}

static void use(const struct net *at, struct reply *reply)
{
	const struct lm_packet_surb_check check = check_at(last_epoch, 5001);
	uint32_t first_id = 0;

	assert_int_equal(lm_packet_surb_use(at->builder, reply->packet[0], &first_id, reply->surb,
					    reply->data, &check),
			 0);
	assert_int_equal(first_id, 1000);
}

/* Carries the reply to the end; the payload then stands in the packet. */
static void carry(const struct net *at, struct reply *reply)
{
	struct lm_packet_peel item;

	for (unsigned hop = 0; hop < reply->owner.hops; hop++) {
		assert_int_equal(net_peel(at, hop, &item, reply->packet, 1), 1);
		assert_int_equal(item.drop, LM_DROP_NONE);
		assert_int_equal(item.delay_us, reply->path.path[hop].delay_us);
	}
	assert_int_equal(item.cmd, LM_PACKET_MBOX);
	assert_memory_equal(&item.dest, &reply->mailbox, sizeof(item.dest));
	assert_memory_equal(&item.token, &reply->owner.token, sizeof(item.token));
}

static void a_reply_opens_to_its_data_for_every_path_and_profile(void **state)
{
	(void)state;
	for (unsigned profile = 0; profile < LM_PACKET_PROFILES; profile++) {
		struct net *at = net_new(profile, "auto");

		for (unsigned hops = 1; hops <= LM_PACKET_HOPS; hops++) {
			static struct reply reply;
			uint8_t *payload = reply.packet[0] + LM_PACKET_HEADER;

			make(at, &reply, hops);
			use(at, &reply);
			carry(at, &reply);
			assert_memory_not_equal(payload + 16, reply.data,
						lm_packet_mbox_data_len(profile));
			assert_int_equal(lm_packet_surb_open(at->builder, payload, &reply.owner),
					 0);
			assert_memory_equal(payload + 16, reply.data,
					    lm_packet_mbox_data_len(profile));
		}
		net_free(at);
	}
}

static void a_block_carries_first_id_and_last_epoch_and_no_hop_key(void **state)
{
	static struct reply reply;
	static uint8_t header[LM_PACKET_MAX];

	(void)state;
	make(net, &reply, 5);
	assert_int_equal(lm_load_u32(reply.surb + 372), 1000);
	assert_int_equal(lm_load_u32(reply.surb + 376), last_epoch);
	reply.path.packet = header;
	assert_int_equal(lm_packet_build_headers(net->builder, &reply.path, 1), 1);
	for (unsigned i = 0; i < LM_PACKET_HOPS; i++)
		assert_false(contains(reply.surb, sizeof(reply.surb), &reply.path.kp[i], 16));
	assert_false(contains(reply.surb, sizeof(reply.surb), &reply.path.seed, 16));
}

static void a_damaged_reply_is_noticed_and_the_block_stays_open(void **state)
{
	static struct reply reply;
	uint8_t good[976], *payload = reply.packet[0] + LM_PACKET_HEADER;

	(void)state;
	make(net, &reply, 3);
	use(net, &reply);
	carry(net, &reply);
	memcpy(good, payload, sizeof(good));
	for (size_t at = 0; at < sizeof(good); at += 75) {
		memcpy(payload, good, sizeof(good));
		payload[at] ^= 0x10;
		assert_int_equal(lm_packet_surb_open(net->builder, payload, &reply.owner),
				 -EBADMSG);
		assert_true(lm_is_zero(payload, sizeof(good)));
	}
	memcpy(payload, good, sizeof(good));
	assert_int_equal(lm_packet_surb_open(net->builder, payload, &reply.owner), 0);
	assert_memory_equal(payload + 16, reply.data, sizeof(good) - 16);
}

static void a_reply_damaged_on_the_way_is_noticed(void **state)
{
	static struct reply reply;

	(void)state;
	make(net, &reply, 3);
	use(net, &reply);
	reply.packet[0][LM_PACKET_HEADER + 500] ^= 1;
	carry(net, &reply);
	assert_int_equal(lm_packet_surb_open(net->builder, reply.packet[0] + LM_PACKET_HEADER,
					     &reply.owner),
			 -EBADMSG);
}

/* ---- Refusals ---- */

static void assert_refused(struct reply *reply, const struct lm_packet_surb_check *check, int error)
{
	uint32_t first_id = 12345;
	uint8_t before[LM_PACKET_MAX];

	memcpy(before, reply->packet[0], sizeof(before));
	assert_int_equal(lm_packet_surb_use(net->builder, reply->packet[0], &first_id, reply->surb,
					    reply->data, check),
			 error);
	assert_memory_equal(reply->packet[0], before, sizeof(before));
	assert_int_equal(first_id, 12345);
}

static void another_version_or_profile_is_no_reply_block(void **state)
{
	const struct lm_packet_surb_check check = check_at(last_epoch, 5001);
	static struct reply reply;

	(void)state;
	make(net, &reply, 3);
	reply.surb[0] = 2;
	assert_refused(&reply, &check, -EPROTO);
	reply.surb[0] = 1;
	reply.surb[1] = 1;
	assert_refused(&reply, &check, -EPROTO);
	reply.surb[1] = 0;
	reply.surb[3] = 1;
	assert_refused(&reply, &check, -EPROTO);
}

static void a_block_that_starts_outside_the_first_layer_is_refused(void **state)
{
	const struct lm_packet_surb_check check = check_at(last_epoch, 5001);
	static struct reply reply;

	(void)state;
	make(net, &reply, 3);
	reply.surb[372]++;
	assert_refused(&reply, &check, -EHOSTUNREACH);
}

static void a_block_is_stale_one_path_time_before_its_last_epoch_ends(void **state)
{
	struct lm_packet_surb_check check = check_at(last_epoch, 5000);
	static struct reply reply;
	uint32_t first_id;

	(void)state;
	make(net, &reply, 3);
	assert_refused(&reply, &check, -ESTALE);
	check = check_at(last_epoch + 1, UINT64_MAX);
	assert_refused(&reply, &check, -ESTALE);
	check = check_at(last_epoch + 256, UINT64_MAX);
	assert_refused(&reply, &check, -ESTALE);
	check = check_at(last_epoch, 5001);
	assert_int_equal(lm_packet_surb_use(net->builder, reply.packet[0], &first_id, reply.surb,
					    reply.data, &check),
			 0);
	check = check_at(last_epoch - 1, 0);
	assert_int_equal(lm_packet_surb_use(net->builder, reply.packet[0], &first_id, reply.surb,
					    reply.data, &check),
			 0);
}

static void a_path_of_a_wrong_length_or_a_bad_key_makes_no_block(void **state)
{
	static struct reply reply;
	static const unsigned hops[] = {0, 6, UINT32_MAX};

	(void)state;
	for (unsigned i = 0; i < LM_COUNT(hops); i++) {
		make(net, &reply, 5);
		assert_int_equal(lm_packet_surb_create(net->builder, reply.surb, &reply.owner,
						       &reply.path.seed, reply.path.path, hops[i],
						       &reply.mailbox, last_epoch),
				 -EINVAL);
		assert_true(lm_is_zero(reply.surb, sizeof(reply.surb)));
		assert_true(lm_is_zero(&reply.owner, sizeof(reply.owner)));
	}
	for (unsigned bad = 0; bad < 5; bad++) {
		make(net, &reply, 5);
		reply.path.path[bad].pk = (struct lm_point){{0}};
		assert_int_equal(lm_packet_surb_create(net->builder, reply.surb, &reply.owner,
						       &reply.path.seed, reply.path.path, 5,
						       &reply.mailbox, last_epoch),
				 -EKEYREJECTED);
		assert_true(lm_is_zero(reply.surb, sizeof(reply.surb)));
		assert_true(lm_is_zero(&reply.owner, sizeof(reply.owner)));
	}
}

static void a_builder_holds_no_secret_of_a_block(void **state)
{
	static struct reply reply;
	static uint8_t header[LM_PACKET_MAX];
	uint8_t *payload = reply.packet[0] + LM_PACKET_HEADER;

	(void)state;
	make(net, &reply, 5);
	reply.path.packet = header;
	assert_int_equal(lm_packet_build_headers(net->builder, &reply.path, 1), 1);
	use(net, &reply);
	carry(net, &reply);
	assert_int_equal(lm_packet_surb_open(net->builder, payload, &reply.owner), 0);
	for (unsigned i = 0; i < LM_PACKET_HOPS; i++)
		assert_false(
			contains(net->builder, lm_packet_builder_size(), &reply.path.kp[i], 16));
	assert_false(contains(net->builder, lm_packet_builder_size(), &reply.path.seed, 16));
	assert_false(contains(net->builder, lm_packet_builder_size(), reply.surb + 380, 16));
	assert_false(contains(net->builder, lm_packet_builder_size(), reply.data, 16));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reply_opens_to_its_data_for_every_path_and_profile),
		cmocka_unit_test(a_block_carries_first_id_and_last_epoch_and_no_hop_key),
		cmocka_unit_test(a_damaged_reply_is_noticed_and_the_block_stays_open),
		cmocka_unit_test(a_reply_damaged_on_the_way_is_noticed),
		cmocka_unit_test(another_version_or_profile_is_no_reply_block),
		cmocka_unit_test(a_block_that_starts_outside_the_first_layer_is_refused),
		cmocka_unit_test(a_block_is_stale_one_path_time_before_its_last_epoch_ends),
		cmocka_unit_test(a_path_of_a_wrong_length_or_a_bad_key_makes_no_block),
		cmocka_unit_test(a_builder_holds_no_secret_of_a_block),
	};
	int result;

	if (lm_base_init(NULL) != 0)
		return 1;
	testing_rand_seed(3);
	net = net_new(0, "auto");
	result = RUN_TESTS(tests);
	net_free(net);
	return result;
}
