/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Names of a table. Names in the table are the program's own; an unknown one is the user's, already
 * cut to a bounded length.
 */
#include <string.h>

#include "table.h"

#define NEAR 2 /* letters that a mistyped name may be off */

const struct lm_conf_key *lm_conf_find(const struct lm_conf_table *table, const char *name)
{
	for (unsigned i = 0; i < table->keys; i++)
		if (strcmp(table->key[i].name, name) == 0)
			return &table->key[i];
	return NULL;
}

const struct lm_conf_key *lm_conf_find_section(const struct lm_conf_table *table, const char *name)
{
	size_t len = strlen(name);

	for (unsigned i = 0; i < table->keys; i++)
		if (strncmp(table->key[i].name, name, len) == 0 && table->key[i].name[len] == '.')
			return &table->key[i];
	return NULL;
}

unsigned lm_conf_depth(const char *name)
{
	unsigned words = 1;

	for (; *name; name++)
		words += *name == '.';
	return words;
}

/* The first `depth` words of a row's name. */
static void first_words(char words[CONF_NAME], const char *name, unsigned depth)
{
	size_t n = 0;

	for (; name[n] && n < CONF_NAME - 1; n++) {
		if (name[n] == '.' && --depth == 0)
			break;
		words[n] = name[n];
	}
	words[n] = '\0';
}

static unsigned least(unsigned a, unsigned b, unsigned c)
{
	unsigned ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* Letters to insert, delete or change to get from a to b (Levenshtein 1966), row by row. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[CONF_NAME];
	size_t len = strlen(b);

	for (unsigned j = 0; j <= len; j++)
		row[j] = j;
	for (size_t i = 0; a[i]; i++) {
		unsigned diagonal = row[0]++;

		for (size_t j = 0; j < len; j++) {
			unsigned above = row[j + 1];

			row[j + 1] = least(diagonal + (a[i] != b[j]), above + 1, row[j] + 1);
			diagonal = above;
		}
	}
	return row[len];
}

static bool suggest_nearest(char words[CONF_NAME], const struct lm_conf_table *table,
			    const char *unknown)
{
	char name[CONF_NAME];
	unsigned best = NEAR + 1;

	for (unsigned i = 0; i < table->keys; i++) {
		unsigned off;

		first_words(name, table->key[i].name, lm_conf_depth(unknown));
		off = distance(unknown, name);
		if (off < best && off < strlen(name)) {
			best = off;
			snprintf(words, CONF_NAME, "did you mean %.200s?", name);
		}
	}
	return best <= NEAR;
}

void lm_conf_suggest(char words[CONF_NAME], const struct lm_conf_table *table, const char *unknown)
{
	const char *last_dot = strrchr(unknown, '.');
	size_t section = last_dot ? (size_t)(last_dot - unknown) + 1 : 0;
	size_t used;

	if (suggest_nearest(words, table, unknown))
		return;
	used = (size_t)snprintf(words, CONF_NAME, "known here:");
	for (unsigned i = 0; i < table->keys && used < CONF_NAME; i++) {
		const struct lm_conf_key *key = &table->key[i];
		char name[CONF_NAME];

		if (strncmp(key->name, unknown, section) != 0)
			continue;
		first_words(name, key->name, lm_conf_depth(unknown));
		if (lm_conf_find(table, name) == key || lm_conf_find_section(table, name) == key)
			used += (size_t)snprintf(words + used, CONF_NAME - used, " %s",
						 name + section);
	}
}
