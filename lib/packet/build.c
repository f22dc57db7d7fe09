/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The sender's side: BUILD and WRAP (FORMAT.md, "Sender").
 *
 * The hops' keys do not depend on each other, so the hops of several packets fill the lanes of one
 * burst; a chunk is as many packets as fit. Headers and payloads are made in the caller's packets.
 * Seeds, ephemeral secrets, hop keys and kp are secret; the working memory is wiped at the end of
 * every call. Paths are public to their sender, so the work may depend on their lengths.
 */
#include <string.h>

#include "builder.h"
#include "command.h"

#define VECTOR      8                               /* items in a vector of the widest backends */
#define CHUNK_LANES (LM_BURST - LM_PACKET_HOPS + 1) /* that any packets can fill in a chunk */

size_t lm_packet_builder_size(void)
{
	return sizeof(struct lm_packet_builder) + lm_symmetric_size();
}

struct lm_packet_builder *lm_packet_builder_init(void *memory, unsigned profile,
						 const char *backend, struct lm_error *err)
{
	struct lm_packet_builder *builder = memory;

	LM_ASSERT((uintptr_t)memory % LM_PACKET_ALIGN == 0);
	if (!lm_packet_profile_ok(profile, err))
		return NULL;
	memset(builder, 0, sizeof(*builder));
	builder->profile = profile;
	builder->payload_len = lm_packet_payload_len(profile);
	builder->symmetric = lm_symmetric_init(builder + 1, backend, err);
	return builder->symmetric ? builder : NULL;
}

static void xor_into(uint8_t *to, const uint8_t *from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] ^= from[i];
}

/*
 * How many lanes a chunk of these packets should have: as many as the chunks after it, so that the
 * last one is no small rest, and whole vectors.
 */
static unsigned wanted_lanes(const struct lm_packet_build *item, unsigned n)
{
	unsigned hops = 0, chunks;

	for (unsigned i = 0; i < n; i++)
		hops += item[i].hops;
	chunks = (hops + CHUNK_LANES - 1) / CHUNK_LANES;
	return (hops + chunks * VECTOR - 1) / (chunks * VECTOR) * VECTOR;
}

/* Gives every hop of a chunk of packets a lane. Returns the packets; *lanes are in use. */
static unsigned fill_lanes(struct lm_packet_build_work *work, unsigned *lanes,
			   const struct lm_packet_build *item, unsigned n)
{
	unsigned most = wanted_lanes(item, n), packets = 0;

	*lanes = 0;
	while (packets < n && *lanes + item[packets].hops <= most) {
		work->first_lane[packets] = *lanes;
		for (unsigned hop = 0; hop < item[packets].hops; hop++)
			work->lane[(*lanes)++] = (struct lm_packet_lane){&item[packets], hop};
		packets++;
	}
	return packets;
}

/* esk, epk and ss of every lane. Returns the mask of lanes whose ss is not zero. */
static uint64_t agree(struct lm_packet_builder *builder, unsigned lanes)
{
	struct lm_packet_build_work *work = &builder->work;
	uint64_t good;

	for (unsigned i = 0; i < lanes; i++) {
		const struct lm_packet_lane *lane = &work->lane[i];

		memcpy(work->seed_hop[i], lane->item->seed.b, 32);
		work->seed_hop[i][32] = (uint8_t)lane->hop;
		work->pk[i] = lane->item->path[lane->hop].pk;
	}
	lm_symmetric_blake2b(builder->symmetric, work->esk[0].b, sizeof(work->esk[0]),
			     work->seed_hop[0], sizeof(work->seed_hop[0]), "MIXPKT-v1-ephkey",
			     lanes);
	lm_x25519_base_burst(work->epk, work->esk, lanes);
	good = lm_x25519_each_burst(work->ss, work->esk, work->pk, lanes);
	lm_declassify(&good, sizeof(good));
	return good;
}

/* The keys and ks of every lane. */
static void derive(struct lm_packet_builder *builder, unsigned lanes)
{
	struct lm_packet_build_work *work = &builder->work;

	for (unsigned i = 0; i < lanes; i++) {
		const struct lm_packet_lane *lane = &work->lane[i];
		const struct lm_packet_hop *hop = &lane->item->path[lane->hop];
		struct lm_packet_kdf_input *input = &work->keys.input[i];

		input->ss = work->ss[i];
		input->epk = work->epk[i];
		input->pk = work->pk[i];
		lm_packet_put_prefix(input->prefix, builder->profile, hop->kid);
		lm_store_u32(input->id, hop->id);
	}
	lm_packet_keys_derive(&work->keys, builder->symmetric, lanes);
	memset(work->keys.stream, 0, lanes * sizeof(work->keys.stream[0]));
	lm_packet_keys_stream(&work->keys, builder->symmetric, lanes);
}

/* Four blocks of pad for every packet; a header takes what its path leaves free. */
static void make_pads(struct lm_packet_builder *builder, const struct lm_packet_build *item,
		      unsigned packets)
{
	struct lm_packet_build_work *work = &builder->work;
	uint8_t *at[LM_BURST] = {NULL};

	for (unsigned i = 0; i < packets; i++) {
		work->seed[i] = item[i].seed;
		at[i] = work->pad_rest[i];
	}
	memset(work->pad_rest, 0, packets * sizeof(work->pad_rest[0]));
	lm_symmetric_blake2b(builder->symmetric, work->pad_key[0].b, sizeof(work->pad_key[0]),
			     work->seed[0].b, sizeof(work->seed[0]), "MIXPKT-v1-hdrpad", packets);
	lm_symmetric_chacha20_first(builder->symmetric, work->pad_first, work->pad_key, NULL,
				    packets);
	lm_symmetric_chacha20_rest(builder->symmetric, at, (const uint8_t *const *)at,
				   sizeof(work->pad_rest[0]), work->pad_key, NULL, packets);
}

/* beta of the last hop: its command, pad, and the filler that the hops before it will append. */
static void innermost_beta(struct lm_packet_build_work *work, const struct lm_packet_build *item,
			   unsigned packet)
{
	unsigned last = item->hops - 1;
	uint8_t *beta = item->packet + AT_BETA;
	uint8_t *pad = beta + LM_PACKET_COMMAND;
	size_t pad_len = (size_t)(LM_PACKET_HOPS - item->hops) * 64;
	uint8_t *filler = pad + pad_len;
	const uint8_t(*ks)[STREAM_LEN] = &work->keys.stream[work->first_lane[packet]];
	struct lm_packet_command command = {
		.cmd = (uint8_t)item->cmd,
		.delay_us = item->path[last].delay_us,
	};

	if (item->cmd == LM_PACKET_MBOX)
		memcpy(command.wide, item->dest.b, sizeof(item->dest.b));
	if (item->cmd != LM_PACKET_EXIT)
		memcpy(command.narrow, item->token.b, sizeof(item->token.b));
	lm_packet_command_write(beta, &command);
	xor_into(beta, ks[last], LM_PACKET_COMMAND);
	if (pad_len > 0) {
		memcpy(pad, work->pad_first[packet].b, 64);
		memcpy(pad + 64, work->pad_rest[packet], pad_len - 64);
	}
	memset(filler, 0, (size_t)last * 64);
	for (unsigned hop = 0; hop < last; hop++)
		xor_into(filler, ks[hop] + LM_PACKET_BETA - (size_t)hop * 64,
			 (size_t)(hop + 1) * 64);
	lm_wipe(&command, sizeof(command));
}

/* beta of `hop` around that of the hop after it, whose tag stands in the packet's tag field. */
static void outer_beta(struct lm_packet_build_work *work, const struct lm_packet_build *item,
		       unsigned packet, unsigned hop)
{
	const struct lm_packet_hop *next = &item->path[hop + 1];
	unsigned lane = work->first_lane[packet] + hop;
	uint8_t *beta = item->packet + AT_BETA;
	struct lm_packet_command command = {
		.cmd = LM_PACKET_FWD,
		.kid_next = next->kid,
		.next_id = next->id,
		.delay_us = item->path[hop].delay_us,
	};

	memcpy(command.wide, work->epk[lane + 1].b, sizeof(command.wide));
	memcpy(command.narrow, item->packet + AT_TAG, sizeof(command.narrow));
	memmove(beta + LM_PACKET_COMMAND, beta, SHIFTED_LEN);
	lm_packet_command_write(beta, &command);
	xor_into(beta, work->keys.stream[lane], LM_PACKET_BETA);
	lm_wipe(&command, sizeof(command));
}

/* beta and tag, layer by layer from the last hop outwards, all packets of the chunk at once. */
static void make_headers(struct lm_packet_builder *builder, struct lm_packet_build *item,
			 unsigned packets)
{
	struct lm_packet_build_work *work = &builder->work;
	const uint8_t *beta[LM_BURST] = {NULL};
	uint8_t *tag[LM_BURST] = {NULL};

	for (unsigned layer = 0; layer < LM_PACKET_HOPS; layer++) {
		unsigned n = 0;

		for (unsigned i = 0; i < packets; i++) {
			unsigned hop;

			if (layer >= item[i].hops)
				continue;
			hop = item[i].hops - 1 - layer;
			tag[n] = item[i].packet + AT_TAG;
			beta[n] = item[i].packet + AT_BETA;
			if (layer == 0)
				innermost_beta(work, &item[i], i);
			else
				outer_beta(work, &item[i], i, hop);
			work->mk[n++] = work->keys.mk[work->first_lane[i] + hop];
		}
		if (n == 0)
			break;
		lm_symmetric_poly1305(builder->symmetric, work->mac, work->mk, beta, LM_PACKET_BETA,
				      n);
		for (unsigned i = 0; i < n; i++)
			memcpy(tag[i], work->mac[i].b, sizeof(work->mac[i].b));
	}
}

/* Prefix, epk and kp of a packet whose tag and beta stand; or nothing, if a lane of it failed. */
static bool complete(struct lm_packet_builder *builder, struct lm_packet_build *item,
		     unsigned packet, uint64_t good)
{
	struct lm_packet_build_work *work = &builder->work;
	unsigned lane = work->first_lane[packet];
	uint64_t all = (UINT64_C(1) << item->hops) - 1;

	memset(item->kp, 0, sizeof(item->kp));
	if ((good >> lane & all) != all) {
		memset(item->packet, 0, LM_PACKET_HEADER);
		return false;
	}
	lm_packet_put_prefix(item->packet, builder->profile, item->path[0].kid);
	memcpy(item->packet + AT_EPK, work->epk[lane].b, sizeof(work->epk[lane].b));
	memcpy(item->kp, &work->keys.kp[lane], item->hops * sizeof(item->kp[0]));
	return true;
}

uint64_t lm_packet_build_headers(struct lm_packet_builder *builder, struct lm_packet_build *item,
				 unsigned n)
{
	uint64_t built = 0;
	unsigned packets;

	LM_ASSERT(n >= 1 && n <= LM_BURST);
	for (unsigned i = 0; i < n; i++)
		LM_ASSERT(item[i].hops >= 1 && item[i].hops <= LM_PACKET_HOPS &&
			  item[i].cmd >= LM_PACKET_EXIT && item[i].cmd <= LM_PACKET_DROP);
	for (unsigned done = 0; done < n; done += packets) {
		unsigned lanes;
		uint64_t good;

		packets = fill_lanes(&builder->work, &lanes, item + done, n - done);
		good = agree(builder, lanes);
		derive(builder, lanes);
		make_pads(builder, item + done, packets);
		make_headers(builder, item + done, packets);
		for (unsigned i = 0; i < packets; i++)
			built |= (uint64_t)complete(builder, &item[done + i], i, good)
				 << (done + i);
	}
	lm_wipe(&builder->work, sizeof(builder->work));
	lm_wipe_registers();
	return built;
}

void lm_packet_wrap(struct lm_packet_builder *builder, struct lm_packet_build *item, unsigned n)
{
	struct lm_packet_build_work *work = &builder->work;
	uint8_t *payload[LM_BURST] = {NULL};

	LM_ASSERT(n >= 1 && n <= LM_BURST);
	for (unsigned layer = 0; layer < LM_PACKET_HOPS; layer++) {
		unsigned m = 0;

		for (unsigned i = 0; i < n; i++) {
			if (layer >= item[i].hops)
				continue;
			payload[m] = item[i].packet + AT_PAYLOAD;
			work->kp[m++] = item[i].kp[item[i].hops - 1 - layer];
		}
		if (m > 0)
			lm_symmetric_wb_decrypt(builder->symmetric, payload, builder->payload_len,
						work->kp, m);
	}
	lm_wipe(work->kp, sizeof(work->kp));
}

uint64_t lm_packet_build(struct lm_packet_builder *builder, struct lm_packet_build *item,
			 unsigned n)
{
	uint64_t built = lm_packet_build_headers(builder, item, n);

	lm_packet_wrap(builder, item, n);
	for (unsigned i = 0; i < n; i++)
		if (!(built >> i & 1))
			memset(item[i].packet, 0, AT_PAYLOAD + builder->payload_len);
	return built;
}
