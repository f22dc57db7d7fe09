/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The newest document: votes of the authorities say which there is, its chunks are put together and
 * must have its hash, and the signatures in front of it are judged as a relay judges them. Only
 * then the file is replaced.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "agent.h"
#include "newest.h"

#define NAMES_LOOKED_AT (8 * LM_SIGNED_SIGNATURES) /* votes, where we have no document at all */
#define FILE_MODE       0644

int follow_open(struct follow *follow, const struct agent_config *config, struct etcd *etcd,
		struct lm_error *err)
{
	int rc;

	*follow = (struct follow){.config = config, .etcd = etcd};
	rc = lm_topology_load(&follow->newest, config->topology, &config->authorities, err);
	if (rc == -ENOENT) {
		agent_say("%s is not there yet; it comes with the first document",
			  config->topology);
		return 0;
	}
	/* a file that is wrong is the operator's to look at, and not overwritten */
	return rc;
}

void follow_close(struct follow *follow)
{
	lm_topology_free(follow->newest);
}

/* ---- Fetching ---- */

/* Chunk n of a document, which must have `len` bytes. */
static int fetch_chunk(char *to, size_t len, struct follow *follow, const struct lm_hash *hash,
		       unsigned n, struct lm_error *err)
{
	struct etcd_value value;
	char key[LAYOUT_KEY];
	const char *keys[] = {key};
	int rc;

	layout_chunk(key, follow->config->prefix, hash, n);
	rc = etcd_get(&value, follow->etcd, keys, 1, 0, LAYOUT_CHUNK, err);
	if (rc != 0)
		return rc;
	if (value.bytes && value.len == len)
		memcpy(to, value.bytes, len);
	else
		rc = lm_error_set(err, EIO, "etcd has no chunk of %zu bytes at %s", len, key);
	etcd_free_values(&value, 1);
	return rc;
}

int follow_fetch(char **out, struct follow *follow, const struct lm_hash *hash, size_t len,
		 struct lm_error *err)
{
	char *bytes = malloc(len);
	struct lm_hash found;
	unsigned n = 0;
	int rc = 0;

	*out = NULL;
	if (!bytes)
		return lm_error_set(err, ENOMEM, "too little memory");
	for (size_t at = 0; rc == 0 && at < len; at += LAYOUT_CHUNK)
		rc = fetch_chunk(bytes + at, len - at < LAYOUT_CHUNK ? len - at : LAYOUT_CHUNK,
				 follow, hash, n++, err);
	if (rc == 0) {
		lm_hash_bytes(&found, bytes, len);
		if (memcmp(found.b, hash->b, sizeof(found.b)) != 0)
			rc = lm_error_set(err, EIO,
					  "etcd's chunks are not the document of their hash");
	}
	if (rc == 0)
		*out = bytes;
	else
		free(bytes);
	return rc;
}

/* ---- Votes ---- */

/* Who has signed what for one epoch; votes of the same document stand together in a group. */
struct votes {
	unsigned n;
	struct lm_verifier by[LM_SIGNED_SIGNATURES];
	struct vote vote[LM_SIGNED_SIGNATURES];
};

static int read_votes(struct votes *votes, struct follow *follow, uint32_t epoch,
		      struct lm_error *err)
{
	const struct lm_authorities *all = &follow->config->authorities;
	char key[LM_SIGNED_SIGNATURES][LAYOUT_KEY];
	const char *keys[LM_SIGNED_SIGNATURES];
	struct etcd_value value[LM_SIGNED_SIGNATURES];
	int rc;

	votes->n = 0;
	for (unsigned i = 0; i < all->n; i++) {
		layout_vote(key[i], follow->config->prefix, epoch, &all->key[i]);
		keys[i] = key[i];
	}
	rc = etcd_get(value, follow->etcd, keys, all->n, 0, LAYOUT_VOTE, err);
	if (rc != 0)
		return rc;
	for (unsigned i = 0; i < all->n; i++) {
		if (value[i].bytes &&
		    layout_get_vote(&votes->vote[votes->n], value[i].bytes, value[i].len))
			votes->by[votes->n++] = all->key[i];
	}
	etcd_free_values(value, all->n);
	return 0;
}

static bool same_document(const struct vote *a, const struct vote *b)
{
	return a->len == b->len && memcmp(a->hash.b, b->hash.b, sizeof(a->hash.b)) == 0;
}

/* The document with the signatures of all who voted as votes->vote[first]. */
static int assemble(char **text, size_t *len, const struct votes *votes, unsigned first,
		    const char *bytes)
{
	struct lm_signed file = {.bytes = bytes, .len = votes->vote[first].len};
	int rc = 0;

	for (unsigned i = first; rc == 0 && i < votes->n; i++) {
		if (same_document(&votes->vote[i], &votes->vote[first]))
			rc = lm_signed_add(&file, &votes->by[i], &votes->vote[i].signature);
	}
	return rc == 0 ? lm_signed_format(text, len, &file) : rc;
}

/* ---- Taking ---- */

/* Says once of each document why it may not be taken. */
static void refuse(struct follow *follow, const struct lm_hash *hash, const struct lm_error *why)
{
	follow->refusals++;
	if (memcmp(follow->refused.b, hash->b, sizeof(hash->b)) != 0)
		agent_say("not taken: %s", why->text);
	follow->refused = *hash;
}

static int put_in_force(struct follow *follow, struct lm_topology *topology, const char *text,
			size_t len, struct lm_error *err)
{
	int rc = lm_file_replace(follow->config->topology, text, len, FILE_MODE, err);

	if (rc != 0) {
		lm_topology_free(topology);
		return rc;
	}
	lm_topology_free(follow->newest);
	follow->newest = topology;
	agent_say("has the document of epoch %" PRIu32 ", of %u nodes", topology->epoch,
		  topology->nodes);
	return 0;
}

/* A document that enough say they have signed. -ECANCELED: it is not to be taken. */
static int take(struct follow *follow, const struct votes *votes, unsigned first, uint32_t epoch,
		uint64_t now_s, struct lm_error *err)
{
	const struct vote *vote = &votes->vote[first];
	char *bytes, *text = NULL;
	struct lm_topology *topology;
	size_t len = 0;
	int rc = follow_fetch(&bytes, follow, &vote->hash, vote->len, err);

	if (rc != 0)
		return rc;
	rc = assemble(&text, &len, votes, first, bytes);
	free(bytes);
	if (rc != 0)
		return lm_error_set(err, ENOMEM, "too little memory");
	rc = newest_open(&topology, text, len, &follow->config->authorities, follow->newest, now_s,
			 "etcd's document", err);
	if (rc == 0 && topology->epoch != epoch) {
		rc = lm_error_set(err, EINVAL,
				  "etcd's document: is of epoch %" PRIu32 " and not %" PRIu32,
				  topology->epoch, epoch);
		lm_topology_free(topology);
	}
	if (rc == 0) {
		rc = put_in_force(follow, topology, text, len, err);
	} else if (rc != -ENOMEM) {
		refuse(follow, &vote->hash, err);
		rc = -ECANCELED;
	}
	free(text);
	return rc;
}

/* Looks for a document of this epoch. 0: taken; -EAGAIN: there is none. */
static int look(struct follow *follow, uint32_t epoch, uint64_t now_s, struct lm_error *err)
{
	struct votes votes;
	int rc = read_votes(&votes, follow, epoch, err), result = -EAGAIN;

	if (rc != 0)
		return rc;
	for (unsigned i = 0; i < votes.n; i++) {
		unsigned same = 0, earlier = 0;

		for (unsigned j = 0; j < votes.n; j++) {
			bool is = same_document(&votes.vote[i], &votes.vote[j]);

			same += is;
			earlier += is && j < i;
		}
		if (earlier > 0 || same < follow->config->authorities.threshold)
			continue;
		rc = take(follow, &votes, i, epoch, now_s, err);
		if (rc == 0)
			return 0;
		result = rc;
	}
	return result;
}

/* Where there is no document yet: epochs of which votes are there, the last ones first. */
static unsigned list_epochs(uint32_t epoch[4], struct follow *follow, int *rc, struct lm_error *err)
{
	char from[LAYOUT_KEY], to[LAYOUT_KEY];
	char *name[NAMES_LOOKED_AT];
	unsigned names, n = 0;
	uint32_t found;

	layout_votes(from, to, follow->config->prefix);
	*rc = etcd_names(name, &names, follow->etcd, from, to, NAMES_LOOKED_AT, err);
	if (*rc != 0)
		return 0;
	for (unsigned i = 0; i < names; i++) {
		if (n < 4 && layout_vote_epoch(&found, follow->config->prefix, name[i]) &&
		    (n == 0 || epoch[n - 1] != found))
			epoch[n++] = found;
		free(name[i]);
	}
	return n;
}

/* Epochs whose documents would be newer than ours and not useless, the last one first. */
static unsigned useful_epochs(uint32_t epoch[4], const struct follow *follow, uint64_t now_s)
{
	uint64_t last = (uint64_t)newest_epoch(follow->newest, now_s) + 1;
	uint64_t known = follow->newest->epoch;
	unsigned n = 0;

	/* two epochs ago is past its use */
	for (uint64_t wanted = last; wanted > known && wanted + 2 >= last && n < 3; wanted--) {
		if (wanted <= LM_TOPOLOGY_EPOCH_MAX)
			epoch[n++] = (uint32_t)wanted;
	}
	return n;
}

/* ---- State ---- */

static enum follow_state judge(const struct follow *follow, uint64_t now_s)
{
	const struct lm_topology *newest = follow->newest;

	if (!newest)
		return FOLLOW_NONE;
	if (now_s < newest->until_s)
		return FOLLOW_FRESH;
	return now_s < newest->until_s + newest_span_s(newest) ? FOLLOW_LATE : FOLLOW_EXPIRED;
}

void follow_left(char text[96], const struct follow *follow, uint64_t now_s)
{
	const struct lm_topology *newest = follow->newest;
	uint64_t end_s = newest ? newest->until_s + newest_span_s(newest) : 0;

	if (!newest)
		snprintf(text, 96, "there is no document yet");
	else if (now_s < end_s)
		snprintf(text, 96, "the document in force serves for %" PRIu64 " s more",
			 end_s - now_s);
	else
		snprintf(text, 96, "the document in force has expired %" PRIu64 " s ago",
			 now_s - end_s);
}

static void say_state(struct follow *follow, uint64_t now_s)
{
	enum follow_state state = judge(follow, now_s);
	char left[96];

	if (state == follow->state)
		return;
	follow_left(left, follow, now_s);
	if (state == FOLLOW_LATE)
		agent_say("alarm: the document of epoch %" PRIu32 " has not come; %s",
			  follow->newest->epoch + 1, left);
	else if (state == FOLLOW_EXPIRED)
		agent_say("alarm: %s", left);
	follow->state = state;
}

int follow_step(struct follow *follow, uint64_t now_s, struct lm_error *err)
{
	uint32_t epoch[4];
	unsigned n;
	int rc = 0;

	if (follow->newest)
		n = useful_epochs(epoch, follow, now_s);
	else
		n = list_epochs(epoch, follow, &rc, err);
	for (unsigned i = 0; i < n; i++) {
		int found = look(follow, epoch[i], now_s, err);

		if (found == 0) {
			rc = 0;
			break;
		}
		if (found != -EAGAIN)
			rc = found;
	}
	say_state(follow, now_s);
	return rc;
}
