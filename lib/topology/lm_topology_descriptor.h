/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Descriptors: what a node says of itself, signed by its identity key, from which authorities make
 * topologies. FORMAT.md beside this file describes the document.
 *
 * Each key stands with a proof that who signs has its secret half: an Ed25519 signature (RFC 8032,
 * the nonce drawn and not derived) under the Edwards form of the key, over the node's id, identity
 * and, of a mix key, the epoch. So nobody can list another node's key as its own. The proof is the
 * one use that such a secret has beside X25519; what is signed can be no packet or handshake.
 */
#pragma once

#include "lm_topology.h"

#define LM_DESCRIPTOR_KEYS  64    /* epochs in one descriptor, at most */
#define LM_DESCRIPTOR_BYTES 32768 /* a larger signed file is refused unread */

struct lm_key_proof {
	uint8_t b[96]; /* the key's Edwards form || R || s */
};

struct lm_descriptor_key {
	uint32_t epoch; /* the full number */
	struct lm_point pk;
	struct lm_key_proof proof;
};

struct lm_descriptor {
	uint32_t id;
	uint64_t made_s; /* UTC; of two of one node the later counts */
	struct lm_verifier identity;
	struct lm_point link;
	struct lm_key_proof link_proof;
	uint32_t capacity; /* packets a second */
	unsigned addresses;
	struct lm_topology_address address[LM_TOPOLOGY_ADDRESSES];
	unsigned keys; /* of consecutive epochs */
	struct lm_descriptor_key key[LM_DESCRIPTOR_KEYS];
};

/* Proves possession of `secret`, whose public half goes to `pk`. */
void lm_key_prove(struct lm_key_proof *proof, struct lm_point *pk, const struct lm_secret *secret,
		  uint32_t id, const struct lm_verifier *identity, uint32_t epoch);
LM_MUST_CHECK bool lm_key_proved(const struct lm_key_proof *proof, const struct lm_point *pk,
				 uint32_t id, const struct lm_verifier *identity, uint32_t epoch);

/* The same of a link key, which is of no epoch. */
void lm_link_prove(struct lm_key_proof *proof, struct lm_point *pk, const struct lm_secret *secret,
		   uint32_t id, const struct lm_verifier *identity);
LM_MUST_CHECK bool lm_link_proved(const struct lm_key_proof *proof, const struct lm_point *pk,
				  uint32_t id, const struct lm_verifier *identity);

/*
 * The signed file of a descriptor: *text is for free(). The same descriptor gives the same bytes.
 */
LM_MUST_CHECK int lm_descriptor_format(char **text, size_t *len,
				       const struct lm_descriptor *descriptor,
				       const struct lm_signer *identity, struct lm_error *err);

/*
 * Reads and verifies one: form, the identity's signature, every proof. -EINVAL and "NAME: place:
 * what is wrong; what would be right".
 */
LM_MUST_CHECK int lm_descriptor_parse(struct lm_descriptor *descriptor, const char *text,
				      size_t len, const char *name, struct lm_error *err);

/*
 * What a descriptor must be before it is passed on to whoever verifies all of it: well-formed, of
 * this id, and signed by this identity. The signature comes first, so that a stranger's bytes cost
 * little; proofs, which cost most, are not looked at. -EBADMSG and so on, with a message as above.
 */
LM_MUST_CHECK int lm_descriptor_glance(uint32_t id, const struct lm_verifier *identity,
				       const char *text, size_t len, const char *name,
				       struct lm_error *err);
