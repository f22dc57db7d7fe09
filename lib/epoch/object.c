/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See object.h. The file: one page with the head, then the replay set, then nothing up to a whole
 * block. Nothing in it is an address, so any process may map it anywhere.
 *
 * Made under the name .new and renamed when all is there: under its own name an object is whole.
 * Erased by renaming it to .old, wiping, and removing it: a crash leaves it under a name from which
 * no key is ever taken.
 *
 * The file is allocated before it is mapped: a full tmpfs is an error here and no SIGBUS later.
 */
#include "object.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD_BYTES 4096
#define MAGIC      "linemix-epoch-1"

/* At the start of the file. */
struct head {
	char magic[sizeof(MAGIC)];
	uint32_t node;
	uint32_t epoch;
	uint64_t capacity;
	uint64_t bytes; /* of the whole file */
	struct lm_secret secret;
};

_Static_assert(sizeof(struct head) <= HEAD_BYTES, "the head fits its page");
_Static_assert(HEAD_BYTES % LM_REPLAY_ALIGN == 0, "the set behind it is aligned");

void object_name(char name[OBJECT_NAME], uint32_t epoch, const char *suffix)
{
	snprintf(name, OBJECT_NAME, "epoch-%" PRIu32 "%s", epoch, suffix);
}

size_t object_bytes(uint64_t capacity, size_t block)
{
	size_t set = lm_replay_size(capacity);

	if (set == 0 || set > SIZE_MAX / 2)
		return 0;
	return (HEAD_BYTES + set + block - 1) / block * block;
}

size_t lm_epoch_bytes(uint64_t capacity)
{
	return object_bytes(capacity, HEAD_BYTES);
}

/* ---- Memory ---- */

static int no_memory(const struct folder *folder, size_t bytes, int code, struct lm_error *err)
{
	return lm_error_set(
		err, code,
		"%s: no room for a key and its replay set of %zu MiB (%s); %s, or lower "
		"limits.max_packets_per_second",
		folder->fd < 0 ? "memory" : folder->path, bytes >> 20, strerror(code),
		folder->huge ? "reserve more huge pages" : "give the file system more memory");
}

/* Memory for keys: never in a core dump, never swapped. hugetlbfs is not swapped anyway. */
static int guard(const struct folder *folder, void *memory, size_t bytes, struct lm_error *err)
{
	if (madvise(memory, bytes, MADV_DONTDUMP) != 0)
		return lm_error_set(err, errno, "madvise: %s", strerror(errno));
	if (folder->fd < 0) { /* throwaway: the key is in locked memory, and only its set here */
		memset(memory, 0, bytes); /* here now: a fault stops every lcore for a moment */
		return 0;
	}
	if (folder->huge || mlock(memory, bytes) == 0)
		return 0;
	return lm_error_set(err, errno,
			    "%s: the kernel does not lock %zu MiB for a replay set (%s); raise the "
			    "limit of locked memory (ulimit -l; LimitMEMLOCK= of a service)",
			    folder->path, bytes >> 20, strerror(errno));
}

/* Maps the file, or anonymous memory where fd is -1. */
static int map(struct object *object, const struct folder *folder, int fd, bool look,
	       struct lm_error *err)
{
	int protection = look ? PROT_READ : PROT_READ | PROT_WRITE;
	int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	void *memory = mmap(NULL, object->bytes, protection, flags, fd, 0);

	if (memory == MAP_FAILED)
		return no_memory(folder, object->bytes, errno, err);
	object->memory = memory;
	return look ? 0 : guard(folder, memory, object->bytes, err);
}

static struct object *alloc_object(struct lm_error *err)
{
	struct object *object = lm_secret_alloc(sizeof(*object));

	if (!object)
		(void)lm_error_set(err, ENOMEM,
				   "the kernel locks no memory for keys; raise the limit of locked "
				   "memory (ulimit -l)");
	return object;
}

void object_close(struct object *object)
{
	if (object && object->memory)
		munmap(object->memory, object->bytes);
	lm_secret_free(object);
}

static void *set_of(const struct object *object)
{
	return (uint8_t *)object->memory + HEAD_BYTES;
}

/* ---- Making ---- */

/* A new file of this size, all zero and all there; -errno and a message. */
static int make_file(const struct folder *folder, const char *name, size_t bytes,
		     struct lm_error *err)
{
	int fd = openat(folder->fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int code;

	if (fd < 0)
		return lm_error_set(err, errno, "%s/%s: %s", folder->path, name, strerror(errno));
	if (fchmod(fd, 0600) == 0 && ftruncate(fd, (off_t)bytes) == 0 &&
	    (fallocate(fd, 0, 0, (off_t)bytes) == 0 || errno == EOPNOTSUPP)) /* ramfs has none */
		return fd;
	code = errno;
	close(fd);
	unlinkat(folder->fd, name, 0);
	return no_memory(folder, bytes, code, err);
}

/* The key as this process sees it, with an empty set. */
static void begin(struct object *object, uint32_t node, uint32_t epoch,
		  const struct lm_secret *secret, uint64_t capacity)
{
	object->key.epoch = epoch;
	object->key.replay = lm_replay_init(set_of(object), capacity);
	lm_packet_key_init(&object->key.key, node, (uint8_t)epoch, secret);
}

/* And as the next process finds it. The magic comes last: what has it is whole. */
static void write_head(struct object *object, uint64_t capacity)
{
	struct head *head = object->memory;

	head->node = object->key.key.id;
	head->epoch = object->key.epoch;
	head->capacity = capacity;
	head->bytes = object->bytes;
	head->secret = object->key.key.secret;
	__atomic_signal_fence(__ATOMIC_RELEASE); /* a killed process leaves its stores in order */
	memcpy(head->magic, MAGIC, sizeof(MAGIC));
}

static int make_in_folder(struct object *object, const struct folder *folder, uint32_t node,
			  uint32_t epoch, const struct lm_secret *secret, uint64_t capacity,
			  struct lm_error *err)
{
	char made[OBJECT_NAME], name[OBJECT_NAME];
	int fd, rc;

	object_name(made, epoch, OBJECT_NEW);
	object_name(name, epoch, "");
	fd = make_file(folder, made, object->bytes, err);
	if (fd < 0)
		return fd;
	rc = map(object, folder, fd, false, err);
	close(fd);
	if (rc == 0) {
		begin(object, node, epoch, secret, capacity);
		write_head(object, capacity);
		if (renameat(folder->fd, made, folder->fd, name) != 0)
			rc = lm_error_set(err, errno, "%s/%s: %s", folder->path, name,
					  strerror(errno));
	}
	if (rc != 0) {
		if (object->memory)
			lm_wipe(object->memory, HEAD_BYTES);
		unlinkat(folder->fd, made, 0);
	}
	return rc;
}

struct object *object_make(const struct folder *folder, uint32_t node, uint32_t epoch,
			   const struct lm_secret *secret, uint64_t capacity, struct lm_error *err)
{
	struct object *object = alloc_object(err);
	int rc;

	if (!object)
		return NULL;
	object->bytes = object_bytes(capacity, folder->block);
	if (object->bytes == 0) {
		rc = no_memory(folder, SIZE_MAX, ENOMEM, err);
	} else if (folder->fd < 0) {
		rc = map(object, folder, -1, false, err);
		if (rc == 0)
			begin(object, node, epoch, secret, capacity);
	} else {
		rc = make_in_folder(object, folder, node, epoch, secret, capacity, err);
	}
	if (rc == 0)
		return object;
	object_close(object);
	return NULL;
}

/* ---- Opening ---- */

static int refuse(const struct folder *folder, uint32_t epoch, const char *what,
		  struct lm_error *err)
{
	return lm_error_set(err, EINVAL,
			    "%s/epoch-%" PRIu32
			    ": %s; the key in it cannot be used: remove the file and the key is "
			    "retired",
			    folder->path, epoch, what);
}

static int check_file(struct object *object, const struct folder *folder, uint32_t epoch, int fd,
		      struct lm_error *err)
{
	struct stat info;

	if (fstat(fd, &info) != 0)
		return lm_error_set(err, errno, "%s: %s", folder->path, strerror(errno));
	if (!S_ISREG(info.st_mode))
		return refuse(folder, epoch, "is no regular file", err);
	if (info.st_uid != geteuid() || (info.st_mode & 077) != 0 || info.st_nlink != 1)
		return refuse(folder, epoch, "is not this user's alone (mode 0600, one name)", err);
	if (info.st_size <= HEAD_BYTES || (uintmax_t)info.st_size % folder->block != 0)
		return refuse(folder, epoch, "is cut off", err);
	object->bytes = (size_t)info.st_size;
	return 0;
}

static int check_content(struct object *object, const struct folder *folder, uint32_t node,
			 uint32_t epoch, bool look, struct lm_error *err)
{
	const struct head *head = object->memory;

	if (memcmp(head->magic, MAGIC, sizeof(MAGIC)) != 0)
		return refuse(folder, epoch, "is no key with its replay set", err);
	if (head->node != node)
		return lm_error_set(err, EINVAL,
				    "%s/epoch-%" PRIu32 ": is a key of node %" PRIu32
				    ", not of node %" PRIu32
				    "; each node has its own runtime folder",
				    folder->path, epoch, head->node, node);
	if (head->epoch != epoch)
		return refuse(folder, epoch, "is the key of another epoch", err);
	if (head->bytes != object->bytes ||
	    object_bytes(head->capacity, folder->block) != object->bytes)
		return refuse(folder, epoch, "is cut off", err);
	object->key.epoch = epoch;
	lm_packet_key_init(&object->key.key, node, (uint8_t)epoch, &head->secret);
	if (look)
		return 0;
	object->key.replay =
		lm_replay_attach(set_of(object), object->bytes - HEAD_BYTES, head->capacity);
	return object->key.replay ? 0 : refuse(folder, epoch, "has a damaged replay set", err);
}

int object_open(struct object **out, const struct folder *folder, uint32_t node, uint32_t epoch,
		bool look, struct lm_error *err)
{
	struct object *object;
	char name[OBJECT_NAME];
	int fd, rc;

	*out = NULL;
	object_name(name, epoch, "");
	fd = openat(folder->fd, name,
		    (look ? O_RDONLY : O_RDWR) | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	if (fd < 0 && (errno == ELOOP || errno == EISDIR || errno == ENXIO))
		return refuse(folder, epoch, "is no regular file", err);
	if (fd < 0)
		return lm_error_set(err, errno, "%s/%s: %s", folder->path, name, strerror(errno));
	object = alloc_object(err);
	rc = object ? check_file(object, folder, epoch, fd, err) : -ENOMEM;
	if (rc == 0)
		rc = map(object, folder, fd, look, err);
	close(fd);
	if (rc == 0)
		rc = check_content(object, folder, node, epoch, look, err);
	if (rc == 0)
		*out = object;
	else
		object_close(object);
	return rc;
}

/* ---- Erasing ---- */

static int put_aside(const struct folder *folder, uint32_t epoch, char old[OBJECT_NAME],
		     struct lm_error *err)
{
	char name[OBJECT_NAME];

	object_name(name, epoch, "");
	object_name(old, epoch, OBJECT_OLD);
	if (renameat(folder->fd, name, folder->fd, old) == 0)
		return 0;
	return lm_error_set(err, errno, "%s/%s: cannot be erased: %s", folder->path, name,
			    strerror(errno));
}

static int take_away(const struct folder *folder, const char *name, struct lm_error *err)
{
	if (unlinkat(folder->fd, name, 0) == 0)
		return 0;
	return lm_error_set(err, errno, "%s/%s: cannot be erased: %s", folder->path, name,
			    strerror(errno));
}

int object_erase(struct object *object, const struct folder *folder, struct lm_error *err)
{
	char old[OBJECT_NAME];
	int rc = folder->fd < 0 ? 0 : put_aside(folder, object->key.epoch, old, err);

	if (rc == 0)
		lm_wipe(object->memory, object->bytes);
	if (rc == 0 && folder->fd >= 0)
		rc = take_away(folder, old, err);
	object_close(object);
	return rc;
}

/* Overwrites a file as far as it is there; what is no file of ours is removed as it is. */
static void wipe_file(const struct folder *folder, const char *name)
{
	int fd = openat(folder->fd, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat info;
	void *memory;

	if (fd < 0)
		return;
	if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0 &&
	    /* no hole whose filling may fail */
	    (fallocate(fd, 0, 0, info.st_size) == 0 || errno == EOPNOTSUPP)) {
		memory =
			mmap(NULL, (size_t)info.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (memory != MAP_FAILED) {
			lm_wipe(memory, (size_t)info.st_size);
			munmap(memory, (size_t)info.st_size);
		}
	}
	close(fd);
}

int object_erase_file(const struct folder *folder, uint32_t epoch, const char *name,
		      struct lm_error *err)
{
	char whole[OBJECT_NAME], old[OBJECT_NAME];
	int rc = 0;

	object_name(whole, epoch, "");
	if (strcmp(name, whole) == 0) {
		rc = put_aside(folder, epoch, old, err);
		name = old;
	}
	if (rc != 0)
		return rc;
	wipe_file(folder, name);
	return take_away(folder, name, err);
}
