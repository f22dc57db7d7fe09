/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The two halves of lm_descriptor_parse: what is cheap, and what is not. Private to this folder.
 */
#pragma once

#include "lm_topology_descriptor.h"

/* Form alone: *file is taken apart too. */
LM_MUST_CHECK int lm_descriptor_read(struct lm_descriptor *descriptor, struct lm_signed *file,
				     const char *text, size_t len, const char *name,
				     struct lm_error *err);

/* The identity's signature, then every proof. */
LM_MUST_CHECK int lm_descriptor_verify(const struct lm_descriptor *descriptor,
				       const struct lm_signed *file, const char *name,
				       struct lm_error *err);
