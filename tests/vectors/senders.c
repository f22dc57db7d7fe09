/* SPDX-License-Identifier: BSD-3-Clause */
/* The sender's known answers: whole packets, and reply blocks. */
#include <string.h>

#include "packets.h"

unsigned get_path(const struct node *object, struct lm_packet_hop path[LM_PACKET_HOPS])
{
	struct node array = node_get(object, "path");
	size_t hops = node_count(&array);

	if (hops < 1 || hops > LM_PACKET_HOPS)
		malformed(&array, "not 1 to 5 hops");
	for (size_t i = 0; i < hops; i++) {
		struct node node = node_at(&array, i);

		path[i].id = get_uint(&node, "id", UINT32_MAX);
		path[i].kid = (uint8_t)get_uint(&node, "kid", UINT8_MAX);
		path[i].delay_us = get_uint(&node, "delay_us", UINT32_MAX);
		get_bytes(&node, "pk", &path[i].pk, sizeof(path[i].pk));
	}
	return (unsigned)hops;
}

/* What the last hop does. */
static void read_final(struct lm_packet_build *build, const struct node *object)
{
	struct node final = node_get(object, "final");

	build->cmd = get_uint(&final, "cmd", LM_PACKET_DROP);
	if (build->cmd < LM_PACKET_EXIT)
		malformed(&final, "cmd is not one of 2 (EXIT), 3 (MBOX), 4 (DROP)");
	if (build->cmd == LM_PACKET_MBOX)
		get_bytes(&final, "dest", &build->dest, sizeof(build->dest));
	if (build->cmd != LM_PACKET_EXIT)
		get_bytes(&final, "token", &build->token, sizeof(build->token));
}

/* Makes the body from `inner`; that of DROP is given. */
static void make_body(struct lm_packet_builder *builder, const struct node *object,
		      const struct lm_packet_build *build, unsigned profile, uint8_t *body)
{
	struct node inner = node_get(object, "inner");
	uint8_t data[LM_PACKET_PAYLOAD_MAX], w[32];
	struct lm_packet_dest dest;

	switch (build->cmd) {
	case LM_PACKET_EXIT:
		get_bytes(&inner, "dest", &dest, sizeof(dest));
		get_bytes(&inner, "data", data, lm_packet_exit_data_len(profile));
		lm_packet_body_exit(builder, body, &dest, data);
		break;
	case LM_PACKET_MBOX:
		get_bytes(&inner, "w", w, sizeof(w));
		get_bytes(&inner, "data", data, lm_packet_mbox_data_len(profile));
		lm_packet_body_mbox(builder, body, w, &build->token, data);
		break;
	default:
		get_bytes(object, "body", body, lm_packet_payload_len(profile));
	}
}

/* The recipient of an end-to-end message gets the data back, and nothing from a damaged one. */
static void check_opens(const struct item *item, struct lm_packet_builder *builder,
			const struct lm_packet_build *build, unsigned profile, uint8_t *body)
{
	struct node inner = node_get(&item->node, "inner");
	size_t data_len = lm_packet_mbox_data_len(profile);
	uint8_t data[LM_PACKET_PAYLOAD_MAX], w[32];

	get_bytes(&inner, "w", w, sizeof(w));
	get_bytes(&inner, "data", data, data_len);
	item_check(item,
		   lm_packet_mbox_open(builder, body, w, &build->token) == 0 &&
			   memcmp(body + 16, data, data_len) == 0,
		   "the mailbox payload does not open to its data");
}

void check_case(const struct item *item, const struct run *run, struct hops *list)
{
	unsigned profile = get_profile(&item->node);
	struct lm_packet_builder *builder = run->builder[profile];
	size_t len = lm_packet_len(profile), body_len = lm_packet_payload_len(profile);
	uint8_t packet[LM_PACKET_MAX], want[LM_PACKET_MAX], body[LM_PACKET_PAYLOAD_MAX];
	struct lm_packet_build build = {.packet = packet};
	struct node hops = node_get(&item->node, "hops");

	get_bytes(&item->node, "seed", &build.seed, sizeof(build.seed));
	get_bytes(&item->node, "packet", want, len);
	get_bytes(&item->node, "body", body, body_len);
	build.hops = get_path(&item->node, build.path);
	read_final(&build, &item->node);
	make_body(builder, &item->node, &build, profile, packet + LM_PACKET_HEADER);
	item_check(item, memcmp(packet + LM_PACKET_HEADER, body, body_len) == 0, "wrong body");
	item_check(item, lm_packet_build(builder, &build, 1) == 1, "not built");
	item_check(item, memcmp(packet, want, len) == 0, "wrong packet");
	if (build.cmd == LM_PACKET_MBOX)
		check_opens(item, builder, &build, profile, body);
	check_hops(item, run, list, &hops, profile, want);
}

static bool any_layer(const void *topology, uint32_t id)
{
	(void)topology;
	(void)id;
	return true;
}

static void check_surb_use(const struct item *item, struct lm_packet_builder *builder,
			   unsigned profile, const uint8_t surb[LM_PACKET_SURB],
			   uint32_t last_epoch)
{
	const struct lm_packet_surb_check check = {
		.epoch = last_epoch,
		.epoch_left_us = 2,
		.path_time_us = 1,
		.in_first_layer = any_layer,
	};
	size_t len = lm_packet_len(profile);
	uint8_t packet[LM_PACKET_MAX], want[LM_PACKET_MAX], data[LM_PACKET_PAYLOAD_MAX];
	uint32_t first_id = 0;

	get_bytes(&item->node, "packet", want, len);
	get_bytes(&item->node, "data", data, lm_packet_mbox_data_len(profile));
	item_check(item, lm_packet_surb_use(builder, packet, &first_id, surb, data, &check) == 0,
		   "the reply block is refused");
	item_check(item, first_id == get_uint(&item->node, "first_id", UINT32_MAX),
		   "wrong first_id");
	item_check(item, memcmp(packet, want, len) == 0, "wrong packet of the reply");
}

static void check_surb_open(const struct item *item, struct lm_packet_builder *builder,
			    unsigned profile, const struct lm_packet_surb_owner *owner,
			    const uint8_t *delivered)
{
	size_t data_len = lm_packet_mbox_data_len(profile);
	uint8_t payload[LM_PACKET_PAYLOAD_MAX], data[LM_PACKET_PAYLOAD_MAX];

	get_bytes(&item->node, "data", data, data_len);
	memcpy(payload, delivered, lm_packet_payload_len(profile));
	item_check(item,
		   lm_packet_surb_open(builder, payload, owner) == 0 &&
			   memcmp(payload + 16, data, data_len) == 0,
		   "the reply does not open to its data");
}

void check_surb(const struct item *item, const struct run *run, struct hops *list)
{
	unsigned profile = get_profile(&item->node);
	struct lm_packet_builder *builder = run->builder[profile];
	uint32_t last_epoch = get_uint(&item->node, "last_epoch", UINT32_MAX);
	struct node hops = node_get(&item->node, "hops");
	uint8_t surb[LM_PACKET_SURB], want[LM_PACKET_SURB], packet[LM_PACKET_MAX];
	struct lm_packet_surb_owner owner;
	struct lm_packet_hop path[LM_PACKET_HOPS];
	struct lm_packet_token token;
	struct lm_packet_dest mailbox;
	struct lm_packet_seed seed;
	unsigned n = get_path(&item->node, path);

	get_bytes(&item->node, "seed", &seed, sizeof(seed));
	get_bytes(&item->node, "mailbox", &mailbox, sizeof(mailbox));
	get_bytes(&item->node, "surb", want, sizeof(want));
	get_bytes(&item->node, "token", &token, sizeof(token));
	get_bytes(&item->node, "packet", packet, lm_packet_len(profile));
	item_check(item,
		   lm_packet_surb_create(builder, surb, &owner, &seed, path, n, &mailbox,
					 last_epoch) == 0 &&
			   memcmp(surb, want, sizeof(surb)) == 0,
		   "wrong reply block");
	item_check(item, memcmp(&owner.token, &token, sizeof(token)) == 0, "wrong token");
	check_surb_use(item, builder, profile, want, last_epoch);
	check_hops(item, run, list, &hops, profile, packet);
	check_surb_open(item, builder, profile, &owner,
			list->hop[list->n - 1].out + LM_PACKET_HEADER);
}
