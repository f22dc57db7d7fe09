/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Endpoints and peers, for the two files that work on them: peer.c has the schedule of one peer,
 * endpoint.c takes messages. Private to this folder; the control side alone, but for `sending`.
 */
#pragma once

#include "cookie.h"
#include "limit.h"
#include "session.h"

#define RETRY_FIRST_US (UINT64_C(500) * 1000)   /* after the first initiation; doubled each time */
#define RETRY_LAST_US  (UINT64_C(4000) * 1000)  /* at most, and for ever */
#define PASSIVE_US     (UINT64_C(15) * 1000000) /* that the responder of a session waits longer */
#define UNCONFIRMED_US (UINT64_C(5) * 1000000)  /* that a response waits for its confirmation */
#define ANSWER_US      (UINT64_C(20) * 1000)    /* between two answers to one peer, at least */
#define CROSSED_SENT   3 /* own initiations in vain, after which the peer's goes first */

struct lm_link_endpoint {
	struct lm_secret secret;
	struct lm_point public;
	struct lm_link_table *table;
	lm_link_identify *identify;
	void *context;
	struct lm_link_cookie_keys keys;
	struct lm_link_cookie_secrets secrets;
	struct lm_link_limit limit;
};

/* An initiation that waits for its response. */
struct pending {
	struct lm_link_session *session; /* reserved; NULL: there is none */
	struct lm_secret ephemeral;
	struct noise noise;
	unsigned sent; /* how often */
};

struct lm_link_peer {
	struct lm_link_endpoint *endpoint;
	struct lm_point key, ss;
	uint32_t number;
	bool initiates;
	uint64_t timestamp_us; /* the latest of an authentic initiation */
	uint64_t sent_us;      /* the timestamp of the last own one */

	_Atomic(struct lm_link_session *) sending;
	struct lm_link_session *current;  /* the same */
	struct lm_link_session *previous; /* still taken, up to previous_until_us */
	struct lm_link_session *next;     /* answered by us and not confirmed yet */
	uint64_t previous_until_us;
	bool initiated; /* `current`, by us */
	bool confirmed; /* `current`, by the peer */

	struct pending pending;
	uint64_t retry_us;    /* no initiation before */
	uint64_t answered_us; /* when the last initiation was answered */
	uint64_t confirm_us;  /* the next confirmation of an own session that nobody confirmed */
	unsigned confirms;    /* sent for it */
	struct lm_link_cookie_jar jar;
};

/* Lets go of a session: retires it, and clears the place that held it. */
void lm_link_peer_drop(struct lm_link_peer *peer, struct lm_link_session **session);

/* Lets go of the own initiation. */
void lm_link_peer_abandon(struct lm_link_peer *peer);

/* Sends on a session from now on; the one before goes on being taken. */
void lm_link_peer_promote(struct lm_link_peer *peer, struct lm_link_session *session,
			  bool initiated, uint64_t now_us);

/* The peer has shown that it has `current`: what came before it ends after the overlap. */
void lm_link_peer_confirmed(struct lm_link_peer *peer, uint64_t now_us);

/* Takes a frame on `next` for the confirmation that did not arrive. */
void lm_link_peer_settle(struct lm_link_peer *peer, uint64_t now_us);

/* Writes a confirmation of `current`, and says when the next one is due. */
size_t lm_link_peer_confirm(struct lm_link_peer *peer, uint8_t *message, uint64_t now_us);
