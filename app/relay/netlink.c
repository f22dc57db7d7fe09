/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See netlink.h.
 */
#include "netlink.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

int netlink_open(struct netlink *netlink, unsigned groups, struct lm_error *err)
{
	static const struct timeval patience = {.tv_sec = 1};

	netlink->sequence = 0;
	netlink->socket =
		mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | (groups ? SOCK_NONBLOCK : 0));
	if (!netlink->socket)
		return lm_error_set(err, errno, "no netlink socket: %s", strerror(errno));
	/* the kernel answers at once or has lost the question */
	int ignored = setsockopt(mnl_socket_get_fd(netlink->socket), SOL_SOCKET, SO_RCVTIMEO,
				 &patience, sizeof(patience));

	(void)ignored;
	if (mnl_socket_bind(netlink->socket, groups, MNL_SOCKET_AUTOPID) == 0)
		return 0;

	int code = errno;

	netlink_close(netlink);
	return lm_error_set(err, code, "netlink does not bind: %s", strerror(code));
}

void netlink_close(struct netlink *netlink)
{
	if (netlink->socket)
		mnl_socket_close(netlink->socket);
	netlink->socket = NULL;
}

void netlink_begin(struct netlink_request *request, uint16_t type, uint16_t flags,
		   const void *header, size_t header_len)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(request->bytes);

	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	memcpy(mnl_nlmsg_put_extra_header(message, header_len), header, header_len);
}

void netlink_attr(struct netlink_request *request, uint16_t type, const void *data, size_t len)
{
	LM_ASSERT(mnl_attr_put_check((struct nlmsghdr *)request->bytes, sizeof(request->bytes),
				     type, len, data));
}

int netlink_ask(struct netlink *netlink, struct netlink_request *request, mnl_cb_t each,
		void *context)
{
	uint8_t answer[32768]; /* what the kernel puts into one part of a dump at most */
	struct nlmsghdr *message = (struct nlmsghdr *)request->bytes;
	unsigned port = mnl_socket_get_portid(netlink->socket);
	int rc = MNL_CB_OK;

	message->nlmsg_seq = ++netlink->sequence;
	if (mnl_socket_sendto(netlink->socket, message, message->nlmsg_len) < 0)
		return -errno;
	while (rc > MNL_CB_STOP) {
		ssize_t n = mnl_socket_recvfrom(netlink->socket, answer, sizeof(answer));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		/* the answer to a question that was given up */
		if (n >= (ssize_t)sizeof(struct nlmsghdr) &&
		    ((struct nlmsghdr *)answer)->nlmsg_seq != netlink->sequence)
			continue;
		rc = mnl_cb_run(answer, (size_t)n, netlink->sequence, port, each, context);
		if (rc < 0)
			return -errno;
		/* a plain answer has no end mark */
		if (rc == MNL_CB_OK && !(((struct nlmsghdr *)answer)->nlmsg_flags & NLM_F_MULTI))
			break;
	}
	return 0;
}

int netlink_do(struct netlink *netlink, struct netlink_request *request)
{
	struct nlmsghdr *message = (struct nlmsghdr *)request->bytes;

	message->nlmsg_flags |= NLM_F_ACK;
	return netlink_ask(netlink, request, NULL, NULL);
}
