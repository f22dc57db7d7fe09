/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sealing and opening bursts of frames (FORMAT.md, "Frames"). A worker's context belongs to one
 * thread; sessions are the table's, and of them a worker writes the counters and windows of its own
 * lanes alone. Keys stand in the context during a burst and are wiped at its end.
 *
 * Opening checks what is cheap first: form, index, window, tag. Only what has passed all of them is
 * decrypted, and a dummy only in its first block.
 */
#include <string.h>

#include "message.h"
#include "window.h"

/* The frames of a burst that are still in the running, closed up. */
struct work {
	struct lm_key key[LM_BURST];
	struct lm_nonce nonce[LM_BURST];
	struct lm_mac mac[LM_BURST];
	uint8_t *text[LM_BURST]; /* `to` and the packet */
	unsigned item[LM_BURST];
	struct lm_link_session *session[LM_BURST];
	struct lm_link_rx_lane *rx[LM_BURST];
	uint64_t counter[LM_BURST];
};

struct lm_link_worker {
	struct lm_link_table *table;
	struct lm_symmetric *symmetric; /* behind this struct */
	struct work work;
} LM_CACHE_ALIGNED;

size_t lm_link_worker_size(void)
{
	return sizeof(struct lm_link_worker) + lm_symmetric_size();
}

struct lm_link_worker *lm_link_worker_init(void *memory, struct lm_link_table *table,
					   const char *backend, struct lm_error *err)
{
	struct lm_link_worker *worker = memory;

	LM_ASSERT((uintptr_t)memory % LM_LINK_ALIGN == 0);
	memset(worker, 0, sizeof(*worker));
	worker->table = table;
	worker->symmetric = lm_symmetric_init(worker + 1, backend, err);
	return worker->symmetric ? worker : NULL;
}

enum lm_link_kind lm_link_kind(const struct lm_link_table *table, const uint8_t *bytes, size_t len)
{
	uint32_t type;

	if (len < HEADER_LEN)
		return LM_LINK_NEITHER;
	type = lm_link_message_type(bytes);
	if (type == FRAME_TYPE)
		return len == table->packet_len + LM_LINK_OVERHEAD ? LM_LINK_FRAME
								   : LM_LINK_NEITHER;
	return len == lm_link_message_len(type) ? LM_LINK_HANDSHAKE : LM_LINK_NEITHER;
}

unsigned lm_link_lane(const struct lm_link_table *table, const uint8_t *frame)
{
	return lm_link_load_u32(frame + 4) & (table->lanes - 1);
}

/* 0^4 || counter. */
static void set_nonce(struct lm_nonce *nonce, uint64_t counter)
{
	memset(nonce->b, 0, 4);
	lm_link_store_u64(nonce->b + 4, counter);
}

/* ---- Sealing ---- */

/* Takes the lane's next counter and writes everything that stands in front of the packet. */
static bool prepare(struct work *work, unsigned lane, struct lm_link_seal *item, size_t packet_len)
{
	struct lm_link_tx_lane *tx = &item->session->lane[item->lane].tx;
	uint8_t *frame = item->packet - LM_LINK_HEADROOM;
	uint64_t counter;

	LM_ASSERT(item->lane < item->session->lanes);
	counter = atomic_load_explicit(&tx->next, memory_order_relaxed);
	if (counter >= LM_LINK_FRAMES_MAX)
		return false;
	atomic_store_explicit(&tx->next, counter + 1, memory_order_relaxed);
	lm_link_store_u32(frame, FRAME_TYPE);
	lm_link_store_u32(frame + 4, item->session->remote + item->lane);
	lm_link_store_u64(frame + 8, counter);
	lm_link_store_u32(frame + HEADER_LEN, item->to);
	if (item->to == LM_LINK_DUMMY)
		memset(item->packet, 0, packet_len);
	work->key[lane] = tx->key;
	set_nonce(&work->nonce[lane], counter);
	work->text[lane] = frame + HEADER_LEN;
	return true;
}

uint64_t lm_link_seal(struct lm_link_worker *worker, struct lm_link_seal *item, unsigned n)
{
	struct work *work = &worker->work;
	size_t packet_len = worker->table->packet_len, len = TO_LEN + packet_len;
	unsigned lanes = 0;
	uint64_t sealed = 0;

	LM_ASSERT(n >= 1 && n <= LM_BURST);
	for (unsigned i = 0; i < n; i++) {
		item[i].frame = NULL;
		if (!prepare(work, lanes, &item[i], packet_len))
			continue;
		item[i].frame = work->text[lanes] - HEADER_LEN;
		sealed |= UINT64_C(1) << i;
		lanes++;
	}
	if (lanes == 0)
		return 0;
	lm_symmetric_aead_seal(worker->symmetric, work->mac, work->text, len, work->key,
			       work->nonce, lanes);
	for (unsigned i = 0; i < lanes; i++)
		memcpy(work->text[i] + len, work->mac[i].b, sizeof(work->mac[i].b));
	lm_wipe(work->key, lanes * sizeof(work->key[0]));
	return sealed;
}

/* ---- Opening ---- */

/* The session that has the frame's index now, or NULL. */
static struct lm_link_session *look_up(const struct lm_link_table *table, const uint8_t *frame)
{
	uint32_t index = lm_link_load_u32(frame + 4), place = lm_link_place(table, index);
	uint64_t head;

	/* what nobody has is told mostly without a look at memory, however large the table is */
	if (place >= atomic_load_explicit(&table->opened, memory_order_relaxed))
		return NULL;
	head = atomic_load_explicit(&table->head[place], memory_order_acquire);
	if (head != (HEAD_LIVE | (index & ~(table->lanes - 1))))
		return NULL;
	return lm_link_session_at(table, place);
}

bool lm_link_glance(uint32_t *peer, unsigned *lane, const struct lm_link_table *table,
		    const uint8_t *frame)
{
	const struct lm_link_session *session = look_up(table, frame);

	if (!session)
		return false;
	*peer = session->number;
	*lane = lm_link_lane(table, frame);
	return true;
}

/* Frames of the right form, under an index that somebody has. Returns how many. */
static unsigned find_lanes(struct lm_link_worker *worker, struct lm_link_open *item, unsigned n)
{
	const struct lm_link_table *table = worker->table;
	struct work *work = &worker->work;
	unsigned lanes = 0;

	for (unsigned i = 0; i < n; i++) {
		struct lm_link_session *session;
		unsigned lane;

		item[i] = (struct lm_link_open){.frame = item[i].frame, .len = item[i].len};
		item[i].drop = LM_DROP_LINK_FORMAT;
		if (lm_link_kind(table, item[i].frame, item[i].len) != LM_LINK_FRAME)
			continue;
		item[i].drop = LM_DROP_LINK_INDEX;
		session = look_up(table, item[i].frame);
		lane = lm_link_lane(table, item[i].frame);
		if (!session)
			continue;
		work->session[lanes] = session;
		work->rx[lanes] = &session->lane[lane].rx;
		work->counter[lanes] = lm_link_load_u64(item[i].frame + 8);
		__builtin_prefetch(item[i].frame + item[i].len - LM_LINK_TAILROOM);
		__builtin_prefetch(work->rx[lanes]);
		__builtin_prefetch(
			&work->rx[lanes]->seen[work->counter[lanes] / WORD_BITS % WINDOW_LEN], 1);
		work->item[lanes++] = i;
	}
	return lanes;
}

/* Of these, the ones whose counter may be new; the key of each. Returns how many. */
static unsigned admit(struct work *work, struct lm_link_open *item, size_t len, unsigned lanes)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < lanes; i++) {
		struct lm_link_rx_lane *rx = work->rx[i];
		uint64_t counter = work->counter[i];
		uint8_t *text = item[work->item[i]].frame + HEADER_LEN;

		item[work->item[i]].drop = LM_DROP_LINK_REPLAY;
		if (!lm_link_window_open(rx, counter))
			continue;
		work->item[kept] = work->item[i];
		work->session[kept] = work->session[i];
		work->rx[kept] = rx;
		work->counter[kept] = counter;
		work->key[kept] = rx->key;
		work->text[kept] = text;
		set_nonce(&work->nonce[kept], counter);
		memcpy(work->mac[kept++].b, text + len, sizeof(work->mac[0].b));
	}
	return kept;
}

/* Whether a decrypted text is a dummy's is no secret here: the packet ends at once. */
static uint32_t read_to(const uint8_t *text)
{
	uint32_t to = lm_link_load_u32(text);

	lm_declassify(&to, sizeof(to));
	return to;
}

static bool is_dummy(const uint8_t *text)
{
	return read_to(text) == LM_LINK_DUMMY;
}

/* An authentic frame: the window is asked again, since its twin may stand before it in the burst.
 */
static void deliver(struct lm_link_open *item, const struct work *work, unsigned i)
{
	item->drop = LM_DROP_LINK_REPLAY;
	if (!lm_link_window_open(work->rx[i], work->counter[i]))
		return;
	lm_link_window_accept(work->rx[i], work->counter[i]);
	item->drop = LM_DROP_NONE;
	item->to = read_to(work->text[i]);
	item->peer = work->session[i]->number;
	item->packet = item->to == LM_LINK_DUMMY ? NULL : item->frame + LM_LINK_HEADROOM;
}

uint64_t lm_link_open(struct lm_link_worker *worker, struct lm_link_open *item, unsigned n)
{
	struct work *work = &worker->work;
	size_t len = TO_LEN + worker->table->packet_len;
	uint64_t good, packets = 0;
	unsigned lanes;

	LM_ASSERT(n >= 1 && n <= LM_BURST);
	lanes = admit(work, item, len, find_lanes(worker, item, n));
	if (lanes == 0)
		return 0;
	good = lm_symmetric_aead_open(worker->symmetric, work->text, len, work->mac, work->key,
				      work->nonce, is_dummy, lanes);
	lm_wipe(work->key, lanes * sizeof(work->key[0]));
	for (unsigned i = 0; i < lanes; i++) {
		struct lm_link_open *opened = &item[work->item[i]];

		opened->drop = LM_DROP_LINK_TAG;
		if (good >> i & 1)
			deliver(opened, work, i);
		packets |= (uint64_t)(opened->packet != NULL) << work->item[i];
	}
	return packets;
}
