/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See calendar.h.
 */
#include "calendar.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define US UINT64_C(1000000)
#define NS 1000u /* of a microsecond */

static unsigned load(const unsigned *counter)
{
	return __atomic_load_n(counter, __ATOMIC_ACQUIRE);
}

static void store(unsigned *counter, unsigned value)
{
	__atomic_store_n(counter, value, __ATOMIC_RELEASE);
}

static int find_self(const struct lm_topology_node **self, const struct lm_topology *topology,
		     uint32_t node, struct lm_error *err)
{
	*self = lm_topology_find(topology, node);
	if (!*self)
		return lm_error_set(err, ENOENT, "node: there is no node %u in epoch %u", node,
				    topology->epoch);
	if ((*self)->role != LM_TOPOLOGY_GATEWAY)
		return lm_error_set(err, EINVAL,
				    "node: node %u is a mix in epoch %u; the generator must be a "
				    "gateway",
				    node, topology->epoch);
	return 0;
}

int calendar_init(struct calendar *calendar, struct lm_topology *topology, uint32_t node,
		  struct lm_error *err)
{
	const struct lm_topology_node *self;
	int rc = find_self(&self, topology, node, err);

	if (rc != 0)
		return rc;
	memset(calendar, 0, sizeof(*calendar));
	calendar->node = node;
	calendar->document[0] = (struct calendar_document){.topology = topology, .self = self};
	store(&calendar->documents, 1);
	calendar_start(calendar, 0);
	return 0;
}

static void free_document(struct calendar_document *document)
{
	free(document->view);
	lm_topology_free(document->topology);
	memset(document, 0, sizeof(*document));
}

void calendar_free(struct calendar *calendar)
{
	for (unsigned i = 0; i < calendar->documents; i++)
		free_document(&calendar->document[i]);
	calendar->documents = 0;
}

void calendar_start(struct calendar *calendar, uint64_t start_us)
{
	calendar->start_us = start_us;
	calendar->span[0] = (struct calendar_span){
		.document = &calendar->document[0],
		.epoch = calendar->document[0].topology->epoch,
		.phase = LM_TOPOLOGY_MIDDLE,
	};
	store(&calendar->spans, 1);
}

void calendar_restart(struct calendar *calendar, uint64_t start_us, uint64_t path_us)
{
	const struct calendar_document *in_force;
	unsigned first, kept;

	(void)calendar_epoch(calendar, start_us ? start_us : UINT64_MAX, &in_force);
	first = (unsigned)(in_force - calendar->document);
	kept = calendar->documents - first;
	for (unsigned i = 0; i < first; i++)
		free_document(&calendar->document[i]);
	memmove(calendar->document, in_force, kept * sizeof(calendar->document[0]));
	memset(&calendar->document[kept], 0, first * sizeof(calendar->document[0]));
	store(&calendar->documents, kept);
	calendar->path_us = path_us;
	calendar_start(calendar, start_us);
}

int calendar_check(const struct calendar *calendar, const struct lm_topology *topology,
		   uint64_t now_us, const char *name, struct lm_error *err)
{
	const struct lm_topology *known = calendar_newest(calendar)->topology;

	if (memcmp(topology->hash.b, known->hash.b, sizeof(known->hash.b)) == 0)
		return 1;
	if (lm_topology_succeeds(topology, known, now_us / US, name, err) != LM_SUCCESSION_TAKEN)
		return -EINVAL;
	if (topology->profile != known->profile)
		return lm_error_set(err, EINVAL, "%s: it is of profile %u, and the run of %u", name,
				    topology->profile, known->profile);
	return 0;
}

int calendar_add(struct calendar *calendar, struct lm_topology *topology, struct view *view,
		 struct lm_error *err)
{
	unsigned n = calendar->documents;
	const struct lm_topology_node *self;
	int rc = find_self(&self, topology, calendar->node, err);

	if (rc != 0)
		return rc;
	if (n == CALENDAR_DOCUMENTS)
		return lm_error_set(err, ENOSPC, "more than %u documents in one run", n);
	calendar->document[n] =
		(struct calendar_document){.topology = topology, .self = self, .view = view};
	store(&calendar->documents, n + 1);
	return 0;
}

const struct calendar_document *calendar_newest(const struct calendar *calendar)
{
	return &calendar->document[load(&calendar->documents) - 1];
}

bool calendar_may_send(const struct calendar *calendar, uint32_t id)
{
	for (unsigned i = load(&calendar->documents); i-- > 0;) {
		const struct calendar_document *document = &calendar->document[i];
		const struct lm_topology_node *from = lm_topology_find(document->topology, id);

		if (from && lm_topology_may_follow(document->topology, from, document->self))
			return true;
	}
	return false;
}

uint32_t calendar_epoch(const struct calendar *calendar, uint64_t at_us,
			const struct calendar_document **document)
{
	unsigned i = load(&calendar->documents) - 1;

	while (i > 0 && calendar->document[i].topology->from_s * US > at_us)
		i--;
	*document = &calendar->document[i];
	return (*document)->topology->epoch + (at_us >= (*document)->topology->until_s * US);
}

/* When an epoch ends that goes by a document, its own or, for want of one, the one before. */
static uint64_t epoch_ends_us(const struct lm_topology *topology, uint32_t epoch)
{
	uint64_t span_s = topology->until_s - topology->from_s;

	return (topology->until_s + (epoch > topology->epoch ? span_s : 0)) * US;
}

/* What is right for a packet that is due then. */
static struct calendar_span span_at(const struct calendar *calendar, uint64_t due_us)
{
	struct calendar_span span = {0};
	uint32_t epoch = calendar_epoch(calendar, due_us, &span.document);
	uint64_t skew_us = lm_topology_skew_us(span.document->topology);

	span.epoch = calendar_epoch(calendar, due_us - skew_us, &span.document);
	/* it may have ended, and not be gone over from yet */
	span.phase = epoch == span.epoch && due_us < epoch_ends_us(span.document->topology, epoch)
			     ? lm_topology_phase_at(span.document->topology, epoch, due_us,
						    calendar->path_us + skew_us)
			     : LM_TOPOLOGY_ENDING;
	return span;
}

/*
 * Of a packet that is due after the end of its document: when the epoch begins in which it is due,
 * as far as epochs can be counted from that document. Each may still get one of its own.
 */
static uint64_t epoch_begins_us(const struct calendar_span *span, uint64_t due_us)
{
	const struct lm_topology *topology = span->document->topology;
	uint64_t until_us = topology->until_s * US, span_us = until_us - topology->from_s * US;

	return due_us - (due_us - lm_topology_skew_us(topology) - until_us) % span_us;
}

static bool same_span(const struct calendar_span *a, const struct calendar_span *b)
{
	return a->document == b->document && a->epoch == b->epoch && a->phase == b->phase;
}

bool calendar_ready(struct calendar *calendar, uint32_t seq, uint64_t due_ns, uint64_t now_us)
{
	struct calendar_span *last = &calendar->span[calendar->spans - 1], span;
	uint64_t due_us = calendar->start_us + due_ns / NS;

	if (calendar->start_us == 0)
		return true;
	span = span_at(calendar, due_us);
	if (span.epoch > span.document->topology->epoch &&
	    now_us + CALENDAR_LATEST_US < epoch_begins_us(&span, due_us))
		return false;
	if (same_span(&span, last))
		return true;
	span.first = seq;
	if (seq == last->first) { /* nothing was built for the last one */
		*last = span;
		return true;
	}
	if (calendar->spans == CALENDAR_SPANS)
		return true; /* goes on as it is: bounded, and far beyond any run */
	calendar->span[calendar->spans] = span;
	store(&calendar->spans, calendar->spans + 1);
	return true;
}

const struct calendar_span *calendar_find(const struct calendar *calendar, uint32_t seq)
{
	unsigned i = load(&calendar->spans) - 1;

	while (i > 0 && calendar->span[i].first > seq)
		i--;
	return &calendar->span[i];
}
