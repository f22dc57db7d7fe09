/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vector-check FILE...: checks known answers of the mix packet ("mixpkt-v1") on every backend:
 * packets are built, peeled hop by hop and in mixed bursts, reply blocks made, used and opened,
 * rejects refused for their reason, and sequences played against a replay set.
 */
#include <string.h>

#include "packets.h"

static const char *const sections[] = {"cases", "surbs", "rejects", "sequences"};

static unsigned count(const struct node *root)
{
	struct node format = node_get(root, "format");
	unsigned n = 0;

	if (strcmp(node_string(&format), "mixpkt-v1") != 0)
		malformed(&format, "not \"mixpkt-v1\"");
	for (unsigned i = 0; i < LM_COUNT(sections); i++) {
		struct node section = node_get(root, sections[i]);

		n += (unsigned)node_count(&section);
	}
	return n;
}

static void start_run(struct run *run, const char *backend)
{
	struct lm_error err;

	for (unsigned i = 0; i < LM_PACKET_PROFILES; i++) {
		run->builder[i] = lm_packet_builder_init(check_alloc(lm_packet_builder_size()), i,
							 backend, &err);
		run->peeler[i] = lm_packet_peeler_init(check_alloc(lm_packet_peeler_size()), i,
						       backend, &err);
		LM_ASSERT(run->builder[i] && run->peeler[i]);
	}
}

static void end_run(struct run *run)
{
	for (unsigned i = 0; i < LM_PACKET_PROFILES; i++) {
		free(run->builder[i]);
		free(run->peeler[i]);
	}
}

static void check_item(const char *section, const struct item *item, const struct run *run,
		       struct hops *list)
{
	if (section == sections[0])
		check_case(item, run, list);
	else if (section == sections[1])
		check_surb(item, run, list);
	else if (section == sections[2])
		check_reject(item, run);
	else
		check_sequence(item, run);
}

static void check(const struct node *root, struct lm_symmetric *symmetric, const char *backend)
{
	unsigned items = count(root), number = 0;
	struct item *item = check_alloc(items * sizeof(*item));
	struct hops list = {NULL, 0};
	struct run run;

	(void)symmetric;
	start_run(&run, backend);
	for (unsigned i = 0; i < LM_COUNT(sections); i++) {
		struct node section = node_get(root, sections[i]);

		for (size_t j = 0; j < node_count(&section); j++) {
			item[number] = (struct item){number, node_at(&section, j)};
			check_item(sections[i], &item[number], &run, &list);
			number++;
		}
	}
	check_hops_in_bursts(&run, &list);
	free(list.hop);
	free(item);
	end_run(&run);
}

int main(int argc, char **argv)
{
	const struct checker checker = {
		.doc = "Checks known answers of the mix packet on every usable backend.",
		.count = count,
		.check = check,
	};

	return check_main(argc, argv, &checker);
}
