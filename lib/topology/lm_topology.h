/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The topology: who is in the network, where, in which layer and with which keys. FORMAT.md beside
 * this file describes the document.
 *
 * A topology is made by _load, _open or _parse and given older keys by _inherit, never changes
 * after that, may be read by any number of threads, and is freed by its owner when nobody reads it
 * any more. lm_topology_find and _route are for the packet path.
 */
#pragma once

#include "lm_base.h"
#include "lm_mix.h"
#include "lm_topology_signed.h"
#include "lm_x25519.h"

#define LM_TOPOLOGY_LAYERS    4               /* at most */
#define LM_TOPOLOGY_NODES     65536           /* at most */
#define LM_TOPOLOGY_NODE_KEYS 4               /* mix keys of a node in one topology, at most */
#define LM_TOPOLOGY_KEYS      3               /* in one document: of its epoch and the next two */
#define LM_TOPOLOGY_ADDRESSES 8               /* of a node, at most */
#define LM_TOPOLOGY_NAME      63              /* bytes of an operator's name, at most */
#define LM_TOPOLOGY_BYTES     LM_SIGNED_BYTES /* a larger document is refused unread */
#define LM_TOPOLOGY_EPOCH_MAX (UINT32_MAX - 3)
#define LM_TOPOLOGY_SPAN_S    (30 * 86400) /* of an epoch, at most */

enum lm_topology_role {
	LM_TOPOLOGY_MIX,     /* layers 1 .. */
	LM_TOPOLOGY_GATEWAY, /* layer 0 */
};

struct lm_topology_address {
	bool ipv6;
	uint8_t ip[16]; /* IPv6; or IPv4 in the first four bytes, and zeros */
	uint16_t port;  /* UDP */
};

struct lm_topology_node {
	uint32_t id; /* never 0 or 0xffffffff, never reused */
	enum lm_topology_role role;
	unsigned layer; /* 0 for a gateway */
	char operator[LM_TOPOLOGY_NAME + 1];
	uint32_t operator_number; /* equal for nodes of one operator, in this topology */
	char jurisdiction[3];     /* ISO 3166-1 alpha-2 */
	struct lm_verifier identity;
	struct lm_point link;
	uint32_t capacity; /* packets a second, 1 at least */
	unsigned addresses;
	struct lm_topology_address address[LM_TOPOLOGY_ADDRESSES]; /* the best first */
	bool has_mac;                                              /* else: resolve it */
	uint8_t mac[6];
	unsigned keys; /* of consecutive epochs: the document's own and the next two; before them
			  that of the epoch before, if lm_topology_inherit found one */
	struct {
		uint8_t kid;
		struct lm_point pk;
	} key[LM_TOPOLOGY_NODE_KEYS];
};

/* The best of a node's addresses of one family, or NULL. */
static inline const struct lm_topology_address *
lm_topology_address(const struct lm_topology_node *node, bool ipv6)
{
	for (unsigned i = 0; i < node->addresses; i++)
		if (node->address[i].ipv6 == ipv6)
			return &node->address[i];
	return NULL;
}

/* Mean times between two packets of a relay's own cover, exponential; 0: none. */
struct lm_topology_cover {
	uint32_t loop_interval_us;
	uint32_t drop_interval_us;
	uint32_t
		link_interval_us; /* constant: each link carries one frame in each; 0: no padding */
};

/* How senders draw paths: the same for all, or their paths would tell them apart. */
struct lm_topology_paths {
	bool by_capacity;   /* a layer's mixes weighted by capacity; else uniformly */
	bool jurisdictions; /* no two nodes of one jurisdiction on a path */
};

struct lm_topology {
	uint32_t epoch;           /* the full number; kid is this modulo 256 */
	uint64_t from_s, until_s; /* the epoch, in seconds of UTC since 1970 */
	struct lm_hash hash;      /* of the document */
	struct lm_hash previous;  /* of the one of the epoch before; zero: there was none */
	struct lm_topology_paths paths;
	unsigned profile; /* of lib/packet */
	struct lm_mix_params mix;
	struct lm_topology_cover cover;
	unsigned layers; /* 1 .. LM_TOPOLOGY_LAYERS */
	unsigned nodes;
	struct lm_topology_node *node; /* by rising id */
	/* nodes by layer: indices into node[], gateways in layer 0 */
	unsigned layer_nodes[LM_TOPOLOGY_LAYERS + 1];
	const uint32_t *layer_node[LM_TOPOLOGY_LAYERS + 1];
};

/*
 * Reads a document, of which nobody's signature is checked. *topology is for lm_topology_free.
 * -errno with a message "NAME:LINE: ..." (not JSON) or "NAME: nodes[3].layer: what is wrong; what
 * would be right"; *topology is then NULL.
 */
LM_MUST_CHECK int lm_topology_parse(struct lm_topology **topology, const char *text, size_t len,
				    const char *name, struct lm_error *err);

/*
 * Reads a signed file of a document; refuses it unread if fewer than authorities->threshold of the
 * authorities have signed it. The time is not looked at: see lm_topology_succeeds. `_open` takes
 * the file's bytes, `_load` its path.
 */
LM_MUST_CHECK int lm_topology_open(struct lm_topology **topology, const char *text, size_t len,
				   const struct lm_authorities *authorities, const char *name,
				   struct lm_error *err);
LM_MUST_CHECK int lm_topology_load(struct lm_topology **topology, const char *path,
				   const struct lm_authorities *authorities, struct lm_error *err);
void lm_topology_free(struct lm_topology *topology);

/* ---- Time ---- */

#define LM_TOPOLOGY_TIME 21 /* bytes of a time as text, with its NUL */

/* UTC in whole seconds since 1970, as 2026-11-25T12:00:00Z and in no other form; years to 9999. */
LM_MUST_CHECK bool lm_topology_parse_time(uint64_t *time_s, const char *text);
void lm_topology_format_time(char text[LM_TOPOLOGY_TIME], uint64_t time_s);

/*
 * The epoch of the network at this time, as far as this document knows: its own, and the next from
 * `until` on, for as long as no other document comes.
 */
uint32_t lm_topology_epoch_at(const struct lm_topology *topology, uint64_t now_s);

/*
 * Clocks may differ by so much, or by a tenth of an epoch if that is less, and nobody gets a packet
 * of an epoch that its clock has not reached.
 */
#define LM_TOPOLOGY_SKEW_US 1000000
uint64_t lm_topology_skew_us(const struct lm_topology *topology);

/* How far an epoch is, to a sender: what it draws kids from (lm_topology_draw_kids). */
enum lm_topology_phase {
	LM_TOPOLOGY_BEGINNING, /* some clocks may not have reached it */
	LM_TOPOLOGY_MIDDLE,
	LM_TOPOLOGY_ENDING, /* less than the longest way is left: packets may arrive in the next */
};

/*
 * The phase of `epoch`, which is the document's or the next, at a time in microseconds of UTC;
 * path_us is the longest way of a packet.
 */
enum lm_topology_phase lm_topology_phase_at(const struct lm_topology *topology, uint32_t epoch,
					    uint64_t wall_us, uint64_t path_us);

/* Why a reader does not take a document. */
enum lm_succession {
	LM_SUCCESSION_TAKEN,   /* it does */
	LM_SUCCESSION_EXPIRED, /* more than one epoch has passed since it ended */
	LM_SUCCESSION_FUTURE,  /* it begins later than one epoch from now */
	LM_SUCCESSION_OLDER,   /* of an earlier epoch than one that was taken */
	LM_SUCCESSION_FORK,    /* another one of that epoch, or behind another one, was taken */
	LM_SUCCESSION_GAP,     /* it does not begin when the one before ends */
	LM_SUCCESSION_PROMISE, /* it changes a key that the one before has promised */
};
const char *lm_succession_name(enum lm_succession refusal); /* "expired", ... */

/*
 * Whether a reader takes this document, whose signatures are good, at this time: FORMAT.md, "What a
 * reader takes". `newest` is the newest that it has taken, NULL: none. The message names the
 * document `name` and the reason; it is set if the answer is not LM_SUCCESSION_TAKEN.
 *
 * A reader that was away may find a document several epochs later than its newest. The ones between
 * are not there to be checked: such a document must begin no earlier than they can have ended, and
 * keep the promised keys that both list.
 */
LM_MUST_CHECK enum lm_succession lm_topology_succeeds(const struct lm_topology *topology,
						      const struct lm_topology *newest,
						      uint64_t now_s, const char *name,
						      struct lm_error *err);

/*
 * Gives the nodes of `topology` their keys of the epoch before, before others read it: those of
 * nodes of the same id and identity in `known`, which is the document of that epoch that it names
 * in `previous`, one that names the same and has inherited, or, where documents between were
 * missed, an older one that has promised that epoch's keys. False, and nothing has changed, if it
 * is none of these.
 */
bool lm_topology_inherit(struct lm_topology *topology, const struct lm_topology *known);

/* ---- Questions ---- */

/* The node with this id, or NULL. */
const struct lm_topology_node *lm_topology_find(const struct lm_topology *topology, uint32_t id);

/* The node's public key of this kid, or NULL. */
const struct lm_point *lm_topology_key(const struct lm_topology_node *node, uint8_t kid);

/*
 * Step 10 of the packet format for FWD: may the node `self` send to the id `next`? LM_DROP_NONE,
 * NEXT_UNKNOWN or NEXT_LAYER. A mix of layer l is followed by layer l + 1, the last layer by a
 * gateway, a gateway by layer 1.
 */
enum lm_drop lm_topology_route(const struct lm_topology *topology,
			       const struct lm_topology_node *self, uint32_t next);

/* May a packet come from node `from` to node `to`? The same rule read backwards. */
LM_MUST_CHECK bool lm_topology_may_follow(const struct lm_topology *topology,
					  const struct lm_topology_node *from,
					  const struct lm_topology_node *to);

/* True if the id names a mix of layer 1. */
LM_MUST_CHECK bool lm_topology_in_first_layer(const struct lm_topology *topology, uint32_t id);

/* ---- Draws: no allocation; any thread, each with its own generator ---- */

/*
 * Paths are drawn as FORMAT.md says: no two nodes of one operator (nor, if the document asks, of
 * one jurisdiction) on a path; of all such paths each with the probability that drawing each layer
 * on its own, uniformly or by capacity, gives it, in proportion. Where fewer than one in a thousand
 * of the latter are allowed, which no sensible network has, a draw may take milliseconds and the
 * shares are rough. Not constant time: the path is not secret to who draws it.
 *
 * path[i] points into the topology; *hops of them. False: there is none.
 */

/* For a sender: one mix of each layer, then the gateway `last`; there always is one. */
LM_MUST_CHECK bool
lm_topology_draw_path(const struct lm_topology *topology, struct lm_prng *prng,
		      const struct lm_topology_node *last,
		      const struct lm_topology_node *path[LM_TOPOLOGY_LAYERS + 1], unsigned *hops);

/*
 * The way of a loop, which node `self` sends to itself. From a mix of layer l: one of each of the
 * layers l + 1 to the last, a gateway, one of each of the layers 1 to l - 1, and self; from a
 * gateway: of all layers, and self. Always layers + 1 hops, of which self is the last and no other:
 * no more than LM_PACKET_HOPS.
 */
LM_MUST_CHECK bool
lm_topology_draw_loop(const struct lm_topology *topology, struct lm_prng *prng,
		      const struct lm_topology_node *self,
		      const struct lm_topology_node *path[LM_TOPOLOGY_LAYERS + 1], unsigned *hops);

/*
 * The way of a drop packet that `self` sends as cover: one mix of each layer behind its own (a
 * gateway: of every layer), then a gateway, where the packet ends. A mix keeps the rules with the
 * rest, as one of a path that seems to have begun before it; a gateway may draw itself.
 */
LM_MUST_CHECK bool
lm_topology_draw_drop(const struct lm_topology *topology, struct lm_prng *prng,
		      const struct lm_topology_node *self,
		      const struct lm_topology_node *path[LM_TOPOLOGY_LAYERS + 1], unsigned *hops);

/* Whether there are such ways for this node: they are there or not as long as the topology is. */
LM_MUST_CHECK bool lm_topology_has_loop(const struct lm_topology *topology,
					const struct lm_topology_node *self);
LM_MUST_CHECK bool lm_topology_has_drop(const struct lm_topology *topology,
					const struct lm_topology_node *self);

/*
 * n paths to the gateway `last` for the parts of one message, none of whose mixes are of one
 * operator, over all of them: so no operator of a mix sees two parts. The first is drawn as
 * lm_topology_draw_path draws, each further one likewise from those that go with the ones before.
 * The number of tries is bounded: false if there are not n such paths, or if they are so rare that
 * 64 beginnings with 256 tries for each further path do not meet them.
 */
LM_MUST_CHECK bool
lm_topology_draw_disjoint(const struct lm_topology *topology, struct lm_prng *prng,
			  const struct lm_topology_node *last,
			  const struct lm_topology_node *path[][LM_TOPOLOGY_LAYERS + 1], unsigned n,
			  unsigned *hops);

/*
 * Draws the kids of a forward packet's n hops in an epoch c, which is the document's or the next: b
 * from {c - 1, c} once, at its beginning c - 1 alone and at its end c alone, then each from {b, b +
 * 1} (lib/packet/FORMAT.md, key epochs and kid). Where a node of the path has no key of c - 1, b is
 * c. So lm_topology_key has one for each kid.
 */
void lm_topology_draw_kids(const struct lm_topology *topology, struct lm_prng *prng, uint32_t epoch,
			   enum lm_topology_phase phase, const struct lm_topology_node *const *path,
			   uint8_t *kid, unsigned n);

/*
 * Draws the delays of a packet's n hops, which its sender writes into the packet: independent and
 * exponential with the topology's mean, in whole microseconds, cut to lm_mix_delay_max_us. Zeros
 * where the strategy takes no delays.
 */
void lm_topology_draw_delays(const struct lm_topology *topology, struct lm_prng *prng,
			     uint32_t *delay_us, unsigned n);
