/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fair shares of peeling: who a frame is from, which queue it stands in, who loses when there is no
 * room, and what each gets in the long run, against the arithmetic of max-min fairness.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "share.h"
#include "testing.h"

#define LINKS 8

static uint8_t seed[32] = {1};

/* A share and who sends how much; packets are numbers, not pointers to anything. */
struct run {
	struct share *share;
	uintptr_t next;
	uint64_t offered[SHARE_QUEUES], got[SHARE_QUEUES], lost[SHARE_QUEUES];
	uint32_t queue_of[1 << 20]; /* by packet */
};

static struct run *start(void)
{
	struct run *run = calloc(1, sizeof(*run));
	size_t bytes = (share_size() + LM_CACHE_LINE - 1) / LM_CACHE_LINE * LM_CACHE_LINE;
	void *memory = aligned_alloc(LM_CACHE_LINE, bytes);

	assert_non_null(run);
	assert_non_null(memory);
	run->share = share_init(memory, seed);
	return run;
}

static void end(struct run *run)
{
	free(run->share);
	free(run);
}

/* Offers one burst: n[i] packets in queue[i], mixed evenly. */
static void offer(struct run *run, const uint32_t *queue, const unsigned *n, unsigned queues)
{
	struct share_entry entry[SHARE_LOOK];
	void *thrown[SHARE_LOOK];
	unsigned left[SHARE_QUEUES] = {0}, all = 0, used = 0, others, lost;

	for (unsigned i = 0; i < queues; i++)
		all += left[i] = n[i];
	assert_true(all <= SHARE_LOOK);
	while (used < all) {
		for (unsigned i = 0; i < queues; i++) {
			if (left[i] == 0)
				continue;
			left[i]--;
			run->queue_of[++run->next % LM_COUNT(run->queue_of)] = queue[i];
			run->offered[queue[i]]++;
			entry[used++] = (struct share_entry){(void *)run->next, queue[i]};
		}
	}
	lost = share_add(run->share, entry, used, thrown, &others);
	for (unsigned i = 0; i < lost; i++) {
		uint32_t from = run->queue_of[(uintptr_t)thrown[i] % LM_COUNT(run->queue_of)];

		run->lost[from]++;
		others -= from >= SHARE_QUEUE_OTHERS;
	}
	assert_int_equal(others, 0);
	assert_true(share_waiting(run->share) <= SHARE_BACKLOG);
}

static void peel(struct run *run, unsigned max)
{
	struct share_entry entry[LM_BURST];
	unsigned n = share_take(run->share, entry, max);

	for (unsigned i = 0; i < n; i++) {
		uintptr_t packet = (uintptr_t)entry[i].packet;

		assert_int_equal(run->queue_of[packet % LM_COUNT(run->queue_of)], entry[i].queue);
		run->got[entry[i].queue]++;
	}
}

/* The level of max-min fairness: everybody gets what it wants, but at most the level. */
static double fair_level(const double *want, const double *weight, unsigned n, double capacity)
{
	double low = 0, high = capacity;

	for (unsigned round = 0; round < 100; round++) {
		double middle = (low + high) / 2, used = 0;

		for (unsigned i = 0; i < n; i++)
			used += fmin(want[i], middle * weight[i]);
		if (used <= capacity)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* Steps of 64 peeled; what each of `queues` gets a step must be its max-min fair share. */
static void shares_are_fair(const uint32_t *queue, const unsigned *want, const double *weight,
			    unsigned queues)
{
	const unsigned steps = 4000, warm = 400;
	struct run *run = start();
	double wants[LINKS + 2];

	for (unsigned i = 0; i < queues; i++)
		wants[i] = want[i];

	double level = fair_level(wants, weight, queues, LM_BURST);

	for (unsigned step = 0; step < steps; step++) {
		if (step == warm)
			memset(run->got, 0, sizeof(run->got));
		offer(run, queue, want, queues);
		peel(run, LM_BURST);
	}
	for (unsigned i = 0; i < queues; i++) {
		double each = (double)run->got[queue[i]] / (steps - warm);
		double fair = fmin(wants[i], level * weight[i]);

		assert_true(fabs(each - fair) <= 0.01 * fair + 0.02);
		if (wants[i] < level * weight[i])
			assert_int_equal(run->lost[queue[i]], 0);
	}
	end(run);
}

static void each_link_gets_its_max_min_share(void **state)
{
	static const uint32_t queue[LINKS] = {1, 2, 3, 4, 5, 6, 7, LINKS_MAX};
	static const double weight[LINKS] = {1, 1, 1, 1, 1, 1, 1, 1};
	static const unsigned want[][LINKS] = {
		{600, 32, 0, 0, 0, 0, 0, 0}, /* half for who wants half, whatever another floods */
		{300, 300, 1, 0, 0, 0, 0, 0}, {80, 80, 80, 80, 80, 80, 80, 80},
		{1, 2, 3, 4, 5, 6, 7, 600},   {64, 0, 0, 0, 0, 0, 0, 1},
		{9, 9, 9, 9, 9, 9, 9, 9},     {100, 50, 25, 12, 6, 3, 1, 1},
	};

	(void)state;
	for (unsigned i = 0; i < LM_COUNT(want); i++)
		shares_are_fair(queue, want[i], weight, LINKS);
}

static void random_loads_are_shared_max_min(void **state)
{
	static const uint32_t queue[LINKS] = {1, 2, 3, 4, 5, 6, 7, 8};
	static const double weight[LINKS] = {1, 1, 1, 1, 1, 1, 1, 1};
	struct lm_prng prng;

	(void)state;
	lm_prng_init(&prng, seed);
	for (unsigned round = 0; round < 30; round++) {
		unsigned want[LINKS], sum = 0;

		for (unsigned i = 0; i < LINKS; i++)
			sum += want[i] = lm_prng_below(&prng, 1u << lm_prng_below(&prng, 7));
		if (sum <= SHARE_LOOK)
			shares_are_fair(queue, want, weight, LINKS);
	}
}

/* Made-up sources fill every bucket, and a link still gets as much as all of them. */
static void sources_that_are_no_neighbours_weigh_together_as_one(void **state)
{
	struct run *run = start();
	uint32_t queue[1 + SHARE_CLIENTS];
	unsigned want[1 + SHARE_CLIENTS];
	uint64_t clients = 0;

	(void)state;
	queue[0] = 5;
	want[0] = 100;
	for (unsigned i = 0; i < SHARE_CLIENTS; i++) {
		queue[1 + i] = SHARE_QUEUE_CLIENTS + i;
		want[1 + i] = 2;
	}
	for (unsigned step = 0; step < 2000; step++) {
		offer(run, queue, want, 1 + SHARE_CLIENTS);
		peel(run, LM_BURST);
	}
	for (unsigned i = 0; i < SHARE_CLIENTS; i++) {
		clients += run->got[SHARE_QUEUE_CLIENTS + i];
		assert_in_range(run->got[SHARE_QUEUE_CLIENTS + i], 230, 270); /* 32 / 256 a step */
	}
	assert_in_range(run->got[5], 2000 * 32 - 100, 2000 * 32 + 100);
	assert_in_range(clients, 2000 * 32 - 100, 2000 * 32 + 100);

	/* and with the weight of three links, three quarters */
	share_weigh(run->share, 3);
	uint64_t before = run->got[5], waits;

	for (unsigned step = 0; step < 2000; step++) {
		offer(run, queue, want, 1 + SHARE_CLIENTS);
		peel(run, LM_BURST);
	}
	assert_in_range(run->got[5] - before, 2000 * 16 - 100, 2000 * 16 + 100);
	/* the room too: a fifth for the link, three for clients, one for who comes next */
	waits = run->offered[5] - run->got[5] - run->lost[5];
	assert_in_range(waits, SHARE_BACKLOG / 5 - 30, SHARE_BACKLOG / 5 + 1);
	assert_in_range(share_waiting(run->share), SHARE_BACKLOG * 4 / 5 - 80 - SHARE_CLIENTS,
			SHARE_BACKLOG * 4 / 5 + 4);
	end(run);
}

static void frames_for_the_kernel_have_a_share_under_any_flood(void **state)
{
	static const uint32_t queue[] = {1, SHARE_QUEUE_CLIENTS + 3, SHARE_QUEUE_OTHERS + 7};
	static const unsigned want[] = {340, 340, 2};
	struct run *run = start();

	(void)state;
	for (unsigned step = 0; step < 1000; step++) {
		offer(run, queue, want, 3);
		peel(run, LM_BURST);
	}
	assert_int_equal(run->lost[SHARE_QUEUE_OTHERS + 7], 0);
	assert_true(run->got[SHARE_QUEUE_OTHERS + 7] >= 1990);
	end(run);
}

/* Half of what can be peeled, but all of it in bursts, beside one that floods without a pause. */
static void who_sends_in_bursts_finds_room_beside_a_flood(void **state)
{
	static const uint32_t queue[] = {1, 2};
	struct run *run = start();

	(void)state;
	for (unsigned step = 0; step < 3000; step++) {
		unsigned want[] = {440, step % 8 == 0 ? 256 : 0};

		offer(run, queue, want, 2);
		peel(run, LM_BURST);
	}
	assert_int_equal(run->lost[2], 0);
	end(run);
}

static void more_queues_than_room_still_keep_every_bound(void **state)
{
	struct run *run = start();
	uint32_t queue[SHARE_LOOK];
	unsigned want[SHARE_LOOK];

	(void)state;
	for (unsigned step = 0; step < 100; step++) {
		for (unsigned i = 0; i < SHARE_LOOK; i++) {
			queue[i] = 1 + (step * SHARE_LOOK + i) % 5000;
			want[i] = 1;
		}
		offer(run, queue, want, SHARE_LOOK);
		assert_true(step < 3 || share_waiting(run->share) >= SHARE_BACKLOG - 3 * LM_BURST);
		peel(run, LM_BURST);
	}
	end(run);
}

static void nothing_is_thrown_away_while_half_the_room_is_free(void **state)
{
	static const uint32_t queue[] = {9};
	unsigned want[] = {SHARE_BACKLOG / 4};
	struct run *run = start();

	(void)state;
	offer(run, queue, want, 1);
	offer(run, queue, want, 1);
	assert_int_equal(run->lost[9], 0);
	assert_int_equal(share_waiting(run->share), SHARE_BACKLOG / 2);
	offer(run, queue, want, 1); /* one more queue of this length would just fit */
	assert_int_equal(run->lost[9], SHARE_BACKLOG / 4);
	end(run);
}

/* Which packet of a queue is lost: every position of the burst as often as any other. */
static void the_lost_are_drawn_from_the_burst_and_not_from_what_waits(void **state)
{
	enum { ROUNDS = 1000, N = 100 };
	static unsigned lost[N];
	double chi_square = 0, each;
	unsigned all = 0;

	(void)state;
	for (unsigned round = 0; round < ROUNDS; round++) {
		static struct run *run;
		struct share_entry entry[N];
		void *thrown[N];
		unsigned others, n, most[] = {SHARE_BACKLOG / 4 - 20};
		static const uint32_t queue[] = {3};

		run = start();
		seed[1] = (uint8_t)round;
		seed[2] = (uint8_t)(round >> 8);
		offer(run, queue, most, 1);
		offer(run, queue, most, 1);
		for (unsigned i = 0; i < N; i++)
			entry[i] = (struct share_entry){(void *)(uintptr_t)(i + 1000000), 3};
		n = share_add(run->share, entry, N, thrown, &others);
		assert_int_equal(n, N - 40);
		for (unsigned i = 0; i < n; i++) {
			assert_in_range((uintptr_t)thrown[i], 1000000, 1000000 + N - 1);
			lost[(uintptr_t)thrown[i] - 1000000]++;
		}
		all += n;
		end(run);
	}
	each = (double)all / N;
	for (unsigned i = 0; i < N; i++)
		chi_square += (lost[i] - each) * (lost[i] - each) / each;
	/* sampling without replacement narrows it by 1 - 60 / 100; the 99.99 % quantile of 99 */
	assert_true(chi_square / 0.4 < 161);
}

static void a_queue_keeps_its_order(void **state)
{
	struct run *run = start();
	static const uint32_t queue[] = {1, 2, SHARE_QUEUE_CLIENTS};
	static const unsigned want[] = {100, 50, 10};
	uintptr_t last[3] = {0};
	struct share_entry entry[LM_BURST];
	unsigned n;

	(void)state;
	offer(run, queue, want, 3);
	while ((n = share_take(run->share, entry, LM_BURST)) > 0) {
		for (unsigned i = 0; i < n; i++) {
			unsigned which = entry[i].queue == 1 ? 0 : entry[i].queue == 2 ? 1 : 2;

			assert_true((uintptr_t)entry[i].packet > last[which]);
			last[which] = (uintptr_t)entry[i].packet;
		}
	}
	assert_int_equal(share_waiting(run->share), 0);
	end(run);
}

static const uint8_t frame_ipv4[42] = {
	[12] = 0x08, [13] = 0x00, [14] = 0x45, [23] = 17, [26] = 192, 0, 2, 77, 198, 51, 100, 1};

static void sources_are_read_from_every_kind_of_frame(void **state)
{
	static const uint8_t ipv4[4] = {192, 0, 2, 77};
	uint8_t frame[64] = {0}, ipv6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 9};
	struct source want = source_ipv4(ipv4), got = source_read(frame_ipv4, sizeof(frame_ipv4));

	(void)state;
	assert_true(got.udp && source_equal(&got, &want));
	memcpy(frame, frame_ipv4, 12);
	memcpy(frame + 12, "\x81\0\0\x07", 4);
	memcpy(frame + 16, frame_ipv4 + 12, 30);
	got = source_read(frame, 46);
	assert_true(got.udp && source_equal(&got, &want));
	frame[16 + 11] = 1; /* ICMP */
	got = source_read(frame, 46);
	assert_true(!got.udp && source_equal(&got, &want));

	memset(frame, 0, sizeof(frame));
	memcpy(frame + 12, "\x86\xdd\x60", 3);
	frame[14 + 6] = 17;
	memcpy(frame + 22, ipv6, 16);
	want = source_ipv6(ipv6);
	got = source_read(frame, 54);
	assert_true(got.udp && source_equal(&got, &want));
	got = source_read(frame, 53); /* cut: nothing past the end is read */
	assert_false(got.udp);

	memcpy(frame + 6, "\2\1\1\1\1\1\x08\x06", 8); /* ARP: by the sender's Ethernet address */
	got = source_read(frame, 42);
	assert_false(got.udp);
	frame[6] = 4;
	want = source_read(frame, 42);
	assert_false(source_equal(&got, &want));
}

/* No length is read past, whatever the bytes say; the sanitizers watch. */
static void short_frames_of_any_bytes_have_a_source(void **state)
{
	struct lm_prng prng;

	(void)state;
	lm_prng_init(&prng, seed);
	for (unsigned round = 0; round < 20000; round++) {
		size_t len = lm_prng_below(&prng, 64);
		uint8_t *frame = malloc(len + 1);

		lm_prng_bytes(&prng, frame, len);
		if (len > 14 && round % 3)
			memcpy(frame + 12, round % 2 ? "\x08\0" : "\x86\xdd", 2);
		assert_true(source_read(frame, len).udp <= (len >= 34));
		free(frame);
	}
}

static void only_udp_of_a_link_stands_in_the_links_queue(void **state)
{
	struct run *run = start();
	unsigned used[SHARE_QUEUES] = {0}, most = 0;
	struct source source = {.udp = true};

	(void)state;
	assert_int_equal(share_queue(run->share, &source, 7), 7);
	source.udp = false;
	assert_in_range(share_queue(run->share, &source, 7), SHARE_QUEUE_OTHERS, SHARE_QUEUES - 1);
	source.udp = true;
	for (unsigned i = 0; i < 100 * SHARE_CLIENTS; i++) {
		uint8_t ipv4[4] = {10, 0, (uint8_t)(i >> 8), (uint8_t)i};
		uint32_t queue;

		source = source_ipv4(ipv4);
		queue = share_queue(run->share, &source, 0);
		assert_in_range(queue, SHARE_QUEUE_CLIENTS, SHARE_QUEUE_OTHERS - 1);
		if (++used[queue] > most)
			most = used[queue];
	}
	assert_true(most < 200); /* neighbouring addresses spread over the buckets */
	end(run);
}

/* Two sources that share a bucket do not for ever. */
static void buckets_change_with_time(void **state)
{
	struct run *run = start();
	static const uint32_t queue[] = {1};
	static const unsigned want[] = {LM_BURST};
	unsigned same = 0, before[200];
	struct source source[200];

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		uint8_t ipv4[4] = {10, 0, 0, (uint8_t)i};

		source[i] = source_ipv4(ipv4);
		before[i] = share_queue(run->share, &source[i], 0);
	}
	for (uint64_t i = 0; i <= SHARE_REKEY / LM_BURST; i++) {
		offer(run, queue, want, 1);
		peel(run, LM_BURST);
	}
	for (unsigned i = 0; i < 200; i++)
		same += share_queue(run->share, &source[i], 0) == before[i];
	assert_true(same < 20);
	end(run);
}

/* What is begun for a queue is bounded by what a queue alone can have; others are not touched. */
static void claims_end_where_a_queue_alone_would(void **state)
{
	struct run *run = start();
	const uint32_t queue[] = {3};
	const unsigned n[] = {SHARE_LOOK};
	unsigned claimed = 0;

	(void)state;
	offer(run, queue, n, 1);
	while (share_claim(run->share, 3))
		claimed++;
	assert_int_equal(claimed, SHARE_BACKLOG / 2 - SHARE_LOOK);
	assert_true(share_claim(run->share, 4));
	assert_true(share_claim(run->share, SHARE_QUEUE_CLIENTS + 7));
	share_claims_end(run->share);
	for (unsigned i = 0; i < claimed; i++)
		assert_true(share_claim(run->share, 3));
	assert_false(share_claim(run->share, 3));
	share_claims_end(run->share);
	end(run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_link_gets_its_max_min_share),
		cmocka_unit_test(random_loads_are_shared_max_min),
		cmocka_unit_test(sources_that_are_no_neighbours_weigh_together_as_one),
		cmocka_unit_test(frames_for_the_kernel_have_a_share_under_any_flood),
		cmocka_unit_test(who_sends_in_bursts_finds_room_beside_a_flood),
		cmocka_unit_test(more_queues_than_room_still_keep_every_bound),
		cmocka_unit_test(nothing_is_thrown_away_while_half_the_room_is_free),
		cmocka_unit_test(the_lost_are_drawn_from_the_burst_and_not_from_what_waits),
		cmocka_unit_test(a_queue_keeps_its_order),
		cmocka_unit_test(sources_are_read_from_every_kind_of_frame),
		cmocka_unit_test(short_frames_of_any_bytes_have_a_source),
		cmocka_unit_test(only_udp_of_a_link_stands_in_the_links_queue),
		cmocka_unit_test(claims_end_where_a_queue_alone_would),
		cmocka_unit_test(buckets_change_with_time),
	};

	return RUN_TESTS(tests);
}
