/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Handshakes and the schedule of peers, on a virtual clock: who is let in, what is refused, lost
 * messages, both ends at once, and renewal without a lost frame.
 */
#include "link_testing.h"

#define LEN   32 /* of packets: few bytes, since what counts here is whether they arrive */
#define FRAME (LEN + LM_LINK_OVERHEAD)

static struct lm_link_worker *worker_a, *worker_b;

static void assert_result(enum lm_link_result got, enum lm_link_result want)
{
	assert_string_equal(lm_link_result_name(got), lm_link_result_name(want));
}

static void start(void)
{
	meet(32, 32, LEN);
	worker_a = lm_link_worker_init(aligned(lm_link_worker_size()), a.table, "auto", NULL);
	worker_b = lm_link_worker_init(aligned(lm_link_worker_size()), b.table, "auto", NULL);
	assert_true(worker_a && worker_b);
}

static void stop(void)
{
	free(worker_a);
	free(worker_b);
	part();
}

/* Seals a frame of one end; false if it has no session to send on. */
static bool send_frame(struct end *end, struct lm_link_worker *worker, unsigned lane,
		       uint8_t frame[FRAME])
{
	struct lm_link_seal one = {.session = lm_link_peer_sending(end->peer),
				   .lane = lane,
				   .to = 7,
				   .packet = frame + LM_LINK_HEADROOM};

	if (!one.session)
		return false;
	memset(one.packet, 0x77, LEN);
	assert_int_equal(lm_link_seal(worker, &one, 1), 1);
	return true;
}

static bool frame_opens(struct lm_link_worker *worker, uint8_t frame[FRAME])
{
	struct lm_link_open one = {.frame = frame, .len = FRAME};

	return lm_link_open(worker, &one, 1) == 1;
}

static void assert_joined(void)
{
	uint8_t frame[FRAME];

	assert_true(send_frame(&a, worker_a, 0, frame) && frame_opens(worker_b, frame));
	assert_true(send_frame(&b, worker_b, 0, frame) && frame_opens(worker_a, frame));
}

/* ---- One handshake ---- */

static void a_handshake_joins_both_ends(void **state)
{
	uint8_t frame[FRAME];

	(void)state;
	start();
	assert_null(lm_link_peer_sending(a.peer));
	assert_false(send_frame(&b, worker_b, 0, frame));
	shake(&a, &b);
	assert_joined();
	assert_int_equal(lm_link_session_peer(lm_link_peer_sending(a.peer)), 11);
	assert_int_equal(lm_link_session_peer(lm_link_peer_sending(b.peer)), 22);
	stop();
}

/* The initiator sends at once; the responder only when it knows that the initiator is there. */
static void a_responder_sends_only_after_the_confirmation(void **state)
{
	uint8_t message[LM_LINK_MESSAGE_MAX], frame[FRAME];
	size_t len;

	(void)state;
	start();
	len = say(&a, message);
	assert_result(give(&a, &b, message, len, false), LM_LINK_RESPONDED);
	assert_null(lm_link_peer_sending(b.peer));
	assert_result(answer(&b, &a, false), LM_LINK_ESTABLISHED);
	assert_true(send_frame(&a, worker_a, 0, frame) && frame_opens(worker_b, frame));
	assert_null(lm_link_peer_sending(b.peer));
	assert_result(answer(&a, &b, false), LM_LINK_CONFIRMED);
	assert_joined();
	stop();
}

static void a_frame_stands_in_for_a_lost_confirmation(void **state)
{
	uint8_t message[LM_LINK_MESSAGE_MAX], frame[FRAME];
	size_t len;

	(void)state;
	start();
	len = say(&a, message);
	assert_result(give(&a, &b, message, len, false), LM_LINK_RESPONDED);
	assert_result(answer(&b, &a, false), LM_LINK_ESTABLISHED);
	assert_int_equal(lm_link_step(b.peer, message, now_us, wall_us), 0);
	assert_null(lm_link_peer_sending(b.peer));
	assert_true(send_frame(&a, worker_a, 31, frame) && frame_opens(worker_b, frame));
	assert_int_equal(lm_link_step(b.peer, message, now_us, wall_us), 0);
	assert_joined();
	stop();
}

/* The results of X25519 with such a point are zero, whatever the secret. */
static void ephemeral_keys_of_small_order_end_a_handshake(void **state)
{
	static const uint8_t payload[RESPONSE_PAYLOAD];
	const struct lm_point small = {{1}};
	uint8_t message[RESPONSE_LEN];
	struct noise noise;

	(void)state;
	start();
	noise_start(&noise, payload, 1, &b.public);
	assert_false(noise_write_response(&noise, message, &b.secret, &small, &a.public, payload,
					  sizeof(payload)));
	assert_false(noise_write_response(&noise, message, &b.secret, &a.public, &small, payload,
					  sizeof(payload)));
	stop();
}

/* Signs a changed message again, as anybody can who knows the receiver. */
static void sign_again(const struct end *to, uint8_t *message, size_t len)
{
	struct lm_link_cookie_jar jar = {.usable_until_us = 0};

	lm_link_cookie_keys_init(&jar.keys, &to->public);
	lm_link_cookie_sign(&jar, message, len, now_us);
}

/* Every byte of a message changed: refused, and without an answer. */
static void assert_tamper_proof(struct end *from, struct end *to, const uint8_t *message,
				size_t len, bool sign)
{
	uint8_t changed[LM_LINK_MESSAGE_MAX];

	for (size_t at = 0; at < len - (sign ? MACS_LEN : 0); at++) {
		memcpy(changed, message, len);
		changed[at] ^= (uint8_t)(1u << at % 8);
		if (sign)
			sign_again(to, changed, len);
		if (at >= len - MAC_LEN && len > COOKIE_REPLY_LEN)
			continue; /* mac2 counts under load alone */
		give(from, to, changed, len, false);
		assert_true(received.result < LM_LINK_RESPONDED);
		assert_int_equal(received.reply_len, 0);
		assert_null(received.peer);
	}
}

static void a_message_with_any_byte_changed_is_refused(void **state)
{
	uint8_t message[LM_LINK_MESSAGE_MAX];
	size_t len;

	(void)state;
	start();
	len = say(&a, message);
	assert_tamper_proof(&a, &b, message, len, false);
	assert_tamper_proof(&a, &b, message, len, true);
	assert_result(give(&a, &b, message, len, false), LM_LINK_RESPONDED);
	len = received.reply_len;
	memcpy(message, received.reply, len);
	assert_tamper_proof(&b, &a, message, len, false);
	assert_tamper_proof(&b, &a, message, len, true);
	assert_result(give(&b, &a, message, len, false), LM_LINK_ESTABLISHED);
	len = received.reply_len;
	memcpy(message, received.reply, len);
	assert_tamper_proof(&a, &b, message, len, false);
	assert_result(give(&a, &b, message, len, false), LM_LINK_CONFIRMED);
	assert_joined();
	stop();
}

static void messages_of_other_lengths_are_malformed(void **state)
{
	uint8_t bytes[200];

	(void)state;
	start();
	for (unsigned type = 0; type < 8; type++)
		for (size_t len = 0; len <= sizeof(bytes); len++) {
			uint8_t *message = guarded_alloc(len, GUARD_AFTER);

			memset(message, 0, len);
			if (len > 0)
				message[0] = (uint8_t)type;
			give(&a, &b, message, len, false);
			assert_int_equal(received.result == LM_LINK_MALFORMED,
					 !((type == 1 && len == 152) || (type == 2 && len == 104) ||
					   (type == 3 && len == 64) || (type == 5 && len == 32)));
			guarded_free(message, len, GUARD_AFTER);
		}
	stop();
}

/* ---- Who is let in ---- */

static void a_stranger_is_refused(void **state)
{
	uint8_t message[LM_LINK_MESSAGE_MAX];
	struct end stranger;
	size_t len;

	(void)state;
	start();
	end_init(&stranger, SESSIONS, 32, LEN);
	end_meet(&stranger, &b, 33, true, 0);
	len = say(&stranger, message);
	assert_result(give(&stranger, &b, message, len, false), LM_LINK_REFUSED);
	assert_result(give(&stranger, &a, message, len, false), LM_LINK_MAC1);
	assert_int_equal(lm_link_table_free(b.table), SESSIONS);
	end_free(&stranger);
	stop();
}

/* It has the neighbour's public key and not the secret: the static key is only a claim. */
static void a_claimed_key_is_not_enough(void **state)
{
	uint8_t message[LM_LINK_MESSAGE_MAX];
	struct end thief;
	size_t len;

	(void)state;
	start();
	end_init(&thief, SESSIONS, 32, LEN);
	thief.endpoint->public = a.public;
	end_meet(&thief, &b, 33, true, 0);
	len = say(&thief, message);
	assert_result(give(&thief, &b, message, len, false), LM_LINK_FORGED);
	assert_int_equal(lm_link_peer_timestamp_us(b.peer), 0);
	end_free(&thief);
	stop();
}

static void an_own_message_sent_back_is_refused(void **state)
{
	uint8_t message[LM_LINK_MESSAGE_MAX];
	size_t len;

	(void)state;
	start();
	len = say(&a, message);
	assert_result(give(&b, &a, message, len, false), LM_LINK_MAC1);
	sign_again(&a, message, len);
	assert_result(give(&b, &a, message, len, false), LM_LINK_FORGED);
	stop();
}

static void a_peer_of_small_order_is_refused(void **state)
{
	struct lm_point key = {{1}};

	(void)state;
	start();
	assert_null(lm_link_peer_init(a.peer, a.endpoint, &key, 1, true, 0));
	stop();
}

static void ends_with_packets_of_other_lengths_do_not_join(void **state)
{
	uint8_t message[LM_LINK_MESSAGE_MAX];
	size_t len;

	(void)state;
	now_us = 1000000;
	end_init(&a, SESSIONS, 32, LEN);
	end_init(&b, SESSIONS, 32, LEN + 1);
	end_meet(&a, &b, 11, true, 0);
	end_meet(&b, &a, 22, false, 0);
	len = say(&a, message);
	assert_result(give(&a, &b, message, len, false), LM_LINK_MISMATCH);
	assert_int_equal(lm_link_table_free(b.table), SESSIONS);
	part();
}

/* ---- Timestamps and replays ---- */

static void an_initiation_is_taken_once_and_none_older(void **state)
{
	uint8_t older[LM_LINK_MESSAGE_MAX], newer[LM_LINK_MESSAGE_MAX];
	size_t len;

	(void)state;
	start();
	len = say(&a, older);
	pass_us(2000000);
	assert_int_equal(say(&a, newer), len);
	assert_result(give(&a, &b, newer, len, false), LM_LINK_RESPONDED);
	assert_int_equal(lm_link_peer_timestamp_us(b.peer), wall_us);
	pass_us(2000000);
	assert_result(give(&a, &b, newer, len, false), LM_LINK_STALE);
	assert_result(give(&a, &b, older, len, false), LM_LINK_STALE);
	stop();
}

/* What the caller has kept holds over a restart of the responder. */
static void a_kept_timestamp_refuses_replays_after_a_restart(void **state)
{
	uint8_t message[LM_LINK_MESSAGE_MAX];
	uint64_t kept;
	size_t len;

	(void)state;
	start();
	len = say(&a, message);
	assert_result(give(&a, &b, message, len, false), LM_LINK_RESPONDED);
	kept = lm_link_peer_timestamp_us(b.peer);
	lm_link_peer_end(b.peer);
	free(b.peer);
	end_meet(&b, &a, 22, false, kept);
	assert_result(give(&a, &b, message, len, false), LM_LINK_STALE);
	pass_us(2000000);
	len = say(&a, message);
	assert_result(give(&a, &b, message, len, false), LM_LINK_RESPONDED);
	stop();
}

/* A clock that stands still or goes back does not make a peer refuse itself. */
static void own_timestamps_grow_on_any_clock(void **state)
{
	uint8_t message[LM_LINK_MESSAGE_MAX];

	(void)state;
	start();
	for (unsigned i = 0; i < 10; i++) {
		size_t len = say(&a, message);

		assert_result(give(&a, &b, message, len, false), LM_LINK_RESPONDED);
		reclaim(&b);
		now_us += 20000000;
		wall_us -= i % 2;
	}
	stop();
}

static void responses_and_confirmations_are_taken_once(void **state)
{
	uint8_t initiation[LM_LINK_MESSAGE_MAX], response[LM_LINK_MESSAGE_MAX];
	uint8_t confirmation[LM_LINK_MESSAGE_MAX];
	size_t len;

	(void)state;
	start();
	len = say(&a, initiation);
	give(&a, &b, initiation, len, false);
	memcpy(response, received.reply, RESPONSE_LEN);
	assert_result(give(&b, &a, response, RESPONSE_LEN, false), LM_LINK_ESTABLISHED);
	memcpy(confirmation, received.reply, CONFIRM_LEN);
	assert_result(give(&b, &a, response, RESPONSE_LEN, false), LM_LINK_UNEXPECTED);
	assert_result(give(&a, &b, confirmation, CONFIRM_LEN, false), LM_LINK_CONFIRMED);
	assert_result(give(&a, &b, confirmation, CONFIRM_LEN, false), LM_LINK_UNEXPECTED);
	assert_int_equal(received.reply_len, 0);
	stop();
}

/* A peer that asks again and again is answered every 20 ms. */
static void one_peer_does_not_ask_for_more_than_its_share(void **state)
{
	uint8_t message[LM_LINK_MESSAGE_MAX];
	unsigned answered = 0;

	(void)state;
	start();
	for (unsigned i = 0; i < 1000; i++) {
		size_t len;

		a.peer->retry_us = 0;
		len = say(&a, message);
		answered += give(&a, &b, message, len, false) == LM_LINK_RESPONDED;
		reclaim(&b);
		pass_us(1000);
	}
	assert_in_range(answered, 49, 51);
	stop();
}

/* ---- The schedule, with messages and frames on the way ---- */

#define WAY_MAX 4096

/* What is on the way between the ends, each with its time of arrival. */
struct parcel {
	struct end *to;
	uint64_t due_us;
	size_t len;
	uint8_t bytes[LM_LINK_MESSAGE_MAX];
};

static struct parcel way[WAY_MAX];
static unsigned on_way;
static unsigned lose_percent; /* of handshake messages */
static uint32_t lose_mask;    /* bit i: the i-th message is lost */
static unsigned messages;
static unsigned sent, arrived;

static struct end *other(const struct end *end)
{
	return end == &a ? &b : &a;
}

static uint32_t below(uint32_t bound)
{
	uint32_t random;

	lm_rand(&random, sizeof(random));
	return random % bound;
}

static void post(struct end *to, const uint8_t *bytes, size_t len, uint64_t delay)
{
	assert_true(on_way < WAY_MAX && len <= sizeof(way[0].bytes));
	way[on_way].to = to;
	way[on_way].due_us = now_us + delay;
	way[on_way].len = len;
	memcpy(way[on_way++].bytes, bytes, len);
}

static void post_message(struct end *to, const uint8_t *message, size_t len)
{
	unsigned number = messages++;

	if (len == 0 || below(100) < lose_percent || (number < 32 && lose_mask >> number & 1))
		return;
	post(to, message, len, 100 + below(50000));
}

static void arrive(struct parcel *parcel)
{
	struct end *to = parcel->to;

	if (parcel->len == FRAME) {
		arrived += frame_opens(to == &a ? worker_a : worker_b, parcel->bytes);
		return;
	}
	give(other(to), to, parcel->bytes, parcel->len, false);
	post_message(other(to), received.reply, received.reply_len);
}

static void deliver_due(void)
{
	for (unsigned i = 0; i < on_way;) {
		struct parcel parcel = way[i];

		if (parcel.due_us > now_us) {
			i++;
			continue;
		}
		way[i] = way[--on_way];
		arrive(&parcel);
	}
}

/* Everything that is due now; nothing is done early. */
static void step_end(struct end *end)
{
	uint8_t message[LM_LINK_MESSAGE_MAX];
	bool due = lm_link_peer_next_us(end->peer) <= now_us;
	unsigned rounds = 0;

	if (!due)
		assert_int_equal(lm_link_step(end->peer, message, now_us, wall_us), 0);
	while (lm_link_peer_next_us(end->peer) <= now_us) {
		post_message(other(end), message,
			     lm_link_step(end->peer, message, now_us, wall_us));
		assert_true(++rounds < 5);
	}
	reclaim(end);
}

static void send_both(void)
{
	uint8_t frame[FRAME];

	if (send_frame(&a, worker_a, below(32), frame)) {
		post(&b, frame, FRAME, 100 + below(2000000));
		sent++;
	}
	if (send_frame(&b, worker_b, below(32), frame)) {
		post(&a, frame, FRAME, 100 + below(2000000));
		sent++;
	}
}

static void run_for(uint64_t us, uint64_t tick_us, bool frames)
{
	for (uint64_t end_us = now_us + us; now_us < end_us; pass_us(tick_us)) {
		deliver_due();
		step_end(&a);
		step_end(&b);
		if (frames)
			send_both();
	}
}

static void begin(bool both)
{
	start();
	if (both)
		b.peer->initiates = true;
	on_way = messages = sent = arrived = lose_percent = 0;
	lose_mask = 0;
}

static void any_lost_messages_are_made_up_for(void **state)
{
	(void)state;
	for (uint32_t mask = 0; mask < 256; mask++) {
		begin(mask & 1);
		lose_mask = mask >> 1;
		run_for(60000000, 20000, false);
		assert_joined();
		assert_true(a.peer->confirmed && b.peer->confirmed);
		stop();
	}
}

static void both_ends_at_once_end_up_with_one_session(void **state)
{
	uint8_t from_a[LM_LINK_MESSAGE_MAX], from_b[LM_LINK_MESSAGE_MAX];

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		struct end *first, *second;
		bool a_first;

		begin(true);
		say(&a, from_a);
		say(&b, from_b);
		a_first = memcmp(&a.public, &b.public, 32) > 0;
		first = a_first ? &a : &b;
		second = other(first);
		assert_result(give(second, first, a_first ? from_b : from_a, INITIATION_LEN, false),
			      LM_LINK_CROSSED);
		assert_int_equal(received.reply_len, 0);
		assert_result(give(first, second, a_first ? from_a : from_b, INITIATION_LEN, false),
			      LM_LINK_RESPONDED);
		assert_result(answer(second, first, false), LM_LINK_ESTABLISHED);
		assert_result(answer(first, second, false), LM_LINK_CONFIRMED);
		assert_result(answer(second, first, false), LM_LINK_CONFIRMED);
		assert_joined();
		assert_int_equal(lm_link_table_free(a.table), SESSIONS - 1);
		assert_int_equal(lm_link_table_free(b.table), SESSIONS - 1);
		assert_int_equal(first->peer->current->made_us, now_us);
		stop();
	}
}

/* The end that goes first, but whose clock is behind what its peer remembers of it. */
static void an_end_that_calls_in_vain_lets_the_other_go_first(void **state)
{
	struct end *first;

	(void)state;
	begin(true);
	first = memcmp(&a.public, &b.public, 32) > 0 ? &a : &b;
	other(first)->peer->timestamp_us = wall_us + UINT64_C(3600) * 1000000;
	run_for(20000000, 20000, false);
	assert_joined();
	stop();
}

static void sessions_are_renewed_and_no_frame_is_lost(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 6; round++) {
		struct lm_link_session *before;
		unsigned renewed = 0;

		begin(round % 2);
		lose_percent = round < 2 ? 0 : 25 * (round / 2);
		run_for(60000000, 20000, false);
		assert_non_null(before = a.peer->current);
		for (unsigned i = 0; i < 140; i++) {
			run_for(5000000, 20000, true);
			renewed += a.peer->current != before;
			before = a.peer->current;
		}
		assert_in_range(renewed, 4, 6);
		run_for(2500000, 20000, false);
		assert_int_equal(on_way, 0);
		assert_true(sent > 69000);
		assert_int_equal(arrived, sent);
		assert_true(lm_link_table_free(a.table) >= SESSIONS - 2);
		stop();
	}
}

/* Nobody answers any more: the session goes on for three minutes, and no longer. */
static void a_session_that_is_not_renewed_ends(void **state)
{
	uint64_t began_us;

	(void)state;
	begin(true);
	run_for(10000000, 20000, false);
	lose_percent = 100;
	began_us = a.peer->current->made_us;
	while (now_us < began_us + LM_LINK_EXPIRE_US - 40000) {
		run_for(20000, 20000, false);
		assert_non_null(lm_link_peer_sending(a.peer));
	}
	run_for(200000, 20000, false);
	assert_null(lm_link_peer_sending(a.peer));
	assert_null(lm_link_peer_sending(b.peer));
	lose_percent = 0;
	run_for(15000000, 20000, false);
	assert_joined();
	stop();
}

/* After the overlap the keys of what was before are gone. */
static void old_keys_are_gone_after_the_overlap(void **state)
{
	struct lm_key key;

	(void)state;
	begin(false);
	run_for(1000000, 20000, false);
	key = a.peer->current->lane[0].tx.key;
	run_for(LM_LINK_REKEY_US - 1000000, 20000, false);
	assert_true(contains(b.table, lm_link_table_size(SESSIONS, 32), key.b, 32));
	run_for(LM_LINK_OVERLAP_US + 1000000, 20000, false);
	assert_false(contains(a.table, lm_link_table_size(SESSIONS, 32), key.b, 32));
	assert_false(contains(b.table, lm_link_table_size(SESSIONS, 32), key.b, 32));
	assert_joined();
	stop();
}

static void a_lane_that_is_nearly_spent_renews_the_session(void **state)
{
	struct lm_link_session *before;

	(void)state;
	begin(false);
	run_for(1000000, 20000, false);
	before = a.peer->current;
	before->lane[31].tx.next = LM_LINK_FRAMES_RENEW;
	run_for(1000000, 20000, false);
	assert_ptr_not_equal(a.peer->current, before);
	assert_joined();
	stop();
}

static void who_is_only_waited_for_is_never_called(void **state)
{
	(void)state;
	begin(false);
	a.peer->initiates = false;
	run_for(400000000, 1000000, false);
	assert_int_equal(messages, 0);
	assert_int_equal(lm_link_peer_next_us(a.peer), UINT64_MAX);
	stop();
}

/* ---- The table's bound ---- */

static void a_full_table_refuses_and_recovers(void **state)
{
	struct lm_link_session *taken[SESSIONS];
	uint8_t message[LM_LINK_MESSAGE_MAX];
	size_t len;

	(void)state;
	begin(false);
	len = say(&a, message);
	for (unsigned i = 0; i < SESSIONS; i++)
		taken[i] = lm_link_session_reserve(b.table, b.peer, 1);
	assert_non_null(taken[SESSIONS - 1]);
	assert_null(lm_link_session_reserve(b.table, b.peer, 1));
	assert_result(give(&a, &b, message, len, false), LM_LINK_FULL);
	assert_int_equal(received.reply_len, 0);
	for (unsigned i = 0; i < SESSIONS; i++)
		lm_link_session_retire(b.table, taken[i]);
	for (unsigned i = 0; i < SESSIONS; i++)
		taken[i] = lm_link_session_reserve(a.table, a.peer, 1);
	assert_null(taken[SESSIONS - 1]); /* its own initiation has a place */
	for (unsigned i = 0; i < SESSIONS - 1; i++)
		lm_link_session_retire(a.table, taken[i]);
	run_for(10000000, 20000, false);
	assert_joined();
	stop();
}

static void an_initiator_without_room_waits(void **state)
{
	struct lm_link_session *taken[SESSIONS];

	(void)state;
	begin(false);
	for (unsigned i = 0; i < SESSIONS; i++)
		taken[i] = lm_link_session_reserve(a.table, a.peer, 1);
	run_for(1000000, 20000, false);
	assert_null(lm_link_peer_sending(a.peer));
	for (unsigned i = 0; i < SESSIONS; i++)
		lm_link_session_retire(a.table, taken[i]);
	run_for(10000000, 20000, false);
	assert_joined();
	stop();
}

/* Indices are given out at random: no two alike, and not in order. */
static void indices_cannot_be_guessed_from_others(void **state)
{
	uint32_t base[64], ordered = 0;

	(void)state;
	begin(false);
	for (unsigned i = 0; i < 64; i++) {
		struct lm_link_session *session = lm_link_session_reserve(a.table, a.peer, 1);

		base[i] = session->base;
		assert_int_equal(base[i] % 32, 0);
		lm_link_session_retire(a.table, session);
		for (unsigned j = 0; j < i; j++)
			assert_int_not_equal(base[i], base[j]);
		ordered += i > 0 && base[i] > base[i - 1];
	}
	assert_in_range(ordered, 15, 48);
	stop();
}

static void results_have_names(void **state)
{
	(void)state;
	for (unsigned i = 0; i < LM_LINK_RESULTS; i++) {
		assert_true(strlen(lm_link_result_name((enum lm_link_result)i)) > 0);
		assert_true(strlen(lm_link_result_meaning((enum lm_link_result)i)) > 0);
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(lm_link_result_name((enum lm_link_result)i),
						lm_link_result_name((enum lm_link_result)j));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_handshake_joins_both_ends),
		cmocka_unit_test(a_responder_sends_only_after_the_confirmation),
		cmocka_unit_test(a_frame_stands_in_for_a_lost_confirmation),
		cmocka_unit_test(ephemeral_keys_of_small_order_end_a_handshake),
		cmocka_unit_test(a_message_with_any_byte_changed_is_refused),
		cmocka_unit_test(messages_of_other_lengths_are_malformed),
		cmocka_unit_test(a_stranger_is_refused),
		cmocka_unit_test(a_claimed_key_is_not_enough),
		cmocka_unit_test(an_own_message_sent_back_is_refused),
		cmocka_unit_test(a_peer_of_small_order_is_refused),
		cmocka_unit_test(ends_with_packets_of_other_lengths_do_not_join),
		cmocka_unit_test(an_initiation_is_taken_once_and_none_older),
		cmocka_unit_test(a_kept_timestamp_refuses_replays_after_a_restart),
		cmocka_unit_test(own_timestamps_grow_on_any_clock),
		cmocka_unit_test(responses_and_confirmations_are_taken_once),
		cmocka_unit_test(one_peer_does_not_ask_for_more_than_its_share),
		cmocka_unit_test(any_lost_messages_are_made_up_for),
		cmocka_unit_test(both_ends_at_once_end_up_with_one_session),
		cmocka_unit_test(an_end_that_calls_in_vain_lets_the_other_go_first),
		cmocka_unit_test(sessions_are_renewed_and_no_frame_is_lost),
		cmocka_unit_test(a_session_that_is_not_renewed_ends),
		cmocka_unit_test(old_keys_are_gone_after_the_overlap),
		cmocka_unit_test(a_lane_that_is_nearly_spent_renews_the_session),
		cmocka_unit_test(who_is_only_waited_for_is_never_called),
		cmocka_unit_test(a_full_table_refuses_and_recovers),
		cmocka_unit_test(an_initiator_without_room_waits),
		cmocka_unit_test(indices_cannot_be_guessed_from_others),
		cmocka_unit_test(results_have_names),
	};

	if (lm_base_init(NULL) != 0)
		return 1;
	testing_rand_seed(25519);
	return RUN_TESTS(tests);
}
