/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a round moves in bulk: descriptors from etcd to the signer, the signed document to etcd.
 *
 * A descriptor is handed in if its member has signed it. So who writes to etcd fills neither disk
 * nor the signer's memory: what lies there is at most LAYOUT_DESCRIPTOR bytes of each member, in
 * two attempts at a time.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent.h"

#define BATCH      16 /* descriptors in one request: each may be as large as etcd allows */
#define UNFINISHED "new"

/* The descriptors of one attempt on their way. */
struct fetch {
	struct round *round;
	int64_t revision;
	int folder;
	unsigned left_out;      /* values that are no descriptor of their member */
	struct lm_error reason; /* of the first of them */
};

/* Members that the plan admits, from place *at on; how many they are, at most BATCH. */
static unsigned next_members(const struct lm_member *member[BATCH], unsigned *at,
			     const struct lm_plan *plan)
{
	unsigned n = 0;

	for (; n < BATCH && *at < plan->members; ++*at) {
		if (!plan->member[*at].retired)
			member[n++] = &plan->member[*at];
	}
	return n;
}

/* Writes what etcd has for a member, if the member has signed it. */
static int take_descriptor(struct fetch *fetch, const struct lm_member *member,
			   const struct etcd_value *value, struct lm_error *err)
{
	char name[HANDOFF_NAME];
	struct lm_error reason;
	int rc = 0;

	if (value->created == 0)
		return 0;
	handoff_descriptor(name, member->id);
	if (value->too_large)
		rc = lm_error_set(&reason, EFBIG, "%s: larger than %u bytes; no descriptor is",
				  name, LAYOUT_DESCRIPTOR);
	else
		rc = lm_descriptor_glance(member->id, &member->identity, value->bytes, value->len,
					  name, &reason);
	if (rc == 0)
		return handoff_write(fetch->folder, name, value->bytes, value->len, false, err);
	if (fetch->left_out++ == 0)
		fetch->reason = reason;
	return 0;
}

/* Gets the descriptors of these members as they were at the attempt's revision. */
static int fetch_batch(struct fetch *fetch, const struct lm_member *const *member, unsigned n,
		       struct lm_error *err)
{
	const struct round *round = fetch->round;
	char key[BATCH][LAYOUT_KEY];
	const char *keys[BATCH] = {NULL};
	struct etcd_value value[BATCH];
	int rc;

	for (unsigned i = 0; i < n; i++) {
		layout_descriptor(key[i], round->config->prefix, member[i]->id);
		keys[i] = key[i];
	}
	rc = etcd_get(value, round->etcd, keys, n, fetch->revision, LAYOUT_DESCRIPTOR, err);
	if (rc != 0)
		return rc;
	for (unsigned i = 0; rc == 0 && i < n; i++)
		rc = take_descriptor(fetch, member[i], &value[i], err);
	etcd_free_values(value, n);
	return rc;
}

static int fetch_all(struct fetch *fetch, struct lm_error *err)
{
	const struct lm_member *member[BATCH];
	unsigned at = 0, n;
	int rc = 0;

	while (rc == 0 && (n = next_members(member, &at, fetch->round->plan)) > 0)
		rc = fetch_batch(fetch, member, n, err);
	return rc;
}

void round_forget_attempt(const struct round *round, unsigned number)
{
	char name[HANDOFF_NAME];

	handoff_attempt(name, round->epoch, number);
	handoff_remove(round->inbox, name);
}

int round_hand_in(struct round *round, unsigned number, struct lm_error *err)
{
	struct attempt *attempt = &round->attempt[number];
	struct fetch fetch = {.round = round, .revision = attempt->revision};
	char name[HANDOFF_NAME];
	int rc;

	handoff_attempt(name, round->epoch, number);
	handoff_remove(round->inbox, UNFINISHED);
	for (unsigned i = 0; i + 1 < number; i++)
		round_forget_attempt(round, i);
	if (mkdirat(round->inbox, UNFINISHED, 0750) != 0)
		return lm_error_set(err, errno, "inbox/" UNFINISHED ": %s", strerror(errno));
	fetch.folder = handoff_open(round->inbox, UNFINISHED);
	if (fetch.folder < 0)
		return lm_error_set(err, -fetch.folder, "inbox/" UNFINISHED ": %s",
				    strerror(-fetch.folder));
	rc = fetch_all(&fetch, err);
	close(fetch.folder);
	if (rc == 0) {
		/* one of an agent before us: of the same revision, so of the same content */
		handoff_remove(round->inbox, name);
		if (renameat(round->inbox, UNFINISHED, round->inbox, name) != 0)
			rc = lm_error_set(err, errno, "inbox/%s: %s", name, strerror(errno));
	}
	attempt->handed_in = rc == 0;
	if (rc == 0 && fetch.left_out > 0)
		agent_say("epoch %" PRIu32 ": etcd has %u values that are no descriptors of their "
			  "nodes; the first: %s",
			  round->epoch, fetch.left_out, fetch.reason.text);
	if (rc == -ESTALE) {
		agent_say("epoch %" PRIu32 ": etcd has compacted revision %" PRId64
			  " of attempt %u",
			  round->epoch, attempt->revision, number);
		return 0;
	}
	return rc;
}

int round_publish(struct round *round, const struct attempt *attempt,
		  const struct lm_signature *signature, struct lm_error *err)
{
	const struct vote vote = {attempt->hash, attempt->len, *signature};
	char key[LAYOUT_KEY], text[LAYOUT_VOTE];
	unsigned n = 0;
	size_t len;
	int rc = 0;

	for (size_t at = 0; rc == 0 && at < attempt->len; at += LAYOUT_CHUNK, n++) {
		size_t left = attempt->len - at;

		layout_chunk(key, round->config->prefix, &attempt->hash, n);
		rc = etcd_put(round->etcd, key, attempt->text + at,
			      left < LAYOUT_CHUNK ? left : LAYOUT_CHUNK, round->lease, err);
	}
	if (rc != 0)
		return rc;
	layout_vote(key, round->config->prefix, round->epoch, &round->config->authority.public);
	len = layout_put_vote(text, &vote);
	return etcd_put(round->etcd, key, text, len, round->lease, err);
}
