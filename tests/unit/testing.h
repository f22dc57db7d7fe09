/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the unit tests share: cmocka with its headers, hexadecimal answers, a repeatable random
 * source, and buffers that end at a guard page.
 */
#pragma once

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "lm_base.h"

/* Decodes exactly n bytes; the test fails if the text is not that. */
void unhex(void *out, const char *text, size_t n);

/* Makes lm_rand repeat from a number, the same on every machine; testing_rand_restore ends it. */
void testing_rand_seed(uint64_t seed);
void testing_rand_restore(void);

/*
 * n bytes that end where an unreadable page starts (or begin where one ends): one step too far dies
 * with a signal. Freed by guarded_free.
 */
enum guard_side { GUARD_AFTER, GUARD_BEFORE };
void *guarded_alloc(size_t n, enum guard_side side);
void guarded_free(void *memory, size_t n, enum guard_side side);

/* True if this machine may write memory of tmpfs to a disk. */
bool has_swap(void);

/* True if the n bytes of needle stand anywhere in the memory. */
bool contains(const void *memory, size_t len, const void *needle, size_t n);

/* A sanitizer keeps marks of its own on the stack: what lies there is then not what was left. */
#ifndef __has_feature
#define __has_feature(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
	__has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define UNDER_SANITIZER true
#else
#define UNDER_SANITIZER false
#endif

/*
 * The same as RUN_TESTS but for the last `marked` tests, which look at what lies on the stack:
 * under a sanitizer they are left out. (A test that skips itself is a failed one to readers of
 * cmocka's TAP.)
 */
#define RUN_TESTS_MARKED(tests, marked)            \
	(cmocka_set_message_output(CM_OUTPUT_TAP), \
	 _cmocka_run_group_tests(#tests, tests,    \
				 LM_COUNT(tests) - (UNDER_SANITIZER ? (marked) : 0), NULL, NULL))

/*
 * Runs the tests, after `begin` of cmocka's groups or NULL, and prints TAP; the exit status of
 * main. What is printed before, on stdout, is no TAP.
 */
#define RUN_TESTS_AFTER(begin, tests) \
	(cmocka_set_message_output(CM_OUTPUT_TAP), cmocka_run_group_tests(tests, begin, NULL))
#define RUN_TESTS(tests) RUN_TESTS_AFTER(NULL, tests)
