/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See stamps.h. The file: magic 8, number of places u32, zero u32, then the places; it fills whole
 * pages of its file system, which may be large ones.
 */
#include "stamps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_NAME "links"
#define FILE_NEW  "links.new"
#define MAGIC     "linkstm1"

struct head {
	char magic[8];
	uint32_t n, zero;
};

_Static_assert(sizeof(struct stamp) == 40 && sizeof(struct head) == 16, "as on disk");

static size_t size_for(uint32_t n)
{
	return sizeof(struct head) + n * sizeof(struct stamp);
}

static struct stamp *places(void *map)
{
	return (struct stamp *)((uint8_t *)map + sizeof(struct head));
}

/* ---- By key ---- */

/* Where the key's place stands in the index, or would. */
static uint32_t *index_of(const struct stamps *stamps, const struct lm_point *key)
{
	uint64_t word;
	uint32_t at;

	memcpy(&word, key->b, sizeof(word));
	word = (word ^ stamps->salt) * UINT64_C(0x9e3779b97f4a7c15); /* Fibonacci hashing */
	at = (uint32_t)(word >> 32);
	for (;; at++) {
		uint32_t *place = &stamps->index[at & (stamps->index_n - 1)];

		if (*place == 0 || memcmp(&stamps->stamp[*place - 1].key, key, sizeof(*key)) == 0)
			return place;
	}
}

static int make_index(struct stamps *stamps, uint32_t n)
{
	stamps->index_n = 4;
	while (stamps->index_n < 2 * n)
		stamps->index_n *= 2;
	stamps->index = calloc(stamps->index_n, sizeof(*stamps->index));
	lm_rand(&stamps->salt, sizeof(stamps->salt));
	return stamps->index ? 0 : -ENOMEM;
}

uint64_t stamps_find(const struct stamps *stamps, const struct lm_point *key)
{
	uint32_t place = *index_of(stamps, key);

	return place != 0 ? stamps->stamp[place - 1].timestamp_us : 0;
}

static uint32_t oldest(const struct stamps *stamps)
{
	uint32_t oldest = 0;

	for (uint32_t i = 1; i < stamps->n; i++) {
		if (stamps->stamp[i].timestamp_us < stamps->stamp[oldest].timestamp_us)
			oldest = i;
	}
	return oldest;
}

/* Empties the place of the key that was not heard for the longest time. Rare: all are used. */
static uint32_t make_room(struct stamps *stamps)
{
	uint32_t free = oldest(stamps);

	/* a process that ends in between leaves a free place */
	__atomic_store_n(&stamps->stamp[free].timestamp_us, 0, __ATOMIC_SEQ_CST);
	memset(stamps->index, 0, stamps->index_n * sizeof(*stamps->index));
	for (uint32_t i = 0; i < stamps->n; i++)
		if (i != free)
			*index_of(stamps, &stamps->stamp[i].key) = i + 1;
	return free;
}

void stamps_set(struct stamps *stamps, const struct lm_point *key, uint64_t timestamp_us)
{
	uint32_t place = *index_of(stamps, key);

	if (place == 0) {
		place = 1 + (stamps->used < stamps->n ? stamps->used++ : make_room(stamps));
		stamps->stamp[place - 1].key = *key;
		*index_of(stamps, key) = place;
	}
	__atomic_store_n(&stamps->stamp[place - 1].timestamp_us, timestamp_us, __ATOMIC_RELEASE);
}

/* ---- The file ---- */

/* One of the file of a process before; where there is less room now, the latest stay. */
static void take_one(struct stamps *stamps, const struct stamp *stamp)
{
	bool full = stamps->used == stamps->n;

	if (stamp->timestamp_us <= stamps_find(stamps, &stamp->key))
		return;
	if (full && *index_of(stamps, &stamp->key) == 0 &&
	    stamp->timestamp_us <= stamps->stamp[oldest(stamps)].timestamp_us)
		return;
	stamps_set(stamps, &stamp->key, stamp->timestamp_us);
}

/* Copies what the file of a process before holds. A file that is none of ours gives nothing. */
static void take_along(struct stamps *stamps, int dir, FILE *to)
{
	int fd = openat(dir, FILE_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat info;
	struct head *head;
	bool good;

	if (fd < 0)
		return;
	good = fstat(fd, &info) == 0 && S_ISREG(info.st_mode) &&
	       info.st_size >= (off_t)sizeof(struct head);
	head = good ? mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
	close(fd);
	good = head != MAP_FAILED && memcmp(head->magic, MAGIC, sizeof(head->magic)) == 0 &&
	       head->n <= ((size_t)info.st_size - sizeof(*head)) / sizeof(struct stamp);
	for (uint32_t i = 0; good && i < head->n; i++)
		take_one(stamps, &places(head)[i]);
	if (!good)
		fprintf(to, "warning: runtime: \"" FILE_NAME
			    "\" is damaged and begins anew: handshakes that were recorded may be "
			    "answered once more\n");
	if (head != MAP_FAILED)
		munmap(head, (size_t)info.st_size);
}

static int map_file(struct stamps *stamps, int fd)
{
	struct stat info;
	size_t block;

	if (fstat(fd, &info) != 0)
		return -errno;
	block = (size_t)info.st_blksize;
	stamps->size = (stamps->size + block - 1) / block * block;
	/* memory for all of it now: a store must not fail later. ramfs takes it as it is touched */
	if (fallocate(fd, 0, 0, (off_t)stamps->size) != 0 &&
	    (errno != EOPNOTSUPP || ftruncate(fd, (off_t)stamps->size) != 0))
		return -errno;
	stamps->map = mmap(NULL, stamps->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return stamps->map == MAP_FAILED ? -errno : 0;
}

/* A new file, with what the old one holds, in its place. */
static int make_file(struct stamps *stamps, int dir, uint32_t n, FILE *to)
{
	int fd, rc;

	(void)unlinkat(dir, FILE_NEW, 0); /* of a process that has died over it */
	fd = openat(dir, FILE_NEW, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	rc = map_file(stamps, fd);
	close(fd);
	if (rc == 0) {
		*(struct head *)stamps->map = (struct head){.magic = MAGIC, .n = n};
		stamps->stamp = places(stamps->map);
		take_along(stamps, dir, to);
		if (renameat(dir, FILE_NEW, dir, FILE_NAME) != 0)
			rc = -errno;
	}
	if (rc != 0)
		(void)unlinkat(dir, FILE_NEW, 0);
	return rc;
}

static int make_memory(struct stamps *stamps)
{
	stamps->map = mmap(NULL, stamps->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);
	if (stamps->map == MAP_FAILED)
		return -errno;
	stamps->stamp = places(stamps->map);
	return 0;
}

int stamps_open(struct stamps *stamps, int dir, uint32_t n, FILE *to, struct lm_error *err)
{
	int rc;

	*stamps = (struct stamps){.n = n, .map = MAP_FAILED, .size = size_for(n)};
	rc = make_index(stamps, n);
	if (rc == 0)
		rc = dir >= 0 ? make_file(stamps, dir, n, to) : make_memory(stamps);
	if (rc == 0)
		return 0;
	stamps_close(stamps);
	return lm_error_set(err, -rc, "runtime: no file for the times of handshakes: %s",
			    strerror(-rc));
}

void stamps_close(struct stamps *stamps)
{
	if (stamps->map && stamps->map != MAP_FAILED)
		munmap(stamps->map, stamps->size);
	free(stamps->index);
	memset(stamps, 0, sizeof(*stamps));
}
