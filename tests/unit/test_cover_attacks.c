/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What loops say of attacks, on a virtual clock: relays with the real schedule, table, judge and
 * mix; a network between them that an attacker shapes. Times are virtual, seeds fixed.
 */
#include <math.h>
#include <string.h>

#include "lm_cover.h"
#include "testing.h"

enum {
	TICK_US = 1000,
	LOOP_US = 20000,   /* mean gap of loops: 50 a second */
	MEAN_US = 50000,   /* mean delay of a hop */
	HOPS = 4,          /* three relays after us, and a gateway */
	SLACK_US = 100000, /* of the whole way */
	FLIGHT = 4096,
	SECOND = 1000000,
};

struct flight {
	uint64_t arrives_us; /* UINT64_MAX: never */
	struct lm_packet_token token;
};

/* One relay, and what others do to its loops. */
struct relay {
	struct lm_cover_table *table;
	struct lm_cover_schedule schedule;
	struct lm_cover_judge judge;
	struct lm_prng prng;
	struct flight flight[FLIGHT];
	unsigned flights;
	struct lm_cover_news sum;
	unsigned sent;
	/* the attacker's */
	double drops;      /* share of loops that it takes */
	uint64_t holds_us; /* for so long it holds each */
};

static double uniform(struct lm_prng *prng)
{
	return ((double)lm_prng_u32(prng) + 0.5) / 4294967296.0;
}

static struct relay *make_relay(const struct lm_cover_limits *limits, uint8_t number)
{
	struct relay *relay = calloc(1, sizeof(*relay));
	uint8_t seed[32] = {number};
	void *memory = NULL;

	assert_non_null(relay);
	assert_int_equal(posix_memalign(&memory, LM_COVER_ALIGN, lm_cover_table_size(FLIGHT)), 0);
	relay->table = lm_cover_table_init(memory, FLIGHT);
	lm_prng_init(&relay->prng, seed);
	lm_cover_schedule_init(&relay->schedule, &relay->prng, LOOP_US, 0);
	lm_cover_judge_init(&relay->judge, limits, 0);
	return relay;
}

static void free_relay(struct relay *relay)
{
	free(relay->table);
	free(relay);
}

/* Draws a loop's delays and sends it; the attacker decides what becomes of it. */
static void send_loop(struct relay *relay, uint64_t now_us)
{
	struct flight *flight = &relay->flight[relay->flights++];
	uint64_t delays_us = 0, wire_us = lm_prng_below(&relay->prng, SLACK_US / 2);
	uint32_t loop;

	assert_true(relay->flights <= FLIGHT);
	for (unsigned i = 0; i < HOPS; i++)
		delays_us += (uint64_t)(-log(uniform(&relay->prng)) * MEAN_US);
	lm_prng_bytes(&relay->prng, &flight->token, sizeof(flight->token));
	assert_true(lm_cover_table_add(relay->table, &loop, &flight->token, delays_us + SLACK_US));
	lm_cover_table_sent(relay->table, loop, now_us);
	relay->sent++;
	flight->arrives_us = now_us + delays_us + wire_us + relay->holds_us;
	if (uniform(&relay->prng) < relay->drops)
		relay->flights--;
}

/* One tick: what is due leaves, what has arrived is recognised, and the judge is heard. */
static enum lm_cover_verdict tick(struct relay *relay, uint64_t now_us)
{
	struct lm_cover_news news;
	unsigned due = lm_cover_due(&relay->schedule, &relay->prng, now_us, 64);

	for (; due > 0; due--)
		send_loop(relay, now_us);
	for (unsigned i = 0; i < relay->flights;) {
		if (relay->flight[i].arrives_us > now_us) {
			i++;
			continue;
		}
		(void)!lm_cover_table_back(relay->table, &relay->flight[i].token, now_us);
		relay->flight[i] = relay->flight[--relay->flights];
	}
	news = lm_cover_table_collect(relay->table, now_us);
	relay->sum.back += news.back;
	relay->sum.lost += news.lost;
	relay->sum.late += news.late;
	return lm_cover_judge(&relay->judge, &news, now_us);
}

/* Runs until the verdict is `until`, or for `us`; how long that took, or UINT64_MAX. */
static uint64_t run_until(struct relay *relay, uint64_t *now_us, uint64_t us,
			  enum lm_cover_verdict until)
{
	uint64_t start_us = *now_us;

	while (*now_us - start_us < us) {
		*now_us += TICK_US;
		if (tick(relay, *now_us) == until)
			return *now_us - start_us;
	}
	return UINT64_MAX;
}

static const struct lm_cover_limits usual = {.window = 128,
					     .warn_percent = 10,
					     .pause_percent = 50};

static void a_lossy_network_of_one_percent_raises_no_alarm_in_an_hour(void **state)
{
	struct relay *relay = make_relay(&usual, 1);
	uint64_t now_us = 0;

	(void)state;
	relay->drops = 0.01;
	assert_int_equal(run_until(relay, &now_us, UINT64_C(3600) * SECOND, LM_COVER_WARN),
			 UINT64_MAX);
	assert_int_equal(relay->judge.verdict, LM_COVER_OK);
	assert_true(relay->sent > 178000 && relay->sent < 182000);
	assert_true(fabs(relay->sum.lost - relay->sent * 0.01) < 5 * sqrt(relay->sent * 0.01));
	assert_int_equal(relay->sum.late, 0);
	free_relay(relay);
}

static void a_neighbour_that_drops_a_quarter_warns_and_does_not_pause(void **state)
{
	struct relay *relay = make_relay(&usual, 2);
	uint64_t now_us = 0;

	(void)state;
	assert_int_equal(run_until(relay, &now_us, 60 * SECOND, LM_COVER_WARN), UINT64_MAX);
	relay->drops = 0.25;
	/* 13 losses at 50 / 4 a second, after the way's time */
	assert_true(run_until(relay, &now_us, 60 * SECOND, LM_COVER_WARN) < 3 * SECOND);
	assert_int_equal(run_until(relay, &now_us, 600 * SECOND, LM_COVER_PAUSE), UINT64_MAX);
	assert_int_equal(relay->judge.verdict, LM_COVER_WARN);
	relay->drops = 0;
	assert_true(run_until(relay, &now_us, 60 * SECOND, LM_COVER_OK) < 4 * SECOND);
	free_relay(relay);
}

static void who_is_cut_off_warns_then_pauses_and_recovers(void **state)
{
	struct relay *relay = make_relay(&usual, 3);
	uint64_t now_us = 0, warned_us, paused_us;

	(void)state;
	assert_int_equal(run_until(relay, &now_us, 60 * SECOND, LM_COVER_WARN), UINT64_MAX);
	relay->drops = 1;
	warned_us = run_until(relay, &now_us, 60 * SECOND, LM_COVER_WARN);
	paused_us = run_until(relay, &now_us, 60 * SECOND, LM_COVER_PAUSE);
	assert_true(warned_us < SECOND);
	assert_true(paused_us > SECOND / 10 && paused_us < 3 * SECOND);
	/* it goes on pausing, and its loops go on leaving, as long as none comes back */
	unsigned sent = relay->sent;

	assert_int_equal(run_until(relay, &now_us, 600 * SECOND, LM_COVER_WARN), UINT64_MAX);
	assert_true(relay->sent > sent + 29000);
	relay->drops = 0;
	assert_true(run_until(relay, &now_us, 60 * SECOND, LM_COVER_OK) < 4 * SECOND);
	free_relay(relay);
}

/* The attacker keeps what is not its own until the mix holds nothing else: loops come too late. */
static void an_attacker_that_holds_all_others_back_is_noticed_though_nothing_is_lost(void **state)
{
	struct relay *relay = make_relay(&usual, 4);
	uint64_t now_us = 0;

	(void)state;
	assert_int_equal(run_until(relay, &now_us, 30 * SECOND, LM_COVER_WARN), UINT64_MAX);
	relay->holds_us = 2 * SLACK_US;
	assert_true(run_until(relay, &now_us, 60 * SECOND, LM_COVER_PAUSE) < 3 * SECOND);
	(void)run_until(relay, &now_us, 10 * SECOND, LM_COVER_OK);
	/* all that had time to come has come, late */
	assert_true(relay->sum.late > 500);
	assert_true(relay->sum.late <= relay->sum.lost);
	free_relay(relay);
}

/* An attacker fills the pool with packets of its own, which pushes out loops with all others. */
static void a_flood_that_fills_the_pool_is_noticed(void **state)
{
	static const struct lm_mix_params params = {.strategy = LM_MIX_BATCH,
						    .interval_us = 50000,
						    .min_batch = 1,
						    .min_neighbours = 1,
						    .max_wait_us = 50000};
	struct relay *relay = make_relay(&usual, 5);
	const uint8_t seed[32] = {6};
	struct lm_mix_item item[64];
	unsigned pushed_out = 0;
	struct lm_mix *mix;
	void *memory = NULL;

	(void)state;
	assert_int_equal(posix_memalign(&memory, LM_MIX_ALIGN, lm_mix_size(256)), 0);
	mix = lm_mix_init(memory, 256, &params, seed, 0);
	for (uint64_t now_us = TICK_US; now_us < 60 * SECOND; now_us += TICK_US) {
		bool floods = now_us > 30 * SECOND;
		struct lm_mix_item own = {.packet = relay, .from = LM_MIX_OWN, .to = 1};

		for (unsigned i = 0; i < 64; i++)
			item[i] = (struct lm_mix_item){.from = 7, .to = 1};
		(void)!lm_mix_add(mix, item, floods ? 64 : 2, now_us);
		/* a loop stands for whatever else arrives: it is refused where that is */
		relay->drops = lm_mix_add(mix, &own, 1, now_us) == 0;
		pushed_out += relay->drops > 0;
		while (lm_mix_take(mix, item, 64, now_us) > 0)
			;
		if (!floods)
			assert_int_equal(tick(relay, now_us), LM_COVER_OK);
		else
			(void)tick(relay, now_us);
	}
	assert_true(pushed_out > 20000);
	assert_int_equal(relay->judge.verdict, LM_COVER_PAUSE);
	free(memory);
	free_relay(relay);
}

/* Three relays, one in each layer: a loop of one passes both others. */
static unsigned pausing_after_an_outage(uint64_t retry_us)
{
	struct lm_cover_limits limits = usual;
	struct relay *relay[3];
	unsigned pausing = 0, all = 0;

	limits.retry_us = retry_us;
	for (uint8_t i = 0; i < 3; i++)
		relay[i] = make_relay(&limits, (uint8_t)(10 + i));
	for (uint64_t now_us = TICK_US; now_us < 300 * SECOND; now_us += TICK_US) {
		bool outage = now_us > 60 * SECOND && now_us < 70 * SECOND;
		bool pauses[3];

		for (unsigned i = 0; i < 3; i++)
			pauses[i] = relay[i]->judge.verdict == LM_COVER_PAUSE;
		for (unsigned i = 0; i < 3; i++) {
			relay[i]->drops = outage || pauses[(i + 1) % 3] || pauses[(i + 2) % 3];
			(void)tick(relay[i], now_us);
		}
		all += pauses[0] && pauses[1] && pauses[2];
	}
	assert_true(all > 0);
	for (unsigned i = 0; i < 3; i++) {
		pausing += relay[i]->judge.verdict == LM_COVER_PAUSE;
		free_relay(relay[i]);
	}
	return pausing;
}

static void relays_that_pause_each_other_find_back_by_their_retry_time(void **state)
{
	(void)state;
	assert_int_equal(pausing_after_an_outage(60 * SECOND), 0);
	assert_int_equal(pausing_after_an_outage(0), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lossy_network_of_one_percent_raises_no_alarm_in_an_hour),
		cmocka_unit_test(a_neighbour_that_drops_a_quarter_warns_and_does_not_pause),
		cmocka_unit_test(who_is_cut_off_warns_then_pauses_and_recovers),
		cmocka_unit_test(
			an_attacker_that_holds_all_others_back_is_noticed_though_nothing_is_lost),
		cmocka_unit_test(a_flood_that_fills_the_pool_is_noticed),
		cmocka_unit_test(relays_that_pause_each_other_find_back_by_their_retry_time),
	};

	return RUN_TESTS(tests);
}
