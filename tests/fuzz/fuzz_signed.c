/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Signed files: what is taken apart goes together to the same bytes, and no signature counts that
 * was not made.
 */
#include "fuzz.h"
#include "lm_topology_signed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct lm_signed file;
	struct lm_authorities authorities = {.threshold = 1};
	struct lm_error err = {""};
	size_t len;
	char *text;

	fuzz_start();
	if (lm_signed_parse(&file, (const char *)data, size, "net.signed", &err) != 0) {
		LM_ASSERT(strncmp(err.text, "net.signed:", 11) == 0);
		return 0;
	}
	LM_ASSERT(file.n <= LM_SIGNED_SIGNATURES);
	LM_ASSERT(lm_signed_format(&text, &len, &file) == 0);
	LM_ASSERT(len == size && file.len <= size);
	/* hexadecimal digits may be of either case in what was read */
	LM_ASSERT(memcmp(text + len - file.len, data + size - file.len, file.len) == 0);
	free(text);
	for (unsigned i = 0; i < file.n; i++)
		authorities.key[authorities.n++] = file.by[i];
	LM_ASSERT(lm_signed_count(&file, &authorities) <= file.n);
	authorities.n = 0;
	LM_ASSERT(lm_signed_count(&file, &authorities) == 0);
	return 0;
}
