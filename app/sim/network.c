/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See network.h. A synthesized document is written and then parsed, so that every rule on documents
 * holds for these too.
 */
#include "network.h"

#include <errno.h>
#include <stdio.h>

#include "lm_topology_build.h"

#define SIGNED "linemix-signed-v1\n"

#define FROM_S UINT64_C(1767225600) /* 2026-01-01T00:00:00Z: any epoch does */
#define SPAN_S 1200
#define PORT   7000

/* 32 bytes that no other number and mark have; small enough to be a public key. */
static void number_key(uint8_t key[32], uint32_t number, uint8_t mark)
{
	memset(key, 0, 32);
	lm_store_u32(key, number);
	key[4] = mark;
	key[31] = 0x11; /* below 2^255 - 19, and of no small order */
}

static void make_node(struct lm_topology_node *node, const struct synthesis *synthesis,
		      uint32_t index)
{
	uint32_t id = index + 1;

	*node = (struct lm_topology_node){.id = id,
					  .jurisdiction = "CH",
					  .capacity = 1,
					  .addresses = 1,
					  .keys = LM_TOPOLOGY_KEYS};
	if (index < synthesis->gateways)
		node->role = LM_TOPOLOGY_GATEWAY;
	else
		node->layer = 1 + (index - synthesis->gateways) / synthesis->mixes;
	snprintf(node->operator, sizeof(node->operator), "operator %u",
		 synthesis->operators > 0 ? index % synthesis->operators : index);
	number_key(node->identity.b, id, 1);
	number_key(node->link.b, id, 2);
	node->address[0] = (struct lm_topology_address){.ip = {10, (uint8_t)(id >> 16),
							       (uint8_t)(id >> 8), (uint8_t)id},
							.port = PORT};
	for (unsigned i = 0; i < LM_TOPOLOGY_KEYS; i++) {
		node->key[i].kid = (uint8_t)i;
		number_key(node->key[i].pk.b, id, (uint8_t)(3 + i));
	}
}

int synthesize(struct lm_topology **topology, const struct synthesis *synthesis,
	       struct lm_error *err)
{
	struct lm_topology plan = {.until_s = FROM_S + SPAN_S,
				   .from_s = FROM_S,
				   .profile = synthesis->profile,
				   .mix = synthesis->mix,
				   .cover = synthesis->cover,
				   .layers = synthesis->layers,
				   .nodes = synthesis->gateways +
					    synthesis->layers * synthesis->mixes};
	char *text = NULL;
	size_t len;
	int rc = -ENOMEM;

	*topology = NULL;
	plan.node = calloc(plan.nodes, sizeof(*plan.node));
	for (unsigned i = 0; plan.node && i < plan.nodes; i++)
		make_node(&plan.node[i], synthesis, i);
	if (plan.node)
		rc = lm_topology_format(&text, &len, &plan);
	if (rc != 0)
		lm_error_set(err, -rc, "no memory for a network of %u nodes", plan.nodes);
	else
		rc = lm_topology_parse(topology, text, len, "network", err);
	free(text);
	free(plan.node);
	return rc;
}

/* ---- From a file ---- */

static int read_file(char **text, size_t *len, const char *path, struct lm_error *err)
{
	FILE *file = fopen(path, "rb");
	size_t room = 1u << 16;

	*text = file ? malloc(room) : NULL;
	*len = 0;
	while (*text && !feof(file) && !ferror(file) && *len <= LM_TOPOLOGY_BYTES) {
		char *more = *len == room ? realloc(*text, room *= 2) : *text;

		if (!more)
			break;
		*text = more;
		*len += fread(*text + *len, 1, room - *len, file);
	}
	if (!file || !*text || !feof(file)) {
		int code = *len > LM_TOPOLOGY_BYTES ? EFBIG : errno;

		if (file)
			fclose(file);
		free(*text);
		return lm_error_set(err, code, "%s: %s", path, strerror(code));
	}
	fclose(file);
	return 0;
}

int network_load(struct lm_topology **topology, const char *path, struct lm_error *err)
{
	struct lm_signed file;
	char *text;
	size_t len;
	int rc = read_file(&text, &len, path, err);

	*topology = NULL;
	if (rc != 0)
		return rc;
	file = (struct lm_signed){.bytes = text, .len = len};
	if (len >= strlen(SIGNED) && memcmp(text, SIGNED, strlen(SIGNED)) == 0)
		rc = lm_signed_parse(&file, text, len, path, err);
	if (rc == 0)
		rc = lm_topology_parse(topology, file.bytes, file.len, path, err);
	free(text);
	return rc;
}
