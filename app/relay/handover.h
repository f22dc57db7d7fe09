/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The file by which a relay hands what it holds to the next start: packets with the delay that each
 * still has to stay, in the runtime folder (lm_epoch_folder), which is memory and no disk, so that
 * the file never outlives the machine's boot.
 *
 * The file, little-endian: a header of HANDOVER_HEADER bytes
 *
 *     magic 8 | version u32 | profile u32 | node u32 | packet_len u32 | count u64 | bytes u64 |
 *     closed_us u64 | digest 32 | zero
 *
 * then `count` records: from u32 | to u32 | delay_us u32 | len u32 | len bytes. `bytes` is the end
 * of the last one, behind which stands what fills the page. The digest is BLAKE2b-256 over all
 * records and then the header with zeros in its place: a file that is torn, changed or of another
 * kind is refused as a whole. It is no signature; who may write here is this node.
 *
 * At most once: the file is unlinked before anything of it can leave again. A process that dies in
 * between loses what it had taken over; it never sends it twice.
 *
 * One thread uses this. Nothing is copied: the file is written and read in place.
 */
#pragma once

#include "lm_base.h"

#define HANDOVER_HEADER 128
#define HANDOVER_RECORD 16 /* before the bytes of each packet */
#define HANDOVER_OWN    UINT32_MAX

/* Whose packets they are: a file of another node, profile or length is refused. */
struct handover_kind {
	uint32_t node, profile, packet_len;
};

struct handover_item {
	uint32_t from; /* id of the node that it came from; 0: unknown, HANDOVER_OWN: own cover */
	uint32_t to;   /* id of the next hop; 0: it ends here */
	uint32_t delay_us; /* that it still has to stay */
	uint32_t len;      /* packet_len; of what ends here at most that, with its service header */
};

struct handover {
	int dir;
	struct handover_kind kind;
	uint8_t *map; /* the file; NULL: there is none */
	size_t size;  /* of the map */
	size_t at;    /* where the next record starts */
	size_t end;   /* reading: behind the last record */
	uint64_t count;
	uint64_t closed_us; /* when the relay stopped to receive, by handover_clock_us */
	uint64_t hash[48] LM_CACHE_ALIGNED; /* BLAKE2b's state while writing */
};

/* Microseconds since the boot, sleep included: what closed_us is measured by. */
uint64_t handover_clock_us(void);

/*
 * Starts a file for up to `count` packets. Where there is no memory for them all, handover_put says
 * so when it is used up. Invisible until handover_finish.
 */
LM_MUST_CHECK int handover_create(struct handover *out, int dir, const struct handover_kind *kind,
				  uint64_t count, uint64_t closed_us, struct lm_error *err);

/* Adds a packet; false: no room is left, and nothing was added. */
LM_MUST_CHECK bool handover_put(struct handover *out, const struct handover_item *item,
				const void *bytes);

/* Gives the memory of a file that was only started back; nothing is left of it. */
void handover_abandon(struct handover *out);

/* Completes the file and gives it its name. On failure nothing is left of it. */
LM_MUST_CHECK int handover_finish(struct handover *out, struct lm_error *err);

/*
 * Opens the file that a process before has left, checks all of it, and unlinks it, as it does what
 * a process has died over. 0 with in->map NULL: there is none. -EINVAL and a message: it is none of
 * ours or damaged; it was moved aside and nothing of it is taken.
 */
LM_MUST_CHECK int handover_open(struct handover *in, int dir, const struct handover_kind *kind,
				struct lm_error *err);

/* The next packet, whose bytes stay valid until handover_close; false: that was all. */
LM_MUST_CHECK bool handover_next(struct handover *in, struct handover_item *item,
				 const uint8_t **bytes);

/* Overwrites what was read with zeros and gives its memory back. */
void handover_close(struct handover *in);
