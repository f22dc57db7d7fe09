/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The wire cursor: little-endian fields one after the other, first error sticks.
 */
#include <string.h>

#include "lm_base.h"

/* Moves past n bytes and returns where they start, or NULL if that many are not left. */
static uint8_t *advance(struct lm_cursor *cursor, size_t n)
{
	uint8_t *start = cursor->at;

	if (cursor->failed || (size_t)(cursor->end - start) < n) {
		cursor->failed = true;
		return NULL;
	}
	cursor->at += n;
	return start;
}

static uint64_t get_integer(struct lm_cursor *cursor, size_t n)
{
	const uint8_t *from = advance(cursor, n);
	uint64_t value = 0;

	for (size_t i = 0; from && i < n; i++)
		value |= (uint64_t)from[i] << (8 * i);
	return value;
}

static void put_integer(struct lm_cursor *cursor, uint64_t value, size_t n)
{
	uint8_t *to = advance(cursor, n);

	for (size_t i = 0; to && i < n; i++)
		to[i] = (uint8_t)(value >> (8 * i));
}

struct lm_cursor lm_cursor_read(const void *bytes, size_t n)
{
	/* The get functions never write through `at`. */
	return lm_cursor_write((void *)(uintptr_t)bytes, n);
}

struct lm_cursor lm_cursor_write(void *bytes, size_t n)
{
	uint8_t *start = bytes;

	return (struct lm_cursor){.at = start, .end = start + n};
}

uint8_t lm_get_u8(struct lm_cursor *cursor)
{
	return (uint8_t)get_integer(cursor, 1);
}

uint16_t lm_get_u16(struct lm_cursor *cursor)
{
	return (uint16_t)get_integer(cursor, 2);
}

uint32_t lm_get_u32(struct lm_cursor *cursor)
{
	return (uint32_t)get_integer(cursor, 4);
}

uint64_t lm_get_u64(struct lm_cursor *cursor)
{
	return get_integer(cursor, 8);
}

void lm_get_bytes(struct lm_cursor *cursor, void *out, size_t n)
{
	const uint8_t *from = advance(cursor, n);

	if (from)
		memcpy(out, from, n);
	else
		memset(out, 0, n);
}

void lm_put_u8(struct lm_cursor *cursor, uint8_t value)
{
	put_integer(cursor, value, 1);
}

void lm_put_u16(struct lm_cursor *cursor, uint16_t value)
{
	put_integer(cursor, value, 2);
}

void lm_put_u32(struct lm_cursor *cursor, uint32_t value)
{
	put_integer(cursor, value, 4);
}

void lm_put_u64(struct lm_cursor *cursor, uint64_t value)
{
	put_integer(cursor, value, 8);
}

void lm_put_bytes(struct lm_cursor *cursor, const void *bytes, size_t n)
{
	uint8_t *to = advance(cursor, n);

	if (to)
		memcpy(to, bytes, n);
}

void lm_put_zeros(struct lm_cursor *cursor, size_t n)
{
	uint8_t *to = advance(cursor, n);

	if (to)
		memset(to, 0, n);
}

bool lm_cursor_done(const struct lm_cursor *cursor)
{
	return !cursor->failed && cursor->at == cursor->end;
}

uint32_t lm_load_u32(const uint8_t bytes[4])
{
	struct lm_cursor cursor = lm_cursor_read(bytes, 4);

	return lm_get_u32(&cursor);
}

void lm_store_u32(uint8_t bytes[4], uint32_t value)
{
	struct lm_cursor cursor = lm_cursor_write(bytes, 4);

	lm_put_u32(&cursor, value);
}
