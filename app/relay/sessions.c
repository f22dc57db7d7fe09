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

#include "parting.h"
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
	bool told;           /* that it has a client's key */
	uint32_t number, id; /* id 0: a client */
	struct lm_point key;
	uint64_t mark; /* ended: free when that is reclaimed */
	uint64_t look_us;
	int64_t skew_us; /* if timed */
	uint64_t timed_us;
};

struct sessions {
	struct lm_link_table *table;
	size_t table_bytes;
	struct lm_link_endpoint *endpoint;
	uint8_t *memory; /* of peers */
	size_t stride;
	struct slot *slot;
	uint32_t slots;        /* of which those from `used` on never had a peer */
	uint32_t used, search; /* below `search` is no free one */
	uint32_t next;         /* where the turn goes on */
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

size_t sessions_bytes_each(unsigned lanes)
{
	const uint32_t n = 64; /* where nothing is rounded */

	return (sessions_bytes(2 * n * SESSIONS_EACH, lanes) -
		sessions_bytes(n * SESSIONS_EACH, lanes)) /
	       n;
}

uint32_t sessions_peers(const struct lm_topology *topology, const struct lm_topology_node *self,
			unsigned clients)
{
	unsigned after = view_layer_after(topology, self);
	unsigned before = view_layer_before(topology, self);
	uint32_t peers = topology->layer_nodes[after] + clients;

	return before == after ? peers : peers + topology->layer_nodes[before];
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

/* Puts a slot into both tables, before another one that has its key or its number. */
static void index_slot(struct sessions *sessions, uint32_t i)
{
	const struct slot *slot = &sessions->slot[i];
	uint32_t place = place_of_key(sessions, &slot->key), carried = i + 1, at;

	for (; (at = sessions->place[place]) != 0; place = (place + 1) & (sessions->places - 1)) {
		if (memcmp(&sessions->slot[at - 1].key, &slot->key, sizeof(slot->key)) != 0)
			continue;
		sessions->place[place] = carried;
		carried = at;
	}
	sessions->place[place] = carried;
	if (slot->id != 0)
		sessions->of_link[slot->number] = i + 1;
}

/* Makes both tables anew from the slots; those that are wanted come first. */
static void index_slots(struct sessions *sessions)
{
	memset(sessions->place, 0, sessions->places * sizeof(*sessions->place));
	memset(sessions->of_link, 0, (LINKS_MAX + 1) * sizeof(*sessions->of_link));
	for (unsigned wanted = 0; wanted < 2; wanted++) {
		for (uint32_t i = 0; i < sessions->used; i++) {
			const struct slot *slot = &sessions->slot[i];

			if (slot->state == SLOT_LIVE && slot->wanted == wanted)
				index_slot(sessions, i);
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

static size_t peers_bytes(const struct sessions *sessions)
{
	return sessions->slots * sessions->stride;
}

/* Locked memory for a table of that size, which comes as it is used; false: there is none. */
static bool reserve(struct sessions *sessions, uint32_t n, unsigned lanes)
{
	sessions->slots = n / SESSIONS_EACH;
	sessions->stride = peer_stride();
	sessions->table_bytes = lm_link_table_size(n, lanes);
	sessions->table = lm_secret_reserve(sessions->table_bytes);
	sessions->memory = lm_secret_reserve(peers_bytes(sessions));
	if (sessions->table && sessions->memory)
		return true;
	lm_secret_release(sessions->table, sessions->table_bytes, 0);
	lm_secret_release(sessions->memory, peers_bytes(sessions), 0);
	sessions->table = NULL;
	sessions->memory = NULL;
	return false;
}

/*
 * As many sessions as there may be, or, where the kernel does not lock so much, a quarter of what
 * it does: keys must find locked memory later. 0: not even the least.
 */
static uint32_t reserve_most(struct sessions *sessions, const struct sessions_config *config)
{
	uint32_t n = config->sessions, least = config->least;

	while (n > least && !reserve(sessions, n, config->lanes))
		n = n / 2 / SESSIONS_EACH * SESSIONS_EACH;
	if (n == config->sessions && sessions->table)
		return n;
	if (sessions->table) {
		lm_secret_release(sessions->table, sessions->table_bytes, 0);
		lm_secret_release(sessions->memory, peers_bytes(sessions), 0);
		sessions->table = NULL;
		sessions->memory = NULL;
	}
	n = n / 4 / SESSIONS_EACH * SESSIONS_EACH;
	n = n > least ? n : least;
	return reserve(sessions, n, config->lanes) ? n : 0;
}

static bool allocate(struct sessions *sessions, const struct sessions_config *config)
{
	uint32_t n = reserve_most(sessions, config);

	if (n == 0)
		return false;
	sessions->table = lm_link_table_init(sessions->table, n, config->lanes, config->packet_len);
	sessions->places = 4;
	while (sessions->places < 2 * sessions->slots)
		sessions->places *= 2;
	sessions->endpoint = lm_secret_alloc(lm_link_endpoint_size());
	sessions->slot = calloc(sessions->slots, sizeof(*sessions->slot));
	sessions->place = calloc(sessions->places, sizeof(*sessions->place));
	sessions->of_link = calloc(LINKS_MAX + 1, sizeof(*sessions->of_link));
	return sessions->endpoint && sessions->slot && sessions->place && sessions->of_link;
}

struct sessions *sessions_open(const struct sessions_config *config, uint64_t now_us,
			       struct lm_error *err)
{
	struct sessions *sessions = calloc(1, sizeof(*sessions));
	struct lm_link_config endpoint = {.identify = identify, .context = sessions};
	int rc;

	LM_ASSERT(config->least >= SESSIONS_EACH && config->sessions >= config->least);
	if (!sessions || !allocate(sessions, config)) {
		(void)lm_error_set(err, ENOMEM,
				   "the kernel locks no %.1f MiB for the sessions of links; raise "
				   "the limit of locked memory (ulimit -l), or lower link.sessions",
				   (double)sessions_bytes(config->least, config->lanes) /
					   (1 << 20));
		sessions_close(sessions);
		return NULL;
	}
	lm_rand(&sessions->salt, sizeof(sessions->salt));
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
	if (sessions->table)
		lm_secret_release(sessions->table, sessions->table_bytes,
				  lm_link_table_written(sessions->table));
	lm_secret_release(sessions->memory, peers_bytes(sessions),
			  sessions->used * sessions->stride);
	lm_secret_free(sessions->endpoint);
	free(sessions->slot);
	free(sessions->place);
	free(sessions->of_link);
	free(sessions);
}

uint32_t sessions_room(const struct sessions *sessions)
{
	return sessions->slots;
}

/* ---- With whom ---- */

static bool is_free(const struct sessions *sessions, const struct slot *slot)
{
	return slot->state == SLOT_FREE ||
	       (slot->state == SLOT_ENDED && slot->mark <= sessions->reclaimed);
}

/* A free slot; there is one. */
static struct slot *free_slot(struct sessions *sessions)
{
	for (; sessions->search < sessions->used; sessions->search++) {
		if (is_free(sessions, &sessions->slot[sessions->search]))
			return &sessions->slot[sessions->search];
	}
	LM_ASSERT(sessions->used < sessions->slots); /* has_room said so */
	return &sessions->slot[sessions->used++];
}

static int add(struct sessions *sessions, uint32_t number, uint32_t id, const struct lm_point *key,
	       struct lm_error *err)
{
	struct slot *slot = free_slot(sessions);
	uint32_t i = (uint32_t)(slot - sessions->slot);

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
	index_slot(sessions, i);
	return 0;
}

/*
 * Documents are signed by authorities, but the keys in them are their members': one that publishes
 * a client's key must not make its gateway refuse the document.
 */
static void tell_skipped(struct slot *node)
{
	char key[2 * sizeof(node->key.b) + 1];

	if (node->told)
		return;
	node->told = true;
	lm_hex_encode(key, node->key.b, sizeof(node->key.b));
	fprintf(stderr,
		"warning: link.clients: the client with the key %s is not served: node %" PRIu32
		" of the topology has that link key. If the client is not that node, somebody "
		"there publishes its key: tell the authorities, or give the client a new key\n",
		key, node->id);
}

/* A neighbour, or with id 0 a client, that is to have a peer: the one that it has, or a new one. */
static int want(struct sessions *sessions, uint32_t number, uint32_t id, const struct lm_point *key,
		struct lm_error *err)
{
	struct slot *slot = find_key(sessions, key);

	if (slot && slot->wanted && slot->id != id) {
		if (id != 0) /* the topology was checked for it */
			return lm_error_set(err, EINVAL,
					    "node %" PRIu32 " has the link key of another", id);
		tell_skipped(slot);
		return 0;
	}
	if (slot && slot->id == id && (id == 0 || slot->number == number)) {
		slot->wanted = true;
		return 0;
	}
	return add(sessions, number, id, key, err);
}

/* ---- Room ---- */

static uint32_t missing_layer(const struct sessions *sessions, const struct lm_topology *topology,
			      unsigned layer)
{
	uint32_t missing = 0;

	for (unsigned i = 0; i < topology->layer_nodes[layer]; i++) {
		const struct lm_topology_node *node =
			&topology->node[topology->layer_node[layer][i]];
		const struct slot *slot = find_key(sessions, &node->link);

		missing += !slot || slot->id != node->id;
	}
	return missing;
}

/* Slots that no peer has. */
static uint32_t room_left(const struct sessions *sessions)
{
	uint32_t taken = 0;

	for (uint32_t i = 0; i < sessions->used; i++)
		taken += !is_free(sessions, &sessions->slot[i]);
	return sessions->slots - taken;
}

int sessions_fit(const struct sessions *sessions, const struct lm_topology *topology,
		 const struct lm_topology_node *self, const struct lm_point *client,
		 unsigned clients, struct lm_error *err)
{
	unsigned after = view_layer_after(topology, self);
	unsigned before = view_layer_before(topology, self);
	uint32_t missing = missing_layer(sessions, topology, after), taken;

	if (before != after)
		missing += missing_layer(sessions, topology, before);
	for (unsigned i = 0; i < clients; i++)
		missing += !find_key(sessions, &client[i]);
	if (missing <= room_left(sessions))
		return 0;
	taken = sessions->slots - room_left(sessions);
	return lm_error_set(err, ENOSPC,
			    "link.sessions: no room for %" PRIu32
			    " neighbours and clients, %" PRIu32 " of them new, beside the %" PRIu32
			    " that there are: there is room for "
			    "%" PRIu32 "; set link.sessions to %" PRIu32
			    " or more, or to 0 with the "
			    "limit on locked memory lifted (LimitMEMLOCK=infinity), and restart",
			    sessions_peers(topology, self, clients), missing, taken,
			    sessions->slots, sessions_for(taken + missing));
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

/*
 * Who parts keeps its peer, or gets one where there is room, as after a restart: nothing depends on
 * it. A key that a neighbour or a client has now is theirs.
 */
static void want_parting(struct sessions *sessions, const struct lm_topology *topology,
			 const struct lm_topology_node *self, struct links *links, bool after)
{
	const struct lm_topology_node *node;
	struct lm_error err;
	unsigned place = 0;

	while ((node = parting_next(links, topology, self, after, &place)) != NULL) {
		struct slot *slot = find_key(sessions, &node->link);
		uint16_t number = links_number(links, node->id);

		if (number == 0 || (slot && slot->wanted))
			continue;
		if (slot && slot->id == node->id && slot->number == number)
			slot->wanted = true;
		else if (room_left(sessions) > 0)
			(void)add(sessions, number, node->id, &node->link, &err);
	}
}

int sessions_prepare(struct sessions *sessions, const struct lm_topology *topology,
		     const struct lm_topology_node *self, struct links *links,
		     const struct lm_point *client, unsigned clients, struct lm_error *err)
{
	int rc = sessions_fit(sessions, topology, self, client, clients, err);

	if (rc != 0)
		return rc;
	for (uint32_t i = 0; i < sessions->used; i++)
		sessions->slot[i].wanted = sessions->slot[i].fresh = false;
	sessions->search = 0;
	rc = want_layer(sessions, topology, view_layer_after(topology, self), links, err);
	if (rc == 0)
		rc = want_layer(sessions, topology, view_layer_before(topology, self), links, err);
	for (unsigned i = 0; rc == 0 && i < clients; i++)
		rc = want(sessions, 0, 0, &client[i], err);
	for (unsigned after = 0; rc == 0 && after < 2; after++)
		want_parting(sessions, topology, self, links, after);
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
	for (uint32_t i = 0; i < sessions->used; i++) {
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

bool sessions_stays(const struct sessions *sessions, uint16_t link)
{
	uint32_t i = link <= LINKS_MAX ? sessions->of_link[link] : 0;

	return i != 0 && sessions->slot[i - 1].wanted;
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
	for (uint32_t n = 0; n < sessions->used; n++) {
		uint32_t i = sessions->next;

		sessions->next = i + 1 < sessions->used ? i + 1 : 0;
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
	for (uint32_t i = 0; i < sessions->used; i++) {
		if (sessions->slot[i].state != SLOT_LIVE)
			continue;
		++*peers;
		*up += lm_link_peer_sending(peer_at(sessions, i)) != NULL;
	}
}
