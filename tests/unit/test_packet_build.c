/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Building: whatever is built peels hop by hop to what went in, for every path length, profile,
 * command, backend and burst size; bodies open for their recipient only; a builder holds no secret
 * afterwards.
 */
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "packet_testing.h"

static struct net *net; /* profile 0 */
static uint8_t packet[LM_BURST][LM_PACKET_MAX], body[LM_BURST][LM_PACKET_PAYLOAD_MAX];

/* ---- Build, then peel ---- */

static void check_peeled(const struct net *at, const struct lm_packet_build *build,
			 const struct lm_packet_peel *item, unsigned hop, const uint8_t *text)
{
	static const struct lm_packet_dest no_dest;
	static const struct lm_packet_token no_token;
	bool last = hop == build->hops - 1;
	const struct lm_packet_dest *dest = &no_dest;

	assert_int_equal(item->drop, LM_DROP_NONE);
	assert_int_equal(item->delay_us, build->path[hop].delay_us);
	assert_int_equal(item->key->id, build->path[hop].id);
	assert_int_equal(item->key->kid, build->path[hop].kid);
	if (!last) {
		assert_int_equal(item->cmd, LM_PACKET_FWD);
		assert_int_equal(item->next_id, build->path[hop + 1].id);
		assert_int_equal(item->packet[2], build->path[hop + 1].kid);
		assert_memory_equal(&item->dest, &no_dest, sizeof(no_dest));
		assert_memory_equal(&item->token, &no_token, sizeof(no_token));
		return;
	}
	assert_int_equal(item->cmd, build->cmd);
	assert_int_equal(item->next_id, 0);
	assert_true(lm_is_zero(item->packet, LM_PACKET_HEADER));
	assert_memory_equal(item->packet + LM_PACKET_HEADER, text, at->payload_len);
	if (build->cmd == LM_PACKET_MBOX)
		dest = &build->dest;
	if (build->cmd == LM_PACKET_EXIT)
		dest = (const struct lm_packet_dest *)(text + 16);
	assert_memory_equal(&item->dest, dest, sizeof(*dest));
	assert_memory_equal(&item->token, build->cmd == LM_PACKET_EXIT ? &no_token : &build->token,
			    sizeof(item->token));
}

/* n packets of mixed lengths and commands travel together, each as far as its path goes. */
static void travel(const struct net *at, unsigned n, unsigned shift)
{
	struct lm_packet_build build[LM_BURST];
	struct lm_packet_peel item[LM_BURST];
	uint64_t all = n == 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;

	for (unsigned i = 0; i < n; i++) {
		net_prepare(at, &build[i], 1 + (i + shift) % LM_PACKET_HOPS,
			    LM_PACKET_EXIT + (i + shift) / LM_PACKET_HOPS % 3, packet[i]);
		memcpy(body[i], packet[i] + LM_PACKET_HEADER, at->payload_len);
	}
	assert_int_equal(lm_packet_build(at->builder, build, n), all);
	for (unsigned hop = 0; hop < LM_PACKET_HOPS; hop++) {
		unsigned on_way = 0;

		for (unsigned i = 0; i < n; i++)
			if (build[i].hops > hop) {
				memmove(packet[on_way], packet[i], at->len);
				memmove(body[on_way], body[i], at->payload_len);
				build[on_way++] = build[i];
			}
		n = on_way;
		if (n == 0)
			break;
		all = n == 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
		assert_int_equal(net_peel(at, hop, item, packet, n), all);
		for (unsigned i = 0; i < n; i++)
			check_peeled(at, &build[i], &item[i], hop, body[i]);
	}
}

static void what_is_built_peels_to_what_went_in_at_every_burst_size(void **state)
{
	(void)state;
	for (unsigned n = 1; n <= LM_BURST; n++)
		travel(net, n, n);
	for (unsigned shift = 0; shift < 15; shift++)
		travel(net, 1, shift);
}

static void it_does_so_for_every_profile_and_backend(void **state)
{
	(void)state;
	for (unsigned profile = 0; profile < LM_PACKET_PROFILES; profile++)
		for (unsigned i = 0; lm_symmetric_backend_name(i); i++) {
			struct net *other;

			if (!lm_symmetric_backend_usable(i))
				continue;
			other = net_new(profile, lm_symmetric_backend_name(i));
			travel(other, 15, i);
			travel(other, LM_BURST, i);
			net_free(other);
		}
}

/* ---- Bursts ---- */

static void a_burst_builds_the_same_bytes_as_single_packets(void **state)
{
	struct lm_packet_build build[LM_BURST], single;
	static uint8_t alone[LM_PACKET_MAX];

	(void)state;
	for (unsigned i = 0; i < LM_BURST; i++) {
		net_prepare(net, &build[i], 1 + i % 5, LM_PACKET_EXIT + i % 3, packet[i]);
		memcpy(body[i], packet[i] + LM_PACKET_HEADER, net->payload_len);
	}
	assert_int_equal(lm_packet_build(net->builder, build, LM_BURST), UINT64_MAX);
	for (unsigned i = 0; i < LM_BURST; i++) {
		single = build[i];
		single.packet = alone;
		memset(single.kp, 0xaa, sizeof(single.kp));
		memcpy(alone + LM_PACKET_HEADER, body[i], net->payload_len);
		assert_int_equal(lm_packet_build_headers(net->builder, &single, 1), 1);
		assert_memory_equal(alone + LM_PACKET_HEADER, body[i], net->payload_len);
		lm_packet_wrap(net->builder, &single, 1);
		assert_memory_equal(alone, packet[i], net->len);
		assert_memory_equal(single.kp, build[i].kp, sizeof(single.kp));
		assert_true(lm_is_zero(&single.kp[single.hops],
				       (LM_PACKET_HOPS - single.hops) * sizeof(single.kp[0])));
	}
}

static void a_hop_of_small_order_spoils_its_own_packet_only(void **state)
{
	enum { N = 20 };
	struct lm_packet_build good[N], build[N];
	struct lm_packet_peel item;
	static uint8_t plain[N][LM_PACKET_MAX];

	(void)state;
	for (unsigned i = 0; i < N; i++)
		net_prepare(net, &good[i], 1 + i % 5, LM_PACKET_MBOX, packet[i]);
	memcpy(plain, packet, sizeof(plain));
	for (unsigned bad = 0; bad < N; bad++) {
		memcpy(packet, plain, sizeof(plain));
		memcpy(build, good, sizeof(build));
		build[bad].path[build[bad].hops - 1].pk = (struct lm_point){{1}};
		assert_int_equal(lm_packet_build_headers(net->builder, build, N),
				 0xfffff & ~(UINT64_C(1) << bad));
		assert_true(lm_is_zero(packet[bad], LM_PACKET_HEADER));
		assert_memory_equal(packet[bad] + LM_PACKET_HEADER, plain[bad] + LM_PACKET_HEADER,
				    net->payload_len);
		assert_true(lm_is_zero(build[bad].kp, sizeof(build[bad].kp)));
		assert_int_equal(lm_packet_build(net->builder, build, N),
				 0xfffff & ~(UINT64_C(1) << bad));
		assert_true(lm_is_zero(packet[bad], net->len));
		for (unsigned i = 0; i < N; i++)
			if (i != bad)
				assert_int_equal(net_peel(net, 0, &item, &packet[i], 1), 1);
	}
}

/* ---- Bodies ---- */

static void an_exit_body_is_zero_tag_dest_and_data(void **state)
{
	struct lm_packet_dest dest;
	uint8_t data[928], out[976 + 1];

	(void)state;
	lm_rand(&dest, sizeof(dest));
	lm_rand(data, sizeof(data));
	memset(out, 0xaa, sizeof(out));
	lm_packet_body_exit(net->builder, out, &dest, data);
	assert_true(lm_is_zero(out, 16));
	assert_memory_equal(out + 16, &dest, 32);
	assert_memory_equal(out + 48, data, sizeof(data));
	assert_int_equal(out[976], 0xaa);
}

static void a_drop_body_is_random(void **state)
{
	uint8_t out[2][976] = {{0}};

	(void)state;
	lm_packet_body_drop(net->builder, out[0]);
	lm_packet_body_drop(net->builder, out[1]);
	assert_memory_not_equal(out[0], out[1], sizeof(out[0]));
	assert_false(lm_is_zero(out[0], 16));
	assert_false(lm_is_zero(out[0] + 960, 16));
}

static void a_mailbox_body_opens_with_its_secret_and_token_only(void **state)
{
	struct lm_packet_token token, other_token;
	uint8_t w[32], other_w[32], data[960], made[976], text[976];

	(void)state;
	lm_rand(&token, sizeof(token));
	lm_rand(w, sizeof(w));
	lm_rand(data, sizeof(data));
	other_token = token;
	other_token.b[15] ^= 1;
	memcpy(other_w, w, sizeof(w));
	other_w[31] ^= 1;
	lm_packet_body_mbox(net->builder, made, w, &token, data);
	assert_false(contains(made, sizeof(made), data, 16));

	memcpy(text, made, sizeof(text));
	assert_int_equal(lm_packet_mbox_open(net->builder, text, w, &token), 0);
	assert_memory_equal(text + 16, data, sizeof(data));

	memcpy(text, made, sizeof(text));
	assert_int_equal(lm_packet_mbox_open(net->builder, text, other_w, &token), -EBADMSG);
	assert_true(lm_is_zero(text, sizeof(text)));
	memcpy(text, made, sizeof(text));
	assert_int_equal(lm_packet_mbox_open(net->builder, text, w, &other_token), -EBADMSG);
	assert_true(lm_is_zero(text, sizeof(text)));
	for (size_t at = 0; at < sizeof(text); at += 25) {
		memcpy(text, made, sizeof(text));
		text[at] ^= 1;
		assert_int_equal(lm_packet_mbox_open(net->builder, text, w, &token), -EBADMSG);
		assert_true(lm_is_zero(text, sizeof(text)));
	}
}

/* ---- Secrets ---- */

static void assert_gone(const void *secret, size_t n)
{
	for (size_t at = 0; at + 16 <= n; at++)
		assert_false(contains(net->builder, lm_packet_builder_size(),
				      (const uint8_t *)secret + at, 16));
}

static void a_builder_holds_no_secret_after_a_call(void **state)
{
	struct lm_packet_build build[LM_BURST];
	uint8_t seed_hop[33], esk[32], w[32], data[960], key_input[48], key[32];
	struct lm_packet_token token = {{3}};

	(void)state;
	for (unsigned i = 0; i < LM_BURST; i++)
		net_prepare(net, &build[i], 5, LM_PACKET_MBOX, packet[i]);
	assert_int_equal(lm_packet_build(net->builder, build, LM_BURST), UINT64_MAX);
	for (unsigned i = 0; i < LM_BURST; i++) {
		assert_gone(&build[i].seed, sizeof(build[i].seed));
		assert_gone(build[i].kp, sizeof(build[i].kp));
		memcpy(seed_hop, &build[i].seed, 32);
		seed_hop[32] = (uint8_t)(i % 5);
		crypto_generichash_blake2b_salt_personal(esk, 32, seed_hop, 33, NULL, 0, NULL,
							 (const uint8_t *)"MIXPKT-v1-ephkey");
		assert_gone(esk, sizeof(esk));
	}
	lm_rand(w, sizeof(w));
	lm_rand(data, sizeof(data));
	lm_packet_body_mbox(net->builder, body[0], w, &token, data);
	memcpy(key_input, w, 32);
	memcpy(key_input + 32, &token, 16);
	crypto_generichash_blake2b_salt_personal(key, 32, key_input, 48, NULL, 0, NULL,
						 (const uint8_t *)"MIXPKT-v1-mboxke");
	assert_gone(w, sizeof(w));
	assert_gone(key, sizeof(key));
	assert_gone(data, sizeof(data));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_built_peels_to_what_went_in_at_every_burst_size),
		cmocka_unit_test(it_does_so_for_every_profile_and_backend),
		cmocka_unit_test(a_burst_builds_the_same_bytes_as_single_packets),
		cmocka_unit_test(a_hop_of_small_order_spoils_its_own_packet_only),
		cmocka_unit_test(an_exit_body_is_zero_tag_dest_and_data),
		cmocka_unit_test(a_drop_body_is_random),
		cmocka_unit_test(a_mailbox_body_opens_with_its_secret_and_token_only),
		cmocka_unit_test(a_builder_holds_no_secret_after_a_call),
	};
	int result;

	if (lm_base_init(NULL) != 0)
		return 1;
	testing_rand_seed(2);
	net = net_new(0, "auto");
	result = RUN_TESTS(tests);
	net_free(net);
	return result;
}
