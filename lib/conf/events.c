/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * YAML events one at a time, without the parts of YAML that a configuration file needs not:
 * aliases, anchors and tags. One event is in memory; it is freed when the next is asked for.
 */
#include <errno.h>

#include "events.h"

size_t lm_conf_line(const struct reader *reader)
{
	return reader->event.start_mark.line + 1;
}

int lm_conf_fail_at(const struct reader *reader, size_t line, const char *wrong, const char *right)
{
	const char *colon = reader->path[0] ? ": " : "";

	return lm_error_set(reader->err, EINVAL, "%s:%zu: %s%s%s; %s", reader->file, line,
			    reader->path, colon, wrong, right);
}

int lm_conf_fail(const struct reader *reader, const char *wrong, const char *right)
{
	return lm_conf_fail_at(reader, lm_conf_line(reader), wrong, right);
}

static int fail_syntax(const struct reader *reader)
{
	const yaml_parser_t *parser = &reader->parser;
	bool has_mark = parser->error == YAML_SCANNER_ERROR || parser->error == YAML_PARSER_ERROR;
	size_t line = (has_mark ? parser->problem_mark.line : parser->mark.line) + 1;

	if (parser->error == YAML_MEMORY_ERROR)
		return lm_error_set(reader->err, ENOMEM, "%s: out of memory", reader->file);
	return lm_error_set(reader->err, EINVAL, "%s:%zu: not YAML: %s; correct the syntax",
			    reader->file, line, parser->problem ? parser->problem : "unreadable");
}

/* True if the event is an alias or bears an anchor or a tag. */
static bool is_fancy(const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_ALIAS_EVENT:
		return true;
	case YAML_SCALAR_EVENT:
		return event->data.scalar.anchor || event->data.scalar.tag;
	case YAML_SEQUENCE_START_EVENT:
		return event->data.sequence_start.anchor || event->data.sequence_start.tag;
	case YAML_MAPPING_START_EVENT:
		return event->data.mapping_start.anchor || event->data.mapping_start.tag;
	default:
		return false;
	}
}

int lm_conf_next(struct reader *reader)
{
	yaml_event_delete(&reader->event);
	if (!yaml_parser_parse(&reader->parser, &reader->event))
		return fail_syntax(reader);
	if (is_fancy(&reader->event))
		return lm_conf_fail(reader, "uses a YAML alias, anchor or tag",
				    "write the value itself");
	return 0;
}

const char *lm_conf_scalar(const struct reader *reader, size_t *len, bool *quoted)
{
	*len = reader->event.data.scalar.length;
	*quoted = reader->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	return (const char *)reader->event.data.scalar.value;
}
