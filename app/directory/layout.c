/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See layout.h.
 */
#include "layout.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define HASH_HEX 64
#define SIG_HEX  128

static void LM_PRINTF(2, 3) format(char key[LAYOUT_KEY], const char *form, ...)
{
	va_list arguments;
	int n;

	va_start(arguments, form);
	n = vsnprintf(key, LAYOUT_KEY, form, arguments);
	va_end(arguments);
	LM_ASSERT(n > 0 && n < LAYOUT_KEY);
}

void layout_descriptor(char key[LAYOUT_KEY], const char *prefix, uint32_t id)
{
	format(key, "%s/descriptors/%010" PRIu32, prefix, id);
}

void layout_round(char key[LAYOUT_KEY], const char *prefix, uint32_t epoch, unsigned attempt)
{
	format(key, "%s/rounds/%010" PRIu32 "/%u", prefix, epoch, attempt);
}

void layout_proposal(char key[LAYOUT_KEY], const char *prefix, uint32_t epoch, unsigned attempt,
		     const struct lm_verifier *authority)
{
	char hex[HASH_HEX + 1];

	lm_hex_encode(hex, authority->b, sizeof(authority->b));
	format(key, "%s/proposals/%010" PRIu32 "/%u/%s", prefix, epoch, attempt, hex);
}

void layout_vote(char key[LAYOUT_KEY], const char *prefix, uint32_t epoch,
		 const struct lm_verifier *authority)
{
	char hex[HASH_HEX + 1];

	lm_hex_encode(hex, authority->b, sizeof(authority->b));
	format(key, "%s/epochs/%010" PRIu32 "/%s", prefix, epoch, hex);
}

void layout_chunk(char key[LAYOUT_KEY], const char *prefix, const struct lm_hash *hash,
		  unsigned number)
{
	char hex[HASH_HEX + 1];

	lm_hex_encode(hex, hash->b, sizeof(hash->b));
	format(key, "%s/documents/%s/%04u", prefix, hex, number);
}

void layout_votes(char from[LAYOUT_KEY], char to[LAYOUT_KEY], const char *prefix)
{
	format(from, "%s/epochs/", prefix);
	format(to, "%s/epochs0", prefix); /* '0' follows '/' */
}

/* `digits` decimal digits as a number below 2^32. */
static bool get_number(uint32_t *number, const char *text, unsigned digits)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < digits; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		value = 10 * value + (uint64_t)(text[i] - '0');
	}
	*number = (uint32_t)value;
	return value <= UINT32_MAX;
}

bool layout_vote_epoch(uint32_t *epoch, const char *prefix, const char *key)
{
	char head[LAYOUT_KEY], end[LAYOUT_KEY];
	size_t len;

	layout_votes(head, end, prefix);
	len = strlen(head);
	return strlen(key) == len + 10 + 1 + HASH_HEX && memcmp(key, head, len) == 0 &&
	       get_number(epoch, key + len, 10) && key[len + 10] == '/';
}

void layout_put_hash(char text[HASH_HEX + 1], const struct lm_hash *hash)
{
	lm_hex_encode(text, hash->b, sizeof(hash->b));
}

bool layout_get_hash(struct lm_hash *hash, const char *text, size_t len)
{
	char hex[HASH_HEX + 1] = {0};

	if (len != HASH_HEX)
		return false;
	memcpy(hex, text, HASH_HEX);
	return lm_hex_decode(hash->b, hex, sizeof(hash->b));
}

size_t layout_put_vote(char text[LAYOUT_VOTE], const struct vote *vote)
{
	char hash[HASH_HEX + 1], signature[SIG_HEX + 1];

	lm_hex_encode(hash, vote->hash.b, sizeof(vote->hash.b));
	lm_hex_encode(signature, vote->signature.b, sizeof(vote->signature.b));
	return (size_t)snprintf(text, LAYOUT_VOTE, "%s %08u %s\n", hash, (unsigned)vote->len,
				signature);
}

bool layout_get_vote(struct vote *vote, const char *text, size_t len)
{
	char signature[SIG_HEX + 1] = {0};
	const char *at = text + HASH_HEX;
	uint32_t bytes;

	if (len != HASH_HEX + 1 + 8 + 1 + SIG_HEX + 1 || at[0] != ' ' || at[9] != ' ' ||
	    text[len - 1] != '\n')
		return false;
	memcpy(signature, at + 10, SIG_HEX);
	if (!layout_get_hash(&vote->hash, text, HASH_HEX) || !get_number(&bytes, at + 1, 8) ||
	    !lm_hex_decode(vote->signature.b, signature, sizeof(vote->signature.b)))
		return false;
	vote->len = bytes;
	return bytes >= 1 && bytes <= LM_SIGNED_BYTES;
}
