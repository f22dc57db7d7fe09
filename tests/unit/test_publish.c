/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a relay publishes of itself: keys made ahead and a descriptor, epoch after epoch.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lm_epoch.h"
#include "measured.h"
#include "publish.h"
#include "testing.h"

#define ID     11
#define EPOCHS 6 /* made ahead, beside the one that is */
#define NOW_S  UINT64_C(1795608000)

struct place {
	char root[64], descriptor[96], command[128];
	struct relay_config config;
	struct publish publish;
};

static struct place *place_make(void)
{
	struct place *place = calloc(1, sizeof(*place));
	struct relay_config *config = &place->config;
	struct lm_error err;
	uint8_t public[32];

	strcpy(place->root, "/dev/shm/linemix-test-XXXXXX");
	assert_non_null(mkdtemp(place->root));
	snprintf(place->descriptor, sizeof(place->descriptor), "%s/descriptor", place->root);
	config->node.node = ID;
	config->node.limits.max_packets_per_second = 5000;
	snprintf(config->node.state, 96, "%s", place->root);
	snprintf(config->node.keys, 96, "%s/keys.json", place->root);
	snprintf(config->node.link.key, 96, "%s/link.key", place->root);
	snprintf(config->identity, 96, "%s/identity.key", place->root);
	config->publish.epochs = EPOCHS;
	config->publish.addresses = 2;
	strcpy(config->publish.address[0], "192.0.2.11:7000");
	strcpy(config->publish.address[1], "[2001:db8::b]:7001");
	assert_int_equal(lm_keyfile_make(public, LM_KEYFILE_IDENTITY, config->identity, &err), 0);
	assert_int_equal(lm_keyfile_make(public, LM_KEYFILE_LINK, config->node.link.key, &err), 0);
	if (publish_open(&place->publish, config, &err) != 0)
		fail_msg("%s", err.text);
	return place;
}

static void place_remove(struct place *place)
{
	publish_close(&place->publish);
	snprintf(place->command, sizeof(place->command), "rm -rf %s", place->root);
	assert_int_equal(system(place->command), 0);
	free(place);
}

static int try_update(struct place *place, const struct lm_topology_node *node, uint32_t sure,
		      uint32_t epoch, struct lm_error *err)
{
	const struct publish_time time = {sure, epoch, NOW_S};

	return publish_update(&place->publish, node, &time, err);
}

static void update(struct place *place, const struct lm_topology_node *node, uint32_t epoch,
		   uint64_t now_s)
{
	const struct publish_time time = {epoch, epoch, now_s};
	struct lm_error err;

	if (publish_update(&place->publish, node, &time, &err) != 0)
		fail_msg("%s", err.text);
}

/* The descriptor in the state folder, which is right in every respect. */
static struct lm_descriptor published(const struct place *place)
{
	struct lm_descriptor descriptor;
	struct lm_error err;
	char *text;
	size_t len;

	if (lm_file_read(&text, &len, place->descriptor, &err) != 0 ||
	    lm_descriptor_parse(&descriptor, text, len, place->descriptor, &err) != 0)
		fail_msg("%s", err.text);
	free(text);
	assert_int_equal(descriptor.id, ID);
	return descriptor;
}

static void assert_keys(const struct lm_descriptor *descriptor, uint32_t first, uint32_t last)
{
	assert_int_equal(descriptor->keys, last - first + 1);
	assert_int_equal(descriptor->key[0].epoch, first);
}

/* Both list the same keys and proofs from `first` on, as far as `old` goes. */
static void assert_same_keys(const struct lm_descriptor *old, const struct lm_descriptor *new,
			     uint32_t first)
{
	unsigned at = 0;

	while (old->key[at].epoch < first)
		at++;
	assert_true(old->keys > at && new->key[0].epoch == first);
	for (unsigned i = at; i < old->keys; i++) {
		assert_int_equal(old->key[i].epoch, new->key[i - at].epoch);
		assert_memory_equal(&old->key[i].pk, &new->key[i - at].pk, sizeof(struct lm_point));
		assert_memory_equal(&old->key[i].proof, &new->key[i - at].proof,
				    sizeof(struct lm_key_proof));
	}
}

static ino_t inode(const char *path)
{
	struct stat status;

	assert_int_equal(stat(path, &status), 0);
	return status.st_ino;
}

/* As the relay does it: keys come into use and leave the key file. */
static void keys_leave(const struct place *place, const struct lm_descriptor *descriptor,
		       unsigned n)
{
	const struct lm_epoch_place where = {
		.keys = place->config.node.keys,
		.runtime = place->command,
		.node = ID,
		.capacity = 1000,
	};
	const struct lm_epoch_key *key[4];
	struct lm_epoch_wanted wanted[4];
	struct lm_epoch *epoch;
	struct lm_error err;

	snprintf((char *)(uintptr_t)place->command, sizeof(place->command), "%s/runtime",
		 place->root);
	for (unsigned i = 0; i < n; i++)
		wanted[i] =
			(struct lm_epoch_wanted){descriptor->key[i].epoch, descriptor->key[i].pk};
	if (lm_epoch_open(&epoch, &where, &err) != 0 ||
	    lm_epoch_take(epoch, key, wanted, n, &err) != 0)
		fail_msg("%s", err.text);
	for (unsigned i = 0; i < n; i++)
		assert_non_null(key[i]);
	lm_epoch_close(epoch);
}

/* This relay in a topology that lists three keys from `first` on. */
static struct lm_topology_node listed(uint32_t first)
{
	struct lm_topology_node node = {.id = ID, .capacity = 777, .addresses = 1, .keys = 3};

	node.address[0] = (struct lm_topology_address){.ip = {10, 0, 0, 11}, .port = 7000};
	for (unsigned i = 0; i < 3; i++)
		node.key[i].kid = (uint8_t)(first + i);
	return node;
}

static void without_an_identity_nothing_is_published(void **state)
{
	struct place *place = place_make();
	struct lm_error err;

	(void)state;
	publish_close(&place->publish);
	place->config.identity[0] = '\0';
	assert_int_equal(publish_open(&place->publish, &place->config, &err), 0);
	update(place, NULL, 0, NOW_S);
	assert_int_equal(access(place->descriptor, F_OK), -1);
	assert_int_equal(access(place->config.node.keys, F_OK), -1);
	place_remove(place);
}

static void the_first_descriptor_says_all(void **state)
{
	struct place *place = place_make();
	struct lm_descriptor descriptor;
	struct stat status;

	(void)state;
	update(place, NULL, 40, NOW_S);
	descriptor = published(place);
	assert_keys(&descriptor, 40, 40 + EPOCHS);
	assert_true(descriptor.made_s == NOW_S);
	assert_int_equal(descriptor.capacity, 5000);
	assert_memory_equal(&descriptor.identity, &place->publish.public, 32);
	assert_memory_equal(&descriptor.link, &place->publish.link, 32);
	assert_int_equal(descriptor.addresses, 2);
	assert_false(descriptor.address[0].ipv6);
	assert_int_equal(descriptor.address[0].ip[3], 11);
	assert_int_equal(descriptor.address[0].port, 7000);
	assert_true(descriptor.address[1].ipv6);
	assert_int_equal(descriptor.address[1].ip[15], 11);
	assert_int_equal(descriptor.address[1].port, 7001);
	assert_int_equal(stat(place->config.node.keys, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	place_remove(place);
}

static void nothing_is_written_when_nothing_changed(void **state)
{
	struct place *place = place_make();
	ino_t descriptor, keys;

	(void)state;
	update(place, NULL, 40, NOW_S);
	descriptor = inode(place->descriptor);
	keys = inode(place->config.node.keys);
	update(place, NULL, 40, NOW_S + 100);
	assert_int_equal(inode(place->descriptor), descriptor);
	assert_int_equal(inode(place->config.node.keys), keys);
	assert_true(published(place).made_s == NOW_S);
	place->config.publish.capacity = 6000;
	update(place, NULL, 40, NOW_S + 100);
	assert_true(published(place).made_s == NOW_S + 100);
	assert_int_equal(published(place).capacity, 6000);
	assert_int_equal(inode(place->config.node.keys), keys);
	place_remove(place);
}

static void keys_in_use_keep_their_proofs_and_others_follow(void **state)
{
	struct place *place = place_make();
	struct lm_descriptor before, after;

	(void)state;
	update(place, NULL, 40, NOW_S);
	before = published(place);
	keys_leave(place, &before, 3);
	for (uint32_t epoch = 41; epoch < 60; epoch++) {
		update(place, NULL, epoch, NOW_S + epoch);
		after = published(place);
		assert_keys(&after, epoch, epoch + EPOCHS);
		assert_same_keys(&before, &after, epoch);
		before = after;
	}
	/* the relay was away for longer than it had made keys: stale ones are not listed */
	update(place, NULL, 1000, NOW_S + 1000);
	after = published(place);
	assert_keys(&after, 1000, 1000 + EPOCHS);
	place_remove(place);
}

/* The relay is ahead of what is sure, as by a clock that is wrong: what it published stands. */
static void keys_are_listed_until_their_epoch_is_over_for_sure(void **state)
{
	struct place *place = place_make();
	struct lm_descriptor before, after;
	struct lm_error err;

	(void)state;
	update(place, NULL, 40, NOW_S);
	before = published(place);
	keys_leave(place, &before, 3);
	assert_int_equal(try_update(place, NULL, 40, 42, &err), 0);
	after = published(place);
	assert_keys(&after, 40, 42 + EPOCHS);
	assert_same_keys(&before, &after, 40);
	assert_int_equal(try_update(place, NULL, 40, 40, &err), 0); /* it was; nothing is lost */
	after = published(place);
	assert_keys(&after, 40, 42 + EPOCHS);
	assert_same_keys(&before, &after, 40);
	place_remove(place);
}

static void addresses_and_capacity_come_from_the_topology_else(void **state)
{
	const struct lm_topology_node node = listed(40);
	struct place *place = place_make();
	struct lm_descriptor descriptor;
	struct lm_error err;

	(void)state;
	place->config.publish.addresses = 0;
	assert_int_equal(try_update(place, NULL, 40, 40, &err), -EINVAL);
	assert_non_null(strstr(err.text, "publish.addresses"));
	assert_int_equal(access(place->descriptor, F_OK), -1);
	update(place, &node, 40, NOW_S);
	descriptor = published(place);
	assert_int_equal(descriptor.capacity, 777);
	assert_int_equal(descriptor.addresses, 1);
	assert_memory_equal(descriptor.address[0].ip, node.address[0].ip, 16);
	place->config.publish.addresses = 1;
	place->config.publish.capacity = 9;
	update(place, &node, 40, NOW_S);
	descriptor = published(place);
	assert_int_equal(descriptor.capacity, 9);
	assert_int_equal(descriptor.address[0].ip[0], 192);
	place_remove(place);
}

static int reopen(struct place *place, struct lm_error *err)
{
	publish_close(&place->publish);
	return publish_open(&place->publish, &place->config, err);
}

static void a_measured_capacity_is_published_where_it_is_asked_for(void **state)
{
	struct place *place = place_make();
	struct node_config *node = &place->config.node;
	struct measured measured = {4321, 6000, 2, 0, CONFIG_LINK_NOISE};
	const struct lm_topology_node known = listed(40);
	struct lm_error err;

	(void)state;
	node->cpus.workers_count = 2;
	assert_int_equal(measured_write(&measured, node->state, &err), 0);
	place->config.publish.capacity = 9; /* what the operator says counts */
	assert_int_equal(reopen(place, &err), 0);
	update(place, &known, 40, NOW_S);
	assert_int_equal(published(place).capacity, 9);
	place->config.publish.capacity = CONFIG_CAPACITY_AUTO;
	assert_int_equal(reopen(place, &err), 0);
	update(place, &known, 40, NOW_S);
	assert_int_equal(published(place).capacity, 4321);
	node->cpus.workers_count = 3; /* it is of another configuration: as if there were none */
	assert_int_equal(reopen(place, &err), 0);
	update(place, &known, 40, NOW_S);
	assert_int_equal(published(place).capacity, 777);
	node->cpus.workers_count = 2;
	node->link.mode = CONFIG_LINK_NONE;
	assert_int_equal(reopen(place, &err), 0);
	update(place, &known, 40, NOW_S);
	assert_int_equal(published(place).capacity, 777);
	place_remove(place);
}

static void a_file_that_is_no_measured_capacity_is_refused(void **state)
{
	static const char whole[] = "{\"format\": \"linemix-capacity-v1\", \"capacity\": %s, "
				    "\"measured\": 1, \"margin_percent\": 20, \"workers\": 1, "
				    "\"link\": \"%s\", \"profile\": 0%s}";
	static const char *const bad[][3] = {
		{"0", "noise", ""},           {"-1", "noise", ""},   {"4294967296", "noise", ""},
		{"\"5\"", "noise", ""},       {"1.5", "noise", ""},  {"5", "wire", ""},
		{"5", "noise", ", \"x\": 1"}, {"5", "noise", "} {"},
	};
	struct place *place = place_make();
	struct node_config *node = &place->config.node;
	char text[300], path[CONFIG_PATH_MAX + 16];
	struct measured measured;
	struct lm_error err;

	(void)state;
	node->cpus.workers_count = 1;
	snprintf(path, sizeof(path), "%s/capacity", node->state);
	assert_int_equal(measured_read(&measured, node, &err), -ENOENT);
	for (size_t i = 0; i < LM_COUNT(bad); i++) {
		int n = snprintf(text, sizeof(text), whole, bad[i][0], bad[i][1], bad[i][2]);

		assert_int_equal(lm_file_replace(path, text, (size_t)n, 0644, &err), 0);
		assert_int_equal(measured_read(&measured, node, &err), -EINVAL);
		assert_non_null(strstr(err.text, "--self-test"));
	}
	place->config.publish.capacity = CONFIG_CAPACITY_AUTO;
	assert_int_equal(reopen(place, &err), -EINVAL);
	snprintf(text, sizeof(text), whole, "5", "noise", "");
	assert_int_equal(lm_file_replace(path, text, strlen(text), 0644, &err), 0);
	assert_int_equal(measured_read(&measured, node, &err), 0);
	assert_int_equal(measured.capacity, 5);
	assert_int_equal(reopen(place, &err), 0);
	place_remove(place);
}

static void a_measured_capacity_leaves_a_margin_and_the_room_there_is(void **state)
{
	struct node_config config = {.limits.max_packets_per_second = 50000};

	(void)state;
	assert_int_equal(measured_capacity(10000, &config), 8000);
	assert_int_equal(measured_capacity(12345, &config), 9876);
	assert_int_equal(measured_capacity(100000, &config), 50000);
	assert_int_equal(measured_capacity(1, &config), 1);
	assert_int_equal(measured_capacity(0, &config), 1);
	config.limits.max_packets_per_second = 1000000000;
	assert_int_equal(measured_capacity(UINT64_C(1) << 40, &config), 1000000000);
}

static void the_later_one_counts_also_when_the_clock_was_set_back(void **state)
{
	struct place *place = place_make();

	(void)state;
	update(place, NULL, 40, NOW_S);
	update(place, NULL, 41, NOW_S - 5000);
	assert_true(published(place).made_s == NOW_S + 1);
	place_remove(place);
}

static void a_broken_or_foreign_descriptor_begins_anew_with_the_same_keys(void **state)
{
	struct place *place = place_make();
	struct lm_descriptor before, after;
	struct lm_error err;
	uint8_t public[32];

	(void)state;
	update(place, NULL, 40, NOW_S);
	before = published(place);
	assert_int_equal(lm_file_replace(place->descriptor, "cut", 3, 0644, &err), 0);
	update(place, NULL, 40, NOW_S);
	after = published(place);
	assert_keys(&after, 40, 40 + EPOCHS);
	for (unsigned i = 0; i <= EPOCHS; i++)
		assert_memory_equal(&before.key[i].pk, &after.key[i].pk, 32);

	/* another identity: proofs are for one alone */
	publish_close(&place->publish);
	assert_int_equal(unlink(place->config.identity), 0);
	assert_int_equal(lm_keyfile_make(public, LM_KEYFILE_IDENTITY, place->config.identity, &err),
			 0);
	assert_int_equal(publish_open(&place->publish, &place->config, &err), 0);
	update(place, NULL, 40, NOW_S);
	after = published(place);
	assert_memory_equal(&after.identity, public, 32);
	for (unsigned i = 0; i <= EPOCHS; i++)
		assert_memory_equal(&before.key[i].pk, &after.key[i].pk, 32);
	place_remove(place);
}

/* A key that is lost is lost: senders use the one that the topology has. */
static void no_key_is_made_where_one_was_promised(void **state)
{
	const struct lm_topology_node node = listed(40);
	struct place *place = place_make();
	struct lm_descriptor before, after;

	(void)state;
	update(place, NULL, 40, NOW_S);
	before = published(place);
	keys_leave(place, &before, 3);
	assert_int_equal(unlink(place->descriptor), 0);
	update(place, &node, 40, NOW_S); /* the key file is there: what waits goes on */
	after = published(place);
	assert_int_equal(after.key[0].epoch, 43);
	assert_memory_equal(&after.key[0].pk, &before.key[3].pk, 32);

	assert_int_equal(unlink(place->descriptor), 0);
	assert_int_equal(unlink(place->config.node.keys), 0);
	place->config.publish.epochs = 3;
	update(place, &node, 40, NOW_S); /* all is lost; a descriptor has three keys at least */
	after = published(place);
	assert_keys(&after, 43, 45);
	place->config.publish.epochs = EPOCHS;
	assert_memory_not_equal(&after.key[0].pk, &before.key[3].pk, 32);

	place_remove(place);
}

/* Keys that documents may list stay promised; those that nobody has seen in one are made anew. */
static void lost_keys_are_replaced_behind_those_that_documents_may_list(void **state)
{
	const struct lm_topology_node node = listed(40);
	struct place *place = place_make();
	struct lm_descriptor before, after;
	ino_t descriptor;

	(void)state;
	for (unsigned in_topology = 0; in_topology < 2; in_topology++) {
		assert_true(unlink(place->descriptor) == 0 || in_topology == 0);
		assert_true(unlink(place->config.node.keys) == 0 || in_topology == 0);
		update(place, NULL, 40, NOW_S);
		before = published(place);
		assert_int_equal(unlink(place->config.node.keys), 0);
		update(place, in_topology ? &node : NULL, 40, NOW_S);
		after = published(place);
		assert_keys(&after, 40, 40 + EPOCHS);
		for (unsigned i = 0; i <= EPOCHS; i++)
			assert_int_equal(memcmp(&before.key[i], &after.key[i],
						sizeof(before.key[0])) == 0,
					 i <= 3);
		descriptor = inode(place->descriptor);
		update(place, in_topology ? &node : NULL, 40, NOW_S); /* they wait now */
		assert_int_equal(inode(place->descriptor), descriptor);
	}
	place_remove(place);
}

/* A key file that was put back from a copy has some of them. */
static void keys_that_wait_again_stay_listed(void **state)
{
	struct place *place = place_make();
	struct lm_descriptor before, after;
	struct lm_error err;
	char *text;
	size_t len;

	(void)state;
	place->config.publish.epochs = 4;
	update(place, NULL, 40, NOW_S);
	assert_int_equal(lm_file_read(&text, &len, place->config.node.keys, &err), 0);
	place->config.publish.epochs = EPOCHS;
	update(place, NULL, 40, NOW_S);
	before = published(place);
	assert_int_equal(lm_file_replace(place->config.node.keys, text, len, 0600, &err), 0);
	free(text);
	update(place, NULL, 40, NOW_S);
	after = published(place);
	assert_keys(&after, 40, 40 + EPOCHS);
	for (unsigned i = 0; i <= EPOCHS; i++)
		assert_int_equal(memcmp(&before.key[i].pk, &after.key[i].pk, 32) == 0, i <= 4);
	place_remove(place);
}

/* Keys that were made and not yet listed when the process died are those that are listed. */
static void keys_that_are_there_are_listed_and_not_replaced(void **state)
{
	struct place *place = place_make();
	struct lm_descriptor before, after;
	ino_t keys;

	(void)state;
	place->config.publish.epochs = EPOCHS + 3;
	update(place, NULL, 40, NOW_S);
	before = published(place);
	keys = inode(place->config.node.keys);
	place->config.publish.epochs = EPOCHS;
	assert_int_equal(unlink(place->descriptor), 0);
	update(place, NULL, 43, NOW_S);
	after = published(place);
	assert_same_keys(&(struct lm_descriptor){.keys = 1, .key = {after.key[0]}}, &after, 43);
	for (unsigned i = 0; i <= EPOCHS; i++)
		assert_memory_equal(&before.key[3 + i].pk, &after.key[i].pk, 32);
	assert_int_equal(inode(place->config.node.keys), keys);
	place_remove(place);
}

static void what_fails_leaves_what_was_published(void **state)
{
	struct place *place = place_make();
	struct lm_descriptor before, after;
	struct lm_error err;

	(void)state;
	update(place, NULL, 40, NOW_S);
	before = published(place);
	assert_int_equal(chmod(place->config.node.keys, 0644), 0);
	assert_int_equal(try_update(place, NULL, 41, 41, &err), -EACCES);
	after = published(place);
	assert_memory_equal(&before, &after, sizeof(before));
	place_remove(place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_an_identity_nothing_is_published),
		cmocka_unit_test(the_first_descriptor_says_all),
		cmocka_unit_test(nothing_is_written_when_nothing_changed),
		cmocka_unit_test(keys_in_use_keep_their_proofs_and_others_follow),
		cmocka_unit_test(keys_are_listed_until_their_epoch_is_over_for_sure),
		cmocka_unit_test(addresses_and_capacity_come_from_the_topology_else),
		cmocka_unit_test(a_measured_capacity_is_published_where_it_is_asked_for),
		cmocka_unit_test(a_file_that_is_no_measured_capacity_is_refused),
		cmocka_unit_test(a_measured_capacity_leaves_a_margin_and_the_room_there_is),
		cmocka_unit_test(the_later_one_counts_also_when_the_clock_was_set_back),
		cmocka_unit_test(a_broken_or_foreign_descriptor_begins_anew_with_the_same_keys),
		cmocka_unit_test(no_key_is_made_where_one_was_promised),
		cmocka_unit_test(lost_keys_are_replaced_behind_those_that_documents_may_list),
		cmocka_unit_test(keys_that_wait_again_stay_listed),
		cmocka_unit_test(keys_that_are_there_are_listed_and_not_replaced),
		cmocka_unit_test(what_fails_leaves_what_was_published),
	};
	struct lm_error err;

	if (lm_base_init(&err) != 0)
		return 1;
	return RUN_TESTS(tests);
}
