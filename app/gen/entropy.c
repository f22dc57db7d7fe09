/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See entropy.h. Each mix has its events in order of time, each with the number of packets held
 * after it. A group of messages is traced at once, a lane each: layer by layer from the last, the
 * mixes of a layer one by one, back over the events from the last one that touches the group. A
 * flight carries the probabilities that it is the message, `mass`, from the mix that it came to, to
 * the one that it left.
 */
#include "entropy.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define LANES      8
#define NEGLIGIBLE 1e-9 /* probability that is left where the tracing ends */
#define NS         1e9
#define EULER      0.57721566490153286

/* A packet comes to a mix or leaves it. */
struct event {
	uint64_t at_ns;
	uint32_t flight;
	uint32_t held; /* after it */
	bool leaves;
};

struct mix {
	struct event *event;
	uint32_t events;
	uint32_t first, last; /* leavings of the group lie at first .. last; none: first > last */
};

struct mass {
	double lane[LANES];
};

struct trace {
	const struct entropy_seen *seen;
	struct event *event;
	struct mix *mix;
	uint32_t *place; /* of a flight: its leaving among the events of the mix that it left */
	struct mass *mass;
	uint32_t *message; /* flights that leave the last layer in time, by time */
	uint32_t messages;
	struct mass bits; /* of the group's messages, so far */
};

double entropy_law(double rate_pps, double mean_s, unsigned layers)
{
	double psi = -EULER;

	for (unsigned i = 1; i < layers; i++)
		psi += 1.0 / i;
	return log2(rate_pps * mean_s) + (layers + lgamma(layers) + (1.0 - layers) * psi) / log(2);
}

/* ---- Events ---- */

/* By time; what comes goes before what leaves at the same time: it may be the same packet. */
static int compare_events(const void *a, const void *b)
{
	const struct event *left = a, *right = b;

	if (left->at_ns != right->at_ns)
		return left->at_ns < right->at_ns ? -1 : 1;
	if (left->leaves != right->leaves)
		return left->leaves ? 1 : -1;
	return (left->flight > right->flight) - (left->flight < right->flight);
}

static void count_event(struct trace *trace, uint32_t mix)
{
	if (mix != ENTROPY_OUTSIDE)
		trace->mix[mix].events++;
}

static void put_event(struct trace *trace, uint32_t mix, uint32_t flight, uint64_t at_ns,
		      bool leaves)
{
	if (mix != ENTROPY_OUTSIDE)
		trace->mix[mix].event[trace->mix[mix].events++] =
			(struct event){.at_ns = at_ns, .flight = flight, .leaves = leaves};
}

/* Lays out the events of all mixes in trace->event, each mix's in order. */
static void put_events(struct trace *trace)
{
	const struct entropy_seen *seen = trace->seen;
	struct event *next = trace->event;

	for (uint32_t i = 0; i < seen->flights; i++) {
		count_event(trace, seen->flight[i].from);
		count_event(trace, seen->flight[i].to);
	}
	for (uint32_t m = 0; m < seen->mixes; m++) {
		trace->mix[m].event = next;
		next += trace->mix[m].events;
		trace->mix[m].events = 0;
	}
	for (uint32_t i = 0; i < seen->flights; i++) {
		const struct entropy_flight *flight = &seen->flight[i];

		put_event(trace, flight->from, i, flight->left_ns, true);
		put_event(trace, flight->to, i, flight->came_ns, false);
	}
	for (uint32_t m = 0; m < seen->mixes; m++)
		qsort(trace->mix[m].event, trace->mix[m].events, sizeof(struct event),
		      compare_events);
}

/* Sets how many are held after each event, and the places of leavings. -EDOM: fewer than none. */
static int count_held(struct entropy *entropy, struct trace *trace)
{
	for (uint32_t m = 0; m < trace->seen->mixes; m++) {
		struct mix *mix = &trace->mix[m];
		uint32_t held = 0;

		mix->first = UINT32_MAX;
		for (uint32_t i = 0; i < mix->events; i++) {
			struct event *event = &mix->event[i];

			if (event->leaves && held == 0) {
				entropy->broken_mix = m;
				entropy->broken_at_ns = event->at_ns;
				return -EDOM;
			}
			event->held = held += event->leaves ? -1 : 1;
			if (event->leaves)
				trace->place[event->flight] = i;
		}
	}
	return 0;
}

/* ---- What is measured ---- */

/* The time in which packets entered. */
struct span {
	uint64_t from_ns, to_ns;
};

static struct span count_entered(struct entropy *entropy, const struct entropy_seen *seen)
{
	struct span span = {.from_ns = UINT64_MAX};

	for (uint32_t i = 0; i < seen->flights; i++) {
		const struct entropy_flight *flight = &seen->flight[i];

		if (flight->from == ENTROPY_OUTSIDE && flight->to != ENTROPY_OUTSIDE) {
			entropy->entered++;
			entropy->strays += seen->layer[flight->to] != 1;
			if (flight->came_ns < span.from_ns)
				span.from_ns = flight->came_ns;
			if (flight->came_ns > span.to_ns)
				span.to_ns = flight->came_ns;
		} else if (flight->to == ENTROPY_OUTSIDE && flight->from != ENTROPY_OUTSIDE) {
			entropy->strays += seen->layer[flight->from] != seen->layers;
		}
	}
	return span;
}

static const struct event *event_of(const struct trace *trace, uint32_t flight)
{
	const struct mix *mix = &trace->mix[trace->seen->flight[flight].from];

	return &mix->event[trace->place[flight]];
}

static int compare_messages(const void *a, const void *b, void *context)
{
	const struct event *left = event_of(context, *(const uint32_t *)a);
	const struct event *right = event_of(context, *(const uint32_t *)b);

	return compare_events(left, right);
}

static void choose_messages(struct trace *trace, const struct span *span)
{
	const struct entropy_seen *seen = trace->seen;

	for (uint32_t i = 0; i < seen->flights; i++) {
		const struct entropy_flight *flight = &seen->flight[i];

		if (flight->from != ENTROPY_OUTSIDE && flight->to == ENTROPY_OUTSIDE &&
		    seen->layer[flight->from] == seen->layers && flight->left_ns >= span->from_ns &&
		    flight->left_ns <= span->to_ns)
			trace->message[trace->messages++] = i;
	}
	qsort_r(trace->message, trace->messages, sizeof(trace->message[0]), compare_messages,
		trace);
}

/* The number held by a mix, averaged over a time. */
static double mean_held(const struct mix *mix, const struct span *span)
{
	uint64_t from_ns = span->from_ns;
	uint32_t held = 0;
	double sum = 0;

	for (uint32_t i = 0; i < mix->events && mix->event[i].at_ns <= span->to_ns; i++) {
		if (mix->event[i].at_ns > from_ns) {
			sum += (double)(mix->event[i].at_ns - from_ns) * held;
			from_ns = mix->event[i].at_ns;
		}
		held = mix->event[i].held;
	}
	sum += (double)(span->to_ns - from_ns) * held;
	return sum / (double)(span->to_ns - span->from_ns);
}

static double least_held(const struct trace *trace, const struct span *span)
{
	double least = INFINITY;

	for (uint32_t m = 0; m < trace->seen->mixes; m++)
		least = fmin(least, mean_held(&trace->mix[m], span));
	return least;
}

/* ---- Tracing ---- */

/* The group may have left its mix by this flight. */
static void touch(struct trace *trace, uint32_t flight)
{
	struct mix *mix = &trace->mix[trace->seen->flight[flight].from];
	uint32_t place = trace->place[flight];

	if (mix->first > mix->last || place < mix->first)
		mix->first = place;
	if (place > mix->last)
		mix->last = place;
}

static double largest(const struct mass *mass)
{
	double largest = 0;

	for (unsigned lane = 0; lane < LANES; lane++)
		largest = mass->lane[lane] > largest ? mass->lane[lane] : largest;
	return largest;
}

/* The share of the pool that is the packet which comes, one of `held`. */
static void come(struct trace *trace, struct mass *pool, uint32_t flight, uint32_t held)
{
	double share = 1.0 / held;
	struct mass came;

	for (unsigned lane = 0; lane < LANES; lane++) {
		came.lane[lane] = pool->lane[lane] * share;
		pool->lane[lane] -= came.lane[lane];
	}
	if (trace->seen->flight[flight].from != ENTROPY_OUTSIDE) {
		trace->mass[flight] = came;
		touch(trace, flight);
		return;
	}
	for (unsigned lane = 0; lane < LANES; lane++) {
		if (came.lane[lane] > 0)
			trace->bits.lane[lane] -= came.lane[lane] * log2(came.lane[lane]);
	}
}

/* Takes the group back through one mix. */
static void trace_mix(struct trace *trace, struct mix *mix)
{
	struct mass pool = {{0}};

	if (mix->first > mix->last)
		return;
	for (uint32_t i = mix->last + 1; i-- > 0;) {
		const struct event *event = &mix->event[i];

		if (event->leaves) {
			struct mass *mass = &trace->mass[event->flight];

			for (unsigned lane = 0; lane < LANES; lane++)
				pool.lane[lane] += mass->lane[lane];
			memset(mass, 0, sizeof(*mass));
			continue;
		}
		if (i < mix->first && largest(&pool) < NEGLIGIBLE)
			break;
		come(trace, &pool, event->flight, event->held);
	}
	mix->first = UINT32_MAX;
	mix->last = 0;
}

/* Sets trace->bits for n messages from message[0]. */
static void trace_group(struct trace *trace, const uint32_t *message, unsigned n)
{
	memset(&trace->bits, 0, sizeof(trace->bits));
	for (unsigned lane = 0; lane < n; lane++) {
		trace->mass[message[lane]].lane[lane] = 1;
		touch(trace, message[lane]);
	}
	for (unsigned layer = trace->seen->layers; layer > 0; layer--) {
		for (uint32_t m = 0; m < trace->seen->mixes; m++) {
			if (trace->seen->layer[m] == layer)
				trace_mix(trace, &trace->mix[m]);
		}
	}
}

static void trace_all(struct entropy *entropy, struct trace *trace)
{
	uint32_t groups = (trace->messages + LANES - 1) / LANES;
	uint32_t traced = groups < ENTROPY_MESSAGES / LANES ? groups : ENTROPY_MESSAGES / LANES;
	double sum = 0;

	entropy->least_bits = INFINITY;
	for (uint32_t i = 0; i < traced; i++) {
		uint32_t from = (uint32_t)((uint64_t)i * groups / traced) * LANES;
		uint32_t left = trace->messages - from;
		unsigned n = left < LANES ? left : LANES;

		trace_group(trace, trace->message + from, n);
		for (unsigned lane = 0; lane < n; lane++) {
			sum += trace->bits.lane[lane];
			entropy->least_bits = fmin(entropy->least_bits, trace->bits.lane[lane]);
		}
		entropy->messages += n;
	}
	entropy->bits = sum / entropy->messages;
}

static int trace_alloc(struct trace *trace, const struct entropy_seen *seen)
{
	trace->seen = seen;
	trace->event = calloc((size_t)seen->flights * 2 + 1, sizeof(*trace->event));
	trace->mix = calloc((size_t)seen->mixes + 1, sizeof(*trace->mix));
	trace->place = calloc((size_t)seen->flights + 1, sizeof(*trace->place));
	trace->message = calloc((size_t)seen->flights + 1, sizeof(*trace->message));
	trace->mass = calloc((size_t)seen->flights + 1, sizeof(*trace->mass));
	return trace->event && trace->mix && trace->place && trace->message && trace->mass
		       ? 0
		       : -ENOMEM;
}

int entropy_measure(struct entropy *entropy, const struct entropy_seen *seen)
{
	double settle_ns = ENTROPY_SETTLE * seen->layers * seen->mean_s * NS;
	struct trace trace = {0};
	struct span span;
	int rc = trace_alloc(&trace, seen);

	memset(entropy, 0, sizeof(*entropy));
	if (rc != 0)
		goto out;
	put_events(&trace);
	rc = count_held(entropy, &trace);
	if (rc != 0)
		goto out;
	span = count_entered(entropy, seen);
	if (entropy->entered < 2 || (double)(span.to_ns - span.from_ns) <= settle_ns)
		goto out;
	entropy->rate_pps = (entropy->entered - 1) * NS / (double)(span.to_ns - span.from_ns);
	entropy->law_bits = entropy_law(entropy->rate_pps, seen->mean_s, seen->layers);
	span.from_ns += (uint64_t)settle_ns;
	choose_messages(&trace, &span);
	entropy->least_held = least_held(&trace, &span);
	if (trace.messages > 0)
		trace_all(entropy, &trace);
out:
	free(trace.event);
	free(trace.mix);
	free(trace.place);
	free(trace.message);
	free(trace.mass);
	return rc;
}
