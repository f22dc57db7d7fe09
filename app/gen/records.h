/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who saw which packet when, and the truth beside it, as files of records: app/sim/README.md
 * describes them. Written of simulations and of captures; a file that is none of these, or was cut
 * off, is an error.
 */
#pragma once

#include <stdio.h>

#include "lm_base.h"

enum packet_kind {
	PACKET_MESSAGE,
	PACKET_CLIENT_LOOP,
	PACKET_CLIENT_DROP,
	PACKET_RELAY_LOOP,
	PACKET_RELAY_DROP,
	PACKET_DUMMY, /* a slot of a padded link in which nothing waited: no packet of the table */
	PACKET_KINDS
};

enum packet_end {
	PACKET_ON_ITS_WAY,
	PACKET_DELIVERED, /* left the last gateway for a client */
	PACKET_ENDED,     /* cover that ended at a node as meant */
	PACKET_LOST,      /* a mix was full, or a padded link carried less than came */
	PACKET_ENDS
};

const char *packet_kind_name(enum packet_kind kind); /* "message", "client_loop", ... */
const char *packet_end_name(enum packet_end end);    /* "on_its_way", "delivered", ... */

#define PACKET_NONE UINT32_MAX

#define RECORD_HEADER 64 /* bytes in front of the records: the title, a newline, zeros */

struct record_flight {
	uint64_t left_us, came_us;
	uint32_t from, to;
};
struct record_truth {
	uint32_t number; /* of the packet; PACKET_NONE: a dummy */
	uint8_t kind, hop, zero[2];
};
struct record_packet {
	uint32_t number;
	uint8_t kind, end, zero[2];
	uint32_t sender, recipient;
	uint64_t made_us, done_us;
};

_Static_assert(sizeof(struct record_flight) == 24, "no padding");
_Static_assert(sizeof(struct record_truth) == 8, "no padding");
_Static_assert(sizeof(struct record_packet) == 32, "no padding");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "records are written as they stand");

/* One kind of file. */
struct record_kind {
	const char *name, *title;
	size_t len; /* of a record */
	/* May a record say this? NULL: any does. */
	bool (*valid)(const void *record);
};
extern const struct record_kind record_flights, record_truths, record_packets;

struct records {
	FILE *file; /* NULL: not open */
	const struct record_kind *kind;
	char path[4096];
	uint64_t read;
};

/* Begins a file in the folder. -errno and a message. *records is for _close in every case. */
LM_MUST_CHECK int records_make(struct records *records, const char *folder,
			       const struct record_kind *kind, struct lm_error *err);
/* n of them, one behind the other. 0 or -errno. */
LM_MUST_CHECK int records_write(struct records *records, const void *record, size_t n);

LM_MUST_CHECK int records_open(struct records *records, const char *folder,
			       const struct record_kind *kind, struct lm_error *err);
/* 1: a record; 0: the end; -errno and a message. */
LM_MUST_CHECK int records_read(struct records *records, void *record, struct lm_error *err);

/* 0, or -errno if what was written did not get into the file. */
int records_close(struct records *records);
