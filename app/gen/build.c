/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See build.h.
 */
#include "build.h"

#include <errno.h>
#include <string.h>

int gen_builder_init(struct gen_builder *builder, const char *backend, struct lm_error *err)
{
	void *memory = lm_secret_alloc(lm_packet_builder_size());

	if (!memory)
		return lm_error_set(err, ENOMEM,
				    "the kernel locks no memory for building packets; raise the "
				    "limit of locked memory (ulimit -l)");
	builder->packets =
		lm_packet_builder_init(memory, builder->setup->topology->profile, backend, err);
	if (builder->packets)
		return 0;
	lm_secret_free(memory);
	return -EINVAL;
}

void gen_builder_free(struct gen_builder *builder)
{
	lm_secret_free(builder->packets);
	builder->packets = NULL;
}

/* What is drawn for every packet, in this order: its seed, its path, the kids, the delays. */
struct draw {
	struct lm_packet_seed seed;
	unsigned hops;
	struct lm_packet_hop path[LM_PACKET_HOPS];
	const struct lm_topology_node *first;
};

/*
 * The way that somebody has chosen in the topology `of`, and `last`. Mixes that are gone since are
 * replaced by the first of their layer: there is no way through them.
 */
static unsigned put_way(const struct lm_topology *topology, const struct lm_topology *of,
			const uint32_t *way, const struct lm_topology_node *last,
			const struct lm_topology_node *node[LM_TOPOLOGY_LAYERS + 1])
{
	for (unsigned i = 0; i < topology->layers; i++) {
		node[i] = lm_topology_find(topology, of->node[way[i]].id);
		if (!node[i] || node[i]->layer != i + 1)
			node[i] = &topology->node[topology->layer_node[i + 1][0]];
	}
	node[topology->layers] = last;
	return topology->layers + 1;
}

/* What a packet is drawn from. */
struct draw_from {
	const struct calendar_span *span;
	const struct lm_topology_node *last; /* of the span's document */
	const uint32_t *way;                 /* NULL: drawn */
	const struct lm_topology *way_of;    /* else in this topology */
	bool reply; /* the kids of a reply block, which uses b = epoch (lib/packet/FORMAT.md) */
};

static void draw_packet(struct draw *draw, struct lm_prng *prng, const struct draw_from *source)
{
	const struct lm_topology *topology = source->span->document->topology;
	enum lm_topology_phase phase = source->reply ? LM_TOPOLOGY_ENDING : source->span->phase;
	const struct lm_topology_node *node[LM_TOPOLOGY_LAYERS + 1];
	uint32_t delay_us[LM_TOPOLOGY_LAYERS + 1];
	uint8_t kid[LM_TOPOLOGY_LAYERS + 1];

	memset(draw, 0, sizeof(*draw));
	lm_prng_bytes(prng, draw->seed.b, sizeof(draw->seed.b));
	if (source->way)
		draw->hops = put_way(topology, source->way_of, source->way, source->last, node);
	else /* a document without a path to one of its gateways is none */
		LM_ASSERT(lm_topology_draw_path(topology, prng, source->last, node, &draw->hops));
	lm_topology_draw_kids(topology, prng, source->span->epoch, phase, node, kid, draw->hops);
	lm_topology_draw_delays(topology, prng, delay_us, draw->hops);
	for (unsigned i = 0; i < draw->hops; i++) {
		const struct lm_point *pk = lm_topology_key(node[i], kid[i]);

		LM_ASSERT(pk); /* kids are drawn of which there are keys */
		draw->path[i] = (struct lm_packet_hop){.id = node[i]->id,
						       .kid = kid[i],
						       .delay_us = delay_us[i],
						       .pk = *pk};
	}
	draw->first = node[0];
}

/* A reply to this gateway. */
static struct draw_from reply_source(const struct gen_setup *setup,
				     const struct gen_message *message)
{
	const struct calendar_span *span = calendar_find(setup->calendar, message->seq);

	return (struct draw_from){.span = span, .last = span->document->self, .reply = true};
}

void gen_reply_owner(struct lm_packet_surb_owner *owner, const struct gen_setup *setup,
		     const struct gen_message *message, const struct lm_packet_token *token)
{
	struct draw_from source = reply_source(setup, message);
	struct lm_prng prng;
	struct draw draw;

	message_prng(&prng, setup->keys, message);
	draw_packet(&draw, &prng, &source);
	owner->seed = draw.seed;
	owner->token = *token;
	owner->hops = draw.hops;
	memcpy(owner->path, draw.path, sizeof(owner->path));
	lm_wipe(&prng, sizeof(prng));
	lm_wipe(&draw, sizeof(draw));
}

const struct lm_topology_node *gen_first_hop(const struct gen_setup *setup,
					     const struct gen_message *message)
{
	struct draw_from source = reply_source(setup, message);
	struct lm_prng prng;
	struct draw draw;

	/* what arrives here has ended here */
	message_prng(&prng, setup->keys, message);
	draw_packet(&draw, &prng, &source);
	lm_wipe(&prng, sizeof(prng));
	lm_wipe(&draw.seed, sizeof(draw.seed));
	return draw.first;
}

static bool in_first_layer(const void *topology, uint32_t id)
{
	return lm_topology_in_first_layer(topology, id);
}

/* Makes a reply block, and uses it at once. */
static int build_reply(struct gen_builder *builder, uint8_t *packet,
		       const struct lm_topology_node **first, const struct gen_message *message)
{
	const struct gen_setup *setup = builder->setup;
	struct draw_from source = reply_source(setup, message);
	const struct lm_topology *topology = source.span->document->topology;
	uint32_t epoch = source.span->epoch;
	const struct lm_packet_surb_check check = {
		.epoch = epoch,
		.epoch_left_us = UINT64_MAX,
		.in_first_layer = in_first_layer,
		.topology = topology,
	};
	struct lm_packet_surb_owner owner;
	struct lm_packet_dest mailbox;
	struct lm_prng prng;
	struct draw draw;
	uint8_t surb[LM_PACKET_SURB];
	uint32_t first_id;

	message_prng(&prng, setup->keys, message);
	draw_packet(&draw, &prng, &source);
	*first = draw.first;
	message_to_dest(&mailbox, setup->keys, message);
	message_write(builder->data, lm_packet_mbox_data_len(topology->profile), setup->keys,
		      message);

	int rc = lm_packet_surb_create(builder->packets, surb, &owner, &draw.seed, draw.path,
				       draw.hops, &mailbox, epoch + 1);

	if (rc == 0)
		rc = lm_packet_surb_use(builder->packets, packet, &first_id, surb, builder->data,
					&check);
	lm_wipe(&prng, sizeof(prng));
	lm_wipe(&draw, sizeof(draw));
	lm_wipe(&owner, sizeof(owner));
	lm_wipe(surb, sizeof(surb));
	return rc;
}

/* Sets what the last hop does, and writes the body. */
static void put_command(struct gen_builder *builder, struct lm_packet_build *item,
			struct lm_prng *prng, const struct gen_message *message)
{
	const struct gen_keys *keys = builder->setup->keys;
	unsigned profile = builder->setup->topology->profile;
	uint8_t *body = item->packet + LM_PACKET_HEADER;
	struct lm_packet_dest dest = builder->dest;

	if (!builder->has_dest)
		message_to_dest(&dest, keys, message);
	switch (gen_run_cmd(&message->run, message->seq)) {
	case GEN_EXIT:
		item->cmd = LM_PACKET_EXIT;
		message_write(builder->data, lm_packet_exit_data_len(profile), keys, message);
		lm_packet_body_exit(builder->packets, body, &dest, builder->data);
		break;
	case GEN_MBOX:
		item->cmd = LM_PACKET_MBOX;
		item->dest = dest;
		lm_prng_bytes(prng, item->token.b, sizeof(item->token.b));
		message_write(builder->data, lm_packet_mbox_data_len(profile), keys, message);
		lm_packet_body_mbox(builder->packets, body, keys->w, &item->token, builder->data);
		break;
	default:
		item->cmd = LM_PACKET_DROP;
		message_to_token(&item->token, keys, message);
		lm_packet_body_drop(builder->packets, body);
	}
}

/* Draws a packet that is no reply. */
static void draw_forward(struct draw *draw, struct lm_prng *prng, const struct gen_builder *builder,
			 const struct gen_message *message)
{
	const struct gen_setup *setup = builder->setup;
	const struct calendar_span *span = calendar_find(setup->calendar, message->seq);
	struct draw_from source = {.span = span, .last = builder->last, .way_of = setup->topology};

	if (span->document->topology != setup->topology)
		source.last = lm_topology_find(span->document->topology, builder->last->id);
	if (!source.last || source.last->role != LM_TOPOLOGY_GATEWAY)
		source.last = span->document->self; /* it is gone; what is for it ends here */
	if (builder->way)
		source.way = builder->way(builder->way_context, message->seq);
	message_prng(prng, setup->keys, message);
	draw_packet(draw, prng, &source);
}

uint64_t gen_packet_delay_us(const struct gen_builder *builder, uint32_t seq)
{
	const struct gen_message message = {.run = builder->run, .seq = seq};
	struct lm_prng prng;
	struct draw draw;
	uint64_t delay_us = 0;

	draw_forward(&draw, &prng, builder, &message);
	for (unsigned i = 0; i + 1 < draw.hops; i++)
		delay_us += draw.path[i].delay_us;
	lm_wipe(&prng, sizeof(prng));
	lm_wipe(&draw, sizeof(draw));
	return delay_us;
}

/* Everything about a packet that is no reply, with its body in place. */
static void prepare(struct gen_builder *builder, struct lm_packet_build *item, uint8_t *packet,
		    const struct lm_topology_node **first, const struct gen_message *message)
{
	struct lm_prng prng;
	struct draw draw;

	draw_forward(&draw, &prng, builder, message);
	*first = draw.first;
	memset(item, 0, sizeof(*item));
	item->packet = packet;
	item->seed = draw.seed;
	item->hops = draw.hops;
	memcpy(item->path, draw.path, sizeof(item->path));
	put_command(builder, item, &prng, message);
	lm_wipe(&prng, sizeof(prng));
	lm_wipe(&draw, sizeof(draw));
}

unsigned gen_builder_ready(struct gen_builder *builder, uint32_t seq, unsigned n, uint64_t now_us)
{
	for (unsigned i = 0; builder->schedule && i < n; i++) {
		uint64_t due_ns = schedule_due_ns(builder->schedule, seq + i);

		if (!calendar_ready(builder->setup->calendar, seq + i, due_ns, now_us))
			return i;
	}
	return n;
}

int gen_build_burst(struct gen_builder *builder, uint8_t *const packet[],
		    const struct lm_topology_node *first[], uint32_t seq, unsigned n,
		    struct lm_error *err)
{
	struct gen_message message = {.run = builder->run};
	unsigned items = 0;
	int rc = 0;

	LM_ASSERT(n >= 1 && n <= LM_BURST);
	for (unsigned i = 0; i < n && rc == 0; i++) {
		message.seq = seq + i;
		if (gen_run_cmd(&message.run, message.seq) == GEN_SURB)
			rc = build_reply(builder, packet[i], &first[i], &message);
		else
			prepare(builder, &builder->item[items++], packet[i], &first[i], &message);
	}
	if (rc == 0 && items > 0 &&
	    lm_packet_build(builder->packets, builder->item, items) != UINT64_MAX >> (64 - items))
		rc = -EKEYREJECTED;
	lm_wipe(builder->item, items * sizeof(builder->item[0]));
	if (rc != 0)
		return lm_error_set(err, -rc,
				    "no packet can be built: a mix key in the topology is no "
				    "usable public key (small order)");
	return 0;
}
