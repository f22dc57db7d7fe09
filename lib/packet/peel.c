/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The relay's side: peeling bursts (FORMAT.md, "Relay", steps 1 to 5 and 7 to 9).
 *
 * A burst goes through the steps as a whole. The packets still in the running stand in `lane`,
 * closed up after every step that drops some, so that a dropped packet costs none of the later
 * work; each step's arrays are by lane. The packets are the caller's and change in the last step
 * only. The peeler's working memory is secret and wiped at the end of the burst; branches depend on
 * the packets' verdicts and commands and on no other secret.
 */
#include <errno.h>
#include <string.h>

#include "command.h"
#include "keys.h"

struct lane {
	struct lm_packet_peel *item;
	const struct lm_packet_key *key;
};

struct work {
	struct lm_packet_keys keys;
	struct lm_packet_command command[LM_BURST];
	struct lm_secret secret[LM_BURST];
	struct lm_point epk[LM_BURST];
	struct lm_point ss[LM_BURST];
	struct lm_mac mac[LM_BURST];
};

struct lm_packet_peeler {
	unsigned profile;
	struct lm_symmetric *symmetric; /* behind this struct */

	/* the burst that waits for its collect; n is 0 if there is none */
	struct lm_packet_peel *item;
	unsigned n;
	uint64_t authentic;

	struct lane lane[LM_BURST];
	struct work work LM_CACHE_ALIGNED;
};

size_t lm_packet_peeler_size(void)
{
	return sizeof(struct lm_packet_peeler) + lm_symmetric_size();
}

struct lm_packet_peeler *lm_packet_peeler_init(void *memory, unsigned profile, const char *backend,
					       struct lm_error *err)
{
	struct lm_packet_peeler *peeler = memory;

	LM_ASSERT((uintptr_t)memory % LM_PACKET_ALIGN == 0);
	if (!lm_packet_profile_ok(profile, err))
		return NULL;
	memset(peeler, 0, sizeof(*peeler));
	peeler->profile = profile;
	peeler->symmetric = lm_symmetric_init(peeler + 1, backend, err);
	return peeler->symmetric ? peeler : NULL;
}

void lm_packet_key_init(struct lm_packet_key *key, uint32_t id, uint8_t kid,
			const struct lm_secret *secret)
{
	key->id = id;
	key->kid = kid;
	key->secret = *secret;
	lm_x25519_base_burst(&key->public, &key->secret, 1);
}

static const struct lm_packet_key *find_key(const struct lm_packet_keyring *keyring, uint8_t kid)
{
	for (unsigned i = 0; i < keyring->n; i++)
		if (keyring->key[i]->kid == kid)
			return keyring->key[i];
	return NULL;
}

/* Steps 1 to 3: everything that is known without public-key work. Returns the lanes in use. */
static unsigned admit(struct lm_packet_peeler *peeler, const struct lm_packet_keyring *keyring)
{
	size_t len = lm_packet_len(peeler->profile);
	unsigned lanes = 0;

	for (unsigned i = 0; i < peeler->n; i++) {
		struct lm_packet_peel *item = &peeler->item[i];
		struct lane *lane = &peeler->lane[lanes];

		*item = (struct lm_packet_peel){.packet = item->packet, .len = item->len};
		lane->item = item;
		item->drop = LM_DROP_FORMAT;
		if (item->len != len || !lm_packet_prefix_ok(item->packet, peeler->profile))
			continue;
		item->drop = LM_DROP_KID;
		lane->key = find_key(keyring, item->packet[AT_KID]);
		if (!lane->key)
			continue;
		item->drop = LM_DROP_NONCANONICAL;
		memcpy(peeler->work.epk[lanes].b, item->packet + AT_EPK, 32);
		if (!lm_x25519_is_canonical(&peeler->work.epk[lanes]))
			continue;
		item->drop = LM_DROP_NONE;
		lanes++;
	}
	return lanes;
}

/* ss of every lane; one key for the whole burst is the usual and the faster case. */
static uint64_t agree(struct lm_packet_peeler *peeler, unsigned lanes)
{
	struct work *work = &peeler->work;
	const struct lm_packet_key *key = peeler->lane[0].key;
	bool shared = true;

	for (unsigned i = 1; i < lanes; i++)
		shared = shared && peeler->lane[i].key == key;
	if (shared)
		return lm_x25519_burst(work->ss, &key->secret, work->epk, lanes);
	for (unsigned i = 0; i < lanes; i++)
		work->secret[i] = peeler->lane[i].key->secret;
	return lm_x25519_each_burst(work->ss, work->secret, work->epk, lanes);
}

/* Step 4, and the hop's keys of the lanes that go on. */
static unsigned derive(struct lm_packet_peeler *peeler, unsigned lanes)
{
	struct work *work = &peeler->work;
	uint64_t good = agree(peeler, lanes);
	unsigned kept = 0;

	lm_declassify(&good, sizeof(good));
	for (unsigned i = 0; i < lanes; i++) {
		struct lane lane = peeler->lane[i];
		struct lm_packet_kdf_input *input = &work->keys.input[kept];

		if (!(good >> i & 1)) {
			lane.item->drop = LM_DROP_LOWORDER;
			continue;
		}
		input->ss = work->ss[i];
		input->epk = work->epk[i];
		input->pk = lane.key->public;
		memcpy(input->prefix, lane.item->packet, PREFIX_LEN);
		lm_store_u32(input->id, lane.key->id);
		peeler->lane[kept++] = lane;
	}
	if (kept > 0)
		lm_packet_keys_derive(&work->keys, peeler->symmetric, kept);
	return kept;
}

/* Step 5. */
static unsigned authenticate(struct lm_packet_peeler *peeler, unsigned lanes)
{
	struct work *work = &peeler->work;
	struct lm_packet_keys *keys = &work->keys;
	const uint8_t *beta[LM_BURST] = {NULL};
	unsigned kept = 0;

	for (unsigned i = 0; i < lanes; i++)
		beta[i] = peeler->lane[i].item->packet + AT_BETA;
	lm_symmetric_poly1305(peeler->symmetric, work->mac, keys->mk, beta, LM_PACKET_BETA, lanes);
	for (unsigned i = 0; i < lanes; i++) {
		struct lane lane = peeler->lane[i];
		bool right = lm_equal16(work->mac[i].b, lane.item->packet + AT_TAG);

		lm_declassify(&right, sizeof(right));
		if (!right) {
			lane.item->drop = LM_DROP_MAC;
			continue;
		}
		lane.item->key = lane.key;
		lane.item->replay_tag = keys->replay_tag[i];
		peeler->authentic |= UINT64_C(1) << (lane.item - peeler->item);
		keys->kh[kept] = keys->kh[i];
		keys->kp[kept] = keys->kp[i];
		peeler->lane[kept++] = lane;
	}
	return kept;
}

/* Step 7: B into the stream, its first block into the command. */
static unsigned read_commands(struct lm_packet_peeler *peeler, unsigned lanes)
{
	struct work *work = &peeler->work;
	struct lm_packet_keys *keys = &work->keys;
	unsigned kept = 0;

	for (unsigned i = 0; i < lanes; i++) {
		memcpy(keys->stream[i], peeler->lane[i].item->packet + AT_BETA, LM_PACKET_BETA);
		memset(keys->stream[i] + LM_PACKET_BETA, 0, STREAM_LEN - LM_PACKET_BETA);
	}
	lm_packet_keys_stream(keys, peeler->symmetric, lanes);
	for (unsigned i = 0; i < lanes; i++) {
		struct lane lane = peeler->lane[i];

		if (!lm_packet_command_read(&work->command[kept], keys->stream[i])) {
			lane.item->drop = LM_DROP_CMD;
			continue;
		}
		if (kept < i) {
			keys->kp[kept] = keys->kp[i];
			memcpy(keys->stream[kept], keys->stream[i], STREAM_LEN);
		}
		peeler->lane[kept++] = lane;
	}
	return kept;
}

/* Step 9: the next hop's header, or none. */
static void finish(struct lm_packet_peel *item, const struct lm_packet_command *command,
		   const uint8_t stream[STREAM_LEN])
{
	uint8_t *packet = item->packet;
	bool damaged =
		command->cmd == LM_PACKET_EXIT && !lm_is_zero(packet + AT_PAYLOAD, ZERO_TAG_LEN);

	lm_declassify(&damaged, sizeof(damaged));
	if (damaged) {
		memset(packet, 0, item->len);
		item->drop = LM_DROP_PAYLOAD;
		return;
	}
	item->cmd = command->cmd;
	item->delay_us = command->delay_us;
	if (command->cmd == LM_PACKET_FWD) {
		item->next_id = command->next_id;
		packet[AT_KID] = command->kid_next;
		memcpy(packet + AT_EPK, command->wide, sizeof(command->wide));
		memcpy(packet + AT_TAG, command->narrow, sizeof(command->narrow));
		memcpy(packet + AT_BETA, stream + LM_PACKET_COMMAND, LM_PACKET_BETA);
		return;
	}
	memcpy(item->dest.b, command->wide, sizeof(item->dest.b));
	memcpy(item->token.b, command->narrow, sizeof(item->token.b));
	if (command->cmd == LM_PACKET_EXIT)
		memcpy(item->dest.b, packet + AT_PAYLOAD + ZERO_TAG_LEN, sizeof(item->dest.b));
	memset(packet, 0, LM_PACKET_HEADER);
}

/* Step 8, the same for every command, then step 9. */
static void transform(struct lm_packet_peeler *peeler, unsigned lanes)
{
	struct work *work = &peeler->work;
	uint8_t *payload[LM_BURST] = {NULL};

	for (unsigned i = 0; i < lanes; i++)
		payload[i] = peeler->lane[i].item->packet + AT_PAYLOAD;
	lm_symmetric_wb_encrypt(peeler->symmetric, payload, lm_packet_payload_len(peeler->profile),
				work->keys.kp, lanes);
	for (unsigned i = 0; i < lanes; i++)
		finish(peeler->lane[i].item, &work->command[i], work->keys.stream[i]);
}

/* What a burst of n packets has left in the working memory. */
static void wipe(struct work *work, unsigned n)
{
	lm_packet_keys_wipe(&work->keys, n);
	lm_wipe(work->command, n * sizeof(work->command[0]));
	lm_wipe(work->secret, n * sizeof(work->secret[0]));
	lm_wipe(work->epk, n * sizeof(work->epk[0]));
	lm_wipe(work->ss, n * sizeof(work->ss[0]));
	lm_wipe(work->mac, n * sizeof(work->mac[0]));
}

int lm_packet_peel_submit(struct lm_packet_peeler *peeler, const struct lm_packet_keyring *keyring,
			  struct lm_packet_peel *item, unsigned n)
{
	unsigned lanes;

	LM_ASSERT(n >= 1 && n <= LM_BURST && keyring->n <= LM_PACKET_KIDS);
	if (peeler->n > 0)
		return -EAGAIN;
	peeler->item = item;
	peeler->n = n;
	peeler->authentic = 0;
	lanes = admit(peeler, keyring);
	if (lanes > 0)
		lanes = derive(peeler, lanes);
	if (lanes > 0)
		lanes = authenticate(peeler, lanes);
	if (lanes > 0)
		lanes = read_commands(peeler, lanes);
	if (lanes > 0)
		transform(peeler, lanes);
	wipe(&peeler->work, n);
	return 0;
}

unsigned lm_packet_peel_collect(struct lm_packet_peeler *peeler, struct lm_packet_peel **item,
				uint64_t *authentic)
{
	unsigned n = peeler->n;

	*item = peeler->item;
	*authentic = peeler->authentic;
	peeler->item = NULL;
	peeler->authentic = 0;
	peeler->n = 0;
	return n;
}

unsigned lm_packet_peel_in_flight(const struct lm_packet_peeler *peeler)
{
	return peeler->n;
}
