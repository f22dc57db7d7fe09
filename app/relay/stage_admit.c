/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * admit: drops all that is not for this node before any public-key work, passes the kernel its
 * frames, and cuts the outer headers off: what goes on starts at the packet's first byte.
 */
#include <string.h>

#include "worker.h"

#define FIRST_ID_LEN 4

/* A full ring loses the frame: the kernel's protocols repeat themselves. */
static void give_to_kernel(struct worker *worker, struct rte_mbuf *mbuf)
{
	if (worker->to_kernel && rte_ring_enqueue(worker->to_kernel, mbuf) == 0) {
		count_add(&worker->count.kernel_in, 1);
		return;
	}
	count_add(&worker->count.kernel_lost, 1);
	rte_pktmbuf_free(mbuf);
}

/* The bytes of frames that DPDK hands over lie in one piece: buffers are large enough. */
static struct frame_parsed parse(const struct worker *worker, const struct rte_mbuf *mbuf)
{
	if (mbuf->nb_segs != 1)
		return (struct frame_parsed){.class = FRAME_DROP, .drop = LM_DROP_FRAME};
	return frame_parse(&worker->view->self, rte_pktmbuf_mtod(mbuf, const uint8_t *),
			   rte_pktmbuf_data_len(mbuf), port_checked(mbuf));
}

/* A packet without anything around it, or behind the id of the mix that takes it. */
static void admit_packet(struct worker *worker, struct burst *burst, unsigned *kept, unsigned i)
{
	const struct view *view = worker->view;
	struct rte_mbuf *mbuf = burst->mbuf[i];
	unsigned len = rte_pktmbuf_data_len(mbuf);

	if (view->node->role == LM_TOPOLOGY_GATEWAY && len == view->packet_len + FIRST_ID_LEN) {
		burst->handed_from[burst->handed] = burst->from[i];
		burst->handed_mbuf[burst->handed++] = mbuf;
		return;
	}
	burst->mbuf[*kept] = mbuf;
	burst->from[*kept] = burst->from[i];
	burst->item[*kept].packet = rte_pktmbuf_mtod(mbuf, uint8_t *);
	burst->item[*kept].len = len;
	(*kept)++;
}

unsigned stage_admit(struct worker *worker)
{
	struct burst *burst = worker->filling;
	unsigned kept = 0, received = 0;

	if (!burst)
		return 0;
	for (unsigned i = 0; i < burst->n; i++) {
		struct rte_mbuf *mbuf = burst->mbuf[i];
		struct frame_parsed parsed;

		if (worker->link.table && (burst->received >> i & 1)) { /* stage_open's */
			admit_packet(worker, burst, &kept, i);
			continue;
		}
		parsed = parse(worker, mbuf);
		switch (parsed.class) {
		case FRAME_PACKET:
			if (worker->link.table) { /* the view has changed since it was sifted */
				parsed = (struct frame_parsed){.class = FRAME_DROP};
				stage_drop(worker, mbuf, LM_DROP_LINK_FORMAT);
				break;
			}
			worker_cut(mbuf, parsed);
			admit_packet(worker, burst, &kept, i);
			break;
		case FRAME_KERNEL:
			give_to_kernel(worker, mbuf);
			break;
		case FRAME_DROP:
			stage_drop(worker, mbuf, parsed.drop);
			break;
		}
		/* UDP is received when it arrives; the rest if it is not for the kernel */
		received += parsed.class != FRAME_KERNEL && !(burst->received >> i & 1);
	}
	count_add(&worker->count.received, received);
	burst->n = kept;
	return kept;
}
