/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See capture_map.h. The format: draft-ietf-opsawg-pcap, "PCAP Capture File Format".
 */
#include "capture_map.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22 /* Linux 5.14 */
#endif

enum {
	FILE_HEADER = 24,
	RECORD_HEADER = 16,
	FRAME_MOST = 262144, /* what libpcap takes for the longest record that is one */
	MAGIC_US = 0xa1b2c3d4,
	MAGIC_NS = 0xa1b23c4d,
	MAGIC_PCAPNG = 0x0a0d0d0a,
	LINK_ETHERNET = 1,
	STEP = 2 << 20, /* bytes that come and go at once */
	WAIT_MS = 1,
	NS_PER_US = 1000,
};
#define NS UINT64_C(1000000000)

/* ---- Words ---- */

static uint32_t word(const struct capture_map *map, uint64_t at)
{
	uint32_t value;

	memcpy(&value, map->base + at, sizeof(value));
	value = le32toh(value);
	return map->swapped ? __builtin_bswap32(value) : value;
}

static int read_header(struct capture_map *map, struct lm_error *err)
{
	uint32_t magic;

	if (map->bytes < FILE_HEADER)
		return lm_error_set(err, EINVAL, "%s: too short for a pcap file", map->path);
	magic = word(map, 0);
	if (magic == (uint32_t)MAGIC_PCAPNG)
		return lm_error_set(err, EINVAL,
				    "%s: is a pcapng file; turn it into a pcap file: editcap -F "
				    "nsecpcap %s OUT",
				    map->path, map->path);
	map->swapped = magic == __builtin_bswap32(MAGIC_US) || magic == __builtin_bswap32(MAGIC_NS);
	magic = word(map, 0);
	if (magic != MAGIC_US && magic != MAGIC_NS)
		return lm_error_set(err, EINVAL, "%s: not a pcap file", map->path);
	map->nanoseconds = magic == MAGIC_NS;
	if ((word(map, 20) & 0xffff) != LINK_ETHERNET)
		return lm_error_set(err, EINVAL, "%s: not a capture of Ethernet frames", map->path);
	return 0;
}

static bool larger_than_half_of_memory(uint64_t bytes)
{
	long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);

	return pages > 0 && bytes > (uint64_t)pages * (uint64_t)page / 2;
}

int capture_map_open(struct capture_map *map, const char *path, struct lm_error *err)
{
	struct stat info;
	void *base;

	*map = (struct capture_map){.path = path, .fd = open(path, O_RDONLY | O_CLOEXEC)};
	if (map->fd < 0 || fstat(map->fd, &info) != 0)
		return lm_error_set(err, errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(info.st_mode))
		return lm_error_set(err, EINVAL, "%s: not a file, which can be mapped", path);
	map->bytes = (uint64_t)info.st_size;
	if (map->bytes == 0)
		return read_header(map, err);
	base = mmap(NULL, map->bytes, PROT_READ, MAP_PRIVATE | MAP_NORESERVE, map->fd, 0);
	if (base == MAP_FAILED)
		return lm_error_set(err, errno, "%s: cannot be mapped: %s", path, strerror(errno));
	map->base = base;
	(void)madvise(base, map->bytes, MADV_SEQUENTIAL);
	map->drop_cache = larger_than_half_of_memory(map->bytes);
	map->at = FILE_HEADER;
	map->ready = map->bytes;
	return read_header(map, err);
}

void capture_map_close(struct capture_map *map)
{
	if (map->running) {
		__atomic_store_n(&map->stop, true, __ATOMIC_RELAXED);
		(void)pthread_join(map->thread, NULL);
	}
	if (map->base)
		(void)munmap((void *)(uintptr_t)map->base, map->bytes);
	if (map->fd >= 0)
		(void)close(map->fd);
	*map = (struct capture_map){.fd = -1};
}

/* ---- Pages ---- */

/* Brings [at, at + n) in; what the kernel cannot bring in at once is touched page by page. */
static void bring(const struct capture_map *map, uint64_t at, uint64_t n)
{
	uint8_t *from = (uint8_t *)(uintptr_t)map->base + at;
	volatile uint8_t seen;

	if (madvise(from, n, MADV_POPULATE_READ) == 0)
		return;
	for (uint64_t i = 0; i < n; i += 4096)
		seen = from[i];
	(void)seen;
}

static void let_go(struct capture_map *map, uint64_t n)
{
	(void)madvise((uint8_t *)(uintptr_t)map->base + map->gone, n, MADV_DONTNEED);
	if (map->drop_cache)
		(void)posix_fadvise(map->fd, (off_t)map->gone, (off_t)n, POSIX_FADV_DONTNEED);
	map->gone += n;
}

/* One step in, one step out, if there is any to do. */
static bool move(struct capture_map *map)
{
	uint64_t taken = __atomic_load_n(&map->taken, __ATOMIC_ACQUIRE), ready = map->ready;
	uint64_t left = map->bytes - ready, n = left < STEP ? left : STEP;
	bool moved = false;

	if (n > 0 && ready < taken + CAPTURE_MAP_AHEAD) {
		bring(map, ready, n);
		__atomic_store_n(&map->ready, ready + n, __ATOMIC_RELEASE);
		moved = true;
	}
	if (taken - map->gone >= STEP) {
		let_go(map, STEP);
		moved = true;
	}
	return moved;
}

static void *go_along(void *context)
{
	struct capture_map *map = context;

	while (!__atomic_load_n(&map->stop, __ATOMIC_RELAXED)) {
		if (!move(map))
			(void)poll(NULL, 0, WAIT_MS);
	}
	return NULL;
}

int capture_map_start(struct capture_map *map, int cpu, struct lm_error *err)
{
	pthread_attr_t attr;
	cpu_set_t set;
	int code;

	map->ready = 0;
	while (map->ready < map->bytes && map->ready < CAPTURE_MAP_AHEAD)
		(void)move(map);
	LM_ASSERT(pthread_attr_init(&attr) == 0);
	CPU_ZERO(&set);
	if (cpu >= 0) {
		CPU_SET((unsigned)cpu, &set);
		(void)pthread_attr_setaffinity_np(&attr, sizeof(set), &set);
	}
	code = pthread_create(&map->thread, &attr, go_along, map);
	pthread_attr_destroy(&attr);
	map->running = code == 0;
	if (code != 0)
		return lm_error_set(err, code, "the thread that reads ahead does not start: %s",
				    strerror(code));
	return 0;
}

/* ---- Frames ---- */

enum capture_map_got capture_map_next(struct capture_map_frame *frame, struct capture_map *map)
{
	uint64_t at = map->at, left = map->bytes - at;
	uint64_t ready = __atomic_load_n(&map->ready, __ATOMIC_ACQUIRE);
	uint32_t fraction, len;

	if (left == 0)
		return CAPTURE_MAP_END;
	if (left < RECORD_HEADER)
		return CAPTURE_MAP_BROKEN;
	if (ready < at + RECORD_HEADER)
		return CAPTURE_MAP_WAIT;
	len = word(map, at + 8);
	if (len > FRAME_MOST || len > left - RECORD_HEADER)
		return CAPTURE_MAP_BROKEN;
	if (ready < at + RECORD_HEADER + len)
		return CAPTURE_MAP_WAIT;
	fraction = word(map, at + 4);
	*frame = (struct capture_map_frame){
		.bytes = map->base + at + RECORD_HEADER,
		.len = len,
		.whole_len = word(map, at + 12),
		.at_ns = word(map, at) * NS +
			 (map->nanoseconds ? fraction : (uint64_t)fraction * NS_PER_US),
	};
	map->at = at + RECORD_HEADER + len;
	return CAPTURE_MAP_FRAME;
}

void capture_map_rewind(struct capture_map *map)
{
	LM_ASSERT(!map->running);
	map->at = FILE_HEADER;
}

void capture_map_release(struct capture_map *map)
{
	__atomic_store_n(&map->taken, map->at, __ATOMIC_RELEASE);
}

int capture_map_explain(const struct capture_map *map, struct lm_error *err)
{
	return lm_error_set(err, EINVAL, "%s: no whole record at byte %llu of %llu", map->path,
			    (unsigned long long)map->at, (unsigned long long)map->bytes);
}

uint64_t capture_map_equal_records(const struct capture_map *map)
{
	uint64_t each;

	if (map->bytes < FILE_HEADER + RECORD_HEADER)
		return 0;
	each = RECORD_HEADER + (uint64_t)word(map, FILE_HEADER + 8);
	return (map->bytes - FILE_HEADER) % each ? 0 : (map->bytes - FILE_HEADER) / each;
}
