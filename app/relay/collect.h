/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Asks relays for readings, all at once, over their telemetry sockets, and never waits for one of
 * them: a relay that is dead, slow, restarting or lying costs its own reading alone.
 *
 * One thread. The caller's memory; a struct of zeros with a name and a path is a relay that was not
 * asked yet. A connection stays open from one round to the next (DPDK serves ten at once).
 */
#pragma once

#include <poll.h>

#include "reading.h"

#define COLLECT_RELAYS   16      /* at most */
#define COLLECT_NAME     63      /* bytes of a name */
#define COLLECT_PATH     107     /* bytes of a socket's path: what the kernel takes */
#define COLLECT_ANSWER   65536   /* bytes of an answer; DPDK's are 16 KiB at most */
#define COLLECT_ROUND_US 800000  /* then a round is over, and who has not answered yet is late */
#define COLLECT_LIMIT_US 2500000 /* and then a relay does not answer: a round or two late */
#define COLLECT_OTHERS   4       /* descriptors of the caller's, at most */

enum collect_state { COLLECT_CLOSED, COLLECT_RESTS, COLLECT_GREETED, COLLECT_ASKED };

struct collect {
	char name[COLLECT_NAME + 1];
	char path[COLLECT_PATH + 1];
	/* for readers: did it answer in the last round that is over; what it said then and in the
	 * round before, with same[1] for rates; how long it took; and why it did not */
	bool up;
	unsigned rounds; /* in a row in which it answered: with two there are rates */
	struct reading now, before;
	uint64_t read_us; /* when, monotonic */
	uint64_t took_us;
	uint64_t good, bad; /* rounds */
	struct lm_error why;
	/* of a round that goes on */
	enum collect_state state;
	int fd;
	enum reading_command command;
	uint64_t asked_us;
	char dpdk[READING_WORD + 1]; /* from the greeting, which comes once */
	uint64_t pid;
	struct reading next;
};

/* Begins a round: asks all of them but those that are late, of which the last reading goes on. */
void collect_begin(struct collect *relay, unsigned n, uint64_t now_us);

/*
 * Attends to relays until until_us, or until one of `others` of the caller's descriptors has
 * something (revents are set), or, if `all`, until no answer is awaited any more. The buffer is of
 * COLLECT_ANSWER bytes.
 */
void collect_wait(struct collect *relay, unsigned n, char *buffer, struct pollfd *other,
		  unsigned others, uint64_t until_us, bool all);

/* Is no answer awaited any more? */
bool collect_done(const struct collect *relay, unsigned n);

/* Closes the connections. */
void collect_end(struct collect *relay, unsigned n);

/*
 * The telemetry sockets under DPDK's folder, one for each program that runs or ran there, those
 * whose name begins so and is one (collect_is_name): sets name and path, and returns how many,
 * sorted by name; 0 if there is no folder. An empty folder's name means DPDK's own rule:
 * $RUNTIME_DIRECTORY/dpdk, or else /var/run/dpdk, or of other users $XDG_RUNTIME_DIR/dpdk or
 * /tmp/dpdk.
 */
unsigned collect_find(struct collect relay[COLLECT_RELAYS], const char *folder, const char *prefix);

/* Is this a file prefix that can be shown as it is: letters, digits, _ - . and not too long? */
bool collect_is_name(const char *name);

/* That folder by DPDK's own rule. */
void collect_folder(char out[COLLECT_PATH + 1]);
