/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See folder.h. Everything in it is reached through its descriptor, so that no later change of the
 * path leads elsewhere.
 */
#include "folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "object.h"

/* 3 s: a process that was killed keeps its lock while the kernel takes its memory apart. */
#define LOCK_ATTEMPTS 60
#define LOCK_PAUSE_NS 50000000

/* True unless /proc/swaps lists none: it has a line of headings, then one for each swap area. */
static bool swap_is_on(void)
{
	FILE *swaps = fopen("/proc/swaps", "re");
	unsigned lines = 0;
	int c;

	if (!swaps) /* a kernel without swap has no such file; without /proc nobody can tell */
		return access("/proc/self", F_OK) != 0;
	while ((c = getc(swaps)) != EOF)
		lines += c == '\n';
	fclose(swaps);
	return lines > 1;
}

static int check_file_system(struct folder *folder, struct lm_error *err)
{
	struct statfs info;

	if (fstatfs(folder->fd, &info) != 0)
		return lm_error_set(err, errno, "%s: %s", folder->path, strerror(errno));
	folder->block = (size_t)info.f_bsize;
	folder->huge = info.f_type == HUGETLBFS_MAGIC;
	if (folder->huge || info.f_type == RAMFS_MAGIC)
		return 0;
	if (info.f_type != TMPFS_MAGIC)
		return lm_error_set(err, EINVAL,
				    "%s: lies on a disk, where used keys would outlive the "
				    "machine's memory; runtime must be a folder on tmpfs "
				    "(/dev/shm/..), ramfs or hugetlbfs",
				    folder->path);
	if (swap_is_on())
		return lm_error_set(err, EINVAL,
				    "%s: is on tmpfs and this machine has swap, which would write "
				    "used keys to a disk; do: swapoff -a, or use a folder on "
				    "hugetlbfs or ramfs",
				    folder->path);
	return 0;
}

static int check_owner(const struct folder *folder, struct lm_error *err)
{
	struct stat info;

	if (fstat(folder->fd, &info) != 0)
		return lm_error_set(err, errno, "%s: %s", folder->path, strerror(errno));
	if (info.st_uid != geteuid())
		return lm_error_set(err, EACCES,
				    "%s: belongs to user %u, not to user %u who runs this; choose "
				    "another runtime folder",
				    folder->path, (unsigned)info.st_uid, (unsigned)geteuid());
	if ((info.st_mode & 077) != 0)
		return lm_error_set(err, EACCES,
				    "%s: others may look into this folder of keys; do: chmod 700 "
				    "%s",
				    folder->path, folder->path);
	return 0;
}

static int check_folder(struct folder *folder, struct lm_error *err)
{
	int rc = check_file_system(folder, err);

	if (rc == 0 && !folder->absent)
		rc = check_owner(folder, err);
	if (rc != 0)
		folder_close(folder);
	return rc;
}

static int cannot_open(const char *path, int code, struct lm_error *err)
{
	return lm_error_set(err, code, "%s: %s", path,
			    code == ENOTDIR || code == ELOOP
				    ? "is no folder; runtime names a folder itself"
				    : strerror(code));
}

int folder_open(struct folder *folder, const char *path, struct lm_error *err)
{
	*folder = (struct folder){.path = path, .fd = -1};
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return lm_error_set(err, errno, "%s: cannot be made: %s", path, strerror(errno));
	folder->fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder->fd < 0)
		return cannot_open(path, errno, err);
	return check_folder(folder, err);
}

int folder_look(struct folder *folder, const char *path, struct lm_error *err)
{
	char parent[PATH_MAX];

	*folder = (struct folder){.path = path, .fd = -1};
	folder->fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder->fd < 0 && errno == ENOENT &&
	    snprintf(parent, sizeof(parent), "%s", path) < PATH_MAX) {
		folder->absent = true;
		folder->fd = open(dirname(parent), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (folder->fd < 0)
		return cannot_open(path, errno, err);
	return check_folder(folder, err);
}

int folder_lock(const struct folder *folder, struct lm_error *err)
{
	static const struct timespec pause = {.tv_nsec = LOCK_PAUSE_NS};

	for (unsigned attempt = 0; attempt < LOCK_ATTEMPTS; attempt++) {
		if (flock(folder->fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno == EWOULDBLOCK)
			nanosleep(&pause, NULL);
	}
	if (errno != EWOULDBLOCK)
		return lm_error_set(err, errno, "%s: cannot be locked: %s", folder->path,
				    strerror(errno));
	return lm_error_set(err, EBUSY,
			    "%s: another process has this runtime folder; stop it, or give each "
			    "relay its own",
			    folder->path);
}

void folder_close(struct folder *folder)
{
	if (folder->fd >= 0)
		close(folder->fd);
	folder->fd = -1;
}

/* "epoch-7" of a whole object, or "epoch-7.new" and "epoch-7.old" of one half done. */
static bool parse_name(uint32_t *epoch, const char *name, enum folder_files which)
{
	char right[OBJECT_NAME];
	unsigned value;

	if (sscanf(name, "epoch-%10u", &value) != 1)
		return false;
	*epoch = value;
	if (which == FOLDER_OBJECTS) {
		object_name(right, value, "");
		return strcmp(name, right) == 0;
	}
	object_name(right, value, OBJECT_NEW);
	if (strcmp(name, right) == 0)
		return true;
	object_name(right, value, OBJECT_OLD);
	return strcmp(name, right) == 0;
}

int folder_each(const struct folder *folder, enum folder_files which,
		int (*each)(void *context, uint32_t epoch, const char *name), void *context,
		struct lm_error *err)
{
	const struct dirent *entry;
	uint32_t epoch;
	DIR *list;
	int fd, rc = 0;

	if (folder->absent)
		return 0;
	fd = openat(folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	list = fd < 0 ? NULL : fdopendir(fd);
	if (!list) {
		rc = lm_error_set(err, errno, "%s: %s", folder->path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return rc;
	}
	while ((entry = readdir(list)) != NULL) {
		if (parse_name(&epoch, entry->d_name, which)) {
			int one = each(context, epoch, entry->d_name);

			rc = one != 0 ? one : rc;
		}
	}
	closedir(list);
	return rc;
}
