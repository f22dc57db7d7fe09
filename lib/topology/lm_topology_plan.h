/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The plan of a network: what its authorities have agreed on, of which each holds the same copy.
 * Who is admitted, in which role and layer, run by whom and where; what every relay does with
 * packets; and when epochs begin. Nothing in it is a node's own word. FORMAT.md beside this file
 * describes the document.
 *
 * A member is never taken out of a plan, only retired: so no id is ever given to another node.
 * A plan is made by _load or _parse and freed by its owner. Control path; nothing is secret.
 */
#pragma once

#include "lm_topology.h"

#define LM_PLAN_MEMBERS  262144 /* at most, of which LM_TOPOLOGY_NODES are not retired */
#define LM_PLAN_PREFIXES 8      /* of a member, at most */
#define LM_PLAN_LAST_S   UINT64_C(253402300799) /* 9999-12-31T23:59:59Z: no epoch ends later */

/* The addresses that begin with the first `len` bits of ip. */
struct lm_prefix {
	bool ipv6;
	uint8_t len;    /* 1 .. 32, or .. 128 */
	uint8_t ip[16]; /* IPv4: the first 4; zeros behind len bits */
};

struct lm_member {
	uint32_t id;
	enum lm_topology_role role;
	unsigned layer; /* 0 for a gateway */
	char operator[LM_TOPOLOGY_NAME + 1];
	char jurisdiction[3];
	struct lm_verifier identity;
	uint32_t capacity; /* the most that the document says; UINT32_MAX: what the node says */
	bool has_mac;
	uint8_t mac[6];    /* laboratories only */
	unsigned prefixes; /* in which its addresses lie; 0: the plan does not say */
	struct lm_prefix *prefix;
	bool retired;
};

struct lm_plan {
	uint64_t start_s; /* UTC: epoch 0 begins */
	uint32_t epoch_s; /* the length of an epoch */
	unsigned profile; /* of lib/packet */
	struct lm_mix_params mix;
	struct lm_topology_cover cover;
	struct lm_topology_paths paths;
	unsigned layers;
	unsigned members;
	struct lm_member *member; /* by rising id */
};

/*
 * Reads a plan. *plan is for lm_plan_free. -errno with a message "FILE:LINE: ..." (not JSON) or
 * "FILE: members[3].layer: what is wrong; what would be right"; *plan is then NULL.
 */
LM_MUST_CHECK int lm_plan_load(struct lm_plan **plan, const char *path, struct lm_error *err);
LM_MUST_CHECK int lm_plan_parse(struct lm_plan **plan, const char *text, size_t len,
				const char *name, struct lm_error *err);
void lm_plan_free(struct lm_plan *plan);

/* *text is for free(). The same plan gives the same bytes, which _parse reads back. -ENOMEM. */
LM_MUST_CHECK int lm_plan_format(char **text, size_t *len, const struct lm_plan *plan);

/* The member with this id, or NULL. */
struct lm_member *lm_plan_find(const struct lm_plan *plan, uint32_t id);

/* The epoch in which the second `now_s` is. -ERANGE before the start and past the last epoch. */
LM_MUST_CHECK int lm_plan_epoch(uint32_t *epoch, const struct lm_plan *plan, uint64_t now_s);

/* When an epoch begins and ends, in seconds of UTC. */
uint64_t lm_plan_from(const struct lm_plan *plan, uint32_t epoch);
uint64_t lm_plan_until(const struct lm_plan *plan, uint32_t epoch);
