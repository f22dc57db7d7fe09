/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/topology: a good document is read as it stands, bad bytes do no harm, routes follow the
 * layers, and kids and delays are drawn as the packet format says.
 */
#include <errno.h>
#include <math.h>
#include <unistd.h>

#include "topology_documents.h"

/* ---- Reading ---- */

static void document_is_read_as_it_stands(void **state)
{
	static const uint32_t ids[] = {1, 20, 30, 300, 500, 4294967294};
	struct lm_topology *topology = parse_good(good_document());
	const struct lm_topology_node *node;

	(void)state;
	assert_int_equal(topology->epoch, 7);
	assert_true(topology->from_s == FROM_S && topology->until_s == FROM_S + SPAN_S);
	assert_true(lm_is_zero(topology->previous.b, sizeof(topology->previous.b)));
	assert_false(topology->paths.by_capacity || topology->paths.jurisdictions);
	assert_int_equal(topology->profile, 1);
	assert_int_equal(topology->mix.strategy, LM_MIX_BATCH);
	assert_int_equal(topology->mix.interval_us, 100000);
	assert_int_equal(topology->mix.min_batch, 16);
	assert_int_equal(topology->mix.min_neighbours, 2);
	assert_int_equal(topology->mix.max_wait_us, 1000000);
	assert_int_equal(topology->cover.loop_interval_us, 250000);
	assert_int_equal(topology->cover.drop_interval_us, 500000);
	assert_int_equal(topology->cover.link_interval_us, 0);
	assert_int_equal(topology->layers, 2);
	assert_int_equal(topology->nodes, 6);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(topology->node[i].id, ids[i]);
	for (unsigned layer = 0; layer <= 2; layer++) {
		assert_int_equal(topology->layer_nodes[layer], 2);
		for (unsigned i = 0; i < 2; i++)
			assert_int_equal(topology->node[topology->layer_node[layer][i]].layer,
					 layer);
	}
	node = lm_topology_find(topology, 500);
	assert_int_equal(node->role, LM_TOPOLOGY_MIX);
	assert_int_equal(node->layer, 1);
	assert_int_equal(node->addresses, 2);
	assert_false(node->address[0].ipv6);
	assert_memory_equal(node->address[0].ip, "\x0a\x00\x01\xf4\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	assert_int_equal(node->address[0].port, 7000);
	assert_true(node->address[1].ipv6);
	assert_memory_equal(node->address[1].ip, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x05", 16);
	assert_int_equal(node->address[1].port, 7001);
	assert_ptr_equal(lm_topology_address(node, false), &node->address[0]);
	assert_ptr_equal(lm_topology_address(node, true), &node->address[1]);
	assert_true(node->has_mac);
	assert_memory_equal(node->mac, "\x02\0\0\0\xab\x5a", 6);
	assert_string_equal(node->operator, "operator 500");
	assert_string_equal(node->jurisdiction, "CH");
	assert_int_equal(node->identity.b[31], 0x22);
	assert_int_equal(node->link.b[31], 0x33);
	assert_int_equal(node->capacity, 1000);
	assert_int_equal(node->keys, 3);
	for (uint8_t kid = 7; kid <= 9; kid++)
		assert_int_equal(lm_topology_key(node, kid)->b[4], kid);
	assert_null(lm_topology_key(node, 6));
	assert_null(lm_topology_key(node, 10));
	node = lm_topology_find(topology, 300);
	assert_int_equal(node->role, LM_TOPOLOGY_GATEWAY);
	assert_int_equal(node->layer, 0);
	assert_false(node->has_mac);
	assert_non_null(lm_topology_address(node, false));
	assert_null(lm_topology_address(node, true));
	lm_topology_free(topology);
	lm_topology_free(NULL);
}

static struct lm_topology *parse_mixing(const char *mixing)
{
	json_t *document = good_document();

	change(document, "mixing", mixing);
	return parse_good(document);
}

/* Each at the ends of its range, so that a member of another width or place would show. */
static void every_strategy_has_its_own_fields(void **state)
{
	struct lm_topology *topology;

	(void)state;
	topology = parse_mixing("{\"strategy\": \"batch\", \"interval_us\": 3600000000, "
				"\"min_batch\": 2147483648, \"min_neighbours\": 65534, "
				"\"max_wait_us\": 86400000000}");
	assert_memory_equal(&topology->mix,
			    (&(struct lm_mix_params){.strategy = LM_MIX_BATCH,
						     .interval_us = 3600000000,
						     .min_batch = 2147483648,
						     .min_neighbours = 65534,
						     .max_wait_us = 86400000000}),
			    sizeof(topology->mix));
	lm_topology_free(topology);
	topology = parse_mixing("{\"strategy\": \"pool\", \"interval_us\": 3600000000, "
				"\"threshold\": 2147483648, \"flush_ppm\": 1000000, "
				"\"stay_ppm\": 999999}");
	assert_memory_equal(&topology->mix,
			    (&(struct lm_mix_params){.strategy = LM_MIX_POOL,
						     .interval_us = 3600000000,
						     .threshold = 2147483648,
						     .flush_ppm = 1000000,
						     .stay_ppm = 999999}),
			    sizeof(topology->mix));
	lm_topology_free(topology);
	topology = parse_mixing("{\"strategy\": \"poisson\", \"mean_delay_us\": 60000000}");
	assert_memory_equal(&topology->mix,
			    (&(struct lm_mix_params){.strategy = LM_MIX_POISSON,
						     .mean_delay_us = 60000000}),
			    sizeof(topology->mix));
	lm_topology_free(topology);
}

static void cover_may_be_none_and_as_rare_as_an_hour(void **state)
{
	json_t *document = good_document();
	struct lm_topology *topology;

	(void)state;
	change(document, "cover.loop_interval_us", "0");
	change(document, "cover.drop_interval_us", "3600000000");
	change(document, "cover.link_interval_us", "3600000000");
	topology = parse_good(document);
	assert_int_equal(topology->cover.loop_interval_us, 0);
	assert_int_equal(topology->cover.drop_interval_us, 3600000000);
	assert_int_equal(topology->cover.link_interval_us, 3600000000);
	lm_topology_free(topology);
}

static void kids_wrap_and_the_last_epoch_has_keys_ahead(void **state)
{
	static const uint32_t epochs[] = {0, 1, 254, 255, 256, LM_TOPOLOGY_EPOCH_MAX};

	(void)state;
	for (size_t i = 0; i < LM_COUNT(epochs); i++) {
		json_t *document = make_document(epochs[i], 1);
		struct lm_topology *topology;

		add_node(document, 1, 1);
		add_node(document, 2, 0);
		topology = parse_good(document);
		assert_int_equal(topology->node[0].keys, 3);
		for (uint32_t e = epochs[i]; e < epochs[i] + 3; e++)
			assert_int_equal(
				lm_load_u32(lm_topology_key(&topology->node[0], (uint8_t)e)->b + 4),
				e);
		lm_topology_free(topology);
	}
}

/* ---- Text ---- */

static void text_that_is_no_json_has_a_line(void **state)
{
	static const char *const texts[] = {
		"\n\n{\"format\"",
		"\n\n{\"a\":1,\"a\":1}",
		"\n\n{} {}",
		"\n\n",
		"\n\n{\"a\": \"\xff\"}",
		"\n\n{\"a\": 99999999999999999999}",
	};
	struct lm_topology *topology;
	struct lm_error err;

	(void)state;
	for (size_t i = 0; i < LM_COUNT(texts); i++) {
		assert_int_equal(lm_topology_parse(&topology, texts[i], strlen(texts[i]),
						   "net.json", &err),
				 -EINVAL);
		assert_null(topology);
		if (strncmp(err.text, "net.json:3: not JSON: ", 22) != 0)
			fail_msg("%s", err.text);
	}
	assert_int_equal(lm_topology_parse(&topology, "[]", 2, "net.json", &err), -EINVAL);
	assert_string_equal(err.text, "net.json: the document is no object; write {...}");
	assert_int_equal(lm_topology_parse(&topology, "", LM_TOPOLOGY_BYTES + 1ul, "net.json",
					   &err),
			 -EFBIG);
}

static void truncated_and_flipped_documents_do_no_harm(void **state)
{
	json_t *document = good_document();
	char *good = json_dumps(document, JSON_COMPACT);
	size_t len = strlen(good);
	struct lm_topology *topology;
	struct lm_prng prng;

	(void)state;
	lm_prng_init(&prng, (const uint8_t[32]){1});
	for (size_t cut = 0; cut < len; cut++) {
		char *text = malloc(cut + 1); /* so that one byte too far is noticed */

		assert_non_null(text);
		memcpy(text, good, cut);
		assert_int_not_equal(lm_topology_parse(&topology, text, cut, "cut", NULL), 0);
		assert_null(topology);
		free(text);
	}
	for (unsigned round = 0; round < 20000; round++) {
		size_t at = lm_prng_below(&prng, (uint32_t)len);
		char old = good[at];

		good[at] = (char)lm_prng_u32(&prng);
		if (lm_topology_parse(&topology, good, len, "flip", NULL) == 0)
			assert_int_equal(topology->nodes, 6);
		lm_topology_free(topology);
		good[at] = old;
	}
	free(good);
	json_decref(document);
}

/* A file of this document with a good signature by the first two of these. */
static void write_signed(const char *path, const char *document, const struct lm_signer *signer)
{
	struct lm_signed file = {.n = 2, .bytes = document, .len = strlen(document)};
	struct lm_error err;
	char *text;
	size_t len;

	for (unsigned i = 0; i < 2; i++) {
		lm_signer_public(&file.by[i], &signer[i]);
		lm_sign(&file.signature[i], &signer[i], document, strlen(document));
	}
	assert_int_equal(lm_signed_format(&text, &len, &file), 0);
	assert_int_equal(lm_file_replace(path, text, len, 0600, &err), 0);
	free(text);
}

static void a_file_needs_as_many_good_signatures_as_the_threshold(void **state)
{
	static const struct lm_signer signer[3] = {{{1}}, {{2}}, {{3}}};
	char path[] = "test_topology_XXXXXX", message[200];
	struct lm_authorities authorities = {.n = 3, .threshold = 2};
	json_t *document = good_document();
	char *text = json_dumps(document, 0);
	struct lm_topology *topology;
	struct lm_hash hash;
	struct lm_error err;

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		lm_signer_public(&authorities.key[i], &signer[i]);
	close(mkstemp(path));
	write_signed(path, text, signer);
	assert_int_equal(lm_topology_load(&topology, path, &authorities, &err), 0);
	assert_int_equal(topology->nodes, 6);
	lm_hash_bytes(&hash, text, strlen(text));
	assert_memory_equal(&topology->hash, &hash, sizeof(hash));
	lm_topology_free(topology);
	authorities.threshold = 3;
	assert_int_equal(lm_topology_load(&topology, path, &authorities, &err), -EBADMSG);
	snprintf(message, sizeof(message),
		 "%s: has 2 good signatures of the 3 needed; the 2 that it has must be by "
		 "`authorities` of the config and of these bytes",
		 path);
	assert_string_equal(err.text, message);
	assert_null(topology);
	authorities.threshold = 2;
	authorities.key[0] = authorities.key[2];
	assert_int_equal(lm_topology_load(&topology, path, &authorities, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "has 1 good signatures of the 2 needed"));
	assert_int_equal(unlink(path), 0);
	free(text);
	json_decref(document);
}

static void what_is_no_file_is_named(void **state)
{
	const struct lm_authorities authorities = {.n = 1, .threshold = 1};
	char path[] = "test_topology_XXXXXX";
	struct lm_topology *topology;
	struct lm_error err;
	int fd = mkstemp(path);

	(void)state;
	assert_int_equal(ftruncate(fd, (off_t)LM_SIGNED_BYTES + 1), 0);
	assert_int_equal(lm_topology_load(&topology, path, &authorities, &err), -EFBIG);
	assert_non_null(strstr(err.text, path));
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(lm_topology_load(&topology, path, &authorities, &err), -EINVAL);
	assert_non_null(strstr(err.text, "is no signed file"));
	assert_int_equal(close(fd), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(lm_topology_load(&topology, path, &authorities, &err), -ENOENT);
	assert_null(topology);
	assert_int_equal(lm_topology_load(&topology, ".", &authorities, &err), -EINVAL);
}

/* ---- Questions ---- */

static void routes_follow_the_layers(void **state)
{
	(void)state;
	for (unsigned layers = 1; layers <= LM_TOPOLOGY_LAYERS; layers++) {
		json_t *document = make_document(0, layers);
		struct lm_topology *topology;

		for (unsigned layer = 0; layer <= layers; layer++) {
			add_node(document, 10 + layer, layer);
			add_node(document, 20 + layer, layer);
		}
		topology = parse_good(document);
		for (unsigned i = 0; i < topology->nodes; i++) {
			const struct lm_topology_node *from = &topology->node[i];

			for (unsigned j = 0; j < topology->nodes; j++) {
				const struct lm_topology_node *to = &topology->node[j];
				bool legal = (from->layer + 1) % (layers + 1) == to->layer;

				assert_int_equal(lm_topology_route(topology, from, to->id),
						 legal ? LM_DROP_NONE : LM_DROP_NEXT_LAYER);
				assert_int_equal(lm_topology_may_follow(topology, from, to), legal);
			}
			assert_int_equal(lm_topology_route(topology, from, from->id),
					 LM_DROP_NEXT_LAYER);
			assert_int_equal(lm_topology_route(topology, from, 9),
					 LM_DROP_NEXT_UNKNOWN);
			assert_int_equal(lm_topology_in_first_layer(topology, from->id),
					 from->layer == 1);
		}
		assert_false(lm_topology_in_first_layer(topology, 9));
		lm_topology_free(topology);
	}
}

static void find_knows_every_node_and_no_other(void **state)
{
	static const unsigned sizes[] = {2, 3, 4, 5, 63, 64, 65, 3000};

	(void)state;
	for (size_t s = 0; s < LM_COUNT(sizes); s++) {
		json_t *document = make_document(3, 1);
		struct lm_topology *topology;

		/* 11 divides no size: every even id once, out of order */
		for (unsigned i = 0; i < sizes[s]; i++)
			add_node(document, 2 * (i * 11 % sizes[s]) + 2, i % 2);
		topology = parse_good(document);
		for (unsigned i = 0; i < sizes[s]; i++) {
			assert_ptr_equal(lm_topology_find(topology, 2 * i + 2), &topology->node[i]);
			assert_null(lm_topology_find(topology, 2 * i + 1));
		}
		assert_null(lm_topology_find(topology, 0));
		assert_null(lm_topology_find(topology, 2 * sizes[s] + 1));
		assert_null(lm_topology_find(topology, UINT32_MAX));
		lm_topology_free(topology);
	}
}

/* Draws far off their share are refused; the seeds are fixed, so this never fails by chance. */
static void assert_share(unsigned count, unsigned draws, double share)
{
	double deviation = sqrt(draws * share * (1 - share));

	assert_true(fabs(count - draws * share) <= 5 * deviation);
}

static int compare_delays(const void *a, const void *b)
{
	const uint32_t *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

/*
 * Kolmogorov-Smirnov against the exponential, and the correlation of neighbours: 0.0062 is the
 * 99.9 % quantile at 100000 samples (1.95 / sqrt(n)), 0.0104 that of the correlation (3.29 /
 * sqrt(n)).
 */
static void delays_are_exponential_and_independent(void **state)
{
	enum { DRAWS = 100000, MEAN = 200000 };
	static uint32_t delay[DRAWS];
	const struct lm_topology topology = {
		.mix = {.strategy = LM_MIX_POISSON, .mean_delay_us = MEAN}};
	double distance = 0, product = 0;
	struct lm_prng prng;

	(void)state;
	lm_prng_init(&prng, (const uint8_t[32]){4});
	for (unsigned i = 0; i < DRAWS; i += 4)
		lm_topology_draw_delays(&topology, &prng, delay + i, 4);
	for (unsigned i = 1; i < DRAWS; i++)
		product +=
			((double)delay[i] / MEAN - 1) * ((double)delay[i - 1] / MEAN - 1) / DRAWS;
	assert_true(fabs(product) < 0.0104);
	qsort(delay, DRAWS, sizeof(*delay), compare_delays);
	for (unsigned i = 0; i < DRAWS; i++) {
		double law = -expm1(-(delay[i] + 0.5) / MEAN);

		distance = fmax(distance,
				fmax(fabs((double)i / DRAWS - law), fabs((i + 1.0) / DRAWS - law)));
	}
	assert_true(distance < 0.0062);
}

static void delays_stay_within_the_longest(void **state)
{
	/* a mean of 1 us: every delay that would be above 27 is cut to it, 1 in 5 * 10^11 */
	struct lm_topology topology = {.mix = {.strategy = LM_MIX_POISSON, .mean_delay_us = 1}};
	uint32_t delay[4], short_ones = 0;
	struct lm_prng prng;

	(void)state;
	lm_prng_init(&prng, (const uint8_t[32]){5});
	for (unsigned i = 0; i < 25000; i++) {
		lm_topology_draw_delays(&topology, &prng, delay, 4);
		for (unsigned j = 0; j < 4; j++) {
			assert_in_range(delay[j], 0, lm_mix_delay_max_us(&topology.mix));
			short_ones += delay[j] <= 1;
		}
	}
	assert_in_range(short_ones, 1, 99999);
	memset(delay, 0xff, sizeof(delay));
	topology.mix = (struct lm_mix_params){.strategy = LM_MIX_BATCH, .interval_us = 1000};
	lm_topology_draw_delays(&topology, &prng, delay, 3);
	assert_memory_equal(delay, ((const uint32_t[4]){0, 0, 0, UINT32_MAX}), sizeof(delay));
}

/*
 * Draws two kids again and again, where the path's nodes have keys from `oldest` on; share[a][b] is
 * what (first + a, first + b) should get.
 */
static void assert_kids(uint32_t epoch, const uint32_t oldest[2], enum lm_topology_phase phase,
			uint8_t first, const double share[3][3])
{
	enum { DRAWS = 40000 };
	const struct lm_topology topology = {.epoch = epoch};
	struct lm_topology_node node[2] = {{.keys = 4}, {.keys = 4}};
	const struct lm_topology_node *const path[2] = {&node[0], &node[1]};
	unsigned count[3][3] = {{0}};
	struct lm_prng prng;

	for (unsigned i = 0; i < 8; i++)
		node[i / 4].key[i % 4].kid = (uint8_t)(oldest[i / 4] + i % 4);

	lm_prng_init(&prng, (const uint8_t[32]){1});
	for (unsigned draw = 0; draw < DRAWS; draw++) {
		uint8_t kid[2];

		lm_topology_draw_kids(&topology, &prng, epoch, phase, path, kid, 2);
		kid[0] = (uint8_t)(kid[0] - first);
		kid[1] = (uint8_t)(kid[1] - first);
		assert_true(kid[0] < 3 && kid[1] < 3);
		count[kid[0]][kid[1]]++;
	}
	for (unsigned a = 0; a < 3; a++)
		for (unsigned b = 0; b < 3; b++)
			assert_share(count[a][b], DRAWS, share[a][b]);
}

static void kids_are_drawn_from_one_pair_of_epochs(void **state)
{
	/* b = c - 1 or c, once for the packet: the previous and the next never meet. */
	static const double usual[3][3] = {{0.125, 0.125, 0},
					   {0.125, 0.25, 0.125},
					   {0, 0.125, 0.125}};
	static const double late[3][3] = {{0}, {0, 0.25, 0.25}, {0, 0.25, 0.25}};
	static const double early[3][3] = {{0.25, 0.25}, {0.25, 0.25}};
	static const double first[3][3] = {{0.25, 0.25}, {0.25, 0.25}};

	(void)state;
	for (uint32_t epoch = 1; epoch < 600; epoch += 85) { /* also 256 */
		const uint32_t old[2] = {epoch - 1, epoch - 1}, new[2] = {epoch - 1, epoch};
		uint8_t before = (uint8_t)(epoch - 1);

		assert_kids(epoch, old, LM_TOPOLOGY_MIDDLE, before, usual);
		assert_kids(epoch, old, LM_TOPOLOGY_ENDING, before, late);
		assert_kids(epoch, old, LM_TOPOLOGY_BEGINNING, before, early);
		assert_kids(epoch, new, LM_TOPOLOGY_MIDDLE, before, late);
		assert_kids(epoch, new, LM_TOPOLOGY_BEGINNING, before, late);
	}
	for (unsigned phase = LM_TOPOLOGY_BEGINNING; phase <= LM_TOPOLOGY_ENDING; phase++)
		assert_kids(0, (const uint32_t[2]){0, 0}, phase, 0, first);
}

static void an_epoch_begins_later_and_ends_sooner_for_senders(void **state)
{
	const struct lm_topology topology = {.epoch = 7, .from_s = 1000, .until_s = 1020};
	const struct lm_topology brief = {.epoch = 7, .from_s = 1000, .until_s = 1002};
	static const struct {
		double at_s;
		enum lm_topology_phase phase;
	} want[] = {
		{0, LM_TOPOLOGY_BEGINNING},   {0.999, LM_TOPOLOGY_BEGINNING},
		{1, LM_TOPOLOGY_MIDDLE},      {15, LM_TOPOLOGY_MIDDLE},
		{15.001, LM_TOPOLOGY_ENDING}, {19.999, LM_TOPOLOGY_ENDING},
		{20, LM_TOPOLOGY_MIDDLE}, /* no other document has come */
	};

	(void)state;
	for (unsigned i = 0; i < LM_COUNT(want); i++) {
		uint64_t at_us = 1000000000 + (uint64_t)(want[i].at_s * 1e6);

		assert_int_equal(lm_topology_phase_at(&topology, 7, at_us, 5000000), want[i].phase);
		assert_int_equal(lm_topology_phase_at(&topology, 8, at_us + 20000000, 5000000),
				 want[i].phase);
	}
	assert_int_equal(lm_topology_phase_at(&brief, 7, 1000199999, 0), LM_TOPOLOGY_BEGINNING);
	assert_int_equal(lm_topology_phase_at(&brief, 7, 1000200000, 0), LM_TOPOLOGY_MIDDLE);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(document_is_read_as_it_stands),
		cmocka_unit_test(every_strategy_has_its_own_fields),
		cmocka_unit_test(cover_may_be_none_and_as_rare_as_an_hour),
		cmocka_unit_test(kids_wrap_and_the_last_epoch_has_keys_ahead),
		cmocka_unit_test(text_that_is_no_json_has_a_line),
		cmocka_unit_test(truncated_and_flipped_documents_do_no_harm),
		cmocka_unit_test(a_file_needs_as_many_good_signatures_as_the_threshold),
		cmocka_unit_test(what_is_no_file_is_named),
		cmocka_unit_test(routes_follow_the_layers),
		cmocka_unit_test(find_knows_every_node_and_no_other),
		cmocka_unit_test(delays_are_exponential_and_independent),
		cmocka_unit_test(delays_stay_within_the_longest),
		cmocka_unit_test(kids_are_drawn_from_one_pair_of_epochs),
		cmocka_unit_test(an_epoch_begins_later_and_ends_sooner_for_senders),
	};

	return RUN_TESTS(tests);
}
