/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An authority's part in the next document. All authorities build from the descriptors of one
 * revision of etcd: that at which the key of an attempt was made, by whoever came first. Each says
 * what came out (its hash) before anybody signs; where a quorum has the same, each of it signs.
 * Where it does not come together in time, because etcd was compacted or somebody had another plan
 * or document, the next attempt follows, of a few; and each signs at most once.
 *
 * What etcd tells here nobody has signed. Lies can keep authorities from agreeing, and no more.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "agent.h"
#include "newest.h"

#define LEASE_EPOCHS     4 /* what belongs to a round stays in etcd for so long */
#define LEASE_LEAST_S    60
#define ATTEMPTS_IN_LEAD 3 /* an attempt fails after this share of the lead */
#define STEPS_IN_LEAD    50
#define STEP_LEAST_MS    50

/* ---- Open, close ---- */

static int open_folder(int *fd, const char *signer, const char *name, struct lm_error *err)
{
	char path[AGENT_PATH + 16];

	snprintf(path, sizeof(path), "%s/%s", signer, name);
	*fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*fd < 0)
		return lm_error_set(err, errno, "%s: %s; the signer makes it, start it first", path,
				    strerror(errno));
	return 0;
}

int round_open(struct round *round, const struct agent_config *config, struct etcd *etcd,
	       struct follow *follow, struct lm_error *err)
{
	int rc;

	*round = (struct round){.config = config, .etcd = etcd, .follow = follow};
	round->inbox = round->outbox = -1;
	if (config->authority.key[0] == '\0')
		return 0;
	rc = lm_plan_load(&round->plan, config->authority.plan, err);
	if (rc == 0)
		rc = open_folder(&round->inbox, config->authority.signer, "inbox", err);
	if (rc == 0)
		rc = open_folder(&round->outbox, config->authority.signer, "outbox", err);
	return rc;
}

static void end_work(struct round *round)
{
	for (unsigned i = 0; i < LAYOUT_ATTEMPTS; i++)
		free(round->attempt[i].text);
	memset(round->attempt, 0, sizeof(round->attempt));
	round->attempts = 0;
	round->working = round->asked = round->done = false;
	round->lease = 0;
	round->next_us = 0;
}

void round_close(struct round *round)
{
	end_work(round);
	lm_plan_free(round->plan);
	if (round->inbox >= 0)
		close(round->inbox);
	if (round->outbox >= 0)
		close(round->outbox);
}

/* ---- When ---- */

static uint64_t lead_s(const struct round *round)
{
	uint64_t lead = round->config->authority.lead_s;

	if (lead == 0)
		lead = round->plan->epoch_s / 4;
	return lead > 0 ? lead : 1;
}

uint64_t round_pause_ms(const struct round *round)
{
	uint64_t pause = round->config->poll_ms;

	if (round->working && !round->done && pause > lead_s(round) * 1000 / STEPS_IN_LEAD)
		pause = lead_s(round) * 1000 / STEPS_IN_LEAD;
	return pause < STEP_LEAST_MS ? STEP_LEAST_MS : pause;
}

/* Is it time to work at a document, and of which epoch? */
static bool is_time(uint32_t *epoch, const struct round *round, uint64_t now_s)
{
	const struct lm_plan *plan = round->plan;

	if (now_s < plan->start_s) {
		*epoch = 0;
		return now_s + lead_s(round) >= plan->start_s;
	}
	if (lm_plan_epoch(epoch, plan, now_s) != 0)
		return false;
	if (now_s + lead_s(round) < lm_plan_until(plan, *epoch))
		return false;
	++*epoch;
	return true;
}

static void read_plan(struct round *round)
{
	struct lm_plan *plan;
	struct lm_error err;

	if (lm_plan_load(&plan, round->config->authority.plan, &err) != 0) {
		agent_say("the plan stays as it was: %s", err.text);
		return;
	}
	lm_plan_free(round->plan);
	round->plan = plan;
}

static void begin_work(struct round *round, uint32_t epoch)
{
	end_work(round);
	round->working = true;
	round->epoch = epoch;
	read_plan(round);
	handoff_forget(round->inbox, epoch);
}

static int need_lease(struct round *round, struct lm_error *err)
{
	uint64_t ttl_s = (uint64_t)round->plan->epoch_s * LEASE_EPOCHS;

	if (round->lease != 0)
		return 0;
	return etcd_lease_grant(&round->lease, round->etcd,
				ttl_s < LEASE_LEAST_S ? LEASE_LEAST_S : ttl_s, err);
}

/* ---- Attempts ---- */

/* Which attempts there are; those that follow on one another count. */
static int learn_attempts(struct round *round, struct lm_error *err)
{
	char key[LAYOUT_ATTEMPTS][LAYOUT_KEY];
	const char *keys[LAYOUT_ATTEMPTS];
	struct etcd_value value[LAYOUT_ATTEMPTS];
	unsigned before = round->attempts, n = 0;
	int rc;

	for (unsigned i = 0; i < LAYOUT_ATTEMPTS; i++) {
		layout_round(key[i], round->config->prefix, round->epoch, i);
		keys[i] = key[i];
	}
	rc = etcd_get(value, round->etcd, keys, LAYOUT_ATTEMPTS, 0, 0, err);
	if (rc != 0)
		return rc;
	while (n < LAYOUT_ATTEMPTS && value[n].created != 0)
		n++;
	for (unsigned i = 0; i < n; i++) {
		if (!round->attempt[i].handed_in)
			round->attempt[i].revision = value[i].created;
	}
	/* what was known stays, whatever etcd says now */
	round->attempts = n > before ? n : before;
	etcd_free_values(value, LAYOUT_ATTEMPTS);
	if (round->attempts > before)
		round->next_us = lm_clock_us() + lead_s(round) * 1000000 / ATTEMPTS_IN_LEAD;
	return 0;
}

static int begin_attempt(struct round *round, struct lm_error *err)
{
	char key[LAYOUT_KEY];
	int rc;

	layout_round(key, round->config->prefix, round->epoch, round->attempts);
	rc = need_lease(round, err);
	if (rc == 0)
		rc = etcd_create(round->etcd, key, "", 0, round->lease, err);
	return rc == 0 ? learn_attempts(round, err) : rc;
}

/* The first attempt, or the next where the last one has failed. */
static int see_to_attempts(struct round *round, struct lm_error *err)
{
	int rc = learn_attempts(round, err);

	if (rc == 0 && round->attempts == 0) {
		rc = begin_attempt(round, err);
		if (rc == 0 && round->attempts == 0)
			return lm_error_set(err, EIO, "etcd does not keep what is written to it");
		return rc;
	}
	if (rc != 0 || round->asked || round->attempts == LAYOUT_ATTEMPTS)
		return rc;
	if (lm_clock_us() < round->next_us)
		return 0;
	agent_say("epoch %" PRIu32 ": no agreement in attempt %u", round->epoch,
		  round->attempts - 1);
	return begin_attempt(round, err);
}

/* ---- Proposals ---- */

/* How many authorities propose the same as the most; *hash is that. */
static int count_proposals(unsigned *most, struct lm_hash *hash, struct round *round,
			   unsigned attempt, struct lm_error *err)
{
	const struct lm_authorities *all = &round->config->authorities;
	char key[LM_SIGNED_SIGNATURES][LAYOUT_KEY];
	const char *keys[LM_SIGNED_SIGNATURES];
	struct etcd_value value[LM_SIGNED_SIGNATURES];
	struct lm_hash said[LM_SIGNED_SIGNATURES];
	unsigned n = 0;
	int rc;

	*most = 0;
	for (unsigned i = 0; i < all->n; i++) {
		layout_proposal(key[i], round->config->prefix, round->epoch, attempt, &all->key[i]);
		keys[i] = key[i];
	}
	rc = etcd_get(value, round->etcd, keys, all->n, 0, 64, err);
	if (rc != 0)
		return rc;
	for (unsigned i = 0; i < all->n; i++)
		n += value[i].bytes && layout_get_hash(&said[n], value[i].bytes, value[i].len);
	etcd_free_values(value, all->n);
	for (unsigned i = 0; i < n; i++) {
		unsigned same = 0;

		for (unsigned j = 0; j < n; j++)
			same += memcmp(said[i].b, said[j].b, sizeof(said[i].b)) == 0;
		if (same > *most) {
			*most = same;
			*hash = said[i];
		}
	}
	return 0;
}

/* Takes what the signer has built, once it is there, and proposes it. */
static int propose(struct round *round, unsigned number, struct lm_error *err)
{
	struct attempt *attempt = &round->attempt[number];
	char name[HANDOFF_NAME], key[LAYOUT_KEY], hash[65];
	struct lm_error ignored;
	int rc;

	if (!attempt->text) {
		handoff_attempt(name, round->epoch, number);
		if (handoff_read(&attempt->text, &attempt->len, round->outbox, name,
				 LM_SIGNED_BYTES, &ignored) != 0)
			return 0; /* not yet; what keeps the signer from it, it says itself */
		lm_hash_bytes(&attempt->hash, attempt->text, attempt->len);
		round_forget_attempt(round, number);
	}
	layout_proposal(key, round->config->prefix, round->epoch, number,
			&round->config->authority.public);
	layout_put_hash(hash, &attempt->hash);
	rc = need_lease(round, err);
	if (rc == 0)
		rc = etcd_put(round->etcd, key, hash, 64, round->lease, err);
	attempt->proposed = rc == 0;
	return rc;
}

/*
 * The attempt to work at: the first in which enough agree, or else the last. *agreed tells which it
 * is, and *hash what they agree on.
 */
static int choose_attempt(unsigned *number, bool *agreed, struct lm_hash *hash, struct round *round,
			  struct lm_error *err)
{
	unsigned most;

	*agreed = false;
	for (*number = 0; *number < round->attempts; ++*number) {
		int rc;

		if (round->attempt[*number].stale)
			continue;
		rc = count_proposals(&most, hash, round, *number, err);
		if (rc != 0)
			return rc;
		*agreed = most >= round->config->authorities.threshold;
		if (*agreed)
			return 0;
	}
	--*number;
	return 0;
}

/* ---- The signature ---- */

static int ask_to_sign(struct round *round, const struct attempt *attempt, struct lm_error *err)
{
	char text[96], hash[65];
	int n, rc;

	layout_put_hash(hash, &attempt->hash);
	n = snprintf(text, sizeof(text), "%010" PRIu32 " %s\n", round->epoch, hash);
	rc = handoff_write(round->inbox, "sign", text, (size_t)n, false, err);
	if (rc != 0)
		return rc;
	round->asked = true;
	round->asked_hash = attempt->hash;
	return 0;
}

/* The signer's signature over one of the documents that we know; false: not there, or of none. */
static bool find_signature(struct lm_signature *signature, const struct attempt **attempt,
			   const struct round *round)
{
	const struct lm_verifier *self = &round->config->authority.public;
	struct lm_error ignored;
	struct lm_signed file;
	char name[HANDOFF_NAME], *text;
	size_t len;
	bool found;

	handoff_signature(name, round->epoch);
	if (handoff_read(&text, &len, round->outbox, name, 1024, &ignored) != 0)
		return false;
	found = lm_signed_parse(&file, text, len, name, &ignored) == 0 && file.n == 1 &&
		memcmp(file.by[0].b, self->b, sizeof(self->b)) == 0;
	if (found)
		*signature = file.signature[0];
	free(text);
	for (unsigned i = 0; found && i < round->attempts; i++) {
		*attempt = &round->attempt[i];
		if ((*attempt)->text &&
		    lm_verify(signature, self, (*attempt)->text, (*attempt)->len))
			return true;
	}
	return false;
}

static int publish_if_signed(struct round *round, struct lm_error *err)
{
	struct lm_signature signature;
	const struct attempt *attempt;
	int rc;

	if (!find_signature(&signature, &attempt, round))
		return 0;
	rc = need_lease(round, err);
	if (rc == 0)
		rc = round_publish(round, attempt, &signature, err);
	if (rc != 0)
		return rc;
	round->done = true;
	agent_say("epoch %" PRIu32 ": our signature is published, of %zu bytes", round->epoch,
		  attempt->len);
	return 0;
}

/* ---- A step ---- */

/* What was built so far follows a document that has been overtaken: nobody may sign it now. */
static void start_over(struct round *round)
{
	for (unsigned i = 0; i < round->attempts; i++)
		round->attempt[i].stale = round->attempt[i].handed_in;
	round->asked = false;
	round->next_us = 0;
}

/* The signer must know what the next document follows before it gets descriptors. */
static int hand_in_document(struct round *round, struct lm_error *err)
{
	const struct lm_topology *newest = round->follow->newest;
	char *text;
	size_t len;
	int rc;

	if (!newest || memcmp(newest->hash.b, round->given.b, sizeof(round->given.b)) == 0)
		return 0;
	rc = lm_file_read(&text, &len, round->config->topology, err);
	if (rc == 0)
		rc = handoff_write(round->inbox, "document", text, len, false, err);
	free(text);
	if (rc != 0)
		return rc;
	round->given = newest->hash;
	if (round->working)
		start_over(round);
	return 0;
}

static int work(struct round *round, struct lm_error *err)
{
	struct lm_hash agreed_hash;
	struct attempt *attempt;
	unsigned number;
	bool agreed;
	int rc = see_to_attempts(round, err);

	if (rc == 0)
		rc = choose_attempt(&number, &agreed, &agreed_hash, round, err);
	if (rc != 0)
		return rc;
	attempt = &round->attempt[number];
	if (attempt->stale)
		return 0; /* and no further attempt is left */
	if (!attempt->handed_in)
		rc = round_hand_in(round, number, err);
	for (unsigned i = 0; rc == 0 && i < round->attempts; i++) {
		if (round->attempt[i].handed_in && !round->attempt[i].proposed)
			rc = propose(round, i, err);
	}
	if (rc != 0)
		return rc;
	if (agreed && attempt->text && !round->asked &&
	    memcmp(agreed_hash.b, attempt->hash.b, sizeof(agreed_hash.b)) == 0)
		rc = ask_to_sign(round, attempt, err);
	return rc == 0 ? publish_if_signed(round, err) : rc;
}

int round_step(struct round *round, uint64_t now_s, struct lm_error *err)
{
	uint32_t epoch;
	int rc;

	if (!round->plan)
		return 0;
	rc = hand_in_document(round, err);
	if (rc != 0)
		return rc;
	if (!is_time(&epoch, round, now_s)) {
		round->working = false;
		return 0;
	}
	if (!round->working || epoch != round->epoch)
		begin_work(round, epoch);
	/* once the document is there, another signature helps nobody */
	if (round->follow->newest && round->follow->newest->epoch >= epoch)
		round->done = true;
	if (round->done)
		return 0;
	rc = work(round, err);
	if (rc == -ENOENT)
		round->lease = 0; /* etcd has dropped it: the next step makes one */
	return rc;
}
