/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See follow.h.
 */
#include "follow.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define REPORTED 77 /* exit status of a case in which the tool reported */

#ifndef __has_feature
#define __has_feature(feature) 0
#endif

static unsigned cases, failures;

#if __has_feature(memory_sanitizer)
#include <sanitizer/msan_interface.h>

/* The process ends at the first report. */
const char *__msan_default_options(void);
const char *__msan_default_options(void)
{
	return "halt_on_error=1:exitcode=77";
}

const char *follow_tool(void)
{
	return "msan";
}

void follow_secret(void *memory, size_t n)
{
	__msan_poison(memory, n);
}

void lm_declassify(const void *memory, size_t n)
{
	__msan_unpoison(memory, n);
}

bool follow_is_secret(const void *memory, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (__msan_test_shadow((const uint8_t *)memory + i, 1) != 0)
			return false;
	return true;
}

static unsigned reports(void)
{
	return 0;
}

#elif __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>

const char *follow_tool(void)
{
	return RUNNING_ON_VALGRIND ? "valgrind" : NULL;
}

void follow_secret(void *memory, size_t n)
{
	VALGRIND_MAKE_MEM_UNDEFINED(memory, n);
}

void lm_declassify(const void *memory, size_t n)
{
	VALGRIND_MAKE_MEM_DEFINED(memory, n);
}

bool follow_is_secret(const void *memory, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t undefined = 0;

		if (VALGRIND_GET_VBITS((const uint8_t *)memory + i, &undefined, 1) != 1 ||
		    undefined == 0)
			return false;
	}
	return true;
}

static unsigned reports(void)
{
	return (unsigned)VALGRIND_COUNT_ERRORS;
}

#else

const char *follow_tool(void)
{
	return NULL;
}

void follow_secret(void *memory, size_t n)
{
	(void)memory;
	(void)n;
}

void lm_declassify(const void *memory, size_t n)
{
	(void)memory;
	(void)n;
}

bool follow_is_secret(const void *memory, size_t n)
{
	(void)memory;
	(void)n;
	return false;
}

static unsigned reports(void)
{
	return 0;
}

#endif

void follow_failed(const char *condition, const char *file, int line)
{
	printf("# %s:%d: not so: %s\n", file, line, condition);
	fflush(stdout);
	_exit(EXIT_FAILURE);
}

static int run_apart(void (*body)(const void *argument), const void *argument)
{
	int status;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		unsigned before = reports();

		body(argument);
		fflush(stdout);
		_exit(reports() > before ? REPORTED : EXIT_SUCCESS);
	}
	LM_ASSERT(child > 0 && waitpid(child, &status, 0) == child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static const char *tool_name(void)
{
	const char *tool = follow_tool();

	return tool ? tool : "nothing";
}

void follow_case(bool leaks, void (*body)(const void *argument), const void *argument,
		 const char *name, ...)
{
	int want = leaks ? REPORTED : EXIT_SUCCESS;
	int status = run_apart(body, argument);
	va_list words;

	cases++;
	failures += status != want;
	printf("%sok %u - ", status == want ? "" : "not ", cases);
	va_start(words, name);
	vprintf(name, words);
	va_end(words);
	printf("\n");
	if (status == REPORTED && !leaks)
		printf("# a branch or an address depends on a secret: the report is on stderr\n");
	if (status == EXIT_SUCCESS && leaks)
		printf("# %s did not notice\n", tool_name());
}

void follow_skip(const char *library, const char *backend)
{
	printf("ok %u - %s %s # SKIP not on this CPU under %s\n", ++cases, library, backend,
	       tool_name());
}

int follow_done(void)
{
	printf("1..%u\n", cases);
	return cases > 0 && failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
