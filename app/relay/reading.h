/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a relay says of itself over telemetry, read with suspicion: for programs that show it.
 *
 * Answers are JSON from a process that may be another one, older, newer, or taken over. Numbers are
 * whole and not negative, words are of a few plain characters, so that they can be shown anywhere
 * as they are, and how many there can be of anything is bounded here. What a relay does not tell is
 * absent and never zero.
 *
 * Pure: nothing is read from anywhere. One thread a reading.
 */
#pragma once

#include "config.h"

#define READING_WORD   31                   /* bytes of a version, a role, .. */
#define READING_CPUS   (CONFIG_WORKERS + 2) /* lcores */
#define READING_BURSTS 7                    /* sizes: up to 1, 2, 4, .. 64 packets */
#define READING_DOWN   16                   /* neighbours that are named; more are counted */
#define READING_STAGES 14

/* Numbers of /linemix/stats and /linemix/node: enumerator, key. Drops have an array of their own.
 */
#define READING_TABLE(ROW)                                  \
	ROW(RECEIVED, "received")                           \
	ROW(COVER, "cover")                                 \
	ROW(TAKEN_OVER, "taken_over")                       \
	ROW(SENT, "sent")                                   \
	ROW(DELIVERED, "delivered")                         \
	ROW(HELD, "held")                                   \
	ROW(DROPPED, "dropped")                             \
	ROW(KERNEL_IN, "kernel_in")                         \
	ROW(KERNEL_OUT, "kernel_out")                       \
	ROW(KERNEL_LOST, "kernel_lost")                     \
	ROW(DUMMY_IN, "dummy_in")                           \
	ROW(DUMMY_OUT, "dummy_out")                         \
	ROW(DUMMY_LOST, "dummy_lost")                       \
	ROW(HANDSHAKE_IN, "handshake_in")                   \
	ROW(HANDSHAKE_OUT, "handshake_out")                 \
	ROW(HANDSHAKE_LOST, "handshake_lost")               \
	ROW(HANDSHAKE_OUT_LOST, "handshake_out_lost")       \
	ROW(HANDSHAKE_UNDER_LOAD, "handshake_under_load")   \
	ROW(HANDSHAKE_MALFORMED, "handshake_malformed")     \
	ROW(HANDSHAKE_MAC1, "handshake_mac1")               \
	ROW(HANDSHAKE_UNEXPECTED, "handshake_unexpected")   \
	ROW(HANDSHAKE_COOKIE_SENT, "handshake_cookie_sent") \
	ROW(HANDSHAKE_LIMITED, "handshake_limited")         \
	ROW(HANDSHAKE_FORGED, "handshake_forged")           \
	ROW(HANDSHAKE_REFUSED, "handshake_refused")         \
	ROW(HANDSHAKE_STALE, "handshake_stale")             \
	ROW(HANDSHAKE_MISMATCH, "handshake_mismatch")       \
	ROW(HANDSHAKE_CROSSED, "handshake_crossed")         \
	ROW(HANDSHAKE_FULL, "handshake_full")               \
	ROW(HANDSHAKE_RESPONDED, "handshake_responded")     \
	ROW(HANDSHAKE_ESTABLISHED, "handshake_established") \
	ROW(HANDSHAKE_CONFIRMED, "handshake_confirmed")     \
	ROW(HANDSHAKE_COOKIE, "handshake_cookie")           \
	ROW(COVER_STARVED, "cover_starved")                 \
	ROW(LOOPS_SENT, "loops_sent")                       \
	ROW(LOOPS_BACK, "loops_back")                       \
	ROW(LOOPS_LOST, "loops_lost")                       \
	ROW(LOOPS_LATE, "loops_late")                       \
	ROW(EPOCH, "epoch")                                 \
	ROW(RETIRED, "retired")                             \
	ROW(CLOCK_HEARD, "clock_heard")                     \
	ROW(REFUSED_BROKEN, "topology_refused_broken")      \
	ROW(REFUSED_EXPIRED, "topology_refused_expired")    \
	ROW(REFUSED_FUTURE, "topology_refused_future")      \
	ROW(REFUSED_OLDER, "topology_refused_older")        \
	ROW(REFUSED_FORK, "topology_refused_fork")          \
	ROW(REFUSED_GAP, "topology_refused_gap")            \
	ROW(REFUSED_PROMISE, "topology_refused_promise")    \
	ROW(LINKS, "links")                                 \
	ROW(LINKS_UP, "links_up")                           \
	ROW(LINKS_SECOND_BEST, "links_second_best")         \
	ROW(LINKS_LOW_MTU, "links_low_mtu")                 \
	ROW(RX_MISSED, "rx_missed")                         \
	ROW(SLOTS_LOST, "slots_lost")                       \
	ROW(FILTER_RULES, "filter_rules")                   \
	ROW(UPTIME_US, "uptime_us")                         \
	ROW(AWAY_US, "away_us")                             \
	ROW(READY, "ready")                                 \
	ROW(ALARM_TOPOLOGY, "alarm_topology")               \
	ROW(ALARM_CLOCK, "alarm_clock")                     \
	ROW(ALARM_DISK, "alarm_disk")                       \
	ROW(ALARM_LOOP_LOSS, "alarm_loop_loss")             \
	ROW(ALARM_REPLAY_FULL, "alarm_replay_full")         \
	ROW(ALARM_LOW_MTU, "alarm_low_mtu")                 \
	ROW(ALARM_PADDING, "alarm_padding")                 \
	ROW(ALARM_BOOKS, "alarm_books")                     \
	ROW(NODE, "node")                                   \
	ROW(LAYER, "layer")                                 \
	ROW(LAYERS, "layers")                               \
	ROW(EPOCH_FROM_S, "epoch_from_s")                   \
	ROW(EPOCH_UNTIL_S, "epoch_until_s")                 \
	ROW(HELD_ROOM, "held_room")

enum reading_value {
#define READING_ENUM(id, key) READING_##id,
	READING_TABLE(READING_ENUM)
#undef READING_ENUM
		READING_VALUES,
	READING_NODE_FIRST = READING_NODE, /* from here on they are of /linemix/node */
};

/* Of which epoch a replay set is. */
enum reading_set { READING_PREVIOUS, READING_CURRENT, READING_NEXT, READING_SETS };
extern const char *const reading_set_name[READING_SETS];

struct reading_cpu {
	unsigned cpu;
	uint64_t rounds, busy_rounds;
	bool timed; /* is the next one told? */
	uint64_t busy_us;
};

/* Of a stage's calls that moved something, while stages are timed. */
struct reading_stage {
	uint64_t cycles, bursts, packets;
};
extern const char *const reading_stage_name[READING_STAGES]; /* "rx", .. */

struct reading_tags {
	bool there;
	uint64_t tags, room;
};

struct reading_layer {
	uint64_t nodes, links, up; /* nodes; of them neighbours; of them reached */
};

struct reading {
	char version[READING_WORD + 1], dpdk[READING_WORD + 1]; /* "": not told, as all words */
	char role[READING_WORD + 1], strategy[READING_WORD + 1], verdict[READING_WORD + 1];
	uint64_t pid;
	uint64_t value[READING_VALUES];
	bool has[READING_VALUES];
	int64_t clock_offset_ms;
	uint64_t drop[LM_DROP_COUNT];
	struct reading_layer layer[LM_TOPOLOGY_LAYERS + 1]; /* 0 .. LAYERS, if that is told */
	struct reading_tags set[READING_SETS];
	bool has_bursts;
	uint64_t burst[READING_BURSTS], burst_packets;
	unsigned cpus;
	struct reading_cpu cpu[READING_CPUS]; /* by rising number */
	bool timed;                           /* stages are */
	uint64_t tsc_hz;
	struct reading_stage stage[READING_STAGES];
	uint64_t down[READING_DOWN]; /* ids of neighbours that are not reached */
	unsigned downs;              /* of all of them: more than are named, perhaps */
};

/* What is asked, in this order. */
enum reading_command {
	READING_STATS,
	READING_OF_NODE,
	READING_LCORES,
	READING_REPLAY,
	READING_BURST,
	READING_OF_STAGES,
	READING_NOT_REACHED,
	READING_COMMANDS
};
extern const char *const reading_command_name[READING_COMMANDS]; /* "/linemix/stats", .. */

/* The key of a value. */
const char *reading_key(enum reading_value value);

/*
 * Takes what DPDK says when somebody connects: its version and the process. -EPROTO and a message:
 * this is no telemetry; the reading is as it was.
 */
LM_MUST_CHECK int reading_greet(struct reading *reading, const char *text, size_t len,
				struct lm_error *err);

/*
 * Takes an answer. One that says that there is no such command leaves everything of it absent, but
 * for READING_STATS, without which there is no relay: -EAGAIN. -EPROTO and a message: this is no
 * answer to the command, or not in the form that relays give; the reading is then of no use.
 */
LM_MUST_CHECK int reading_take(struct reading *reading, enum reading_command command,
			       const char *text, size_t len, struct lm_error *err);

/*
 * What a value has risen by a second, from one reading to a later one, by the relay's own clock;
 * negative: that cannot be told, as it started anew in between.
 */
double reading_rate(const struct reading *before, const struct reading *now,
		    enum reading_value value);

/* The same of drops for one reason. */
double reading_drop_rate(const struct reading *before, const struct reading *now,
			 enum lm_drop reason);

/* The share of its time that an lcore was busy, 0 to 1, from one reading to a later one; negative:
 * not known. `i` is its place in `now`. */
double reading_busy(const struct reading *before, const struct reading *now, unsigned i);
