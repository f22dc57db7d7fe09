/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See capture.h.
 */
#include "capture.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <string.h>
#include <sys/stat.h>

#include "progress.h"

#define NS UINT64_C(1000000000)

int capture_bytes(uint64_t *bytes, const char *path, struct lm_error *err)
{
	struct stat info;

	if (stat(path, &info) != 0)
		return lm_error_set(err, errno, "%s: %s", path, strerror(errno));
	*bytes = (uint64_t)info.st_size;
	return 0;
}

static int read_frames(pcap_t *capture, const char *path, uint64_t bytes, capture_frame *take,
		       void *context, struct lm_error *err)
{
	struct pcap_pkthdr *record;
	const u_char *frame;
	struct progress progress;
	uint64_t done = 0;
	int rc = 0, got = 0;

	progress_start(&progress, "checking bytes");
	while (rc == 0 && (got = pcap_next_ex(capture, &record, &frame)) == 1) {
		/* with nanoseconds in tv_usec, as asked for */
		rc = take(context, (uint64_t)record->ts.tv_sec * NS + (uint64_t)record->ts.tv_usec,
			  frame, record->caplen, err);
		done += record->caplen;
		progress_show(&progress, done, bytes);
	}
	progress_end(&progress);
	if (rc == 0 && got != PCAP_ERROR_BREAK)
		rc = lm_error_set(err, EIO, "%s: %s", path, pcap_geterr(capture));
	return rc;
}

int capture_read(const char *path, capture_frame *take, void *context, struct lm_error *err)
{
	char text[PCAP_ERRBUF_SIZE];
	uint64_t bytes = 0;
	pcap_t *capture;
	int rc = capture_bytes(&bytes, path, err);

	if (rc != 0)
		return rc;
	capture = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, text);
	if (!capture)
		return lm_error_set(err, EIO, "%s: %s", path, text);
	if (pcap_datalink(capture) == DLT_EN10MB)
		rc = read_frames(capture, path, bytes, take, context, err);
	else
		rc = lm_error_set(err, EINVAL, "%s: not a capture of Ethernet frames", path);
	pcap_close(capture);
	return rc;
}
