/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * app/gen: how a packet is known again.
 */
#include <math.h>
#include <string.h>

#include "schedule.h"
#include "testing.h"

#define DATA_LEN 928

static struct gen_keys make_keys(uint8_t first)
{
	struct lm_secret secret = {.b = {first}};
	struct gen_keys keys;

	gen_keys_derive(&keys, &secret);
	return keys;
}

/* Of all arrivals in turns. */
static struct gen_message make_message(uint32_t seq)
{
	bool bursty = seq % GEN_ARRIVALS == GEN_BURSTY;

	return (struct gen_message){
		.run = {.nonce = {.b = {4, 3, 2, 1, 99}},
			.count = 1000,
			.rate_pps = 500,
			.cmds = 0xf,
			.arrivals = (enum gen_arrivals)(seq % GEN_ARRIVALS),
			.burst = bursty ? (uint16_t)(1 + seq % GEN_BURST_MAX) : 0,
			.peak = bursty ? (uint16_t)(seq % (GEN_BURST_MAX + 1)) : 0,
			.start_ns = UINT64_C(1577836800000000000)},
		.seq = seq,
	};
}

static void assert_same_message(const struct gen_message *a, const struct gen_message *b)
{
	assert_memory_equal(&a->run.nonce, &b->run.nonce, sizeof(a->run.nonce));
	assert_int_equal(a->run.count, b->run.count);
	assert_int_equal(a->run.rate_pps, b->run.rate_pps);
	assert_int_equal(a->run.cmds, b->run.cmds);
	assert_int_equal(a->run.arrivals, b->run.arrivals);
	assert_int_equal(a->run.burst, b->run.burst);
	assert_int_equal(a->run.peak, b->run.peak);
	assert_true(a->run.start_ns == b->run.start_ns);
	assert_int_equal(a->seq, b->seq);
}

static void kinds_are_parsed_strictly(void **state)
{
	static const char *const bad[] = {"",      ",",         "exit,",      ",exit", "exi",
					  "exits", "exit mbox", "exit,,mbox", "fwd"};
	uint32_t cmds;

	(void)state;
	assert_true(gen_cmds_parse(&cmds, "exit"));
	assert_int_equal(cmds, 1u << GEN_EXIT);
	assert_true(gen_cmds_parse(&cmds, "surb,drop"));
	assert_int_equal(cmds, 1u << GEN_SURB | 1u << GEN_DROP);
	assert_true(gen_cmds_parse(&cmds, "exit,mbox,drop,surb,exit"));
	assert_int_equal(cmds, 0xf);
	for (unsigned i = 0; i < LM_COUNT(bad); i++)
		assert_false(gen_cmds_parse(&cmds, bad[i]));
}

static void kinds_take_turns_and_are_counted_so(void **state)
{
	(void)state;
	for (uint32_t cmds = 1; cmds < 1u << GEN_CMDS; cmds++) {
		struct gen_run run = {.cmds = cmds};
		uint32_t count[GEN_CMDS] = {0};

		for (uint32_t seq = 0; seq < 30; seq++) {
			run.count = seq;
			for (unsigned i = 0; i < GEN_CMDS; i++)
				assert_int_equal(gen_run_count(&run, (enum gen_cmd)i), count[i]);
			assert_true(cmds >> gen_run_cmd(&run, seq) & 1);
			count[gen_run_cmd(&run, seq)]++;
		}
	}
}

static struct schedule make_schedule(const struct gen_run *run)
{
	struct schedule schedule;
	struct lm_error err;

	if (schedule_make(&schedule, run, &err) != 0)
		fail_msg("%s", err.text);
	return schedule;
}

static void packets_are_due_at_even_times(void **state)
{
	struct gen_run run = {.rate_pps = 3, .count = UINT32_MAX};
	struct schedule schedule = make_schedule(&run);

	(void)state;
	assert_int_equal(schedule_due_ns(&schedule, 0), 0);
	assert_int_equal(schedule_due_ns(&schedule, 1), 333333333);
	assert_int_equal(schedule_due_ns(&schedule, 3), 1000000000);
	assert_true(schedule_due_ns(&schedule, UINT32_MAX) ==
		    UINT32_MAX / 3 * UINT64_C(1000000000));
	assert_int_equal(schedule_due(&schedule, 0, 0, 64), 1);
	assert_int_equal(schedule_due(&schedule, 333333332, 0, 64), 1);
	assert_int_equal(schedule_due(&schedule, 333333333, 1, 64), 2);
	assert_int_equal(schedule_due(&schedule, UINT64_MAX, 2, 64), 66);
	schedule_free(&schedule);
}

static void bursts_are_evenly_apart_and_fast_within(void **state)
{
	struct gen_run run = {
		.rate_pps = 1000, .count = 100, .arrivals = GEN_BURSTY, .burst = 10, .peak = 4};
	struct schedule schedule = make_schedule(&run);

	(void)state;
	assert_int_equal(schedule_due_ns(&schedule, 0), 0);
	assert_int_equal(schedule_due_ns(&schedule, 1), 250000);
	assert_int_equal(schedule_due_ns(&schedule, 9), 9 * 250000);
	assert_int_equal(schedule_due_ns(&schedule, 10), 10000000);
	assert_int_equal(schedule_due_ns(&schedule, 99), 90000000 + 9 * 250000);
	/* nothing comes between a burst's last packet and the next one's first */
	assert_int_equal(schedule_due(&schedule, 9999999, 0, 64), 10);
	assert_int_equal(schedule_due(&schedule, 10000000, 0, 64), 11);
	schedule.run.peak = 0;
	assert_int_equal(schedule_due_ns(&schedule, 9), 0);
	assert_int_equal(schedule_due_ns(&schedule, 19), 10000000);
	schedule_free(&schedule);
}

/* Bursty and of a Poisson process at once, or without packets in a burst: nobody writes these. */
static void arrivals_that_are_none_are_no_message(void **state)
{
	static const struct gen_run bad[] = {
		{.count = 9, .cmds = 0xf, .arrivals = GEN_BURSTY, .burst = 0},
		{.count = 9, .cmds = 0, .arrivals = GEN_BURSTY, .burst = 5},
	};
	struct gen_keys keys = make_keys(1);
	struct gen_message message = {.run = {.count = 9, .cmds = 0xf}}, got;
	struct lm_packet_dest dest;

	(void)state;
	message.run.arrivals = GEN_BURSTY;
	message.run.burst = 5;
	message_to_dest(&dest, &keys, &message);
	assert_true(message_from_dest(&got, &keys, &dest));
	for (unsigned i = 0; i < LM_COUNT(bad); i++) {
		message.run = bad[i];
		message_to_dest(&dest, &keys, &message);
		assert_false(message_from_dest(&got, &keys, &dest));
	}
}

static void without_a_rate_all_is_due_at_once(void **state)
{
	struct gen_run run = {.count = 100, .arrivals = GEN_POISSON};
	struct schedule schedule = make_schedule(&run);

	(void)state;
	assert_int_equal(schedule_due_ns(&schedule, 99), 0);
	schedule_free(&schedule);
}

/*
 * The gaps are exponential: mean and mean square within 5 deviations, and the share above the mean;
 * no gap says anything about the next.
 */
static void poisson_arrivals_have_exponential_gaps(void **state)
{
	enum { COUNT = 100001, GAPS = COUNT - 1 };
	struct gen_run run = {.nonce = {.b = {7}},
			      .count = COUNT,
			      .rate_pps = 2000,
			      .arrivals = GEN_POISSON};
	struct schedule schedule = make_schedule(&run);
	double sum = 0, squares = 0, products = 0, before = 0;
	unsigned above = 0;

	(void)state;
	assert_int_equal(schedule_due_ns(&schedule, 0), 0);
	for (uint32_t seq = 1; seq < COUNT; seq++) {
		double gap = (double)(schedule_due_ns(&schedule, seq) -
				      schedule_due_ns(&schedule, seq - 1)) /
			     500000;

		sum += gap;
		squares += gap * gap;
		products += seq > 1 ? (gap - 1) * (before - 1) : 0;
		above += gap > 1;
		before = gap;
	}
	assert_true(fabs(sum / GAPS - 1) < 5 / sqrt(GAPS));
	assert_true(fabs(squares / GAPS - 2) < 5 * sqrt(20) / sqrt(GAPS));
	assert_true(fabs(products / GAPS) < 5 / sqrt(GAPS));
	assert_true(fabs(above / (double)GAPS - exp(-1)) < 5 * 0.483 / sqrt(GAPS));
	schedule_free(&schedule);
}

static void poisson_arrivals_belong_to_the_nonce(void **state)
{
	struct gen_run run = {.nonce = {.b = {7}},
			      .count = 50,
			      .rate_pps = 2000,
			      .arrivals = GEN_POISSON};
	struct schedule one = make_schedule(&run), same = make_schedule(&run), other;
	uint32_t known = 0;

	(void)state;
	run.nonce.b[15] = 1; /* no token has it */
	other = make_schedule(&run);
	for (uint32_t seq = 0; seq < 50; seq++) {
		assert_int_equal(schedule_due_ns(&one, seq), schedule_due_ns(&same, seq));
		if (seq > 0)
			assert_int_not_equal(schedule_due_ns(&one, seq),
					     schedule_due_ns(&other, seq));
		known = schedule_due(&one, schedule_due_ns(&one, seq), known, 64);
		assert_int_equal(known, seq + 1);
		if (seq < 49)
			assert_int_equal(schedule_due(&one, schedule_due_ns(&one, seq + 1) - 1,
						      known, 64),
					 seq + 1);
	}
	assert_int_equal(schedule_due(&one, UINT64_MAX, 3, 64), 50);
	schedule_free(&one);
	schedule_free(&same);
	schedule_free(&other);
}

static void data_is_read_back(void **state)
{
	struct gen_keys keys = make_keys(1);
	struct gen_message message = make_message(7), got;
	uint8_t *data = guarded_alloc(DATA_LEN, GUARD_AFTER);

	(void)state;
	message_write(data, DATA_LEN, &keys, &message);
	assert_int_equal(message_read(&got, data, DATA_LEN, &keys), MESSAGE_GOOD);
	assert_same_message(&got, &message);
	message_write(data + DATA_LEN - MESSAGE_LEAST, MESSAGE_LEAST, &keys, &message);
	assert_int_equal(message_read(&got, data + DATA_LEN - MESSAGE_LEAST, MESSAGE_LEAST, &keys),
			 MESSAGE_GOOD);
	guarded_free(data, DATA_LEN, GUARD_AFTER);
}

static void every_changed_bit_of_data_is_seen(void **state)
{
	struct gen_keys keys = make_keys(1);
	struct gen_message message = make_message(7), got = {.seq = 99};
	uint8_t data[DATA_LEN];

	(void)state;
	for (unsigned bit = 0; bit < 8 * DATA_LEN; bit++) {
		enum message_verdict want = bit < 64 ? MESSAGE_FOREIGN : MESSAGE_DAMAGED;

		message_write(data, DATA_LEN, &keys, &message);
		data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(message_read(&got, data, DATA_LEN, &keys), want);
		assert_int_equal(got.seq, 99);
	}
}

static void nobody_else_can_write_data(void **state)
{
	struct gen_keys keys = make_keys(1), other = make_keys(2);
	struct gen_message message = make_message(7), got;
	uint8_t data[DATA_LEN];

	(void)state;
	message_write(data, DATA_LEN, &other, &message);
	assert_int_equal(message_read(&got, data, DATA_LEN, &keys), MESSAGE_DAMAGED);
}

static void impossible_numbers_are_refused(void **state)
{
	struct gen_keys keys = make_keys(1);
	struct gen_message message = make_message(1000), got;
	struct lm_packet_token token;
	uint8_t data[DATA_LEN];

	(void)state;
	message_write(data, DATA_LEN, &keys, &message);
	assert_int_equal(message_read(&got, data, DATA_LEN, &keys), MESSAGE_DAMAGED);
	message_to_token(&token, &keys, &message);
	assert_false(message_from_token(&got, &keys, &token));
	message = make_message(5);
	message.run.cmds = 0x10;
	message_write(data, DATA_LEN, &keys, &message);
	assert_int_equal(message_read(&got, data, DATA_LEN, &keys), MESSAGE_DAMAGED);
	message_to_token(&token, &keys, &message);
	assert_false(message_from_token(&got, &keys, &token));
}

static void token_gives_the_number_back(void **state)
{
	struct gen_keys keys = make_keys(1), other = make_keys(2);
	struct gen_message message = make_message(GEN_DROP), got;
	struct lm_packet_token token;

	(void)state;
	message_to_token(&token, &keys, &message);
	assert_false(message_from_token(&got, &other, &token));
	assert_true(message_from_token(&got, &keys, &token));
	message.run.rate_pps = 0;
	message.run.start_ns = 0;
	message.run.nonce.b[4] = 0;
	assert_int_equal(gen_run_id(&got.run), 0x01020304);
	assert_same_message(&got, &message);
	/* a number whose turn is another kind's is in no token */
	message = make_message(GEN_EXIT);
	message_to_token(&token, &keys, &message);
	assert_false(message_from_token(&got, &keys, &token));
}

static void dest_gives_number_and_nonce_back(void **state)
{
	struct gen_keys keys = make_keys(1), other = make_keys(2);
	struct gen_message message = make_message(GEN_SURB), got;
	struct lm_packet_dest dest;

	(void)state;
	message_to_dest(&dest, &keys, &message);
	assert_false(message_from_dest(&got, &other, &dest));
	assert_true(message_from_dest(&got, &keys, &dest));
	message.run.rate_pps = 0;
	message.run.start_ns = 0;
	assert_same_message(&got, &message);
	dest.b[31] ^= 1;
	assert_false(message_from_dest(&got, &keys, &dest));
}

/* Tokens of a run differ in about half their bits, and no byte of them stands out. */
static void tokens_look_random(void **state)
{
	struct gen_keys keys = make_keys(1);
	struct lm_packet_token token, before = {0};
	unsigned count[256] = {0}, differing = 0;

	(void)state;
	for (uint32_t seq = 0; seq < 1000; seq++) {
		struct gen_message message = make_message(seq);

		message_to_token(&token, &keys, &message);
		for (unsigned i = 0; i < sizeof(token.b); i++) {
			count[token.b[i]]++;
			differing += (unsigned)__builtin_popcount(token.b[i] ^ before.b[i]);
		}
		before = token;
	}
	assert_in_range(differing, 1000 * 63, 1000 * 65);
	for (unsigned i = 0; i < 256; i++)
		assert_in_range(count[i], 20, 110); /* 62.5 expected, deviation 7.9 */
}

static void secrets_differ_from_each_other_and_from_the_mix_key(void **state)
{
	struct lm_secret secret = {.b = {1}};
	struct gen_keys keys = make_keys(1), other = make_keys(2);

	(void)state;
	assert_memory_not_equal(keys.w, keys.hide, 32);
	assert_memory_not_equal(keys.w, keys.seed, 32);
	assert_memory_not_equal(keys.hide, keys.seed, 32);
	assert_memory_not_equal(keys.w, secret.b, 32);
	assert_memory_not_equal(keys.w, other.w, 32);
}

static void draws_depend_on_key_nonce_and_number(void **state)
{
	struct gen_keys keys[2] = {make_keys(1), make_keys(2)};
	uint8_t drawn[8][16];

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		struct gen_message message = make_message(i >> 2);
		struct lm_prng prng;

		message.run.nonce.b[15] = i >> 1 & 1;
		message_prng(&prng, &keys[i & 1], &message);
		lm_prng_bytes(&prng, drawn[i], sizeof(drawn[i]));
		for (unsigned j = 0; j < i; j++)
			assert_memory_not_equal(drawn[i], drawn[j], sizeof(drawn[i]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_are_parsed_strictly),
		cmocka_unit_test(kinds_take_turns_and_are_counted_so),
		cmocka_unit_test(packets_are_due_at_even_times),
		cmocka_unit_test(without_a_rate_all_is_due_at_once),
		cmocka_unit_test(bursts_are_evenly_apart_and_fast_within),
		cmocka_unit_test(arrivals_that_are_none_are_no_message),
		cmocka_unit_test(poisson_arrivals_have_exponential_gaps),
		cmocka_unit_test(poisson_arrivals_belong_to_the_nonce),
		cmocka_unit_test(data_is_read_back),
		cmocka_unit_test(every_changed_bit_of_data_is_seen),
		cmocka_unit_test(nobody_else_can_write_data),
		cmocka_unit_test(impossible_numbers_are_refused),
		cmocka_unit_test(token_gives_the_number_back),
		cmocka_unit_test(dest_gives_number_and_nonce_back),
		cmocka_unit_test(tokens_look_random),
		cmocka_unit_test(secrets_differ_from_each_other_and_from_the_mix_key),
		cmocka_unit_test(draws_depend_on_key_nonce_and_number),
	};
	struct lm_error err;

	if (lm_base_init(&err) != 0)
		return 1;
	return RUN_TESTS(tests);
}
