/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Configuration files: one table per program says which keys there are, of what type, in what range
 * and with what default; a YAML file fills a plain struct.
 *
 * Strict: an unknown or repeated key, a wrong type, a value out of range or a missing required key
 * is an error that names file, line, key and what is allowed. YAML aliases, tags and several
 * documents are refused. Nothing is allocated that outlives the call.
 */
#pragma once

#include <stdio.h>

#include "lm_base.h"

enum lm_conf_type {
	LM_CONF_BOOL,   /* true or false                     -> bool */
	LM_CONF_UINT,   /* decimal, min .. max, or `word`    -> uint64_t; the word is max + 1 */
	LM_CONF_STRING, /* min .. max bytes                  -> char[max + 1] */
	LM_CONF_CHOICE, /* one of `choices`                  -> unsigned: its index */
	LM_CONF_LIST,   /* min .. max mappings of `element`  -> element structs and a count */
	LM_CONF_UINTS,  /* min .. max numbers, each 0 .. UINT32_MAX -> uint32_t array and a count */
	LM_CONF_STRINGS, /* min .. max texts of 1 .. width bytes -> char[][width + 1] and a count */
};

struct lm_conf_table;

/* One row. */
struct lm_conf_key {
	const char *name; /* nested mappings by dots: "port.device" */
	enum lm_conf_type type;
	uint64_t min, max;
	/* As in the file, text without quotes; NULL: required. Lists: "[]" or NULL */
	const char *fallback;
	size_t offset;                       /* of the value in the struct */
	size_t count_offset;                 /* lists: of their unsigned count */
	const char *const *choices;          /* LM_CONF_CHOICE: NULL-terminated */
	const char *word;                    /* LM_CONF_UINT: allowed beside numbers; or NULL */
	const struct lm_conf_table *element; /* LM_CONF_LIST */
	size_t width;                        /* LM_CONF_STRINGS */
	const char *help;                    /* one line, with the unit */
};

struct lm_conf_table {
	const struct lm_conf_key *key;
	unsigned keys;
	size_t size; /* of the struct that it fills */
};

/*
 * Reads the YAML file at path into the struct at out (zeroed first). 0, or -errno with a message
 * "FILE:LINE: KEY: what is wrong; what would be right".
 */
LM_MUST_CHECK int lm_conf_load(void *out, const struct lm_conf_table *table, const char *path,
			       struct lm_error *err);

/* The same from memory; name stands for the file in messages. */
LM_MUST_CHECK int lm_conf_parse(void *out, const struct lm_conf_table *table, const char *text,
				size_t len, const char *name, struct lm_error *err);

/* Prints every key with type, range, default and help: a program's --help-config. */
void lm_conf_describe(FILE *to, const struct lm_conf_table *table);
