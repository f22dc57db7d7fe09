/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Signatures, and files that carry them. The text in front of the signed bytes is hostile: every
 * line has one form and one length.
 */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "lm_topology_signed.h"

#define MAGIC     "linemix-signed-v1\n"
#define WORD      "signature "
#define KEY_HEX   64
#define SIG_HEX   128
#define LINE_LEN  (sizeof(WORD) - 1 + KEY_HEX + 1 + SIG_HEX + 1) /* with its newline */
#define MAGIC_LEN (sizeof(MAGIC) - 1)

void lm_hash_bytes(struct lm_hash *hash, const void *bytes, size_t len)
{
	LM_ASSERT(crypto_generichash(hash->b, sizeof(hash->b), bytes, len, NULL, 0) == 0);
}

/* libsodium's form of a secret key: the seed and the public key behind it. */
static void expand(uint8_t expanded[crypto_sign_SECRETKEYBYTES], struct lm_verifier *verifier,
		   const struct lm_signer *signer)
{
	LM_ASSERT(crypto_sign_seed_keypair(verifier->b, expanded, signer->b) == 0);
}

void lm_signer_public(struct lm_verifier *verifier, const struct lm_signer *signer)
{
	uint8_t expanded[crypto_sign_SECRETKEYBYTES];

	expand(expanded, verifier, signer);
	lm_wipe(expanded, sizeof(expanded));
}

void lm_sign(struct lm_signature *signature, const struct lm_signer *signer, const void *bytes,
	     size_t len)
{
	uint8_t expanded[crypto_sign_SECRETKEYBYTES];
	struct lm_verifier verifier;

	expand(expanded, &verifier, signer);
	LM_ASSERT(crypto_sign_detached(signature->b, NULL, bytes, len, expanded) == 0);
	lm_wipe(expanded, sizeof(expanded));
}

bool lm_verify(const struct lm_signature *signature, const struct lm_verifier *verifier,
	       const void *bytes, size_t len)
{
	return crypto_sign_verify_detached(signature->b, bytes, len, verifier->b) == 0;
}

/* One line of the form "signature KEY SIGNATURE\n" at `line`. */
static bool parse_line(struct lm_signed *file, const char *line)
{
	const char *key = line + sizeof(WORD) - 1;
	const char *signature = key + KEY_HEX + 1;
	char hex[SIG_HEX + 1] = {0};

	if (memcmp(line, WORD, sizeof(WORD) - 1) != 0 || key[KEY_HEX] != ' ' ||
	    signature[SIG_HEX] != '\n')
		return false;
	memcpy(hex, key, KEY_HEX);
	if (!lm_hex_decode(file->by[file->n].b, hex, sizeof(file->by->b)))
		return false;
	memcpy(hex, signature, SIG_HEX);
	return lm_hex_decode(file->signature[file->n].b, hex, sizeof(file->signature->b));
}

static bool has_signer(const struct lm_signed *file, const struct lm_verifier *verifier)
{
	for (unsigned i = 0; i < file->n; i++)
		if (memcmp(file->by[i].b, verifier->b, sizeof(verifier->b)) == 0)
			return true;
	return false;
}

int lm_signed_parse(struct lm_signed *file, const char *text, size_t len, const char *name,
		    struct lm_error *err)
{
	const char *at = text + MAGIC_LEN, *end = text + len;

	memset(file, 0, sizeof(*file));
	if (len < MAGIC_LEN || memcmp(text, MAGIC, MAGIC_LEN) != 0)
		return lm_error_set(err, EINVAL,
				    "%s:1: is no signed file; its first line is \"%.*s\"", name,
				    (int)MAGIC_LEN - 1, MAGIC);
	for (; at < end && *at != '\n'; at += LINE_LEN, file->n++) {
		unsigned line = file->n + 2;

		if (file->n == LM_SIGNED_SIGNATURES)
			return lm_error_set(err, EINVAL, "%s:%u: more than %u signatures", name,
					    line, LM_SIGNED_SIGNATURES);
		if ((size_t)(end - at) < LINE_LEN || !parse_line(file, at))
			return lm_error_set(err, EINVAL,
					    "%s:%u: is no signature; \"signature\", a public key "
					    "of 64 and a signature of 128 hexadecimal digits, or "
					    "an empty line before the document",
					    name, line);
		if (has_signer(file, &file->by[file->n]))
			return lm_error_set(err, EINVAL, "%s:%u: this key has signed above already",
					    name, line);
	}
	if (at >= end)
		return lm_error_set(err, EINVAL, "%s:%u: ends before the document; the file is cut",
				    name, file->n + 2);
	file->bytes = at + 1;
	file->len = (size_t)(end - file->bytes);
	return 0;
}

int lm_signed_format(char **text, size_t *len, const struct lm_signed *file)
{
	size_t head = MAGIC_LEN + file->n * LINE_LEN + 1;
	char key[KEY_HEX + 1], signature[SIG_HEX + 1];
	char *at = malloc(head + file->len + 1);

	*text = at;
	if (!at)
		return -ENOMEM;
	at += sprintf(at, "%s", MAGIC);
	for (unsigned i = 0; i < file->n; i++) {
		lm_hex_encode(key, file->by[i].b, sizeof(file->by->b));
		lm_hex_encode(signature, file->signature[i].b, sizeof(file->signature->b));
		at += sprintf(at, WORD "%s %s\n", key, signature);
	}
	*at++ = '\n';
	memcpy(at, file->bytes, file->len);
	*len = head + file->len;
	return 0;
}

int lm_signed_add(struct lm_signed *file, const struct lm_verifier *by,
		  const struct lm_signature *signature)
{
	unsigned at = 0;

	if (has_signer(file, by))
		return -EEXIST;
	if (file->n == LM_SIGNED_SIGNATURES)
		return -ENOSPC;
	while (at < file->n && memcmp(file->by[at].b, by->b, sizeof(by->b)) < 0)
		at++;
	memmove(&file->by[at + 1], &file->by[at], (file->n - at) * sizeof(*by));
	memmove(&file->signature[at + 1], &file->signature[at],
		(file->n - at) * sizeof(*signature));
	file->by[at] = *by;
	file->signature[at] = *signature;
	file->n++;
	return 0;
}

static bool is_authority(const struct lm_authorities *authorities,
			 const struct lm_verifier *verifier)
{
	for (unsigned i = 0; i < authorities->n; i++)
		if (memcmp(authorities->key[i].b, verifier->b, sizeof(verifier->b)) == 0)
			return true;
	return false;
}

unsigned lm_signed_count(const struct lm_signed *file, const struct lm_authorities *authorities)
{
	unsigned good = 0;

	for (unsigned i = 0; i < file->n; i++)
		good += is_authority(authorities, &file->by[i]) &&
			lm_verify(&file->signature[i], &file->by[i], file->bytes, file->len);
	return good;
}
