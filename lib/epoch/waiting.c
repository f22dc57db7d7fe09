/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The keys that wait in a key file, for whoever proves that it has them.
 */
#include "keyfile.h"

static int compare(const void *a, const void *b)
{
	const struct keyfile_entry *left = a, *right = b;

	return (left->epoch > right->epoch) - (left->epoch < right->epoch);
}

int lm_epoch_each_waiting(const char *keys, uint32_t node, unsigned most,
			  void (*take)(void *context, uint32_t epoch,
				       const struct lm_secret *secret),
			  void *context, struct lm_error *err)
{
	struct keyfile_open file;
	int rc = keyfile_open(&file, keys, node, KEYFILE_LOOK, err);

	if (rc != 0)
		return rc;
	qsort(file.now->entry, file.now->n, sizeof(file.now->entry[0]), compare);
	for (unsigned i = 0; i < file.now->n && i < most; i++)
		take(context, file.now->entry[i].epoch, &file.now->entry[i].secret);
	keyfile_close(&file);
	return 0;
}
