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

#include "mixer_testing.h"
#include "testing.h"

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

/* A mixer, what is sent to it, and when it steps. */
struct scene {
	struct stage *stage;
	struct lm_prng traffic, clock;
	uint64_t next_us[GATEWAYS + 1]; /* of each link's next packet */
	uint64_t offered, given;
};

static struct scene *make_scene(bool padding, uint8_t seed)
{
	const struct stage_params params = {.interval_us = padding ? INTERVAL_US : 0,
					    .mean_us = MEAN_US,
					    .held = 1 << 16,
					    .waiting = 1 << 16,
					    .link = 1 << 14,
					    .ring = 1024};
	struct scene *scene = stage_memory(sizeof(*scene));

	scene->stage = stage_make(&params, seed);
	stage_prng(&scene->traffic, seed, 4);
	stage_prng(&scene->clock, seed, 5);
	return scene;
}

static void free_scene(struct scene *scene)
{
	stage_free(scene->stage);
	free(scene);
}

/* Packets that have come by now_us, Poisson arrivals at `load` of each link's slots. */
static void offer(struct scene *scene, double load, uint64_t now_us)
{
	uint32_t gap_us = load > 0 ? (uint32_t)(INTERVAL_US / load) : 0;

	for (uint16_t link = 1; load > 0 && link <= GATEWAYS; link++) {
		for (; scene->next_us[link] <= now_us;
		     scene->next_us[link] += lm_prng_exponential_us(&scene->traffic, gap_us)) {
			struct lm_mix_item item = {
				.packet = (void *)(uintptr_t)(1 + scene->next_us[link]),
				.delay_us =
					(uint32_t)lm_prng_exponential_us(&scene->traffic, MEAN_US),
				.from = 1,
				.to = link};
			unsigned worker = lm_prng_below(&scene->traffic, WORKERS);

			assert_int_equal(
				rte_ring_sp_enqueue_elem(scene->stage->worker[worker].to_mixer,
							 &item, sizeof(item)),
				0);
			scene->offered++;
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

static void take_sent(struct scene *scene, struct observed *observed, struct window *window,
		      uint64_t now_us)
{
	struct lm_mix_item item;

	for (unsigned i = 0; i < WORKERS; i++) {
		struct worker *worker = &scene->stage->worker[i];

		while (rte_ring_dequeue_elem(worker->from_mixer, &item, sizeof(item)) == 0) {
			worker->dummies_taken += item.packet == NULL;
			scene->given += item.packet != NULL;
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
	struct observed *observed = stage_memory(sizeof(*observed));
	struct scene *scene = make_scene(padding, seed);
	struct window window = {0};
	uint64_t end_us = WARM_US, now_us = 0, held = 0;

	for (unsigned at = 0; at <= WINDOWS; at++, end_us += WINDOW_US) {
		for (; now_us < end_us; now_us += 1 + lm_prng_below(&scene->clock, STEP_MAX_US)) {
			offer(scene, load, now_us);
			mixer_step(&scene->stage->mixer, now_us);
			take_sent(scene, observed, &window, now_us);
		}
		if (at == 0)
			window = (struct window){0};
		else
			end_window(observed, &window, at - 1);
	}
	for (unsigned i = 0; i < WORKERS; i++)
		held += worker_held(&scene->stage->worker[i]);
	assert_int_equal(scene->offered, scene->given + scene->stage->mixer.held + held);
	free_scene(scene);
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
	struct scene *scene = make_scene(true, 9);
	struct stage *stage = scene->stage;
	unsigned frames[GATEWAYS + 1];
	const struct view *view, *next;
	uint64_t now_us = 0;

	(void)state;
	count_frames(frames, stage, &now_us);
	for (unsigned link = 1; link <= GATEWAYS; link++)
		assert_in_range(frames[link], 9, 11);
	view = stage_view(stage, (1u << (GATEWAYS - 1)) - 1);
	next = stage->shared.view;
	assert_false(view_same(view, next));
	assert_true(view_bytes(next) <= view_bytes(view));
	memcpy((void *)(uintptr_t)view, next, view_bytes(next));
	assert_true(view_same(view, next));
	stage->shared.view = view;
	free((void *)(uintptr_t)next);
	count_frames(frames, stage, &now_us);
	for (unsigned link = 1; link < GATEWAYS; link++)
		assert_in_range(frames[link], 9, 11);
	assert_int_equal(frames[GATEWAYS], 0);
	free_scene(scene);
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
