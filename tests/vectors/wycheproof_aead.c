/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Wycheproof's tests of ChaCha20-Poly1305 and XChaCha20-Poly1305, the AEADs put together from
 * lib/symmetric's parts (RFC 8439, 2.8; draft-irtf-cfrg-xchacha-03). Tests of nonces of another
 * length are skipped: the nonce's type has no such values.
 */
#include <string.h>

#include "third_party.h"

struct aead {
	struct lm_key key;
	uint8_t nonce24[24]; /* only XChaCha20 uses all */
	uint8_t *aad, *text; /* text: what goes in, then what comes out */
	size_t aad_len, len;
};

/* The tag's input: aad || 0.. || ciphertext || 0.. || lengths. The caller frees. */
static uint8_t *mac_input(const struct aead *aead, size_t *n)
{
	size_t aad_end = (aead->aad_len + 15) / 16 * 16;
	size_t text_end = aad_end + (aead->len + 15) / 16 * 16;
	uint8_t *input = check_alloc(text_end + 16);

	memcpy(input, aead->aad, aead->aad_len);
	memcpy(input + aad_end, aead->text, aead->len);
	lm_store_u32(input + text_end, (uint32_t)aead->aad_len);
	lm_store_u32(input + text_end + 8, (uint32_t)aead->len);
	*n = text_end + 16;
	return input;
}

/* The ChaCha20-IETF key and nonce under an XChaCha20 nonce. */
static void extend(struct lm_symmetric *symmetric, struct lm_key *key, struct lm_nonce *nonce,
		   const uint8_t nonce24[24])
{
	struct lm_u128 input;

	memcpy(input.b, nonce24, 16);
	lm_symmetric_hchacha20(symmetric, key, key, &input, 1);
	memset(nonce->b, 0, 4);
	memcpy(nonce->b + 4, nonce24 + 16, 8);
}

/* Encrypts text in place unless it is ciphertext already, and makes its tag. */
static void seal(struct lm_symmetric *symmetric, struct aead *aead, struct lm_mac *mac,
		 bool extended, bool encrypt)
{
	struct lm_key key = aead->key;
	struct lm_nonce nonce;
	struct lm_mac_key mac_key;
	struct lm_block first;
	uint8_t *input;
	size_t n;

	memcpy(nonce.b, aead->nonce24, sizeof(nonce.b));
	if (extended)
		extend(symmetric, &key, &nonce, aead->nonce24);
	lm_symmetric_chacha20_first(symmetric, &first, &key, &nonce, 1);
	memcpy(mac_key.b, first.b, sizeof(mac_key.b));
	if (encrypt && aead->len > 0)
		lm_symmetric_chacha20_rest(symmetric, &aead->text,
					   (const uint8_t *const *)&aead->text, aead->len, &key,
					   &nonce, 1);
	input = mac_input(aead, &n);
	lm_symmetric_poly1305(symmetric, mac, &mac_key, (const uint8_t *const *)&input, n, 1);
	free(input);
}

static void check_sizes_match(const struct item *item, struct lm_symmetric *symmetric,
			      bool extended)
{
	struct node result = node_get(&item->node, "result");
	bool valid = strcmp(node_string(&result), "valid") == 0;
	struct aead aead;
	struct lm_mac tag, mac;
	size_t ct_len;
	uint8_t *ct = get_blob(&item->node, "ct", &ct_len);

	get_bytes(&item->node, "key", &aead.key, sizeof(aead.key));
	get_bytes(&item->node, "iv", aead.nonce24, extended ? 24 : 12);
	get_bytes(&item->node, "tag", &tag, sizeof(tag));
	aead.aad = get_blob(&item->node, "aad", &aead.aad_len);
	aead.text = get_blob(&item->node, "msg", &aead.len);
	if (aead.len != ct_len)
		malformed(&item->node, "msg and ct are not of one length");

	seal(symmetric, &aead, &mac, extended, true);
	if (valid)
		item_check(item, memcmp(aead.text, ct, ct_len) == 0, "wrong ciphertext");
	memcpy(aead.text, ct, ct_len);
	seal(symmetric, &aead, &mac, extended, false);
	item_check(item, lm_equal16(mac.b, tag.b) == valid, valid ? "wrong tag" : "accepted");
	free(aead.aad);
	free(aead.text);
	free(ct);
}

static void check_test(const struct item *item, struct lm_symmetric *symmetric, bool extended)
{
	struct node iv = node_get(&item->node, "iv");

	if (strlen(node_string(&iv)) != (extended ? 48 : 24))
		item_skipped(item);
	else
		check_sizes_match(item, symmetric, extended);
}

static void check_chacha20_test(const struct item *item, struct lm_symmetric *symmetric)
{
	check_test(item, symmetric, false);
}

static void check_xchacha20_test(const struct item *item, struct lm_symmetric *symmetric)
{
	check_test(item, symmetric, true);
}

static bool recognise_chacha20(const json_t *root)
{
	return wycheproof_is(root, "CHACHA20-POLY1305");
}

static bool recognise_xchacha20(const json_t *root)
{
	return wycheproof_is(root, "XCHACHA20-POLY1305");
}

static void check_chacha20(const struct node *root, struct lm_symmetric *symmetric)
{
	wycheproof_each(root, symmetric, check_chacha20_test);
}

static void check_xchacha20(const struct node *root, struct lm_symmetric *symmetric)
{
	wycheproof_each(root, symmetric, check_xchacha20_test);
}

const struct third_party wycheproof_chacha20_poly1305 = {recognise_chacha20, wycheproof_count,
							 check_chacha20};
const struct third_party wycheproof_xchacha20_poly1305 = {recognise_xchacha20, wycheproof_count,
							  check_xchacha20};
