/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * No key of lib/link stays in registers or on the stack: after every message of a handshake, after
 * sealing and opening, also of a burst that is refused. Contexts of workers hold none after a
 * burst; tables, endpoints and peers are where keys live.
 */
#include "link_testing.h"
#include "residue.h"

#define LEN   1348
#define FRAME (LEN + LM_LINK_OVERHEAD)

static struct residue residue;
static struct lm_link_worker *worker_a, *worker_b;

/* A message on its way to `to`, or nothing yet. */
static struct {
	struct end *from, *to;
	uint8_t bytes[LM_LINK_MESSAGE_MAX];
	size_t len;
} message;

static void step_call(void *argument)
{
	(void)argument;
	message.len = lm_link_step(message.from->peer, message.bytes, now_us, wall_us);
}

static void receive_call(void *argument)
{
	(void)argument;
	lm_link_receive(message.to->endpoint, &received, message.bytes, message.len,
			&message.from->source, false, now_us);
}

static void assert_gone(const char *name, const void *secret, size_t n)
{
	const char *where = residue_find(&residue, secret, n);

	if (where)
		fail_msg("%s is left in %s", name, where);
}

static void assert_session_gone(const struct lm_link_session *session)
{
	if (!session)
		return;
	assert_gone("confirm key", &session->confirm_tx, 32);
	assert_gone("confirm key", &session->confirm_rx, 32);
	for (unsigned i = 0; i < 32; i += 31) {
		assert_gone("lane key", &session->lane[i].tx.key, 32);
		assert_gone("lane key", &session->lane[i].rx.key, 32);
	}
}

static void assert_end_gone(const struct end *end)
{
	assert_gone("link key", &end->secret, sizeof(end->secret));
	assert_gone("ss", &end->peer->ss, sizeof(end->peer->ss));
	assert_gone("cookie secret", end->endpoint->secrets.secret, 64);
	assert_session_gone(end->peer->current);
	assert_session_gone(end->peer->next);
	if (!end->peer->pending.session)
		return;
	assert_gone("ephemeral key", &end->peer->pending.ephemeral, 32);
	assert_gone("ck", end->peer->pending.noise.ck, NOISE_HASH);
	assert_gone("k", end->peer->pending.noise.k, 32);
}

/* Hands the message over; its answer is the next one. */
static void pass_on(enum lm_link_result want)
{
	struct end *to = message.to;

	residue_run(&residue, receive_call, NULL, NULL, 0);
	assert_string_equal(lm_link_result_name(received.result), lm_link_result_name(want));
	assert_end_gone(&a);
	assert_end_gone(&b);
	message.to = message.from;
	message.from = to;
	message.len = received.reply_len;
	memcpy(message.bytes, received.reply, message.len);
}

static void handshakes_leave_no_key(void **state)
{
	(void)state;
	meet(32, 32, LEN);
	message.from = &a;
	message.to = &b;
	residue_run(&residue, step_call, NULL, NULL, 0);
	assert_int_equal(message.len, INITIATION_LEN);
	assert_end_gone(&a);
	pass_on(LM_LINK_RESPONDED);
	pass_on(LM_LINK_ESTABLISHED);
	pass_on(LM_LINK_CONFIRMED);
	pass_on(LM_LINK_CONFIRMED);
	part();
}

/* ---- Frames ---- */

static struct lm_link_seal seal[LM_BURST];
static struct lm_link_open opened[LM_BURST];
static uint8_t buffer[LM_BURST][FRAME];
static unsigned n;

static void seal_call(void *argument)
{
	(void)argument;
	LM_ASSERT(lm_link_seal(worker_a, seal, n) == UINT64_MAX >> (64 - n));
}

static void open_call(void *argument)
{
	(void)argument;
	LM_ASSERT(lm_link_open(worker_b, opened, n) == UINT64_MAX >> (64 - n) >> 1);
}

static void check_burst(void)
{
	struct lm_link_session *session = lm_link_peer_sending(a.peer);

	for (unsigned i = 0; i < n; i++) {
		seal[i] = (struct lm_link_seal){.session = session,
						.lane = i % 32,
						.to = 5,
						.packet = buffer[i] + LM_LINK_HEADROOM};
		opened[i] = (struct lm_link_open){.frame = buffer[i], .len = FRAME};
	}
	residue_run(&residue, seal_call, NULL, worker_a, lm_link_worker_size());
	assert_session_gone(session);
	buffer[n - 1][FRAME - 1] ^= 1;
	residue_run(&residue, open_call, NULL, worker_b, lm_link_worker_size());
	assert_session_gone(session);
}

static void frames_leave_no_key(void **state)
{
	(void)state;
	for (unsigned i = 0; lm_symmetric_backend_name(i); i++) {
		const char *backend = lm_symmetric_backend_name(i);

		if (!lm_symmetric_backend_usable(i))
			continue;
		meet(32, 32, LEN);
		shake(&a, &b);
		worker_a =
			lm_link_worker_init(aligned(lm_link_worker_size()), a.table, backend, NULL);
		worker_b =
			lm_link_worker_init(aligned(lm_link_worker_size()), b.table, backend, NULL);
		assert_true(worker_a && worker_b);
		for (n = 1; n <= LM_BURST; n += 9)
			check_burst();
		free(worker_a);
		free(worker_b);
		part();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(handshakes_leave_no_key),
		cmocka_unit_test(frames_leave_no_key),
	};

	if (lm_base_init(NULL) != 0)
		return 1;
	return RUN_TESTS(tests);
}
