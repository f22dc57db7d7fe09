/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The 64-byte command block that tells a hop what to do (FORMAT.md, "Command block"). Private to
 * this folder.
 */
#pragma once

#include "layout.h"

/* A field that the command does not have is zero. */
struct lm_packet_command {
	uint8_t cmd;      /* enum lm_packet_cmd */
	uint8_t kid_next; /* FWD */
	uint32_t next_id; /* FWD */
	uint32_t delay_us;
	uint8_t wide[32];   /* next epk (FWD), dest (MBOX) */
	uint8_t narrow[16]; /* next tag (FWD), token (MBOX, DROP) */
};

void lm_packet_command_write(uint8_t block[LM_PACKET_COMMAND],
			     const struct lm_packet_command *command);

/* False for an unknown cmd, or if a byte is not zero that must be. */
LM_MUST_CHECK bool lm_packet_command_read(struct lm_packet_command *command,
					  const uint8_t block[LM_PACKET_COMMAND]);
