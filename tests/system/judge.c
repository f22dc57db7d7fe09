/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See judge.h.
 */
#include "judge.h"

#include <stdio.h>
#include <string.h>

#include "view.h"

void judge_die(const struct judge *judge, const char *what)
{
	fprintf(stderr, "%s: %s\n", judge->program, what);
	exit(1);
}

void *judge_alloc(const struct judge *judge, size_t n)
{
	void *memory = aligned_alloc(LM_CACHE_LINE, (n + 63) / 64 * 64);

	if (!memory)
		judge_die(judge, "too little memory");
	memset(memory, 0, n);
	return memory;
}

void judge_open(struct judge *judge, const char *path, const char *backend)
{
	const struct node_config *node = &judge->config.node;
	struct lm_epoch_place place;
	struct lm_error err;
	uint8_t mac[6];

	if (lm_base_init(&err) != 0 || relay_config_load(&judge->config, path, &err) != 0 ||
	    lm_topology_load(&judge->topology, node->topology, &node->authorities, &err) != 0)
		judge_die(judge, err.text);
	judge->node = lm_topology_find(judge->topology, (uint32_t)node->node);
	if (!judge->node)
		judge_die(judge, "no such node in the topology");
	place = mix_keys_place(node, judge->topology);
	place.runtime = LM_EPOCH_THROWAWAY;
	if (mix_keys_load(&judge->keys, &place, judge->node, judge->topology->epoch, &err) != 0)
		judge_die(judge, err.text);
	view_static_mac(mac, judge->node);
	view_self_init(&judge->self, judge->node, mac, (uint16_t)node->port.vlan);
	judge->peeler = lm_packet_peeler_init(judge_alloc(judge, lm_packet_peeler_size()),
					      judge->topology->profile, backend, &err);
	if (!judge->peeler)
		judge_die(judge, err.text);
}

void judge_close(struct judge *judge)
{
	lm_wipe(judge->peeler, lm_packet_peeler_size());
	free(judge->peeler);
	mix_keys_free(&judge->keys);
	lm_topology_free(judge->topology);
}

void judge_frames(const struct judge *judge, const char *path,
		  void (*each)(void *context, const struct pcap_pkthdr *, const u_char *),
		  void *context)
{
	char text[PCAP_ERRBUF_SIZE];
	pcap_t *in = pcap_open_offline(path, text);
	struct pcap_pkthdr *header;
	const u_char *bytes;

	if (!in)
		judge_die(judge, text);
	while (pcap_next_ex(in, &header, &bytes) == 1)
		each(context, header, bytes);
	pcap_close(in);
}
