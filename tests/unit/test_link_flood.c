/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Floods of handshakes: cookies, limits, and how much public-key work a message can cause. X25519
 * is counted by standing in front of libsodium's.
 */
#include <dlfcn.h>
#include <sodium.h>

#include "link_testing.h"

#define LEN 1348

static unsigned x25519; /* multiplications so far */

/* What the library calls instead of libsodium's, which it hands on to. */
int crypto_scalarmult_curve25519(unsigned char *q, const unsigned char *n, const unsigned char *p)
{
	static int (*real)(unsigned char *, const unsigned char *, const unsigned char *);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "crypto_scalarmult_curve25519");
	x25519++;
	return real(q, n, p);
}

int crypto_scalarmult_curve25519_base(unsigned char *q, const unsigned char *n)
{
	static int (*real)(unsigned char *, const unsigned char *);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "crypto_scalarmult_curve25519_base");
	x25519++;
	return real(q, n);
}

static void assert_result(enum lm_link_result got, enum lm_link_result want)
{
	assert_string_equal(lm_link_result_name(got), lm_link_result_name(want));
}

static uint8_t initiation[LM_LINK_MESSAGE_MAX];

static void start(void)
{
	meet(32, 32, LEN);
	assert_int_equal(say(&a, initiation), INITIATION_LEN);
	x25519 = 0;
}

static void the_counter_counts(void **state)
{
	(void)state;
	start();
	assert_result(give(&a, &b, initiation, INITIATION_LEN, false), LM_LINK_RESPONDED);
	assert_int_equal(x25519, 4); /* es; then e, ee, se: ss was there before */
	part();
}

/* ---- Without load ---- */

static void garbage_costs_no_public_key_work(void **state)
{
	uint8_t message[LM_LINK_MESSAGE_MAX];

	(void)state;
	start();
	for (unsigned i = 0; i < 20000; i++) {
		static const size_t lengths[] = {0, INITIATION_LEN, RESPONSE_LEN, COOKIE_REPLY_LEN,
						 0, CONFIRM_LEN};
		uint32_t type = i % LM_COUNT(lengths);

		lm_rand(message, sizeof(message));
		lm_store_u32(message, type);
		give(&a, &b, message, lengths[type], i % 2);
		assert_true(received.result == LM_LINK_MALFORMED ||
			    received.result == LM_LINK_MAC1 ||
			    received.result == LM_LINK_UNEXPECTED);
		assert_int_equal(received.reply_len, 0);
	}
	assert_int_equal(x25519, 0);
	part();
}

/* A known responder key makes mac1, and costs one multiplication when there is no load. */
static void an_unknown_key_costs_one_multiplication(void **state)
{
	struct end stranger;
	size_t len;

	(void)state;
	start();
	end_init(&stranger, SESSIONS, 32, LEN);
	end_meet(&stranger, &b, 33, true, 0);
	len = say(&stranger, initiation);
	x25519 = 0;
	assert_result(give(&stranger, &b, initiation, len, false), LM_LINK_REFUSED);
	assert_int_equal(x25519, 1);
	end_free(&stranger);
	part();
}

/* ---- Under load ---- */

static void under_load_nothing_is_computed_before_the_cookie_comes_back(void **state)
{
	(void)state;
	start();
	for (unsigned i = 0; i < 1000; i++) {
		assert_result(give(&a, &b, initiation, INITIATION_LEN, true), LM_LINK_COOKIE_SENT);
		assert_int_equal(received.reply_len, COOKIE_REPLY_LEN);
		assert_true(received.reply_len < INITIATION_LEN); /* amplifies nothing */
	}
	assert_int_equal(x25519, 0);
	assert_int_equal(lm_link_table_free(b.table), SESSIONS);
	assert_result(answer(&b, &a, true), LM_LINK_COOKIE);
	assert_int_equal(x25519, 0);
	assert_int_equal(lm_link_peer_next_us(a.peer), now_us); /* at once again */
	assert_int_equal(say(&a, initiation), INITIATION_LEN);
	assert_result(give(&a, &b, initiation, INITIATION_LEN, true), LM_LINK_RESPONDED);
	part();
}

/* The initiator is under load too, and the response has to come back with a cookie as well. */
static void responses_need_a_cookie_too(void **state)
{
	uint8_t message[LM_LINK_MESSAGE_MAX];

	(void)state;
	start();
	assert_result(give(&a, &b, initiation, INITIATION_LEN, false), LM_LINK_RESPONDED);
	x25519 = 0;
	assert_result(answer(&b, &a, true), LM_LINK_COOKIE_SENT);
	assert_int_equal(x25519, 0);
	assert_result(answer(&a, &b, false), LM_LINK_COOKIE);
	pass_us(2000000);
	assert_int_equal(say(&a, message), INITIATION_LEN);
	assert_result(give(&a, &b, message, INITIATION_LEN, false), LM_LINK_RESPONDED);
	assert_result(answer(&b, &a, true), LM_LINK_ESTABLISHED);
	part();
}

/* Gets `a` a cookie from `b`, and its next initiation. */
static void with_cookie(void)
{
	assert_result(give(&a, &b, initiation, INITIATION_LEN, true), LM_LINK_COOKIE_SENT);
	assert_result(answer(&b, &a, false), LM_LINK_COOKIE);
	assert_int_equal(say(&a, initiation), INITIATION_LEN);
}

static void a_cookie_proves_one_address_and_port(void **state)
{
	(void)state;
	start();
	with_cookie();
	x25519 = 0;
	a.source.port ^= 1;
	assert_result(give(&a, &b, initiation, INITIATION_LEN, true), LM_LINK_COOKIE_SENT);
	a.source.port ^= 1;
	for (unsigned i = 0; i < 16; i++) {
		a.source.address[i] ^= 1;
		assert_result(give(&a, &b, initiation, INITIATION_LEN, true), LM_LINK_COOKIE_SENT);
		a.source.address[i] ^= 1;
	}
	assert_int_equal(x25519, 0);
	assert_result(give(&a, &b, initiation, INITIATION_LEN, true), LM_LINK_RESPONDED);
	part();
}

/* Every byte under mac2 counts. */
static void mac2_covers_the_whole_message(void **state)
{
	(void)state;
	start();
	with_cookie();
	for (unsigned at = 0; at < INITIATION_LEN; at++) {
		initiation[at] ^= 1;
		give(&a, &b, initiation, INITIATION_LEN, true);
		assert_true(received.result < LM_LINK_FORGED);
		initiation[at] ^= 1;
	}
	part();
}

/* Good for at least the period in which it was made, and for no more than two. */
static void cookies_die_with_their_secret(void **state)
{
	static const struct {
		uint64_t made_us, used_us;
		bool good;
	} times[] = {
		{0, 100, true},  {100, 119, true},  {119, 121, true}, {119, 239, true},
		{1, 241, false}, {119, 241, false}, {0, 1000, false},
	};

	(void)state;
	for (unsigned i = 0; i < LM_COUNT(times); i++) {
		start();
		pass_us(times[i].made_us * 1000000);
		with_cookie();
		pass_us((times[i].used_us - times[i].made_us) * 1000000);
		assert_result(give(&a, &b, initiation, INITIATION_LEN, true),
			      times[i].good ? LM_LINK_RESPONDED : LM_LINK_COOKIE_SENT);
		part();
	}
}

/* Who has a cookie stops using it in time. */
static void an_old_cookie_is_not_sent(void **state)
{
	(void)state;
	start();
	with_cookie();
	assert_false(lm_is_zero(initiation + INITIATION_LEN - MAC_LEN, MAC_LEN));
	pass_us(COOKIE_USABLE_US);
	assert_int_equal(say(&a, initiation), INITIATION_LEN);
	assert_true(lm_is_zero(initiation + INITIATION_LEN - MAC_LEN, MAC_LEN));
	part();
}

static void forged_cookies_are_refused(void **state)
{
	uint8_t reply[COOKIE_REPLY_LEN];

	(void)state;
	start();
	assert_result(give(&a, &b, initiation, INITIATION_LEN, true), LM_LINK_COOKIE_SENT);
	memcpy(reply, received.reply, sizeof(reply));
	for (unsigned at = 0; at < sizeof(reply); at++) {
		reply[at] ^= 1;
		give(&b, &a, reply, sizeof(reply), false);
		assert_true(received.result < LM_LINK_RESPONDED);
		reply[at] ^= 1;
	}
	assert_int_equal(a.peer->jar.usable_until_us, 0);
	assert_result(give(&b, &a, reply, sizeof(reply), false), LM_LINK_COOKIE);
	assert_result(give(&b, &a, reply, sizeof(reply), false), LM_LINK_UNEXPECTED);
	part();
}

/* A cookie that answers an earlier message: its mac1 is another. */
static void a_cookie_for_an_older_message_is_refused(void **state)
{
	uint8_t reply[COOKIE_REPLY_LEN];

	(void)state;
	start();
	assert_result(give(&a, &b, initiation, INITIATION_LEN, true), LM_LINK_COOKIE_SENT);
	memcpy(reply, received.reply, sizeof(reply));
	pass_us(2000000);
	say(&a, initiation);
	assert_result(give(&b, &a, reply, sizeof(reply), false), LM_LINK_FORGED);
	part();
}

/* ---- Limits ---- */

static struct lm_link_source ipv4(uint8_t last)
{
	return (struct lm_link_source){
		.address = {[10] = 0xff, [11] = 0xff, [12] = 192, [13] = 0, [14] = 2, [15] = last},
		.port = 4000,
	};
}

static unsigned takes(struct lm_link_limit *limit, const struct lm_link_source *source, unsigned n)
{
	unsigned taken = 0;

	for (unsigned i = 0; i < n; i++)
		taken += lm_link_limit_take(limit, source, now_us);
	return taken;
}

static void a_source_gets_its_rate_and_its_burst(void **state)
{
	static struct lm_link_limit limit;
	struct lm_link_source source = ipv4(1);
	unsigned taken = 0;

	(void)state;
	lm_link_limit_init(&limit);
	now_us = 0;
	assert_int_equal(takes(&limit, &source, 100), LIMIT_TOKENS);
	now_us = LIMIT_PERIOD_US;
	assert_int_equal(takes(&limit, &source, 100), 1);
	now_us = LIMIT_PERIOD_US * 1000;
	assert_int_equal(takes(&limit, &source, 100), LIMIT_TOKENS);
	for (unsigned i = 0; i < 10000; i++) {
		now_us += 1000;
		taken += takes(&limit, &source, 1);
	}
	assert_in_range(taken, 199, 201);
}

static void prefixes_are_limited_apart_and_as_a_whole(void **state)
{
	static struct lm_link_limit limit;
	struct lm_link_source source = {.address = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 7}};
	unsigned taken = 0;

	(void)state;
	lm_link_limit_init(&limit);
	now_us = 0;
	for (unsigned i = 0; i < 100; i++) { /* one network of IPv6 */
		source.address[8 + i % 8] = (uint8_t)i;
		source.port = (uint16_t)i;
		taken += takes(&limit, &source, 1);
	}
	assert_int_equal(taken, LIMIT_TOKENS);
	taken = 0;
	for (unsigned i = 0; i < 100; i++) { /* neighbours in one network of IPv4 */
		source = ipv4((uint8_t)i);
		taken += takes(&limit, &source, 10) == LIMIT_TOKENS;
	}
	assert_true(taken >= 95); /* but for a shared bucket or two */
}

static void under_load_a_proved_source_is_limited_too(void **state)
{
	unsigned passed = 0;

	(void)state;
	start();
	with_cookie();
	for (unsigned i = 0; i < 50; i++) {
		give(&a, &b, initiation, INITIATION_LEN, true);
		passed += received.result != LM_LINK_LIMITED;
	}
	assert_int_equal(passed, LIMIT_TOKENS);
	assert_true(x25519 <= 4 + LIMIT_TOKENS - 1 + 2);
	part();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_counter_counts),
		cmocka_unit_test(garbage_costs_no_public_key_work),
		cmocka_unit_test(an_unknown_key_costs_one_multiplication),
		cmocka_unit_test(under_load_nothing_is_computed_before_the_cookie_comes_back),
		cmocka_unit_test(responses_need_a_cookie_too),
		cmocka_unit_test(a_cookie_proves_one_address_and_port),
		cmocka_unit_test(mac2_covers_the_whole_message),
		cmocka_unit_test(cookies_die_with_their_secret),
		cmocka_unit_test(an_old_cookie_is_not_sent),
		cmocka_unit_test(forged_cookies_are_refused),
		cmocka_unit_test(a_cookie_for_an_older_message_is_refused),
		cmocka_unit_test(a_source_gets_its_rate_and_its_burst),
		cmocka_unit_test(prefixes_are_limited_apart_and_as_a_whole),
		cmocka_unit_test(under_load_a_proved_source_is_limited_too),
	};

	if (lm_base_init(NULL) != 0)
		return 1;
	testing_rand_seed(1517);
	return RUN_TESTS(tests);
}
