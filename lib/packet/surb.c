/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Single-use reply blocks: CREATE, USE and OPEN (FORMAT.md, "SURB"). The owner's state is a seed
 * and a path, from which OPEN makes the hops' keys again. A SURB comes from outside and is hostile
 * to its user. Keys made here are wiped here.
 */
#include <errno.h>
#include <string.h>

#include "builder.h"

/* Ks */
static void reply_key(struct lm_packet_builder *builder, struct lm_key *key,
		      const struct lm_packet_seed *seed)
{
	lm_symmetric_blake2b(builder->symmetric, key->b, sizeof(key->b), seed->b, sizeof(seed->b),
			     "MIXPKT-v1-surbke", 1);
}

/*
 * BUILD of the reply's header into `header`. False if a hop's public key has small order; kp is
 * then zero. The caller has set dest, where it matters, and wipes the build.
 */
static bool build_header(struct lm_packet_builder *builder, struct lm_packet_build *build,
			 uint8_t header[LM_PACKET_HEADER], const struct lm_packet_surb_owner *owner)
{
	build->seed = owner->seed;
	build->hops = owner->hops;
	memcpy(build->path, owner->path, sizeof(build->path));
	build->cmd = LM_PACKET_MBOX;
	build->token = owner->token;
	build->packet = header;
	return lm_packet_build_headers(builder, build, 1) == 1;
}

int lm_packet_surb_create(struct lm_packet_builder *builder, uint8_t surb[LM_PACKET_SURB],
			  struct lm_packet_surb_owner *owner, const struct lm_packet_seed *seed,
			  const struct lm_packet_hop *path, unsigned hops,
			  const struct lm_packet_dest *mailbox, uint32_t last_epoch)
{
	struct lm_packet_build build = {.dest = *mailbox};
	struct lm_key key;
	bool built;

	memset(surb, 0, LM_PACKET_SURB);
	memset(owner, 0, sizeof(*owner));
	if (hops < 1 || hops > LM_PACKET_HOPS)
		return -EINVAL;
	owner->seed = *seed;
	owner->hops = hops;
	memcpy(owner->path, path, hops * sizeof(path[0]));
	lm_symmetric_blake2b(builder->symmetric, owner->token.b, sizeof(owner->token.b), seed->b,
			     sizeof(seed->b), "MIXPKT-v1-surbid", 1);
	built = build_header(builder, &build, surb, owner);
	lm_wipe(&build, sizeof(build));
	if (!built) {
		lm_wipe(owner, sizeof(*owner));
		return -EKEYREJECTED;
	}
	reply_key(builder, &key, seed);
	lm_store_u32(surb + AT_SURB_FIRST_ID, path[0].id);
	lm_store_u32(surb + AT_SURB_LAST_EPOCH, last_epoch);
	memcpy(surb + AT_SURB_KEY, key.b, sizeof(key.b));
	lm_wipe(&key, sizeof(key));
	lm_wipe_registers();
	return 0;
}

int lm_packet_surb_use(struct lm_packet_builder *builder, uint8_t *packet, uint32_t *first_id,
		       const uint8_t surb[LM_PACKET_SURB], const uint8_t *data,
		       const struct lm_packet_surb_check *check)
{
	uint32_t first = lm_load_u32(surb + AT_SURB_FIRST_ID);
	uint32_t last_epoch = lm_load_u32(surb + AT_SURB_LAST_EPOCH);
	struct lm_key key;

	if (!lm_packet_prefix_ok(surb, builder->profile))
		return -EPROTO;
	if (!check->in_first_layer(check->topology, first))
		return -EHOSTUNREACH;
	if (check->epoch > last_epoch ||
	    (check->epoch == last_epoch && check->epoch_left_us <= check->path_time_us))
		return -ESTALE;
	memcpy(key.b, surb + AT_SURB_KEY, sizeof(key.b));
	memcpy(packet, surb, LM_PACKET_HEADER);
	lm_packet_close(builder, packet + AT_PAYLOAD, &key, data);
	lm_wipe(&key, sizeof(key));
	*first_id = first;
	return 0;
}

int lm_packet_surb_open(struct lm_packet_builder *builder, uint8_t *payload,
			const struct lm_packet_surb_owner *owner)
{
	struct lm_packet_build build = {0};
	uint8_t header[LM_PACKET_HEADER];
	struct lm_key key;
	int result;

	if (!build_header(builder, &build, header, owner)) {
		lm_wipe(&build, sizeof(build));
		lm_wipe(payload, builder->payload_len);
		return -EBADMSG;
	}
	for (unsigned hop = owner->hops; hop-- > 0;)
		lm_symmetric_wb_decrypt(builder->symmetric, &payload, builder->payload_len,
					&build.kp[hop], 1);
	reply_key(builder, &key, &owner->seed);
	result = lm_packet_open(builder, payload, &key);
	lm_wipe(&key, sizeof(key));
	lm_wipe(&build, sizeof(build));
	return result;
}
