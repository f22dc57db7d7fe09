/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * app/gen: which mix a trace names, on networks whose faults are made up; and the tests behind it.
 */
#include <math.h>

#include "gen_testing.h"
#include "trace_report.h"

#define MEAN_US 100000

/* What is wrong with a mix. */
struct fault {
	uint32_t id;
	double loss;    /* of what reaches it */
	double more_us; /* that it takes longer, */
	double often;   /* for this share of packets */
};

struct scene {
	struct world *world;
	struct lm_prng prng;
	struct trace_plan plan;
	struct trace_seen *seen;
	struct trace_result result;
	double jitter_us; /* of each hop */
};

static double uniform(struct lm_prng *prng)
{
	return lm_prng_u32(prng) / 4294967296.0;
}

static struct scene *make_scene(unsigned per_layer, uint8_t seed_byte)
{
	uint8_t seed[32] = {seed_byte};
	struct scene *scene = calloc(1, sizeof(*scene));

	assert_non_null(scene);
	scene->world = make_wide_world(1u << GEN_DROP, MEAN_US, per_layer);
	lm_prng_init(&scene->prng, seed);
	scene->jitter_us = 2000;
	return scene;
}

static void clear_scene(struct scene *scene)
{
	trace_plan_free(&scene->plan);
	trace_result_free(&scene->result);
	free(scene->seen);
	scene->seen = NULL;
}

static void free_scene(struct scene *scene)
{
	clear_scene(scene);
	free_world(scene->world);
	free(scene);
}

/* One loop through the network. */
static void send(struct scene *scene, struct trace_seen *seen, const uint32_t *way,
		 const struct fault *fault, unsigned faults)
{
	struct lm_prng *prng = &scene->prng;

	*seen = (struct trace_seen){.sent = true, .came = true};
	for (unsigned hop = 0; hop < LAYERS; hop++) {
		uint32_t id = scene->world->setup.topology->node[way[hop]].id;

		seen->drawn_us += -log(uniform(prng) + 1e-12) * MEAN_US;
		seen->delay_us += uniform(prng) * scene->jitter_us;
		for (unsigned i = 0; i < faults; i++) {
			if (fault[i].id != id)
				continue;
			seen->came &= uniform(prng) >= fault[i].loss;
			seen->delay_us += uniform(prng) < fault[i].often ? fault[i].more_us : 0;
		}
	}
	seen->delay_us += seen->drawn_us;
}

/* Traces 11, 21, 31, or all mixes. */
static void trace(struct scene *scene, bool all, uint32_t rounds, const struct fault *fault,
		  unsigned faults)
{
	const struct gen_setup *setup = &scene->world->setup;
	const struct lm_topology_node *path[LAYERS];

	clear_scene(scene);
	for (unsigned i = 0; i < LAYERS; i++)
		path[i] = lm_topology_find(setup->topology, 10 * (i + 1) + 1);
	if (all)
		assert_int_equal(trace_plan_all(&scene->plan, setup->topology, setup->self, rounds,
						&scene->prng, &world_err),
				 0);
	else
		assert_int_equal(trace_plan_path(&scene->plan, setup->topology, setup->self, path,
						 rounds, &scene->prng, &world_err),
				 0);
	scene->seen = calloc(scene->plan.loops, sizeof(*scene->seen));
	assert_non_null(scene->seen);
	for (uint32_t seq = 0; seq < scene->plan.loops; seq++)
		send(scene, &scene->seen[seq], trace_plan_way(&scene->plan, seq), fault, faults);
	assert_int_equal(trace_result_make(&scene->result, &scene->plan, scene->seen, 0.99, 10000,
					   &world_err),
			 0);
}

static const struct trace_finding *finding(const struct scene *scene, uint32_t id)
{
	for (unsigned i = 0; i < scene->plan.subjects; i++) {
		if (scene->world->setup.topology->node[scene->plan.subject[i]].id == id)
			return &scene->result.finding[i];
	}
	fail_msg("mix %u was not traced", id);
	return NULL;
}

/* These mixes are named, as lossy or late, and no other. */
static void assert_named(const struct scene *scene, const uint32_t *lossy, unsigned lossy_n,
			 const uint32_t *late, unsigned late_n)
{
	unsigned n = 0;

	for (unsigned i = 0; i < lossy_n; i++)
		assert_true(finding(scene, lossy[i])->lossy);
	for (unsigned i = 0; i < late_n; i++)
		assert_true(finding(scene, late[i])->late);
	for (unsigned i = 0; i < scene->plan.subjects; i++)
		n += scene->result.finding[i].lossy + scene->result.finding[i].late;
	assert_int_equal(n, lossy_n + late_n);
	assert_int_equal(scene->result.verdict == TRACE_FAULT, n > 0);
}

static void lossy_hop_is_named(void **state)
{
	(void)state;
	for (unsigned per_layer = 2; per_layer <= 4; per_layer++) {
		struct scene *scene = make_scene(per_layer, (uint8_t)per_layer);

		for (uint32_t id = 11; id <= 31; id += 10) {
			const struct fault fault = {.id = id, .loss = 0.3};

			trace(scene, false, 200, &fault, 1);
			assert_named(scene, &id, 1, NULL, 0);
			assert_true(fabs(finding(scene, id)->loss - 0.3) < 0.15);
			assert_true(finding(scene, id)->loss_most > 0.3);
			trace(scene, true, 200, &fault, 1);
			assert_named(scene, &id, 1, NULL, 0);
		}
		free_scene(scene);
	}
}

static void slow_hop_is_named(void **state)
{
	struct scene *scene = make_scene(3, 10);

	(void)state;
	for (uint32_t id = 11; id <= 31; id += 10) {
		const struct fault always = {.id = id, .more_us = 20000, .often = 1};

		trace(scene, false, 100, &always, 1);
		assert_named(scene, NULL, 0, &id, 1);
		assert_true(fabs(finding(scene, id)->more_us - 20000) < 2000);
		trace(scene, true, 100, &always, 1);
		assert_named(scene, NULL, 0, &id, 1);
	}
	free_scene(scene);
}

/* Where the drawn delays are not taken off, they are noise of 10 times the fault. */
static void what_senders_drew_is_no_lateness(void **state)
{
	const struct fault fault = {.id = 21, .more_us = 30000, .often = 1};
	struct scene *scene = make_scene(2, 11);

	(void)state;
	trace(scene, false, 50, &fault, 1);
	assert_true(finding(scene, 21)->late);
	for (uint32_t seq = 0; seq < scene->plan.loops; seq++)
		scene->seen[seq].drawn_us = 0;
	trace_result_free(&scene->result);
	assert_int_equal(trace_result_make(&scene->result, &scene->plan, scene->seen, 0.99, 10000,
					   &world_err),
			 0);
	assert_false(finding(scene, 21)->late);
	free_scene(scene);
}

/* However sure: what is shorter than --late-ms is no fault. */
static void small_delays_are_not_named(void **state)
{
	const struct fault fault = {.id = 21, .more_us = 5000, .often = 1};
	struct scene *scene = make_scene(2, 12);

	(void)state;
	trace(scene, false, 400, &fault, 1);
	assert_named(scene, NULL, 0, NULL, 0);
	assert_true(finding(scene, 21)->p_late < 1e-6);
	free_scene(scene);
}

static void two_bad_hops_are_named(void **state)
{
	static const struct fault faults[] = {{.id = 11, .loss = 0.3}, {.id = 31, .loss = 0.4}};
	static const struct fault mixed[] = {{.id = 21, .loss = 0.3},
					     {.id = 31, .more_us = 40000, .often = 1}};
	static const struct fault layer[] = {{.id = 21, .loss = 0.5}, {.id = 22, .loss = 0.5}};
	static const uint32_t both[] = {11, 31}, two[] = {21, 22}, lossy = 21, late = 31;
	struct scene *scene = make_scene(3, 13);

	(void)state;
	for (unsigned all = 0; all < 2; all++) {
		trace(scene, all, 400, faults, 2);
		assert_named(scene, both, 2, NULL, 0);
		trace(scene, all, 400, mixed, 2);
		assert_named(scene, &lossy, 1, &late, 1);
	}
	/* of one layer: they are worse than the third */
	trace(scene, true, 300, layer, 2);
	assert_named(scene, two, 2, NULL, 0);
	free_scene(scene);
}

/* With 99 % confidence at most one trace in a hundred names anybody. */
static void faults_elsewhere_are_nobodys_fault_here(void **state)
{
	/* not on the path: half of what passes the third layer is lost, or late */
	static const struct fault faults[] = {{.id = 32, .loss = 0.8},
					      {.id = 33, .more_us = 90000, .often = 0.5}};
	struct scene *scene = make_scene(3, 14);
	unsigned named = 0;

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		trace(scene, false, 60, faults, 2);
		named += scene->result.named > 0;
	}
	assert_in_range(named, 0, 6);
	free_scene(scene);
}

static void no_fault_is_no_finding(void **state)
{
	/* every hop loses a little: equally bad is no worse than its fellows */
	static const struct fault all[] = {{.id = 11, .loss = 0.05}, {.id = 12, .loss = 0.05},
					   {.id = 21, .loss = 0.05}, {.id = 22, .loss = 0.05},
					   {.id = 31, .loss = 0.05}, {.id = 32, .loss = 0.05}};
	struct scene *scene = make_scene(2, 15);
	unsigned named = 0;

	(void)state;
	trace(scene, false, 200, NULL, 0);
	assert_named(scene, NULL, 0, NULL, 0);
	assert_int_equal(scene->result.verdict, TRACE_NO_FAULT);
	assert_true(finding(scene, 21)->loss_most < 0.1);
	for (unsigned i = 0; i < 200; i++) {
		trace(scene, i % 2, 60, all, LM_COUNT(all));
		named += scene->result.named > 0;
	}
	assert_in_range(named, 0, 6);
	assert_int_equal(scene->result.verdict, named ? scene->result.verdict : TRACE_UNCLEAR);
	free_scene(scene);
}

static void what_nothing_passes_hides_what_is_behind(void **state)
{
	const struct fault dead = {.id = 11, .loss = 1};
	const uint32_t id = 11;
	struct scene *scene = make_scene(3, 16);

	(void)state;
	trace(scene, false, 100, &dead, 1);
	assert_named(scene, &id, 1, NULL, 0);
	assert_true(finding(scene, 11)->loss == 1);
	assert_int_equal(finding(scene, 21)->state, TRACE_TOO_FEW);
	assert_int_equal(finding(scene, 31)->state, TRACE_TOO_FEW);
	/* of all mixes the others are reached through the fellows of the dead one */
	trace(scene, true, 100, &dead, 1);
	assert_named(scene, &id, 1, NULL, 0);
	for (unsigned i = 0; i < scene->plan.subjects; i++)
		assert_int_equal(scene->result.finding[i].state, TRACE_JUDGED);
	free_scene(scene);
}

static void dead_network_names_nobody(void **state)
{
	static const struct fault dead[] = {{.id = 21, .loss = 1},
					    {.id = 22, .loss = 1},
					    {.id = 23, .loss = 1}};
	struct scene *scene = make_scene(3, 17);

	(void)state;
	for (unsigned all = 0; all < 2; all++) {
		trace(scene, all, 50, dead, 3);
		assert_named(scene, NULL, 0, NULL, 0);
		assert_int_equal(scene->result.verdict, TRACE_DEAD);
		for (unsigned i = 0; i < scene->plan.subjects; i++)
			assert_int_equal(scene->result.finding[i].state, TRACE_TOO_FEW);
	}
	free_scene(scene);
}

static void only_mix_of_a_layer_cannot_be_told_apart(void **state)
{
	const struct fault fault = {.id = 21, .loss = 0.5};
	struct scene *scene = make_scene(1, 18);

	(void)state;
	for (unsigned all = 0; all < 2; all++) {
		trace(scene, all, 50, &fault, 1);
		assert_named(scene, NULL, 0, NULL, 0);
		assert_int_equal(scene->result.verdict, TRACE_UNCLEAR);
		for (unsigned i = 0; i < scene->plan.subjects; i++)
			assert_int_equal(scene->result.finding[i].state, TRACE_ALONE);
	}
	free_scene(scene);
}

static void too_few_loops_are_said_to_be_too_few(void **state)
{
	const struct fault fault = {.id = 21, .loss = 1};
	struct scene *scene = make_scene(2, 19);

	(void)state;
	trace(scene, false, 8, &fault, 1);
	assert_int_equal(finding(scene, 21)->state, TRACE_TOO_FEW);
	assert_named(scene, NULL, 0, NULL, 0);
	free_scene(scene);
}

/* A trace that was stopped judges the rounds that were sent. */
static void rounds_that_were_not_sent_do_not_count(void **state)
{
	struct scene *scene = make_scene(2, 20);

	(void)state;
	trace(scene, false, 100, NULL, 0);
	for (uint32_t seq = 50 * (LAYERS + 1) + 2; seq < scene->plan.loops; seq++)
		scene->seen[seq] = (struct trace_seen){0};
	trace_result_free(&scene->result);
	assert_int_equal(trace_result_make(&scene->result, &scene->plan, scene->seen, 0.99, 10000,
					   &world_err),
			 0);
	assert_int_equal(scene->result.verdict, TRACE_NO_FAULT);
	assert_int_equal(scene->result.all.sent, 50 * (LAYERS + 1) + 2);
	assert_int_equal(scene->result.all.lost, 0);
	free_scene(scene);
}

static void pairs_differ_in_their_subject_alone(void **state)
{
	(void)state;
	for (unsigned all = 0; all < 2; all++) {
		struct scene *scene = make_scene(4, 21);
		uint32_t here, other, none = 0;

		trace(scene, all, 100, NULL, 0);
		for (unsigned i = 0; i < scene->plan.subjects; i++) {
			uint32_t place = scene->plan.subject[i];
			unsigned layer = scene->world->setup.topology->node[place].layer;

			for (uint32_t round = 0; round < 100; round++) {
				if (!trace_plan_pair(&here, &other, &scene->plan, i, round)) {
					none++;
					continue;
				}

				const uint32_t *a = trace_plan_way(&scene->plan, here);
				const uint32_t *b = trace_plan_way(&scene->plan, other);

				for (unsigned hop = 0; hop < LAYERS; hop++)
					assert_int_equal(a[hop] == b[hop], hop + 1 != layer);
				assert_int_equal(a[layer - 1], place);
			}
		}
		/* of a path: where the way behind the prefix has the path's own mix, 1 of 4 */
		assert_in_range(none, all ? 0 : 45, all ? 0 : 105);
		free_scene(scene);
	}
}

static const uint32_t *way_of(const void *plan, uint32_t seq)
{
	return trace_plan_way(plan, seq);
}

/* The way of a packet is the one that was asked for, and its delays are known. */
static void packets_take_the_way_that_was_planned(void **state)
{
	struct scene *scene = make_scene(3, 22);
	struct world *world = scene->world;
	const struct lm_topology_node *first[LM_BURST];
	uint64_t delay_us = 0;
	uint32_t peeled = 0;

	(void)state;
	trace(scene, false, 16, NULL, 0);
	world->builder->run.count = 64;
	world->builder->way = way_of;
	world->builder->way_context = &scene->plan;
	assert_int_equal(gen_build_burst(world->builder, world->packet, first, 0, 64, &world_err),
			 0);
	for (uint32_t seq = 0; seq < 64; seq++) {
		const uint32_t *way = trace_plan_way(&scene->plan, seq);

		assert_ptr_equal(first[seq], &world->setup.topology->node[way[0]]);
		cross(world, world->packet[seq], first[seq]->id);
		delay_us += gen_packet_delay_us(world->builder, seq);
		peeled++;
	}
	receive(world, world->packet, 64);
	assert_true(tally_complete(&world->tally));
	assert_int_equal(delay_us, world->delays_us[0] + world->delays_us[1] + world->delays_us[2]);
	assert_int_equal(peeled, world->peeled[2]);
	free_scene(scene);
}

/* From R: pbinom, binom.test, wilcox.test(exact = FALSE). */
static void tests_agree_with_known_values(void **state)
{
	double value[] = {1.1, -0.3, 2.4, 0.8, 1.9, -0.7, 3.3, 0.2, 1.4, 2.2, 0.9, -0.1};
	double tied[] = {1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, 0, 0};

	(void)state;
	assert_true(fabs(trace_binomial_tail(10, 8, 0.5) - 56.0 / 1024) < 1e-12);
	assert_true(fabs(trace_binomial_tail(5, 5, 0.1) - 1e-5) < 1e-15);
	assert_true(trace_binomial_tail(5, 0, 0.1) == 1);
	assert_true(fabs(trace_binomial_tail(0, 0, 0.5) - 1) < 1e-15);
	assert_true(fabs(trace_binomial_tail(1000, 600, 0.5) / 1.364232e-10 - 1) < 1e-4);
	/* V = 70: z = (70 - 39 - 0.5) / sqrt(162.5) */
	assert_true(fabs(trace_signed_rank(value, 12) - 0.0083644) < 1e-6);
	/* V = 8 * 6.5: z = (52 - 39 - 0.5) / sqrt(162.5 - (12^3 - 12) / 48) */
	assert_true(fabs(trace_signed_rank(tied, 14) - 0.1334373) < 1e-6);
	assert_true(trace_signed_rank(value, 9) == 1);
}

static void report_says_who_and_how_sure(void **state)
{
	const struct fault fault = {.id = 21, .loss = 0.5};
	struct scene *scene = make_scene(2, 23);
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	(void)state;
	assert_non_null(to);
	trace(scene, false, 100, &fault, 1);
	assert_true(trace_report_text(to, &scene->result));
	fclose(to);
	assert_non_null(strstr(text, "mix 21 loses packets"));
	assert_non_null(strstr(text, "99 %"));
	assert_null(strstr(text, "mix 11 "));
	free(text);
	free_scene(scene);
}

static void expected_delay_follows_the_strategy(void **state)
{
	struct lm_topology topology = {.layers = 3};

	(void)state;
	topology.mix = (struct lm_mix_params){.strategy = LM_MIX_BATCH, .interval_us = 1000};
	assert_true(trace_expected_us(&topology) == 3000);
	topology.mix = (struct lm_mix_params){.strategy = LM_MIX_POISSON, .mean_delay_us = 700};
	assert_true(trace_expected_us(&topology) == 2100);
	topology.mix = (struct lm_mix_params){.strategy = LM_MIX_POOL,
					      .interval_us = 1000,
					      .flush_ppm = 500000,
					      .stay_ppm = 500000};
	assert_true(trace_expected_us(&topology) == 3 * 3500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lossy_hop_is_named),
		cmocka_unit_test(slow_hop_is_named),
		cmocka_unit_test(what_senders_drew_is_no_lateness),
		cmocka_unit_test(small_delays_are_not_named),
		cmocka_unit_test(two_bad_hops_are_named),
		cmocka_unit_test(faults_elsewhere_are_nobodys_fault_here),
		cmocka_unit_test(no_fault_is_no_finding),
		cmocka_unit_test(what_nothing_passes_hides_what_is_behind),
		cmocka_unit_test(dead_network_names_nobody),
		cmocka_unit_test(only_mix_of_a_layer_cannot_be_told_apart),
		cmocka_unit_test(too_few_loops_are_said_to_be_too_few),
		cmocka_unit_test(rounds_that_were_not_sent_do_not_count),
		cmocka_unit_test(pairs_differ_in_their_subject_alone),
		cmocka_unit_test(packets_take_the_way_that_was_planned),
		cmocka_unit_test(tests_agree_with_known_values),
		cmocka_unit_test(report_says_who_and_how_sure),
		cmocka_unit_test(expected_delay_follows_the_strategy),
	};

	if (lm_base_init(&world_err) != 0)
		return 1;
	return RUN_TESTS(tests);
}
