/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table of services. It is small and searched in order: EXIT traffic of one gateway goes to a
 * handful.
 */
#include "services.h"

#include <string.h>

void services_init(struct services *services, const struct relay_config *config)
{
	memset(services, 0, sizeof(*services));
	for (unsigned i = 0; i < config->services; i++) {
		const struct config_service *from = &config->service[i];

		LM_ASSERT(lm_hex_decode(services->service[i].dest.b, from->dest, 32));
		LM_ASSERT(endpoint_parse(&services->service[i].endpoint, from->address));
	}
	services->n = config->services;
	services->has_mailboxes = config->mailboxes[0] != '\0';
	if (services->has_mailboxes)
		LM_ASSERT(endpoint_parse(&services->mailboxes, config->mailboxes));
}

const struct endpoint *services_find(const struct services *services, enum lm_packet_cmd cmd,
				     const struct lm_packet_dest *dest)
{
	if (cmd == LM_PACKET_MBOX)
		return services->has_mailboxes ? &services->mailboxes : NULL;
	for (unsigned i = 0; i < services->n; i++) {
		if (memcmp(&services->service[i].dest, dest, sizeof(*dest)) == 0)
			return &services->service[i].endpoint;
	}
	return NULL;
}

void service_header_write(uint8_t header[SERVICE_HEADER], enum lm_packet_cmd cmd,
			  const struct lm_packet_dest *dest, const struct lm_packet_token *token)
{
	struct lm_cursor cursor = lm_cursor_write(header, SERVICE_HEADER);

	lm_put_u32(&cursor, cmd);
	lm_put_bytes(&cursor, dest->b, sizeof(dest->b));
	lm_put_bytes(&cursor, token->b, sizeof(token->b));
	LM_ASSERT(lm_cursor_done(&cursor));
}

const struct endpoint *services_find_header(const struct services *services,
					    const uint8_t header[SERVICE_HEADER])
{
	struct lm_cursor cursor = lm_cursor_read(header, SERVICE_HEADER);
	enum lm_packet_cmd cmd = (enum lm_packet_cmd)lm_get_u32(&cursor);
	struct lm_packet_dest dest;

	lm_get_bytes(&cursor, dest.b, sizeof(dest.b));
	return services_find(services, cmd, &dest);
}
