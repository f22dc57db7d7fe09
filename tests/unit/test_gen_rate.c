/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * app/gen: the search for the no-drop rate, on networks that are made up: some have a rate that
 * they carry, some lose now and then, some senders are slow.
 */
#include <math.h>

#include "certain.h"
#include "lead.h"
#include "rate.h"
#include "testing.h"

/* What is tested. A trial at a rate passes with this probability in the long and the short form. */
struct net {
	uint32_t carries_pps;
	uint32_t confirms_pps; /* in a long trial; 0: the same */
	uint32_t sender_pps;   /* what the sender can; 0: all */
	double spurious;       /* probability that a trial loses for no reason */
	struct lm_prng prng;
	unsigned trials, confirmations;
	uint32_t highest_pps;
};

static const struct rate_params usual = {
	.start_pps = 1000,
	.min_pps = 1,
	.max_pps = 1u << 30,
	.resolution_ppm = 20000,
	.confirm = true,
	.trials = 60,
};

static double uniform(struct lm_prng *prng)
{
	return lm_prng_u32(prng) / 4294967296.0;
}

static enum rate_verdict try(struct net *net, uint32_t rate_pps, bool confirming)
{
	uint32_t carries = confirming && net->confirms_pps ? net->confirms_pps : net->carries_pps;

	net->trials++;
	net->confirmations += confirming;
	net->highest_pps = rate_pps > net->highest_pps ? rate_pps : net->highest_pps;
	if (net->sender_pps && rate_pps > net->sender_pps)
		return RATE_SHORT;
	if (net->spurious > 0 && uniform(&net->prng) < net->spurious)
		return RATE_LOST;
	return rate_pps <= carries ? RATE_PASSED : RATE_LOST;
}

static struct rate_result search(struct net *net, const struct rate_params *params)
{
	struct rate_search search;

	rate_search_init(&search, params);
	while (rate_search_next(&search)) {
		assert_in_range(search.next_pps, params->min_pps, params->max_pps);
		rate_search_take(&search, try(net, search.next_pps, search.confirming));
	}
	assert_in_range(net->trials, 1, params->trials);
	assert_int_equal(net->trials, search.trials);
	return rate_search_result(&search);
}

/* The result is at most what is carried, and closer to it than the resolution. */
static void assert_found(const struct rate_result *result, uint32_t carries, uint32_t ppm)
{
	assert_int_equal(result->limit, RATE_BY_NETWORK);
	assert_true(result->confirmed);
	assert_true(result->close);
	assert_in_range(result->rate_pps, 1, carries);
	assert_in_range(result->above_pps, carries + 1, UINT32_MAX);
	assert_true(result->above_pps - result->rate_pps <=
		    fmax(1, result->rate_pps * (ppm / 1e6)));
}

static void any_rate_is_found_to_the_resolution(void **state)
{
	static const uint32_t carries[] = {1,    2,    3,     7,      999,     1000,   1001,
					   1999, 2000, 12345, 999999, 7654321, 1 << 29};
	static const uint32_t resolutions[] = {1, 1000, 20000, 1000000};

	(void)state;
	for (unsigned i = 0; i < LM_COUNT(carries); i++) {
		for (unsigned j = 0; j < LM_COUNT(resolutions); j++) {
			struct rate_params params = usual;
			struct net net = {.carries_pps = carries[i]};

			params.resolution_ppm = resolutions[j];
			params.trials = RATE_TRIALS_MAX;

			struct rate_result result = search(&net, &params);

			assert_found(&result, carries[i], resolutions[j]);
			assert_int_equal(net.confirmations, 1);
			/* never asks for more than twice what is carried, or what it begins with */
			assert_true(net.highest_pps <= 2 * carries[i] ||
				    net.highest_pps == params.start_pps);
		}
	}
}

static void search_takes_few_trials(void **state)
{
	struct net net = {.carries_pps = 150000};

	(void)state;
	(void)search(&net, &usual);
	/* 8 doublings, log2(ln 2 / 0.02) = 5.1 halvings, one confirmation */
	assert_in_range(net.trials, 1, 9 + 6 + 1);
}

static void network_that_carries_nothing_has_no_rate(void **state)
{
	struct net net = {.carries_pps = 0};
	struct rate_result result = search(&net, &usual);

	(void)state;
	assert_int_equal(result.rate_pps, 0);
	assert_int_equal(result.above_pps, 1);
	assert_int_equal(result.limit, RATE_BY_NETWORK);
	assert_int_equal(net.confirmations, 0);
	assert_false(result.confirmed);
}

static void network_that_carries_all_is_known_up_to_the_maximum(void **state)
{
	struct rate_params params = usual;
	struct net net = {.carries_pps = UINT32_MAX};
	struct rate_result result;

	(void)state;
	params.max_pps = 5000;
	result = search(&net, &params);
	assert_int_equal(result.rate_pps, 5000);
	assert_int_equal(result.above_pps, 0);
	assert_int_equal(result.limit, RATE_BY_MAX);
	assert_true(result.confirmed && result.close);
	assert_int_equal(net.trials, 4 + 1);
}

static void slow_sender_is_no_fault_of_the_network(void **state)
{
	struct net net = {.carries_pps = 1000000, .sender_pps = 30000};
	struct rate_result result = search(&net, &usual);

	(void)state;
	assert_int_equal(result.limit, RATE_BY_SENDER);
	assert_in_range(result.rate_pps, 30000 / 1.02 - 1, 30000);
	/* but where the network loses below that, it is the network's */
	net = (struct net){.carries_pps = 20000, .sender_pps = 30000};
	result = search(&net, &usual);
	assert_found(&result, 20000, usual.resolution_ppm);
}

static void result_is_what_the_long_trial_confirms(void **state)
{
	struct net net = {.carries_pps = 10000, .confirms_pps = 7000};
	struct rate_result result = search(&net, &usual);

	(void)state;
	assert_true(result.confirmed);
	assert_found(&result, 7000, usual.resolution_ppm);
	assert_in_range(net.confirmations, 2, 10);
	assert_in_range(net.trials, 1, 25);
}

static void without_confirmation_the_search_is_the_result(void **state)
{
	struct rate_params params = usual;
	struct net net = {.carries_pps = 4321};
	struct rate_result result;

	(void)state;
	params.confirm = false;
	result = search(&net, &params);
	assert_in_range(result.rate_pps, 4321 / 1.02 - 1, 4321);
	assert_false(result.confirmed);
	assert_int_equal(net.confirmations, 0);
}

/* The last trial of a bounded search confirms what it has. */
static void bound_on_trials_is_kept_and_said(void **state)
{
	(void)state;
	for (unsigned trials = 1; trials <= 20; trials++) {
		struct rate_params params = usual;
		struct net net = {.carries_pps = 100000};
		struct rate_result result;

		params.trials = trials;
		result = search(&net, &params);
		if (trials == 1) {
			assert_int_equal(result.rate_pps, 0);
			continue;
		}
		assert_true(result.rate_pps >= 1000 && result.confirmed);
		if (trials < 9) { /* 1000 .. 64000 pass, 128000 does not */
			assert_int_equal(result.limit, RATE_BY_TRIALS);
			assert_false(result.close);
			assert_int_equal(result.rate_pps, 1000u << (trials - 2));
		}
	}
}

/*
 * Losses that have nothing to do with the rate: the search ends, never above what is carried, and
 * what it gives was confirmed. With losses so rare that most searches see none it is right mostly.
 */
static void noisy_network_gives_what_has_passed(void **state)
{
	const uint8_t seed[32] = {1};
	unsigned right = 0, none = 0;
	struct net net = {.spurious = 0.02};

	(void)state;
	lm_prng_init(&net.prng, seed);
	for (unsigned i = 0; i < 500; i++) {
		struct rate_result result;

		net.carries_pps = 100 + lm_prng_u32(&net.prng) % 1000000;
		net.trials = net.confirmations = 0;
		result = search(&net, &usual);
		none += result.rate_pps == 0;
		assert_true(result.rate_pps <= net.carries_pps);
		assert_int_equal(result.confirmed, result.rate_pps != 0);
		right += result.rate_pps * 1.05 >= net.carries_pps;
	}
	assert_in_range(right, 300, 500);
	assert_in_range(none, 0, 5);
}

/* Loses where it should not: at low rates only, as batches that wait for more do. */
static void network_that_is_not_monotone_ends(void **state)
{
	struct rate_search state_of;
	struct rate_result result;

	(void)state;
	rate_search_init(&state_of, &usual);
	while (rate_search_next(&state_of)) {
		bool passes = state_of.next_pps > 300 && state_of.next_pps < 700;

		rate_search_take(&state_of, passes ? RATE_PASSED : RATE_LOST);
	}
	result = rate_search_result(&state_of);
	assert_in_range(result.rate_pps, 700 / 1.02 - 1, 699);
	assert_true(result.confirmed);
}

static void trial_is_judged_by_what_is_missing_and_by_the_pace(void **state)
{
	const struct rate_criteria none = {.late_us = 20000};
	const struct rate_criteria some = {.late_us = 20000, .tolerance_ppm = 1000};
	const struct rate_trial good = {
		.rate_pps = 1000, .seconds = 4.999, .wanted = 5000, .sent = 5000, .late_us = 20000};
	struct rate_trial trial = good;

	(void)state;
	assert_int_equal(rate_judge(&trial, &none), RATE_PASSED);
	trial.lost = 1;
	assert_int_equal(rate_judge(&trial, &none), RATE_LOST);
	assert_int_equal(rate_judge(&trial, &some), RATE_PASSED);
	trial.lost = 5;
	assert_int_equal(rate_judge(&trial, &some), RATE_PASSED);
	trial.damaged = 1;
	assert_int_equal(rate_judge(&trial, &some), RATE_LOST);
	trial = good;
	trial.damaged = 1;
	assert_int_equal(rate_judge(&trial, &none), RATE_LOST);
	/* the sender's own port may have lost it; but where nothing is missing it lost nothing */
	trial.port_missed = 1;
	assert_int_equal(rate_judge(&trial, &none), RATE_SHORT);
	trial.damaged = 0;
	assert_int_equal(rate_judge(&trial, &none), RATE_PASSED);
	/* behind: what is lost then does not count */
	for (unsigned i = 0; i < 3; i++) {
		trial = good;
		trial.lost = 100;
		trial.sent -= i == 0;
		trial.late_us += i == 1;
		trial.seconds += i == 2 ? 0.08 : 0;
		assert_int_equal(rate_judge(&trial, &none), RATE_SHORT);
	}
	/* ended early since more was lost than may be, and not for another reason */
	trial = good;
	trial.ended = true;
	trial.sent = 2000;
	trial.seconds = 2;
	trial.lost = 6;
	assert_int_equal(rate_judge(&trial, &some), RATE_LOST);
	trial.lost = 5;
	assert_int_equal(rate_judge(&trial, &some), RATE_SHORT);
	trial.lost = 6;
	trial.late_us++;
	assert_int_equal(rate_judge(&trial, &some), RATE_SHORT);
}

/* A thousand a second, of which packets come within half a second, look every 2 ms. */
static void losses_are_certain_once_a_packet_can_no_longer_come(void **state)
{
	struct certain certain = {.wait_us = 500000};
	uint64_t now_us = 1000000;
	uint32_t sent = 0;

	(void)state;
	for (; now_us <= 1500000; now_us += 2000, sent += 2) {
		certain_note(&certain, now_us, sent);
		assert_int_equal(certain_lost(&certain, 0), 0); /* they may all come yet */
	}
	for (; now_us <= 3000000; now_us += 2000, sent += 2) {
		uint32_t old = sent - 500; /* those that should have come */

		certain_note(&certain, now_us, sent);
		/* never too many, and not much too few: samples are 16 ms apart */
		assert_in_range(certain_lost(&certain, 0), old > 20 ? old - 20 : 0, old);
		assert_int_equal(certain_lost(&certain, old), 0);
		if (old > 40)
			assert_in_range(certain_lost(&certain, old - 40), 20, 40);
	}
	certain_note(&certain, now_us + 600000, sent); /* nothing is sent any more */
	assert_in_range(certain_lost(&certain, 0), sent - 20, sent);
}

/* ---- How far ahead a run starts ---- */

static void starts_are_as_far_ahead_as_building_takes(void **state)
{
	struct lead lead = {0};

	(void)state;
	assert_int_equal(lead_first_us(&lead, 16384), LEAD_LEAST_US);
	lead_note(&lead, 16384, 16384, 2000000);
	assert_int_equal(lead_first_us(&lead, 16384), 3000000);
	assert_int_equal(lead_first_us(&lead, 8192), 1500000);
	assert_int_equal(lead_first_us(&lead, 1), LEAD_LEAST_US);
}

/* A few packets in a long time, as the builder waits for a document: the next start is no later. */
static void pace_of_a_builder_that_waits_is_no_pace(void **state)
{
	struct lead lead = {0};

	(void)state;
	lead_note(&lead, 5, 16384, 100000);
	assert_int_equal(lead_first_us(&lead, 16384), LEAD_LEAST_US);
	lead_note(&lead, 16384, 16384, 2000000);
	lead_note(&lead, 5, 16384, 100000);
	assert_int_equal(lead_first_us(&lead, 16384), 3000000);
}

static void a_start_that_came_too_early_is_not_put_off_for_ever(void **state)
{
	(void)state;
	assert_int_equal(lead_longer_us(100000, 4096, 16384), 600000);
	assert_int_equal(lead_longer_us(100000, 16000, 16384), 200000);
	assert_int_equal(lead_longer_us(100000, 1, 16384), 800000);
	assert_int_equal(lead_longer_us(100000, 0, 16384), 800000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_rate_is_found_to_the_resolution),
		cmocka_unit_test(search_takes_few_trials),
		cmocka_unit_test(network_that_carries_nothing_has_no_rate),
		cmocka_unit_test(network_that_carries_all_is_known_up_to_the_maximum),
		cmocka_unit_test(slow_sender_is_no_fault_of_the_network),
		cmocka_unit_test(result_is_what_the_long_trial_confirms),
		cmocka_unit_test(without_confirmation_the_search_is_the_result),
		cmocka_unit_test(bound_on_trials_is_kept_and_said),
		cmocka_unit_test(noisy_network_gives_what_has_passed),
		cmocka_unit_test(network_that_is_not_monotone_ends),
		cmocka_unit_test(trial_is_judged_by_what_is_missing_and_by_the_pace),
		cmocka_unit_test(losses_are_certain_once_a_packet_can_no_longer_come),
		cmocka_unit_test(starts_are_as_far_ahead_as_building_takes),
		cmocka_unit_test(pace_of_a_builder_that_waits_is_no_pace),
		cmocka_unit_test(a_start_that_came_too_early_is_not_put_off_for_ever),
	};

	return RUN_TESTS(tests);
}
