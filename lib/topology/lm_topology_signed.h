/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Signed files and the long-term keys of nodes and authorities. A signed file carries detached
 * Ed25519 signatures (RFC 8032) in front of the exact bytes that they sign, so that both are
 * replaced by one rename. FORMAT.md beside this file describes both kinds of files.
 *
 * Control path. Secrets live in memory from lm_secret_alloc; who loads one frees it there.
 */
#pragma once

#include "lm_base.h"
#include "lm_x25519.h"

#define LM_SIGNED_SIGNATURES 32          /* in one file, at most */
#define LM_SIGNED_BYTES      (64u << 20) /* a larger file is refused unread */

struct lm_hash { /* BLAKE2b-256 (RFC 7693) of a document's exact bytes */
	uint8_t b[32];
};
struct lm_verifier { /* an Ed25519 public key */
	uint8_t b[32];
};
struct lm_signer { /* an Ed25519 seed, secret */
	uint8_t b[32];
};
struct lm_signature {
	uint8_t b[64];
};

void lm_hash_bytes(struct lm_hash *hash, const void *bytes, size_t len);

/* ---- Signatures ---- */

void lm_signer_public(struct lm_verifier *verifier, const struct lm_signer *signer);
void lm_sign(struct lm_signature *signature, const struct lm_signer *signer, const void *bytes,
	     size_t len);
LM_MUST_CHECK bool lm_verify(const struct lm_signature *signature,
			     const struct lm_verifier *verifier, const void *bytes, size_t len);

/* ---- Signed files ---- */

/* A signed file taken apart. The pointers are into the bytes that were given; nothing is verified.
 */
struct lm_signed {
	unsigned n;
	struct lm_verifier by[LM_SIGNED_SIGNATURES];
	struct lm_signature signature[LM_SIGNED_SIGNATURES];
	const char *bytes; /* what is signed */
	size_t len;
};

/* Takes a signed file apart. -EINVAL and "NAME:LINE: what is wrong; what would be right"; a signer
 * that stands twice is wrong. */
LM_MUST_CHECK int lm_signed_parse(struct lm_signed *file, const char *text, size_t len,
				  const char *name, struct lm_error *err);

/* Puts one together: *text is for free(). -ENOMEM. */
LM_MUST_CHECK int lm_signed_format(char **text, size_t *len, const struct lm_signed *file);

/*
 * Adds a signature without looking at it; they stand in order of their keys, so that files of the
 * same signatures are the same. -EEXIST if this key has signed, -ENOSPC if there are too many.
 */
LM_MUST_CHECK int lm_signed_add(struct lm_signed *file, const struct lm_verifier *by,
				const struct lm_signature *signature);

/* Who may sign, and how many of them must have: 1 <= threshold <= n. */
struct lm_authorities {
	unsigned n, threshold;
	struct lm_verifier key[LM_SIGNED_SIGNATURES];
};

/*
 * How many different ones of `authorities` have signed the bytes rightly. Signatures of others, and
 * wrong ones, count nothing.
 */
unsigned lm_signed_count(const struct lm_signed *file, const struct lm_authorities *authorities);

/* ---- Long-term keys in files ---- */

enum lm_keyfile_kind {
	LM_KEYFILE_AUTHORITY, /* Ed25519: signs topologies */
	LM_KEYFILE_IDENTITY,  /* Ed25519: signs a node's descriptors */
	LM_KEYFILE_LINK,      /* X25519: the static key of a node's links */
};

const char *lm_keyfile_kind_name(enum lm_keyfile_kind kind); /* "authority", ... */

/*
 * Makes a new key file of mode 0600 at `path`, which must not be there, with a fresh secret; its
 * public key goes to `public`. Synced when this returns 0. -errno and a message.
 */
LM_MUST_CHECK int lm_keyfile_make(uint8_t public[32], enum lm_keyfile_kind kind, const char *path,
				  struct lm_error *err);

/*
 * Reads a key file: `secret` (32 bytes in locked memory: of a struct lm_signer, or struct
 * lm_secret) and its public key. A file that others may read, or of another kind, is refused.
 */
LM_MUST_CHECK int lm_keyfile_load(uint8_t secret[32], uint8_t public[32], enum lm_keyfile_kind kind,
				  const char *path, struct lm_error *err);

/* ---- Files ---- */

/*
 * The whole of a regular file of at most LM_SIGNED_BYTES; *text is for free(). -errno and a
 * message.
 */
LM_MUST_CHECK int lm_file_read(char **text, size_t *len, const char *path, struct lm_error *err);

/*
 * Replaces a file whole: written beside it as PATH.new, synced, renamed. -errno and a message; the
 * old one is then as it was.
 */
LM_MUST_CHECK int lm_file_replace(const char *path, const void *bytes, size_t len, unsigned mode,
				  struct lm_error *err);
