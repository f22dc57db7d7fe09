/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See truth_command.h.
 */
#include "truth_command.h"

#include <errno.h>
#include <string.h>

#include "capture.h"
#include "relay_capture.h"
#include "truth_report.h"

/* A capture that is being read. */
struct reading {
	struct truth *truth;
	uint32_t place; /* of the node that it was taken at */
};

static int take(void *context, uint64_t at_ns, const uint8_t *frame, size_t len,
		struct lm_error *err)
{
	struct reading *reading = context;

	return truth_frame(reading->truth, reading->place, at_ns, frame, len, err);
}

static int read_at(struct truth *truth, const struct lm_topology_node *node, const char *path,
		   struct lm_error *err)
{
	struct reading reading = {.truth = truth,
				  .place = (uint32_t)(node - truth->topology->node)};

	return capture_read(path, take, &reading, err);
}

static int read_all(struct truth *truth, const struct truth_command *command,
		    const struct gen_setup *setup, struct lm_error *err)
{
	int rc = command->capture ? read_at(truth, setup->self, command->capture, err) : 0;

	for (unsigned i = 0; rc == 0 && i < command->relays; i++) {
		const struct lm_topology_node *node;
		const char *path;

		rc = relay_capture_parse(&node, &path, setup->topology, command->relay[i], err);
		if (rc == 0)
			rc = read_at(truth, node, path, err);
	}
	return rc;
}

static int report(const struct truth *truth, const struct truth_command *command,
		  struct lm_error *err)
{
	int rc = 0;

	if (command->csv)
		rc = truth_write_csv(command->csv, truth, err);
	if (rc == 0 && command->out)
		rc = truth_write_records(command->out, truth, err);
	if (rc == 0 && !(command->json ? truth_report_json : truth_report_text)(stdout, truth))
		rc = lm_error_set(err, EIO, "the report cannot be written: %s", strerror(errno));
	return rc;
}

int truth_check(const struct truth_command *command, const struct gen_setup *setup,
		struct lm_error *err)
{
	struct node_keys keys;
	struct truth truth = {0};
	int rc = node_keys_load(&keys, setup->topology, command->keys, err);

	if (rc == 0)
		rc = truth_make(&truth, setup->topology, &keys, setup->config.node.symmetric, err);
	if (rc == 0)
		rc = read_all(&truth, command, setup, err);
	if (rc == 0)
		rc = truth_finish(&truth, err);
	if (rc == 0)
		rc = report(&truth, command, err);
	if (truth.topology)
		truth_free(&truth);
	node_keys_free(&keys);
	return rc;
}
