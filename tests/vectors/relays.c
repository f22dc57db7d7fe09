/* SPDX-License-Identifier: BSD-3-Clause */
/* The relay's known answers: packets that must be refused, and sequences against a replay set. */
#include <string.h>

#include "lm_replay.h"
#include "packets.h"

/* What a peel that refuses for this reason may have done: at most the whole packet zeroed. */
static void compare_refused(const struct item *item, enum lm_drop reason,
			    const struct lm_packet_peel *got, bool authentic, const uint8_t *packet)
{
	bool passed_tag = reason == LM_DROP_CMD || reason == LM_DROP_PAYLOAD;

	item_check_verdict(item, lm_drop_name(got->drop), lm_drop_name(reason));
	item_check(item, authentic == passed_tag && (got->key != NULL) == passed_tag,
		   "wrongly reported as authentic, or wrongly not");
	item_check(item,
		   got->cmd == 0 && got->delay_us == 0 && got->next_id == 0 &&
			   lm_is_zero(&got->dest, sizeof(got->dest)) &&
			   lm_is_zero(&got->token, sizeof(got->token)),
		   "a refused packet's command shows");
	if (reason == LM_DROP_PAYLOAD)
		item_check(item, lm_is_zero(got->packet, got->len), "damaged payload not zeroed");
	else
		item_check(item, memcmp(got->packet, packet, got->len) == 0,
			   "a refused packet is changed");
}

/* Twice in one burst: both refused alike. */
void check_reject(const struct item *item, const struct run *run)
{
	unsigned profile = get_profile(&item->node);
	struct node reason_node = node_get(&item->node, "reason");
	struct lm_packet_key relay;
	const struct lm_packet_key *key = &relay;
	enum lm_drop reason;
	struct lm_packet_peel got[2];
	uint64_t authentic;
	size_t len;
	uint8_t *packet = get_blob(&item->node, "packet", &len);
	uint8_t *copy[2] = {get_blob(&item->node, "packet", &len),
			    get_blob(&item->node, "packet", &len)};

	if (!lm_drop_parse(&reason, node_string(&reason_node)))
		malformed(&reason_node, "not the name of a drop");
	get_relay(item, &item->node, &relay);
	for (unsigned i = 0; i < 2; i++)
		got[i] = (struct lm_packet_peel){.packet = copy[i], .len = len};
	authentic = peel(run->peeler[profile], &key, 1, got, 2);
	for (unsigned i = 0; i < 2; i++) {
		compare_refused(item, reason, &got[i], authentic >> i & 1, packet);
		free(copy[i]);
	}
	free(packet);
}

/* ---- Sequences ---- */

#define SET_CAPACITY 1024

/* The packets of a sequence, and what becomes of them. */
struct sequence {
	unsigned n;
	uint8_t *packet[LM_BURST];
	size_t len[LM_BURST];
	const char *verdict[LM_BURST]; /* wanted */
};

static void read_sequence(struct sequence *sequence, const struct node *object)
{
	struct node packets = node_get(object, "packets");
	struct node verdicts = node_get(object, "verdicts");
	size_t n = node_count(&packets);

	if (n < 1 || n > LM_BURST || node_count(&verdicts) != n)
		malformed(object, "not 1 to 64 packets with as many verdicts");
	sequence->n = (unsigned)n;
	for (size_t i = 0; i < n; i++) {
		struct node packet = node_at(&packets, i), verdict = node_at(&verdicts, i);

		sequence->packet[i] = node_blob(&packet, &sequence->len[i]);
		sequence->verdict[i] = node_string(&verdict);
	}
}

/* Peel, then the set, as a relay does. */
static void play_burst(const struct item *item, struct lm_packet_peeler *peeler,
		       const struct lm_packet_key *key, struct lm_replay *set,
		       const struct sequence *sequence, unsigned from, unsigned n)
{
	struct lm_packet_peel got[LM_BURST];
	struct lm_replay_tag tag[LM_BURST];
	uint64_t authentic, fresh, full;

	for (unsigned i = 0; i < n; i++) {
		uint8_t *copy = check_alloc(sequence->len[from + i]);

		memcpy(copy, sequence->packet[from + i], sequence->len[from + i]);
		got[i] = (struct lm_packet_peel){.packet = copy, .len = sequence->len[from + i]};
	}
	authentic = peel(peeler, &key, 1, got, n);
	for (unsigned i = 0; i < n; i++)
		tag[i] = got[i].replay_tag;
	fresh = lm_replay_insert(set, tag, authentic, n, &full);
	item_check(item, full == 0, "the replay set is full");
	for (unsigned i = 0; i < n; i++) {
		bool replayed = authentic >> i & 1 && !(fresh >> i & 1);
		const char *verdict = replayed ? lm_drop_name(LM_DROP_REPLAY)
				      : got[i].drop != LM_DROP_NONE
					      ? lm_drop_name(got[i].drop)
					      : lm_packet_cmd_name(got[i].cmd);

		item_check_verdict(item, verdict, sequence->verdict[from + i]);
		free(got[i].packet);
	}
}

/* One by one, and all in one burst. */
void check_sequence(const struct item *item, const struct run *run)
{
	struct lm_packet_peeler *peeler = run->peeler[get_profile(&item->node)];
	struct sequence sequence;
	struct lm_packet_key relay;

	get_relay(item, &item->node, &relay);
	read_sequence(&sequence, &item->node);
	for (unsigned whole = 0; whole < 2; whole++) {
		void *memory = check_alloc(lm_replay_size(SET_CAPACITY));
		struct lm_replay *set = lm_replay_init(memory, SET_CAPACITY);
		unsigned width = whole ? sequence.n : 1;

		for (unsigned i = 0; i < sequence.n; i += width)
			play_burst(item, peeler, &relay, set, &sequence, i, width);
		free(memory);
	}
	for (unsigned i = 0; i < sequence.n; i++)
		free(sequence.packet[i]);
}
