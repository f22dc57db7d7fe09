/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/topology: the next document is the same for everybody, and no descriptor spoils it for
 * others.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "directory_testing.h"

#define EPOCH 4

/* A network of 3 layers of 3 and 2 gateways, and what came of it. */
struct world {
	struct net *net;
	struct lm_build_file *file;
	unsigned files;
	struct lm_topology *previous; /* of EPOCH - 1, or NULL */
	struct lm_build built;
	struct lm_error err;
};

static struct world make_world(void)
{
	struct world world = {.net = net_make(3, 3, 2, EPOCH - 1)};

	world.files = world.net->plan.members;
	world.file = net_write_all(world.net);
	return world;
}

static void free_world(struct world *world)
{
	lm_build_free(&world->built);
	lm_topology_free(world->previous);
	net_free_files(world->file, world->files);
	free(world->net);
}

static int build_at(struct world *world, uint32_t epoch)
{
	lm_build_free(&world->built);
	return lm_build(&world->built, &world->net->plan, world->previous, epoch, world->file,
			world->files, &world->err);
}

static void build(struct world *world)
{
	if (build_at(world, EPOCH) != 0)
		fail_msg("%s", world->err.text);
}

/* Builds the document of EPOCH - 1, to be the one before. */
static void build_previous(struct world *world)
{
	struct lm_topology *topology = NULL;

	if (build_at(world, EPOCH - 1) != 0 ||
	    lm_topology_parse(&topology, world->built.text, world->built.len, "before",
			      &world->err) != 0)
		fail_msg("%s", world->err.text);
	lm_topology_free(world->previous);
	world->previous = topology;
}

/* Writes the descriptor of a node again, in its place. */
static void write_again(struct world *world, uint32_t id)
{
	unsigned index = net_index(world->net, id);

	free((char *)(uintptr_t)world->file[index].text);
	net_write(&world->file[index], world->net, index, "again");
}

/* One descriptor more, whose text becomes the world's. */
static void add_file(struct world *world, char *text, size_t len)
{
	world->file = realloc(world->file, (world->files + 1) * sizeof(*world->file));
	assert_non_null(world->file);
	world->file[world->files++] = (struct lm_build_file){"added", text, len};
}

static struct lm_descriptor *descriptor_of(struct world *world, uint32_t id)
{
	return &world->net->node[net_index(world->net, id)].descriptor;
}

static const struct lm_build_line *line_of(const struct world *world, uint32_t id)
{
	for (unsigned i = 0; i < world->built.lines; i++)
		if (world->built.line[i].id == id &&
		    world->built.line[i].verdict != LM_BUILD_REFUSED)
			return &world->built.line[i];
	fail_msg("no line for %" PRIu32, id);
	return NULL;
}

static void assert_line(const struct world *world, uint32_t id, enum lm_build_verdict verdict,
			const char *why)
{
	const struct lm_build_line *line = line_of(world, id);

	if (line->verdict != verdict || strcmp(line->why, why) != 0)
		fail_msg("%" PRIu32 " is %s: \"%s\"", id, lm_build_verdict_name(line->verdict),
			 line->why);
}

static void assert_refused(const struct world *world, uint32_t id, const char *why)
{
	for (unsigned i = 0; i < world->built.lines; i++) {
		const struct lm_build_line *line = &world->built.line[i];

		if (line->verdict == LM_BUILD_REFUSED && line->id == id &&
		    strcmp(line->why, why) == 0)
			return;
	}
	for (unsigned i = 0; i < world->built.lines; i++)
		if (world->built.line[i].verdict == LM_BUILD_REFUSED)
			print_error("refused %" PRIu32 ": %s\n", world->built.line[i].id,
				    world->built.line[i].why);
	fail_msg("none was refused with \"%s\"", why);
}

/* The document that was built, read. */
static struct lm_topology *read_built(const struct world *world)
{
	struct lm_topology *topology = NULL;
	struct lm_error err;

	if (lm_topology_parse(&topology, world->built.text, world->built.len, "built", &err) != 0)
		fail_msg("%s", err.text);
	return topology;
}

/* ---- The same for everybody ---- */

static void document_has_what_plan_and_descriptors_say(void **state)
{
	struct world world = make_world();
	const struct lm_topology_node *node;
	struct lm_topology *topology;

	(void)state;
	world.net->member[0].capacity = 17;
	world.net->member[0].has_mac = true;
	memcpy(world.net->member[0].mac, "\x02\0\0\0\0\x05", 6);
	build_previous(&world);
	build(&world);
	topology = read_built(&world);
	assert_int_equal(topology->epoch, EPOCH);
	assert_int_equal(topology->from_s, NET_START_S + EPOCH * NET_EPOCH_S);
	assert_int_equal(topology->until_s, NET_START_S + (EPOCH + 1) * NET_EPOCH_S);
	assert_memory_equal(&topology->previous, &world.previous->hash, 32);
	assert_int_equal(topology->mix.strategy, LM_MIX_POISSON);
	assert_int_equal(topology->mix.mean_delay_us, 200000);
	assert_int_equal(topology->cover.loop_interval_us, 100000);
	assert_int_equal(topology->nodes, 11);
	node = lm_topology_find(topology, 1001);
	assert_non_null(node);
	assert_int_equal(node->capacity, 17); /* the plan's cap */
	assert_true(node->has_mac);
	assert_memory_equal(node->mac, "\x02\0\0\0\0\x05", 6);
	assert_string_equal(node->operator, "Operator 1001");
	node = lm_topology_find(topology, 9002);
	assert_non_null(node);
	assert_int_equal(node->role, LM_TOPOLOGY_GATEWAY);
	assert_int_equal(node->capacity, 10002);
	assert_memory_equal(&node->link, &descriptor_of(&world, 9002)->link, 32);
	assert_memory_equal(node->address, descriptor_of(&world, 9002)->address,
			    2 * sizeof(node->address[0]));
	for (unsigned i = 0; i < LM_TOPOLOGY_KEYS; i++)
		assert_memory_equal(lm_topology_key(node, EPOCH + (uint8_t)i),
				    &descriptor_of(&world, 9002)->key[1 + i].pk, 32);
	assert_int_equal(world.built.in, 11);
	assert_int_equal(world.built.out + world.built.retired + world.built.refused, 0);
	lm_topology_free(topology);
	free_world(&world);
}

/* Whoever builds with another version of this code must get these bytes too. */
static void bytes_are_what_they_were(void **state)
{
	static const char head[] =
		"{\n"
		"  \"format\": \"linemix-topology-v2\",\n"
		"  \"epoch\": 4,\n"
		"  \"from\": \"2026-11-25T11:20:00Z\", \"until\": \"2026-11-25T11:40:00Z\",\n"
		"  \"previous\": "
		"\"0000000000000000000000000000000000000000000000000000000000000000\",\n"
		"  \"profile\": 0,\n"
		"  \"mixing\": {\"strategy\": \"poisson\", \"mean_delay_us\": 200000},\n"
		"  \"cover\": {\"loop_interval_us\": 100000, \"drop_interval_us\": 0, "
		"\"link_interval_us\": 0},\n"
		"  \"paths\": {\"choice\": \"uniform\", \"jurisdictions\": false},\n"
		"  \"layers\": 3,\n"
		"  \"nodes\": [\n"
		"    {\"id\": 1001, \"role\": \"mix\", \"layer\": 1, \"operator\": "
		"\"Operator 1001\", \"jurisdiction\": \"CH\", \"identity\": \"";
	struct world world = make_world();
	struct lm_hash hash;
	char hex[65];

	(void)state;
	build(&world);
	assert_memory_equal(world.built.text, head, sizeof(head) - 1);
	assert_non_null(strstr(world.built.text,
			       ", \"capacity\": 2001, \"addresses\": [{\"ip\": "
			       "\"10.0.3.233\", \"port\": 7000}, {\"ip\": "
			       "\"2001:db8::e903:0\", \"port\": 7000}], \"keys\": {\"4\": \""));
	lm_hash_bytes(&hash, world.built.text, world.built.len);
	lm_hex_encode(hex, hash.b, sizeof(hash.b));
	assert_string_equal(hex,
			    "1a4a4d3011b3aca0ac0bd7d939e1c2a5c873c7aac725a8dffcbaada69c98d9d1");
	free_world(&world);
}

static void shuffle(struct lm_build_file *file, unsigned n)
{
	for (unsigned i = n; i > 1; i--) {
		uint32_t j;

		lm_rand(&j, sizeof(j));
		j %= i;
		struct lm_build_file old = file[i - 1];

		file[i - 1] = file[j];
		file[j] = old;
	}
}

/* Of good, old, contested and bad descriptors. */
static void order_of_descriptors_changes_nothing(void **state)
{
	struct world world = make_world();
	char *first, *report;
	size_t len;

	(void)state;
	build_previous(&world);
	descriptor_of(&world, 1002)->address[0] = descriptor_of(&world, 1003)->address[0];
	descriptor_of(&world, 1002)->made_s++;
	for (unsigned i = 0; i < 4; i++) {
		struct lm_build_file file;

		net_write(&file, world.net, net_index(world.net, i < 2 ? 1002 : 2001), "more");
		add_file(&world, (char *)(uintptr_t)file.text, file.len);
	}
	add_file(&world, strdup("junk"), 4);
	descriptor_of(&world, 2001)->capacity = 5; /* another of the same second */
	write_again(&world, 2001);
	build(&world);
	first = strdup(world.built.text);
	len = world.built.lines * sizeof(*world.built.line);
	report = malloc(len);
	assert_non_null(report);
	memcpy(report, world.built.line, len);
	testing_rand_seed(5);
	for (unsigned i = 0; i < 30; i++) {
		shuffle(world.file, world.files);
		build(&world);
		assert_string_equal(world.built.text, first);
		for (unsigned l = 0; l < world.built.lines; l++) {
			const struct lm_build_line *line = (const struct lm_build_line *)report + l;

			assert_int_equal(world.built.line[l].verdict, line->verdict);
			assert_int_equal(world.built.line[l].id, line->id);
			assert_string_equal(world.built.line[l].why, line->why);
		}
	}
	testing_rand_restore();
	free(first);
	free(report);
	free_world(&world);
}

/* ---- Which descriptor counts ---- */

static void latest_descriptor_counts(void **state)
{
	struct world world = make_world();
	struct lm_build_file file;
	struct lm_topology *topology;

	(void)state;
	descriptor_of(&world, 2002)->capacity = 77;
	descriptor_of(&world, 2002)->made_s++;
	net_write(&file, world.net, net_index(world.net, 2002), "later");
	add_file(&world, (char *)(uintptr_t)file.text, file.len);
	build(&world);
	topology = read_built(&world);
	assert_int_equal(lm_topology_find(topology, 2002)->capacity, 77);
	assert_int_equal(world.built.refused, 0); /* the other is only older */
	lm_topology_free(topology);
	free_world(&world);
}

static void older_descriptor_counts_where_the_latest_is_bad(void **state)
{
	struct world world = make_world();
	struct lm_build_file file;
	struct lm_topology *topology;

	(void)state;
	descriptor_of(&world, 2002)->capacity = 77;
	descriptor_of(&world, 2002)->made_s++;
	descriptor_of(&world, 2002)->key[3].proof.b[40] ^= 1;
	net_write(&file, world.net, net_index(world.net, 2002), "later");
	add_file(&world, (char *)(uintptr_t)file.text, file.len);
	build(&world);
	topology = read_built(&world);
	assert_int_equal(lm_topology_find(topology, 2002)->capacity, 3002);
	assert_refused(&world, 2002,
		       "keys.6.proof: is wrong; made from the secret for this id, identity and "
		       "epoch");
	lm_topology_free(topology);
	free_world(&world);
}

struct refusal {
	const char *what; /* in the descriptor's text */
	const char *with;
	uint32_t line_id; /* 0: it names no member */
	const char *why;
};

/* Each is the only descriptor of node 1001, which is then left out. */
static void bad_descriptors_are_refused_with_the_reason(void **state)
{
	static const struct refusal refusals[] = {
		{"\"id\": 1001", "\"id\": 1099", 0, "id: 1099 is no member of the plan"},
		{"\"id\": 1001", "\"id\": 1002", 0,
		 "identity: is not the one that the plan gives to 1002"},
		{"\"id\": 1001", "\"id\": 3003", 0, "id: 3003 is retired"},
		{"\"capacity\": 2001", "\"capacity\": 0", 0,
		 "capacity: 0 is out of range; a number from 1 to 4294967295"},
		{"2026-11-25T09:50:00Z", "2026-11-25T11:40:01Z", 1001,
		 "made: after the end of epoch 4; set the node's clock"},
		{"linemix-descriptor-v2", "linemix-descriptor-v1", 0,
		 "format: \"linemix-descriptor-v1\" is no known format; linemix-descriptor-v2"},
		{"{\n", "[", 0, "1: not JSON: ']' expected near ':'; correct the syntax"},
	};

	(void)state;
	for (size_t i = 0; i < LM_COUNT(refusals); i++) {
		struct world world = make_world();
		unsigned index = net_index(world.net, 1001);
		struct lm_build_file *file = &world.file[index];
		struct lm_signed parts;
		char *bytes, *old;

		world.net->member[net_index(world.net, 3003)].retired = true;
		assert_int_equal(lm_signed_parse(&parts, file->text, file->len, "", NULL), 0);
		old = strndup(parts.bytes, parts.len);
		bytes = replaced(old, refusals[i].what, refusals[i].with);
		free((char *)(uintptr_t)file->text);
		file->text = net_sign(&file->len, &world.net->node[index].identity, bytes);
		build(&world);
		assert_refused(&world, refusals[i].line_id, refusals[i].why);
		assert_line(&world, 1001, LM_BUILD_OUT,
			    "none of its descriptors counts, or there is none");
		assert_line(&world, 3003, LM_BUILD_RETIRED, "");
		assert_int_equal(world.built.in, 9);
		free(old);
		free(bytes);
		free_world(&world);
	}
}

static void forged_descriptor_costs_its_victim_nothing(void **state)
{
	struct world world = make_world();
	unsigned index = net_index(world.net, 1001);
	struct lm_build_file *good = &world.file[index];
	char *forged = strndup(good->text, good->len);
	struct lm_topology *topology;

	(void)state;
	strstr(forged, "\"made\": \"2026-11-25T09:50")[24]++; /* later, but signed no more */
	add_file(&world, forged, good->len);
	build(&world);
	assert_refused(&world, 1001, "the signature is wrong; sign these bytes again");
	topology = read_built(&world);
	assert_non_null(lm_topology_find(topology, 1001));
	lm_topology_free(topology);
	free_world(&world);
}

static void descriptor_signed_by_another_is_refused(void **state)
{
	struct world world = make_world();
	struct lm_build_file *file = &world.file[net_index(world.net, 1001)];
	char *text;

	(void)state;
	assert_int_equal(lm_descriptor_format(&text, &file->len, descriptor_of(&world, 1001),
					      &world.net->node[net_index(world.net, 1002)].identity,
					      NULL),
			 0);
	free((char *)(uintptr_t)file->text);
	file->text = text;
	build(&world);
	assert_refused(&world, 1001, "is not signed by its identity; one signature, by it");
	free_world(&world);
}

/* ---- Across epochs ---- */

static void promised_keys_stay(void **state)
{
	struct world world = make_world();

	(void)state;
	build_previous(&world);
	net_set_key(world.net, net_index(world.net, 1001), 1, 5555); /* of EPOCH */
	write_again(&world, 1001);
	net_set_key(world.net, net_index(world.net, 1002), 2, 5556); /* of EPOCH + 1 */
	write_again(&world, 1002);
	net_set_key(world.net, net_index(world.net, 1003), 3,
		    5557); /* of EPOCH + 2: not promised */
	write_again(&world, 1003);
	build(&world);
	assert_refused(&world, 1001,
		       "keys.4: is not the one that the document before has promised");
	assert_refused(&world, 1002,
		       "keys.5: is not the one that the document before has promised");
	assert_line(&world, 1003, LM_BUILD_IN, "");
	assert_int_equal(world.built.in, 9);
	free_world(&world);
}

static void keys_do_not_come_back(void **state)
{
	struct world world = make_world();
	struct lm_descriptor *descriptor = descriptor_of(&world, 1001);

	(void)state;
	build_previous(&world);
	descriptor->keys--; /* from EPOCH on, so that the descriptor itself has it once */
	memmove(&descriptor->key[0], &descriptor->key[1],
		descriptor->keys * sizeof(descriptor->key[0]));
	net_set_key(world.net, net_index(world.net, 1001), 2, 1001 * 1000 + EPOCH - 1);
	write_again(&world, 1001);
	build(&world);
	assert_refused(&world, 1001, "keys.6: stands in the document before for another epoch");
	free_world(&world);
}

static void descriptor_without_the_epochs_is_refused(void **state)
{
	struct world world = make_world();

	(void)state;
	descriptor_of(&world, 1001)->keys = 3; /* of EPOCH - 1 .. EPOCH + 1 */
	write_again(&world, 1001);
	build(&world);
	assert_refused(&world, 1001, "keys: has none for epoch 6; 4 to 6 at least");
	free_world(&world);
}

static void id_keeps_its_identity(void **state)
{
	struct world world = make_world();
	unsigned index = net_index(world.net, 2002);

	(void)state;
	build_previous(&world);
	world.net->node[index].identity.b[0] ^= 1;
	lm_signer_public(&world.net->member[index].identity, &world.net->node[index].identity);
	world.net->node[index].descriptor.identity = world.net->member[index].identity;
	net_set_link(world.net, index, 2002);
	for (unsigned i = 0; i < NET_KEYS; i++)
		net_set_key(world.net, index, i, 2002 * 1000 + EPOCH - 1 + i);
	write_again(&world, 2002);
	build(&world);
	assert_line(&world, 2002, LM_BUILD_OUT,
		    "had another identity in the document before; retire 2002 and give it another "
		    "id");
	free_world(&world);
}

static void epochs_follow_each_other_in_time(void **state)
{
	struct world world = make_world();

	(void)state;
	build_previous(&world);
	assert_int_equal(build_at(&world, EPOCH - 1), -EINVAL);
	assert_string_equal(world.err.text,
			    "the document before is of epoch 3; it must be of one before 3");
	assert_null(world.built.text);
	world.net->plan.start_s++;
	assert_int_equal(build_at(&world, EPOCH), -EINVAL);
	assert_string_equal(world.err.text,
			    "start, epoch_seconds: epoch 4 would begin at 2026-11-25T11:20:01Z, "
			    "but the document before ends at 2026-11-25T11:20:00Z; a running "
			    "network keeps both");
	free_world(&world);
}

/* Epochs in which no document was made: the chain starts again, promised keys stay. */
static void network_goes_on_after_a_gap(void **state)
{
	struct world world = make_world();
	struct lm_topology *topology;

	(void)state;
	build_previous(&world);
	net_set_key(world.net, net_index(world.net, 1001), 2, 5555); /* of EPOCH + 1 */
	write_again(&world, 1001);
	if (build_at(&world, EPOCH + 1) != 0)
		fail_msg("%s", world.err.text);
	topology = read_built(&world);
	assert_true(lm_is_zero(&topology->previous, sizeof(topology->previous)));
	assert_refused(&world, 1001,
		       "keys.5: is not the one that the document before has promised");
	lm_topology_free(topology);
	free_world(&world);
}

/* ---- Contests ---- */

enum thing { ADDRESS, LINK_KEY, MIX_KEY, THINGS };

static const char *const thing_names[THINGS] = {"address", "link key", "mix key"};

/* Node `to` claims what node `from` has. */
static void copy_thing(struct world *world, enum thing thing, uint32_t to, uint32_t from)
{
	switch (thing) {
	case ADDRESS:
		descriptor_of(world, to)->address[1] = descriptor_of(world, from)->address[0];
		break;
	case LINK_KEY: /* of keys it must have the secrets */
		net_set_link(world->net, net_index(world->net, to), from);
		break;
	default: /* of EPOCH + 2 */
		net_set_key(world->net, net_index(world->net, to), 3, from * 1000 + EPOCH + 2);
	}
	write_again(world, to);
}

static void owner_keeps_what_another_claims(void **state)
{
	(void)state;
	for (unsigned thing = 0; thing < MIX_KEY; thing++) {
		struct world world = make_world();
		char why[100];

		build_previous(&world);
		copy_thing(&world, thing, 1001, 9001);
		copy_thing(&world, thing, 9002, 9001);
		build(&world);
		snprintf(why, sizeof(why), "claims the %s of node 9001, which has it already",
			 thing_names[thing]);
		assert_line(&world, 1001, LM_BUILD_OUT, why);
		assert_line(&world, 9002, LM_BUILD_OUT, why);
		assert_line(&world, 9001, LM_BUILD_IN, "");
		assert_int_equal(world.built.in, 9);
		assert_int_equal(world.built.out, 2); /* each said once */
		free_world(&world);
	}
}

static void what_nobody_had_costs_all_their_place(void **state)
{
	(void)state;
	for (unsigned thing = 0; thing < THINGS; thing++) {
		struct world world = make_world();
		char why[100];

		if (thing == MIX_KEY)
			build_previous(&world); /* which does not have those of EPOCH + 2 */
		copy_thing(&world, thing, 1001, 2002);
		copy_thing(&world, thing, 3003, 2002);
		build(&world);
		snprintf(why, sizeof(why),
			 "claims the same %s as node 2002, and neither had it before",
			 thing_names[thing]);
		assert_line(&world, 1001, LM_BUILD_OUT, why);
		assert_line(&world, 3003, LM_BUILD_OUT,
			    (snprintf(why, sizeof(why),
				      "claims the same %s as node 1001, and neither had it before",
				      thing_names[thing]),
			     why));
		assert_line(&world, 2002, LM_BUILD_OUT, why);
		assert_int_equal(world.built.in, 8);
		free_world(&world);
	}
}

/* Who loses in the first round takes nobody along in the second. */
static void loser_takes_nobody_along(void **state)
{
	struct world world = make_world();

	(void)state;
	world.net->member[net_index(world.net, 2002)].retired = true;
	build_previous(&world);
	world.net->member[net_index(world.net, 2002)].retired = false; /* new in EPOCH */
	copy_thing(&world, ADDRESS, 1001, 9001);
	copy_thing(&world, LINK_KEY, 1001, 2002);
	build(&world);
	assert_line(&world, 1001, LM_BUILD_OUT,
		    "claims the address of node 9001, which has it already");
	assert_line(&world, 2002, LM_BUILD_IN, "");
	free_world(&world);
}

/* ---- Copies of what is another's ---- */

/* A network in which 2002 is new; 1001 copies from it, or from who is there already. */
static struct world make_world_with_a_newcomer(void)
{
	struct world world = make_world();

	world.net->member[net_index(world.net, 2002)].retired = true;
	build_previous(&world);
	world.net->member[net_index(world.net, 2002)].retired = false;
	return world;
}

/* Public keys and proofs are there for everybody to copy; proofs of another's node are none. */
static void copied_link_key_harms_its_copier_alone(void **state)
{
	static const uint32_t victims[] = {2002, 9001};

	(void)state;
	for (size_t i = 0; i < LM_COUNT(victims); i++) {
		struct world world = make_world_with_a_newcomer();
		struct lm_descriptor *copier = descriptor_of(&world, 1001);

		copier->link = descriptor_of(&world, victims[i])->link;
		copier->link_proof = descriptor_of(&world, victims[i])->link_proof;
		write_again(&world, 1001);
		build(&world);
		assert_refused(&world, 1001,
			       "link.proof: is wrong; made from the secret for this id and "
			       "identity");
		assert_line(&world, victims[i], LM_BUILD_IN, "");
		assert_int_equal(world.built.in, 10);
		free_world(&world);
	}
}

static void give_prefix(struct world *world, uint32_t id, struct lm_prefix *prefix, unsigned n)
{
	struct lm_member *member = &world->net->member[net_index(world->net, id)];

	member->prefix = prefix;
	member->prefixes = n;
}

/* 10.0.7.210 is 2002's, and 2001:db8::d207:0. */
static struct lm_prefix of_2002[2] = {
	{.len = 32, .ip = {10, 0, 7, 210}},
	{.ipv6 = true, .len = 112, .ip = {0x20, 1, 0xd, 0xb8, [12] = 0xd2, 7}},
};

static void copied_address_that_the_plan_gives_harms_its_copier_alone(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct world world = make_world_with_a_newcomer();
		struct lm_topology_address *copy = &descriptor_of(&world, 1001)->address[i];

		give_prefix(&world, 2002, of_2002, 2);
		*copy = descriptor_of(&world, 2002)->address[i];
		copy->port++; /* nor at another port: it is the host that is another's */
		write_again(&world, 1001);
		build(&world);
		assert_refused(&world, 1001,
			       i == 0 ? "addresses[0]: 10.0.7.210:7001 is in 10.0.7.210/32, which "
					"the plan gives to 2002"
				      : "addresses[1]: [2001:db8::d207:0]:7001 is in "
					"2001:db8::d207:0/112, which the plan gives to 2002");
		assert_line(&world, 2002, LM_BUILD_IN, "");
		assert_int_equal(world.built.in, 10);
		free_world(&world);
	}
}

/* Who took an address before its owner came leaves it when the plan says whose it is. */
static void squatter_has_to_go(void **state)
{
	struct world world = make_world();

	(void)state;
	world.net->member[net_index(world.net, 2002)].retired = true;
	copy_thing(&world, ADDRESS, 1001, 2002);
	build_previous(&world);
	world.net->member[net_index(world.net, 2002)].retired = false;
	build(&world);
	assert_line(&world, 2002, LM_BUILD_OUT,
		    "claims the address of node 1001, which has it already");
	give_prefix(&world, 2002, of_2002, 2);
	build(&world);
	assert_line(&world, 2002, LM_BUILD_IN, "");
	assert_line(&world, 1001, LM_BUILD_OUT, "none of its descriptors counts, or there is none");
	free_world(&world);
}

static void member_with_prefixes_has_no_other_address(void **state)
{
	struct world world = make_world();

	(void)state;
	give_prefix(&world, 2002, of_2002, 1); /* but its second address is IPv6 */
	build(&world);
	assert_refused(&world, 2002,
		       "addresses[1]: [2001:db8::d207:0]:7000 is in none of the prefixes that the "
		       "plan gives to 2002");
	assert_int_equal(world.built.in, 10);
	free_world(&world);
}

/* 10/8 and 2001:db8::/32 are everybody's here: to 1001 alone, to both, or more closely to another.
 */
static void longest_prefix_decides(void **state)
{
	static struct lm_prefix wide[2] = {
		{.len = 8, .ip = {10}},
		{.ipv6 = true, .len = 32, .ip = {0x20, 1, 0xd, 0xb8}},
	};
	static struct lm_prefix odd[3] = {
		{.len = 31, .ip = {10, 0, 7, 210}}, /* and .211, which is 2003's */
		{.len = 29, .ip = {10, 0, 7, 208}}, /* and .209, 2001's */
		{.ipv6 = true, .len = 112, .ip = {0x20, 1, 0xd, 0xb8, [12] = 0xd2, 7}},
	};
	struct world world = make_world();

	(void)state;
	give_prefix(&world, 1001, wide, 2);
	assert_int_equal(build_at(&world, EPOCH), -EINVAL);
	assert_line(&world, 1001, LM_BUILD_IN, "");
	assert_int_equal(world.built.refused, 10); /* all others lie in there too */
	for (unsigned i = 0; i < world.net->plan.members; i++)
		give_prefix(&world, world.net->member[i].id, wide, 2);
	build(&world);
	assert_int_equal(world.built.in, 11);
	give_prefix(&world, 2002, odd, 3);
	build(&world);
	assert_refused(&world, 2003,
		       "addresses[0]: 10.0.7.211:7000 is in 10.0.7.210/31, which the plan gives to "
		       "2002");
	assert_refused(&world, 2001,
		       "addresses[0]: 10.0.7.209:7000 is in 10.0.7.208/29, which the plan gives to "
		       "2002");
	assert_int_equal(world.built.in, 9);
	world.net->member[net_index(world.net, 2002)].retired =
		true; /* and gives its places back */
	build(&world);
	assert_line(&world, 2003, LM_BUILD_IN, "");
	free_world(&world);
}

/* Against the rule itself, with prefixes and addresses at random in a small space. */
static unsigned longest(const struct lm_member *member, const struct lm_topology_address *address)
{
	unsigned len = 0;

	for (unsigned i = 0; i < member->prefixes; i++) {
		uint32_t mask = ~UINT32_C(0) << (32 - member->prefix[i].len), is = 0, was = 0;

		for (unsigned b = 0; b < 4; b++) {
			is = is << 8 | address->ip[b];
			was = was << 8 | member->prefix[i].ip[b];
		}
		if (((is ^ was) & mask) == 0 && member->prefix[i].len > len)
			len = member->prefix[i].len;
	}
	return len;
}

static uint32_t draw(uint32_t bound)
{
	uint32_t number;

	lm_rand(&number, sizeof(number));
	return number % bound;
}

static void random_prefixes_are_as_the_rule_says(void **state)
{
	static struct lm_prefix prefix[11][3];
	unsigned allowed = 0, refused = 0;

	(void)state;
	testing_rand_seed(11);
	for (unsigned round = 0; round < 40; round++) {
		struct world world = make_world();
		struct lm_member *member = world.net->member;

		for (unsigned i = 0; i < 11; i++) {
			struct lm_descriptor *descriptor = &world.net->node[i].descriptor;

			give_prefix(&world, member[i].id, prefix[i], draw(3));
			for (unsigned p = 0; p < member[i].prefixes; p++) {
				unsigned len = 26 + draw(7);

				prefix[i][p] = (struct lm_prefix){
					.len = (uint8_t)len,
					.ip = {10, 0, 0, (uint8_t)(draw(64) & ~0u << (32 - len))},
				};
			}
			descriptor->addresses = 1;
			descriptor->address[0] =
				(struct lm_topology_address){.ip = {10, 0, 0, (uint8_t)draw(64)},
							     .port = (uint16_t)(i + 1)};
			write_again(&world, member[i].id);
		}
		if (build_at(&world, EPOCH) == -ENOMEM)
			fail_msg("%s", world.err.text);
		for (unsigned i = 0; i < 11; i++) {
			const struct lm_topology_address *address =
				&world.net->node[i].descriptor.address[0];
			unsigned most = 0, own = longest(&member[i], address);
			const struct lm_build_line *line = line_of(&world, member[i].id);
			bool good;

			for (unsigned j = 0; j < 11; j++)
				if (longest(&member[j], address) > most)
					most = longest(&member[j], address);
			good = own == most && (own > 0 || member[i].prefixes == 0);
			assert_int_equal(strncmp(line->why, "none of", 7) != 0, good);
			*(good ? &allowed : &refused) += 1;
		}
		free_world(&world);
	}
	testing_rand_restore();
	assert_true(allowed > 50 && refused > 50);
}

/* ---- Paths ---- */

static void gateway_without_a_path_is_left_out(void **state)
{
	struct world world = make_world();
	struct lm_topology *topology;

	(void)state;
	for (uint32_t id = 2001; id <= 2003; id++)
		strcpy(world.net->member[net_index(world.net, id)].operator, "All of layer 2");
	strcpy(world.net->member[net_index(world.net, 9001)].operator, "All of layer 2");
	build(&world);
	topology = read_built(&world);
	assert_null(lm_topology_find(topology, 9001));
	assert_non_null(lm_topology_find(topology, 9002));
	assert_int_equal(world.built.in, 10);
	assert_line(&world, 9001, LM_BUILD_OUT,
		    "no path without two nodes of one operator, or jurisdiction, leads to it");
	lm_topology_free(topology);
	free_world(&world);
}

static void no_gateway_with_a_path_makes_no_document(void **state)
{
	struct world world = make_world();

	(void)state;
	for (uint32_t id = 1001; id <= 1003; id++)
		strcpy(world.net->member[net_index(world.net, id)].operator, "Both layers");
	for (uint32_t id = 2001; id <= 2003; id++)
		strcpy(world.net->member[net_index(world.net, id)].operator, "Both layers");
	assert_int_equal(build_at(&world, EPOCH), -EINVAL);
	assert_null(world.built.text);
	assert_int_equal(world.built.out, 2);
	free_world(&world);
}

/* ---- No document ---- */

static void layer_without_a_mix_makes_no_document(void **state)
{
	struct world world = make_world();

	(void)state;
	for (uint32_t id = 2001; id <= 2003; id++)
		world.net->member[net_index(world.net, id)].retired = true;
	assert_int_equal(build_at(&world, EPOCH), -EINVAL);
	assert_string_equal(world.err.text,
			    "the next document: nodes: layer 2 has no mix; one at least");
	assert_null(world.built.text);
	assert_int_equal(world.built.in, 8); /* the report says who is missing */
	assert_line(&world, 2001, LM_BUILD_RETIRED, "");
	free_world(&world);
}

static void no_descriptors_make_no_document(void **state)
{
	struct world world = make_world();
	unsigned files = world.files;

	(void)state;
	world.files = 0;
	assert_int_equal(build_at(&world, EPOCH), -EINVAL);
	assert_int_equal(world.built.out, 11);
	world.files = files;
	free_world(&world);
}

/* Builds from the descriptors in another order each time. */
static void fleet_of_a_thousand_has_one_document(void **state)
{
	struct world world = {.net = net_make(3, 300, 100, EPOCH - 1)};
	struct lm_hash first, again;
	uint64_t begin_us;
	size_t bytes = 0;

	(void)state;
	world.files = world.net->plan.members;
	world.file = net_write_all(world.net);
	for (unsigned i = 0; i < world.files; i++)
		bytes += world.file[i].len;
	testing_rand_seed(7);
	build_previous(&world);
	for (unsigned i = 0; i < 3; i++) {
		shuffle(world.file, world.files);
		begin_us = lm_clock_us();
		build(&world);
		printf("# %u descriptors, %zu bytes: %u nodes, %zu bytes, %" PRIu64 " ms\n",
		       world.files, bytes, world.built.in, world.built.len,
		       (lm_clock_us() - begin_us) / 1000);
		assert_int_equal(world.built.in, 1000);
		lm_hash_bytes(i ? &again : &first, world.built.text, world.built.len);
		if (i > 0)
			assert_memory_equal(&first, &again, sizeof(first));
	}
	testing_rand_restore();
	free_world(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(document_has_what_plan_and_descriptors_say),
		cmocka_unit_test(bytes_are_what_they_were),
		cmocka_unit_test(order_of_descriptors_changes_nothing),
		cmocka_unit_test(latest_descriptor_counts),
		cmocka_unit_test(older_descriptor_counts_where_the_latest_is_bad),
		cmocka_unit_test(bad_descriptors_are_refused_with_the_reason),
		cmocka_unit_test(forged_descriptor_costs_its_victim_nothing),
		cmocka_unit_test(descriptor_signed_by_another_is_refused),
		cmocka_unit_test(promised_keys_stay),
		cmocka_unit_test(keys_do_not_come_back),
		cmocka_unit_test(descriptor_without_the_epochs_is_refused),
		cmocka_unit_test(id_keeps_its_identity),
		cmocka_unit_test(epochs_follow_each_other_in_time),
		cmocka_unit_test(network_goes_on_after_a_gap),
		cmocka_unit_test(owner_keeps_what_another_claims),
		cmocka_unit_test(what_nobody_had_costs_all_their_place),
		cmocka_unit_test(loser_takes_nobody_along),
		cmocka_unit_test(copied_link_key_harms_its_copier_alone),
		cmocka_unit_test(copied_address_that_the_plan_gives_harms_its_copier_alone),
		cmocka_unit_test(squatter_has_to_go),
		cmocka_unit_test(member_with_prefixes_has_no_other_address),
		cmocka_unit_test(longest_prefix_decides),
		cmocka_unit_test(random_prefixes_are_as_the_rule_says),
		cmocka_unit_test(gateway_without_a_path_is_left_out),
		cmocka_unit_test(no_gateway_with_a_path_makes_no_document),
		cmocka_unit_test(layer_without_a_mix_makes_no_document),
		cmocka_unit_test(no_descriptors_make_no_document),
		cmocka_unit_test(fleet_of_a_thousand_has_one_document),
	};

	if (lm_base_init(NULL) != 0)
		return 1;
	return RUN_TESTS(tests);
}
