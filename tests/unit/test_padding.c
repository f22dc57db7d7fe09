/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Padding as an observer of a link sees it: mixer_step on a virtual clock, with traffic and
 * without, on rings and no port. Classifiers on what one link carries in windows of 10 ms must not
 * tell the one from the other; without padding the same ones must.
 *
 * The times of the steps are drawn, and do not depend on what the mixer moves. What a step's own
 * duration gives away in real time is not seen here; that needs captures of a running relay.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mixer.h"
#include "testing.h"

#define GATEWAYS    8
#define WORKERS     3
#define RING        1024
#define INTERVAL_US 1000
#define WINDOW_US   10000
#define WINDOWS     4000
#define WARM_US     200000
#define STEP_MAX_US 29
#define MEAN_US     5000 /* in the mix */
#define WATCHED     3    /* the link that the observer sees */
#define LIMIT       0.02 /* 3 standard deviations of the AUC of 4000 windows against 4000 */

/* What the observer counts in a window; the features of the classifiers. */
enum feature { FRAMES, GAP_VARIANCE, LONGEST_GAP, WORKER, FEATURES };

static const char *const feature_name[] = {"frames", "variance of gaps", "longest gap",
					   "share of worker 0"};

struct observed {
	double value[FEATURES][WINDOWS];
	uint64_t packets, frames, longest_wait_us;
};

struct stage {
	struct lm_topology topology;
	struct lm_topology_node node[GATEWAYS + 1];
	uint32_t gateways[GATEWAYS];
	struct links links;
	struct shared shared;
	struct cover cover;
	struct worker worker[WORKERS];
	struct worker *workers[WORKERS];
	struct mixer mixer;
	struct lm_prng traffic, clock;
	uint64_t next_us[GATEWAYS + 1]; /* of each link's next packet */
	uint64_t offered, given;
};

static void *aligned(size_t n)
{
	void *memory = aligned_alloc(LM_CACHE_LINE, (n + 63) / 64 * 64);

	assert_non_null(memory);
	return memset(memory, 0, (n + 63) / 64 * 64);
}

static void start_prng(struct lm_prng *prng, uint8_t seed, uint8_t what)
{
	uint8_t key[32] = {seed, what};

	lm_prng_init(prng, key);
}

static struct rte_ring *make_ring(size_t element)
{
	struct rte_ring *ring = aligned((size_t)rte_ring_get_memsize_elem((unsigned)element, RING));

	assert_int_equal(rte_ring_init(ring, "test", RING, RING_F_SP_ENQ | RING_F_SC_DEQ), 0);
	return ring;
}

static void make_view(struct stage *stage)
{
	static const uint8_t mac[6] = {2};
	struct lm_topology_node *self = &stage->node[GATEWAYS];
	struct frame_self frame_self;

	*self = (struct lm_topology_node){.id = 5000,
					  .layer = 1,
					  .addresses = 1,
					  .address = {{.ip = {10, 0, 0, 1}}}};
	for (unsigned i = 0; i < GATEWAYS; i++) {
		stage->gateways[i] = i;
		stage->node[i] =
			(struct lm_topology_node){.id = 1 + i,
						  .role = LM_TOPOLOGY_GATEWAY,
						  .addresses = 1,
						  .address = {{.ip = {10, 0, 1, (uint8_t)i}}}};
	}
	stage->topology.layers = 1;
	stage->topology.nodes = GATEWAYS + 1;
	stage->topology.node = stage->node;
	stage->topology.layer_nodes[0] = GATEWAYS;
	stage->topology.layer_node[0] = stage->gateways;
	view_self_init(&frame_self, self, mac, 0);
	stage->shared.view = view_make(&stage->topology, self, &frame_self, NULL, &stage->links,
				       view_resolve_static, NULL);
	assert_non_null(stage->shared.view);
	assert_int_equal(stage->shared.view->links, GATEWAYS);
}

static void make_pacer(struct stage *stage, uint8_t seed)
{
	struct lm_pacer_params params = {INTERVAL_US, LINKS_MAX, 1 << 16, 1 << 14};
	uint8_t key[32] = {seed, 1};

	stage->mixer.pacer = lm_pacer_init(aligned(lm_pacer_size(&params)), &params, key);
}

static struct stage *make_stage(bool padding, uint8_t seed)
{
	static const struct lm_mix_params params = {.strategy = LM_MIX_POISSON,
						    .mean_delay_us = MEAN_US};
	struct stage *stage = aligned(sizeof(*stage));
	struct mixer *mixer = &stage->mixer;
	uint8_t key[32] = {seed, 2};

	make_view(stage);
	for (unsigned i = 0; i < WORKERS; i++) {
		stage->worker[i].to_mixer = make_ring(sizeof(struct lm_mix_item));
		stage->worker[i].from_mixer = make_ring(sizeof(struct lm_mix_item));
		stage->workers[i] = &stage->worker[i];
	}
	for (unsigned kind = 0; kind < COVER_KINDS; kind++)
		stage->cover.schedule[kind].next_us = UINT64_MAX;
	*mixer = (struct mixer){.shared = &stage->shared,
				.worker = stage->workers,
				.workers = WORKERS,
				.senders = WORKERS,
				.to_sink = make_ring(sizeof(void *)),
				.cover = &stage->cover};
	mixer->mix = lm_mix_init(aligned(lm_mix_size(1 << 16)), 1 << 16, &params, key, 0);
	start_prng(&mixer->prng, seed, 3);
	start_prng(&stage->traffic, seed, 4);
	start_prng(&stage->clock, seed, 5);
	if (padding)
		make_pacer(stage, seed);
	return stage;
}

static void free_stage(struct stage *stage)
{
	for (unsigned i = 0; i < WORKERS; i++) {
		free(stage->worker[i].to_mixer);
		free(stage->worker[i].from_mixer);
	}
	free(stage->mixer.to_sink);
	free(stage->mixer.mix);
	free(stage->mixer.pacer);
	free((void *)(uintptr_t)stage->shared.view);
	free(stage);
}

/* Packets that have come by now_us, Poisson arrivals at `load` of each link's slots. */
static void offer(struct stage *stage, double load, uint64_t now_us)
{
	uint32_t gap_us = load > 0 ? (uint32_t)(INTERVAL_US / load) : 0;

	for (uint16_t link = 1; load > 0 && link <= GATEWAYS; link++) {
		for (; stage->next_us[link] <= now_us;
		     stage->next_us[link] += lm_prng_exponential_us(&stage->traffic, gap_us)) {
			struct lm_mix_item item = {
				.packet = (void *)(uintptr_t)(1 + stage->next_us[link]),
				.delay_us =
					(uint32_t)lm_prng_exponential_us(&stage->traffic, MEAN_US),
				.from = 1,
				.to = link};
			unsigned worker = lm_prng_below(&stage->traffic, WORKERS);

			assert_int_equal(rte_ring_sp_enqueue_elem(stage->worker[worker].to_mixer,
								  &item, sizeof(item)),
					 0);
			stage->offered++;
		}
	}
}

/* ---- What the observer makes of a window ---- */

struct window {
	unsigned frames, of_worker;
	uint64_t last_us, longest_us;
	double sum, squares;
};

static void see_frame(struct window *window, unsigned worker, uint64_t now_us)
{
	if (window->frames++ > 0) {
		uint64_t gap_us = now_us - window->last_us;

		window->sum += (double)gap_us;
		window->squares += (double)gap_us * (double)gap_us;
		window->longest_us = gap_us > window->longest_us ? gap_us : window->longest_us;
	}
	window->of_worker += worker == 0;
	window->last_us = now_us;
}

static void end_window(struct observed *observed, struct window *window, unsigned at)
{
	double gaps = window->frames > 1 ? window->frames - 1 : 1;
	double mean = window->sum / gaps;

	observed->value[FRAMES][at] = window->frames;
	observed->value[GAP_VARIANCE][at] = window->squares / gaps - mean * mean;
	observed->value[LONGEST_GAP][at] = (double)window->longest_us;
	observed->value[WORKER][at] =
		window->frames > 0 ? (double)window->of_worker / window->frames : 0;
	*window = (struct window){0};
}

static void take_sent(struct stage *stage, struct observed *observed, struct window *window,
		      uint64_t now_us)
{
	struct lm_mix_item item;

	for (unsigned i = 0; i < WORKERS; i++) {
		struct worker *worker = &stage->worker[i];

		while (rte_ring_dequeue_elem(worker->from_mixer, &item, sizeof(item)) == 0) {
			worker->dummies_taken += item.packet == NULL;
			stage->given += item.packet != NULL;
			if (item.to != WATCHED)
				continue;
			observed->packets += item.packet != NULL;
			observed->frames++;
			see_frame(window, i, now_us);
		}
	}
}

static struct observed *observe(bool padding, double load, uint8_t seed)
{
	struct observed *observed = aligned(sizeof(*observed));
	struct stage *stage = make_stage(padding, seed);
	struct window window = {0};
	uint64_t end_us = WARM_US, now_us = 0, held = 0;

	for (unsigned at = 0; at <= WINDOWS; at++, end_us += WINDOW_US) {
		for (; now_us < end_us; now_us += 1 + lm_prng_below(&stage->clock, STEP_MAX_US)) {
			offer(stage, load, now_us);
			mixer_step(&stage->mixer, now_us);
			take_sent(stage, observed, &window, now_us);
		}
		if (at == 0)
			window = (struct window){0};
		else
			end_window(observed, &window, at - 1);
	}
	for (unsigned i = 0; i < WORKERS; i++)
		held += worker_held(&stage->worker[i]);
	assert_int_equal(stage->offered, stage->given + stage->mixer.held + held);
	free_stage(stage);
	return observed;
}

/* ---- The area under the curve of a classifier that sorts by one feature ---- */

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

/* The chance that a window of `with` has the larger value than one of `without`; ties half. */
static double auc(double *with, double *without)
{
	double wins = 0;
	unsigned below = 0, upto = 0;

	qsort(with, WINDOWS, sizeof(*with), compare);
	qsort(without, WINDOWS, sizeof(*without), compare);
	for (unsigned i = 0; i < WINDOWS; i++) {
		while (below < WINDOWS && without[below] < with[i])
			below++;
		while (upto < WINDOWS && without[upto] <= with[i])
			upto++;
		wins += below + (upto - below) / 2.0;
	}
	return wins / WINDOWS / WINDOWS;
}

static void padding_hides_whether_a_link_carries_traffic(void **state)
{
	static const double load[] = {0, 0.01, 0.1, 0.5, 0.8, 0.95};

	(void)state;
	for (unsigned i = 0; i < LM_COUNT(load); i++) {
		struct observed *with = observe(true, load[i], (uint8_t)(2 * i + 1));
		struct observed *without = observe(true, 0, (uint8_t)(2 * i + 2));

		assert_int_equal(without->packets, 0);
		assert_true(fabs((double)with->packets / (double)with->frames - load[i]) < 0.02);
		for (unsigned f = 0; f < FEATURES; f++) {
			double area = auc(with->value[f], without->value[f]);

			print_message("# load %.2f, %s: AUC %.4f\n", load[i], feature_name[f],
				      area);
			assert_true(fabs(area - 0.5) <= LIMIT);
		}
		free(with);
		free(without);
	}
}

static void the_same_classifiers_see_traffic_without_padding(void **state)
{
	struct observed *with = observe(false, 0.5, 1), *more = observe(false, 0.95, 2);
	struct observed *without = observe(false, 0, 3);
	double area;

	(void)state;
	for (unsigned f = 0; f < FEATURES; f++) {
		area = auc(with->value[f], without->value[f]);
		print_message("# no padding, %s: AUC %.4f\n", feature_name[f], area);
		assert_true(area > (f == FRAMES ? 0.99 : 0.9));
	}
	area = auc(more->value[FRAMES], with->value[FRAMES]);
	print_message("# no padding, load 0.95 against 0.50: AUC %.4f\n", area);
	/* Poisson counts of mean 9.5 and 5: the normal law at 4.5 / sqrt(14.5) is 0.88 */
	assert_true(fabs(area - 0.88) < 0.02);
	free(with);
	free(more);
	free(without);
}

/* Frames of each link in ten of its intervals. */
static void count_frames(unsigned frames[GATEWAYS + 1], struct stage *stage, uint64_t *now_us)
{
	uint64_t end_us = *now_us + 10 * INTERVAL_US;
	struct lm_mix_item item;

	memset(frames, 0, (GATEWAYS + 1) * sizeof(*frames));
	for (; *now_us < end_us; *now_us += INTERVAL_US / 4) {
		mixer_step(&stage->mixer, *now_us);
		for (unsigned i = 0; i < WORKERS; i++) {
			struct worker *worker = &stage->worker[i];

			while (rte_ring_dequeue_elem(worker->from_mixer, &item, sizeof(item)) ==
			       0) {
				worker->dummies_taken += item.packet == NULL;
				frames[item.to]++;
			}
		}
	}
}

/* A view that was freed leaves its place to the next one, of which the mixer hears all the same. */
static void links_that_leave_have_no_slots_wherever_their_view_lies(void **state)
{
	struct stage *stage = make_stage(true, 9);
	struct view *view = (struct view *)(uintptr_t)stage->shared.view, *next;
	unsigned frames[GATEWAYS + 1];
	uint64_t now_us = 0;

	(void)state;
	count_frames(frames, stage, &now_us);
	for (unsigned link = 1; link <= GATEWAYS; link++)
		assert_in_range(frames[link], 9, 11);
	stage->topology.layer_nodes[0] = GATEWAYS - 1;
	next = view_make(&stage->topology, &stage->node[GATEWAYS], &view->self, NULL, &stage->links,
			 view_resolve_static, NULL);
	assert_non_null(next);
	assert_false(view_same(view, next));
	assert_true(view_bytes(next) <= view_bytes(view));
	memcpy(view, next, view_bytes(next));
	assert_true(view_same(view, next));
	free(next);
	count_frames(frames, stage, &now_us);
	for (unsigned link = 1; link < GATEWAYS; link++)
		assert_in_range(frames[link], 9, 11);
	assert_int_equal(frames[GATEWAYS], 0);
	free_stage(stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(padding_hides_whether_a_link_carries_traffic),
		cmocka_unit_test(the_same_classifiers_see_traffic_without_padding),
		cmocka_unit_test(links_that_leave_have_no_slots_wherever_their_view_lies),
	};

	return RUN_TESTS(tests);
}
