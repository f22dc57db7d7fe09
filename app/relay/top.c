/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See top.h. Signals and keys come through descriptors, so that the terminal is always left as it
 * was found.
 */
#include "top.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "top_draw.h"

#define ROUND_US 1000000

struct top {
	const struct top_options *options;
	struct collect relay[COLLECT_RELAYS];
	unsigned n, selected;
	bool live, keys; /* the output is a terminal; the input is one */
	bool stop;
	struct termios before;
	struct pollfd from[2]; /* signals, keys */
	char buffer[COLLECT_ANSWER];
};

/* ---- Which relays ---- */

static bool is_there(const struct top *top, const char *path)
{
	for (unsigned i = 0; i < top->n; i++) {
		if (strcmp(top->relay[i].path, path) == 0)
			return true;
	}
	return false;
}

static int add_named(struct top *top, struct lm_error *err)
{
	char own[COLLECT_PATH + 1];
	const char *folder = top->options->folder;

	collect_folder(own);
	folder = folder[0] ? folder : own;
	for (unsigned i = 0; i < top->options->prefixes; i++) {
		const char *prefix = top->options->prefix[i];
		struct collect *relay = &top->relay[i];
		int n;

		if (i == COLLECT_RELAYS)
			return lm_error_set(err, E2BIG, "--top: shows %d relays at most",
					    COLLECT_RELAYS);
		if (!collect_is_name(prefix))
			return lm_error_set(err, EINVAL, "--top: \"%s\" is no file prefix", prefix);
		n = snprintf(relay->path, sizeof(relay->path), "%s/%s/dpdk_telemetry.v2", folder,
			     prefix);
		if (n < 0 || (size_t)n >= sizeof(relay->path))
			return lm_error_set(err, ENAMETOOLONG, "--top: %s: path too long", folder);
		strcpy(relay->name, prefix);
		top->n++;
	}
	return 0;
}

/* Relays that have begun since the last look. */
static void add_new(struct top *top)
{
	static struct collect found[COLLECT_RELAYS];
	unsigned n = collect_find(found, top->options->folder, "linemix");

	for (unsigned i = 0; i < n && top->n < COLLECT_RELAYS; i++) {
		if (!is_there(top, found[i].path))
			top->relay[top->n++] = found[i];
	}
}

/* Of those that nobody named, sockets that have never answered as relays are left out. */
static unsigned shown(const struct top *top, const struct collect *list[COLLECT_RELAYS])
{
	unsigned n = 0;

	for (unsigned i = 0; i < top->n; i++) {
		if (top->options->prefixes > 0 || top->relay[i].good > 0)
			list[n++] = &top->relay[i];
	}
	return n;
}

/* ---- The terminal ---- */

static void enter(struct top *top)
{
	struct termios raw;

	top->live = isatty(STDOUT_FILENO);
	top->keys = top->live && isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &top->before) == 0;
	if (top->live)
		fputs("\033[?1049h\033[?25l", stdout);
	if (!top->keys)
		return;
	raw = top->before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}

static void leave(const struct top *top)
{
	if (top->keys)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &top->before);
	if (top->live)
		fputs("\033[?25h\033[?1049l", stdout);
	fflush(stdout);
}

static bool has_colour(void)
{
	const char *off = getenv("NO_COLOR"), *kind = getenv("TERM");

	return (!off || off[0] == '\0') && kind && strcmp(kind, "dumb") != 0;
}

static void show(struct top *top)
{
	const struct collect *list[COLLECT_RELAYS];
	struct winsize size = {0};
	struct screen screen = {.to = stdout, .width = 80, .height = 24, .colour = has_colour()};
	struct top_view view = {.relay = list, .wall_s = lm_clock_wall_us() / 1000000};

	view.n = shown(top, list);
	view.selected = top->selected = view.n > 0 ? top->selected % view.n : 0;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
		screen.width = size.ws_col;
		screen.height = size.ws_row;
	}
	top_draw(&screen, &view);
}

/* ---- The loop ---- */

static void take_signal(struct top *top)
{
	struct signalfd_siginfo info;

	while (read(top->from[0].fd, &info, sizeof(info)) == sizeof(info))
		top->stop |= info.ssi_signo != SIGWINCH;
	if (!top->stop)
		show(top);
}

static void take_key(struct top *top)
{
	char key;

	if (read(STDIN_FILENO, &key, 1) != 1) { /* the terminal is gone */
		top->from[1].fd = -1;
		return;
	}
	if (key == 'q' || key == 'Q')
		top->stop = true;
	if (key == '\t')
		top->selected++;
	if (!top->stop)
		show(top);
}

/* Until a time, or, if `round`, until every relay has answered or failed to. */
static void attend(struct top *top, uint64_t until_us, bool round)
{
	while (!top->stop && lm_clock_us() < until_us &&
	       !(round && collect_done(top->relay, top->n))) {
		collect_wait(top->relay, top->n, top->buffer, top->from, LM_COUNT(top->from),
			     until_us, round);
		if (top->from[0].revents != 0)
			take_signal(top);
		if (top->from[1].revents != 0)
			take_key(top);
	}
}

static void print_all(const struct top *top)
{
	const struct collect *list[COLLECT_RELAYS];
	unsigned n = shown(top, list);

	for (unsigned i = 0; i < n; i++)
		top_print(stdout, list[i]);
}

static void serve(struct top *top)
{
	if (!top->live)
		top_print_head(stdout);
	while (!top->stop && !ferror(stdout)) {
		uint64_t begun_us = lm_clock_us();

		if (top->options->prefixes == 0)
			add_new(top);
		collect_begin(top->relay, top->n, begun_us);
		attend(top, begun_us + COLLECT_ROUND_US, true);
		if (!top->stop && top->live)
			show(top);
		else if (!top->stop)
			print_all(top);
		attend(top, begun_us + ROUND_US, false);
	}
}

static int open_signals(struct lm_error *err)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH};
	sigset_t set;
	int fd;

	sigemptyset(&set);
	for (size_t i = 0; i < LM_COUNT(numbers); i++)
		sigaddset(&set, numbers[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return fd >= 0 ? fd : lm_error_set(err, errno, "signals: %s", strerror(errno));
}

int top_run(const struct top_options *options, struct lm_error *err)
{
	static struct top top;
	int fd = open_signals(err), rc;

	if (fd < 0)
		return fd;
	top.options = options;
	rc = add_named(&top, err);
	if (rc == 0) {
		enter(&top);
		top.from[0] = (struct pollfd){.fd = fd, .events = POLLIN};
		top.from[1] = (struct pollfd){.fd = top.keys ? STDIN_FILENO : -1, .events = POLLIN};
		serve(&top);
		leave(&top);
	}
	collect_end(top.relay, top.n);
	close(fd);
	return rc;
}
