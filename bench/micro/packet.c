/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Benchmarks of lib/packet: peeling a burst of packets on their first hop, and building packets of
 * three hops, or of five where the name says so. Backends have lib/x25519's names; the one of
 * lib/symmetric for the same CPU goes along.
 */
#include <string.h>

#include "lm_packet.h"
#include "micro.h"

#define USUAL_HOPS 3

struct packet_context {
	unsigned profile;
	struct lm_packet_builder *builder;
	struct lm_packet_peeler *peeler;
	struct lm_packet_key key[LM_PACKET_HOPS];
	struct lm_packet_keyring keyring; /* of the first hop */
	struct lm_packet_build build[LM_BURST];
	struct lm_packet_peel peel[LM_BURST];
	uint8_t fresh[LM_BURST][LM_PACKET_MAX], packet[LM_BURST][LM_PACKET_MAX];
};

static const char *symmetric_beside(const char *x25519)
{
	return strcmp(x25519, "avx512ifma") == 0 ? "avx512" : x25519;
}

static void *context_alloc(size_t n)
{
	void *memory = aligned_alloc(LM_PACKET_ALIGN,
				     (n + LM_PACKET_ALIGN - 1) / LM_PACKET_ALIGN * LM_PACKET_ALIGN);

	LM_ASSERT(memory);
	return memory;
}

/* A packet for the first `hops` relays, and its body random. */
static void describe(struct packet_context *c, unsigned i, unsigned hops)
{
	struct lm_packet_build *build = &c->build[i];

	lm_rand(&build->seed, sizeof(build->seed));
	build->hops = hops;
	build->cmd = LM_PACKET_DROP;
	build->packet = c->fresh[i];
	for (unsigned hop = 0; hop < hops; hop++)
		build->path[hop] = (struct lm_packet_hop){.id = c->key[hop].id,
							  .kid = c->key[hop].kid,
							  .pk = c->key[hop].public};
	lm_rand(c->fresh[i], lm_packet_len(c->profile));
}

static void *setup(const char *backend, unsigned profile, unsigned hops)
{
	struct packet_context *c = calloc(1, sizeof(*c));

	LM_ASSERT(c && lm_x25519_select(backend, NULL) == 0);
	c->profile = profile;
	c->builder = lm_packet_builder_init(context_alloc(lm_packet_builder_size()), profile,
					    symmetric_beside(backend), NULL);
	c->peeler = lm_packet_peeler_init(context_alloc(lm_packet_peeler_size()), profile,
					  symmetric_beside(backend), NULL);
	LM_ASSERT(c->builder && c->peeler);
	for (unsigned hop = 0; hop < LM_PACKET_HOPS; hop++) {
		struct lm_secret secret;

		lm_rand(&secret, sizeof(secret));
		lm_packet_key_init(&c->key[hop], 1 + hop, 0, &secret);
	}
	c->keyring = (struct lm_packet_keyring){.n = 1, .key = {&c->key[0]}};
	for (unsigned i = 0; i < LM_BURST; i++)
		describe(c, i, hops);
	LM_ASSERT(lm_packet_build(c->builder, c->build, LM_BURST) == UINT64_MAX);
	return c;
}

static void *setup_profile0(const char *backend)
{
	return setup(backend, 0, USUAL_HOPS);
}

static void *setup_profile0_5hops(const char *backend)
{
	return setup(backend, 0, LM_PACKET_HOPS);
}

static void *setup_profile1(const char *backend)
{
	return setup(backend, 1, USUAL_HOPS);
}

static void teardown(void *context)
{
	struct packet_context *c = context;

	free(c->builder);
	free(c->peeler);
	free(c);
}

static void prepare_peel(void *context, unsigned n)
{
	struct packet_context *c = context;

	memcpy(c->packet, c->fresh, n * sizeof(c->packet[0]));
	for (unsigned i = 0; i < n; i++) {
		c->peel[i].packet = c->packet[i];
		c->peel[i].len = lm_packet_len(c->profile);
	}
}

static void run_peel(void *context, unsigned n)
{
	struct packet_context *c = context;
	struct lm_packet_peel *back;
	uint64_t authentic;

	LM_ASSERT(lm_packet_peel_submit(c->peeler, &c->keyring, c->peel, n) == 0);
	LM_ASSERT(lm_packet_peel_collect(c->peeler, &back, &authentic) == n);
	LM_ASSERT(authentic == UINT64_MAX >> (64 - n));
}

static void run_build(void *context, unsigned n)
{
	struct packet_context *c = context;

	LM_ASSERT(lm_packet_build(c->builder, c->build, n) == UINT64_MAX >> (64 - n));
}

static const struct benchmark benchmarks[] = {
	{"peel.profile0", BASELINE_SHARED, setup_profile0, prepare_peel, run_peel, teardown},
	{"peel.profile1", BASELINE_SHARED, setup_profile1, prepare_peel, run_peel, teardown},
	{"build.profile0", BASELINE_SHARED, setup_profile0, NULL, run_build, teardown},
	{"build.profile0_5hops", BASELINE_SHARED, setup_profile0_5hops, NULL, run_build, teardown},
	{"build.profile1", BASELINE_SHARED, setup_profile1, NULL, run_build, teardown},
};

const struct suite packet_suite = {
	benchmarks,
	LM_COUNT(benchmarks),
	lm_x25519_backend_name,
	lm_x25519_backend_usable,
};
