/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See etcd_answer.h.
 */
#include "etcd_answer.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>

#define BASE64    sodium_base64_VARIANT_ORIGINAL
#define PARTS_MAX 8192 /* of an answer: twice what any that we ask for has */

/*
 * Each object, list, name and value costs the parser far more memory than the two or three bytes
 * that it may have, so their number is bounded before it reads them. Base64, which is what honest
 * answers are long of, has none of these bytes.
 */
static bool has_few_parts(const char *text, size_t len)
{
	size_t parts = 0;

	for (size_t i = 0; i < len; i++)
		parts += text[i] == ',' || text[i] == ':' || text[i] == '[' || text[i] == '{';
	return parts <= PARTS_MAX;
}

json_t *answer_parse(const char *text, size_t len)
{
	json_t *answer;

	if (!has_few_parts(text, len))
		return NULL;
	answer = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);

	if (json_is_object(answer))
		return answer;
	json_decref(answer);
	return NULL;
}

void answer_error(char text[128], int *code, const json_t *answer)
{
	const json_t *number = json_object_get(answer, "code");
	const char *message = json_string_value(json_object_get(answer, "error"));
	size_t len = 0;

	*code = -1;
	if (json_is_integer(number) && json_integer_value(number) >= 0 &&
	    json_integer_value(number) < 100)
		*code = (int)json_integer_value(number);
	if (!message)
		message = json_string_value(json_object_get(answer, "message"));
	for (; message && message[len] != '\0' && len < 127; len++)
		text[len] = message[len] >= ' ' && message[len] <= '~' ? message[len] : '?';
	text[len] = '\0';
}

/* Decimal digits alone, below 2^63. */
static bool parse_digits(int64_t *number, const char *text)
{
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	*number = strtoll(text, &end, 10);
	return errno == 0 && *end == '\0';
}

bool answer_number(int64_t *number, const json_t *object, const char *name)
{
	const json_t *field = json_object_get(object, name);

	*number = 0;
	if (!field)
		return true;
	if (json_is_string(field))
		return strlen(json_string_value(field)) == json_string_length(field) &&
		       parse_digits(number, json_string_value(field));
	*number = json_is_integer(field) ? json_integer_value(field) : -1;
	return *number >= 0;
}

/* A field of bytes; *bytes, with a NUL behind, is for free(). False if it is none. */
static bool decode(char **bytes, size_t *len, const json_t *object, const char *name)
{
	const json_t *field = json_object_get(object, name);
	const char *text = json_string_value(field), *end = NULL;
	size_t text_len = json_string_length(field);

	*bytes = NULL;
	*len = 0;
	if (field && !json_is_string(field))
		return false;
	*bytes = malloc(text_len + 1);
	if (!*bytes)
		return false;
	(*bytes)[0] = '\0';
	if (!field)
		return true;
	if (sodium_base642bin((unsigned char *)*bytes, text_len + 1, text, text_len, NULL, len,
			      &end, BASE64) != 0 ||
	    end != text + text_len) {
		free(*bytes);
		*bytes = NULL;
		return false;
	}
	(*bytes)[*len] = '\0';
	return true;
}

/* Is this the key that was asked for? */
static bool is_key(const json_t *kv, const char *key)
{
	char *bytes;
	size_t len;
	bool same = decode(&bytes, &len, kv, "key") && len == strlen(key) &&
		    memcmp(bytes, key, len) == 0;

	free(bytes);
	return same;
}

/* One answer of a txn: to a get of one key. */
static bool take_value(struct etcd_value *value, const json_t *response, const char *key,
		       size_t most)
{
	const json_t *range = json_object_get(response, "response_range");
	const json_t *kvs = json_object_get(range, "kvs");
	const json_t *kv = json_array_get(kvs, 0);

	if (!json_is_object(range) || (kvs && !json_is_array(kvs)) || json_array_size(kvs) > 1)
		return false;
	if (!kv)
		return true;
	if (!is_key(kv, key) || !answer_number(&value->created, kv, "create_revision") ||
	    value->created == 0 || !decode(&value->bytes, &value->len, kv, "value"))
		return false;
	if (value->len > most) {
		free(value->bytes);
		value->bytes = NULL;
		value->len = 0;
		value->too_large = true;
	}
	return true;
}

bool answer_values(struct etcd_value *value, const json_t *answer, const char *const *key,
		   unsigned n, size_t most)
{
	const json_t *responses = json_object_get(answer, "responses");

	memset(value, 0, n * sizeof(*value));
	if (!json_is_true(json_object_get(answer, "succeeded")) || json_array_size(responses) != n)
		return false;
	for (unsigned i = 0; i < n; i++) {
		if (!take_value(&value[i], json_array_get(responses, i), key[i], most)) {
			etcd_free_values(value, n);
			return false;
		}
	}
	return true;
}

bool answer_names(char **name, unsigned *n, const json_t *answer, unsigned most)
{
	const json_t *kvs = json_object_get(answer, "kvs");
	size_t len;

	*n = 0;
	if ((kvs && !json_is_array(kvs)) || json_array_size(kvs) > most)
		return false;
	for (size_t i = 0; i < json_array_size(kvs); i++) {
		if (!decode(&name[*n], &len, json_array_get(kvs, i), "key")) {
			while (*n > 0)
				free(name[--*n]);
			return false;
		}
		if (len <= ETCD_KEY_LEN && strlen(name[*n]) == len)
			++*n;
		else
			free(name[*n]);
	}
	return true;
}
