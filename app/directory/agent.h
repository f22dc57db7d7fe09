/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The agent: keeps a topology file up to date from etcd, a relay's descriptor published, and does
 * an authority's part in making documents. It holds no key and believes nothing that no signature
 * says. One thread: each part has a step, which looks once and does what is to be done.
 *
 * A step gives 0, or -errno where etcd did not do as it should; the next step tries again. What a
 * step learns anew of the network it says on stderr: changes of state only.
 */
#pragma once

#include "agent_config.h"
#include "etcd.h"
#include "handoff.h"
#include "lm_topology_plan.h"

/* ---- follow: the newest document ---- */

enum follow_state { FOLLOW_NONE, FOLLOW_FRESH, FOLLOW_LATE, FOLLOW_EXPIRED };

struct follow {
	const struct agent_config *config;
	struct etcd *etcd;
	struct lm_topology *newest; /* what is in the file; NULL: nothing that counts */
	enum follow_state state;
	uint64_t refusals;      /* documents that etcd offered and that may not be taken */
	struct lm_hash refused; /* the last of them, of which a line was said */
};

/* Reads the file that is there. Only what could not be undone is an error. */
LM_MUST_CHECK int follow_open(struct follow *follow, const struct agent_config *config,
			      struct etcd *etcd, struct lm_error *err);
void follow_close(struct follow *follow);

LM_MUST_CHECK int follow_step(struct follow *follow, uint64_t now_s, struct lm_error *err);

/* How long the document in force serves, in words: "the document in force serves for 812 s more".
 */
void follow_left(char text[96], const struct follow *follow, uint64_t now_s);

/* Gets a document of this hash and length: *bytes is for free(). -EIO: etcd has no such thing. */
LM_MUST_CHECK int follow_fetch(char **bytes, struct follow *follow, const struct lm_hash *hash,
			       size_t len, struct lm_error *err);

/* ---- announce: a relay's descriptor ---- */

struct announce {
	const struct agent_config *config;
	struct etcd *etcd;
	struct handoff_mark seen;
	char *text; /* what is, or is to be, published; NULL: nothing */
	size_t len;
	char key[LAYOUT_KEY];
	int64_t lease; /* 0: none */
	bool published;
	uint64_t keep_us; /* when the lease is to be kept alive */
};

void announce_open(struct announce *announce, const struct agent_config *config, struct etcd *etcd);
void announce_close(struct announce *announce);
LM_MUST_CHECK int announce_step(struct announce *announce, struct lm_error *err);

/* ---- round: an authority's part in the next document ---- */

struct attempt {
	int64_t revision; /* that all build from */
	bool handed_in;   /* its descriptors, to the signer */
	char *text;       /* what the signer has built from them; NULL: nothing yet */
	size_t len;
	struct lm_hash hash;
	bool proposed;
	bool stale; /* built after a document that is not the newest any more */
};

struct round {
	const struct agent_config *config;
	struct etcd *etcd;
	struct follow *follow;
	struct lm_plan *plan;
	int inbox, outbox;    /* the signer's folders */
	struct lm_hash given; /* the document that the signer was given last */
	uint32_t epoch;       /* that is worked at; of what follows */
	bool working;
	unsigned attempts;
	struct attempt attempt[LAYOUT_ATTEMPTS];
	uint64_t next_us; /* when the last attempt has failed */
	bool asked;       /* the signer, to sign: */
	struct lm_hash asked_hash;
	bool done;
	int64_t lease;
};

LM_MUST_CHECK int round_open(struct round *round, const struct agent_config *config,
			     struct etcd *etcd, struct follow *follow, struct lm_error *err);
void round_close(struct round *round);
LM_MUST_CHECK int round_step(struct round *round, uint64_t now_s, struct lm_error *err);

/* Time until the next step of a round, at most the agent's own. */
uint64_t round_pause_ms(const struct round *round);

/* Hands the descriptors of one attempt to the signer: PREFIX/descriptors as at its revision. */
LM_MUST_CHECK int round_hand_in(struct round *round, unsigned attempt, struct lm_error *err);

/* Removes what was handed in, which the signer needs no more. */
void round_forget_attempt(const struct round *round, unsigned attempt);

/* Puts a signed document and our vote for it where everybody finds them. */
LM_MUST_CHECK int round_publish(struct round *round, const struct attempt *attempt,
				const struct lm_signature *signature, struct lm_error *err);

/* ---- All of it ---- */

/* A line on stderr. */
void agent_say(const char *format, ...) LM_PRINTF(1, 2);
