/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fields of a JSON object, one at a time, with messages that name the place. The document is
 * hostile: text from it is shown with its length bounded and unprintable bytes replaced.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "document.h"

void lm_topology_make_printable(char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

static int note(const struct reader *reader, int code, const char *message)
{
	struct mistakes *mistakes = reader->mistakes;

	if (mistakes->n++ == 0)
		(void)lm_error_set(reader->err, code, "%s", message);
	if (mistakes->take)
		mistakes->take(mistakes->context, message);
	return -code;
}

int lm_topology_fail_file(const struct reader *reader, int code, const char *format, ...)
{
	struct lm_error message;
	va_list args;

	va_start(args, format);
	vsnprintf(message.text, sizeof(message.text), format, args);
	va_end(args);
	return note(reader, code, message.text);
}

int lm_topology_explained(const struct reader *reader, int rc)
{
	LM_ASSERT(rc == -ENOMEM || (rc == 0) == (reader->mistakes->n == 0));
	return rc == -ENOMEM ? rc : (int)reader->mistakes->n;
}

int lm_topology_read_json(struct place *top, const struct reader *reader, const char *text,
			  size_t len)
{
	json_error_t error;

	*top = (struct place){.json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error)};
	if (json_is_object(top->json))
		return 0;
	if (top->json) {
		json_decref(top->json);
		top->json = NULL;
		return lm_topology_fail(reader, top, "", "the document is no object; write {...}");
	}
	lm_topology_make_printable(error.text); /* the parser's own words quote the document */
	return lm_topology_fail_file(reader, EINVAL, "%s:%d: not JSON: %s; correct the syntax",
				     reader->file, error.line, error.text);
}

int lm_topology_read_format(const struct reader *reader, const struct place *top,
			    const char *format)
{
	const char *text;
	int rc = lm_topology_read_text(&text, reader, top, "format", format);

	if (!rc && strcmp(text, format) != 0)
		rc = lm_topology_fail(reader, top, "format", "\"%.40s\" is no known format; %s",
				      text, format);
	return rc;
}

struct place lm_topology_place_of_node(unsigned i)
{
	struct place place = {0};

	snprintf(place.prefix, sizeof(place.prefix), "nodes[%u].", i);
	return place;
}

struct place lm_topology_place_in_list(const struct place *place, const char *field, json_t *list,
				       unsigned i)
{
	struct place item = {.json = json_array_get(list, i)};

	snprintf(item.prefix, sizeof(item.prefix), "%.20s%.11s[%u].", place->prefix, field, i);
	return item;
}

int lm_topology_fail(const struct reader *reader, const struct place *place, const char *field,
		     const char *format, ...)
{
	size_t prefix = strlen(place->prefix);
	struct lm_error message;
	char where[80];
	char what[300];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	lm_topology_make_printable(what);
	/* The object itself goes without the dot behind its name. */
	snprintf(where, sizeof(where), "%.*s%s", (int)(prefix - (prefix && !*field)), place->prefix,
		 field);
	(void)lm_error_set(&message, EINVAL, "%s: %s%s%s", reader->file, where, *where ? ": " : "",
			   what);
	return note(reader, EINVAL, message.text);
}

int lm_topology_read_only(const struct reader *reader, const struct place *place,
			  const char *const *fields)
{
	const char *name;
	json_t *value;
	int rc = 0;

	json_object_foreach(place->json, name, value)
	{
		unsigned i = 0;

		while (fields[i] && strcmp(fields[i], name) != 0)
			i++;
		if (!fields[i])
			rc = lm_topology_fail(
				reader, place, "",
				"unknown field \"%.40s\"; see FORMAT.md for the fields", name);
	}
	return rc;
}

int lm_topology_read_uint(uint64_t *out, const struct reader *reader, const struct place *place,
			  const char *field, uint64_t min, uint64_t max)
{
	const json_t *json = json_object_get(place->json, field);
	json_int_t value = json_integer_value(json);

	if (!json)
		return lm_topology_fail(reader, place, field,
					"is missing; a number from %" PRIu64 " to %" PRIu64, min,
					max);
	if (!json_is_integer(json))
		return lm_topology_fail(reader, place, field,
					"is no integer; a number from %" PRIu64 " to %" PRIu64, min,
					max);
	if (value < 0 || (uint64_t)value < min || (uint64_t)value > max)
		return lm_topology_fail(reader, place, field,
					"%" JSON_INTEGER_FORMAT
					" is out of range; a number from %" PRIu64 " to %" PRIu64,
					value, min, max);
	*out = (uint64_t)value;
	return 0;
}

int lm_topology_read_bool(bool *out, const struct reader *reader, const struct place *place,
			  const char *field)
{
	const json_t *json = json_object_get(place->json, field);

	if (!json)
		return lm_topology_fail(reader, place, field, "is missing; true or false");
	if (!json_is_boolean(json))
		return lm_topology_fail(reader, place, field, "is neither; true or false");
	*out = json_is_true(json);
	return 0;
}

int lm_topology_read_text(const char **out, const struct reader *reader, const struct place *place,
			  const char *field, const char *right)
{
	const json_t *json = json_object_get(place->json, field);

	if (!json)
		return lm_topology_fail(reader, place, field, "is missing; %s", right);
	if (!json_is_string(json))
		return lm_topology_fail(reader, place, field, "is no text; %s", right);
	*out = json_string_value(json);
	return 0;
}

int lm_topology_read_object(struct place *out, const struct reader *reader,
			    const struct place *place, const char *field)
{
	json_t *json = json_object_get(place->json, field);

	if (!json)
		return lm_topology_fail(reader, place, field, "is missing; an object");
	if (!json_is_object(json))
		return lm_topology_fail(reader, place, field, "is no object; write {...}");
	*out = (struct place){.json = json};
	snprintf(out->prefix, sizeof(out->prefix), "%.30s%.14s.", place->prefix, field);
	return 0;
}

int lm_topology_read_list(json_t **out, const struct reader *reader, const struct place *place,
			  const char *field, unsigned min, unsigned max)
{
	json_t *json = json_object_get(place->json, field);
	int rc = 0;

	if (!json)
		return lm_topology_fail(reader, place, field, "is missing; a list of %u to %u", min,
					max);
	if (!json_is_array(json) || json_array_size(json) < min || json_array_size(json) > max)
		return lm_topology_fail(reader, place, field, "is no list of %u to %u", min, max);
	for (size_t i = 0; i < json_array_size(json); i++) {
		struct place item = lm_topology_place_in_list(place, field, json, (unsigned)i);

		if (!json_is_object(item.json))
			rc = lm_topology_fail(reader, &item, "", "is no object; write {...}");
	}
	if (!rc)
		*out = json;
	return rc;
}

int lm_topology_read_hex(uint8_t *out, size_t n, const struct reader *reader,
			 const struct place *place, const char *field)
{
	const char *text;
	char right[40];
	int rc;

	snprintf(right, sizeof(right), "%zu hexadecimal digits", 2 * n);
	rc = lm_topology_read_text(&text, reader, place, field, right);
	if (!rc && !lm_hex_decode(out, text, n))
		rc = lm_topology_fail(reader, place, field, "\"%.20s\" is wrong; %s", text, right);
	return rc;
}

int lm_topology_read_time(uint64_t *out_s, const struct reader *reader, const struct place *place,
			  const char *field)
{
	static const char right[] = "UTC as 2026-11-25T12:00:00Z";
	const char *text;
	int rc = lm_topology_read_text(&text, reader, place, field, right);

	if (!rc && !lm_topology_parse_time(out_s, text))
		rc = lm_topology_fail(reader, place, field, "\"%.40s\" is no time; %s", text,
				      right);
	return rc;
}
