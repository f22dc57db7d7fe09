/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What becomes of handshake messages. The control side alone. Messages are hostile: what is cheap
 * comes first, and nothing changes before a message has proved what it claims, but that an
 * authentic timestamp is remembered whatever comes of its message.
 */
#include <sodium.h>
#include <string.h>

#include "peer.h"

size_t lm_link_endpoint_size(void)
{
	return sizeof(struct lm_link_endpoint);
}

struct lm_link_endpoint *lm_link_endpoint_init(void *memory, const struct lm_link_config *config,
					       uint64_t now_us)
{
	struct lm_link_endpoint *endpoint = memory;

	LM_ASSERT((uintptr_t)memory % LM_LINK_ALIGN == 0);
	memset(endpoint, 0, sizeof(*endpoint));
	endpoint->secret = config->secret;
	endpoint->table = config->table;
	endpoint->identify = config->identify;
	endpoint->context = config->context;
	crypto_scalarmult_curve25519_base(endpoint->public.b, endpoint->secret.b);
	lm_declassify(&endpoint->public, sizeof(endpoint->public));
	lm_link_cookie_keys_init(&endpoint->keys, &endpoint->public);
	lm_link_cookie_secrets_init(&endpoint->secrets, now_us);
	lm_link_limit_init(&endpoint->limit);
	lm_link_end();
	return endpoint;
}

void lm_link_endpoint_public(const struct lm_link_endpoint *endpoint, struct lm_point *key)
{
	*key = endpoint->public;
}

/* A message on its way through. */
struct call {
	struct lm_link_endpoint *endpoint;
	struct lm_link_received *out;
	const uint8_t *message;
	size_t len;
	const struct lm_link_source *source;
	bool under_load;
	uint64_t now_us;
};

/* The tests before any public-key work: true if the message passes. `sender`: its sender's base. */
static bool admit(const struct call *call, enum lm_link_result *result, uint32_t sender)
{
	struct lm_link_endpoint *endpoint = call->endpoint;

	*result = LM_LINK_MAC1;
	if (!lm_link_mac1_right(&endpoint->keys, call->message, call->len))
		return false;
	if (!call->under_load)
		return true;
	*result = LM_LINK_COOKIE_SENT;
	if (!lm_link_mac2_right(&endpoint->secrets, call->message, call->len, call->source,
				call->now_us)) {
		lm_link_cookie_reply(&endpoint->secrets, &endpoint->keys, call->out->reply,
				     call->message, call->len, sender, call->source, call->now_us);
		call->out->reply_len = COOKIE_REPLY_LEN;
		return false;
	}
	*result = LM_LINK_LIMITED;
	return lm_link_limit_take(&endpoint->limit, call->source, call->now_us);
}

/* What the other end says of itself fits to this one. */
static bool fits(const struct lm_link_endpoint *endpoint, const struct lm_link_payload *payload,
		 uint32_t base)
{
	return payload->packet_len == endpoint->table->packet_len &&
	       (base & (payload->lanes - 1)) == 0;
}

/* ---- Initiation ---- */

/*
 * Both ends have initiated: the one whose static key is greater, as bytes from the first on, goes
 * on with its own, unless that has been in vain for long.
 */
static bool goes_first(const struct lm_link_peer *peer)
{
	return peer->pending.session && peer->pending.sent < CROSSED_SENT &&
	       memcmp(peer->endpoint->public.b, peer->key.b, sizeof(peer->key.b)) > 0;
}

/* Who it is, proved. */
static enum lm_link_result read_initiation(const struct call *call, struct noise *noise,
					   struct lm_link_peer **peer,
					   struct lm_link_payload *payload)
{
	struct lm_link_endpoint *endpoint = call->endpoint;
	const uint8_t *in = call->message + INITIATION_NOISE;
	uint8_t bytes[INITIATION_PAYLOAD];
	struct lm_point key;

	lm_link_noise_start(noise, call->message, &endpoint->public);
	if (!noise_read_static(noise, &key, in, &endpoint->secret))
		return LM_LINK_FORGED;
	*peer = endpoint->identify(endpoint->context, &key);
	if (!*peer)
		return LM_LINK_REFUSED;
	LM_ASSERT(memcmp((*peer)->key.b, key.b, sizeof(key.b)) == 0);
	if (!noise_read_payload(noise, bytes, in + 32 + NOISE_STATIC, sizeof(bytes), &(*peer)->ss))
		return LM_LINK_FORGED;
	if (!lm_link_payload_read(payload, bytes, sizeof(bytes)) ||
	    !fits(endpoint, payload, lm_load_u32(call->message + INITIATION_SENDER)))
		return LM_LINK_MISMATCH;
	return LM_LINK_RESPONDED;
}

/* Writes the response and starts the session, which sends once it is confirmed. */
static enum lm_link_result respond(const struct call *call, struct noise *noise,
				   struct lm_link_peer *peer, const struct lm_link_payload *theirs)
{
	struct lm_link_table *table = call->endpoint->table;
	struct lm_link_session *session;
	struct lm_link_payload ours = {.packet_len = (uint32_t)table->packet_len,
				       .lanes = table->lanes};
	uint8_t bytes[RESPONSE_PAYLOAD], *reply = call->out->reply;
	struct lm_secret ephemeral, receive, send;
	struct lm_point point;
	struct lm_link_terms terms = {.send = &send, .receive = &receive};

	session = lm_link_session_reserve(table, peer, peer->number);
	if (!session)
		return LM_LINK_FULL;
	terms.remote = lm_load_u32(call->message + INITIATION_SENDER);
	terms.lanes = theirs->lanes;
	ours.sender = session->base;
	lm_link_payload_write(bytes, &ours, sizeof(bytes));
	lm_store_u32(reply, MESSAGE_RESPONSE);
	lm_store_u32(reply + RESPONSE_SENDER, session->base);
	lm_store_u32(reply + RESPONSE_RECEIVER, terms.remote);
	memcpy(point.b, call->message + INITIATION_NOISE, sizeof(point.b));
	lm_rand(&ephemeral, sizeof(ephemeral));
	if (!noise_write_response(noise, reply + RESPONSE_NOISE, &ephemeral, &point, &peer->key,
				  bytes, sizeof(bytes))) {
		lm_wipe(&ephemeral, sizeof(ephemeral));
		lm_link_session_retire(table, session);
		return LM_LINK_FORGED;
	}
	noise_split(noise, &receive, &send);
	lm_link_session_start(table, session, &terms, call->now_us);
	lm_wipe(&ephemeral, sizeof(ephemeral));
	lm_wipe(&receive, sizeof(receive));
	lm_wipe(&send, sizeof(send));
	lm_link_cookie_sign(&peer->jar, reply, RESPONSE_LEN, call->now_us);
	call->out->reply_len = RESPONSE_LEN;
	peer->next = session;
	return LM_LINK_RESPONDED;
}

static enum lm_link_result take_initiation(const struct call *call)
{
	struct lm_link_peer *peer = NULL;
	struct lm_link_payload payload;
	enum lm_link_result result;
	struct noise noise;

	if (!admit(call, &result, lm_load_u32(call->message + INITIATION_SENDER)))
		return result;
	result = read_initiation(call, &noise, &peer, &payload);
	if (result != LM_LINK_RESPONDED)
		goto out;
	result = LM_LINK_STALE;
	if (payload.timestamp_us <= peer->timestamp_us)
		goto out;
	peer->timestamp_us = payload.timestamp_us;
	result = LM_LINK_LIMITED;
	if (peer->answered_us != 0 && call->now_us - peer->answered_us < ANSWER_US)
		goto out;
	result = LM_LINK_CROSSED;
	if (goes_first(peer))
		goto out;
	lm_link_peer_abandon(peer);
	lm_link_peer_settle(peer, call->now_us);
	lm_link_peer_drop(peer, &peer->next);
	peer->answered_us = call->now_us;
	result = respond(call, &noise, peer, &payload);
	if (result == LM_LINK_RESPONDED)
		call->out->peer = peer;
out:
	lm_wipe(&noise, sizeof(noise));
	return result;
}

/* ---- Response ---- */

static enum lm_link_result take_response(const struct call *call)
{
	struct lm_link_table *table = call->endpoint->table;
	struct lm_link_session *session =
		lm_link_session_of_base(table, lm_load_u32(call->message + RESPONSE_RECEIVER));
	uint32_t sender = lm_load_u32(call->message + RESPONSE_SENDER);
	struct lm_link_terms terms = {.remote = sender};
	uint8_t bytes[RESPONSE_PAYLOAD];
	struct lm_link_payload payload;
	struct lm_secret send, receive;
	enum lm_link_result result;
	struct lm_link_peer *peer;
	struct noise noise;

	if (!session || session->state != SESSION_RESERVED)
		return LM_LINK_UNEXPECTED;
	if (!admit(call, &result, sender))
		return result;
	peer = session->owner;
	noise = peer->pending.noise;
	result = LM_LINK_FORGED;
	if (!noise_read_response(&noise, bytes, call->message + RESPONSE_NOISE, sizeof(bytes),
				 &peer->pending.ephemeral, &call->endpoint->secret))
		goto out;
	result = LM_LINK_MISMATCH;
	if (!lm_link_payload_read(&payload, bytes, sizeof(bytes)) || payload.sender != sender ||
	    !fits(call->endpoint, &payload, sender))
		goto out;
	noise_split(&noise, &send, &receive);
	terms.lanes = payload.lanes;
	terms.send = &send;
	terms.receive = &receive;
	lm_link_session_start(table, session, &terms, call->now_us);
	lm_wipe(&send, sizeof(send));
	lm_wipe(&receive, sizeof(receive));
	peer->pending.session = NULL;
	lm_link_peer_abandon(peer);
	lm_link_peer_settle(peer, call->now_us);
	lm_link_peer_drop(peer, &peer->next);
	lm_link_peer_promote(peer, session, true, call->now_us);
	call->out->reply_len = lm_link_peer_confirm(peer, call->out->reply, call->now_us);
	call->out->peer = peer;
	result = LM_LINK_ESTABLISHED;
out:
	lm_wipe(&noise, sizeof(noise));
	return result;
}

/* ---- Cookie and confirmation ---- */

static enum lm_link_result take_cookie(const struct call *call)
{
	struct lm_link_session *session =
		lm_link_session_of_base(call->endpoint->table,
					lm_load_u32(call->message + COOKIE_RECEIVER));
	struct lm_link_peer *peer;

	if (!session || !session->owner->jar.mac1_sent)
		return LM_LINK_UNEXPECTED;
	peer = session->owner;
	if (!lm_link_cookie_take(&peer->jar, call->message, call->now_us))
		return LM_LINK_FORGED;
	if (peer->pending.session)
		peer->retry_us = call->now_us;
	call->out->peer = peer;
	return LM_LINK_COOKIE;
}

static bool confirmation_right(const struct lm_link_session *session, const uint8_t *message)
{
	uint8_t nonce[12] = {0};
	int forged;

	memcpy(nonce + 4, message + CONFIRM_COUNTER, 8);
	forged = crypto_aead_chacha20poly1305_ietf_decrypt_detached(NULL, NULL,
								    message + CONFIRM_TAG, 0,
								    message + CONFIRM_TAG, NULL, 0,
								    nonce, session->confirm_rx.b);
	lm_declassify(&forged, sizeof(forged));
	return forged == 0;
}

static enum lm_link_result take_confirmation(const struct call *call)
{
	struct lm_link_session *session =
		lm_link_session_of_base(call->endpoint->table,
					lm_load_u32(call->message + CONFIRM_RECEIVER));
	uint64_t counter = lm_link_load_u64(call->message + CONFIRM_COUNTER);
	struct lm_link_peer *peer;

	if (!session || session->state != SESSION_LIVE || counter < session->confirm_end ||
	    counter >= LM_LINK_FRAMES_MAX)
		return LM_LINK_UNEXPECTED;
	if (!confirmation_right(session, call->message))
		return LM_LINK_FORGED;
	session->confirm_end = counter + 1;
	peer = session->owner;
	if (session == peer->previous)
		return LM_LINK_UNEXPECTED;
	if (session == peer->next) {
		peer->next = NULL;
		lm_link_peer_promote(peer, session, false, call->now_us);
	}
	lm_link_peer_confirmed(peer, call->now_us);
	if (!peer->initiated)
		call->out->reply_len = lm_link_peer_confirm(peer, call->out->reply, call->now_us);
	call->out->peer = peer;
	return LM_LINK_CONFIRMED;
}

static __attribute__((noinline)) enum lm_link_result take(const struct call *call)
{
	uint32_t type = call->len >= 4 ? lm_link_message_type(call->message) : 0;

	if (call->len == 0 || call->len != lm_link_message_len(type))
		return LM_LINK_MALFORMED;
	switch (type) {
	case MESSAGE_INITIATION:
		return take_initiation(call);
	case MESSAGE_RESPONSE:
		return take_response(call);
	case MESSAGE_COOKIE:
		return take_cookie(call);
	default:
		return take_confirmation(call);
	}
}

void lm_link_receive(struct lm_link_endpoint *endpoint, struct lm_link_received *out,
		     const uint8_t *message, size_t len, const struct lm_link_source *source,
		     bool under_load, uint64_t now_us)
{
	const struct call call = {
		.endpoint = endpoint,
		.out = out,
		.message = message,
		.len = len,
		.source = source,
		.under_load = under_load,
		.now_us = now_us,
	};

	out->peer = NULL;
	out->reply_len = 0;
	out->result = take(&call);
	lm_link_end();
}
