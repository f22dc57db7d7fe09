/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The stock of own cover between control and mixer, on DPDK's rings and buffers.
 */
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cover_stock.h"
#include "eal.h"
#include "port.h"
#include "testing.h"

enum { CAPACITY = 200, LOOPS = 256 };

static struct port port;
static unsigned names;

struct fixture {
	struct cover_stock stock;
	struct lm_cover_table *loops;
	unsigned buffers; /* free ones at the start */
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	void *memory = NULL;
	char name[16];

	snprintf(name, sizeof(name), "stock-%u", names++);
	assert_non_null(fixture);
	assert_true(cover_stock_make(&fixture->stock, name, CAPACITY, SOCKET_ID_ANY));
	assert_int_equal(posix_memalign(&memory, LM_COVER_ALIGN, lm_cover_table_size(LOOPS)), 0);
	fixture->loops = lm_cover_table_init(memory, LOOPS);
	fixture->buffers = rte_mempool_avail_count(port.pool);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	rte_ring_free(fixture->stock.ring);
	free(fixture->loops);
	free(fixture);
	return 0;
}

/* Puts n items in: loops and drop packets in turn, numbered in delay_us. */
static void put(struct fixture *fixture, unsigned n, uint32_t first)
{
	struct cover_item item[CAPACITY] = {0};

	for (unsigned i = 0; i < n; i++) {
		struct lm_packet_token token = {{0}};

		item[i].mbuf = rte_pktmbuf_alloc(port.pool);
		assert_non_null(item[i].mbuf);
		item[i].delay_us = first + i;
		item[i].loop = COVER_NO_LOOP;
		if (i % 2 == 0)
			assert_true(lm_cover_table_add(fixture->loops, &item[i].loop, &token, 1));
	}
	cover_stock_put(&fixture->stock, item, n);
}

/* Takes up to max items, which are numbered from `first` on; gives their buffers back. */
static unsigned take(struct fixture *fixture, unsigned max, uint32_t first)
{
	struct cover_item item[LM_BURST];
	unsigned n = cover_stock_take(&fixture->stock, item, max);

	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(item[i].delay_us, first + i);
		if (item[i].loop != COVER_NO_LOOP)
			lm_cover_table_sent(fixture->loops, item[i].loop, 0);
		rte_pktmbuf_free(item[i].mbuf);
	}
	return n;
}

static void items_come_out_in_order_and_only_as_many_as_there_are(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(take(fixture, 5, 0), 0);
	for (unsigned round = 0; round < 20; round++) {
		put(fixture, 30, 1000 * round);
		assert_int_equal(cover_stock_room(&fixture->stock), CAPACITY - 30);
		assert_int_equal(take(fixture, 20, 1000 * round), 20);
		assert_int_equal(take(fixture, 20, 1000 * round + 20), 10);
		assert_int_equal(cover_stock_room(&fixture->stock), CAPACITY);
		(void)lm_cover_table_collect(fixture->loops, 100);
	}
	put(fixture, CAPACITY, 0);
	assert_int_equal(cover_stock_room(&fixture->stock), 0);
	assert_int_equal(take(fixture, LM_BURST, 0), LM_BURST);
	assert_int_equal(cover_stock_room(&fixture->stock), LM_BURST);
}

static void what_is_out_of_date_is_freed_by_bursts_and_never_taken(void **state)
{
	struct fixture *fixture = *state;

	put(fixture, 100, 0);
	assert_int_equal(take(fixture, 10, 0), 10);
	cover_stock_expire(&fixture->stock);
	put(fixture, 20, 500);
	assert_int_equal(take(fixture, 10, 0), 0);
	assert_int_equal(cover_stock_clear(&fixture->stock, fixture->loops), LM_BURST);
	assert_int_equal(take(fixture, 10, 0), 0);
	assert_int_equal(cover_stock_clear(&fixture->stock, fixture->loops), 90 - LM_BURST);
	assert_int_equal(cover_stock_clear(&fixture->stock, fixture->loops), 0);
	assert_int_equal(take(fixture, LM_BURST, 500), 20);
	/* every buffer is back, and every place in the table but those of the 15 loops sent */
	assert_int_equal(rte_mempool_avail_count(port.pool), fixture->buffers);
	(void)lm_cover_table_collect(fixture->loops, 0);
	assert_int_equal(lm_cover_table_loops(fixture->loops), 15);
}

static void an_empty_stock_can_expire_and_what_follows_is_fresh(void **state)
{
	struct fixture *fixture = *state;

	cover_stock_expire(&fixture->stock);
	assert_int_equal(cover_stock_clear(&fixture->stock, fixture->loops), 0);
	put(fixture, 3, 7);
	cover_stock_expire(&fixture->stock);
	cover_stock_expire(&fixture->stock);
	put(fixture, 2, 70);
	assert_int_equal(cover_stock_clear(&fixture->stock, fixture->loops), 3);
	assert_int_equal(take(fixture, LM_BURST, 70), 2);
}

/* DPDK with a pool of buffers, without a port. */
static int start_dpdk(void **state)
{
	struct node_config config = {.cpus.workers_count = 1,
				     .memory.megabytes = 64,
				     .limits = {.held = 64, .ring = 64}};
	struct eal_plan plan;
	struct lm_error err;

	(void)state;
	config.cpus.workers[0] = (uint32_t)sched_getcpu(); /* one that we may use */
	config.cpus.mixer = config.cpus.control = config.cpus.workers[0];
	snprintf(config.file_prefix, sizeof(config.file_prefix), "linemix-test-stock-%d", getpid());
	if (eal_plan_make(&plan, &config, &err) == 0 &&
	    eal_start(&config, &plan, "test_cover_stock", false, &err) == 0 &&
	    port_make_pool(&port, &config, config.limits.held, lm_packet_len(0), SOCKET_ID_ANY,
			   &err) == 0)
		return 0;
	print_error("%s\n", err.text);
	return -1;
}

static int stop_dpdk(void **state)
{
	(void)state;
	eal_stop();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			items_come_out_in_order_and_only_as_many_as_there_are, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			what_is_out_of_date_is_freed_by_bursts_and_never_taken, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_empty_stock_can_expire_and_what_follows_is_fresh,
						set_up, tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, start_dpdk, stop_dpdk);
}
