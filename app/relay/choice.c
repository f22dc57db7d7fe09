/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See choice.h.
 */
#include "choice.h"

_Static_assert(LM_TOPOLOGY_ADDRESSES <= 8, "a bit of a byte for each");

static bool has(unsigned set, unsigned i)
{
	return set >> i & 1;
}

static void note(struct choice *choice, unsigned works, unsigned n, uint64_t now_us)
{
	for (unsigned i = 0; i < n; i++) {
		if (!has(works, i))
			choice->works_us[i] = 0;
		else if (choice->works_us[i] == 0)
			choice->works_us[i] = now_us;
	}
	choice->given_up &= (uint8_t)works;
}

static int use(struct choice *choice, unsigned i, uint64_t now_us)
{
	choice->chosen = true;
	choice->used = (uint8_t)i;
	choice->silent_us = now_us;
	return (int)i;
}

/* The first that works and was not given up; if all were, the next after the one in use. */
static int use_another(struct choice *choice, unsigned works, unsigned n, uint64_t now_us)
{
	unsigned good = works & ~(unsigned)choice->given_up;

	if (good != 0)
		return use(choice, (unsigned)__builtin_ctz(good), now_us);
	for (unsigned k = 1; k <= n; k++) {
		unsigned i = (choice->used + k) % n;

		if (has(works, i))
			return use(choice, i, now_us);
	}
	choice->chosen = false;
	return CHOICE_NONE;
}

int choice_make(struct choice *choice, unsigned works, unsigned n, bool answered, uint64_t now_us)
{
	LM_ASSERT(n <= LM_TOPOLOGY_ADDRESSES && works >> n == 0 && now_us != 0);
	note(choice, works, n, now_us);
	if (!choice->chosen || !has(works, choice->used))
		return use_another(choice, works, n, now_us);
	if (answered)
		choice->silent_us = now_us;
	if (now_us - choice->silent_us >= CHOICE_ANSWER_US) {
		choice->given_up |= (uint8_t)(1u << choice->used);
		return use_another(choice, works, n, now_us);
	}
	for (unsigned i = 0; i < choice->used; i++) {
		if (has(works, i) && !has(choice->given_up, i) &&
		    now_us - choice->works_us[i] >= CHOICE_BACK_US)
			return use(choice, i, now_us);
	}
	return choice->used;
}
