/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From a document to a topology: the whole is read and checked before anything of it is used. The
 * topology is one allocation, freed by lm_topology_free; the JSON lives only inside the call.
 * Nothing here is secret.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "document.h"
#include "loaded.h"

/* Everything but the nodes. */
static int read_head(struct lm_topology *head, const struct reader *reader, const struct place *top)
{
	static const char *const fields[] = {"format", "epoch",  "profile", "mixing",
					     "cover",  "layers", "nodes",   NULL};
	static const char right[] = "linemix-topology-v1";
	uint64_t epoch, profile, layers;
	const char *format;
	int rc = lm_topology_read_text(&format, reader, top, "format", right);

	if (!rc && strcmp(format, right) != 0)
		rc = lm_topology_fail(reader, top, "format", "\"%.40s\" is no known format; %s",
				      format, right);
	if (!rc)
		rc = lm_topology_read_only(reader, top, fields);
	if (!rc)
		rc = lm_topology_read_uint(&epoch, reader, top, "epoch", 0, UINT32_MAX);
	if (!rc)
		rc = lm_topology_read_uint(&profile, reader, top, "profile", 0, 1);
	if (!rc)
		rc = lm_topology_read_uint(&layers, reader, top, "layers", 1, LM_TOPOLOGY_LAYERS);
	if (!rc)
		rc = lm_topology_read_mixing(&head->mix, reader, top);
	if (!rc)
		rc = lm_topology_read_cover(&head->cover, reader, top);
	if (rc)
		return rc;
	head->epoch = (uint32_t)epoch;
	head->profile = (unsigned)profile;
	head->layers = (unsigned)layers;
	return 0;
}

static int read_nodes(struct lm_topology *topology, const struct reader *reader,
		      const json_t *nodes)
{
	for (unsigned i = 0; i < topology->nodes; i++) {
		struct place place = lm_topology_place_of_node(i);
		int rc;

		place.json = json_array_get(nodes, i);
		if (!json_is_object(place.json))
			return lm_topology_fail(reader, &place, "", "is no object; write {...}");
		rc = lm_topology_read_node(&topology->node[i], reader, &place, topology);
		if (rc)
			return rc;
	}
	return lm_topology_check_unique(reader, topology);
}

static int compare_ids(const void *a, const void *b)
{
	const struct lm_topology_node *left = a, *right = b;

	return (left->id > right->id) - (left->id < right->id);
}

/* Sorts the nodes, and lays out the ids and the nodes of each layer in `index`. */
static int build_index(struct loaded *loaded, const struct reader *reader, uint32_t *index)
{
	static const struct place top;
	struct lm_topology *topology = &loaded->topology;

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
		if (topology->layer_nodes[layer] == 0)
			return layer ? lm_topology_fail(reader, &top, "nodes",
							"layer %u has no mix; one at least", layer)
				     : lm_topology_fail(reader, &top, "nodes",
							"no gateway is there; one at least");
	}
	return 0;
}

static int read_document(struct lm_topology **out, const struct reader *reader,
			 const struct place *top)
{
	const json_t *nodes = json_object_get(top->json, "nodes");
	size_t n = json_array_size(nodes);
	struct lm_topology head = {.nodes = (unsigned)n};
	struct loaded *loaded;
	int rc = read_head(&head, reader, top);

	if (rc)
		return rc;
	if (n < 1 || n > LM_TOPOLOGY_NODES)
		return lm_topology_fail(reader, top, "nodes", "is no list of 1 to %u nodes",
					LM_TOPOLOGY_NODES);
	loaded = calloc(1, sizeof(*loaded) + n * (sizeof(*head.node) + 2 * sizeof(uint32_t)));
	if (!loaded)
		return lm_error_set(reader->err, ENOMEM, "%s: out of memory", reader->file);
	head.node = (struct lm_topology_node *)(loaded + 1);
	loaded->topology = head;
	rc = read_nodes(&loaded->topology, reader, nodes);
	if (!rc)
		rc = build_index(loaded, reader, (uint32_t *)(head.node + n));
	if (rc) {
		free(loaded);
		return rc;
	}
	*out = &loaded->topology;
	return 0;
}

int lm_topology_parse(struct lm_topology **topology, const char *text, size_t len, const char *name,
		      struct lm_error *err)
{
	struct reader reader = {.file = name, .err = err};
	struct place top = {0};
	json_error_t error;
	int rc;

	*topology = NULL;
	if (len > LM_TOPOLOGY_BYTES)
		return lm_error_set(err, EFBIG, "%s: larger than %u bytes; shorten it", name,
				    LM_TOPOLOGY_BYTES);
	top.json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	if (!top.json) {
		lm_topology_make_printable(error.text);
		return lm_error_set(err, EINVAL, "%s:%d: not JSON: %s; correct the syntax", name,
				    error.line, error.text);
	}
	if (json_is_object(top.json))
		rc = read_document(topology, &reader, &top);
	else
		rc = lm_topology_fail(&reader, &top, "", "the document is no object; write {...}");
	json_decref(top.json);
	return rc;
}

/* The whole of a regular file; *text is for free(). */
static int read_file(char **text, size_t *len, const char *path, int fd, struct lm_error *err)
{
	struct stat status;
	ssize_t got;

	if (fstat(fd, &status) < 0)
		return lm_error_set(err, errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(status.st_mode))
		return lm_error_set(err, EINVAL, "%s: is no regular file", path);
	if ((uintmax_t)status.st_size > LM_TOPOLOGY_BYTES)
		return lm_error_set(err, EFBIG, "%s: larger than %u bytes; shorten it", path,
				    LM_TOPOLOGY_BYTES);
	*text = malloc((size_t)status.st_size + 1);
	if (!*text)
		return lm_error_set(err, ENOMEM, "%s: out of memory", path);
	for (*len = 0; *len < (size_t)status.st_size; *len += (size_t)got) {
		got = read(fd, *text + *len, (size_t)status.st_size - *len);
		if (got < 0)
			return lm_error_set(err, errno, "%s: cannot be read: %s", path,
					    strerror(errno));
		if (got == 0)
			break; /* cut while it was being read: the parser will say so */
	}
	return 0;
}

int lm_topology_load(struct lm_topology **topology, const char *path, struct lm_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char *text = NULL;
	size_t len = 0;
	int rc;

	*topology = NULL;
	if (fd < 0)
		return lm_error_set(err, errno, "%s: cannot be opened: %s", path, strerror(errno));
	rc = read_file(&text, &len, path, fd, err);
	if (!rc)
		rc = lm_topology_parse(topology, text, len, path, err);
	free(text);
	close(fd);
	return rc;
}

void lm_topology_free(struct lm_topology *topology)
{
	free(topology);
}
