/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See stock.h. `built` is written by the builder alone and `taken` by the sender alone; each
 * publishes what it has written to places before it moves its counter.
 */
#include "stock.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <string.h>

#define WAIT_MS 1

static uint32_t load(const uint32_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_ACQUIRE);
}

static void store(uint32_t *counter, uint32_t value)
{
	__atomic_store_n(counter, value, __ATOMIC_RELEASE);
}

/* Packets that can be built now: a burst at most, in one piece. */
static unsigned room(const struct stock *stock)
{
	uint32_t left = stock->builder->run.count - stock->built;
	uint32_t free_places = stock->places - (stock->built - load(&stock->taken));
	uint32_t to_end = stock->places - stock->built % stock->places;
	uint32_t n = LM_BURST;

	n = left < n ? left : n;
	n = free_places < n ? free_places : n;
	return to_end < n ? to_end : n;
}

static int build_some(struct stock *stock, unsigned n)
{
	const struct lm_topology_node *first[LM_BURST];
	uint8_t *packet[LM_BURST] = {NULL};
	uint32_t place = stock->built % stock->places;

	for (unsigned i = 0; i < n; i++)
		packet[i] = stock->packet + (place + i) * stock->packet_len;

	int rc = gen_build_burst(stock->builder, packet, first, stock->built, n, &stock->err);

	for (unsigned i = 0; rc == 0 && i < n; i++)
		stock->first_id[place + i] = first[i]->id;
	return rc;
}

static void *build_all(void *context)
{
	struct stock *stock = context;

	while (stock->built < stock->builder->run.count &&
	       !__atomic_load_n(&stock->stop, __ATOMIC_RELAXED)) {
		unsigned n = room(stock);
		unsigned ready =
			gen_builder_ready(stock->builder, stock->built, n, lm_clock_wall_us());

		__atomic_store_n(&stock->waits, ready < n, __ATOMIC_RELEASE);
		n = ready;
		if (n == 0) {
			(void)poll(NULL, 0, WAIT_MS);
			continue;
		}
		if (build_some(stock, n) != 0) {
			__atomic_store_n(&stock->failed, true, __ATOMIC_RELEASE);
			break;
		}
		store(&stock->built, stock->built + n);
	}
	return NULL;
}

static int start_thread(struct stock *stock, int cpu, struct lm_error *err)
{
	pthread_attr_t attr;
	cpu_set_t set;
	int code;

	LM_ASSERT(pthread_attr_init(&attr) == 0);
	CPU_ZERO(&set);
	if (cpu >= 0) {
		CPU_SET((unsigned)cpu, &set);
		(void)pthread_attr_setaffinity_np(&attr, sizeof(set), &set);
	}
	code = pthread_create(&stock->thread, &attr, build_all, stock);
	pthread_attr_destroy(&attr);
	stock->running = code == 0;
	if (code != 0)
		return lm_error_set(err, code, "the thread that builds packets does not start: %s",
				    strerror(code));
	return 0;
}

int stock_start(struct stock *stock, struct gen_builder *builder, uint32_t places, int cpu,
		struct lm_error *err)
{
	uint32_t count = builder->run.count;
	int rc;

	memset(stock, 0, sizeof(*stock));
	stock->builder = builder;
	stock->packet_len = lm_packet_len(builder->setup->topology->profile);
	stock->places = places < count ? places : count;
	stock->packet = calloc(stock->places, stock->packet_len);
	stock->first_id = calloc(stock->places, sizeof(*stock->first_id));
	rc = stock->packet && stock->first_id
		     ? start_thread(stock, cpu, err)
		     : lm_error_set(err, ENOMEM,
				    "no memory for %u packets of %zu bytes; lower --stock",
				    stock->places, stock->packet_len);
	if (rc != 0)
		stock_stop(stock);
	return rc;
}

void stock_stop(struct stock *stock)
{
	if (stock->running) {
		__atomic_store_n(&stock->stop, true, __ATOMIC_RELAXED);
		(void)pthread_join(stock->thread, NULL);
	}
	free(stock->packet);
	free(stock->first_id);
	memset(stock, 0, sizeof(*stock));
}

uint32_t stock_built(const struct stock *stock, bool *failed)
{
	*failed = __atomic_load_n(&stock->failed, __ATOMIC_ACQUIRE);
	return load(&stock->built);
}

bool stock_full(const struct stock *stock)
{
	uint32_t built = load(&stock->built);

	return __atomic_load_n(&stock->waits, __ATOMIC_ACQUIRE) ||
	       built == stock->builder->run.count || built - load(&stock->taken) == stock->places;
}

uint32_t stock_peek(const struct stock *stock, const uint8_t **packet, const uint32_t **first_id,
		    uint32_t max)
{
	uint32_t ready = load(&stock->built) - stock->taken;
	uint32_t place = stock->taken % stock->places;
	uint32_t to_end = stock->places - place;
	uint32_t n = ready < max ? ready : max;

	*packet = stock->packet + place * stock->packet_len;
	*first_id = stock->first_id + place;
	return to_end < n ? to_end : n;
}

void stock_release(struct stock *stock, uint32_t n)
{
	store(&stock->taken, stock->taken + n);
}
