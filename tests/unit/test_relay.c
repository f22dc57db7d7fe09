/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The relay's parts that need no DPDK: the books, services, endpoints, the view's table of next
 * hops, and key files.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "counters.h"
#include "keys.h"
#include "services.h"
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
	star->node[n] = (struct lm_topology_node){
		.id = 5000, .layer = 1, .has_ipv4 = true, .ipv4 = {10, 0, 0, 1}, .port = 1};
	for (unsigned i = 0; i < n; i++) {
		star->gateways[i] = i;
		star->node[i] = (struct lm_topology_node){
			.id = 7 * i + 1,
			.role = LM_TOPOLOGY_GATEWAY,
			.has_ipv4 = i != 3,
			.has_ipv6 = i == 3,
			.ipv4 = {10, 0, 1, (uint8_t)i},
			.port = 2,
		};
	}
	star->topology.layers = 1;
	star->topology.nodes = n + 1;
	star->topology.node = star->node;
	star->topology.layer_nodes[0] = n;
	star->topology.layer_node[0] = star->gateways;
}

static bool all_but_id_8(void *context, uint8_t mac[6], const struct lm_topology_node *node)
{
	(void)context;
	frame_mac_of_id(mac, node->id);
	return node->id != 8;
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

#define SECRET       "77076d0a7318a57d3c16c17251b26645adc3c2c5c6cb9be6eb9b1ac41d8e3f3c"
#define OTHER_SECRET "77076d0a7318a57d3c16c17251b26645db87b8b1d6d5c5a8a7e0a9fd60e3d1b5"

static void key_files_are_refused_for_what_is_wrong_with_them(void **state)
{
	struct lm_topology_node node = {.id = 11, .keys = 1, .key[0].kid = 5};
	char path[] = "/tmp/linemix-keys-XXXXXX";
	struct lm_packet_key known;
	struct lm_secret secret;
	struct mix_keys keys;
	struct lm_error err;
	const struct {
		const char *text;
		mode_t mode;
		const char *message;
	} bad[] = {
		{"{\"format\":\"linemix-keys-v1\",\"id\":11,\"keys\":{\"5\":\"" SECRET "\"}}", 0640,
		 "chmod 600"},
		{"{\"format\":\"linemix-keys-v1\",\"id\":12,\"keys\":{\"5\":\"" SECRET "\"}}", 0600,
		 "not the keys of node 11"},
		{"{\"format\":\"linemix-keys-v2\",\"id\":11,\"keys\":{\"5\":\"" SECRET "\"}}", 0600,
		 "format"},
		{"{\"format\":\"linemix-keys-v1\",\"id\":11,\"keys\":{\"6\":\"" SECRET "\"}}", 0600,
		 "keys.5"},
		{"{\"format\":\"linemix-keys-v1\",\"id\":11,\"keys\":{\"5\":\"77\"}}", 0600,
		 "64 hexadecimal"},
		{"{\"format\":\"linemix-keys-v1\",\"id\":11,\"keys\":{\"5\":\"" OTHER_SECRET "\"}}",
		 0600, "does not fit"},
		{"{\"format\":", 0600, ": not a key file"},
		{"", 0600, "not a key file"},
	};

	(void)state;
	close(mkstemp(path));
	unhex(secret.b, SECRET, 32);
	lm_packet_key_init(&known, 11, 5, &secret);
	node.key[0].pk = known.public;
	write_file(path, bad[0].text, 0600);
	assert_int_equal(mix_keys_load(&keys, path, &node, 1000, &err), 0);
	assert_int_equal(keys.ring.n, 1);
	assert_memory_equal(&keys.ring.key[0]->secret, &secret, sizeof(secret));
	assert_int_equal(lm_replay_count(mix_key_replay(keys.ring.key[0])), 0);
	mix_keys_free(&keys);
	for (unsigned i = 0; i < LM_COUNT(bad); i++) {
		write_file(path, bad[i].text, bad[i].mode);
		assert_int_not_equal(mix_keys_load(&keys, path, &node, 1000, &err), 0);
		assert_non_null(strstr(err.text, bad[i].message));
		assert_non_null(strstr(err.text, path));
		assert_null(keys.key);
	}
	unlink(path);
	assert_int_not_equal(mix_keys_load(&keys, path, &node, 1000, &err), 0);
}

static void key_files_are_regular_files_of_their_own(void **state)
{
	struct lm_topology_node node = {.id = 11, .keys = 1, .key[0].kid = 5};
	char folder[] = "/tmp/linemix-keys-XXXXXX", fifo[64], link[64];
	struct mix_keys keys;
	struct lm_error err;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(fifo, sizeof(fifo), "%s/fifo", folder);
	snprintf(link, sizeof(link), "%s/link", folder);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(symlink("fifo", link), 0);
	assert_int_not_equal(mix_keys_load(&keys, fifo, &node, 1000, &err), 0);
	assert_non_null(strstr(err.text, "is no regular file"));
	assert_int_not_equal(mix_keys_load(&keys, folder, &node, 1000, &err), 0);
	assert_non_null(strstr(err.text, "is no regular file"));
	assert_int_not_equal(mix_keys_load(&keys, link, &node, 1000, &err), 0);
	assert_non_null(strstr(err.text, "is a symbolic link"));
	unlink(link);
	unlink(fifo);
	rmdir(folder);
}

static void broken_key_files_are_not_quoted(void **state)
{
	struct lm_topology_node node = {.id = 11, .keys = 1, .key[0].kid = 5};
	char path[] = "/tmp/linemix-keys-XXXXXX";
	struct mix_keys keys;
	struct lm_error err;

	(void)state;
	close(mkstemp(path));
	write_file(path, "{\"format\":\"linemix-keys-v1\",\n\"keys\":{\"5\" 770765551237318}}",
		   0600);
	assert_int_not_equal(mix_keys_load(&keys, path, &node, 1000, &err), 0);
	assert_non_null(strstr(err.text, ":2:"));
	assert_null(strstr(err.text, "7707"));
	unlink(path);
}

static void replay_sets_beyond_the_machine_are_refused(void **state)
{
	struct lm_topology_node node = {.id = 11, .keys = 1, .key[0].kid = 5};
	char path[] = "/tmp/linemix-keys-XXXXXX";
	struct lm_packet_key known;
	struct lm_secret secret;
	struct mix_keys keys;
	struct lm_error err;

	(void)state;
	close(mkstemp(path));
	unhex(secret.b, SECRET, 32);
	lm_packet_key_init(&known, 11, 5, &secret);
	node.key[0].pk = known.public;
	write_file(path,
		   "{\"format\":\"linemix-keys-v1\",\"id\":11,\"keys\":{\"5\":\"" SECRET "\"}}",
		   0600);
	assert_int_not_equal(mix_keys_load(&keys, path, &node, UINT64_C(1) << 50, &err), 0);
	assert_non_null(strstr(err.text, "lower limits.replay"));
	assert_null(keys.key);
	unlink(path);
}

static void folders_of_others_are_no_file_prefix(void **state)
{
	static const char *const bad[] = {".",  "..",      "../run", "a/b",
					  "-x", ".hidden", "a b",    "a\n"};
	struct node_config config = {.topology = "t", .keys = "k", .limits.ring = 64};
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
				     .limits.ring = 64};
	struct lm_error err;

	(void)state;
	assert_int_equal(node_config_finish(&config, "a/b/relay.yaml", &err), 0);
	assert_string_equal(config.topology, "a/b/t.json");
	assert_string_equal(config.keys, "/k.json");
	config.limits.ring = 65;
	assert_int_not_equal(node_config_finish(&config, "relay.yaml", &err), 0);
	assert_non_null(strstr(err.text, "power of two; try 128"));
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
		cmocka_unit_test(numbers_of_links_end_and_are_never_given_twice),
		cmocka_unit_test(key_files_are_refused_for_what_is_wrong_with_them),
		cmocka_unit_test(key_files_are_regular_files_of_their_own),
		cmocka_unit_test(broken_key_files_are_not_quoted),
		cmocka_unit_test(replay_sets_beyond_the_machine_are_refused),
		cmocka_unit_test(folders_of_others_are_no_file_prefix),
		cmocka_unit_test(a_dest_belongs_to_one_service),
		cmocka_unit_test(paths_in_a_config_start_at_its_folder),
	};
	struct lm_error err;

	if (lm_base_init(&err) != 0)
		return 1;
	return RUN_TESTS(tests);
}
