/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The signer's folders and what it has kept in them. What it cannot read there it does not guess:
 * without knowing what it has signed it would sign twice.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "newest.h"
#include "signer.h"

#define INBOX_MODE  0770 /* the agent's user is in the group */
#define OUTBOX_MODE 0750
#define KEEP_MODE   0700

/* A folder of this name: its descriptor. */
static int open_folder(int *fd, int state, const char *name, unsigned mode, struct lm_error *err)
{
	bool made = mkdirat(state, name, mode) == 0;

	if (!made && errno != EEXIST)
		return lm_error_set(err, errno, "%s: cannot be made: %s", name, strerror(errno));
	*fd = handoff_open(state, name);
	if (*fd < 0)
		return lm_error_set(err, -*fd, "%s: cannot be opened: %s", name, strerror(-*fd));
	if (made && fchmod(*fd, mode) != 0) /* whatever the umask is */
		return lm_error_set(err, errno, "%s: %s", name, strerror(errno));
	return 0;
}

static int open_folders(struct signer *signer, const char *path, struct lm_error *err)
{
	int state = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;

	if (state < 0)
		return lm_error_set(err, errno, "%s: cannot be opened: %s", path, strerror(errno));
	rc = open_folder(&signer->inbox, state, "inbox", INBOX_MODE, err);
	if (rc == 0)
		rc = open_folder(&signer->outbox, state, "outbox", OUTBOX_MODE, err);
	if (rc == 0)
		rc = open_folder(&signer->keep, state, "keep", KEEP_MODE, err);
	close(state);
	if (rc != 0)
		lm_error_prefix(err, path);
	return rc;
}

/* What was signed last: a signed file with our own signature. */
static int read_signed(struct signer *signer, const char *text, size_t len, struct lm_error *err)
{
	const struct lm_authorities self = {.n = 1, .threshold = 1, .key = {signer->public}};
	struct lm_topology *topology;
	int rc = lm_topology_open(&topology, text, len, &self, "signed", err);

	if (rc != 0)
		return rc;
	signer->has_signed = true;
	signer->signed_epoch = topology->epoch;
	signer->signed_hash = topology->hash;
	lm_topology_free(topology);
	return 0;
}

static int load_kept(struct signer *signer, struct lm_error *err)
{
	char *text;
	size_t len;
	int rc = handoff_read(&text, &len, signer->keep, "signed", LM_SIGNED_BYTES, err);

	if (rc == 0)
		rc = read_signed(signer, text, len, err);
	free(text);
	if (rc != 0 && rc != -ENOENT)
		return rc;
	rc = handoff_read(&text, &len, signer->keep, "document", LM_SIGNED_BYTES, err);
	if (rc == 0)
		rc = lm_topology_open(&signer->newest, text, len, &signer->authorities, "document",
				      err);
	free(text);
	return rc == -ENOENT ? 0 : rc;
}

int signer_open(struct signer *signer, const char *state, const char *key, const char *plan,
		struct lm_error *err)
{
	int rc;

	signer->inbox = signer->outbox = signer->keep = -1;
	signer->plan_path = plan;
	signer->key = lm_secret_alloc(sizeof(*signer->key));
	if (!signer->key)
		return lm_error_set(err, ENOMEM,
				    "the kernel locks no memory for keys; raise the limit of "
				    "locked memory (ulimit -l)");
	rc = lm_keyfile_load(signer->key->b, signer->public.b, LM_KEYFILE_AUTHORITY, key, err);
	if (rc == 0)
		rc = lm_plan_load(&signer->plan, plan, err);
	if (rc == 0)
		rc = open_folders(signer, state, err);
	if (rc != 0)
		return rc;
	rc = load_kept(signer, err);
	if (rc != 0) {
		lm_error_prefix(err, "keep");
		lm_error_prefix(err, state);
	}
	return rc;
}

static void close_folder(int fd)
{
	if (fd >= 0)
		close(fd);
}

void signer_close(struct signer *signer)
{
	for (unsigned i = 0; i < LAYOUT_ATTEMPTS; i++)
		free(signer->built[i].text);
	lm_topology_free(signer->newest);
	lm_plan_free(signer->plan);
	close_folder(signer->inbox);
	close_folder(signer->outbox);
	close_folder(signer->keep);
	lm_secret_free(signer->key);
}

void signer_take_document(struct signer *signer, uint64_t now_s)
{
	struct handoff_mark mark = handoff_look(signer->inbox, "document");
	struct lm_topology *topology = NULL;
	struct lm_error err;
	char *text;
	size_t len;
	int rc;

	if (mark.inode == 0 || handoff_same(&mark, &signer->document_seen))
		return;
	signer->document_seen = mark;
	rc = handoff_read(&text, &len, signer->inbox, "document", LM_SIGNED_BYTES, &err);
	if (rc == 0)
		rc = newest_open(&topology, text, len, &signer->authorities, signer->newest, now_s,
				 "inbox/document", &err);
	if (rc == 0)
		rc = handoff_write(signer->keep, "document", text, len, true, &err);
	free(text);
	if (rc != 0) {
		lm_topology_free(topology);
		if (rc != -EALREADY)
			signer_say("not taken: %s", err.text);
		return;
	}
	lm_topology_free(signer->newest);
	signer->newest = topology;
	signer_say("has the document of epoch %u", topology->epoch);
}
