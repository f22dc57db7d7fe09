/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The exporter's HTTP server: GET and HEAD of a few fixed paths, from memory alone.
 *
 * Whoever can connect may be hostile. A connection serves one request and lives for
 * SERVER_LIMIT_US at most, or for SERVER_CROWDED_US where half of all places are taken; its memory
 * is bounded, and so the length of what it may ask. A request whose Host names neither an address,
 * localhost nor a configured name is refused: a page from elsewhere, whose name was bound to this
 * address, reads nothing.
 *
 *   /              the page; /page.css, /page.js and /icon.svg are its own
 *   /state.json    what is now      /history.json  the last minutes
 *   /metrics       for Prometheus
 *   /ready         200 if every relay is ready, else 503; /ready/NAME of one
 *   /alive         200 while the exporter is
 *
 * One thread: the caller polls server_fd and calls server_run when it is readable, or when
 * server_wait_us has passed.
 */
#pragma once

#include "exporter_config.h"
#include "forms.h"

#define SERVER_CONNECTIONS 64
#define SERVER_MEMORY      16384 /* bytes of a connection: its request and the answer's head */
#define SERVER_LIMIT_US    UINT64_C(5000000)
#define SERVER_CROWDED_US  UINT64_C(500000)

struct MHD_Daemon;

/* A connection that is open. */
struct server_guest {
	int fd; /* -1: no guest */
	uint64_t since_us;
	bool shown_out;
};

struct server {
	const struct exporter_config *config;
	const struct collect *relay;
	const struct history *history;
	struct MHD_Daemon *daemon;
	struct server_guest guest[SERVER_CONNECTIONS];
	uint64_t round; /* its number; and what is made once in it, when somebody asks */
	struct text metrics, state, history_text;
};

/* Listens; from now on config, relays and their histories are read. */
LM_MUST_CHECK int server_open(struct server *server, const struct exporter_config *config,
			      const struct collect *relay, const struct history *history,
			      struct lm_error *err);

/* The port that it listens at. */
unsigned server_port(const struct server *server);

int server_fd(const struct server *server);

/* In how long server_run must be called though nothing came; most_us at most. */
uint64_t server_wait_us(const struct server *server, uint64_t most_us);

void server_run(struct server *server, uint64_t now_us);

/* A round is over: what is shown is made anew. */
void server_refresh(struct server *server);

void server_close(struct server *server);

/* May a request with this Host header be answered? NULL: there was none. */
bool server_knows_host(const struct exporter_config *config, const char *host);
