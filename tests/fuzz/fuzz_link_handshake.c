/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Handshake messages at an endpoint that knows one peer: a talk of real messages, between which the
 * input puts messages of its own, with mac1 made right if it says so, under load or not. Nobody but
 * the peer gets a session, replies are never longer than what they answer, and the talk comes to
 * its end if only messages were added.
 *
 *   byte 0         which message of the talk comes first
 *   each message   a byte: bits 0 .. 2 kind, bit 3 mac1 made right, bit 4 under load, bit 5 time
 *                  passes; then its bytes as long as its kind, xored onto the last real one
 */
#include "cookie.h"
#include "fuzz.h"
#include "link_testing.h"

#define MESSAGES 8

static const size_t lengths[] = {INITIATION_LEN, RESPONSE_LEN, COOKIE_REPLY_LEN, CONFIRM_LEN, 0,
				 INITIATION_LEN, RESPONSE_LEN, CONFIRM_LEN};

static uint8_t last[LM_LINK_MESSAGE_MAX];

/* One message from the input, given to b. */
static void give_foreign(struct fuzz_input *input)
{
	struct lm_link_cookie_jar jar = {0};
	uint8_t how = fuzz_byte(input), message[LM_LINK_MESSAGE_MAX] = {0};
	size_t len = lengths[how & 7];

	if (len == 0)
		len = fuzz_byte(input) % (LM_LINK_MESSAGE_MAX + 1);
	fuzz_bytes(input, message, len);
	for (size_t i = 0; i < len; i++)
		message[i] ^= last[i];
	if (how & 8 && len > MACS_LEN) {
		lm_link_cookie_keys_init(&jar.keys, &b.public);
		lm_link_cookie_sign(&jar, message, len, now_us);
	}
	if (how & 32)
		pass_us(700000);
	if (lm_link_kind(b.table, message, len) == LM_LINK_NEITHER)
		len = how & 64 ? len : 0;
	lm_link_receive(b.endpoint, &received, message, len, &a.source, how & 16, now_us);
	LM_ASSERT(received.result < LM_LINK_RESULTS && received.reply_len <= LM_LINK_MESSAGE_MAX);
	LM_ASSERT(received.result >= LM_LINK_RESPONDED || received.reply_len <= len);
	if (received.result >= LM_LINK_RESPONDED && received.result != LM_LINK_COOKIE)
		LM_ASSERT(memcmp(message, last, len) == 0 || received.peer == b.peer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	uint8_t message[LM_LINK_MESSAGE_MAX];
	size_t len;

	fuzz_start();
	fuzz_byte(&input);
	meet(32, 64, 1348);
	len = say(&a, message);
	memcpy(last, message, len);
	for (unsigned i = 0; i < MESSAGES && input.left > 0; i++)
		give_foreign(&input);
	LM_ASSERT(lm_link_table_free(b.table) > 0);
	/* whatever came, the two get together within a few tries */
	for (unsigned i = 0; i < 16 && !lm_link_peer_sending(a.peer); i++) {
		pass_us(5000000);
		len = lm_link_step(a.peer, message, now_us, wall_us);
		if (len > 0 && give(&a, &b, message, len, false) == LM_LINK_RESPONDED)
			(void)answer(&b, &a, false);
		reclaim(&b);
	}
	LM_ASSERT(lm_link_peer_sending(a.peer) != NULL);
	part();
	return 0;
}
