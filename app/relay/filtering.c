/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See filtering.h.
 */
#include "filtering.h"

#include <errno.h>

static bool wanted(const struct run *run)
{
	const struct relay *relay = run->relay;

	return !run->feed && relay->node->role == LM_TOPOLOGY_MIX && /* a gateway takes anybody's */
	       relay->config->hardware_filter == CONFIG_FILTER_AUTO;
}

/* A driver that makes rules through the kernel could not change them in the sandbox. */
static int check_sandbox(const struct relay *relay, struct lm_error *err)
{
	if (relay->port.ifindex == 0 || !relay->config->sandbox)
		return 0;
	return lm_error_set(err, EPERM,
			    "this driver asks the kernel for rules, which the sandbox forbids; "
			    "sandbox: false allows it");
}

static void tell_none(const struct relay *relay, const char *since, const struct lm_error *err)
{
	fprintf(stderr,
		"linemix-relay: node %u: no port.hardware_filter%s: the NIC takes no such rules "
		"(%s); the CPUs drop what is foreign\n",
		relay->node->id, since, err->text);
}

static void begin(struct run *run, const struct view *view)
{
	struct relay *relay = run->relay;
	struct lm_error err;
	int rc;

	relay->filter_port = (struct filter_port){.id = relay->port.id,
						  .queues = relay->workers,
						  .rss = relay->port.rss};
	rc = filter_open(&relay->filter, &filter_flow_ops, &relay->filter_port, view, &err);
	if (rc == 0 && check_sandbox(relay, &err) != 0) {
		(void)filter_close(&relay->filter);
		rc = -EPERM;
	}
	if (rc != 0)
		tell_none(relay, "", &err);
}

void filtering_prepare(struct run *run, const struct view *view)
{
	struct relay *relay = run->relay;
	bool first = relay->shared.view == NULL;
	struct lm_error err;

	if (first && wanted(run))
		begin(run, view);
	if (filter_prepare(&relay->filter, view, &err) != 0)
		tell_none(relay, first ? "" : " any more", &err);
	else if (first && relay->filter.n > 0)
		fprintf(stderr, "linemix-relay: node %u: port.hardware_filter: %u rules\n",
			relay->node->id, relay->filter.n);
}
