/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See handoff.h.
 */
#include "handoff.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH 4 /* of folders that are removed with what they hold */

void handoff_attempt(char name[HANDOFF_NAME], uint32_t epoch, unsigned attempt)
{
	snprintf(name, HANDOFF_NAME, "%010" PRIu32 "-%u", epoch, attempt);
}

void handoff_descriptor(char name[HANDOFF_NAME], uint32_t id)
{
	snprintf(name, HANDOFF_NAME, "%010" PRIu32, id);
}

void handoff_signature(char name[HANDOFF_NAME], uint32_t epoch)
{
	snprintf(name, HANDOFF_NAME, "%010" PRIu32 ".signature", epoch);
}

int handoff_open(int folder, const char *name)
{
	int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd >= 0 ? fd : -errno;
}

/* ---- Reading ---- */

/* What the file has to say, once it is open and of a good size. */
static int read_whole(char *bytes, size_t len, int fd, const char *name, struct lm_error *err)
{
	for (size_t at = 0; at < len;) {
		ssize_t got = read(fd, bytes + at, len - at);

		if (got < 0)
			return lm_error_set(err, errno, "%s: cannot be read: %s", name,
					    strerror(errno));
		if (got == 0)
			return lm_error_set(err, EINVAL, "%s: changes while it is read", name);
		at += (size_t)got;
	}
	return 0;
}

static int check_file(size_t *len, int fd, const char *name, size_t most, struct lm_error *err)
{
	struct stat status;

	if (fstat(fd, &status) != 0)
		return lm_error_set(err, errno, "%s: %s", name, strerror(errno));
	if (!S_ISREG(status.st_mode))
		return lm_error_set(err, EINVAL, "%s: is no regular file", name);
	if (status.st_size < 1 || (uintmax_t)status.st_size > most)
		return lm_error_set(err, EFBIG, "%s: has not 1 to %zu bytes", name, most);
	*len = (size_t)status.st_size;
	return 0;
}

int handoff_read(char **bytes, size_t *len, int folder, const char *name, size_t most,
		 struct lm_error *err)
{
	/* not blocking: a pipe of that name would wait for a writer */
	int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	int rc;

	*bytes = NULL;
	if (fd < 0)
		return lm_error_set(err, errno, "%s: cannot be opened: %s", name, strerror(errno));
	rc = check_file(len, fd, name, most, err);
	if (rc == 0) {
		*bytes = malloc(*len + 1);
		rc = *bytes ? read_whole(*bytes, *len, fd, name, err)
			    : lm_error_set(err, ENOMEM, "too little memory");
	}
	close(fd);
	if (rc == 0) {
		(*bytes)[*len] = '\0';
		return 0;
	}
	free(*bytes);
	*bytes = NULL;
	return rc;
}

/* ---- Writing ---- */

/* 0, or an errno value. */
static int write_all(int fd, const char *bytes, size_t len, bool synced)
{
	while (len > 0) {
		ssize_t wrote = write(fd, bytes, len);

		if (wrote < 0)
			return errno;
		bytes += wrote;
		len -= (size_t)wrote;
	}
	return synced && fsync(fd) != 0 ? errno : 0;
}

int handoff_write(int folder, const char *name, const void *bytes, size_t len, bool synced,
		  struct lm_error *err)
{
	char new[HANDOFF_NAME + 6];
	int fd, code;

	snprintf(new, sizeof(new), ".%s.new", name);
	(void)unlinkat(folder, new, 0);
	fd = openat(folder, new, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (fd < 0)
		return lm_error_set(err, errno, "%s: cannot be written: %s", name, strerror(errno));
	code = write_all(fd, bytes, len, synced);
	close(fd);
	if (code == 0 && renameat(folder, new, folder, name) != 0)
		code = errno;
	if (code == 0 && synced && fsync(folder) != 0)
		code = errno;
	if (code == 0)
		return 0;
	(void)unlinkat(folder, new, 0);
	return lm_error_set(err, code, "%s: cannot be written: %s", name, strerror(code));
}

static void remove_below(int folder, const char *name, unsigned depth)
{
	struct dirent *entry;
	DIR *list;
	int fd;

	if (unlinkat(folder, name, 0) == 0 || (errno != EISDIR && errno != EPERM) || depth == 0)
		return;
	fd = handoff_open(folder, name);
	list = fd >= 0 ? fdopendir(fd) : NULL;
	if (!list) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(list)) != NULL) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			remove_below(dirfd(list), entry->d_name, depth - 1);
	}
	closedir(list);
	(void)unlinkat(folder, name, AT_REMOVEDIR);
}

void handoff_remove(int folder, const char *name)
{
	remove_below(folder, name, DEPTH);
}

/* Does the name begin with ten digits, of a number below `epoch`? */
static bool is_before(const char *name, uint32_t epoch)
{
	uint64_t number = 0;

	for (unsigned i = 0; i < 10; i++) {
		if (name[i] < '0' || name[i] > '9')
			return false;
		number = 10 * number + (uint64_t)(name[i] - '0');
	}
	return number < epoch;
}

void handoff_forget(int folder, uint32_t epoch)
{
	int fd = handoff_open(folder, ".");
	DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	if (!list) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(list)) != NULL) {
		if (is_before(entry->d_name, epoch))
			handoff_remove(folder, entry->d_name);
	}
	closedir(list);
}

/* ---- Changes ---- */

struct handoff_mark handoff_look(int folder, const char *name)
{
	struct stat status;

	if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
		return (struct handoff_mark){0};
	return (struct handoff_mark){status.st_ino, (uint64_t)status.st_size, status.st_ctim.tv_sec,
				     status.st_ctim.tv_nsec};
}

bool handoff_same(const struct handoff_mark *a, const struct handoff_mark *b)
{
	return a->inode == b->inode && a->size == b->size && a->sec == b->sec && a->nsec == b->nsec;
}
