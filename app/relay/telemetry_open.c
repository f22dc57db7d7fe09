/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See telemetry_open.h.
 */
#include "telemetry_open.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A service that is of this group already may be forbidden to give anything away. */
static int give(const char *path, gid_t group, mode_t mode)
{
	struct stat status;

	if (stat(path, &status) != 0)
		return -errno;
	if (status.st_gid != group && chown(path, (uid_t)-1, group) != 0)
		return -errno;
	return chmod(path, mode) == 0 ? 0 : -errno;
}

/* The folder around it is other DPDK programs' too: it is searched by all, and listed by none. */
static int open_parent(const char *folder)
{
	char path[PATH_MAX];
	struct stat status;

	snprintf(path, sizeof(path), "%s/..", folder);
	if (stat(path, &status) != 0)
		return -errno;
	if ((status.st_mode & 0011) == 0011)
		return 0;
	return chmod(path, (status.st_mode & 07777) | 0011) == 0 ? 0 : -errno;
}

int telemetry_open(const char *folder, const char *group, struct lm_error *err)
{
	char path[PATH_MAX];
	const struct group *entry;
	int rc;

	if (group[0] == '\0')
		return 0;
	entry = getgrnam(group);
	if (!entry)
		return lm_error_set(err, ENOENT,
				    "telemetry.group: there is no group \"%s\" on this machine",
				    group);
	snprintf(path, sizeof(path), "%s/dpdk_telemetry.v2", folder);
	rc = give(path, entry->gr_gid, 0660);
	if (rc == 0)
		rc = give(folder, entry->gr_gid, 0710);
	if (rc == 0)
		rc = open_parent(folder);
	if (rc != 0)
		return lm_error_set(err, -rc, "telemetry.group: %s cannot be given to %s: %s", path,
				    group, strerror(-rc));
	return 0;
}
