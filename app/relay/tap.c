/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See tap.h. Addresses are set over netlink, so that IPv6 ones serve at once (no duplicate
 * detection: the topology says whose they are).
 */
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <rte_ether.h>
#include <rte_mbuf.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "netlink.h"

#define TAP_BURST 64
#define VLAN_LEN  4

static int create(struct tap *tap, const char *name, struct lm_error *err)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	tap->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (tap->fd < 0)
		return lm_error_set(
			err, errno,
			"port.tap: /dev/net/tun: %s; load the kernel module tun, or set "
			"port.tap to \"\" and give every node a MAC in the topology",
			strerror(errno));
	if (ioctl(tap->fd, TUNSETIFF, &request) != 0)
		return lm_error_set(err, errno,
				    "port.tap: cannot make the interface %s: %s; it needs the "
				    "capability NET_ADMIN and a name that is free",
				    name, strerror(errno));
	tap->ifindex = (int)if_nametoindex(name);
	return 0;
}

/* What the port carries, but no more than a buffer: the kernel's own frames must fit. */
static uint32_t mtu_of(const struct tap *tap, unsigned mtu)
{
	uint32_t room =
		rte_pktmbuf_data_room_size(tap->pool) - RTE_PKTMBUF_HEADROOM - RTE_ETHER_HDR_LEN;

	return mtu < room ? mtu : room;
}

/* The port's link-layer address and MTU, and up. */
static int set_link(const struct tap *tap, const struct frame_self *self, unsigned mtu,
		    struct netlink *netlink, struct lm_error *err)
{
	struct ifinfomsg link = {.ifi_index = tap->ifindex,
				 .ifi_flags = IFF_UP,
				 .ifi_change = IFF_UP};
	struct netlink_request request;

	netlink_begin(&request, RTM_NEWLINK, 0, &link, sizeof(link));
	netlink_attr(&request, IFLA_ADDRESS, self->mac, sizeof(self->mac));
	if (mtu > 0) {
		uint32_t value = mtu_of(tap, mtu);

		netlink_attr(&request, IFLA_MTU, &value, sizeof(value));
	}
	int rc = netlink_do(netlink, &request);

	if (rc != 0)
		return lm_error_set(err, -rc, "port.tap: cannot bring the interface up: %s",
				    strerror(-rc));
	return 0;
}

static int add_address(const struct tap *tap, struct netlink *netlink, int family,
		       const uint8_t *address, size_t len, uint64_t prefix, struct lm_error *err)
{
	struct ifaddrmsg message = {
		.ifa_family = (uint8_t)family,
		.ifa_prefixlen = (uint8_t)prefix,
		.ifa_flags = family == AF_INET6 ? IFA_F_NODAD : 0,
		.ifa_index = (uint32_t)tap->ifindex,
	};
	struct netlink_request request;

	netlink_begin(&request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, &message,
		      sizeof(message));
	netlink_attr(&request, IFA_LOCAL, address, len);
	netlink_attr(&request, IFA_ADDRESS, address, len);
	int rc = netlink_do(netlink, &request);

	if (rc != 0)
		return lm_error_set(err, -rc, "port.tap: cannot set the node's IPv%d address: %s",
				    family == AF_INET6 ? 6 : 4, strerror(-rc));
	return 0;
}

/*
 * Settings of the interface, which is ours alone. The kernel tells the link of the addresses when
 * it comes up, so that neighbours who have been asking for them need not ask again. And it asks
 * sooner than it would elsewhere whether a neighbour is still there: packets do not pass through
 * it, so that none tells. Without the right to set these, all works a little later.
 */
static const struct {
	const char *path, *value;
} settings[] = {
	{"ipv4/conf/%s/arp_notify", "1"},
	{"ipv6/conf/%s/ndisc_notify", "1"},
	{"ipv6/conf/%s/accept_ra", "0"}, /* routes are the operator's */
	{"ipv6/conf/%s/accept_redirects", "0"},
	{"ipv4/conf/%s/accept_redirects", "0"},
	{"ipv4/neigh/%s/base_reachable_time_ms", "5000"},
	{"ipv6/neigh/%s/base_reachable_time_ms", "5000"},
	{"ipv4/neigh/%s/delay_first_probe_time", "1"},
	{"ipv6/neigh/%s/delay_first_probe_time", "1"},
};

static void set_up(const char *name)
{
	for (unsigned i = 0; i < LM_COUNT(settings); i++) {
		char path[128] = "/proc/sys/net/";
		size_t used = strlen(path);

		snprintf(path + used, sizeof(path) - used, settings[i].path, name);
		int fd = open(path, O_WRONLY | O_CLOEXEC);
		ssize_t ignored =
			fd < 0 ? 0 : write(fd, settings[i].value, strlen(settings[i].value));

		(void)ignored;
		if (fd >= 0)
			close(fd);
	}
}

/* Every address once, though it may have several ports. */
static int add_addresses(const struct tap *tap, struct netlink *netlink,
			 const struct node_config *config, const struct frame_self *self,
			 struct lm_error *err)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < self->addresses; i++) {
		const struct lm_topology_address *own = &self->address[i];

		if (own->ipv6)
			rc = add_address(tap, netlink, AF_INET6, own->ip, 16,
					 config->port.prefix_ipv6, err);
		else
			rc = add_address(tap, netlink, AF_INET, own->ip, 4,
					 config->port.prefix_ipv4, err);
	}
	return rc;
}

int tap_open(struct tap *tap, const struct node_config *config, const struct frame_self *self,
	     unsigned mtu, struct lm_error *err)
{
	struct netlink netlink;
	int rc = create(tap, config->port.tap, err);

	tap->vlan = self->vlan;
	if (rc == 0)
		rc = netlink_open(&netlink, 0, err);
	if (rc != 0)
		return rc;
	set_up(config->port.tap);
	rc = add_addresses(tap, &netlink, config, self, err);
	if (rc == 0)
		rc = set_link(tap, self, mtu, &netlink, err);
	netlink_close(&netlink);
	return rc;
}

void tap_close(struct tap *tap)
{
	if (tap->fd >= 0)
		close(tap->fd);
	tap->fd = -1;
}

/* The kernel gets frames without their tag. */
static void write_frame(const struct tap *tap, struct rte_mbuf *mbuf)
{
	uint8_t *frame = rte_pktmbuf_mtod(mbuf, uint8_t *);

	if (frame[12] == 0x81 && frame[13] == 0x00) {
		memmove(frame + VLAN_LEN, frame, 12);
		LM_ASSERT(rte_pktmbuf_adj(mbuf, VLAN_LEN) != NULL);
		frame += VLAN_LEN;
	}
	if (tap->show)
		tap->show(tap->show_context, frame, rte_pktmbuf_data_len(mbuf));
	if (!frame_is_word(frame, rte_pktmbuf_data_len(mbuf))) {
		/* a full TAP loses the frame, as a wire would */
		ssize_t ignored = write(tap->fd, frame, rte_pktmbuf_data_len(mbuf));

		(void)ignored;
	}
	rte_pktmbuf_free(mbuf);
}

/* Reads one frame into a new mbuf, with the port's tag; NULL if there is none. */
static struct rte_mbuf *read_frame(const struct tap *tap)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(tap->pool);
	ssize_t n;

	if (!mbuf)
		return NULL;
	n = read(tap->fd, rte_pktmbuf_mtod(mbuf, void *), rte_pktmbuf_tailroom(mbuf));
	if (n <= 14) {
		rte_pktmbuf_free(mbuf);
		return NULL;
	}
	rte_pktmbuf_append(mbuf, (uint16_t)n);
	if (tap->vlan != FRAME_VLAN_ANY) {
		uint8_t *frame = (uint8_t *)rte_pktmbuf_prepend(mbuf, VLAN_LEN);

		LM_ASSERT(frame != NULL); /* a new mbuf has headroom */
		memmove(frame, frame + VLAN_LEN, 12);
		frame[12] = 0x81;
		frame[13] = 0x00;
		frame[14] = (uint8_t)(tap->vlan >> 8);
		frame[15] = (uint8_t)tap->vlan;
	}
	return mbuf;
}

unsigned tap_exchange(struct tap *tap)
{
	struct rte_mbuf *mbuf;
	unsigned moved = 0;

	if (tap->fd < 0)
		return 0;
	for (; moved < TAP_BURST && rte_ring_dequeue(tap->to_kernel, (void **)&mbuf) == 0; moved++)
		write_frame(tap, mbuf);
	for (unsigned i = 0; i < TAP_BURST && (mbuf = read_frame(tap)) != NULL; i++, moved++) {
		if (rte_ring_enqueue(tap->from_kernel, mbuf) != 0)
			rte_pktmbuf_free(mbuf);
	}
	return moved;
}
