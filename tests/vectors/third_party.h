/* SPDX-License-Identifier: BSD-3-Clause */
/* The kinds of files that third-party-check knows. */
#pragma once

#include "check.h"

struct third_party {
	bool (*recognise)(const json_t *root);
	unsigned (*count)(const struct node *root);
	void (*check)(const struct node *root, struct lm_symmetric *symmetric);
};

extern const struct third_party wycheproof_x25519;
extern const struct third_party wycheproof_chacha20_poly1305;
extern const struct third_party wycheproof_xchacha20_poly1305;
extern const struct third_party hpolyc;
extern const struct third_party noise_framework;

/* What Wycheproof's files have in common: named algorithms, and tests in groups. */
bool wycheproof_is(const json_t *root, const char *algorithm);
unsigned wycheproof_count(const struct node *root);
/* Calls `check` for every test, in order. */
void wycheproof_each(const struct node *root, struct lm_symmetric *symmetric,
		     void (*check)(const struct item *test, struct lm_symmetric *symmetric));
