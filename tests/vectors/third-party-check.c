/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * third-party-check FILE...: checks other people's known answers on every backend. What a file
 * holds is told by its content: Wycheproof's X25519, ChaCha20-Poly1305 and XChaCha20-Poly1305
 * tests, the HPolyC-XChaCha20-AES256 answers of the Adiantum project, or Noise handshakes as
 * cacophony and snow publish them.
 */
#include <string.h>

#include "third_party.h"

static const struct third_party *const kinds[] = {
	&wycheproof_x25519, &wycheproof_chacha20_poly1305, &wycheproof_xchacha20_poly1305, &hpolyc,
	&noise_framework,
};

static const struct third_party *recognise(const struct node *root)
{
	for (unsigned i = 0; i < LM_COUNT(kinds); i++)
		if (kinds[i]->recognise(root->json))
			return kinds[i];
	malformed(root, "answers of no known kind; known are Wycheproof XDH, CHACHA20-POLY1305 and "
			"XCHACHA20-POLY1305, HPolyC XChaCha20 AES-256, and Noise IK");
}

static unsigned count(const struct node *root)
{
	return recognise(root)->count(root);
}

static void check(const struct node *root, struct lm_symmetric *symmetric, const char *backend)
{
	(void)backend;
	recognise(root)->check(root, symmetric);
}

int main(int argc, char **argv)
{
	const struct checker checker = {
		.doc = "Checks published known answers (Wycheproof, HPolyC, Noise) on every usable "
		       "backend.",
		.count = count,
		.check = check,
	};

	return check_main(argc, argv, &checker);
}
