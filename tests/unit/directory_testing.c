/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See directory_testing.h.
 */
#include "directory_testing.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* 32 bytes that depend on two numbers. */
static void derive(uint8_t out[32], uint32_t kind, uint32_t number)
{
	uint8_t text[8];

	lm_store_u32(text, kind);
	lm_store_u32(text + 4, number);
	assert_int_equal(crypto_generichash(out, 32, text, sizeof(text), NULL, 0), 0);
}

void net_set_key(struct net *net, unsigned index, unsigned i, uint32_t number)
{
	struct lm_descriptor *descriptor = &net->node[index].descriptor;
	struct lm_secret secret;

	derive(secret.b, 3, number);
	lm_key_prove(&descriptor->key[i].proof, &descriptor->key[i].pk, &secret, descriptor->id,
		     &descriptor->identity, descriptor->key[i].epoch);
}

void net_set_link(struct net *net, unsigned index, uint32_t number)
{
	struct lm_descriptor *descriptor = &net->node[index].descriptor;
	struct lm_secret secret;

	derive(secret.b, 2, number);
	lm_link_prove(&descriptor->link_proof, &descriptor->link, &secret, descriptor->id,
		      &descriptor->identity);
}

static void add_node(struct net *net, uint32_t id, unsigned layer, uint32_t first)
{
	unsigned index = net->plan.members++;
	struct lm_member *member = &net->member[index];
	struct net_node *node = &net->node[index];
	struct lm_descriptor *descriptor = &node->descriptor;

	assert_true(index < NET_NODES);
	derive(node->identity.b, 1, id);
	*member = (struct lm_member){
		.id = id,
		.role = layer ? LM_TOPOLOGY_MIX : LM_TOPOLOGY_GATEWAY,
		.layer = layer,
		.jurisdiction = "CH",
		.capacity = UINT32_MAX,
	};
	snprintf(member->operator, sizeof(member->operator), "Operator %u", id);
	lm_signer_public(&member->identity, &node->identity);
	*descriptor = (struct lm_descriptor){
		.id = id,
		.made_s = NET_START_S - 600,
		.identity = member->identity,
		.capacity = 1000 + id,
		.addresses = 2,
		.address = {{.ip = {10, (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id},
			     .port = 7000},
			    {.ipv6 = true, .ip = {0x20, 1, 0xd, 0xb8}, .port = 7000}},
		.keys = NET_KEYS,
	};
	lm_store_u32(descriptor->address[1].ip + 12, id);
	net_set_link(net, index, id);
	for (unsigned i = 0; i < NET_KEYS; i++) {
		descriptor->key[i].epoch = first + i;
		net_set_key(net, index, i, id * 1000 + first + i);
	}
}

struct net *net_make(unsigned layers, unsigned per_layer, unsigned gateways, uint32_t first)
{
	struct net *net = calloc(1, sizeof(*net));

	assert_non_null(net);
	net->plan = (struct lm_plan){
		.start_s = NET_START_S,
		.epoch_s = NET_EPOCH_S,
		.mix = {.strategy = LM_MIX_POISSON, .mean_delay_us = 200000},
		.cover = {.loop_interval_us = 100000},
		.layers = layers,
		.member = net->member,
	};
	for (unsigned layer = 1; layer <= layers; layer++)
		for (unsigned i = 1; i <= per_layer; i++)
			add_node(net, layer * 1000 + i, layer, first);
	for (unsigned i = 1; i <= gateways; i++)
		add_node(net, 9000 + i, 0, first);
	return net;
}

unsigned net_index(const struct net *net, uint32_t id)
{
	const struct lm_member *member = lm_plan_find(&net->plan, id);

	assert_non_null(member);
	return (unsigned)(member - net->member);
}

void net_write(struct lm_build_file *file, const struct net *net, unsigned index, const char *name)
{
	const struct net_node *node = &net->node[index];
	struct lm_error err = {""};
	char *text;

	if (lm_descriptor_format(&text, &file->len, &node->descriptor, &node->identity, &err) != 0)
		fail_msg("%s", err.text);
	file->name = name;
	file->text = text;
}

struct lm_build_file *net_write_all(const struct net *net)
{
	struct lm_build_file *file = calloc(net->plan.members + 1, sizeof(*file));

	assert_non_null(file);
	for (unsigned i = 0; i < net->plan.members; i++)
		net_write(&file[i], net, i, "descriptor");
	return file;
}

void net_free_files(struct lm_build_file *file, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		free((char *)(uintptr_t)file[i].text);
	free(file);
}

char *replaced(const char *text, const char *what, const char *with)
{
	const char *at = strstr(text, what);
	char *out = malloc(strlen(text) + strlen(with) + 1);

	if (!at)
		fail_msg("\"%s\" is not in the text", what);
	assert_non_null(out);
	sprintf(out, "%.*s%s%s", (int)(at - text), text, with, at + strlen(what));
	return out;
}

char *net_sign(size_t *len, const struct lm_signer *identity, const char *bytes)
{
	struct lm_signed file = {.n = 1, .bytes = bytes, .len = strlen(bytes)};
	char *text;

	lm_signer_public(&file.by[0], identity);
	lm_sign(&file.signature[0], identity, bytes, file.len);
	assert_int_equal(lm_signed_format(&text, len, &file), 0);
	return text;
}
