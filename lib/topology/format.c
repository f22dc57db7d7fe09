/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whole documents in their one form (FORMAT.md): topologies, plans, descriptors.
 */
#include <errno.h>
#include <inttypes.h>

#include "lm_topology_build.h"
#include "prefix.h"
#include "write.h"

/* A stream into *text, which is NULL without memory. */
static FILE *open_text(char **text, size_t *len)
{
	*text = NULL;
	*len = 0;
	return open_memstream(text, len);
}

/* ---- Topologies ---- */

static void write_node_keys(FILE *to, const struct lm_topology *topology,
			    const struct lm_topology_node *node)
{
	fputs(", \"keys\": {", to);
	for (unsigned i = 0; i < LM_TOPOLOGY_KEYS; i++) {
		uint32_t epoch = topology->epoch + i;
		const struct lm_point *pk = lm_topology_key(node, (uint8_t)epoch);

		LM_ASSERT(pk != NULL);
		fprintf(to, "%s\"%" PRIu32 "\": ", i ? ", " : "", epoch);
		lm_write_hex(to, pk->b, sizeof(pk->b));
	}
	fputs("}}", to);
}

static void write_node(FILE *to, const struct lm_topology *topology,
		       const struct lm_topology_node *node)
{
	fputs("    {", to);
	lm_write_who(to, node->id, node->role, node->layer, node->operator, node->jurisdiction);
	fputs(", \"identity\": ", to);
	lm_write_hex(to, node->identity.b, sizeof(node->identity.b));
	fputs(", \"link\": ", to);
	lm_write_hex(to, node->link.b, sizeof(node->link.b));
	fprintf(to, ", \"capacity\": %" PRIu32 ", \"addresses\": ", node->capacity);
	lm_write_addresses(to, node->address, node->addresses);
	if (node->has_mac) {
		fputs(", \"mac\": ", to);
		lm_write_mac(to, node->mac);
	}
	write_node_keys(to, topology, node);
}

int lm_topology_format(char **text, size_t *len, const struct lm_topology *topology)
{
	FILE *to = open_text(text, len);

	if (!to)
		return -ENOMEM;
	fprintf(to,
		"{\n  \"format\": \"linemix-topology-v2\",\n  \"epoch\": %" PRIu32
		",\n  \"from\": ",
		topology->epoch);
	lm_write_time(to, topology->from_s);
	fputs(", \"until\": ", to);
	lm_write_time(to, topology->until_s);
	fputs(",\n  \"previous\": ", to);
	lm_write_hex(to, topology->previous.b, sizeof(topology->previous.b));
	fputs(",\n", to);
	lm_write_rules(to, topology->profile, &topology->mix, &topology->cover, &topology->paths,
		       topology->layers);
	fputs("  \"nodes\": [", to);
	for (unsigned i = 0; i < topology->nodes; i++) {
		fputs(i ? ",\n" : "\n", to);
		write_node(to, topology, &topology->node[i]);
	}
	fputs("\n  ]\n}\n", to);
	return lm_write_done(to, text);
}

/* ---- Plans ---- */

static void write_member(FILE *to, const struct lm_member *member)
{
	fputs("    {", to);
	lm_write_who(to, member->id, member->role, member->layer, member->operator,
		     member->jurisdiction);
	fputs(", \"identity\": ", to);
	lm_write_hex(to, member->identity.b, sizeof(member->identity.b));
	if (member->capacity != UINT32_MAX)
		fprintf(to, ", \"capacity\": %" PRIu32, member->capacity);
	if (member->has_mac) {
		fputs(", \"mac\": ", to);
		lm_write_mac(to, member->mac);
	}
	for (unsigned i = 0; i < member->prefixes; i++) {
		char text[LM_PREFIX_TEXT];

		lm_prefix_format(text, &member->prefix[i]);
		fprintf(to, "%s\"%s\"", i ? ", " : ", \"prefixes\": [", text);
	}
	fputs(member->prefixes > 0 ? "]" : "", to);
	fputs(member->retired ? ", \"retired\": true}" : "}", to);
}

int lm_plan_format(char **text, size_t *len, const struct lm_plan *plan)
{
	FILE *to = open_text(text, len);

	if (!to)
		return -ENOMEM;
	fputs("{\n  \"format\": \"linemix-plan-v1\",\n  \"start\": ", to);
	lm_write_time(to, plan->start_s);
	fprintf(to, ", \"epoch_seconds\": %" PRIu32 ",\n", plan->epoch_s);
	lm_write_rules(to, plan->profile, &plan->mix, &plan->cover, &plan->paths, plan->layers);
	fputs("  \"members\": [", to);
	for (unsigned i = 0; i < plan->members; i++) {
		fputs(i ? ",\n" : "\n", to);
		write_member(to, &plan->member[i]);
	}
	fputs("\n  ]\n}\n", to);
	return lm_write_done(to, text);
}

/* ---- Descriptors ---- */

static void write_proved(FILE *to, const struct lm_point *pk, const struct lm_key_proof *proof)
{
	fputs("{\"public\": ", to);
	lm_write_hex(to, pk->b, sizeof(pk->b));
	fputs(", \"proof\": ", to);
	lm_write_hex(to, proof->b, sizeof(proof->b));
	fputc('}', to);
}

static int format_descriptor(char **text, size_t *len, const struct lm_descriptor *descriptor)
{
	FILE *to = open_text(text, len);

	if (!to)
		return -ENOMEM;
	fprintf(to,
		"{\n  \"format\": \"linemix-descriptor-v2\",\n  \"id\": %" PRIu32 ", \"made\": ",
		descriptor->id);
	lm_write_time(to, descriptor->made_s);
	fputs(",\n  \"identity\": ", to);
	lm_write_hex(to, descriptor->identity.b, sizeof(descriptor->identity.b));
	fputs(",\n  \"link\": ", to);
	write_proved(to, &descriptor->link, &descriptor->link_proof);
	fprintf(to, ",\n  \"capacity\": %" PRIu32 ",\n  \"addresses\": ", descriptor->capacity);
	lm_write_addresses(to, descriptor->address, descriptor->addresses);
	fputs(",\n  \"keys\": {", to);
	for (unsigned i = 0; i < descriptor->keys; i++) {
		const struct lm_descriptor_key *key = &descriptor->key[i];

		fprintf(to, "%s\n    \"%" PRIu32 "\": ", i ? "," : "", key->epoch);
		write_proved(to, &key->pk, &key->proof);
	}
	fputs("\n  }\n}\n", to);
	return lm_write_done(to, text);
}

int lm_descriptor_format(char **text, size_t *len, const struct lm_descriptor *descriptor,
			 const struct lm_signer *identity, struct lm_error *err)
{
	struct lm_signed file = {.n = 1};
	char *bytes;
	int rc = format_descriptor(&bytes, &file.len, descriptor);

	*text = NULL;
	if (rc == 0) {
		file.bytes = bytes;
		lm_signer_public(&file.by[0], identity);
		lm_sign(&file.signature[0], identity, bytes, file.len);
		rc = lm_signed_format(text, len, &file);
	}
	free(bytes);
	return rc == 0 ? 0 : lm_error_set(err, -rc, "no memory for the descriptor");
}
