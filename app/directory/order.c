/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One document after another (files.h): the rules of lib/topology/FORMAT.md, "What a reader takes".
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "files.h"

struct order {
	const struct lm_topology *topology, *previous;
	const char *name;
	lm_mistake_fn *take;
	void *context;
	unsigned mistakes;
};

static void say(struct order *order, const char *format, ...) LM_PRINTF(2, 3);
static void say(struct order *order, const char *format, ...)
{
	struct lm_error message;
	int n = snprintf(message.text, sizeof(message.text), "%s: ", order->name);
	va_list args;

	if (n < 0 || (size_t)n >= sizeof(message.text))
		n = 0;
	va_start(args, format);
	vsnprintf(message.text + n, sizeof(message.text) - (size_t)n, format, args);
	va_end(args);
	order->mistakes++;
	order->take(order->context, message.text);
}

static bool same(const void *a, const void *b)
{
	return memcmp(a, b, 32) == 0;
}

static void check_time(struct order *order, uint64_t at_s)
{
	const struct lm_topology *topology = order->topology;
	uint64_t span_s = topology->until_s - topology->from_s;
	char text[LM_TOPOLOGY_TIME];

	if (topology->from_s > at_s + span_s) {
		lm_topology_format_time(text, topology->from_s);
		say(order,
		    "from: is from the future; it begins at %s, more than one epoch from then",
		    text);
	}
	if (at_s > topology->until_s + span_s) {
		lm_topology_format_time(text, topology->until_s);
		say(order, "until: has expired; it ended at %s, more than one epoch before then",
		    text);
	}
}

static void check_chain(struct order *order)
{
	const struct lm_topology *topology = order->topology, *previous = order->previous;
	char mine[65], theirs[65];

	if (!same(&topology->previous, &previous->hash)) {
		lm_hex_encode(mine, topology->previous.b, 32);
		lm_hex_encode(theirs, previous->hash.b, 32);
		say(order, "previous: is %.16s.., but the document before has hash %.16s..", mine,
		    theirs);
	}
	if (topology->from_s != previous->until_s) {
		char from[LM_TOPOLOGY_TIME], until[LM_TOPOLOGY_TIME];

		lm_topology_format_time(from, topology->from_s);
		lm_topology_format_time(until, previous->until_s);
		say(order, "from: is %s, but the document before ends at %s", from, until);
	}
}

/* What the document before has said of a node holds. */
static void check_node(struct order *order, const struct lm_topology_node *node,
		       const struct lm_topology_node *before)
{
	uint64_t last = (uint64_t)order->previous->epoch + LM_TOPOLOGY_KEYS;

	if (!same(&node->identity, &before->identity))
		say(order,
		    "node %" PRIu32 ": had another identity in the document before; an id is never "
		    "given to another node",
		    node->id);
	for (uint64_t epoch = order->topology->epoch; epoch < last; epoch++)
		if (!same(lm_topology_key(node, (uint8_t)epoch),
			  lm_topology_key(before, (uint8_t)epoch)))
			say(order,
			    "node %" PRIu32 ": the key of epoch %" PRIu64
			    " is not the one that the document before has promised",
			    node->id, epoch);
}

/* All that the rules say, each on its own. */
static void check_all(struct order *order, uint64_t at_s)
{
	const struct lm_topology *topology = order->topology, *previous = order->previous;

	check_time(order, at_s);
	if (!previous)
		return;
	if (topology->epoch <= previous->epoch) {
		say(order,
		    "epoch: is %" PRIu32 ", but the document before is of epoch %" PRIu32
		    "; a later one",
		    topology->epoch, previous->epoch);
		return;
	}
	if (topology->epoch == previous->epoch + 1)
		check_chain(order);
	for (unsigned i = 0; i < topology->nodes; i++) {
		const struct lm_topology_node *before =
			lm_topology_find(previous, topology->node[i].id);

		if (before)
			check_node(order, &topology->node[i], before);
	}
}

unsigned order_explain(const struct lm_topology *topology, const struct lm_topology *previous,
		       uint64_t at_s, const char *name, lm_mistake_fn *take, void *context)
{
	struct order order = {topology, previous, name, take, context, 0};
	struct lm_error err;

	if (previous && same(&topology->hash, &previous->hash))
		return 0; /* the one in force, however old */
	check_all(&order, at_s);
	/* What a reader has against it is said in any case. */
	if (order.mistakes == 0 &&
	    lm_topology_succeeds(topology, previous, at_s, name, &err) != LM_SUCCESSION_TAKEN) {
		order.mistakes++;
		take(context, err.text);
	}
	return order.mistakes;
}
