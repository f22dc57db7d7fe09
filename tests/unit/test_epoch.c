/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/epoch: the life of a key and its replay set, and what is refused on the way.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "epoch_testing.h"

static mode_t mode_of(const char *path)
{
	struct stat info;

	assert_int_equal(lstat(path, &info), 0);
	return info.st_mode & 07777;
}

static void a_key_moves_from_its_file_into_an_object_of_its_own(void **state)
{
	const struct lm_epoch_key *key[3];
	struct lm_epoch *epoch;
	struct home home;

	(void)state;
	home_make(&home);
	epoch = open_home(&home);
	take(epoch, key, 6, 3);
	for (unsigned i = 0; i < 3; i++) {
		struct lm_secret secret = secret_of(6 + i);

		assert_int_equal(key[i]->epoch, 6 + i);
		assert_int_equal(key[i]->key.kid, 6 + i);
		assert_int_equal(key[i]->key.id, NODE);
		assert_memory_equal(&key[i]->key.secret, &secret, sizeof(secret));
		assert_true(lm_replay_capacity(key[i]->replay) == CAPACITY);
		assert_ptr_equal(lm_epoch_replay(&key[i]->key), key[i]->replay);
		assert_true(see(key[i]));
		assert_false(see(key[i]));
		assert_false(waits(&home, 6 + i));
	}
	assert_true(waits(&home, 5) && waits(&home, 9) && waits(&home, 12));
	assert_int_equal(mode_of(home.runtime), 0700);
	assert_int_equal(mode_of(in_runtime(&home, "epoch-6")), 0600);
	assert_int_equal(mode_of(home.keys), 0600);
	lm_epoch_close(epoch);
	home_remove(&home);
}

static void a_key_that_is_taken_again_is_the_same_object(void **state)
{
	const struct lm_epoch_key *key[3], *again[3];
	struct lm_epoch *epoch;
	struct home home;

	(void)state;
	home_make(&home);
	epoch = open_home(&home);
	take(epoch, key, 6, 3);
	take(epoch, again, 7, 3);
	assert_ptr_equal(again[0], key[1]);
	assert_ptr_equal(again[1], key[2]);
	assert_int_equal(again[2]->epoch, 9);
	lm_epoch_close(epoch);
	home_remove(&home);
}

/* A process that takes three keys, sees a tag under each, and is killed. */
static void killed_in_use(const struct home *home)
{
	const struct lm_epoch_key *key[3];
	pid_t child = fork();
	int status;

	if (child == 0) {
		take(open_home(home), key, 6, 3);
		for (unsigned i = 0; i < 3; i++) {
			if (!see(key[i]))
				_exit(1);
		}
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void what_was_seen_stays_seen_when_the_process_is_killed(void **state)
{
	const struct lm_epoch_key *key[3];
	struct lm_epoch *epoch;
	struct home home;

	(void)state;
	home_make(&home);
	killed_in_use(&home);
	/* at another address than before */
	assert_true(mmap(NULL, 1 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
		    MAP_FAILED);
	home.place.capacity *= 2; /* counts for sets that are made, not for those that are there */
	epoch = open_home(&home);
	take(epoch, key, 6, 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_false(see(key[i]));
		assert_true(lm_replay_capacity(key[i]->replay) == CAPACITY);
	}
	lm_epoch_close(epoch);
	home_remove(&home);
}

static void a_lost_machine_retires_what_was_in_use(void **state)
{
	const struct lm_epoch_key *key[3];
	struct lm_epoch *epoch;
	struct home home;
	char command[128];

	(void)state;
	home_make(&home);
	killed_in_use(&home);
	snprintf(command, sizeof(command), "rm -r %s", home.runtime);
	assert_int_equal(system(command), 0);
	epoch = open_home(&home);
	take(epoch, key, 7, 3);
	assert_null(key[0]);
	assert_null(key[1]);
	assert_int_equal(key[2]->epoch, 9);
	assert_true(see(key[2]));
	lm_epoch_close(epoch);
	home_remove(&home);
}

static void a_key_in_both_places_comes_from_its_object(void **state)
{
	char command[256];
	const struct lm_epoch_key *key[3];
	struct lm_epoch *epoch;
	struct home home;

	(void)state;
	home_make(&home);
	snprintf(command, sizeof(command), "cp -p %s %s.before", home.keys, home.keys);
	assert_int_equal(system(command), 0);
	killed_in_use(&home);
	snprintf(command, sizeof(command), "mv %s.before %s", home.keys, home.keys);
	assert_int_equal(system(command), 0);
	epoch = open_home(&home);
	assert_true(waits(&home, 6));
	take(epoch, key, 6, 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_false(see(key[i]));
		assert_false(waits(&home, 6 + i));
	}
	lm_epoch_close(epoch);
	home_remove(&home);
}

static void past_keys_are_erased_wherever_they_are(void **state)
{
	const struct lm_epoch_key *key[3];
	struct lm_epoch *epoch;
	struct lm_error err;
	struct home home;
	uint8_t byte;
	int mine, left;

	(void)state;
	home_make(&home);
	killed_in_use(&home); /* leaves 6, 7, 8; 5 was never used */
	mine = open(in_runtime(&home, "epoch-7"), O_RDONLY);
	left = open(in_runtime(&home, "epoch-6"), O_RDONLY);
	epoch = open_home(&home);
	take(epoch, key, 7, 3);
	assert_int_equal(lm_epoch_retire(epoch, 8, &err), 0);
	assert_false(exists(in_runtime(&home, "epoch-6")));
	assert_false(exists(in_runtime(&home, "epoch-7")));
	assert_true(exists(in_runtime(&home, "epoch-8")));
	assert_true(exists(in_runtime(&home, "epoch-9")));
	assert_false(waits(&home, 5));
	assert_true(waits(&home, 10));
	for (off_t at = 0; pread(mine, &byte, 1, at) == 1; at++)
		assert_int_equal(byte, 0);
	for (off_t at = 0; pread(left, &byte, 1, at) == 1; at++)
		assert_int_equal(byte, 0);
	close(mine);
	close(left);
	assert_false(see(key[1]));
	lm_epoch_close(epoch);
	home_remove(&home);
}

static void what_a_key_file_said_is_overwritten(void **state)
{
	const struct lm_epoch_key *key[1];
	struct lm_epoch *epoch;
	struct home home;
	char text[4096];
	ssize_t len;
	int fd;

	(void)state;
	home_make(&home);
	fd = open(home.keys, O_RDONLY);
	epoch = open_home(&home);
	take(epoch, key, 6, 1);
	len = pread(fd, text, sizeof(text), 0);
	assert_true(len > 0 && lm_is_zero(text, (size_t)len));
	close(fd);
	lm_epoch_close(epoch);
	home_remove(&home);
}

static void what_a_process_left_half_done_is_erased(void **state)
{
	static const char *const half_done[] = {"epoch-9.new", "epoch-4.old", "epoch-10.new"};
	const struct lm_epoch_key *key[1];
	struct lm_epoch *epoch;
	struct home home;
	int fd;

	(void)state;
	home_make(&home);
	killed_in_use(&home);
	for (unsigned i = 0; i < LM_COUNT(half_done); i++)
		write_text(in_runtime(&home, half_done[i]), i == 2 ? "" : "secret", 0600);
	write_text(in_runtime(&home, "handover"), "another's", 0600);
	fd = open(in_runtime(&home, half_done[0]), O_RDONLY);
	epoch = open_home(&home);
	for (unsigned i = 0; i < LM_COUNT(half_done); i++)
		assert_false(exists(in_runtime(&home, half_done[i])));
	assert_true(exists(in_runtime(&home, "handover")));
	char text[6];

	assert_int_equal(read(fd, text, sizeof(text)), sizeof(text));
	assert_true(lm_is_zero(text, sizeof(text)));
	close(fd);
	take(epoch, key, 9, 1);
	assert_true(see(key[0]));
	lm_epoch_close(epoch);
	home_remove(&home);
}

static void no_two_processes_have_one_folder(void **state)
{
	struct lm_epoch *epoch, *other;
	struct lm_error err;
	struct home home;

	(void)state;
	home_make(&home);
	epoch = open_home(&home);
	assert_int_equal(lm_epoch_open(&other, &home.place, &err), -EBUSY);
	assert_null(other);
	assert_non_null(strstr(err.text, "give each relay its own"));
	lm_epoch_close(epoch);
	lm_epoch_close(open_home(&home));
	home_remove(&home);
}

static void no_two_processes_take_keys_from_one_file_at_once(void **state)
{
	struct lm_epoch_wanted wanted = wanted_of(6);
	const struct lm_epoch_key *key[1];
	struct lm_epoch *epoch;
	struct lm_error err;
	struct home home;
	int fd;

	(void)state;
	home_make(&home);
	epoch = open_home(&home);
	fd = open(home.keys, O_RDONLY);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_not_equal(lm_epoch_take(epoch, key, &wanted, 1, &err), 0);
	assert_non_null(strstr(err.text, "a key file serves one node"));
	close(fd);
	take(epoch, key, 6, 1);
	lm_epoch_close(epoch);
	home_remove(&home);
}

static void throwaway_keys_leave_everything_as_it_is(void **state)
{
	const struct lm_epoch_key *key[3];
	struct lm_epoch *epoch;
	struct lm_error err;
	struct home home;

	(void)state;
	home_make(&home);
	home.place.runtime = LM_EPOCH_THROWAWAY;
	for (unsigned round = 0; round < 2; round++) {
		epoch = open_home(&home);
		assert_int_equal(lm_epoch_folder(epoch), -1);
		take(epoch, key, 5, 3);
		for (unsigned i = 0; i < 3; i++)
			assert_true(see(key[i]));
		assert_int_equal(lm_epoch_retire(epoch, 6, &err), 0);
		assert_false(see(key[1]));
		lm_epoch_close(epoch);
		assert_true(waits(&home, 5) && waits(&home, 6));
		assert_false(exists(home.runtime));
	}
	home_remove(&home);
}

static void looking_finds_every_place_and_changes_none(void **state)
{
	const struct lm_epoch_wanted wanted[] = {wanted_of(6), wanted_of(8), wanted_of(9),
						 wanted_of(44)};
	enum lm_epoch_where where[4];
	const struct lm_epoch_key *key[3];
	struct lm_epoch *epoch;
	struct lm_error err;
	struct home home;

	(void)state;
	home_make(&home);
	assert_int_equal(lm_epoch_look(where, &home.place, wanted, 4, &err), 0);
	assert_int_equal(where[0], LM_EPOCH_WAITING);
	assert_false(exists(home.runtime));
	epoch = open_home(&home);
	take(epoch, key, 6, 3);
	assert_int_equal(lm_epoch_look(where, &home.place, wanted, 4, &err), 0);
	assert_int_equal(where[0], LM_EPOCH_IN_USE);
	assert_int_equal(where[1], LM_EPOCH_IN_USE);
	assert_int_equal(where[2], LM_EPOCH_WAITING);
	assert_int_equal(where[3], LM_EPOCH_NOWHERE);
	assert_true(waits(&home, 9));
	lm_epoch_close(epoch);
	home_remove(&home);
}

/* ---- What is refused ---- */

static void assert_not_opened(const struct home *home, const char *message)
{
	struct lm_epoch *epoch;
	struct lm_error err = {0};

	assert_int_not_equal(lm_epoch_open(&epoch, &home->place, &err), 0);
	assert_null(epoch);
	if (!strstr(err.text, message))
		fail_msg("\"%s\" does not say \"%s\"", err.text, message);
}

static void folders_of_others_and_on_disks_are_refused(void **state)
{
	static const char *const disks[] = {"/var/tmp", "/tmp", "/", "."};
	struct statfs info;
	struct home home;
	char link[96];

	(void)state;
	home_make(&home);
	assert_int_equal(mkdir(home.runtime, 0700), 0);
	assert_int_equal(chmod(home.runtime, 0750), 0);
	assert_not_opened(&home, "do: chmod 700");
	assert_int_equal(chmod(home.runtime, 0700), 0);
	snprintf(link, sizeof(link), "%s/link", home.root);
	assert_int_equal(symlink("runtime", link), 0);
	home.place.runtime = link;
	assert_not_opened(&home, "is no folder");
	home.place.runtime = home.keys;
	assert_not_opened(&home, "is no folder");
	home.place.runtime = "/dev/shm/linemix-none/such";
	assert_not_opened(&home, "cannot be made");
	for (unsigned i = 0; i < LM_COUNT(disks); i++) {
		assert_int_equal(statfs(disks[i], &info), 0);
		home.place.runtime = disks[i];
		if (info.f_type != 0x01021994 /* tmpfs */)
			assert_not_opened(&home, "lies on a disk");
	}
	home_remove(&home);
}

static void another_users_folder_is_refused(void **state)
{
	struct home home;

	(void)state;
	home_make(&home);
	assert_int_equal(mkdir(home.runtime, 0700), 0);
	if (chown(home.runtime, 4242, 4242) == 0) /* only root can make one */
		assert_not_opened(&home, "belongs to user 4242");
	home_remove(&home);
}

static void sets_beyond_the_machine_are_refused(void **state)
{
	const char *const runtime[] = {LM_EPOCH_THROWAWAY, "/dev/shm/linemix-epoch-none"};
	struct home home;

	(void)state;
	home_make(&home);
	for (unsigned i = 0; i < 2; i++) {
		home.place.runtime = runtime[i];
		for (unsigned bits = 40; bits < 64; bits += 23) {
			home.place.capacity = UINT64_C(1) << bits;
			assert_not_opened(&home, "lower limits.max_packets_per_second");
		}
	}
	rmdir(runtime[1]);
	home_remove(&home);
}

/* Taking epoch 7, of which the object was made before, fails with this message, and nothing else.
 */
static void assert_not_taken(const struct home *home, const char *message)
{
	struct lm_epoch_wanted wanted = wanted_of(7);
	enum lm_epoch_where where[1];
	const struct lm_epoch_key *key[1];
	struct lm_epoch *epoch = open_home(home);
	struct lm_error err = {0}, looked = {0};

	assert_int_not_equal(lm_epoch_take(epoch, key, &wanted, 1, &err), 0);
	if (!strstr(err.text, message) || !strstr(err.text, "epoch"))
		fail_msg("\"%s\" does not say \"%s\"", err.text, message);
	assert_true(exists(in_runtime(home, "epoch-7")));
	/* a damaged set is found by whoever maps it to write */
	if (!strstr(message, "replay set"))
		assert_int_not_equal(lm_epoch_look(where, &home->place, &wanted, 1, &looked), 0);
	lm_epoch_close(epoch);
}

static void patch(const char *path, off_t at, const void *bytes, size_t n)
{
	int fd = open(path, O_WRONLY);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, n, at), n);
	close(fd);
}

static void damage_magic(const char *path)
{
	patch(path, 3, "x", 1);
}
static void damage_node(const char *path)
{
	patch(path, 16, "\x0c", 1);
}
static void damage_epoch(const char *path)
{
	patch(path, 20, "\x08", 1);
}
static void damage_capacity(const char *path)
{
	patch(path, 24, "\1\0\1", 3);
}
static void damage_secret(const char *path)
{
	patch(path, 40 + 7, "xyz", 3);
}
static void damage_set(const char *path)
{
	patch(path, 4096 + 16, "\xff\xff", 2);
}
static void cut_short(const char *path)
{
	assert_int_equal(truncate(path, 8192), 0);
}
static void cut_to_nothing(const char *path)
{
	assert_int_equal(truncate(path, 0), 0);
}
static void cut_within_a_page(const char *path)
{
	assert_int_equal(truncate(path, 5000), 0);
}
static void show_to_others(const char *path)
{
	assert_int_equal(chmod(path, 0640), 0);
}

static void replace_by_link(const char *path)
{
	char other[160];

	snprintf(other, sizeof(other), "%s.elsewhere", path);
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(symlink(other, path), 0);
}

static void replace_by_folder(const char *path)
{
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
}

static void replace_by_fifo(const char *path)
{
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
}

static void name_twice(const char *path)
{
	char other[160];

	snprintf(other, sizeof(other), "%s.twice", path);
	assert_int_equal(link(path, other), 0);
}

static void damaged_and_foreign_objects_are_refused_and_left(void **state)
{
	static const struct {
		void (*damage)(const char *path);
		const char *message;
	} cases[] = {
		{damage_magic, "is no key with its replay set"},
		{damage_node, "is a key of node 12, not of node 11"},
		{damage_epoch, "is the key of another epoch"},
		{damage_capacity, "is cut off"},
		{damage_secret, "does not fit node 11's public key"},
		{damage_set, "has a damaged replay set"},
		{cut_short, "is cut off"},
		{cut_to_nothing, "is cut off"},
		{cut_within_a_page, "is cut off"},
		{show_to_others, "is not this user's alone"},
		{replace_by_link, "is no regular file"},
		{replace_by_folder, "is no regular file"},
		{replace_by_fifo, "is no regular file"},
		{name_twice, "is not this user's alone"},
	};
	const struct lm_epoch_key *key[3];

	(void)state;
	for (unsigned i = 0; i < LM_COUNT(cases); i++) {
		struct home home;
		struct lm_epoch *epoch;

		home_make(&home);
		epoch = open_home(&home);
		take(epoch, key, 6, 3);
		lm_epoch_close(epoch);
		cases[i].damage(in_runtime(&home, "epoch-7"));
		assert_not_taken(&home, cases[i].message);
		home_remove(&home);
	}
}

static void a_key_that_the_topology_does_not_list_is_not_moved(void **state)
{
	struct lm_epoch_wanted wanted[2] = {wanted_of(6), wanted_of(7)};
	enum lm_epoch_where where[2];
	const struct lm_epoch_key *key[2];
	struct lm_epoch *epoch;
	struct lm_error err;
	struct home home;

	(void)state;
	home_make(&home);
	epoch = open_home(&home);
	wanted[1].public = wanted[0].public;
	assert_int_not_equal(lm_epoch_take(epoch, key, wanted, 2, &err), 0);
	assert_non_null(strstr(err.text, "the key of epoch 7 does not fit node 11's public key"));
	assert_int_not_equal(lm_epoch_look(where, &home.place, wanted, 2, &err), 0);
	assert_true(waits(&home, 6) && waits(&home, 7));
	assert_false(exists(in_runtime(&home, "epoch-7")));
	lm_epoch_close(epoch);
	home_remove(&home);
}

#define SECRET            "77076d0a7318a57d3c16c17251b26645adc3c2c5c6cb9be6eb9b1ac41d8e3f3c"
#define FILE_OF(id, keys) "{\"format\":\"linemix-keys-v2\",\"id\":" id ",\"keys\":{" keys "}}"

static void key_files_are_refused_for_what_is_wrong_with_them(void **state)
{
	static const struct {
		const char *text;
		mode_t mode;
		const char *message;
	} bad[] = {
		{FILE_OF("11", "\"6\":\"" SECRET "\""), 0640, "do: chmod 600"},
		{FILE_OF("12", "\"6\":\"" SECRET "\""), 0600, "not the keys of node 11"},
		{"{\"format\":\"linemix-keys-v1\",\"id\":11,\"keys\":{}}", 0600, "linemix-keys-v2"},
		{FILE_OF("11", "\"6\":\"77\""), 0600, "keys.6: expected 64 hexadecimal digits"},
		{FILE_OF("11", "\"6\":7"), 0600, "keys.6: expected 64 hexadecimal digits"},
		{FILE_OF("11", "\"06\":\"" SECRET "\""), 0600, "entry 1 is not named"},
		{FILE_OF("11", "\"+6\":\"" SECRET "\""), 0600, "entry 1 is not named"},
		{FILE_OF("11", "\"4294967296\":\"" SECRET "\""), 0600, "entry 1 is not named"},
		{FILE_OF("11", "\"" SECRET "\":\"6\""), 0600, "entry 1 is not named"},
		{FILE_OF("11", "\"6\":\"" SECRET "\",\"6\":\"" SECRET "\""), 0600,
		 "not a key file"},
		{"{\"format\":\"linemix-keys-v2\",\"id\":11,\"keys\":[]}", 0600, "keys: expected"},
		{"{\"format\":\"linemix-keys-v2\",\n\"keys\":{\"6\" 77076d0a7318}}", 0600, ":2:"},
		{"", 0600, "not a key file"},
	};
	struct lm_epoch_wanted wanted = wanted_of(6);
	const struct lm_epoch_key *key[1];
	struct lm_error err;
	struct home home;

	(void)state;
	home_make(&home);
	for (unsigned i = 0; i < 2 * LM_COUNT(bad); i++) {
		struct lm_epoch *epoch;

		home.place.runtime = i % 2 ? home.runtime : LM_EPOCH_THROWAWAY;
		write_text(home.keys, bad[i / 2].text, bad[i / 2].mode);
		epoch = open_home(&home);
		assert_int_not_equal(lm_epoch_take(epoch, key, &wanted, 1, &err), 0);
		if (!strstr(err.text, bad[i / 2].message) || !strstr(err.text, home.keys))
			fail_msg("\"%s\" does not say \"%s\"", err.text, bad[i / 2].message);
		assert_null(strstr(err.text, "7707"));
		lm_epoch_close(epoch);
	}
	home_remove(&home);
}

static void key_files_are_regular_files_of_their_own(void **state)
{
	struct lm_epoch_wanted wanted = wanted_of(6);
	const struct lm_epoch_key *key[1];
	struct lm_error err;
	struct home home;

	(void)state;
	home_make(&home);
	for (unsigned i = 0; i < 8; i++) {
		struct lm_epoch *epoch;
		const char *message = "is no regular file";

		unlink(home.keys);
		rmdir(home.keys);
		if (i % 4 == 0)
			assert_int_equal(mkfifo(home.keys, 0600), 0);
		else if (i % 4 == 1)
			assert_int_equal(mkdir(home.keys, 0700), 0);
		else if (i % 4 == 2)
			assert_int_equal(symlink("keys.json.real", home.keys), 0);
		if (i % 4 >= 2)
			message = i % 4 == 2 ? "is a symbolic link" : "No such file";
		home.place.runtime = i / 4 ? home.runtime : LM_EPOCH_THROWAWAY;
		epoch = open_home(&home);
		assert_int_not_equal(lm_epoch_take(epoch, key, &wanted, 1, &err), 0);
		if (!strstr(err.text, message))
			fail_msg("\"%s\" does not say \"%s\"", err.text, message);
		lm_epoch_close(epoch);
	}
	home_remove(&home);
}

static void new_key_files_are_read_back_and_never_overwrite(void **state)
{
	struct lm_secret secret[LM_EPOCH_KEYS_MAX];
	const struct lm_epoch_key *key[1];
	struct lm_epoch_wanted wanted = {.epoch = 4294967295};
	struct lm_epoch *epoch;
	struct lm_error err;
	struct home home;
	int folder;

	(void)state;
	home_make(&home);
	folder = open(home.root, O_RDONLY | O_DIRECTORY);
	lm_rand(secret, sizeof(secret));
	assert_int_equal(lm_epoch_write_keys(folder, "keys.json", NODE, 1, secret, 1, &err),
			 -EEXIST);
	assert_non_null(strstr(err.text, "keys.json: is there already"));
	unlink(home.keys);
	assert_int_equal(lm_epoch_write_keys(folder, "keys.json", NODE,
					     UINT32_MAX - LM_EPOCH_KEYS_MAX + 1, secret,
					     LM_EPOCH_KEYS_MAX, &err),
			 0);
	close(folder);
	lm_x25519_base_burst(&wanted.public, &secret[LM_EPOCH_KEYS_MAX - 1], 1);
	epoch = open_home(&home);
	assert_int_equal(lm_epoch_take(epoch, key, &wanted, 1, &err), 0);
	assert_int_equal(key[0]->key.kid, 255);
	assert_memory_equal(&key[0]->key.secret, &secret[LM_EPOCH_KEYS_MAX - 1], 32);
	lm_epoch_close(epoch);
	home_remove(&home);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_moves_from_its_file_into_an_object_of_its_own),
		cmocka_unit_test(a_key_that_is_taken_again_is_the_same_object),
		cmocka_unit_test(what_was_seen_stays_seen_when_the_process_is_killed),
		cmocka_unit_test(a_lost_machine_retires_what_was_in_use),
		cmocka_unit_test(a_key_in_both_places_comes_from_its_object),
		cmocka_unit_test(past_keys_are_erased_wherever_they_are),
		cmocka_unit_test(what_a_key_file_said_is_overwritten),
		cmocka_unit_test(what_a_process_left_half_done_is_erased),
		cmocka_unit_test(no_two_processes_have_one_folder),
		cmocka_unit_test(no_two_processes_take_keys_from_one_file_at_once),
		cmocka_unit_test(throwaway_keys_leave_everything_as_it_is),
		cmocka_unit_test(looking_finds_every_place_and_changes_none),
		cmocka_unit_test(folders_of_others_and_on_disks_are_refused),
		cmocka_unit_test(another_users_folder_is_refused),
		cmocka_unit_test(sets_beyond_the_machine_are_refused),
		cmocka_unit_test(damaged_and_foreign_objects_are_refused_and_left),
		cmocka_unit_test(a_key_that_the_topology_does_not_list_is_not_moved),
		cmocka_unit_test(key_files_are_refused_for_what_is_wrong_with_them),
		cmocka_unit_test(key_files_are_regular_files_of_their_own),
		cmocka_unit_test(new_key_files_are_read_back_and_never_overwrite),
	};
	struct lm_error err;

	if (lm_base_init(&err) != 0)
		return 1;
	if (has_swap()) {
		puts("1..0 # SKIP no folder on tmpfs is good enough where there is swap");
		return 0;
	}
	return RUN_TESTS(tests);
}
