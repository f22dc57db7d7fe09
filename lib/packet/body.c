/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a packet carries: the bodies that senders make for each command, and how the recipient of
 * an end-to-end message opens it (FORMAT.md, "Sender"). Keys made here are wiped here.
 */
#include <errno.h>
#include <string.h>

#include "builder.h"

void lm_packet_close(struct lm_packet_builder *builder, uint8_t *payload, const struct lm_key *key,
		     const uint8_t *data)
{
	memset(payload, 0, ZERO_TAG_LEN);
	memcpy(payload + ZERO_TAG_LEN, data, builder->payload_len - ZERO_TAG_LEN);
	lm_symmetric_wb_decrypt(builder->symmetric, &payload, builder->payload_len, key, 1);
}

int lm_packet_open(struct lm_packet_builder *builder, uint8_t *payload, const struct lm_key *key)
{
	bool whole;

	lm_symmetric_wb_encrypt(builder->symmetric, &payload, builder->payload_len, key, 1);
	whole = lm_is_zero(payload, ZERO_TAG_LEN);
	lm_declassify(&whole, sizeof(whole));
	if (whole)
		return 0;
	lm_wipe(payload, builder->payload_len);
	return -EBADMSG;
}

/* Ke = BLAKE2b-256(w || token) */
static void mailbox_key(struct lm_packet_builder *builder, struct lm_key *key, const uint8_t w[32],
			const struct lm_packet_token *token)
{
	uint8_t input[48];

	memcpy(input, w, 32);
	memcpy(input + 32, token->b, sizeof(token->b));
	lm_symmetric_blake2b(builder->symmetric, key->b, sizeof(key->b), input, sizeof(input),
			     "MIXPKT-v1-mboxke", 1);
	lm_wipe(input, sizeof(input));
}

void lm_packet_body_exit(struct lm_packet_builder *builder, uint8_t *body,
			 const struct lm_packet_dest *dest, const uint8_t *data)
{
	memset(body, 0, ZERO_TAG_LEN);
	memcpy(body + ZERO_TAG_LEN, dest->b, sizeof(dest->b));
	memcpy(body + ZERO_TAG_LEN + sizeof(dest->b), data,
	       lm_packet_exit_data_len(builder->profile));
}

void lm_packet_body_mbox(struct lm_packet_builder *builder, uint8_t *body, const uint8_t w[32],
			 const struct lm_packet_token *token, const uint8_t *data)
{
	struct lm_key key;

	mailbox_key(builder, &key, w, token);
	lm_packet_close(builder, body, &key, data);
	lm_wipe(&key, sizeof(key));
}

void lm_packet_body_drop(struct lm_packet_builder *builder, uint8_t *body)
{
	lm_rand(body, builder->payload_len);
}

int lm_packet_mbox_open(struct lm_packet_builder *builder, uint8_t *payload, const uint8_t w[32],
			const struct lm_packet_token *token)
{
	struct lm_key key;
	int result;

	mailbox_key(builder, &key, w, token);
	result = lm_packet_open(builder, payload, &key);
	lm_wipe(&key, sizeof(key));
	return result;
}
