/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See packet_testing.h.
 */
#include "packet_testing.h"

#include <sodium.h>
#include <string.h>

static void *context_alloc(size_t n)
{
	void *memory = aligned_alloc(LM_PACKET_ALIGN,
				     (n + LM_PACKET_ALIGN - 1) / LM_PACKET_ALIGN * LM_PACKET_ALIGN);

	assert_non_null(memory);
	return memory;
}

struct net *net_new(unsigned profile, const char *backend)
{
	struct net *net = calloc(1, sizeof(*net));
	struct lm_secret secret;

	assert_non_null(net);
	net->profile = profile;
	net->len = lm_packet_len(profile);
	net->payload_len = lm_packet_payload_len(profile);
	net->builder = lm_packet_builder_init(context_alloc(lm_packet_builder_size()), profile,
					      backend, NULL);
	net->peeler = lm_packet_peeler_init(context_alloc(lm_packet_peeler_size()), profile,
					    backend, NULL);
	assert_non_null(net->builder);
	assert_non_null(net->peeler);
	for (unsigned relay = 0; relay < LM_PACKET_HOPS; relay++) {
		net->keyring[relay].n = LM_PACKET_KIDS;
		for (unsigned i = 0; i < LM_PACKET_KIDS; i++) {
			lm_rand(&secret, sizeof(secret));
			lm_packet_key_init(&net->key[relay][i], 1000 + relay, (uint8_t)(254 + i),
					   &secret);
			net->keyring[relay].key[i] = &net->key[relay][i];
		}
	}
	return net;
}

void net_free(struct net *net)
{
	free(net->builder);
	free(net->peeler);
	free(net);
}

void net_prepare(const struct net *net, struct lm_packet_build *build, unsigned hops,
		 enum lm_packet_cmd cmd, uint8_t packet[LM_PACKET_MAX])
{
	uint8_t kid[LM_PACKET_HOPS];

	memset(build, 0, sizeof(*build));
	lm_rand(&build->seed, sizeof(build->seed));
	lm_rand(&build->dest, sizeof(build->dest));
	lm_rand(&build->token, sizeof(build->token));
	lm_rand(kid, sizeof(kid));
	build->hops = hops;
	build->cmd = cmd;
	build->packet = packet;
	for (unsigned i = 0; i < hops; i++) {
		const struct lm_packet_key *key = &net->key[i][kid[i] % LM_PACKET_KIDS];

		build->path[i].id = key->id;
		build->path[i].kid = key->kid;
		build->path[i].pk = key->public;
		lm_rand(&build->path[i].delay_us, sizeof(build->path[i].delay_us));
	}
	lm_rand(packet, net->len);
	if (cmd == LM_PACKET_EXIT)
		memset(packet + LM_PACKET_HEADER, 0, 16);
}

void net_build(const struct net *net, struct lm_packet_build *build, unsigned hops,
	       enum lm_packet_cmd cmd, uint8_t packet[LM_PACKET_MAX])
{
	net_prepare(net, build, hops, cmd, packet);
	assert_int_equal(lm_packet_build(net->builder, build, 1), 1);
}

uint64_t net_peel(const struct net *net, unsigned relay, struct lm_packet_peel *item,
		  uint8_t packet[][LM_PACKET_MAX], unsigned n)
{
	struct lm_packet_peel *back;
	uint64_t authentic;

	for (unsigned i = 0; i < n; i++) {
		memset(&item[i], 0xaa, sizeof(item[i]));
		item[i].packet = packet[i];
		item[i].len = net->len;
	}
	assert_int_equal(lm_packet_peel_submit(net->peeler, &net->keyring[relay], item, n), 0);
	assert_int_equal(lm_packet_peel_collect(net->peeler, &back, &authentic), n);
	assert_ptr_equal(back, item);
	return authentic;
}

void forge_with(const struct net *net, uint8_t packet[LM_PACKET_MAX],
		const struct lm_packet_key *key, const struct lm_point *epk,
		const struct lm_point *ss, const uint8_t command[LM_PACKET_COMMAND])
{
	static const uint8_t nonce[12];
	uint8_t input[104], okm[64], stream[448];

	lm_rand(packet, net->len);
	packet[0] = 1;
	packet[1] = (uint8_t)net->profile;
	packet[2] = key->kid;
	packet[3] = 0;
	memcpy(packet + 4, epk, 32);
	memcpy(input, ss, 32);
	memcpy(input + 32, epk, 32);
	memcpy(input + 64, &key->public, 32);
	memcpy(input + 96, packet, 4);
	lm_store_u32(input + 100, key->id);
	crypto_generichash_blake2b_salt_personal(okm, 64, input, sizeof(input), NULL, 0, NULL,
						 (const uint8_t *)"MIXPKT-v1-hopkdf");
	crypto_stream_chacha20_ietf(stream, sizeof(stream), nonce, okm);
	memcpy(packet + 52, command, LM_PACKET_COMMAND);
	for (unsigned i = 0; i < LM_PACKET_COMMAND; i++)
		packet[52 + i] ^= stream[64 + i];
	crypto_onetimeauth_poly1305(packet + 36, packet + 52, LM_PACKET_BETA, stream);
}

void forge(const struct net *net, uint8_t packet[LM_PACKET_MAX], const struct lm_packet_key *key,
	   const uint8_t command[LM_PACKET_COMMAND])
{
	struct lm_secret esk;
	struct lm_point epk, ss;

	lm_rand(&esk, sizeof(esk));
	assert_int_equal(crypto_scalarmult_curve25519_base(epk.b, esk.b), 0);
	assert_int_equal(crypto_scalarmult_curve25519(ss.b, esk.b, key->public.b), 0);
	forge_with(net, packet, key, &epk, &ss, command);
}
