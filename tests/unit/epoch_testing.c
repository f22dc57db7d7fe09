/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See epoch_testing.h.
 */
#include "epoch_testing.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void home_make(struct home *home)
{
	struct lm_secret secret[KEYS];
	struct lm_error err = {0};
	int folder;

	memset(home, 0, sizeof(*home));
	strcpy(home->root, "/dev/shm/linemix-epoch-XXXXXX");
	assert_non_null(mkdtemp(home->root));
	snprintf(home->runtime, sizeof(home->runtime), "%s/runtime", home->root);
	snprintf(home->keys, sizeof(home->keys), "%s/keys.json", home->root);
	home->place = (struct lm_epoch_place){.runtime = home->runtime,
					      .keys = home->keys,
					      .node = NODE,
					      .capacity = CAPACITY};
	for (unsigned i = 0; i < KEYS; i++)
		secret[i] = secret_of(FIRST + i);
	folder = open(home->root, O_RDONLY | O_DIRECTORY);
	if (lm_epoch_write_keys(folder, "keys.json", NODE, FIRST, secret, KEYS, &err) != 0)
		fail_msg("%s", err.text);
	close(folder);
}

void home_remove(struct home *home)
{
	char command[96];

	snprintf(command, sizeof(command), "rm -r %s", home->root);
	assert_int_equal(system(command), 0);
}

struct lm_secret secret_of(uint32_t epoch)
{
	struct lm_secret secret;

	memset(secret.b, (int)(0x40 + epoch), sizeof(secret.b));
	return secret;
}

struct lm_epoch_wanted wanted_of(uint32_t epoch)
{
	struct lm_epoch_wanted wanted = {.epoch = epoch};
	struct lm_secret secret = secret_of(epoch);

	lm_x25519_base_burst(&wanted.public, &secret, 1);
	return wanted;
}

const char *in_runtime(const struct home *home, const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", home->runtime, name);
	return path;
}

struct lm_epoch *open_home(const struct home *home)
{
	struct lm_error err = {0};
	struct lm_epoch *epoch;

	if (lm_epoch_open(&epoch, &home->place, &err) != 0)
		fail_msg("%s", err.text);
	return epoch;
}

void take(struct lm_epoch *epoch, const struct lm_epoch_key *key[], uint32_t first, unsigned n)
{
	struct lm_epoch_wanted wanted[KEYS];
	struct lm_error err = {0};

	for (unsigned i = 0; i < n; i++)
		wanted[i] = wanted_of(first + i);
	if (lm_epoch_take(epoch, key, wanted, n, &err) != 0)
		fail_msg("%s", err.text);
}

bool see(const struct lm_epoch_key *key)
{
	struct lm_replay_tag tag = {{(uint8_t)key->epoch, 1, 2, 3}};
	uint64_t full;

	return lm_replay_insert(lm_epoch_replay(&key->key), &tag, 1, 1, &full) == 1;
}

bool waits(const struct home *home, uint32_t epoch)
{
	char text[4096] = {0}, label[24];
	FILE *file = fopen(home->keys, "r");

	assert_non_null(file);
	assert_true(fread(text, 1, sizeof(text) - 1, file) > 0);
	fclose(file);
	snprintf(label, sizeof(label), "\"%u\":", epoch);
	return strstr(text, label) != NULL;
}

bool exists(const char *path)
{
	struct stat info;

	return lstat(path, &info) == 0;
}

void write_text(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}
