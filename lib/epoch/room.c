/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Is there memory for all sets that may exist at once? Asked before the first is made, so that a
 * relay does not start into an epoch whose end it cannot survive.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "object.h"

/* One number of a small file of the kernel, behind `label`; UINT64_MAX: it does not say. */
static uint64_t number_in(const char *path, const char *label)
{
	FILE *file = fopen(path, "re");
	uint64_t value = UINT64_MAX;
	char line[128];

	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, label, strlen(label)) == 0 &&
		    sscanf(line + strlen(label), "%" SCNu64, &value) == 1)
			break;
	}
	if (file)
		fclose(file);
	return value;
}

static uint64_t available_bytes(void)
{
	uint64_t kib = number_in("/proc/meminfo", "MemAvailable:");

	if (kib != UINT64_MAX)
		return kib << 10;
	return (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t free_huge_bytes(size_t page)
{
	char path[96];
	uint64_t pages;

	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%zukB/free_hugepages",
		 page >> 10);
	pages = number_in(path, "");
	return pages == UINT64_MAX ? UINT64_MAX : pages * page;
}

/* Free bytes of the folder's file system; UINT64_MAX: it has no bound of its own. */
static uint64_t folder_bytes(const struct folder *folder)
{
	struct statvfs info;

	if (fstatvfs(folder->fd, &info) == 0 && info.f_blocks > 0)
		return (uint64_t)info.f_bavail * info.f_frsize;
	return UINT64_MAX;
}

/* May this process lock so much? Asks the kernel; no page is touched. */
static bool may_lock(size_t bytes)
{
	void *probe =
		mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	bool allowed = probe != MAP_FAILED && mlock2(probe, bytes, MLOCK_ONFAULT) == 0;

	if (probe != MAP_FAILED)
		munmap(probe, bytes);
	return allowed;
}

struct existing {
	const struct folder *folder;
	uint64_t bytes;
};

static int add_existing(void *context, uint32_t epoch, const char *name)
{
	struct existing *existing = context;
	struct stat info;

	(void)epoch;
	if (fstatat(existing->folder->fd, name, &info, AT_SYMLINK_NOFOLLOW) == 0)
		existing->bytes += (uint64_t)info.st_size;
	return 0;
}

static double in_mib(uint64_t bytes)
{
	return (double)bytes / (1 << 20);
}

static int too_little(const struct lm_epoch_place *place, uint64_t bytes, uint64_t room,
		      const char *where, const char *remedy, struct lm_error *err)
{
	return lm_error_set(err, ENOMEM,
			    "no memory for %u replay sets of %" PRIu64 " tags, %.1f "
			    "MiB each: %s has %.1f MiB free; lower limits.max_packets_per_second "
			    "or limits.replay%s",
			    LM_EPOCH_SETS, place->capacity, in_mib(bytes), where, in_mib(room),
			    remedy);
}

static int check_sizes(const struct lm_epoch_place *place, const struct folder *folder,
		       struct lm_error *err)
{
	struct existing existing = {.folder = folder};
	uint64_t one = object_bytes(place->capacity, folder->block), all, room;
	int rc = 0;

	if (one == 0 || one > SIZE_MAX / (2 * LM_EPOCH_SETS))
		return too_little(place, UINT64_MAX, available_bytes(), "the machine", "", err);
	if (folder->fd >= 0)
		rc = folder_each(folder, FOLDER_OBJECTS, add_existing, &existing, err);
	if (rc != 0)
		return rc;
	all = LM_EPOCH_SETS * one;
	all -= existing.bytes < all ? existing.bytes : all;
	room = folder->huge ? free_huge_bytes(folder->block) : available_bytes();
	if (all > room)
		return too_little(place, one, room,
				  folder->huge ? "the pool of huge pages" : "the machine",
				  folder->huge ? ", or reserve more huge pages" : "", err);
	if (folder->fd < 0)
		return 0;
	room = folder_bytes(folder);
	if (all > room)
		return too_little(place, one, room, folder->path,
				  ", or mount it larger (mount -o remount,size=)", err);
	if (!folder->huge && !may_lock(LM_EPOCH_SETS * one))
		return lm_error_set(err, ENOMEM,
				    "the kernel does not lock %u replay sets of %.1f MiB; raise "
				    "the limit of locked memory (ulimit -l; "
				    "LimitMEMLOCK= of a service), or lower "
				    "limits.max_packets_per_second or limits.replay",
				    LM_EPOCH_SETS, in_mib(one));
	return 0;
}

int lm_epoch_check_room(const struct lm_epoch_place *place, struct lm_error *err)
{
	struct folder folder = {.path = place->runtime, .fd = -1, .block = 4096};
	int rc = 0;

	if (strcmp(place->runtime, LM_EPOCH_THROWAWAY) != 0)
		rc = folder_look(&folder, place->runtime, err);
	if (rc == 0)
		rc = check_sizes(place, &folder, err);
	folder_close(&folder);
	return rc;
}
