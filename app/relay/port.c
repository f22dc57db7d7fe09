/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Opening a port.
 */
#include "port.h"

#include <errno.h>
#include <net/if.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mbuf_pool_ops.h>
#include <rte_mempool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "capacity.h"
#include "eal.h"
#include "lm_link.h"
#include "lm_packet.h"

#define LINK_LEN           LM_LINK_OVERHEAD /* without sessions a client's first_id is less */
#define IP_UDP_MAX         48 /* IPv6 and UDP: what a packet needs of the MTU beside itself */
#define AF_PACKET_OVERHEAD 96 /* Ethernet's and af_packet's own headers in a ring frame */
#define RX_CHECKSUMS       (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM)
#define TX_CHECKSUMS \
	RTE_ETH_TX_OFFLOAD_UDP_CKSUM /* the IPv4 header is 20 bytes: not worth an offload */
#define RSS_UDP                                                                           \
	(RTE_ETH_RSS_NONFRAG_IPV4_UDP | RTE_ETH_RSS_NONFRAG_IPV6_UDP | RTE_ETH_RSS_IPV4 | \
	 RTE_ETH_RSS_IPV6)

/* The room of a buffer: for a frame, and for all that one of af_packet's ring may hold. */
static unsigned data_room(size_t packet_len)
{
	size_t frame = AF_PACKET_OVERHEAD + IP_UDP_MAX + LINK_LEN + packet_len;

	_Static_assert(AF_PACKET_OVERHEAD + IP_UDP_MAX >= FRAME_HEADER_MAX, "holds any frame");

	if (frame < RTE_MBUF_DEFAULT_DATAROOM)
		frame = RTE_MBUF_DEFAULT_DATAROOM;
	return (unsigned)(RTE_PKTMBUF_HEADROOM + (frame + 63) / 64 * 64);
}

/* What DPDK takes for a buffer: without huge pages none that fits into a page crosses its end. */
static size_t stride(const struct node_config *config, size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return config->memory.huge_pages || bytes > page ? bytes : page / (page / bytes);
}

struct port_memory port_memory(const struct node_config *config, uint64_t held, size_t packet_len)
{
	struct port_memory memory = {
		.mbufs = (unsigned)capacity_buffers(config, held).all,
		.mbuf_bytes = (unsigned)(sizeof(struct rte_mbuf) + data_room(packet_len)),
	};

	memory.bytes = (uint64_t)memory.mbufs *
		       stride(config, memory.mbuf_bytes + sizeof(struct rte_mempool_objhdr) +
					      LM_CACHE_LINE);
	return memory;
}

static int too_little(const struct node_config *config, struct port_memory need, const char *why,
		      struct lm_error *err)
{
	return lm_error_set(err, ENOMEM,
			    "too little memory for %u packet buffers (%llu MiB; %s): raise "
			    "memory.megabytes (now %llu) or reserve more huge pages, or lower "
			    "limits.held, limits.max_packets_per_second or the descriptors",
			    need.mbufs, (unsigned long long)(need.bytes >> 20), why,
			    (unsigned long long)config->memory.megabytes);
}

int port_check_memory(const struct node_config *config, uint64_t held, size_t packet_len,
		      struct lm_error *err)
{
	struct port_memory need = port_memory(config, held, packet_len);

	if (config->memory.huge_pages || need.bytes <= config->memory.megabytes << 20)
		return 0;
	return too_little(config, need, "by arithmetic", err);
}

/* Pools are kept by a driver, which is in no package that the drivers of NICs need. */
static int check_driver(const char *name, struct lm_error *err)
{
	const struct rte_mempool_ops_table *table = &rte_mempool_ops_table;

	for (uint32_t i = 0; i < table->num_ops; i++) {
		if (strcmp(table->ops[i].name, name) == 0)
			return 0;
	}
	return lm_error_set(err, ENOENT,
			    "DPDK has no mempool driver %s; install it: "
			    "apt-get install librte-meta-mempool",
			    name);
}

int port_make_pool(struct port *port, const struct node_config *config, uint64_t held,
		   size_t packet_len, int socket, struct lm_error *err)
{
	struct port_memory need = port_memory(config, held, packet_len);
	int rc = check_driver(rte_mbuf_best_mempool_ops(), err);

	if (rc != 0)
		return rc;
	port->pool = rte_pktmbuf_pool_create("packets", need.mbufs, CAPACITY_CACHE, 0,
					     (uint16_t)data_room(packet_len), socket);
	return port->pool ? 0 : too_little(config, need, rte_strerror(rte_errno), err);
}

/* The DPDK port of the configured device: a virtual device is named by what stands before the
 * comma. */
static int find_port(uint16_t *id, const struct node_config *config)
{
	char name[sizeof(config->port.device)];

	memcpy(name, config->port.device, sizeof(name));
	name[strcspn(name, ",")] = '\0';
	if (rte_eth_dev_get_port_by_name(name, id) == 0)
		return 0;
	/* drivers may name a PCI port in the long form of the address, or several ports of one card
	 */
	*id = (uint16_t)rte_eth_find_next(0);
	return eal_device_is_pci(config->port.device) && *id < RTE_MAX_ETHPORTS ? 0 : -ENODEV;
}

int port_socket(const struct node_config *config)
{
	uint16_t id;

	return find_port(&id, config) == 0 ? rte_eth_dev_socket_id(id) : SOCKET_ID_ANY;
}

static int set_up_queues(const struct port *port, const struct node_config *config,
			 struct lm_error *err)
{
	int socket = rte_eth_dev_socket_id(port->id);
	uint16_t rx = (uint16_t)config->port.rx_descriptors;
	uint16_t tx = (uint16_t)config->port.tx_descriptors;
	int rc = rte_eth_dev_adjust_nb_rx_tx_desc(port->id, &rx, &tx);

	for (uint16_t q = 0; rc == 0 && q < config->cpus.workers_count; q++) {
		rc = rte_eth_rx_queue_setup(port->id, q, rx, (unsigned)socket, NULL, port->pool);
		if (rc == 0)
			rc = rte_eth_tx_queue_setup(port->id, q, tx, (unsigned)socket, NULL);
	}
	if (rc != 0)
		return lm_error_set(err, -rc,
				    "port.device: the device refuses its queues (%s); change "
				    "port.rx_descriptors and port.tx_descriptors",
				    strerror(-rc));
	return 0;
}

static int configure(struct port *port, const struct node_config *config, struct lm_error *err)
{
	unsigned workers = config->cpus.workers_count;
	struct rte_eth_conf conf = {0};
	struct rte_eth_dev_info info;
	int rc = rte_eth_dev_info_get(port->id, &info);

	if (rc != 0)
		return lm_error_set(err, -rc, "port.device: no answer from the device: %s",
				    strerror(-rc));
	if (workers > info.max_rx_queues || workers > info.max_tx_queues)
		return lm_error_set(
			err, EINVAL,
			"cpus.workers: %u workers, but the device has %u receive and %u "
			"transmit queues; a virtual device may take a queues argument",
			workers, info.max_rx_queues, info.max_tx_queues);
	if (workers > 1 && (info.flow_type_rss_offloads & RSS_UDP)) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		port->rss = info.flow_type_rss_offloads & RSS_UDP;
		conf.rx_adv_conf.rss_conf.rss_hf = port->rss;
	}
	conf.intr_conf.rmv = (*info.dev_flags & RTE_ETH_DEV_INTR_RMV) != 0;
	conf.rxmode.offloads = info.rx_offload_capa & RX_CHECKSUMS;
	port->tx_checksums = (info.tx_offload_capa & TX_CHECKSUMS) != 0;
	if (port->tx_checksums)
		conf.txmode.offloads = TX_CHECKSUMS;
	rc = rte_eth_dev_configure(port->id, (uint16_t)workers, (uint16_t)workers, &conf);
	if (rc != 0)
		return lm_error_set(err, -rc, "port.device: the device refuses %u queues: %s",
				    workers, strerror(-rc));
	return 0;
}

/* The MTU of a kernel interface; 0 if there is none of that name. */
static unsigned interface_mtu(const char name[IF_NAMESIZE])
{
	struct ifreq request = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc;

	if (fd < 0)
		return 0;
	memcpy(request.ifr_name, name, IF_NAMESIZE);
	rc = ioctl(fd, SIOCGIFMTU, &request);
	close(fd);
	return rc == 0 ? (unsigned)request.ifr_mtu : 0;
}

/* The kernel interface that a device uses, by its DPDK port; false if there is none. */
static bool find_interface(char name[IF_NAMESIZE], struct port *port)
{
	struct rte_eth_dev_info info;

	if (rte_eth_dev_info_get(port->id, &info) != 0 || info.if_index == 0)
		return false;
	port->ifindex = (int)info.if_index;
	return if_indextoname(info.if_index, name) != NULL;
}

/* The same by what the configuration says of it. */
static bool configured_interface(char name[IF_NAMESIZE], const struct node_config *config)
{
	const char *at = strstr(config->port.device, ",iface=");
	size_t len;

	if (!at)
		return false;
	at += strlen(",iface=");
	len = strcspn(at, ",");
	if (len == 0 || len >= IF_NAMESIZE)
		return false;
	memcpy(name, at, len);
	name[len] = '\0';
	return true;
}

/* af_packet cuts off what does not fit into a frame of its ring, and says nothing. */
static int check_ring_frames(const struct node_config *config, unsigned mtu, struct lm_error *err)
{
	const char *frames = strstr(config->port.device, "framesz=");
	unsigned long have = frames ? strtoul(frames + strlen("framesz="), NULL, 10) : 2048;
	unsigned long need = mtu + AF_PACKET_OVERHEAD;

	if (strncmp(config->port.device, "net_af_packet", strlen("net_af_packet")) != 0 ||
	    have >= need)
		return 0;
	return lm_error_set(err, EINVAL,
			    "port.device: frames of %lu bytes do not carry an MTU of %u; give %s",
			    have, mtu,
			    need <= 2048 ? "framesz=2048,blocksz=65536"
					 : "framesz=8768,blocksz=561152");
}

static unsigned needed_mtu(size_t packet_len)
{
	return (unsigned)(packet_len + LINK_LEN + IP_UDP_MAX);
}

static int too_small(const char *name, unsigned have, unsigned need, struct lm_error *err)
{
	return lm_error_set(err, EMSGSIZE,
			    "port.device: an MTU of %u is needed, %s has %u; do: ip link set "
			    "%s mtu %u, or use the small profile",
			    need, name, have, name, need);
}

int port_check_mtu(unsigned *mtu, const struct node_config *config, size_t packet_len,
		   struct lm_error *err)
{
	unsigned need = needed_mtu(packet_len);
	char name[IF_NAMESIZE];

	*mtu = configured_interface(name, config) ? interface_mtu(name) : 0;
	return *mtu == 0 || *mtu >= need ? 0 : too_small(name, *mtu, need, err);
}

static int set_mtu(struct port *port, const struct node_config *config, size_t packet_len,
		   struct lm_error *err)
{
	unsigned need = needed_mtu(packet_len);
	char name[IF_NAMESIZE];
	uint16_t now = 0;

	port->mtu = find_interface(name, port) ? interface_mtu(name) : 0;
	if (port->mtu >= need)
		return check_ring_frames(config, need, err);
	if (port->mtu > 0)
		return too_small(name, port->mtu, need, err);
	if (rte_eth_dev_get_mtu(port->id, &now) == 0 && now >= need) {
		port->mtu = now;
		return 0;
	}

	int rc = rte_eth_dev_set_mtu(port->id, (uint16_t)need);

	if (rc == 0)
		port->mtu = need;
	if (rc == 0 || rc == -ENOTSUP) /* rings and sockets to other programs have no MTU at all */
		return 0;
	return lm_error_set(err, -rc,
			    "port.device: an MTU of %u is needed, the device has %u and refuses to "
			    "change it (%s); use the small profile, or another device",
			    need, now, strerror(-rc));
}

static int start(struct port *port, struct lm_error *err)
{
	struct rte_ether_addr mac;
	int rc = rte_eth_dev_start(port->id);

	if (rc != 0)
		return lm_error_set(err, -rc, "port.device: the device does not start: %s",
				    strerror(-rc));
	rc = rte_eth_macaddr_get(port->id, &mac);
	if (rc != 0)
		return lm_error_set(err, -rc, "port.device: the device has no address: %s",
				    strerror(-rc));
	memcpy(port->mac, mac.addr_bytes, sizeof(port->mac));
	return 0;
}

/*
 * The address that neighbours will use. A device that cannot change its own may still pass every
 * frame on, as most virtual ones do.
 */
static int take_mac(struct port *port, const struct node_config *config,
		    const struct lm_topology_node *node, struct lm_error *err)
{
	struct rte_ether_addr mac;

	if (!node->has_mac || memcmp(port->mac, node->mac, sizeof(port->mac)) == 0)
		return 0;
	memcpy(port->mac, node->mac, sizeof(port->mac));
	memcpy(mac.addr_bytes, node->mac, sizeof(node->mac));
	if (rte_eth_dev_default_mac_addr_set(port->id, &mac) == 0)
		return 0;

	int rc = rte_eth_promiscuous_enable(port->id);

	if (rc == 0 || !eal_device_is_pci(config->port.device))
		return 0;
	return lm_error_set(err, -rc,
			    "port.device: the device does not take the link-layer address that the "
			    "topology gives node %u; leave its \"mac\" out there",
			    node->id);
}

static int on_removal(uint16_t id, enum rte_eth_event_type event, void *context, void *unused)
{
	struct port *port = context;

	(void)id;
	(void)event;
	(void)unused;
	__atomic_store_n(&port->removed, true, __ATOMIC_RELAXED);
	return 0;
}

int port_check_there(const struct port *port, struct lm_error *err)
{
	char name[IF_NAMESIZE];

	if (!__atomic_load_n(&port->removed, __ATOMIC_RELAXED) &&
	    (port->ifindex == 0 || if_indextoname((unsigned)port->ifindex, name) || errno != ENXIO))
		return 0;
	return lm_error_set(err, ENODEV,
			    "port.device: the device is gone; start again when it is back");
}

int port_open(struct port *port, const struct node_config *config,
	      const struct lm_topology_node *node, size_t packet_len, struct lm_error *err)
{
	int rc;

	if (find_port(&port->id, config) != 0)
		return lm_error_set(err, ENODEV,
				    "port.device: no DPDK port for \"%s\"; is the device bound to "
				    "its DPDK driver, or the virtual device spelled right?",
				    config->port.device);
	rc = configure(port, config, err);
	if (rc == 0)
		rc = set_mtu(port, config, packet_len, err);
	if (rc == 0)
		rc = set_up_queues(port, config, err);
	if (rc == 0)
		rc = start(port, err);
	if (rc == 0)
		rc = take_mac(port, config, node, err);
	/* neighbour discovery needs multicast; devices that cannot filter say so and pass
	 * everything */
	if (rc == 0)
		(void)rte_eth_allmulticast_enable(port->id);
	if (rc == 0)
		(void)rte_eth_dev_callback_register(port->id, RTE_ETH_EVENT_INTR_RMV, on_removal,
						    port);
	return rc;
}

int port_open_id(struct port *port, uint16_t id, const struct node_config *config,
		 struct lm_error *err)
{
	int rc;

	port->id = id;
	rc = configure(port, config, err);
	if (rc == 0)
		rc = set_up_queues(port, config, err);
	if (rc == 0)
		rc = start(port, err);
	return rc;
}

void port_close(struct port *port)
{
	(void)rte_eth_dev_stop(port->id);
	(void)rte_eth_dev_close(port->id);
}

struct frame_checked port_checked(const struct rte_mbuf *mbuf)
{
	uint64_t ip = mbuf->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK;
	uint64_t udp = mbuf->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;

	/* _NONE: not in the frame, but its integrity is known (a virtual machine on this host) */
	return (struct frame_checked){
		.ip = ip == RTE_MBUF_F_RX_IP_CKSUM_GOOD,
		.udp = udp == RTE_MBUF_F_RX_L4_CKSUM_GOOD || udp == RTE_MBUF_F_RX_L4_CKSUM_NONE,
	};
}

void port_write_header(const struct port *port, struct rte_mbuf *mbuf,
		       const struct frame_header *header)
{
	uint8_t *payload = rte_pktmbuf_mtod(mbuf, uint8_t *);
	size_t payload_len = rte_pktmbuf_data_len(mbuf);

	(void)frame_write(header, payload, payload_len, !port->tx_checksums);
	LM_ASSERT(rte_pktmbuf_prepend(mbuf, header->len) != NULL);
	mbuf->ol_flags = 0;
	if (!port->tx_checksums)
		return;
	/* IPv4's own checksum is already there: a NIC that is asked for it wants zero in its place
	 */
	mbuf->ol_flags = RTE_MBUF_F_TX_UDP_CKSUM;
	mbuf->ol_flags |= header->ipv6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4;
	mbuf->l2_len = header->ip_offset;
	mbuf->l3_len = header->len - header->ip_offset - 8;
}
