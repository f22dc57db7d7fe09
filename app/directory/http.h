/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests over HTTP to a few endpoints that serve the same, of which any may be dead, slow or
 * hostile. Each answer has a limit in bytes and in time; redirects, proxies and other protocols are
 * not followed. With https the server's certificate is always verified.
 *
 * One thread. The agent alone uses this: what runs here holds no key of the network.
 */
#pragma once

#include "lm_base.h"

#define HTTP_ENDPOINTS 8

struct http_options {
	unsigned endpoints;
	const char *endpoint[HTTP_ENDPOINTS]; /* "https://host:port" without a path */
	const char *ca, *cert, *key;          /* PEM files; "": the system's CAs, no certificate */
	unsigned timeout_ms;                  /* for one answer, whole */
};

struct http_answer {
	long status;
	char *body; /* ends with a NUL behind its bytes; the next request takes it back */
	size_t len;
};

struct http;

/* The options' texts must stay. -errno and a message; *http is for http_close. */
LM_MUST_CHECK int http_open(struct http **http, const struct http_options *options,
			    struct lm_error *err);
void http_close(struct http *http); /* NULL is allowed */

/*
 * Sends a POST to endpoint `which` and waits for the answer, whatever its status. `authorization`
 * is the value of that header, or NULL. -EIO and a message that names the endpoint if there is no
 * answer in time, or one of more than `limit` bytes.
 */
LM_MUST_CHECK int http_post(struct http_answer *answer, struct http *http, unsigned which,
			    const char *path, const char *body, size_t len,
			    const char *authorization, size_t limit, struct lm_error *err);
