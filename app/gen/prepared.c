/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See prepared.h.
 */
#include "prepared.h"

#include <errno.h>
#include <rte_memcpy.h>
#include <string.h>

#define NO_SPAN                                                                           \
	8 /* bytes of an IP header in which nothing but lengths, ids and sums stand: IPv4 \
	   */

int prepared_open(struct prepared *prepared, const char *path, const struct lm_topology *topology,
		  int cpu, struct lm_error *err)
{
	struct capture_map_frame frame;
	uint64_t count;
	int rc = capture_map_open(&prepared->map, path, err);

	if (rc != 0)
		return rc;
	prepared->topology = topology;
	prepared->packet_len = lm_packet_len(topology->profile);
	count = capture_map_equal_records(&prepared->map);
	if (count == 0 || count > UINT32_MAX ||
	    capture_map_next(&frame, &prepared->map) != CAPTURE_MAP_FRAME ||
	    frame.len <= prepared->packet_len)
		return lm_error_set(err, EINVAL,
				    "%s: not as `linemix-gen make` writes it for this topology: "
				    "whole frames of one length with packets of %zu bytes",
				    path, prepared->packet_len);
	prepared->count = (uint32_t)count;
	prepared->first_ns = frame.at_ns;
	capture_map_rewind(&prepared->map);
	prepared->book = datagram_book_make(topology);
	if (!prepared->book)
		return lm_error_set(err, ENOMEM, "no memory for addresses");
	return capture_map_start(&prepared->map, cpu, err);
}

void prepared_close(struct prepared *prepared)
{
	rte_pktmbuf_free_bulk(prepared->mbuf + prepared->next, prepared->n - prepared->next);
	if (prepared->map.path)
		capture_map_close(&prepared->map);
	free(prepared->book);
	*prepared = (struct prepared){0};
}

/* Who takes the packet of a frame; NULL: no mix of the first layer. */
static const struct view_peer *find_peer(const struct prepared *prepared, const struct view *view,
					 const struct capture_map_frame *frame)
{
	const struct lm_topology_node *node;
	struct datagram datagram;

	if (!datagram_parse(&datagram, frame->bytes, frame->len) ||
	    datagram.len != prepared->packet_len)
		return NULL;
	node = datagram_node(prepared->book, &datagram.to);
	return node ? view_find(view, node->id) : NULL;
}

/* True if the frame begins as this header does, but for lengths and checksums. */
static bool same_header(const struct frame_header *header, const uint8_t *frame, size_t header_len)
{
	size_t ip = header->ip_offset, addresses = ip + (header->ipv6 ? NO_SPAN : NO_SPAN + 4);

	return header->len == header_len && memcmp(frame, header->bytes, ip + 2) == 0 &&
	       memcmp(frame + addresses, header->bytes + addresses, header_len - 4 - addresses) ==
		       0;
}

static void put_frame(struct prepared *prepared, const struct port *port, bool sessions,
		      const struct capture_map_frame *frame)
{
	struct rte_mbuf *mbuf = prepared->mbuf[prepared->n];
	const struct view_peer *peer = prepared->peer[prepared->n];
	size_t header_len = frame->len - prepared->packet_len;
	bool as_is = !sessions && same_header(&peer->header, frame->bytes, header_len);
	const uint8_t *from = as_is ? frame->bytes : frame->bytes + header_len;
	size_t len = as_is ? frame->len : prepared->packet_len;

	rte_memcpy(rte_pktmbuf_mtod(mbuf, void *), from, len);
	mbuf->data_len = (uint16_t)len;
	mbuf->pkt_len = (uint32_t)len;
	mbuf->ol_flags = 0;
	if (!as_is && !sessions)
		port_write_header(port, mbuf, &peer->header);
}

static void fail(struct prepared *prepared, const char *what)
{
	prepared->broken = prepared->end = true;
	(void)lm_error_set(&prepared->err, EINVAL, "%s: %s at byte %llu; make it again",
			   prepared->map.path, what, (unsigned long long)prepared->map.at);
}

/* Copies frames into the buffers, a burst or as many as are there. */
static void copy_frames(struct prepared *prepared, const struct port *port, bool sessions,
			const struct view *view)
{
	enum capture_map_got got = CAPTURE_MAP_FRAME;
	struct capture_map_frame frame;

	while (prepared->n < PREPARED_BURST) {
		got = capture_map_next(&frame, &prepared->map);
		if (got != CAPTURE_MAP_FRAME)
			break;
		prepared->peer[prepared->n] = find_peer(prepared, view, &frame);
		if (!prepared->peer[prepared->n]) {
			fail(prepared, "no packet for a mix of the first layer before");
			break;
		}
		put_frame(prepared, port, sessions, &frame);
		prepared->own_ns[prepared->n++] =
			frame.at_ns > prepared->first_ns ? frame.at_ns - prepared->first_ns : 0;
	}
	if (got == CAPTURE_MAP_BROKEN)
		fail(prepared, "no whole record");
	prepared->end |= got == CAPTURE_MAP_END;
	capture_map_release(&prepared->map);
}

/* Makes link frames of the burst, once all its packets have sessions to go by. */
static void seal(struct prepared *prepared, const struct port *port, struct framing *framing)
{
	struct lm_link_session *session[PREPARED_BURST];

	if (framing_ready(session, prepared->peer, prepared->n) < prepared->n)
		return;
	framing_seal(framing, port, prepared->mbuf, session, prepared->peer, prepared->n);
	prepared->sealed = true;
}

bool prepared_fill(struct prepared *prepared, const struct port *port, struct framing *framing,
		   const struct view *view)
{
	bool sessions = framing->table != NULL;

	if (prepared->next < prepared->n && sessions && !prepared->sealed)
		seal(prepared, port, framing);
	if (prepared->next < prepared->n || prepared->end)
		return !prepared->broken;
	if (rte_pktmbuf_alloc_bulk(port->pool, prepared->mbuf, PREPARED_BURST) != 0)
		return true;
	prepared->n = prepared->next = 0;
	copy_frames(prepared, port, sessions, view);
	rte_pktmbuf_free_bulk(prepared->mbuf + prepared->n, PREPARED_BURST - prepared->n);
	prepared->sealed = !sessions;
	if (prepared->n > 0 && sessions)
		seal(prepared, port, framing);
	return !prepared->broken;
}
