/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See residue.h. There is one stack and one place for registers, so that pointers left on the
 * stack compare equal.
 */
#include "residue.h"

#include <stdio.h>
#include <string.h>

#define FILL 0xa5

void residue_call(struct residue_registers *registers, void (*call)(void *argument), void *argument,
		  void *stack_end, unsigned width);

static uint8_t stack[RESIDUE_STACK] __attribute__((aligned(64)));
static struct residue_registers registers;

void residue_run(struct residue *residue, void (*call)(void *argument), void *argument,
		 void *memory, size_t len)
{
	unsigned width = lm_cpu_has(LM_CPU_AVX512) ? 2 : lm_cpu_has(LM_CPU_AVX2) ? 1 : 0;

	memset(stack, FILL, sizeof(stack));
	memset(&registers, 0, sizeof(registers));
	residue_call(&registers, call, argument, stack + sizeof(stack), width);
	memcpy(residue->stack, stack, sizeof(stack));
	residue->registers = registers;
	residue->memory = memory;
	residue->len = len;
}

/* The first byte of the stack that the call used. */
static size_t stack_start(const struct residue *residue)
{
	size_t at = 0;

	while (at < sizeof(residue->stack) && residue->stack[at] == FILL)
		at++;
	assert_int_not_equal(at, 0);
	return at;
}

static const char *place(const char *what, size_t at)
{
	static char text[80];

	snprintf(text, sizeof(text), "%s %zu", what, at);
	return text;
}

/* place of a byte of struct residue_registers */
static const char *register_place(size_t at)
{
	size_t vector = offsetof(struct residue_registers, vector);
	size_t mask = offsetof(struct residue_registers, mask);

	if (at < vector)
		return place("general register", at / 8);
	if (at < mask)
		return place("vector register", (at - vector) / 64);
	return place("mask register", (at - mask) / 8);
}

static const char *find_window(const struct residue *residue, size_t start, const void *window)
{
	const void *base = &residue->registers, *found;

	found = memmem(base, sizeof(residue->registers), window, 8);
	if (found)
		return register_place((size_t)((const uint8_t *)found - (const uint8_t *)base));
	base = residue->stack + start;
	found = memmem(base, sizeof(residue->stack) - start, window, 8);
	if (found)
		return place("bytes below the caller's frame:",
			     sizeof(residue->stack) -
				     (size_t)((const uint8_t *)found - residue->stack));
	found = residue->len > 0 ? memmem(residue->memory, residue->len, window, 8) : NULL;
	if (found)
		return place("byte of the context:",
			     (size_t)((const uint8_t *)found - residue->memory));
	return NULL;
}

const char *residue_find(const struct residue *residue, const void *secret, size_t n)
{
	size_t start = stack_start(residue);
	const char *found = NULL;

	for (size_t at = 0; at + 8 <= n && !found; at++)
		found = find_window(residue, start, (const uint8_t *)secret + at);
	return found;
}

/* A stretch of bytes that differ, the last one. */
struct difference {
	size_t first, end;
};

static bool differ(struct difference *found, const void *a, const void *b, size_t n)
{
	const uint8_t *x = a, *y = b;

	found->end = n;
	while (found->end > 0 && x[found->end - 1] == y[found->end - 1])
		found->end--;
	found->first = found->end;
	while (found->first > 0 && x[found->first - 1] != y[found->first - 1])
		found->first--;
	return found->end > 0;
}

const char *residue_compare(const struct residue *residue, const struct residue *earlier,
			    const void *earlier_memory)
{
	struct difference at;

	if (differ(&at, &residue->registers, &earlier->registers, sizeof(residue->registers)))
		return register_place(at.first);
	if (differ(&at, residue->stack, earlier->stack, sizeof(residue->stack)))
		return place("bytes below the caller's frame:", sizeof(residue->stack) - at.first);
	if (residue->len > 0 && differ(&at, residue->memory, earlier_memory, residue->len))
		return place("byte of the context:", at.first);
	return NULL;
}
