/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Everything that is wrong with a document, for people who correct it. The rules are those of
 * lm_topology_parse, lm_plan_parse and lm_descriptor_parse, which give the first mistake only.
 */
#pragma once

#include "lm_topology.h"

/* Called for each mistake, in the order of the document: "NAME: place: what; what would be right".
 */
typedef void lm_mistake_fn(void *context, const char *message);

/*
 * Each returns how many mistakes there are; 0 exactly if the parser would take the document. What
 * is said of several nodes together (a layer without a mix, a gateway without a path) is only
 * looked at where every node is without a mistake. -ENOMEM.
 */
LM_MUST_CHECK int lm_topology_explain(const char *text, size_t len, const char *name,
				      lm_mistake_fn *take, void *context);
LM_MUST_CHECK int lm_plan_explain(const char *text, size_t len, const char *name,
				  lm_mistake_fn *take, void *context);
/* `text` is the signed file. */
LM_MUST_CHECK int lm_descriptor_explain(const char *text, size_t len, const char *name,
					lm_mistake_fn *take, void *context);
