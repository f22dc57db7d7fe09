/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The signer of one authority. It builds each epoch's document itself, from descriptors that the
 * agent hands in, its own plan and the newest document that it has taken, and signs no other; one
 * document in an epoch, and no epoch but the one that is next by its clock. It keeps what it has
 * signed on disk before it gives the signature out.
 *
 * One thread; owns the open folders of handoff.h. The key lies in locked memory.
 */
#pragma once

#include "handoff.h"
#include "layout.h"
#include "lm_topology_build.h"

/* A document that was built from the descriptors of one attempt. */
struct signer_built {
	bool tried;
	char *text; /* NULL: none came out */
	size_t len;
	struct lm_hash hash;
	struct lm_hash after; /* of the document that it follows; zero: none */
};

struct signer {
	const char *plan_path;
	struct lm_authorities authorities;
	struct lm_signer *key;
	struct lm_verifier public;
	int inbox, outbox, keep;
	struct lm_plan *plan;
	struct lm_topology *newest; /* NULL: none yet */
	uint32_t epoch;             /* the one that is next; of built[] */
	struct signer_built built[LAYOUT_ATTEMPTS];
	bool has_signed; /* ever, and then: */
	uint32_t signed_epoch;
	struct lm_hash signed_hash;
	struct handoff_mark document_seen, request_seen;
};

/*
 * Makes or opens the folders in `state`, reads key, plan and what was kept. The signer's memory is
 * the caller's; authorities are set before. -errno and a message; signer_close in every case.
 */
LM_MUST_CHECK int signer_open(struct signer *signer, const char *state, const char *key,
			      const char *plan, struct lm_error *err);
void signer_close(struct signer *signer);

/* Looks once at what the agent has handed in, and does what is to be done at now_s. */
void signer_step(struct signer *signer, uint64_t now_s);

/* ---- Between the signer's files ---- */

/* Takes the agent's document if it is newer and good. */
void signer_take_document(struct signer *signer, uint64_t now_s);

/* Builds what the agent has handed in descriptors for and is not yet built. */
void signer_build(struct signer *signer, uint64_t now_s);

/* Signs what the agent asks for, or says why not. */
void signer_sign(struct signer *signer);

/* A line on stderr. */
void signer_say(const char *format, ...) LM_PRINTF(1, 2);
