/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mac1, mac2 and cookies. See cookie.h. Secret are the cookies' secrets and the cookies; mac1 keeps
 * away only those who do not know whom they talk to.
 */
#include "cookie.h"

#include <sodium.h>
#include <string.h>

static const char mac1_label[16] = "linemix-linkmac1", box_label[16] = "linemix-linkcook";

/* BLAKE2b of a label and a public key, 32 bytes. */
static void label_key(uint8_t out[32], const char label[16], const struct lm_point *receiver)
{
	crypto_generichash_blake2b_salt_personal(out, 32, receiver->b, sizeof(receiver->b), NULL, 0,
						 NULL, (const uint8_t *)label);
}

void lm_link_cookie_keys_init(struct lm_link_cookie_keys *keys, const struct lm_point *receiver)
{
	label_key(keys->mac1, mac1_label, receiver);
	label_key(keys->box, box_label, receiver);
}

void lm_link_cookie_secrets_init(struct lm_link_cookie_secrets *secrets, uint64_t now_us)
{
	lm_rand(secrets->secret, sizeof(secrets->secret));
	secrets->made_us = now_us;
}

/* The secret before goes on for one more period, so that no cookie dies on the day it was made. */
static void rotate(struct lm_link_cookie_secrets *secrets, uint64_t now_us)
{
	if (now_us - secrets->made_us < COOKIE_ROTATE_US)
		return;
	if (now_us - secrets->made_us >= 2 * COOKIE_ROTATE_US) {
		lm_link_cookie_secrets_init(secrets, now_us);
		return;
	}
	memcpy(secrets->secret[1], secrets->secret[0], sizeof(secrets->secret[1]));
	lm_rand(secrets->secret[0], sizeof(secrets->secret[0]));
	secrets->made_us += COOKIE_ROTATE_US;
}

static void keyed(uint8_t out[MAC_LEN], const uint8_t *key, size_t key_len, const uint8_t *data,
		  size_t len)
{
	crypto_generichash_blake2b(out, MAC_LEN, data, len, key, key_len);
}

static void make_cookie(uint8_t cookie[MAC_LEN], const uint8_t secret[32],
			const struct lm_link_source *source)
{
	uint8_t place[18];

	memcpy(place, source->address, 16);
	place[16] = (uint8_t)source->port;
	place[17] = (uint8_t)(source->port >> 8);
	keyed(cookie, secret, 32, place, sizeof(place));
}

bool lm_link_mac1_right(const struct lm_link_cookie_keys *own, const uint8_t *message, size_t len)
{
	uint8_t mac[MAC_LEN];

	keyed(mac, own->mac1, sizeof(own->mac1), message, len - MACS_LEN);
	return lm_equal16(mac, message + len - MACS_LEN);
}

bool lm_link_mac2_right(struct lm_link_cookie_secrets *secrets, const uint8_t *message, size_t len,
			const struct lm_link_source *source, uint64_t now_us)
{
	uint8_t cookie[MAC_LEN], mac[MAC_LEN];
	bool right = false;

	rotate(secrets, now_us);
	for (unsigned i = 0; i < 2; i++) {
		make_cookie(cookie, secrets->secret[i], source);
		keyed(mac, cookie, sizeof(cookie), message, len - MAC_LEN);
		right |= lm_equal16(mac, message + len - MAC_LEN);
	}
	lm_wipe(cookie, sizeof(cookie));
	lm_declassify(&right, sizeof(right));
	return right;
}

void lm_link_cookie_reply(struct lm_link_cookie_secrets *secrets,
			  const struct lm_link_cookie_keys *own, uint8_t reply[COOKIE_REPLY_LEN],
			  const uint8_t *message, size_t len, uint32_t receiver,
			  const struct lm_link_source *source, uint64_t now_us)
{
	uint8_t cookie[MAC_LEN];

	rotate(secrets, now_us);
	make_cookie(cookie, secrets->secret[0], source);
	lm_store_u32(reply, MESSAGE_COOKIE);
	lm_store_u32(reply + COOKIE_RECEIVER, receiver);
	lm_rand(reply + COOKIE_NONCE, COOKIE_BOX - COOKIE_NONCE);
	crypto_aead_xchacha20poly1305_ietf_encrypt(reply + COOKIE_BOX, NULL, cookie, sizeof(cookie),
						   message + len - MACS_LEN, MAC_LEN, NULL,
						   reply + COOKIE_NONCE, own->box);
	lm_wipe(cookie, sizeof(cookie));
}

void lm_link_cookie_sign(struct lm_link_cookie_jar *jar, uint8_t *message, size_t len,
			 uint64_t now_us)
{
	uint8_t *mac1 = message + len - MACS_LEN, *mac2 = message + len - MAC_LEN;

	keyed(mac1, jar->keys.mac1, sizeof(jar->keys.mac1), message, len - MACS_LEN);
	memcpy(jar->mac1, mac1, sizeof(jar->mac1));
	jar->mac1_sent = true;
	if (now_us < jar->usable_until_us)
		keyed(mac2, jar->cookie, sizeof(jar->cookie), message, len - MAC_LEN);
	else
		memset(mac2, 0, MAC_LEN);
}

bool lm_link_cookie_take(struct lm_link_cookie_jar *jar, const uint8_t reply[COOKIE_REPLY_LEN],
			 uint64_t now_us)
{
	uint8_t cookie[MAC_LEN];

	if (!jar->mac1_sent ||
	    crypto_aead_xchacha20poly1305_ietf_decrypt(cookie, NULL, NULL, reply + COOKIE_BOX,
						       MAC_LEN + NOISE_TAG, jar->mac1,
						       sizeof(jar->mac1), reply + COOKIE_NONCE,
						       jar->keys.box) != 0)
		return false;
	memcpy(jar->cookie, cookie, sizeof(jar->cookie));
	jar->usable_until_us = now_us + COOKIE_USABLE_US;
	jar->mac1_sent = false;
	lm_wipe(cookie, sizeof(cookie));
	return true;
}
