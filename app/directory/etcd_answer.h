/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Strict reading of what etcd's JSON gateway answers. Numbers of 64 bits come as decimal text,
 * bytes as base64, and fields that are zero or empty are left out (the JSON mapping of protocol
 * buffers). Each function gives false where the answer is not of the form that its request asks
 * for; outputs that hold memory are then empty.
 */
#pragma once

#include <jansson.h>

#include "etcd.h"

/* A whole answer, for json_decref; NULL if it is no JSON object, or one of more parts than any. */
json_t *answer_parse(const char *text, size_t len);

/* The message of an error, in words that may stand in a log, and its gRPC code (-1: none). */
void answer_error(char text[128], int *code, const json_t *answer);

/* A field of 64 bits, 0 where it is missing; false if it is no number, or negative. */
LM_MUST_CHECK bool answer_number(int64_t *number, const json_t *object, const char *name);

/* A txn of gets without a condition: value[i] is what key[i] holds. */
LM_MUST_CHECK bool answer_values(struct etcd_value *value, const json_t *answer,
				 const char *const *key, unsigned n, size_t most);

/* A range: names of its keys. */
LM_MUST_CHECK bool answer_names(char **name, unsigned *n, const json_t *answer, unsigned most);
