/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The frames that a feed offers, in memory: read from a capture, or added one by one, and sealed
 * for links that have sessions. One mapping holds their bytes, so that feeding touches no file.
 *
 * The control thread makes them; while they are fed nobody changes them.
 */
#pragma once

#include "feed_link.h"

struct feed_frame {
	uint64_t offset; /* in bytes[] */
	uint32_t len;
	uint32_t queue; /* receive queue of the worker that gets it */
};

struct feed_frames {
	const char *path; /* of the capture, or what stands for it in messages */
	uint8_t *bytes;   /* mapped */
	size_t bytes_room, bytes_used;
	struct feed_frame *frame;
	uint64_t n, room;
};

/* Room for so many bytes of frames, of which there are none yet. -ENOMEM. All is zero before, but
 * for the path. */
LM_MUST_CHECK int feed_frames_reserve(struct feed_frames *frames, size_t room,
				      struct lm_error *err);
void feed_frames_free(struct feed_frames *frames);

LM_MUST_CHECK int feed_frames_add(struct feed_frames *frames, const uint8_t *bytes, size_t len,
				  uint32_t queue, struct lm_error *err);

/* Reserves for all frames of the capture and adds them, each for the one of the workers' queues to
 * which its source goes. */
LM_MUST_CHECK int feed_frames_read(struct feed_frames *frames, unsigned workers,
				   struct lm_error *err);

/* Seals each as its source would have, for the node `to`, and for the queue of its lane; what is no
 * packet of a neighbour's stays as it is. On failure nothing has changed. */
LM_MUST_CHECK int feed_frames_seal(struct feed_frames *frames, struct feed_link *link, uint32_t to,
				   unsigned workers, struct lm_error *err);

/* The mean length; there is a frame. */
double feed_frames_mean(const struct feed_frames *frames);
