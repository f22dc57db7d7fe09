/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Measures whether the time of a call depends on its secrets, in the code as it is shipped: inputs
 * come from two classes in random order, one of a fixed secret and one of random secrets, and
 * Welch's t-test compares their times. It finds what no branch or address shows, such as an
 * instruction whose time depends on its operands; and it can only find, never prove.
 *
 * usage: dudect [SAMPLES [NAME]]       SAMPLES of each call (20000 if not given), of those calls
 *					whose line contains NAME
 *
 * Prints t for each call. Exits 1 if |t| is above 10 somewhere, or if it is not for the function
 *that leaks on purpose. For a quiet, pinned core; not part of the test suite.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <x86intrin.h>

#include "leaks.h"
#include "lm_packet.h"
#include "welch.h"

#define N         8   /* items in a call */
#define REPEATS   100 /* of calls that take a few cycles */
#define LEN       976
#define THRESHOLD 10
#define FEWEST    1000

enum class { FIXED, RANDOM };

/* What a call reads. Both classes fill all of it, so that only values differ. */
static struct {
	struct lm_secret secret[N];
	struct lm_key key[N];
	struct lm_mac_key mac_key[N];
	uint8_t ss[N][104];
	struct lm_mac tag[N];
} in, fixed, drawn;

static struct lm_point point[N], out[N];
static struct lm_mac right[N], mac[N];
static struct lm_key digest[N];
static struct lm_block block[N];
static uint8_t text[N][LEN];
static uint8_t *to[N];
static const uint8_t *from[N];
static struct lm_symmetric *symmetric;
static volatile uint64_t sink; /* so that no call is left out */

/* ---- Calls ---- */

static void x25519_burst(void)
{
	sink = lm_x25519_burst(out, in.secret, point, N);
}

static void x25519_each(void)
{
	sink = lm_x25519_each_burst(out, in.secret, point, N);
}

static void x25519_base(void)
{
	lm_x25519_base_burst(out, in.secret, N);
}

static void chacha20(void)
{
	lm_symmetric_chacha20_first(symmetric, block, in.key, NULL, N);
}

static void poly1305(void)
{
	lm_symmetric_poly1305(symmetric, mac, in.mac_key, from, LM_PACKET_BETA, N);
}

static void blake2b(void)
{
	lm_symmetric_blake2b(symmetric, digest[0].b, sizeof(digest[0]), in.ss[0], sizeof(in.ss[0]),
			     "sixteen letters!", N);
}

static void wb_encrypt(void)
{
	lm_symmetric_wb_encrypt(symmetric, to, LEN, in.key, N);
}

static void wb_decrypt(void)
{
	lm_symmetric_wb_decrypt(symmetric, to, LEN, in.key, N);
}

static void equal16(void)
{
	for (unsigned i = 0; i < REPEATS; i++)
		sink = lm_equal16(in.tag[i % N].b, right[i % N].b);
}

static void is_zero(void)
{
	for (unsigned i = 0; i < REPEATS; i++)
		sink = lm_is_zero(in.tag[i % N].b, sizeof(in.tag[0].b));
}

static void early_exit(void)
{
	for (unsigned i = 0; i < REPEATS; i++)
		sink = leak_by_early_exit(in.tag[i % N].b, right[i % N].b);
}

/* ---- The peel's check of tags ---- */

static struct lm_packet_peeler *peeler;
static struct lm_packet_key relay;
static const struct lm_packet_keyring keyring = {.n = 1, .key = {&relay}};
static uint8_t packet[N][LM_PACKET_MAX];

/* All tags are wrong; those of the fixed class in the last byte alone. */
static void refuse_tags(void)
{
	struct lm_packet_peel item[N] = {{0}}, *back;
	uint64_t authentic;

	for (unsigned i = 0; i < N; i++) {
		item[i].packet = packet[i];
		item[i].len = lm_packet_len(0);
		memcpy(packet[i] + 36, &in.tag[i], sizeof(in.tag[i]));
	}
	LM_ASSERT(lm_packet_peel_submit(peeler, &keyring, item, N) == 0);
	LM_ASSERT(lm_packet_peel_collect(peeler, &back, &authentic) == N && authentic == 0);
}

static void *context_new(size_t len)
{
	void *memory = aligned_alloc(LM_PACKET_ALIGN, (len + LM_PACKET_ALIGN - 1) /
							      LM_PACKET_ALIGN * LM_PACKET_ALIGN);

	LM_ASSERT(memory != NULL);
	return memory;
}

/* Packets whose tags are known. */
static void make_packets(void)
{
	struct lm_packet_builder *builder =
		lm_packet_builder_init(context_new(lm_packet_builder_size()), 0, "auto", NULL);

	peeler = lm_packet_peeler_init(context_new(lm_packet_peeler_size()), 0, "auto", NULL);
	LM_ASSERT(builder != NULL && peeler != NULL);
	lm_packet_key_init(&relay, 7, 1, &drawn.secret[0]);
	for (unsigned i = 0; i < N; i++) {
		struct lm_packet_build build = {.hops = 1,
						.path = {{.id = 7, .kid = 1, .pk = relay.public}},
						.cmd = LM_PACKET_DROP,
						.packet = packet[i]};

		lm_rand(&build.seed, sizeof(build.seed));
		LM_ASSERT(lm_packet_build(builder, &build, 1) == 1);
		memcpy(&right[i], packet[i] + 36, sizeof(right[i]));
		fixed.tag[i] = right[i];
		fixed.tag[i].b[15] ^= 1;
	}
	free(builder);
}

/* ---- Measuring ---- */

static unsigned long samples = 20000;
static const char *wanted = "";
static bool failed;

/* A fixed secret is all zeros: what is special about any value is so about this one. */
static void draw(struct lm_prng *prng, enum class class)
{
	lm_prng_bytes(prng, &drawn, sizeof(drawn));
	memcpy(&in, class == FIXED ? &fixed : &drawn, sizeof(in));
}

static uint64_t time_of(void (*call)(void))
{
	unsigned aux;
	uint64_t start;

	_mm_mfence();
	_mm_lfence();
	start = __rdtsc();
	_mm_lfence();
	call();
	start = __rdtscp(&aux) - start;
	_mm_lfence();
	return start;
}

static void measure(const char *name, const char *backend, void (*call)(void), bool leaks)
{
	struct welch_sample *sample = calloc(samples, sizeof(*sample));
	uint8_t seed[32];
	struct lm_prng prng;
	char line[80];
	double t;

	LM_ASSERT(sample != NULL);
	snprintf(line, sizeof(line), "%s %s", name, backend);
	if (strstr(line, wanted)) {
		lm_rand(seed, sizeof(seed));
		lm_prng_init(&prng, seed);
		for (unsigned long i = 0; i < samples; i++) {
			sample[i].class = lm_prng_u32(&prng) & 1;
			draw(&prng, sample[i].class);
			sample[i].cycles = time_of(call);
		}
		t = welch_t(sample, samples);
		failed = failed || (fabs(t) > THRESHOLD) != leaks;
		printf("t = %+7.2f  %s%s\n", t, line,
		       leaks                 ? " (leaks on purpose)"
		       : fabs(t) > THRESHOLD ? "  <-- depends on its secrets"
					     : "");
		fflush(stdout);
	}
	free(sample);
}

static void measure_x25519(void)
{
	for (unsigned b = 0; lm_x25519_backend_name(b); b++) {
		const char *backend = lm_x25519_backend_name(b);

		if (!lm_x25519_backend_usable(b))
			continue;
		LM_ASSERT(lm_x25519_select(backend, NULL) == 0);
		measure("x25519, one secret,", backend, x25519_burst, false);
		measure("x25519, a secret each,", backend, x25519_each, false);
		measure("x25519, public keys,", backend, x25519_base, false);
	}
	LM_ASSERT(lm_x25519_select("auto", NULL) == 0);
}

static void measure_symmetric(void)
{
	void *memory = context_new(lm_symmetric_size());

	for (unsigned b = 0; lm_symmetric_backend_name(b); b++) {
		const char *backend = lm_symmetric_backend_name(b);

		if (!lm_symmetric_backend_usable(b))
			continue;
		symmetric = lm_symmetric_init(memory, backend, NULL);
		LM_ASSERT(symmetric != NULL);
		measure("ChaCha20 block,", backend, chacha20, false);
		measure("Poly1305,", backend, poly1305, false);
		measure("BLAKE2b,", backend, blake2b, false);
		measure("wide block, encrypt,", backend, wb_encrypt, false);
		measure("wide block, decrypt,", backend, wb_decrypt, false);
	}
	free(memory);
}

int main(int argc, char **argv)
{
	char *end = "";

	if (argc > 1)
		samples = strtoul(argv[1], &end, 10);
	if (argc > 2)
		wanted = argv[2];
	if (argc > 3 || *end != '\0' || samples < FEWEST) {
		fprintf(stderr, "usage: dudect [SAMPLES [NAME]], SAMPLES at least %d\n", FEWEST);
		return 2;
	}
	if (lm_base_init(NULL) != 0)
		return 1;
	lm_rand(&drawn, sizeof(drawn));
	lm_rand(point, sizeof(point));
	for (unsigned i = 0; i < N; i++)
		from[i] = to[i] = text[i];
	make_packets();
	measure("comparison that stops early", "", early_exit, true);
	measure("lm_equal16", "", equal16, false);
	measure("lm_is_zero", "", is_zero, false);
	measure("tags that a peel refuses", "", refuse_tags, false);
	measure_symmetric();
	measure_x25519();
	return failed ? 1 : 0;
}
