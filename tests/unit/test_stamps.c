/* SPDX-License-Identifier: BSD-3-Clause */
/* The timestamps of calls, which outlive a process in a file and refuse what comes again. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sessions_testing.h"
#include "stamps.h"

static int make_folder(char path[64])
{
	strcpy(path, "/tmp/linemix-sessions-XXXXXX");
	assert_non_null(mkdtemp(path));
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void remove_folder(const char *path, int folder)
{
	(void)unlinkat(folder, "links", 0);
	close(folder);
	assert_int_equal(rmdir(path), 0);
}

static void a_recorded_call_is_stale_after_a_restart(void **state)
{
	struct sessions_message message;
	struct side mix, last;
	char path[64];
	int folder = make_folder(path);

	(void)state;
	make_topology();
	side_open(&mix, 1, folder);
	side_open(&last, 3, -1);
	take(&mix, 1);
	take(&last, 3);
	while (next(&last, &message) && message.link != links_number(&last.links, node[1].id))
		continue;
	assert_int_equal(converse(&last, &mix, message.bytes, message.len), LM_LINK_RESPONDED);
	side_close(&mix);

	side_open(&mix, 1, folder);
	take(&mix, 1);
	assert_int_equal(converse(&last, &mix, message.bytes, message.len), LM_LINK_STALE);
	side_close(&mix);

	side_open(&mix, 1, -1); /* what the folder is for */
	take(&mix, 1);
	assert_int_equal(converse(&last, &mix, message.bytes, message.len), LM_LINK_RESPONDED);
	side_close(&mix);
	side_close(&last);
	remove_folder(path, folder);
}

static void stamps_are_kept_by_key_and_the_oldest_goes(void **state)
{
	struct lm_point key[5];
	struct stamps stamps;
	struct lm_error err;
	char path[64];
	int folder = make_folder(path);

	(void)state;
	lm_rand(key, sizeof(key));
	assert_int_equal(stamps_open(&stamps, folder, 4, stderr, &err), 0);
	for (unsigned i = 0; i < 4; i++)
		stamps_set(&stamps, &key[i], 100 + i);
	stamps_set(&stamps, &key[0], 200);
	assert_int_equal(stamps_find(&stamps, &key[0]), 200);
	stamps_set(&stamps, &key[4], 150);
	assert_int_equal(stamps_find(&stamps, &key[1]), 0);
	stamps_close(&stamps);

	/* another size takes along what fits */
	assert_int_equal(stamps_open(&stamps, folder, 2, stderr, &err), 0);
	assert_int_equal(stamps_find(&stamps, &key[0]), 200);
	assert_int_equal(stamps_find(&stamps, &key[4]), 150);
	assert_int_equal(stamps_find(&stamps, &key[2]), 0);
	stamps_close(&stamps);
	remove_folder(path, folder);
}

static void a_damaged_file_of_stamps_begins_anew_and_says_so(void **state)
{
	static const char *const damage[] = {"", "short", "linkstm1\xff\xff\xff\xff\0\0\0\0",
					     "anotherfile that is long enough"};
	struct lm_point key = {{1}};
	struct stamps stamps;
	struct lm_error err;
	char path[64], *text;
	size_t len;
	int folder = make_folder(path);

	(void)state;
	for (unsigned i = 0; i < LM_COUNT(damage); i++) {
		int fd = openat(folder, "links", O_WRONLY | O_CREAT | O_TRUNC, 0600);
		size_t n = i == 2 ? 16 : strlen(damage[i]);
		FILE *to = open_memstream(&text, &len);

		assert_int_equal(write(fd, damage[i], n), n);
		close(fd);
		assert_int_equal(stamps_open(&stamps, folder, 4, to, &err), 0);
		fclose(to);
		assert_non_null(strstr(text, "is damaged and begins anew"));
		free(text);
		assert_int_equal(stamps_find(&stamps, &key), 0);
		stamps_set(&stamps, &key, 7);
		stamps_close(&stamps);
		assert_int_equal(stamps_open(&stamps, folder, 4, stderr, &err), 0);
		assert_int_equal(stamps_find(&stamps, &key), 7);
		stamps_close(&stamps);
	}
	remove_folder(path, folder);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_recorded_call_is_stale_after_a_restart),
		cmocka_unit_test(stamps_are_kept_by_key_and_the_oldest_goes),
		cmocka_unit_test(a_damaged_file_of_stamps_begins_anew_and_says_so),
	};
	struct lm_error err;

	if (lm_base_init(&err) != 0)
		return 1;
	return RUN_TESTS(tests);
}
