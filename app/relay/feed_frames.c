/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See feed_frames.h.
 */
#include "feed_frames.h"

#include <errno.h>
#include <inttypes.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define FRAMES_AT_FIRST 65536

static uint8_t *take_memory(size_t n)
{
	void *memory = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	(void)madvise(memory, n, MADV_HUGEPAGE);
	return memory;
}

int feed_frames_reserve(struct feed_frames *frames, size_t room, struct lm_error *err)
{
	frames->bytes_room = room;
	frames->bytes = take_memory(room);
	return frames->bytes ? 0 : lm_error_set(err, ENOMEM, "%s: too little memory", frames->path);
}

void feed_frames_free(struct feed_frames *frames)
{
	if (frames->bytes)
		munmap(frames->bytes, frames->bytes_room);
	free(frames->frame);
}

int feed_frames_add(struct feed_frames *frames, const uint8_t *bytes, size_t len, uint32_t queue,
		    struct lm_error *err)
{
	struct feed_frame *all;

	if (frames->n == frames->room) {
		frames->room = frames->room ? 2 * frames->room : FRAMES_AT_FIRST;
		all = realloc(frames->frame, frames->room * sizeof(*all));
		if (!all)
			return lm_error_set(err, ENOMEM, "%s: too little memory", frames->path);
		frames->frame = all;
	}
	if (len > frames->bytes_room - frames->bytes_used)
		return lm_error_set(err, EIO, "%s: grows while it is read", frames->path);
	frames->frame[frames->n++] = (struct feed_frame){
		.offset = frames->bytes_used,
		.len = (uint32_t)len,
		.queue = queue,
	};
	memcpy(frames->bytes + frames->bytes_used, bytes, len);
	frames->bytes_used += len;
	return 0;
}

/* ---- A capture ---- */

/* Where receive-side scaling takes the frames of a source. */
static uint32_t queue_of_source(unsigned workers, const uint8_t *bytes, size_t len)
{
	struct source source = source_read(bytes, len);
	uint64_t mixed = (source.address[0] ^ source.address[1]) * 0x9e3779b97f4a7c15u;

	return (uint32_t)((mixed >> 32) * workers >> 32);
}

static int read_all(struct feed_frames *frames, pcap_t *in, unsigned workers, struct lm_error *err)
{
	struct pcap_pkthdr *header;
	const u_char *bytes;
	struct stat file;
	int rc, read = 0;

	if (pcap_datalink(in) != DLT_EN10MB)
		return lm_error_set(err, EINVAL, "%s: not a capture of Ethernet frames",
				    frames->path);
	if (fstat(fileno(pcap_file(in)), &file) != 0 || !S_ISREG(file.st_mode))
		return lm_error_set(err, EINVAL,
				    "%s: --feed wants a file, so that its size says "
				    "what memory to take",
				    frames->path);
	rc = feed_frames_reserve(frames, (size_t)file.st_size, err);
	while (rc == 0 && (read = pcap_next_ex(in, &header, &bytes)) == 1)
		rc = feed_frames_add(frames, bytes, header->caplen,
				     queue_of_source(workers, bytes, header->caplen), err);
	if (rc == 0 && read != PCAP_ERROR_BREAK)
		rc = lm_error_set(err, EIO, "%s: breaks off after %" PRIu64 " frames: %s",
				  frames->path, frames->n, pcap_geterr(in));
	if (rc == 0 && frames->n == 0)
		rc = lm_error_set(err, EINVAL, "%s: holds no frames", frames->path);
	return rc;
}

int feed_frames_read(struct feed_frames *frames, unsigned workers, struct lm_error *err)
{
	char text[PCAP_ERRBUF_SIZE];
	pcap_t *in = pcap_open_offline(frames->path, text);
	int rc;

	if (!in)
		return lm_error_set(err, EINVAL, "%s: not a readable capture: %s", frames->path,
				    text);
	rc = read_all(frames, in, workers, err);
	pcap_close(in);
	return rc;
}

/* ---- Sealing ---- */

/* Where receive-side scaling takes the frames of a lane, which have a port of their own. */
static uint32_t queue_of_lane(unsigned workers, unsigned lane)
{
	return ((lane * 0x9e3779b1u) >> 16) % workers;
}

int feed_frames_seal(struct feed_frames *frames, struct feed_link *link, uint32_t to,
		     unsigned workers, struct lm_error *err)
{
	size_t room = frames->bytes_used + frames->n * feed_link_room(link), used = 0;
	uint8_t *sealed = take_memory(room);

	if (!sealed)
		return lm_error_set(err, ENOMEM, "%s: too little memory to seal it", frames->path);
	for (uint64_t i = 0; i < frames->n; i++) {
		struct feed_frame *frame = &frames->frame[i];
		const uint8_t *bytes = frames->bytes + frame->offset;
		unsigned lane;
		size_t len = feed_link_seal(link, sealed + used, &lane, bytes, frame->len, to);

		if (len > 0) {
			frame->queue = queue_of_lane(workers, lane);
			frame->len = (uint32_t)len;
		} else { /* no packet of a neighbour's: as it is */
			memcpy(sealed + used, bytes, frame->len);
		}
		frame->offset = used;
		used += frame->len;
	}
	munmap(frames->bytes, frames->bytes_room);
	frames->bytes = sealed;
	frames->bytes_room = room;
	return 0;
}

double feed_frames_mean(const struct feed_frames *frames)
{
	double bytes = 0;

	for (uint64_t i = 0; i < frames->n; i++)
		bytes += frames->frame[i].len;
	return bytes / (double)frames->n;
}
