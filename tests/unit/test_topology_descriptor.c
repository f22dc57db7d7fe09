/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/topology: descriptors are read as they were written, and every mistake in one is refused by
 * name.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "directory_testing.h"

#define FIRST 7

/* A good descriptor's signed file, and its bytes. */
struct made {
	struct net *net;
	char *text;
	size_t len;
	char *bytes;
};

static struct made make(void)
{
	struct made made = {.net = net_make(1, 1, 1, FIRST)};
	struct lm_build_file file;
	struct lm_signed parts;

	net_write(&file, made.net, 0, "descriptor");
	made.text = (char *)(uintptr_t)file.text;
	made.len = file.len;
	assert_int_equal(lm_signed_parse(&parts, made.text, made.len, "", NULL), 0);
	made.bytes = strndup(parts.bytes, parts.len);
	assert_non_null(made.bytes);
	return made;
}

static void free_made(struct made *made)
{
	free(made->text);
	free(made->bytes);
	free(made->net);
}

static void descriptor_comes_back_as_it_was(void **state)
{
	struct made made = make();
	const struct lm_descriptor *was = &made.net->node[0].descriptor;
	struct lm_descriptor is;
	struct lm_error err = {""};

	(void)state;
	if (lm_descriptor_parse(&is, made.text, made.len, "net", &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(is.id, was->id);
	assert_int_equal(is.made_s, was->made_s);
	assert_memory_equal(&is.identity, &was->identity, 32);
	assert_memory_equal(&is.link, &was->link, 32);
	assert_memory_equal(&is.link_proof, &was->link_proof, sizeof(is.link_proof));
	assert_int_equal(is.capacity, was->capacity);
	assert_int_equal(is.addresses, 2);
	assert_memory_equal(is.address, was->address, sizeof(is.address));
	assert_int_equal(is.keys, NET_KEYS);
	assert_memory_equal(is.key, was->key, sizeof(is.key));
	free_made(&made);
}

static void same_descriptor_has_the_same_bytes(void **state)
{
	struct made made = make();
	struct lm_build_file again;

	(void)state;
	net_write(&again, made.net, 0, "again");
	assert_int_equal(again.len, made.len);
	assert_memory_equal(again.text, made.text, made.len);
	free((char *)(uintptr_t)again.text);
	free_made(&made);
}

/* RFC 5952, section 4, and no embedded IPv4. */
static void addresses_are_written_in_one_form(void **state)
{
	static const struct {
		uint8_t ip[16];
		const char *text;
	} forms[] = {
		{{0x20, 0x01, 0x0d, 0xb8}, "2001:db8::"},
		{{0x20, 0x01, 0x0d, 0xb8, [15] = 1}, "2001:db8::1"},
		{{[15] = 1}, "::1"},
		{{0x20, 0x01, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1}, "2001:0:1::1:0:1"},
		{{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1},
		 "2001:db8:0:1:1:1:1:1"},
		{{0x20, 0x01, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1}, "2001:0:0:1::1"},
		{{0x20, 0x01, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 1}, "2001::1:1:0:0:1"},
		{{[12] = 192, 0, 2, 1}, "::c000:201"},
		{{0x20, 0x01, [14] = 0xab, 0xcd}, "2001::abcd"},
	};
	struct made made = make();
	struct lm_descriptor *descriptor = &made.net->node[0].descriptor, is;

	(void)state;
	for (size_t i = 0; i < LM_COUNT(forms); i++) {
		struct lm_build_file file;
		char expected[64];

		memcpy(descriptor->address[1].ip, forms[i].ip, 16);
		net_write(&file, made.net, 0, "descriptor");
		snprintf(expected, sizeof(expected), "{\"ip\": \"%s\", \"port\": 7000}]",
			 forms[i].text);
		if (!strstr(file.text, expected))
			fail_msg("not written: %s", expected);
		assert_int_equal(lm_descriptor_parse(&is, file.text, file.len, "", NULL), 0);
		assert_memory_equal(is.address[1].ip, forms[i].ip, 16);
		free((char *)(uintptr_t)file.text);
	}
	free_made(&made);
}

struct mistake {
	const char *what, *with, *message;
};

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

/* Each signed again, so that the form alone is wrong. */
static void mistakes_are_refused_by_name(void **state)
{
	static const struct mistake mistakes[] = {
		{"linemix-descriptor-v2", "linemix-topology-v2",
		 "format: \"linemix-topology-v2\" is no known format; linemix-descriptor-v2"},
		{"\"link\": {", "\"link\": {\"x\": 1, ",
		 "link: unknown field \"x\"; see FORMAT.md for the fields"},
		{"\"link\": {\"public\"", "\"link\": \"00\", \"lank\": {\"public\"",
		 "unknown field \"lank\"; see FORMAT.md for the fields"},
		{"\"id\": 1001", "\"id\": 0",
		 "id: 0 is out of range; a number from 1 to 4294967294"},
		{"\"id\": 1001, ", "", "id: is missing; a number from 1 to 4294967294"},
		{"\"id\": 1001", "\"id\": 1001, \"role\": \"mix\"",
		 "unknown field \"role\"; see FORMAT.md for the fields"},
		{"\"id\": 1001", "\"id\": 1001, \"operator\": \"x\"",
		 "unknown field \"operator\"; see FORMAT.md for the fields"},
		{"\"id\": 1001", "\"id\": 1.0", "id: is no integer; a number from 1 to 4294967294"},
		{"\"capacity\": 2001", "\"capacity\": 4294967296",
		 "capacity: 4294967296 is out of range; a number from 1 to 4294967295"},
		{"\"10.0.3.233\"", "\"10.0.3\"",
		 "addresses[0].ip: \"10.0.3\" is no address; as \"192.0.2.1\" or \"2001:db8::1\""},
		{"\"10.0.3.233\"", "\"224.0.0.1\"",
		 "addresses[0].ip: 224.0.0.1 is no host's address; a unicast address"},
		{"\"port\": 7000", "\"port\": 0",
		 "addresses[0].port: 0 is out of range; a number from 1 to 65535"},
		{"\"2001:db8::e903:0\"", "\"10.0.3.233\"",
		 "addresses: 0 and 1 are the same; list each once"},
		{"\"7\": {", "\"07\": {", "keys: \"07\" is no epoch; its full number in decimal"},
		{"\"7\": {", "\"-7\": {", "keys: \"-7\" is no epoch; its full number in decimal"},
		{"\"7\": {", "\"7 \": {", "keys: \"7 \" is no epoch; its full number in decimal"},
		{"\"7\": {", "\"4294967296\": {",
		 "keys: \"4294967296\" is no epoch; its full number in decimal"},
		{"\"7\": {", "\"4294967295\": {",
		 "keys: \"4294967295\" is no epoch; its full number in decimal"},
		{"\"7\": {", "\"5\": {", "keys.6: is missing; epochs without a gap"},
		{"\"8\": {\"public\": ", "\"8\": {\"x\": 1, \"public\": ",
		 "keys.8: unknown field \"x\"; see FORMAT.md for the fields"},
		{"\"8\": {\"public\": \"",
		 "\"8\": {\"public\": \"" ZEROS "\", \"proof\": \"\"}, "
		 "\"13\": {\"public\": \"",
		 "keys.8.public: has small order; a public key made from a secret"},
		{"\"made\": \"2026", "\"made\": \"1969",
		 "made: \"1969-11-25T09:50:00Z\" is no time; UTC as 2026-11-25T12:00:00Z"},
	};
	struct made made = make();

	(void)state;
	for (size_t i = 0; i < LM_COUNT(mistakes); i++) {
		char *bytes = replaced(made.bytes, mistakes[i].what, mistakes[i].with);
		struct lm_descriptor descriptor;
		struct lm_error err = {""};
		char expected[512], *text;
		size_t len;

		text = net_sign(&len, &made.net->node[0].identity, bytes);
		snprintf(expected, sizeof(expected), "net: %s", mistakes[i].message);
		if (lm_descriptor_parse(&descriptor, text, len, "net", &err) != -EINVAL ||
		    strcmp(err.text, expected) != 0)
			fail_msg("%s: \"%s\"", mistakes[i].with, err.text);
		free(bytes);
		free(text);
	}
	free_made(&made);
}

static void one_key_is_of_one_epoch(void **state)
{
	struct made made = make();
	struct lm_build_file file;
	struct lm_descriptor descriptor;
	struct lm_error err = {""};

	(void)state;
	net_set_key(made.net, 0, 4, 77);
	net_set_key(made.net, 0, 2, 77);
	net_write(&file, made.net, 0, "descriptor");
	assert_int_equal(lm_descriptor_parse(&descriptor, file.text, file.len, "net", &err),
			 -EINVAL);
	assert_string_equal(err.text,
			    "net: keys.11: is the key of epoch 9 too; every epoch has its own");
	free((char *)(uintptr_t)file.text);
	free_made(&made);
}

static void number_of_keys_is_bounded(void **state)
{
	struct made made = make();
	struct lm_descriptor *descriptor = &made.net->node[0].descriptor, is;
	struct lm_error err = {""};
	struct lm_build_file file;

	(void)state;
	descriptor->keys = 2;
	net_write(&file, made.net, 0, "descriptor");
	assert_int_equal(lm_descriptor_parse(&is, file.text, file.len, "net", &err), -EINVAL);
	assert_string_equal(err.text, "net: keys: has 2 epochs; 3 to 64");
	free((char *)(uintptr_t)file.text);
	descriptor->keys = LM_DESCRIPTOR_KEYS;
	for (unsigned i = 0; i < LM_DESCRIPTOR_KEYS; i++) {
		descriptor->key[i].epoch = FIRST + i;
		net_set_key(made.net, 0, i, 500 + i);
	}
	net_write(&file, made.net, 0, "descriptor");
	if (lm_descriptor_parse(&is, file.text, file.len, "net", &err) != 0)
		fail_msg("%s", err.text);
	assert_memory_equal(is.key, descriptor->key, sizeof(is.key));
	assert_in_range(file.len, 0, LM_DESCRIPTOR_BYTES);
	free((char *)(uintptr_t)file.text);
	free_made(&made);
}

static void signatures_of_others_are_refused(void **state)
{
	struct made made = make();
	struct lm_descriptor descriptor;
	struct lm_error err = {""};
	struct lm_signed parts;
	char *text;
	size_t len;

	(void)state;
	text = net_sign(&len, &made.net->node[1].identity, made.bytes);
	assert_int_equal(lm_descriptor_parse(&descriptor, text, len, "net", &err), -EBADMSG);
	assert_string_equal(err.text, "net: is not signed by its identity; one signature, by it");
	free(text);
	/* Its own, and another's beside it. */
	assert_int_equal(lm_signed_parse(&parts, made.text, made.len, "", NULL), 0);
	parts.by[1] = made.net->node[1].descriptor.identity;
	parts.n = 2;
	assert_int_equal(lm_signed_format(&text, &len, &parts), 0);
	assert_int_equal(lm_descriptor_parse(&descriptor, text, len, "net", &err), -EBADMSG);
	free(text);
	parts.n = 0;
	assert_int_equal(lm_signed_format(&text, &len, &parts), 0);
	assert_int_equal(lm_descriptor_parse(&descriptor, text, len, "net", &err), -EBADMSG);
	free(text);
	free_made(&made);
}

static void cut_and_damaged_files_are_refused(void **state)
{
	struct made made = make();
	struct lm_descriptor descriptor;

	(void)state;
	for (size_t len = 0; len < made.len; len++) {
		char *cut = guarded_alloc(len ? len : 1, GUARD_AFTER);

		memcpy(cut, made.text, len);
		if (lm_descriptor_parse(&descriptor, cut, len, "net", NULL) == 0)
			fail_msg("%zu bytes of %zu are a descriptor", len, made.len);
		guarded_free(cut, len ? len : 1, GUARD_AFTER);
	}
	for (size_t i = 0; i < made.len; i++) {
		/* The case of a digit in front of the document changes nothing. */
		if (made.text[i] >= 'a' && made.text[i] <= 'f' && i < made.len - strlen(made.bytes))
			continue;
		made.text[i] ^= 0x20;
		if (lm_descriptor_parse(&descriptor, made.text, made.len, "net", NULL) == 0)
			fail_msg("byte %zu does not count", i);
		made.text[i] ^= 0x20;
	}
	free_made(&made);
}

static void larger_files_are_refused_unread(void **state)
{
	char *text = calloc(1, LM_DESCRIPTOR_BYTES + 1);
	struct lm_descriptor descriptor;
	struct lm_error err = {""};

	(void)state;
	assert_non_null(text);
	assert_int_equal(lm_descriptor_parse(&descriptor, text, LM_DESCRIPTOR_BYTES + 1, "net",
					     &err),
			 -EFBIG);
	free(text);
}

static void assert_glance(int expected, const struct made *made, uint32_t id, unsigned identity,
			  const char *text, size_t len)
{
	struct lm_error err = {""};
	int rc = lm_descriptor_glance(id, &made->net->node[identity].descriptor.identity, text, len,
				      "net", &err);

	if (rc != expected)
		fail_msg("%d: %s", rc, err.text);
	if (rc != 0)
		assert_memory_equal(err.text, "net: ", 5);
}

/* What is passed on: the member's own word, be it right or wrong, and nobody else's. */
static void at_a_glance_strangers_words_are_refused(void **state)
{
	struct made made = make();
	char *bytes, *text;
	size_t len;

	(void)state;
	assert_glance(0, &made, 1001, 0, made.text, made.len);
	assert_glance(-EBADMSG, &made, 9001, 0, made.text, made.len);
	assert_glance(-EBADMSG, &made, 1001, 1, made.text, made.len);
	for (size_t cut = 0; cut < made.len; cut += 17)
		assert_int_not_equal(lm_descriptor_glance(1001,
							  &made.net->node[0].descriptor.identity,
							  made.text, cut, "net", NULL),
				     0);
	/* signed by the node's identity, but without form, or in the name of another */
	text = net_sign(&len, &made.net->node[0].identity, "{}");
	assert_glance(-EINVAL, &made, 1001, 0, text, len);
	free(text);
	bytes = replaced(made.bytes, "\"id\": 1001", "\"id\": 9001");
	text = net_sign(&len, &made.net->node[0].identity, bytes);
	assert_glance(-EBADMSG, &made, 1001, 0, text, len);
	assert_glance(0, &made, 9001, 0, text, len); /* proofs are for who builds */
	free(bytes);
	free(text);
	bytes = replaced(made.bytes, "\"identity\": \"", "\"identity\": \"00");
	strcpy(strstr(bytes, "\"identity\": \"00") + 15, strstr(made.bytes, "\"identity\"") + 15);
	text = net_sign(&len, &made.net->node[0].identity, bytes);
	assert_glance(-EBADMSG, &made, 1001, 0, text, len);
	free(bytes);
	free(text);
	made.text[made.len - 2] ^= 1;
	assert_glance(-EBADMSG, &made, 1001, 0, made.text, made.len);
	text = calloc(1, LM_DESCRIPTOR_BYTES + 1);
	assert_non_null(text);
	assert_glance(-EFBIG, &made, 1001, 0, text, LM_DESCRIPTOR_BYTES + 1);
	free(text);
	free_made(&made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(descriptor_comes_back_as_it_was),
		cmocka_unit_test(same_descriptor_has_the_same_bytes),
		cmocka_unit_test(addresses_are_written_in_one_form),
		cmocka_unit_test(mistakes_are_refused_by_name),
		cmocka_unit_test(one_key_is_of_one_epoch),
		cmocka_unit_test(number_of_keys_is_bounded),
		cmocka_unit_test(signatures_of_others_are_refused),
		cmocka_unit_test(cut_and_damaged_files_are_refused),
		cmocka_unit_test(larger_files_are_refused_unread),
		cmocka_unit_test(at_a_glance_strangers_words_are_refused),
	};

	if (lm_base_init(NULL) != 0)
		return 1;
	return RUN_TESTS(tests);
}
