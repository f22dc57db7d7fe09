/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A little of rtnetlink, over libmnl: requests with attributes, answered at once or message by
 * message.
 */
#pragma once

#include <libmnl/libmnl.h>

#include "lm_base.h"

struct netlink {
	struct mnl_socket *socket;
	uint32_t sequence;
};

/* `groups`: multicast groups to hear (RTMGRP_*), 0 for none; such a socket does not block. */
LM_MUST_CHECK int netlink_open(struct netlink *netlink, unsigned groups, struct lm_error *err);
void netlink_close(struct netlink *netlink);

struct netlink_request {
	uint64_t bytes[64]; /* aligned room for one message */
};

/* Starts a request: a type (RTM_*), flags beside NLM_F_REQUEST, and the fixed header that the type
 * has. */
void netlink_begin(struct netlink_request *request, uint16_t type, uint16_t flags,
		   const void *header, size_t header_len);
void netlink_attr(struct netlink_request *request, uint16_t type, const void *data, size_t len);

/* Sends it and waits for the kernel's yes: 0 or -errno. */
LM_MUST_CHECK int netlink_do(struct netlink *netlink, struct netlink_request *request);

/* Sends it and calls `each` for every message of the answer: 0 or -errno. */
LM_MUST_CHECK int netlink_ask(struct netlink *netlink, struct netlink_request *request,
			      mnl_cb_t each, void *context);
