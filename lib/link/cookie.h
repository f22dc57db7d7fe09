/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What keeps a flood of handshakes from costing public-key work: two MACs at the end of initiations
 * and responses, and cookies that prove an address, after WireGuard (Donenfeld, "WireGuard: Next
 * Generation Kernel Network Tunnel", NDSS 2017, section 5.4.7). Private to this folder; the control
 * side alone.
 */
#pragma once

#include "lm_link.h"
#include "message.h"

#define MAC_LEN          16
#define COOKIE_ROTATE_US (UINT64_C(120) * 1000000) /* of the secret that cookies are made with */
#define COOKIE_USABLE_US (UINT64_C(120) * 1000000) /* by who was given it */

/* For both directions: keys made from the static key of the one who receives a message. */
struct lm_link_cookie_keys {
	uint8_t mac1[32];
	uint8_t box[32];
};

void lm_link_cookie_keys_init(struct lm_link_cookie_keys *keys, const struct lm_point *receiver);

/* ---- Who receives ---- */

/* Secrets that cookies are made with: the current one, and the one before. */
struct lm_link_cookie_secrets {
	uint8_t secret[2][32];
	uint64_t made_us;
};

void lm_link_cookie_secrets_init(struct lm_link_cookie_secrets *secrets, uint64_t now_us);

LM_MUST_CHECK bool lm_link_mac1_right(const struct lm_link_cookie_keys *own, const uint8_t *message,
				      size_t len);
/* True if the message brings the cookie of its source. Changes the secrets when they are old. */
LM_MUST_CHECK bool lm_link_mac2_right(struct lm_link_cookie_secrets *secrets,
				      const uint8_t *message, size_t len,
				      const struct lm_link_source *source, uint64_t now_us);
/* Writes the cookie reply to a message whose mac1 was right, with `receiver` the sender's base. */
void lm_link_cookie_reply(struct lm_link_cookie_secrets *secrets,
			  const struct lm_link_cookie_keys *own, uint8_t reply[COOKIE_REPLY_LEN],
			  const uint8_t *message, size_t len, uint32_t receiver,
			  const struct lm_link_source *source, uint64_t now_us);

/* ---- Who sends ---- */

/* Of one peer: its keys, the last mac1 sent to it, its cookie. */
struct lm_link_cookie_jar {
	struct lm_link_cookie_keys keys;
	uint8_t mac1[MAC_LEN];
	bool mac1_sent; /* and not answered by a cookie yet */
	uint8_t cookie[MAC_LEN];
	uint64_t usable_until_us; /* 0: there is none */
};

/* Writes mac1, and mac2 if there is a cookie. */
void lm_link_cookie_sign(struct lm_link_cookie_jar *jar, uint8_t *message, size_t len,
			 uint64_t now_us);
/* Takes a cookie out of a reply to the last message; false if it is none. */
LM_MUST_CHECK bool lm_link_cookie_take(struct lm_link_cookie_jar *jar,
				       const uint8_t reply[COOKIE_REPLY_LEN], uint64_t now_us);
