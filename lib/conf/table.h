/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Looking names up in a table, and helping a user who mistyped one.
 */
#pragma once

#include "lm_conf.h"

#define CONF_NAME 256 /* room for a full name: "neighbours[12].address.ipv4" */

/* The row of this name, or NULL. */
const struct lm_conf_key *lm_conf_find(const struct lm_conf_table *table, const char *name);

/* The first row inside the section of this name ("port" of "port.device"), or NULL. */
const struct lm_conf_key *lm_conf_find_section(const struct lm_conf_table *table, const char *name);

/* How many words a name has: "port.device" has 2. */
unsigned lm_conf_depth(const char *name);

/* What would be right instead of an unknown name: the nearest known one, or all of its section. */
void lm_conf_suggest(char words[CONF_NAME], const struct lm_conf_table *table, const char *unknown);
