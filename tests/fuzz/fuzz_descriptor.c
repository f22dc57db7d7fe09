/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Descriptors, signed rightly by the identity that the corpus names, with anything inside: refused
 * with a message that begins with the name, or one that is written again to the same bytes.
 */
#include "fuzz.h"
#include "lm_topology_descriptor.h"

static const struct lm_signer signer = {{7}};

/* What is fuzzed is the document: its signature is always right. */
static char *sign(size_t *len, const uint8_t *data, size_t size)
{
	struct lm_signed file = {.n = 1, .bytes = (const char *)data, .len = size};
	char *text;

	lm_signer_public(&file.by[0], &signer);
	lm_sign(&file.signature[0], &signer, data, size);
	LM_ASSERT(lm_signed_format(&text, len, &file) == 0);
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct lm_descriptor descriptor, again;
	struct lm_error err = {""};
	size_t len, other_len;
	char *text, *other;

	fuzz_start();
	text = sign(&len, data, size);
	if (lm_descriptor_parse(&descriptor, text, len, "fuzz", &err) != 0) {
		LM_ASSERT(strncmp(err.text, "fuzz:", 5) == 0);
		free(text);
		return 0;
	}
	LM_ASSERT(descriptor.keys <= LM_DESCRIPTOR_KEYS);
	LM_ASSERT(lm_descriptor_glance(descriptor.id, &descriptor.identity, text, len, "fuzz",
				       &err) == 0);
	LM_ASSERT(lm_descriptor_format(&other, &other_len, &descriptor, &signer, &err) == 0);
	LM_ASSERT(lm_descriptor_parse(&again, other, other_len, "again", &err) == 0);
	LM_ASSERT(memcmp(&again, &descriptor, sizeof(again)) == 0);
	free(other);
	free(text);
	return 0;
}
