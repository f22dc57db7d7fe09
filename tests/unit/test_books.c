/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * When books are believed, and when a sign of life is given.
 */
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "books.h"
#include "notify.h"
#include "testing.h"

/* Books of which one packet is missing: a counter that was forgotten. */
static struct books_look broken(uint64_t moves)
{
	return (struct books_look){.moves = moves, .total = {.received = 10, .sent = 6}, .held = 3};
}

static void books_that_do_not_close_are_seen_at_the_third_quiet_look(void **state)
{
	struct books_look look = broken(5);
	struct books books = {0};

	(void)state;
	assert_int_equal(books_see(&books, &look), 0);
	assert_int_equal(books_see(&books, &look), 0);
	assert_int_equal(books_see(&books, &look), 1);
	assert_int_equal(books_see(&books, &look), 1);
}

static void books_that_close_are_never_off(void **state)
{
	struct books_look look = broken(5);
	struct books books = {0};

	(void)state;
	look.held++;
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(books_see(&books, &look), 0);
}

static void nobody_judges_while_anything_moves(void **state)
{
	struct books books = {0};

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		struct books_look look = broken(i / 2); /* never three looks in a row */

		assert_int_equal(books_see(&books, &look), 0);
	}
}

static void nobody_judges_while_the_sink_delivers(void **state)
{
	struct books_look look = broken(5), busy = broken(5);
	struct books books = {0};

	(void)state;
	busy.moving = true;
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(books_see(&books, i % 3 == 2 ? &busy : &look), 0);
}

/* Looks at both sides of a move may see each half of it; the one in the middle is judged. */
static void the_look_in_the_middle_is_judged(void **state)
{
	struct books_look whole = broken(5), torn = broken(5);
	struct books books = {0};

	(void)state;
	whole.held++;
	assert_int_equal(books_see(&books, &torn), 0);
	assert_int_equal(books_see(&books, &whole), 0);
	assert_int_equal(books_see(&books, &torn), 0);
	assert_int_equal(books_see(&books, &whole), 1);
}

static void signs_of_life_need_every_lcore_to_move(void **state)
{
	struct notify notify = {.every_us = 1000};
	uint64_t rounds[3] = {5, 6, 7};

	(void)state;
	assert_true(notify_due(&notify, rounds, 3, 10000));
	for (unsigned i = 0; i < 3; i++)
		rounds[i]++;
	assert_false(notify_due(&notify, rounds, 3, 10999));
	assert_true(notify_due(&notify, rounds, 3, 11000));
	rounds[0]++;
	rounds[2]++;
	for (uint64_t now_us = 12000; now_us < 20000; now_us += 500)
		assert_false(notify_due(&notify, rounds, 3, now_us));
	rounds[1]++;
	assert_true(notify_due(&notify, rounds, 3, 20000));
}

static void without_a_watchdog_no_sign_is_due(void **state)
{
	struct notify notify;
	uint64_t rounds[1] = {1};

	(void)state;
	unsetenv("WATCHDOG_USEC");
	notify_init(&notify);
	assert_false(notify_due(&notify, rounds, 1, UINT64_MAX));
	setenv("WATCHDOG_USEC", "3000", 1);
	notify_init(&notify);
	assert_int_equal(notify.every_us, 1500);
	assert_true(notify_due(&notify, rounds, 1, 1));
	unsetenv("WATCHDOG_USEC");
}

static int manager; /* the service manager's socket */

static void told(const char *what)
{
	char text[512];
	ssize_t n = recv(manager, text, sizeof(text) - 1, MSG_DONTWAIT);

	assert_true(n > 0);
	text[n] = '\0';
	assert_non_null(strstr(text, what));
}

static void the_manager_is_told_each_state(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	(void)state;
	snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/linemix-notify-%d", getpid());
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(manager, (struct sockaddr *)&address, sizeof(address)), 0);
	setenv("NOTIFY_SOCKET", address.sun_path, 1);
	notify_ready("node %u", 7u);
	told("READY=1\nSTATUS=node 7");
	notify_reloading();
	told("RELOADING=1\nMONOTONIC_USEC=");
	notify_stopping("%s", "ends");
	told("STOPPING=1\nSTATUS=ends");
	notify_extend(5000);
	told("EXTEND_TIMEOUT_USEC=5000");
	notify_alive();
	told("WATCHDOG=1");
	setenv("WATCHDOG_USEC", "400000", 1);
	notify_waiting("waits to be listed");
	told("READY=1\nWATCHDOG_USEC=600000000\nSTATUS=waits to be listed");
	notify_ready("node %u", 7u);
	told("READY=1\nSTATUS=node 7");
	told("WATCHDOG_USEC=400000");
	unsetenv("WATCHDOG_USEC");
	unsetenv("NOTIFY_SOCKET");
	unlink(address.sun_path);
	close(manager);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(books_that_do_not_close_are_seen_at_the_third_quiet_look),
		cmocka_unit_test(books_that_close_are_never_off),
		cmocka_unit_test(nobody_judges_while_anything_moves),
		cmocka_unit_test(nobody_judges_while_the_sink_delivers),
		cmocka_unit_test(the_look_in_the_middle_is_judged),
		cmocka_unit_test(signs_of_life_need_every_lcore_to_move),
		cmocka_unit_test(without_a_watchdog_no_sign_is_due),
		cmocka_unit_test(the_manager_is_told_each_state),
	};

	return RUN_TESTS(tests);
}
