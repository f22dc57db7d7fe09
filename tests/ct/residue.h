/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a call leaves behind: it runs on a stack of its own that was filled before, and afterwards
 * that stack, all registers that a callee may change, and given memory are looked at. Two ways:
 *
 * - find: no eight bytes in a row of a known secret are there;
 * - compare: after two calls that differ in their secrets alone, everything left is the same. This
 *   finds a secret in any form: split into limbs, across lanes, or computed with.
 *
 * One thread.
 */
#pragma once

#include "testing.h"

/* In the order of residue_call.S. */
struct residue_registers {
	uint64_t general[16]; /* rax, rcx, rdx, rsi, rdi, r8 to r11 */
	uint8_t vector[32][64];
	uint64_t mask[8];
};

#define RESIDUE_STACK (512 * 1024)

struct residue {
	struct residue_registers registers;
	uint8_t stack[RESIDUE_STACK] __attribute__((aligned(64)));
	uint8_t *memory; /* the caller's, may be NULL */
	size_t len;
};

/* Runs call(argument) and keeps what it leaves. The memory is looked at where it is. */
void residue_run(struct residue *residue, void (*call)(void *argument), void *argument,
		 void *memory, size_t len);

/* Where eight bytes in a row of the secret are left, as words for a person; NULL if nowhere. */
const char *residue_find(const struct residue *residue, const void *secret, size_t n);

/*
 * Where what is left differs from an earlier run's, whose memory was copied to `earlier_memory`;
 * NULL if nowhere.
 */
const char *residue_compare(const struct residue *residue, const struct residue *earlier,
			    const void *earlier_memory);
