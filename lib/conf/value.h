/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One value of a table: from text into the struct, and in words for messages and documents.
 */
#pragma once

#include "lm_conf.h"

#define CONF_WORDS 200 /* room for a phrase about a value */

/* Text of the file as it may be shown: printable, cut to a line's length. */
struct shown {
	char text[64];
};
struct shown lm_conf_show(const char *text, size_t len);

/* What is allowed: "a number from 1 to 64". */
void lm_conf_allowed(char words[CONF_WORDS], const struct lm_conf_key *key);

/*
 * Sets the value at `to` from a scalar of the file; quoted says that it stood in quotes. False
 * leaves what is wrong in `wrong`. Not for lists.
 */
LM_MUST_CHECK bool lm_conf_set(void *to, const struct lm_conf_key *key, const char *text,
			       size_t len, bool quoted, char wrong[CONF_WORDS]);

/* A decimal number without sign or leading zeros, min .. max. */
LM_MUST_CHECK bool lm_conf_set_uint(uint64_t *to, uint64_t min, uint64_t max, const char *text,
				    size_t len, bool quoted, char wrong[CONF_WORDS]);
