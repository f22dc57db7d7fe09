/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See server.h. libmicrohttpd ends connections that are idle; one that trickles bytes never is, so
 * each has a limit of its own: at the end its socket is shut down, which the library then sees.
 */
#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <strings.h>
#include <sys/socket.h>

#include "pages.h"

static const char policy[] =
	"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/* ---- Guests ---- */

static struct server_guest *find_guest(struct server *server, int fd)
{
	for (unsigned i = 0; i < SERVER_CONNECTIONS; i++) {
		if (server->guest[i].fd == fd)
			return &server->guest[i];
	}
	return NULL;
}

static void on_connection(void *context, struct MHD_Connection *connection, void **socket_context,
			  enum MHD_ConnectionNotificationCode code)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct server *server = context;
	struct server_guest *guest;

	(void)socket_context;
	guest = find_guest(server, code == MHD_CONNECTION_NOTIFY_STARTED ? -1 : info->connect_fd);
	if (!guest)
		return;
	*guest = (struct server_guest){.fd = -1};
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		*guest = (struct server_guest){.fd = info->connect_fd, .since_us = lm_clock_us()};
}

/* How long a guest may stay now. */
static uint64_t limit_us(const struct server *server)
{
	unsigned n = 0;

	for (unsigned i = 0; i < SERVER_CONNECTIONS; i++)
		n += server->guest[i].fd >= 0;
	return n > SERVER_CONNECTIONS / 2 ? SERVER_CROWDED_US : SERVER_LIMIT_US;
}

static void show_out(struct server *server, uint64_t now_us)
{
	uint64_t limit = limit_us(server);

	for (unsigned i = 0; i < SERVER_CONNECTIONS; i++) {
		struct server_guest *guest = &server->guest[i];

		if (guest->fd < 0 || guest->shown_out || now_us < guest->since_us + limit)
			continue;
		(void)shutdown(guest->fd, SHUT_RDWR);
		guest->shown_out = true;
	}
}

/* ---- Host ---- */

/* The name without a port; false if it is too long or has anything behind it. */
static bool cut_port(char name[EXPORTER_HOST + 1], const char *host)
{
	const char *end = host[0] == '[' ? strchr(host, ']') : strchrnul(host, ':');
	const char *port = end && host[0] == '[' ? end + 1 : end;
	size_t len;

	if (!end || (*port != '\0' && *port != ':'))
		return false;
	if (*port == ':' && port[1 + strspn(port + 1, "0123456789")] != '\0')
		return false;
	host += host[0] == '[';
	len = (size_t)(end - host);
	if (len == 0 || len > EXPORTER_HOST)
		return false;
	memcpy(name, host, len);
	name[len] = '\0';
	return true;
}

bool server_knows_host(const struct exporter_config *config, const char *host)
{
	char name[EXPORTER_HOST + 1];
	struct in6_addr address;

	if (!host || !cut_port(name, host))
		return false;
	if (host[0] == '[')
		return inet_pton(AF_INET6, name, &address) == 1;
	if (inet_pton(AF_INET, name, &address) == 1 || strcasecmp(name, "localhost") == 0)
		return true;
	for (unsigned i = 0; i < config->listen.hosts; i++) {
		if (strcasecmp(name, config->listen.host[i]) == 0)
			return true;
	}
	return false;
}

/* ---- Answers ---- */

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type,
			      const void *bytes, size_t len, enum MHD_ResponseMemoryMode memory)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(len, (void *)(uintptr_t)bytes, memory);
	enum MHD_Result rc;

	if (!response)
		return MHD_NO;
	(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	(void)MHD_add_response_header(response, "Content-Security-Policy", policy);
	(void)MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	(void)MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
	(void)MHD_add_response_header(response, "Cross-Origin-Resource-Policy", "same-origin");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		(void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	rc = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return rc;
}

static enum MHD_Result say(struct MHD_Connection *connection, unsigned status, const char *words)
{
	return answer(connection, status, "text/plain; charset=utf-8", words, strlen(words),
		      MHD_RESPMEM_MUST_COPY);
}

static enum MHD_Result give(struct MHD_Connection *connection, const struct text *text,
			    const char *type)
{
	if (text->failed || text->len == 0)
		return say(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "too little memory\n");
	return answer(connection, MHD_HTTP_OK, type, text->bytes, text->len, MHD_RESPMEM_MUST_COPY);
}

static enum MHD_Result give_metrics(struct server *server, struct MHD_Connection *connection)
{
	if (server->metrics.len == 0)
		form_metrics(&server->metrics, server->relay, server->config->relays);
	return give(connection, &server->metrics, "text/plain; version=0.0.4; charset=utf-8");
}

static enum MHD_Result give_state(struct server *server, struct MHD_Connection *connection)
{
	if (server->state.len == 0)
		form_state(&server->state, server->relay, server->config->relays,
			   (unsigned)server->config->interval_s, lm_clock_wall_us() / 1000000,
			   server->round);
	return give(connection, &server->state, "application/json");
}

static enum MHD_Result give_history(struct server *server, struct MHD_Connection *connection)
{
	if (server->history_text.len == 0)
		form_history(&server->history_text, server->relay, server->history,
			     server->config->relays, (unsigned)server->config->interval_s);
	return give(connection, &server->history_text, "application/json");
}

static enum MHD_Result give_ready(struct server *server, struct MHD_Connection *connection,
				  const char *name)
{
	switch (form_ready(server->relay, server->config->relays, name)) {
	case 1:
		return say(connection, MHD_HTTP_OK, "ready\n");
	case 0:
		return say(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "not ready\n");
	default:
		return say(connection, MHD_HTTP_NOT_FOUND, "no relay of that name\n");
	}
}

static enum MHD_Result route(struct server *server, struct MHD_Connection *connection,
			     const char *path)
{
	for (unsigned i = 0; i < pages_n; i++) {
		if (strcmp(path, pages[i].path) == 0)
			return answer(connection, MHD_HTTP_OK, pages[i].type, pages[i].bytes,
				      pages[i].len, MHD_RESPMEM_PERSISTENT);
	}
	if (strcmp(path, "/metrics") == 0)
		return give_metrics(server, connection);
	if (strcmp(path, "/state.json") == 0)
		return give_state(server, connection);
	if (strcmp(path, "/history.json") == 0)
		return give_history(server, connection);
	if (strcmp(path, "/alive") == 0)
		return say(connection, MHD_HTTP_OK, "alive\n");
	if (strcmp(path, "/ready") == 0)
		return give_ready(server, connection, "");
	if (strncmp(path, "/ready/", 7) == 0 && path[7] != '\0')
		return give_ready(server, connection, path + 7);
	return say(connection, MHD_HTTP_NOT_FOUND,
		   "there are /, /metrics, /ready, /ready/NAME, /alive, /state.json and "
		   "/history.json\n");
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
				  const char *path, const char *method, const char *version,
				  const char *upload, size_t *upload_len, void **request_context)
{
	struct server *server = context;

	(void)version;
	(void)upload;
	/* a body that comes is not read: the connection ends with the answer */
	*upload_len = 0;
	(void)request_context;
	if (!server_knows_host(server->config,
			       MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
							   MHD_HTTP_HEADER_HOST)))
		return say(connection, MHD_HTTP_FORBIDDEN,
			   "called by a name that is not in listen.hosts\n");
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return say(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET and HEAD only\n");
	return route(server, connection, path);
}

/* ---- The server ---- */

/* What the library has to say is about hostile clients. */
static void ignore(void *context, const char *format, va_list arguments)
{
	(void)context;
	(void)format;
	(void)arguments;
}

int server_open(struct server *server, const struct exporter_config *config,
		const struct collect *relay, const struct history *history, struct lm_error *err)
{
	*server = (struct server){.config = config, .relay = relay, .history = history};
	for (unsigned i = 0; i < SERVER_CONNECTIONS; i++)
		server->guest[i].fd = -1;
	errno = 0;
	server->daemon = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_USE_SUPPRESS_DATE_NO_CLOCK | MHD_USE_ERROR_LOG |
			(config->listen.at.ss_family == AF_INET6 ? MHD_USE_IPv6 : 0),
		0, NULL, NULL, on_request, server, MHD_OPTION_EXTERNAL_LOGGER, ignore, NULL,
		MHD_OPTION_SOCK_ADDR, (const struct sockaddr *)&config->listen.at,
		MHD_OPTION_CONNECTION_LIMIT, SERVER_CONNECTIONS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)SERVER_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned)(SERVER_LIMIT_US / 1000000), MHD_OPTION_NOTIFY_CONNECTION, on_connection,
		server, MHD_OPTION_END);
	if (server->daemon)
		return 0;
	return lm_error_set(err, errno ? errno : EIO,
			    "cannot listen at %s port %u: %s; see `ss -ltnp` for who does, or "
			    "change listen.address and listen.port",
			    config->listen.address, (unsigned)config->listen.port,
			    errno ? strerror(errno) : "libmicrohttpd does not start");
}

unsigned server_port(const struct server *server)
{
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT);

	return info ? info->port : 0;
}

int server_fd(const struct server *server)
{
	return MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

uint64_t server_wait_us(const struct server *server, uint64_t most_us)
{
	MHD_UNSIGNED_LONG_LONG wait_ms;
	uint64_t limit = most_us;

	if (MHD_get_timeout(server->daemon, &wait_ms) == MHD_YES && wait_ms * 1000 < limit)
		limit = wait_ms * 1000;
	for (unsigned i = 0; i < SERVER_CONNECTIONS; i++) {
		if (server->guest[i].fd >= 0 && limit > SERVER_CROWDED_US / 2)
			limit = SERVER_CROWDED_US / 2;
	}
	return limit;
}

void server_run(struct server *server, uint64_t now_us)
{
	show_out(server, now_us);
	(void)MHD_run(server->daemon);
}

void server_refresh(struct server *server)
{
	server->round++;
	text_free(&server->metrics);
	text_free(&server->state);
	text_free(&server->history_text);
}

void server_close(struct server *server)
{
	if (server->daemon)
		MHD_stop_daemon(server->daemon);
	server->daemon = NULL;
	server_refresh(server);
}
