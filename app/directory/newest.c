/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See newest.h.
 */
#include "newest.h"

#include <errno.h>

int newest_open(struct lm_topology **out, const char *text, size_t len,
		const struct lm_authorities *authorities, const struct lm_topology *known,
		uint64_t now_s, const char *name, struct lm_error *err)
{
	struct lm_topology *topology;
	int rc = lm_topology_open(&topology, text, len, authorities, name, err);

	*out = NULL;
	if (rc != 0)
		return rc;
	if (known && memcmp(topology->hash.b, known->hash.b, sizeof(known->hash.b)) == 0)
		rc = lm_error_set(err, EALREADY, "%s: is known already", name);
	else if (lm_topology_succeeds(topology, known, now_s, name, err) != LM_SUCCESSION_TAKEN)
		rc = -EINVAL;
	if (rc == 0)
		*out = topology;
	else
		lm_topology_free(topology);
	return rc;
}

uint64_t newest_span_s(const struct lm_topology *topology)
{
	return topology->until_s > topology->from_s ? topology->until_s - topology->from_s : 1;
}

uint32_t newest_epoch(const struct lm_topology *topology, uint64_t now_s)
{
	uint64_t past;

	if (now_s < topology->from_s)
		return topology->epoch > 0 ? topology->epoch - 1 : 0;
	past = (now_s - topology->from_s) / newest_span_s(topology);
	return past > UINT32_MAX - topology->epoch ? UINT32_MAX : topology->epoch + (uint32_t)past;
}
