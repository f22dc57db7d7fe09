/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/cover: the law of the schedules, what the packets are, the table of loops under many threads,
 * and the judge.
 */
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "lm_cover.h"
#include "topology_documents.h"

/* ---- Schedules ---- */

static void start_prng(struct lm_prng *prng, uint8_t seed)
{
	uint8_t key[32] = {seed};

	lm_prng_init(prng, key);
}

static int compare_doubles(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

/* Kolmogorov-Smirnov distance of n samples from the exponential law with this mean. */
static double distance(double *sample, unsigned n, double mean)
{
	double most = 0;

	qsort(sample, n, sizeof(*sample), compare_doubles);
	for (unsigned i = 0; i < n; i++) {
		double law = 1 - exp(-sample[i] / mean);

		most = fmax(most, fmax(law - (double)i / n, (double)(i + 1) / n - law));
	}
	return most;
}

static void gaps_are_exponential(void **state)
{
	enum { GAPS = 100000 };
	static double gap[GAPS];
	struct lm_cover_schedule schedule;
	struct lm_prng prng;
	uint64_t before_us = 1000;

	(void)state;
	start_prng(&prng, 1);
	lm_cover_schedule_init(&schedule, &prng, 20000, before_us);
	for (unsigned i = 0; i < GAPS; i++) {
		uint64_t now_us = schedule.next_us;

		assert_int_equal(lm_cover_due(&schedule, &prng, now_us - 1, 1), 0);
		assert_int_equal(lm_cover_due(&schedule, &prng, now_us, 1), 1);
		gap[i] = (double)(now_us - before_us);
		before_us = now_us;
	}
	/* 99.9 % of exponential samples lie closer than this */
	assert_true(distance(gap, GAPS, 20000) < 1.95 / sqrt(GAPS));
}

static void counts_of_equal_times_are_as_spread_as_a_poisson_process(void **state)
{
	enum { SPANS = 20000, SPAN_US = 10000, MEAN_US = 500 };
	struct lm_cover_schedule schedule;
	double sum = 0, squares = 0, mean;
	struct lm_prng prng;

	(void)state;
	start_prng(&prng, 2);
	lm_cover_schedule_init(&schedule, &prng, MEAN_US, 0);
	for (uint64_t i = 1; i <= SPANS; i++) {
		double n = lm_cover_due(&schedule, &prng, i * SPAN_US, 1000);

		sum += n;
		squares += n * n;
	}
	mean = sum / SPANS;
	/* five standard errors each */
	assert_true(fabs(mean - 20) < 5 * sqrt(20.0 / SPANS));
	assert_true(fabs((squares / SPANS - mean * mean) / mean - 1) < 5 * sqrt(2.0 / SPANS));
}

static void without_a_rate_nothing_is_ever_due(void **state)
{
	struct lm_cover_schedule schedule;
	struct lm_prng prng;

	(void)state;
	start_prng(&prng, 3);
	lm_cover_schedule_init(&schedule, &prng, 0, 5);
	assert_int_equal(lm_cover_due(&schedule, &prng, UINT64_MAX - 1, 64), 0);
}

static void who_was_away_long_makes_up_for_nothing(void **state)
{
	struct lm_cover_schedule schedule;
	struct lm_prng prng;
	unsigned due, all = 0;

	(void)state;
	start_prng(&prng, 4);
	lm_cover_schedule_init(&schedule, &prng, 100, 0);
	/* away for less than the bound: all of it is told, in bites */
	while ((due = lm_cover_due(&schedule, &prng, LM_COVER_CATCH_UP_US, 64)) > 0) {
		assert_true(due <= 64);
		all += due;
	}
	assert_true(all > 800 && all < 1200);
	/* for more: none of it */
	uint64_t now_us = 3 * LM_COVER_CATCH_UP_US;

	assert_int_equal(lm_cover_due(&schedule, &prng, now_us, 64), 0);
	assert_true(schedule.next_us >= now_us && schedule.next_us < now_us + 100 * 40);
}

/* ---- What the packets are ---- */

struct world {
	struct lm_topology *topology;
	struct lm_packet_key key[8][3]; /* by node as the topology has them, and kid */
	struct lm_packet_builder *builder;
	struct lm_packet_peeler *peeler;
	struct lm_prng prng;
};

static void *aligned(size_t n)
{
	void *memory = NULL;

	assert_int_equal(posix_memalign(&memory, 64, n), 0);
	return memory;
}

/* Two layers of two mixes and two gateways, with keys whose secrets we have. */
static void make_world(struct world *world)
{
	world->topology = parse_good(good_document());
	world->topology->mix.mean_delay_us = 1000000;
	world->topology->mix.strategy = LM_MIX_POISSON;
	for (unsigned i = 0; i < world->topology->nodes; i++) {
		struct lm_topology_node *node = &world->topology->node[i];

		assert_int_equal(node->keys, 3);
		for (unsigned k = 0; k < 3; k++) {
			struct lm_secret secret;

			lm_rand(&secret, sizeof(secret));
			lm_packet_key_init(&world->key[i][k], node->id, node->key[k].kid, &secret);
			node->key[k].pk = world->key[i][k].public;
		}
	}
	world->builder = lm_packet_builder_init(aligned(lm_packet_builder_size()), 1, "auto", NULL);
	world->peeler = lm_packet_peeler_init(aligned(lm_packet_peeler_size()), 1, "auto", NULL);
	start_prng(&world->prng, 5);
}

static void free_world(struct world *world)
{
	free(world->builder);
	free(world->peeler);
	lm_topology_free(world->topology);
}

static struct lm_packet_peel peel_at(struct world *world, uint8_t *packet, uint32_t id)
{
	const struct lm_topology_node *node = lm_topology_find(world->topology, id);
	struct lm_packet_keyring ring = {.n = 3};
	struct lm_packet_peel item = {.packet = packet, .len = lm_packet_len(1)}, *done;
	uint64_t authentic;

	assert_non_null(node);
	for (unsigned k = 0; k < 3; k++)
		ring.key[k] = &world->key[node - world->topology->node][k];
	assert_int_equal(lm_packet_peel_submit(world->peeler, &ring, &item, 1), 0);
	assert_int_equal(lm_packet_peel_collect(world->peeler, &done, &authentic), 1);
	assert_int_equal(item.drop, LM_DROP_NONE);
	return item;
}

/* Sends a packet on its way; checks each step and returns what its last node sees. */
static struct lm_packet_peel travel(struct world *world, const struct lm_topology_node *from,
				    const struct lm_cover_way *way, uint8_t *packet,
				    uint64_t *delays_us, uint32_t *last)
{
	uint32_t id = way->first->id;

	*delays_us = way->delay_us;
	for (;;) {
		struct lm_packet_peel item;

		assert_int_equal(lm_topology_route(world->topology, from, id), LM_DROP_NONE);
		from = lm_topology_find(world->topology, id);
		item = peel_at(world, packet, id);
		*last = id;
		if (item.cmd != LM_PACKET_FWD)
			return item;
		*delays_us += item.delay_us;
		id = item.next_id;
	}
}

static void loops_go_round_and_bring_their_token_within_the_wait(void **state)
{
	struct world world;

	(void)state;
	make_world(&world);
	for (unsigned i = 0; i < world.topology->nodes; i++) {
		const struct lm_topology_node *self = &world.topology->node[i];
		const struct lm_cover_maker maker = {.topology = world.topology,
						     .epoch = world.topology->epoch,
						     .self = self,
						     .slack_us = 500,
						     .prng = &world.prng};
		static uint8_t packet[16][LM_PACKET_MAX];
		struct lm_packet_build build[16];
		struct lm_packet_token token[16];
		struct lm_cover_way way[16];

		for (unsigned n = 0; n < 16; n++) {
			assert_true(lm_cover_plan_loop(&maker, &way[n], &build[n]));
			token[n] = build[n].token;
			build[n].packet = packet[n];
		}
		assert_int_equal(lm_cover_build(world.builder, build, 16), 0xffff);
		assert_true(lm_is_zero(build, sizeof(build)));
		for (unsigned n = 0; n < 16; n++) {
			uint64_t delays_us;
			uint32_t last;
			struct lm_packet_peel end =
				travel(&world, self, &way[n], packet[n], &delays_us, &last);

			assert_int_equal(last, self->id);
			assert_int_equal(end.cmd, LM_PACKET_DROP);
			assert_memory_equal(&end.token, &token[n], sizeof(token[n]));
			/* under poisson a packet stays its delay; three hops */
			assert_int_equal(way[n].wait_us, delays_us + 3 * 500);
			assert_true(way[n].wait_us <= lm_cover_path_us(world.topology, 500));
		}
	}
	free_world(&world);
}

static void drop_packets_end_at_a_gateway(void **state)
{
	struct world world;
	unsigned gateways = 0;

	(void)state;
	make_world(&world);
	for (unsigned i = 0; i < 48; i++) {
		const struct lm_topology_node *self = &world.topology->node[i % 6];
		const struct lm_cover_maker maker = {.topology = world.topology,
						     .epoch = world.topology->epoch,
						     .self = self,
						     .prng = &world.prng};
		static uint8_t packet[LM_PACKET_MAX];
		struct lm_packet_build build;
		struct lm_cover_way way;
		uint64_t delays_us;
		uint32_t last;

		assert_true(lm_cover_plan_drop(&maker, &way, &build));
		build.packet = packet;
		assert_int_equal(lm_cover_build(world.builder, &build, 1), 1);
		assert_int_equal(travel(&world, self, &way, packet, &delays_us, &last).cmd,
				 LM_PACKET_DROP);
		assert_true(last == 300 || last == 4294967294);
		gateways |= last == 300 ? 1 : 2;
	}
	assert_int_equal(gateways, 3);
	free_world(&world);
}

static void seeds_tokens_and_payloads_never_repeat(void **state)
{
	struct world world;
	struct lm_packet_build build[LM_BURST];
	static uint8_t packet[LM_BURST][LM_PACKET_MAX];
	struct lm_cover_way way;

	(void)state;
	make_world(&world);
	const struct lm_cover_maker maker = {.topology = world.topology,
					     .epoch = world.topology->epoch,
					     .self = world.topology->node,
					     .prng = &world.prng};

	for (unsigned i = 0; i < LM_BURST; i++) {
		assert_true(lm_cover_plan_drop(&maker, &way, &build[i]));
		build[i].packet = packet[i];
		for (unsigned j = 0; j < i; j++) {
			assert_memory_not_equal(&build[i].seed, &build[j].seed, 32);
			assert_memory_not_equal(&build[i].token, &build[j].token, 16);
		}
	}
	assert_int_equal(lm_cover_build(world.builder, build, LM_BURST), UINT64_MAX);
	for (unsigned i = 1; i < LM_BURST; i++) {
		assert_memory_not_equal(packet[i] + 4, packet[0] + 4, 32);
		assert_memory_not_equal(packet[i] + LM_PACKET_HEADER, packet[0] + LM_PACKET_HEADER,
					32);
	}
	free_world(&world);
}

/* ---- The table ---- */

static struct lm_cover_table *make_table(uint32_t capacity)
{
	return lm_cover_table_init(aligned(lm_cover_table_size(capacity)), capacity);
}

static struct lm_packet_token add_loop(struct lm_cover_table *table, uint32_t *loop,
				       uint64_t wait_us)
{
	struct lm_packet_token token;

	lm_rand(&token, sizeof(token));
	assert_true(lm_cover_table_add(table, loop, &token, wait_us));
	return token;
}

static void assert_news(struct lm_cover_table *table, uint64_t now_us, uint32_t back, uint32_t lost,
			uint32_t late)
{
	struct lm_cover_news news = lm_cover_table_collect(table, now_us);

	assert_int_equal(news.back, back);
	assert_int_equal(news.lost, lost);
	assert_int_equal(news.late, late);
}

static void a_loop_comes_back_once_and_only_when_sent(void **state)
{
	struct lm_cover_table *table = make_table(64);
	struct lm_packet_token token;
	uint32_t loop;

	(void)state;
	token = add_loop(table, &loop, 1000);
	assert_false(lm_cover_table_back(table, &token, 5));
	lm_cover_table_sent(table, loop, 10);
	assert_news(table, 11, 0, 0, 0);
	assert_true(lm_cover_table_back(table, &token, 1010));
	assert_false(lm_cover_table_back(table, &token, 1010));
	assert_news(table, 1011, 1, 0, 0);
	assert_int_equal(lm_cover_table_loops(table), 0);
	assert_false(lm_cover_table_back(table, &token, 1012));
	free(table);
}

static void any_other_token_changes_nothing(void **state)
{
	struct lm_cover_table *table = make_table(64);
	struct lm_packet_token token[64];
	uint32_t loop;

	(void)state;
	for (unsigned i = 0; i < 64; i++) {
		token[i] = add_loop(table, &loop, 1000);
		lm_cover_table_sent(table, loop, 0);
	}
	for (unsigned bit = 0; bit < 128; bit++) {
		struct lm_packet_token other = token[bit % 64];

		other.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(lm_cover_table_back(table, &other, 1));
	}
	for (unsigned i = 0; i < 100000; i++) {
		struct lm_packet_token other;

		lm_rand(&other, sizeof(other));
		assert_false(lm_cover_table_back(table, &other, 1));
	}
	assert_news(table, 1000, 0, 0, 0);
	for (unsigned i = 0; i < 64; i++)
		assert_true(lm_cover_table_back(table, &token[i], 1000));
	assert_news(table, 1000, 64, 0, 0);
	free(table);
}

static void a_token_keeps_all_its_bits_but_those_of_the_place(void **state)
{
	struct lm_cover_table *table = make_table(256);

	(void)state;
	for (uint32_t i = 0; i < 256; i++) {
		struct lm_packet_token drawn, token;
		uint32_t loop;

		lm_rand(&drawn, sizeof(drawn));
		token = drawn;
		assert_true(lm_cover_table_add(table, &loop, &token, 1));
		assert_int_equal(token.b[0], loop);
		assert_memory_equal(token.b + 1, drawn.b + 1, 15);
	}
	free(table);
}

static void a_late_loop_is_lost_and_late(void **state)
{
	struct lm_cover_table *table = make_table(64);
	struct lm_packet_token quick, slow;
	uint32_t loop;

	(void)state;
	quick = add_loop(table, &loop, 1000); /* comes late before anyone looked */
	lm_cover_table_sent(table, loop, 0);
	slow = add_loop(table, &loop, 1000); /* comes after it was given up */
	lm_cover_table_sent(table, loop, 0);
	assert_true(lm_cover_table_back(table, &quick, 1001));
	assert_news(table, 1000, 0, 1, 1);
	assert_news(table, 1001, 0, 1, 0);
	assert_news(table, 1500, 0, 0, 0);
	assert_true(lm_cover_table_back(table, &slow, 1600));
	assert_news(table, 1700, 0, 0, 1);
	assert_int_equal(lm_cover_table_loops(table), 0);
	free(table);
}

static void nothing_is_told_of_excused_loops(void **state)
{
	struct lm_cover_table *table = make_table(64);
	struct lm_packet_token token[4];
	uint32_t loop[4];

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		if (i == 3)
			lm_cover_table_excuse(table);
		token[i] = add_loop(table, &loop[i], 1000);
		lm_cover_table_sent(table, loop[i], 0);
	}
	assert_true(lm_cover_table_back(table, &token[0], 500));
	assert_news(table, 500, 0, 0, 0);
	assert_news(table, 1001, 0, 1, 0); /* the one that came after */
	assert_true(lm_cover_table_back(table, &token[1], 1500));
	assert_news(table, 1500, 0, 0, 0);
	assert_news(table, 2001, 0, 0, 0);
	assert_int_equal(lm_cover_table_loops(table), 0);
	/* and their places are as good as any */
	token[0] = add_loop(table, &loop[0], 1000);
	lm_cover_table_sent(table, loop[0], 3000);
	assert_true(lm_cover_table_back(table, &token[0], 3500));
	assert_news(table, 3500, 1, 0, 0);
	free(table);
}

static void the_place_of_a_lost_loop_is_given_away_in_the_end(void **state)
{
	struct lm_cover_table *table = make_table(64);
	struct lm_packet_token token;
	uint32_t loop;

	(void)state;
	token = add_loop(table, &loop, 1000);
	lm_cover_table_sent(table, loop, 50);
	assert_news(table, 1051, 0, 1, 0);
	assert_news(table, 2050, 0, 0, 0);
	assert_int_equal(lm_cover_table_loops(table), 1);
	assert_news(table, 2051, 0, 0, 0);
	assert_int_equal(lm_cover_table_loops(table), 0);
	assert_false(lm_cover_table_back(table, &token, 2052));
	free(table);
}

static void a_full_table_takes_no_loop_until_one_has_ended(void **state)
{
	struct lm_cover_table *table = make_table(64);
	struct lm_packet_token token = {{0}};
	uint32_t loop[64], more;
	uint64_t seen = 0;

	(void)state;
	for (unsigned round = 0; round < 5; round++) {
		for (unsigned i = 0; i < 64; i++) {
			(void)add_loop(table, &loop[i], 1000);
			seen |= UINT64_C(1) << loop[i];
		}
		assert_int_equal(seen, UINT64_MAX);
		assert_false(lm_cover_table_add(table, &more, &token, 1000));
		for (unsigned i = 0; i < 64; i++)
			lm_cover_table_discard(table, loop[i]);
		assert_news(table, 0, 0, 0, 0);
		assert_int_equal(lm_cover_table_loops(table), 0);
	}
	free(table);
}

/* Control, mixer and workers at the same time; time is a shared number that control moves. */
enum { ROUNDS = 30000, WORKERS = 3, AHEAD = 256 };

struct crowd {
	struct lm_cover_table *table;
	struct {
		struct lm_packet_token token;
		uint32_t loop;
	} sent[ROUNDS];
	_Atomic unsigned built, gone;
	_Atomic uint64_t now_us;
	_Atomic unsigned recognised[ROUNDS];
};

static void *send_all(void *context)
{
	struct crowd *crowd = context;

	for (unsigned i = 0; i < ROUNDS; i++) {
		while (atomic_load(&crowd->built) <= i)
			sched_yield();
		lm_cover_table_sent(crowd->table, crowd->sent[i].loop, atomic_load(&crowd->now_us));
		atomic_store(&crowd->gone, i + 1);
	}
	return NULL;
}

/* Every worker gets every token, twice: a replay within a replay filter's blind spot. */
static void *recognise_all(void *context)
{
	struct crowd *crowd = context;

	for (unsigned i = 0; i < ROUNDS; i++) {
		while (atomic_load(&crowd->gone) <= i)
			sched_yield();
		for (unsigned twice = 0; twice < 2; twice++)
			if (i % 4 != 0 && lm_cover_table_back(crowd->table, &crowd->sent[i].token,
							      atomic_load(&crowd->now_us)))
				atomic_fetch_add(&crowd->recognised[i], 1);
	}
	return NULL;
}

static void in_a_crowd_each_loop_is_told_of_exactly_once(void **state)
{
	struct crowd *crowd = calloc(1, sizeof(*crowd));
	struct lm_cover_news all = {0};
	pthread_t thread[WORKERS + 1];
	unsigned recognised = 0;

	(void)state;
	crowd->table = make_table(1024);
	assert_int_equal(pthread_create(&thread[WORKERS], NULL, send_all, crowd), 0);
	for (unsigned i = 0; i < WORKERS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, recognise_all, crowd), 0);
	for (unsigned i = 0; i < ROUNDS || lm_cover_table_loops(crowd->table) > 0;) {
		struct lm_cover_news news;

		if (i < ROUNDS && i - atomic_load(&crowd->gone) < AHEAD) {
			lm_rand(&crowd->sent[i].token, sizeof(crowd->sent[i].token));
			if (lm_cover_table_add(crowd->table, &crowd->sent[i].loop,
					       &crowd->sent[i].token, 40))
				atomic_store(&crowd->built, ++i);
		}
		news = lm_cover_table_collect(crowd->table, atomic_fetch_add(&crowd->now_us, 1));
		all.back += news.back;
		all.lost += news.lost;
		all.late += news.late;
	}
	for (unsigned i = 0; i <= WORKERS; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	for (unsigned i = 0; i < ROUNDS; i++) {
		assert_true(crowd->recognised[i] <= 1);
		recognised += crowd->recognised[i];
	}
	assert_int_equal(all.back + all.lost, ROUNDS);
	assert_int_equal(all.back + all.late, recognised);
	assert_true(all.lost >= ROUNDS / 4 && recognised > 0);
	free(crowd->table);
	free(crowd);
}

/* ---- The judge ---- */

static const struct lm_cover_limits limits = {.window = 100,
					      .warn_percent = 20,
					      .pause_percent = 50};

static enum lm_cover_verdict hear(struct lm_cover_judge *judge, uint32_t back, uint32_t lost,
				  uint64_t now_us)
{
	const struct lm_cover_news news = {.back = back, .lost = lost};

	return lm_cover_judge(judge, &news, now_us);
}

static void nothing_is_judged_before_a_quarter_of_the_window(void **state)
{
	struct lm_cover_judge judge;

	(void)state;
	lm_cover_judge_init(&judge, &limits, 0);
	assert_int_equal(hear(&judge, 0, 0, 1), LM_COVER_OK);
	assert_int_equal(hear(&judge, 0, 24, 2), LM_COVER_OK);
	assert_int_equal(hear(&judge, 0, 1, 3), LM_COVER_PAUSE);
}

static void verdicts_rise_at_their_limits_and_fall_below_three_quarters(void **state)
{
	struct lm_cover_judge judge;

	(void)state;
	lm_cover_judge_init(&judge, &limits, 0);
	assert_int_equal(hear(&judge, 100, 19, 0), LM_COVER_OK);
	assert_int_equal(hear(&judge, 0, 1, 0), LM_COVER_WARN);
	assert_int_equal(hear(&judge, 0, 29, 0), LM_COVER_WARN);
	assert_int_equal(hear(&judge, 0, 1, 0), LM_COVER_PAUSE);  /* 50 of 100 */
	assert_int_equal(hear(&judge, 50, 0, 0), LM_COVER_PAUSE); /* the oldest were not lost */
	assert_int_equal(hear(&judge, 12, 0, 0), LM_COVER_PAUSE); /* 38 */
	assert_int_equal(hear(&judge, 1, 0, 0), LM_COVER_WARN);   /* 37 < 37.5 */
	assert_int_equal(hear(&judge, 22, 0, 0), LM_COVER_WARN);  /* 15 */
	assert_int_equal(hear(&judge, 1, 0, 0), LM_COVER_OK);
}

static void only_the_window_counts(void **state)
{
	struct lm_cover_judge judge;

	(void)state;
	lm_cover_judge_init(&judge, &limits, 0);
	assert_int_equal(hear(&judge, 0, 1000, 0), LM_COVER_PAUSE);
	assert_int_equal(judge.lost, 100);
	assert_int_equal(hear(&judge, 1000, 0, 0), LM_COVER_OK);
	assert_int_equal(judge.lost, 0);
	/* one in five, evenly, for long: always the same share */
	for (unsigned i = 0; i < 1000; i++)
		(void)hear(&judge, 4, 1, 0);
	assert_int_equal(judge.lost, 20);
	assert_int_equal(judge.verdict, LM_COVER_WARN);
}

static void a_limit_of_zero_is_never_reached(void **state)
{
	struct lm_cover_limits none = {.window = 16};
	struct lm_cover_judge judge;

	(void)state;
	lm_cover_judge_init(&judge, &none, 0);
	assert_int_equal(hear(&judge, 0, 100, 0), LM_COVER_OK);
	none.warn_percent = 100;
	lm_cover_judge_init(&judge, &none, 0);
	assert_int_equal(hear(&judge, 1, 15, 0), LM_COVER_OK);
	assert_int_equal(hear(&judge, 0, 1, 0), LM_COVER_WARN);
}

static void a_pause_waits_for_the_retry_time_after_the_start_and_ends_with_it(void **state)
{
	struct lm_cover_limits patient = limits;
	struct lm_cover_judge judge;

	(void)state;
	patient.retry_us = 1000;
	lm_cover_judge_init(&judge, &patient, 5000);
	assert_int_equal(hear(&judge, 0, 100, 5999), LM_COVER_WARN);
	assert_int_equal(hear(&judge, 0, 0, 6000), LM_COVER_PAUSE);
	assert_int_equal(hear(&judge, 0, 30, 6999), LM_COVER_PAUSE);
	/* a try of a quarter of the time, and until a quarter of the window is heard of */
	assert_int_equal(hear(&judge, 0, 0, 7000), LM_COVER_WARN);
	assert_int_equal(hear(&judge, 0, 24, 7300), LM_COVER_WARN);
	assert_int_equal(hear(&judge, 0, 1, 7300), LM_COVER_PAUSE);
	assert_int_equal(hear(&judge, 0, 0, 8299), LM_COVER_PAUSE);
	assert_int_equal(hear(&judge, 0, 0, 8300), LM_COVER_WARN);
	assert_int_equal(hear(&judge, 0, 99, 8549), LM_COVER_WARN);
	assert_int_equal(hear(&judge, 0, 0, 8550), LM_COVER_PAUSE);
	assert_int_equal(hear(&judge, 0, 0, 9550), LM_COVER_WARN);
	assert_int_equal(hear(&judge, 25, 0, 9551), LM_COVER_OK);
}

static void without_a_retry_time_only_loops_end_a_pause(void **state)
{
	struct lm_cover_judge judge;

	(void)state;
	lm_cover_judge_init(&judge, &limits, 0);
	assert_int_equal(hear(&judge, 0, 100, 0), LM_COVER_PAUSE);
	assert_int_equal(hear(&judge, 0, 0, UINT64_MAX - 1), LM_COVER_PAUSE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gaps_are_exponential),
		cmocka_unit_test(counts_of_equal_times_are_as_spread_as_a_poisson_process),
		cmocka_unit_test(without_a_rate_nothing_is_ever_due),
		cmocka_unit_test(who_was_away_long_makes_up_for_nothing),
		cmocka_unit_test(loops_go_round_and_bring_their_token_within_the_wait),
		cmocka_unit_test(drop_packets_end_at_a_gateway),
		cmocka_unit_test(seeds_tokens_and_payloads_never_repeat),
		cmocka_unit_test(a_loop_comes_back_once_and_only_when_sent),
		cmocka_unit_test(any_other_token_changes_nothing),
		cmocka_unit_test(a_token_keeps_all_its_bits_but_those_of_the_place),
		cmocka_unit_test(a_late_loop_is_lost_and_late),
		cmocka_unit_test(nothing_is_told_of_excused_loops),
		cmocka_unit_test(the_place_of_a_lost_loop_is_given_away_in_the_end),
		cmocka_unit_test(a_full_table_takes_no_loop_until_one_has_ended),
		cmocka_unit_test(in_a_crowd_each_loop_is_told_of_exactly_once),
		cmocka_unit_test(nothing_is_judged_before_a_quarter_of_the_window),
		cmocka_unit_test(verdicts_rise_at_their_limits_and_fall_below_three_quarters),
		cmocka_unit_test(only_the_window_counts),
		cmocka_unit_test(a_limit_of_zero_is_never_reached),
		cmocka_unit_test(a_pause_waits_for_the_retry_time_after_the_start_and_ends_with_it),
		cmocka_unit_test(without_a_retry_time_only_loops_end_a_pause),
	};

	return RUN_TESTS(tests);
}
