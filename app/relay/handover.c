/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See handover.h. The file is mapped, since hugetlbfs knows no write(2); its memory is allocated
 * before it is touched, so that a full file system is an error and no signal.
 */
#include "handover.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FILE_NAME  "held"
#define FILE_NEW   "held.new"
#define FILE_ASIDE "held.refused"
#define VERSION    1
#define DIGEST     32
#define DIGEST_AT  48

static const uint8_t magic[8] = {'l', 'm', '-', 'h', 'e', 'l', 'd', '\n'};

_Static_assert(sizeof(((struct handover *)0)->hash) >= sizeof(crypto_generichash_state),
	       "the state fits");

uint64_t handover_clock_us(void)
{
	struct timespec now;

	LM_ASSERT(clock_gettime(CLOCK_BOOTTIME, &now) == 0);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* ---- What both ways share ---- */

static size_t round_up(size_t n, size_t unit)
{
	return (n + unit - 1) / unit * unit;
}

static void write_header(const struct handover *file, uint8_t header[HANDOVER_HEADER],
			 const uint8_t digest[DIGEST])
{
	struct lm_cursor to = lm_cursor_write(header, HANDOVER_HEADER);

	lm_put_bytes(&to, magic, sizeof(magic));
	lm_put_u32(&to, VERSION);
	lm_put_u32(&to, file->kind.profile);
	lm_put_u32(&to, file->kind.node);
	lm_put_u32(&to, file->kind.packet_len);
	lm_put_u64(&to, file->count);
	lm_put_u64(&to, file->at);
	lm_put_u64(&to, file->closed_us);
	lm_put_bytes(&to, digest, DIGEST);
	lm_put_zeros(&to, HANDOVER_HEADER - DIGEST_AT - DIGEST);
	LM_ASSERT(lm_cursor_done(&to));
}

static void digest_end(crypto_generichash_state *state, const struct handover *file,
		       uint8_t digest[DIGEST])
{
	static const uint8_t none[DIGEST];
	uint8_t header[HANDOVER_HEADER];

	write_header(file, header, none);
	crypto_generichash_update(state, header, sizeof(header));
	crypto_generichash_final(state, digest, DIGEST);
}

/* ---- Writing ---- */

/* Makes the file `size` bytes long, with memory for all of them. ramfs takes it as it is touched.
 */
static int take_memory(int fd, size_t size)
{
	if (fallocate(fd, 0, 0, (off_t)size) == 0)
		return 0;
	if (errno == EOPNOTSUPP && ftruncate(fd, (off_t)size) == 0)
		return 0;
	return -errno;
}

/* Allocates what all packets need, or half of it, or half of that. */
static int allocate(struct handover *out, int fd, uint64_t count)
{
	size_t most = HANDOVER_RECORD + (size_t)out->kind.packet_len;
	struct stat info;
	int rc;

	if (fstat(fd, &info) != 0)
		return -errno;
	for (;; count /= 2) {
		out->size = round_up(HANDOVER_HEADER + count * most, (size_t)info.st_blksize);
		rc = take_memory(fd, out->size);
		if ((rc != -ENOSPC && rc != -ENOMEM) || count == 0)
			return rc;
		/* a file system keeps what it has allocated in vain */
		if (ftruncate(fd, 0) != 0)
			return -errno;
	}
}

int handover_create(struct handover *out, int dir, const struct handover_kind *kind, uint64_t count,
		    uint64_t closed_us, struct lm_error *err)
{
	int fd, rc;

	memset(out, 0, sizeof(*out));
	out->dir = dir;
	out->kind = *kind;
	out->closed_us = closed_us;
	out->at = HANDOVER_HEADER;
	(void)unlinkat(dir, FILE_NEW, 0); /* of a process that has died over it */
	fd = openat(dir, FILE_NEW, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return lm_error_set(err, errno, "runtime: no file for what is held: %s",
				    strerror(errno));
	rc = allocate(out, fd, count);
	if (rc == 0) {
		void *map = mmap(NULL, out->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

		rc = map == MAP_FAILED ? -errno : 0;
		out->map = rc == 0 ? map : NULL;
	}
	close(fd);
	if (rc == 0) {
		crypto_generichash_init((crypto_generichash_state *)out->hash, NULL, 0, DIGEST);
		return 0;
	}
	(void)unlinkat(dir, FILE_NEW, 0);
	return lm_error_set(err, -rc, "runtime: no memory for what is held: %s", strerror(-rc));
}

bool handover_put(struct handover *out, const struct handover_item *item, const void *bytes)
{
	size_t need = HANDOVER_RECORD + (size_t)item->len;
	struct lm_cursor to;

	if (need > out->size - out->at)
		return false;
	to = lm_cursor_write(out->map + out->at, need);
	lm_put_u32(&to, item->from);
	lm_put_u32(&to, item->to);
	lm_put_u32(&to, item->delay_us);
	lm_put_u32(&to, item->len);
	lm_put_bytes(&to, bytes, item->len);
	LM_ASSERT(lm_cursor_done(&to));
	crypto_generichash_update((crypto_generichash_state *)out->hash, out->map + out->at, need);
	out->at += need;
	out->count++;
	return true;
}

void handover_abandon(struct handover *out)
{
	munmap(out->map, out->size);
	out->map = NULL;
	(void)unlinkat(out->dir, FILE_NEW, 0);
}

/* Gives back what was allocated and is not used. */
static int trim(const struct handover *out)
{
	int fd = openat(out->dir, FILE_NEW, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	struct stat info;
	int rc = fd < 0 ? -errno : 0;

	if (rc == 0 && (fstat(fd, &info) != 0 ||
			ftruncate(fd, (off_t)round_up(out->at, (size_t)info.st_blksize)) != 0))
		rc = -errno;
	if (fd >= 0)
		close(fd);
	return rc;
}

int handover_finish(struct handover *out, struct lm_error *err)
{
	uint8_t digest[DIGEST];
	int rc;

	digest_end((crypto_generichash_state *)out->hash, out, digest);
	write_header(out, out->map, digest);
	munmap(out->map, out->size);
	out->map = NULL;
	rc = trim(out);
	if (rc == 0 && renameat(out->dir, FILE_NEW, out->dir, FILE_NAME) != 0)
		rc = -errno;
	if (rc == 0)
		return 0;
	(void)unlinkat(out->dir, FILE_NEW, 0);
	return lm_error_set(err, -rc, "runtime: what is held cannot be written: %s", strerror(-rc));
}

/* ---- Reading ---- */

/* Reads one record's header; false if it does not fit what is left, or our packets. */
static bool read_item(const struct handover *in, struct handover_item *item)
{
	struct lm_cursor from;

	if (in->end - in->at < HANDOVER_RECORD)
		return false;
	from = lm_cursor_read(in->map + in->at, HANDOVER_RECORD);
	item->from = lm_get_u32(&from);
	item->to = lm_get_u32(&from);
	item->delay_us = lm_get_u32(&from);
	item->len = lm_get_u32(&from);
	return item->len <= in->end - in->at - HANDOVER_RECORD &&
	       (item->to == 0 ? item->len <= in->kind.packet_len
			      : item->len == in->kind.packet_len);
}

bool handover_next(struct handover *in, struct handover_item *item, const uint8_t **bytes)
{
	if (!in->map || !read_item(in, item))
		return false;
	*bytes = in->map + in->at + HANDOVER_RECORD;
	in->at += HANDOVER_RECORD + (size_t)item->len;
	return true;
}

/* Whether the records end exactly where the header says, and are as many. */
static bool records_fit(struct handover *in)
{
	const uint8_t *bytes;
	struct handover_item item;
	uint64_t n = 0;

	in->at = HANDOVER_HEADER;
	while (handover_next(in, &item, &bytes))
		n++;
	return in->at == in->end && n == in->count;
}

static bool digest_fits(struct handover *in)
{
	crypto_generichash_state state;
	uint8_t digest[DIGEST], header[HANDOVER_HEADER];

	crypto_generichash_init(&state, NULL, 0, DIGEST);
	crypto_generichash_update(&state, in->map + HANDOVER_HEADER, in->end - HANDOVER_HEADER);
	in->at = in->end;
	digest_end(&state, in, digest);
	write_header(in, header, digest);
	return memcmp(header, in->map, sizeof(header)) == 0;
}

/* Why the mapped file is not one to take over, or NULL; then in->at is the first record. */
static const char *judge(struct handover *in)
{
	struct lm_cursor from = lm_cursor_read(in->map, HANDOVER_HEADER);
	struct handover_kind kind;
	uint8_t start[sizeof(magic)];
	uint64_t end;
	uint32_t version;

	lm_get_bytes(&from, start, sizeof(start));
	version = lm_get_u32(&from);
	kind.profile = lm_get_u32(&from);
	kind.node = lm_get_u32(&from);
	kind.packet_len = lm_get_u32(&from);
	in->count = lm_get_u64(&from);
	end = lm_get_u64(&from);
	in->closed_us = lm_get_u64(&from);
	if (memcmp(start, magic, sizeof(magic)) != 0)
		return "is no such file";
	if (version != VERSION)
		return "has another version";
	if (kind.node != in->kind.node)
		return "is another node's";
	if (kind.profile != in->kind.profile || kind.packet_len != in->kind.packet_len)
		return "holds packets of another profile";
	if (end < HANDOVER_HEADER || end > in->size)
		return "is cut off";
	in->end = (size_t)end;
	if (!digest_fits(in) || !records_fit(in))
		return "is damaged";
	in->at = HANDOVER_HEADER;
	return NULL;
}

/* Maps the file if it is a private one; else says why not. */
static const char *map_file(struct handover *in, int fd)
{
	struct stat info;
	void *map;

	if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
		return "is no regular file";
	if (info.st_uid != geteuid() || (info.st_mode & 077) != 0 || info.st_nlink != 1)
		return "is not this user's alone";
	if (info.st_size < HANDOVER_HEADER)
		return "is cut off";
	in->size = (size_t)info.st_size;
	map = mmap(NULL, in->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return "cannot be mapped";
	in->map = map;
	return NULL;
}

int handover_open(struct handover *in, int dir, const struct handover_kind *kind,
		  struct lm_error *err)
{
	const char *why;
	int fd;

	memset(in, 0, sizeof(*in));
	in->dir = dir;
	in->kind = *kind;
	(void)unlinkat(dir, FILE_NEW, 0); /* of a process that has died over it */
	fd = openat(dir, FILE_NAME, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT)
		return 0;
	why = fd < 0 ? strerror(errno) : map_file(in, fd);
	if (!why)
		why = judge(in);
	if (fd >= 0)
		close(fd);
	if (!why) {
		if (unlinkat(dir, FILE_NAME, 0) == 0)
			return 0;
		why = "cannot be unlinked";
	}
	if (in->map)
		munmap(in->map, in->size);
	in->map = NULL;
	(void)renameat(dir, FILE_NAME, dir, FILE_ASIDE);
	return lm_error_set(err, EINVAL,
			    "runtime: what the process before held is not taken over: the file %s "
			    "%s; it is now %s",
			    FILE_NAME, why, FILE_ASIDE);
}

void handover_close(struct handover *in)
{
	if (!in->map)
		return;
	lm_wipe(in->map, in->size);
	munmap(in->map, in->size);
	in->map = NULL;
}
