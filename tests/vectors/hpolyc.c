/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The published HPolyC-XChaCha20-AES256 answers: the wide-block cipher with block counter 0 and a
 * tweak block, u32 bit length of T || T || zeros to a multiple of 16.
 */
#include <string.h>

#include "third_party.h"

static bool recognise(const json_t *root)
{
	const json_t *cipher = json_object_get(json_array_get(root, 0), "cipher");
	const char *name = json_string_value(json_object_get(cipher, "cipher"));

	return name && strcmp(name, "HPolyC") == 0;
}

static unsigned count(const struct node *root)
{
	return (unsigned)node_count(root);
}

static bool is(const struct node *object, const char *key, const char *text)
{
	struct node node = node_get(object, key);

	return strcmp(node_string(&node), text) == 0;
}

/* HPolyC comes with other stream and block ciphers too. */
static void check_ciphers(const struct node *answer)
{
	struct node cipher = node_get(answer, "cipher");
	struct node stream = node_get(&cipher, "streamcipher");
	struct node block = node_get(&cipher, "blockcipher");
	struct node lengths = node_get(&block, "lengths");

	if (!is(&cipher, "cipher", "HPolyC") || !is(&stream, "cipher", "XChaCha") ||
	    get_uint(&stream, "rounds", 20) != 20 || !is(&block, "cipher", "AES") ||
	    get_uint(&lengths, "key", 32) != 32)
		malformed(&cipher, "not HPolyC with XChaCha20 and AES-256");
}

static void read_tweak(struct lm_wb_variant *variant, const struct node *input)
{
	size_t len;
	uint8_t *tweak = get_blob(input, "tweak_hex", &len);

	if (4 + len > sizeof(variant->tweak))
		malformed(input, "tweak too long");
	lm_store_u32(variant->tweak, (uint32_t)len * 8);
	memcpy(variant->tweak + 4, tweak, len);
	variant->tweak_len = (4 + len + 15) / 16 * 16;
	free(tweak);
}

static void check_answer(const struct item *item, struct lm_symmetric *symmetric)
{
	struct node input = node_get(&item->node, "input");
	struct lm_wb_variant variant = {.counter = 0};
	struct lm_key key;
	size_t len, other_len;
	uint8_t *plain = get_blob(&item->node, "plaintext_hex", &len);
	uint8_t *cipher = get_blob(&item->node, "ciphertext_hex", &other_len);
	uint8_t *text = check_alloc(len);

	check_ciphers(&item->node);
	get_bytes(&input, "key_hex", &key, sizeof(key));
	read_tweak(&variant, &input);
	if (len != other_len || len < 16 || len > LM_WB_VARIANT_LEN)
		malformed(&item->node, "texts of different lengths, or not of 16 .. 4096 bytes");
	memcpy(text, plain, len);
	lm_symmetric_wb_variant(symmetric, &text, len, &key, &variant, false, 1);
	item_check(item, memcmp(text, cipher, len) == 0, "wrong ciphertext");
	lm_symmetric_wb_variant(symmetric, &text, len, &key, &variant, true, 1);
	item_check(item, memcmp(text, plain, len) == 0, "decryption does not give the plaintext");
	free(text);
	free(cipher);
	free(plain);
}

static void check(const struct node *root, struct lm_symmetric *symmetric)
{
	for (unsigned i = 0; i < node_count(root); i++) {
		struct item item = {i, node_at(root, i)};

		check_answer(&item, symmetric);
	}
}

const struct third_party hpolyc = {recognise, count, check};
