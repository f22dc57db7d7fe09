/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See documents.h. The file may be replaced while it is read: what was read is judged as it is, and
 * the mark, taken before, sees that it has changed again.
 */
#include "documents.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX    "document-"
#define NAME_LEN  32
#define KEPT      2  /* documents in the state folder */
#define FILES_MAX 64 /* of such names that are looked at: more are not ours */

/* ---- The state folder ---- */

static void kept_path(char path[DOCUMENTS_PATH + NAME_LEN], const struct documents *documents,
		      uint32_t epoch)
{
	snprintf(path, DOCUMENTS_PATH + NAME_LEN, "%s/" PREFIX "%" PRIu32, documents->state, epoch);
}

static int check_folder(const char *state, struct lm_error *err)
{
	struct stat status;

	if (mkdir(state, 0700) != 0 && errno != EEXIST) /* ENOENT is a topology's */
		return lm_error_set(err, errno == ENOENT ? ENOTDIR : errno,
				    "%s: cannot be made: %s", state, strerror(errno));
	if (stat(state, &status) != 0)
		return lm_error_set(err, errno, "%s: %s", state, strerror(errno));
	if (!S_ISDIR(status.st_mode))
		return lm_error_set(err, ENOTDIR, "%s: is no folder", state);
	if (status.st_uid != geteuid() || (status.st_mode & 022) != 0)
		return lm_error_set(err, EPERM,
				    "%s: others may write here; make it this user's alone: chmod "
				    "700 %s",
				    state, state);
	return 0;
}

/* The epoch in the name of a document that was kept; false: another file. */
static bool parse_name(uint32_t *epoch, const char *name)
{
	char again[NAME_LEN];
	unsigned long long value;

	if (strncmp(name, PREFIX, sizeof(PREFIX) - 1) != 0)
		return false;
	value = strtoull(name + sizeof(PREFIX) - 1, NULL, 10);
	*epoch = (uint32_t)value;
	snprintf(again, sizeof(again), PREFIX "%" PRIu32, *epoch);
	return value <= UINT32_MAX && strcmp(again, name) == 0;
}

/* The epochs of what was kept, falling; how many. */
static unsigned list_kept(uint32_t epoch[FILES_MAX], const struct documents *documents)
{
	DIR *folder = opendir(documents->state);
	const struct dirent *entry;
	unsigned n = 0;

	while (folder && n < FILES_MAX && (entry = readdir(folder)) != NULL) {
		uint32_t found;
		unsigned at = n;

		if (!parse_name(&found, entry->d_name))
			continue;
		for (; at > 0 && epoch[at - 1] < found; at--)
			epoch[at] = epoch[at - 1];
		epoch[at] = found;
		n++;
	}
	if (folder)
		closedir(folder);
	return n;
}

/* ---- Taking ---- */

const struct lm_topology *documents_newest(const struct documents *documents)
{
	return documents->next ? documents->next : documents->now;
}

/*
 * Keeps the bytes of a document that is taken, and forgets all but it and the newest before it:
 * also later ones, which had no good signatures, or would be the newest.
 */
static int keep(const struct documents *documents, uint32_t epoch, const char *text, size_t len,
		struct lm_error *err)
{
	const struct lm_topology *before = documents_newest(documents);
	char path[DOCUMENTS_PATH + NAME_LEN];
	uint32_t kept[FILES_MAX];
	unsigned n;
	int rc;

	if (documents->state[0] == '\0')
		return 0;
	kept_path(path, documents, epoch);
	rc = lm_file_replace(path, text, len, 0600, err);
	if (rc != 0)
		return rc;
	n = list_kept(kept, documents);
	for (unsigned i = 0; i < n; i++) {
		if (kept[i] == epoch || (before && kept[i] == before->epoch))
			continue;
		kept_path(path, documents, kept[i]);
		unlink(path);
	}
	return 0;
}

static uint64_t time_of(const struct lm_topology *topology, uint64_t now_s)
{
	return now_s == DOCUMENTS_OWN_TIME ? topology->from_s : now_s;
}

/*
 * A document that has passed every test becomes the next one, or the only one. One that was next
 * and has not come into force is passed over: who was away may find several.
 */
static void add(struct documents *documents, struct lm_topology *topology)
{
	if (documents_newest(documents))
		(void)lm_topology_inherit(topology, documents_newest(documents));
	if (!documents->now) {
		documents->now = topology;
		return;
	}
	lm_topology_free(documents->next);
	documents->next = topology;
}

static void count(struct documents *documents, enum lm_succession refusal)
{
	uint64_t *counter = &documents->refused[refusal];

	__atomic_store_n(counter, *counter + 1, __ATOMIC_RELAXED);
}

/* Judges the bytes of a signed file. As documents_read; *topology is the document if it is taken,
 * else *refusal says why not: [TAKEN] as in `refused`. */
static int judge(struct lm_topology **topology, const struct documents *documents, const char *text,
		 size_t len, const char *name, uint64_t now_s, enum lm_succession *refusal,
		 struct lm_error *err)
{
	const struct lm_topology *before = documents_newest(documents);
	enum lm_succession verdict;
	int rc = lm_topology_open(topology, text, len, &documents->authorities, name, err);

	*refusal = LM_SUCCESSION_TAKEN;
	if (rc != 0)
		return rc;
	verdict = lm_topology_succeeds(*topology, before, time_of(*topology, now_s), name, err);
	if (verdict == LM_SUCCESSION_TAKEN &&
	    !(before && memcmp(&before->hash, &(*topology)->hash, sizeof(before->hash)) == 0))
		return 1;
	lm_topology_free(*topology);
	*topology = NULL;
	*refusal = verdict;
	return verdict == LM_SUCCESSION_TAKEN ? 0 : -EINVAL;
}

static struct document_mark look(const char *path)
{
	struct document_mark mark = {0};
	struct stat status;

	if (stat(path, &status) != 0)
		return mark;
	mark.inode = status.st_ino;
	mark.size = (uint64_t)status.st_size;
	mark.changed_ns = status.st_mtim.tv_sec * INT64_C(1000000000) + status.st_mtim.tv_nsec;
	return mark;
}

bool documents_changed(const struct documents *documents)
{
	const struct document_mark mark = look(documents->path);

	return memcmp(&mark, &documents->mark, sizeof(mark)) != 0;
}

/* Judges what was read; takes it if it can be kept: else a restart would go back behind it. */
static int take(struct documents *documents, const char *text, size_t len, uint64_t now_s,
		enum lm_succession *refusal, struct lm_error *err)
{
	struct lm_topology *topology;
	int rc = judge(&topology, documents, text, len, documents->path, now_s, refusal, err);

	if (rc < 0) {
		documents->again = *refusal == LM_SUCCESSION_FUTURE;
		return rc;
	}
	if (rc == 0)
		return 0;
	rc = keep(documents, topology->epoch, text, len, err);
	if (rc == 0) {
		add(documents, topology);
		return 1;
	}
	lm_topology_free(topology);
	documents->again = true;
	return rc;
}

int documents_read(struct documents *documents, uint64_t now_s, struct lm_error *err)
{
	bool repeated = documents->again && !documents_changed(documents);
	enum lm_succession refusal = LM_SUCCESSION_TAKEN;
	char *text;
	size_t len;
	int rc;

	documents->mark = look(documents->path);
	documents->again = false;
	rc = lm_file_read(&text, &len, documents->path, err);
	if (rc == 0) {
		rc = take(documents, text, len, now_s, &refusal, err);
		free(text);
	} else {
		documents->again = rc != -ENOENT;
	}
	if (rc < 0 && !(repeated && documents->last == refusal))
		count(documents, refusal);
	documents->last = refusal;
	return rc;
}

/* ---- Opening ---- */

/*
 * One document that was kept: it was taken once, so its time is not judged. A file that is not what
 * was kept, or that today's authorities have not signed, is left aside with a warning.
 */
static void read_kept(struct documents *documents, uint32_t epoch, struct lm_error *warn)
{
	char path[DOCUMENTS_PATH + NAME_LEN];
	enum lm_succession refusal;
	struct lm_topology *topology;
	char *text;
	size_t len;
	int rc;

	kept_path(path, documents, epoch);
	if (lm_file_read(&text, &len, path, warn) != 0)
		return;
	rc = judge(&topology, documents, text, len, path, DOCUMENTS_OWN_TIME, &refusal, warn);
	if (rc == 1)
		add(documents, topology);
	else if (rc < 0)
		count(documents, refusal);
	free(text);
}

static void open_kept(struct documents *documents, uint64_t now_s, struct lm_error *warn)
{
	uint32_t epoch[FILES_MAX];
	unsigned n = list_kept(epoch, documents);

	for (unsigned i = n < KEPT ? n : KEPT; i-- > 0;)
		read_kept(documents, epoch[i], warn);
	if (documents->next && documents->next->from_s <= time_of(documents->next, now_s))
		documents_go(documents, documents->next);
}

int documents_open(struct documents *documents, const char *path, const char *state,
		   const struct lm_authorities *authorities, uint64_t now_s, struct lm_error *warn,
		   struct lm_error *err)
{
	int rc = 0;

	memset(documents, 0, sizeof(*documents));
	documents->authorities = *authorities;
	if (strlen(path) >= DOCUMENTS_PATH || strlen(state) >= DOCUMENTS_PATH)
		return lm_error_set(err, ENAMETOOLONG, "%s: the path is too long", path);
	strcpy(documents->path, path);
	strcpy(documents->state, state);
	warn->text[0] = '\0';
	if (state[0] != '\0')
		rc = check_folder(state, err);
	if (rc != 0)
		return rc;
	if (state[0] != '\0')
		open_kept(documents, now_s, warn);
	rc = documents_read(documents, now_s, documents->now ? warn : err);
	if (!documents->now)
		return rc;
	if (documents->next && documents->next->from_s <= time_of(documents->next, now_s))
		documents_go(documents, documents->next);
	return 0;
}

bool documents_may_come(const struct documents *documents, int rc)
{
	if (rc == -ENOENT || rc == -EBADMSG)
		return true;
	return documents->last == LM_SUCCESSION_EXPIRED || documents->last == LM_SUCCESSION_FUTURE;
}

uint64_t documents_wait_s(const struct documents *documents, uint64_t now_s)
{
	const struct lm_topology *now = documents->now;
	bool first = lm_is_zero(&now->previous, sizeof(now->previous));

	return first || now->from_s <= time_of(now, now_s) ? 0 : now->from_s;
}

void documents_close(struct documents *documents)
{
	lm_topology_free(documents->next);
	lm_topology_free(documents->now);
	lm_topology_free(documents->before);
	documents->before = documents->now = documents->next = NULL;
}

/* ---- What is in force ---- */

struct documents_target documents_target(const struct documents *documents, uint64_t now_s)
{
	struct lm_topology *topology = documents->now;

	if (documents->next && documents->next->from_s <= time_of(documents->next, now_s))
		topology = documents->next;
	return (struct documents_target){
		.topology = topology,
		.epoch = lm_topology_epoch_at(topology, time_of(topology, now_s)),
	};
}

uint64_t documents_change_s(const struct documents *documents, uint64_t now_s)
{
	const struct lm_topology *next = documents->next, *now = documents->now;
	uint64_t change_s = UINT64_MAX;

	if (next && next->from_s > now_s)
		change_s = next->from_s;
	if (now->until_s > now_s && now->until_s < change_s)
		change_s = now->until_s;
	return change_s;
}

enum documents_place documents_place(const struct documents *documents, uint32_t node,
				     uint64_t now_s)
{
	const struct lm_topology *now = documents->now, *next = documents->next;

	if (!next || lm_topology_find(next, node))
		return DOCUMENTS_LISTED;
	if (now_s >= now->until_s + (now->until_s - now->from_s))
		return DOCUMENTS_OVER;
	return now_s >= next->from_s ? DOCUMENTS_LEFT : DOCUMENTS_LEAVES;
}

const struct lm_topology *documents_parting(const struct documents *documents,
					    const struct lm_topology *topology, uint32_t epoch)
{
	const struct lm_topology *before =
		topology == documents->now ? documents->before : documents->now;

	return before && epoch <= before->epoch + 1 ? before : NULL;
}

void documents_go(struct documents *documents, struct lm_topology *topology)
{
	if (topology == documents->now)
		return;
	LM_ASSERT(topology == documents->next);
	lm_topology_free(documents->before);
	documents->before = documents->now;
	documents->now = topology;
	documents->next = NULL;
}
