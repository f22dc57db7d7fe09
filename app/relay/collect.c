/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See collect.h. A relay's round is a chain of question and answer on a non-blocking socket, which
 * its events drive.
 */
#include "collect.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- A relay ---- */

static void hang_up(struct collect *relay)
{
	if (relay->state != COLLECT_CLOSED)
		close(relay->fd);
	relay->state = COLLECT_CLOSED;
}

static void fail(struct collect *relay)
{
	hang_up(relay);
	relay->up = false;
	relay->rounds = 0;
	relay->bad++;
}

static void ask(struct collect *relay, enum reading_command command)
{
	const char *text = reading_command_name[command];

	relay->command = command;
	relay->state = COLLECT_ASKED;
	if (send(relay->fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text))
		return;
	(void)lm_error_set(&relay->why, errno, "has gone: %s", strerror(errno));
	fail(relay);
}

static void call(struct collect *relay)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	memcpy(address.sun_path, relay->path, sizeof(relay->path));
	relay->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (relay->fd >= 0)
		relay->state = COLLECT_GREETED;
	if (relay->fd >= 0 &&
	    connect(relay->fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return;
	(void)lm_error_set(&relay->why, errno, "%s: %s", relay->path, strerror(errno));
	fail(relay);
}

static void end_round(struct collect *relay, uint64_t now_us)
{
	relay->state = COLLECT_RESTS;
	relay->before = relay->now;
	relay->now = relay->next;
	relay->rounds += relay->rounds < 2;
	relay->up = true;
	relay->good++;
	relay->read_us = now_us;
	relay->took_us = now_us - relay->asked_us;
}

static void take(struct collect *relay, const char *text, size_t len, uint64_t now_us)
{
	int rc;

	if (relay->state == COLLECT_GREETED) {
		rc = reading_greet(&relay->next, text, len, &relay->why);
		relay->pid = relay->next.pid;
		memcpy(relay->dpdk, relay->next.dpdk, sizeof(relay->dpdk));
	} else {
		rc = reading_take(&relay->next, relay->command, text, len, &relay->why);
	}
	if (rc != 0)
		fail(relay);
	else if (relay->state == COLLECT_GREETED)
		ask(relay, 0);
	else if (relay->command + 1 < READING_COMMANDS)
		ask(relay, relay->command + 1);
	else
		end_round(relay, now_us);
}

static void attend(struct collect *relay, char *buffer, uint64_t now_us)
{
	ssize_t n = recv(relay->fd, buffer, COLLECT_ANSWER, MSG_TRUNC);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0 && n <= COLLECT_ANSWER) {
		take(relay, buffer, (size_t)n, now_us);
		return;
	}
	(void)lm_error_set(&relay->why, EPIPE, n > 0 ? "says too much at once" : "has gone");
	fail(relay);
}

/* ---- All of them ---- */

static bool is_awaited(const struct collect *relay)
{
	return relay->state == COLLECT_GREETED || relay->state == COLLECT_ASKED;
}

bool collect_done(const struct collect *relay, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (is_awaited(&relay[i]))
			return false;
	}
	return true;
}

void collect_begin(struct collect *relay, unsigned n, uint64_t now_us)
{
	for (unsigned i = 0; i < n; i++) {
		struct collect *one = &relay[i];

		if (is_awaited(one))
			continue;
		one->next = (struct reading){.pid = one->pid};
		memcpy(one->next.dpdk, one->dpdk, sizeof(one->dpdk));
		one->asked_us = now_us;
		if (one->state == COLLECT_CLOSED)
			call(one);
		else
			ask(one, 0);
	}
}

/* Gives up those that were asked too long ago; the time until the next one is, or until_us. */
static uint64_t expire(struct collect *relay, unsigned n, uint64_t now_us, uint64_t until_us)
{
	for (unsigned i = 0; i < n; i++) {
		uint64_t limit_us = relay[i].asked_us + COLLECT_LIMIT_US;

		if (!is_awaited(&relay[i]))
			continue;
		if (now_us >= limit_us) {
			(void)lm_error_set(&relay[i].why, ETIMEDOUT, "does not answer in time");
			fail(&relay[i]);
			continue;
		}
		until_us = limit_us < until_us ? limit_us : until_us;
	}
	return until_us;
}

/* Waits once. True if one of the others has something. */
static bool wait_once(struct collect *relay, unsigned n, char *buffer, struct pollfd *other,
		      unsigned others, uint64_t until_us)
{
	struct pollfd all[COLLECT_RELAYS + COLLECT_OTHERS];
	uint64_t now_us = lm_clock_us();
	int wait_ms = until_us > now_us ? (int)((until_us - now_us) / 1000 + 1) : 0;
	bool theirs = false;

	memcpy(all, other, others * sizeof(*other));
	for (unsigned i = 0; i < n; i++)
		all[others + i] = (struct pollfd){.fd = is_awaited(&relay[i]) ? relay[i].fd : -1,
						  .events = POLLIN};
	if (poll(all, others + n, wait_ms) < 0)
		return true; /* a signal: the caller looks */
	for (unsigned i = 0; i < others; i++) {
		other[i].revents = all[i].revents;
		theirs |= all[i].revents != 0;
	}
	now_us = lm_clock_us();
	for (unsigned i = 0; i < n; i++) {
		if (all[others + i].revents != 0)
			attend(&relay[i], buffer, now_us);
	}
	return theirs;
}

void collect_wait(struct collect *relay, unsigned n, char *buffer, struct pollfd *other,
		  unsigned others, uint64_t until_us, bool all)
{
	uint64_t now_us = lm_clock_us();

	LM_ASSERT(n <= COLLECT_RELAYS && others <= COLLECT_OTHERS);
	for (unsigned i = 0; i < others; i++)
		other[i].revents = 0;
	do {
		uint64_t next_us = expire(relay, n, now_us, until_us);

		if (all && collect_done(relay, n))
			return;
		if (wait_once(relay, n, buffer, other, others, next_us))
			return;
		now_us = lm_clock_us();
	} while (now_us < until_us);
}

void collect_end(struct collect *relay, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		hang_up(&relay[i]);
}

/* ---- Where sockets are ---- */

void collect_folder(char out[COLLECT_PATH + 1])
{
	const char *base = getenv("RUNTIME_DIRECTORY");

	if (!base || base[0] == '\0')
		base = getuid() == 0 ? "/var/run" : getenv("XDG_RUNTIME_DIR");
	snprintf(out, COLLECT_PATH + 1, "%s/dpdk", base ? base : "/tmp");
}

bool collect_is_name(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_-.";
	size_t len = strlen(name);

	return len > 0 && len <= COLLECT_NAME && strspn(name, allowed) == len;
}

unsigned collect_find(struct collect relay[COLLECT_RELAYS], const char *folder, const char *prefix)
{
	char own[COLLECT_PATH + 1], pattern[2 * COLLECT_PATH];
	unsigned n = 0;
	glob_t found;

	if (folder[0] == '\0') {
		collect_folder(own);
		folder = own;
	}
	snprintf(pattern, sizeof(pattern), "%s/%s*/dpdk_telemetry.v2", folder, prefix);
	if (glob(pattern, 0, NULL, &found) != 0)
		return 0;
	for (size_t i = 0; i < found.gl_pathc && n < COLLECT_RELAYS; i++) {
		const char *path = found.gl_pathv[i], *end = strrchr(path, '/');
		const char *name = memrchr(path, '/', (size_t)(end - path));
		size_t len = (size_t)(end - name - 1);

		if (strlen(path) > COLLECT_PATH || len > COLLECT_NAME)
			continue;
		relay[n] = (struct collect){0};
		memcpy(relay[n].name, name + 1, len);
		if (!collect_is_name(relay[n].name))
			continue;
		strcpy(relay[n].path, path);
		n++;
	}
	globfree(&found);
	return n;
}
