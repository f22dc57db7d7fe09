/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The backends of lib/x25519 where fast ones have been wrong: points near p and at the ends of
 * limbs in every lane, torsion, extreme scalars; and what they leave behind. libsodium gives the
 * answers.
 */
#include <pthread.h>
#include <sodium.h>
#include <string.h>

#include "testing.h"
#include "x25519_edges.h"

#define N LM_X25519_BURST

static void on_every_backend(void (*check)(void))
{
	for (unsigned i = 0; lm_x25519_backend_name(i); i++) {
		if (!lm_x25519_backend_usable(i))
			continue;
		assert_int_equal(lm_x25519_select(lm_x25519_backend_name(i), NULL), 0);
		check();
	}
	assert_int_equal(lm_x25519_select("auto", NULL), 0);
}

/* libsodium's answer; zero if the point has small order. */
static bool reference(struct lm_point *out, const struct lm_secret *secret,
		      const struct lm_point *point)
{
	if (crypto_scalarmult_curve25519(out->b, secret->b, point->b) == 0)
		return true;
	memset(out, 0, sizeof(*out));
	return false;
}

/* ---- Points ---- */

#define EDGES_AT_MOST 8192

static struct lm_secret edge_secret;
static struct lm_point edge_answer[EDGES_AT_MOST];
static uint8_t edge_good[EDGES_AT_MOST];

static int answer_edges(void **state)
{
	(void)state;
	assert_true(x25519_edge_count() <= EDGES_AT_MOST);
	lm_rand(&edge_secret, sizeof(edge_secret));
	for (unsigned i = 0; i < x25519_edge_count(); i++) {
		struct lm_point point = x25519_edge(i);

		edge_good[i] = reference(&edge_answer[i], &edge_secret, &point);
	}
	return 0;
}

/* Edges at the items where (item + shift) is even, ordinary points between them. */
static void check_burst_of_edges(unsigned first, unsigned shift)
{
	unsigned count = x25519_edge_count();
	struct lm_point point[N], out[N], want;

	for (unsigned i = 0; i < N; i++)
		if ((i + shift) % 2 == 0)
			point[i] = x25519_edge((first + i / 2) % count);
		else
			lm_rand(&point[i], sizeof(point[i]));
	uint64_t good = lm_x25519_burst(out, &edge_secret, point, N);
	for (unsigned i = 0; i < N; i++) {
		unsigned edge = (first + i / 2) % count;

		if ((i + shift) % 2 == 0) {
			assert_int_equal(good >> i & 1, edge_good[edge]);
			assert_memory_equal(&out[i], &edge_answer[edge], sizeof(out[i]));
		} else if (i < 4) {
			assert_true(reference(&want, &edge_secret, &point[i]));
			assert_memory_equal(&out[i], &want, sizeof(want));
		}
	}
}

/* Eight passes: each edge meets each lane. */
static void check_edges_in_every_lane(void)
{
	for (unsigned pass = 0; pass < 8; pass++)
		for (unsigned first = 0; first < x25519_edge_count(); first += N / 2)
			check_burst_of_edges(first + pass / 2, pass % 2);
}

static void edges_are_right_in_every_lane(void **state)
{
	(void)state;
	on_every_backend(check_edges_in_every_lane);
}

static void check_torsion(void)
{
	for (unsigned group = 0; group < X25519_TORSION_GROUPS; group++) {
		unsigned n = x25519_torsion_size(group);
		struct lm_point point[8], out[8];
		struct lm_secret secret;

		lm_rand(&secret, sizeof(secret));
		for (unsigned j = 0; j < n; j++)
			point[j] = x25519_torsion(group, j);
		assert_int_equal(lm_x25519_burst(out, &secret, point, n), (1u << n) - 1);
		for (unsigned j = 1; j < n; j++)
			assert_memory_equal(&out[j], &out[0], sizeof(out[0]));
	}
}

static void clamped_secrets_do_not_see_torsion(void **state)
{
	(void)state;
	on_every_backend(check_torsion);
}

static void check_all_zero(void)
{
	static const struct lm_point zero[N];
	struct lm_secret secret;
	struct lm_point out[N];

	lm_rand(&secret, sizeof(secret));
	for (unsigned n = 1; n <= N; n++) {
		memset(out, 0xaa, sizeof(out));
		assert_int_equal(lm_x25519_burst(out, &secret, zero, n), 0);
		assert_memory_equal(out, zero, n * sizeof(out[0]));
	}
}

static void a_burst_of_nothing_but_zero_points_gives_zeros(void **state)
{
	(void)state;
	on_every_backend(check_all_zero);
}

/* ---- Scalars ---- */

/* Zeros, ones, and for every bit that bit alone and all others. */
static struct lm_secret extreme_secret(unsigned i)
{
	struct lm_secret secret;

	memset(&secret, i & 1 ? 0xff : 0, sizeof(secret));
	if (i >= 2)
		secret.b[(i / 2 - 1) / 8] ^= (uint8_t)(1u << (i / 2 - 1) % 8);
	return secret;
}

static void check_extreme_secrets(void)
{
	static const struct lm_point nine = {{9}};
	struct lm_secret secret[N];
	struct lm_point point[N], each[N], base[N], want;

	lm_rand(point, sizeof(point));
	for (unsigned first = 0; first < 514; first += N) {
		for (unsigned i = 0; i < N; i++)
			secret[i] = extreme_secret((first + i) % 514);
		assert_int_equal(lm_x25519_each_burst(each, secret, point, N), UINT64_MAX);
		lm_x25519_base_burst(base, secret, N);
		for (unsigned i = 0; i < N; i++) {
			assert_true(reference(&want, &secret[i], &point[i]));
			assert_memory_equal(&each[i], &want, sizeof(want));
			assert_true(reference(&want, &secret[i], &nine));
			assert_memory_equal(&base[i], &want, sizeof(want));
		}
	}
}

static void extreme_secrets_are_right(void **state)
{
	(void)state;
	on_every_backend(check_extreme_secrets);
}

/* ---- What is left behind ---- */

/*
 * A burst in a thread of its own, whose stack is ours to look at afterwards. On entry its frames
 * are a pattern; the thread library's share of the stack is what a thread that does nothing leaves.
 */
#define STACK   (256 * 1024)
#define PATTERN 0xa5

enum work { WORK_NONE, WORK_SHARED, WORK_EACH, WORK_BASE };

struct burst {
	enum work work;
	struct lm_secret secret[N];
	struct lm_point point[N];
	uint64_t good;
};

static bool is_vector_backend(void)
{
	return strcmp(lm_x25519_selected(), "scalar") != 0;
}

static void *run_burst(void *argument)
{
	struct burst *b = argument;

	if (b->work == WORK_SHARED)
		b->good = lm_x25519_burst(b->point, b->secret, b->point, N);
	if (b->work == WORK_EACH)
		b->good = lm_x25519_each_burst(b->point, b->secret, b->point, N);
	if (b->work == WORK_BASE)
		lm_x25519_base_burst(b->point, b->secret, N);
	return NULL;
}

/* Runs the burst on the stack; returns how many of its bytes are neither pattern nor zero. */
static unsigned run_on(uint8_t *stack, struct burst *b)
{
	pthread_attr_t attributes;
	pthread_t thread;
	unsigned used = 0;

	memset(stack, PATTERN, STACK);
	assert_int_equal(pthread_attr_init(&attributes), 0);
	assert_int_equal(pthread_attr_setstack(&attributes, stack, STACK), 0);
	assert_int_equal(pthread_create(&thread, &attributes, run_burst, b), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	pthread_attr_destroy(&attributes);
	for (unsigned i = 0; i < STACK; i++)
		used += stack[i] != PATTERN && stack[i] != 0;
	return used;
}

/* Frames that keep no secret are a few hundred bytes; what a burst works on is ten thousand. */
static void check_stack(void)
{
	static _Alignas(4096) uint8_t stack[STACK];
	static struct burst b;
	unsigned idle = 0;

	if (!is_vector_backend())
		return;
	lm_rand(b.secret, sizeof(b.secret));
	for (b.work = WORK_NONE; b.work <= WORK_BASE; b.work++) {
		unsigned used = run_on(stack, &b);

		if (b.work == WORK_NONE)
			idle = used;
		assert_in_range(used, 0, idle + 1024);
		for (unsigned i = 0; i < sizeof(b.secret[0]); i += 8)
			assert_false(contains(stack, STACK, &b.secret[0].b[i], 8));
	}
}

static void nothing_stays_on_the_stack(void **state)
{
	(void)state;
	on_every_backend(check_stack);
}

/* Straight after a call, before anything else can use the registers. */
#define READ_REGISTERS(width, last)                            \
	__asm__ volatile(".set offset, 0\n\t"                  \
			 ".irp i, " last "\n\t"                \
			 "vmovdqu" width "\\i, offset(%0)\n\t" \
			 ".set offset, offset + 64\n\t"        \
			 ".endr" ::"r"(registers)              \
			 : "memory")

static void check_registers(void)
{
	bool wide = strcmp(lm_x25519_selected(), "avx512ifma") == 0;
	uint8_t registers[32 * 64] = {0};
	struct lm_secret secret;
	struct lm_point point;
	uint64_t good;

	if (!is_vector_backend())
		return;
	lm_rand(&secret, sizeof(secret));
	lm_rand(&point, sizeof(point));
	good = lm_x25519_burst(&point, &secret, &point, 1);
	if (wide)
		READ_REGISTERS("64 %%zmm", "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,"
					   "16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31");
	else
		READ_REGISTERS(" %%ymm", "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15");
	assert_int_equal(good, 1);
	assert_true(lm_is_zero(registers, sizeof(registers)));
}

static void nothing_stays_in_vector_registers(void **state)
{
	(void)state;
	on_every_backend(check_registers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(edges_are_right_in_every_lane, answer_edges),
		cmocka_unit_test(clamped_secrets_do_not_see_torsion),
		cmocka_unit_test(a_burst_of_nothing_but_zero_points_gives_zeros),
		cmocka_unit_test(extreme_secrets_are_right),
		cmocka_unit_test(nothing_stays_in_vector_registers),
		cmocka_unit_test(nothing_stays_on_the_stack),
	};

	if (sodium_init() < 0)
		return 1;
	return RUN_TESTS_MARKED(tests, 1);
}
