/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * app/gen: which document and which kids packets are built with, as time goes on.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "gen_testing.h"
#include "rolling.h"

#define US      UINT64_C(1000000)
#define EPOCH   7    /* gen_testing's first */
#define SECONDS 1200 /* of an epoch */

/* A world, and the documents of the epochs after its own. */
struct years {
	struct world *world;
	struct calendar *calendar;
	uint64_t from_us; /* when the first epoch begins */
};

static struct years make_years(void)
{
	struct years years = {.world = make_world_ahead(1u << GEN_EXIT | 1u << GEN_SURB, 4)};

	years.calendar = years.world->setup.calendar;
	years.from_us = years.world->setup.topology->from_s * US;
	return years;
}

/* The document of a later epoch. */
static struct lm_topology *document(const struct years *years, uint32_t epoch)
{
	struct lm_topology *topology;
	char path[64];

	snprintf(path, sizeof(path), "%s/topology-%u.json", years->world->folder, epoch);
	assert_int_equal(lm_topology_load(&topology, path,
					  &years->world->setup.config.node.authorities, &world_err),
			 0);
	return topology;
}

static void add(const struct years *years, uint32_t epoch)
{
	struct lm_topology *topology = document(years, epoch);

	(void)lm_topology_inherit(topology, calendar_newest(years->calendar)->topology);
	assert_int_equal(calendar_add(years->calendar, topology, NULL, &world_err), 0);
}

static void documents_are_in_force_for_their_epoch_and_one_more(void **state)
{
	struct years years = make_years();
	const struct calendar_document *found;

	(void)state;
	assert_int_equal(calendar_epoch(years.calendar, 0, &found), EPOCH);
	assert_int_equal(calendar_epoch(years.calendar, years.from_us, &found), EPOCH);
	assert_int_equal(calendar_epoch(years.calendar, years.from_us + SECONDS * US - 1, &found),
			 EPOCH);
	assert_int_equal(calendar_epoch(years.calendar, years.from_us + SECONDS * US, &found),
			 EPOCH + 1);
	/* and stays there until a document comes */
	assert_int_equal(calendar_epoch(years.calendar, years.from_us + 9 * SECONDS * US, &found),
			 EPOCH + 1);
	add(&years, EPOCH + 1);
	assert_int_equal(calendar_epoch(years.calendar, years.from_us + SECONDS * US - 1, &found),
			 EPOCH);
	assert_int_equal(found->topology->epoch, EPOCH);
	assert_int_equal(calendar_epoch(years.calendar, years.from_us + SECONDS * US, &found),
			 EPOCH + 1);
	assert_int_equal(found->topology->epoch, EPOCH + 1);
	assert_int_equal(calendar_epoch(years.calendar, years.from_us + 2 * SECONDS * US, &found),
			 EPOCH + 2);
	free_world(years.world);
}

static void packets_wait_for_the_document_of_their_epoch(void **state)
{
	struct years years = make_years();
	uint64_t until_us = years.from_us + SECONDS * US, now_us = until_us - 100 * US;
	const uint64_t due_ns = (100 * US + LM_TOPOLOGY_SKEW_US) * 1000;

	(void)state;
	calendar_restart(years.calendar, now_us, US);
	assert_true(calendar_ready(years.calendar, 0, 0, now_us));
	assert_true(calendar_ready(years.calendar, 1, due_ns - 1000, now_us));
	assert_false(calendar_ready(years.calendar, 2, due_ns, now_us));
	/* not for ever: the old one goes on when the time has come */
	until_us += LM_TOPOLOGY_SKEW_US - CALENDAR_LATEST_US;
	assert_false(calendar_ready(years.calendar, 2, due_ns, until_us - 1));
	assert_true(calendar_ready(years.calendar, 2, due_ns, until_us));
	assert_int_equal(calendar_find(years.calendar, 2)->epoch, EPOCH + 1);
	assert_int_equal(calendar_find(years.calendar, 2)->document->topology->epoch, EPOCH);
	/* for that epoch alone: what is due behind it may still get the document of its own */
	for (unsigned i = 1; i < 4; i++) {
		uint64_t later_ns = due_ns + i * SECONDS * US * 1000;
		uint64_t need_us = until_us + i * SECONDS * US;

		assert_true(
			calendar_ready(years.calendar, 3, later_ns - 1000, need_us - SECONDS * US));
		assert_false(calendar_ready(years.calendar, 3, later_ns, need_us - 1));
	}
	/* and the new one is used as soon as it is there */
	calendar_restart(years.calendar, now_us, US);
	add(&years, EPOCH + 1);
	assert_true(calendar_ready(years.calendar, 0, due_ns, now_us));
	assert_int_equal(calendar_find(years.calendar, 0)->document->topology->epoch, EPOCH + 1);
	free_world(years.world);
}

/* Relays go over to epoch c + 1 though the document of c has not come to us: then b = c in time. */
static void epoch_without_a_document_ends_too(void **state)
{
	struct years years = make_years();
	uint64_t start_us = years.from_us + 2 * SECONDS * US - 10 * US;

	(void)state;
	calendar_restart(years.calendar, start_us, 3 * US);
	for (uint32_t seq = 0; seq <= 10; seq++) /* the last is due at the end */
		assert_true(calendar_ready(years.calendar, seq, seq * US * 1000, start_us));
	for (uint32_t seq = 0; seq <= 10; seq++) {
		assert_int_equal(calendar_find(years.calendar, seq)->epoch, EPOCH + 1);
		assert_int_equal(calendar_find(years.calendar, seq)->phase == LM_TOPOLOGY_ENDING,
				 seq > 6);
	}
	free_world(years.world);
}

static void spans_say_what_a_packet_was_built_for(void **state)
{
	struct years years = make_years();
	uint64_t start_us = years.from_us + (SECONDS - 10) * US;

	(void)state;
	add(&years, EPOCH + 1);
	calendar_restart(years.calendar, start_us, 3 * US);
	for (uint32_t seq = 0; seq < 40; seq++) /* one a second */
		assert_true(calendar_ready(years.calendar, seq, seq * US * 1000, start_us));
	for (uint32_t seq = 0; seq < 40; seq++) {
		const struct calendar_span *span = calendar_find(years.calendar, seq);

		/* epoch 7 ends when 10 is due; one second of skew either way */
		assert_int_equal(span->epoch, seq < 11 ? EPOCH : EPOCH + 1);
		assert_int_equal(span->document->topology->epoch, span->epoch);
		assert_int_equal(span->phase,
				 seq > 6 && seq < 11 ? LM_TOPOLOGY_ENDING : LM_TOPOLOGY_MIDDLE);
	}
	assert_int_equal(years.calendar->spans, 3);
	free_world(years.world);
}

/* The going over is a tenth of an epoch late, where epochs are shorter than ten seconds. */
static void brief_epochs_have_little_skew(void **state)
{
	struct years years = make_years();
	uint64_t start_us = years.from_us + 3 * US;
	struct lm_topology *first = years.calendar->document[0].topology;

	(void)state;
	add(&years, EPOCH + 1);
	first->until_s = first->from_s + 4;
	years.calendar->document[1].topology->from_s = first->until_s;
	years.calendar->document[1].topology->until_s = first->until_s + 4;
	calendar_restart(years.calendar, start_us, US / 10);
	for (uint32_t seq = 0; seq < 20; seq++) /* ten a second */
		assert_true(calendar_ready(years.calendar, seq, seq * US * 100, start_us));
	for (uint32_t seq = 0; seq < 20; seq++) {
		const struct calendar_span *span = calendar_find(years.calendar, seq);

		/* packet 10 is due as epoch 8 begins; 0.4 s of skew */
		assert_int_equal(span->epoch, seq < 14 ? EPOCH : EPOCH + 1);
		assert_int_equal(span->phase == LM_TOPOLOGY_ENDING, seq > 5 && seq < 14);
	}
	free_world(years.world);
}

/* Before the first document nothing is known: its beginning is one, and kids are drawn so. */
static void first_document_has_a_beginning(void **state)
{
	struct years years = make_years();

	(void)state;
	calendar_restart(years.calendar, years.from_us, US);
	for (uint32_t seq = 0; seq < 2; seq++) /* one a second */
		assert_true(calendar_ready(years.calendar, seq, seq * US * 1000, years.from_us));
	assert_int_equal(calendar_find(years.calendar, 0)->phase, LM_TOPOLOGY_BEGINNING);
	assert_int_equal(calendar_find(years.calendar, 1)->phase, LM_TOPOLOGY_MIDDLE);
	calendar_restart(years.calendar, 0, US); /* captures have no clock */
	assert_int_equal(calendar_find(years.calendar, 0)->phase, LM_TOPOLOGY_MIDDLE);
	free_world(years.world);
}

static int check(const struct years *years, struct lm_topology *topology, uint64_t now_us)
{
	int rc = calendar_check(years->calendar, topology, now_us, "next", &world_err);

	lm_topology_free(topology);
	return rc;
}

static void documents_that_may_not_follow_are_refused(void **state)
{
	struct years years = make_years();
	struct lm_topology *changed = document(&years, EPOCH + 1);
	uint64_t now_us = years.from_us;

	(void)state;
	changed->previous.b[0] ^= 1;
	assert_int_equal(check(&years, changed, now_us), -EINVAL);
	changed = document(&years, EPOCH + 1);
	changed->from_s++;
	assert_int_equal(check(&years, changed, now_us), -EINVAL);
	changed = document(&years, EPOCH + 1);
	changed->profile = 1;
	assert_int_equal(check(&years, changed, now_us), -EINVAL);
	assert_int_equal(check(&years, document(&years, EPOCH + 1), now_us), 0);
	/* from the future by more than an epoch; expired by more than one */
	assert_int_equal(check(&years, document(&years, EPOCH + 2), now_us), -EINVAL);
	assert_int_equal(check(&years, document(&years, EPOCH + 2), now_us + SECONDS * US), 0);
	assert_int_equal(check(&years, document(&years, EPOCH + 2), now_us + 5 * SECONDS * US),
			 -EINVAL);
	add(&years, EPOCH + 1);
	assert_int_equal(check(&years, document(&years, EPOCH + 1), now_us), 1);
	changed = document(&years, EPOCH + 1);
	changed->hash.b[0] ^= 1;
	assert_int_equal(check(&years, changed, now_us), -EINVAL);
	add(&years, EPOCH + 2);
	assert_int_equal(check(&years, document(&years, EPOCH + 1), now_us), -EINVAL);
	free_world(years.world);
}

/* The next run begins with the document in force, and forgets those before it alone. */
static void next_run_begins_with_the_document_in_force(void **state)
{
	struct years years = make_years();
	const struct calendar_document *found;

	(void)state;
	add(&years, EPOCH + 1);
	add(&years, EPOCH + 2);
	calendar_restart(years.calendar, years.from_us + SECONDS * US, US);
	assert_int_equal(years.calendar->documents, 2);
	assert_int_equal(years.calendar->document[0].topology->epoch, EPOCH + 1);
	assert_int_equal(calendar_epoch(years.calendar, years.from_us + 2 * SECONDS * US, &found),
			 EPOCH + 2);
	calendar_restart(years.calendar, 0, US);
	assert_int_equal(years.calendar->documents, 1);
	assert_int_equal(years.calendar->document[0].topology->epoch, EPOCH + 2);
	years.world->setup.topology = years.calendar->document[0].topology;
	free_world(years.world);
}

/* Packets of a run over three epochs: kids as lib/packet/FORMAT.md says, and replies open. */
static void kids_are_of_the_epoch_in_which_packets_are_due(void **state)
{
	struct years years = make_years();
	struct world *world = years.world;
	const struct lm_topology_node *first[LM_BURST];
	struct schedule schedule = {.run = {.count = 600, .rate_pps = 1}};
	uint64_t start_us = years.from_us + SECONDS * US + LM_TOPOLOGY_SKEW_US - 300 * US;
	unsigned before = 0, now = 0, next = 0;

	(void)state;
	add(&years, EPOCH + 1);
	calendar_restart(years.calendar, start_us, 20 * US);
	world->builder->run.count = 600;
	world->builder->schedule = &schedule;
	for (uint32_t seq = 0; seq < 600; seq += 60) {
		uint32_t epoch = seq < 300 ? EPOCH : EPOCH + 1;

		assert_int_equal(gen_builder_ready(world->builder, seq, 60, start_us), 60);
		assert_int_equal(gen_build_burst(world->builder, world->packet, first, seq, 60,
						 &world_err),
				 0);
		for (unsigned i = 0; i < 60; i++) {
			uint8_t kid = world->packet[i][2];

			/* the first epoch has no previous one that is known */
			assert_in_range(kid, epoch == EPOCH ? EPOCH : epoch - 1, epoch + 1);
			before += kid == epoch - 1;
			now += kid == epoch;
			next += kid == epoch + 1;
			if (seq + i >= 280 && seq + i < 300)
				assert_in_range(kid, EPOCH, EPOCH + 1);
		}
	}
	/*
	 * In the first half b = c, and half have kid c, half c + 1. In the second half so have
	 * those with a reply block; of the others b = c - 1 for half. That makes 37.5, 300 and
	 * 262.5, with standard deviations of 5.7, 12.2 and 12.0: six of them are no chance.
	 */
	assert_int_equal(before + now + next, 600);
	assert_in_range(before, 37 - 34, 37 + 35);
	assert_in_range(now, 300 - 73, 300 + 73);
	assert_in_range(next, 262 - 72, 262 + 73);
	free_world(world);
}

static void replies_open_whatever_epoch_they_were_built_for(void **state)
{
	struct years years = make_years();
	struct world *world = years.world;
	struct schedule schedule = {.run = {.count = 64, .rate_pps = 1}};
	uint64_t start_us = years.from_us + SECONDS * US - 32 * US;
	bool rolled;

	(void)state;
	add(&years, EPOCH + 1);
	calendar_restart(years.calendar, start_us, US);
	world->builder->run.count = 64;
	world->builder->schedule = &schedule;
	assert_int_equal(gen_builder_ready(world->builder, 0, 64, start_us), 64);
	build_and_cross(world, 0, 64);
	assert_int_equal(gen_setup_roll(&rolled, &world->setup, start_us + 33 * US, &world_err), 0);
	assert_true(rolled);
	assert_int_equal(gen_setup_retire(&world->setup, &world_err), 0);
	receive(world, world->packet, 64);
	assert_true(tally_complete(&world->tally));
	assert_int_equal(world->tally.received[GEN_SURB], 32);
	free_world(world);
}

/* A poller that reads the keys anew in each round, and holds on to them when they change. */
struct reader {
	const struct gen_setup *setup;
	uint64_t rounds;
	bool stop, lost; /* lost: keys ended while they were read */
};

static void read_once(struct reader *reader)
{
	const struct lm_packet_keyring *ring = gen_setup_ring(reader->setup);
	uint64_t until_us = lm_clock_us() + 20;

	while (gen_setup_ring(reader->setup) == ring && lm_clock_us() < until_us)
		;
	if (gen_setup_ring(reader->setup) != ring)
		until_us = lm_clock_us() + 20000;
	while (lm_clock_us() < until_us)
		reader->lost |= __atomic_load_n(&ring->n, __ATOMIC_RELAXED) == 0;
}

static void *read_on(void *context)
{
	struct reader *reader = context;

	while (!__atomic_load_n(&reader->stop, __ATOMIC_ACQUIRE)) {
		__atomic_store_n(&reader->rounds, reader->rounds + 1, __ATOMIC_RELEASE);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		read_once(reader);
	}
	return NULL;
}

/* The change of keys takes longer than many rounds, and the last of these has the old ones still.
 */
static void keys_end_when_no_round_reads_them(void **state)
{
	struct years years = make_years();
	struct gen_setup *setup = &years.world->setup;
	struct reader reader = {.setup = setup};
	struct rolling rolling = {.setup = setup, .rounds = &reader.rounds};
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, read_on, &reader), 0);
	while (__atomic_load_n(&reader.rounds, __ATOMIC_ACQUIRE) < 3)
		;
	for (unsigned i = 1; i <= 3; i++) {
		uint64_t now_us = years.from_us + i * SECONDS * US;

		add(&years, EPOCH + i);
		do
			assert_int_equal(rolling_turn(&rolling, now_us, &world_err), 0);
		while (rolling.retiring);
		assert_int_equal(setup->epoch, EPOCH + i);
	}
	__atomic_store_n(&reader.stop, true, __ATOMIC_RELEASE);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_false(reader.lost);
	free_world(years.world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documents_are_in_force_for_their_epoch_and_one_more),
		cmocka_unit_test(packets_wait_for_the_document_of_their_epoch),
		cmocka_unit_test(epoch_without_a_document_ends_too),
		cmocka_unit_test(spans_say_what_a_packet_was_built_for),
		cmocka_unit_test(brief_epochs_have_little_skew),
		cmocka_unit_test(first_document_has_a_beginning),
		cmocka_unit_test(documents_that_may_not_follow_are_refused),
		cmocka_unit_test(next_run_begins_with_the_document_in_force),
		cmocka_unit_test(kids_are_of_the_epoch_in_which_packets_are_due),
		cmocka_unit_test(replies_open_whatever_epoch_they_were_built_for),
		cmocka_unit_test(keys_end_when_no_round_reads_them),
	};

	if (lm_base_init(&world_err) != 0)
		return 1;
	return RUN_TESTS(tests);
}
