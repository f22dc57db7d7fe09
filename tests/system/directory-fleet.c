/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * directory-fleet OUT NODES EPOCH_S START_S FIRST COUNT AUTHORITIES: a network on paper, for tests
 * of the directory: OUT/plan.json, OUT/descriptors/ID of NODES nodes with the keys of COUNT epochs
 * from FIRST on, and OUT/authority-N.key, whose public keys it prints, one on a line. No node's
 * secrets are kept: nobody sends packets here.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "lm_topology_descriptor.h"
#include "lm_topology_plan.h"

#define LAYERS        3
#define GATEWAY_EVERY 4 /* of so many nodes one is a gateway */

struct fleet {
	const char *out;
	unsigned nodes, first, count, authorities;
	struct lm_plan plan;
};

static void fail(const char *what)
{
	fprintf(stderr, "directory-fleet: %s\n", what);
	exit(1);
}

static void place(char path[512], const struct fleet *fleet, const char *name, unsigned number,
		  const char *ending)
{
	snprintf(path, 512, "%s/%s%u%s", fleet->out, name, number, ending);
}

static void write_file(const char *path, const char *text, size_t len)
{
	struct lm_error err;

	if (lm_file_replace(path, text, len, 0644, &err) != 0)
		fail(err.text);
}

/* One node: a member of the plan, and a descriptor. */
static void add_node(struct fleet *fleet, unsigned index)
{
	struct lm_member *member = &fleet->plan.member[index];
	static struct lm_descriptor descriptor;
	struct lm_signer signer;
	struct lm_secret secret;
	struct lm_error err;
	char path[512], *text;
	size_t len;

	lm_rand(&signer, sizeof(signer));
	lm_signer_public(&member->identity, &signer);
	member->id = index + 1;
	member->role = index % GATEWAY_EVERY == 0 ? LM_TOPOLOGY_GATEWAY : LM_TOPOLOGY_MIX;
	member->layer = index % GATEWAY_EVERY == 0 ? 0 : 1 + (index % GATEWAY_EVERY - 1) % LAYERS;
	snprintf(member->operator, sizeof(member->operator), "Operator %u", index);
	strcpy(member->jurisdiction, "CH");
	member->capacity = UINT32_MAX;
	descriptor = (struct lm_descriptor){
		.id = member->id,
		.made_s = fleet->plan.start_s - 1,
		.identity = member->identity,
		.capacity = 1000,
		.addresses = 1,
		.address[0] = {.ip = {10, (uint8_t)(index >> 16), (uint8_t)(index >> 8),
				      (uint8_t)index},
			       .port = 7000},
		.keys = fleet->count,
	};
	lm_rand(&secret, sizeof(secret));
	lm_link_prove(&descriptor.link_proof, &descriptor.link, &secret, descriptor.id,
		      &descriptor.identity);
	for (unsigned i = 0; i < fleet->count; i++) {
		struct lm_descriptor_key *key = &descriptor.key[i];

		key->epoch = fleet->first + i;
		lm_rand(&secret, sizeof(secret));
		lm_key_prove(&key->proof, &key->pk, &secret, descriptor.id, &descriptor.identity,
			     key->epoch);
	}
	if (lm_descriptor_format(&text, &len, &descriptor, &signer, &err) != 0)
		fail(err.text);
	place(path, fleet, "descriptors/", member->id, "");
	write_file(path, text, len);
	free(text);
}

static void write_plan(struct fleet *fleet)
{
	char path[512], *text;
	size_t len;

	snprintf(path, sizeof(path), "%s/plan.json", fleet->out);
	if (lm_plan_format(&text, &len, &fleet->plan) != 0)
		fail("the plan has no form");
	write_file(path, text, len);
	free(text);
}

static void add_authority(const struct fleet *fleet, unsigned number)
{
	struct lm_error err;
	uint8_t public[32];
	char path[512], hex[65];

	place(path, fleet, "authority-", number, ".key");
	if (lm_keyfile_make(public, LM_KEYFILE_AUTHORITY, path, &err) != 0)
		fail(err.text);
	lm_hex_encode(hex, public, sizeof(public));
	puts(hex);
}

static unsigned number(const char *text, unsigned most)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*end != '\0' || value > most)
		fail("usage: directory-fleet OUT NODES EPOCH_S START_S FIRST COUNT AUTHORITIES");
	return (unsigned)value;
}

int main(int argc, char **argv)
{
	struct fleet fleet = {
		.plan = {.mix = {.strategy = LM_MIX_POISSON, .mean_delay_us = 1000},
			 .layers = LAYERS},
	};
	struct lm_error err;
	char path[512];

	if (argc != 8 || lm_base_init(&err) != 0)
		fail("usage: directory-fleet OUT NODES EPOCH_S START_S FIRST COUNT AUTHORITIES");
	fleet.out = argv[1];
	fleet.nodes = fleet.plan.members = number(argv[2], LM_TOPOLOGY_NODES);
	fleet.plan.epoch_s = number(argv[3], LM_TOPOLOGY_SPAN_S);
	fleet.plan.start_s = number(argv[4], UINT32_MAX);
	fleet.first = number(argv[5], UINT32_MAX);
	fleet.count = number(argv[6], LM_DESCRIPTOR_KEYS);
	fleet.authorities = number(argv[7], LM_SIGNED_SIGNATURES);
	fleet.plan.member = calloc(fleet.nodes, sizeof(*fleet.plan.member));
	snprintf(path, sizeof(path), "%s/descriptors", fleet.out);
	if (!fleet.plan.member || (mkdir(path, 0755) != 0 && errno != EEXIST))
		fail(path);
	for (unsigned i = 0; i < fleet.nodes; i++)
		add_node(&fleet, i);
	write_plan(&fleet);
	for (unsigned i = 0; i < fleet.authorities; i++)
		add_authority(&fleet, i + 1);
	free(fleet.plan.member);
	return 0;
}
