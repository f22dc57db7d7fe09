/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See framing.h.
 */
#include "framing.h"

#include "handshakes.h"

unsigned framing_ready(struct lm_link_session **session, const struct view_peer *const *peer,
		       unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		session[i] = peer[i]->session ? lm_link_peer_sending(peer[i]->session) : NULL;
		if (!session[i])
			return i;
	}
	return n;
}

unsigned framing_lost(const struct view_peer *const *peer, unsigned n)
{
	unsigned i = 0;

	while (i < n && !(peer[i]->session && lm_link_peer_sending(peer[i]->session)))
		i++;
	return i;
}

void framing_seal(struct framing *framing, const struct port *port, struct rte_mbuf **mbuf,
		  struct lm_link_session *const *session, const struct view_peer *const *peer,
		  unsigned n)
{
	struct lm_link_seal seal[LM_BURST];
	uint64_t sealed;

	for (unsigned i = 0; i < n; i++) {
		seal[i] = (struct lm_link_seal){
			.session = session[i],
			.lane = framing->turn++ % lm_link_session_lanes(session[i]),
			.to = peer[i]->id,
			.packet = rte_pktmbuf_mtod(mbuf[i], uint8_t *),
		};
	}
	sealed = lm_link_seal(framing->context, seal, n);
	LM_ASSERT(sealed == (n < LM_BURST ? (UINT64_C(1) << n) - 1 : UINT64_MAX));
	for (unsigned i = 0; i < n; i++) {
		struct frame_header header = peer[i]->header;

		LM_ASSERT(rte_pktmbuf_prepend(mbuf[i], LM_LINK_HEADROOM) != NULL);
		LM_ASSERT(rte_pktmbuf_append(mbuf[i], LM_LINK_TAILROOM) != NULL);
		frame_header_from_port(&header, (uint16_t)(HANDSHAKES_LANE_PORT + seal[i].lane));
		port_write_header(port, mbuf[i], &header);
	}
}

/*
 * A packet of a node before this one, and for this one: by any document of the run, as packets of
 * the last one may come after the next has come into force. Who is in none of them has no session.
 */
static bool may_send(const struct framing *framing, const struct gen_setup *setup,
		     const struct lm_link_open *item)
{
	LM_ASSERT(item->peer <= framing->links->n);
	return item->to == setup->self->id &&
	       calendar_may_send(setup->calendar, framing->links->id[item->peer]);
}

unsigned framing_open(struct framing *framing, struct gen_receiver *receiver,
		      struct gen_arrival *arrival, struct rte_mbuf **mbuf, unsigned n)
{
	size_t packet_len = lm_packet_len(receiver->setup->topology->profile);
	struct lm_link_open item[LM_BURST];
	unsigned kept = 0;

	for (unsigned i = 0; i < n; i++) {
		item[i].frame = arrival[i].packet;
		item[i].len = arrival[i].len;
	}
	(void)!lm_link_open(framing->context, item, n);
	for (unsigned i = 0; i < n; i++) {
		bool dummy = item[i].drop == LM_DROP_NONE && !item[i].packet;

		if (item[i].packet && !may_send(framing, receiver->setup, &item[i]))
			item[i].drop = LM_DROP_LINK_ROLE;
		if (!dummy && item[i].drop != LM_DROP_NONE)
			(void)!gen_receive_admit(receiver,
						 (struct frame_parsed){.class = FRAME_DROP,
								       .drop = item[i].drop});
		if (dummy || item[i].drop != LM_DROP_NONE) {
			rte_pktmbuf_free(mbuf[i]);
			continue;
		}
		mbuf[kept] = mbuf[i];
		arrival[kept++] = (struct gen_arrival){.packet = item[i].packet,
						       .len = packet_len,
						       .when_ns = arrival[i].when_ns};
	}
	return kept;
}

bool framing_handshake(struct framing *framing, struct rte_mbuf *mbuf, struct frame_parsed parsed)
{
	const uint8_t *payload = rte_pktmbuf_mtod_offset(mbuf, const uint8_t *, parsed.offset);

	return lm_link_kind(framing->table, payload, parsed.len) == LM_LINK_HANDSHAKE &&
	       handshakes_offer(framing->in, mbuf, true);
}
