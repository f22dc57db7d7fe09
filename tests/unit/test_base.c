/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/base: cursor, hexadecimal, randomness, drop table, locked memory.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "testing.h"

static void cursor_reads_little_endian_and_ends_exactly(void **state)
{
	static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17};
	struct lm_cursor cursor = lm_cursor_read(bytes, sizeof(bytes));
	uint8_t rest[2];

	(void)state;
	assert_int_equal(lm_get_u8(&cursor), 1);
	assert_int_equal(lm_get_u16(&cursor), 0x0302);
	assert_int_equal(lm_get_u32(&cursor), 0x07060504);
	assert_true(lm_get_u64(&cursor) == 0x0f0e0d0c0b0a0908);
	assert_false(lm_cursor_done(&cursor));
	lm_get_bytes(&cursor, rest, 2);
	assert_memory_equal(rest, bytes + 15, 2);
	assert_true(lm_cursor_done(&cursor));
}

static void cursor_error_sticks_and_reads_zero(void **state)
{
	static const uint8_t bytes[] = {0xff, 0xff, 0xff};
	struct lm_cursor cursor = lm_cursor_read(bytes, sizeof(bytes));
	uint8_t out[4] = {9, 9, 9, 9};

	(void)state;
	assert_int_equal(lm_get_u32(&cursor), 0);
	assert_int_equal(lm_get_u8(&cursor), 0);
	lm_get_bytes(&cursor, out, 1);
	assert_int_equal(out[0], 0);
	assert_int_equal(out[1], 9);
	assert_false(lm_cursor_done(&cursor));
}

static void cursor_never_writes_past_its_end(void **state)
{
	uint8_t *bytes = guarded_alloc(10, GUARD_AFTER);
	struct lm_cursor cursor = lm_cursor_write(bytes, 10);

	(void)state;
	lm_put_u64(&cursor, 0x1122334455667788);
	lm_put_u32(&cursor, 1);
	assert_true(cursor.failed);
	assert_int_equal(bytes[0], 0x88);
	assert_int_equal(bytes[8], 0);
	lm_put_u8(&cursor, 1);
	assert_int_equal(bytes[8], 0);
	cursor = lm_cursor_write(bytes, 10);
	lm_put_u8(&cursor, 1);
	lm_put_u16(&cursor, 0x0302);
	lm_put_bytes(&cursor, "abc", 3);
	lm_put_zeros(&cursor, 4);
	assert_true(lm_cursor_done(&cursor));
	assert_memory_equal(bytes, "\1\2\3abc\0\0\0\0", 10);
	guarded_free(bytes, 10, GUARD_AFTER);
}

static void hex_takes_exactly_its_digits(void **state)
{
	uint8_t out[3];
	char text[7];

	(void)state;
	assert_true(lm_hex_decode(out, "00aFf1", 3));
	assert_memory_equal(out, "\x00\xaf\xf1", 3);
	lm_hex_encode(text, out, 3);
	assert_string_equal(text, "00aff1");
	assert_false(lm_hex_decode(out, "00aff", 3));
	assert_false(lm_hex_decode(out, "00aff1a", 3));
	assert_false(lm_hex_decode(out, "00aff1a2", 3));
	assert_false(lm_hex_decode(out, "00afg1", 3));
	assert_false(lm_hex_decode(out, " 0aff1", 3));
	assert_memory_equal(out, "\0\0\0", 3);
}

/* RFC 8439, appendix A.1, vector 1 is the keystream of the zero key: its first 32 bytes become the
 * key. */
static void prng_is_chacha20_with_its_key_replaced(void **state)
{
	static const uint8_t zero[32];
	struct lm_prng prng;
	uint8_t want[32], got[32];

	(void)state;
	lm_prng_init(&prng, zero);
	unhex(want, "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7", 32);
	assert_memory_equal(prng.key, want, 32);
	unhex(want, "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586", 32);
	lm_prng_bytes(&prng, got, 32);
	assert_memory_equal(got, want, 32);
}

static void prng_erases_what_it_hands_out(void **state)
{
	static const uint8_t seed[32] = {7};
	struct lm_prng prng;
	uint8_t out[600];

	(void)state;
	lm_prng_init(&prng, seed);
	for (unsigned i = 0; i < 50; i++) {
		lm_prng_bytes(&prng, out, 100 + i);
		assert_false(contains(&prng, sizeof(prng), out + 80 + i, 16));
		assert_false(contains(&prng, sizeof(prng), seed, 32));
	}
}

static void prng_below_is_uniform_and_in_range(void **state)
{
	static const uint8_t seed[32] = {1};
	struct lm_prng prng;
	unsigned count[6] = {0};

	(void)state;
	lm_prng_init(&prng, seed);
	for (unsigned i = 0; i < 60000; i++) {
		uint32_t value = lm_prng_below(&prng, 6);

		assert_in_range(value, 0, 5);
		count[value]++;
	}
	for (unsigned i = 0; i < 6; i++)
		assert_in_range(count[i], 9700, 10300);
	assert_int_equal(lm_prng_below(&prng, 1), 0);
	/* With a bound just above 2^31 a modulo would give the low half twice as often. */
	unsigned low = 0;

	for (unsigned i = 0; i < 10000; i++)
		low += lm_prng_below(&prng, 0x80000001u) < 0x40000000u;
	assert_in_range(low, 4800, 5200);
}

static void rand_differs_after_fork(void **state)
{
	uint8_t mine[16], theirs[16];
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();

	if (child == 0) {
		lm_rand(theirs, sizeof(theirs));
		_exit(write(ends[1], theirs, sizeof(theirs)) == sizeof(theirs) ? 0 : 1);
	}
	lm_rand(mine, sizeof(mine));
	assert_int_equal(read(ends[0], theirs, sizeof(theirs)), sizeof(theirs));
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_memory_not_equal(mine, theirs, sizeof(mine));
	close(ends[0]);
	close(ends[1]);
}

static void drop_names_are_distinct_and_found_again(void **state)
{
	(void)state;
	for (unsigned i = 0; i < LM_DROP_COUNT; i++) {
		enum lm_drop found;

		assert_true(lm_drop_parse(&found, lm_drop_name((enum lm_drop)i)));
		assert_int_equal(found, i);
		assert_true(strlen(lm_drop_meaning((enum lm_drop)i)) > 0);
	}
	enum lm_drop none;

	assert_false(lm_drop_parse(&none, "no such reason"));
}

static void wipe_and_compare_see_every_byte(void **state)
{
	uint8_t a[16], b[16];

	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		memset(a, 0, sizeof(a));
		memset(b, 0, sizeof(b));
		assert_true(lm_is_zero(a, sizeof(a)));
		assert_true(lm_equal16(a, b));
		a[i] = 0x80;
		assert_false(lm_is_zero(a, sizeof(a)));
		assert_false(lm_equal16(a, b));
		lm_wipe(a, sizeof(a));
		assert_true(lm_is_zero(a, sizeof(a)));
	}
}

static void secret_memory_is_zeroed_locked_and_aligned(void **state)
{
	(void)state;
	for (size_t n = 1; n < 200; n += 33) {
		uint8_t *memory = lm_secret_alloc(n);

		assert_non_null(memory);
		assert_true(lm_is_zero(memory, n));
		assert_int_equal((uintptr_t)memory % LM_CACHE_LINE, 0);
		memset(memory, 1, n);
		lm_secret_free(memory);
	}
	assert_null(lm_secret_alloc(SIZE_MAX - 8));
}

/* Whether the mapping that begins at `memory` has a flag of smaps' VmFlags. */
static bool mapping_has(const void *memory, const char *flag)
{
	FILE *file = fopen("/proc/self/smaps", "re");
	bool here = false, has = false;
	char line[512];

	assert_non_null(file);
	while (!has && fgets(line, sizeof(line), file)) {
		unsigned long from, to;

		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			here = from == (uintptr_t)memory;
		has = here && strncmp(line, "VmFlags:", 8) == 0 && strstr(line, flag);
	}
	fclose(file);
	return has;
}

/* Reserved memory is locked and in no core dump, and there only as far as it was written. */
static void reserved_memory_comes_as_it_is_written(void **state)
{
	const size_t n = 64u << 20, page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *memory = lm_secret_reserve(n - 1);
	unsigned char *in_core = calloc(n / page, 1);
	size_t resident = 0;

	(void)state;
	assert_non_null(in_core);
	if (!memory) /* the limit on locked memory is low here */
		skip();
	assert_true(mapping_has(memory, " lo") && mapping_has(memory, " dd"));
	memset(memory, 1, 3 * page);
	memory[n / 2] = 1;
	assert_true(lm_is_zero(memory + 3 * page, page));
	assert_int_equal(mincore(memory, n, in_core), 0);
	for (size_t i = 0; i < n / page; i++)
		resident += in_core[i] & 1;
	assert_in_range(resident, 4, n / page / 4);
	memory[n / 2] = 0;
	lm_secret_release(memory, n - 1, 3 * page);
	assert_int_equal(mincore(memory, n, in_core), -1);
	assert_int_equal(errno, ENOMEM);
	free(in_core);
	lm_secret_release(NULL, 0, 0);
	assert_null(lm_secret_reserve(SIZE_MAX - 8));
	assert_null(lm_secret_reserve(SIZE_MAX / 2));
}

static void messages_are_cut_not_overrun(void **state)
{
	struct lm_error err;
	char longer[1000];

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(lm_error_set(&err, EINVAL, "a %s", longer), -EINVAL);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	assert_int_equal(lm_error_set(&err, ENOENT, "missing"), -ENOENT);
	lm_error_prefix(&err, "file");
	assert_string_equal(err.text, "file: missing");
	assert_int_equal(lm_error_set(NULL, EIO, "nobody listens"), -EIO);
}

static void cpu_features_build_on_each_other(void **state)
{
	(void)state;
	assert_true(lm_cpu_has(LM_CPU_SSE42));
	if (lm_cpu_has(LM_CPU_AVX512IFMA) || lm_cpu_has(LM_CPU_VAES))
		assert_true(lm_cpu_has(LM_CPU_AVX512));
	if (lm_cpu_has(LM_CPU_AVX512))
		assert_true(lm_cpu_has(LM_CPU_AVX2));
	assert_int_equal(lm_cpu_has(LM_CPU_AVX2), __builtin_cpu_supports("avx2") != 0);
	assert_int_equal(lm_cpu_has(LM_CPU_AVX512IFMA), __builtin_cpu_supports("avx512ifma") != 0);
}

/* The instruction for each of the 32 widest registers, \\i being its number. */
#define EACH_REGISTER(instruction)                                                              \
	".set offset, 0\n\t"                                                                    \
	".irp i, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28," \
	"29,30,31\n\t" instruction "\n\t.set offset, offset + 64\n\t.endr"

static void wiped_registers_are_zero(void **state)
{
	uint8_t registers[32 * 64] = {0};

	(void)state;
	if (!lm_cpu_has(LM_CPU_AVX512)) {
		print_message("# no AVX-512 on this CPU: its registers are not looked at\n");
		return;
	}
	__asm__ volatile(EACH_REGISTER("vpternlogd $0xff, %%zmm\\i, %%zmm\\i, %%zmm\\i")::);
	lm_wipe_registers();
	__asm__ volatile(EACH_REGISTER("vmovdqu64 %%zmm\\i, offset(%0)")::"r"(registers)
			 : "memory");
	assert_true(lm_is_zero(registers, sizeof(registers)));
}

static __attribute__((noinline)) void leave_ones(void)
{
	volatile uint8_t frame[4096];

	for (unsigned i = 0; i < sizeof(frame); i++)
		frame[i] = 0xff;
}

/* How many of the 4096 bytes below the last call's return address are not zero. */
static inline __attribute__((always_inline)) unsigned left_on_stack(void)
{
	const volatile uint8_t *top;
	unsigned left = 0;

	__asm__("movq %%rsp, %0" : "=r"(top));
	for (int i = 1; i <= 4096; i++)
		left += top[-8 - i] != 0;
	return left;
}

static void a_wiped_stack_is_zero(void **state)
{
	unsigned before, after;

	(void)state;
	leave_ones();
	before = left_on_stack();
	lm_wipe_stack(8192);
	after = left_on_stack();
	assert_in_range(before, 4000, 4096);
	assert_int_equal(after, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cursor_reads_little_endian_and_ends_exactly),
		cmocka_unit_test(cursor_error_sticks_and_reads_zero),
		cmocka_unit_test(cursor_never_writes_past_its_end),
		cmocka_unit_test(hex_takes_exactly_its_digits),
		cmocka_unit_test(prng_is_chacha20_with_its_key_replaced),
		cmocka_unit_test(prng_erases_what_it_hands_out),
		cmocka_unit_test(prng_below_is_uniform_and_in_range),
		cmocka_unit_test(rand_differs_after_fork),
		cmocka_unit_test(drop_names_are_distinct_and_found_again),
		cmocka_unit_test(wipe_and_compare_see_every_byte),
		cmocka_unit_test(secret_memory_is_zeroed_locked_and_aligned),
		cmocka_unit_test(reserved_memory_comes_as_it_is_written),
		cmocka_unit_test(messages_are_cut_not_overrun),
		cmocka_unit_test(cpu_features_build_on_each_other),
		cmocka_unit_test(wiped_registers_are_zero),
		cmocka_unit_test(a_wiped_stack_is_zero),
	};
	struct lm_error err;

	if (lm_base_init(&err) != 0)
		return 1;
	return RUN_TESTS_MARKED(tests, 1);
}
