/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The mixer's padding when the world changes: links that go and come, a relay that drains or hands
 * over, more traffic than the slots carry, a mixer or workers that are late. On a virtual clock,
 * with packets that tell whether the mixer has freed them.
 */
#include <stdlib.h>

#include "mixer_testing.h"
#include "testing.h"

#define INTERVAL_US 10000
#define STEP_US     100
#define MEAN_US     20000
#define WAITING     256
#define OF_A_LINK   32
#define PACKETS     4096
#define ALL         ((1 << GATEWAYS) - 1)

struct scene {
	struct stage *stage;
	uint64_t now_us;
	struct rte_mbuf *packet; /* PACKETS; one with refcnt 1 has been freed */
	unsigned offered;
	/* what was given, by links */
	unsigned packets[GATEWAYS + 1], dummies[GATEWAYS + 1];
	uint64_t last_us[GATEWAYS + 1]; /* time of the last slot */
};

static struct scene *begin(void)
{
	static const struct stage_params params = {.interval_us = INTERVAL_US,
						   .mean_us = MEAN_US,
						   .held = 1024,
						   .waiting = WAITING,
						   .link = OF_A_LINK,
						   .ring = 128};
	struct scene *scene = stage_memory(sizeof(*scene));

	scene->stage = stage_make(&params, 7);
	scene->packet = stage_memory(PACKETS * sizeof(*scene->packet));
	return scene;
}

static uint64_t dropped(const struct scene *scene)
{
	return counters_dropped(&scene->stage->mixer.count);
}

static uint64_t drops(const struct scene *scene, enum lm_drop why)
{
	return scene->stage->mixer.count.drop[why];
}

static unsigned given(const struct scene *scene)
{
	unsigned n = 0;

	for (unsigned link = 1; link <= GATEWAYS; link++)
		n += scene->packets[link];
	return n;
}

static uint64_t held(const struct scene *scene)
{
	uint64_t n = scene->stage->mixer.held;

	for (unsigned i = 0; i < WORKERS; i++)
		n += worker_held(&scene->stage->worker[i]);
	return n;
}

/* Every packet is given, held or freed once. */
static void check_books(const struct scene *scene)
{
	unsigned freed = 0;

	for (unsigned i = 0; i < scene->offered; i++)
		freed += rte_mbuf_refcnt_read(&scene->packet[i]) == 1;
	assert_int_equal(freed, dropped(scene));
	assert_int_equal(scene->offered, given(scene) + held(scene) + dropped(scene));
}

static void end(struct scene *scene)
{
	check_books(scene);
	stage_free(scene->stage);
	free(scene->packet);
	free(scene);
}

static void offer(struct scene *scene, uint16_t link, uint32_t delay_us)
{
	struct rte_mbuf *packet = &scene->packet[scene->offered++];
	struct lm_mix_item item = {.packet = packet, .delay_us = delay_us, .from = 1, .to = link};
	struct worker *worker = &scene->stage->worker[scene->offered % WORKERS];

	assert_true(scene->offered <= PACKETS);
	packet->nb_segs = 1;
	rte_mbuf_refcnt_set(packet, 2); /* so that freeing it touches no pool */
	assert_int_equal(rte_ring_sp_enqueue_elem(worker->to_mixer, &item, sizeof(item)), 0);
}

static void take(struct scene *scene)
{
	struct lm_mix_item item;

	for (unsigned i = 0; i < WORKERS; i++) {
		struct worker *worker = &scene->stage->worker[i];

		while (rte_ring_dequeue_elem(worker->from_mixer, &item, sizeof(item)) == 0) {
			worker->dummies_taken += !item.packet;
			scene->packets[item.to] += item.packet != NULL;
			scene->dummies[item.to] += !item.packet;
			scene->last_us[item.to] = scene->now_us;
		}
	}
}

static void step(struct scene *scene)
{
	scene->now_us += STEP_US;
	mixer_step(&scene->stage->mixer, scene->now_us);
}

static void run(struct scene *scene, uint64_t us)
{
	for (uint64_t end_us = scene->now_us + us; scene->now_us < end_us;) {
		step(scene);
		take(scene);
	}
}

static void forget_given(struct scene *scene)
{
	for (unsigned link = 0; link <= GATEWAYS; link++)
		scene->dummies[link] = 0;
}

static unsigned frames(const struct scene *scene, unsigned link)
{
	return scene->packets[link] + scene->dummies[link];
}

static void set_view(struct scene *scene, unsigned mask)
{
	const struct view *old = stage_view(scene->stage, mask);

	step(scene);
	free((void *)(uintptr_t)old);
	take(scene);
}

/* ---- Views ---- */

static void a_link_that_goes_ends_and_what_waits_for_it_is_lost_by_name(void **state)
{
	struct scene *scene = begin();
	unsigned frames_before;

	(void)state;
	run(scene, INTERVAL_US);
	for (unsigned i = 0; i < 10; i++)
		offer(scene, 3, 0);
	for (unsigned i = 0; i < 5; i++)
		offer(scene, 3, 200000); /* still in the mix when the link goes */
	for (unsigned i = 0; i < 10; i++)
		offer(scene, 4, 0);
	step(scene);
	take(scene);
	assert_int_equal(lm_pacer_held(scene->stage->mixer.pacer) + given(scene), 20);
	set_view(scene, ALL & ~(1 << 2));
	assert_int_equal(drops(scene, LM_DROP_NEXT_UNKNOWN), 10 - scene->packets[3]);
	check_books(scene);
	frames_before = frames(scene, 3);
	run(scene, 30 * INTERVAL_US);
	assert_int_equal(frames(scene, 3), frames_before);
	assert_int_equal(drops(scene, LM_DROP_NEXT_UNKNOWN), 15 - scene->packets[3]);
	assert_int_equal(scene->packets[4], 10);
	assert_int_equal(held(scene), 0);
	assert_int_equal(dropped(scene), drops(scene, LM_DROP_NEXT_UNKNOWN));
	end(scene);
}

static void a_link_that_comes_carries_a_frame_in_each_interval(void **state)
{
	struct scene *scene = begin();

	(void)state;
	set_view(scene, ALL & ~(1 << 2));
	run(scene, 5 * INTERVAL_US);
	assert_int_equal(frames(scene, 3), 0);
	set_view(scene, ALL);
	offer(scene, 3, 0);
	run(scene, INTERVAL_US - STEP_US);
	assert_int_equal(frames(scene, 3), 1);
	run(scene, 9 * INTERVAL_US);
	assert_int_equal(frames(scene, 3), 10);
	assert_int_equal(scene->packets[3], 1);
	end(scene);
}

/* Neighbours that are resolved, move or go: the slots of the others are where they were. */
static void new_views_move_no_slot_of_links_that_stay(void **state)
{
	struct scene *still = begin(), *moving = begin();

	(void)state;
	run(still, STEP_US);
	run(moving, STEP_US);
	for (unsigned i = 0; i < 500; i++) {
		set_view(moving, i % 3 == 0 ? ALL & ~(1 << (i % 4)) : ALL); /* of links 1 to 4 */
		run(still, STEP_US);
		run(moving, i % 7 * STEP_US);
		run(still, i % 7 * STEP_US);
		for (unsigned link = 5; link <= GATEWAYS; link++) {
			assert_int_equal(frames(still, link), frames(moving, link));
			assert_int_equal(still->last_us[link], moving->last_us[link]);
		}
	}
	assert_true(frames(still, GATEWAYS) > 15);
	end(still);
	end(moving);
}

/* ---- Stops ---- */

static void draining_loses_nothing_and_keeps_the_rate(void **state)
{
	struct scene *scene = begin();
	unsigned before;

	(void)state;
	run(scene, INTERVAL_US);
	/* more than a link may have, and than there are places at all */
	for (unsigned i = 0; i < 2 * WAITING; i++) {
		offer(scene, i % 2 == 0 ? 1 : 2, 1000000);
		if (i % LM_BURST == 0)
			step(scene);
	}
	run(scene, INTERVAL_US);
	forget_given(scene);
	scene->stage->shared.phase = PHASE_DRAIN;
	before = given(scene);
	run(scene, 100 * INTERVAL_US);
	assert_int_equal(before, 0);
	for (unsigned link = 1; link <= GATEWAYS; link++)
		assert_int_equal(frames(scene, link), 100);
	assert_int_equal(scene->packets[1], 100);
	run(scene, 200 * INTERVAL_US);
	assert_int_equal(scene->packets[1], WAITING);
	assert_int_equal(scene->packets[2], WAITING);
	assert_int_equal(dropped(scene), 0);
	assert_int_equal(held(scene), 0);
	end(scene);
}

/* What a hand-over takes: first what waits for slots, which is due; then the rest with its delay.
 */
static void a_mixer_that_keeps_gives_all_that_it_holds_to_who_asks(void **state)
{
	struct scene *scene = begin(), *next = begin();
	struct lm_mix_item item[LM_BURST];
	unsigned n, due = 0, later = 0;

	(void)state;
	run(scene, INTERVAL_US);
	for (unsigned i = 0; i < 20; i++)
		offer(scene, (uint16_t)(1 + i % 4), 0);
	for (unsigned i = 0; i < 30; i++)
		offer(scene, 5, 500000);
	step(scene);
	take(scene);
	due = 20 - given(scene);
	scene->stage->shared.phase = PHASE_KEEP;
	forget_given(scene);
	run(scene, 5 * INTERVAL_US);
	for (unsigned link = 1; link <= GATEWAYS; link++) /* not even dummies */
		assert_int_equal(scene->dummies[link], 0);
	assert_int_equal(given(scene), 20 - due);
	assert_int_equal(held(scene), due + 30);
	while ((n = mixer_evict(&scene->stage->mixer, item, 7, scene->now_us)) > 0) {
		for (unsigned i = 0; i < n; i++) {
			if (item[i].to < 5) {
				assert_int_equal(item[i].delay_us, 0);
				assert_int_equal(later, 0);
			} else {
				assert_in_range(item[i].delay_us, 1, 500000 - 5 * INTERVAL_US);
				later++;
			}
			offer(next, item[i].to, item[i].delay_us);
		}
		assert_int_equal(held(scene) + next->offered, due + 30);
		step(next);
		take(next);
	}
	assert_int_equal(later, 30);
	assert_int_equal(held(scene), 0);
	run(next, 1000000);
	assert_int_equal(given(next), due + 30);
	assert_int_equal(next->packets[5], 30);
	assert_int_equal(dropped(next), 0);
	scene->offered -= next->offered;
	end(scene);
	end(next);
}

static void a_stop_frees_what_waits(void **state)
{
	struct scene *scene = begin();

	(void)state;
	run(scene, INTERVAL_US);
	for (unsigned i = 0; i < 20; i++)
		offer(scene, 1, i % 2 == 0 ? 0 : 500000);
	step(scene);
	take(scene);
	mixer_stop(&scene->stage->mixer);
	assert_int_equal(drops(scene, LM_DROP_STOPPED), 20 - given(scene));
	assert_int_equal(held(scene), 0);
	end(scene);
}

/* ---- Too much, too late ---- */

static void more_than_the_slots_carry_is_lost_by_name_and_harms_no_other_link(void **state)
{
	struct scene *scene = begin();

	(void)state;
	run(scene, 10 * INTERVAL_US);
	forget_given(scene);
	for (unsigned i = 0; i < 100; i++) {
		for (unsigned k = 0; k < 3; k++)
			offer(scene, 1, 0);
		if (i % 2 == 0)
			offer(scene, 2, 0);
		run(scene, INTERVAL_US);
	}
	for (unsigned link = 1; link <= GATEWAYS; link++)
		assert_int_equal(frames(scene, link), 100);
	/* the queue is full, and the slots carry nothing but packets */
	assert_in_range(scene->packets[1], 99, 100);
	assert_in_range(lm_pacer_held(scene->stage->mixer.pacer), OF_A_LINK - 2, OF_A_LINK + 1);
	assert_int_equal(drops(scene, LM_DROP_LINK_FULL),
			 300 - scene->packets[1] - held(scene) + (50 - scene->packets[2]));
	assert_int_equal(dropped(scene), drops(scene, LM_DROP_LINK_FULL));
	assert_in_range(scene->packets[2], 49, 50);
	run(scene, 40 * INTERVAL_US);
	assert_int_equal(scene->packets[2], 50);
	assert_int_equal(held(scene), 0);
	assert_int_equal(dropped(scene), 300 - scene->packets[1]);
	end(scene);
}

static void a_mixer_that_was_away_makes_up_for_little_and_counts_the_rest(void **state)
{
	struct scene *scene = begin();
	const struct lm_pacer *pacer = scene->stage->mixer.pacer;
	uint64_t all;

	(void)state;
	run(scene, 10 * INTERVAL_US);
	forget_given(scene);
	assert_int_equal(lm_pacer_forgotten(pacer), 0);
	scene->now_us += 100 * INTERVAL_US;
	run(scene, 10 * INTERVAL_US);
	for (unsigned link = 1; link <= GATEWAYS; link++)
		assert_in_range(frames(scene, link), 9, 11 + LM_COVER_CATCH_UP_US / INTERVAL_US);
	all = lm_pacer_forgotten(pacer);
	for (unsigned link = 1; link <= GATEWAYS; link++)
		all += frames(scene, link);
	assert_int_equal(all, 110 * GATEWAYS);
	end(scene);
}

/* Rings that nobody empties: nothing overflows, and when they are emptied all goes on. */
static void workers_that_take_nothing_hold_slots_back(void **state)
{
	struct scene *scene = begin();
	const struct lm_pacer *pacer = scene->stage->mixer.pacer;
	uint64_t in_rings = 0, all;

	(void)state;
	run(scene, INTERVAL_US);
	for (unsigned i = 0; i < 16; i++)
		offer(scene, 1, 0);
	for (unsigned i = 0; i < 200 * INTERVAL_US / STEP_US; i++)
		step(scene);
	for (unsigned i = 0; i < WORKERS; i++)
		in_rings += rte_ring_count(scene->stage->worker[i].from_mixer);
	assert_in_range(in_rings, 127, 3 * 127);
	check_books(scene);
	forget_given(scene);
	for (unsigned link = 1; link <= GATEWAYS; link++)
		scene->packets[link] = 0;
	take(scene);
	run(scene, 100 * INTERVAL_US);
	assert_int_equal(given(scene), 16);
	assert_int_equal(held(scene), 0);
	all = lm_pacer_forgotten(pacer);
	assert_true(all > 0);
	for (unsigned link = 1; link <= GATEWAYS; link++)
		all += frames(scene, link);
	assert_int_equal(all, 300 * GATEWAYS);
	end(scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_link_that_goes_ends_and_what_waits_for_it_is_lost_by_name),
		cmocka_unit_test(a_link_that_comes_carries_a_frame_in_each_interval),
		cmocka_unit_test(new_views_move_no_slot_of_links_that_stay),
		cmocka_unit_test(draining_loses_nothing_and_keeps_the_rate),
		cmocka_unit_test(a_mixer_that_keeps_gives_all_that_it_holds_to_who_asks),
		cmocka_unit_test(a_stop_frees_what_waits),
		cmocka_unit_test(more_than_the_slots_carry_is_lost_by_name_and_harms_no_other_link),
		cmocka_unit_test(a_mixer_that_was_away_makes_up_for_little_and_counts_the_rest),
		cmocka_unit_test(workers_that_take_nothing_hold_slots_back),
	};

	return RUN_TESTS(tests);
}
