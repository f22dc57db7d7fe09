/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One peer: its sessions and what is due when. The control side alone; workers read `sending`. Time
 * is the caller's. Every wait is bounded: initiations are repeated after RETRY_FIRST_US to
 * RETRY_LAST_US, a session ends after LM_LINK_EXPIRE_US.
 *
 * No frame is lost when a session follows another. The initiator sends on the new one as soon as it
 * has the response, whose sender takes frames on it since before; it says so with a confirmation,
 * again and again until the peer answers with one. The peer sends on the new session once it is
 * confirmed, or a frame has come on it. Either end takes frames on the old one until it knows that
 * the other has left it, and for LM_LINK_OVERLAP_US more.
 */
#include "peer.h"

#include <sodium.h>
#include <string.h>

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

size_t lm_link_peer_size(void)
{
	return sizeof(struct lm_link_peer);
}

static __attribute__((noinline)) bool agree(struct lm_link_peer *peer)
{
	int zero = crypto_scalarmult_curve25519(peer->ss.b, peer->endpoint->secret.b, peer->key.b);

	lm_declassify(&zero, sizeof(zero));
	return zero == 0;
}

struct lm_link_peer *lm_link_peer_init(void *memory, struct lm_link_endpoint *endpoint,
				       const struct lm_point *key, uint32_t number, bool initiates,
				       uint64_t timestamp_us)
{
	struct lm_link_peer *peer = memory;
	bool good;

	LM_ASSERT((uintptr_t)memory % LM_LINK_ALIGN == 0);
	memset(peer, 0, sizeof(*peer));
	peer->endpoint = endpoint;
	peer->key = *key;
	peer->number = number;
	peer->initiates = initiates;
	peer->timestamp_us = timestamp_us;
	lm_link_cookie_keys_init(&peer->jar.keys, key);
	good = agree(peer);
	lm_link_end();
	return good ? peer : NULL;
}

void lm_link_peer_drop(struct lm_link_peer *peer, struct lm_link_session **session)
{
	if (!*session)
		return;
	if (*session == peer->current)
		atomic_store_explicit(&peer->sending, NULL, memory_order_release);
	lm_link_session_retire(peer->endpoint->table, *session);
	*session = NULL;
}

void lm_link_peer_abandon(struct lm_link_peer *peer)
{
	lm_link_peer_drop(peer, &peer->pending.session);
	lm_wipe(&peer->pending, sizeof(peer->pending));
	peer->retry_us = 0;
}

void lm_link_peer_end(struct lm_link_peer *peer)
{
	lm_link_peer_abandon(peer);
	lm_link_peer_drop(peer, &peer->next);
	lm_link_peer_drop(peer, &peer->current);
	lm_link_peer_drop(peer, &peer->previous);
	lm_wipe(peer, sizeof(*peer));
}

uint64_t lm_link_peer_timestamp_us(const struct lm_link_peer *peer)
{
	return peer->timestamp_us;
}

struct lm_link_session *lm_link_peer_sending(const struct lm_link_peer *peer)
{
	return atomic_load_explicit(&peer->sending, memory_order_acquire);
}

void lm_link_peer_promote(struct lm_link_peer *peer, struct lm_link_session *session,
			  bool initiated, uint64_t now_us)
{
	lm_link_peer_drop(peer, &peer->previous);
	peer->previous = peer->current;
	if (peer->previous)
		peer->previous_until_us = peer->previous->made_us + LM_LINK_EXPIRE_US;
	peer->current = session;
	peer->initiated = initiated;
	peer->confirmed = false;
	peer->confirms = 0;
	peer->confirm_us = now_us;
	atomic_store_explicit(&peer->sending, session, memory_order_release);
}

void lm_link_peer_confirmed(struct lm_link_peer *peer, uint64_t now_us)
{
	if (peer->confirmed)
		return;
	peer->confirmed = true;
	peer->previous_until_us = least(peer->previous_until_us, now_us + LM_LINK_OVERLAP_US);
}

void lm_link_peer_settle(struct lm_link_peer *peer, uint64_t now_us)
{
	struct lm_link_session *next = peer->next;

	if (!next || !lm_link_session_heard(next, peer->endpoint->table->lanes))
		return;
	peer->next = NULL;
	lm_link_peer_promote(peer, next, false, now_us);
	lm_link_peer_confirmed(peer, now_us);
}

/* The delay after the n-th message in vain, with up to a quarter at random. */
static uint64_t delay_us(unsigned n)
{
	uint64_t delay = RETRY_LAST_US;
	uint32_t random;

	if (n < 5)
		delay = least(RETRY_FIRST_US << n, RETRY_LAST_US);
	lm_rand(&random, sizeof(random));
	return delay + random % (delay / 4);
}

size_t lm_link_peer_confirm(struct lm_link_peer *peer, uint8_t *message, uint64_t now_us)
{
	struct lm_link_session *session = peer->current;
	uint8_t nonce[12] = {0};

	lm_store_u32(message, MESSAGE_CONFIRM);
	lm_store_u32(message + CONFIRM_RECEIVER, session->remote);
	lm_link_store_u64(message + CONFIRM_COUNTER, session->confirm_next++);
	memcpy(nonce + 4, message + CONFIRM_COUNTER, 8);
	crypto_aead_chacha20poly1305_ietf_encrypt(message + CONFIRM_TAG, NULL, NULL, 0, NULL, 0,
						  NULL, nonce, session->confirm_tx.b);
	peer->confirm_us = now_us + delay_us(peer->confirms++);
	return CONFIRM_LEN;
}

/* ---- What is due ---- */

static bool is_confirming(const struct lm_link_peer *peer)
{
	return peer->current && peer->initiated && !peer->confirmed;
}

/* When a new session is wanted; UINT64_MAX: never. */
static uint64_t wanted_us(const struct lm_link_peer *peer)
{
	uint64_t wanted = 0;

	if (!peer->initiates)
		return UINT64_MAX;
	if (peer->current && !lm_link_session_spent(peer->current))
		wanted = peer->current->made_us + LM_LINK_REKEY_US +
			 (peer->initiated ? 0 : PASSIVE_US);
	if (peer->next)
		wanted = most(wanted, peer->next->made_us + UNCONFIRMED_US);
	return most(wanted, peer->retry_us);
}

uint64_t lm_link_peer_next_us(const struct lm_link_peer *peer)
{
	uint64_t next = wanted_us(peer);

	if (is_confirming(peer))
		next = least(next, peer->confirm_us);
	if (peer->previous)
		next = least(next, peer->previous_until_us);
	if (peer->current)
		next = least(next, peer->current->made_us + LM_LINK_EXPIRE_US);
	if (peer->next)
		next = least(next, peer->next->made_us + LM_LINK_EXPIRE_US);
	return next;
}

static void expire(struct lm_link_peer *peer, uint64_t now_us)
{
	if (peer->previous && now_us >= peer->previous_until_us)
		lm_link_peer_drop(peer, &peer->previous);
	if (peer->current && now_us >= peer->current->made_us + LM_LINK_EXPIRE_US)
		lm_link_peer_drop(peer, &peer->current);
	if (peer->next && now_us >= peer->next->made_us + LM_LINK_EXPIRE_US)
		lm_link_peer_drop(peer, &peer->next);
}

/* An initiation with a new ephemeral key, under the place that the first one took. */
static size_t initiate(struct lm_link_peer *peer, uint8_t *message, uint64_t now_us,
		       uint64_t wall_us)
{
	struct lm_link_endpoint *endpoint = peer->endpoint;
	struct lm_link_payload payload = {.packet_len = (uint32_t)endpoint->table->packet_len,
					  .lanes = endpoint->table->lanes};
	struct pending *pending = &peer->pending;
	uint8_t bytes[INITIATION_PAYLOAD];
	bool written;

	if (!pending->session)
		pending->session = lm_link_session_reserve(endpoint->table, peer, peer->number);
	peer->retry_us = now_us + delay_us(pending->sent);
	if (!pending->session)
		return 0;
	pending->sent++;
	peer->sent_us = most(wall_us, peer->sent_us + 1);
	payload.timestamp_us = peer->sent_us;
	lm_link_payload_write(bytes, &payload, sizeof(bytes));
	lm_store_u32(message, MESSAGE_INITIATION);
	lm_store_u32(message + INITIATION_SENDER, pending->session->base);
	lm_rand(&pending->ephemeral, sizeof(pending->ephemeral));
	lm_link_noise_start(&pending->noise, message, &peer->key);
	written = noise_write_initiation(&pending->noise, message + INITIATION_NOISE,
					 &pending->ephemeral, &endpoint->public, &peer->ss,
					 &peer->key, bytes, sizeof(bytes));
	LM_ASSERT(written); /* lm_link_peer_init has refused keys of small order */
	lm_link_cookie_sign(&peer->jar, message, INITIATION_LEN, now_us);
	return INITIATION_LEN;
}

static __attribute__((noinline)) size_t step(struct lm_link_peer *peer, uint8_t *message,
					     uint64_t now_us, uint64_t wall_us)
{
	expire(peer, now_us);
	lm_link_peer_settle(peer, now_us);
	if (is_confirming(peer) && now_us >= peer->confirm_us)
		return lm_link_peer_confirm(peer, message, now_us);
	if (now_us >= wanted_us(peer))
		return initiate(peer, message, now_us, wall_us);
	return 0;
}

size_t lm_link_step(struct lm_link_peer *peer, uint8_t message[LM_LINK_MESSAGE_MAX],
		    uint64_t now_us, uint64_t wall_us)
{
	size_t len = step(peer, message, now_us, wall_us);

	lm_link_end();
	return len;
}
