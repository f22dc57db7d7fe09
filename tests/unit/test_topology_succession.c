/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/topology: times as text, when a document is in force, which one a reader takes after another,
 * and what it inherits. One test for each refusal.
 */
#include <errno.h>
#include <time.h>

#include "topology_documents.h"

#define ENDED (FROM_S + SPAN_S) /* when the document of epoch 7 ends */

/* ---- Times ---- */

static void times_are_those_of_the_c_library(void **state)
{
	struct lm_prng prng;

	(void)state;
	lm_prng_init(&prng, (const uint8_t[32]){1});
	for (unsigned i = 0; i < 20000; i++) {
		uint64_t time_s = ((uint64_t)lm_prng_u32(&prng) << 32 | lm_prng_u32(&prng)) %
				  UINT64_C(253402300800);
		char text[LM_TOPOLOGY_TIME], wanted[64];
		struct tm parts;
		time_t as_time;
		uint64_t back;

		time_s = i == 0 ? 0 : i == 1 ? UINT64_C(253402300799) : time_s;
		as_time = (time_t)time_s;
		assert_non_null(gmtime_r(&as_time, &parts));
		strftime(wanted, sizeof(wanted), "%Y-%m-%dT%H:%M:%SZ", &parts);
		lm_topology_format_time(text, time_s);
		assert_string_equal(text, wanted);
		assert_true(lm_topology_parse_time(&back, text));
		assert_true(back == time_s);
	}
}

static void text_that_is_no_time_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"2026-11-25T12:00:00",
		"2026-11-25T12:00:00z",
		"2026-11-25 12:00:00Z",
		"2026-11-25T12:00:00Z ",
		" 2026-11-25T12:00:00Z",
		"2026-11-25T12:00:00.5Z",
		"2026-11-25T12:00:60Z",
		"2026-11-25T12:60:00Z",
		"2026-11-25T24:00:00Z",
		"2026-11-31T12:00:00Z",
		"2026-02-29T12:00:00Z",
		"2100-02-29T12:00:00Z",
		"2026-13-01T12:00:00Z",
		"2026-00-01T12:00:00Z",
		"2026-01-00T12:00:00Z",
		"1969-12-31T23:59:59Z",
		"+026-11-25T12:00:00Z",
		"2026-1 -25T12:00:00Z",
		"2026-11-25T-1:00:00Z",
		"2026-11-25T12:00:00+00:00",
	};
	uint64_t time_s;

	(void)state;
	for (size_t i = 0; i < LM_COUNT(bad); i++)
		if (lm_topology_parse_time(&time_s, bad[i]))
			fail_msg("\"%s\"", bad[i]);
	assert_true(lm_topology_parse_time(&time_s, "2024-02-29T12:00:00Z"));
	assert_true(lm_topology_parse_time(&time_s, "2000-02-29T12:00:00Z"));
}

static void the_epoch_is_the_documents_and_then_the_next(void **state)
{
	const struct lm_topology topology = {.epoch = 7,
					     .from_s = FROM_S,
					     .until_s = FROM_S + SPAN_S};

	(void)state;
	assert_int_equal(lm_topology_epoch_at(&topology, 0), 7);
	assert_int_equal(lm_topology_epoch_at(&topology, FROM_S), 7);
	assert_int_equal(lm_topology_epoch_at(&topology, ENDED - 1), 7);
	assert_int_equal(lm_topology_epoch_at(&topology, ENDED), 8);
	assert_int_equal(lm_topology_epoch_at(&topology, ENDED + 100 * SPAN_S), 8);
}

/* ---- Succession ---- */

/* The good document, as of an epoch, from a time on, behind another. */
static json_t *document_of(uint32_t epoch, uint64_t from_s, const struct lm_topology *previous)
{
	json_t *document = make_document(epoch, 2);
	char text[LM_TOPOLOGY_TIME], hex[65];

	add_node(document, 500, 1);
	add_node(document, 20, 2);
	add_node(document, 300, 0);
	lm_topology_format_time(text, from_s);
	json_object_set_new(document, "from", json_string(text));
	lm_topology_format_time(text, from_s + SPAN_S);
	json_object_set_new(document, "until", json_string(text));
	if (previous) {
		lm_hex_encode(hex, previous->hash.b, sizeof(previous->hash.b));
		json_object_set_new(document, "previous", json_string(hex));
	}
	return document;
}

static void assert_taken(struct lm_topology *next, const struct lm_topology *newest, uint64_t now_s)
{
	struct lm_error err = {"not set"};

	assert_int_equal(lm_topology_succeeds(next, newest, now_s, "net.json", &err),
			 LM_SUCCESSION_TAKEN);
	assert_string_equal(err.text, "not set");
	lm_topology_free(next);
}

static void assert_refused(json_t *document, const struct lm_topology *newest, uint64_t now_s,
			   enum lm_succession refusal, const char *message)
{
	struct lm_topology *next = parse_good(document);
	struct lm_error err = {""};

	assert_int_equal(lm_topology_succeeds(next, newest, now_s, "net.json", &err), refusal);
	if (strcmp(err.text, message) != 0)
		fail_msg("%s", err.text);
	lm_topology_free(next);
}

static struct lm_topology *seventh(void)
{
	return parse_good(document_of(7, FROM_S, NULL));
}

static void what_follows_is_taken_from_one_epoch_before_to_one_after(void **state)
{
	struct lm_topology *newest = seventh();

	(void)state;
	assert_taken(seventh(), NULL, FROM_S - SPAN_S);
	assert_taken(seventh(), NULL, FROM_S);
	assert_taken(seventh(), NULL, ENDED + SPAN_S);
	assert_taken(parse_good(document_of(8, ENDED, newest)), newest, FROM_S);
	assert_taken(parse_good(document_of(8, ENDED, newest)), newest, ENDED + 2 * SPAN_S);
	lm_topology_free(newest);
}

static void the_one_in_force_stays_however_old(void **state)
{
	struct lm_topology *newest = seventh();

	(void)state;
	assert_taken(seventh(), newest, ENDED + 100 * SPAN_S);
	assert_taken(seventh(), newest, 0);
	lm_topology_free(newest);
}

static void an_expired_one_is_refused(void **state)
{
	struct lm_topology *newest = seventh();

	(void)state;
	assert_refused(document_of(7, FROM_S, NULL), NULL, ENDED + SPAN_S + 1,
		       LM_SUCCESSION_EXPIRED,
		       "net.json: epoch 7: has expired: ended 2026-11-25T12:20:00Z, more than an "
		       "epoch ago; get a newer one");
	assert_refused(document_of(8, ENDED, newest), newest, ENDED + 2 * SPAN_S + 1,
		       LM_SUCCESSION_EXPIRED,
		       "net.json: epoch 8: has expired: ended 2026-11-25T12:40:00Z, more than an "
		       "epoch ago; get a newer one");
	lm_topology_free(newest);
}

static void one_from_the_future_is_refused(void **state)
{
	struct lm_topology *newest = seventh();

	(void)state;
	assert_refused(document_of(7, FROM_S, NULL), NULL, FROM_S - SPAN_S - 1,
		       LM_SUCCESSION_FUTURE,
		       "net.json: epoch 7: is from the future: begins 2026-11-25T12:00:00Z, more "
		       "than an epoch from now; is the clock right?");
	assert_refused(document_of(8, ENDED, newest), newest, FROM_S - 1, LM_SUCCESSION_FUTURE,
		       "net.json: epoch 8: is from the future: begins 2026-11-25T12:20:00Z, more "
		       "than an epoch from now; is the clock right?");
	lm_topology_free(newest);
}

static void an_older_one_is_refused(void **state)
{
	struct lm_topology *newest = seventh();

	(void)state;
	assert_refused(document_of(6, FROM_S - SPAN_S, NULL), newest, FROM_S, LM_SUCCESSION_OLDER,
		       "net.json: epoch 6: is older than that of epoch 7, which was taken");
	lm_topology_free(newest);
}

static void another_one_of_the_same_epoch_is_refused(void **state)
{
	struct lm_topology *newest = seventh();
	json_t *other = document_of(7, FROM_S, NULL);

	(void)state;
	change(other, "profile", "0");
	assert_refused(other, newest, FROM_S, LM_SUCCESSION_FORK,
		       "net.json: epoch 7: is not the document of this epoch that was taken: the "
		       "authorities have signed two");
	lm_topology_free(newest);
}

static void one_behind_another_is_refused(void **state)
{
	struct lm_topology *newest = seventh();
	json_t *none = document_of(8, ENDED, NULL), *other = document_of(8, ENDED, newest);
	static const char message[] =
		"net.json: epoch 8: `previous` is not the hash of the document of epoch 7 that was "
		"taken: the authorities have signed two";

	(void)state;
	assert_refused(none, newest, ENDED, LM_SUCCESSION_FORK, message);
	json_object_set_new(other, "previous", make_hex(1, 2, 3));
	assert_refused(other, newest, ENDED, LM_SUCCESSION_FORK, message);
	lm_topology_free(newest);
}

static void one_that_does_not_begin_at_the_end_is_refused(void **state)
{
	static const char message[] =
		"net.json: epoch 8: does not begin when the one before ends; that of epoch 7 ends "
		"2026-11-25T12:20:00Z";
	struct lm_topology *newest = seventh();

	(void)state;
	assert_refused(document_of(8, ENDED - 1, newest), newest, ENDED, LM_SUCCESSION_GAP,
		       message);
	assert_refused(document_of(8, ENDED + 1, newest), newest, ENDED, LM_SUCCESSION_GAP,
		       message);
	lm_topology_free(newest);
}

static void one_that_changes_a_promised_key_is_refused(void **state)
{
	struct lm_topology *newest = seventh();
	json_t *document;
	char value[80], path[32], message[200];

	(void)state;
	for (uint32_t epoch = 8; epoch <= 9; epoch++) {
		document = document_of(8, ENDED, newest);
		snprintf(path, sizeof(path), "nodes.1.keys.%u", epoch);
		snprintf(value, sizeof(value), "\"%s\"",
			 "aa00000000000000000000000000000000000000000000000000000000000044");
		change(document, path, value);
		snprintf(message, sizeof(message),
			 "net.json: epoch 8: node 20 has another key of epoch %u than the document "
			 "of epoch 7 has promised",
			 epoch);
		assert_refused(document, newest, ENDED, LM_SUCCESSION_PROMISE, message);
	}
	/* the one that is new was promised by nobody */
	document = document_of(8, ENDED, newest);
	change(document, "nodes.1.keys.10", value);
	assert_taken(parse_good(document), newest, ENDED);
	/* nor do promises bind who is gone, or new */
	document = document_of(8, ENDED, newest);
	json_array_remove(json_object_get(document, "nodes"), 1);
	add_node(document, 21, 2);
	assert_taken(parse_good(document), newest, ENDED);
	lm_topology_free(newest);
}

static void who_was_away_takes_a_later_one(void **state)
{
	struct lm_topology *newest = seventh();
	json_t *document;

	(void)state;
	for (uint32_t epochs = 2; epochs < 600; epochs += 7)
		assert_taken(parse_good(document_of(7 + epochs, FROM_S + epochs * SPAN_S, NULL)),
			     newest, FROM_S + epochs * SPAN_S);
	/* an epoch between of one second */
	assert_taken(parse_good(document_of(9, ENDED + 1, NULL)), newest, ENDED);
	assert_refused(document_of(9, ENDED, NULL), newest, ENDED, LM_SUCCESSION_GAP,
		       "net.json: epoch 9: does not begin when the one before ends; that of epoch "
		       "7 ends 2026-11-25T12:20:00Z");
	document = document_of(9, ENDED + SPAN_S, NULL);
	change(document, "nodes.0.keys.9",
	       "\"aa00000000000000000000000000000000000000000000000000000000000044\"");
	assert_refused(document, newest, ENDED, LM_SUCCESSION_PROMISE,
		       "net.json: epoch 9: node 500 has another key of epoch 9 than the document "
		       "of epoch 7 has promised");
	/* 256 epochs later the kids are the same, and the keys others */
	document = document_of(7 + 256, FROM_S + 256 * SPAN_S, NULL);
	assert_taken(parse_good(document), newest, FROM_S + 256 * SPAN_S);
	lm_topology_free(newest);
}

static void every_refusal_has_a_name(void **state)
{
	(void)state;
	for (int i = LM_SUCCESSION_TAKEN; i <= LM_SUCCESSION_PROMISE; i++)
		for (int j = LM_SUCCESSION_TAKEN; j < i; j++)
			assert_string_not_equal(lm_succession_name((enum lm_succession)i),
						lm_succession_name((enum lm_succession)j));
}

/* ---- Inheritance ---- */

static void keys_of_the_epoch_before_are_inherited(void **state)
{
	struct lm_topology *before = seventh(), *next;
	json_t *document = document_of(8, ENDED, before);

	(void)state;
	add_node(document, 21, 2); /* new */
	/* the same id, but somebody else */
	change(document, "nodes.1.identity",
	       "\"aa00000000000000000000000000000000000000000000000000000000000055\"");
	next = parse_good(document);
	assert_null(lm_topology_key(lm_topology_find(next, 500), 7));
	assert_true(lm_topology_inherit(next, before));
	for (uint8_t kid = 7; kid <= 10; kid++)
		assert_int_equal(lm_topology_key(lm_topology_find(next, 500), kid)->b[4], kid);
	assert_null(lm_topology_key(lm_topology_find(next, 20), 7));
	assert_null(lm_topology_key(lm_topology_find(next, 21), 7));
	assert_non_null(lm_topology_key(lm_topology_find(next, 300), 7));
	assert_int_equal(lm_topology_find(next, 500)->keys, LM_TOPOLOGY_NODE_KEYS);
	/* a second time nothing changes, and nothing is written behind the keys */
	assert_true(lm_topology_inherit(next, before));
	assert_int_equal(lm_topology_find(next, 500)->keys, LM_TOPOLOGY_NODE_KEYS);
	lm_topology_free(before);
	lm_topology_free(next);
}

static void the_same_document_read_again_inherits_the_same(void **state)
{
	struct lm_topology *before = seventh();
	struct lm_topology *next = parse_good(document_of(8, ENDED, before));
	struct lm_topology *again = parse_good(document_of(8, ENDED, before));

	(void)state;
	assert_true(lm_topology_inherit(next, before));
	assert_true(lm_topology_inherit(again, next));
	assert_int_equal(lm_topology_key(lm_topology_find(again, 500), 7)->b[4], 7);
	assert_int_equal(lm_topology_find(again, 500)->keys, LM_TOPOLOGY_NODE_KEYS);
	lm_topology_free(before);
	lm_topology_free(next);
	lm_topology_free(again);
}

static void who_missed_documents_has_the_keys_that_an_older_one_promised(void **state)
{
	struct lm_topology *before = seventh();

	(void)state;
	for (unsigned missed = 1; missed < LM_TOPOLOGY_KEYS; missed++) {
		uint32_t epoch = 8 + missed;
		struct lm_topology *next =
			parse_good(document_of(epoch, ENDED + missed * SPAN_S, before));

		assert_true(lm_topology_inherit(next, before));
		for (uint32_t kid = epoch - 1; kid <= epoch + 2; kid++)
			assert_int_equal(
				lm_topology_key(lm_topology_find(next, 500), (uint8_t)kid)->b[4],
				kid);
		lm_topology_free(next);
	}
	lm_topology_free(before);
}

static void nothing_is_inherited_from_another_document(void **state)
{
	struct lm_topology *before = seventh(), *other, *next, *far;
	json_t *document = document_of(7, FROM_S, NULL);

	(void)state;
	change(document, "profile", "0");
	other = parse_good(document);
	next = parse_good(document_of(8, ENDED, before));
	far = parse_good(
		document_of(8 + LM_TOPOLOGY_KEYS, ENDED + LM_TOPOLOGY_KEYS * SPAN_S, before));
	assert_false(lm_topology_inherit(next, other));
	assert_false(lm_topology_inherit(far, before));
	assert_false(lm_topology_inherit(before, next));
	assert_int_equal(lm_topology_find(next, 500)->keys, LM_TOPOLOGY_KEYS);
	assert_int_equal(lm_topology_find(far, 500)->keys, LM_TOPOLOGY_KEYS);
	lm_topology_free(before);
	lm_topology_free(other);
	lm_topology_free(next);
	lm_topology_free(far);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_are_those_of_the_c_library),
		cmocka_unit_test(text_that_is_no_time_is_refused),
		cmocka_unit_test(the_epoch_is_the_documents_and_then_the_next),
		cmocka_unit_test(what_follows_is_taken_from_one_epoch_before_to_one_after),
		cmocka_unit_test(the_one_in_force_stays_however_old),
		cmocka_unit_test(an_expired_one_is_refused),
		cmocka_unit_test(one_from_the_future_is_refused),
		cmocka_unit_test(an_older_one_is_refused),
		cmocka_unit_test(another_one_of_the_same_epoch_is_refused),
		cmocka_unit_test(one_behind_another_is_refused),
		cmocka_unit_test(one_that_does_not_begin_at_the_end_is_refused),
		cmocka_unit_test(one_that_changes_a_promised_key_is_refused),
		cmocka_unit_test(who_was_away_takes_a_later_one),
		cmocka_unit_test(every_refusal_has_a_name),
		cmocka_unit_test(keys_of_the_epoch_before_are_inherited),
		cmocka_unit_test(the_same_document_read_again_inherits_the_same),
		cmocka_unit_test(who_missed_documents_has_the_keys_that_an_older_one_promised),
		cmocka_unit_test(nothing_is_inherited_from_another_document),
	};

	return RUN_TESTS(tests);
}
