/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See node_keys.h.
 */
#include "node_keys.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int load_node(struct node_keys *all, const char *folder, uint32_t place,
		     struct lm_error *err)
{
	const struct lm_topology_node *node = &all->topology->node[place];
	char path[4096];
	struct lm_epoch_place at = {.runtime = LM_EPOCH_THROWAWAY,
				    .keys = path,
				    .node = node->id,
				    .capacity = 1};
	FILE *file;

	if (snprintf(path, sizeof(path), "%s/keys-%u.json", folder, node->id) >= (int)sizeof(path))
		return lm_error_set(err, ENAMETOOLONG, "--keys: the name is too long");
	file = fopen(path, "r");
	if (!file)
		return errno == ENOENT ? 0
				       : lm_error_set(err, errno, "%s: %s", path, strerror(errno));
	fclose(file);
	all->loaded++;
	return mix_keys_load(&all->keys[place], &at, node, all->topology->epoch, err);
}

int node_keys_load(struct node_keys *all, const struct lm_topology *topology, const char *folder,
		   struct lm_error *err)
{
	int rc = 0;

	*all = (struct node_keys){.topology = topology,
				  .keys = calloc(topology->nodes, sizeof(*all->keys))};
	if (!all->keys)
		return lm_error_set(err, ENOMEM, "too little memory for the keys");
	for (uint32_t i = 0; rc == 0 && i < topology->nodes; i++)
		rc = load_node(all, folder, i, err);
	if (rc == 0 && all->loaded == 0)
		rc = lm_error_set(err, ENOENT,
				  "--keys: %s has no key file of any node; they are named "
				  "keys-ID.json",
				  folder);
	return rc;
}

void node_keys_free(struct node_keys *all)
{
	for (uint32_t i = 0; all->keys && i < all->topology->nodes; i++) {
		if (all->keys[i].epoch)
			mix_keys_free(&all->keys[i]);
	}
	free(all->keys);
	*all = (struct node_keys){0};
}
