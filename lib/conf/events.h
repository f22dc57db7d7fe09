/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A YAML file as a row of events, and messages about the place that was reached.
 */
#pragma once

#include <yaml.h>

#include "table.h"

struct reader {
	yaml_parser_t parser;
	yaml_event_t event; /* the one being looked at */
	const char *file;
	struct lm_error *err;
	char path[CONF_NAME]; /* full name of the key being read, "" at the top */
};

/* The line of the current event. */
size_t lm_conf_line(const struct reader *reader);

/* -EINVAL with "FILE:LINE: PATH: WRONG; RIGHT"; without _at the line is the current event's. */
int lm_conf_fail_at(const struct reader *reader, size_t line, const char *wrong, const char *right);
int lm_conf_fail(const struct reader *reader, const char *wrong, const char *right);

/* Goes to the next event; -errno and a message if there is none or it is not allowed. */
LM_MUST_CHECK int lm_conf_next(struct reader *reader);

/* The text of a scalar event, with a zero byte behind it; until the next event. */
const char *lm_conf_scalar(const struct reader *reader, size_t *len, bool *quoted);
