/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the signer does: builds, and signs what it has built.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "newest.h"
#include "signer.h"

#define REQUEST_LEN (10 + 1 + 64 + 1) /* "EPOCH HASH\n" */
#define LINES_SAID  8                 /* of a build: who is out, and why */

/* ---- Building ---- */

/* The descriptors of one attempt. */
struct descriptors {
	unsigned n;
	struct lm_build_file *file;
	char (*name)[HANDOFF_NAME];
};

static void free_descriptors(struct descriptors *all)
{
	for (unsigned i = 0; i < all->n; i++)
		free((char *)(uintptr_t)all->file[i].text);
	free(all->file);
	free(all->name);
}

static int read_descriptors(struct descriptors *all, int folder, const struct lm_plan *plan,
			    struct lm_error *err)
{
	all->file = calloc(plan->members, sizeof(*all->file));
	all->name = calloc(plan->members, sizeof(*all->name));
	if (!all->file || !all->name)
		return lm_error_set(err, ENOMEM, "too little memory");
	for (unsigned i = 0; i < plan->members; i++) {
		struct lm_build_file *file = &all->file[all->n];
		char *text;
		int rc;

		if (plan->member[i].retired)
			continue;
		handoff_descriptor(all->name[all->n], plan->member[i].id);
		rc = handoff_read(&text, &file->len, folder, all->name[all->n], LAYOUT_DESCRIPTOR,
				  err);
		if (rc == -ENOMEM)
			return rc;
		if (rc != 0) {
			if (rc != -ENOENT)
				signer_say("left out: %s", err->text);
			continue;
		}
		file->name = all->name[all->n];
		file->text = text;
		all->n++;
	}
	return 0;
}

/* Who is not in the document, for the operator. */
static void say_lines(const struct lm_build *built)
{
	unsigned said = 0;

	for (unsigned i = 0; i < built->lines && said < LINES_SAID; i++) {
		const struct lm_build_line *line = &built->line[i];

		if (line->verdict != LM_BUILD_OUT && line->verdict != LM_BUILD_REFUSED)
			continue;
		if (line->id != 0)
			signer_say("  node %u %s: %s", line->id,
				   lm_build_verdict_name(line->verdict), line->why);
		else
			signer_say("  descriptor %s %s: %s", line->file,
				   lm_build_verdict_name(line->verdict), line->why);
		said++;
	}
}

static int build_from(struct signer_built *built, struct signer *signer, int folder,
		      struct lm_error *err)
{
	struct descriptors all = {0};
	struct lm_build result = {0};
	int rc = read_descriptors(&all, folder, signer->plan, err);

	if (rc == 0) {
		rc = lm_build(&result, signer->plan, signer->newest, signer->epoch, all.file, all.n,
			      err);
		signer_say("epoch %u: built from %u descriptors: %u nodes in, %u out, %u refused",
			   signer->epoch, all.n, result.in, result.out, result.refused);
		say_lines(&result);
	}
	if (rc == 0) {
		built->text = result.text;
		built->len = result.len;
		result.text = NULL;
		lm_hash_bytes(&built->hash, built->text, built->len);
		built->after = signer->newest ? signer->newest->hash : (struct lm_hash){0};
	}
	lm_build_free(&result);
	free_descriptors(&all);
	return rc;
}

/* The plan may have changed: members come and go while the signer runs. */
static void read_plan(struct signer *signer)
{
	struct lm_plan *plan;
	struct lm_error err;

	if (lm_plan_load(&plan, signer->plan_path, &err) != 0) {
		signer_say("the plan stays as it was: %s", err.text);
		return;
	}
	lm_plan_free(signer->plan);
	signer->plan = plan;
}

static void try_attempt(struct signer *signer, unsigned attempt, int folder)
{
	struct signer_built *built = &signer->built[attempt];
	char name[HANDOFF_NAME];
	struct lm_error err = {0};
	int rc;

	built->tried = true;
	handoff_attempt(name, signer->epoch, attempt);
	rc = build_from(built, signer, folder, &err);
	if (rc == 0)
		rc = handoff_write(signer->outbox, name, built->text, built->len, false, &err);
	if (rc != 0)
		signer_say("epoch %u, attempt %u: %s", signer->epoch, attempt, err.text);
}

void signer_build(struct signer *signer, uint64_t now_s)
{
	char name[HANDOFF_NAME];

	for (unsigned i = 0; i < LAYOUT_ATTEMPTS; i++) {
		int folder;

		if (signer->built[i].tried)
			continue;
		handoff_attempt(name, signer->epoch, i);
		folder = handoff_open(signer->inbox, name);
		if (folder < 0)
			continue;
		/* the agent hands in a document before descriptors that follow it */
		signer_take_document(signer, now_s);
		read_plan(signer);
		if (signer->newest && signer->newest->epoch >= signer->epoch)
			signer->built[i].tried = true; /* the epoch has its document */
		else
			try_attempt(signer, i, folder);
		close(folder);
	}
}

/* ---- Signing ---- */

static bool same_hash(const struct lm_hash *a, const struct lm_hash *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

/* "EPOCH HASH\n", and no byte more. */
static bool parse_request(uint32_t *epoch, struct lm_hash *hash, const char *text, size_t len)
{
	uint64_t number = 0;

	for (unsigned i = 0; i < 10; i++) {
		if (len != REQUEST_LEN || text[i] < '0' || text[i] > '9')
			return false;
		number = 10 * number + (uint64_t)(text[i] - '0');
	}
	*epoch = (uint32_t)number;
	return number <= UINT32_MAX && text[10] == ' ' && text[REQUEST_LEN - 1] == '\n' &&
	       layout_get_hash(hash, text + 11, 64);
}

/* What was asked for, if it may be signed. */
static const struct signer_built *choose(const struct signer *signer, uint32_t epoch,
					 const struct lm_hash *hash, struct lm_error *err)
{
	struct lm_hash newest = signer->newest ? signer->newest->hash : (struct lm_hash){0};
	const struct signer_built *built = NULL;

	if (epoch != signer->epoch) {
		lm_error_set(err, EPERM, "epoch %u is not next; epoch %u is", epoch, signer->epoch);
		return NULL;
	}
	if (signer->has_signed &&
	    (epoch < signer->signed_epoch ||
	     (epoch == signer->signed_epoch && !same_hash(hash, &signer->signed_hash)))) {
		lm_error_set(err, EPERM, "a document of epoch %u is signed already",
			     signer->signed_epoch);
		return NULL;
	}
	for (unsigned i = 0; i < LAYOUT_ATTEMPTS && !built; i++) {
		if (signer->built[i].text && same_hash(&signer->built[i].hash, hash))
			built = &signer->built[i];
	}
	if (!built)
		lm_error_set(err, EPERM, "is not what this signer has built");
	else if (!same_hash(&built->after, &newest)) {
		lm_error_set(err, EPERM, "does not follow the newest document");
		built = NULL;
	}
	return built;
}

/* Keeps it first, then gives it out. */
static int sign(struct signer *signer, const struct signer_built *built, struct lm_error *err)
{
	struct lm_signed file = {.n = 1, .bytes = built->text, .len = built->len};
	char name[HANDOFF_NAME], *text = NULL;
	size_t len;
	int rc;

	file.by[0] = signer->public;
	lm_sign(&file.signature[0], signer->key, built->text, built->len);
	if (lm_signed_format(&text, &len, &file) != 0)
		return lm_error_set(err, ENOMEM, "too little memory");
	rc = handoff_write(signer->keep, "signed", text, len, true, err);
	free(text);
	if (rc != 0)
		return rc;
	signer->has_signed = true;
	signer->signed_epoch = signer->epoch;
	signer->signed_hash = built->hash;
	file.len = 0; /* the signature alone */
	if (lm_signed_format(&text, &len, &file) != 0)
		return lm_error_set(err, ENOMEM, "too little memory");
	handoff_signature(name, signer->epoch);
	rc = handoff_write(signer->outbox, name, text, len, false, err);
	free(text);
	return rc;
}

void signer_sign(struct signer *signer)
{
	struct handoff_mark mark = handoff_look(signer->inbox, "sign");
	const struct signer_built *built = NULL;
	struct lm_error err = {0};
	struct lm_hash hash;
	uint32_t epoch = 0;
	char *text;
	size_t len;
	int rc;

	if (mark.inode == 0 || handoff_same(&mark, &signer->request_seen))
		return;
	signer->request_seen = mark;
	rc = handoff_read(&text, &len, signer->inbox, "sign", REQUEST_LEN, &err);
	if (rc == 0 && !parse_request(&epoch, &hash, text, len))
		rc = lm_error_set(&err, EINVAL, "is not an epoch and a hash");
	free(text);
	if (rc == 0)
		built = choose(signer, epoch, &hash, &err);
	if (built && sign(signer, built, &err) == 0)
		signer_say("epoch %u: signed", epoch);
	else
		signer_say("refused: sign: %s", err.text);
}

/* ---- A step ---- */

static void begin_epoch(struct signer *signer, uint32_t epoch)
{
	for (unsigned i = 0; i < LAYOUT_ATTEMPTS; i++)
		free(signer->built[i].text);
	memset(signer->built, 0, sizeof(signer->built));
	signer->epoch = epoch;
	handoff_forget(signer->outbox, epoch);
}

void signer_step(struct signer *signer, uint64_t now_s)
{
	uint32_t epoch = 0; /* before the network's start the first one is next */

	if (lm_plan_epoch(&epoch, signer->plan, now_s) == 0)
		epoch++;
	else if (now_s >= signer->plan->start_s)
		return; /* past the last epoch */
	if (epoch != signer->epoch)
		begin_epoch(signer, epoch);
	signer_take_document(signer, now_s);
	signer_build(signer, now_s);
	signer_sign(signer);
}
