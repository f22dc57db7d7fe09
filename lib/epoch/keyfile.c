/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See keyfile.h. Text with secrets lives in locked memory alone; the parser is jansson's, whose
 * allocator wipes meanwhile, since it frees strings as they are.
 *
 * The lock is on the file and not on its folder, which others may open. A file is replaced by a
 * rename, so whoever waits for a lock may get that of a file which is gone: it looks again.
 */
#include "keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <libgen.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORMAT     "linemix-keys-v2"
#define TEXT_BYTES 65536
#define HEX_LEN    64
#define LINE_BYTES 96 /* of the text, for one key: an epoch, its secret, and marks */
#define SUFFIX     ".new"

_Static_assert(LM_EPOCH_KEYS_MAX *LINE_BYTES + 256 <= TEXT_BYTES, "every key file can be read");

static int no_locked_memory(struct lm_error *err)
{
	return lm_error_set(err, ENOMEM,
			    "the kernel locks no memory for keys; raise the limit of locked "
			    "memory (ulimit -l)");
}

/* ---- Reading ---- */

/* jansson's strings held the secrets: nothing it frees keeps its bytes. */
static void free_wiped(void *memory)
{
	if (memory)
		lm_wipe(memory, malloc_usable_size(memory));
	free(memory);
}

/* An epoch's number as it is written: decimal, without sign or leading zeros. */
static bool parse_epoch(uint32_t *epoch, const char *text)
{
	char again[12];
	char *end;
	unsigned long long value = strtoull(text, &end, 10);

	*epoch = (uint32_t)value;
	snprintf(again, sizeof(again), "%" PRIu32, *epoch);
	return *end == '\0' && value <= UINT32_MAX && strcmp(again, text) == 0;
}

/* A label that is no epoch may be a secret in the wrong place: it is not quoted. */
static int parse_entries(struct keyfile *keyfile, json_t *keys, const char *path,
			 struct lm_error *err)
{
	const char *label;
	json_t *value;

	if (!json_is_object(keys) || json_object_size(keys) > LM_EPOCH_KEYS_MAX)
		return lm_error_set(err, EINVAL, "%s: keys: expected an object of at most %u keys",
				    path, LM_EPOCH_KEYS_MAX);
	json_object_foreach(keys, label, value)
	{
		struct keyfile_entry *entry = &keyfile->entry[keyfile->n];
		const char *hex = json_string_value(value);

		if (!parse_epoch(&entry->epoch, label))
			return lm_error_set(err, EINVAL,
					    "%s: keys: entry %u is not named by the full number of "
					    "an epoch",
					    path, keyfile->n + 1);
		if (!hex || !lm_hex_decode(entry->secret.b, hex, sizeof(entry->secret.b)))
			return lm_error_set(err, EINVAL,
					    "%s: keys.%" PRIu32 ": expected 64 hexadecimal digits",
					    path, entry->epoch);
		keyfile->n++;
	}
	return 0;
}

static int parse_document(struct keyfile *keyfile, const json_t *document, const char *path,
			  uint32_t node, struct lm_error *err)
{
	const char *format = json_string_value(json_object_get(document, "format"));

	if (!format || strcmp(format, FORMAT) != 0)
		return lm_error_set(err, EINVAL, "%s: format: expected \"" FORMAT "\"", path);
	if (json_integer_value(json_object_get(document, "id")) != node)
		return lm_error_set(err, EINVAL, "%s: id: these are not the keys of node %" PRIu32,
				    path, node);
	return parse_entries(keyfile, json_object_get(document, "keys"), path, err);
}

static int parse_text(struct keyfile *keyfile, const char *text, size_t len, const char *path,
		      uint32_t node, struct lm_error *err)
{
	json_malloc_t old_malloc;
	json_free_t old_free;
	json_error_t where;
	json_t *document;
	int rc;

	json_get_alloc_funcs(&old_malloc, &old_free);
	json_set_alloc_funcs(malloc, free_wiped);
	document = json_loadb(text, len, JSON_REJECT_DUPLICATES, &where);
	if (document)
		rc = parse_document(keyfile, document, path, node, err);
	else /* the parser's own words would quote the file */
		rc = lm_error_set(err, EINVAL, "%s:%d:%d: not a key file: its JSON is broken here",
				  path, where.line, where.column);
	json_decref(document);
	json_set_alloc_funcs(old_malloc, old_free);
	return rc;
}

static int read_keys(struct keyfile_open *file, struct lm_error *err)
{
	char *text = lm_secret_alloc(TEXT_BYTES);
	ssize_t got = 0;
	size_t len = 0;
	int rc;

	file->now = lm_secret_alloc(sizeof(*file->now));
	if (!text || !file->now) {
		lm_secret_free(text);
		return no_locked_memory(err);
	}
	while (len < TEXT_BYTES && (got = read(file->fd, text + len, TEXT_BYTES - len)) > 0)
		len += (size_t)got;
	if (got < 0)
		rc = lm_error_set(err, errno, "%s: %s", file->path, strerror(errno));
	else if (len == TEXT_BYTES)
		rc = lm_error_set(err, EFBIG, "%s: larger than a key file can be", file->path);
	else
		rc = parse_text(file->now, text, len, file->path, file->node, err);
	lm_secret_free(text);
	return rc;
}

/* ---- Opening ---- */

static int check_private(const struct keyfile_open *file, struct lm_error *err)
{
	const char *path = file->path;
	struct stat info;

	if (fstat(file->fd, &info) != 0)
		return lm_error_set(err, errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(info.st_mode))
		return lm_error_set(err, EINVAL, "%s: is no regular file", path);
	if ((info.st_mode & 077) != 0)
		return lm_error_set(err, EACCES,
				    "%s: others may read this key file; do: chmod 600 %s", path,
				    path);
	return 0;
}

/* Opens the file alone; without waiting for the writer of a FIFO. */
static int open_file(struct keyfile_open *file, enum keyfile_use use, struct lm_error *err)
{
	int flags = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;

	if (use == KEYFILE_CHANGE)
		file->fd = openat(file->folder, file->name, O_RDWR | flags);
	else
		file->fd = open(file->path, O_RDONLY | flags);
	if (file->fd >= 0)
		return check_private(file, err);
	if (errno == ELOOP)
		return lm_error_set(err, ELOOP, "%s: is a symbolic link; name the key file itself",
				    file->path);
	if (errno == EISDIR)
		return lm_error_set(err, EISDIR, "%s: is no regular file", file->path);
	return lm_error_set(err, errno, "%s: %s", file->path, strerror(errno));
}

static int open_folder(struct keyfile_open *file, struct lm_error *err)
{
	char path[PATH_MAX];
	const char *slash = strrchr(file->path, '/');

	file->name = slash ? slash + 1 : file->path;
	if (snprintf(path, sizeof(path), "%s", file->path) >= PATH_MAX ||
	    strlen(file->name) + sizeof(SUFFIX) > NAME_MAX)
		return lm_error_set(err, ENAMETOOLONG, "%s: too long a path", file->path);
	file->folder = open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (file->folder < 0)
		return lm_error_set(err, errno, "%s: its folder: %s", file->path, strerror(errno));
	return 0;
}

/* 1: locked, and still the file of that name; 0: it was replaced meanwhile. */
static int lock(const struct keyfile_open *file, struct lm_error *err)
{
	struct stat mine, there;

	if (flock(file->fd, LOCK_EX | LOCK_NB) != 0)
		return lm_error_set(err, errno,
				    errno == EWOULDBLOCK ? "%s: another process takes keys from it "
							   "right now; a key file serves one node"
							 : "%s: cannot be locked",
				    file->path);
	return fstat(file->fd, &mine) == 0 &&
	       fstatat(file->folder, file->name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
	       mine.st_ino == there.st_ino && mine.st_dev == there.st_dev;
}

static int open_locked(struct keyfile_open *file, struct lm_error *err)
{
	int rc = open_folder(file, err);

	for (unsigned attempt = 0; rc == 0 && attempt < 10; attempt++) {
		rc = open_file(file, KEYFILE_CHANGE, err);
		if (rc == 0)
			rc = lock(file, err);
		if (rc != 0)
			return rc < 0 ? rc : 0;
		close(file->fd);
		file->fd = -1;
	}
	return rc < 0 ? rc : lm_error_set(err, EBUSY, "%s: is replaced over and over", file->path);
}

int keyfile_open(struct keyfile_open *file, const char *path, uint32_t node, enum keyfile_use use,
		 struct lm_error *err)
{
	int rc;

	*file = (struct keyfile_open){.path = path, .fd = -1, .folder = -1, .node = node};
	rc = use == KEYFILE_CHANGE ? open_locked(file, err) : open_file(file, use, err);
	if (rc == 0)
		rc = read_keys(file, err);
	if (rc != 0)
		keyfile_close(file);
	return rc;
}

void keyfile_close(struct keyfile_open *file)
{
	lm_secret_free(file->now);
	if (file->fd >= 0)
		close(file->fd);
	if (file->folder >= 0)
		close(file->folder);
	*file = (struct keyfile_open){.fd = -1, .folder = -1};
}

const struct lm_secret *keyfile_find(const struct keyfile *keyfile, uint32_t epoch)
{
	for (unsigned i = 0; i < keyfile->n; i++) {
		if (keyfile->entry[i].epoch == epoch)
			return &keyfile->entry[i].secret;
	}
	return NULL;
}

unsigned keyfile_drop(struct keyfile *keyfile, bool (*leaves)(void *context, uint32_t epoch),
		      void *context)
{
	unsigned kept = 0, n = keyfile->n;

	for (unsigned i = 0; i < n; i++) {
		if (!leaves(context, keyfile->entry[i].epoch))
			keyfile->entry[kept++] = keyfile->entry[i];
	}
	lm_wipe(&keyfile->entry[kept], (n - kept) * sizeof(keyfile->entry[0]));
	keyfile->n = kept;
	return n - kept;
}

/* ---- Writing ---- */

static size_t format(char text[TEXT_BYTES], const struct keyfile *keyfile, uint32_t node)
{
	size_t used =
		(size_t)snprintf(text, TEXT_BYTES,
				 "{\"format\": \"" FORMAT "\", \"id\": %" PRIu32 ", \"keys\": {",
				 node);

	for (unsigned i = 0; i < keyfile->n; i++) {
		used += (size_t)snprintf(text + used, TEXT_BYTES - used,
					 "%s\n  \"%" PRIu32 "\": \"", i ? "," : "",
					 keyfile->entry[i].epoch);
		lm_hex_encode(text + used, keyfile->entry[i].secret.b, HEX_LEN / 2);
		text[used + HEX_LEN] = '"';
		used += HEX_LEN + 1;
	}
	used += (size_t)snprintf(text + used, TEXT_BYTES - used, "}}\n");
	LM_ASSERT(used < TEXT_BYTES);
	return used;
}

static bool write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t wrote = write(fd, text, len);

		if (wrote < 0)
			return false;
		text += wrote;
		len -= (size_t)wrote;
	}
	return true;
}

/* A new file with this text, on the disk; on failure there is none. `owner` may be NULL. */
static int write_new(int folder, const char *name, const struct keyfile *keyfile, uint32_t node,
		     const struct stat *owner, struct lm_error *err)
{
	char *text = lm_secret_alloc(TEXT_BYTES);
	int code = 0, fd;

	if (!text)
		return no_locked_memory(err);
	fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0) {
		code = errno;
		lm_secret_free(text);
		return lm_error_set(err, code, "%s: %s", name,
				    code == EEXIST ? "is there already; choose an empty folder"
						   : strerror(code));
	}
	if (!write_all(fd, text, format(text, keyfile, node)) ||
	    (owner && owner->st_uid != geteuid() &&
	     fchown(fd, owner->st_uid, owner->st_gid) != 0) ||
	    fsync(fd) != 0)
		code = errno;
	if (close(fd) != 0 && code == 0)
		code = errno;
	lm_secret_free(text);
	if (code == 0)
		return 0;
	unlinkat(folder, name, 0);
	return lm_error_set(err, code, "%s: %s", name, strerror(code));
}

/* The text that was replaced has no name any more: what it lay on is overwritten, as far as the
 * file system writes in place. */
static void overwrite(int fd, off_t len)
{
	static const char zeros[4096];

	for (off_t at = 0; at < len; at += (off_t)sizeof(zeros)) {
		if (pwrite(fd, zeros, sizeof(zeros), at) < 0)
			return;
	}
	(void)fsync(fd);
}

int keyfile_replace(struct keyfile_open *file, struct lm_error *err)
{
	char name[NAME_MAX + 1];
	struct stat old;
	int rc;

	snprintf(name, sizeof(name), "%s" SUFFIX, file->name);
	if (fstat(file->fd, &old) != 0)
		return lm_error_set(err, errno, "%s: %s", file->path, strerror(errno));
	unlinkat(file->folder, name, 0); /* of a process that died while it wrote */
	rc = write_new(file->folder, name, file->now, file->node, &old, err);
	if (rc == 0 && renameat(file->folder, name, file->folder, file->name) != 0) {
		rc = lm_error_set(err, errno, "%s", strerror(errno));
		unlinkat(file->folder, name, 0);
	}
	if (rc == 0 && fsync(file->folder) != 0)
		rc = lm_error_set(err, errno, "its folder: %s", strerror(errno));
	if (rc == 0)
		overwrite(file->fd, old.st_size);
	if (rc != 0 && err) {
		lm_error_prefix(err, "cannot be rewritten");
		lm_error_prefix(err, file->path);
	}
	return rc;
}

int keyfile_sync(const struct keyfile_open *file, struct lm_error *err)
{
	if (fsync(file->fd) == 0 && fsync(file->folder) == 0)
		return 0;
	return lm_error_set(err, errno, "%s: cannot be written to the disk: %s", file->path,
			    strerror(errno));
}

int lm_epoch_write_keys(int folder, const char *name, uint32_t node, uint32_t first,
			const struct lm_secret *secret, unsigned n, struct lm_error *err)
{
	struct keyfile *keyfile;
	int rc;

	LM_ASSERT(n <= LM_EPOCH_KEYS_MAX && first + (uint64_t)n - 1 <= UINT32_MAX);
	keyfile = lm_secret_alloc(sizeof(*keyfile));
	if (!keyfile)
		return no_locked_memory(err);
	keyfile->n = n;
	for (unsigned i = 0; i < n; i++)
		keyfile->entry[i] = (struct keyfile_entry){first + i, secret[i]};
	rc = write_new(folder, name, keyfile, node, NULL, err);
	lm_secret_free(keyfile);
	return rc;
}

/* ---- Making more ---- */

/* A new key for every epoch that has none; false if they do not fit. */
static bool add_missing(struct keyfile *keyfile, uint32_t first, uint32_t last)
{
	for (uint64_t epoch = first; epoch <= last; epoch++) {
		struct keyfile_entry *entry = &keyfile->entry[keyfile->n];

		if (keyfile_find(keyfile, (uint32_t)epoch))
			continue;
		if (keyfile->n == LM_EPOCH_KEYS_MAX)
			return false;
		entry->epoch = (uint32_t)epoch;
		lm_rand(&entry->secret, sizeof(entry->secret));
		keyfile->n++;
	}
	return true;
}

/* Gives the file of the first name the second too, unless that is taken, and takes the first away.
 */
static int put_in_place(const struct keyfile_open *file, const char *new, struct lm_error *err)
{
	int rc = 0;

	/* not by a rename: another process may have made one, with keys */
	if (linkat(file->folder, new, file->folder, file->name, 0) != 0 && errno != EEXIST)
		rc = lm_error_set(err, errno, "%s: cannot be made: %s", file->path,
				  strerror(errno));
	unlinkat(file->folder, new, 0);
	if (rc == 0 && fsync(file->folder) != 0)
		rc = lm_error_set(err, errno, "%s: its folder: %s", file->path, strerror(errno));
	return rc;
}

/* An empty key file where there is none; whole, or not there. */
static int make_file(const char *path, uint32_t node, struct lm_error *err)
{
	struct keyfile_open file = {.path = path, .fd = -1, .folder = -1, .node = node};
	char new[NAME_MAX + 1];
	int rc;

	if (access(path, F_OK) == 0 || errno != ENOENT)
		return 0; /* what is wrong with it, if anything, is said when it is opened */
	rc = open_folder(&file, err);
	if (rc != 0)
		return rc;
	snprintf(new, sizeof(new), "%s" SUFFIX, file.name);
	file.now = lm_secret_alloc(sizeof(*file.now));
	if (!file.now)
		rc = no_locked_memory(err);
	unlinkat(file.folder, new, 0); /* of a process that died while it wrote */
	if (rc == 0)
		rc = write_new(file.folder, new, file.now, node, NULL, err);
	if (rc == 0)
		rc = put_in_place(&file, new, err);
	keyfile_close(&file);
	return rc;
}

int lm_epoch_make(const char *keys, uint32_t node, uint32_t first, uint32_t last,
		  struct lm_error *err)
{
	struct keyfile_open file;
	unsigned before;
	int rc = make_file(keys, node, err);

	if (rc == 0)
		rc = keyfile_open(&file, keys, node, KEYFILE_CHANGE, err);
	if (rc != 0)
		return rc;
	before = file.now->n;
	if (!add_missing(file.now, first, last))
		rc = lm_error_set(err, ENOSPC, "%s: holds %u keys already, which is all it may",
				  keys, before);
	else if (file.now->n > before)
		rc = keyfile_replace(&file, err);
	keyfile_close(&file);
	return rc;
}
