/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A client of etcd v3 over its JSON gateway (etcd's documentation, "gRPC gateway"): what the agent
 * needs and no more. Whatever etcd says is hostile: answers are bounded, read strictly, and mean
 * nothing until a signature says so.
 *
 * Endpoints take turns: each call starts at the one whose turn it is, and goes on to the next where
 * one gives no answer or no sense. One that failed is left out for a while, unless all have. So an
 * endpoint that lies in well-formed words holds back no more than its share of the turns.
 *
 * One thread; keys are texts without NUL, values any bytes. Errors: -EIO: no endpoint gave a good
 * answer; -ESTALE: the revision is compacted; -EACCES: etcd refuses this user; -ENOMEM.
 */
#pragma once

#include "http.h"

#define ETCD_KEYS      32          /* keys in one call */
#define ETCD_VALUE_MAX (1u << 20)  /* bytes that a put takes: etcd refuses requests of 1.5 MiB */
#define ETCD_ANSWER    (48u << 20) /* bytes of an answer at most */
#define ETCD_KEY_LEN   255

struct etcd_options {
	struct http_options http;
	const char *user, *password; /* "": without */
};

struct etcd;

LM_MUST_CHECK int etcd_open(struct etcd **etcd, const struct etcd_options *options,
			    struct lm_error *err);
void etcd_close(struct etcd *etcd); /* NULL is allowed */

/* The next endpoint's turn. */
void etcd_turn(struct etcd *etcd);

struct etcd_value {
	char *bytes; /* NULL: there is no such key, or its value is too large */
	size_t len;
	bool too_large;
	int64_t created; /* the revision that made the key; 0: there is none */
};

/*
 * Gets exactly these 1 .. ETCD_KEYS keys, all as they were at one revision (0: the newest). Values
 * of more than `most` bytes are left out. value[] is for etcd_free_values if this returns 0.
 */
LM_MUST_CHECK int etcd_get(struct etcd_value *value, struct etcd *etcd, const char *const *key,
			   unsigned n, int64_t revision, size_t most, struct lm_error *err);
void etcd_free_values(struct etcd_value *value, unsigned n);

/*
 * The names of at most `most` keys that lie in [from, to), the last first: *name[i] are for free().
 * Names of more than ETCD_KEY_LEN bytes are left out.
 */
LM_MUST_CHECK int etcd_names(char **name, unsigned *n, struct etcd *etcd, const char *from,
			     const char *to, unsigned most, struct lm_error *err);

/* Sets a key, under a lease unless that is 0. -ENOENT: the lease is gone. */
LM_MUST_CHECK int etcd_put(struct etcd *etcd, const char *key, const void *bytes, size_t len,
			   int64_t lease, struct lm_error *err);

/* The same where there is no such key; where there is one it stays, and this is no error. */
LM_MUST_CHECK int etcd_create(struct etcd *etcd, const char *key, const void *bytes, size_t len,
			      int64_t lease, struct lm_error *err);

/* A lease: keys under it go when nobody has kept it alive for ttl_s seconds. */
LM_MUST_CHECK int etcd_lease_grant(int64_t *lease, struct etcd *etcd, uint64_t ttl_s,
				   struct lm_error *err);
/* -ENOENT: it is gone, and its keys with it. */
LM_MUST_CHECK int etcd_lease_keep(struct etcd *etcd, int64_t lease, struct lm_error *err);
LM_MUST_CHECK int etcd_lease_revoke(struct etcd *etcd, int64_t lease, struct lm_error *err);
