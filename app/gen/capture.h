/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading captures of Ethernet frames, in pcap files.
 */
#pragma once

#include "lm_base.h"

/* One frame, `len` bytes of it captured, at a time since 1970. An error ends the reading. */
typedef int capture_frame(void *context, uint64_t at_ns, const uint8_t *frame, size_t len,
			  struct lm_error *err);

/* The size of the file. -errno and a message that names it. */
LM_MUST_CHECK int capture_bytes(uint64_t *bytes, const char *path, struct lm_error *err);

/*
 * Gives every frame of the file to `take`. 0; what `take` returned if that is not 0; or -errno and
 * a message that names the file, also if its end is missing.
 */
LM_MUST_CHECK int capture_read(const char *path, capture_frame *take, void *context,
			       struct lm_error *err);
