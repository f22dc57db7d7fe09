/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames: what they carry and look like, what is refused, windows, lanes and memory, on every
 * backend of lib/symmetric.
 */
#include <sodium.h>
#include <stdio.h>

#include "link_testing.h"
#include "window.h"

#define N       LM_BURST
#define LEN     1348
#define FRAME   (LEN + LM_LINK_OVERHEAD)
#define TO      77
#define PACKETS 0x5a

static struct lm_link_worker *worker_a, *worker_b;
static uint8_t buffer[N][FRAME], packet[N][LEN];
static struct lm_link_seal seal[N];
static struct lm_link_open opened[N];

static struct lm_link_worker *worker_new(struct end *end, const char *backend)
{
	struct lm_link_worker *worker =
		lm_link_worker_init(aligned(lm_link_worker_size()), end->table, backend, NULL);

	assert_non_null(worker);
	return worker;
}

static void on_every_backend(void (*check)(void))
{
	for (unsigned i = 0; lm_symmetric_backend_name(i); i++) {
		if (!lm_symmetric_backend_usable(i))
			continue;
		meet(32, 32, LEN);
		shake(&a, &b);
		worker_a = worker_new(&a, lm_symmetric_backend_name(i));
		worker_b = worker_new(&b, lm_symmetric_backend_name(i));
		check();
		free(worker_a);
		free(worker_b);
		part();
	}
}

static uint64_t all(unsigned n)
{
	return UINT64_MAX >> (64 - n);
}

static unsigned lane_of(unsigned i)
{
	return i * 7 % 32;
}

/* Seals n random packets from `from`, on several lanes, and readies them for opening. */
static void send_burst(struct end *from, struct lm_link_worker *worker, unsigned n)
{
	lm_rand(packet, sizeof(packet));
	for (unsigned i = 0; i < n; i++) {
		memcpy(buffer[i] + LM_LINK_HEADROOM, packet[i], LEN);
		seal[i] = (struct lm_link_seal){.session = lm_link_peer_sending(from->peer),
						.lane = lane_of(i),
						.to = TO + i,
						.packet = buffer[i] + LM_LINK_HEADROOM};
	}
	assert_int_equal(lm_link_seal(worker, seal, n), all(n));
	for (unsigned i = 0; i < n; i++) {
		assert_ptr_equal(seal[i].frame, buffer[i]);
		opened[i] = (struct lm_link_open){.frame = buffer[i], .len = FRAME};
	}
}

static void assert_drop(enum lm_drop got, enum lm_drop want)
{
	assert_string_equal(lm_drop_name(got), lm_drop_name(want));
}

/* Opens one frame alone. */
static enum lm_drop open_one(struct lm_link_worker *worker, uint8_t *frame, size_t len)
{
	struct lm_link_open one = {.frame = frame, .len = len};
	uint64_t mask = lm_link_open(worker, &one, 1);

	assert_int_equal(mask, one.packet != NULL);
	return one.drop;
}

/* ---- Carrying ---- */

static void check_delivered(unsigned i, uint32_t peer)
{
	assert_drop(opened[i].drop, LM_DROP_NONE);
	assert_int_equal(opened[i].to, TO + i);
	assert_int_equal(opened[i].peer, peer);
	assert_ptr_equal(opened[i].packet, buffer[i] + LM_LINK_HEADROOM);
	assert_memory_equal(opened[i].packet, packet[i], LEN);
}

static void check_carry(void)
{
	for (unsigned n = 1; n <= N; n++) {
		send_burst(&a, worker_a, n);
		assert_int_equal(lm_link_open(worker_b, opened, n), all(n));
		for (unsigned i = 0; i < n; i++)
			check_delivered(i, 22);
		send_burst(&b, worker_b, n);
		assert_int_equal(lm_link_open(worker_a, opened, n), all(n));
		for (unsigned i = 0; i < n; i++)
			check_delivered(i, 11);
	}
}

static void bursts_of_every_size_arrive_in_both_directions(void **state)
{
	(void)state;
	on_every_backend(check_carry);
}

/* The bytes, from libsodium and the lane's key. */
static void check_bytes(void)
{
	struct lm_link_session *session = lm_link_peer_sending(a.peer);
	uint8_t plain[4 + LEN], want[4 + LEN + 16], nonce[12] = {0};

	for (uint64_t round = 0; round < 3; round++) {
		send_burst(&a, worker_a, 32);
		for (unsigned i = 0; i < 32; i++) {
			uint8_t *frame = buffer[i];

			assert_int_equal(lm_load_u32(frame), 4);
			assert_int_equal(lm_load_u32(frame + 4),
					 b.peer->current->base + lane_of(i));
			assert_int_equal(lm_link_load_u64(frame + 8), round);
			lm_store_u32(plain, TO + i);
			memcpy(plain + 4, packet[i], LEN);
			memcpy(nonce + 4, frame + 8, 8);
			crypto_aead_chacha20poly1305_ietf_encrypt(
				want, NULL, plain, sizeof(plain), NULL, 0, NULL, nonce,
				session->lane[lane_of(i)].tx.key.b);
			assert_memory_equal(frame + 16, want, sizeof(want));
		}
	}
}

static void a_frame_is_what_the_format_says(void **state)
{
	(void)state;
	on_every_backend(check_bytes);
}

static void check_lane_keys(void)
{
	for (unsigned i = 0; i < 32; i++)
		for (unsigned j = 0; j < 32; j++) {
			const struct lm_link_lane *x = &a.peer->current->lane[i];
			const struct lm_link_lane *y = &b.peer->current->lane[j];

			assert_int_equal(memcmp(&x->tx.key, &y->rx.key, 32) == 0, i == j);
			assert_int_equal(memcmp(&x->rx.key, &y->tx.key, 32) == 0, i == j);
			assert_int_not_equal(memcmp(&x->tx.key, &y->tx.key, 32), 0);
		}
}

static void every_lane_and_direction_has_its_own_key(void **state)
{
	(void)state;
	on_every_backend(check_lane_keys);
}

/* ---- Dummies ---- */

static void check_dummies(void)
{
	for (unsigned n = 1; n <= N; n += 9) {
		send_burst(&a, worker_a, n);
		for (unsigned i = 0; i < n; i++)
			if (i % 2)
				seal[i].to = LM_LINK_DUMMY;
			else
				memcpy(seal[i].packet, packet[i], LEN);
		assert_int_equal(lm_link_seal(worker_a, seal, n), all(n));
		assert_int_equal(lm_link_open(worker_b, opened, n),
				 all(n) & UINT64_C(0x5555555555555555));
		for (unsigned i = 0; i < n; i++) {
			if (i % 2 == 0) {
				check_delivered(i, 22);
				continue;
			}
			assert_drop(opened[i].drop, LM_DROP_NONE);
			assert_int_equal(opened[i].to, LM_LINK_DUMMY);
			assert_null(opened[i].packet);
			/* It counts as seen. */
			assert_drop(open_one(worker_b, buffer[i], FRAME), LM_DROP_LINK_REPLAY);
		}
	}
}

static void dummies_are_told_from_packets_and_counted_on_their_lane(void **state)
{
	(void)state;
	on_every_backend(check_dummies);
}

static unsigned differing_bits(const uint8_t *x, const uint8_t *y, size_t n)
{
	unsigned bits = 0;

	for (size_t i = 0; i < n; i++)
		bits += (unsigned)__builtin_popcount(x[i] ^ y[i]);
	return bits;
}

/* Nothing of an old packet is left in a dummy, and no two look alike. */
static void check_dummy_bytes(void)
{
	static uint8_t before[FRAME];

	for (unsigned i = 0; i < 20; i++) {
		struct lm_link_seal one = {.session = lm_link_peer_sending(a.peer),
					   .packet = buffer[0] + LM_LINK_HEADROOM};

		memcpy(before, buffer[0], FRAME);
		assert_int_equal(lm_link_seal(worker_a, &one, 1), 1);
		assert_in_range(differing_bits(before + 16, buffer[0] + 16, FRAME - 16),
				(FRAME - 16) * 3, (FRAME - 16) * 5);
	}
}

static void dummies_look_like_nothing(void **state)
{
	(void)state;
	on_every_backend(check_dummy_bytes);
}

/* Not what was in the buffer before: the neighbour could read it. */
static void check_dummy_content(void)
{
	struct lm_link_session *session = lm_link_peer_sending(a.peer);
	struct lm_link_seal one = {.session = session, .packet = buffer[0] + LM_LINK_HEADROOM};
	uint8_t plain[4 + LEN], nonce[12] = {0};

	memset(buffer, PACKETS, sizeof(buffer));
	assert_int_equal(lm_link_seal(worker_a, &one, 1), 1);
	memcpy(nonce + 4, buffer[0] + 8, 8);
	assert_int_equal(crypto_aead_chacha20poly1305_ietf_decrypt(
				 plain, NULL, NULL, buffer[0] + 16, sizeof(plain) + 16, NULL, 0,
				 nonce, session->lane[0].tx.key.b),
			 0);
	assert_true(lm_is_zero(plain, sizeof(plain)));
}

static void dummies_hold_zeros(void **state)
{
	(void)state;
	on_every_backend(check_dummy_content);
}

/* ---- Refusing ---- */

/* Every bit of single frames, and of one frame among good ones. */
static void check_tampered(unsigned n)
{
	static uint8_t sealed[N][FRAME];

	for (size_t at = 0; at < FRAME; at += at < 24 || at >= FRAME - 17 ? 1 : 61) {
		unsigned victim = (unsigned)at % n;

		send_burst(&a, worker_a, n);
		memcpy(sealed, buffer, sizeof(sealed));
		buffer[victim][at] ^= (uint8_t)(1u << at % 8);
		assert_int_equal(lm_link_open(worker_b, opened, n),
				 all(n) & ~(UINT64_C(1) << victim));
		assert_null(opened[victim].packet);
		assert_int_not_equal(opened[victim].drop, LM_DROP_NONE);
		for (unsigned i = 0; i < n; i++)
			if (i != victim)
				check_delivered(i, 22);
		/* It has not used up the counter that it named. */
		memcpy(buffer[victim], sealed[victim], FRAME);
		assert_drop(open_one(worker_b, buffer[victim], FRAME), LM_DROP_NONE);
	}
}

static void check_tampered_all(void)
{
	check_tampered(1);
	check_tampered(13);
}

static void a_frame_with_any_byte_changed_is_refused(void **state)
{
	(void)state;
	on_every_backend(check_tampered_all);
}

/* One of each kind of bad frame in every place of a burst. */
static void check_bad_among_good(void)
{
	static const enum lm_drop bad[] = {LM_DROP_LINK_FORMAT, LM_DROP_LINK_INDEX,
					   LM_DROP_LINK_REPLAY, LM_DROP_LINK_TAG, LM_DROP_NONE};
	static uint8_t seen[FRAME];

	send_burst(&a, worker_a, 1);
	memcpy(seen, buffer[0], FRAME);
	assert_drop(open_one(worker_b, buffer[0], FRAME), LM_DROP_NONE);
	for (unsigned n = 1; n <= N; n++) {
		uint64_t good = 0;

		send_burst(&a, worker_a, n);
		for (unsigned i = 0; i < n; i++) {
			enum lm_drop want = bad[(i * 3 + n) % LM_COUNT(bad)];

			good |= (uint64_t)(want == LM_DROP_NONE) << i;
			if (want == LM_DROP_LINK_FORMAT)
				opened[i].len -= i % 2 ? 1 : FRAME;
			if (want == LM_DROP_LINK_INDEX)
				buffer[i][7] ^= 0x80;
			if (want == LM_DROP_LINK_REPLAY)
				memcpy(buffer[i], seen, FRAME);
			if (want == LM_DROP_LINK_TAG)
				buffer[i][FRAME - 1] ^= 1;
		}
		assert_int_equal(lm_link_open(worker_b, opened, n), good);
		for (unsigned i = 0; i < n; i++) {
			assert_drop(opened[i].drop, bad[(i * 3 + n) % LM_COUNT(bad)]);
			if (good >> i & 1)
				check_delivered(i, 22);
			else
				assert_null(opened[i].packet);
		}
	}
}

static void every_kind_of_bad_frame_is_named_and_harms_no_neighbour(void **state)
{
	(void)state;
	on_every_backend(check_bad_among_good);
}

static void check_forms(void)
{
	static uint8_t longer[FRAME + 1];

	send_burst(&a, worker_a, 1);
	memcpy(longer, buffer[0], FRAME);
	for (size_t len = 0; len <= FRAME + 1; len++)
		if (len != FRAME)
			assert_drop(open_one(worker_b, longer, len), LM_DROP_LINK_FORMAT);
	for (unsigned type = 0; type < 256; type++) {
		longer[0] = (uint8_t)type;
		assert_int_equal(lm_link_kind(b.table, longer, FRAME) == LM_LINK_FRAME, type == 4);
	}
	for (size_t len = 0; len <= 200; len++)
		for (unsigned type = 0; type < 8; type++) {
			bool message = (type == 1 && len == 152) || (type == 2 && len == 104) ||
				       (type == 3 && len == 64) || (type == 5 && len == 32);

			longer[0] = (uint8_t)type;
			assert_int_equal(lm_link_kind(b.table, longer, len) == LM_LINK_HANDSHAKE,
					 message);
		}
}

static void only_exact_lengths_and_types_are_frames_or_messages(void **state)
{
	(void)state;
	on_every_backend(check_forms);
}

/* A frame moved to another lane, sent back, or under an index of nobody. */
static void check_confusion(void)
{
	uint32_t base = b.peer->current->base, peer = 0;
	unsigned glanced = 99;

	send_burst(&a, worker_a, 1);
	for (uint32_t lane = 0; lane < 32; lane++) {
		lm_store_u32(buffer[0] + 4, base + lane);
		assert_int_equal(lm_link_lane(b.table, buffer[0]), lane);
		assert_true(lm_link_glance(&peer, &glanced, b.table, buffer[0]));
		assert_int_equal(glanced, lane);
		assert_int_equal(peer, b.peer->number);
		for (unsigned bit = 5; bit < 32; bit++) {
			lm_store_u32(buffer[0] + 4, (base + lane) ^ 1u << bit);
			assert_false(lm_link_glance(&peer, &glanced, b.table, buffer[0]));
		}
		lm_store_u32(buffer[0] + 4, base + lane);
		if (lane != lane_of(0))
			assert_drop(open_one(worker_b, buffer[0], FRAME), LM_DROP_LINK_TAG);
		send_burst(&a, worker_a, 1);
	}
	lm_store_u32(buffer[0] + 4, a.peer->current->base + lane_of(0));
	assert_drop(open_one(worker_a, buffer[0], FRAME), LM_DROP_LINK_TAG);
	for (unsigned i = 0; i < 20000; i++) {
		uint32_t index;

		lm_rand(&index, sizeof(index));
		if (index - base < 32)
			continue;
		lm_store_u32(buffer[0] + 4, index);
		assert_drop(open_one(worker_b, buffer[0], FRAME), LM_DROP_LINK_INDEX);
	}
}

static void frames_of_another_lane_direction_or_index_are_refused(void **state)
{
	(void)state;
	on_every_backend(check_confusion);
}

/* Seals a frame for lane `lane` of a session with a key of nobody's. */
static void forge(uint8_t *frame, uint32_t index, const uint8_t key[32])
{
	uint8_t nonce[12] = {0}, plain[4 + LEN] = {9};

	memset(frame, 0, FRAME);
	lm_store_u32(frame, 4);
	lm_store_u32(frame + 4, index);
	crypto_aead_chacha20poly1305_ietf_encrypt(frame + 16, NULL, plain, sizeof(plain), NULL, 0,
						  NULL, nonce, key);
}

/* An end with more lanes than the other: those that nobody sends on have no key to guess. */
static void lanes_that_the_other_end_lacks_are_closed(void **state)
{
	static const uint8_t zero[32];
	struct lm_link_seal one = {.to = 5, .packet = buffer[0] + LM_LINK_HEADROOM};

	(void)state;
	meet(128, 32, LEN);
	shake(&a, &b);
	worker_a = worker_new(&a, "auto");
	worker_b = worker_new(&b, "auto");
	assert_int_equal(lm_link_session_lanes(lm_link_peer_sending(a.peer)), 32);
	assert_int_equal(lm_link_session_lanes(lm_link_peer_sending(b.peer)), 32);
	for (unsigned lane = 0; lane < 128; lane++) {
		forge(buffer[0], a.peer->current->base + lane, zero);
		assert_drop(open_one(worker_a, buffer[0], FRAME), LM_DROP_LINK_TAG);
	}
	for (one.lane = 0; one.lane < 32; one.lane++) {
		one.session = lm_link_peer_sending(b.peer);
		assert_int_equal(lm_link_seal(worker_b, &one, 1), 1);
		assert_drop(open_one(worker_a, buffer[0], FRAME), LM_DROP_NONE);
		one.session = lm_link_peer_sending(a.peer);
		assert_int_equal(lm_link_seal(worker_a, &one, 1), 1);
		assert_drop(open_one(worker_b, buffer[0], FRAME), LM_DROP_NONE);
	}
	free(worker_a);
	free(worker_b);
	part();
}

/* ---- Replays and windows ---- */

static void check_replays(void)
{
	static uint8_t kept[N][FRAME];

	for (unsigned n = 1; n <= N; n++) {
		send_burst(&a, worker_a, n);
		memcpy(kept, buffer, sizeof(kept));
		assert_int_equal(lm_link_open(worker_b, opened, n), all(n));
		memcpy(buffer, kept, sizeof(kept));
		assert_int_equal(lm_link_open(worker_b, opened, n), 0);
		for (unsigned i = 0; i < n; i++)
			assert_drop(opened[i].drop, LM_DROP_LINK_REPLAY);
	}
	/* Twins in one burst: one of them. */
	send_burst(&a, worker_a, 32);
	for (unsigned i = 0; i < 32; i++) {
		memcpy(buffer[32 + i], buffer[31 - i], FRAME);
		opened[32 + i] = (struct lm_link_open){.frame = buffer[32 + i], .len = FRAME};
	}
	assert_int_equal(lm_link_open(worker_b, opened, 64), all(32));
	for (unsigned i = 32; i < 64; i++)
		assert_drop(opened[i].drop, LM_DROP_LINK_REPLAY);
}

static void a_frame_is_accepted_once(void **state)
{
	(void)state;
	on_every_backend(check_replays);
}

static bool accept(struct lm_link_rx_lane *lane, uint64_t counter)
{
	if (!lm_link_window_open(lane, counter))
		return false;
	lm_link_window_accept(lane, counter);
	return true;
}

static void the_window_looks_back_exactly_as_far_as_it_says(void **state)
{
	struct lm_link_rx_lane lane;

	(void)state;
	for (uint64_t top = 0; top < 3 * LM_LINK_WINDOW; top += 61) {
		memset(&lane, 0, sizeof(lane));
		assert_true(accept(&lane, top));
		assert_false(accept(&lane, top));
		for (uint64_t back = 1; back <= top; back += back < LM_LINK_WINDOW - 70 ? 67 : 1) {
			assert_int_equal(accept(&lane, top - back), back < LM_LINK_WINDOW);
			assert_false(accept(&lane, top - back));
		}
	}
	assert_true(accept(&lane, LM_LINK_FRAMES_MAX - 1));
	assert_false(accept(&lane, LM_LINK_FRAMES_MAX));
	assert_false(accept(&lane, UINT64_MAX));
	assert_true(accept(&lane, LM_LINK_FRAMES_MAX - LM_LINK_WINDOW));
	assert_false(accept(&lane, LM_LINK_FRAMES_MAX - LM_LINK_WINDOW - 1));
}

/* Against one byte for every counter. */
static void the_window_equals_a_list_of_all_that_was_seen(void **state)
{
	enum { COUNTERS = 60000 };
	static bool seen[COUNTERS];
	struct lm_link_rx_lane lane = {.end = 0};
	uint64_t end = 0;

	(void)state;
	memset(seen, 0, sizeof(seen));
	for (unsigned i = 0; i < 400000; i++) {
		uint32_t random[2];
		uint64_t counter;
		bool want;

		lm_rand(random, sizeof(random));
		counter = random[0] % 50 == 0 ? end + random[1] % (random[0] % 7 ? 70 : 5000)
					      : end - random[1] % 2200;
		if (counter >= COUNTERS)
			continue;
		want = !seen[counter] && counter + LM_LINK_WINDOW >= end;
		assert_int_equal(accept(&lane, counter), want);
		if (want)
			seen[counter] = true;
		if (want && counter >= end)
			end = counter + 1;
	}
	assert_true(end > COUNTERS - 6000);
}

/* ---- Counters ---- */

static void check_spent(void)
{
	struct lm_link_session *session = lm_link_peer_sending(a.peer);

	session->lane[3].tx.next = LM_LINK_FRAMES_MAX - 1;
	for (unsigned i = 0; i < 3; i++)
		seal[i] = (struct lm_link_seal){.session = session,
						.lane = i == 2 ? 4 : 3,
						.to = TO + i,
						.packet = buffer[i] + LM_LINK_HEADROOM};
	memset(buffer, PACKETS, sizeof(buffer));
	assert_int_equal(lm_link_seal(worker_a, seal, 3), 0x5);
	assert_null(seal[1].frame);
	for (unsigned i = 0; i < FRAME; i++)
		assert_int_equal(buffer[1][i], PACKETS);
	assert_int_equal(session->lane[3].tx.next, LM_LINK_FRAMES_MAX);
	assert_drop(open_one(worker_b, buffer[0], FRAME), LM_DROP_NONE);
	assert_drop(open_one(worker_b, buffer[2], FRAME), LM_DROP_NONE);
}

static void a_lane_stops_before_a_counter_comes_again(void **state)
{
	(void)state;
	on_every_backend(check_spent);
}

/* ---- Sessions that end ---- */

static void check_ended(void)
{
	struct lm_key key = b.peer->current->lane[0].rx.key;
	size_t size = lm_link_table_size(b.sessions, b.lanes);

	send_burst(&a, worker_a, 1);
	lm_link_peer_end(b.peer);
	assert_drop(open_one(worker_b, buffer[0], FRAME), LM_DROP_LINK_INDEX);
	assert_true(contains(b.table, size, key.b, sizeof(key.b)));
	assert_int_equal(lm_link_table_free(b.table), SESSIONS - 1);
	reclaim(&b);
	assert_int_equal(lm_link_table_free(b.table), SESSIONS);
	assert_false(contains(b.table, size, key.b, sizeof(key.b)));
}

static void an_ended_session_takes_no_frame_and_loses_its_keys(void **state)
{
	(void)state;
	on_every_backend(check_ended);
}

static void tables_have_sensible_sizes_only(void **state)
{
	(void)state;
	assert_int_equal(lm_link_table_size(0, 32), 0);
	assert_int_equal(lm_link_table_size(1, 16), 0);
	assert_int_equal(lm_link_table_size(1, 48), 0);
	assert_int_equal(lm_link_table_size(1, 256), 0);
	assert_int_equal(lm_link_table_size((1u << 23) + 1, 32), 0);
	assert_int_not_equal(lm_link_table_size(1u << 23, 32), 0);
	assert_in_range(lm_link_table_size(1, 32), 32 * 384, 32 * 384 + 1024);
}

/* ---- Memory ---- */

static void check_guarded_side(enum guard_side side, unsigned n)
{
	uint8_t *frame[N];

	for (unsigned i = 0; i < n; i++) {
		frame[i] = guarded_alloc(FRAME, side);
		seal[i] = (struct lm_link_seal){.session = lm_link_peer_sending(a.peer),
						.lane = i,
						.to = i % 3 ? TO : LM_LINK_DUMMY,
						.packet = frame[i] + LM_LINK_HEADROOM};
		opened[i] = (struct lm_link_open){.frame = frame[i], .len = FRAME};
	}
	assert_int_equal(lm_link_seal(worker_a, seal, n), all(n));
	assert_int_equal(lm_link_open(worker_b, opened, n) | UINT64_C(0x9249249249249249),
			 all(n) | UINT64_C(0x9249249249249249));
	for (unsigned i = 0; i < n; i++)
		guarded_free(frame[i], FRAME, side);
}

static void check_guarded(void)
{
	for (unsigned n = 1; n <= 32; n += 5) {
		check_guarded_side(GUARD_AFTER, n);
		check_guarded_side(GUARD_BEFORE, n);
	}
}

static void touches_nothing_outside_its_frames(void **state)
{
	(void)state;
	on_every_backend(check_guarded);
}

static void check_short_messages(void)
{
	for (size_t len = 0; len <= 40; len++) {
		uint8_t *frame = guarded_alloc(len, GUARD_AFTER);

		memset(frame, 4, len);
		assert_drop(open_one(worker_b, frame, len), LM_DROP_LINK_FORMAT);
		guarded_free(frame, len, GUARD_AFTER);
	}
}

static void reads_nothing_past_short_frames(void **state)
{
	(void)state;
	on_every_backend(check_short_messages);
}

static void check_keys_gone(void)
{
	for (unsigned n = 1; n <= 32; n += 7) {
		send_burst(&a, worker_a, n);
		buffer[n - 1][FRAME - 1] ^= 1;
		assert_int_equal(lm_link_open(worker_b, opened, n), all(n) >> 1);
		for (unsigned i = 0; i < n; i++) {
			const uint8_t *key = a.peer->current->lane[lane_of(i)].tx.key.b;

			for (unsigned at = 0; at <= 24; at++) {
				assert_false(
					contains(worker_a, lm_link_worker_size(), key + at, 8));
				assert_false(
					contains(worker_b, lm_link_worker_size(), key + at, 8));
			}
		}
	}
}

static void a_worker_holds_no_key_after_a_burst(void **state)
{
	(void)state;
	on_every_backend(check_keys_gone);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bursts_of_every_size_arrive_in_both_directions),
		cmocka_unit_test(a_frame_is_what_the_format_says),
		cmocka_unit_test(every_lane_and_direction_has_its_own_key),
		cmocka_unit_test(dummies_are_told_from_packets_and_counted_on_their_lane),
		cmocka_unit_test(dummies_look_like_nothing),
		cmocka_unit_test(dummies_hold_zeros),
		cmocka_unit_test(a_frame_with_any_byte_changed_is_refused),
		cmocka_unit_test(every_kind_of_bad_frame_is_named_and_harms_no_neighbour),
		cmocka_unit_test(only_exact_lengths_and_types_are_frames_or_messages),
		cmocka_unit_test(frames_of_another_lane_direction_or_index_are_refused),
		cmocka_unit_test(lanes_that_the_other_end_lacks_are_closed),
		cmocka_unit_test(a_frame_is_accepted_once),
		cmocka_unit_test(the_window_looks_back_exactly_as_far_as_it_says),
		cmocka_unit_test(the_window_equals_a_list_of_all_that_was_seen),
		cmocka_unit_test(a_lane_stops_before_a_counter_comes_again),
		cmocka_unit_test(an_ended_session_takes_no_frame_and_loses_its_keys),
		cmocka_unit_test(tables_have_sensible_sizes_only),
		cmocka_unit_test(touches_nothing_outside_its_frames),
		cmocka_unit_test(reads_nothing_past_short_frames),
		cmocka_unit_test(a_worker_holds_no_key_after_a_burst),
	};

	if (lm_base_init(NULL) != 0)
		return 1;
	testing_rand_seed(36);
	return RUN_TESTS(tests);
}
