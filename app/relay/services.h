/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where packets that end at a gateway go: EXIT to the service that its dest names, MBOX to the one
 * writer of mailboxes. A table does not change: a reload makes another.
 */
#pragma once

#include "config.h"
#include "lm_packet.h"

struct services {
	unsigned n;
	struct {
		struct lm_packet_dest dest;
		struct endpoint endpoint;
	} service[CONFIG_SERVICES];
	bool has_mailboxes;
	struct endpoint mailboxes;
};

/* From a configuration that relay_config_load has checked. */
void services_init(struct services *services, const struct relay_config *config);

/* The endpoint for a command EXIT or MBOX with this dest, or NULL. */
const struct endpoint *services_find(const struct services *services, enum lm_packet_cmd cmd,
				     const struct lm_packet_dest *dest);

/*
 * What a service is sent, in one UDP datagram: this header, then the body. EXIT: the data, P - 48
 * bytes, token zero. MBOX: the payload as it came, P bytes. Integers are little-endian.
 */
#define SERVICE_HEADER 52 /* cmd u32, dest 32, token 16 */

void service_header_write(uint8_t header[SERVICE_HEADER], enum lm_packet_cmd cmd,
			  const struct lm_packet_dest *dest, const struct lm_packet_token *token);

/* The endpoint for a datagram that starts with such a header, or NULL. */
const struct endpoint *services_find_header(const struct services *services,
					    const uint8_t header[SERVICE_HEADER]);
