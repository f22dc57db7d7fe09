/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/topology: every mistake in a document is refused by name, with what would be right.
 */
#include <errno.h>
#include <sodium.h>

#include "topology_documents.h"

static void assert_refused(const char *path, const char *value, const char *message)
{
	json_t *document = good_document();
	struct lm_topology *topology = (struct lm_topology *)document;
	struct lm_error err = {""};
	int rc;

	change(document, path, value);
	rc = parse(&topology, document, &err);
	if (rc != -EINVAL || strcmp(err.text, message) != 0)
		fail_msg("%s = %s gave %d \"%s\"", path, value ? value : "nothing", rc, err.text);
	assert_null(topology);
}

struct mistake {
	const char *path, *value, *message;
};

static void assert_all_refused(const struct mistake *mistake, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char message[512];

		snprintf(message, sizeof(message), "net.json: %s", mistake[i].message);
		assert_refused(mistake[i].path, mistake[i].value, message);
	}
}

static void mistakes_at_the_top_are_refused(void **state)
{
	static const struct mistake mistakes[] = {
		{"format", NULL, "format: is missing; linemix-topology-v2"},
		{"format", "3", "format: is no text; linemix-topology-v2"},
		{"format", "\"linemix-topology-v1\"",
		 "format: \"linemix-topology-v1\" is no known format; linemix-topology-v2"},
		{"colour", "1", "unknown field \"colour\"; see FORMAT.md for the fields"},
		{"epoch", NULL, "epoch: is missing; a number from 0 to 4294967292"},
		{"epoch", "1.0", "epoch: is no integer; a number from 0 to 4294967292"},
		{"epoch", "-1", "epoch: -1 is out of range; a number from 0 to 4294967292"},
		{"epoch", "4294967293",
		 "epoch: 4294967293 is out of range; a number from 0 to 4294967292"},
		{"epoch", "6", "nodes[0].keys: \"9\" is no epoch of this document; 6 to 8"},
		{"epoch", "8", "nodes[0].keys: \"7\" is no epoch of this document; 8 to 10"},
		{"previous", NULL, "previous: is missing; 64 hexadecimal digits"},
		{"previous", "0", "previous: is no text; 64 hexadecimal digits"},
		{"previous", "\"00\"", "previous: \"00\" is wrong; 64 hexadecimal digits"},
		{"profile", "2", "profile: 2 is out of range; a number from 0 to 1"},
		{"profile", "true", "profile: is no integer; a number from 0 to 1"},
		{"layers", "0", "layers: 0 is out of range; a number from 1 to 4"},
		{"layers", "5", "layers: 5 is out of range; a number from 1 to 4"},
		{"layers", "3", "nodes: layer 3 has no mix; one at least"},
		{"mixing", NULL, "mixing: is missing; an object"},
		{"mixing", "[]", "mixing: is no object; write {...}"},
		{"cover", NULL, "cover: is missing; an object"},
		{"cover", "3", "cover: is no object; write {...}"},
		{"cover.rate", "3", "cover: unknown field \"rate\"; see FORMAT.md for the fields"},
		{"cover.loop_interval_us", NULL,
		 "cover.loop_interval_us: is missing; a number from 0 to 3600000000"},
		{"cover.loop_interval_us", "-1",
		 "cover.loop_interval_us: -1 is out of range; a number from 0 to 3600000000"},
		{"cover.drop_interval_us", NULL,
		 "cover.drop_interval_us: is missing; a number from 0 to 3600000000"},
		{"cover.drop_interval_us", "3600000001",
		 "cover.drop_interval_us: 3600000001 is out of range; "
		 "a number from 0 to 3600000000"},
		{"cover.link_interval_us", NULL,
		 "cover.link_interval_us: is missing; a number from 0 to 3600000000"},
		{"cover.link_interval_us", "3600000001",
		 "cover.link_interval_us: 3600000001 is out of range; "
		 "a number from 0 to 3600000000"},
		{"paths", NULL, "paths: is missing; an object"},
		{"paths", "[]", "paths: is no object; write {...}"},
		{"paths.operators", "1",
		 "paths: unknown field \"operators\"; see FORMAT.md for the fields"},
		{"paths.choice", NULL, "paths.choice: is missing; uniform or capacity"},
		{"paths.choice", "\"best\"",
		 "paths.choice: \"best\" is no choice; uniform or capacity"},
		{"paths.jurisdictions", NULL, "paths.jurisdictions: is missing; true or false"},
		{"paths.jurisdictions", "0", "paths.jurisdictions: is neither; true or false"},
		{"nodes", NULL, "nodes: is no list of 1 to 65536 nodes"},
		{"nodes", "{}", "nodes: is no list of 1 to 65536 nodes"},
		{"nodes", "[]", "nodes: is no list of 1 to 65536 nodes"},
		{"nodes.3", "7", "nodes[3]: is no object; write {...}"},
	};

	(void)state;
	assert_all_refused(mistakes, LM_COUNT(mistakes));
}

static void mistakes_in_a_batch_are_refused(void **state)
{
	static const struct mistake mistakes[] = {
		{"mixing.lambda", "1",
		 "mixing: unknown field \"lambda\"; see FORMAT.md for the fields"},
		{"mixing.threshold", "1",
		 "mixing: unknown field \"threshold\"; see FORMAT.md for the fields"},
		{"mixing.mean_delay_us", "1",
		 "mixing: unknown field \"mean_delay_us\"; see FORMAT.md for the fields"},
		{"mixing.strategy", NULL, "mixing.strategy: is missing; batch, pool or poisson"},
		{"mixing.strategy", "\"bath\"",
		 "mixing.strategy: \"bath\" is no strategy; batch, pool or poisson"},
		{"mixing.interval_us", NULL,
		 "mixing.interval_us: is missing; a number from 1 to 3600000000"},
		{"mixing.interval_us", "0",
		 "mixing.interval_us: 0 is out of range; a number from 1 to 3600000000"},
		{"mixing.min_batch", "0",
		 "mixing.min_batch: 0 is out of range; a number from 1 to 2147483648"},
		{"mixing.min_neighbours", NULL,
		 "mixing.min_neighbours: is missing; a number from 1 to 65534"},
		{"mixing.min_neighbours", "0",
		 "mixing.min_neighbours: 0 is out of range; a number from 1 to 65534"},
		{"mixing.min_neighbours", "65535",
		 "mixing.min_neighbours: 65535 is out of range; a number from 1 to 65534"},
		{"mixing.max_wait_us", "99999",
		 "mixing.max_wait_us: 99999 is out of range; a number from 100000 to 86400000000"},
		{"mixing.max_wait_us", NULL,
		 "mixing.max_wait_us: is missing; a number from 100000 to 86400000000"},
	};

	(void)state;
	assert_all_refused(mistakes, LM_COUNT(mistakes));
}

static void mistakes_in_a_pool_are_refused(void **state)
{
#define POOL(rest) "{\"strategy\": \"pool\", \"interval_us\": 1000" rest "}"
#define FLUSH      ", \"flush_ppm\": 1000"
	static const struct mistake mistakes[] = {
		{"mixing", POOL(", \"min_batch\": 1"),
		 "mixing: unknown field \"min_batch\"; see FORMAT.md for the fields"},
		{"mixing", POOL(FLUSH ", \"stay_ppm\": 0"),
		 "mixing.threshold: is missing; a number from 1 to 2147483648"},
		{"mixing", POOL(FLUSH ", \"stay_ppm\": 0, \"threshold\": 0"),
		 "mixing.threshold: 0 is out of range; a number from 1 to 2147483648"},
		{"mixing", POOL(", \"threshold\": 1, \"stay_ppm\": 0, \"flush_ppm\": 0"),
		 "mixing.flush_ppm: 0 is out of range; a number from 1 to 1000000"},
		{"mixing", POOL(FLUSH ", \"threshold\": 1"),
		 "mixing.stay_ppm: is missing; a number from 0 to 999999"},
		{"mixing", POOL(FLUSH ", \"threshold\": 1, \"stay_ppm\": 1000000"),
		 "mixing.stay_ppm: 1000000 is out of range; a number from 0 to 999999"},
	};

	(void)state;
	assert_all_refused(mistakes, LM_COUNT(mistakes));
}

static void mistakes_in_poisson_are_refused(void **state)
{
	static const struct mistake mistakes[] = {
		{"mixing", "{\"strategy\": \"poisson\"}",
		 "mixing.mean_delay_us: is missing; a number from 1 to 60000000"},
		{"mixing", "{\"strategy\": \"poisson\", \"mean_delay_us\": 0}",
		 "mixing.mean_delay_us: 0 is out of range; a number from 1 to 60000000"},
		{"mixing", "{\"strategy\": \"poisson\", \"mean_delay_us\": 60000001}",
		 "mixing.mean_delay_us: 60000001 is out of range; a number from 1 to 60000000"},
		{"mixing", "{\"strategy\": \"poisson\", \"mean_delay_us\": 1, \"interval_us\": 1}",
		 "mixing: unknown field \"interval_us\"; see FORMAT.md for the fields"},
	};

	(void)state;
	assert_all_refused(mistakes, LM_COUNT(mistakes));
}

static void mistakes_of_identity_are_refused(void **state)
{
	static const struct mistake mistakes[] = {
		{"nodes.1.colour", "1",
		 "nodes[1]: unknown field \"colour\"; see FORMAT.md for the fields"},
		{"nodes.1.id", "0",
		 "nodes[1].id: 0 is out of range; a number from 1 to 4294967294"},
		{"nodes.1.id", "4294967295",
		 "nodes[1].id: 4294967295 is out of range; a number from 1 to 4294967294"},
		{"nodes.1.id", "\"20\"",
		 "nodes[1].id: is no integer; a number from 1 to 4294967294"},
		{"nodes.1.id", NULL, "nodes[1].id: is missing; a number from 1 to 4294967294"},
		{"nodes.1.id", "500",
		 "nodes[1].id: stands at nodes[0] already; every node has its own"},
		{"nodes.1.role", NULL, "nodes[1].role: is missing; mix or gateway"},
		{"nodes.1.role", "\"MIX\"", "nodes[1].role: \"MIX\" is no role; mix or gateway"},
		{"nodes.1.role", "\"\\u001b[1m\"",
		 "nodes[1].role: \"?[1m\" is no role; mix or gateway"},
		{"nodes.1.layer", NULL, "nodes[1].layer: is missing; a number from 1 to 2"},
		{"nodes.1.layer", "0", "nodes[1].layer: 0 is out of range; a number from 1 to 2"},
		{"nodes.1.layer", "3", "nodes[1].layer: 3 is out of range; a number from 1 to 2"},
		{"nodes.4.layer", "0",
		 "nodes[4].layer: stands at a gateway; only mixes have a layer"},
		{"nodes.1.role", "\"gateway\"",
		 "nodes[1].layer: stands at a gateway; only mixes have a layer"},
	};

	(void)state;
	assert_all_refused(mistakes, LM_COUNT(mistakes));
}

static void mistakes_of_time_are_refused(void **state)
{
	static const struct mistake mistakes[] = {
		{"from", NULL, "from: is missing; UTC as 2026-11-25T12:00:00Z"},
		{"from", "1795608000", "from: is no text; UTC as 2026-11-25T12:00:00Z"},
		{"from", "\"2026-11-25 12:00:00\"",
		 "from: \"2026-11-25 12:00:00\" is no time; UTC as 2026-11-25T12:00:00Z"},
		{"until", NULL, "until: is missing; UTC as 2026-11-25T12:00:00Z"},
		{"until", "\"2026-11-25T12:00:00Z\"", "until: is not later than from"},
		{"until", "\"2026-11-25T11:59:59Z\"", "until: is not later than from"},
		{"until", "\"2026-12-25T12:00:01Z\"",
		 "until: more than 30 days after from; shorten the epoch"},
	};

	(void)state;
	assert_all_refused(mistakes, LM_COUNT(mistakes));
}

static void epoch_0_has_none_before_it(void **state)
{
	json_t *document = make_document(0, 1);
	struct lm_topology *topology;
	struct lm_error err;

	(void)state;
	add_node(document, 1, 1);
	add_node(document, 2, 0);
	json_object_set_new(document, "previous", make_hex(1, 0, 0));
	assert_int_equal(parse(&topology, document, &err), -EINVAL);
	assert_string_equal(err.text, "net.json: previous: no epoch is before epoch 0; 64 zeros");
}

static void mistakes_of_who_runs_it_are_refused(void **state)
{
#define RIGHT_NAME "1 to 63 printable ASCII characters, no space at either end"
	static const struct mistake mistakes[] = {
		{"nodes.1.operator", NULL, "nodes[1].operator: is missing; " RIGHT_NAME},
		{"nodes.1.operator", "3", "nodes[1].operator: is no text; " RIGHT_NAME},
		{"nodes.1.operator", "\"\"", "nodes[1].operator: \"\" is no name; " RIGHT_NAME},
		{"nodes.1.operator", "\" a\"", "nodes[1].operator: \" a\" is no name; " RIGHT_NAME},
		{"nodes.1.operator", "\"a \"", "nodes[1].operator: \"a \" is no name; " RIGHT_NAME},
		{"nodes.1.operator", "\"a\\tb\"",
		 "nodes[1].operator: \"a?b\" is no name; " RIGHT_NAME},
		{"nodes.1.operator", "\"\\u00e4\"",
		 "nodes[1].operator: \"??\" is no name; " RIGHT_NAME},
		{"nodes.1.operator",
		 "\"0123456789012345678901234567890123456789012345678901234567890123\"",
		 "nodes[1].operator: \"0123456789012345678901234567890123456789\" is no "
		 "name; " RIGHT_NAME},
		{"nodes.1.jurisdiction", NULL,
		 "nodes[1].jurisdiction: is missing; two capital letters"},
		{"nodes.1.jurisdiction", "\"ch\"",
		 "nodes[1].jurisdiction: \"ch\" is none; two capital letters"},
		{"nodes.1.jurisdiction", "\"CHE\"",
		 "nodes[1].jurisdiction: \"CHE\" is none; two capital letters"},
		{"nodes.1.capacity", NULL,
		 "nodes[1].capacity: is missing; a number from 1 to 4294967295"},
		{"nodes.1.capacity", "0",
		 "nodes[1].capacity: 0 is out of range; a number from 1 to 4294967295"},
		{"nodes.1.capacity", "4294967296",
		 "nodes[1].capacity: 4294967296 is out of range; a number from 1 to 4294967295"},
	};

	(void)state;
	assert_all_refused(mistakes, LM_COUNT(mistakes));
}

static void mistakes_of_address_are_refused(void **state)
{
#define RIGHT_IP "as \"192.0.2.1\" or \"2001:db8::1\""
#define IP       "nodes.1.addresses.0.ip"
#define AT       "nodes[1].addresses[0]."
#define NINE     "[{},{},{},{},{},{},{},{},{}]"
	static const struct mistake mistakes[] = {
		{"nodes.1.addresses", NULL, "nodes[1].addresses: is missing; a list of 1 to 8"},
		{"nodes.1.addresses", "{}", "nodes[1].addresses: is no list of 1 to 8"},
		{"nodes.1.addresses", "[]", "nodes[1].addresses: is no list of 1 to 8"},
		{"nodes.1.addresses", NINE, "nodes[1].addresses: is no list of 1 to 8"},
		{"nodes.0.addresses.1", "3", "nodes[0].addresses[1]: is no object; write {...}"},
		{"nodes.1.addresses.0.mtu", "1",
		 "nodes[1].addresses[0]: unknown field \"mtu\"; see FORMAT.md for the fields"},
		{IP, NULL, AT "ip: is missing; " RIGHT_IP},
		{IP, "1", AT "ip: is no text; " RIGHT_IP},
		{IP, "\"10.0.0\"", AT "ip: \"10.0.0\" is no address; " RIGHT_IP},
		{IP, "\"::g\"", AT "ip: \"::g\" is no address; " RIGHT_IP},
		{IP, "\"0.0.0.0\"", AT "ip: 0.0.0.0 is no host's address; a unicast address"},
		{IP, "\"224.0.0.1\"", AT "ip: 224.0.0.1 is no host's address; a unicast address"},
		{IP, "\"255.255.255.255\"",
		 AT "ip: 255.255.255.255 is no host's address; a unicast address"},
		{IP, "\"::\"", AT "ip: :: is no host's address; a unicast address"},
		{IP, "\"ff02::1\"", AT "ip: ff02::1 is no host's address; a unicast address"},
		{IP, "\"::ffff:10.0.0.1\"",
		 AT "ip: ::ffff:10.0.0.1 is no host's address; a unicast address"},
		{IP, "\"10.0.1.244\"",
		 "nodes[1].addresses: stands at nodes[0] already; every node has its own"},
		{"nodes.5.addresses.0", "{\"ip\": \"2001:db8:0::5\", \"port\": 7001}",
		 "nodes[5].addresses: stands at nodes[0] already; every node has its own"},
		{"nodes.0.addresses.1", "{\"ip\": \"10.0.1.244\", \"port\": 7000}",
		 "nodes[0].addresses: stands at nodes[0] already; every node has its own"},
		{"nodes.1.addresses.0.port", NULL, AT "port: is missing; a number from 1 to 65535"},
		{"nodes.1.addresses.0.port", "0",
		 AT "port: 0 is out of range; a number from 1 to 65535"},
		{"nodes.1.addresses.0.port", "65536",
		 AT "port: 65536 is out of range; a number from 1 to 65535"},
		{"nodes.1.mac", "1", "nodes[1].mac: is no text; aa:bb:cc:dd:ee:ff"},
		{"nodes.1.mac", "\"resolve\"",
		 "nodes[1].mac: \"resolve\" is no MAC address; aa:bb:cc:dd:ee:ff"},
		{"nodes.1.mac", "\"02-00-00-00-00-01\"",
		 "nodes[1].mac: \"02-00-00-00-00-01\" is no MAC address; aa:bb:cc:dd:ee:ff"},
		{"nodes.1.mac", "\"02:00:00:00:00:0g\"",
		 "nodes[1].mac: \"02:00:00:00:00:0g\" is no MAC address; aa:bb:cc:dd:ee:ff"},
		{"nodes.1.mac", "\"00:00:00:00:00:00\"",
		 "nodes[1].mac: 00:00:00:00:00:00 is no host's address; a unicast address"},
		{"nodes.1.mac", "\"ff:ff:ff:ff:ff:ff\"",
		 "nodes[1].mac: ff:ff:ff:ff:ff:ff is no host's address; a unicast address"},
	};

	(void)state;
	assert_all_refused(mistakes, LM_COUNT(mistakes));
}

static void mistakes_of_keys_are_refused(void **state)
{
	static const struct mistake mistakes[] = {
		{"nodes.1.identity", NULL, "nodes[1].identity: is missing; 64 hexadecimal digits"},
		{"nodes.1.identity", "\"00ff\"",
		 "nodes[1].identity: \"00ff\" is wrong; 64 hexadecimal digits"},
		{"nodes.1.identity", /* that of nodes[0] */
		 "\"f401000000000000000000000000000000000000000000000000000000000022\"",
		 "nodes[1].identity: stands at nodes[0] already; every node has its own"},
		{"nodes.1.link", NULL, "nodes[1].link: is missing; 64 hexadecimal digits"},
		{"nodes.1.link", "\"" ZEROS "\"",
		 "nodes[1].link: has small order; a public key made from a secret"},
		{"nodes.1.link", /* that of nodes[0] */
		 "\"f401000000000000000000000000000000000000000000000000000000000033\"",
		 "nodes[1].link: stands at nodes[0] already; every node has its own"},
		{"nodes.1.keys", NULL, "nodes[1].keys: is missing; an object"},
		{"nodes.1.keys", "[]", "nodes[1].keys: is no object; write {...}"},
		{"nodes.1.keys.7", NULL, "nodes[1].keys.7: is missing; 64 hexadecimal digits"},
		{"nodes.1.keys.9", NULL, "nodes[1].keys.9: is missing; 64 hexadecimal digits"},
		{"nodes.1.keys.6", "\"\"",
		 "nodes[1].keys: \"6\" is no epoch of this document; 7 to 9"},
		{"nodes.1.keys.10", "\"\"",
		 "nodes[1].keys: \"10\" is no epoch of this document; 7 to 9"},
		{"nodes.1.keys.07", "\"\"",
		 "nodes[1].keys: \"07\" is no epoch of this document; 7 to 9"},
		{"nodes.1.keys.8", "8", "nodes[1].keys.8: is no text; 64 hexadecimal digits"},
		{"nodes.1.keys.8", "\"00ff\"",
		 "nodes[1].keys.8: \"00ff\" is wrong; 64 hexadecimal digits"},
		{"nodes.1.keys.8",
		 "\"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f\"",
		 "nodes[1].keys.8: is not canonical; a public key below 2^255 - 19"},
		{"nodes.1.keys.8",
		 "\"0200000000000000000000000000000000000000000000000000000000000080\"",
		 "nodes[1].keys.8: is not canonical; a public key below 2^255 - 19"},
		{"nodes.1.keys.8", /* that of nodes[0] */
		 "\"f401000007000000000000000000000000000000000000000000000000000011\"",
		 "nodes[1].keys: stands at nodes[0] already; every node has its own"},
		{"nodes.1.keys.8", /* its own of another epoch */
		 "\"1400000007000000000000000000000000000000000000000000000000000011\"",
		 "nodes[1].keys: stands at nodes[1] already; every node has its own"},
	};

	(void)state;
	assert_all_refused(mistakes, LM_COUNT(mistakes));
}

static void keys_of_small_order_are_refused(void **state)
{
	static const char *const points[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};

	(void)state;
	for (size_t i = 0; i < LM_COUNT(points); i++) {
		static const uint8_t secret[32] = {1};
		uint8_t point[32], shared[32];
		char value[80];

		/* libsodium agrees that this point has small order. */
		unhex(point, points[i], sizeof(point));
		assert_int_not_equal(crypto_scalarmult(shared, secret, point), 0);
		snprintf(value, sizeof(value), "\"%s\"", points[i]);
		assert_refused("nodes.1.keys.8", value,
			       "net.json: nodes[1].keys.8: has small order; "
			       "a public key made from a secret");
	}
}

static void missing_gateway_is_refused(void **state)
{
	json_t *document = make_document(7, 1);
	struct lm_topology *topology;
	struct lm_error err;

	(void)state;
	add_node(document, 1, 1);
	assert_int_equal(parse(&topology, document, &err), -EINVAL);
	assert_string_equal(err.text, "net.json: nodes: no gateway is there; one at least");
}

static void same_address_with_other_port_is_allowed(void **state)
{
	json_t *document = good_document();

	(void)state;
	change(document, "nodes.1.addresses.0.ip", "\"10.0.1.244\"");
	change(document, "nodes.1.addresses.0.port", "7001");
	lm_topology_free(parse_good(document));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(mistakes_at_the_top_are_refused),
		cmocka_unit_test(mistakes_in_a_batch_are_refused),
		cmocka_unit_test(mistakes_in_a_pool_are_refused),
		cmocka_unit_test(mistakes_in_poisson_are_refused),
		cmocka_unit_test(mistakes_of_identity_are_refused),
		cmocka_unit_test(mistakes_of_time_are_refused),
		cmocka_unit_test(epoch_0_has_none_before_it),
		cmocka_unit_test(mistakes_of_who_runs_it_are_refused),
		cmocka_unit_test(mistakes_of_address_are_refused),
		cmocka_unit_test(mistakes_of_keys_are_refused),
		cmocka_unit_test(keys_of_small_order_are_refused),
		cmocka_unit_test(missing_gateway_is_refused),
		cmocka_unit_test(same_address_with_other_port_is_allowed),
	};

	return RUN_TESTS(tests);
}
