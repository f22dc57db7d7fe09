/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The statistics of lib/mix. Chi-squares are given as standard normal deviates (Wilson & Hilferty
 * 1931): a right mix stays between -5 and 5 but once in two million runs, and what is too even
 * shows as well. Kolmogorov-Smirnov distances have the bound that is passed once in a thousand
 * runs, and the rank correlation its 99.9 % interval.
 */
#include <math.h>

#include "mix_testing.h"

#define DEVIATE_MAX 5.0
#define KS_999      1.9495 /* times 1 / sqrt(samples) */
#define NORMAL_999  3.2905

/* ---- From counts to numbers ---- */

static struct mix_statistic deviate(double chi_square, double freedom)
{
	double cube = cbrt(chi_square / freedom), spread = 2 / (9 * freedom);

	return (struct mix_statistic){(cube - (1 - spread)) / sqrt(spread), -DEVIATE_MAX,
				      DEVIATE_MAX};
}

struct mix_statistic mix_uniform(const uint32_t *count, unsigned classes)
{
	double total = 0, chi_square = 0;

	for (unsigned i = 0; i < classes; i++)
		total += count[i];
	for (unsigned i = 0; i < classes; i++)
		chi_square += pow(count[i] - total / classes, 2) / (total / classes);
	return deviate(chi_square, classes - 1);
}

/* Classes of which fewer than 10 are expected are counted as one. */
static struct mix_statistic like(const uint32_t *count, const double *chance, unsigned classes)
{
	double total = 0, chi_square = 0, rare = 0, rare_count = 0;
	unsigned used = 0;

	for (unsigned i = 0; i < classes; i++)
		total += count[i];
	for (unsigned i = 0; i < classes; i++) {
		double expected = total * chance[i];

		if (expected < 10) {
			rare += expected;
			rare_count += count[i];
			continue;
		}
		chi_square += pow(count[i] - expected, 2) / expected;
		used++;
	}
	if (rare >= 10) {
		chi_square += pow(rare_count - rare, 2) / rare;
		used++;
	}
	return deviate(chi_square, used - 1);
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The distance of n times from an exponential with this mean; sorts them. */
static struct mix_statistic exponential(uint64_t *time_us, uint32_t n, double mean_us)
{
	double distance = 0;

	qsort(time_us, n, sizeof(*time_us), compare);
	for (uint32_t i = 0; i < n; i++) {
		double below = 1 - exp(-(double)time_us[i] / mean_us);

		distance = fmax(distance, fmax(below - (double)i / n, (i + 1.0) / n - below));
	}
	return (struct mix_statistic){distance, 0, KS_999 / sqrt(n) + 1 / mean_us};
}

static struct lm_mix *make(const struct lm_mix_params *params, uint32_t capacity,
			   struct lm_prng *prng)
{
	void *memory = aligned_alloc(LM_MIX_ALIGN, (lm_mix_size(capacity) + 63) / 64 * 64);
	uint8_t seed[32];

	assert_non_null(memory);
	lm_prng_bytes(prng, seed, sizeof(seed));
	return lm_mix_init(memory, capacity, params, seed, 0);
}

static void *allocate(size_t n, size_t size)
{
	void *memory = calloc(n, size);

	assert_non_null(memory);
	return memory;
}

/* ---- Orders ---- */

static const struct lm_mix_params batch = {
	.strategy = LM_MIX_BATCH,
	.interval_us = 1000,
	.max_wait_us = 1000,
	.min_batch = 1,
	.min_neighbours = 1,
};

/* Every tick flushes everything. */
static const struct lm_mix_params pool = {
	.strategy = LM_MIX_POOL,
	.interval_us = 1000,
	.threshold = UINT32_MAX,
	.flush_ppm = 1000000,
};

static const struct lm_mix_params poisson = {
	.strategy = LM_MIX_POISSON,
	.mean_delay_us = 1000,
};

/* Where n items that leave in one go land: calls see with each order, `rounds` times. */
static void permute(const struct lm_mix_params *params, struct lm_prng *prng, unsigned n,
		    uint32_t rounds, void (*see)(void *, const struct lm_mix_item *, unsigned),
		    void *context)
{
	struct lm_mix *mix = make(params, n + n / 2 + 1, prng);
	struct lm_mix_item *item = allocate(n, sizeof(*item));
	uint64_t now_us = 0;

	for (uint32_t round = 0; round < rounds; round++, now_us += 2000) {
		mix_add_range(mix, 1, n, 1500, now_us);
		assert_int_equal(lm_mix_take(mix, item, n, now_us + 1999), n);
		see(context, item, n);
	}
	free(item);
	free(mix);
}

static void see_rank(void *context, const struct lm_mix_item *item, unsigned n)
{
	((uint32_t *)context)[mix_rank_of(item, n)]++;
}

/* The worst of all orders of 2 to 6. */
static struct mix_statistic orders(const struct lm_mix_params *params, struct lm_prng *prng,
				   uint32_t samples)
{
	struct mix_statistic worst = {0, -DEVIATE_MAX, DEVIATE_MAX};

	for (unsigned n = 2, all = 2; n <= 6; n++, all *= n) {
		uint32_t count[720] = {0};
		struct mix_statistic got;

		permute(params, prng, n, samples, see_rank, count);
		got = mix_uniform(count, all);
		if (fabs(got.value) > fabs(worst.value))
			worst = got;
	}
	return worst;
}

static void see_positions(void *context, const struct lm_mix_item *item, unsigned n)
{
	uint32_t *count = context;

	for (unsigned i = 0; i < n; i++)
		count[(mix_number_of(&item[i]) - 1) * n + i]++;
}

/* How often each of n items has each position; each row and column of counts has a known sum. */
static struct mix_statistic positions(const struct lm_mix_params *params, struct lm_prng *prng,
				      unsigned n, uint32_t samples)
{
	uint32_t *count = allocate((size_t)n * n, sizeof(*count));
	double expected = (double)samples / n, chi_square = 0;

	permute(params, prng, n, samples, see_positions, count);
	for (size_t i = 0; i < (size_t)n * n; i++)
		chi_square += pow(count[i] - expected, 2) / expected;
	free(count);
	return deviate(chi_square * (n - 1) / n, pow(n - 1, 2));
}

static void see_correlation(void *context, const struct lm_mix_item *item, unsigned n)
{
	double *sum = context;

	for (unsigned i = 0; i < n; i++)
		*sum += (i - (n - 1) / 2.0) * ((double)mix_number_of(&item[i]) - (n + 1) / 2.0);
}

static struct mix_statistic rank_correlation(const struct lm_mix_params *params,
					     struct lm_prng *prng, uint32_t n)
{
	double sum = 0, bound = NORMAL_999 / sqrt(n - 1.0);

	permute(params, prng, n, 1, see_correlation, &sum);
	return (struct mix_statistic){sum / (n * ((double)n * n - 1) / 12), -bound, bound};
}

#define ORDER_STATISTICS(strategy)                                                                 \
	static struct mix_statistic strategy##_orders(struct lm_prng *prng, uint32_t samples)      \
	{                                                                                          \
		return orders(&strategy, prng, samples);                                           \
	}                                                                                          \
	static struct mix_statistic strategy##_positions(struct lm_prng *prng, uint32_t samples)   \
	{                                                                                          \
		return positions(&strategy, prng, 1000, samples);                                  \
	}                                                                                          \
	static struct mix_statistic strategy##_correlation(struct lm_prng *prng, uint32_t samples) \
	{                                                                                          \
		return rank_correlation(&strategy, prng, samples);                                 \
	}

ORDER_STATISTICS(batch)
ORDER_STATISTICS(pool)
ORDER_STATISTICS(poisson)

/* ---- Who is refused ---- */

static struct mix_statistic refusals(struct lm_prng *prng, uint32_t samples)
{
	struct lm_mix *mix = make(&batch, 5, prng);
	uint32_t count[8] = {0};

	for (uint32_t round = 0; round < samples; round++) {
		uint64_t now_us = (uint64_t)round * 2000;
		struct lm_mix_item item[8];

		mix_add_range(mix, 100, 2, 0, now_us);
		for (unsigned i = 0; i < 8; i++)
			item[i] = mix_numbered(i + 1, 0);
		assert_int_equal(lm_mix_add(mix, item, 8, now_us), 3);
		/* one of the five: they depend on one another */
		count[mix_number_of(&item[3 + round % 5]) - 1]++;
		assert_int_equal(mix_take_all(mix, now_us + 1999), 5);
	}
	free(mix);
	return mix_uniform(count, 8);
}

/* ---- poisson: times ---- */

static const struct lm_mix_params half_second = {
	.strategy = LM_MIX_POISSON,
	.mean_delay_us = 500000,
};

/* Exponential draws that go through the mix come out as exponential stays. */
static struct mix_statistic residence(struct lm_prng *prng, uint32_t samples)
{
	struct lm_mix *mix = make(&half_second, samples, prng);
	uint64_t *stay_us = allocate(samples, sizeof(*stay_us)), now_us = 0;
	struct lm_mix_item item[LM_BURST];
	struct mix_statistic result;

	for (uint32_t added = 0, taken = 0; taken < samples;) {
		uint64_t next_us = lm_mix_next_us(mix);

		now_us = added < samples ? (uint64_t)added * 5 : next_us;
		if (next_us < now_us)
			now_us = next_us;
		unsigned n = lm_mix_take(mix, item, LM_BURST, now_us);

		for (unsigned i = 0; i < n; i++)
			stay_us[taken++] = now_us - (uintptr_t)item[i].packet;
		if (added == samples || now_us != (uint64_t)added * 5)
			continue;
		item[0] = (struct lm_mix_item){
			.packet = (void *)(uintptr_t)now_us,
			.delay_us = lm_mix_draw_delay_us(&half_second, prng),
		};
		assert_int_equal(lm_mix_add(mix, item, 1, now_us), 1);
		added++;
	}
	result = exponential(stay_us, samples, half_second.mean_delay_us);
	free(stay_us);
	free(mix);
	return result;
}

/* The one who leaves next is equally likely the first, second, ... who came of those present. */
static struct mix_statistic next_leaver(struct lm_prng *prng, uint32_t samples)
{
	enum { HELD = 40, CLASSES = 20 };
	struct lm_mix *mix = make(&half_second, HELD, prng);
	uint64_t present[HELD], number = 0, now_us = 0; /* in the order in which they came */
	uint32_t count[CLASSES] = {0};
	unsigned held = 0;

	while (number < samples) {
		struct lm_mix_item item;
		unsigned rank = 0;

		while (held < HELD) {
			present[held++] = ++number;
			mix_add_range(mix, number, 1, lm_mix_draw_delay_us(&half_second, prng),
				      now_us);
			now_us += 1000;
			if (lm_mix_next_us(mix) <= now_us)
				break;
		}
		if (lm_mix_next_us(mix) > now_us)
			now_us = lm_mix_next_us(mix);
		assert_int_equal(lm_mix_take(mix, &item, 1, now_us), 1);
		while (present[rank] != mix_number_of(&item))
			rank++;
		count[(rank * (uint64_t)CLASSES * 1000 + lm_prng_below(prng, CLASSES * 1000)) /
		      (held * UINT64_C(1000))]++;
		memmove(&present[rank], &present[rank + 1], (--held - rank) * sizeof(present[0]));
	}
	free(mix);
	return mix_uniform(count, CLASSES);
}

/* ---- pool: its laws ---- */

/* An item that stays back in each flush with the chance s is in flush k the k-th with s^(k-1). */
static struct mix_statistic flushes_survived(struct lm_prng *prng, uint32_t samples)
{
	enum { CLASSES = 60, PER_TICK = 20 };
	struct lm_mix_params params = pool;
	uint32_t count[CLASSES] = {0};
	double chance[CLASSES];
	struct lm_mix *mix;
	uint64_t now_us = 0;

	params.stay_ppm = 700000;
	mix = make(&params, samples + PER_TICK, prng);
	for (uint32_t taken = 0; taken < samples; now_us += params.interval_us) {
		struct lm_mix_item item[LM_BURST];
		unsigned n;

		do {
			n = lm_mix_take(mix, item, LM_BURST, now_us);
			for (unsigned i = 0; i < n; i++) {
				uint64_t ticks = now_us / 1000 - (uintptr_t)item[i].packet - 1;

				count[ticks < CLASSES - 1 ? ticks : CLASSES - 1]++;
			}
			taken += n;
		} while (n == LM_BURST);
		for (unsigned i = 0; i < PER_TICK; i++) {
			item[i] = (struct lm_mix_item){.packet = (void *)(now_us / 1000)};
			assert_int_equal(lm_mix_add(mix, &item[i], 1, now_us), 1);
		}
	}
	for (unsigned i = 0; i < CLASSES; i++)
		chance[i] = pow(0.7, i) * (i < CLASSES - 1 ? 0.3 : 1);
	free(mix);
	return like(count, chance, CLASSES);
}

static double binomial(unsigned n, unsigned k, double chance)
{
	return exp(lgamma(n + 1.0) - lgamma(k + 1.0) - lgamma(n - k + 1.0) + k * log(chance) +
		   (n - k) * log1p(-chance));
}

/* A flush of n by the threshold takes k of them with the binomial chance. */
static struct mix_statistic flush_sizes(struct lm_prng *prng, uint32_t samples)
{
	enum { HELD = 40 };
	struct lm_mix_params params = pool;
	uint32_t count[HELD + 1] = {0};
	double chance[HELD + 1];
	struct lm_mix *mix;

	params.stay_ppm = 400000;
	params.threshold = HELD - 1;
	mix = make(&params, HELD, prng);
	for (uint32_t round = 0; round < samples; round++) {
		struct lm_mix_item item[HELD] = {{0}};
		unsigned missing = HELD - lm_mix_held(mix), n;

		/* nobody is flushed while the pool grows up to the threshold */
		assert_int_equal(lm_mix_add(mix, item, missing, 0), missing);
		n = lm_mix_take(mix, item, HELD, 0);
		count[n]++;
		assert_int_not_equal(n, 0); /* a chance of 0.4^40: the next round needs room */
	}
	for (unsigned k = 0; k <= HELD; k++)
		chance[k] = binomial(HELD, k, 0.6);
	free(mix);
	return like(count, chance, HELD + 1);
}

/* Tick k is the first with a flush with the chance lambda (1 - lambda)^(k - 1). */
static struct mix_statistic flush_ticks(struct lm_prng *prng, uint32_t samples)
{
	enum { CLASSES = 80 };
	struct lm_mix_params params = pool;
	uint32_t count[CLASSES] = {0};
	double chance[CLASSES];
	struct lm_mix *mix;
	uint64_t now_us = 0;

	params.flush_ppm = 200000;
	mix = make(&params, 1, prng);
	for (uint32_t round = 0; round < samples; round++) {
		uint64_t ticks = 0;

		mix_add_range(mix, 1, 1, 0, now_us);
		do {
			ticks++;
			now_us += params.interval_us;
		} while (mix_take_all(mix, now_us) == 0);
		count[ticks < CLASSES ? ticks - 1 : CLASSES - 1]++;
	}
	for (unsigned i = 0; i < CLASSES; i++)
		chance[i] = pow(0.8, i) * (i < CLASSES - 1 ? 0.2 : 1);
	free(mix);
	return like(count, chance, CLASSES);
}

/* Who comes back after many ticks finds as many gone as if each tick had been looked at. */
static struct mix_statistic ticks_missed(struct lm_prng *prng, uint32_t samples)
{
	struct lm_mix_params params = pool;
	uint32_t count[2] = {0};
	double stays;
	struct lm_mix *mix;

	params.flush_ppm = 300000;
	params.stay_ppm = 900000;
	stays = pow(1 - 0.3 * 0.1, 25);
	for (uint32_t round = 0; round < samples; round++) {
		mix = make(&params, 1, prng);
		mix_add_range(mix, 1, 1, 0, 0);
		count[mix_take_all(mix, 25 * params.interval_us + 999)]++;
		free(mix);
	}
	return like(count, (double[]){stays, 1 - stays}, 2);
}

/* ---- The generator ---- */

static struct mix_statistic exponential_draws(struct lm_prng *prng, uint32_t samples)
{
	uint64_t *time_us = allocate(samples, sizeof(*time_us));
	struct mix_statistic result;

	for (uint32_t i = 0; i < samples; i++)
		time_us[i] = lm_prng_exponential_us(prng, 1000000);
	result = exponential(time_us, samples, 1000000);
	free(time_us);
	return result;
}

/* With a bound of 3/4 of 2^32 a modulo would make the first third twice as likely. */
static struct mix_statistic draws_below(struct lm_prng *prng, uint32_t samples)
{
	uint32_t count[96] = {0};

	for (uint32_t i = 0; i < samples; i++)
		count[lm_prng_below(prng, UINT32_C(3) << 30) >> 25]++;
	return mix_uniform(count, 96);
}

const struct mix_statistic_row mix_statistics[] = {
	{"batch.orders_of_2_to_6", 72000, batch_orders},
	{"batch.positions_of_1000", 5000, batch_positions},
	{"batch.rank_correlation", 1000000, batch_correlation},
	{"batch.refused", 80000, refusals},
	{"pool.orders_of_2_to_6", 72000, pool_orders},
	{"pool.positions_of_1000", 5000, pool_positions},
	{"pool.rank_correlation", 1000000, pool_correlation},
	{"pool.flushes_survived", 300000, flushes_survived},
	{"pool.flush_sizes", 100000, flush_sizes},
	{"pool.flush_ticks", 100000, flush_ticks},
	{"pool.ticks_missed", 20000, ticks_missed},
	{"poisson.orders_of_2_to_6", 72000, poisson_orders},
	{"poisson.positions_of_1000", 5000, poisson_positions},
	{"poisson.rank_correlation", 1000000, poisson_correlation},
	{"poisson.residence_ks", 1000000, residence},
	{"poisson.next_leaver", 300000, next_leaver},
	{"draw.exponential_ks", 1000000, exponential_draws},
	{"draw.below_without_bias", 1000000, draws_below},
};

const unsigned mix_statistics_count = LM_COUNT(mix_statistics);
