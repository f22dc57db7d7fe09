/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cover traffic: when a relay's own packets leave, what they are, and what their return says
 * (Piotrowska et al., "The Loopix anonymity system", 2017; Danezis & Sassaman, "Heartbeat traffic
 * to counter (n-1) attacks", 2003).
 *
 *   schedules   when the next loop or drop packet is due: Poisson processes
 *   the pacer   when each link carries its next frame, whatever waits for it: constant rates
 *   building    the packets themselves, made as any sender makes its own
 *   the table   loops on their way, shared by who makes, sends and receives them
 *   the judge   what the share of lost loops means: OK, WARN, PAUSE
 *
 * Time comes from the caller in microseconds, randomness for choices from the caller's generator,
 * seeds and tokens from lm_rand. Nothing here allocates. Tokens and seeds are secret until the
 * packet is back.
 */
#pragma once

#include "lm_packet.h"
#include "lm_topology.h"

/* ---- Schedules: one thread each; packet path ---- */

/*
 * Who was away for longer than this does not make up for it: a burst of cover at one moment would
 * be known for what it is. A Poisson process has no memory, so starting it anew is no trace.
 */
#define LM_COVER_CATCH_UP_US 100000

/* A Poisson process: gaps are exponential with this mean, rounded to microseconds. */
struct lm_cover_schedule {
	uint32_t mean_us; /* 0: nothing is ever due */
	uint64_t next_us; /* UINT64_MAX: never */
};

/* Starts the process at now_us: the first event is a gap away. */
void lm_cover_schedule_init(struct lm_cover_schedule *schedule, struct lm_prng *prng,
			    uint32_t mean_us, uint64_t now_us);

/*
 * How many events are due at now_us and have not been told, `max` at most; what is above it is told
 * by the next call. Events missed by more than LM_COVER_CATCH_UP_US are forgotten.
 */
LM_MUST_CHECK unsigned lm_cover_due(struct lm_cover_schedule *schedule, struct lm_prng *prng,
				    uint64_t now_us, unsigned max);

/* ---- The pacer: one thread; packet path ---- */

/*
 * Constant-rate padding. Every link has one slot in each interval, and each slot carries one frame:
 * the oldest packet that waits for the link, or a dummy. A link's slots are a phase, drawn when the
 * link is set, and then exactly one interval apart; only time moves them, never a packet. So what
 * lm_pacer_due gives, but for `packet` itself, is a function of the seed, of when links were set
 * and unset, and of the times and `max` at which it was asked.
 *
 * Who comes late is given what was missed, so that a slow step changes no rate; but slots missed by
 * more than LM_COVER_CATCH_UP_US, and by an interval, are forgotten like events of a schedule.
 *
 * Packets that have left the mix wait here, within a link in the order in which they came. They
 * share `capacity` places. A link's packets have at most `share` of them, and no more than are
 * free (Choudhury & Hahne, "Dynamic queue length thresholds", 1998): k links that get more than
 * they carry have at most k / (k + 1) of the places, and the others find one.
 *
 * Cost: O(log links) for a slot, and for setting or unsetting a link; O(1) for a packet.
 */
struct lm_pacer;

#define LM_PACER_ALIGN     64
#define LM_PACER_LINKS_MAX 65534

struct lm_pacer_params {
	uint32_t interval_us; /* >= 1 */
	uint32_t links;       /* their numbers are 1 .. links; 1 .. LM_PACER_LINKS_MAX */
	uint32_t capacity;    /* packets that may wait in all; 1 .. 2^31 */
	uint32_t share;       /* and for one link; >= 1 */
};

/* Bytes: 24 for a packet, 32 for a link, and 2 KB. The memory need not be cleared. */
size_t lm_pacer_size(const struct lm_pacer_params *params);

/* Makes a pacer without links. The seed is for its generator and is wiped by the caller. */
struct lm_pacer *lm_pacer_init(void *memory, const struct lm_pacer_params *params,
			       const uint8_t seed[32]);

/* The link has slots from now on, its first within an interval; nothing if it has already. */
void lm_pacer_set(struct lm_pacer *pacer, uint16_t link, uint64_t now_us);

/* The link has none from now on, nothing if it had none; lm_pacer_orphans gives what waited. */
void lm_pacer_unset(struct lm_pacer *pacer, uint16_t link);

/*
 * Takes a packet to wait for a slot of link item->to. Otherwise it stays the caller's, who drops it
 * for the reason returned: LM_DROP_NEXT_UNKNOWN: the link is not set; LM_DROP_LINK_FULL: as many
 * wait for it as may.
 */
LM_MUST_CHECK enum lm_drop lm_pacer_push(struct lm_pacer *pacer, const struct lm_mix_item *item);

/*
 * The slots until now_us that were not given before, at most max, in the order of their times; what
 * is above max is given by the next call. Each is a packet as it was pushed, or a dummy: all zero
 * but `to`, its link. Time never runs backwards.
 */
LM_MUST_CHECK unsigned lm_pacer_due(struct lm_pacer *pacer, struct lm_mix_item *item, unsigned max,
				    uint64_t now_us);

/* When the next slot is; UINT64_MAX without links. */
uint64_t lm_pacer_next_us(const struct lm_pacer *pacer);

/* Takes up to max packets that waited for links that were unset. */
LM_MUST_CHECK unsigned lm_pacer_orphans(struct lm_pacer *pacer, struct lm_mix_item *item,
					unsigned max);

/*
 * Takes up to max packets, whether their slots have come or not; 0 when none waits. Order: by link.
 * For a stop; linear in the links.
 */
LM_MUST_CHECK unsigned lm_pacer_evict(struct lm_pacer *pacer, struct lm_mix_item *item,
				      unsigned max);

/*
 * For draining: from now on a link may have every place, so that nothing is refused to a caller who
 * pushes no more than lm_pacer_room. Slots stay as they are.
 */
void lm_pacer_lift(struct lm_pacer *pacer);

uint32_t lm_pacer_room(const struct lm_pacer *pacer); /* places that are free */
uint32_t lm_pacer_held(const struct lm_pacer *pacer); /* packets that wait */

/* Slots that were forgotten since the start. Any thread may ask. */
uint64_t lm_pacer_forgotten(const struct lm_pacer *pacer);

/*
 * How late slots were given, by now_us of lm_pacer_due: bin 0 counts those in their microsecond,
 * bin i those that were 2^(i-1) .. 2^i - 1 microseconds late, the last one all that were later.
 * What was forgotten is in none.
 */
#define LM_PACER_LATE_BINS 18

/* Slots in a bin since the start; bin < LM_PACER_LATE_BINS. Any thread may ask. */
uint64_t lm_pacer_late(const struct lm_pacer *pacer, unsigned bin);

/* ---- Building: one thread ---- */

/* Who builds for which network. */
struct lm_cover_maker {
	const struct lm_topology *topology;
	const struct lm_topology_node *self; /* of this topology */
	uint32_t epoch;                      /* of the network: the topology's, or the next */
	enum lm_topology_phase phase;        /* of the epoch */
	uint64_t slack_us; /* that a hop may take beside the mix's stay: the wire, queues */
	struct lm_prng *prng;
};

/* What the relay must know of a packet of cover beside its bytes. */
struct lm_cover_way {
	const struct lm_topology_node *first; /* where it is sent */
	uint32_t delay_us;                    /* for this relay's own mix, drawn like any other */
	uint64_t wait_us; /* a loop that enters the mix at t is back by t + wait_us, or lost */
};

/*
 * A loop: the layers after self, a gateway, the layers up to self, which recognises the random
 * token that the packet brings. A drop packet ends at a gateway. Both draw mixes, kids and delays
 * as senders do. `build` lacks its place (`packet`) only. False: the network has no such way
 * (lm_topology_has_loop, _has_drop).
 */
LM_MUST_CHECK bool lm_cover_plan_loop(const struct lm_cover_maker *maker, struct lm_cover_way *way,
				      struct lm_packet_build *build);
LM_MUST_CHECK bool lm_cover_plan_drop(const struct lm_cover_maker *maker, struct lm_cover_way *way,
				      struct lm_packet_build *build);

/*
 * Fills the payloads with random bytes and builds n packets, 1 <= n <= LM_BURST. Returns the mask
 * of those built; see lm_packet_build. Wipes `build`.
 */
LM_MUST_CHECK uint64_t lm_cover_build(struct lm_packet_builder *builder,
				      struct lm_packet_build *build, unsigned n);

/* The longest wait_us that a loop of this topology can get. */
uint64_t lm_cover_path_us(const struct lm_topology *topology, uint64_t slack_us);

/* ---- The table of loops ---- */

/*
 * One thread makes loops and collects what became of them (control), one sends them (the mixer),
 * any number recognise returning ones (workers). Wait-free. A place's number stands in the low bits
 * of the token of its loop; the other bits, 108 at least, are random, and only the relay that made
 * a loop ever sees them. So a packet from outside either carries a token of ours or changes
 * nothing, and costs one look at one place: there is nothing to flood.
 */
struct lm_cover_table;

#define LM_COVER_ALIGN     64
#define LM_COVER_LOOPS_MIN 64
#define LM_COVER_LOOPS_MAX (1u << 20)

/* Bytes for `capacity` loops, a power of two in LM_COVER_LOOPS_MIN .. _MAX. */
size_t lm_cover_table_size(uint32_t capacity);
struct lm_cover_table *lm_cover_table_init(void *memory, uint32_t capacity);

/*
 * control: a place for a loop that is being built, which is to be back wait_us after it is sent.
 * Sets *loop and puts its number into the token, whose other bits stay. False if all are taken.
 */
LM_MUST_CHECK bool lm_cover_table_add(struct lm_cover_table *table, uint32_t *loop,
				      struct lm_packet_token *token, uint64_t wait_us);

/* mixer, once for each loop that was added: it has entered the mix; or it is thrown away. */
void lm_cover_table_sent(struct lm_cover_table *table, uint32_t loop, uint64_t now_us);
void lm_cover_table_discard(struct lm_cover_table *table, uint32_t loop);

/*
 * workers: a DROP with this token has come. True if it is a loop of ours that was on its way, the
 * first time; the time that takes does not depend on the token's random bits.
 */
LM_MUST_CHECK bool lm_cover_table_back(struct lm_cover_table *table,
				       const struct lm_packet_token *token, uint64_t now_us);

/* What became of loops. */
struct lm_cover_news {
	uint32_t back; /* in time */
	uint32_t lost; /* not in time */
	uint32_t late; /* lost ones that came after all */
};

/*
 * control: what was not told before. Linear in the loops that have a place. The place of a lost
 * loop is kept as long again as its wait, to tell that it came late; then it is given away.
 */
struct lm_cover_news lm_cover_table_collect(struct lm_cover_table *table, uint64_t now_us);

/*
 * control: nothing is told any more of the loops that have a place now: keys or relays that they
 * were built for are gone, and whether they come back says nothing of the network.
 */
void lm_cover_table_excuse(struct lm_cover_table *table);

/* control: loops that have a place. */
uint32_t lm_cover_table_loops(const struct lm_cover_table *table);

/* ---- The judge: one thread ---- */

#define LM_COVER_WINDOW_MIN 16
#define LM_COVER_WINDOW_MAX 4096

enum lm_cover_verdict {
	LM_COVER_OK,
	LM_COVER_WARN,  /* loops are missing: somebody should look */
	LM_COVER_PAUSE, /* this relay may be isolated: nothing should pass */
};

const char *lm_cover_verdict_name(enum lm_cover_verdict verdict); /* "ok", "warn", "pause" */

struct lm_cover_limits {
	uint32_t window; /* loops that are looked back upon, LM_COVER_WINDOW_MIN .. _MAX */
	/* lost loops in percent at which the verdict rises, 1 .. 100; 0: it never does */
	uint32_t warn_percent;
	uint32_t pause_percent;
	uint64_t retry_us; /* see lm_cover_judge; 0: never */
};

struct lm_cover_judge {
	struct lm_cover_limits limits;
	enum lm_cover_verdict verdict;
	uint32_t n, lost; /* in the window */
	uint32_t next;    /* place of the next one */
	uint64_t calm_us; /* before this time nothing is paused */
	uint64_t paused_us;
	uint64_t bit[LM_COVER_WINDOW_MAX / 64]; /* 1: lost */
};

void lm_cover_judge_init(struct lm_cover_judge *judge, const struct lm_cover_limits *limits,
			 uint64_t now_us);

/*
 * Takes news into the window and returns the verdict.
 *
 * It rises when the share of lost loops in the window reaches a limit, and falls when the share is
 * below three quarters of it. It stays what it was (OK at the start) while fewer than a quarter of
 * `window` have been heard of.
 *
 * Relays that pause lose each other's loops, so with few mixes in a layer all could wait for each
 * other for ever. Hence retry_us: that long after its start a relay warns but does not pause; and a
 * pause that has lasted so long ends in WARN with an empty window, for a quarter of that time at
 * least, to see whether loops come back. With 0 a pause is declared at once and lasts until the
 * loops sent meanwhile return.
 */
LM_MUST_CHECK enum lm_cover_verdict
lm_cover_judge(struct lm_cover_judge *judge, const struct lm_cover_news *news, uint64_t now_us);
