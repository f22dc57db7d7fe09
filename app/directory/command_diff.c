/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * linemix-directory diff: two documents of a network, for people who decide whether to sign the
 * second. What is the same is not mentioned.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "files.h"
#include "options.h"

#define TEXT_LEN 768 /* a node's addresses are the longest text */

enum { KEY_JSON = 256 };

struct diff_options {
	const char *path[2];
	bool json;
};

static const struct argp_option rows[] = {
	{"json", KEY_JSON, NULL, 0, "Print JSON", 0},
	{0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct diff_options *options = state->input;

	switch (key) {
	case KEY_JSON:
		options->json = true;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num > 1)
			argp_error(state, "two documents");
		options->path[state->arg_num] = arg;
		return 0;
	case ARGP_KEY_END:
		if (!options->path[1])
			argp_error(state, "two documents are required");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Two documents, and what is found: json is NULL for text on stdout. */
struct comparison {
	const struct lm_topology *a, *b;
	json_t *json;
	unsigned changes;
};

/* One change; node 0: of the whole document. Empty text: there is none. */
static void change(struct comparison *comparison, uint32_t node, const char *what,
		   const char *before, const char *after)
{
	comparison->changes++;
	if (comparison->json) {
		json_array_append_new(comparison->json,
				      json_pack("{s:I, s:s, s:s, s:s}", "node", (json_int_t)node,
						"what", what, "before", before, "after", after));
		return;
	}
	if (node)
		printf("node %-10" PRIu32 " ", node);
	else
		printf("%-15s ", "document");
	if (*before && *after)
		printf("%s: %s -> %s\n", what, before, after);
	else
		printf("%s%s%s\n", what, *before || *after ? ": " : "", *before ? before : after);
}

static void change_text(struct comparison *comparison, uint32_t node, const char *what,
			const char *before, const char *after)
{
	if (strcmp(before, after) != 0)
		change(comparison, node, what, before, after);
}

static void change_number(struct comparison *comparison, uint32_t node, const char *what,
			  uint64_t before, uint64_t after)
{
	char a[24], b[24];

	snprintf(a, sizeof(a), "%" PRIu64, before);
	snprintf(b, sizeof(b), "%" PRIu64, after);
	change_text(comparison, node, what, a, b);
}

static void change_key(struct comparison *comparison, uint32_t node, const char *what,
		       const uint8_t before[32], const uint8_t after[32])
{
	char a[65], b[65];

	lm_hex_encode(a, before, 32);
	lm_hex_encode(b, after, 32);
	change_text(comparison, node, what, a, b);
}

/* ---- The whole document ---- */

/* The parameters of another strategy are not compared: they are none of the document. */
static void compare_mixing(struct comparison *comparison)
{
	const struct lm_mix_params *a = &comparison->a->mix, *b = &comparison->b->mix;

	change_text(comparison, 0, "mixing.strategy", lm_mix_strategy_name(a->strategy),
		    lm_mix_strategy_name(b->strategy));
	if (a->strategy != b->strategy)
		return;
	change_number(comparison, 0, "mixing.interval_us", a->interval_us, b->interval_us);
	change_number(comparison, 0, "mixing.min_batch", a->min_batch, b->min_batch);
	change_number(comparison, 0, "mixing.min_neighbours", a->min_neighbours, b->min_neighbours);
	change_number(comparison, 0, "mixing.max_wait_us", a->max_wait_us, b->max_wait_us);
	change_number(comparison, 0, "mixing.threshold", a->threshold, b->threshold);
	change_number(comparison, 0, "mixing.flush_ppm", a->flush_ppm, b->flush_ppm);
	change_number(comparison, 0, "mixing.stay_ppm", a->stay_ppm, b->stay_ppm);
	change_number(comparison, 0, "mixing.mean_delay_us", a->mean_delay_us, b->mean_delay_us);
}

static void compare_time(struct comparison *comparison, const char *what, uint64_t before,
			 uint64_t after)
{
	char a[LM_TOPOLOGY_TIME], b[LM_TOPOLOGY_TIME];

	lm_topology_format_time(a, before);
	lm_topology_format_time(b, after);
	change_text(comparison, 0, what, a, b);
}

static void compare_documents(struct comparison *comparison)
{
	const struct lm_topology *a = comparison->a, *b = comparison->b;

	change_number(comparison, 0, "epoch", a->epoch, b->epoch);
	compare_time(comparison, "from", a->from_s, b->from_s);
	compare_time(comparison, "until", a->until_s, b->until_s);
	change_number(comparison, 0, "seconds of an epoch", a->until_s - a->from_s,
		      b->until_s - b->from_s);
	change_number(comparison, 0, "profile", a->profile, b->profile);
	compare_mixing(comparison);
	change_number(comparison, 0, "cover.loop_interval_us", a->cover.loop_interval_us,
		      b->cover.loop_interval_us);
	change_number(comparison, 0, "cover.drop_interval_us", a->cover.drop_interval_us,
		      b->cover.drop_interval_us);
	change_number(comparison, 0, "cover.link_interval_us", a->cover.link_interval_us,
		      b->cover.link_interval_us);
	change_text(comparison, 0, "paths.choice", a->paths.by_capacity ? "capacity" : "uniform",
		    b->paths.by_capacity ? "capacity" : "uniform");
	change_text(comparison, 0, "paths.jurisdictions", a->paths.jurisdictions ? "true" : "false",
		    b->paths.jurisdictions ? "true" : "false");
	change_number(comparison, 0, "layers", a->layers, b->layers);
	change_number(comparison, 0, "nodes", a->nodes, b->nodes);
}

/* ---- Nodes ---- */

static void place_text(char text[TEXT_LEN], const struct lm_topology_node *node)
{
	if (node->role == LM_TOPOLOGY_GATEWAY)
		snprintf(text, TEXT_LEN, "gateway");
	else
		snprintf(text, TEXT_LEN, "layer %u", node->layer);
}

static void address_text(char text[TEXT_LEN], const struct lm_topology_node *node)
{
	size_t used = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < node->addresses; i++) {
		char address[LM_TOPOLOGY_ADDRESS];

		lm_topology_format_address(address, &node->address[i]);
		used += (size_t)snprintf(text + used, TEXT_LEN - used, "%s%s", i ? ", " : "",
					 address);
	}
}

static void mac_text(char text[TEXT_LEN], const struct lm_topology_node *node)
{
	if (node->has_mac)
		snprintf(text, TEXT_LEN, "%02x:%02x:%02x:%02x:%02x:%02x", node->mac[0],
			 node->mac[1], node->mac[2], node->mac[3], node->mac[4], node->mac[5]);
	else
		snprintf(text, TEXT_LEN, "resolved");
}

static void who_text(char text[TEXT_LEN], const struct lm_topology_node *node)
{
	char place[TEXT_LEN];

	place_text(place, node);
	snprintf(text, TEXT_LEN, "%.20s, %s, %s", place, node->operator, node->jurisdiction);
}

/* Of the epochs that stand in both: a key that was promised stays. */
static void compare_keys(struct comparison *comparison, const struct lm_topology_node *a,
			 const struct lm_topology_node *b)
{
	uint64_t first = comparison->b->epoch;
	uint64_t last = (uint64_t)comparison->a->epoch + LM_TOPOLOGY_KEYS;

	if (comparison->a->epoch > first)
		return;
	for (uint64_t epoch = first; epoch < last; epoch++) {
		char what[64];

		snprintf(what, sizeof(what), "broken promise: key of epoch %" PRIu64, epoch);
		change_key(comparison, a->id, what, lm_topology_key(a, (uint8_t)epoch)->b,
			   lm_topology_key(b, (uint8_t)epoch)->b);
	}
}

static void compare_nodes(struct comparison *comparison, const struct lm_topology_node *a,
			  const struct lm_topology_node *b)
{
	char before[TEXT_LEN], after[TEXT_LEN];

	place_text(before, a);
	place_text(after, b);
	change_text(comparison, a->id, "moved", before, after);
	change_text(comparison, a->id, "operator", a->operator, b->operator);
	change_text(comparison, a->id, "jurisdiction", a->jurisdiction, b->jurisdiction);
	change_key(comparison, a->id, "another identity", a->identity.b, b->identity.b);
	change_key(comparison, a->id, "link key", a->link.b, b->link.b);
	change_number(comparison, a->id, "capacity", a->capacity, b->capacity);
	address_text(before, a);
	address_text(after, b);
	change_text(comparison, a->id, "addresses", before, after);
	mac_text(before, a);
	mac_text(after, b);
	change_text(comparison, a->id, "mac", before, after);
	compare_keys(comparison, a, b);
}

/* Both lists are by rising id. */
static void compare_all_nodes(struct comparison *comparison)
{
	const struct lm_topology *a = comparison->a, *b = comparison->b;
	char who[TEXT_LEN];

	for (unsigned i = 0, j = 0; i < a->nodes || j < b->nodes;) {
		const struct lm_topology_node *old = i < a->nodes ? &a->node[i] : NULL;
		const struct lm_topology_node *new = j < b->nodes ? &b->node[j] : NULL;

		if (old && new && old->id == new->id) {
			compare_nodes(comparison, old, new);
			i++;
			j++;
		} else if (old && (!new || old->id < new->id)) {
			who_text(who, old);
			change(comparison, old->id, "out", who, "");
			i++;
		} else {
			who_text(who, new);
			change(comparison, new->id, "in", "", who);
			j++;
		}
	}
}

/* ---- The report ---- */

static void print_json(struct comparison *comparison, bool follows)
{
	char a[65], b[65];
	json_t *report;

	lm_hex_encode(a, comparison->a->hash.b, 32);
	lm_hex_encode(b, comparison->b->hash.b, 32);
	report = json_pack("{s:s, s:s, s:b, s:o}", "before", a, "after", b, "follows", (int)follows,
			   "changes", comparison->json);
	json_dumpf(report, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(report);
}

static void report(const struct diff_options *options, const struct lm_topology *a,
		   const struct lm_topology *b)
{
	struct comparison comparison = {.a = a, .b = b};
	bool follows = memcmp(&b->previous, &a->hash, sizeof(a->hash)) == 0;

	if (options->json)
		comparison.json = json_array();
	compare_documents(&comparison);
	compare_all_nodes(&comparison);
	if (options->json)
		print_json(&comparison, follows);
	else if (memcmp(&a->hash, &b->hash, sizeof(a->hash)) == 0)
		printf("the same document\n");
	else
		printf("%u changes; %s\n", comparison.changes,
		       follows ? "the second names the first as the one before"
			       : "the second does not name the first as the one before");
}

int diff_main(int argc, char **argv)
{
	const struct argp argp = {
		.options = rows,
		.parser = parse,
		.args_doc = "BEFORE AFTER",
		.doc = "Shows what is different between two documents, signed or not: nodes in and "
		       "out, moved, their addresses, capacities and keys, and the parameters of "
		       "the network.\v"
		       "Signatures are not looked at. Keys of later epochs are only mentioned "
		       "where one that was promised has changed.",
	};
	static const struct lm_authorities nobody;
	struct lm_topology *a = NULL, *b = NULL;
	struct diff_options options = {0};
	struct lm_error err;
	int rc;

	argp_parse(&argp, argc, argv, 0, NULL, &options);
	rc = file_topology(&a, options.path[0], &nobody, &err);
	if (rc == 0)
		rc = file_topology(&b, options.path[1], &nobody, &err);
	if (rc == 0)
		report(&options, a, b);
	lm_topology_free(a);
	lm_topology_free(b);
	return rc == 0 ? 0 : options_failed(argv[0], &err);
}
