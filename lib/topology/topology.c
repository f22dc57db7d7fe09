/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From a document to a topology: the whole is read and checked before anything of it is used. The
 * topology is one allocation, freed by lm_topology_free; the JSON lives only inside the call.
 * Nothing here is secret.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "document.h"
#include "loaded.h"

static int read_times(struct lm_topology *head, const struct reader *reader,
		      const struct place *top)
{
	int rc = lm_topology_read_time(&head->from_s, reader, top, "from");

	rc = lm_topology_both(rc, lm_topology_read_time(&head->until_s, reader, top, "until"));
	if (!rc && head->until_s <= head->from_s)
		rc = lm_topology_fail(reader, top, "until", "is not later than from");
	if (!rc && head->until_s - head->from_s > LM_TOPOLOGY_SPAN_S)
		rc = lm_topology_fail(reader, top, "until",
				      "more than 30 days after from; shorten the epoch");
	return rc;
}

/* Which document this is; an epoch that could not be read becomes one that none is. */
static int read_number(struct lm_topology *head, const struct reader *reader,
		       const struct place *top)
{
	uint64_t epoch = UINT32_MAX;
	int rc = lm_topology_read_uint(&epoch, reader, top, "epoch", 0, LM_TOPOLOGY_EPOCH_MAX);

	head->epoch = (uint32_t)epoch;
	rc = lm_topology_both(rc, read_times(head, reader, top));
	rc = lm_topology_both(rc, lm_topology_read_hex(head->previous.b, sizeof(head->previous.b),
						       reader, top, "previous"));
	if (!rc && epoch == 0 && !lm_is_zero(head->previous.b, sizeof(head->previous.b)))
		rc = lm_topology_fail(reader, top, "previous",
				      "no epoch is before epoch 0; 64 zeros");
	return rc;
}

/* Everything but the nodes. */
static int read_head(struct lm_topology *head, const struct reader *reader, const struct place *top)
{
	static const char *const fields[] = {"format",   "epoch",   "from",   "until",
					     "previous", "profile", "mixing", "cover",
					     "paths",    "layers",  "nodes",  NULL};
	uint64_t profile = 0, layers = LM_TOPOLOGY_LAYERS;
	int rc = lm_topology_read_only(reader, top, fields);

	rc = lm_topology_both(rc, read_number(head, reader, top));
	rc = lm_topology_both(rc, lm_topology_read_uint(&profile, reader, top, "profile", 0, 1));
	rc = lm_topology_both(rc, lm_topology_read_uint(&layers, reader, top, "layers", 1,
							LM_TOPOLOGY_LAYERS));
	rc = lm_topology_both(rc, lm_topology_read_mixing(&head->mix, reader, top));
	rc = lm_topology_both(rc, lm_topology_read_cover(&head->cover, reader, top));
	rc = lm_topology_both(rc, lm_topology_read_paths(&head->paths, reader, top));
	head->profile = (unsigned)profile;
	head->layers = (unsigned)layers;
	return rc;
}

static int read_nodes(struct lm_topology *topology, const struct reader *reader,
		      const json_t *nodes)
{
	int rc = 0;

	for (unsigned i = 0; i < topology->nodes; i++) {
		struct place place = lm_topology_place_of_node(i);

		place.json = json_array_get(nodes, i);
		if (!json_is_object(place.json))
			rc = lm_topology_both(rc, lm_topology_fail(reader, &place, "",
								   "is no object; write {...}"));
		else
			rc = lm_topology_both(rc, lm_topology_read_node(&topology->node[i], reader,
									&place, topology));
	}
	return lm_topology_both(rc, lm_topology_check_unique(reader, topology));
}

static int compare_ids(const void *a, const void *b)
{
	const struct lm_topology_node *left = a, *right = b;

	return (left->id > right->id) - (left->id < right->id);
}

static int compare_operators(const void *a, const void *b)
{
	const struct lm_topology_node *const *left = a, *const *right = b;

	return strcmp((*left)->operator,(*right)->operator);
}

/* Gives nodes of one operator one number. */
static int number_operators(struct lm_topology *topology, const struct reader *reader)
{
	struct lm_topology_node **by_name =
		calloc(topology->nodes, sizeof(struct lm_topology_node *));
	uint32_t number = 0;

	if (!by_name)
		return lm_error_set(reader->err, ENOMEM, "%s: out of memory", reader->file);
	for (unsigned i = 0; i < topology->nodes; i++)
		by_name[i] = &topology->node[i];
	qsort(by_name, topology->nodes, sizeof(*by_name), compare_operators);
	for (unsigned i = 0; i < topology->nodes; i++) {
		if (i > 0 && compare_operators(&by_name[i - 1], &by_name[i]) != 0)
			number++;
		by_name[i]->operator_number = number;
	}
	free(by_name);
	return 0;
}

/*
 * Sorts the nodes, lays out the ids and the nodes of each layer in `index`, and gives each layer
 * its columns.
 */
static int build_index(struct loaded *loaded, const struct reader *reader, uint32_t *index,
		       struct column *column)
{
	static const struct place top;
	struct lm_topology *topology = &loaded->topology;
	int rc = 0;

	qsort(topology->node, topology->nodes, sizeof(*topology->node), compare_ids);
	loaded->id = index;
	for (unsigned i = 0; i < topology->nodes; i++)
		*index++ = topology->node[i].id;
	for (unsigned layer = 0; layer <= topology->layers; layer++) {
		topology->layer_node[layer] = index;
		for (unsigned i = 0; i < topology->nodes; i++)
			if (topology->node[i].layer == layer)
				*index++ = i;
		topology->layer_nodes[layer] = (unsigned)(index - topology->layer_node[layer]);
		loaded->column[layer] = column;
		column += topology->layer_nodes[layer];
		if (topology->layer_nodes[layer] == 0)
			rc = layer ? lm_topology_fail(reader, &top, "nodes",
						      "layer %u has no mix; one at least", layer)
				   : lm_topology_fail(reader, &top, "nodes",
						      "no gateway is there; one at least");
	}
	return rc;
}

/* What draws need; and refuses a network in which a gateway cannot be reached. */
static int build_paths(struct loaded *loaded, const struct reader *reader)
{
	static const struct place top;
	const struct lm_topology_node *lonely;
	unsigned from = 0;
	int rc = 0;

	if (!lm_topology_make_columns(loaded))
		return lm_error_set(reader->err, ENOMEM, "%s: out of memory", reader->file);
	lm_topology_choose_candidates(loaded);
	while ((lonely = lm_topology_without_path(loaded, &from)) != NULL) {
		rc = lm_topology_fail(reader, &top, "nodes",
				      "no path leads to gateway %" PRIu32
				      " over %u layers without two nodes of one operator%s; list "
				      "more operators",
				      lonely->id, loaded->topology.layers,
				      loaded->topology.paths.jurisdictions ? " or jurisdiction"
									   : "");
		if (reader->mistakes->take_lonely)
			reader->mistakes->take_lonely(reader->mistakes->context, lonely->id);
		else if (!reader->mistakes->take) /* a search may be long, and the first says it */
			break;
	}
	return rc;
}

/* What the nodes are together is only looked at where each of them could be read. */
static int read_all(struct loaded *loaded, const struct reader *reader, const json_t *nodes,
		    struct column *column)
{
	struct lm_topology *topology = &loaded->topology;
	int rc = read_nodes(topology, reader, nodes);

	if (!rc)
		rc = number_operators(topology, reader);
	if (!rc)
		rc = build_index(loaded, reader, (uint32_t *)(topology->node + topology->nodes),
				 column);
	if (!rc)
		rc = build_paths(loaded, reader);
	return rc;
}

static int read_document(struct lm_topology **out, const struct reader *reader,
			 const struct place *top)
{
	const json_t *nodes = json_object_get(top->json, "nodes");
	size_t n = json_array_size(nodes);
	struct lm_topology head = {.nodes = (unsigned)n};
	struct loaded *loaded;
	struct column *column;
	int rc = lm_topology_read_format(reader, top, "linemix-topology-v2");

	if (rc) /* another document: nothing else about it would be true */
		return rc;
	rc = read_head(&head, reader, top);
	if (n < 1 || n > LM_TOPOLOGY_NODES)
		return lm_topology_fail(reader, top, "nodes", "is no list of 1 to %u nodes",
					LM_TOPOLOGY_NODES);
	loaded = calloc(1, sizeof(*loaded) + n * (sizeof(*head.node) + sizeof(*column) +
						  2 * sizeof(uint32_t)));
	if (!loaded)
		return lm_error_set(reader->err, ENOMEM, "%s: out of memory", reader->file);
	column = (struct column *)(loaded + 1); /* whose alignment is the strictest */
	head.node = (struct lm_topology_node *)(column + n);
	loaded->topology = head;
	rc = lm_topology_both(rc, read_all(loaded, reader, nodes, column));
	if (rc) {
		free(loaded);
		return rc;
	}
	*out = &loaded->topology;
	return 0;
}

int lm_topology_read(struct lm_topology **topology, const struct reader *reader, const char *text,
		     size_t len)
{
	struct place top;
	int rc;

	*topology = NULL;
	if (len > LM_TOPOLOGY_BYTES)
		return lm_topology_fail_file(reader, EFBIG, "%s: larger than %u bytes; shorten it",
					     reader->file, LM_TOPOLOGY_BYTES);
	rc = lm_topology_read_json(&top, reader, text, len);
	if (!rc)
		rc = read_document(topology, reader, &top);
	if (!rc)
		lm_hash_bytes(&(*topology)->hash, text, len);
	json_decref(top.json);
	return rc;
}

int lm_topology_parse(struct lm_topology **topology, const char *text, size_t len, const char *name,
		      struct lm_error *err)
{
	struct mistakes mistakes = {0};
	struct reader reader = {.file = name, .err = err, .mistakes = &mistakes};

	return lm_topology_read(topology, &reader, text, len);
}

int lm_topology_explain(const char *text, size_t len, const char *name, lm_mistake_fn *take,
			void *context)
{
	struct mistakes mistakes = {.take = take, .context = context};
	struct reader reader = {.file = name, .mistakes = &mistakes};
	struct lm_topology *topology;
	int rc = lm_topology_read(&topology, &reader, text, len);

	lm_topology_free(topology);
	return lm_topology_explained(&reader, rc);
}

int lm_topology_open(struct lm_topology **topology, const char *text, size_t len,
		     const struct lm_authorities *authorities, const char *name,
		     struct lm_error *err)
{
	struct lm_signed file;
	unsigned good;
	int rc;

	*topology = NULL;
	rc = lm_signed_parse(&file, text, len, name, err);
	if (rc)
		return rc;
	good = lm_signed_count(&file, authorities);
	if (good < authorities->threshold)
		return lm_error_set(err, EBADMSG,
				    "%s: has %u good signatures of the %u needed; the %u that it "
				    "has must be by `authorities` of the config and of these bytes",
				    name, good, authorities->threshold, file.n);
	return lm_topology_parse(topology, file.bytes, file.len, name, err);
}

int lm_topology_load(struct lm_topology **topology, const char *path,
		     const struct lm_authorities *authorities, struct lm_error *err)
{
	char *text;
	size_t len;
	int rc;

	*topology = NULL;
	rc = lm_file_read(&text, &len, path, err);
	if (rc)
		return rc;
	rc = lm_topology_open(topology, text, len, authorities, path, err);
	free(text);
	return rc;
}

void lm_topology_free(struct lm_topology *topology)
{
	free(topology);
}
