/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * app/gen: the entropy of messages, against every match counted one by one in small networks, and
 * against the law in large ones.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "entropy.h"
#include "testing.h"

#define NS     1e9
#define LAYERS 4

/* A network whose packets are made here: mix i of layer l is (l - 1) * wide + i. */
struct cascade {
	unsigned layers, wide;
	uint32_t packets;
	uint64_t *time_ns; /* of packet p: coming to layer l at [p * (layers + 1) + l - 1] */
	uint32_t *mix;     /* in layer l at [p * layers + l - 1] */
	struct entropy_flight *flight;
	unsigned layer[LAYERS * 8];
	struct entropy_seen seen;
};

static double draw_exponential(struct lm_prng *prng, double mean)
{
	return -log((lm_prng_u32(prng) + 0.5) / 4294967296.0) * mean;
}

static void *allocate(size_t n, size_t size)
{
	void *memory = calloc(n, size);

	assert_non_null(memory);
	return memory;
}

/* Poisson arrivals at `rate` a second, delays of mean 1 s, mixes drawn uniformly. */
static struct cascade *make_cascade(unsigned layers, unsigned wide, uint32_t packets, double rate,
				    uint8_t seed)
{
	struct cascade *cascade = allocate(1, sizeof(*cascade));
	struct lm_prng prng;
	double entered = 1000;

	lm_prng_init(&prng, (const uint8_t[32]){seed});
	cascade->layers = layers;
	cascade->wide = wide;
	cascade->packets = packets;
	cascade->time_ns = allocate((size_t)packets * (layers + 1), sizeof(uint64_t));
	cascade->mix = allocate((size_t)packets * layers, sizeof(uint32_t));
	cascade->flight = allocate((size_t)packets * (layers + 1), sizeof(*cascade->flight));
	for (uint32_t p = 0; p < packets; p++) {
		double now = entered += draw_exponential(&prng, 1 / rate);

		for (unsigned l = 0; l <= layers; l++) {
			cascade->time_ns[p * (layers + 1) + l] = (uint64_t)(now * NS);
			now += draw_exponential(&prng, 1);
			if (l < layers)
				cascade->mix[p * layers + l] =
					l * wide + lm_prng_below(&prng, wide);
		}
	}
	for (unsigned m = 0; m < layers * wide; m++)
		cascade->layer[m] = m / wide + 1;
	return cascade;
}

/* What is seen of it: flight l of packet p goes from layer l to layer l + 1. */
static const struct entropy_seen *look_at(struct cascade *cascade, double mean_s)
{
	unsigned layers = cascade->layers, flights = layers + 1;

	for (uint32_t p = 0; p < cascade->packets; p++) {
		const uint32_t *mix = &cascade->mix[p * layers];

		for (unsigned l = 0; l < flights; l++) {
			uint64_t at_ns = cascade->time_ns[p * flights + l];

			cascade->flight[p * flights + l] =
				(struct entropy_flight){.from = l > 0 ? mix[l - 1]
								      : ENTROPY_OUTSIDE,
							.to = l < layers ? mix[l] : ENTROPY_OUTSIDE,
							.left_ns = at_ns,
							.came_ns = at_ns};
		}
	}
	cascade->seen = (struct entropy_seen){.flight = cascade->flight,
					      .flights = cascade->packets * flights,
					      .layer = cascade->layer,
					      .mixes = layers * cascade->wide,
					      .layers = layers,
					      .mean_s = mean_s};
	return &cascade->seen;
}

static void free_cascade(struct cascade *cascade)
{
	free(cascade->time_ns);
	free(cascade->mix);
	free(cascade->flight);
	free(cascade);
}

static struct entropy measure(const struct entropy_seen *seen)
{
	struct entropy entropy;

	assert_int_equal(entropy_measure(&entropy, seen), 0);
	return entropy;
}

/* ---- Small networks: every match is counted ---- */

#define SMALL 6 /* packets, and one more that comes when all are gone */

/* Packets of one mix and the matches of its comings and leavings that are possible. */
struct matching {
	const struct cascade *cascade;
	unsigned layer; /* the mix's, from 0 */
	unsigned n, packet[SMALL], match[SMALL];
	double count[SMALL][SMALL], all;
};

/* Extends the match of leavings 0 .. i - 1 in every way. */
static void count_matches(struct matching *matching, unsigned i, unsigned used)
{
	const uint64_t *time_ns = matching->cascade->time_ns + matching->layer;
	unsigned stride = matching->cascade->layers + 1;

	if (i == matching->n) {
		for (unsigned j = 0; j < i && j < SMALL; j++)
			matching->count[j][matching->match[j]]++;
		matching->all++;
		return;
	}
	for (unsigned j = 0; j < matching->n; j++) {
		if (used >> j & 1 || time_ns[matching->packet[j] * stride] >
					     time_ns[matching->packet[i] * stride + 1])
			continue;
		matching->match[i] = j;
		count_matches(matching, i + 1, used | 1u << j);
	}
}

/* p[leaving][entering]: from what leaves this layer, by what comes to it (before: to the last). */
static void chain_mix(double p[SMALL][SMALL], const struct cascade *cascade, unsigned layer,
		      uint32_t mix)
{
	struct matching matching = {.cascade = cascade, .layer = layer};
	double after[SMALL][SMALL] = {{0}};

	for (unsigned packet = 0; packet < SMALL; packet++) {
		if (cascade->mix[packet * cascade->layers + layer] == mix)
			matching.packet[matching.n++] = packet;
	}
	count_matches(&matching, 0, 0);
	for (unsigned out = 0; out < SMALL; out++)
		for (unsigned i = 0; i < matching.n; i++)
			for (unsigned j = 0; j < matching.n; j++)
				after[out][matching.packet[j]] += p[out][matching.packet[i]] *
								  matching.count[i][j] /
								  matching.all;
	for (unsigned out = 0; out < SMALL; out++)
		for (unsigned j = 0; j < matching.n; j++)
			p[out][matching.packet[j]] = after[out][matching.packet[j]];
}

/* Mean and least entropy of the first SMALL packets that leave. */
static double count_entropy(double *least, const struct cascade *cascade)
{
	double p[SMALL][SMALL] = {{0}}, sum = 0;

	for (unsigned i = 0; i < SMALL; i++)
		p[i][i] = 1;
	for (unsigned layer = cascade->layers; layer-- > 0;)
		for (unsigned m = 0; m < cascade->wide; m++)
			chain_mix(p, cascade, layer, layer * cascade->wide + m);
	*least = INFINITY;
	for (unsigned i = 0; i < SMALL; i++) {
		double bits = 0;

		for (unsigned j = 0; j < SMALL; j++)
			bits -= p[i][j] > 0 ? p[i][j] * log2(p[i][j]) : 0;
		sum += bits;
		*least = fmin(*least, bits);
	}
	return sum / SMALL;
}

static void small_networks_agree_with_every_match_counted(void **state)
{
	unsigned hidden = 0;

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		struct cascade *cascade =
			make_cascade(1 + i % LAYERS, 1 + i / LAYERS % 3, SMALL + 1, 4, (uint8_t)i);
		unsigned stride = cascade->layers + 1;
		double least, bits;

		/* the last one comes when all are gone: all the others are measured */
		for (unsigned l = 0; l < stride; l++)
			cascade->time_ns[SMALL * stride + l] += (uint64_t)(1000 * NS);

		struct entropy entropy = measure(look_at(cascade, 1e-12));

		bits = count_entropy(&least, cascade);
		assert_int_equal(entropy.messages, SMALL);
		assert_true(fabs(entropy.bits - bits) < 1e-6);
		assert_true(fabs(entropy.least_bits - least) < 1e-6);
		hidden += bits > 1;
		free_cascade(cascade);
	}
	assert_in_range(hidden, 50, 199); /* there was something to count */
}

/* Nothing is ever held together with anything else. */
static void lonely_packets_have_no_entropy(void **state)
{
	struct cascade *cascade = make_cascade(3, 1, 100, 1, 1);
	struct entropy entropy;

	(void)state;
	for (unsigned i = 0; i < 400; i++)
		cascade->time_ns[i] = i * UINT64_C(1000000);
	entropy = measure(look_at(cascade, 1e-12));
	assert_int_equal(entropy.messages, 99);
	assert_true(entropy.bits == 0);
	free_cascade(cascade);
}

/* Of n held together each is the next with 1 / n: log2(n) bits at the first leaving. */
static void packets_held_together_are_equally_likely(void **state)
{
	static const unsigned layer[] = {1};
	struct entropy_flight flight[2 * 64 + 1];
	struct entropy_seen seen = {.flight = flight,
				    .flights = LM_COUNT(flight),
				    .layer = layer,
				    .mixes = 1,
				    .layers = 1,
				    .mean_s = 1e-12};
	struct entropy entropy;

	(void)state;
	for (unsigned i = 0; i < 64; i++) {
		/* all times the same: what comes is there before anything leaves */
		flight[i] = (struct entropy_flight){.from = ENTROPY_OUTSIDE, .came_ns = 5};
		flight[64 + i] = (struct entropy_flight){.to = ENTROPY_OUTSIDE, .left_ns = 5};
	}
	flight[128] = (struct entropy_flight){.from = ENTROPY_OUTSIDE, .came_ns = 1000};
	entropy = measure(&seen);
	assert_int_equal(entropy.messages, 64);
	assert_true(fabs(entropy.bits - 6) < 1e-9);
	assert_true(fabs(entropy.least_bits - 6) < 1e-9);
}

/* ---- Large networks: the law ---- */

static void law_has_known_constants(void **state)
{
	/* by numerical integration of -f log2 f over the densities f */
	static const double bits[] = {1.442695, 2.275441, 2.665492, 2.919158};

	(void)state;
	for (unsigned layers = 1; layers <= LAYERS; layers++)
		assert_true(fabs(entropy_law(1, 1, layers) - bits[layers - 1]) < 1e-5);
	assert_true(fabs(entropy_law(1000, 0.064, 1) - 6 - bits[0]) < 1e-5);
}

static void assert_law(unsigned layers, unsigned wide, double held, double within)
{
	uint32_t packets = (uint32_t)(200 * held * wide);
	struct cascade *cascade = make_cascade(layers, wide, packets, held * wide, 7);
	struct entropy entropy = measure(look_at(cascade, 1));

	if (fabs(entropy.bits - entropy.law_bits) > within)
		fail_msg("%u layers of %u that hold %g: %f bits, not %f", layers, wide, held,
			 entropy.bits, entropy.law_bits);
	assert_true(fabs(entropy.law_bits - log2(held * wide) - entropy_law(1, 1, layers)) < 0.1);
	assert_in_range(entropy.messages, ENTROPY_MESSAGES / 8, ENTROPY_MESSAGES);
	assert_true(entropy.least_held > 0.85 * held && entropy.least_held < 1.1 * held);
	assert_true(entropy.least_bits > 0.5 * entropy.bits && entropy.least_bits < entropy.bits);
	assert_int_equal(entropy.entered, packets);
	assert_int_equal(entropy.strays, 0);
	free_cascade(cascade);
}

static void entropy_follows_the_law(void **state)
{
	(void)state;
	for (unsigned layers = 1; layers <= LAYERS; layers++)
		assert_law(layers, 1, 20, 0.1);
	assert_law(3, 1, 200, 0.03);
}

static void entropy_follows_the_law_over_several_mixes_a_layer(void **state)
{
	(void)state;
	assert_law(3, 2, 20, 0.1);
	assert_law(3, 4, 40, 0.05);
}

/* ---- What else is seen ---- */

static void clocks_of_mixes_need_not_agree(void **state)
{
	struct cascade *cascade = make_cascade(3, 2, 4000, 40, 9);
	const struct entropy_seen *seen = look_at(cascade, 1);
	struct entropy before = measure(seen), after;

	(void)state;
	assert_in_range(before.messages, 1000, 4000);
	for (uint32_t i = 0; i < seen->flights; i++) {
		struct entropy_flight *flight = &cascade->flight[i];

		if (flight->from != ENTROPY_OUTSIDE && cascade->layer[flight->from] == 2)
			flight->left_ns -= (uint64_t)(500 * NS);
		if (flight->to != ENTROPY_OUTSIDE && cascade->layer[flight->to] == 2)
			flight->came_ns -= (uint64_t)(500 * NS);
	}
	after = measure(seen);
	assert_int_equal(after.messages, before.messages);
	assert_true(after.bits == before.bits);
	free_cascade(cascade);
}

/* What was lost on a link left its mix; what came from elsewhere is somebody it could be. */
static void packets_seen_at_one_end_are_strays(void **state)
{
	struct cascade *cascade = make_cascade(2, 1, 4000, 40, 9);
	const struct entropy_seen *seen = look_at(cascade, 1);
	struct entropy before = measure(seen), after;
	struct entropy_flight *flight = &cascade->flight[3 * 2000 + 1];

	(void)state;
	assert_int_equal(before.strays, 0);
	flight->from = ENTROPY_OUTSIDE;
	after = measure(seen);
	assert_int_equal(after.entered, before.entered + 1);
	assert_int_equal(after.strays, 1);
	assert_true(fabs(after.bits - before.bits) < 0.02);
	free_cascade(cascade);
}

static void a_mix_that_sends_what_it_cannot_have_is_named(void **state)
{
	struct cascade *cascade = make_cascade(2, 1, 50, 40, 9);
	struct entropy entropy;

	(void)state;
	look_at(cascade, 1);
	cascade->flight[2].left_ns = 17;
	assert_int_equal(entropy_measure(&entropy, &cascade->seen), -EDOM);
	assert_int_equal(entropy.broken_mix, 1);
	assert_int_equal(entropy.broken_at_ns, 17);
	free_cascade(cascade);
}

static void too_short_a_time_gives_no_messages(void **state)
{
	struct cascade *cascade = make_cascade(3, 1, 360, 40, 9);
	struct entropy entropy;

	(void)state;
	for (uint32_t packets = 0; packets <= 360; packets += 180) {
		cascade->packets = packets;
		entropy = measure(look_at(cascade, 1));
		assert_int_equal(entropy.messages, 0);
		assert_true(entropy.bits == 0);
	}
	free_cascade(cascade);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_networks_agree_with_every_match_counted),
		cmocka_unit_test(lonely_packets_have_no_entropy),
		cmocka_unit_test(packets_held_together_are_equally_likely),
		cmocka_unit_test(law_has_known_constants),
		cmocka_unit_test(entropy_follows_the_law),
		cmocka_unit_test(entropy_follows_the_law_over_several_mixes_a_layer),
		cmocka_unit_test(clocks_of_mixes_need_not_agree),
		cmocka_unit_test(packets_seen_at_one_end_are_strays),
		cmocka_unit_test(a_mix_that_sends_what_it_cannot_have_is_named),
		cmocka_unit_test(too_short_a_time_gives_no_messages),
	};

	return RUN_TESTS(tests);
}
