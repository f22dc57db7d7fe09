/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Writing and reading command blocks. What a block says is secret to all but its hop; its cmd, and
 * whether it is valid, decide the packet's fate and so may be seen. All else steers no branch.
 */
#include "command.h"

static const char *const names[] = {
	[LM_PACKET_FWD] = "fwd",
	[LM_PACKET_EXIT] = "exit",
	[LM_PACKET_MBOX] = "mbox",
	[LM_PACKET_DROP] = "drop",
};

const char *lm_packet_cmd_name(enum lm_packet_cmd cmd)
{
	LM_ASSERT(cmd >= LM_PACKET_FWD && cmd <= LM_PACKET_DROP);
	return names[cmd];
}

void lm_packet_command_write(uint8_t block[LM_PACKET_COMMAND],
			     const struct lm_packet_command *command)
{
	struct lm_cursor to = lm_cursor_write(block, LM_PACKET_COMMAND);

	lm_put_u8(&to, command->cmd);
	lm_put_u8(&to, command->kid_next);
	lm_put_zeros(&to, 2);
	lm_put_u32(&to, command->next_id);
	lm_put_u32(&to, command->delay_us);
	lm_put_zeros(&to, 4);
	lm_put_bytes(&to, command->wide, sizeof(command->wide));
	lm_put_bytes(&to, command->narrow, sizeof(command->narrow));
	LM_ASSERT(lm_cursor_done(&to));
}

/* The fields that this cmd does not have are zero, and there is such a cmd. */
static bool fields_ok(const struct lm_packet_command *command)
{
	bool no_next = (command->kid_next | command->next_id) == 0;
	bool no_wide = lm_is_zero(command->wide, sizeof(command->wide));
	bool no_narrow = lm_is_zero(command->narrow, sizeof(command->narrow));

	switch (command->cmd) {
	case LM_PACKET_FWD:
		return true;
	case LM_PACKET_EXIT:
		return no_next & no_wide & no_narrow;
	case LM_PACKET_MBOX:
		return no_next;
	case LM_PACKET_DROP:
		return no_next & no_wide;
	}
	return false;
}

bool lm_packet_command_read(struct lm_packet_command *command,
			    const uint8_t block[LM_PACKET_COMMAND])
{
	struct lm_cursor from = lm_cursor_read(block, LM_PACKET_COMMAND);
	uint32_t reserved;
	bool ok;

	command->cmd = lm_get_u8(&from);
	command->kid_next = lm_get_u8(&from);
	reserved = lm_get_u16(&from);
	command->next_id = lm_get_u32(&from);
	command->delay_us = lm_get_u32(&from);
	reserved |= lm_get_u32(&from);
	lm_get_bytes(&from, command->wide, sizeof(command->wide));
	lm_get_bytes(&from, command->narrow, sizeof(command->narrow));
	LM_ASSERT(lm_cursor_done(&from));
	lm_declassify(&command->cmd, sizeof(command->cmd));
	ok = (reserved == 0) & fields_ok(command);
	lm_declassify(&ok, sizeof(ok));
	return ok;
}
