/* SPDX-License-Identifier: BSD-3-Clause */
/* What Wycheproof's files have in common. */
#include <string.h>

#include "third_party.h"

bool wycheproof_is(const json_t *root, const char *algorithm)
{
	const char *text = json_string_value(json_object_get(root, "algorithm"));

	return text && strcmp(text, algorithm) == 0 && json_object_get(root, "testGroups");
}

unsigned wycheproof_count(const struct node *root)
{
	struct node groups = node_get(root, "testGroups");
	unsigned n = 0;

	for (size_t i = 0; i < node_count(&groups); i++) {
		struct node group = node_at(&groups, i);
		struct node tests = node_get(&group, "tests");

		n += (unsigned)node_count(&tests);
	}
	return n;
}

void wycheproof_each(const struct node *root, struct lm_symmetric *symmetric,
		     void (*check)(const struct item *test, struct lm_symmetric *symmetric))
{
	struct node groups = node_get(root, "testGroups");
	struct item item = {0};

	for (size_t i = 0; i < node_count(&groups); i++) {
		struct node group = node_at(&groups, i);
		struct node tests = node_get(&group, "tests");

		for (size_t j = 0; j < node_count(&tests); j++) {
			item.node = node_at(&tests, j);
			check(&item, symmetric);
			item.number++;
		}
	}
}
