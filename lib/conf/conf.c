/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fills a struct from a YAML file, guided by the program's table.
 *
 * The file is hostile. Its size is bounded; a mapping or list is entered only where the table has
 * one, so the table bounds the nesting; what is stored is bounded by each row's max. Memory: one
 * YAML event at a time, freed before the next and at the end.
 */
#include <errno.h>
#include <string.h>

#include "events.h"
#include "value.h"

#define FILE_MAX  (1u << 20) /* bytes */
#define TABLE_MAX 128        /* rows */
#define DEPTH_MAX 15         /* words in a name */

/* One table being filled. */
struct frame {
	const struct lm_conf_table *table;
	uint8_t *out;
	size_t base; /* where the table's own names begin in the path */
	size_t line; /* of its mapping */
	/* by row: bit 0, its value was read; bit d, so was the section of depth d that it begins */
	uint16_t seen[TABLE_MAX];
};

static int read_table(struct reader *reader, const struct lm_conf_table *table, void *out);
static int read_mapping(struct reader *reader, struct frame *frame);

/* ---- Values ---- */

static int fail_value(const struct reader *reader, const struct lm_conf_key *key, const char *wrong)
{
	char allowed[CONF_WORDS];

	lm_conf_allowed(allowed, key);
	return lm_conf_fail(reader, wrong, allowed);
}

static int read_scalar(struct reader *reader, const struct lm_conf_key *key, void *to)
{
	char wrong[CONF_WORDS];
	const char *text;
	size_t len;
	bool quoted;

	if (reader->event.type != YAML_SCALAR_EVENT)
		return fail_value(reader, key, "is a list or a mapping");
	text = lm_conf_scalar(reader, &len, &quoted);
	if (!lm_conf_set(to, key, text, len, quoted, wrong))
		return fail_value(reader, key, wrong);
	return 0;
}

static int read_number(struct reader *reader, const struct lm_conf_key *key, uint32_t *to)
{
	char wrong[CONF_WORDS];
	const char *text;
	uint64_t value;
	size_t len;
	bool quoted;

	if (reader->event.type != YAML_SCALAR_EVENT)
		return fail_value(reader, key, "has a list or a mapping in it");
	text = lm_conf_scalar(reader, &len, &quoted);
	if (!lm_conf_set_uint(&value, 0, UINT32_MAX, text, len, quoted, wrong))
		return fail_value(reader, key, wrong);
	*to = (uint32_t)value;
	return 0;
}

static int read_string(struct reader *reader, const struct lm_conf_key *key, char *to)
{
	const struct lm_conf_key item = {.type = LM_CONF_STRING, .min = 1, .max = key->width};
	char wrong[CONF_WORDS];
	const char *text;
	size_t len;
	bool quoted;

	if (reader->event.type != YAML_SCALAR_EVENT)
		return fail_value(reader, key, "has a list or a mapping in it");
	text = lm_conf_scalar(reader, &len, &quoted);
	if (!lm_conf_set(to, &item, text, len, quoted, wrong))
		return fail_value(reader, key, wrong);
	return 0;
}

/* Item i of a list; the event stands at its start. */
static int read_item(struct reader *reader, const struct lm_conf_key *key, uint8_t *to, unsigned i)
{
	size_t path_len = strlen(reader->path);
	int rc;

	if (i >= key->max)
		return fail_value(reader, key, "has too many items");
	if (key->type == LM_CONF_UINTS)
		return read_number(reader, key, (uint32_t *)to + i);
	if (key->type == LM_CONF_STRINGS)
		return read_string(reader, key, (char *)to + i * (key->width + 1));
	snprintf(reader->path + path_len, sizeof(reader->path) - path_len, "[%u]", i);
	if (reader->event.type != YAML_MAPPING_START_EVENT)
		return lm_conf_fail(reader, "is no mapping", "write \"- key: value\"");
	rc = read_table(reader, key->element, to + i * key->element->size);
	reader->path[path_len] = '\0';
	return rc;
}

static int read_list(struct reader *reader, const struct lm_conf_key *key, uint8_t *out)
{
	unsigned n = 0;
	int rc;

	if (reader->event.type != YAML_SEQUENCE_START_EVENT)
		return fail_value(reader, key, "is no list");
	for (;;) {
		rc = lm_conf_next(reader);
		if (rc || reader->event.type == YAML_SEQUENCE_END_EVENT)
			break;
		rc = read_item(reader, key, out + key->offset, n++);
		if (rc)
			break;
	}
	if (!rc && n < key->min)
		rc = fail_value(reader, key, "has too few items");
	memcpy(out + key->count_offset, &n, sizeof(n));
	return rc;
}

static int read_value(struct reader *reader, const struct lm_conf_key *key, uint8_t *out)
{
	if (key->type == LM_CONF_LIST || key->type == LM_CONF_UINTS || key->type == LM_CONF_STRINGS)
		return read_list(reader, key, out);
	return read_scalar(reader, key, out + key->offset);
}

/* ---- Mappings ---- */

/* Puts the key that the event is behind the path; *len is the path's length before. */
static int enter(struct reader *reader, size_t *len)
{
	const char *text;
	size_t text_len;
	bool quoted;
	int used;

	*len = strlen(reader->path);
	if (reader->event.type != YAML_SCALAR_EVENT)
		return lm_conf_fail(reader, "has a list or a mapping as a key", "write a word");
	text = lm_conf_scalar(reader, &text_len, &quoted);
	used = snprintf(reader->path + *len, sizeof(reader->path) - *len, "%s%s", *len ? "." : "",
			lm_conf_show(text, text_len).text);
	if (used >= (int)(sizeof(reader->path) - *len))
		return lm_conf_fail(reader, "is too long a name", "see the list of keys");
	if (memchr(text, '.', text_len))
		return lm_conf_fail(reader, "has a dot in it", "write nested mappings");
	return 0;
}

/* Marks a row's bit; true if it was set before. */
static bool seen_before(struct frame *frame, const struct lm_conf_key *key, unsigned bit)
{
	LM_ASSERT(bit <= DEPTH_MAX);

	uint16_t *seen = &frame->seen[key - frame->table->key];
	bool before = *seen >> bit & 1;

	*seen |= (uint16_t)(1u << bit);
	return before;
}

/* A key and what it stands for; the event is the key. */
static int read_pair(struct reader *reader, struct frame *frame)
{
	const char *name = reader->path + frame->base;
	const struct lm_conf_key *key = lm_conf_find(frame->table, name);
	const struct lm_conf_key *section = lm_conf_find_section(frame->table, name);
	char right[CONF_NAME];
	int rc;

	if (!key && !section) {
		lm_conf_suggest(right, frame->table, name);
		return lm_conf_fail(reader, "is no key of this file", right);
	}
	if (seen_before(frame, key ? key : section, key ? 0 : lm_conf_depth(name)))
		return lm_conf_fail(reader, "stands here a second time", "keep one of them");
	rc = lm_conf_next(reader);
	if (rc)
		return rc;
	if (key)
		return read_value(reader, key, frame->out);
	if (reader->event.type == YAML_MAPPING_START_EVENT)
		return read_mapping(reader, frame);
	return lm_conf_fail(reader, "is a section without keys",
			    "write its keys below it, indented");
}

static int read_mapping(struct reader *reader, struct frame *frame)
{
	for (;;) {
		size_t path_len;
		int rc = lm_conf_next(reader);

		if (rc || reader->event.type == YAML_MAPPING_END_EVENT)
			return rc;
		rc = enter(reader, &path_len);
		if (!rc)
			rc = read_pair(reader, frame);
		if (rc)
			return rc;
		reader->path[path_len] = '\0';
	}
}

/* A row that the file left out. Its fallback is the program's own, so a wrong one is a bug. */
static int set_fallback(struct reader *reader, const struct frame *frame,
			const struct lm_conf_key *key)
{
	char words[CONF_WORDS];
	size_t path_len = strlen(reader->path);
	bool valid;

	if (!key->fallback) {
		snprintf(reader->path + path_len, sizeof(reader->path) - path_len, "%s%s",
			 path_len ? "." : "", key->name);
		lm_conf_allowed(words, key);
		return lm_conf_fail_at(reader, frame->line, "is missing", words);
	}
	/* What is zeroed is an empty list or text already. */
	if (strcmp(key->fallback, "") == 0 || strcmp(key->fallback, "[]") == 0)
		return 0;
	valid = lm_conf_set(frame->out + key->offset, key, key->fallback, strlen(key->fallback),
			    key->type == LM_CONF_STRING, words);
	LM_ASSERT(valid);
	return 0;
}

static int set_fallbacks(struct reader *reader, const struct frame *frame)
{
	int rc = 0;

	for (unsigned i = 0; i < frame->table->keys && !rc; i++)
		if (!(frame->seen[i] & 1))
			rc = set_fallback(reader, frame, &frame->table->key[i]);
	return rc;
}

/* Fills one struct; the event is the start of its mapping, or the end of an empty file. */
static int read_table(struct reader *reader, const struct lm_conf_table *table, void *out)
{
	size_t path_len = strlen(reader->path);
	struct frame frame = {
		.table = table,
		.out = out,
		.base = path_len ? path_len + 1 : 0,
		.line = lm_conf_line(reader),
	};
	int rc = 0;

	LM_ASSERT(table->keys <= TABLE_MAX);
	if (reader->event.type == YAML_MAPPING_START_EVENT)
		rc = read_mapping(reader, &frame);
	return rc ? rc : set_fallbacks(reader, &frame);
}

/* ---- Files ---- */

static int read_stream(struct reader *reader, const struct lm_conf_table *table, void *out)
{
	int rc = lm_conf_next(reader); /* the start of the stream */

	if (!rc)
		rc = lm_conf_next(reader);
	if (rc)
		return rc;
	if (reader->event.type == YAML_STREAM_END_EVENT)
		return read_table(reader, table, out);
	rc = lm_conf_next(reader);
	if (rc)
		return rc;
	if (reader->event.type != YAML_MAPPING_START_EVENT)
		return lm_conf_fail(reader, "the file is no mapping", "write \"key: value\" lines");
	rc = read_table(reader, table, out);
	if (!rc)
		rc = lm_conf_next(reader); /* the end of the document */
	if (!rc)
		rc = lm_conf_next(reader);
	if (!rc && reader->event.type != YAML_STREAM_END_EVENT)
		rc = lm_conf_fail(reader, "a second document begins",
				  "keep one document in a file");
	return rc;
}

int lm_conf_parse(void *out, const struct lm_conf_table *table, const char *text, size_t len,
		  const char *name, struct lm_error *err)
{
	struct reader reader = {.file = name, .err = err};
	int rc;

	memset(out, 0, table->size);
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) { /* a byte order mark says nothing */
		text += 3;
		len -= 3;
	}
	if (len > FILE_MAX)
		return lm_error_set(err, EFBIG, "%s: larger than %u bytes; shorten it", name,
				    FILE_MAX);
	if (!yaml_parser_initialize(&reader.parser))
		return lm_error_set(err, ENOMEM, "%s: out of memory", name);
	yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, len);
	yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
	rc = read_stream(&reader, table, out);
	if (rc)
		memset(out, 0, table->size);
	yaml_event_delete(&reader.event);
	yaml_parser_delete(&reader.parser);
	return rc;
}

int lm_conf_load(void *out, const struct lm_conf_table *table, const char *path,
		 struct lm_error *err)
{
	char *text = NULL;
	FILE *file = fopen(path, "re");
	size_t len;
	int rc;

	memset(out, 0, table->size);
	if (!file)
		return lm_error_set(err, errno, "%s: cannot be opened: %s", path, strerror(errno));
	text = malloc(FILE_MAX + 1);
	if (!text) {
		rc = lm_error_set(err, ENOMEM, "%s: out of memory", path);
		goto out;
	}
	len = fread(text, 1, FILE_MAX + 1, file);
	if (ferror(file)) {
		rc = lm_error_set(err, errno, "%s: cannot be read: %s", path, strerror(errno));
		goto out;
	}
	rc = lm_conf_parse(out, table, text, len, path, err);
out:
	free(text);
	fclose(file);
	return rc;
}
