/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One DPDK port: its queues, its offloads, its buffers.
 */
#pragma once

#include <rte_mempool.h>

#include "config.h"
#include "frame.h"

struct port {
	uint16_t id;
	uint8_t mac[6];
	bool tx_checksums; /* the NIC computes UDP checksums */
	int ifindex;       /* of the kernel's interface that it is; 0: it is none */
	uint64_t rss;      /* what the NIC spreads frames over queues by; 0: it does not */
	unsigned mtu;      /* 0: it has none */
	bool removed;      /* its driver has told that it is gone; written by a thread of DPDK's */
	struct rte_mempool *pool;
};

/* What the buffers of a node take. */
struct port_memory {
	unsigned mbufs;
	unsigned mbuf_bytes; /* of one, with its header */
	uint64_t bytes;
};

/* With `held` packets in the mixer: capacity_buffers says how many there are. */
struct port_memory port_memory(const struct node_config *config, uint64_t held, size_t packet_len);

/* -ENOMEM and a message if memory.megabytes, where it counts, has no room for the buffers. */
LM_MUST_CHECK int port_check_memory(const struct node_config *config, uint64_t held,
				    size_t packet_len, struct lm_error *err);

/* Makes the pool of buffers on the NUMA node `socket`; needs a started EAL. */
LM_MUST_CHECK int port_make_pool(struct port *port, const struct node_config *config, uint64_t held,
				 size_t packet_len, int socket, struct lm_error *err);

/* The NUMA node of the configured device. */
int port_socket(const struct node_config *config);

/*
 * Opens the configured device: one receive and one transmit queue for each worker, receive-side
 * scaling over IP and UDP if there are several, an MTU that carries packet_len in a link's frame,
 * started. If the topology gives the node a link-layer address, the port takes it. Messages name
 * the remedy.
 */
LM_MUST_CHECK int port_open(struct port *port, const struct node_config *config,
			    const struct lm_topology_node *node, size_t packet_len,
			    struct lm_error *err);

/*
 * -EMSGSIZE and the remedy if the configured device is an interface of the kernel whose MTU is too
 * small for packets; 0 if it is large enough, or cannot be known before the port is open. *mtu is
 * then that MTU, or 0. No EAL.
 */
LM_MUST_CHECK int port_check_mtu(unsigned *mtu, const struct node_config *config, size_t packet_len,
				 struct lm_error *err);

/* The same for a port that is already there by its id (in-memory rings): no MTU, any number of
 * queues. */
LM_MUST_CHECK int port_open_id(struct port *port, uint16_t id, const struct node_config *config,
			       struct lm_error *err);

void port_close(struct port *port);

/* -ENODEV and a message if the open device is gone: pulled out, or removed by the kernel. */
LM_MUST_CHECK int port_check_there(const struct port *port, struct lm_error *err);

/* Which checksums the NIC has found good. */
struct rte_mbuf;
struct frame_checked port_checked(const struct rte_mbuf *mbuf);

/*
 * Puts the outer header in front of the packet in mbuf. The mbuf has FRAME_HEADER_MAX bytes of
 * headroom.
 */
void port_write_header(const struct port *port, struct rte_mbuf *mbuf,
		       const struct frame_header *header);
