/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See sessions.h. Peers stand in slots of one array; a slot is used again when the sessions of the
 * peer that it had are reclaimed. Keys are found by a salted hash: whoever writes topologies or
 * knocks cannot choose keys that fall together.
 */
#include "sessions.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "stamps.h"
#include "view.h"

#define SESSIONS_EACH 4       /* of a peer at most, as lm_link_table_size says */
#define LOOK_US       1000000 /* lm_link_step's own wish: to see spent counters */

enum slot_state { SLOT_FREE, SLOT_LIVE, SLOT_ENDED };

struct slot {
	enum slot_state state;
	bool wanted; /* by the topology that is being prepared, or in force */
	bool fresh;  /* made by the last _prepare */
	bool heard;  /* has had a session */
	bool timed;
	uint32_t number, id; /* id 0: a client */
	struct lm_point key;
	uint64_t mark; /* ended: free when that is reclaimed */
	uint64_t look_us;
	int64_t skew_us; /* if timed */
	uint64_t timed_us;
};

struct sessions {
	struct lm_link_table *table;
	struct lm_link_endpoint *endpoint;
	uint8_t *memory; /* of peers */
	size_t stride;
	struct slot *slot;
	uint32_t slots, next; /* next: where the turn goes on */
	uint64_t reclaimed;
	uint64_t salt;
	uint32_t places;   /* of place[], a power of two */
	uint32_t *place;   /* a slot + 1, by its key; 0: empty */
	uint32_t *of_link; /* a slot + 1, by number of a link */
	struct stamps stamps;
};

uint32_t sessions_for(uint32_t peers)
{
	return SESSIONS_EACH * peers;
}

static size_t peer_stride(void)
{
	return (lm_link_peer_size() + LM_LINK_ALIGN - 1) / LM_LINK_ALIGN * LM_LINK_ALIGN;
}

size_t sessions_bytes(uint32_t sessions, unsigned lanes)
{
	return lm_link_table_size(sessions, lanes) + sessions / SESSIONS_EACH * peer_stride() +
	       lm_link_endpoint_size();
}

static struct lm_link_peer *peer_at(const struct sessions *sessions, uint32_t i)
{
	return (struct lm_link_peer *)(sessions->memory + i * sessions->stride);
}

static struct slot *slot_of(const struct sessions *sessions, const struct lm_link_peer *peer)
{
	return &sessions->slot[(size_t)((const uint8_t *)peer - sessions->memory) /
			       sessions->stride];
}

struct lm_link_table *sessions_table(struct sessions *sessions)
{
	return sessions->table;
}

struct lm_link_endpoint *sessions_endpoint(struct sessions *sessions)
{
	return sessions->endpoint;
}

/* ---- Keys ---- */

static uint32_t place_of_key(const struct sessions *sessions, const struct lm_point *key)
{
	uint64_t word;

	memcpy(&word, key->b, sizeof(word));
	word = (word ^ sessions->salt) * UINT64_C(0x9e3779b97f4a7c15); /* Fibonacci hashing */
	return (uint32_t)(word >> 32) & (sessions->places - 1);
}

/* The live peer with this key, but for those that a change ends while it makes another for it. */
static struct slot *find_key(const struct sessions *sessions, const struct lm_point *key)
{
	uint32_t place = place_of_key(sessions, key);

	for (; sessions->place[place] != 0; place = (place + 1) & (sessions->places - 1)) {
		struct slot *slot = &sessions->slot[sessions->place[place] - 1];

		if (memcmp(&slot->key, key, sizeof(*key)) == 0)
			return slot;
	}
	return NULL;
}

/* Makes both tables anew from the slots; those that are wanted go first. */
static void index_slots(struct sessions *sessions)
{
	memset(sessions->place, 0, sessions->places * sizeof(*sessions->place));
	memset(sessions->of_link, 0, (LINKS_MAX + 1) * sizeof(*sessions->of_link));
	for (unsigned wanted = 2; wanted-- > 0;) {
		for (uint32_t i = 0; i < sessions->slots; i++) {
			const struct slot *slot = &sessions->slot[i];
			uint32_t place = place_of_key(sessions, &slot->key);

			if (slot->state != SLOT_LIVE || slot->wanted != wanted)
				continue;
			while (sessions->place[place] != 0)
				place = (place + 1) & (sessions->places - 1);
			sessions->place[place] = i + 1;
			if (slot->id != 0 && sessions->of_link[slot->number] == 0)
				sessions->of_link[slot->number] = i + 1;
		}
	}
}

static struct lm_link_peer *identify(void *context, const struct lm_point *key)
{
	const struct sessions *sessions = context;
	const struct slot *slot = find_key(sessions, key);

	return slot ? peer_at(sessions, (uint32_t)(slot - sessions->slot)) : NULL;
}

/* ---- Opening ---- */

static bool allocate(struct sessions *sessions, const struct sessions_config *config)
{
	sessions->stride = peer_stride();
	sessions->slots = config->sessions / SESSIONS_EACH;
	sessions->places = 4;
	while (sessions->places < 2 * sessions->slots)
		sessions->places *= 2;
	sessions->table = lm_secret_alloc(lm_link_table_size(config->sessions, config->lanes));
	sessions->endpoint = lm_secret_alloc(lm_link_endpoint_size());
	sessions->memory = lm_secret_alloc(sessions->slots * sessions->stride);
	sessions->slot = calloc(sessions->slots, sizeof(*sessions->slot));
	sessions->place = calloc(sessions->places, sizeof(*sessions->place));
	sessions->of_link = calloc(LINKS_MAX + 1, sizeof(*sessions->of_link));
	return sessions->table && sessions->endpoint && sessions->memory && sessions->slot &&
	       sessions->place && sessions->of_link;
}

struct sessions *sessions_open(const struct sessions_config *config, uint64_t now_us,
			       struct lm_error *err)
{
	struct sessions *sessions = calloc(1, sizeof(*sessions));
	struct lm_link_config endpoint = {.identify = identify, .context = sessions};
	int rc;

	LM_ASSERT(config->sessions >= SESSIONS_EACH);
	if (!sessions || !allocate(sessions, config)) {
		(void)lm_error_set(err, ENOMEM,
				   "the kernel locks no %.1f MiB for the sessions of links; raise "
				   "the limit of locked memory (ulimit -l), or lower link.sessions",
				   (double)sessions_bytes(config->sessions, config->lanes) /
					   (1 << 20));
		sessions_close(sessions);
		return NULL;
	}
	lm_rand(&sessions->salt, sizeof(sessions->salt));
	sessions->table = lm_link_table_init(sessions->table, config->sessions, config->lanes,
					     config->packet_len);
	endpoint.table = sessions->table;
	endpoint.secret = *config->secret;
	(void)lm_link_endpoint_init(sessions->endpoint, &endpoint, now_us);
	lm_wipe(&endpoint, sizeof(endpoint));
	rc = stamps_open(&sessions->stamps, config->folder, 2 * sessions->slots, stderr, err);
	if (rc == 0)
		return sessions;
	sessions_close(sessions);
	return NULL;
}

void sessions_close(struct sessions *sessions)
{
	if (!sessions)
		return;
	stamps_close(&sessions->stamps);
	lm_secret_free(sessions->memory);
	lm_secret_free(sessions->endpoint);
	lm_secret_free(sessions->table);
	free(sessions->slot);
	free(sessions->place);
	free(sessions->of_link);
	free(sessions);
}

/* ---- With whom ---- */

static struct slot *free_slot(struct sessions *sessions)
{
	for (uint32_t i = 0; i < sessions->slots; i++) {
		struct slot *slot = &sessions->slot[i];

		if (slot->state == SLOT_ENDED && slot->mark <= sessions->reclaimed)
			slot->state = SLOT_FREE;
		if (slot->state == SLOT_FREE)
			return slot;
	}
	return NULL;
}

static int add(struct sessions *sessions, uint32_t number, uint32_t id, const struct lm_point *key,
	       struct lm_error *err)
{
	struct slot *slot = free_slot(sessions);
	uint32_t i = slot ? (uint32_t)(slot - sessions->slot) : 0;

	if (!slot)
		return lm_error_set(err, ENOSPC,
				    "link.sessions: no room for more than %" PRIu32
				    " neighbours and clients; each takes %u",
				    sessions->slots, SESSIONS_EACH);
	*slot = (struct slot){.number = number, .id = id, .key = *key};
	if (id == 0)
		slot->number = SESSIONS_CLIENT + i;
	if (!lm_link_peer_init(peer_at(sessions, i), sessions->endpoint, key, slot->number, id != 0,
			       stamps_find(&sessions->stamps, key)))
		return id != 0 ? lm_error_set(err, EINVAL,
					      "node %" PRIu32 ": its link key has small order", id)
			       : lm_error_set(err, EINVAL, "link.clients: a key has small order");
	slot->state = SLOT_LIVE;
	slot->wanted = slot->fresh = true;
	return 0;
}

/* A neighbour, or with id 0 a client, that is to have a peer: the one that it has, or a new one. */
static int want(struct sessions *sessions, uint32_t number, uint32_t id, const struct lm_point *key,
		struct lm_error *err)
{
	struct slot *slot = find_key(sessions, key);
	int rc;

	if (slot && slot->wanted && slot->id != id)
		return lm_error_set(err, EINVAL,
				    id == 0 ? "link.clients: a client has the link key of node "
					      "%" PRIu32
					    : "node %" PRIu32 " has the link key of another",
				    id == 0 ? slot->id : id);
	if (slot && slot->id == id && (id == 0 || slot->number == number)) {
		slot->wanted = true;
		return 0;
	}
	rc = add(sessions, number, id, key, err);
	if (rc == 0)
		index_slots(sessions);
	return rc;
}

static int want_layer(struct sessions *sessions, const struct lm_topology *topology, unsigned layer,
		      struct links *links, struct lm_error *err)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < topology->layer_nodes[layer]; i++) {
		const struct lm_topology_node *node =
			&topology->node[topology->layer_node[layer][i]];
		uint16_t number = links_number(links, node->id);

		if (number == 0)
			return lm_error_set(err, ENOSPC, "more neighbours than links have numbers");
		rc = want(sessions, number, node->id, &node->link, err);
	}
	return rc;
}

int sessions_prepare(struct sessions *sessions, const struct lm_topology *topology,
		     const struct lm_topology_node *self, struct links *links,
		     const struct lm_point *client, unsigned clients, struct lm_error *err)
{
	int rc;

	for (uint32_t i = 0; i < sessions->slots; i++)
		sessions->slot[i].wanted = sessions->slot[i].fresh = false;
	rc = want_layer(sessions, topology, view_layer_after(topology, self), links, err);
	if (rc == 0)
		rc = want_layer(sessions, topology, view_layer_before(topology, self), links, err);
	for (unsigned i = 0; rc == 0 && i < clients; i++)
		rc = want(sessions, 0, 0, &client[i], err);
	index_slots(sessions);
	if (rc != 0)
		sessions_abandon(sessions);
	return rc;
}

/* Ends the peer of a slot, whose memory waits until no worker can look at its sessions. */
static void end(struct sessions *sessions, struct slot *slot)
{
	lm_link_peer_end(peer_at(sessions, (uint32_t)(slot - sessions->slot)));
	slot->state = SLOT_ENDED;
	slot->mark = lm_link_table_mark(sessions->table);
}

static void end_all(struct sessions *sessions, bool fresh)
{
	for (uint32_t i = 0; i < sessions->slots; i++) {
		struct slot *slot = &sessions->slot[i];

		if (slot->state == SLOT_LIVE && (fresh ? slot->fresh : !slot->wanted))
			end(sessions, slot);
		slot->wanted = slot->state == SLOT_LIVE;
		slot->fresh = false;
	}
	index_slots(sessions);
}

void sessions_commit(struct sessions *sessions)
{
	end_all(sessions, false);
}

void sessions_abandon(struct sessions *sessions)
{
	end_all(sessions, true);
}

const struct lm_link_peer *sessions_peer(const struct sessions *sessions, uint16_t link)
{
	uint32_t i = link <= LINKS_MAX ? sessions->of_link[link] : 0;

	return i != 0 ? peer_at(sessions, i - 1) : NULL;
}

/* ---- What has ended ---- */

uint64_t sessions_mark(const struct sessions *sessions)
{
	return lm_link_table_mark(sessions->table);
}

bool sessions_reclaim(struct sessions *sessions, uint64_t mark)
{
	bool some = mark > sessions->reclaimed;

	if (some) {
		lm_link_table_reclaim(sessions->table, mark);
		sessions->reclaimed = mark;
	}
	return some;
}

/* ---- Messages ---- */

static bool is_due(const struct slot *slot, const struct lm_link_peer *peer, uint64_t now_us)
{
	return slot->state == SLOT_LIVE &&
	       (lm_link_peer_next_us(peer) <= now_us || slot->look_us <= now_us);
}

static bool step(struct sessions *sessions, uint32_t i, struct sessions_message *message,
		 sessions_reachable *reachable, void *context, uint64_t now_us, uint64_t wall_us)
{
	struct slot *slot = &sessions->slot[i];
	struct lm_link_peer *peer = peer_at(sessions, i);

	if (!is_due(slot, peer, now_us))
		return false;
	/* a call that goes nowhere would only make the next one come later */
	if (slot->id != 0 && !slot->heard && !reachable(context, (uint16_t)slot->number))
		return false;
	slot->look_us = now_us + LOOK_US;
	message->len = lm_link_step(peer, message->bytes, now_us, wall_us);
	message->link = (uint16_t)slot->number;
	return message->len > 0;
}

bool sessions_next(struct sessions *sessions, struct sessions_message *message,
		   sessions_reachable *reachable, void *context, uint64_t now_us, uint64_t wall_us)
{
	for (uint32_t n = 0; n < sessions->slots; n++) {
		uint32_t i = sessions->next;

		sessions->next = i + 1 < sessions->slots ? i + 1 : 0;
		if (step(sessions, i, message, reachable, context, now_us, wall_us))
			return true;
	}
	return false;
}

void sessions_receive(struct sessions *sessions, struct lm_link_received *out,
		      const uint8_t *message, size_t len, const struct lm_link_source *source,
		      bool under_load, uint64_t now_us)
{
	struct slot *slot;

	lm_link_receive(sessions->endpoint, out, message, len, source, under_load, now_us);
	if (!out->peer)
		return;
	slot = slot_of(sessions, out->peer);
	slot->heard = true;
	if (out->result == LM_LINK_RESPONDED) {
		uint64_t timestamp_us = lm_link_peer_timestamp_us(out->peer);

		stamps_set(&sessions->stamps, &slot->key, timestamp_us);
		slot->skew_us = (int64_t)(timestamp_us - now_us);
		slot->timed_us = now_us;
		slot->timed = true;
	}
}

bool sessions_costly(enum lm_link_result result)
{
	return result >= LM_LINK_FORGED && result <= LM_LINK_ESTABLISHED;
}

/* ---- Looking ---- */

unsigned sessions_skews(const struct sessions *sessions, struct sessions_skew *out, unsigned max)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < sessions->slots && n < max; i++) {
		const struct slot *slot = &sessions->slot[i];

		if (slot->state == SLOT_LIVE && slot->id != 0 && slot->timed)
			out[n++] = (struct sessions_skew){.id = slot->id,
							  .skew_us = slot->skew_us,
							  .when_us = slot->timed_us};
	}
	return n;
}

void sessions_count(const struct sessions *sessions, uint32_t *peers, uint32_t *up)
{
	*peers = *up = 0;
	for (uint32_t i = 0; i < sessions->slots; i++) {
		if (sessions->slot[i].state != SLOT_LIVE)
			continue;
		++*peers;
		*up += lm_link_peer_sending(peer_at(sessions, i)) != NULL;
	}
}
