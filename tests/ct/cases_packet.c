/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/packet: a relay's mix keys are secret and packets are not; a sender's seeds, tokens,
 * mailboxes and data are secret and its paths are not. Compiled with the marks of
 * LM_FOLLOW_SECRETS.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "follow.h"
#include "leaks.h"
#include "packet_testing.h"

static struct net *net;
static uint8_t packet[LM_BURST][LM_PACKET_MAX];
static uint8_t data[LM_PACKET_MAX], surb[LM_PACKET_SURB];

/* ---- Peeling ---- */

/* What becomes of each packet of a burst: everything that can. */
static const struct {
	enum lm_packet_cmd cmd; /* of the last hop; 0: a command that does not exist */
	unsigned hops;
	unsigned flip; /* the byte that is damaged, or 0 */
	enum lm_drop drop;
} fates[] = {
	{LM_PACKET_DROP, 2, 0, LM_DROP_NONE},
	{LM_PACKET_EXIT, 1, 0, LM_DROP_NONE},
	{LM_PACKET_MBOX, 5, 0, LM_DROP_NONE},
	{LM_PACKET_MBOX, 1, 0, LM_DROP_NONE},
	{LM_PACKET_DROP, 1, 0, LM_DROP_NONE},
	{LM_PACKET_EXIT, 1, LM_PACKET_HEADER + 700, LM_DROP_PAYLOAD},
	{LM_PACKET_EXIT, 3, 1, LM_DROP_FORMAT},
	{LM_PACKET_EXIT, 3, 2, LM_DROP_KID},
	{LM_PACKET_EXIT, 3, 36, LM_DROP_MAC},
	{LM_PACKET_EXIT, 3, 371, LM_DROP_MAC},
	{0, 1, 0, LM_DROP_CMD},
};

static void make_packets(void)
{
	static const uint8_t no_command[LM_PACKET_COMMAND] = {LM_PACKET_EXIT, [63] = 1};
	struct lm_packet_build build;

	for (unsigned i = 0; i < LM_BURST; i++) {
		unsigned f = i % LM_COUNT(fates);

		if (fates[f].cmd == 0)
			forge(net, packet[i], &net->key[0][i % LM_PACKET_KIDS], no_command);
		else
			net_build(net, &build, fates[f].hops, fates[f].cmd, packet[i]);
		if (fates[f].flip > 0)
			packet[i][fates[f].flip] ^= 0x40;
	}
	memset(packet[LM_BURST - 1] + 4, 0, 32); /* a point of small order */
}

static void peel(const void *argument)
{
	struct lm_packet_peel item[LM_BURST];
	uint64_t authentic;

	(void)argument;
	make_packets();
	for (unsigned i = 0; i < LM_PACKET_KIDS; i++)
		follow_secret(&net->key[0][i].secret, sizeof(net->key[0][i].secret));
	authentic = net_peel(net, 0, item, packet, LM_BURST);
	FOLLOW_CHECK((authentic & 0x7ff) == 0x43f);
	FOLLOW_CHECK(item[LM_BURST - 1].drop == LM_DROP_LOWORDER);
	for (unsigned i = 0; i < LM_BURST - 1; i++) {
		unsigned f = i % LM_COUNT(fates);

		FOLLOW_CHECK(item[i].drop == fates[f].drop);
		if (item[i].drop != LM_DROP_NONE)
			continue;
		FOLLOW_CHECK(follow_is_secret(&item[i].delay_us, sizeof(item[i].delay_us)));
		FOLLOW_CHECK(follow_is_secret(&item[i].replay_tag, sizeof(item[i].replay_tag)));
		FOLLOW_CHECK(follow_is_secret(packet[i] + LM_PACKET_HEADER, net->payload_len));
		if (fates[f].hops > 1)
			FOLLOW_CHECK(follow_is_secret(packet[i] + 36, LM_PACKET_HEADER - 36));
	}
}

static void leak_after_peel(const void *argument)
{
	struct lm_packet_peel item;
	unsigned result;

	(void)argument;
	make_packets();
	for (unsigned i = 0; i < LM_PACKET_KIDS; i++)
		follow_secret(&net->key[0][i].secret, sizeof(net->key[0][i].secret));
	FOLLOW_CHECK(net_peel(net, 0, &item, packet, 1) == 1);
	result = leak_by_branch((const uint8_t *)&item.delay_us);
	lm_declassify(&result, sizeof(result));
}

static void make_key(const void *argument)
{
	struct lm_packet_key key;
	struct lm_secret secret;

	(void)argument;
	lm_rand(&secret, sizeof(secret));
	follow_secret(&secret, sizeof(secret));
	lm_packet_key_init(&key, 7, 1, &secret);
	FOLLOW_CHECK(follow_is_secret(&key.public, sizeof(key.public)));
}

/* ---- Building ---- */

static void build(const void *argument)
{
	static const enum lm_packet_cmd cmds[] = {LM_PACKET_EXIT, LM_PACKET_MBOX, LM_PACKET_DROP};
	struct lm_packet_build item[LM_BURST];

	(void)argument;
	for (unsigned i = 0; i < LM_BURST; i++) {
		net_prepare(net, &item[i], 1 + i % LM_PACKET_HOPS, cmds[i % 3], packet[i]);
		follow_secret(&item[i].seed, sizeof(item[i].seed));
		follow_secret(&item[i].dest, sizeof(item[i].dest));
		follow_secret(&item[i].token, sizeof(item[i].token));
		follow_secret(packet[i] + LM_PACKET_HEADER, net->payload_len);
	}
	memset(&item[3].path[0].pk, 0, sizeof(item[3].path[0].pk));
	FOLLOW_CHECK(lm_packet_build(net->builder, item, LM_BURST) == ~UINT64_C(8));
	for (unsigned i = 4; i < LM_BURST; i++) {
		FOLLOW_CHECK(follow_is_secret(packet[i] + 4, net->len - 4));
		FOLLOW_CHECK(follow_is_secret(item[i].kp, item[i].hops * sizeof(item[i].kp[0])));
	}
}

static void bodies(const void *argument)
{
	struct lm_packet_token token;
	struct lm_packet_dest dest;
	uint8_t w[32];

	(void)argument;
	lm_rand(&token, sizeof(token));
	lm_rand(&dest, sizeof(dest));
	lm_rand(w, sizeof(w));
	follow_secret(&token, sizeof(token));
	follow_secret(&dest, sizeof(dest));
	follow_secret(w, sizeof(w));
	follow_secret(data, sizeof(data));
	lm_packet_body_exit(net->builder, packet[0], &dest, data);
	FOLLOW_CHECK(follow_is_secret(packet[0] + 16, net->payload_len - 16));
	lm_packet_body_mbox(net->builder, packet[0], w, &token, data);
	FOLLOW_CHECK(lm_packet_mbox_open(net->builder, packet[0], w, &token) == 0);
	lm_packet_body_mbox(net->builder, packet[0], w, &token, data);
	packet[0][500] ^= 1;
	FOLLOW_CHECK(lm_packet_mbox_open(net->builder, packet[0], w, &token) == -EBADMSG);
}

/* ---- Reply blocks ---- */

static bool anywhere(const void *topology, uint32_t id)
{
	(void)topology;
	(void)id;
	return true;
}

/* The path back, as its relays go: each takes its layer off with E. */
static void reply(const void *argument)
{
	const struct lm_packet_surb_check check = {.in_first_layer = anywhere};
	struct lm_packet_build path;
	struct lm_packet_surb_owner owner;
	struct lm_packet_seed seed;
	struct lm_packet_dest mailbox;
	struct lm_packet_peel item;
	uint32_t first_id;

	(void)argument;
	net_prepare(net, &path, 1, LM_PACKET_MBOX, packet[0]);
	seed = path.seed;
	mailbox = path.dest;
	follow_secret(&seed, sizeof(seed));
	follow_secret(&mailbox, sizeof(mailbox));
	follow_secret(data, sizeof(data));
	FOLLOW_CHECK(lm_packet_surb_create(net->builder, surb, &owner, &seed, path.path, 1,
					   &mailbox, 9) == 0);
	FOLLOW_CHECK(follow_is_secret(&owner.token, sizeof(owner.token)));
	FOLLOW_CHECK(follow_is_secret(surb + 380, 32));
	lm_declassify(surb, LM_PACKET_HEADER); /* the replier sends it */
	FOLLOW_CHECK(lm_packet_surb_use(net->builder, packet[0], &first_id, surb, data, &check) ==
		     0);
	lm_declassify(packet[0], net->len);
	FOLLOW_CHECK(net_peel(net, 0, &item, packet, 1) == 1 && item.cmd == LM_PACKET_MBOX);
	memcpy(packet[1], packet[0], net->len);
	packet[1][LM_PACKET_HEADER] ^= 1;
	FOLLOW_CHECK(lm_packet_surb_open(net->builder, packet[0] + LM_PACKET_HEADER, &owner) == 0);
	FOLLOW_CHECK(lm_packet_surb_open(net->builder, packet[1] + LM_PACKET_HEADER, &owner) ==
		     -EBADMSG);
}

/* A network is made once, and every case gets a copy of it. */
static void cases_of(const char *x25519, const char *symmetric, unsigned profile)
{
	char what[64];

	LM_ASSERT(lm_x25519_select(x25519, NULL) == 0);
	net = net_new(profile, symmetric);
	snprintf(what, sizeof(what), "packet %s, %s, profile %u", x25519, symmetric, profile);
	follow_case(true, leak_after_peel, NULL, "%s: a branch on what a peel returns is reported",
		    what);
	follow_case(false, peel, NULL, "%s: peeling", what);
	follow_case(false, make_key, NULL, "%s: a mix key", what);
	follow_case(false, build, NULL, "%s: building", what);
	follow_case(false, bodies, NULL, "%s: bodies", what);
	follow_case(false, reply, NULL, "%s: reply blocks", what);
	net_free(net);
}

/* The next usable backend from *b on, which moves past it; the last one again after the end. */
static const char *next_x25519(unsigned *b)
{
	while (lm_x25519_backend_name(*b) && !lm_x25519_backend_usable(*b))
		++*b;
	return lm_x25519_backend_name(*b) ? lm_x25519_backend_name((*b)++) : "scalar";
}

static const char *next_symmetric(unsigned *b)
{
	while (lm_symmetric_backend_name(*b) && !lm_symmetric_backend_usable(*b))
		++*b;
	return lm_symmetric_backend_name(*b) ? lm_symmetric_backend_name((*b)++) : "scalar";
}

/* Every backend of either library in some pair; the larger profile with the best. */
void packet_cases(void)
{
	unsigned x = 0, s = 0;

	while (lm_x25519_backend_name(x) || lm_symmetric_backend_name(s)) {
		const char *x25519 = next_x25519(&x);

		cases_of(x25519, next_symmetric(&s), 0);
	}
	cases_of("auto", "auto", 1);
}
