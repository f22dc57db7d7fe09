/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See receive.h. Every packet may come from anybody: only what opens under the generator's own keys
 * becomes a message.
 */
#include "receive.h"

#include <errno.h>
#include <string.h>

#define EXIT_DATA 48 /* zero tag and dest stand before it */
#define MBOX_DATA 16 /* the zero tag stands before it */

struct gen_receiver *gen_receiver_make(const struct gen_setup *setup, struct tally *tally,
				       struct lm_error *err)
{
	struct gen_receiver *receiver = lm_secret_alloc(sizeof(*receiver));
	void *peeler = lm_secret_alloc(lm_packet_peeler_size());
	void *opener = lm_secret_alloc(lm_packet_builder_size());
	unsigned profile = setup->topology->profile;
	const char *backend = setup->config.node.symmetric;

	if (!receiver || !peeler || !opener) {
		(void)lm_error_set(err, ENOMEM,
				   "the kernel locks no memory for peeling; raise the limit of "
				   "locked memory (ulimit -l)");
		goto out;
	}
	receiver->setup = setup;
	receiver->tally = tally;
	receiver->peeler = lm_packet_peeler_init(peeler, profile, backend, err);
	receiver->opener = lm_packet_builder_init(opener, profile, backend, err);
	if (receiver->peeler && receiver->opener)
		return receiver;
out:
	lm_secret_free(peeler);
	lm_secret_free(opener);
	lm_secret_free(receiver);
	return NULL;
}

void gen_receiver_free(struct gen_receiver *receiver)
{
	if (!receiver)
		return;
	lm_secret_free(receiver->peeler);
	lm_secret_free(receiver->opener);
	lm_secret_free(receiver);
}

bool gen_receive_admit(struct gen_receiver *receiver, struct frame_parsed parsed)
{
	if (parsed.class == FRAME_KERNEL)
		return false;
	if (parsed.class == FRAME_PACKET) {
		if (parsed.len == lm_packet_len(receiver->setup->topology->profile))
			return true;
		parsed.drop = LM_DROP_FORMAT;
	}
	receiver->tally->drop[parsed.drop]++;
	receiver->tally->foreign++;
	return false;
}

/* Opens a reply, whose mailbox address promised a message. */
static enum message_verdict open_reply(struct gen_message *message, struct gen_receiver *receiver,
				       const struct lm_packet_peel *item, uint8_t *payload,
				       const struct gen_message *promised)
{
	const struct gen_setup *setup = receiver->setup;
	struct lm_packet_surb_owner owner;

	gen_reply_owner(&owner, setup, promised, &item->token);

	int rc = lm_packet_surb_open(receiver->opener, payload, &owner);

	lm_wipe(&owner, sizeof(owner));
	if (rc != 0)
		return MESSAGE_DAMAGED;
	return message_read(message, payload + MBOX_DATA,
			    lm_packet_mbox_data_len(setup->topology->profile), setup->keys);
}

static enum message_verdict open_mbox(struct gen_message *message, struct gen_receiver *receiver,
				      const struct lm_packet_peel *item, uint8_t *payload)
{
	const struct gen_setup *setup = receiver->setup;
	struct gen_message promised;
	bool ours = message_from_dest(&promised, setup->keys, &item->dest);

	if (ours && gen_run_cmd(&promised.run, promised.seq) == GEN_SURB)
		return open_reply(message, receiver, item, payload, &promised);
	if (lm_packet_mbox_open(receiver->opener, payload, setup->keys->w, &item->token) != 0)
		return ours ? MESSAGE_DAMAGED : MESSAGE_FOREIGN;
	return message_read(message, payload + MBOX_DATA,
			    lm_packet_mbox_data_len(setup->topology->profile), setup->keys);
}

static enum message_verdict recognise(struct gen_message *message, struct gen_receiver *receiver,
				      const struct lm_packet_peel *item)
{
	uint8_t *payload = item->packet + LM_PACKET_HEADER;

	switch (item->cmd) {
	case LM_PACKET_EXIT:
		return message_read(message, payload + EXIT_DATA,
				    lm_packet_exit_data_len(receiver->setup->topology->profile),
				    receiver->setup->keys);
	case LM_PACKET_MBOX:
		return open_mbox(message, receiver, item, payload);
	case LM_PACKET_DROP:
		return message_from_token(message, receiver->setup->keys, &item->token)
			       ? MESSAGE_GOOD
			       : MESSAGE_FOREIGN;
	case LM_PACKET_FWD:
		break;
	}
	return MESSAGE_FOREIGN;
}

static int take(struct gen_receiver *receiver, const struct lm_packet_peel *item, uint64_t when_ns,
		bool again, struct lm_error *err)
{
	struct tally *tally = receiver->tally;
	enum message_verdict verdict = MESSAGE_DAMAGED;
	struct gen_message message;

	if (again)
		tally->drop[LM_DROP_REPLAY]++;
	else if (item->drop != LM_DROP_NONE)
		tally->drop[item->drop]++;
	if (item->drop == LM_DROP_FORMAT)
		verdict = MESSAGE_FOREIGN; /* no mix packet of this network at all */
	else if (item->drop == LM_DROP_NONE)
		verdict = recognise(&message, receiver, item);
	if (verdict == MESSAGE_GOOD)
		return tally_message(tally, &message, when_ns, again, err);
	if (verdict == MESSAGE_DAMAGED)
		tally->damaged++;
	else
		tally->foreign++;
	return 0;
}

/* The items whose tag the replay sets had seen before, or had no room for. */
static uint64_t find_replays(const struct lm_packet_keyring *ring, struct lm_packet_peel *item,
			     uint64_t authentic, unsigned n)
{
	struct lm_replay_tag tag[LM_BURST];
	uint64_t fresh = 0, full = 0, tested = 0;

	for (unsigned i = 0; i < n; i++)
		tag[i] = item[i].replay_tag;
	for (unsigned k = 0; k < ring->n; k++) {
		uint64_t which = 0, refused = 0;

		for (unsigned i = 0; i < n; i++) {
			if (authentic >> i & 1 && item[i].key == ring->key[k])
				which |= UINT64_C(1) << i;
		}
		if (which)
			fresh |= lm_replay_insert(lm_epoch_replay(ring->key[k]), tag, which, n,
						  &refused);
		full |= refused;
		tested |= which;
	}
	LM_ASSERT(tested == authentic); /* the ring is as it was when they were peeled */
	for (unsigned i = 0; i < n; i++) {
		if (full >> i & 1)
			item[i].drop = LM_DROP_REPLAY_FULL;
	}
	return authentic & ~fresh & ~full;
}

int gen_receive_burst(struct gen_receiver *receiver, const struct gen_arrival *arrival, unsigned n,
		      struct lm_error *err)
{
	const struct lm_packet_keyring *ring = gen_setup_ring(receiver->setup);
	struct lm_packet_peel *item = NULL;
	uint64_t authentic = 0;
	int rc = 0;

	LM_ASSERT(n >= 1 && n <= LM_BURST);
	memset(receiver->item, 0, n * sizeof(receiver->item[0]));
	for (unsigned i = 0; i < n; i++) {
		receiver->item[i].packet = arrival[i].packet;
		receiver->item[i].len = arrival[i].len;
	}
	LM_ASSERT(lm_packet_peel_submit(receiver->peeler, ring, receiver->item, n) == 0);
	while (lm_packet_peel_collect(receiver->peeler, &item, &authentic) == 0)
		;

	uint64_t again = find_replays(ring, item, authentic, n);

	for (unsigned i = 0; rc == 0 && i < n; i++)
		rc = take(receiver, &item[i], arrival[i].when_ns, again >> i & 1, err);
	return rc;
}
