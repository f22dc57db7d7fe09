/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See feed_link.h.
 */
#include "feed_link.h"

#include <errno.h>
#include <string.h>

#define SESSIONS     4     /* of an end's own table */
#define RELAY_PACKET 20000 /* room for the largest packet */
/* Addresses of documents, which are no neighbour's (RFC 5737, RFC 3849). */
static const uint8_t flooder_ipv4[4] = {198, 51, 100, 7};
static const uint8_t flooder_ipv6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 7};

/* A neighbour's end. */
struct end {
	uint32_t id;
	struct lm_link_table *table;
	struct lm_link_endpoint *endpoint;
	struct lm_link_peer *peer; /* the relay */
	struct lm_link_source source;
	struct frame_header header; /* from the neighbour to the relay */
};

struct garbage {
	size_t len;
	uint8_t bytes[FRAME_HEADER_MAX + LM_LINK_OVERHEAD + RELAY_PACKET];
};

struct feed_link {
	struct relay *relay;
	struct lm_point public; /* the relay's */
	size_t packet_len;
	unsigned n, turn;
	struct end *end; /* n, with room for one of each node */
	struct end stranger;
	void *worker_memory;
	struct lm_link_worker *worker;
	uint8_t live[4]; /* an index that the relay has given out */
	struct garbage garbage[FEED_GARBAGE];
};

static void *get(size_t n, struct lm_error *err)
{
	void *memory = lm_secret_alloc(n);

	if (!memory)
		(void)lm_error_set(err, ENOMEM,
				   "the kernel locks no memory for the ends of links; raise the "
				   "limit of locked memory (ulimit -l)");
	return memory;
}

/* The one that an end knows is the relay. */
static struct lm_link_peer *identify(void *context, const struct lm_point *key)
{
	(void)context;
	(void)key;
	return NULL; /* ends call; they are not called */
}

static int make_end(struct end *end, struct feed_link *link, struct lm_point *public,
		    struct lm_error *err)
{
	struct lm_link_config config = {.identify = identify};

	end->table = get(lm_link_table_size(SESSIONS, LM_LINK_LANES_MIN), err);
	end->endpoint = get(lm_link_endpoint_size(), err);
	end->peer = get(lm_link_peer_size(), err);
	if (!end->table || !end->endpoint || !end->peer)
		return -ENOMEM;
	end->table = lm_link_table_init(end->table, SESSIONS, LM_LINK_LANES_MIN, link->packet_len);
	lm_rand(&config.secret, sizeof(config.secret));
	config.table = end->table;
	(void)lm_link_endpoint_init(end->endpoint, &config, lm_clock_us());
	lm_wipe(&config, sizeof(config));
	lm_link_endpoint_public(end->endpoint, public);
	LM_ASSERT(lm_link_peer_init(end->peer, end->endpoint, &link->public, 1, true, 0) != NULL);
	return 0;
}

static void free_end(struct end *end)
{
	lm_secret_free(end->peer);
	lm_secret_free(end->endpoint);
	lm_secret_free(end->table);
}

static bool is_neighbour(const struct relay *relay, const struct lm_topology_node *node)
{
	return lm_topology_may_follow(relay->topology, node, relay->node) ||
	       lm_topology_may_follow(relay->topology, relay->node, node);
}

/* Whether there is room for it among some on each side, or all must find room. */
static bool is_wanted(const struct relay *relay, const struct lm_topology_node *node, bool some,
		      unsigned side[2])
{
	bool after = lm_topology_may_follow(relay->topology, relay->node, node);

	return is_neighbour(relay, node) && (!some || side[after]++ < FEED_LINK_SIDE);
}

static int make_ends(struct feed_link *link, bool some, struct lm_error *err)
{
	struct relay *relay = link->relay;
	struct lm_point stranger;
	unsigned side[2] = {0};
	int rc = make_end(&link->stranger, link, &stranger, err);

	for (unsigned i = 0; rc == 0 && i < relay->topology->nodes; i++) {
		struct lm_topology_node *node = &relay->topology->node[i];

		if (!is_wanted(relay, node, some, side))
			continue;
		link->end[link->n].id = node->id;
		rc = make_end(&link->end[link->n++], link, &node->link, err);
	}
	return rc;
}

static struct feed_link *make(struct relay *relay, bool some, struct lm_error *err)
{
	struct feed_link *link = calloc(1, sizeof(*link));

	if (link)
		link->end = calloc(relay->topology->nodes, sizeof(*link->end));
	if (!link || !link->end) {
		(void)lm_error_set(err, ENOMEM, "too little memory");
		free(link);
		return NULL;
	}
	link->relay = relay;
	link->packet_len = lm_packet_len(relay->topology->profile);
	relay->link_secret = get(sizeof(*relay->link_secret), err);
	link->worker_memory = get(lm_link_worker_size(), err);
	if (relay->link_secret && link->worker_memory) {
		lm_rand(relay->link_secret, sizeof(*relay->link_secret));
		lm_x25519_base_burst(&link->public, relay->link_secret, 1);
		if (make_ends(link, some, err) == 0)
			return link;
	}
	feed_link_free(link);
	return NULL;
}

struct feed_link *feed_link_make(struct relay *relay, struct lm_error *err)
{
	return make(relay, false, err);
}

struct feed_link *feed_link_make_some(struct relay *relay, struct lm_error *err)
{
	return make(relay, true, err);
}

bool feed_link_has(const struct feed_link *link, uint32_t id)
{
	for (unsigned i = 0; i < link->n; i++) {
		if (link->end[i].id == id)
			return true;
	}
	return false;
}

void feed_link_free(struct feed_link *link)
{
	if (!link)
		return;
	for (unsigned i = 0; i < link->n; i++)
		free_end(&link->end[i]);
	free_end(&link->stranger);
	free(link->end);
	lm_secret_free(link->worker_memory);
	free(link);
}

/* ---- Shaking hands ---- */

/* Initiation there, response back, confirmation there, confirmation back. */
static int shake_hands(struct feed_link *link, struct end *end, struct lm_error *err)
{
	uint64_t now_us = lm_clock_us();
	uint8_t message[LM_LINK_MESSAGE_MAX];
	struct lm_link_received there, back = {.reply_len = 0};
	size_t len = lm_link_step(end->peer, message, now_us, lm_clock_wall_us());

	for (unsigned i = 0; i < 2; i++) {
		sessions_receive(link->relay->sessions, &there, message, len, &end->source, false,
				 now_us);
		if (there.reply_len == 0)
			break;
		lm_link_receive(end->endpoint, &back, there.reply, there.reply_len, &end->source,
				false, now_us);
		memcpy(message, back.reply, back.reply_len);
		len = back.reply_len;
	}
	if (back.result == LM_LINK_CONFIRMED && lm_link_peer_sending(end->peer))
		return 0;
	return lm_error_set(err, EPROTO, "links: no session with node %u: %s, %s", end->id,
			    lm_link_result_meaning(there.result),
			    lm_link_result_meaning(back.result));
}

/* Outer header from a neighbour to the relay; of the stranger with addresses that nobody has. */
static bool address(struct feed_link *link, struct end *end, uint32_t id)
{
	const struct relay *relay = link->relay;
	const struct lm_topology_node *node = lm_topology_find(relay->topology, id);
	struct frame_self self;
	struct frame_way way;
	uint8_t mac[6];

	view_static_mac(mac, node);
	view_self_init(&self, node, mac, (uint16_t)relay->config->node.port.vlan);
	if (end == &link->stranger) {
		for (unsigned i = 0; i < self.addresses; i++)
			memcpy(self.address[i].ip,
			       self.address[i].ipv6 ? flooder_ipv6 : flooder_ipv4,
			       self.address[i].ipv6 ? 16 : 4);
	}
	if (!frame_way_first(&way, &self, relay->node))
		return false;
	memcpy(way.mac, relay->port.mac, sizeof(way.mac));
	frame_header_init(&end->header, &self, relay->node, &way);
	return true;
}

static void make_garbage(struct feed_link *link)
{
	size_t len = LM_LINK_OVERHEAD + link->packet_len;

	for (unsigned kind = 0; kind < FEED_GARBAGE; kind++) {
		struct garbage *garbage = &link->garbage[kind];
		const struct frame_header *header =
			kind == FEED_FORGED ? &link->end[0].header : &link->stranger.header;
		uint8_t *payload = garbage->bytes + header->len;

		lm_rand(payload, len);
		garbage->len = header->len + len;
		if (kind == FEED_HANDSHAKE) {
			size_t made = lm_link_step(link->stranger.peer, payload, lm_clock_us(),
						   lm_clock_wall_us());

			garbage->len = header->len + made;
		} else {
			lm_store_u32(payload, 4);
			memcpy(payload + 4, link->live, sizeof(link->live));
		}
		(void)frame_write(header, payload, garbage->len - header->len, true);
	}
}

/* What seals for all ends: their tables are of one packet length. */
static int make_worker(struct feed_link *link, struct lm_error *err)
{
	link->worker = lm_link_worker_init(link->worker_memory, link->end[0].table,
					   link->relay->config->node.symmetric, err);
	return link->worker ? 0 : -EINVAL;
}

/* Seals a dummy that goes nowhere, to see an index that the relay has given out. */
static int learn_index(struct feed_link *link, struct lm_error *err)
{
	uint8_t *frame = calloc(1, LM_LINK_OVERHEAD + link->packet_len);
	struct lm_link_seal seal = {.session = lm_link_peer_sending(link->end[0].peer),
				    .to = LM_LINK_DUMMY};

	if (!frame)
		return lm_error_set(err, ENOMEM, "too little memory");
	seal.packet = frame + LM_LINK_HEADROOM;
	LM_ASSERT(lm_link_seal(link->worker, &seal, 1) == 1);
	memcpy(link->live, frame + 4, sizeof(link->live));
	free(frame);
	return 0;
}

int feed_link_connect(struct feed_link *link, struct lm_error *err)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < link->n; i++) {
		struct end *end = &link->end[i];

		lm_rand(&end->source, sizeof(end->source));
		if (!address(link, end, end->id) || !address(link, &link->stranger, end->id))
			return lm_error_set(err, EADDRNOTAVAIL,
					    "links: node %u and this one share no address family",
					    end->id);
		rc = shake_hands(link, end, err);
	}
	if (rc == 0)
		rc = make_worker(link, err);
	if (rc == 0)
		rc = learn_index(link, err);
	if (rc == 0)
		make_garbage(link);
	return rc;
}

/* ---- Frames ---- */

size_t feed_link_room(const struct feed_link *link)
{
	return FRAME_HEADER_MAX + LM_LINK_OVERHEAD + link->packet_len;
}

/* The end that has this frame's source address. */
static struct end *end_of(struct feed_link *link, const uint8_t *frame, size_t len)
{
	const struct view *view = link->relay->shared.view;
	struct source source = source_read(frame, len);
	uint16_t number = view_source(view, &source);
	const struct view_peer *peer = number ? view_neighbour(view, number) : NULL;

	for (unsigned i = 0; peer && peer->before && i < link->n; i++) {
		if (link->end[i].id == peer->id)
			return &link->end[i];
	}
	return NULL;
}

size_t feed_link_seal(struct feed_link *link, uint8_t *out, unsigned *lane, const uint8_t *frame,
		      size_t len, uint32_t to)
{
	struct frame_parsed parsed = frame_parse(&link->relay->shared.view->self, frame, len,
						 (struct frame_checked){false, false});
	struct end *end = end_of(link, frame, len);
	struct lm_link_seal seal;
	struct frame_header header;
	uint8_t *payload;

	if (parsed.class != FRAME_PACKET || parsed.len != link->packet_len || !end)
		return 0;
	header = end->header;
	payload = out + header.len;
	memcpy(payload + LM_LINK_HEADROOM, frame + parsed.offset, parsed.len);
	seal = (struct lm_link_seal){.session = lm_link_peer_sending(end->peer),
				     .to = to,
				     .packet = payload + LM_LINK_HEADROOM};
	*lane = seal.lane = link->turn++ % lm_link_session_lanes(seal.session);
	LM_ASSERT(lm_link_seal(link->worker, &seal, 1) == 1);
	frame_header_from_port(&header, (uint16_t)(HANDSHAKES_LANE_PORT + seal.lane));
	(void)frame_write(&header, payload, link->packet_len + LM_LINK_OVERHEAD, true);
	return header.len + link->packet_len + LM_LINK_OVERHEAD;
}

size_t feed_link_garbage(const struct feed_link *link, uint8_t *out, enum feed_garbage kind,
			 uint64_t random)
{
	const struct garbage *garbage = &link->garbage[kind];
	uint8_t *payload = out + link->end[0].header.len;
	uint32_t index = lm_load_u32(link->live) & ~(uint32_t)(LM_LINK_LANES_MIN - 1);

	memcpy(out, garbage->bytes, garbage->len);
	if (kind == FEED_UNKNOWN ||
	    kind == FEED_THROWN) /* its upper half, which is random in every index, is another */
		lm_store_u32(payload + 4, lm_load_u32(link->live) ^ ((uint32_t)random | 1u << 31));
	if (kind == FEED_FORGED) { /* any lane, and a counter that none has reached */
		lm_store_u32(payload + 4, index + (uint32_t)(random % LM_LINK_LANES_MIN));
		lm_store_u32(payload + 8, (uint32_t)(random >> 32) | 1u << 31);
		lm_store_u32(payload + 12, 0);
	}
	return garbage->len;
}
