/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sign-document OUT KEY.. < DOCUMENT: the document, whatever it is, as a signed file with a
 * signature by each of these authority keys.
 */
#include <stdio.h>
#include <string.h>

#include "lm_topology_signed.h"

static char document[LM_SIGNED_BYTES];

static int sign(struct lm_signed *file, const char *path, struct lm_error *err)
{
	struct lm_signer *signer = lm_secret_alloc(sizeof(*signer));
	unsigned i = file->n++;
	int rc;

	if (!signer)
		return lm_error_set(err, 1, "no locked memory");
	rc = lm_keyfile_load(signer->b, file->by[i].b, LM_KEYFILE_AUTHORITY, path, err);
	if (rc == 0)
		lm_sign(&file->signature[i], signer, file->bytes, file->len);
	lm_secret_free(signer);
	return rc;
}

int main(int argc, char **argv)
{
	struct lm_signed file = {.bytes = document};
	struct lm_error err = {"usage: sign-document OUT KEY.. < DOCUMENT"};
	char *text;
	size_t len;
	int rc = argc < 2 || argc > 2 + LM_SIGNED_SIGNATURES ? -1 : lm_base_init(&err);

	file.len = fread(document, 1, sizeof(document), stdin);
	for (int i = 2; rc == 0 && i < argc; i++)
		rc = sign(&file, argv[i], &err);
	if (rc == 0)
		rc = lm_signed_format(&text, &len, &file);
	if (rc == 0) {
		rc = lm_file_replace(argv[1], text, len, 0644, &err);
		free(text);
	}
	if (rc != 0)
		fprintf(stderr, "sign-document: %s\n", err.text);
	return rc != 0;
}
