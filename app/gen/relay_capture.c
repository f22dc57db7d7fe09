/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See relay_capture.h.
 */
#include "relay_capture.h"

#include <errno.h>

int relay_capture_parse(const struct lm_topology_node **node, const char **path,
			const struct lm_topology *topology, const char *text, struct lm_error *err)
{
	char *end;
	unsigned long id = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end != '=')
		return lm_error_set(err, EINVAL, "--relay: \"%s\" is no ID=FILE", text);
	*path = end + 1;
	*node = id <= UINT32_MAX ? lm_topology_find(topology, (uint32_t)id) : NULL;
	return *node ? 0
		     : lm_error_set(err, ENOENT, "--relay: there is no node %lu in the topology",
				    id);
}
