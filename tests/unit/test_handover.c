/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The file that carries what is held over a restart: whole or not at all, once or never.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "handover.h"
#include "testing.h"

#define PACKET_LEN 1348
#define PACKETS    7

static const struct handover_kind kind = {.node = 11, .profile = 0, .packet_len = PACKET_LEN};
static char folder[64];

static int set_up(void **state)
{
	int *dir = malloc(sizeof(*dir));

	snprintf(folder, sizeof(folder), "/dev/shm/linemix-handover-%d", getpid());
	*dir = mkdir(folder, 0700) == 0 ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	*state = dir;
	return *dir < 0;
}

static int tear_down(void **state)
{
	static const char *const names[] = {"held", "held.new", "held.refused", "other"};
	int *dir = *state;

	for (size_t i = 0; i < LM_COUNT(names); i++)
		(void)unlinkat(*dir, names[i], 0);
	close(*dir);
	free(dir);
	return rmdir(folder);
}

/* Every third packet ends here and is shorter. */
static struct handover_item item_of(unsigned i)
{
	return (struct handover_item){.from = i,
				      .to = i % 3 == 0 ? 0 : 20 + i,
				      .delay_us = 1000 * i,
				      .len = PACKET_LEN - (i % 3 == 0 ? 200 + i : 0)};
}

static void fill(uint8_t bytes[PACKET_LEN], unsigned i)
{
	memset(bytes, (int)(0x40 + i), PACKET_LEN);
}

static void write_file(int dir, unsigned n)
{
	uint8_t bytes[PACKET_LEN];
	struct handover out;
	struct lm_error err;

	assert_int_equal(handover_create(&out, dir, &kind, n, 12345, &err), 0);
	for (unsigned i = 0; i < n; i++) {
		struct handover_item item = item_of(i);

		fill(bytes, i);
		assert_true(handover_put(&out, &item, bytes));
	}
	assert_int_equal(faccessat(dir, "held", F_OK, 0), -1);
	assert_int_equal(handover_finish(&out, &err), 0);
}

static void packets_come_back_whole_and_in_order(void **state)
{
	int dir = *(int *)*state;
	uint8_t expected[PACKET_LEN];
	struct handover_item item;
	const uint8_t *bytes;
	struct handover in;
	struct lm_error err;

	write_file(dir, PACKETS);
	assert_int_equal(handover_open(&in, dir, &kind, &err), 0);
	assert_non_null(in.map);
	assert_int_equal(in.closed_us, 12345);
	for (unsigned i = 0; i < PACKETS; i++) {
		struct handover_item was = item_of(i);

		assert_true(handover_next(&in, &item, &bytes));
		assert_memory_equal(&item, &was, sizeof(item));
		fill(expected, i);
		assert_memory_equal(bytes, expected, item.len);
	}
	assert_false(handover_next(&in, &item, &bytes));
	handover_close(&in);
}

static void nothing_held_is_a_file_as_well(void **state)
{
	int dir = *(int *)*state;
	struct handover_item item;
	const uint8_t *bytes;
	struct handover in;
	struct lm_error err;

	write_file(dir, 0);
	assert_int_equal(handover_open(&in, dir, &kind, &err), 0);
	assert_non_null(in.map);
	assert_int_equal(in.closed_us, 12345);
	assert_false(handover_next(&in, &item, &bytes));
	handover_close(&in);
}

static void a_start_without_a_file_takes_nothing(void **state)
{
	struct handover_item item;
	const uint8_t *bytes;
	struct handover in;
	struct lm_error err;

	assert_int_equal(handover_open(&in, *(int *)*state, &kind, &err), 0);
	assert_null(in.map);
	assert_false(handover_next(&in, &item, &bytes));
	handover_close(&in);
}

static void the_file_is_gone_before_a_packet_is_given(void **state)
{
	int dir = *(int *)*state;
	struct handover in, again;
	struct lm_error err;

	write_file(dir, PACKETS);
	assert_int_equal(handover_open(&in, dir, &kind, &err), 0);
	assert_int_equal(handover_open(&again, dir, &kind, &err), 0);
	assert_null(again.map);
	handover_close(&in);
}

/* The pages outlive the unlinking as long as somebody has them: here, by another name. */
static void what_was_taken_is_overwritten(void **state)
{
	int dir = *(int *)*state;
	struct handover in;
	struct lm_error err;
	uint8_t bytes[4096];
	ssize_t n;
	int fd;

	write_file(dir, PACKETS);
	fd = openat(dir, "held", O_RDONLY | O_CLOEXEC);
	assert_int_equal(handover_open(&in, dir, &kind, &err), 0);
	handover_close(&in);
	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		assert_true(lm_is_zero(bytes, (size_t)n));
	close(fd);
}

static void refused(int dir, const char *why)
{
	struct handover in;
	struct lm_error err;

	assert_int_equal(handover_open(&in, dir, &kind, &err), -EINVAL);
	assert_null(in.map);
	if (!strstr(err.text, why))
		fail_msg("\"%s\" does not say \"%s\"", err.text, why);
	assert_int_equal(faccessat(dir, "held", F_OK, 0), -1);
	assert_int_equal(faccessat(dir, "held.refused", F_OK, 0), 0);
}

static void any_changed_byte_refuses_the_whole_file(void **state)
{
	int dir = *(int *)*state;
	size_t end = HANDOVER_HEADER;

	for (unsigned i = 0; i < 2; i++)
		end += HANDOVER_RECORD + item_of(i).len;
	for (size_t at = 0; at < end; at += at < 200 ? 1 : 97) {
		uint8_t byte;
		int fd;

		write_file(dir, 2);
		fd = openat(dir, "held", O_RDWR | O_CLOEXEC);
		assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
		byte ^= 0x10;
		assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
		close(fd);
		refused(dir, "");
	}
}

static void cut_files_are_refused(void **state)
{
	static const off_t lengths[] = {0, 1, HANDOVER_HEADER - 1, HANDOVER_HEADER, 2000, 4096};
	int dir = *(int *)*state;

	for (size_t i = 0; i < LM_COUNT(lengths); i++) {
		write_file(dir, PACKETS);

		int fd = openat(dir, "held", O_RDWR | O_CLOEXEC);

		assert_int_equal(ftruncate(fd, lengths[i]), 0);
		close(fd);
		refused(dir, "is cut off");
	}
}

static void other_nodes_and_profiles_are_refused(void **state)
{
	static const struct handover_kind others[] = {
		{.node = 12, .profile = 0, .packet_len = PACKET_LEN},
		{.node = 11, .profile = 1, .packet_len = PACKET_LEN},
		{.node = 11, .profile = 0, .packet_len = PACKET_LEN + 1},
	};
	int dir = *(int *)*state;
	struct handover out;
	struct lm_error err;

	for (size_t i = 0; i < LM_COUNT(others); i++) {
		assert_int_equal(handover_create(&out, dir, &others[i], 1, 0, &err), 0);
		assert_int_equal(handover_finish(&out, &err), 0);
		refused(dir, i == 0 ? "is another node's" : "of another profile");
	}
}

/* A digest that fits does not make a length right: whoever wrote it, it must not be believed. */
static void records_of_a_wrong_length_are_refused(void **state)
{
	static const struct handover_item wrong[] = {
		{.to = 21, .len = PACKET_LEN - 1},
		{.to = 0, .len = PACKET_LEN + 1},
	};
	static const uint8_t bytes[PACKET_LEN + 1];
	int dir = *(int *)*state;
	struct handover out;
	struct lm_error err;

	for (size_t i = 0; i < LM_COUNT(wrong); i++) {
		assert_int_equal(handover_create(&out, dir, &kind, 2, 0, &err), 0);
		assert_true(handover_put(&out, &wrong[i], bytes));
		assert_int_equal(handover_finish(&out, &err), 0);
		refused(dir, "is damaged");
	}
}

static void files_that_others_may_touch_are_refused(void **state)
{
	int dir = *(int *)*state;

	write_file(dir, 1);
	assert_int_equal(fchmodat(dir, "held", 0640, 0), 0);
	refused(dir, "is not this user's alone");
	write_file(dir, 1);
	assert_int_equal(linkat(dir, "held", dir, "other", 0), 0);
	refused(dir, "is not this user's alone");
	assert_int_equal(unlinkat(dir, "held.refused", 0), 0);
	assert_int_equal(symlinkat("other", dir, "held"), 0);
	refused(dir, "");
	assert_int_equal(unlinkat(dir, "held.refused", 0), 0);
	assert_int_equal(mkfifoat(dir, "held", 0600), 0);
	refused(dir, "is no regular file");
}

static void what_a_dead_process_left_half_done_is_nothing(void **state)
{
	int dir = *(int *)*state;
	struct handover out, in;
	struct handover_item item = item_of(1);
	uint8_t bytes[PACKET_LEN];
	struct lm_error err;
	struct stat info;

	fill(bytes, 1);
	assert_int_equal(handover_create(&out, dir, &kind, 1, 0, &err), 0);
	assert_true(handover_put(&out, &item, bytes));
	assert_int_equal(handover_open(&in, dir, &kind, &err), 0);
	assert_null(in.map);
	assert_int_equal(faccessat(dir, "held.new", F_OK, 0), -1);
	assert_int_equal(handover_create(&out, dir, &kind, 1, 0, &err), 0);
	write_file(dir, 1); /* takes the half one's place */
	assert_int_equal(fstatat(dir, "held", &info, 0), 0);
	assert_int_equal(info.st_mode & 07777, 0600);
	assert_int_equal(faccessat(dir, "held.new", F_OK, 0), -1);
}

/* How many of 100 packets a file system takes; in a process and a mount of its own. */
static int packets_that_fit(const char *type, const char *size)
{
	struct handover_item item = item_of(1);
	uint8_t bytes[PACKET_LEN];
	struct handover file;
	struct lm_error err;
	char path[80];
	int dir, n = 0;

	snprintf(path, sizeof(path), "%s/small", folder);
	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mkdir(path, 0700) != 0 || mount("none", path, type, 0, size) != 0)
		return -1;
	fill(bytes, 1);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(handover_create(&file, dir, &kind, 100, 0, &err), 0);
	while (handover_put(&file, &item, bytes))
		n++;
	assert_int_equal(handover_finish(&file, &err), 0);
	assert_int_equal(handover_open(&file, dir, &kind, &err), 0);
	assert_int_equal(file.count, n);
	return n;
}

static void takes(const char *type, const char *size, int least, int most)
{
	pid_t child = fork();
	char path[80];
	int status;

	if (child == 0) {
		int n = packets_that_fit(type, size);

		_exit(n < 0 ? 77 : n);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	snprintf(path, sizeof(path), "%s/small", folder);
	rmdir(path);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		print_message("# no mounts here\n");
	else
		assert_in_range(WEXITSTATUS(status), least, most);
}

static void a_full_file_system_takes_what_fits(void **state)
{
	(void)state;
	/* 64 KiB are 48 records of 1364 bytes; halving 100 gives up to half of it away */
	takes("tmpfs", "size=64k", 24, 48);
}

static void ramfs_takes_all(void **state)
{
	(void)state;
	/* and what the last page has room for beside */
	takes("ramfs", NULL, 100, 103);
}

int main(void)
{
#define FRESH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		FRESH(packets_come_back_whole_and_in_order),
		FRESH(nothing_held_is_a_file_as_well),
		FRESH(a_start_without_a_file_takes_nothing),
		FRESH(the_file_is_gone_before_a_packet_is_given),
		FRESH(what_was_taken_is_overwritten),
		FRESH(any_changed_byte_refuses_the_whole_file),
		FRESH(cut_files_are_refused),
		FRESH(other_nodes_and_profiles_are_refused),
		FRESH(records_of_a_wrong_length_are_refused),
		FRESH(files_that_others_may_touch_are_refused),
		FRESH(what_a_dead_process_left_half_done_is_nothing),
		FRESH(a_full_file_system_takes_what_fits),
		FRESH(ramfs_takes_all),
	};
	struct lm_error err;

	if (lm_base_init(&err) != 0)
		return 1;
	return RUN_TESTS(tests);
}
