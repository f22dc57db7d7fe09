/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See joining.h.
 */
#include "joining.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "advance.h"
#include "notify.h"

#define LOOK_MS 250 /* between two looks at the topology file */
#define LOOKS   20  /* until it is read again, since time may have made it good */

static uint64_t wall_s(void)
{
	return lm_clock_wall_us() / 1000000;
}

/* Opens the documents and finds this node in the one that is in force. */
static int find_node(struct relay *relay, enum relay_purpose purpose, struct lm_error *err)
{
	const struct node_config *config = &relay->config->node;
	bool runs = purpose == RELAY_RUN;
	uint64_t now_s = relay_is_own_time(purpose) ? DOCUMENTS_OWN_TIME : wall_s();
	struct documents_target target;
	struct lm_error warn;
	int rc = documents_open(&relay->documents, config->topology, runs ? config->state : "",
				&config->authorities, now_s, &warn, err);

	if (rc != 0)
		return rc;
	if (warn.text[0] != '\0')
		fprintf(stderr, "linemix-relay: warning: %s; the last good topology goes on\n",
			warn.text);
	target = documents_target(&relay->documents, now_s);
	documents_go(&relay->documents, target.topology);
	relay->topology = target.topology;
	relay->epoch = target.epoch;
	relay->node = lm_topology_find(relay->topology, (uint32_t)config->node);
	if (relay->node)
		return 0;
	return lm_error_set(err, ENOENT, "%s: has no node %u: is `node` in the config right?",
			    config->topology, (unsigned)config->node);
}

/* Nobody has confirmed the clock yet: documents alone say which epochs are over. */
static int publish(const struct relay *relay, struct lm_error *err)
{
	uint32_t first = (uint32_t)relay->config->publish.first_epoch;
	struct publish_time time = {first, first, wall_s()};

	if (relay->topology) {
		const struct advance advance = {
			.epoch = relay->epoch,
			.newest = documents_newest(&relay->documents)->epoch,
			.span_us = UINT64_MAX,
		};

		time.epoch = relay->epoch;
		time.sure = advance_sure(&advance, relay->epoch);
	}
	return publish_update(&relay->publish, relay->node, &time, err);
}

/* Until another file has come, or the time, or a while has passed; all is to be read anew then. */
static void nap(struct relay *relay, uint64_t begins_s)
{
	for (unsigned i = 0; i < LOOKS && wall_s() < begins_s; i++) {
		if (documents_changed(&relay->documents))
			break;
		notify_alive();
		(void)poll(NULL, 0, LOOK_MS);
	}
	documents_close(&relay->documents);
	relay->topology = NULL;
	relay->node = NULL;
}

/* When the document begins, if that is to be waited for, and a message; 0: it is in force. */
static uint64_t too_early(const struct relay *relay, struct lm_error *err)
{
	uint64_t now_s = wall_s(), begins_s = documents_wait_s(&relay->documents, now_s);
	char begins[LM_TOPOLOGY_TIME];

	if (begins_s == 0)
		return 0;
	lm_topology_format_time(begins, begins_s);
	(void)lm_error_set(err, EAGAIN,
			   "waits for epoch %" PRIu32
			   ", which begins %s: the topology of the epoch "
			   "before, by which others still go, is not here%s",
			   relay->topology->epoch, begins,
			   relay->config->node.state[0] == '\0'
				   ? "; with `state` in the config a restart finds it"
				   : "");
	return begins_s;
}

/* What to wait for: until a time, or UINT64_MAX: for another document; 0: nothing, go on with rc.
 */
static uint64_t wait_for(const struct relay *relay, int rc, struct lm_error *err)
{
	if (rc == 0)
		return too_early(relay, err);
	if (!relay->publish.identity || !documents_may_come(&relay->documents, rc))
		return 0;
	lm_error_prefix(err, "waits to be listed");
	return UINT64_MAX;
}

int joining_load(struct relay *relay, enum relay_purpose purpose, struct lm_error *err)
{
	char told[sizeof(err->text)] = "";

	for (;;) {
		int rc = find_node(relay, purpose, err);
		uint64_t until_s = purpose == RELAY_RUN ? wait_for(relay, rc, err) : 0;

		if (rc != 0 && until_s == 0)
			return rc;
		if (until_s > 0 && strcmp(told, err->text) != 0) {
			fprintf(stderr, "linemix-relay: %s\n", err->text);
			notify_waiting(err->text);
			snprintf(told, sizeof(told), "%s", err->text);
		}
		rc = purpose == RELAY_RUN ? publish(relay, err) : 0;
		if (rc != 0 || until_s == 0)
			return rc;
		nap(relay, until_s);
	}
}
