/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the agent and the signer read from etcd and from each other, byte by byte; and what they
 * give up. Whole agents and signers are in tests/system.
 */
#include "testing.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "confine.h"
#include "etcd_answer.h"
#include "handoff.h"
#include "layout.h"

/* ---- Layout ---- */

static struct vote some_vote(void)
{
	struct vote vote = {.len = 545792};

	lm_rand(&vote.hash, sizeof(vote.hash));
	lm_rand(&vote.signature, sizeof(vote.signature));
	return vote;
}

static void a_vote_comes_back_whole(void **state)
{
	const struct vote vote = some_vote();
	struct vote back = {0};
	char text[LAYOUT_VOTE];
	size_t len = layout_put_vote(text, &vote);

	(void)state;
	assert_true(layout_get_vote(&back, text, len));
	assert_memory_equal(&back.hash, &vote.hash, sizeof(vote.hash));
	assert_memory_equal(&back.signature, &vote.signature, sizeof(vote.signature));
	assert_int_equal(back.len, vote.len);
}

static void a_vote_with_any_byte_wrong_is_none_or_another(void **state)
{
	const struct vote vote = some_vote();
	struct vote back;
	char text[LAYOUT_VOTE], other[LAYOUT_VOTE];
	size_t len = layout_put_vote(text, &vote);

	(void)state;
	for (size_t i = 0; i < len; i++) {
		memcpy(other, text, len);
		other[i] = '~';
		assert_false(layout_get_vote(&back, other, len));
	}
	for (size_t n = 0; n < len; n++)
		assert_false(layout_get_vote(&back, text, n));
	memcpy(other, text, len + 1);
	assert_false(layout_get_vote(&back, other, len + 1));
}

static void a_vote_for_nothing_or_too_much_is_none(void **state)
{
	static const size_t wrong[] = {0, LM_SIGNED_BYTES + 1, 99999999};
	struct vote vote = some_vote(), back;
	char text[LAYOUT_VOTE];

	(void)state;
	for (size_t i = 0; i < LM_COUNT(wrong); i++) {
		vote.len = wrong[i];
		assert_false(layout_get_vote(&back, text, layout_put_vote(text, &vote)));
	}
	vote.len = LM_SIGNED_BYTES;
	assert_true(layout_get_vote(&back, text, layout_put_vote(text, &vote)));
}

static void the_epoch_of_a_vote_is_in_its_key(void **state)
{
	static const char *const wrong[] = {
		"",
		"/p/epochs/",
		"/p/epochs/0000000007",
		"/p/epochs/9999999999/",
		"/p/epochs/000000000x/"
		"0000000000000000000000000000000000000000000000000000000000000000",
		"/p/epochs/9999999999/"
		"0000000000000000000000000000000000000000000000000000000000000000",
		"/q/epochs/0000000007/"
		"0000000000000000000000000000000000000000000000000000000000000000",
		"/p/epochs/0000000007/"
		"00000000000000000000000000000000000000000000000000000000000000000",
	};
	struct lm_verifier authority = {{1, 2, 3}};
	char key[LAYOUT_KEY];
	uint32_t epoch = 0;

	(void)state;
	layout_vote(key, "/p", UINT32_MAX, &authority);
	assert_true(layout_vote_epoch(&epoch, "/p", key));
	assert_int_equal(epoch, UINT32_MAX);
	for (size_t i = 0; i < LM_COUNT(wrong); i++)
		assert_false(layout_vote_epoch(&epoch, "/p", wrong[i]));
}

static void the_longest_keys_have_room(void **state)
{
	struct lm_verifier authority;
	struct lm_hash hash;
	char prefix[LAYOUT_PREFIX + 1], key[LAYOUT_KEY];

	(void)state;
	memset(&authority, 255, sizeof(authority));
	memset(&hash, 255, sizeof(hash));
	memset(prefix, 'p', LAYOUT_PREFIX);
	prefix[LAYOUT_PREFIX] = '\0';
	layout_proposal(key, prefix, UINT32_MAX, LAYOUT_ATTEMPTS - 1, &authority);
	layout_vote(key, prefix, UINT32_MAX, &authority);
	layout_chunk(key, prefix, &hash, 127);
	assert_true(strlen(key) <= ETCD_KEY_LEN);
}

/* ---- Answers ---- */

#define KV(fields) \
	"{\"succeeded\":true,\"responses\":[{\"response_range\":{\"kvs\":[{" fields "}]}}]}"

/* One value of the key "k" in this answer, or no good answer. */
static bool read_value(struct etcd_value *value, const char *text, size_t most)
{
	static const char *const key[] = {"k"};
	json_t *answer = answer_parse(text, strlen(text));
	bool good = answer && answer_values(value, answer, key, 1, most);

	json_decref(answer);
	return good;
}

static void a_value_is_read(void **state)
{
	struct etcd_value value;

	(void)state;
	assert_true(read_value(&value,
			       KV("\"key\":\"aw==\",\"create_revision\":\"7\",\"value\":\"YQBi\""),
			       3));
	assert_int_equal(value.created, 7);
	assert_int_equal(value.len, 3);
	assert_memory_equal(value.bytes, "a\0b", 4);
	etcd_free_values(&value, 1);
	/* empty values and missing keys are left out by the gateway */
	assert_true(read_value(&value, KV("\"key\":\"aw==\",\"create_revision\":\"7\""), 3));
	assert_int_equal(value.len, 0);
	assert_non_null(value.bytes);
	etcd_free_values(&value, 1);
	assert_true(read_value(&value,
			       "{\"succeeded\":true,\"responses\":[{\"response_range\":{}}]}", 3));
	assert_null(value.bytes);
	assert_int_equal(value.created, 0);
	/* too large: known, and left out */
	assert_true(read_value(&value,
			       KV("\"key\":\"aw==\",\"create_revision\":\"7\",\"value\":\"YQBi\""),
			       2));
	assert_null(value.bytes);
	assert_true(value.too_large);
}

static void answers_of_another_form_are_none(void **state)
{
	static const char *const wrong[] = {
		"",
		"7",
		"[]",
		"{}",
		"{\"succeeded\":true}",
		"{\"succeeded\":false,\"responses\":[{\"response_range\":{}}]}",
		"{\"succeeded\":true,\"responses\":[]}",
		"{\"succeeded\":true,\"responses\":[{}]}",
		"{\"succeeded\":true,\"responses\":[{\"response_range\":[]}]}",
		"{\"succeeded\":true,\"responses\":[{\"response_range\":{\"kvs\":7}}]}",
		"{\"succeeded\":true,\"responses\":[{\"response_range\":{}},{\"response_range\":{}"
		"}]}",
		"{\"succeeded\":true,\"responses\":[{\"response_range\":{}}],\"responses\":[]}",
		KV("\"key\":\"aw==\""),
		KV("\"key\":\"aw==\",\"create_revision\":\"0\""),
		KV("\"key\":\"aw==\",\"create_revision\":\"-1\""),
		KV("\"key\":\"aw==\",\"create_revision\":\"7x\""),
		KV("\"key\":\"aw==\",\"create_revision\":\"99999999999999999999\""),
		KV("\"key\":\"aw==\",\"create_revision\":true"),
		KV("\"key\":\"bA==\",\"create_revision\":\"7\""),
		KV("\"key\":\"awA=\",\"create_revision\":\"7\""),
		KV("\"key\":7,\"create_revision\":\"7\""),
		KV("\"create_revision\":\"7\""),
		KV("\"key\":\"aw==\",\"create_revision\":\"7\",\"value\":\"%%\""),
		KV("\"key\":\"aw==\",\"create_revision\":\"7\",\"value\":\"YQ\""),
		KV("\"key\":\"aw==\",\"create_revision\":\"7\",\"value\":\"YQ==YQ==\""),
		KV("\"key\":\"aw==\",\"create_revision\":\"7\",\"value\":{}"),
		KV("\"key\":\"aw==\",\"create_revision\":\"7\"},{\"key\":\"aw==\",\"create_"
		   "revision\":\"7\""),
	};
	struct etcd_value value;

	(void)state;
	for (size_t i = 0; i < LM_COUNT(wrong); i++) {
		if (read_value(&value, wrong[i], 100))
			fail_msg("believed: %s", wrong[i]);
	}
}

static void errors_are_words_that_a_log_may_hold(void **state)
{
	static const char text[] = "{\"error\":\"a\\u001b[31m\\u00e9\",\"code\":11}";
	json_t *answer = answer_parse(text, sizeof(text) - 1);
	char words[128];
	int code;

	(void)state;
	answer_error(words, &code, answer);
	assert_string_equal(words, "a?[31m??");
	assert_int_equal(code, 11);
	json_decref(answer);
	answer_error(words, &code, NULL);
	assert_string_equal(words, "");
	assert_int_equal(code, -1);
}

/* Millions of empty objects in an answer of allowed size would fill memory. */
static void number_of_parts_is_bounded(void **state)
{
	static const unsigned counts[] = {4095, 4096, 1000000}; /* of {}, and of commas behind */
	static const char head[] = "{\"k\":[", tail[] = "{}]}"; /* 4 parts */

	(void)state;
	for (size_t i = 0; i < LM_COUNT(counts); i++) {
		char *text = malloc(sizeof(head) + 3 * counts[i] + sizeof(tail)), *at = text;
		json_t *answer;

		assert_non_null(text);
		at += sprintf(at, "%s", head);
		for (unsigned n = 0; n < counts[i] - 1; n++)
			at += sprintf(at, "{},");
		at += sprintf(at, "%s", tail);
		answer = answer_parse(text, (size_t)(at - text));
		assert_int_equal(answer != NULL, 2 * counts[i] + 2 <= 8192);
		json_decref(answer);
		free(text);
	}
}

static void names_are_bounded(void **state)
{
	static const char text[] = "{\"kvs\":[{\"key\":\"aw==\"},{\"key\":\"YQBi\"},{\"key\":"
				   "\"bA==\"}]}";
	json_t *answer = answer_parse(text, sizeof(text) - 1);
	char *name[3];
	unsigned n;

	(void)state;
	assert_false(answer_names(name, &n, answer, 2));
	assert_true(answer_names(name, &n, answer, 3));
	assert_int_equal(n, 2); /* one holds a NUL */
	assert_string_equal(name[1], "l");
	free(name[0]);
	free(name[1]);
	json_decref(answer);
}

/* ---- Handing over ---- */

static char folder_path[] = "/tmp/linemix-test-XXXXXX";
static int folder;

static int make_folder(void **state)
{
	(void)state;
	strcpy(folder_path, "/tmp/linemix-test-XXXXXX");
	if (!mkdtemp(folder_path))
		return -1;
	folder = open(folder_path, O_RDONLY | O_DIRECTORY);
	return folder < 0;
}

static int remove_folder(void **state)
{
	(void)state;
	handoff_remove(AT_FDCWD, folder_path);
	close(folder);
	return access(folder_path, F_OK) == 0;
}

static int try_read(const char *name, size_t most)
{
	struct lm_error err;
	char *bytes;
	size_t len;
	int rc = handoff_read(&bytes, &len, folder, name, most, &err);

	assert_true((rc == 0) == (bytes != NULL));
	free(bytes);
	return rc;
}

static void files_come_whole(void **state)
{
	struct handoff_mark before = handoff_look(folder, "file"), after;
	struct lm_error err;

	(void)state;
	assert_int_equal(before.inode, 0);
	assert_int_equal(try_read("file", 10), -ENOENT);
	assert_int_equal(handoff_write(folder, "file", "0123456789", 10, true, &err), 0);
	assert_int_equal(try_read("file", 10), 0);
	assert_int_equal(try_read("file", 9), -EFBIG);
	after = handoff_look(folder, "file");
	assert_false(handoff_same(&before, &after));
	assert_int_equal(handoff_write(folder, "file", "0123456789", 10, false, &err), 0);
	before = handoff_look(folder, "file");
	assert_false(handoff_same(&before, &after));
}

static void what_is_no_regular_file_is_not_read(void **state)
{
	struct lm_error err;

	(void)state;
	assert_int_equal(mkfifoat(folder, "fifo", 0600), 0);
	assert_int_equal(mkdirat(folder, "folder", 0700), 0);
	assert_int_equal(symlinkat("/etc/passwd", folder, "link"), 0);
	assert_int_equal(symlinkat("folder", folder, "folder-link"), 0);
	assert_int_equal(try_read("fifo", 10), -EINVAL);
	assert_int_equal(try_read("folder", 10), -EINVAL);
	assert_int_equal(try_read("link", 1 << 20), -ELOOP);
	assert_int_equal(handoff_open(folder, "folder-link"), -ENOTDIR);
	assert_int_equal(handoff_open(folder, "fifo"), -ENOTDIR);
	/* a link in the way is replaced, not followed */
	assert_int_equal(symlinkat("victim", folder, ".file.new"), 0);
	assert_int_equal(handoff_write(folder, "file", "x", 1, false, &err), 0);
	assert_int_equal(faccessat(folder, "victim", F_OK, 0), -1);
}

static void removing_follows_no_links(void **state)
{
	struct lm_error err;
	int inner;

	(void)state;
	assert_int_equal(mkdirat(folder, "kept", 0700), 0);
	inner = handoff_open(folder, "kept");
	assert_int_equal(handoff_write(inner, "file", "x", 1, false, &err), 0);
	close(inner);
	assert_int_equal(mkdirat(folder, "0000000006-0", 0700), 0);
	inner = handoff_open(folder, "0000000006-0");
	assert_int_equal(symlinkat("../kept", inner, "link"), 0);
	close(inner);
	assert_int_equal(handoff_write(folder, "0000000007-0", "x", 1, false, &err), 0);
	handoff_forget(folder, 7);
	assert_int_equal(handoff_open(folder, "0000000006-0"), -ENOENT);
	assert_int_equal(try_read("0000000007-0", 1), 0);
	assert_int_equal(try_read("kept/file", 1), 0);
}

/* ---- Giving up ---- */

/* How a process ends that confines itself and then does this: exit status, or minus a signal. */
static int confined(int (*confine)(struct lm_error *err), void (*what)(void))
{
	struct lm_error err;
	pid_t child = fork();
	int status;

	if (child == 0) {
		if (confine(&err) != 0)
			_exit(99);
		what();
		_exit(42);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void make_inet_socket(void)
{
	if (socket(AF_INET, SOCK_STREAM, 0) < 0)
		_exit(1);
}

static void make_local_socket(void)
{
	(void)socket(AF_UNIX, SOCK_STREAM, 0);
}

static void start_program(void)
{
	char *arguments[] = {"true", NULL};

	execve("/bin/true", arguments, NULL);
}

static void start_process(void)
{
	(void)fork();
}

static void use_files_and_memory(void)
{
	struct lm_error err;
	void *memory = malloc(10 << 20);

	if (!memory || handoff_write(folder, "file", "x", 1, true, &err) != 0 ||
	    try_read("file", 1) != 0)
		_exit(1);
	free(memory);
	fprintf(stderr, "written\n");
}

static void a_signer_reaches_no_network(void **state)
{
	(void)state;
	assert_int_equal(confined(confine_signer, make_inet_socket), -SIGSYS);
	assert_int_equal(confined(confine_signer, make_local_socket), -SIGSYS);
	assert_int_equal(confined(confine_signer, start_program), -SIGSYS);
	assert_int_equal(confined(confine_signer, start_process), -SIGSYS);
}

static void a_signer_has_its_files(void **state)
{
	(void)state;
	assert_int_equal(confined(confine_signer, use_files_and_memory), 42);
}

static void an_agent_reaches_the_network_and_starts_nothing(void **state)
{
	(void)state;
	assert_int_equal(confined(confine_agent, make_inet_socket), 42);
	assert_int_equal(confined(confine_agent, start_program), 42); /* refused: it goes on */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_vote_comes_back_whole),
		cmocka_unit_test(a_vote_with_any_byte_wrong_is_none_or_another),
		cmocka_unit_test(a_vote_for_nothing_or_too_much_is_none),
		cmocka_unit_test(the_epoch_of_a_vote_is_in_its_key),
		cmocka_unit_test(the_longest_keys_have_room),
		cmocka_unit_test(a_value_is_read),
		cmocka_unit_test(answers_of_another_form_are_none),
		cmocka_unit_test(errors_are_words_that_a_log_may_hold),
		cmocka_unit_test(number_of_parts_is_bounded),
		cmocka_unit_test(names_are_bounded),
		cmocka_unit_test_setup_teardown(files_come_whole, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(what_is_no_regular_file_is_not_read, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(removing_follows_no_links, make_folder,
						remove_folder),
		cmocka_unit_test(an_agent_reaches_the_network_and_starts_nothing),
		cmocka_unit_test_setup_teardown(a_signer_has_its_files, make_folder, remove_folder),
		cmocka_unit_test(a_signer_reaches_no_network),
	};
	struct lm_error err;

	if (lm_base_init(&err) != 0)
		return 1;
	return RUN_TESTS_MARKED(tests, 1); /* under a sanitizer calls are not filtered */
}
