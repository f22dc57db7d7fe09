/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See telemetry_links.h.
 */
#include "telemetry_links.h"

#include "ways.h"

void telemetry_add_links(struct rte_tel_data *data, const struct view *view, uint32_t place)
{
	uint32_t last = place;
	unsigned n = 1;

	while (last < view->places && n < RTE_TEL_MAX_ARRAY_ENTRIES)
		n += view->peer[last++].id != 0;
	rte_tel_data_start_array(data, RTE_TEL_U64_VAL);
	rte_tel_data_add_array_u64(data, last < view->places ? last : 0);
	for (uint32_t i = place; i < last; i++) {
		if (view->peer[i].id != 0)
			rte_tel_data_add_array_u64(data, view->peer[i].id);
	}
}

bool telemetry_reached(const struct view_peer *peer)
{
	return peer->resolved && (!peer->session || lm_link_peer_sending(peer->session));
}

void telemetry_add_down(struct rte_tel_data *data, const struct view *view)
{
	unsigned n = 0;

	rte_tel_data_start_array(data, RTE_TEL_U64_VAL);
	for (uint32_t i = 0; i < view->places && n < RTE_TEL_MAX_ARRAY_ENTRIES; i++) {
		if (view->peer[i].id == 0 || telemetry_reached(&view->peer[i]))
			continue;
		rte_tel_data_add_array_u64(data, view->peer[i].id);
		n++;
	}
}

static const struct view_peer *find(const struct view *view, uint32_t id)
{
	for (uint32_t i = 0; id != 0 && i < view->places; i++) {
		if (view->peer[i].id == id)
			return &view->peer[i];
	}
	return NULL;
}

static void add_way(struct rte_tel_data *data, const struct view *view,
		    const struct view_peer *peer)
{
	struct lm_topology_address to = frame_header_to(&peer->header);
	char text[FRAME_ADDRESS_TEXT];

	frame_address_text(text, &to);
	rte_tel_data_add_dict_u64(data, "address", peer->way.to);
	rte_tel_data_add_dict_string(data, "to", text);
	frame_address_text(text, &view->self.address[peer->way.from]);
	rte_tel_data_add_dict_string(data, "from", text);
	rte_tel_data_add_dict_u64(data, "mtu", peer->way.mtu);
	rte_tel_data_add_dict_u64(data, "mtu_needed", ways_needed_mtu(view, peer));
	rte_tel_data_add_dict_int(data, "low_mtu", ways_low_mtu(view, peer));
}

int telemetry_add_link(struct rte_tel_data *data, const struct view *view, uint32_t id)
{
	const struct view_peer *peer = find(view, id);

	if (!peer)
		return -1;
	rte_tel_data_start_dict(data);
	rte_tel_data_add_dict_u64(data, "node", peer->id);
	rte_tel_data_add_dict_int(data, "sends", peer->after);
	rte_tel_data_add_dict_int(data, "resolved", peer->resolved);
	rte_tel_data_add_dict_int(data, "session",
				  peer->session && lm_link_peer_sending(peer->session));
	if (peer->resolved)
		add_way(data, view, peer);
	return 0;
}
