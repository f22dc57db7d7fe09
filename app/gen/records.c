/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See records.h. Records are little-endian and of fixed length, so that any tool can map a file.
 */
#include "records.h"

#include <errno.h>
#include <inttypes.h>

#define BUFFER (1u << 18)

static const char *const kind_names[] = {
	[PACKET_MESSAGE] = "message",         [PACKET_CLIENT_LOOP] = "client_loop",
	[PACKET_CLIENT_DROP] = "client_drop", [PACKET_RELAY_LOOP] = "relay_loop",
	[PACKET_RELAY_DROP] = "relay_drop",   [PACKET_DUMMY] = "dummy",
};
static const char *const end_names[] = {
	[PACKET_ON_ITS_WAY] = "on_its_way",
	[PACKET_DELIVERED] = "delivered",
	[PACKET_ENDED] = "ended",
	[PACKET_LOST] = "lost",
};

const char *packet_kind_name(enum packet_kind kind)
{
	LM_ASSERT((size_t)kind < LM_COUNT(kind_names));
	return kind_names[kind];
}

const char *packet_end_name(enum packet_end end)
{
	LM_ASSERT((size_t)end < LM_COUNT(end_names));
	return end_names[end];
}

static bool valid_truth(const void *record)
{
	const struct record_truth *truth = record;

	return truth->kind < PACKET_KINDS;
}

static bool valid_packet(const void *record)
{
	const struct record_packet *packet = record;

	return packet->kind < PACKET_KINDS && packet->end < PACKET_ENDS;
}

const struct record_kind record_flights = {"flights.bin", "linemix-sim flights 1",
					   sizeof(struct record_flight), NULL};
const struct record_kind record_truths = {"truth.bin", "linemix-sim truth 1",
					  sizeof(struct record_truth), valid_truth};
const struct record_kind record_packets = {"packets.bin", "linemix-sim packets 1",
					   sizeof(struct record_packet), valid_packet};

static void make_header(char header[RECORD_HEADER], const struct record_kind *kind)
{
	memset(header, 0, RECORD_HEADER);
	snprintf(header, RECORD_HEADER, "%s\n", kind->title);
}

static int open_file(struct records *records, const char *folder, const struct record_kind *kind,
		     const char *mode, struct lm_error *err)
{
	*records = (struct records){.kind = kind};
	if (snprintf(records->path, sizeof(records->path), "%s/%s", folder, kind->name) >=
	    (int)sizeof(records->path))
		return lm_error_set(err, ENAMETOOLONG, "%.200s: the path is too long", folder);
	records->file = fopen(records->path, mode);
	if (!records->file)
		return lm_error_set(err, errno, "%s: %s", records->path, strerror(errno));
	setvbuf(records->file, NULL, _IOFBF, BUFFER);
	return 0;
}

int records_make(struct records *records, const char *folder, const struct record_kind *kind,
		 struct lm_error *err)
{
	char header[RECORD_HEADER];
	int rc = open_file(records, folder, kind, "wb", err);

	make_header(header, kind);
	if (rc == 0 && fwrite(header, sizeof(header), 1, records->file) != 1)
		rc = lm_error_set(err, errno, "%s: %s", records->path, strerror(errno));
	return rc;
}

int records_write(struct records *records, const void *record, size_t n)
{
	if (n == 0)
		return 0;
	return fwrite_unlocked(record, records->kind->len, n, records->file) == n ? 0 : -errno;
}

int records_open(struct records *records, const char *folder, const struct record_kind *kind,
		 struct lm_error *err)
{
	char header[RECORD_HEADER], found[RECORD_HEADER];
	int rc = open_file(records, folder, kind, "rb", err);

	make_header(header, kind);
	if (rc == 0 && (fread(found, sizeof(found), 1, records->file) != 1 ||
			memcmp(found, header, sizeof(header)) != 0))
		rc = lm_error_set(err, EINVAL,
				  "%s: does not begin as \"%s\"; made by `linemix-sim "
				  "run --out`",
				  records->path, kind->title);
	return rc;
}

int records_read(struct records *records, void *record, struct lm_error *err)
{
	size_t n = fread_unlocked(record, 1, records->kind->len, records->file);

	if (n == 0 && !ferror(records->file))
		return 0;
	records->read++;
	if (ferror(records->file))
		return lm_error_set(err, EIO, "%s: cannot be read", records->path);
	if (n < records->kind->len)
		return lm_error_set(err, EINVAL, "%s: record %" PRIu64 " is cut off; run it again",
				    records->path, records->read);
	if (records->kind->valid && !records->kind->valid(record))
		return lm_error_set(err, EINVAL, "%s: record %" PRIu64 " is none; run it again",
				    records->path, records->read);
	return 1;
}

int records_close(struct records *records)
{
	int rc = records->file && fclose(records->file) != 0 ? -errno : 0;

	records->file = NULL;
	return rc;
}
