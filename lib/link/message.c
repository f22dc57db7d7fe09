/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Handshake messages as bytes. See message.h.
 */
#include "message.h"

#include <string.h>

#include "session.h"

static const char name[16] = "linemix link 1";

_Static_assert(INITIATION_NOISE + 32 + NOISE_STATIC + INITIATION_PAYLOAD + NOISE_TAG + MACS_LEN ==
		       INITIATION_LEN,
	       "the parts of an initiation");
_Static_assert(RESPONSE_NOISE + 32 + RESPONSE_PAYLOAD + NOISE_TAG + MACS_LEN == RESPONSE_LEN,
	       "the parts of a response");
_Static_assert(INITIATION_LEN <= LM_LINK_MESSAGE_MAX && RESPONSE_LEN <= LM_LINK_MESSAGE_MAX,
	       "every message fits");

static const struct {
	const char *name, *meaning;
} results[] = {
#define ROW(id, name, meaning) {name, meaning},
	LM_LINK_RESULT_TABLE(ROW)
#undef ROW
};

const char *lm_link_result_name(enum lm_link_result result)
{
	return results[result].name;
}

const char *lm_link_result_meaning(enum lm_link_result result)
{
	return results[result].meaning;
}

size_t lm_link_message_len(uint32_t type)
{
	switch (type) {
	case MESSAGE_INITIATION:
		return INITIATION_LEN;
	case MESSAGE_RESPONSE:
		return RESPONSE_LEN;
	case MESSAGE_COOKIE:
		return COOKIE_REPLY_LEN;
	case MESSAGE_CONFIRM:
		return CONFIRM_LEN;
	}
	return 0;
}

/* An initiation's begins with timestamp u64, a response's with sender u32. */
void lm_link_payload_write(uint8_t *out, const struct lm_link_payload *payload, size_t len)
{
	struct lm_cursor cursor = lm_cursor_write(out, len);

	if (len == INITIATION_PAYLOAD)
		lm_put_u64(&cursor, payload->timestamp_us);
	else
		lm_put_u32(&cursor, payload->sender);
	lm_put_u32(&cursor, payload->packet_len);
	lm_put_u8(&cursor, (uint8_t)payload->lanes);
	lm_put_zeros(&cursor, 3);
	LM_ASSERT(lm_cursor_done(&cursor));
}

bool lm_link_payload_read(struct lm_link_payload *payload, const uint8_t *in, size_t len)
{
	struct lm_cursor cursor = lm_cursor_read(in, len);
	uint8_t reserved[3];

	*payload = (struct lm_link_payload){0};
	if (len == INITIATION_PAYLOAD)
		payload->timestamp_us = lm_get_u64(&cursor);
	else
		payload->sender = lm_get_u32(&cursor);
	payload->packet_len = lm_get_u32(&cursor);
	payload->lanes = lm_get_u8(&cursor);
	lm_get_bytes(&cursor, reserved, sizeof(reserved));
	return lm_cursor_done(&cursor) && lm_is_zero(reserved, sizeof(reserved)) &&
	       payload->lanes >= LM_LINK_LANES_MIN && payload->lanes <= LM_LINK_LANES_MAX &&
	       (payload->lanes & (payload->lanes - 1)) == 0;
}

void lm_link_noise_start(struct noise *noise, const uint8_t *initiation,
			 const struct lm_point *responder)
{
	uint8_t prologue[sizeof(name) + INITIATION_NOISE];

	memcpy(prologue, name, sizeof(name));
	memcpy(prologue + sizeof(name), initiation, INITIATION_NOISE);
	noise_start(noise, prologue, sizeof(prologue), responder);
}
