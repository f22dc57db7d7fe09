/* SPDX-License-Identifier: BSD-3-Clause */
/* Peeling what the known answers hold, packet by packet and in bursts. */
#include <string.h>

#include "packets.h"

unsigned get_profile(const struct node *object)
{
	return get_uint(object, "profile", LM_PACKET_PROFILES - 1);
}

void get_relay(const struct item *item, const struct node *object, struct lm_packet_key *key)
{
	struct lm_secret secret;
	struct lm_point public;

	get_bytes(object, "secret", &secret, sizeof(secret));
	get_bytes(object, "public", &public, sizeof(public));
	lm_packet_key_init(key, get_uint(object, "id", UINT32_MAX),
			   (uint8_t)get_uint(object, "kid", UINT8_MAX), &secret);
	item_check(item, memcmp(&key->public, &public, sizeof(public)) == 0, "wrong public key");
}

uint64_t peel(struct lm_packet_peeler *peeler, const struct lm_packet_key *const key[],
	      unsigned keys, struct lm_packet_peel *item, unsigned n)
{
	struct lm_packet_keyring keyring = {.n = keys};
	struct lm_packet_peel *back;
	uint64_t authentic;

	memcpy(keyring.key, key, keys * sizeof(key[0]));
	LM_ASSERT(lm_packet_peel_submit(peeler, &keyring, item, n) == 0);
	LM_ASSERT(lm_packet_peel_collect(peeler, &back, &authentic) == n && back == item);
	return authentic;
}

/* Reads what a hop must find; the payload goes to where the peel leaves it. */
static void read_want(struct hop *hop, const struct node *node)
{
	struct node verdict = node_get(node, "verdict");
	const char *text = node_string(&verdict);
	struct lm_packet_peel *want = &hop->want;
	uint8_t *payload = hop->out + LM_PACKET_HEADER;
	size_t payload_len = lm_packet_payload_len(hop->profile);

	get_bytes(node, "replay_tag", &want->replay_tag, sizeof(want->replay_tag));
	want->delay_us = get_uint(node, "delay_us", UINT32_MAX);
	if (strcmp(text, "fwd") == 0) {
		want->cmd = LM_PACKET_FWD;
		want->next_id = get_uint(node, "next_id", UINT32_MAX);
		get_bytes(node, "packet_out", hop->out, lm_packet_len(hop->profile));
	} else if (strcmp(text, "exit") == 0) {
		want->cmd = LM_PACKET_EXIT;
		get_bytes(node, "dest", &want->dest, sizeof(want->dest));
		memcpy(payload + 16, &want->dest, sizeof(want->dest));
		get_bytes(node, "data", payload + 48, lm_packet_exit_data_len(hop->profile));
	} else if (strcmp(text, "mbox") == 0) {
		want->cmd = LM_PACKET_MBOX;
		get_bytes(node, "dest", &want->dest, sizeof(want->dest));
		get_bytes(node, "token", &want->token, sizeof(want->token));
		get_bytes(node, "payload", payload, payload_len);
	} else if (strcmp(text, "drop") == 0) {
		want->cmd = LM_PACKET_DROP;
		get_bytes(node, "token", &want->token, sizeof(want->token));
		get_bytes(node, "payload", payload, payload_len);
	} else {
		malformed(&verdict, "not one of fwd, exit, mbox, drop");
	}
}

static void compare(const struct hop *hop, const struct lm_packet_peel *got, bool authentic)
{
	const struct lm_packet_peel *want = &hop->want;
	const struct item *item = hop->item;

	if (got->drop != LM_DROP_NONE) {
		item_check_verdict(item, lm_drop_name(got->drop), lm_packet_cmd_name(want->cmd));
		return;
	}
	item_check(item, authentic && got->key == &hop->key, "not reported as authentic");
	item_check(item, memcmp(&got->replay_tag, &want->replay_tag, 16) == 0, "wrong replay tag");
	item_check_verdict(item, lm_packet_cmd_name(got->cmd), lm_packet_cmd_name(want->cmd));
	item_check(item, got->delay_us == want->delay_us, "wrong delay_us");
	item_check(item, got->next_id == want->next_id, "wrong next_id");
	item_check(item, memcmp(&got->dest, &want->dest, 32) == 0, "wrong dest");
	item_check(item, memcmp(&got->token, &want->token, 16) == 0, "wrong token");
	item_check(item, memcmp(got->packet, hop->out, got->len) == 0, "wrong packet or payload");
}

void check_hops(const struct item *item, const struct run *run, struct hops *list,
		const struct node *hops, unsigned profile, const uint8_t *packet)
{
	size_t n = node_count(hops), len = lm_packet_len(profile);

	if (n < 1 || n > LM_PACKET_HOPS)
		malformed(hops, "not 1 to 5 hops");
	list->hop = realloc(list->hop, (list->n + n) * sizeof(list->hop[0]));
	LM_ASSERT(list->hop);
	for (size_t i = 0; i < n; i++) {
		struct node node = node_at(hops, i);
		struct hop *hop = &list->hop[list->n++];
		const struct lm_packet_key *key = &hop->key;
		uint8_t copy[LM_PACKET_MAX];
		struct lm_packet_peel got = {.packet = copy, .len = len};

		memset(hop, 0, sizeof(*hop));
		hop->item = item;
		hop->profile = profile;
		get_relay(item, &node, &hop->key);
		memcpy(hop->in, packet, len);
		read_want(hop, &node);
		memcpy(copy, hop->in, len);
		compare(hop, &got, peel(run->peeler[profile], &key, 1, &got, 1) == 1);
		packet = hop->out;
	}
}

/* One burst with the packets of `group` hops in turn, LM_BURST in all. */
static void check_burst(const struct run *run, const struct hop *const hop[], unsigned group)
{
	static uint8_t packet[LM_BURST][LM_PACKET_MAX];
	struct lm_packet_peel got[LM_BURST];
	const struct lm_packet_key *key[LM_PACKET_KIDS];
	unsigned profile = hop[0]->profile;
	uint64_t authentic;

	for (unsigned i = 0; i < group; i++)
		key[i] = &hop[i]->key;
	for (unsigned i = 0; i < LM_BURST; i++) {
		got[i] =
			(struct lm_packet_peel){.packet = packet[i], .len = lm_packet_len(profile)};
		memcpy(packet[i], hop[i % group]->in, LM_PACKET_MAX);
	}
	authentic = peel(run->peeler[profile], key, group, got, LM_BURST);
	for (unsigned i = 0; i < LM_BURST; i++)
		compare(hop[i % group], &got[i], authentic >> i & 1);
}

static bool has_kid(const struct hop *const hop[], unsigned n, uint8_t kid)
{
	for (unsigned i = 0; i < n; i++)
		if (hop[i]->key.kid == kid)
			return true;
	return false;
}

void check_hops_in_bursts(const struct run *run, const struct hops *list)
{
	for (unsigned profile = 0; profile < LM_PACKET_PROFILES; profile++) {
		const struct hop *group[LM_PACKET_KIDS];
		unsigned n = 0;

		for (unsigned i = 0; i < list->n; i++) {
			const struct hop *hop = &list->hop[i];

			if (hop->profile != profile)
				continue;
			if (n == LM_PACKET_KIDS || has_kid(group, n, hop->key.kid)) {
				check_burst(run, group, n);
				n = 0;
			}
			group[n++] = hop;
		}
		if (n > 0)
			check_burst(run, group, n);
	}
}
