/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Scalars of a configuration file. The text is hostile: it has a length and may hold any bytes.
 *
 * Quoted scalars are strings (or name a choice), never numbers or truth values; a plain empty
 * scalar, `~` and `null` are YAML's "nothing" and no value at all.
 */
#include <inttypes.h>
#include <string.h>

#include "value.h"

struct shown lm_conf_show(const char *text, size_t len)
{
	struct shown shown = {""};
	size_t room = sizeof(shown.text) - sizeof("...");
	size_t n = len < room ? len : room;

	for (size_t i = 0; i < n; i++)
		shown.text[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
	if (n < len)
		strcpy(shown.text + n, "...");
	return shown;
}

static void join_choices(char words[CONF_WORDS], const char *const *choice)
{
	size_t used = (size_t)snprintf(words, CONF_WORDS, "one of %s", choice[0]);

	for (choice++; *choice && used < CONF_WORDS; choice++)
		used += (size_t)snprintf(words + used, CONF_WORDS - used, ", %s", *choice);
}

void lm_conf_allowed(char words[CONF_WORDS], const struct lm_conf_key *key)
{
	const char *format = "";

	switch (key->type) {
	case LM_CONF_BOOL:
		snprintf(words, CONF_WORDS, "true or false");
		return;
	case LM_CONF_UINT:
		snprintf(words, CONF_WORDS, "a number from %" PRIu64 " to %" PRIu64 "%s%s",
			 key->min, key->max, key->word ? ", or " : "", key->word ? key->word : "");
		return;
	case LM_CONF_STRING:
		format = "text of %" PRIu64 " to %" PRIu64 " bytes";
		break;
	case LM_CONF_CHOICE:
		join_choices(words, key->choices);
		return;
	case LM_CONF_LIST:
		format = "a list of %" PRIu64 " to %" PRIu64 " mappings";
		break;
	case LM_CONF_UINTS:
		format = "a list of %" PRIu64 " to %" PRIu64 " numbers, each 0 to 4294967295";
		break;
	case LM_CONF_STRINGS:
		snprintf(words, CONF_WORDS,
			 "a list of %" PRIu64 " to %" PRIu64 " texts of 1 to %zu bytes", key->min,
			 key->max, key->width);
		return;
	}
	snprintf(words, CONF_WORDS, format, key->min, key->max);
}

static bool equals(const char *text, size_t len, const char *word)
{
	return len == strlen(word) && memcmp(text, word, len) == 0;
}

static bool is_nothing(const char *text, size_t len)
{
	return len == 0 || equals(text, len, "~") || equals(text, len, "null");
}

/* The common complaint: false, with the text shown in front of `complaint`. */
static bool complain(char wrong[CONF_WORDS], const char *text, size_t len, const char *complaint)
{
	snprintf(wrong, CONF_WORDS, "\"%s\" %s", lm_conf_show(text, len).text, complaint);
	return false;
}

bool lm_conf_set_uint(uint64_t *to, uint64_t min, uint64_t max, const char *text, size_t len,
		      bool quoted, char wrong[CONF_WORDS])
{
	uint64_t value = 0;
	bool too_large = false;

	if (quoted)
		return complain(wrong, text, len, "stands in quotes, so it is text");
	if (len == 0 || strspn(text, "0123456789") != len)
		return complain(wrong, text, len, "is no decimal number");
	if (len > 1 && text[0] == '0')
		return complain(wrong, text, len, "begins with a zero");
	for (size_t i = 0; i < len && !too_large; i++)
		too_large = __builtin_mul_overflow(value, 10, &value) ||
			    __builtin_add_overflow(value, (uint64_t)(text[i] - '0'), &value);
	if (too_large || value < min || value > max)
		return complain(wrong, text, len, "is out of range");
	*to = value;
	return true;
}

static bool set_bool(bool *to, const char *text, size_t len, bool quoted, char wrong[CONF_WORDS])
{
	if (quoted)
		return complain(wrong, text, len, "stands in quotes, so it is text");
	if (!equals(text, len, "true") && !equals(text, len, "false"))
		return complain(wrong, text, len, "is no truth value");
	*to = text[0] == 't';
	return true;
}

static bool set_string(char *to, uint64_t min, uint64_t max, const char *text, size_t len,
		       char wrong[CONF_WORDS])
{
	if (memchr(text, '\0', len))
		return complain(wrong, text, len, "has a zero byte in it");
	if (len < min || len > max) {
		snprintf(wrong, CONF_WORDS, "\"%s\" has %zu bytes", lm_conf_show(text, len).text,
			 len);
		return false;
	}
	memcpy(to, text, len);
	to[len] = '\0';
	return true;
}

static bool set_choice(unsigned *to, const char *const *choices, const char *text, size_t len,
		       char wrong[CONF_WORDS])
{
	for (unsigned i = 0; choices[i]; i++) {
		if (equals(text, len, choices[i])) {
			*to = i;
			return true;
		}
	}
	return complain(wrong, text, len, "is no choice");
}

static bool set_number(uint64_t *to, const struct lm_conf_key *key, const char *text, size_t len,
		       bool quoted, char wrong[CONF_WORDS])
{
	if (!key->word || !equals(text, len, key->word))
		return lm_conf_set_uint(to, key->min, key->max, text, len, quoted, wrong);
	*to = key->max + 1;
	return true;
}

bool lm_conf_set(void *to, const struct lm_conf_key *key, const char *text, size_t len, bool quoted,
		 char wrong[CONF_WORDS])
{
	if (!quoted && is_nothing(text, len)) {
		snprintf(wrong, CONF_WORDS, "has no value");
		return false;
	}
	switch (key->type) {
	case LM_CONF_BOOL:
		return set_bool(to, text, len, quoted, wrong);
	case LM_CONF_UINT:
		return set_number(to, key, text, len, quoted, wrong);
	case LM_CONF_STRING:
		return set_string(to, key->min, key->max, text, len, wrong);
	case LM_CONF_CHOICE:
		return set_choice(to, key->choices, text, len, wrong);
	case LM_CONF_LIST:
	case LM_CONF_UINTS:
	case LM_CONF_STRINGS:
		break;
	}
	snprintf(wrong, CONF_WORDS, "is no list");
	return false;
}
