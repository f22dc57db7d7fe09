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

/* The port's link-layer address, and up. */
static int set_link(const struct tap *tap, const struct frame_self *self, struct netlink *netlink,
		    struct lm_error *err)
{
	struct ifinfomsg link = {.ifi_index = tap->ifindex,
				 .ifi_flags = IFF_UP,
				 .ifi_change = IFF_UP};
	struct netlink_request request;

	netlink_begin(&request, RTM_NEWLINK, 0, &link, sizeof(link));
	netlink_attr(&request, IFLA_ADDRESS, self->mac, sizeof(self->mac));
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
 * Has the kernel tell the link of the addresses when the interface comes up, so that neighbours who
 * have been asking for them need not ask again. Without the right to set this they do.
 */
static void announce(const char *name)
{
	static const char *const settings[] = {"ipv4/conf/%s/arp_notify",
					       "ipv6/conf/%s/ndisc_notify"};

	for (unsigned i = 0; i < LM_COUNT(settings); i++) {
		char path[128] = "/proc/sys/net/";
		size_t used = strlen(path);

		snprintf(path + used, sizeof(path) - used, settings[i], name);
		int fd = open(path, O_WRONLY | O_CLOEXEC);
		ssize_t ignored = fd < 0 ? 0 : write(fd, "1", 1);

		(void)ignored;
		if (fd >= 0)
			close(fd);
	}
}

int tap_open(struct tap *tap, const struct node_config *config, const struct frame_self *self,
	     struct lm_error *err)
{
	struct netlink netlink;
	int rc = create(tap, config->port.tap, err);

	tap->vlan = self->vlan;
	if (rc == 0)
		rc = netlink_open(&netlink, 0, err);
	if (rc != 0)
		return rc;
	announce(config->port.tap);
	if (self->has_ipv4)
		rc = add_address(tap, &netlink, AF_INET, self->ipv4, sizeof(self->ipv4),
				 config->port.prefix_ipv4, err);
	if (rc == 0 && self->has_ipv6)
		rc = add_address(tap, &netlink, AF_INET6, self->ipv6, sizeof(self->ipv6),
				 config->port.prefix_ipv6, err);
	if (rc == 0)
		rc = set_link(tap, self, &netlink, err);
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
	/* a full TAP loses the frame, as a wire would */
	ssize_t ignored = write(tap->fd, frame, rte_pktmbuf_data_len(mbuf));

	(void)ignored;
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
