/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/topology: signatures, files that carry them, key files, and files replaced whole. Whatever
 * the bytes of a file, nothing but the authorities' own signatures of just these bytes counts.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lm_topology_signed.h"
#include "testing.h"

/* ---- Signatures ---- */

/* RFC 8032, section 7.1: tests 1, 2 and 3. */
static void signatures_are_those_of_rfc_8032(void **state)
{
	static const struct {
		const char *seed, *public, *signature;
		size_t len;
		uint8_t message[2];
	} known[] = {
		{"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
		 "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
		 "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bac"
		 "c61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
		 0,
		 {0}},
		{"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
		 "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
		 "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e"
		 "458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
		 1,
		 {0x72}},
		{"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
		 "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
		 "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290"
		 "ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
		 2,
		 {0xaf, 0x82}},
	};

	(void)state;
	for (size_t i = 0; i < LM_COUNT(known); i++) {
		struct lm_signature signature, wanted;
		struct lm_verifier public, derived;
		struct lm_signer signer;

		unhex(signer.b, known[i].seed, sizeof(signer.b));
		unhex(public.b, known[i].public, sizeof(public.b));
		unhex(wanted.b, known[i].signature, sizeof(wanted.b));
		lm_signer_public(&derived, &signer);
		assert_memory_equal(derived.b, public.b, sizeof(public.b));
		lm_sign(&signature, &signer, known[i].message, known[i].len);
		assert_memory_equal(signature.b, wanted.b, sizeof(wanted.b));
		assert_true(lm_verify(&signature, &public, known[i].message, known[i].len));
		for (unsigned bit = 0; bit < 512; bit++) {
			signature.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_false(
				lm_verify(&signature, &public, known[i].message, known[i].len));
			signature.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		assert_false(lm_verify(&signature, &public, "other", 5));
	}
}

/* A signature by the neutral element, which libraries that follow the RFC loosely take. */
static void keys_of_small_order_sign_nothing(void **state)
{
	const struct lm_verifier neutral = {{1}};
	const struct lm_signature signature = {{1}}; /* R is neutral, s is 0 */

	(void)state;
	assert_false(lm_verify(&signature, &neutral, "", 0));
}

/* BLAKE2b-256 of the empty text and of "abc", as libb2 and Python's hashlib give it. */
static void hashes_are_blake2b_256(void **state)
{
	uint8_t wanted[32];
	struct lm_hash hash;

	(void)state;
	lm_hash_bytes(&hash, "", 0);
	unhex(wanted, "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8", 32);
	assert_memory_equal(hash.b, wanted, 32);
	lm_hash_bytes(&hash, "abc", 3);
	unhex(wanted, "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319", 32);
	assert_memory_equal(hash.b, wanted, 32);
}

/* ---- Signed files ---- */

#define DOCUMENT "{\n\nthe document\n"
#define LINE     204 /* bytes of a signature's line */
#define HEAD     18  /* of the first line */

static struct lm_signer signer_of(unsigned i)
{
	return (struct lm_signer){{(uint8_t)(i + 1)}};
}

static void add_signature(struct lm_signed *file, unsigned i)
{
	struct lm_signer signer = signer_of(i);

	lm_signer_public(&file->by[file->n], &signer);
	lm_sign(&file->signature[file->n++], &signer, file->bytes, file->len);
}

/* A file with signatures by 0 .. n - 1; for free(). */
static char *make_file(unsigned n, size_t *len)
{
	struct lm_signed file = {.bytes = DOCUMENT, .len = sizeof(DOCUMENT) - 1};
	char *text;

	for (unsigned i = 0; i < n; i++)
		add_signature(&file, i);
	assert_int_equal(lm_signed_format(&text, len, &file), 0);
	return text;
}

static struct lm_authorities authorities_of(unsigned n, unsigned threshold)
{
	struct lm_authorities authorities = {.n = n, .threshold = threshold};

	for (unsigned i = 0; i < n; i++) {
		struct lm_signer signer = signer_of(i);

		lm_signer_public(&authorities.key[i], &signer);
	}
	return authorities;
}

static void what_was_put_together_comes_apart(void **state)
{
	const struct lm_authorities all = authorities_of(LM_SIGNED_SIGNATURES, 1);

	(void)state;
	for (unsigned n = 0; n <= LM_SIGNED_SIGNATURES; n++) {
		struct lm_signed file;
		size_t len;
		char *text = make_file(n, &len);

		assert_int_equal(len, HEAD + n * LINE + 1 + sizeof(DOCUMENT) - 1);
		assert_int_equal(lm_signed_parse(&file, text, len, "f", NULL), 0);
		assert_int_equal(file.n, n);
		assert_int_equal(file.len, sizeof(DOCUMENT) - 1);
		assert_memory_equal(file.bytes, DOCUMENT, file.len);
		assert_int_equal(lm_signed_count(&file, &all), n);
		free(text);
	}
}

static void only_right_signatures_of_authorities_count(void **state)
{
	const struct lm_authorities some = authorities_of(2, 2);
	struct lm_signed file;
	size_t len;
	char *text = make_file(4, &len);

	(void)state;
	assert_int_equal(lm_signed_parse(&file, text, len, "f", NULL), 0);
	assert_int_equal(lm_signed_count(&file, &some), 2);
	file.signature[1] = file.signature[0]; /* of another */
	assert_int_equal(lm_signed_count(&file, &some), 1);
	file.len--; /* of other bytes */
	assert_int_equal(lm_signed_count(&file, &some), 0);
	free(text);
}

static void assert_refused(const char *text, size_t len, const char *message)
{
	char *exact = malloc(len + 1); /* so that one byte too far is noticed */
	struct lm_error err = {""};
	struct lm_signed file;

	assert_non_null(exact);
	memcpy(exact, text, len);
	assert_int_equal(lm_signed_parse(&file, exact, len, "f", &err), -EINVAL);
	if (message && strcmp(err.text, message) != 0)
		fail_msg("%s", err.text);
	free(exact);
}

static void mistakes_in_front_of_the_document_have_a_line(void **state)
{
	static const char no_signature[] =
		"f:2: is no signature; \"signature\", a public key of 64 and a signature of 128 "
		"hexadecimal digits, or an empty line before the document";
	size_t len;
	char *good = make_file(2, &len);

	(void)state;
	assert_refused("", 0, "f:1: is no signed file; its first line is \"linemix-signed-v1\"");
	assert_refused("linemix-signed-v2\n\n", 19,
		       "f:1: is no signed file; its first line is \"linemix-signed-v1\"");
	assert_refused("linemix-signed-v1\r\n\n", 20,
		       "f:1: is no signed file; its first line is \"linemix-signed-v1\"");
	assert_refused("linemix-signed-v1\n", 18, "f:2: ends before the document; the file is cut");
	assert_refused("linemix-signed-v1\n{}", 20, no_signature);
	for (unsigned i = 0; i < LINE; i++) { /* any byte of the first line of a signature */
		char old = good[HEAD + i];

		good[HEAD + i] = i == LINE - 1 ? ' ' : '\n';
		if (i > 0)
			assert_refused(good, len, no_signature);
		good[HEAD + i] = 'x';
		assert_refused(good, len, no_signature);
		good[HEAD + i] = '\0';
		assert_refused(good, len, no_signature);
		good[HEAD + i] = old;
	}
	memcpy(good + HEAD + LINE, good + HEAD, LINE);
	assert_refused(good, len, "f:3: this key has signed above already");
	good[HEAD + LINE + 11] ^= 'a' ^ 'A'; /* the same key, if it is a letter, in capitals */
	assert_refused(good, len, NULL);
	free(good);
}

static void more_signatures_than_allowed_are_refused(void **state)
{
	size_t len;
	char *full = make_file(LM_SIGNED_SIGNATURES, &len);
	char *more = malloc(len + LINE);
	size_t lines = HEAD + LM_SIGNED_SIGNATURES * LINE;

	(void)state;
	assert_non_null(more);
	memcpy(more, full, lines);
	memcpy(more + lines, full + HEAD, LINE);
	memcpy(more + lines + LINE, full + lines, len - lines);
	assert_refused(more, len + LINE, "f:34: more than 32 signatures");
	free(more);
	free(full);
}

static void a_cut_file_never_has_the_documents_signatures(void **state)
{
	const struct lm_authorities all = authorities_of(3, 1);
	struct lm_signed file;
	size_t len;
	char *good = make_file(3, &len);

	(void)state;
	for (size_t cut = 0; cut < len; cut++) {
		char *text = malloc(cut + 1);

		assert_non_null(text);
		memcpy(text, good, cut);
		if (lm_signed_parse(&file, text, cut, "f", NULL) == 0)
			assert_int_equal(lm_signed_count(&file, &all), 0);
		else
			assert_true(cut < HEAD + 3 * LINE + 1);
		free(text);
	}
	free(good);
}

static void flipped_bytes_lose_signatures_and_do_no_harm(void **state)
{
	const struct lm_authorities all = authorities_of(3, 1);
	struct lm_signed file;
	struct lm_prng prng;
	size_t len;
	char *good = make_file(3, &len);

	(void)state;
	lm_prng_init(&prng, (const uint8_t[32]){1});
	for (unsigned round = 0; round < 3000; round++) {
		size_t at = lm_prng_below(&prng, (uint32_t)len);
		char old = good[at];

		good[at] ^= (char)(1 + lm_prng_below(&prng, 255));
		if (lm_signed_parse(&file, good, len, "f", NULL) == 0) {
			bool in_capitals = (old ^ good[at]) == ('a' ^ 'A');
			bool head = at < HEAD + 3 * LINE;

			/* at most the flipped one is lost; of another document, all */
			assert_int_equal(lm_signed_count(&file, &all), !head         ? 0
								       : in_capitals ? 3
										     : 2);
		}
		good[at] = old;
	}
	free(good);
}

/* ---- Files ---- */

static char folder[] = "/tmp/linemix-signed-XXXXXX";

static const char *in_folder(const char *name)
{
	static char path[2][64];
	static unsigned turn;

	turn ^= 1;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", folder, name);
	return path[turn];
}

static void write_text(const char *path, const void *text, size_t len, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), (ssize_t)len);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void a_file_is_replaced_whole(void **state)
{
	const char *path = in_folder("file");
	struct lm_error err;
	struct stat status;
	char *text;
	size_t len;

	(void)state;
	assert_int_equal(lm_file_replace(path, "first", 5, 0644, &err), 0);
	assert_int_equal(lm_file_replace(path, "2nd", 3, 0600, &err), 0);
	assert_int_equal(lm_file_read(&text, &len, path, &err), 0);
	assert_int_equal(len, 3);
	assert_memory_equal(text, "2nd", 3);
	free(text);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_int_equal(stat(in_folder("file.new"), &status), -1);
	assert_int_equal(lm_file_replace(path, "", 0, 0600, &err), 0);
	assert_int_equal(lm_file_read(&text, &len, path, &err), 0);
	assert_int_equal(len, 0);
	free(text);
	unlink(path);
}

static void a_replacement_that_fails_leaves_the_old_file(void **state)
{
	struct lm_error err;
	struct stat status;
	char *text, name[64], path[5000];
	size_t len;

	(void)state;
	snprintf(name, sizeof(name), "%s/deep", folder);
	assert_int_equal(mkdir(name, 0700), 0);
	/* the target is a folder: the rename fails, and what was written beside it goes */
	assert_true(lm_file_replace(name, "x", 1, 0600, &err) < 0);
	assert_non_null(strstr(err.text, "cannot be replaced"));
	assert_int_equal(stat(in_folder("deep.new"), &status), -1);
	assert_int_equal(rmdir(name), 0);
	/* no symbolic link is followed */
	assert_int_equal(lm_file_replace(in_folder("file"), "old", 3, 0600, &err), 0);
	assert_int_equal(symlink("elsewhere", in_folder("file.new")), 0);
	assert_int_equal(lm_file_replace(in_folder("file"), "new", 3, 0600, &err), -ELOOP);
	assert_int_equal(lm_file_read(&text, &len, in_folder("file"), &err), 0);
	assert_memory_equal(text, "old", 3);
	free(text);
	assert_int_equal(stat(in_folder("elsewhere"), &status), -1);
	unlink(in_folder("file.new"));
	unlink(in_folder("file"));
	assert_int_equal(lm_file_replace(in_folder("none/file"), "x", 1, 0600, &err), -ENOENT);
	memset(path, 'a', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(lm_file_replace(path, "x", 1, 0600, &err), -ENAMETOOLONG);
}

static void what_is_no_plain_file_is_not_read(void **state)
{
	struct lm_error err;
	char *text;
	size_t len;

	(void)state;
	assert_int_equal(lm_file_read(&text, &len, folder, &err), -EINVAL);
	assert_null(text);
	assert_int_equal(mkfifo(in_folder("pipe"), 0600), 0);
	assert_int_equal(lm_file_read(&text, &len, in_folder("pipe"), &err), -EINVAL);
	unlink(in_folder("pipe"));
	assert_int_equal(lm_file_read(&text, &len, in_folder("none"), &err), -ENOENT);
	write_text(in_folder("large"), "", 0, 0600);
	assert_int_equal(truncate(in_folder("large"), (off_t)LM_SIGNED_BYTES + 1), 0);
	assert_int_equal(lm_file_read(&text, &len, in_folder("large"), &err), -EFBIG);
	assert_null(text);
	unlink(in_folder("large"));
}

/* ---- Keys ---- */

static void made_keys_load_as_their_kind_and_no_other(void **state)
{
	struct lm_error err;

	(void)state;
	for (int kind = LM_KEYFILE_AUTHORITY; kind <= LM_KEYFILE_LINK; kind++) {
		uint8_t made[32], public[32], secret[32], derived[32];
		const char *path = in_folder("key");
		struct stat status;

		assert_int_equal(lm_keyfile_make(made, (enum lm_keyfile_kind)kind, path, &err), 0);
		assert_int_equal(stat(path, &status), 0);
		assert_int_equal(status.st_mode & 0777, 0600);
		for (int as = LM_KEYFILE_AUTHORITY; as <= LM_KEYFILE_LINK; as++) {
			int rc = lm_keyfile_load(secret, public, (enum lm_keyfile_kind)as, path,
						 &err);

			assert_int_equal(rc, as == kind ? 0 : -EINVAL);
			if (rc != 0)
				assert_non_null(strstr(err.text, "is no key file of kind"));
		}
		assert_int_equal(lm_keyfile_load(secret, public, (enum lm_keyfile_kind)kind, path,
						 &err),
				 0);
		assert_memory_equal(made, public, sizeof(made));
		if (kind == LM_KEYFILE_LINK)
			lm_x25519_base_burst((struct lm_point *)derived,
					     (const struct lm_secret *)secret, 1);
		else
			lm_signer_public((struct lm_verifier *)derived,
					 (const struct lm_signer *)secret);
		assert_memory_equal(derived, public, sizeof(derived));
		/* one that is there is never replaced */
		assert_int_equal(lm_keyfile_make(made, (enum lm_keyfile_kind)kind, path, &err),
				 -EEXIST);
		assert_int_equal(lm_keyfile_load(secret, derived, (enum lm_keyfile_kind)kind, path,
						 &err),
				 0);
		assert_memory_equal(derived, public, sizeof(derived));
		unlink(path);
	}
}

static void keys_that_others_may_read_are_refused(void **state)
{
	static const mode_t bad[] = {0640, 0604, 0660, 0666, 0610, 0601};
	uint8_t public[32], secret[32];
	const char *path = in_folder("key");
	struct lm_error err;

	(void)state;
	assert_int_equal(lm_keyfile_make(public, LM_KEYFILE_IDENTITY, path, &err), 0);
	for (size_t i = 0; i < LM_COUNT(bad); i++) {
		assert_int_equal(chmod(path, bad[i]), 0);
		assert_int_equal(lm_keyfile_load(secret, public, LM_KEYFILE_IDENTITY, path, &err),
				 -EPERM);
		assert_non_null(strstr(err.text, "chmod 600"));
	}
	assert_int_equal(chmod(path, 0400), 0);
	assert_int_equal(lm_keyfile_load(secret, public, LM_KEYFILE_IDENTITY, path, &err), 0);
	unlink(path);
}

static void damaged_key_files_are_refused_and_not_quoted(void **state)
{
	static const char head[] = "linemix-secret-v1 link ";
	char text[sizeof(head) + 65];
	size_t len = sizeof(text) - 1;
	uint8_t public[32], secret[32];
	struct lm_error err;

	(void)state;
	memcpy(text, head, sizeof(head));
	memset(text + sizeof(head) - 1, '7', 64);
	text[len - 1] = '\n';
	write_text(in_folder("key"), text, len, 0600);
	assert_int_equal(lm_keyfile_load(secret, public, LM_KEYFILE_LINK, in_folder("key"), &err),
			 0);
	for (size_t cut = 0; cut < len; cut++) {
		write_text(in_folder("key"), text, cut, 0600);
		assert_int_equal(lm_keyfile_load(secret, public, LM_KEYFILE_LINK, in_folder("key"),
						 &err),
				 -EINVAL);
	}
	text[len] = '\n';
	write_text(in_folder("key"), text, len + 1, 0600);
	assert_int_equal(lm_keyfile_load(secret, public, LM_KEYFILE_LINK, in_folder("key"), &err),
			 -EINVAL);
	for (size_t i = 0; i < len; i++) {
		char old = text[i];

		text[i] = i == len - 1 ? ' ' : 'x';
		if (text[i] == old)
			continue;
		write_text(in_folder("key"), text, len, 0600);
		assert_int_equal(lm_keyfile_load(secret, public, LM_KEYFILE_LINK, in_folder("key"),
						 &err),
				 -EINVAL);
		assert_null(strstr(err.text, "777"));
		text[i] = old;
	}
	unlink(in_folder("key"));
	assert_int_equal(lm_keyfile_load(secret, public, LM_KEYFILE_LINK, folder, &err), -EINVAL);
	assert_int_equal(lm_keyfile_load(secret, public, LM_KEYFILE_LINK, in_folder("none"), &err),
			 -ENOENT);
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	return rmdir(folder); /* fails, if a test has left something there */
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(signatures_are_those_of_rfc_8032),
		cmocka_unit_test(keys_of_small_order_sign_nothing),
		cmocka_unit_test(hashes_are_blake2b_256),
		cmocka_unit_test(what_was_put_together_comes_apart),
		cmocka_unit_test(only_right_signatures_of_authorities_count),
		cmocka_unit_test(mistakes_in_front_of_the_document_have_a_line),
		cmocka_unit_test(more_signatures_than_allowed_are_refused),
		cmocka_unit_test(a_cut_file_never_has_the_documents_signatures),
		cmocka_unit_test(flipped_bytes_lose_signatures_and_do_no_harm),
		cmocka_unit_test(a_file_is_replaced_whole),
		cmocka_unit_test(a_replacement_that_fails_leaves_the_old_file),
		cmocka_unit_test(what_is_no_plain_file_is_not_read),
		cmocka_unit_test(made_keys_load_as_their_kind_and_no_other),
		cmocka_unit_test(keys_that_others_may_read_are_refused),
		cmocka_unit_test(damaged_key_files_are_refused_and_not_quoted),
	};

	if (lm_base_init(NULL) != 0)
		return 1;
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
