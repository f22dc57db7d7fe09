/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Contexts of lib/symmetric and the table of its backends, best first. The caller owns the memory
 * of a context; one thread uses it. No secrets are handled here.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "context.h"

static bool scalar_usable(void)
{
	return lm_cpu_has(LM_CPU_SSE42);
}

static bool avx2_usable(void)
{
	return scalar_usable() && lm_cpu_has(LM_CPU_AVX2);
}

static bool avx512_usable(void)
{
	return avx2_usable() && lm_cpu_has(LM_CPU_AVX512IFMA) && lm_cpu_has(LM_CPU_VAES);
}

static const struct lm_symmetric_backend backends[] = {
	{
		.name = "avx512",
		.usable = avx512_usable,
		.init_imb = init_mb_mgr_avx512,
		.chacha20_xor = lm_chacha20_xor_avx512,
		.chacha20_block = lm_chacha20_block_avx512,
		.hchacha20 = lm_hchacha20_avx512,
		.blake2b = lm_blake2b_avx512,
		.poly1305 = lm_poly1305_avx512,
		.aes256 = lm_aes256_avx512,
		.poly1305_aead = lm_poly1305_aead_avx512,
		.aead_fewest = 6,
	},
	{
		.name = "avx2",
		.usable = avx2_usable,
		.init_imb = init_mb_mgr_avx2,
		.chacha20_xor = lm_chacha20_xor_avx2,
		.chacha20_block = lm_chacha20_block_avx2,
		.hchacha20 = lm_hchacha20_avx2,
		.blake2b = lm_blake2b_avx2,
		.poly1305 = lm_poly1305_avx2,
		.aes256 = lm_aes256_imb,
		.poly1305_aead = lm_poly1305_aead_avx2,
		.aead_fewest = 4,
	},
	{
		.name = "scalar",
		.usable = scalar_usable,
		.init_imb = init_mb_mgr_sse,
		.chacha20_xor = lm_chacha20_xor_scalar,
		.chacha20_block = lm_chacha20_block_scalar,
		.hchacha20 = lm_hchacha20_scalar,
		.blake2b = lm_blake2b_scalar,
		.poly1305 = lm_poly1305_imb,
		.aes256 = lm_aes256_imb,
	},
};

const char *lm_symmetric_backend_name(unsigned i)
{
	return i < LM_COUNT(backends) ? backends[i].name : NULL;
}

bool lm_symmetric_backend_usable(unsigned i)
{
	return i < LM_COUNT(backends) && backends[i].usable();
}

const char *lm_symmetric_selected(const struct lm_symmetric *symmetric)
{
	return symmetric->backend->name;
}

size_t lm_symmetric_size(void)
{
	return sizeof(struct lm_symmetric) + imb_get_mb_mgr_size();
}

/* "auto" and every backend, with those marked that this CPU cannot run. */
static void list_choices(char *text, size_t size)
{
	size_t used = (size_t)snprintf(text, size, "auto");

	for (unsigned i = 0; i < LM_COUNT(backends) && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, ", %s%s", backends[i].name,
					 backends[i].usable() ? "" : " (not on this CPU)");
}

static const struct lm_symmetric_backend *choose(const char *name, struct lm_error *err)
{
	bool best = strcmp(name, "auto") == 0;
	const char *problem = best ? "no usable" : "no";
	char choices[160];

	for (unsigned i = 0; i < LM_COUNT(backends); i++) {
		if (!best && strcmp(name, backends[i].name) != 0)
			continue;
		if (backends[i].usable())
			return &backends[i];
		problem = "this CPU cannot run";
	}
	list_choices(choices, sizeof(choices));
	lm_error_set(err, EINVAL, "%s symmetric backend \"%s\"; choose one of: %s", problem, name,
		     choices);
	return NULL;
}

struct lm_symmetric *lm_symmetric_init(void *memory, const char *backend, struct lm_error *err)
{
	struct lm_symmetric *symmetric = memory;

	LM_ASSERT((uintptr_t)memory % LM_SYMMETRIC_ALIGN == 0);
	memset(symmetric, 0, sizeof(*symmetric));
	symmetric->backend = choose(backend, err);
	if (symmetric->backend == NULL)
		return NULL;
	symmetric->imb = imb_set_pointers_mb_mgr(symmetric + 1, 0, 1);
	if (symmetric->imb != NULL)
		symmetric->backend->init_imb(symmetric->imb);
	if (symmetric->imb == NULL || imb_get_errno(symmetric->imb) != 0 ||
	    (symmetric->imb->features & IMB_FEATURE_SAFE_DATA) == 0) {
		lm_error_set(err, ENOTSUP,
			     "ipsec-mb %s does not start with %s; it must be built with SAFE_DATA",
			     imb_get_version_str(), symmetric->backend->name);
		return NULL;
	}
	return symmetric;
}
