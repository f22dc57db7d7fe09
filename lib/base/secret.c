/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Wiping, constant-time comparison and locked memory, over libsodium.
 */
#include <sodium.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lm_base.h"

void lm_wipe(void *memory, size_t n)
{
	sodium_memzero(memory, n);
}

bool lm_is_zero(const void *memory, size_t n)
{
	const uint8_t *bytes = memory;
	volatile uint8_t result; /* or the compiler might learn to stop early */
	uint8_t any = 0;

	for (size_t i = 0; i < n; i++)
		any |= bytes[i];
	result = any;
	return result == 0;
}

bool lm_equal16(const uint8_t a[16], const uint8_t b[16])
{
	return crypto_verify_16(a, b) == 0;
}

void *lm_secret_alloc(size_t n)
{
	/* sodium_malloc puts the end at a guard page, so round up to keep the start aligned. */
	size_t rounded = (n + LM_CACHE_LINE - 1) & ~(size_t)(LM_CACHE_LINE - 1);
	void *memory = rounded < n ? NULL : sodium_malloc(rounded);

	if (!memory)
		return NULL;
	/* sodium_malloc locks too, but does not tell when the kernel refused. */
	if (sodium_mlock(memory, rounded) != 0) {
		sodium_free(memory);
		return NULL;
	}
	lm_wipe(memory, rounded);
	return memory;
}

void lm_secret_free(void *memory)
{
	sodium_free(memory);
}

/* Bytes between the guard pages. */
static size_t pages_of(size_t n, size_t page)
{
	return (n + page - 1) / page * page;
}

void *lm_secret_reserve(size_t n)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), inner = pages_of(n, page);
	uint8_t *all;

	if (inner < n || inner > SIZE_MAX - 2 * page)
		return NULL;
	all = mmap(NULL, inner + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		   -1, 0);
	if (all == MAP_FAILED)
		return NULL;
	if (mprotect(all + page, inner, PROT_READ | PROT_WRITE) == 0 &&
	    madvise(all + page, inner, MADV_DONTDUMP) == 0 &&
	    mlock2(all + page, inner, MLOCK_ONFAULT) == 0)
		return all + page;
	munmap(all, inner + 2 * page);
	return NULL;
}

void lm_secret_release(void *memory, size_t n, size_t written)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (!memory)
		return;
	LM_ASSERT(written <= n);
	lm_wipe(memory, written);
	LM_ASSERT(munmap((uint8_t *)memory - page, pages_of(n, page) + 2 * page) == 0);
}
