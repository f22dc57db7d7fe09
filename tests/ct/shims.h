/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the shims share, which stand in front of code that MemorySanitizer does not see into.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Opens the definition of what the linker calls instead of `name`; __real_name is the original. */
#define WRAPPED(type, name, arguments) \
	type __real_##name arguments;  \
	type __wrap_##name arguments;  \
	type __wrap_##name arguments

/* True if any of the bytes was computed from a secret; NULL holds none. */
bool shim_any_secret(const void *memory, size_t n);

/* From now on the bytes are secret, or are public. */
void shim_mark(void *memory, size_t n, bool secret);
