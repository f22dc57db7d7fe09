/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See mixing.h.
 */
#include "mixing.h"

#include <errno.h>
#include <string.h>

#include "build.h"

#define PHASES     8
#define WINDOW(ns) ((ns) / 4 * 3)
#define NO_WINDOW  UINT64_MAX
#define NS_PER_US  UINT64_C(1000)

/* The packets that are looked at: those that arrived, by number. */
struct sample {
	uint32_t n;
	uint32_t *arrival;  /* place in the order of arrival */
	uint32_t *first;    /* id of the first mix */
	uint64_t *after_ns; /* when it was sent */
	uint32_t *window;   /* room for one window, */
	uint64_t *scratch;  /* and to sort it */
};

static void sample_free(struct sample *sample)
{
	free(sample->arrival);
	free(sample->first);
	free(sample->after_ns);
	free(sample->window);
	free(sample->scratch);
}

static int sample_alloc(struct sample *sample, uint32_t n, struct lm_error *err)
{
	sample->arrival = calloc(n, sizeof(*sample->arrival));
	sample->first = calloc(n, sizeof(*sample->first));
	sample->after_ns = calloc(n, sizeof(*sample->after_ns));
	sample->window = calloc(n, sizeof(*sample->window));
	sample->scratch = calloc(n, sizeof(*sample->scratch));
	if (sample->arrival && sample->first && sample->after_ns && sample->window &&
	    sample->scratch)
		return 0;
	sample_free(sample);
	return lm_error_set(err, ENOMEM, "no memory to sort %u packets", n);
}

static void sample_take(struct sample *sample, const struct gen_setup *setup,
			const struct tally *tally, uint32_t n)
{
	for (uint32_t seq = 0; seq < n; seq++) {
		struct gen_message message = {.run = tally->run, .seq = seq};

		if (tally->arrival[seq] == 0 ||
		    !tally_sent_after_ns(&sample->after_ns[sample->n], tally, seq))
			continue;
		sample->arrival[sample->n] = tally->arrival[seq];
		sample->first[sample->n++] = gen_first_hop(setup, &message)->id;
	}
}

/* The window of a time, with the first window from `shift_ns` before packet 0. */
static uint64_t window_of(uint64_t after_ns, uint64_t shift_ns, uint64_t interval_ns)
{
	uint64_t at = after_ns + shift_ns;

	return at % interval_ns < WINDOW(interval_ns) ? at / interval_ns : NO_WINDOW;
}

/* The order left in the packets of one first mix, at one phase. */
static struct order order_at(const struct sample *sample, uint32_t first, uint64_t shift_ns,
			     uint64_t interval_ns)
{
	struct order order = {0};
	uint64_t current = NO_WINDOW;
	uint32_t n = 0;

	for (uint32_t i = 0; i < sample->n; i++) {
		uint64_t window = window_of(sample->after_ns[i], shift_ns, interval_ns);

		if (sample->first[i] != first || window == NO_WINDOW)
			continue;
		if (window != current) {
			order_add(&order, sample->window, sample->scratch, n);
			n = 0;
		}
		current = window;
		sample->window[n++] = sample->arrival[i];
	}
	order_add(&order, sample->window, sample->scratch, n);
	return order;
}

static struct order least_order(const struct sample *sample, uint32_t first, uint64_t interval_ns)
{
	struct order least = {0};

	for (unsigned phase = 0; phase < PHASES; phase++) {
		struct order order =
			order_at(sample, first, phase * interval_ns / PHASES, interval_ns);

		if (least.windows == 0 ||
		    (order.windows > 0 && order_correlation(&order) < order_correlation(&least)))
			least = order;
	}
	return least;
}

int mixing_order(struct order *order, const struct gen_setup *setup, const struct tally *tally,
		 struct lm_error *err)
{
	const struct lm_topology *topology = setup->topology;
	uint32_t n = tally->sent < MIXING_PACKETS ? tally->sent : MIXING_PACKETS;
	struct sample sample = {0};
	int rc;

	memset(order, 0, sizeof(*order));
	if (topology->mix.strategy != LM_MIX_BATCH || !tally->known || n == 0)
		return 0;
	rc = sample_alloc(&sample, n, err);
	if (rc != 0)
		return rc;
	sample_take(&sample, setup, tally, n);
	for (unsigned i = 0; i < topology->layer_nodes[1]; i++) {
		struct order least =
			least_order(&sample, topology->node[topology->layer_node[1][i]].id,
				    topology->mix.interval_us * NS_PER_US);

		order->weighted += least.weighted;
		order->weight += least.weight;
		order->windows += least.windows;
	}
	sample_free(&sample);
	return 0;
}
