/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See entropy.h. Each mix has its events in order of time, each with the number of packets held
 * after it. A group of messages is traced at once, a lane each: layer by layer from the last, the
 * mixes of a layer one by one, back over the events from the last one that touches the group. The
 * probability that a packet is the message, its mass, waits at the event at which it left a mix,
 * until that mix is traced. Events and masses lie in the order in which they are walked: the time
 * goes into reading them.
 */
#include "entropy.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "progress.h"

#define LANES      8
#define NEGLIGIBLE 1e-8 /* probability that is left where the tracing ends */
#define NS         1e9
#define EULER      0.57721566490153286

/* A packet comes to a mix or leaves it. */
struct event {
	uint64_t at_ns;
	uint32_t flight;
	uint32_t held;       /* after it */
	uint32_t source;     /* of a coming: the event at which the packet left the mix before */
	uint32_t source_mix; /* and that mix; ENTROPY_OUTSIDE: it entered here */
	bool leaves;
};

struct mix {
	uint32_t first_event, events; /* in trace->event */
	uint32_t from, to;            /* leavings of the group lie at from .. to; none: from > to */
};

struct mass {
	double lane[LANES];
};

struct trace {
	const struct entropy_seen *seen;
	struct event *event; /* of all mixes, one mix after the other */
	struct mass *mass;   /* by event */
	struct mix *mix;
	uint32_t *left;    /* by flight: the event at which it left a mix */
	uint32_t *message; /* events at which packets left the last layer, in time */
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

static void put_event(struct trace *trace, uint32_t m, uint32_t flight, uint64_t at_ns, bool leaves)
{
	struct mix *mix;

	if (m == ENTROPY_OUTSIDE)
		return;
	mix = &trace->mix[m];
	trace->event[mix->first_event + mix->events++] =
		(struct event){.at_ns = at_ns, .flight = flight, .leaves = leaves};
}

/* Lays out the events of all mixes, each mix's in order of time. */
static void put_events(struct trace *trace)
{
	const struct entropy_seen *seen = trace->seen;
	uint32_t next = 0;

	for (uint32_t i = 0; i < seen->flights; i++) {
		count_event(trace, seen->flight[i].from);
		count_event(trace, seen->flight[i].to);
	}
	for (uint32_t m = 0; m < seen->mixes; m++) {
		trace->mix[m].first_event = next;
		next += trace->mix[m].events;
		trace->mix[m].events = 0;
	}
	for (uint32_t i = 0; i < seen->flights; i++) {
		const struct entropy_flight *flight = &seen->flight[i];

		put_event(trace, flight->from, i, flight->left_ns, true);
		put_event(trace, flight->to, i, flight->came_ns, false);
	}
	for (uint32_t m = 0; m < seen->mixes; m++)
		qsort(&trace->event[trace->mix[m].first_event], trace->mix[m].events,
		      sizeof(struct event), compare_events);
}

/* Sets how many are held after each event of a mix. -EDOM: fewer than none. */
static int count_held(struct entropy *entropy, struct trace *trace, uint32_t m)
{
	struct mix *mix = &trace->mix[m];
	uint32_t held = 0;

	mix->from = UINT32_MAX;
	for (uint32_t i = mix->first_event; i < mix->first_event + mix->events; i++) {
		struct event *event = &trace->event[i];

		if (event->leaves && held == 0) {
			entropy->broken_mix = m;
			entropy->broken_at_ns = event->at_ns;
			return -EDOM;
		}
		held += event->leaves ? -1 : 1;
		event->held = held;
		if (event->leaves)
			trace->left[event->flight] = i;
	}
	return 0;
}

/* Joins each coming with the leaving at the other end of its link. */
static void join_events(struct trace *trace)
{
	for (uint32_t m = 0; m < trace->seen->mixes; m++) {
		const struct mix *mix = &trace->mix[m];

		for (uint32_t i = mix->first_event; i < mix->first_event + mix->events; i++) {
			struct event *event = &trace->event[i];

			event->source = trace->left[event->flight];
			event->source_mix = trace->seen->flight[event->flight].from;
		}
	}
}

static int make_events(struct entropy *entropy, struct trace *trace)
{
	int rc = 0;

	put_events(trace);
	for (uint32_t m = 0; m < trace->seen->mixes && rc == 0; m++)
		rc = count_held(entropy, trace, m);
	if (rc == 0)
		join_events(trace);
	return rc;
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

static int compare_messages(const void *a, const void *b, void *context)
{
	const struct event *event = context;

	return compare_events(&event[*(const uint32_t *)a], &event[*(const uint32_t *)b]);
}

static void choose_messages(struct trace *trace, const struct span *span)
{
	const struct entropy_seen *seen = trace->seen;

	for (uint32_t i = 0; i < seen->flights; i++) {
		const struct entropy_flight *flight = &seen->flight[i];

		if (flight->from != ENTROPY_OUTSIDE && flight->to == ENTROPY_OUTSIDE &&
		    seen->layer[flight->from] == seen->layers && flight->left_ns >= span->from_ns &&
		    flight->left_ns <= span->to_ns)
			trace->message[trace->messages++] = trace->left[i];
	}
	qsort_r(trace->message, trace->messages, sizeof(trace->message[0]), compare_messages,
		trace->event);
}

/* The number held by a mix, averaged over a time. */
static double mean_held(const struct event *event, uint32_t events, const struct span *span)
{
	uint64_t from_ns = span->from_ns;
	uint32_t held = 0;
	double sum = 0;

	for (uint32_t i = 0; i < events && event[i].at_ns <= span->to_ns; i++) {
		if (event[i].at_ns > from_ns) {
			sum += (double)(event[i].at_ns - from_ns) * held;
			from_ns = event[i].at_ns;
		}
		held = event[i].held;
	}
	sum += (double)(span->to_ns - from_ns) * held;
	return sum / (double)(span->to_ns - span->from_ns);
}

static double least_held(const struct trace *trace, const struct span *span)
{
	double least = INFINITY;

	for (uint32_t m = 0; m < trace->seen->mixes; m++)
		least = fmin(least, mean_held(&trace->event[trace->mix[m].first_event],
					      trace->mix[m].events, span));
	return least;
}

/* ---- Tracing ---- */

/* The group may have left a mix at this event. */
static void touch(struct mix *mix, uint32_t event)
{
	if (mix->from > mix->to || event < mix->from)
		mix->from = event;
	if (event > mix->to)
		mix->to = event;
}

static double largest(const struct mass *mass)
{
	double largest = 0;

	for (unsigned lane = 0; lane < LANES; lane++)
		largest = mass->lane[lane] > largest ? mass->lane[lane] : largest;
	return largest;
}

/* The share of the pool that is the packet which comes, one of those held then. */
static void come(struct trace *trace, struct mass *pool, const struct event *event)
{
	double share = 1.0 / event->held;
	struct mass came;

	for (unsigned lane = 0; lane < LANES; lane++) {
		came.lane[lane] = pool->lane[lane] * share;
		pool->lane[lane] -= came.lane[lane];
	}
	if (event->source_mix != ENTROPY_OUTSIDE) {
		trace->mass[event->source] = came;
		touch(&trace->mix[event->source_mix], event->source);
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

	if (mix->from > mix->to)
		return;
	for (uint32_t i = mix->to + 1; i-- > mix->first_event;) {
		struct mass *mass = &trace->mass[i];

		if (i < mix->from && largest(&pool) < NEGLIGIBLE)
			break;
		if (!trace->event[i].leaves) {
			come(trace, &pool, &trace->event[i]);
			continue;
		}
		if (i < mix->from)
			continue;
		for (unsigned lane = 0; lane < LANES; lane++)
			pool.lane[lane] += mass->lane[lane];
		memset(mass, 0, sizeof(*mass));
	}
	mix->from = UINT32_MAX;
	mix->to = 0;
}

/* Sets trace->bits for n messages from message[0]. */
static void trace_group(struct trace *trace, const uint32_t *message, unsigned n)
{
	memset(&trace->bits, 0, sizeof(trace->bits));
	for (unsigned lane = 0; lane < n; lane++) {
		trace->mass[message[lane]].lane[lane] = 1;
		touch(&trace->mix[trace->event[message[lane]].source_mix], message[lane]);
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
	struct progress progress;
	double sum = 0;

	progress_start(&progress, "tracing messages");
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
		progress_show(&progress, i, traced);
	}
	progress_end(&progress);
	entropy->bits = sum / entropy->messages;
}

static int trace_alloc(struct trace *trace, const struct entropy_seen *seen)
{
	trace->seen = seen;
	trace->event = calloc((size_t)seen->flights * 2 + 1, sizeof(*trace->event));
	trace->mass = calloc((size_t)seen->flights * 2 + 1, sizeof(*trace->mass));
	trace->mix = calloc((size_t)seen->mixes + 1, sizeof(*trace->mix));
	trace->left = calloc((size_t)seen->flights + 1, sizeof(*trace->left));
	trace->message = calloc((size_t)seen->flights + 1, sizeof(*trace->message));
	return trace->event && trace->mass && trace->mix && trace->left && trace->message ? 0
											  : -ENOMEM;
}

int entropy_measure(struct entropy *entropy, const struct entropy_seen *seen)
{
	double settle_ns = ENTROPY_SETTLE * seen->layers * seen->mean_s * NS;
	struct trace trace = {0};
	struct span span;
	int rc = trace_alloc(&trace, seen);

	memset(entropy, 0, sizeof(*entropy));
	if (rc == 0)
		rc = make_events(entropy, &trace);
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
	free(trace.mass);
	free(trace.mix);
	free(trace.left);
	free(trace.message);
	return rc;
}
