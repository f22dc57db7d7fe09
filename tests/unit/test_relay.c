/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The relay's parts that need no DPDK: the books, services, endpoints, the view's table of next
 * hops, keys, and what may change while a relay runs.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capacity.h"
#include "changes.h"
#include "config.h"
#include "counters.h"
#include "keys.h"
#include "loaded.h"
#include "services.h"
#include "sessions.h"
#include "testing.h"
#include "view.h"

static void books_close_only_when_every_packet_is_accounted_for(void **state)
{
	struct counters total = {0};
	struct counters worker = {.received = 100, .sent = 60};
	struct counters sink = {.delivered = 10};
	char *text = NULL;
	size_t len = 0;

	(void)state;
	worker.drop[LM_DROP_MAC] = 4;
	worker.drop[LM_DROP_COVER] = 6;
	counters_add(&total, &worker);
	counters_add(&total, &sink);
	assert_int_equal(counters_dropped(&total), 10);
	assert_int_equal(counters_off(&total, 20), 0);
	assert_int_equal(counters_off(&total, 19), 1);
	assert_int_equal(counters_off(&total, 21), -1);

	FILE *to = open_memstream(&text, &len);

	assert_true(counters_print_balance(to, &total, 20));
	assert_false(counters_print_balance(to, &total, 19));
	assert_true(counters_print_json(to, &total, 20));
	fclose(to);
	assert_non_null(strstr(text, "received 100 + cover 0 + taken over 0 = sent 60 + delivered "
				     "10 + held 20 + dropped 10 "
				     "(mac 4, cover 6): closed\n"));
	assert_non_null(strstr(text, "NOT CLOSED, off by 1\n"));
	assert_non_null(strstr(text, "\"mac\": 4"));
	assert_non_null(strstr(text, "\"closed\": true"));
	free(text);
}

static void frames_of_the_kernel_are_in_no_balance(void **state)
{
	struct counters total = {.received = 1, .sent = 1, .kernel_in = 7, .kernel_out = 8};

	(void)state;
	assert_int_equal(counters_off(&total, 0), 0);
}

static void endpoints_are_parsed_strictly(void **state)
{
	static const char *const bad[] = {
		"",         "1.2.3.4",       ":53",         "1.2.3.4:",   "1.2.3.4:0",
		"1.2.3:53", "1.2.3.4:65536", "1.2.3.4:+5",  "1.2.3.4: 5", "1.2.3.4:5x",
		"[::1]",    "[::1]:",        "[::1:53",     "::1:53",     "[1.2.3.4]:53",
		"host:53",  "[::1%lo]:53",   "1.2.3.4:5:6", "[]:1",       "[:1",
	};
	struct endpoint endpoint;

	(void)state;
	assert_true(endpoint_parse(&endpoint, "192.0.2.1:53"));
	assert_false(endpoint.ipv6);
	assert_memory_equal(endpoint.address, "\xc0\0\2\1", 4);
	assert_int_equal(endpoint.port, 53);
	assert_true(endpoint_parse(&endpoint, "[2001:db8::1]:65535"));
	assert_true(endpoint.ipv6);
	assert_int_equal(endpoint.address[15], 1);
	assert_int_equal(endpoint.port, 65535);
	for (unsigned i = 0; i < LM_COUNT(bad); i++)
		assert_false(endpoint_parse(&endpoint, bad[i]));
}

static void services_are_found_by_command_and_dest(void **state)
{
	struct relay_config config = {.services = 2, .mailboxes = "127.0.0.1:9"};
	uint8_t header[SERVICE_HEADER];
	struct lm_packet_token token = {{0}};
	struct services services;
	struct lm_packet_dest dest;

	(void)state;
	memset(config.service[0].dest, 'a', 64);
	memset(config.service[1].dest, 'b', 64);
	snprintf(config.service[0].address, sizeof(config.service[0].address), "127.0.0.1:1");
	snprintf(config.service[1].address, sizeof(config.service[1].address), "127.0.0.1:2");
	services_init(&services, &config);

	memset(&dest, 0xbb, sizeof(dest));
	assert_int_equal(services_find(&services, LM_PACKET_EXIT, &dest)->port, 2);
	assert_int_equal(services_find(&services, LM_PACKET_MBOX, &dest)->port, 9);
	service_header_write(header, LM_PACKET_EXIT, &dest, &token);
	assert_int_equal(services_find_header(&services, header)->port, 2);
	dest.b[31] ^= 1;
	assert_null(services_find(&services, LM_PACKET_EXIT, &dest));
	services.has_mailboxes = false;
	assert_null(services_find(&services, LM_PACKET_MBOX, &dest));
}

/* A topology of one mix and n gateways behind it. */
struct star {
	struct lm_topology topology;
	struct lm_topology_node node[101];
	uint32_t gateways[100];
};

static void make_star(struct star *star, unsigned n)
{
	memset(star, 0, sizeof(*star));
	star->node[n] = (struct lm_topology_node){.id = 5000,
						  .layer = 1,
						  .addresses = 1,
						  .address = {{.ip = {10, 0, 0, 1}, .port = 1}}};
	for (unsigned i = 0; i < n; i++) {
		star->gateways[i] = i;
		star->node[i] = (struct lm_topology_node){
			.id = 7 * i + 1,
			.role = LM_TOPOLOGY_GATEWAY,
			.addresses = 1,
			.address = {{.ipv6 = i == 3, .ip = {10, 0, 1, (uint8_t)i}, .port = 2}},
		};
	}
	star->topology.layers = 1;
	star->topology.nodes = n + 1;
	star->topology.node = star->node;
	star->topology.layer_nodes[0] = n;
	star->topology.layer_node[0] = star->gateways;
}

static bool all_but_id_8(void *context, struct frame_way *way, const struct frame_self *self,
			 const struct lm_topology_node *node, const struct view_peer *peer)
{
	return view_resolve_static(context, way, self, node, peer) && node->id != 8;
}

static void view_knows_every_next_hop_and_which_are_unresolved(void **state)
{
	struct star star;
	struct frame_self self;
	static struct links links;
	static const uint8_t mac[6] = {2, 0, 0, 0, 0x13, 0x88};

	(void)state;
	for (unsigned n = 1; n <= 100; n += 33) {
		make_star(&star, n);
		view_self_init(&self, &star.node[n], mac, 0);
		struct view *view = view_make(&star.topology, &star.node[n], &self, NULL, &links,
					      all_but_id_8, NULL);

		assert_int_equal(view->peers, n);
		/* id 8 does not resolve, id 22 shares no address family */
		assert_int_equal(view->unresolved, n > 3 ? 2 : n > 1 ? 1 : 0);
		for (unsigned i = 0; i < n; i++) {
			const struct view_peer *peer = view_find(view, 7 * i + 1);

			assert_int_equal(peer->id, 7 * i + 1);
			assert_int_equal(peer->resolved, i != 1 && i != 3);
			assert_ptr_equal(view_link(view, peer->link), peer);
			assert_null(view_find(view, 7 * i + 2));
		}
		assert_null(view_find(view, 5000));
		assert_null(view_link(view, 0));
		assert_null(view_link(view, (uint16_t)(n + 1)));
		free(view);
	}
}

static void a_link_keeps_its_number_when_other_nodes_come_and_go(void **state)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0x13, 0x88};
	static struct links links;
	struct frame_self self;
	struct star star;

	(void)state;
	make_star(&star, 3);
	view_self_init(&self, &star.node[3], mac, 0);
	free(view_make(&star.topology, &star.node[3], &self, NULL, &links, all_but_id_8, NULL));
	star.gateways[0] = 2; /* node 15 alone is left */
	star.topology.layer_nodes[0] = 1;
	struct view *view =
		view_make(&star.topology, &star.node[3], &self, NULL, &links, all_but_id_8, NULL);

	assert_int_equal(view_find(view, 15)->link, 3);
	assert_ptr_equal(view_link(view, 3), view_find(view, 15));
	assert_null(view_link(view, 1));
	assert_null(view_link(view, 2));
	free(view);
}

/* Nodes that the document before alone lists are sent to as before, and nothing waits for them. */
static void who_parts_is_a_next_hop_that_nothing_waits_for(void **state)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0x13, 0x88};
	static struct links links;
	static const uint32_t gateways[] = {0, 1}, ids[] = {1, 8, 15, 22, 5000},
			      ids_less[] = {1, 15, 5000};
	struct lm_topology_node node[3];
	struct loaded before = {.id = ids}, less = {.id = ids_less};
	struct frame_self self;
	struct star star;
	struct view *view;

	(void)state;
	make_star(&star, 4); /* nodes 1, 8, 15 and 22: 8 does not resolve */
	node[0] = star.node[0];
	node[1] = star.node[2];
	node[2] = star.node[4];
	node[1].address[0] = star.node[1].address[0]; /* 15 has now the address of 8 */
	before.topology = less.topology = star.topology;
	less.topology.nodes = 3;
	less.topology.node = node;
	less.topology.layer_nodes[0] = 2;
	less.topology.layer_node[0] = gateways;
	view_self_init(&self, &node[2], mac, 0);
	links.before = &before.topology;
	view = view_make(&less.topology, &node[2], &self, NULL, &links, all_but_id_8, NULL);
	assert_int_equal(view->peers, 2);
	assert_int_equal(view->unresolved, 0);
	assert_true(view->all_resolved);
	for (unsigned i = 0; i < 4; i++) {
		const struct view_peer *peer = view_find(view, 7 * i + 1);

		assert_non_null(peer);
		assert_ptr_equal(view_link(view, peer->link), peer);
		assert_int_equal(peer->parts, i == 1 || i == 3);
		assert_int_equal(peer->resolved, i == 0 || i == 2);
	}
	struct source source = source_ipv4(node[1].address[0].ip);

	assert_int_equal(view_source(view, &source), view_find(view, 15)->link);
	source = source_ipv6(star.node[3].address[0].ip);
	assert_int_equal(view_source(view, &source), view_find(view, 22)->link);
	free(view);

	links.before = NULL;
	view = view_make(&less.topology, &node[2], &self, NULL, &links, all_but_id_8, NULL);
	assert_null(view_find(view, 8));
	free(view);
}

/* A gateway, two mixes of the first layer and one of the second, as the first mix sees them. */
static void view_knows_the_addresses_of_who_may_send_and_of_no_other(void **state)
{
	static const uint32_t gateways[] = {0}, first[] = {1, 2}, second[] = {3};
	struct lm_topology_node node[4] = {
		{.id = 1,
		 .role = LM_TOPOLOGY_GATEWAY,
		 .addresses = 2,
		 .address = {{.ip = {10, 0, 0, 1}}, {.ipv6 = true, .ip = {0xfd, [15] = 1}}}},
		{.id = 11, .layer = 1, .addresses = 1, .address = {{.ip = {10, 0, 0, 11}}}},
		{.id = 12, .layer = 1, .addresses = 1, .address = {{.ip = {10, 0, 0, 12}}}},
		{.id = 21, .layer = 2, .addresses = 1, .address = {{.ip = {10, 0, 0, 21}}}},
	};
	struct lm_topology topology = {.layers = 2,
				       .nodes = 4,
				       .node = node,
				       .layer_nodes = {1, 2, 1},
				       .layer_node = {gateways, first, second}};
	static const uint8_t mac[6] = {2};
	static struct links links;
	struct source source;
	struct frame_self self;
	struct view *view;

	(void)state;
	links_init(&links);
	view_self_init(&self, &node[1], mac, 0);
	view = view_make(&topology, &node[1], &self, NULL, &links, view_resolve_static, NULL);
	assert_int_equal(view->before, 1);
	source = source_ipv4(node[0].address[0].ip);
	assert_int_equal(view_source(view, &source), links_number(&links, 1));
	source = source_ipv6(node[0].address[1].ip);
	assert_int_equal(view_source(view, &source), links_number(&links, 1));
	for (unsigned i = 1; i < 4; i++) { /* itself, its layer, the layer after it */
		source = source_ipv4(node[i].address[0].ip);
		assert_int_equal(view_source(view, &source), 0);
	}
	assert_null(view_link(view, links_number(&links, 1))); /* it may not send there */
	assert_int_equal(view_link(view, links_number(&links, 21))->id, 21);
	free(view);

	view_self_init(&self, &node[0], mac, 0); /* the last layer sends to a gateway */
	view = view_make(&topology, &node[0], &self, NULL, &links, view_resolve_static, NULL);
	source = source_ipv4(node[3].address[0].ip);
	assert_int_equal(view_source(view, &source), links_number(&links, 21));
	source = source_ipv4(node[1].address[0].ip);
	assert_int_equal(view_source(view, &source), 0);
	free(view);
}

/* With sessions a view knows both sides: whom to call, who may send, and all their addresses. */
static void with_sessions_a_view_knows_neighbours_of_both_sides(void **state)
{
	static const uint32_t gateways[] = {0}, first[] = {1}, second[] = {2};
	static const uint8_t mac[6] = {2};
	struct lm_topology_node node[3] = {
		{.id = 1,
		 .role = LM_TOPOLOGY_GATEWAY,
		 .addresses = 1,
		 .address = {{.ip = {10, 1}}}},
		{.id = 11, .layer = 1, .addresses = 1, .address = {{.ip = {10, 2}}}},
		{.id = 21, .layer = 2, .addresses = 1, .address = {{.ip = {10, 3}}}},
	};
	struct lm_topology topology = {.layers = 2,
				       .nodes = 3,
				       .node = node,
				       .layer_nodes = {1, 1, 1},
				       .layer_node = {gateways, first, second}};
	struct sessions_config config = {.sessions = 32,
					 .least = 32,
					 .lanes = LM_LINK_LANES_MIN,
					 .packet_len = 100,
					 .folder = -1};
	struct lm_secret secret[3];
	static struct links links;
	struct frame_self self;
	struct lm_error err;
	struct view *view;

	(void)state;
	lm_rand(secret, sizeof(secret));
	for (unsigned i = 0; i < 3; i++)
		lm_x25519_base_burst(&node[i].link, &secret[i], 1);
	config.secret = &secret[1];
	links_init(&links);
	links.sessions = sessions_open(&config, 1, &err);
	assert_int_equal(sessions_prepare(links.sessions, &topology, &node[1], &links, NULL, 0,
					  &err),
			 0);
	sessions_commit(links.sessions);
	view_self_init(&self, &node[1], mac, 0);
	view = view_make(&topology, &node[1], &self, NULL, &links, view_resolve_static, NULL);
	assert_int_equal(view->peers, 1);
	assert_int_equal(view->before, 1);
	assert_true(view->all_resolved);
	for (unsigned i = 0; i < 3; i += 2) {
		uint16_t link = links_number(&links, node[i].id);
		struct source source = source_ipv4(node[i].address[0].ip);
		const struct view_peer *peer = view_neighbour(view, link);

		assert_int_equal(peer->id, node[i].id);
		assert_int_equal(peer->before, i == 0);
		assert_int_equal(peer->after, i == 2);
		assert_ptr_equal(peer->session, sessions_peer(links.sessions, link));
		assert_non_null(peer->session);
		assert_int_equal(view_source(view, &source), link);
		assert_int_equal(view_link(view, link) != NULL, i == 2);
		assert_int_equal(view_find(view, node[i].id) != NULL, i == 2);
	}
	assert_int_equal(view_without_session(view), 1);
	free(view);
	sessions_close(links.sessions);
}

static void numbers_of_links_end_and_are_never_given_twice(void **state)
{
	static struct links links;

	(void)state;
	for (uint32_t i = 1; i <= LINKS_MAX; i++)
		assert_int_equal(links_number(&links, i * 2654435761u), i);
	assert_int_equal(links_number(&links, 2654435761u), 1);
	assert_int_equal(links_number(&links, LINKS_MAX * 2654435761u), LINKS_MAX);
	assert_int_equal(links_number(&links, 7), 0);
}

static void write_file(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

/* A mix with keys of epochs 255 to 257, and a key file of those from `first` on. */
struct keyed {
	struct lm_topology_node node;
	uint32_t epoch; /* of the network */
	char folder[32], runtime[48], keys[48];
	struct lm_epoch_place place;
};

static void make_keyed(struct keyed *keyed, uint32_t first)
{
	struct lm_secret secret[6];
	struct lm_error err;
	int folder;

	memset(keyed, 0, sizeof(*keyed));
	strcpy(keyed->folder, "/dev/shm/linemix-keys-XXXXXX");
	assert_non_null(mkdtemp(keyed->folder));
	snprintf(keyed->keys, sizeof(keyed->keys), "%s/keys.json", keyed->folder);
	snprintf(keyed->runtime, sizeof(keyed->runtime), "%s/run", keyed->folder);
	keyed->place = (struct lm_epoch_place){has_swap() ? LM_EPOCH_THROWAWAY : keyed->runtime,
					       keyed->keys, 11, 1000};
	lm_rand(secret, sizeof(secret));
	keyed->epoch = 256;
	keyed->node.id = 11;
	keyed->node.keys = 3;
	for (unsigned i = 0; i < 3; i++) {
		keyed->node.key[i].kid = (uint8_t)(255 + i);
		lm_x25519_base_burst(&keyed->node.key[i].pk, &secret[i], 1);
	}
	folder = open(keyed->folder, O_RDONLY | O_DIRECTORY);
	assert_int_equal(lm_epoch_write_keys(folder, "keys.json", 11, first, &secret[first - 255],
					     6 - (first - 255), &err),
			 0);
	close(folder);
}

static void remove_keyed(const struct keyed *keyed)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -r %s", keyed->folder);
	assert_int_equal(system(command), 0);
}

static void keys_are_found_by_the_full_number_of_their_epoch(void **state)
{
	struct mix_keys keys;
	struct keyed keyed;
	struct lm_error err;

	(void)state;
	make_keyed(&keyed, 255);
	assert_int_equal(mix_keys_load(&keys, &keyed.place, &keyed.node, keyed.epoch, &err), 0);
	assert_int_equal(keys.ring.n, 3);
	assert_int_equal(keys.lost, 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(keys.ring.key[i]->kid, (uint8_t)(255 + i));
		assert_memory_equal(&keys.ring.key[i]->public, &keyed.node.key[i].pk, 32);
	}
	mix_keys_free(&keys);
	remove_keyed(&keyed);
}

static void lost_keys_are_named_and_the_others_serve(void **state)
{
	char *text = NULL, *found;
	size_t len = 0;
	struct mix_keys keys;
	struct keyed keyed;
	struct lm_error err;
	FILE *to;

	(void)state;
	make_keyed(&keyed, 257);
	assert_int_equal(mix_keys_load(&keys, &keyed.place, &keyed.node, keyed.epoch, &err), 0);
	assert_int_equal(keys.ring.n, 1);
	assert_int_equal(keys.ring.key[0]->kid, 1);
	to = open_memstream(&text, &len);
	mix_keys_warn(to, &keys);
	fclose(to);
	found = strstr(text, "no key of epoch 255, 256: lost with the machine");
	assert_non_null(found);
	free(text);
	mix_keys_free(&keys);
	remove_keyed(&keyed);
}

static void without_any_key_nothing_is_erased(void **state)
{
	struct mix_keys keys;
	struct keyed keyed;
	struct lm_error err;

	(void)state;
	make_keyed(&keyed, 255);
	assert_int_equal(mix_keys_load(&keys, &keyed.place, &keyed.node, keyed.epoch, &err), 0);
	mix_keys_free(&keys);
	keyed.epoch = 512; /* the same kids */
	assert_int_not_equal(mix_keys_load(&keys, &keyed.place, &keyed.node, keyed.epoch, &err), 0);
	assert_non_null(strstr(err.text, "no key that the topology lists for epoch 512"));
	assert_int_not_equal(mix_keys_check(stderr, &keyed.place, &keyed.node, keyed.epoch, &err),
			     0);
	keyed.epoch = 256;
	assert_int_equal(mix_keys_load(&keys, &keyed.place, &keyed.node, keyed.epoch, &err), 0);
	assert_int_equal(keys.ring.n, 3);
	mix_keys_free(&keys);
	remove_keyed(&keyed);
}

/* The epoch at a start is nobody's word but the clock's: one that is wrong must cost no key. */
static void a_load_erases_no_key_of_an_epoch_before(void **state)
{
	struct mix_keys keys;
	struct keyed keyed;
	struct lm_error err;

	(void)state;
	make_keyed(&keyed, 255);
	assert_int_equal(mix_keys_load(&keys, &keyed.place, &keyed.node, keyed.epoch, &err), 0);
	mix_keys_free(&keys);
	assert_int_equal(mix_keys_load(&keys, &keyed.place, &keyed.node, keyed.epoch + 2, &err), 0);
	assert_int_equal(keys.ring.n, 1);
	mix_keys_free(&keys);
	assert_int_equal(mix_keys_load(&keys, &keyed.place, &keyed.node, keyed.epoch, &err), 0);
	assert_int_equal(keys.ring.n, 3);
	assert_int_equal(mix_keys_retire(&keys, keyed.epoch + 1, &err), 0);
	mix_keys_free(&keys);
	assert_int_equal(mix_keys_load(&keys, &keyed.place, &keyed.node, keyed.epoch, &err), 0);
	assert_int_equal(keys.ring.n, 2);
	assert_int_equal(keys.lost_epoch[0], 255);
	mix_keys_free(&keys);
	remove_keyed(&keyed);
}

static void full_replay_sets_are_named_with_the_remedy(void **state)
{
	struct lm_replay_tag tag[LM_BURST];
	char *text = NULL;
	size_t len = 0;
	struct mix_keys keys;
	struct keyed keyed;
	struct lm_error err;
	uint64_t full;
	FILE *to;

	(void)state;
	make_keyed(&keyed, 255);
	keyed.place.capacity = 32;
	assert_int_equal(mix_keys_load(&keys, &keyed.place, &keyed.node, keyed.epoch, &err), 0);
	lm_rand(tag, sizeof(tag));
	/* a set takes 32 at least: how many more is its own affair */
	for (full = 0; full == 0; lm_rand(tag, sizeof(tag)))
		(void)!lm_replay_insert(lm_epoch_replay(keys.ring.key[1]), tag, UINT64_MAX,
					LM_BURST, &full);
	to = open_memstream(&text, &len);
	mix_keys_warn_full(to, &keys);
	fclose(to);
	assert_non_null(strstr(text, "full replay sets: epoch 256 ("));
	assert_null(strstr(text, "epoch 255"));
	assert_non_null(strstr(text, "raise limits.max_packets_per_second"));
	free(text);
	mix_keys_free(&keys);
	remove_keyed(&keyed);
}

static void replay_sets_have_room_for_three_epochs(void **state)
{
	struct node_config config = {.limits = {.max_packets_per_second = 1000000}};
	const struct lm_topology topology = {.from_s = 1000, .until_s = 1000 + 86400};

	(void)state;
	assert_true(mix_keys_place(&config, &topology).capacity == UINT64_C(259200000000));
	config.limits.replay = 4096;
	assert_true(mix_keys_place(&config, &topology).capacity == 4096);
}

/* A topology with longer epochs brings larger sets, while the relay runs. */
static void sets_grow_with_the_topologys_epochs(void **state)
{
	struct mix_keys keys, next;
	struct keyed keyed;
	struct lm_error err;
	uint64_t before;

	(void)state;
	make_keyed(&keyed, 255);
	keyed.node.keys = 1;
	assert_int_equal(mix_keys_load(&keys, &keyed.place, &keyed.node, keyed.epoch, &err), 0);
	before = lm_replay_capacity(lm_epoch_replay(keys.ring.key[0]));
	keyed.node.keys = 2;
	keyed.place.capacity *= 8;
	assert_int_equal(mix_keys_renew(&next, &keys, &keyed.place, &keyed.node, keyed.epoch, &err),
			 0);
	assert_ptr_equal(next.ring.key[0], keys.ring.key[0]);
	assert_true(lm_replay_capacity(lm_epoch_replay(next.ring.key[0])) == before);
	assert_true(lm_replay_capacity(lm_epoch_replay(next.ring.key[1])) >= 8 * 1000);
	assert_true(before < 8 * 1000);
	mix_keys_free(&keys);
	remove_keyed(&keyed);
}

static void what_must_not_change_is_named(void **state)
{
	static struct relay_config now, next;

	(void)state;
	now.node.cpus.workers_count = next.node.cpus.workers_count = 2;
	strcpy(next.node.topology, "another.json");
	strcpy(next.mailboxes, "127.0.0.1:9");
	next.services = 1;
	next.cover.warn_percent = 20;
	assert_null(changes_in_config(&now, &next));
	next.cover.stock = 1;
	assert_string_equal(changes_in_config(&now, &next), "cover.stock");
	next.cover.stock = 0;
	next.node.cpus.workers[1] = 1;
	assert_string_equal(changes_in_config(&now, &next), "cpus.workers");
	next.node.cpus.workers[1] = 0;
	next.node.cpus.workers_count = 1;
	assert_string_equal(changes_in_config(&now, &next), "cpus.workers");
	next.node.cpus.workers_count = 2;
	next.node.limits.held = 1;
	assert_string_equal(changes_in_config(&now, &next), "limits.held");
	next.node.limits.held = 0;
	next.node.memory.huge_pages = true;
	assert_string_equal(changes_in_config(&now, &next), "memory.huge_pages");
	next.node.memory.huge_pages = false;
	next.node.cpus.idle = CONFIG_IDLE_SPIN;
	assert_string_equal(changes_in_config(&now, &next), "cpus.idle");
	next.node.cpus.idle = CONFIG_IDLE_AUTO;
	next.stages = true; /* may change */
	assert_null(changes_in_config(&now, &next));
	next.node.authority_count = 1;
	assert_string_equal(changes_in_config(&now, &next), "authorities");
	now.node.authority_count = 1;
	strcpy(next.node.authority[0], "another");
	assert_string_equal(changes_in_config(&now, &next), "authorities");
	strcpy(now.node.authority[0], "another");
	next.node.threshold = 1;
	assert_string_equal(changes_in_config(&now, &next), "threshold");
	next.node.threshold = 0;
	strcpy(next.node.runtime, "none");
	assert_string_equal(changes_in_config(&now, &next), "runtime");
}

static void a_topology_that_changes_this_node_is_refused(void **state)
{
	struct lm_topology now = {.epoch = 7, .layers = 3, .mix.interval_us = 1}, next;
	struct lm_topology_node here = {.id = 11,
					.layer = 1,
					.addresses = 1,
					.address = {{.port = 5}}};
	struct lm_topology_node there;
	struct lm_error err;

#define REFUSED_FOR(change, message)                                                              \
	do {                                                                                      \
		next = now;                                                                       \
		there = here;                                                                     \
		change;                                                                           \
		assert_int_equal(changes_in_topology(&now, &here, &next, &there, "t.json", &err), \
				 -EINVAL);                                                        \
		assert_non_null(strstr(err.text, message));                                       \
	} while (0)

	(void)state;
	next = now;
	there = here;
	next.epoch = 9;
	next.layers = 2;
	next.nodes = 5;
	there.key[0].kid = 3;
	assert_int_equal(changes_in_topology(&now, &here, &next, &there, "t.json", &err), 0);
	REFUSED_FOR(next.epoch = 6, "t.json: epoch 6 is over; this relay is in epoch 7");
	REFUSED_FOR(next.profile = 1, "t.json: profile: cannot change while the relay runs");
	REFUSED_FOR(next.mix.interval_us = 2, "mixing: ");
	REFUSED_FOR(next.mix.mean_delay_us = 2, "mixing: ");
	REFUSED_FOR(next.cover.loop_interval_us = 2, "cover: ");
	REFUSED_FOR(there.layer = 2, "this node's layer: ");
	REFUSED_FOR(there.role = LM_TOPOLOGY_GATEWAY, "this node's role: ");
	REFUSED_FOR(next.cover.link_interval_us = 2, "cover: ");
	REFUSED_FOR(there.address[0].port = 6, "this node's addresses: ");
	REFUSED_FOR(there.address[0].ipv6 = true, "this node's addresses: ");
	REFUSED_FOR(there.address[0].ip[15] = 6, "this node's addresses: ");
	REFUSED_FOR(there.addresses = 2, "this node's addresses: ");
	REFUSED_FOR(there.has_mac = true, "this node's addresses: ");
#undef REFUSED_FOR
}

#define A_KEY  "00000000000000000000000000000000000000000000000000000000000000aa"
#define A_KEY2 "00000000000000000000000000000000000000000000000000000000000000ab"

static void authorities_are_different_keys_and_enough(void **state)
{
	struct node_config config = {.topology = "t",
				     .keys = "k",
				     .file_prefix = "p",
				     .authority = {A_KEY, A_KEY2},
				     .authority_count = 2,
				     .threshold = 2,
				     .limits.ring = 64};
	struct lm_error err;

	(void)state;
	assert_int_equal(node_config_finish(&config, "r.yaml", &err), 0);
	assert_int_equal(config.authorities.n, 2);
	assert_int_equal(config.authorities.threshold, 2);
	assert_int_equal(config.authorities.key[1].b[31], 0xab);
	config.threshold = 3;
	assert_int_not_equal(node_config_finish(&config, "r.yaml", &err), 0);
	assert_string_equal(err.text,
			    "r.yaml: threshold: 3 of 2 authorities cannot sign; lower it, "
			    "or name more in `authorities`");
	config.threshold = 1;
	strcpy(config.authority[1], A_KEY);
	config.authority[1][62] = 'A'; /* the same in capitals */
	assert_int_not_equal(node_config_finish(&config, "r.yaml", &err), 0);
	assert_non_null(strstr(err.text, "stands there twice"));
	config.authority[1][62] = '\0';
	assert_int_not_equal(node_config_finish(&config, "r.yaml", &err), 0);
	assert_non_null(strstr(err.text, "is not 64 hexadecimal digits"));
}

static void folders_of_others_are_no_file_prefix(void **state)
{
	static const char *const bad[] = {".",  "..",      "../run", "a/b",
					  "-x", ".hidden", "a b",    "a\n"};
	struct node_config config = {.topology = "t",
				     .keys = "k",
				     .authority = {A_KEY},
				     .authority_count = 1,
				     .threshold = 1,
				     .limits.ring = 64};
	struct lm_error err;

	(void)state;
	for (unsigned i = 0; i < LM_COUNT(bad); i++) {
		snprintf(config.file_prefix, sizeof(config.file_prefix), "%s", bad[i]);
		assert_int_not_equal(node_config_finish(&config, "relay.yaml", &err), 0);
		assert_non_null(strstr(err.text, "relay.yaml: file_prefix"));
	}
	snprintf(config.file_prefix, sizeof(config.file_prefix), "linemix-11.new_2");
	assert_int_equal(node_config_finish(&config, "relay.yaml", &err), 0);
}

static void a_dest_belongs_to_one_service(void **state)
{
	char path[] = "/tmp/linemix-config-XXXXXX", text[1024];
	struct relay_config config;
	struct lm_error err;

	(void)state;
	close(mkstemp(path));
	snprintf(text, sizeof(text),
		 "{node: 2, topology: t, keys: k, file_prefix: p, port: {device: d}, "
		 "authorities: [" A_KEY "], threshold: 1, "
		 "cpus: {workers: [0]}, services: [{dest: a%063d, address: \"127.0.0.1:1\"},"
		 "{dest: A%063d, address: \"127.0.0.1:2\"}]}",
		 0, 0);
	write_file(path, text, 0600);
	assert_int_not_equal(relay_config_load(&config, path, &err), 0);
	assert_non_null(strstr(err.text, "services[1].dest: stands at services[0] already"));
	unlink(path);
}

static void paths_in_a_config_start_at_its_folder(void **state)
{
	struct node_config config = {.topology = "t.json",
				     .keys = "/k.json",
				     .file_prefix = "p",
				     .authority = {A_KEY},
				     .authority_count = 1,
				     .threshold = 1,
				     .limits.ring = 64};
	struct lm_error err;

	(void)state;
	assert_int_equal(node_config_finish(&config, "a/b/relay.yaml", &err), 0);
	assert_string_equal(config.topology, "a/b/t.json");
	assert_string_equal(config.keys, "/k.json");
	assert_string_equal(config.runtime, "/dev/shm/p");
	strcpy(config.runtime, "none");
	assert_int_equal(node_config_finish(&config, "a/b/relay.yaml", &err), 0);
	assert_string_equal(config.runtime, "none");
	strcpy(config.runtime, "run");
	assert_int_equal(node_config_finish(&config, "a/b/relay.yaml", &err), 0);
	assert_string_equal(config.runtime, "a/b/run");
	config.limits.ring = 65;
	assert_int_not_equal(node_config_finish(&config, "relay.yaml", &err), 0);
	assert_non_null(strstr(err.text, "power of two; try 128"));
}

static void what_is_held_is_the_rate_times_the_stay(void **state)
{
	struct node_config config = {.limits.max_packets_per_second = 200000};
	const struct {
		struct lm_mix_params mix;
		uint64_t held;
	} known[] = {
		{{.strategy = LM_MIX_BATCH,
		  .interval_us = 100000,
		  .max_wait_us = 5000000,
		  .min_batch = 32,
		  .min_neighbours = 1},
		 40000 + 32},
		{{.strategy = LM_MIX_BATCH,
		  .interval_us = 100000,
		  .max_wait_us = 500000,
		  .min_batch = 32,
		  .min_neighbours = 2},
		 140000 + 32},
		{{.strategy = LM_MIX_POOL, .interval_us = 10000, .threshold = 100}, 2000 + 200},
		/* sqrt(40000) = 200; sqrt(2) is rounded up */
		{{.strategy = LM_MIX_POISSON, .mean_delay_us = 200000}, 40000 + 6 * 200},
		{{.strategy = LM_MIX_POISSON, .mean_delay_us = 10}, 2 + 6 * 2},
		{{.strategy = LM_MIX_BATCH, .interval_us = UINT64_C(1) << 40, .min_batch = 1},
		 UINT64_C(1) << 31},
	};

	(void)state;
	for (unsigned i = 0; i < LM_COUNT(known); i++)
		assert_int_equal(capacity_held(&config, &known[i].mix), known[i].held);
	config.limits.held = 77;
	assert_int_equal(capacity_held(&config, &known[0].mix), 77);
}

static void there_is_a_buffer_for_every_place_that_can_hold_one(void **state)
{
	struct node_config config = {.port = {.rx_descriptors = 1024, .tx_descriptors = 512},
				     .cpus.workers_count = 3,
				     .limits = {.ring = 256, .max_packets_per_second = 1},
				     .link.mode = CONFIG_LINK_NONE};
	struct lm_mix_params mix = {.strategy = LM_MIX_POOL, .interval_us = 1, .threshold = 1};
	struct capacity_buffers buffers = capacity_buffers(&config, 1000);
	char *text = NULL;
	size_t len = 0;

	(void)state;
	assert_int_equal(buffers.held, 1000);
	assert_int_equal(buffers.descriptors, 3 * (1024 + 512));
	assert_int_equal(buffers.rings, (2 * 3 + 3) * 256);
	assert_int_equal(buffers.backlog, 3 * (2048 + 704));
	assert_int_equal(buffers.bursts, (4 * 3 + 1) * 64);
	assert_int_equal(buffers.caches, (3 + 2) * 384);
	assert_int_equal(buffers.all, 1000 + 4608 + 2304 + 8256 + 832 + 1920);

	FILE *to = open_memstream(&text, &len);

	capacity_print(to, &config, &mix);
	fclose(to);
	assert_non_null(strstr(text, "held: 3 packets; the full rate needs 1/s * 0.000 s + 2 (two "
				     "thresholds) = 3\n"));
	assert_non_null(strstr(text, "      4608 descriptors: 3 * (1024 + 512)\n"));
	assert_non_null(strstr(text, "     17923 in all\n"));
	free(text);

	config.link.mode = CONFIG_LINK_NOISE;
	buffers = capacity_buffers(&config, 1000);
	assert_int_equal(buffers.links, 3 * 256 + 512);
	assert_int_equal(buffers.all, 1000 + 4608 + 2304 + 1280 + 8256 + 832 + 1920);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(books_close_only_when_every_packet_is_accounted_for),
		cmocka_unit_test(frames_of_the_kernel_are_in_no_balance),
		cmocka_unit_test(endpoints_are_parsed_strictly),
		cmocka_unit_test(services_are_found_by_command_and_dest),
		cmocka_unit_test(view_knows_every_next_hop_and_which_are_unresolved),
		cmocka_unit_test(a_link_keeps_its_number_when_other_nodes_come_and_go),
		cmocka_unit_test(who_parts_is_a_next_hop_that_nothing_waits_for),
		cmocka_unit_test(view_knows_the_addresses_of_who_may_send_and_of_no_other),
		cmocka_unit_test(with_sessions_a_view_knows_neighbours_of_both_sides),
		cmocka_unit_test(numbers_of_links_end_and_are_never_given_twice),
		cmocka_unit_test(keys_are_found_by_the_full_number_of_their_epoch),
		cmocka_unit_test(lost_keys_are_named_and_the_others_serve),
		cmocka_unit_test(without_any_key_nothing_is_erased),
		cmocka_unit_test(a_load_erases_no_key_of_an_epoch_before),
		cmocka_unit_test(full_replay_sets_are_named_with_the_remedy),
		cmocka_unit_test(replay_sets_have_room_for_three_epochs),
		cmocka_unit_test(sets_grow_with_the_topologys_epochs),
		cmocka_unit_test(what_must_not_change_is_named),
		cmocka_unit_test(a_topology_that_changes_this_node_is_refused),
		cmocka_unit_test(authorities_are_different_keys_and_enough),
		cmocka_unit_test(folders_of_others_are_no_file_prefix),
		cmocka_unit_test(a_dest_belongs_to_one_service),
		cmocka_unit_test(what_is_held_is_the_rate_times_the_stay),
		cmocka_unit_test(there_is_a_buffer_for_every_place_that_can_hold_one),
		cmocka_unit_test(paths_in_a_config_start_at_its_folder),
	};
	struct lm_error err;

	if (lm_base_init(&err) != 0)
		return 1;
	return RUN_TESTS(tests);
}
