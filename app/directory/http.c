/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See http.h. One handle for all endpoints: libcurl keeps a connection to each open.
 */
#include "http.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>

#define URL_LEN     384
#define HEADER_LEN  2048
#define CONNECT_MS  2000
#define FIRST_ROOM  4096
#define CONNECTIONS 16

struct http {
	const struct http_options *options;
	CURL *curl;
	char *body;
	size_t len, room, limit;
};

/* libcurl gives n bytes of the body; taking fewer ends the transfer. */
static size_t take(char *bytes, size_t one, size_t n, void *context)
{
	struct http *http = context;
	size_t room = http->room;
	char *body;

	(void)one;
	if (n > http->limit - http->len)
		return 0;
	while (room < http->len + n + 1)
		room *= 2;
	if (room > http->room) {
		body = realloc(http->body, room);
		if (!body)
			return 0;
		http->body = body;
		http->room = room;
	}
	memcpy(http->body + http->len, bytes, n);
	http->len += n;
	http->body[http->len] = '\0';
	return n;
}

static CURLcode set_text(CURL *curl, CURLoption option, const char *text)
{
	return text && text[0] != '\0' ? curl_easy_setopt(curl, option, text) : CURLE_OK;
}

static CURLcode set_options(struct http *http)
{
	const struct http_options *options = http->options;
	CURL *curl = http->curl;
	CURLcode rc = CURLE_OK;

#define SET(option, value) rc = rc != CURLE_OK ? rc : curl_easy_setopt(curl, (option), (value))
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	SET(CURLOPT_TIMEOUT_MS, (long)options->timeout_ms);
	SET(CURLOPT_MAXCONNECTS, (long)CONNECTIONS);
	SET(CURLOPT_WRITEFUNCTION, take);
	SET(CURLOPT_WRITEDATA, http);
#undef SET
	rc = rc != CURLE_OK ? rc : set_text(curl, CURLOPT_CAINFO, options->ca);
	rc = rc != CURLE_OK ? rc : set_text(curl, CURLOPT_SSLCERT, options->cert);
	return rc != CURLE_OK ? rc : set_text(curl, CURLOPT_SSLKEY, options->key);
}

int http_open(struct http **out, const struct http_options *options, struct lm_error *err)
{
	struct http *http = calloc(1, sizeof(*http));
	CURLcode rc;

	*out = NULL;
	if (!http)
		return lm_error_set(err, ENOMEM, "too little memory");
	http->options = options;
	http->room = FIRST_ROOM;
	http->body = malloc(FIRST_ROOM);
	if (!http->body) {
		free(http);
		return lm_error_set(err, ENOMEM, "too little memory");
	}
	rc = curl_global_init(CURL_GLOBAL_DEFAULT);
	http->curl = rc == CURLE_OK ? curl_easy_init() : NULL;
	if (http->curl)
		rc = set_options(http);
	if (!http->curl || rc != CURLE_OK) {
		http_close(http);
		return lm_error_set(err, EIO, "libcurl does not start: %s", curl_easy_strerror(rc));
	}
	*out = http;
	return 0;
}

void http_close(struct http *http)
{
	if (!http)
		return;
	curl_easy_cleanup(http->curl);
	free(http->body);
	free(http);
}

/* The headers of a request, for curl_slist_free_all; NULL without memory. */
static struct curl_slist *make_headers(const char *authorization)
{
	struct curl_slist *first = curl_slist_append(NULL, "Content-Type: application/json");
	struct curl_slist *all = first;
	char line[HEADER_LEN];

	/* no "Expect", for whose answer libcurl would wait */
	if (all)
		all = curl_slist_append(first, "Expect:");
	if (all && authorization) {
		snprintf(line, sizeof(line), "Authorization: %s", authorization);
		all = curl_slist_append(first, line);
		lm_wipe(line, sizeof(line));
	}
	if (!all)
		curl_slist_free_all(first);
	return all;
}

static CURLcode perform(struct http *http, const char *url, const char *body, size_t len,
			const struct curl_slist *headers)
{
	CURL *curl = http->curl;
	CURLcode rc = curl_easy_setopt(curl, CURLOPT_URL, url);

	if (rc == CURLE_OK)
		rc = curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	if (rc == CURLE_OK)
		rc = curl_easy_perform(curl);
	(void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, NULL);
	return rc;
}

int http_post(struct http_answer *answer, struct http *http, unsigned which, const char *path,
	      const char *body, size_t len, const char *authorization, size_t limit,
	      struct lm_error *err)
{
	const char *endpoint = http->options->endpoint[which];
	struct curl_slist *headers = make_headers(authorization);
	char url[URL_LEN];
	CURLcode rc;

	*answer = (struct http_answer){0};
	if (!headers)
		return lm_error_set(err, ENOMEM, "too little memory");
	snprintf(url, sizeof(url), "%s%s", endpoint, path);
	http->len = 0;
	http->limit = limit;
	http->body[0] = '\0';
	rc = perform(http, url, body, len, headers);
	curl_slist_free_all(headers);
	if (rc == CURLE_WRITE_ERROR)
		return lm_error_set(err, EIO, "%s: answers with more than %zu bytes", endpoint,
				    limit);
	if (rc != CURLE_OK)
		return lm_error_set(err, EIO, "%s: %s", endpoint, curl_easy_strerror(rc));
	(void)curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &answer->status);
	answer->body = http->body;
	answer->len = http->len;
	return 0;
}
