/* SPDX-License-Identifier: BSD-3-Clause */
/* What the tests of lib/symmetric share: contexts of every usable backend in turn. */
#pragma once

#include <stdio.h>
#include <string.h>

#include "lm_symmetric.h"
#include "testing.h"

#define N LM_BURST

static struct lm_symmetric *context; /* of the backend under test */

static inline void *context_alloc(void)
{
	void *memory = aligned_alloc(LM_SYMMETRIC_ALIGN, (lm_symmetric_size() + 63) / 64 * 64);

	assert_non_null(memory);
	return memory;
}

/* Runs a check on every backend that this CPU has. */
static inline void on_every_backend(void (*check)(void))
{
	for (unsigned i = 0; lm_symmetric_backend_name(i); i++) {
		void *memory;

		if (!lm_symmetric_backend_usable(i))
			continue;
		memory = context_alloc();
		context = lm_symmetric_init(memory, lm_symmetric_backend_name(i), NULL);
		assert_non_null(context);
		assert_string_equal(lm_symmetric_selected(context), lm_symmetric_backend_name(i));
		check();
		free(memory);
	}
}

/* Says which backends are not tested here. */
static inline int print_skipped_backends(void **state)
{
	(void)state;
	for (unsigned i = 0; lm_symmetric_backend_name(i); i++)
		if (!lm_symmetric_backend_usable(i))
			printf("# skipped on this CPU: %s\n", lm_symmetric_backend_name(i));
	return 0;
}
