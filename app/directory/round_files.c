/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a round moves in bulk: descriptors from etcd to the signer, the signed document to etcd.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent.h"

#define BATCH      16 /* descriptors in one request: each may be as large as etcd allows */
#define UNFINISHED "new"

/* The ids that the plan admits, from place *at on; how many they are, at most BATCH. */
static unsigned next_members(uint32_t id[BATCH], unsigned *at, const struct lm_plan *plan)
{
	unsigned n = 0;

	for (; n < BATCH && *at < plan->members; ++*at) {
		if (!plan->member[*at].retired)
			id[n++] = plan->member[*at].id;
	}
	return n;
}

/* Gets these descriptors as they were at a revision and writes those that there are. */
static int fetch_batch(struct round *round, const uint32_t *id, unsigned n, int64_t revision,
		       int folder, struct lm_error *err)
{
	char key[BATCH][LAYOUT_KEY], name[HANDOFF_NAME];
	const char *keys[BATCH] = {NULL};
	struct etcd_value value[BATCH];
	int rc;

	for (unsigned i = 0; i < n; i++) {
		layout_descriptor(key[i], round->config->prefix, id[i]);
		keys[i] = key[i];
	}
	rc = etcd_get(value, round->etcd, keys, n, revision, LAYOUT_DESCRIPTOR, err);
	if (rc != 0)
		return rc;
	for (unsigned i = 0; rc == 0 && i < n; i++) {
		handoff_descriptor(name, id[i]);
		if (value[i].bytes)
			rc = handoff_write(folder, name, value[i].bytes, value[i].len, false, err);
	}
	etcd_free_values(value, n);
	return rc;
}

static int fetch_all(struct round *round, int64_t revision, int folder, struct lm_error *err)
{
	uint32_t id[BATCH];
	unsigned at = 0, n;
	int rc = 0;

	while (rc == 0 && (n = next_members(id, &at, round->plan)) > 0)
		rc = fetch_batch(round, id, n, revision, folder, err);
	return rc;
}

int round_hand_in(struct round *round, unsigned number, struct lm_error *err)
{
	struct attempt *attempt = &round->attempt[number];
	char name[HANDOFF_NAME];
	int folder, rc;

	handoff_attempt(name, round->epoch, number);
	handoff_remove(round->inbox, UNFINISHED);
	if (mkdirat(round->inbox, UNFINISHED, 0750) != 0)
		return lm_error_set(err, errno, "inbox/" UNFINISHED ": %s", strerror(errno));
	folder = handoff_open(round->inbox, UNFINISHED);
	if (folder < 0)
		return lm_error_set(err, -folder, "inbox/" UNFINISHED ": %s", strerror(-folder));
	rc = fetch_all(round, attempt->revision, folder, err);
	close(folder);
	if (rc == 0) {
		/* one of an agent before us: of the same revision, so of the same content */
		handoff_remove(round->inbox, name);
		if (renameat(round->inbox, UNFINISHED, round->inbox, name) != 0)
			rc = lm_error_set(err, errno, "inbox/%s: %s", name, strerror(errno));
	}
	attempt->handed_in = rc == 0;
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
