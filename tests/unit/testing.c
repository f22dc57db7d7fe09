/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See testing.h.
 */
#include "testing.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct lm_prng repeatable;

void unhex(void *out, const char *text, size_t n)
{
	assert_true(lm_hex_decode(out, text, n));
}

static void fill_repeatable(void *out, size_t n)
{
	lm_prng_bytes(&repeatable, out, n);
}

void testing_rand_seed(uint64_t seed)
{
	uint8_t key[32] = {0};

	memcpy(key, &seed, sizeof(seed));
	lm_prng_init(&repeatable, key);
	lm_rand_replace(fill_repeatable);
}

void testing_rand_restore(void)
{
	lm_rand_replace(NULL);
}

/* Bytes of the accessible pages that n bytes need. */
static size_t pages_for(size_t n)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (n + page - 1) / page * page;
}

void *guarded_alloc(size_t n, enum guard_side side)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t room = pages_for(n);
	uint8_t *start = mmap(NULL, room + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(start, MAP_FAILED);
	assert_int_equal(mprotect(start + page, room, PROT_READ | PROT_WRITE), 0);
	return side == GUARD_AFTER ? start + page + room - n : start + page;
}

void guarded_free(void *memory, size_t n, enum guard_side side)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t room = pages_for(n);
	uint8_t *start = (uint8_t *)memory - page - (side == GUARD_AFTER ? room - n : 0);

	assert_int_equal(munmap(start, room + 2 * page), 0);
}

bool contains(const void *memory, size_t len, const void *needle, size_t n)
{
	return memmem(memory, len, needle, n) != NULL;
}

bool has_swap(void)
{
	FILE *swaps = fopen("/proc/swaps", "r");
	unsigned lines = 0;
	int c;

	assert_non_null(swaps);
	while ((c = getc(swaps)) != EOF)
		lines += c == '\n';
	fclose(swaps);
	return lines > 1;
}
