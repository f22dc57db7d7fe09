/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Following secrets through the code: a tool marks secret bytes as undefined, carries the mark to
 * all that is computed from them, and reports every branch and every address that carries it
 * (Langley, "ctgrind", 2010). The tool is clang's MemorySanitizer, when compiled with it, or
 * Valgrind, when run under it.
 *
 * A case runs in a process of its own, so that a report ends the case and not the test. One thread.
 */
#pragma once

#include "lm_base.h"

/* "msan" or "valgrind"; NULL if nothing follows. */
const char *follow_tool(void);

/* The bytes are secret from here on. lm_declassify of lm_base.h is the way back. */
void follow_secret(void *memory, size_t n);

/* True if every one of the bytes was computed from a secret: the tool has not lost it. */
LM_MUST_CHECK bool follow_is_secret(const void *memory, size_t n);

/*
 * Runs body(argument) and prints a line of TAP. It passes if it returns and the tool reports
 * nothing; or, if `leaks`, only if the tool does report.
 */
void follow_case(bool leaks, void (*body)(const void *argument), const void *argument,
		 const char *name, ...) LM_PRINTF(4, 5);

/* Says in the TAP that a backend cannot be followed: this CPU, or the tool, does not run it. */
void follow_skip(const char *library, const char *backend);

/* Fails the case, in its process. */
#define FOLLOW_CHECK(condition) \
	((condition) ? (void)0 : follow_failed(#condition, __FILE__, __LINE__))
_Noreturn void follow_failed(const char *condition, const char *file, int line);

/* Ends the TAP; the exit status of main. */
LM_MUST_CHECK int follow_done(void);

/* The cases, by what they are about. */
void leak_cases(void);
void base_cases(void);
void x25519_cases(void);
void symmetric_cases(void);
void packet_cases(void);
