/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The topologies that a node goes by, from real signed files: what is taken, what is refused and
 * counted, and what the state folder keeps.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "documents.h"
#include "topology_documents.h"

#define ENDED (FROM_S + SPAN_S) /* when the document of epoch 7 ends */

static struct lm_signer signer[4]; /* the last is no authority */
static struct lm_authorities authorities = {.n = 3, .threshold = 2};

struct place {
	char root[64], state[80], file[80];
};

static void place_make(struct place *place)
{
	strcpy(place->root, "/tmp/linemix-test-XXXXXX");
	assert_non_null(mkdtemp(place->root));
	snprintf(place->state, sizeof(place->state), "%s/state", place->root);
	snprintf(place->file, sizeof(place->file), "%s/topology.json", place->root);
}

static void place_remove(struct place *place)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", place->root);
	assert_int_equal(system(command), 0);
}

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

static json_t *seventh(void)
{
	return document_of(7, FROM_S, NULL);
}

/* Replaces the file by the document, which it gives up, signed by some; `bits` says by whom. */
static void publish_by(const struct place *place, json_t *document, unsigned bits)
{
	char *bytes = json_dumps(document, JSON_COMPACT), *text;
	struct lm_signed file = {.bytes = bytes, .len = strlen(bytes)};
	struct lm_error err;
	size_t len;

	for (unsigned i = 0; i < LM_COUNT(signer); i++) {
		struct lm_signature signature;
		struct lm_verifier by;

		if (!(bits >> i & 1))
			continue;
		lm_signer_public(&by, &signer[i]);
		lm_sign(&signature, &signer[i], file.bytes, file.len);
		assert_int_equal(lm_signed_add(&file, &by, &signature), 0);
	}
	assert_int_equal(lm_signed_format(&text, &len, &file), 0);
	assert_int_equal(lm_file_replace(place->file, text, len, 0644, &err), 0);
	free(text);
	free(bytes);
	json_decref(document);
}

static void publish(const struct place *place, json_t *document)
{
	publish_by(place, document, 3);
}

static void write_bytes(const struct place *place, const char *bytes, size_t len)
{
	struct lm_error err;

	assert_int_equal(lm_file_replace(place->file, bytes, len, 0644, &err), 0);
}

static int try_open(struct documents *documents, const struct place *place, bool kept,
		    uint64_t now_s, struct lm_error *err)
{
	struct lm_error warn;

	return documents_open(documents, place->file, kept ? place->state : "", &authorities, now_s,
			      &warn, err);
}

static void open_good(struct documents *documents, const struct place *place, bool kept,
		      uint64_t now_s)
{
	struct lm_error err;

	if (try_open(documents, place, kept, now_s, &err) != 0)
		fail_msg("%s", err.text);
}

static void read_good(struct documents *documents, uint64_t now_s, int wanted)
{
	struct lm_error err = {""};

	if (documents_read(documents, now_s, &err) != wanted)
		fail_msg("%s", err.text);
}

/* Refused and counted once, under this reason alone; what was there is there. */
static void assert_refused(struct documents *documents, uint64_t now_s, enum lm_succession reason,
			   const char *message)
{
	const struct lm_topology *now = documents->now, *next = documents->next;
	uint64_t before[LM_SUCCESSION_PROMISE + 1];
	struct lm_error err = {""};

	memcpy(before, documents->refused, sizeof(before));
	assert_true(documents_read(documents, now_s, &err) < 0);
	if (!strstr(err.text, message))
		fail_msg("%s", err.text);
	before[reason]++;
	assert_memory_equal(documents->refused, before, sizeof(before));
	assert_ptr_equal(documents->now, now);
	assert_ptr_equal(documents->next, next);
}

static bool is_kept(const struct place *place, uint32_t epoch)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/document-%u", place->state, epoch);
	return access(path, F_OK) == 0;
}

/* ---- Taking ---- */

static void one_follows_another_by_time(void **state)
{
	struct documents documents;
	struct place place;

	(void)state;
	place_make(&place);
	publish(&place, seventh());
	open_good(&documents, &place, false, FROM_S);
	assert_int_equal(documents.now->epoch, 7);
	assert_int_equal(documents_target(&documents, ENDED - 1).epoch, 7);
	assert_int_equal(documents_target(&documents, ENDED).epoch, 8);
	assert_true(documents_change_s(&documents, FROM_S) == ENDED);
	assert_true(documents_change_s(&documents, ENDED) == UINT64_MAX);
	read_good(&documents, FROM_S, 0);

	publish(&place, document_of(8, ENDED, documents.now));
	read_good(&documents, FROM_S + 1, 1);
	assert_int_equal(documents.next->epoch, 8);
	assert_ptr_equal(documents_target(&documents, ENDED - 1).topology, documents.now);
	assert_ptr_equal(documents_target(&documents, ENDED).topology, documents.next);
	assert_int_equal(documents_target(&documents, ENDED).epoch, 8);
	assert_int_equal(documents_target(&documents, ENDED + SPAN_S).epoch, 9);
	assert_true(documents_change_s(&documents, FROM_S + 1) == ENDED);
	documents_go(&documents, documents.next);
	assert_int_equal(documents.now->epoch, 8);
	assert_null(documents.next);
	assert_true(documents_change_s(&documents, ENDED) == ENDED + SPAN_S);
	/* the key of the epoch before goes on */
	assert_non_null(lm_topology_key(lm_topology_find(documents.now, 500), 7));
	documents_close(&documents);
	place_remove(&place);
}

/* Its nodes part while keys of its epoch are accepted. */
static void the_one_before_is_known_for_an_epoch(void **state)
{
	struct documents documents;
	struct place place;

	(void)state;
	place_make(&place);
	publish(&place, seventh());
	open_good(&documents, &place, true, FROM_S);
	assert_null(documents_parting(&documents, documents.now, 7));
	publish(&place, document_of(8, ENDED, documents.now));
	read_good(&documents, FROM_S + 1, 1);
	assert_ptr_equal(documents_parting(&documents, documents.next, 8), documents.now);
	documents_go(&documents, documents.next);
	for (unsigned restarts = 0; restarts < 2; restarts++) {
		assert_int_equal(documents_parting(&documents, documents.now, 8)->epoch, 7);
		assert_null(documents_parting(&documents, documents.now, 9));
		documents_close(&documents);
		open_good(&documents, &place, true, ENDED + 1);
		assert_int_equal(documents.now->epoch, 8);
	}
	documents_close(&documents);
	place_remove(&place);
}

static void one_that_has_not_come_into_force_is_passed_over(void **state)
{
	struct documents documents;
	struct place place;

	(void)state;
	place_make(&place);
	publish(&place, seventh());
	open_good(&documents, &place, false, FROM_S);
	publish(&place, document_of(8, ENDED, documents.now));
	read_good(&documents, FROM_S, 1);
	publish(&place, document_of(9, ENDED + SPAN_S, documents.next));
	read_good(&documents, ENDED, 1);
	assert_int_equal(documents.now->epoch, 7);
	assert_int_equal(documents.next->epoch, 9);
	assert_int_equal(documents_target(&documents, ENDED + 1).epoch, 8);
	assert_non_null(lm_topology_key(lm_topology_find(documents.next, 500), 8));
	documents_close(&documents);
	place_remove(&place);
}

static void a_laboratory_runs_at_the_documents_own_time(void **state)
{
	struct documents documents;
	struct place place;

	(void)state;
	place_make(&place);
	publish(&place, seventh());
	open_good(&documents, &place, false, DOCUMENTS_OWN_TIME);
	assert_int_equal(documents_target(&documents, DOCUMENTS_OWN_TIME).epoch, 7);
	documents_close(&documents);
	place_remove(&place);
}

static void a_replaced_file_is_seen(void **state)
{
	struct documents documents;
	struct place place;

	(void)state;
	place_make(&place);
	publish(&place, seventh());
	open_good(&documents, &place, false, FROM_S);
	assert_false(documents_changed(&documents));
	publish(&place, seventh()); /* the same bytes in another file */
	assert_true(documents_changed(&documents));
	read_good(&documents, FROM_S, 0);
	assert_false(documents_changed(&documents));
	assert_int_equal(unlink(place.file), 0);
	assert_true(documents_changed(&documents));
	assert_refused(&documents, FROM_S, LM_SUCCESSION_TAKEN, "No such file");
	assert_false(documents_changed(&documents));
	publish(&place, seventh());
	assert_true(documents_changed(&documents));
	documents_close(&documents);
	place_remove(&place);
}

/* ---- Refusing ---- */

static void what_does_not_follow_is_refused_by_its_reason(void **state)
{
	struct documents documents;
	struct place place;
	json_t *changed;

	(void)state;
	place_make(&place);
	publish(&place, seventh());
	open_good(&documents, &place, true, FROM_S);

	publish(&place, document_of(6, FROM_S - SPAN_S, NULL));
	assert_refused(&documents, FROM_S, LM_SUCCESSION_OLDER, "is older");
	changed = seventh();
	change(changed, "nodes.0.capacity", "1001");
	publish(&place, changed);
	assert_refused(&documents, FROM_S, LM_SUCCESSION_FORK, "epoch 7");
	publish(&place, document_of(8, ENDED, NULL));
	assert_refused(&documents, FROM_S, LM_SUCCESSION_FORK, "epoch 8");
	publish(&place, document_of(8, ENDED + 1, documents.now));
	assert_refused(&documents, FROM_S + 1, LM_SUCCESSION_GAP, "epoch 8");
	publish(&place, document_of(8, ENDED, documents.now));
	assert_refused(&documents, FROM_S - 1, LM_SUCCESSION_FUTURE, "from the future");
	assert_refused(&documents, ENDED + 2 * SPAN_S + 1, LM_SUCCESSION_EXPIRED, "has expired");
	changed = document_of(8, ENDED, documents.now);
	json_object_set_new(json_object_get(json_array_get(json_object_get(changed, "nodes"), 0),
					    "keys"),
			    "9", make_hex(500, 99, 0x11));
	publish(&place, changed);
	assert_refused(&documents, FROM_S, LM_SUCCESSION_PROMISE, "epoch 9");

	for (uint32_t epoch = 0; epoch < 20; epoch++)
		assert_int_equal(is_kept(&place, epoch), epoch == 7);
	publish(&place, document_of(8, ENDED, documents.now)); /* and goes on */
	read_good(&documents, FROM_S, 1);
	documents_close(&documents);
	place_remove(&place);
}

static void too_few_signatures_and_broken_files_are_refused(void **state)
{
	static const unsigned few[] = {0, 1, 4, 8, 9};
	struct documents documents;
	struct place place;
	struct lm_error err;
	char *text;
	size_t len;

	(void)state;
	place_make(&place);
	publish(&place, seventh());
	open_good(&documents, &place, false, FROM_S);
	for (size_t i = 0; i < LM_COUNT(few); i++) {
		publish_by(&place, document_of(8, ENDED, documents.now), few[i]);
		assert_refused(&documents, FROM_S, LM_SUCCESSION_TAKEN, place.file);
	}
	publish_by(&place, document_of(8, ENDED, documents.now), 15);
	assert_int_equal(lm_file_read(&text, &len, place.file, &err), 0);
	for (size_t cut = 0; cut < len; cut += cut < 700 ? 1 : 13) {
		write_bytes(&place, text, cut);
		assert_refused(&documents, FROM_S, LM_SUCCESSION_TAKEN, place.file);
	}
	text[len - 5] ^= 1;
	write_bytes(&place, text, len);
	assert_refused(&documents, FROM_S, LM_SUCCESSION_TAKEN, place.file);
	text[len - 5] ^= 1;
	write_bytes(&place, text, len);
	read_good(&documents, FROM_S, 1);
	free(text);
	documents_close(&documents);
	place_remove(&place);
}

static void there_is_no_start_without_a_document(void **state)
{
	struct documents documents;
	struct place place;
	struct lm_error err;

	(void)state;
	place_make(&place);
	assert_int_equal(try_open(&documents, &place, true, FROM_S, &err), -ENOENT);
	documents_close(&documents);
	publish(&place, seventh());
	assert_int_equal(try_open(&documents, &place, true, ENDED + SPAN_S + 1, &err), -EINVAL);
	assert_non_null(strstr(err.text, "has expired"));
	assert_null(documents.now);
	documents_close(&documents);
	assert_false(is_kept(&place, 7));
	place_remove(&place);
}

/* Who waits for a document waits for what time or others may mend, and for nothing else. */
static void what_may_come_is_told_from_what_stays_wrong(void **state)
{
	struct documents documents;
	struct place place;
	struct lm_error err;

	(void)state;
	place_make(&place);
	assert_true(
		documents_may_come(&documents, try_open(&documents, &place, true, FROM_S, &err)));
	documents_close(&documents);
	publish(&place, seventh());
	assert_true(documents_may_come(&documents, try_open(&documents, &place, true,
							    ENDED + SPAN_S + 1, &err)));
	documents_close(&documents);
	assert_true(documents_may_come(&documents, try_open(&documents, &place, true,
							    FROM_S - SPAN_S - 1, &err)));
	documents_close(&documents);

	publish_by(&place, seventh(), 1); /* others may sign it */
	assert_true(
		documents_may_come(&documents, try_open(&documents, &place, true, FROM_S, &err)));
	documents_close(&documents);
	write_bytes(&place, "cut", 3);
	assert_false(
		documents_may_come(&documents, try_open(&documents, &place, true, FROM_S, &err)));
	documents_close(&documents);
	publish(&place, seventh());
	assert_int_equal(chmod(place.state, 0777), 0);
	assert_false(
		documents_may_come(&documents, try_open(&documents, &place, true, FROM_S, &err)));
	documents_close(&documents);
	strcat(place.state, "/no/such"); /* the parent of the folder: no document is missing */
	assert_false(
		documents_may_come(&documents, try_open(&documents, &place, true, FROM_S, &err)));
	documents_close(&documents);
	place_remove(&place);
}

/* The network still goes by the one before, which was never taken here. */
static void a_document_alone_is_waited_for_until_it_begins(void **state)
{
	struct documents documents;
	struct place place;

	(void)state;
	place_make(&place);
	publish(&place, seventh()); /* the network begins with it */
	open_good(&documents, &place, true, FROM_S - 5);
	assert_int_equal(documents_wait_s(&documents, FROM_S - 5), 0);
	publish(&place, document_of(8, ENDED, documents.now));
	read_good(&documents, FROM_S, 1);
	assert_int_equal(documents_wait_s(&documents, FROM_S), 0);
	documents_close(&documents);

	open_good(&documents, &place, true, ENDED - 5); /* a restart that has kept the seventh */
	assert_int_equal(documents.now->epoch, 7);
	assert_int_equal(documents_wait_s(&documents, ENDED - 5), 0);
	documents_close(&documents);

	open_good(&documents, &place, false, ENDED - 5); /* and one that has not */
	assert_int_equal(documents.now->epoch, 8);
	assert_true(documents_wait_s(&documents, ENDED - 5) == ENDED);
	assert_true(documents_wait_s(&documents, ENDED - 1) == ENDED);
	assert_int_equal(documents_wait_s(&documents, ENDED), 0);
	assert_int_equal(documents_wait_s(&documents, DOCUMENTS_OWN_TIME), 0);
	documents_close(&documents);
	place_remove(&place);
}

/* Its time may come, or the clock be put right: the same file is taken then, and counted once. */
static void what_was_too_early_is_taken_later(void **state)
{
	struct documents documents;
	struct place place;
	struct lm_error err;

	(void)state;
	place_make(&place);
	publish(&place, seventh());
	open_good(&documents, &place, false, FROM_S);
	publish(&place, document_of(8, ENDED, documents.now));
	assert_false(documents.again);
	assert_refused(&documents, FROM_S - 2, LM_SUCCESSION_FUTURE, "future");
	assert_true(documents.again);
	assert_int_equal(documents_read(&documents, FROM_S - 1, &err), -EINVAL);
	assert_int_equal(documents.refused[LM_SUCCESSION_FUTURE], 1);
	read_good(&documents, FROM_S, 1);
	assert_false(documents.again);
	publish(&place, document_of(6, FROM_S - SPAN_S, NULL));
	assert_refused(&documents, FROM_S, LM_SUCCESSION_OLDER, "older");
	assert_false(documents.again);
	documents_close(&documents);
	place_remove(&place);
}

/* ---- The state folder ---- */

/* Epochs 7 to 9, in force one after another; ends in epoch 9. */
static void go_to_ninth(struct documents *documents, const struct place *place)
{
	publish(place, seventh());
	open_good(documents, place, true, FROM_S);
	for (uint32_t i = 1; i <= 2; i++) {
		publish(place, document_of(7 + i, FROM_S + i * SPAN_S, documents->now));
		read_good(documents, FROM_S + i * SPAN_S, 1);
		documents_go(documents, documents->next);
	}
}

static void the_newest_two_survive(void **state)
{
	struct documents documents;
	struct place place;
	struct stat status;

	(void)state;
	place_make(&place);
	go_to_ninth(&documents, &place);
	documents_close(&documents);
	assert_int_equal(stat(place.state, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0700);
	assert_false(is_kept(&place, 7));
	assert_true(is_kept(&place, 8) && is_kept(&place, 9));

	/* whoever replaces the file by an older one turns nothing back, nor who takes it away */
	publish(&place, seventh());
	open_good(&documents, &place, true, ENDED + SPAN_S);
	assert_int_equal(documents.now->epoch, 9);
	assert_null(documents.next);
	assert_int_equal(documents.refused[LM_SUCCESSION_OLDER], 1);
	assert_non_null(lm_topology_key(lm_topology_find(documents.now, 500), 8));
	documents_close(&documents);
	assert_int_equal(unlink(place.file), 0);
	open_good(&documents, &place, true, ENDED + 50 * SPAN_S); /* however old */
	assert_int_equal(documents.now->epoch, 9);
	documents_close(&documents);

	/* before its time the newest is the next one */
	open_good(&documents, &place, true, ENDED + 1);
	assert_int_equal(documents.now->epoch, 8);
	assert_int_equal(documents.next->epoch, 9);
	documents_close(&documents);
	place_remove(&place);
}

static void a_broken_one_is_left_aside(void **state)
{
	struct documents documents;
	struct lm_error err, warn;
	struct place place;
	char path[128];

	(void)state;
	place_make(&place);
	go_to_ninth(&documents, &place);
	documents_close(&documents);
	snprintf(path, sizeof(path), "%s/document-8", place.state);
	assert_int_equal(lm_file_replace(path, "cut", 3, 0600, &err), 0);
	assert_int_equal(documents_open(&documents, place.file, place.state, &authorities,
					ENDED + SPAN_S, &warn, &err),
			 0);
	assert_int_equal(documents.now->epoch, 9);
	assert_non_null(strstr(warn.text, "document-8"));
	documents_close(&documents);
	place_remove(&place);
}

/* Two documents of another network, of later epochs, do not push out what is taken. */
static void what_others_signed_is_not_what_is_kept(void **state)
{
	struct documents documents;
	struct lm_error err;
	struct place place;
	char path[128];

	(void)state;
	place_make(&place);
	assert_int_equal(mkdir(place.state, 0700), 0);
	for (unsigned epoch = 100; epoch < 102; epoch++) {
		snprintf(path, sizeof(path), "%s/document-%u", place.state, epoch);
		assert_int_equal(lm_file_replace(path, "other", 5, 0600, &err), 0);
	}
	go_to_ninth(&documents, &place);
	documents_close(&documents);
	assert_true(is_kept(&place, 8) && is_kept(&place, 9));
	assert_false(is_kept(&place, 100) || is_kept(&place, 101) || is_kept(&place, 7));
	place_remove(&place);
}

static void a_folder_of_others_is_refused(void **state)
{
	struct documents documents;
	struct lm_error err;
	struct place place;

	(void)state;
	place_make(&place);
	publish(&place, seventh());
	assert_int_equal(mkdir(place.state, 0700), 0);
	for (unsigned bits = 020; bits >= 02; bits /= 8) {
		assert_int_equal(chmod(place.state, 0700 | bits), 0);
		assert_int_equal(try_open(&documents, &place, true, FROM_S, &err), -EPERM);
		assert_non_null(strstr(err.text, "others may write here"));
		documents_close(&documents);
	}
	assert_int_equal(rmdir(place.state), 0);
	assert_int_equal(symlink(place.file, place.state), 0);
	assert_int_equal(try_open(&documents, &place, true, FROM_S, &err), -ENOTDIR);
	documents_close(&documents);
	place_remove(&place);
}

/* A restart would go back behind it. */
static void what_is_not_kept_is_not_taken(void **state)
{
	struct documents documents;
	struct lm_error err;
	struct place place;
	char path[128];

	(void)state;
	place_make(&place);
	publish(&place, seventh());
	open_good(&documents, &place, true, FROM_S);
	publish(&place, document_of(8, ENDED, documents.now));
	/* where the new one is written stands a folder, which not even root writes to */
	snprintf(path, sizeof(path), "%s/document-8", place.state);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_true(documents_read(&documents, FROM_S, &err) < 0);
	assert_non_null(strstr(err.text, "document-8"));
	assert_null(documents.next);
	assert_true(documents.again);
	assert_int_equal(rmdir(path), 0);
	read_good(&documents, FROM_S, 1); /* there is room again */
	assert_int_equal(documents.next->epoch, 8);
	documents_close(&documents);
	place_remove(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_follows_another_by_time),
		cmocka_unit_test(the_one_before_is_known_for_an_epoch),
		cmocka_unit_test(one_that_has_not_come_into_force_is_passed_over),
		cmocka_unit_test(a_laboratory_runs_at_the_documents_own_time),
		cmocka_unit_test(a_replaced_file_is_seen),
		cmocka_unit_test(what_does_not_follow_is_refused_by_its_reason),
		cmocka_unit_test(too_few_signatures_and_broken_files_are_refused),
		cmocka_unit_test(there_is_no_start_without_a_document),
		cmocka_unit_test(what_may_come_is_told_from_what_stays_wrong),
		cmocka_unit_test(a_document_alone_is_waited_for_until_it_begins),
		cmocka_unit_test(what_was_too_early_is_taken_later),
		cmocka_unit_test(the_newest_two_survive),
		cmocka_unit_test(a_broken_one_is_left_aside),
		cmocka_unit_test(what_others_signed_is_not_what_is_kept),
		cmocka_unit_test(a_folder_of_others_is_refused),
		cmocka_unit_test(what_is_not_kept_is_not_taken),
	};
	struct lm_error err;

	if (lm_base_init(&err) != 0)
		return 1;
	for (unsigned i = 0; i < LM_COUNT(signer); i++) {
		signer[i].b[0] = (uint8_t)(i + 1);
		if (i < authorities.n)
			lm_signer_public(&authorities.key[i], &signer[i]);
	}
	return RUN_TESTS(tests);
}
