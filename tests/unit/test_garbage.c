/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A million garbage packets leave the replay set as it was: nothing is remembered before the
 * header's tag has proved to be right. Garbage is random with every cheap check passed, and, one in
 * eight, a right packet with one flipped bit in its header's encrypted part.
 */
#include <string.h>

#include "packet_testing.h"

#define GARBAGE  (UNDER_SANITIZER ? 20000 : 1000000)
#define CAPACITY 4096
#define PREFIX   4 /* version, profile, kid, zero */
#define EPK_LAST 35
#define TAG_AT   36

static uint8_t packet[LM_BURST][LM_PACKET_MAX], good[LM_PACKET_MAX];

static void fill(const struct net *net, struct lm_prng *prng, unsigned i)
{
	uint8_t *bytes = packet[i];

	if (i % 8 == 0) {
		unsigned bit = lm_prng_below(prng, 8 * (LM_PACKET_HEADER - TAG_AT));

		memcpy(bytes, good, LM_PACKET_HEADER);
		bytes[TAG_AT + bit / 8] ^= (uint8_t)(1u << bit % 8);
		return;
	}
	lm_prng_bytes(prng, bytes, LM_PACKET_HEADER);
	memcpy(bytes, good, PREFIX);
	bytes[2] = net->key[0][lm_prng_below(prng, LM_PACKET_KIDS)].kid;
	bytes[EPK_LAST] &= 0x3f; /* below 2^255 - 19 */
}

/* Peels a burst and tests and sets what was authentic. Returns how many were. */
static unsigned peel_and_remember(const struct net *net, struct lm_replay *replay)
{
	struct lm_packet_peel item[LM_BURST];
	struct lm_replay_tag tag[LM_BURST];
	uint64_t full, authentic = net_peel(net, 0, item, packet, LM_BURST);

	for (unsigned i = 0; i < LM_BURST; i++)
		tag[i] = item[i].replay_tag;
	(void)!lm_replay_insert(replay, tag, authentic, LM_BURST, &full);
	return (unsigned)__builtin_popcountll(authentic);
}

static void a_million_garbage_packets_leave_the_set_unchanged(void **state)
{
	size_t size = lm_replay_size(CAPACITY);
	uint8_t *memory = aligned_alloc(LM_REPLAY_ALIGN, (size + 63) / 64 * 64);
	uint8_t *before = malloc(size);
	struct net *net = net_new(0, "auto");
	struct lm_packet_build build;
	struct lm_replay *replay;
	struct lm_prng prng;
	unsigned authentic = 0;

	(void)state;
	assert_true(memory && before);
	memset(memory, 0, size);
	lm_prng_init(&prng, (const uint8_t[32]){7});
	replay = lm_replay_init(memory, CAPACITY);
	net_build(net, &build, 3, LM_PACKET_EXIT, good);
	memcpy(packet[5], good, LM_PACKET_MAX);
	assert_int_equal(peel_and_remember(net, replay), 1); /* so the set is one that remembers */
	assert_int_equal(lm_replay_count(replay), 1);
	memcpy(before, memory, size);
	for (unsigned done = 0; done < GARBAGE; done += LM_BURST) {
		for (unsigned i = 0; i < LM_BURST; i++)
			fill(net, &prng, i);
		authentic += peel_and_remember(net, replay);
	}
	assert_int_equal(authentic, 0);
	assert_memory_equal(memory, before, size);
	net_free(net);
	free(memory);
	free(before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_million_garbage_packets_leave_the_set_unchanged),
	};

	assert_int_equal(lm_base_init(NULL), 0);
	return RUN_TESTS(tests);
}
