/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the fuzz targets share. A target is one file with LLVMFuzzerTestOneInput, for libFuzzer; in
 * every other build corpus.c runs it over the files of its corpus. A broken property aborts.
 */
#pragma once

#include "lm_base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Once a process: libraries started, and lm_rand made repeatable, so that findings repeat. */
void fuzz_start(void);

/* A reader of the input, which is never short: what is missing is zero. */
struct fuzz_input {
	const uint8_t *at;
	size_t left;
};

static inline uint8_t fuzz_byte(struct fuzz_input *input)
{
	if (input->left == 0)
		return 0;
	input->left--;
	return *input->at++;
}

static inline void fuzz_bytes(struct fuzz_input *input, void *out, size_t n)
{
	size_t got = n < input->left ? n : input->left;

	memset(out, 0, n);
	if (got > 0)
		memcpy(out, input->at, got);
	input->at += got;
	input->left -= got;
}
