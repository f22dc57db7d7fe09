/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A table in words, for a program's --help-config.
 */
#include "table.h"
#include "value.h"

static void describe(FILE *to, const struct lm_conf_table *table, const char *prefix)
{
	for (unsigned i = 0; i < table->keys; i++) {
		const struct lm_conf_key *key = &table->key[i];
		char allowed[CONF_WORDS];
		char inside[CONF_NAME];

		lm_conf_allowed(allowed, key);
		fprintf(to, "%s%s\n\t%s", prefix, key->name, allowed);
		if (!key->fallback)
			fprintf(to, "; required\n");
		else
			fprintf(to, "; default %s\n", key->fallback[0] ? key->fallback : "\"\"");
		if (key->help)
			fprintf(to, "\t%s\n", key->help);
		if (key->type != LM_CONF_LIST)
			continue;
		snprintf(inside, sizeof(inside), "%s%s[].", prefix, key->name);
		describe(to, key->element, inside);
	}
}

void lm_conf_describe(FILE *to, const struct lm_conf_table *table)
{
	describe(to, table, "");
}
