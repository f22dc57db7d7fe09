/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See etcd.h.
 */
#include "etcd.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>

#include "etcd_answer.h"

#define BASE64      sodium_base64_VARIANT_ORIGINAL
#define TOKEN_LEN   1024
#define SMALL       (64u << 10) /* bytes of an answer without values, at most */
#define LARGEST     (9u << 18)  /* bytes of a value as large as etcd has, in base64 */
#define LEFT_OUT_US 5000000     /* after a failure */

/* gRPC's codes that mean something here */
enum { CODE_INVALID = 3, CODE_NOT_FOUND = 5, CODE_DENIED = 7, CODE_RANGE = 11, CODE_LOGIN = 16 };

struct etcd {
	const struct etcd_options *options;
	struct http *http;
	unsigned turn;
	uint64_t failed_until_us[HTTP_ENDPOINTS];
	char token[TOKEN_LEN + 1]; /* "": none yet */
};

int etcd_open(struct etcd **out, const struct etcd_options *options, struct lm_error *err)
{
	struct etcd *etcd = calloc(1, sizeof(*etcd));
	int rc;

	*out = NULL;
	if (!etcd)
		return lm_error_set(err, ENOMEM, "too little memory");
	etcd->options = options;
	rc = http_open(&etcd->http, &options->http, err);
	if (rc == 0)
		*out = etcd;
	else
		free(etcd);
	return rc;
}

void etcd_close(struct etcd *etcd)
{
	if (!etcd)
		return;
	http_close(etcd->http);
	lm_wipe(etcd->token, sizeof(etcd->token));
	free(etcd);
}

void etcd_turn(struct etcd *etcd)
{
	etcd->turn = (etcd->turn + 1) % etcd->options->http.endpoints;
}

/* ---- One request ---- */

/* What to send and how much may come back; `body` is a reference of the request's. */
struct request {
	const char *path;
	json_t *body;
	size_t limit;
};

/* What an answer of another status than 200 means. */
static int explain(struct etcd *etcd, unsigned which, const struct http_answer *answer,
		   struct lm_error *err)
{
	json_t *json = answer_parse(answer->body, answer->len);
	char text[128];
	int number, code;

	answer_error(text, &number, json);
	json_decref(json);
	code = number == CODE_RANGE                             ? ESTALE
	       : number == CODE_NOT_FOUND                       ? ENOENT
	       : number == CODE_DENIED                          ? EACCES
	       : number == CODE_LOGIN || number == CODE_INVALID ? EPERM
								: EIO;
	return lm_error_set(err, code, "%s: status %ld: %s", etcd->options->http.endpoint[which],
			    answer->status, text);
}

/* One request to one endpoint. *answer is for json_decref. -EPERM: a new token may help. */
static int ask(json_t **answer, struct etcd *etcd, unsigned which, const struct request *request,
	       const char *token, struct lm_error *err)
{
	char *text = json_dumps(request->body, JSON_COMPACT);
	struct http_answer got;
	int rc;

	*answer = NULL;
	if (!text)
		return lm_error_set(err, ENOMEM, "too little memory");
	rc = http_post(&got, etcd->http, which, request->path, text, strlen(text), token,
		       request->limit, err);
	lm_wipe(text, strlen(text)); /* it may have held a password */
	free(text);
	if (rc == 0 && got.status != 200)
		return explain(etcd, which, &got, err);
	if (rc != 0)
		return rc;
	*answer = answer_parse(got.body, got.len);
	if (!*answer)
		return lm_error_set(err, EIO, "%s: answers with what is no JSON",
				    etcd->options->http.endpoint[which]);
	return 0;
}

/* ---- The token ---- */

static bool is_token(const char *text)
{
	size_t len = text ? strlen(text) : 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] <= ' ' || text[i] > '~')
			return false;
	}
	return len > 0 && len <= TOKEN_LEN;
}

static int log_in(struct etcd *etcd, unsigned which, struct lm_error *err)
{
	const struct etcd_options *options = etcd->options;
	struct request request = {
		.path = "/v3/auth/authenticate",
		.body = json_pack("{s:s, s:s}", "name", options->user, "password",
				  options->password),
		.limit = SMALL,
	};
	const char *token;
	json_t *answer;
	int rc = ask(&answer, etcd, which, &request, NULL, err);

	json_decref(request.body);
	if (rc != 0)
		return rc == -EPERM ? -EACCES : rc;
	token = json_string_value(json_object_get(answer, "token"));
	if (is_token(token))
		strcpy(etcd->token, token);
	else
		rc = lm_error_set(err, EIO, "%s: gives no token", options->http.endpoint[which]);
	json_decref(answer);
	return rc;
}

/* The same with a token, which is renewed once if etcd does not take it. */
static int ask_as_user(json_t **answer, struct etcd *etcd, unsigned which,
		       const struct request *request, struct lm_error *err)
{
	int rc = -EPERM;

	if (etcd->options->user[0] == '\0') {
		rc = ask(answer, etcd, which, request, NULL, err);
		return rc == -EPERM ? -EACCES : rc;
	}
	if (etcd->token[0] != '\0')
		rc = ask(answer, etcd, which, request, etcd->token, err);
	if (rc != -EPERM)
		return rc;
	rc = log_in(etcd, which, err);
	if (rc == 0)
		rc = ask(answer, etcd, which, request, etcd->token, err);
	return rc == -EPERM ? -EACCES : rc;
}

/* ---- Turns ---- */

/* Takes an answer apart; false if it is not of the right form. */
typedef bool (*reader)(const json_t *answer, void *context);

static int ask_and_read(struct etcd *etcd, unsigned which, const struct request *request,
			reader read, void *context, struct lm_error *err)
{
	json_t *answer = NULL;
	int rc = ask_as_user(&answer, etcd, which, request, err);

	if (rc == 0 && !read(answer, context))
		rc = lm_error_set(err, EIO, "%s: answers with what no etcd would",
				  etcd->options->http.endpoint[which]);
	json_decref(answer);
	return rc;
}

/* Asks one endpoint after the other; takes the request's body. */
static int call(struct etcd *etcd, const struct request *request, reader read, void *context,
		struct lm_error *err)
{
	unsigned n = etcd->options->http.endpoints;
	uint64_t now_us = lm_clock_us();
	bool well[HTTP_ENDPOINTS];
	int rc = -EIO;

	if (!request->body) /* jansson found no memory, or text that is no UTF-8 */
		return lm_error_set(err, EINVAL, "etcd: a request that cannot be made");
	for (unsigned i = 0; i < n; i++)
		well[i] = etcd->failed_until_us[i] <= now_us;
	/* first those that are well, then the others */
	for (unsigned i = 0; rc == -EIO && i < 2 * n; i++) {
		unsigned which = (etcd->turn + i) % n;

		if (well[which] != (i < n))
			continue;
		rc = ask_and_read(etcd, which, request, read, context, err);
		etcd->failed_until_us[which] = rc == -EIO ? lm_clock_us() + LEFT_OUT_US : 0;
	}
	json_decref(request->body);
	return rc;
}

static json_t *base64(const void *bytes, size_t len)
{
	size_t room = sodium_base64_ENCODED_LEN(len, BASE64);
	char *text = malloc(room);
	json_t *json;

	if (!text)
		return NULL;
	sodium_bin2base64(text, room, bytes, len, BASE64);
	json = json_stringn_nocheck(text, room - 1);
	free(text);
	return json;
}

static json_t *base64_text(const char *text)
{
	return base64(text, strlen(text));
}

/* ---- Gets ---- */

struct wanted_values {
	struct etcd_value *value;
	const char *const *key;
	unsigned n;
	size_t most;
};

static bool read_values(const json_t *answer, void *context)
{
	const struct wanted_values *wanted = context;

	return answer_values(wanted->value, answer, wanted->key, wanted->n, wanted->most);
}

int etcd_get(struct etcd_value *value, struct etcd *etcd, const char *const *key, unsigned n,
	     int64_t revision, size_t most, struct lm_error *err)
{
	struct wanted_values wanted = {value, key, n, most};
	json_t *gets = json_array();
	struct request request = {.path = "/v3/kv/txn"};

	LM_ASSERT(n >= 1 && n <= ETCD_KEYS && revision >= 0);
	request.limit = SMALL + n * LARGEST < ETCD_ANSWER ? SMALL + n * LARGEST : ETCD_ANSWER;
	for (unsigned i = 0; i < n; i++)
		json_array_append_new(gets, json_pack("{s:{s:o, s:I}}", "request_range", "key",
						      base64_text(key[i]), "revision",
						      (json_int_t)revision));
	request.body = json_pack("{s:o}", "success", gets);
	return call(etcd, &request, read_values, &wanted, err);
}

void etcd_free_values(struct etcd_value *value, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		free(value[i].bytes);
	memset(value, 0, n * sizeof(*value));
}

struct wanted_names {
	char **name;
	unsigned *n, most;
};

static bool read_names(const json_t *answer, void *context)
{
	const struct wanted_names *wanted = context;

	return answer_names(wanted->name, wanted->n, answer, wanted->most);
}

int etcd_names(char **name, unsigned *n, struct etcd *etcd, const char *from, const char *to,
	       unsigned most, struct lm_error *err)
{
	struct wanted_names wanted = {name, n, most};
	const struct request request = {
		"/v3/kv/range",
		json_pack("{s:o, s:o, s:I, s:s, s:s, s:b}", "key", base64_text(from), "range_end",
			  base64_text(to), "limit", (json_int_t)most, "sort_order", "DESCEND",
			  "sort_target", "KEY", "keys_only", 1),
		SMALL + (size_t)most * 4 * ETCD_KEY_LEN,
	};

	return call(etcd, &request, read_names, &wanted, err);
}

/* ---- Puts ---- */

static bool has_header(const json_t *answer, void *context)
{
	(void)context;
	return json_is_object(json_object_get(answer, "header"));
}

static json_t *put_body(const char *key, const void *bytes, size_t len, int64_t lease)
{
	return json_pack("{s:o, s:o, s:I}", "key", base64_text(key), "value", base64(bytes, len),
			 "lease", (json_int_t)lease);
}

int etcd_put(struct etcd *etcd, const char *key, const void *bytes, size_t len, int64_t lease,
	     struct lm_error *err)
{
	const struct request request = {"/v3/kv/put", put_body(key, bytes, len, lease), SMALL};

	LM_ASSERT(len <= ETCD_VALUE_MAX);
	return call(etcd, &request, has_header, NULL, err);
}

int etcd_create(struct etcd *etcd, const char *key, const void *bytes, size_t len, int64_t lease,
		struct lm_error *err)
{
	const struct request request = {
		"/v3/kv/txn",
		json_pack("{s:[{s:s, s:s, s:o, s:i}], s:[{s:o}]}", "compare", "target", "CREATE",
			  "result", "EQUAL", "key", base64_text(key), "create_revision", 0,
			  "success", "request_put", put_body(key, bytes, len, lease)),
		SMALL,
	};

	LM_ASSERT(len <= ETCD_VALUE_MAX);
	return call(etcd, &request, has_header, NULL, err);
}

/* ---- Leases ---- */

static bool read_granted(const json_t *answer, void *context)
{
	int64_t ttl_s;

	return answer_number(context, answer, "ID") && *(int64_t *)context > 0 &&
	       answer_number(&ttl_s, answer, "TTL") && ttl_s > 0;
}

int etcd_lease_grant(int64_t *lease, struct etcd *etcd, uint64_t ttl_s, struct lm_error *err)
{
	const struct request request = {"/v3/lease/grant",
					json_pack("{s:I}", "TTL", (json_int_t)ttl_s), SMALL};

	return call(etcd, &request, read_granted, lease, err);
}

/* Sets the seconds that are left, 0: gone. */
static bool read_kept(const json_t *answer, void *context)
{
	const json_t *result = json_object_get(answer, "result");

	return json_is_object(result) && answer_number(context, result, "TTL");
}

int etcd_lease_keep(struct etcd *etcd, int64_t lease, struct lm_error *err)
{
	const struct request request = {"/v3/lease/keepalive",
					json_pack("{s:I}", "ID", (json_int_t)lease), SMALL};
	int64_t left_s = 0;
	int rc = call(etcd, &request, read_kept, &left_s, err);

	if (rc == 0 && left_s == 0)
		return lm_error_set(err, ENOENT, "etcd has dropped the lease");
	return rc;
}

int etcd_lease_revoke(struct etcd *etcd, int64_t lease, struct lm_error *err)
{
	const struct request request = {"/v3/lease/revoke",
					json_pack("{s:I}", "ID", (json_int_t)lease), SMALL};

	return call(etcd, &request, has_header, NULL, err);
}
