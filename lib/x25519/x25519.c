/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The public face of lib/x25519: the table of backends and the choice among them, made once before
 * threads start and called once per burst. No secrets are kept here.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backend.h"

static const struct lm_x25519_backend *const backends[] = {
	&lm_x25519_avx512ifma,
	&lm_x25519_avx2,
	&lm_x25519_scalar,
};

static const struct lm_x25519_backend *selected;

/* The best that this CPU can run. */
static const struct lm_x25519_backend *best(void)
{
	for (unsigned i = 0; i < LM_COUNT(backends); i++)
		if (backends[i]->usable())
			return backends[i];
	return &lm_x25519_scalar;
}

/* Before main, so that threads which never select find the choice made. */
__attribute__((constructor)) static void select_best(void)
{
	selected = best();
}

const char *lm_x25519_backend_name(unsigned i)
{
	return i < LM_COUNT(backends) ? backends[i]->name : NULL;
}

bool lm_x25519_backend_usable(unsigned i)
{
	return i < LM_COUNT(backends) && backends[i]->usable();
}

/* "auto" and every backend, with those marked that this CPU cannot run. */
static void list_choices(char *text, size_t size)
{
	size_t used = (size_t)snprintf(text, size, "auto");

	for (unsigned i = 0; i < LM_COUNT(backends) && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, ", %s%s", backends[i]->name,
					 backends[i]->usable() ? "" : " (not on this CPU)");
}

int lm_x25519_select(const char *name, struct lm_error *err)
{
	char choices[160];

	if (strcmp(name, "auto") == 0) {
		selected = best();
		return 0;
	}
	list_choices(choices, sizeof(choices));
	for (unsigned i = 0; i < LM_COUNT(backends); i++) {
		if (strcmp(name, backends[i]->name) != 0)
			continue;
		if (!backends[i]->usable())
			return lm_error_set(
				err, ENOTSUP,
				"x25519 backend \"%s\" cannot run on this CPU; choose one of: %s",
				name, choices);
		selected = backends[i];
		return 0;
	}
	return lm_error_set(err, EINVAL, "no x25519 backend \"%s\"; choose one of: %s", name,
			    choices);
}

const char *lm_x25519_selected(void)
{
	return selected->name;
}

uint64_t lm_x25519_burst(struct lm_point *out, const struct lm_secret *secret,
			 const struct lm_point *point, unsigned n)
{
	LM_ASSERT(n >= 1 && n <= LM_X25519_BURST);
	return selected->burst(out, secret, point, n);
}

uint64_t lm_x25519_each_burst(struct lm_point *out, const struct lm_secret *secret,
			      const struct lm_point *point, unsigned n)
{
	LM_ASSERT(n >= 1 && n <= LM_X25519_BURST);
	return selected->each(out, secret, point, n);
}

void lm_x25519_base_burst(struct lm_point *out, const struct lm_secret *secret, unsigned n)
{
	LM_ASSERT(n >= 1 && n <= LM_X25519_BURST);
	selected->base(out, secret, n);
}

/* p = 2^255 - 19 in bytes: ed ff .. ff 7f. */
bool lm_x25519_is_canonical(const struct lm_point *point)
{
	if (point->b[31] != 0x7f)
		return point->b[31] < 0x7f;
	for (unsigned i = 30; i > 0; i--)
		if (point->b[i] != 0xff)
			return true;
	return point->b[0] < 0xed;
}
