/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading the key file. Secrets pass through the text of the file, which is wiped, and live in
 * locked memory. The parser is jansson's; its strings are freed unwiped, so its allocator wipes.
 */
#include "keys.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_FILE_BYTES 65536

struct lm_replay *mix_key_replay(const struct lm_packet_key *key)
{
	return ((const struct mix_key *)key)->replay;
}

/* Opens a regular file that is its owner's alone; without waiting for the writer of a FIFO. */
static int open_private_file(const char *path, struct lm_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat info;
	int rc = 0;

	if (fd < 0 && errno == ELOOP)
		return lm_error_set(err, ELOOP, "%s: is a symbolic link; name the key file itself",
				    path);
	if (fd < 0)
		return lm_error_set(err, errno, "%s: %s", path, strerror(errno));
	if (fstat(fd, &info) != 0)
		rc = lm_error_set(err, errno, "%s: %s", path, strerror(errno));
	else if (!S_ISREG(info.st_mode))
		rc = lm_error_set(err, EINVAL, "%s: is no regular file", path);
	else if ((info.st_mode & 077) != 0)
		rc = lm_error_set(err, EACCES,
				  "%s: others may read this key file; do: chmod 600 %s", path,
				  path);
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}

/* Reads the whole file into text; the number of bytes, or -errno with a message. */
static ssize_t read_private_file(char text[KEY_FILE_BYTES], const char *path, struct lm_error *err)
{
	int fd = open_private_file(path, err);
	ssize_t got = 0;
	size_t len = 0;

	if (fd < 0)
		return fd;
	while (len < KEY_FILE_BYTES && (got = read(fd, text + len, KEY_FILE_BYTES - len)) > 0)
		len += (size_t)got;
	close(fd);
	if (got < 0)
		return lm_error_set(err, errno, "%s: %s", path, strerror(errno));
	if (len == KEY_FILE_BYTES)
		return lm_error_set(err, EFBIG, "%s: larger than a key file can be", path);
	return (ssize_t)len;
}

static int add_key(struct mix_keys *keys, const json_t *secrets, const char *path,
		   const struct lm_topology_node *node, unsigned i, struct lm_error *err)
{
	struct mix_key *slot = &keys->key[keys->ring.n];
	struct lm_secret secret;
	char kid[4];

	snprintf(kid, sizeof(kid), "%u", node->key[i].kid);

	const char *hex = json_string_value(json_object_get(secrets, kid));

	if (!hex || !lm_hex_decode(secret.b, hex, sizeof(secret.b)))
		return lm_error_set(err, EINVAL, "%s: keys.%s: expected 64 hexadecimal digits",
				    path, kid);
	lm_packet_key_init(&slot->key, node->id, node->key[i].kid, &secret);
	lm_wipe(&secret, sizeof(secret));
	if (memcmp(&slot->key.public, &node->key[i].pk, sizeof(struct lm_point)) != 0)
		return lm_error_set(
			err, EINVAL,
			"%s: keys.%s: does not fit node %u's public key in the topology", path, kid,
			node->id);
	keys->ring.key[keys->ring.n++] = &slot->key;
	return 0;
}

static int parse_keys(struct mix_keys *keys, const json_t *document, const char *path,
		      const struct lm_topology_node *node, struct lm_error *err)
{
	const char *format = json_string_value(json_object_get(document, "format"));
	const json_t *secrets = json_object_get(document, "keys");

	if (!format || strcmp(format, "linemix-keys-v1") != 0)
		return lm_error_set(err, EINVAL, "%s: format: expected \"linemix-keys-v1\"", path);
	if (json_integer_value(json_object_get(document, "id")) != node->id)
		return lm_error_set(err, EINVAL, "%s: id: these are not the keys of node %u", path,
				    node->id);
	for (unsigned i = 0; i < node->keys && i < LM_PACKET_KIDS; i++) {
		int rc = add_key(keys, secrets, path, node, i, err);

		if (rc != 0)
			return rc;
	}
	return 0;
}

static int make_replay_sets(struct mix_keys *keys, uint64_t capacity, struct lm_error *err)
{
	size_t size = lm_replay_size(capacity);
	/* what the kernel promises beyond its memory would end the process when it is touched */
	size_t most =
		(size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE) / LM_PACKET_KIDS;

	for (unsigned i = 0; i < keys->ring.n; i++) {
		void *memory = NULL;

		if (size == 0 || size > most || posix_memalign(&memory, LM_REPLAY_ALIGN, size) != 0)
			return lm_error_set(
				err, ENOMEM,
				"no memory for %u replay sets of %llu tags (%zu MiB each); "
				"lower limits.replay",
				keys->ring.n, (unsigned long long)capacity, size >> 20);
		memset(memory, 0, size);
		keys->replay_memory[i] = memory;
		keys->key[i].replay = lm_replay_init(memory, capacity);
	}
	return 0;
}

/* jansson's strings held the secrets: nothing it frees keeps its bytes. */
static void free_wiped(void *memory)
{
	if (memory)
		lm_wipe(memory, malloc_usable_size(memory));
	free(memory);
}

static int load_document(struct mix_keys *keys, const char *path,
			 const struct lm_topology_node *node, struct lm_error *err)
{
	char text[KEY_FILE_BYTES];
	ssize_t len = read_private_file(text, path, err);
	json_error_t where;
	int rc;

	if (len < 0) {
		lm_wipe(text, sizeof(text));
		return (int)len;
	}
	json_set_alloc_funcs(malloc, free_wiped);

	json_t *document = json_loadb(text, (size_t)len, JSON_REJECT_DUPLICATES, &where);

	lm_wipe(text, sizeof(text));
	if (!document) /* the parser's own words would quote the file */
		return lm_error_set(err, EINVAL,
				    "%s:%d:%d: not a key file: its JSON is broken here", path,
				    where.line, where.column);
	rc = parse_keys(keys, document, path, node, err);
	json_decref(document);
	return rc;
}

int mix_keys_load(struct mix_keys *keys, const char *path, const struct lm_topology_node *node,
		  uint64_t replay_capacity, struct lm_error *err)
{
	memset(keys, 0, sizeof(*keys));
	keys->key = lm_secret_alloc(LM_PACKET_KIDS * sizeof(*keys->key));
	if (!keys->key)
		return lm_error_set(err, ENOMEM,
				    "the kernel locks no memory for keys; raise the limit of "
				    "locked memory (ulimit -l)");

	int rc = load_document(keys, path, node, err);

	if (rc == 0)
		rc = make_replay_sets(keys, replay_capacity, err);
	if (rc != 0)
		mix_keys_free(keys);
	return rc;
}

void mix_keys_free(struct mix_keys *keys)
{
	for (unsigned i = 0; i < LM_PACKET_KIDS; i++)
		free(keys->replay_memory[i]);
	lm_secret_free(keys->key);
	memset(keys, 0, sizeof(*keys));
}
