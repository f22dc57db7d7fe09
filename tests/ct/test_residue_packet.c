/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * No key material stays in registers, on the stack or in the context after peeling, building, and
 * the work on bodies and reply blocks, on every backend of lib/symmetric. The secrets of a hop are
 * computed here with libsodium, by FORMAT.md alone.
 */
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "packet_testing.h"
#include "residue.h"

#define STRIDE 9 /* of the packets, every ninth is looked for */

/* All that must be gone, of one hop of one packet. */
struct hop_secrets {
	uint8_t ss[32];
	uint8_t okm[64];     /* kh || kp */
	uint8_t stream[448]; /* mk || replay tag || ks */
	uint8_t subkey[32];
	uint8_t km[64]; /* ak || r */
};

static struct net *net;
static struct residue left, left_before;
static uint8_t packet[LM_BURST][LM_PACKET_MAX];
static struct lm_packet_build build[LM_BURST];
static struct lm_packet_peel item[LM_BURST];
static struct hop_secrets secrets[LM_BURST];
static unsigned n;
static const char *backend;

static void assert_gone(const char *what, const void *secret, size_t len)
{
	const char *where = residue_find(&left, secret, len);

	if (where)
		fail_msg("%s, %u packets: %s left in %s", backend, n, what, where);
}

static void assert_hop_gone(const struct hop_secrets *hop)
{
	assert_gone("ss", hop->ss, sizeof(hop->ss));
	assert_gone("kh or kp", hop->okm, sizeof(hop->okm));
	assert_gone("mk or the replay tag", hop->stream, 48);
	assert_gone("the start of ks", hop->stream + 64, 16);
	assert_gone("the end of ks", hop->stream + sizeof(hop->stream) - 16, 16);
	assert_gone("HChaCha20's output", hop->subkey, sizeof(hop->subkey));
	assert_gone("ak or r", hop->km, 48);
}

static void hash(void *out, size_t out_len, const char person[16], const void *in, size_t len)
{
	crypto_generichash_blake2b_salt_personal(out, out_len, in, len, NULL, 0, NULL,
						 (const uint8_t *)person);
}

static void make_hop_secrets(struct hop_secrets *hop, const uint8_t ss[32], const uint8_t *epk,
			     const struct lm_point *pk, uint8_t kid, uint32_t id)
{
	static const uint8_t zero[64], one[16] = {1};
	const uint8_t prefix[4] = {1, (uint8_t)net->profile, kid, 0};
	uint8_t input[104];

	memcpy(hop->ss, ss, 32);
	memcpy(input, ss, 32);
	memcpy(input + 32, epk, 32);
	memcpy(input + 64, pk, 32);
	memcpy(input + 96, prefix, 4);
	lm_store_u32(input + 100, id);
	hash(hop->okm, sizeof(hop->okm), "MIXPKT-v1-hopkdf", input, sizeof(input));
	crypto_stream_chacha20_ietf(hop->stream, sizeof(hop->stream), zero, hop->okm);
	crypto_core_hchacha20(hop->subkey, one, hop->okm + 32, NULL);
	crypto_stream_chacha20_ietf_xor_ic(hop->km, zero, 64, zero, 1, hop->subkey);
}

static void run(void (*call)(void *argument), void *argument, void *context, size_t len)
{
	residue_run(&left, call, argument, context, len);
}

/* Runs a test with every backend, alone and in bursts. */
static void on_every_backend(void (*check)(void))
{
	static const unsigned sizes[] = {1, 13, LM_BURST};

	for (unsigned b = 0; lm_symmetric_backend_name(b); b++) {
		backend = lm_symmetric_backend_name(b);
		if (!lm_symmetric_backend_usable(b))
			continue;
		net = net_new(0, backend);
		for (unsigned s = 0; s < LM_COUNT(sizes); s++) {
			n = sizes[s];
			check();
		}
		net_free(net);
	}
}

/* ---- Peeling ---- */

static void peel_call(void *argument)
{
	struct lm_packet_peel *back;
	uint64_t authentic;

	(void)argument;
	LM_ASSERT(lm_packet_peel_submit(net->peeler, &net->keyring[0], item, n) == 0);
	LM_ASSERT(lm_packet_peel_collect(net->peeler, &back, &authentic) == n);
}

/* Every command, and drops in every step that knows secrets. */
static void make_packet(unsigned i)
{
	static const enum lm_packet_cmd cmds[] = {LM_PACKET_EXIT, LM_PACKET_MBOX, LM_PACKET_DROP};
	static const uint8_t no_command[LM_PACKET_COMMAND] = {LM_PACKET_EXIT, [63] = 1};

	if (i % 5 == 3)
		forge(net, packet[i], &net->key[0][i % LM_PACKET_KIDS], no_command);
	else
		net_build(net, &build[i], 1 + i % 2, cmds[i % 3], packet[i]);
	if (i % 7 == 5)
		packet[i][36] ^= 1;
	if (i % 11 == 9)
		packet[i][LM_PACKET_HEADER + 100] ^= 1;
	item[i] = (struct lm_packet_peel){.packet = packet[i], .len = net->len};
}

static void check_peel(void)
{
	for (unsigned i = 0; i < n; i++) {
		const struct lm_packet_key *key;
		uint8_t ss[32];

		make_packet(i);
		key = net->keyring[0].key[(uint8_t)(packet[i][2] - net->key[0][0].kid)];
		assert_int_equal(key->kid, packet[i][2]);
		assert_int_equal(crypto_scalarmult_curve25519(ss, key->secret.b, packet[i] + 4), 0);
		make_hop_secrets(&secrets[i], ss, packet[i] + 4, &key->public, key->kid, key->id);
	}
	run(peel_call, NULL, net->peeler, lm_packet_peeler_size());
	for (unsigned i = 0; i < LM_PACKET_KIDS; i++)
		assert_gone("a mix key", &net->key[0][i].secret, 32);
	for (unsigned i = 0; i < n; i += STRIDE)
		assert_hop_gone(&secrets[i]);
}

static void a_peel_leaves_no_key(void **state)
{
	(void)state;
	on_every_backend(check_peel);
}

/* The tag of every packet is wrong, so that two runs differ in the mix keys alone. */
static void check_refused(void)
{
	size_t len = lm_packet_peeler_size();
	void *earlier = malloc(len);
	const char *where;

	assert_non_null(earlier);
	for (unsigned i = 0; i < n; i++) {
		net_build(net, &build[i], 1, LM_PACKET_DROP, packet[i]);
		item[i] = (struct lm_packet_peel){.packet = packet[i], .len = net->len};
	}
	for (unsigned round = 0; round < 3; round++) {
		left_before = left;
		memcpy(earlier, net->peeler, len);
		for (unsigned i = 0; i < LM_PACKET_KIDS; i++)
			lm_rand(&net->key[0][i].secret, sizeof(net->key[0][i].secret));
		run(peel_call, NULL, net->peeler, len);
		assert_int_equal(item[n - 1].drop, LM_DROP_MAC);
	}
	where = residue_compare(&left, &left_before, earlier);
	if (where)
		fail_msg("%s, %u packets: something left in %s", backend, n, where);
	free(earlier);
}

static void a_refused_burst_leaves_nothing_that_depends_on_the_keys(void **state)
{
	(void)state;
	on_every_backend(check_refused);
}

/* ---- Building ---- */

static void build_call(void *argument)
{
	(void)argument;
	LM_ASSERT(lm_packet_build(net->builder, build, n) != 0);
}

static void build_headers_call(void *argument)
{
	(void)argument;
	LM_ASSERT(lm_packet_build_headers(net->builder, build, n) != 0);
}

static void wrap_call(void *argument)
{
	(void)argument;
	lm_packet_wrap(net->builder, build, n);
}

/* Seed, ephemeral keys and hop keys of a packet. */
static void assert_path_gone(const struct lm_packet_seed *seed, const struct lm_packet_hop *path,
			     unsigned hops)
{
	uint8_t input[33], key[32];

	assert_gone("the seed", seed, sizeof(*seed));
	hash(key, sizeof(key), "MIXPKT-v1-hdrpad", seed, sizeof(*seed));
	assert_gone("the pad's key", key, sizeof(key));
	memcpy(input, seed, 32);
	for (unsigned i = 0; i < hops; i++) {
		struct hop_secrets hop;
		uint8_t epk[32], ss[32];

		input[32] = (uint8_t)i;
		hash(key, sizeof(key), "MIXPKT-v1-ephkey", input, sizeof(input));
		assert_gone("an ephemeral key", key, sizeof(key));
		assert_int_equal(crypto_scalarmult_curve25519_base(epk, key), 0);
		assert_int_equal(crypto_scalarmult_curve25519(ss, key, path[i].pk.b), 0);
		make_hop_secrets(&hop, ss, epk, &path[i].pk, path[i].kid, path[i].id);
		assert_hop_gone(&hop);
	}
}

static void check_build(void)
{
	static void (*const calls[])(void *) = {build_headers_call, wrap_call, build_call};

	for (unsigned i = 0; i < n; i++)
		net_prepare(net, &build[i], 1 + i % LM_PACKET_HOPS, LM_PACKET_MBOX, packet[i]);
	for (unsigned c = 0; c < LM_COUNT(calls); c++) {
		run(calls[c], NULL, net->builder, lm_packet_builder_size());
		for (unsigned i = 0; i < n; i += STRIDE)
			assert_path_gone(&build[i].seed, build[i].path, build[i].hops);
	}
}

static void building_leaves_no_key(void **state)
{
	(void)state;
	on_every_backend(check_build);
}

/* ---- Bodies and reply blocks ---- */

static struct {
	uint8_t w[32], data[LM_PACKET_MAX], surb[LM_PACKET_SURB];
	struct lm_packet_token token;
	struct lm_packet_seed seed;
	struct lm_packet_surb_owner owner;
	struct lm_packet_dest mailbox;
	struct lm_packet_hop path[LM_PACKET_HOPS];
} in;

static void close_call(void *argument)
{
	(void)argument;
	lm_packet_body_mbox(net->builder, packet[0], in.w, &in.token, in.data);
}

static void open_call(void *argument)
{
	(void)argument;
	LM_ASSERT(lm_packet_mbox_open(net->builder, packet[0], in.w, &in.token) == 0);
}

static bool anywhere(const void *topology, uint32_t id)
{
	(void)topology;
	(void)id;
	return true;
}

static void create_call(void *argument)
{
	(void)argument;
	LM_ASSERT(lm_packet_surb_create(net->builder, in.surb, &in.owner, &in.seed, in.path,
					LM_PACKET_HOPS, &in.mailbox, 9) == 0);
}

static void use_call(void *argument)
{
	const struct lm_packet_surb_check check = {.in_first_layer = anywhere};
	uint32_t first_id;

	(void)argument;
	LM_ASSERT(lm_packet_surb_use(net->builder, packet[0], &first_id, in.surb, in.data,
				     &check) == 0);
}

/* As long as no relay has peeled it, a reply does not open. */
static void surb_open_call(void *argument)
{
	(void)argument;
	LM_ASSERT(lm_packet_surb_open(net->builder, packet[0] + LM_PACKET_HEADER, &in.owner) ==
		  -EBADMSG);
}

static void run_on_builder(void (*call)(void *argument))
{
	run(call, NULL, net->builder, lm_packet_builder_size());
}

static void check_bodies(void)
{
	uint8_t input[48], key[32];

	lm_rand(&in, sizeof(in));
	memcpy(input, in.w, 32);
	memcpy(input + 32, &in.token, 16);
	hash(key, sizeof(key), "MIXPKT-v1-mboxke", input, sizeof(input));
	run_on_builder(close_call);
	assert_gone("w", in.w, sizeof(in.w));
	assert_gone("Ke", key, sizeof(key));
	run_on_builder(open_call);
	assert_gone("w", in.w, sizeof(in.w));
	assert_gone("Ke", key, sizeof(key));
}

static void bodies_leave_no_key(void **state)
{
	(void)state;
	on_every_backend(check_bodies);
}

static void check_surb(void)
{
	uint8_t key[32];

	lm_rand(&in, sizeof(in));
	net_prepare(net, &build[0], LM_PACKET_HOPS, LM_PACKET_MBOX, packet[0]);
	memcpy(in.path, build[0].path, sizeof(in.path));
	hash(key, sizeof(key), "MIXPKT-v1-surbke", &in.seed, sizeof(in.seed));
	run_on_builder(create_call);
	assert_gone("Ks", key, sizeof(key));
	assert_path_gone(&in.seed, in.path, LM_PACKET_HOPS);
	run_on_builder(use_call);
	assert_gone("Ks", key, sizeof(key));
	run_on_builder(surb_open_call);
	assert_gone("Ks", key, sizeof(key));
	assert_path_gone(&in.seed, in.path, LM_PACKET_HOPS);
	memset(&in.owner.path[2].pk, 0, sizeof(in.owner.path[2].pk));
	run_on_builder(surb_open_call);
	assert_path_gone(&in.seed, in.path, 1);
}

static void reply_blocks_leave_no_key(void **state)
{
	(void)state;
	on_every_backend(check_surb);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_peel_leaves_no_key),
		cmocka_unit_test(a_refused_burst_leaves_nothing_that_depends_on_the_keys),
		cmocka_unit_test(building_leaves_no_key),
		cmocka_unit_test(bodies_leave_no_key),
		cmocka_unit_test(reply_blocks_leave_no_key),
	};

	if (lm_base_init(NULL) != 0)
		return 1;
	return RUN_TESTS(tests);
}
